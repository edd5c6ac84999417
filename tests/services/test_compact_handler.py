"""The Compact handler by itself: when it answers, slice by slice."""

from __future__ import annotations

import pytest

from fake_etcd.api import errors
from fake_etcd.api import messages as m
from fake_etcd.api.status import OK
from fake_etcd.core.node import Node
from tests.services.client import header
from tests.services.handlers import Handlers, MemorySink


@pytest.fixture
def handlers() -> Handlers:
    node = Node()
    for _ in range(9_999):
        node.store.put(b"a", b"")
    return Handlers(node)


def finish(node: Node) -> None:
    while node.next_due(0.0) is not None:
        node.run_due(0.0)


def answered(sink: MemorySink) -> bool:
    if sink.status is None:
        assert not sink.messages
        return False
    return True


ANSWER = m.CompactionResponse(header=header(10_000)).SerializeToString()


def test_a_logical_compaction_is_answered_at_once(handlers: Handlers) -> None:
    sink = MemorySink()
    handlers.open("Compact", m.CompactionRequest(revision=9_000), sink)
    assert (sink.messages, sink.status) == ([ANSWER], OK)
    assert handlers.node.store.compaction_pending


def test_a_physical_one_when_nothing_is_left(handlers: Handlers) -> None:
    sink = MemorySink()
    handlers.open("Compact", m.CompactionRequest(revision=9_000, physical=True), sink)
    assert not answered(sink)
    handlers.node.run_due(0.0)
    assert not answered(sink)
    finish(handlers.node)
    assert (sink.messages, sink.status) == ([ANSWER], OK)


def test_a_physical_one_that_comes_too_late_is_refused_when_nothing_is_left(
    handlers: Handlers,
) -> None:
    handlers.node.compact(9_000)
    sink = MemorySink()
    handlers.open("Compact", m.CompactionRequest(revision=8_000, physical=True), sink)
    assert not answered(sink)
    finish(handlers.node)
    assert (sink.messages, sink.status) == ([], errors.COMPACTED.status)


def test_the_answer_has_the_revision_at_its_own_time(handlers: Handlers) -> None:
    sink = MemorySink()
    handlers.open("Compact", m.CompactionRequest(revision=9_000, physical=True), sink)
    handlers.node.store.put(b"b", b"")
    finish(handlers.node)
    assert m.CompactionResponse.FromString(sink.messages[0]).header == header(10_001)


def test_a_cancelled_one_is_not_answered_but_goes_on(handlers: Handlers) -> None:
    sink = MemorySink()
    request = m.CompactionRequest(revision=9_000, physical=True)
    receiver = handlers.open("Compact", request, sink)
    receiver.cancelled()  # type: ignore[attr-defined]  # a Receiver
    finish(handlers.node)
    assert not answered(sink)
    assert not handlers.node.store.compaction_pending
