"""Writing a bbolt file from beginning to end, with no more of it in memory than a page.

The metas come first and say where all ends. So the pairs are gone through twice: `plan` looks how
large they are and gives each page its number, `Plan.pages` makes the pages. Between the two
nothing may change. Pages are filled wholly, for what a file is written for is to be read.

    pages 0, 1      metas
    page 2          the freelist, empty
    then            for each bucket: the buckets in it, its leaves, its branches from below; the
                    root bucket comes last

bbolt: node.go (write, spill), bucket.go (inlineable).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from struct import pack
from typing import NamedTuple, Protocol

from fake_etcd.bbolt import layout
from fake_etcd.bbolt.layout import Meta

DEFAULT_PAGE_BYTES = 4_096
_FREELIST_PAGE = 2
_MOST_KEY_BYTES = 32_768
_MOST_VALUE_BYTES = (1 << 31) - 2
_HEAD = layout.PAGE_HEAD.size
_ELEMENT = layout.ELEMENT_BYTES
_CHANGED = "the pairs are not those that there were when the file was planned"
_INLINE_SHARE = 4  # a bucket in no more than a quarter of a page needs none


class Items(Protocol):
    """Pairs in order of keys: a dictionary, a `Bucket`, or whatever makes them as they go."""

    def items(self) -> Iterable[tuple[bytes, bytes | Items]]:
        """All of them; the same ones each time. A value that has such a method is a bucket."""


class _Page(NamedTuple):
    """A page to be written.

    Args:
        first: its first key.
        number: which it is; with `pages` of them it ends.
        elements: how many it has.
    """

    first: bytes
    number: int
    pages: int
    elements: int


class _Bucket:
    """A bucket to be written.

    Attributes:
        items: its pairs.
        buckets: those of its values that are buckets, in order.
        leaves: its leaves.
        branches: its branches, those of a level in a row.
        root: its first page.
        inline: its leaf with its head, where it has no page.
    """

    def __init__(self, items: Items) -> None:
        self.items = items
        self.buckets: list[_Bucket] = []
        self.leaves: list[_Page] = []
        self.branches: list[list[_Page]] = []
        self.root = 0
        self.inline: bytes | None = None

    @property
    def value(self) -> bytes:
        """As which it is a value of the bucket that it is in."""
        if self.inline is not None:
            return self.inline
        return layout.BUCKET_HEAD.pack(self.root, 0)


class Plan:
    """A file that is to be written.

    Attributes:
        size: its bytes.
    """

    def __init__(self, root: _Bucket, page_bytes: int, end: int) -> None:
        self._root = root
        self._page_bytes = page_bytes
        self._end = end
        self.size = end * page_bytes

    def pages(self) -> Iterator[bytes]:
        """The file, a page and those it goes on in at a time. About 1 us for each pair.

        Raises:
            ValueError: the pairs are not those that were there for the plan.
        """
        for txid in (0, 1):
            root, end = self._root.root, self._end
            yield Meta(self._page_bytes, root, 0, _FREELIST_PAGE, end, txid).page()
        freelist = layout.PAGE_HEAD.pack(_FREELIST_PAGE, layout.FREELIST, 0, 0)
        yield freelist.ljust(self._page_bytes, b"\0")
        yield from _pages(self._root, self._page_bytes)


def plan(root: Items, page_bytes: int = DEFAULT_PAGE_BYTES) -> Plan:
    """See how a file of these buckets is to be. About 0.5 us for each pair.

    Args:
        root: the root bucket; bbolt's users have nothing but buckets in it.
        page_bytes: size of a page, a power of two.

    Raises:
        ValueError: keys are not in order, or one of them or a value is too large.

    >>> plan({b"b": {b"key": b"value"}}).size
    16384
    """
    if not layout.is_page_size(page_bytes):
        raise ValueError(f"page_bytes={page_bytes}: a power of two, 1024 or more")
    planner = _Planner(page_bytes)
    bucket = planner.bucket(root, is_root=True)
    return Plan(bucket, page_bytes, planner.end)


class _Planner:
    """Gives numbers to pages.

    Attributes:
        end: the next page's.
    """

    def __init__(self, page_bytes: int) -> None:
        self._page_bytes = page_bytes
        self.end = _FREELIST_PAGE + 1

    def bucket(self, items: Items, *, is_root: bool = False) -> _Bucket:
        found = _Bucket(items)
        groups = self._groups(found)
        total = sum(size for _, _, size in groups) + _HEAD * (1 - len(groups))
        if not is_root and not found.buckets and total <= self._page_bytes // _INLINE_SHARE:
            pairs = list(_encoded(items.items(), iter(())))
            found.inline = layout.BUCKET_HEAD.pack(0, 0) + _leaf(0, 0, pairs)
            return found
        found.leaves = level = [self._page(*group) for group in groups]
        while len(level) > 1:
            level = [self._page(*group) for group in _branches(level, self._page_bytes)]
            found.branches.append(level)
        found.root = level[0].number
        return found

    def _page(self, first: bytes, count: int, size: int) -> _Page:
        pages = -(-size // self._page_bytes)
        page = _Page(first, self.end, pages, count)
        self.end += pages
        return page

    def _groups(self, bucket: _Bucket) -> list[tuple[bytes, int, int]]:
        """Its leaves: the first key, how many pairs, and bytes of each. There is one at least."""
        groups: list[tuple[bytes, int, int]] = []
        first, last, count, size, page_bytes = b"", b"", 0, _HEAD, self._page_bytes
        for key, value in bucket.items.items():
            if type(value) is not bytes:
                value = self._below(bucket, value)
            if key <= last:
                raise ValueError(f"a key is empty, or not behind the one before it: {key!r}")
            last = key
            if len(key) > _MOST_KEY_BYTES or len(value) > _MOST_VALUE_BYTES:
                raise ValueError(f"the pair of {key[:40]!r} is too large")
            more = _ELEMENT + len(key) + len(value)
            if count and (size + more > page_bytes or count == layout.MOST_ELEMENTS):
                groups.append((first, count, size))
                count, size = 0, _HEAD
            if not count:
                first = key
            count += 1
            size += more
        groups.append((first, count, size))
        return groups

    def _below(self, bucket: _Bucket, value: bytes | Items) -> bytes:
        if isinstance(value, bytes):  # of a class of its own
            return value
        below = self.bucket(value)
        bucket.buckets.append(below)
        return below.value


def _branches(level: list[_Page], page_bytes: int) -> Iterator[tuple[bytes, int, int]]:
    """The branches above a level: the first key, how many pages below, and bytes of each.

    Each has two pages below it at least, however long their keys are, so that there is an end.
    """
    first, count, size = level[0].first, 0, _HEAD
    left = len(level)
    for page in level:
        more = _ELEMENT + len(page.first)
        is_full = size + more > page_bytes or count == layout.MOST_ELEMENTS
        if count > 1 and left > 1 and is_full:
            yield first, count, size
            first, count, size = page.first, 0, _HEAD
        count += 1
        left -= 1
        size += more
    yield first, count, size


def _pages(bucket: _Bucket, page_bytes: int) -> Iterator[bytes]:
    for each in bucket.buckets:
        if each.inline is None:
            yield from _pages(each, page_bytes)
    pairs = iter(_encoded(bucket.items.items(), iter(bucket.buckets)))
    for leaf in bucket.leaves:
        taken = list(islice(pairs, leaf.elements))
        page = _leaf(leaf.number, leaf.pages - 1, taken)
        size = leaf.pages * page_bytes
        if len(taken) != leaf.elements or len(page) > size:
            raise ValueError(_CHANGED)
        yield page.ljust(size, b"\0")
    if next(pairs, None) is not None:
        raise ValueError(_CHANGED)
    level = bucket.leaves
    for branches in bucket.branches:
        rest = iter(level)
        for branch in branches:
            page = _branch(branch.number, branch.pages - 1, list(islice(rest, branch.elements)))
            yield page.ljust(branch.pages * page_bytes, b"\0")
        level = branches


def _encoded(
    items: Iterable[tuple[bytes, bytes | Items]], buckets: Iterator[_Bucket]
) -> Iterator[tuple[int, bytes, bytes]]:
    """Flags, key and value of each pair."""
    for key, value in items:
        if isinstance(value, bytes):
            yield 0, key, value
        else:
            bucket = next(buckets, None)
            if bucket is None:
                raise ValueError(_CHANGED)
            yield layout.IS_BUCKET, key, bucket.value


def _leaf(number: int, overflow: int, pairs: list[tuple[int, bytes, bytes]]) -> bytes:
    """A leaf, without what is left of its last page; number 0 where it is no page."""
    numbers: list[int] = []
    data: list[bytes] = []
    offset = len(pairs) * _ELEMENT
    for flags, key, value in pairs:
        key_bytes, value_bytes = len(key), len(value)
        numbers += (flags, offset, key_bytes, value_bytes)
        data += (key, value)
        offset += key_bytes + value_bytes - _ELEMENT
    head = layout.PAGE_HEAD.pack(number, layout.LEAF, len(pairs), overflow)
    return b"".join((head, pack(f"<{len(numbers)}I", *numbers), *data))


def _branch(number: int, overflow: int, below: list[_Page]) -> bytes:
    """A branch, without what is left of its last page."""
    parts = [layout.PAGE_HEAD.pack(number, layout.BRANCH, len(below), overflow)]
    offset = len(below) * _ELEMENT
    for page in below:
        parts.append(layout.BRANCH_ELEMENT.pack(offset, len(page.first), page.number))
        offset += len(page.first) - _ELEMENT
    parts += [page.first for page in below]
    return b"".join(parts)
