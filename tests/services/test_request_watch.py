"""What is measured of a call: on a clock of the test's own, that goes on while handlers work."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fake_etcd.api import errors
from fake_etcd.api import messages as m
from fake_etcd.api.methods import METHODS
from fake_etcd.api.status import OK, Status
from fake_etcd.core.node import Node, NodeConfig, Work
from fake_etcd.services import registry
from fake_etcd.services.call import Call, Endpoints
from fake_etcd.services.request_watch import RequestWatch, Served

from .handlers import MemorySink

PUT = "/etcdserverpb.KV/Put"
RANGE = "/etcdserverpb.KV/Range"
COMPACT = "/etcdserverpb.KV/Compact"
USER_ADD = "/etcdserverpb.Auth/UserAdd"


class Watched:
    """A node whose calls are measured; each look at the clock finds it a second later."""

    def __init__(self, limit_seconds: float) -> None:
        self.seconds = 0.0
        self.told: list[Served] = []
        self.node = Node(NodeConfig(bcrypt_cost=4))
        self.works: list[Work] = []
        self.node.aside = self.works.append
        watch = RequestWatch(self._now, limit_seconds, self.told.append)
        watch.attach(self.node)
        self.endpoints: Endpoints = watch.layer(self.node, registry.endpoints(self.node))

    def _now(self) -> float:
        self.seconds += 1
        return self.seconds

    def ask(self, path: str, request: object) -> bytes:
        handler: Callable[..., bytes] | None = self.endpoints[path].unary
        assert handler is not None
        return handler(request, Call(METHODS[path]))

    def open(self, path: str, request: object) -> MemorySink:
        sink = MemorySink()
        handler = self.endpoints[path].stream
        assert handler is not None
        receiver = handler(Call(METHODS[path]), sink)
        receiver.message(request)  # type: ignore[arg-type]
        receiver.half_close()
        return sink

    def seen(self) -> list[tuple[str, Status, int | None, float, float]]:
        """What was told: the method, how it ended, its entry, and its two times."""
        told = self.told[:]
        self.told.clear()
        return [
            (each.method.name, each.status, each.index, each.seconds, each.apply_seconds)
            for each in told
        ]


def test_a_call_within_the_limit_is_not_told_of() -> None:
    etcd = Watched(limit_seconds=1.0)
    etcd.ask(PUT, m.PutRequest(key=b"a"))
    etcd.ask(RANGE, m.RangeRequest(key=b"a"))
    assert etcd.seen() == []


def test_a_call_beyond_the_limit_is_told_of_with_its_answer() -> None:
    etcd = Watched(limit_seconds=0.5)
    before = etcd.node.raft_index
    request = m.PutRequest(key=b"a")
    answer = etcd.ask(PUT, request)
    (served,) = etcd.told
    assert (served.request, served.response, served.node) == (request, answer, etcd.node)
    assert etcd.seen() == [("Put", OK, before + 1, 1.0, 1.0)]


def test_a_read_makes_no_entry() -> None:
    etcd = Watched(limit_seconds=0.5)
    etcd.ask(RANGE, m.RangeRequest(key=b"a"))
    assert etcd.seen() == [("Range", OK, None, 1.0, 1.0)]


def test_a_write_that_fails_is_told_of_however_short_it_was() -> None:
    etcd = Watched(limit_seconds=100.0)
    before = etcd.node.raft_index
    with pytest.raises(errors.LEASE_NOT_FOUND):
        etcd.ask(PUT, m.PutRequest(key=b"a", lease=7))
    assert etcd.seen() == [("Put", errors.LEASE_NOT_FOUND.status, before + 1, 1.0, 1.0)]


def test_what_is_refused_before_it_is_written_is_told_of_beyond_the_limit_only() -> None:
    for limit, told in ((1.0, []), (0.5, [("Put", errors.EMPTY_KEY.status, None, 1.0, 1.0)])):
        etcd = Watched(limit)
        with pytest.raises(errors.EMPTY_KEY):
            etcd.ask(PUT, m.PutRequest())
        assert etcd.seen() == told


def test_hashing_a_password_counts_for_the_call_and_not_for_the_store() -> None:
    etcd = Watched(limit_seconds=0.5)
    before = etcd.node.raft_index
    sink = etcd.open(USER_ADD, m.AuthUserAddRequest(name="u", password="p"))
    etcd.seconds += 50  # the hash takes its time, and others write meanwhile
    etcd.ask(PUT, m.PutRequest(key=b"a"))
    assert etcd.seen() == [("Put", OK, before + 1, 1.0, 1.0)]
    (work,) = etcd.works
    assert (sink.messages, etcd.told) == ([], [])
    work()()
    assert (len(sink.messages), sink.status) == (1, OK)
    assert etcd.seen() == [("UserAdd", OK, before + 2, 55.0, 2.0)]


def test_a_call_that_answers_later_may_fail_at_once_and_later() -> None:
    etcd = Watched(limit_seconds=100.0)
    etcd.ask(PUT, m.PutRequest(key=b"a"))
    before = etcd.node.raft_index
    with pytest.raises(errors.FUTURE_REV):
        etcd.open(COMPACT, m.CompactionRequest(revision=99))
    (at_once,) = etcd.seen()
    assert at_once[:3] == ("Compact", errors.FUTURE_REV.status, before + 1)
    for _ in range(2):
        sink = etcd.open(USER_ADD, m.AuthUserAddRequest(name="u", password="p"))
        etcd.works.pop()()()
    assert sink.status == errors.USER_ALREADY_EXIST.status
    (later,) = etcd.seen()
    assert later[:3] == ("UserAdd", errors.USER_ALREADY_EXIST.status, before + 3)


def test_waiting_for_a_compaction_counts_for_the_call_and_not_for_the_store() -> None:
    etcd = Watched(limit_seconds=0.5)
    for _ in range(3):
        etcd.ask(PUT, m.PutRequest(key=b"a"))
    etcd.seen()
    before = etcd.node.raft_index
    sink = etcd.open(COMPACT, m.CompactionRequest(revision=3, physical=True))
    etcd.ask(PUT, m.PutRequest(key=b"b"))
    etcd.seen()
    assert sink.status is None
    etcd.seconds += 50
    while sink.status is None:
        now = etcd.node.clock.now()
        due = etcd.node.next_due(now)
        assert due is not None
        etcd.node.run_due(due)
    assert etcd.seen() == [("Compact", OK, before + 1, 54.0, 1.0)]


def test_who_goes_away_is_not_told_of() -> None:
    etcd = Watched(limit_seconds=0.5)
    sink = MemorySink()
    handler = etcd.endpoints[USER_ADD].stream
    assert handler is not None
    receiver = handler(Call(METHODS[USER_ADD]), sink)
    receiver.message(m.AuthUserAddRequest(name="u", password="p"))
    receiver.cancelled()
    etcd.works.pop()()()
    assert (etcd.seen(), sink.status) == ([], None)


def test_streams_are_let_through() -> None:
    etcd = Watched(limit_seconds=0.0)
    plain = registry.endpoints(etcd.node)
    for name in ("KV/RangeStream", "Watch/Watch", "Lease/LeaseKeepAlive"):
        path = f"/etcdserverpb.{name}"
        assert type(etcd.endpoints[path].stream) is type(plain[path].stream)
        assert "RequestWatch" not in repr(etcd.endpoints[path].stream)
