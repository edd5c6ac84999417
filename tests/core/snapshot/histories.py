"""Histories of a node: what may happen to one, played on it."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import strategies as st

from fake_etcd.api import errors
from fake_etcd.core.node import Node

KEYS = st.sampled_from([b"a", b"aa", b"b", b"b\0", b"c", b"\xff"])


class Put(NamedTuple):
    key: bytes
    value: bytes
    lease: int


class Txn(NamedTuple):
    puts: tuple[Put, ...]
    deleted: bytes


class Delete(NamedTuple):
    key: bytes
    range_end: bytes | None


class Compact(NamedTuple):
    back: int
    slices: int


class Grant(NamedTuple):
    id: int
    ttl_seconds: int


class Revoke(NamedTuple):
    id: int


Step = Put | Txn | Delete | Compact | Grant | Revoke

LEASES = st.sampled_from([0, 0, 0, 7, 8, -3])
PUTS = st.builds(Put, KEYS, st.binary(max_size=300), LEASES)
STEPS: st.SearchStrategy[Step] = st.one_of(
    PUTS,
    st.builds(Txn, st.lists(PUTS, max_size=4, unique_by=lambda put: put.key).map(tuple), KEYS),
    st.builds(Delete, KEYS, st.sampled_from([None, b"", b"b"])),
    st.builds(Compact, st.integers(0, 6), st.integers(0, 3)),
    st.builds(Grant, LEASES.filter(bool), st.integers(1, 1_000)),
    st.builds(Revoke, LEASES.filter(bool)),
)
HISTORIES = st.lists(STEPS, max_size=40)


def play(node: Node, steps: list[Step]) -> None:
    """Do all that can be done of it."""
    for step in steps:
        _do(node, step)


def _lease(node: Node, id: int) -> int:
    return id if node.lessor.lookup(id) is not None else 0


def _do(node: Node, step: Step) -> None:
    store, lessor = node.store, node.lessor
    if isinstance(step, Put):
        store.put(step.key, step.value, _lease(node, step.lease))
    elif isinstance(step, Txn):
        with store.write() as txn:
            for put in step.puts:
                txn.put(put.key, put.value, _lease(node, put.lease))
            if step.deleted not in {put.key for put in step.puts}:
                txn.delete_range(step.deleted, None)
    elif isinstance(step, Delete):
        store.delete_range(step.key, step.range_end)
    elif isinstance(step, Grant):
        if lessor.lookup(step.id) is None:
            lessor.grant(step.id, step.ttl_seconds, node.clock.now())
    elif isinstance(step, Revoke):
        if lessor.lookup(step.id) is not None:
            lessor.revoke(step.id)
    else:
        try:
            node.compact(max(store.current_revision - step.back, 1))
        except errors.COMPACTED:
            return
        for _ in range(step.slices):
            store.compact_step(2)
