"""The bytes of pages: heads, elements, metas and their checksum. All numbers are little-endian.

Which page is where is up to `reader` and `writer`. bbolt: internal/common/page.go, meta.go,
bucket.go. (bbolt writes the order of the machine it runs on; what is here is that of all machines
that matter.)
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct

BRANCH, LEAF, META, FREELIST = 0x01, 0x02, 0x04, 0x10
"""Flags of a page; each has one of them."""

IS_BUCKET = 0x01
"""Flag of a pair whose value is a bucket."""

NO_FREELIST = 0xFFFF_FFFF_FFFF_FFFF
"""In a meta: which pages are free is not written, and whoever needs it looks at all pages."""

PAGE_HEAD = Struct("<QHHI")
"""Number of the page, flags, how many elements, how many pages behind it belong to it."""

LEAF_ELEMENT = Struct("<IIII")
"""Flags, where the key begins (from the element's own beginning), lengths of key and value."""

BRANCH_ELEMENT = Struct("<IIQ")
"""Where the key begins, its length, the page below."""

BUCKET_HEAD = Struct("<QQ")
"""Root page, 0 where the page follows right here; sequence, a counter for the bucket's user."""

PAGE_NUMBER = Struct("<Q")

ELEMENT_BYTES = 16
"""Of an element of a leaf or of a branch, without its key and value."""

COUNT_IN_DATA = 0xFFFF
"""As the count of a freelist: the count is its first number."""

MOST_ELEMENTS = 0xFFFE

MIN_PAGE_BYTES, MAX_PAGE_BYTES = 1 << 10, 1 << 25
"""Where bbolt looks for a second meta if the first is not valid (db.go, getPageSize)."""

_MAGIC = 0xED0CDAED
_VERSION = 2
_META = Struct("<IIIIQQQQQ")
_CHECKSUM = PAGE_NUMBER
META_BYTES = PAGE_HEAD.size + _META.size + _CHECKSUM.size


class Corrupt(ValueError):
    """What a file has that no bbolt file can have; one line."""


@dataclass(frozen=True, slots=True)
class Meta:
    """What a file is, in numbers of pages.

    Args:
        page_bytes: size of a page, a power of two.
        root: first page of the root bucket.
        sequence: the root bucket's.
        freelist: page of the freelist, or `NO_FREELIST`.
        end: the page behind the last one.
        txid: number of the transaction that wrote it.
    """

    page_bytes: int
    root: int
    sequence: int
    freelist: int
    end: int
    txid: int

    def page(self) -> bytes:
        """The page that it is written to: 0 for an even transaction, 1 for an odd one."""
        head = PAGE_HEAD.pack(self.txid % 2, META, 0, 0)
        body = _META.pack(
            _MAGIC,
            _VERSION,
            self.page_bytes,
            0,
            self.root,
            self.sequence,
            self.freelist,
            self.end,
            self.txid,
        )
        return (head + body + _CHECKSUM.pack(fnv_1a(body))).ljust(self.page_bytes, b"\0")


def fnv_1a(data: bytes) -> int:
    """The 64-bit hash of Fowler, Noll and Vo, as a meta has it of its own bytes.

    >>> hex(fnv_1a(b"a"))
    '0xaf63dc4c8601ec8c'
    """
    found = 0xCBF29CE484222325
    for byte in data:
        found = (found ^ byte) * 0x100000001B3 & 0xFFFF_FFFF_FFFF_FFFF
    return found


def read_meta(page: bytes) -> Meta:
    """What a page that is to be a meta says. `page` may end where the meta does.

    Raises:
        Corrupt: it is none, or one of another version.
    """
    if len(page) < META_BYTES:
        raise Corrupt("it ends within a meta page")
    start, end = PAGE_HEAD.size, PAGE_HEAD.size + _META.size
    magic, version, page_bytes, _, root, sequence, freelist, pages, txid = _META.unpack(
        page[start:end]
    )
    if magic != _MAGIC:
        raise Corrupt("it is no bbolt file: there is no meta page at its beginning")
    if version != _VERSION:
        raise Corrupt(f"it is a bbolt file of version {version}, and {_VERSION} is what there is")
    (checksum,) = _CHECKSUM.unpack_from(page, end)
    if checksum != fnv_1a(page[start:end]):
        raise Corrupt("the checksum of a meta page is wrong")
    if not is_page_size(page_bytes):
        raise Corrupt(f"pages of {page_bytes} bytes")
    return Meta(page_bytes, root, sequence, freelist, pages, txid)


def is_page_size(number: int) -> bool:
    """Whether pages can have so many bytes."""
    return MIN_PAGE_BYTES <= number <= MAX_PAGE_BYTES and not number & (number - 1)
