"""Ranges and their members against a list of both; what a look-up costs."""

from __future__ import annotations

import doctest
import itertools
from functools import partial

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fake_etcd.core.mvcc import intervals
from fake_etcd.core.mvcc.intervals import Intervals

from .counting import bytecodes
from .naive_store import within

Range = tuple[bytes, bytes]

keys = st.binary(max_size=2).map(lambda drawn: bytes(byte % 4 for byte in drawn))
ranges = st.tuples(keys, keys)


def test_examples_in_the_docstrings_are_true() -> None:
    assert doctest.testmod(intervals).failed == 0


def groups_at(found: Intervals[int], key: bytes) -> list[list[int]]:
    """The members of each range that a key is in; in which order of ranges is left open."""
    return sorted(list(members) for members in found.at(key))


class IntervalsMachine(RuleBasedStateMachine):
    """Members of ranges, some without an end, some with nothing between their ends."""

    def __init__(self) -> None:
        super().__init__()
        self.intervals = Intervals[int]()
        self.members: list[tuple[Range, int]] = []
        self.count = 0

    @rule(range=ranges)
    def add(self, range: Range) -> None:
        self.count += 1
        self.intervals.add(*range, self.count)
        self.members.append((range, self.count))

    @rule(first=keys, seconds=st.lists(keys, min_size=2, max_size=30))
    def add_many(self, first: bytes, seconds: list[bytes]) -> None:
        for second in seconds:
            self.add((first, second))

    @precondition(lambda self: self.members)
    @rule(data=st.data())
    def add_another_of_the_same_range(self, data: st.DataObject) -> None:
        self.add(data.draw(st.sampled_from(self.members))[0])

    @precondition(lambda self: self.members)
    @rule(data=st.data())
    def add_again(self, data: st.DataObject) -> None:
        range, member = data.draw(st.sampled_from(self.members))
        self.intervals.add(*range, member)

    @precondition(lambda self: self.members)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        place = data.draw(st.integers(0, len(self.members) - 1))
        range, member = self.members.pop(place)
        self.intervals.remove(*range, member)

    @rule(range=ranges)
    def remove_a_stranger(self, range: Range) -> None:
        with pytest.raises(KeyError):
            self.intervals.remove(*range, -1)

    @rule(key=keys)
    def look_up(self, key: bytes) -> None:
        expected: dict[Range, list[int]] = {}
        for range, member in self.members:
            if within(key, *range):
                expected.setdefault(range, []).append(member)
        assert groups_at(self.intervals, key) == sorted(expected.values())

    @invariant()
    def it_is_sound_and_knows_whether_it_is_empty(self) -> None:
        self.intervals.check()
        assert bool(self.intervals) == bool(self.members)


TestIntervals = IntervalsMachine.TestCase
TestIntervals.settings = settings(settings.default, max_examples=150, stateful_step_count=40)


@given(st.lists(ranges, unique=True), st.lists(keys))
@example([(b"", b"\0"), (b"\0", b""), (b"a", b"a"), (b"b", b"a")], [b"", b"\0", b"a", b"b"])
def test_every_key_finds_its_ranges(drawn: list[Range], sought: list[bytes]) -> None:
    found = Intervals[int]()
    for member, range in enumerate(drawn):
        found.add(*range, member)
    for key in [*sought, *(key for range in drawn for key in range)]:
        expected = [[member] for member, range in enumerate(drawn) if within(key, *range)]
        assert groups_at(found, key) == expected


@given(st.lists(ranges, unique=True), st.lists(st.tuples(ranges, st.booleans()), max_size=6))
@example([(b"", b"\1"), (b"\0", b""), (b"", b"\1\1"), (b"\1", b"\1")], [((b"\0", b"\1"), True)])
def test_look_ups_in_a_row_find_what_a_search_finds(
    drawn: list[Range], changes: list[tuple[Range, bool]]
) -> None:
    found = Intervals[int]()
    for member, range in enumerate(drawn):
        found.add(*range, member)
    everywhere = [bytes(key) for key in ([], *([a] for a in (0, 1, 2, 3)), [0, 1], [1, 0], [3, 3])]
    for range, is_one_more in [((b"", b""), True), *changes]:
        if is_one_more:
            found.add(*range, -1)
        elif range in drawn:
            found.remove(*range, drawn.index(range))
            drawn[drawn.index(range)] = (b"gone", b"gone")
        look_ups = 2 * len(found._ends) + len(found._open) + 1
        # Searched, put in a row, found there, and kept.
        for key in itertools.islice(itertools.cycle(everywhere), look_ups + 2 * len(everywhere)):
            searched = sorted(list(members) for members in found._search(key))
            assert groups_at(found, key) == searched
        assert found._row is not None
        found.check()


def test_thousands_of_ranges_within_each_other_are_not_kept_for_each_bound() -> None:
    found = Intervals[int]()
    for number in range(500):
        found.add(b"%04d" % number, b"%04d" % (9_999 - number), number)
    keys = [b"%04d" % number for number in range(0, 9_999, 5)]
    for key in keys:
        assert len(list(found.at(key))) == sum(
            within(key, b"%04d" % number, b"%04d" % (9_999 - number)) for number in range(500)
        )
    assert found._row is not None
    assert sum(len(kept) for kept in found._row.found if kept is not None) < 100


def of_neighbours(count: int) -> Intervals[int]:
    """Ranges side by side, in order of their keys: the worst order for a tree without balance."""
    found = Intervals[int]()
    for number in range(count):
        found.add(b"%08d" % number, b"%08d" % (number + 1), number)
    return found


@pytest.fixture(scope="module")
def small() -> Intervals[int]:
    return of_neighbours(2_000)


@pytest.fixture(scope="module")
def large() -> Intervals[int]:
    return of_neighbours(64_000)


def the_only_one_at(found: Intervals[int], key: bytes, member: int) -> None:
    assert [list(members) for members in found.at(key)] == [[member]]


def added_and_removed(found: Intervals[int], start: bytes, end: bytes) -> None:
    found.add(start, end, -1)
    found.remove(start, end, -1)


def test_steps_of_a_look_up_grow_like_the_logarithm(
    small: Intervals[int], large: Intervals[int]
) -> None:
    """32 times the ranges: five levels more of a tree that may be three times as deep as the
    best one, some 30 bytecodes each. One step for each range would be 2,000,000."""
    for number in (0, 1, 777, 1_500, 1_999):
        key = b"%08d" % number
        of_small = bytecodes(partial(the_only_one_at, small, key, number))
        of_large = bytecodes(partial(the_only_one_at, large, key, number))
        assert 0 < of_large < 2_500, (number, of_small, of_large)
        assert of_large <= of_small + 1_000, (number, of_small, of_large)


def test_steps_of_a_key_in_no_range_are_few(large: Intervals[int]) -> None:
    for key in (b"", b"/", b"99999999", b"\xff"):
        assert bytecodes(partial(list, large.at(key))) < 2_500, key


def test_steps_of_a_change_grow_like_the_logarithm(large: Intervals[int]) -> None:
    for number in (0, 33_333, 63_999):
        change = partial(added_and_removed, large, b"%08d" % number, b"%08d~" % number)
        assert 0 < bytecodes(change) < 20_000, number
    large.check()


def test_another_member_of_a_range_costs_the_same_in_any_number(
    small: Intervals[int], large: Intervals[int]
) -> None:
    counts = [
        bytecodes(partial(found.add, b"00000777", b"00000778", -1)) for found in (small, large)
    ]
    assert counts[0] == counts[1] < 100


def test_ranges_without_an_end_cost_those_that_are_found() -> None:
    found = Intervals[int]()
    for number in range(20_000):
        found.add(b"%08d" % number, b"", number)
    few = bytecodes(lambda: [list(members) for members in found.at(b"00000004")])
    assert few < 1_500
    assert [list(members) for members in found.at(b"00000002")] == [[0], [1], [2]]
