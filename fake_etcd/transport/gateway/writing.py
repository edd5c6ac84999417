"""From a message to JSON, as etcd's gateway writes it.

Names are the proto ones, 64-bit integers are strings, bytes base64, enums names where they have
one; what has its default value is left out. Go's protojson puts a space behind a comma in some
builds and in others none, so that nobody relies on it; here is none.

Go: google.golang.org/protobuf encoding/protojson encode.go; for streams encoding/json `compact`.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from collections.abc import Callable, Iterator

from google.protobuf.message import DecodeError, Message

from fake_etcd.api import messages as m
from fake_etcd.api.deep import decoder_of
from fake_etcd.api.status import Status
from fake_etcd.transport.gateway.fields import JsonField, JsonMessage, Kind, table_of


def write_encoded(cls: type[Message], encoded: bytes) -> str:
    """The JSON of a message that is encoded already."""
    table = table_of(cls)
    try:
        return write(table, cls.FromString(encoded))
    except DecodeError:
        return _write_deep(table, decoder_of(cls)(encoded))


def write(table: JsonMessage, message: Message) -> str:
    """A message's JSON."""
    by_number = table.by_number
    parts = []
    for descriptor, value in message.ListFields():
        field = by_number[descriptor.number]
        one = _ONE[field.kind]
        if field.is_repeated:
            inner = ",".join([one(field, each) for each in value])
            parts.append(f'"{field.name}":[{inner}]')
        else:
            parts.append(f'"{field.name}":{one(field, value)}')
    return "{" + ",".join(parts) + "}"


def _write_deep(table: JsonMessage, message: Message) -> str:
    """The same of one that is too deep for the usual way: what is inside waits in a list."""
    parts: list[str] = []
    open_ = [_pieces(table, message)]
    while open_:
        for piece in open_[-1]:
            if isinstance(piece, str):
                parts.append(piece)
            else:
                open_.append(_pieces(*piece))
                break
        else:
            open_.pop()
    return "".join(parts)


def _pieces(table: JsonMessage, message: Message) -> Iterator[str | tuple[JsonMessage, Message]]:
    """A message's JSON in pieces, of which those that are messages have still to be written."""
    separator = "{"
    for descriptor, value in message.ListFields():
        field = table.by_number[descriptor.number]
        yield f'{separator}"{field.name}":'
        separator = ","
        if field.message is None:
            one = _ONE[field.kind]
            is_list = field.is_repeated
            yield (
                f"[{','.join([one(field, each) for each in value])}]"
                if is_list
                else one(field, value)
            )
        elif field.is_repeated:
            yield "["
            for number, each in enumerate(value):
                if number:
                    yield ","
                yield field.message, each
            yield "]"
        else:
            yield field.message, value
    yield "{}" if separator == "{" else "}"


def _of_bool(field: JsonField, value: bool) -> str:
    return "true" if value else "false"


def _of_bytes(field: JsonField, value: bytes) -> str:
    return f'"{_base64(value)}"'


def _of_string(field: JsonField, value: str) -> str:
    return quoted(value)


def _of_short(field: JsonField, value: int) -> str:
    return str(value)


def _of_long(field: JsonField, value: int) -> str:
    return f'"{value}"'


def _of_enum(field: JsonField, value: int) -> str:
    name = field.enum_names.get(value)
    return f'"{name}"' if name is not None else str(value)


def _of_message(field: JsonField, value: Message) -> str:
    assert field.message is not None, "a field of this kind has a table"
    if isinstance(value, m.ResponseHeader):
        return _of_header(field.message, value)
    if isinstance(value, m.KeyValue):
        return _of_key_value(field.message, value)
    return write(field.message, value)


# What nearly every answer has: without the way by the table a range of one key takes half the time.


def _of_header(table: JsonMessage, header: m.ResponseHeader) -> str:
    cluster, member = header.cluster_id, header.member_id
    revision, term = header.revision, header.raft_term
    if not (cluster and member and revision and term):
        return write(table, header)
    return (
        f'{{"cluster_id":"{cluster}","member_id":"{member}",'
        f'"revision":"{revision}","raft_term":"{term}"}}'
    )


def _of_key_value(table: JsonMessage, pair: m.KeyValue) -> str:
    key, value, lease = pair.key, pair.value, pair.lease
    created, modified, version = pair.create_revision, pair.mod_revision, pair.version
    if not (key and value and created and modified and version):
        return write(table, pair)
    of_lease = f',"lease":"{lease}"' if lease else ""
    return (
        f'{{"key":"{_base64(key)}","create_revision":"{created}","mod_revision":"{modified}",'
        f'"version":"{version}","value":"{_base64(value)}"{of_lease}}}'
    )


def _base64(value: bytes) -> str:
    return b2a_base64(value, newline=False).decode("ascii")


_ONE: dict[Kind, Callable[..., str]] = {
    Kind.BOOL: _of_bool,
    Kind.BYTES: _of_bytes,
    Kind.STRING: _of_string,
    Kind.INT32: _of_short,
    Kind.UINT32: _of_short,
    Kind.INT64: _of_long,
    Kind.UINT64: _of_long,
    Kind.ENUM: _of_enum,
    Kind.MESSAGE: _of_message,
}

_ESCAPED = re.compile(r'[\x00-\x1f"\\]')
_SHORT = {"\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\"}


def quoted(text: str) -> str:
    """A string as protojson writes it: everything but control characters as it is."""
    return f'"{_ESCAPED.sub(_escape, text)}"' if _ESCAPED.search(text) else f'"{text}"'


def _escape(match: re.Match[str]) -> str:
    char = match[0]
    return _SHORT.get(char) or f"\\u{ord(char):04x}"


def error_of(status: Status) -> str:
    """google.rpc.Status: how a call ended, where that was not well."""
    parts = []
    if status.code:
        parts.append(f'"code":{int(status.code)}')
    if status.message:
        parts.append(f'"message":{quoted(status.message)}')
    return "{" + ",".join(parts) + "}"


_OF_HTML = re.compile("[<>&\u2028\u2029]")


def chunk(name: str, content: str) -> bytes:
    """A line of a stream, of a "result" or the "error", which Go makes fit to stand in HTML."""
    safe = _OF_HTML.sub(lambda char: f"\\u{ord(char[0]):04x}", content)
    return f'{{"{name}":{safe}}}\n'.encode("utf-8", "replace")
