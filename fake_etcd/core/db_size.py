"""How large etcd's database would be for what a store holds: a model, since there is no database.

etcd keeps each version as a record of a B+ tree in a file of pages (bbolt). The file grows when
pages are needed and is never cut; what compaction frees is only used again. Here the records that
there are are counted and filled into pages as bbolt fills them. `small_buckets` adds what else
there is; pages between two commits are left out. Where records have 100 bytes or more, 1,000 of
them come within 3 % of what a real one reports; of small ones it says up to a fifth less.
etcd: server/storage/backend/backend.go; bbolt: node.go (splitTwo), bucket.go.

Nothing is counted while keys are written: a put would pay for what hardly anybody asks. Whoever
asks pays, for a sample of 4,096 revisions at most, and of fewer where they hold several records.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

PAGE_BYTES = 4_096

_FRESH_PAGES = 7
"""Of the file of a member that nobody has written to."""

_OTHER_PAGES = 5
"""In use beside those of records: two of the file's own, its list of free ones, small buckets."""

_PAGE_HEAD_BYTES = 16
_RECORD_HEAD_BYTES = 16 + 17
"""What a page has for each record, and a revision, which is the record's key."""

_FILLED_BYTES = PAGE_BYTES * 9 // 10 - _PAGE_HEAD_BYTES
"""How far a page is filled (etcd: backend/batch_tx.go, FillPercent), but for two large records."""

_LEAST_RECORDS = 2

_SAMPLED = 4_096
_SAMPLED_RECORDS = 8_192
_SAMPLED_OF_ONE = 1_024
"""Records that are looked at in all, at least where there are so many; and those of a revision."""

_STRIDE = 0x9E3779B1
"""The golden ratio's: it visits a range evenly, in no step of a writer's own; and a prime, so that
it comes by all of it."""


class Records(Protocol):
    """What is measured: a store."""

    current_revision: int

    def record_sizes(self, main: int, most: int) -> tuple[int, list[int]]:
        """How many versions are kept of a revision; bytes of each, or of a sample of `most`."""


class Beside(Protocol):
    """What else takes pages."""

    @property
    def mark(self) -> object:
        """Another one where there is more or less."""

    def pages(self) -> int:
        """How many."""


class _Nothing:
    mark = None

    def pages(self) -> int:
        return 0


class DbSize:
    """The sizes of a database that holds these records.

    Args:
        records: the keys'.
        beside: what else is in it.

    Attributes:
        most_pages: how many were ever seen to be needed.
    """

    __slots__ = ("_beside", "_noted", "_records", "most_pages")

    def __init__(self, records: Records, beside: Beside | None = None) -> None:
        self._records = records
        self._beside = beside or _Nothing()
        self._noted: object = None  # the mark at which `most_pages` was true
        self.most_pages = _FRESH_PAGES

    def note(self) -> None:
        """Look how large it is. To be called before anything is freed. O(1): at most 2 ms."""
        self._grow_to(self._pages())

    def file_bytes(self) -> int:
        """Bytes of the file. As `note`, or next to nothing where nothing was written since."""
        if self._noted != self._mark():
            self.note()
        return self.most_pages * PAGE_BYTES

    def sizes(self) -> tuple[int, int]:
        """Bytes of the file, and those of it in use. As `note`."""
        in_use = self._pages()
        self._grow_to(in_use)
        return self.most_pages * PAGE_BYTES, in_use * PAGE_BYTES

    def defragment(self) -> None:
        """Write the file anew, without what is not in use. As `note`."""
        self.set_pages(self._pages())

    def set_pages(self, pages: int) -> None:
        """Be as large as at another time."""
        self.most_pages = pages
        self._noted = None

    def _mark(self) -> object:
        return self._records.current_revision, self._beside.mark

    def _grow_to(self, pages: int) -> None:
        self.most_pages = max(self.most_pages, pages)
        self._noted = self._mark()

    def _pages(self) -> int:
        return _OTHER_PAGES + self._pages_of_keys() + self._beside.pages()

    def _pages_of_keys(self) -> int:
        records, record_bytes, revisions, looked = 0, 0, 0, 0
        for main in _sample(self._records.current_revision):
            revisions += 1
            count, sizes = self._records.record_sizes(main, _SAMPLED_OF_ONE)
            if sizes:
                records += count
                record_bytes += sum(sizes) * count // len(sizes) + count * _RECORD_HEAD_BYTES
                looked += len(sizes)
                if looked >= _SAMPLED_RECORDS:
                    break
        if not records:
            return 0
        mean = -(-record_bytes // records)
        all_records = -(-records * self._records.current_revision // revisions)
        each = max(_FILLED_BYTES // mean, _LEAST_RECORDS)
        leaves = -(-all_records // each)
        pages_of_leaf = -(-(_PAGE_HEAD_BYTES + min(each, all_records) * mean) // PAGE_BYTES)
        branches = leaves * _RECORD_HEAD_BYTES // _FILLED_BYTES
        return leaves * pages_of_leaf + branches


def _sample(last: int) -> Iterator[int]:
    """All revisions up to the last one, or so many of them as is enough, evenly spread."""
    for number in range(min(last, _SAMPLED)):
        yield 1 + number * _STRIDE % last
