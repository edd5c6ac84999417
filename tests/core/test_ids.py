"""Ids in the form of etcd's pkg/idutil."""

from __future__ import annotations

import doctest

from hypothesis import given
from hypothesis import strategies as st

from fake_etcd.core import ids as module
from fake_etcd.core.ids import IdSource
from fake_etcd.core.journal import Journal
from fake_etcd.core.node import Node, NodeConfig


def test_the_examples_run() -> None:
    assert doctest.testmod(module).failed == 0


def test_an_id_is_member_time_and_count() -> None:
    source = IdSource(0x12345678, 0x9_0190_C3F1_A207)
    assert [f"{source.next():016x}" for _ in range(3)] == [
        "567890c3f1a20701",
        "567890c3f1a20702",
        "567890c3f1a20703",
    ]


def test_the_count_carries_into_the_time() -> None:
    source = IdSource(0x1234, 5)
    given = [source.next() for _ in range(300)]
    assert given[254:257] == [0x1234_0000_0000_05FF, 0x1234_0000_0000_0600, 0x1234_0000_0000_0601]


def test_the_time_does_not_carry_into_the_member() -> None:
    source = IdSource(0x1234, (1 << 40) - 1)
    given = [source.next() for _ in range(257)]
    assert given[254:] == [0x1234_FFFF_FFFF_FFFF, 0x1234_0000_0000_0000, 0x1234_0000_0000_0001]


def test_the_first_bit_of_a_member_is_lost_and_0_is_no_id() -> None:
    source = IdSource(0x8000, (1 << 40) - 1)
    given = [source.next() for _ in range(256)]
    assert given[254:] == [0x0000_FFFF_FFFF_FFFF, 1]


@given(st.integers(0, (1 << 64) - 1), st.integers(-(1 << 64), 1 << 64), st.integers(1, 600))
def test_ids_are_positive_and_each_there_once(member_id: int, start: int, number: int) -> None:
    source = IdSource(member_id, start)
    given = [source.next() for _ in range(number)]
    assert all(0 < one < 1 << 63 for one in given)
    assert len(set(given)) == number
    again = IdSource(member_id, start)
    assert [again.next() for _ in range(number)] == given


def test_what_was_given_is_taken_back() -> None:
    journal = Journal()
    source = IdSource(1, 1, journal)
    source.next()
    snapshot = journal.snapshot()
    given = [source.next() for _ in range(3)]
    assert journal.restore(snapshot) == 3
    assert [source.next() for _ in range(3)] == given


def test_a_node_begins_with_its_seed() -> None:
    nodes = [Node(NodeConfig(seed=seed)) for seed in (0, 0, 1)]
    assert [node.ids.next() for node in nodes] == [
        0x694D_0000_0000_0001,
        0x694D_0000_0000_0001,
        0x694D_0000_0000_0101,
    ]
