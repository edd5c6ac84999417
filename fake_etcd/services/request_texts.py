"""Requests as etcd's log shows them: Go's two text formats of protobuf, secrets and values hidden.

etcd: api/etcdserverpb/raft_internal_stringer.go, which writes what it hides in the old format and
leaves the rest to the new one. Go: google.golang.org/protobuf/internal/encoding/text
(`appendString`; between fields it has one blank or two, by the program that it is built into: here
it is one), github.com/golang/protobuf (`proto.CompactTextString`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from fake_etcd.api import messages as m

_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])")
_MARKS = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def text(message: Message) -> str:
    """A message on one line, as Go's `String` has it.

    >>> text(m.RangeRequest(key=b"a", limit=2, sort_order=m.RangeRequest.DESCEND))
    'key:"a" limit:2 sort_order:DESCEND'
    """
    return " ".join(
        f"{field.name}:{_value(field, each)}"
        for field, value in message.ListFields()
        for each in (value if _is_many(value) else (value,))
    )


def _is_many(value: object) -> bool:
    return not isinstance(value, (Message, bytes, str, int))


def _value(field: FieldDescriptor, value: object) -> str:
    if isinstance(value, Message):
        return "{" + text(value) + "}"
    if isinstance(value, bytes):
        return quoted(value)
    if isinstance(value, str):
        return quoted(value.encode())
    if isinstance(value, bool):
        return "true" if value else "false"
    assert isinstance(value, int), "etcd's requests have no fractions"
    known = field.enum_type and field.enum_type.values_by_number.get(value)
    return known.name if known else str(value)


def quoted(value: bytes) -> str:
    r"""A string of the new format: UTF-8 as it is, but for controls; other bytes by numbers.

    >>> quoted(b"a\x00\xc3\xa4\xff")
    '"a\\x00ä\\xff"'
    """
    characters = value.decode(errors="surrogateescape")
    return '"' + "".join(map(_escaped, characters)) + '"'


def _escaped(character: str) -> str:
    if character in _MARKS:
        return _MARKS[character]
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:  # a byte that is no UTF-8
        return f"\\x{number - 0xDC00:02x}"
    if number < 0x20 or number == 0x7F:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if 0x7F < number <= 0x9F else character


def quoted_old(value: bytes) -> str:
    r"""A string of the old format: all that is not ASCII by octal numbers.

    >>> quoted_old(b"a\x00\xc3\xa4")
    '"a\\000\\303\\244"'
    """
    return '"' + "".join(map(_escaped_old, value)) + '"'


def _escaped_old(byte: int) -> str:
    character = chr(byte)
    if character in _MARKS:
        return _MARKS[character]
    return character if 0x20 <= byte < 0x7F else f"\\{byte:03o}"


def _old(fields: Iterable[tuple[str, object]]) -> str:
    """Fields that are not empty, each with a blank behind it."""
    return "".join(f"{name}:{_old_value(value)} " for name, value in fields if value)


def _old_value(value: object) -> str:
    if isinstance(value, bytes):
        return quoted_old(value)
    return "true" if value is True else str(value)


def put_text(put: m.PutRequest) -> str:
    """A put without its value, but with the size of it.

    >>> put_text(m.PutRequest(key=b"a", value=b"secret", prev_kv=True))
    'key:"a" value_size:6 prev_kv:true '
    """
    return _old(
        (
            ("key", put.key),
            ("value_size", len(put.value)),
            ("lease", put.lease),
            ("prev_kv", put.prev_kv),
            ("ignore_value", put.ignore_value),
            ("ignore_lease", put.ignore_lease),
        )
    )


def txn_text(txn: m.TxnRequest) -> str:
    """A transaction, and those in it, without the values.

    >>> txn_text(m.TxnRequest(success=[m.RequestOp(request_put=m.PutRequest(key=b"a"))]))
    'compare:<> success:<request_put:<key:"a" >> failure:<>'
    """
    compares = " ".join(map(_compare_text, txn.compare))
    success = " ".join(map(_op_text, txn.success))
    failure = " ".join(map(_op_text, txn.failure))
    return f"compare:<{compares}> success:<{success}> failure:<{failure}>"


def _op_text(op: m.RequestOp) -> str:
    kind = op.WhichOneof("request")
    if kind == "request_put":
        return f"request_put:<{put_text(op.request_put)}>"
    if kind == "request_txn":
        return f"request_txn:<{txn_text(op.request_txn)}>"
    return text(op)


# Without those that are 0, which is not said; a number without a name stands for itself.
_RESULTS = {number: name for name, number in m.Compare.CompareResult.items() if number}
_TARGETS = {number: name for name, number in m.Compare.CompareTarget.items() if number}


def _compare_text(compare: m.Compare) -> str:
    if compare.WhichOneof("target_union") != "value":
        return text(compare)
    return _old(
        (
            ("result", _RESULTS.get(compare.result, compare.result)),
            ("target", _TARGETS.get(compare.target, compare.target)),
            ("key", compare.key),
            ("value_size", len(compare.value)),
            ("range_end", compare.range_end),
        )
    )


# What is in etcd's own log of changes


def entry_text(header: str, request: Message, response: Message | None) -> str:
    """A request as an entry of etcd's log: an InternalRaftRequest, with secrets hidden.

    Args:
        header: the fields of its header, as text.
        request: what was asked for.
        response: the answer; it has what the entry has of its own, an id or a token.
    """
    name = _WORD.sub("_", type(request).__name__.removesuffix("Request")).lower()
    hidden = _hidden(request, response)
    if hidden is None:
        return f"header:{{{header}}} {name}:{{{text(request)}}}"
    return f"header:<{header}> {name}:<{hidden}>"


def _hidden(request: Message, response: Message | None) -> str | None:
    """What shows of a request that is not shown as it is; None for the others."""
    if isinstance(request, m.PutRequest):
        return put_text(request)
    if isinstance(request, m.TxnRequest):
        return txn_text(request)
    if isinstance(request, m.LeaseGrantRequest):
        id = response.ID if isinstance(response, m.LeaseGrantResponse) else request.ID
        return f"ttl:{request.TTL}-second id:{id & (1 << 64) - 1:016x}"
    if isinstance(request, m.LeaseRevokeRequest):
        return f"id:{request.ID & (1 << 64) - 1:016x}"
    if isinstance(request, m.AuthenticateRequest):
        token = response.token if isinstance(response, m.AuthenticateResponse) else ""
        parts = token.split(".")  # a signed token has three, and its entry none of them
        return f"name:{request.name} simple_token:{parts[0] if len(parts) == 2 else ''}"
    if isinstance(request, (m.AuthUserAddRequest, m.AuthUserChangePasswordRequest)):
        return f"name:{request.name}"
    return None
