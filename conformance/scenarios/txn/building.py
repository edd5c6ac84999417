"""Transactions in few words: operations, compares, and keys to begin with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fake_etcd.api import messages as m

from ...session import Session

C = m.Compare


Ops = Sequence[m.RequestOp]


RESULTS = (C.EQUAL, C.GREATER, C.LESS, C.NOT_EQUAL)


ARMS = {C.VERSION: "version", C.CREATE: "create_revision", C.MOD: "mod_revision", C.LEASE: "lease"}


FALSE = C(key=b"none", target=C.VERSION, result=C.GREATER, version=0)


NO_ARM = m.RequestOp()


def put(key: bytes, value: bytes = b"", **options: Any) -> m.RequestOp:
    return m.RequestOp(request_put=m.PutRequest(key=key, value=value, **options))


def get(key: bytes, end: bytes = b"", **options: Any) -> m.RequestOp:
    return m.RequestOp(request_range=m.RangeRequest(key=key, range_end=end, **options))


def delete(key: bytes, end: bytes = b"", **options: Any) -> m.RequestOp:
    request = m.DeleteRangeRequest(key=key, range_end=end, **options)
    return m.RequestOp(request_delete_range=request)


def nested(success: Ops = (), failure: Ops = (), compare: Sequence[m.Compare] = ()) -> m.RequestOp:
    request = m.TxnRequest(success=success, failure=failure, compare=compare)
    return m.RequestOp(request_txn=request)


def field(number: int, content: bytes) -> bytes:
    """A field with a length, encoded."""
    length = len(content)
    size = b""
    while length > 127:
        size += bytes((length % 128 + 128,))
        length //= 128
    return bytes((number << 3 | 2,)) + size + bytes((length,)) + content


def levels(depth: int, innermost: Ops = ()) -> m.RequestOp:
    """Transactions in transactions, `depth` of them."""
    for _ in range(depth):
        innermost = [nested(innermost)]
    return innermost[0]


def encoded_levels(depth: int, innermost: bytes = b"") -> bytes:
    """Likewise, deeper than Python's protobuf goes: the fields of the outermost one."""
    for _ in range(depth):
        innermost = field(2, field(4, innermost))
    return innermost


def has_number(key: bytes, target: int, result: int, given: int) -> m.Compare:
    arm: dict[str, Any] = {ARMS[target]: given}
    return C(key=key, target=target, result=result, **arm)


def has_value(key: bytes, value: bytes, end: bytes = b"") -> m.Compare:
    return C(key=key, range_end=end, target=C.VALUE, value=value)


def put_a_and_b(s: Session) -> None:
    """a has revision 2, b was made at 3 and is at 4."""
    s.put(key=b"a", value=b"1")
    s.put(key=b"b", value=b"1")
    s.put(key=b"b", value=b"2")


def compare_number(s: Session, target: int, actual: int) -> None:
    """Of key b, with the number that it has and those next to it."""
    put_a_and_b(s)
    for result in RESULTS:
        for given in (actual - 1, actual, actual + 1):
            s.txn(compare=[has_number(b"b", target, result, given)])
