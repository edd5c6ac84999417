"""Lock, Campaign and Observe without a transport: any order of events, and slow readers."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fake_etcd.api import messages as m
from fake_etcd.api.methods import METHODS
from fake_etcd.api.status import OK, Code, Status
from fake_etcd.core.clock import VirtualClock
from fake_etcd.core.node import Node
from fake_etcd.services.call import Call, Receiver
from tests.services.handlers import Handlers, MemorySink

LOCK, UNLOCK = "/v3lockpb.Lock/Lock", "/v3lockpb.Lock/Unlock"
CAMPAIGN = "/v3electionpb.Election/Campaign"
OBSERVE = "/v3electionpb.Election/Observe"

EXPIRED = Status(Code.UNKNOWN, "mutex: session is expired")


class Etcd(Handlers):
    """A node on a clock that stands still."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        super().__init__(Node(clock=self.clock))
        self.clock.attach(self.node)

    def begin(
        self,
        path: str,
        request: m.LockRequest | m.CampaignRequest | m.LeaderRequest,
        sink: MemorySink,
    ) -> Receiver:
        handler = self._endpoints[path].stream
        assert handler is not None
        receiver = handler(Call(METHODS[path]), sink)
        receiver.message(request)
        receiver.half_close()
        return receiver

    def lock(self, lease: int, sink: MemorySink | None = None) -> tuple[Receiver, MemorySink]:
        sink = sink or MemorySink()
        return self.begin(LOCK, m.LockRequest(name=b"l", lease=lease), sink), sink

    def observe(self, sink: MemorySink) -> Receiver:
        return self.begin(OBSERVE, m.LeaderRequest(name=b"e"), sink)

    def put(self, key: bytes, value: bytes = b"") -> None:
        self.call("Put", m.PutRequest(key=key, value=value))

    def delete(self, key: bytes) -> None:
        self.call("DeleteRange", m.DeleteRangeRequest(key=key))

    def unlock(self, key: bytes) -> None:
        handler = self._endpoints[UNLOCK].unary
        assert handler is not None
        handler(m.UnlockRequest(key=key), Call(METHODS[UNLOCK]))

    def run_due(self) -> None:
        self.clock.advance(0)


def leaders(sink: MemorySink) -> list[tuple[int, bytes, bytes]]:
    """Revision of the header, key and value of what was sent; takes it away."""
    taken, sink.messages = sink.messages, []
    found = [m.LeaderResponse.FromString(each) for each in taken]
    return [(each.header.revision, each.kv.key, each.kv.value) for each in found]


# Undo


def test_a_snapshot_that_is_gone_back_to_keeps_the_keys_of_who_waited() -> None:
    etcd = Etcd()
    for id in (7, 8):
        etcd.node.lessor.grant(id, 60, 0.0)
    etcd.lock(7)
    waiting, _ = etcd.lock(8)
    before = etcd.node.snapshot()
    etcd.put(b"x")
    etcd.node.restore(before)
    waiting.cancelled()  # as its host has it behind that
    etcd.run_due()
    assert [kv.key for kv in etcd.range(m.RangeRequest(key=b"\0", range_end=b"\0")).kvs] == [
        b"l/7",
        b"l/8",
    ]
    etcd.node.watches.check()


def test_who_goes_away_leaves_no_watcher() -> None:
    etcd = Etcd()
    for id in (7, 8):
        etcd.node.lessor.grant(id, 60, 0.0)
    etcd.lock(7)
    waiting, sink = etcd.lock(8)
    assert etcd.node.store.on_commit is not None
    waiting.cancelled()
    assert etcd.node.store.on_commit is None
    etcd.run_due()
    etcd.delete(b"l/7")
    assert (sink.messages, sink.status) == ([], None)


# Observers


def test_an_observer_is_told_of_the_first_key_of_a_transaction() -> None:
    etcd = Etcd()
    sink = MemorySink()
    etcd.observe(sink)
    puts = [m.RequestOp(request_put=m.PutRequest(key=key)) for key in (b"e/b", b"e/a")]
    etcd.call("Txn", m.TxnRequest(success=puts))
    assert leaders(sink) == [(2, b"e/b", b"")]
    etcd.put(b"e/a", b"unheard")
    etcd.put(b"e/b", b"heard")
    assert leaders(sink) == [(4, b"e/b", b"heard")]
    etcd.delete(b"e/b")
    assert leaders(sink) == [(5, b"e/a", b"unheard")]


def test_an_observer_that_does_not_read_misses_nothing() -> None:
    etcd = Etcd()
    sink = MemorySink(room=2)
    receiver = etcd.observe(sink)
    etcd.put(b"e/a", b"1")
    for value in (b"2", b"3", b"4"):
        etcd.put(b"e/a", value)
    assert leaders(sink) == [(2, b"e/a", b"1"), (3, b"e/a", b"2")]
    etcd.delete(b"e/a")
    etcd.put(b"e/b", b"5")
    receiver.writable()
    etcd.run_due()
    # What is read later has the revision that it is read at, as a watcher's answer has.
    assert leaders(sink) == [(7, b"e/a", b"3"), (7, b"e/a", b"4"), (7, b"e/b", b"5")]
    assert sink.status is None
    etcd.node.watches.check()


def test_an_observer_that_is_behind_a_compaction_ends() -> None:
    etcd = Etcd()
    sink = MemorySink(room=1)
    etcd.put(b"e/a", b"1")
    receiver = etcd.observe(sink)
    for value in (b"2", b"3", b"4"):
        etcd.put(b"e/a", value)
    etcd.node.compact(5)
    assert leaders(sink) == [(2, b"e/a", b"1")]
    receiver.writable()
    etcd.run_due()
    assert (leaders(sink), sink.status) == ([], OK)
    etcd.node.watches.check()


# Any order


@dataclass
class Caller:
    """A call for the lock, as a reader of etcd's rules has it."""

    lease: int
    rev: int
    receiver: Receiver
    sink: MemorySink = field(default_factory=MemorySink)

    @property
    def is_answered(self) -> bool:
        return self.sink.status is not None


LEASES = (1, 2, 3, 4)


class Locks(RuleBasedStateMachine):
    """Calls for one lock, and whatever may happen to its keys; no lease is lost by the time."""

    def __init__(self) -> None:
        super().__init__()
        self.etcd = Etcd()
        self.callers: list[Caller] = []
        self.owners: dict[bytes, int] = {}
        """Keys, with their revisions, whose callers were told that the lock is theirs."""

    @initialize()
    def grant(self) -> None:
        for id in LEASES:
            self.etcd.node.lessor.grant(id, 1_000, 0.0)

    def alive(self) -> dict[bytes, int]:
        """Keys of the lock with their create_revision."""
        versions = self.etcd.node.store.range(b"l/", b"l0").versions
        return {version.key: version.create_revision for version in versions}

    @precondition(lambda self: len(self.callers) < 6)
    @rule(lease=st.sampled_from(LEASES))
    def lock(self, lease: int) -> None:
        receiver, sink = self.etcd.lock(lease)
        rev = self.alive()[b"l/%x" % lease]
        self.callers.append(Caller(lease, rev, receiver, sink))

    @rule(lease=st.sampled_from(LEASES))
    def unlock(self, lease: int) -> None:
        self.etcd.unlock(b"l/%x" % lease)

    @rule(lease=st.sampled_from(LEASES))
    def lose(self, lease: int) -> None:
        self.etcd.node.lessor.revoke(lease)
        self.etcd.node.lessor.grant(lease, 1_000, 0.0)

    @rule(key=st.sampled_from([b"l/hand", b"l/1", b"l/4", b"m/1"]))
    def put(self, key: bytes) -> None:
        self.etcd.put(key)

    @rule(key=st.sampled_from([b"l/hand", b"l/1"]))
    def delete(self, key: bytes) -> None:
        self.etcd.delete(key)

    @rule()
    def delete_all(self) -> None:
        self.etcd.call("DeleteRange", m.DeleteRangeRequest(key=b"l/", range_end=b"l0"))

    @precondition(lambda self: any(not caller.is_answered for caller in self.callers))
    @rule(data=st.data())
    def go(self, data: st.DataObject) -> None:
        waiting = [caller for caller in self.callers if not caller.is_answered]
        gone = data.draw(st.sampled_from(waiting))
        gone.receiver.cancelled()
        self.callers.remove(gone)
        self.etcd.run_due()
        assert b"l/%x" % gone.lease not in self.alive()

    @invariant()
    def who_waits_has_somebody_before_it_and_nobody_else_waits(self) -> None:
        alive = self.alive()
        for caller in [*self.callers]:
            before = [rev for rev in alive.values() if rev < caller.rev]
            if not caller.is_answered:
                assert before, "it waits for somebody"
                continue
            self.callers.remove(caller)
            key = b"l/%x" % caller.lease
            assert caller.sink.status in (OK, EXPIRED)
            if caller.sink.status == OK:
                (answer,) = map(m.LockResponse.FromString, caller.sink.messages)
                assert answer.key == key
                assert answer.header.revision >= caller.rev
                self.owners[key] = caller.rev
            else:
                assert caller.sink.messages == []

    @invariant()
    def never_do_two_have_the_lock(self) -> None:
        """Who was told so, and whose key is still the one that it put."""
        alive = self.alive()
        assert sum(alive.get(key) == rev for key, rev in self.owners.items()) <= 1

    @invariant()
    def the_watchers_are_in_order(self) -> None:
        self.etcd.node.watches.check()


Locks.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestLocks = Locks.TestCase
