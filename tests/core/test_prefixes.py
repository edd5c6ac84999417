"""Prefixes and their members against a list of both; ranges of keys that are prefixes."""

from __future__ import annotations

import doctest

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fake_etcd.core.mvcc import prefixes as module
from fake_etcd.core.mvcc.prefixes import MOST_LENGTHS, Prefixes, prefix_end

from .naive_store import within

keys = st.text("ab", max_size=MOST_LENGTHS + 4).map(str.encode)


def test_examples_in_the_docstrings_are_true() -> None:
    assert doctest.testmod(module).failed == 0


@given(prefix=st.binary(min_size=1), rest=st.binary(), other=st.binary(min_size=1))
def test_the_range_of_a_prefix_has_the_keys_that_begin_with_it_and_no_others(
    prefix: bytes, rest: bytes, other: bytes
) -> None:
    end = prefix_end(prefix)
    assert within(prefix + rest, prefix, end)
    assert within(other, prefix, end) == other.startswith(prefix)


class PrefixesMachine(RuleBasedStateMachine):
    """Members of prefixes of more lengths than there is place for."""

    def __init__(self) -> None:
        super().__init__()
        self.prefixes = Prefixes[int]()
        self.members: list[tuple[bytes, int]] = []
        self.count = 0

    @rule(prefix=keys)
    def add(self, prefix: bytes) -> None:
        self.count += 1
        lengths = {len(known) for known, _ in self.members}
        has_place = len(prefix) in lengths or len(lengths) < MOST_LENGTHS
        assert self.prefixes.add(prefix, self.count) == has_place
        if has_place:
            self.members.append((prefix, self.count))

    @rule()
    def add_of_many_lengths(self) -> None:
        for length in range(MOST_LENGTHS + 1):
            self.add(b"a" * length)

    @precondition(lambda self: self.members)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        known = data.draw(st.sampled_from(self.members))
        assert self.prefixes.remove(*known)
        self.members.remove(known)

    @rule(prefix=keys)
    def remove_what_is_not_there(self, prefix: bytes) -> None:
        assert not self.prefixes.remove(prefix, 0)

    @rule(key=keys)
    def look_up(self, key: bytes) -> None:
        expected = [member for prefix, member in self.members if key.startswith(prefix)]
        assert sorted(self.prefixes.at(key)) == sorted(expected)

    @invariant()
    def nothing_is_kept_of_what_has_gone(self) -> None:
        assert {length for length, _ in self.prefixes.by_length} == {
            len(prefix) for prefix, _ in self.members
        }


TestPrefixes = PrefixesMachine.TestCase
