"""The order in which Go's sort.Sort leaves elements, equal ones included.

etcd sorts a range's answer with sort.Sort (server/etcdserver/txn/range.go, sortRangeResults), and a
role's permissions (server/auth/store.go, RoleGrantPermission). That does not keep equal elements in
their order: keys with the same version come out shuffled, always in the same way. What shuffles
them is the algorithm, a pattern-defeating quicksort (Orson Peters, arXiv:2106.05123, in the variant
of Go's `sort` package): up to 12 elements an insertion sort; above that a pivot from three or nine
samples, one partition, the shorter side first, with a guess for inputs that are nearly sorted,
three deterministic swaps after a lopsided partition and a heapsort after too many of those. All of
it has to be the same, down to each swap, for equal elements to land where etcd's land. Without
equal elements any sort gives this order, and Python's own is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")
Key = TypeVar("Key", int, bytes)

_INSERTION_MAX = 12  # ranges up to this length are sorted by insertion, which keeps equals in order
_NINTHER_MIN = 50  # from this length on the pivot is a median of medians
_SHIFTING_MIN = 50  # shorter ranges that are nearly sorted are not worth repairing
_REPAIRS_MAX = 5  # out-of-order pairs that are repaired before a range counts as unsorted
_EVERY_SAMPLE_SWAPPED = 12  # the most swaps that choosing a pivot can take: a descending range
_UINT64 = (1 << 64) - 1


def sort_like_go(
    items: Sequence[Item], keys: Sequence[Key], *, descending: bool = False
) -> list[Item]:
    """The items by their keys, as sort.Sort (or sort.Sort of sort.Reverse) leaves them.

    Args:
        items: what to sort.
        keys: one key per item.
        descending: greatest key first, which is not the reverse of the ascending order.

    O(n log n). With equal keys in unsorted input it runs in Python, some 100 times slower than
    without.

    >>> sort_like_go("abc", [2, 1, 2])
    ['b', 'a', 'c']
    """
    length = len(items)
    order = sorted(range(length), key=keys.__getitem__, reverse=descending)
    if length > _INSERTION_MAX and order != list(range(length)):
        distinct = set(keys)
        if len(distinct) < length:
            rank = {key: i for i, key in enumerate(sorted(distinct, reverse=descending))}
            sorter = _Sorter([rank[key] for key in keys])
            sorter.sort(0, length, length.bit_length())
            order = sorter.order
    return [items[i] for i in order]


class _Sorter:
    """Sorts `keys` in place, and `order` along with them. Ranges are [start, end).

    Methods that compare say so by `keys[later] < keys[earlier]`: nothing is ever compared the
    other way round, since which of two equal elements is "less" decides where they go.
    """

    def __init__(self, keys: list[int]) -> None:
        self.keys = keys
        self.order = list(range(len(keys)))

    def sort(self, start: int, end: int, lopsided_left: int) -> None:
        """Sorts a range; after `lopsided_left` more lopsided partitions it becomes a heapsort."""
        keys = self.keys
        balanced = untouched = True
        while True:
            length = end - start
            if length <= _INSERTION_MAX:
                self._insertion_sort(start, end)
                return
            if lopsided_left == 0:
                self._heap_sort(start, end)
                return
            if not balanced:
                self._break_patterns(start, end)
                lopsided_left -= 1
            pivot, swaps = self._choose_pivot(start, end)
            if swaps == _EVERY_SAMPLE_SWAPPED:
                self._reverse(start, end)
                pivot = end - 1 - (pivot - start)
                swaps = 0
            if balanced and untouched and swaps == 0 and self._repair(start, end):
                return
            if start > 0 and not keys[start - 1] < keys[pivot]:
                # Nothing here is less than what stands before: split off all that equals it.
                start = self._partition_equal(start, end, pivot)
                continue
            middle, untouched = self._partition(start, end, pivot)
            before, after = middle - start, end - middle
            balanced = min(before, after) >= length // 8
            if before < after:
                self.sort(start, middle, lopsided_left)
                start = middle + 1
            else:
                self.sort(middle + 1, end, lopsided_left)
                end = middle

    def _swap(self, i: int, j: int) -> None:
        keys, order = self.keys, self.order
        keys[i], keys[j] = keys[j], keys[i]
        order[i], order[j] = order[j], order[i]

    def _insertion_sort(self, start: int, end: int) -> None:
        """Keeps equals in their order, so Python's sort of the range is the same."""
        keys, order = self.keys, self.order
        by_key = sorted(range(start, end), key=keys.__getitem__)
        keys[start:end] = [keys[i] for i in by_key]
        order[start:end] = [order[i] for i in by_key]

    def _heap_sort(self, start: int, end: int) -> None:
        length = end - start
        for root in range((length - 1) // 2, -1, -1):
            self._sift_down(start, root, length)
        for last in range(length - 1, -1, -1):
            self._swap(start, start + last)
            self._sift_down(start, 0, last)

    def _sift_down(self, start: int, root: int, length: int) -> None:
        keys = self.keys
        while (child := 2 * root + 1) < length:
            if child + 1 < length and keys[start + child] < keys[start + child + 1]:
                child += 1
            if not keys[start + root] < keys[start + child]:
                return
            self._swap(start + root, start + child)
            root = child

    def _break_patterns(self, start: int, end: int) -> None:
        """Swaps the three middle elements with pseudo-random ones; the length is the seed."""
        length = end - start
        mask = (1 << length.bit_length()) - 1
        state = length
        middle = start + length // 4 * 2
        for i in (middle - 1, middle, middle + 1):
            state ^= state << 13 & _UINT64
            state ^= state >> 7
            state ^= state << 17 & _UINT64
            other = state & mask
            self._swap(i, start + (other if other < length else other - length))

    def _choose_pivot(self, start: int, end: int) -> tuple[int, int]:
        """Where the pivot stands, and how many of the samples were out of order (0 to 12)."""
        length = end - start
        quarter = length // 4
        samples = [start + quarter, start + quarter * 2, start + quarter * 3]
        swaps = 0
        if length >= _NINTHER_MIN:
            for i, sample in enumerate(samples):
                samples[i], more = self._median(sample - 1, sample, sample + 1)
                swaps += more
        pivot, more = self._median(*samples)
        return pivot, swaps + more

    def _median(self, a: int, b: int, c: int) -> tuple[int, int]:
        """The position of the middle one of three elements, and the swaps to find it (0 to 3)."""
        keys = self.keys
        swaps = 0
        if keys[b] < keys[a]:
            a, b = b, a
            swaps += 1
        if keys[c] < keys[b]:
            b, c = c, b
            swaps += 1
        if keys[b] < keys[a]:
            a, b = b, a
            swaps += 1
        return b, swaps

    def _reverse(self, start: int, end: int) -> None:
        self.keys[start:end] = self.keys[start:end][::-1]
        self.order[start:end] = self.order[start:end][::-1]

    def _repair(self, start: int, end: int) -> bool:
        """Sorts a range with few elements out of place; False where it gives up half-way."""
        keys = self.keys
        i = start + 1
        for _ in range(_REPAIRS_MAX):
            while i < end and not keys[i] < keys[i - 1]:
                i += 1
            if i == end:
                return True
            if end - start < _SHIFTING_MIN:
                return False
            self._swap(i, i - 1)
            if i - start >= 2:
                j = i - 1
                while j >= 1 and keys[j] < keys[j - 1]:
                    self._swap(j, j - 1)
                    j -= 1
            if end - i >= 2:
                j = i + 1
                while j < end and keys[j] < keys[j - 1]:
                    self._swap(j, j - 1)
                    j += 1
        return False

    def _partition_equal(self, start: int, end: int, pivot: int) -> int:
        """Moves all that equal the pivot, the least of the range, to the front; gives their end."""
        keys = self.keys
        self._swap(start, pivot)
        value = keys[start]
        i, j = start + 1, end - 1
        while True:
            while i <= j and not value < keys[i]:
                i += 1
            while i <= j and value < keys[j]:
                j -= 1
            if i > j:
                return i
            self._swap(i, j)
            i += 1
            j -= 1

    def _partition(self, start: int, end: int, pivot: int) -> tuple[int, bool]:
        """Lesser ones before the pivot, the others behind it.

        Returns:
            Where the pivot stands now, and whether nothing else had to move.
        """
        keys = self.keys
        self._swap(start, pivot)
        value = keys[start]
        i, j = start + 1, end - 1
        untouched = True
        while True:
            while i <= j and keys[i] < value:
                i += 1
            while i <= j and not keys[j] < value:
                j -= 1
            if i > j:
                break
            self._swap(i, j)
            untouched = False
            i += 1
            j -= 1
        self._swap(j, start)
        return j, untouched
