"""Hash and HashKV by themselves: when they answer, slice by slice, and of which moment."""

from __future__ import annotations

import pytest

from fake_etcd.api import errors
from fake_etcd.api import messages as m
from fake_etcd.api.status import OK
from fake_etcd.core.crc32c import crc32c
from fake_etcd.core.node import Node
from fake_etcd.core.snapshot.dump import dump
from fake_etcd.core.snapshot.load import load
from tests.services.client import header
from tests.services.handlers import Handlers, MemorySink

KEYS = 12_000
HASH, HASH_KV = "Maintenance/Hash", "Maintenance/HashKV"


def node_of(keys: int) -> Node:
    node = Node()
    for number in range(keys):
        node.store.put(b"%d" % number, b"")
    return node


@pytest.fixture
def handlers() -> Handlers:
    return Handlers(node_of(KEYS))


def finish(node: Node) -> int:
    slices = 0
    while node.next_due(0.0) == 0.0:
        node.run_due(0.0)
        slices += 1
    return slices


def ask(handlers: Handlers, name: str, revision: int = 0) -> MemorySink:
    sink = MemorySink()
    request = m.HashRequest() if name == HASH else m.HashKVRequest(revision=revision)
    handlers.open(name, request, sink)
    return sink


def hash_kv(sink: MemorySink) -> m.HashKVResponse:
    assert sink.status == OK
    (message,) = sink.messages
    return m.HashKVResponse.FromString(message)


def hash_of(sink: MemorySink) -> m.HashResponse:
    assert sink.status == OK
    (message,) = sink.messages
    return m.HashResponse.FromString(message)


@pytest.mark.parametrize("name", [HASH, HASH_KV])
def test_of_little_at_once(name: str) -> None:
    small = Handlers(node_of(1_000))
    small.node.compact(500)
    sink = ask(small, name)
    assert (len(sink.messages), sink.status) == (1, OK)
    assert not finish(small.node)


@pytest.mark.parametrize("name", [HASH, HASH_KV])
def test_of_much_in_slices(handlers: Handlers, name: str) -> None:
    told: list[str] = []
    handlers.node.on_due = lambda: told.append("due")
    sink = ask(handlers, name)
    assert (sink.messages, sink.status, told) == ([], None, ["due"])
    assert finish(handlers.node) in range(3, 6)
    assert (len(sink.messages), sink.status) == (1, OK)


def test_the_hash_of_history_is_of_when_it_was_asked_for(handlers: Handlers) -> None:
    expected = handlers.node.store.hash_at()
    sink = ask(handlers, HASH_KV)
    handlers.node.store.put(b"1", b"new")
    handlers.node.compact(handlers.node.current_revision)
    finish(handlers.node)
    assert hash_kv(sink) == m.HashKVResponse(
        header=header(KEYS + 1), hash=expected.hash, compact_revision=-1, hash_revision=KEYS + 1
    )


def test_the_hash_of_all_is_of_one_moment(handlers: Handlers) -> None:
    node = handlers.node
    node.lessor.grant(7, 60, 0.0)
    expected, first = ask(handlers, HASH), ask(handlers, HASH)
    finish(node)
    assert hash_of(expected) == hash_of(first)
    sink = ask(handlers, HASH)
    node.store.put(b"1", b"new")
    node.lessor.grant(8, 60, 0.0)
    node.compact(node.current_revision)
    finish(node)
    assert hash_of(sink).hash == hash_of(expected).hash
    assert hash_of(sink).header == header(KEYS + 2)
    after = ask(handlers, HASH)
    finish(node)
    assert hash_of(after).hash != hash_of(expected).hash


def test_a_refusal_may_come_later_but_not_that_of_a_future_revision(handlers: Handlers) -> None:
    with pytest.raises(errors.FUTURE_REV):
        ask(handlers, HASH_KV, KEYS + 2)
    handlers.node.compact(9_000)
    sink = ask(handlers, HASH_KV, 8_000)
    assert sink.status is None
    finish(handlers.node)
    assert (sink.messages, sink.status) == ([], errors.COMPACTED.status)


def test_a_compaction_is_through_when_the_hash_before_it_is(handlers: Handlers) -> None:
    sink, compacted = ask(handlers, HASH_KV), MemorySink()
    handlers.open("Compact", m.CompactionRequest(revision=9_000, physical=True), compacted)
    while sink.status is None:
        assert compacted.status is None
        handlers.node.run_due(0.0)
    finish(handlers.node)
    assert compacted.status == OK


def test_a_compaction_does_not_wait_for_a_hash_that_comes_later(handlers: Handlers) -> None:
    compacted = MemorySink()
    handlers.open("Compact", m.CompactionRequest(revision=9_000, physical=True), compacted)
    first, second = ask(handlers, HASH_KV), ask(handlers, HASH_KV)
    while compacted.status is None:
        assert first.status is None
        handlers.node.run_due(0.0)
    while first.status is None:
        assert second.status is None
        handlers.node.run_due(0.0)
    finish(handlers.node)
    assert hash_kv(first) == hash_kv(second)


@pytest.mark.parametrize("name", [HASH, HASH_KV])
def test_who_goes_away_ends_the_work(handlers: Handlers, name: str) -> None:
    sink = MemorySink()
    request = m.HashRequest() if name == HASH else m.HashKVRequest()
    receiver = handlers.open(name, request, sink)
    receiver.cancelled()  # type: ignore[attr-defined]  # a Receiver
    assert (finish(handlers.node), sink.messages, sink.status) == (0, [], None)


def test_a_compaction_that_goes_on_from_a_file_leaves_no_hash() -> None:
    """As real etcd of 9,000 puts that was killed during its compaction to 8,500."""
    before, node = Node(), Node()
    for number in range(9_000):
        before.store.put(b"%d" % (number % 5_000), b"")
    before.store.compact(8_000)
    before.store.finish_compaction()
    before.store.compact(8_500)
    before.store.compact_step(100)
    load(node, dump(before))
    finish(node)
    assert node.store.hash_at(8_500) == (4069394749, 8_500, 8_500)
    assert node.store.hash_at(0) == (3131731691, 8_500, 9_001)
    with pytest.raises(errors.COMPACTED):
        node.store.hash_at(8_000)


def test_users_and_leases_are_hashed_in_slices_too(handlers: Handlers) -> None:
    node = handlers.node
    for number in range(3_000):
        node.auth.user_add(f"u{number}", b"")
        node.lessor.grant(number + 1, 60, 0.0)
    node.lessor.grant(-1, 60, 0.0)
    sink = ask(handlers, HASH)
    node.auth.user_delete("u7")
    node.lessor.revoke(7)
    assert finish(node) > 10
    parts = []
    node.auth.user_add("u7", b"")
    node.lessor.grant(7, 60, 0.0)
    for name, bucket in dump(node).items():
        parts.append(name)
        for key, value in bucket.items():
            if key not in (b"term", b"consistent_index", b"storageVersion", b"authEnabled"):
                parts += [key, value if key != b"authRevision" else bytes(6) + b"\x0b\xb9"]
    assert hash_of(sink).hash == crc32c(b"".join(parts))
