"""Maintenance.Snapshot: the pieces, what they make, and who may have them."""

from __future__ import annotations

import hashlib
import tracemalloc
from collections.abc import Iterator

import pytest

from fake_etcd.api import errors
from fake_etcd.api import messages as m
from fake_etcd.api.status import OK
from fake_etcd.bbolt import Bucket, Database
from fake_etcd.core.node import Node
from fake_etcd.core.snapshot.dump import dump
from fake_etcd.services.snapshot_stream import PIECE_BYTES, pieces
from tests.services.client import TIMEOUT_SECONDS, KvClient
from tests.services.handlers import Handlers, MemorySink

PATH = "/etcdserverpb.Maintenance/Snapshot"

Buckets = dict[bytes, dict[bytes, bytes]]


def filled(keys: int = 500) -> Node:
    node = Node()
    for number in range(keys):
        node.store.put(b"%04d" % number, b"v" * 200)
    return node


def answers(sink: MemorySink) -> list[m.SnapshotResponse]:
    return [m.SnapshotResponse.FromString(message) for message in sink.messages]


def joined(found: list[m.SnapshotResponse]) -> bytes:
    """The file that the answers are, whose form is looked at."""
    *parts, digest = found
    left = sum(len(part.blob) for part in parts)
    for part in parts:
        left -= len(part.blob)
        assert part == m.SnapshotResponse(remaining_bytes=left, blob=part.blob, version="3.7.0")
    assert {len(part.blob) for part in parts[:-1]} <= {PIECE_BYTES}
    file = b"".join(part.blob for part in parts)
    sha256 = hashlib.sha256(file).digest()
    assert digest == m.SnapshotResponse(remaining_bytes=0, blob=sha256, version="3.7.0")
    return file


def read(file: bytes) -> Buckets:
    database = Database.of(file)
    database.check()
    found: Buckets = {}
    for name, bucket in database.root.items():
        assert isinstance(bucket, Bucket)
        found[name] = {key: value for key, value in bucket.items() if isinstance(value, bytes)}
    return found


def buckets_of(node: Node) -> Buckets:
    return {name: dict(pairs.items()) for name, pairs in dump(node).items()}


@pytest.mark.parametrize("keys", [0, 1, 500])
def test_it_is_the_database_in_pieces_and_their_digest(keys: int) -> None:
    node, sink = filled(keys), MemorySink()
    Handlers(node).open("Maintenance/Snapshot", m.SnapshotRequest(), sink)
    assert read(joined(answers(sink))) == buckets_of(node)
    assert sink.status == OK


def test_a_slow_reader_gets_what_there_was_when_it_asked() -> None:
    node, sink = filled(), MemorySink(room=1)
    was = buckets_of(node)
    receiver = Handlers(node).open("Maintenance/Snapshot", m.SnapshotRequest(), sink)
    found: list[m.SnapshotResponse] = []
    while sink.status is None:
        assert len(sink.messages) == 1  # no more than there is room for
        found += answers(sink)
        sink.messages.clear()
        node.store.put(b"0001", b"new")
        node.store.delete_range(b"0002", None)
        node.compact(node.store.current_revision)
        while node.store.compact_step(10_000):
            pass
        receiver.writable()
    found += answers(sink)
    assert len(found) > 4
    assert read(joined(found)) == was


def test_a_stream_holds_no_second_copy_of_what_it_sends() -> None:
    node = Node()
    for number in range(1_000):
        node.store.put(b"%04d" % number, b"v" * 8_000)
    sink, sent = MemorySink(room=1), 0
    handlers = Handlers(node)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        receiver = handlers.open("Maintenance/Snapshot", m.SnapshotRequest(), sink)
        while sink.status is None:
            sent += sum(map(len, sink.messages))
            sink.messages.clear()
            receiver.writable()
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert sent > 8_000_000
    assert peak < sent / 8


def test_who_hangs_up_is_sent_no_more() -> None:
    node, sink = filled(), MemorySink(room=1)
    receiver = Handlers(node).open("Maintenance/Snapshot", m.SnapshotRequest(), sink)
    receiver.cancelled()
    receiver.writable()
    assert (len(sink.messages), sink.status) == (1, None)


def test_who_hangs_up_while_it_is_planned_is_sent_nothing() -> None:
    node, sink = filled(), MemorySink()
    works: list[object] = []
    node.aside = works.append
    receiver = Handlers(node).open("Maintenance/Snapshot", m.SnapshotRequest(), sink)
    receiver.writable()
    receiver.cancelled()
    (work,) = works
    assert callable(work)
    work()()
    assert (sink.messages, sink.status) == ([], None)


def test_root_alone_may_have_it() -> None:
    node = filled(1)
    node.auth.user_add("root", b"")
    node.auth.user_grant_role("root", "root")
    node.auth.user_add("u", b"")
    node.auth.auth_enable()
    sink = MemorySink()
    with pytest.raises(errors.USER_EMPTY):
        Handlers(node).open("Maintenance/Snapshot", m.SnapshotRequest(), sink)
    token = node.tokens.assign("u", node.auth.revision)
    with pytest.raises(errors.PERMISSION_DENIED):
        Handlers(node).open("Maintenance/Snapshot", m.SnapshotRequest(), sink, (("token", token),))
    assert sink.messages == []


def test_over_a_connection(etcd: KvClient) -> None:
    for number in range(300):
        etcd.put(key=b"%04d" % number, value=b"v" * 500)
    call = etcd.channel.unary_stream(
        PATH, m.SnapshotRequest.SerializeToString, m.SnapshotResponse.FromString
    )
    stream: Iterator[m.SnapshotResponse] = call(m.SnapshotRequest(), timeout=TIMEOUT_SECONDS)
    buckets = read(joined(list(stream)))
    assert len(buckets[b"key"]) == 300


def test_pieces_are_cut_whatever_the_pages() -> None:
    pages = [b"a" * 70_000, b"", b"b" * 28_304, b"c"]
    found = list(pieces(iter(pages)))
    assert [len(piece) for piece in found] == [PIECE_BYTES] * 3 + [1]
    assert b"".join(found) == b"".join(pages)
