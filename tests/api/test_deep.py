"""Transactions in one another are decoded as deep as Go's protobuf lets them be."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from google.protobuf.message import DecodeError, Message
from hypothesis import given
from hypothesis import strategies as st

from fake_etcd.api import messages as m
from fake_etcd.api.deep import MAX_DEPTH, TooDeep, decoder_of

REQUEST = decoder_of(m.TxnRequest)
RESPONSE = decoder_of(m.TxnResponse)


def field(number: int, content: bytes) -> bytes:
    """A field that is a message, or bytes."""
    size, length = len(content), b""
    while size > 0x7F:
        length += bytes([size & 0x7F | 0x80])
        size >>= 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + content


def nested(content: bytes, depth: int) -> bytes:
    """A TxnRequest with so many others around it."""
    for _ in range(depth):
        content = field(2, field(4, content))
    return content


def innermost(message: Message, depth: int) -> m.TxnRequest:
    assert isinstance(message, m.TxnRequest)
    for _ in range(depth):
        (operation,) = message.success
        message = operation.request_txn
    return message


RANGE = field(2, field(1, field(1, b"a")))
"""A TxnRequest that holds a RequestOp that holds a RangeRequest."""


@pytest.mark.parametrize(
    ("content", "depth"),
    [(b"", 4_999), (field(2, b""), 4_999), (RANGE, 4_998), (field(9, b"x"), 4_999)],
)
def test_the_deepest_that_go_takes_is_taken(content: bytes, depth: int) -> None:
    inside = innermost(REQUEST(nested(content, depth)), depth)
    assert inside == m.TxnRequest.FromString(content)


@pytest.mark.parametrize(("content", "depth"), [(b"", 5_000), (RANGE, 4_999), (RANGE, 9_000)])
def test_what_go_finds_too_deep_is_too_deep(content: bytes, depth: int) -> None:
    assert 2 * depth + 1 + (2 if content else 0) > MAX_DEPTH
    with pytest.raises(TooDeep):
        REQUEST(nested(content, depth))


def test_the_first_fault_is_told() -> None:
    bad = field(1, b"\x0a\xff")
    for encoded, is_deep in (
        (nested(b"", 6_000) + bad, True),
        (bad + nested(b"", 6_000), False),
        (nested(b"", 60) + bad, False),
        (nested(bad, 60), False),
        (nested(b"\x12\xff", 200), False),
        (nested(b"\x12", 200), False),
        (nested(b"\x0d1", 200), False),
        (nested(b"\x0c", 200), False),
        (nested(b"\x08" + b"\xff" * 11, 200), False),
    ):
        with pytest.raises(DecodeError) as raised:
            REQUEST(encoded)
        assert isinstance(raised.value, TooDeep) == is_deep


def test_a_response_is_as_deep() -> None:
    encoded = field(1, b"\x18\x07")
    for _ in range(2_000):
        encoded = b"\x10\x01" + field(3, field(4, encoded))
    message = RESPONSE(encoded)
    for _ in range(2_000):
        assert isinstance(message, m.TxnResponse)
        assert message.succeeded
        (operation,) = message.responses
        message = operation.response_txn
    assert message == m.TxnResponse(header=m.ResponseHeader(revision=7))


def test_groups_that_nobody_knows_are_passed_over() -> None:
    group = b"\x7b\x12\x01a\x08\x01\x0d1234\x73\x74\x7c"
    content = RANGE + group + RANGE
    assert len(innermost(REQUEST(nested(content, 60)), 60).success) == 2


# The way of it, also where the runtime would have managed

_bytes = st.binary(max_size=3)
_ops: st.SearchStrategy[bytes] = st.lists(
    st.sampled_from(
        [field(1, field(1, b"a")), field(2, field(1, b"b")), field(3, b""), b"\x48\x01"]
    )
    | st.builds(field, st.just(4), st.deferred(lambda: _txns)),
    max_size=3,
).map(b"".join)
_txns: st.SearchStrategy[bytes] = st.lists(
    st.builds(field, st.sampled_from([2, 3]), _ops)
    | st.sampled_from([field(1, field(3, b"k")), b"\x48\x01", b"\x4b\x4c"])
    | _bytes,
    max_size=3,
).map(b"".join)


def outcome(decode: Callable[[bytes], Message], encoded: bytes) -> Message | str:
    try:
        return decode(encoded)
    except DecodeError:
        return "refused"


@given(_txns)
def test_it_makes_of_bytes_what_the_runtime_makes(encoded: bytes) -> None:
    around = nested(encoded, 60)
    deep = outcome(REQUEST, around)
    expected = outcome(m.TxnRequest.FromString, encoded)
    assert (innermost(deep, 60) if isinstance(deep, Message) else deep) == expected
