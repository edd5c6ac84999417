"""The sorted list of keys, with types: the one place that imports sortedcontainers.

That package ships no types; `SortedKeys` says which of its methods the store uses and what they
cost. n is the number of keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, cast

from sortedcontainers import SortedList  # type: ignore[import-untyped]  # ships no types


class SortedKeys(Protocol):
    """A SortedList of distinct byte strings."""

    def add(self, value: bytes, /) -> None:
        """O(log n)."""

    def remove(self, value: bytes, /) -> None:
        """O(log n); ValueError where it is not there."""

    def update(self, iterable: Iterable[bytes], /) -> None:
        """Add all; one sort where they are many beside n, else `add` for each."""

    def bisect_left(self, value: bytes, /) -> int:
        """How many keys are less than `value`. O(log n)."""

    def islice(self, start: int, stop: int, /) -> Iterator[bytes]:
        """Iterate a span. O(log n) before the first."""

    def __getitem__(self, span: slice, /) -> list[bytes]:
        """A span as a list, cut from the list's own blocks: no step per key in Python."""

    def __delitem__(self, span: slice, /) -> None:
        """Remove a span; rebuilds the list at once where the span is an eighth of it or more."""

    def __iter__(self) -> Iterator[bytes]: ...

    def __len__(self) -> int: ...


def new_sorted_keys() -> SortedKeys:
    """An empty one."""
    return cast(SortedKeys, SortedList())
