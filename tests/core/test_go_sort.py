"""Go's order of equal elements. The recorded digests are of what Go 1.26's sort.Sort does."""

from __future__ import annotations

import doctest
import hashlib
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_etcd.core import go_sort
from fake_etcd.core.go_sort import sort_like_go
from tests.strategies import sorted_keys_with_ties


@given(sorted_keys_with_ties, st.booleans())
def test_it_sorts(keys: list[int], descending: bool) -> None:
    order = sort_like_go(range(len(keys)), keys, descending=descending)
    assert [keys[i] for i in order] == sorted(keys, reverse=descending)
    assert sorted(order) == list(range(len(keys)))


@given(st.lists(st.binary(max_size=3), max_size=12), st.booleans())
def test_up_to_12_elements_equal_ones_keep_their_order(keys: list[bytes], descending: bool) -> None:
    order = sort_like_go(range(len(keys)), keys, descending=descending)
    assert order == sorted(range(len(keys)), key=keys.__getitem__, reverse=descending)


@given(st.lists(st.integers(0, 3), min_size=13, max_size=90))
def test_bytes_sort_as_numbers_do(keys: list[int]) -> None:
    as_bytes = [bytes((key,)) for key in keys]
    assert sort_like_go(keys, as_bytes) == sort_like_go(keys, keys)


def pseudo_random(seed: int) -> Iterator[int]:
    """Numbers below 2**16 that Go can make as easily (Numerical Recipes' generator)."""
    while True:
        seed = (seed * 1664525 + 1013904223) & 0xFFFFFFFF
        yield seed >> 16


def shuffled(length: int, distinct: int) -> list[int]:
    numbers = pseudo_random(length)
    return [next(numbers) % distinct for _ in range(length)]


def nearly_sorted(length: int, distinct: int) -> list[int]:
    keys = [i * distinct // length for i in range(length)]
    keys[length // 2], keys[length // 5] = keys[length // 5], keys[length // 2]
    return keys


def falling(length: int, distinct: int) -> list[int]:
    return nearly_sorted(length, distinct)[::-1]


def pipes(length: int, distinct: int) -> list[int]:
    return [min(i, length - i) * distinct // length for i in range(length)]


LENGTHS = (13, 20, 49, 50, 51, 100, 300, 1_000)
DISTINCT = (2, 3, 7, 40)
"""On both sides of the lengths where the algorithm changes."""


@pytest.mark.parametrize(
    ("shape", "digest"),
    [
        (shuffled, "b87de22ca2998912"),
        (nearly_sorted, "43f7b116a3ca219d"),
        (falling, "b81e732f17179897"),
        (pipes, "1089bd9845869797"),
    ],
)
def test_equal_elements_are_where_go_leaves_them(shape: object, digest: str) -> None:
    orders = []
    for length in LENGTHS:
        for distinct in DISTINCT:
            for descending in (False, True):
                keys = shape(length, distinct)  # type: ignore[operator]
                order = sort_like_go(range(length), keys, descending=descending)
                orders.append(" ".join(map(str, order)) + "\n")
    assert hashlib.sha256("".join(orders).encode()).hexdigest()[:16] == digest


def adversary(length: int) -> list[int]:
    """Keys, two of each, that drive the quicksort into its heapsort (M. D. McIlroy, "A Killer
    Adversary for Quicksort": they are decided while it compares them)."""
    gas, solid, candidate, frozen = length, 0, 0, 0
    keys = [gas] * length

    class Element:
        def __init__(self, index: int) -> None:
            self.index = index

        def __lt__(self, other: Element) -> bool:
            nonlocal candidate, solid, frozen
            x, y = self.index, other.index
            if keys[x] == keys[y] == gas:
                keys[x if x == candidate else y] = solid
                frozen += 1
                solid += frozen % 2 == 0
            if keys[x] == gas:
                candidate = x
            elif keys[y] == gas:
                candidate = y
            return keys[x] < keys[y]

    sorter = go_sort._Sorter([Element(i) for i in range(length)])  # type: ignore[misc]
    sorter._insertion_sort = _plain_insertion_sort(sorter)  # type: ignore[assignment]
    sorter.sort(0, length, length.bit_length())
    return keys


def _plain_insertion_sort(sorter: go_sort._Sorter) -> Callable[[int, int], None]:
    """Compares as Go does, where ours leaves short ranges to Python's sort."""

    def insertion_sort(start: int, end: int) -> None:
        for i in range(start + 1, end):
            while i > start and sorter.keys[i] < sorter.keys[i - 1]:
                sorter._swap(i, i - 1)
                i -= 1

    return insertion_sort


def test_the_heapsort_leaves_equal_elements_where_gos_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys = adversary(1_000)
    heaps = []
    heap_sort = go_sort._Sorter._heap_sort

    def counted(self: go_sort._Sorter, start: int, end: int) -> None:
        heaps.append((start, end))
        heap_sort(self, start, end)

    monkeypatch.setattr(go_sort._Sorter, "_heap_sort", counted)
    order = sort_like_go(range(len(keys)), keys)
    assert heaps, "the keys were made for it"
    assert hashlib.sha256(" ".join(map(str, order)).encode()).hexdigest()[:16] == "8cbad164eee843b3"


def test_the_example_in_the_docstring() -> None:
    assert doctest.testmod(go_sort) == (0, 1)
