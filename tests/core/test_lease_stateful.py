"""Any operations in any order and at any time: leases of a node against naive ones, and undo."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import NamedTuple
from unittest import mock

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fake_etcd.api import errors
from fake_etcd.core import lease as module
from fake_etcd.core.clock import VirtualClock
from fake_etcd.core.journal import Snapshot
from fake_etcd.core.node import Node

from .naive_store import within

TICK = 5  # times are tenths of seconds here
MOST_REVOKED = 3

KEYS = [b"a", b"aa", b"b", b"c"]
keys = st.sampled_from(KEYS)
ids = st.sampled_from([1, 2, 3, 4, 5, -1])
spans = st.tuples(keys, st.none() | st.sampled_from([b"", b"b", b"d"]))


@dataclass
class NaiveLease:
    serial: int
    id: int
    ttl: int
    expiry: int
    order: int


@dataclass
class NaiveLeases:
    """What there is, without any structure; searched from end to end."""

    leases: dict[int, NaiveLease] = field(default_factory=dict)
    keys: dict[bytes, int] = field(default_factory=dict)  # with the lease of each, or 0
    revision: int = 1
    tick: int = 0

    def by_expiry(self) -> list[NaiveLease]:
        return sorted(self.leases.values(), key=lambda one: (one.expiry, one.order))

    def keys_of(self, id: int) -> list[bytes]:
        return sorted(key for key, lease in self.keys.items() if lease == id)

    def delete(self, doomed: list[bytes]) -> None:
        for key in doomed:
            del self.keys[key]
        self.revision += 1 if doomed else 0

    def revoke(self, id: int) -> None:
        self.delete(self.keys_of(id) if id in self.leases else [])
        del self.leases[id]

    def next_tick(self) -> int | None:
        """When leases are looked for next, and there is one to be found."""
        if not self.leases:
            return None
        return max(-(-self.by_expiry()[0].expiry // TICK), self.tick + 1) * TICK

    def advance(self, now: int, target: int) -> None:
        while (due := self.next_tick()) is not None and due <= target:
            now = max(now, due)
            for lease in [one for one in self.by_expiry() if one.expiry <= now][:MOST_REVOKED]:
                self.revoke(lease.id)
            self.tick = max(now // TICK, self.tick + 1)


class Kept(NamedTuple):
    snapshot: Snapshot
    naive: NaiveLeases
    next_id: int


class Waiter:
    """Somebody who waits for the end of a lease."""

    def __init__(self, lease: module.Lease, naive: NaiveLease) -> None:
        self.lease = lease
        self.serial = naive.serial
        self.told = 0

    def tell(self) -> None:
        self.told += 1


class LeaseMachine(RuleBasedStateMachine):
    """Does everything to a node and to the naive leases."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 100
        self.clock = VirtualClock(10.0)
        self.node = Node(clock=self.clock)
        self.clock.attach(self.node)
        self.store, self.lessor = self.node.store, self.node.lessor
        self.naive = NaiveLeases()
        self.kept: list[Kept] = []
        self.waiters: list[Waiter] = []
        self.serial = 0

    def _since_start(self) -> int:
        return self.now - 100

    @rule(id=ids, ttl=st.integers(-1, 5))
    def grant(self, id: int, ttl: int) -> None:
        if id in self.naive.leases:
            self._refused(errors.LEASE_EXIST, id, ttl)
            return
        self.serial += 1
        expiry = self._since_start() + 10 * max(ttl, 2)
        self.naive.leases[id] = NaiveLease(self.serial, id, max(ttl, 2), expiry, self.serial)
        assert self.lessor.grant(id, ttl, self.clock.now()).id == id

    def _refused(self, error: type[errors.EtcdError], id: int, ttl: int) -> None:
        with pytest.raises(error):
            self.lessor.grant(id, ttl, self.clock.now())

    @rule(id=ids)
    def grant_for_too_long(self, id: int) -> None:
        self._refused(errors.LEASE_TTL_TOO_LARGE, id, module.MAX_TTL_SECONDS + 1)

    @rule(id=ids)
    def revoke(self, id: int) -> None:
        try:
            self.lessor.revoke(id)
        except errors.LEASE_NOT_FOUND:
            assert id not in self.naive.leases
        else:
            self.naive.revoke(id)

    @rule(id=ids)
    def renew(self, id: int) -> None:
        naive, lease = self.naive.leases.get(id), self.lessor.lookup(id)
        if naive is None or lease is None:
            assert naive is None
            assert lease is None
            return
        assert lease.has_expired(self.clock.now()) == (naive.expiry <= self._since_start())
        if naive.expiry <= self._since_start():
            self.waiters.append(Waiter(lease, naive))
            self.lessor.when_gone(lease, self.waiters[-1].tell)
            return
        self.serial += 1
        naive.order = self.serial
        naive.expiry = self._since_start() + 10 * naive.ttl
        assert self.lessor.renew(id, self.clock.now()) == naive.ttl

    @rule(key=keys, id=ids, leased=st.booleans())
    def put(self, key: bytes, id: int, leased: bool) -> None:
        lease = id if leased and id in self.naive.leases else 0
        self.store.put(key, b"", lease)
        self.naive.keys[key] = lease
        self.naive.revision += 1

    @rule(span=spans)
    def delete(self, span: tuple[bytes, bytes | None]) -> None:
        self.store.delete_range(*span)
        self.naive.delete([key for key in self.naive.keys if within(key, *span)])

    @rule(
        changes=st.lists(st.tuples(keys, ids | st.just(0)), max_size=4),
        span=spans,
        deletes_first=st.booleans(),
    )
    def transaction(
        self,
        changes: list[tuple[bytes, int]],
        span: tuple[bytes, bytes | None],
        deletes_first: bool,
    ) -> None:
        before, begin = dict(self.naive.keys), self.naive.revision
        with self.store.write() as txn:
            if deletes_first:
                txn.delete_range(*span)
                self.naive.delete([key for key in self.naive.keys if within(key, *span)])
            for key, id in changes:
                lease = id if id in self.naive.leases else 0
                txn.put(key, b"", lease)
                self.naive.keys[key] = lease
            if not deletes_first:
                txn.delete_range(*span)
                self.naive.delete([key for key in self.naive.keys if within(key, *span)])
        has_changes = bool(changes) or before != self.naive.keys
        self.naive.revision = begin + (1 if has_changes else 0)

    @rule(tenths=st.integers(0, 30))
    def advance(self, tenths: int) -> None:
        self._tell_those_left_over()
        self.naive.advance(self._since_start(), self._since_start() + tenths)
        self.now += tenths
        with mock.patch.object(module, "REVOKED_PER_TICK", MOST_REVOKED):
            self.clock.advance(tenths / 10)

    @rule()
    def jump(self) -> None:
        left_over = self._tell_those_left_over()
        due = self.naive.next_tick()
        with mock.patch.object(module, "REVOKED_PER_TICK", MOST_REVOKED):
            assert self.clock.jump() == (left_over or due is not None)
        if left_over:
            due = due if due is not None and due <= self._since_start() else self._since_start()
        if due is not None:
            due = max(due, self._since_start())
            self.naive.advance(self._since_start(), due)
            self.now = 100 + due

    def _tell_those_left_over(self) -> bool:
        """Whose lease was taken back; they are told when time is looked at."""
        there = {lease.serial for lease in self.naive.leases.values()}
        left_over = [one for one in self.waiters if not one.told and one.serial not in there]
        return bool(left_over)

    @rule()
    def give_up_waiting(self) -> None:
        for waiter in self.waiters:
            self.lessor.forget_waiter(waiter.lease, waiter.tell)
        self.waiters = []

    @rule()
    def draw_an_id(self) -> None:
        self.node.ids.next()

    @rule()
    def snapshot(self) -> None:
        next_id = copy.copy(self.node.ids).next()
        kept = Kept(self.node.journal.snapshot(), copy.deepcopy(self.naive), next_id)
        self.kept.append(kept)

    @precondition(lambda self: self.kept)
    @rule(data=st.data())
    def restore(self, data: st.DataObject) -> None:
        place = data.draw(st.integers(0, len(self.kept) - 1))
        kept = self.kept[place]
        self.node.journal.restore(kept.snapshot)
        self.naive = copy.deepcopy(kept.naive)
        del self.kept[place + 1 :]
        # Who was told stays told, though the lease may be back.
        self.waiters = [waiter for waiter in self.waiters if not waiter.told]
        # It gave an id, which is taken back like all else.
        assert self.node.ids.next() == kept.next_id

    @precondition(lambda self: self.kept)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        kept = self.kept.pop(data.draw(st.integers(0, len(self.kept) - 1)))
        self.node.journal.release(kept.snapshot)

    @invariant()
    def both_show_the_same(self) -> None:
        self.lessor.check()
        self.store.check()
        assert self.store.current_revision == self.naive.revision
        versions = self.store.range(b"", b"").versions
        assert {version.key: version.lease for version in versions} == self.naive.keys
        seen = [
            (one.id, one.ttl_seconds, one.remaining_seconds(self.clock.now()), one.sorted_keys())
            for one in self.lessor.leases()
        ]
        assert seen == [
            (
                one.id,
                one.ttl,
                int((one.expiry - self._since_start()) / 10),
                self.naive.keys_of(one.id),
            )
            for one in self.naive.by_expiry()
        ]

    @invariant()
    def the_node_says_when_it_has_to_look(self) -> None:
        if not self._tell_those_left_over():
            due = self.naive.next_tick()
            expected = None if due is None else round(10.0 + due / 10, 9)
            assert self.node.next_due(self.clock.now()) == expected

    @invariant()
    def who_waits_is_told_once(self) -> None:
        there = {lease.serial for lease in self.naive.leases.values()}
        for waiter in self.waiters:
            assert waiter.told <= (waiter.serial not in there)


TestLeases = LeaseMachine.TestCase
TestLeases.settings = settings(
    settings.default, max_examples=200, stateful_step_count=50, deadline=None
)
