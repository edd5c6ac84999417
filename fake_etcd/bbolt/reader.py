"""Reading a bbolt file, page by page as it is asked for; nothing is trusted.

A file may be damaged or made to harm. Then `Corrupt` is raised where that is met, and never more
is read, kept or gone through than a sound file of that size would ask for: each page belongs to
one bucket and is met once, pairs of a page do not overlap, keys are in order.
bbolt: db.go, cursor.go, tx_check.go.
"""

from __future__ import annotations

import contextlib
import os
from array import array
from collections.abc import Callable, Iterator

from fake_etcd.bbolt import layout
from fake_etcd.bbolt.layout import Corrupt, Meta

ReadAt = Callable[[int, int], bytes]
"""Gives so many bytes from a place on, or what there is of them."""

MOST_NESTED = 1_000
"""How deep buckets may lie in each other; bbolt knows no such bound, and nobody comes near it."""

_HEAD = layout.PAGE_HEAD.size
_BUCKET_HEAD = layout.BUCKET_HEAD.size


class Database:
    """A bbolt file that is read.

    Args:
        read_at: gives its bytes.
        size: how many it has.

    Raises:
        Corrupt: neither of its metas is valid, or it ends before its last page.

    Attributes:
        meta: the valid one of the newer transaction.
        root: the bucket that holds all others.
    """

    def __init__(self, read_at: ReadAt, size: int) -> None:
        self._read_at = read_at
        self.meta = _find_meta(read_at)
        meta = self.meta
        if meta.end * meta.page_bytes > size:
            raise Corrupt(
                f"it has {size} bytes, and its {meta.end} pages of {meta.page_bytes} need more: "
                "it is cut off"
            )
        self._owners = array("L", [0]) * meta.end
        """By page: the number of the bucket that it belongs to, 0 for none so far."""
        self._numbers: dict[tuple[bytes, ...], int] = {}
        self.root = Bucket(self, (), meta.root, meta.sequence)

    @classmethod
    def of(cls, file: bytes) -> Database:
        """One whose bytes are all there. Raises: as `Database`."""
        return cls(lambda start, count: file[start : start + count], len(file))

    @classmethod
    @contextlib.contextmanager
    def open(cls, path: str | os.PathLike[str]) -> Iterator[Database]:
        """The file of a path, open for as long as the context is.

        Raises:
            OSError: it cannot be read.
            Corrupt: as `Database`.
        """
        with open(path, "rb", buffering=0) as file:

            def read_at(start: int, count: int) -> bytes:
                file.seek(start)
                return file.read(count)

            yield cls(read_at, os.fstat(file.fileno()).st_size)

    def bucket(self, name: bytes) -> Bucket | None:
        """The bucket of this name in the root bucket; None where there is none. Raises: Corrupt."""
        for key, value in self.root.items():
            if key == name and isinstance(value, Bucket):
                return value
        return None

    def free_pages(self) -> list[int] | None:
        """The numbers of all pages that are free, in order; None where that is not written.

        Raises:
            Corrupt: they cannot be these.
        """
        if self.meta.freelist == layout.NO_FREELIST:
            return None
        page = self._page(self.meta.freelist, layout.FREELIST)
        _, _, count, _ = layout.PAGE_HEAD.unpack_from(page)
        start = _HEAD
        if count == layout.COUNT_IN_DATA:
            (count,) = layout.PAGE_NUMBER.unpack_from(page, start)
            start += layout.PAGE_NUMBER.size
        end = start + count * layout.PAGE_NUMBER.size
        if end > len(page):
            raise Corrupt(f"page {self.meta.freelist}: {count} free pages do not fit into it")
        found = sorted(number for (number,) in layout.PAGE_NUMBER.iter_unpack(page[start:end]))
        if any(not 1 < number < self.meta.end for number in found):
            raise Corrupt(f"page {self.meta.freelist}: pages are free that there are not")
        return found

    def check(self) -> None:
        """Go through all that the file has. O(file).

        Raises:
            Corrupt: anything in it is wrong, or a page is neither free nor part of anything, or
                both.
        """
        _go_through(self.root)
        free = self.free_pages()
        if free is None:
            return
        used = bytearray(self.meta.end)
        used[:2] = b"\1\1"
        _, _, _, overflow = layout.PAGE_HEAD.unpack(self._head(self.meta.freelist))
        of_freelist = range(self.meta.freelist, self.meta.freelist + overflow + 1)
        for number in (*of_freelist, *free):
            if used[number] or self._owners[number]:
                raise Corrupt(f"page {number} is free or the freelist's, and something else too")
            used[number] = 1
        for number, owner in enumerate(self._owners):
            if not owner and not used[number]:
                raise Corrupt(f"page {number} is not free, and nobody's")

    def number_of(self, path: tuple[bytes, ...], root: int) -> int:
        """A number for the bucket of this path, which is to be the only one with this root page."""
        number = self._numbers.get(path)
        if number is None:
            number = self._numbers[path] = len(self._numbers) + 1
        self._check_number(root)
        if self._owners[root] not in (0, number):
            raise Corrupt(f"page {root} belongs to two buckets")
        self._owners[root] = number
        return number

    def read_page(self, number: int, owner: int, seen: bytearray) -> bytes:
        """A leaf or branch, with the pages that it goes on in.

        Args:
            number: of the page.
            owner: number of the bucket that it is to belong to.
            seen: by page, whether it was met; those of this one are noted.

        Raises:
            Corrupt: it cannot be this one.
        """
        page = self._page(number, layout.LEAF | layout.BRANCH)
        end = number + len(page) // self.meta.page_bytes
        if seen.find(1, number, end) >= 0:
            raise Corrupt(f"page {number} is met twice")
        owners = self._owners
        for each in range(number, end):
            if owners[each] not in (0, owner):
                raise Corrupt(f"page {each} belongs to two buckets")
            owners[each] = owner
            seen[each] = 1
        return page

    def _page(self, number: int, flags: int) -> bytes:
        """A page of one of these flags, with those it goes on in."""
        self._check_number(number)
        page_bytes = self.meta.page_bytes
        page = self._read(number * page_bytes, page_bytes)
        written, flag, _, overflow = layout.PAGE_HEAD.unpack_from(page)
        if written != number:
            raise Corrupt(f"page {number} says that it is page {written}")
        if not flag & flags or flag & (flag - 1):
            raise Corrupt(f"page {number} is of another kind than it should be: {flag:#x}")
        if number + overflow >= self.meta.end:
            raise Corrupt(f"page {number} goes on for {overflow} pages, behind the file's end")
        if overflow:
            page = self._read(number * page_bytes, (overflow + 1) * page_bytes)
        return page

    def _head(self, number: int) -> bytes:
        return self._read(number * self.meta.page_bytes, _HEAD)

    def _check_number(self, number: int) -> None:
        if not 1 < number < self.meta.end:
            raise Corrupt(f"there is no page {number}: pages 2 to {self.meta.end - 1} are to use")

    def _read(self, start: int, count: int) -> bytes:
        found = self._read_at(start, count)
        if len(found) != count:
            raise Corrupt("it became shorter while it was read")
        return found


class Bucket:
    """Pairs, in order of their keys.

    Args:
        database: where it is.
        path: names of the buckets that it is in, and its own; none for the root bucket.
        root: its first page.
        sequence: a counter that it has for its users.
        inline: its leaf, where it has no page.

    Raises:
        Corrupt: its page belongs to another one.
    """

    __slots__ = ("_database", "_inline", "_number", "_root", "path", "sequence")

    def __init__(
        self,
        database: Database,
        path: tuple[bytes, ...],
        root: int,
        sequence: int,
        inline: bytes | None = None,
    ) -> None:
        self._database = database
        self.path = path
        self._root = root
        self.sequence = sequence
        self._inline = inline
        self._number = database.number_of(path, root) if inline is None else 0

    def items(self) -> Iterator[tuple[bytes, bytes | Bucket]]:
        """All keys and values in order; what is a bucket itself comes as one. About 1 us each.

        Raises:
            Corrupt: what is met cannot be there.
        """
        if self._inline is not None:
            yield from self._leaf(self._inline, None)
            return
        database = self._database
        seen = bytearray(database.meta.end)
        last: bytes | None = None
        waiting: list[tuple[int, bytes]] = [(self._root, b"")]
        while waiting:
            number, least = waiting.pop()
            page = database.read_page(number, self._number, seen)
            _, flag, count, _ = layout.PAGE_HEAD.unpack_from(page)
            if flag == layout.BRANCH:
                waiting += reversed(_children(page, count, number))
                continue
            pairs = self._leaf(page, last)
            if pairs:
                if pairs[0][0] < least:
                    raise Corrupt(f"page {number}: its first key is less than the branch has it")
                last = pairs[-1][0]
                yield from pairs
            elif number != self._root:
                raise Corrupt(f"page {number} is empty")

    def _leaf(self, page: bytes, last: bytes | None) -> list[tuple[bytes, bytes | Bucket]]:
        """The pairs of a leaf; `last` is the key before them."""
        if len(page) < _HEAD:
            raise Corrupt("a bucket ends within its head")
        number, flag, count, _ = layout.PAGE_HEAD.unpack_from(page)
        start, size = _HEAD, len(page)
        end = start + count * layout.ELEMENT_BYTES
        if flag != layout.LEAF or end > size:
            raise Corrupt(f"page {number}: {count} pairs do not fit into it, or it is no leaf")
        elements = layout.LEAF_ELEMENT.iter_unpack(page[start:end])
        pairs: list[tuple[bytes, bytes | Bucket]] = []
        for flags, offset, key_bytes, value_bytes in elements:
            key_at = start + offset
            value_at = key_at + key_bytes
            if key_at < end or value_at + value_bytes > size:
                raise Corrupt(f"page {number}: a pair lies outside of it, or on another one")
            start += layout.ELEMENT_BYTES
            end = value_at + value_bytes
            key = page[key_at:value_at]
            if last is not None and key <= last:
                raise Corrupt(f"page {number}: keys are not in order")
            last = key
            value = page[value_at:end]
            pairs.append((key, self._below(key, value, flags) if flags else value))
        return pairs

    def _below(self, key: bytes, value: bytes, flags: int) -> Bucket:
        if flags != layout.IS_BUCKET or len(value) < _BUCKET_HEAD:
            raise Corrupt("a value is neither bytes nor a bucket")
        # bbolt keeps no bucket so that has another in it: bucket.go, inlineable.
        if self._inline is not None or len(self.path) == MOST_NESTED:
            raise Corrupt("a bucket lies where none can be, or more than 1,000 deep")
        root, sequence = layout.BUCKET_HEAD.unpack_from(value)
        inline = None if root else value[_BUCKET_HEAD:]
        return Bucket(self._database, (*self.path, key), root, sequence, inline)


def _find_meta(read_at: ReadAt) -> Meta:
    """The valid meta of the newer transaction.

    Raises:
        Corrupt: there is none.
    """
    try:
        first = layout.read_meta(read_at(0, layout.META_BYTES))
    except Corrupt as wrong:
        second = _second_meta(read_at)
        if second is None:
            raise wrong from None
        return second
    try:
        other = layout.read_meta(read_at(first.page_bytes, layout.META_BYTES))
    except Corrupt:
        return first
    return other if other.txid > first.txid and other.page_bytes == first.page_bytes else first


def _second_meta(read_at: ReadAt) -> Meta | None:
    """The second meta where the first does not say how large pages are."""
    page_bytes = layout.MIN_PAGE_BYTES
    while page_bytes <= layout.MAX_PAGE_BYTES:
        try:
            found = layout.read_meta(read_at(page_bytes, layout.META_BYTES))
        except Corrupt:
            found = None
        if found is not None and found.page_bytes == page_bytes:
            return found
        page_bytes *= 2
    return None


def _children(page: bytes, count: int, number: int) -> list[tuple[int, bytes]]:
    """The pages below a branch, and the first key of each."""
    start = _HEAD
    end = start + count * layout.ELEMENT_BYTES
    if end > len(page) or not count:
        raise Corrupt(f"page {number}: {count} pages below it")
    found = []
    for offset, key_bytes, below in layout.BRANCH_ELEMENT.iter_unpack(page[start:end]):
        key_at = start + offset
        start += layout.ELEMENT_BYTES
        if key_at < end or key_at + key_bytes > len(page):
            raise Corrupt(f"page {number}: a key lies outside of it, or on another one")
        end = key_at + key_bytes
        found.append((below, page[key_at:end]))
    return found


def _go_through(bucket: Bucket) -> None:
    waiting = [bucket]
    while waiting:
        pairs = waiting.pop().items()
        waiting += [value for _, value in pairs if isinstance(value, Bucket)]
