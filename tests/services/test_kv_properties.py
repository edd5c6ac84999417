"""What holds for any KV request, on the handlers themselves. `Handlers.call` asserts each time
that the answer is byte for byte what protobuf makes of it."""

from __future__ import annotations

import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from conformance import requests
from fake_etcd.api import errors
from fake_etcd.api import messages as m
from fake_etcd.core.node import Node, NodeConfig
from fake_etcd.services import kv_checks
from tests import strategies as shared
from tests.conformance import naive_etcd
from tests.services.handlers import Handlers, MemorySink

any_requests = st.one_of(
    requests.ranges, requests.puts, requests.good_puts, requests.deletes, requests.txns
)
METHOD_OF = {
    m.RangeRequest: "Range",
    m.PutRequest: "Put",
    m.DeleteRangeRequest: "DeleteRange",
    m.TxnRequest: "Txn",
}


def do(handlers: Handlers, request: Message) -> Message | None:
    """The answer, or None for a refusal."""
    try:
        return handlers.call(METHOD_OF[type(request)], request)
    except errors.EtcdError:
        return None


def history(past: list[Message]) -> Handlers:
    handlers = Handlers(Node())
    for request in past:
        do(handlers, request)
    return handlers


writes = st.lists(
    st.one_of(
        requests.good_puts,
        requests.good_deletes,
        st.builds(
            lambda keys: m.TxnRequest(
                success=[m.RequestOp(request_put=m.PutRequest(key=key)) for key in keys]
            ),
            st.sets(requests.keys),
        ),
    ),
    max_size=12,
)


@given(st.lists(any_requests, max_size=12))
def test_a_refused_request_changes_nothing(asked: list[Message]) -> None:
    handlers = Handlers(Node())
    for request in asked:
        before = handlers.everything()
        if do(handlers, request) is None or isinstance(request, m.RangeRequest):
            assert handlers.everything() == before
        handlers.node.store.check()


@given(st.lists(any_requests, max_size=12))
def test_the_header_has_the_newest_revision(asked: list[Message]) -> None:
    handlers = Handlers(Node())
    for request in asked:
        answer = do(handlers, request)
        if answer is not None:
            revision = answer.header.revision  # type: ignore[attr-defined]  # all four have it
            assert revision == handlers.node.store.current_revision


@given(writes, shared.ranges)
def test_a_range_is_what_its_options_say(past: list[Message], request: m.RangeRequest) -> None:
    handlers = history(past)
    everything = handlers.everything()
    expected = naive_etcd.select(everything.kvs, request)
    expected.header.CopyFrom(everything.header)
    assert handlers.range(request) == expected


@given(writes, shared.ranges)
def test_a_transaction_of_one_range_answers_as_the_range(
    past: list[Message], request: m.RangeRequest
) -> None:
    handlers = history(past)
    alone = handlers.range(request)
    answer = handlers.txn(m.TxnRequest(success=[m.RequestOp(request_range=request)]))
    alone.header.CopyFrom(m.ResponseHeader(revision=alone.header.revision))
    assert list(answer.responses) == [m.ResponseOp(response_range=alone)]


@given(writes, st.one_of(requests.good_puts, requests.good_deletes))
def test_a_transaction_of_one_write_leaves_what_the_write_leaves(
    past: list[Message], request: m.PutRequest | m.DeleteRangeRequest
) -> None:
    alone, inside = history(past), history(past)
    do(alone, request)
    if isinstance(request, m.PutRequest):
        operation = m.RequestOp(request_put=request)
    else:
        operation = m.RequestOp(request_delete_range=request)
    inside.txn(m.TxnRequest(success=[operation]))
    assert inside.everything() == alone.everything()


@given(
    keys=st.sets(st.integers(0, 99)),
    value_size=st.sampled_from((0, 30, 900)),
    limit=st.integers(0, 60),
    room=st.integers(1, 3),
    keys_only=st.booleans(),
)
def test_chunks_joined_are_the_range(
    keys: set[int], value_size: int, limit: int, room: int, keys_only: bool
) -> None:
    """Whatever the sizes, however seldom the sink has room."""
    handlers = Handlers(Node(NodeConfig(max_request_bytes=2_000)))
    for key in keys:
        do(handlers, m.PutRequest(key=b"k%02d" % key, value=b"v" * value_size))
    request = m.RangeRequest(key=b"\0", range_end=b"\0", limit=limit, keys_only=keys_only)
    sink = MemorySink(room)
    receiver = handlers.open("RangeStream", request, sink)
    chunks: list[bytes] = []
    while sink.status is None:
        assert 0 < len(sink.messages) <= room, "no chunk is made before there is room for it"
        chunks += sink.messages
        sink.messages.clear()
        receiver.writable()  # type: ignore[attr-defined]  # a Receiver
    chunks += sink.messages
    joined = m.RangeResponse()
    for chunk in chunks:
        message = m.RangeStreamResponse.FromString(chunk)
        assert message.SerializeToString() == chunk
        joined.MergeFrom(message.range_response)
    assert joined == handlers.range(request)


def check_overlaps(operations: list[m.RequestOp]) -> None:
    """What the handler does with one branch."""
    transaction = kv_checks.check_txn(m.TxnRequest(success=operations), 1_000)
    kv_checks.check_overlaps(transaction.success)


@given(st.lists(shared.changes, max_size=5))
def test_overlaps_are_found_as_by_trying_every_pair(operations: list[m.RequestOp]) -> None:
    try:
        naive_etcd.check_overlaps(operations)
    except errors.DUPLICATE_KEY:
        with pytest.raises(errors.DUPLICATE_KEY):
            check_overlaps(operations)
    else:
        check_overlaps(operations)


def test_overlaps_in_a_full_transaction_are_found_quickly() -> None:
    """64 nested transactions, each with 64 deletions or puts: 8 million pairs to try."""

    def nested(start: int) -> m.RequestOp:
        branch = [
            m.RequestOp(request_delete_range=m.DeleteRangeRequest(key=b"d%05d" % i))
            if i % 2
            else m.RequestOp(request_put=m.PutRequest(key=b"p%05d" % i))
            for i in range(start, start + 64)
        ]
        return m.RequestOp(request_txn=m.TxnRequest(success=branch))

    operations = [nested(start * 64) for start in range(64)]
    check_overlaps(operations)
    operations.append(m.RequestOp(request_put=m.PutRequest(key=b"d00001")))
    with pytest.raises(errors.DUPLICATE_KEY):
        check_overlaps(operations)
