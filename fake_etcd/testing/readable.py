"""Messages, keys and values as people read them: one line, clipped, text where it is text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from fake_etcd.testing import secret

_MOST = 60
"""Bytes or characters of one key or value; what is longer is clipped."""

_MOST_MEMBERS = 8
"""Of one repeated field."""


def text(raw: bytes | str, most: int = _MOST) -> str:
    """A key or a value in quotes: as text where it is some, else as Python writes bytes.

    >>> print(text("ä".encode()), text(b"\\xff"), text(b"x" * 100, most=3))
    'ä' b'\\xff' 'xxx'... (100 bytes)
    """
    shown = _quoted(raw[:most])
    if len(shown) > most + len("b''"):  # most of it is escapes, of up to four characters
        shown = _quoted(raw[: most // 4])
    unit = "bytes" if isinstance(raw, bytes) else "characters"
    return f"{shown}... ({len(raw)} {unit})" if len(raw) > most else shown


def clipped(line: str, most: int) -> str:
    """As much of a line as there is room for."""
    return line if len(line) <= most else line[: most - 3] + "..."


def fields(message: Message, without: Iterable[str] = ()) -> str:
    """The fields that are set, as they stand in a call: "key='a', value='1'".

    Args:
        message: whose.
        without: names of fields that are left out.
    """
    left_out = frozenset(without)
    return ", ".join(
        f"{field.name}={_value(field, value)}"
        for field, value in message.ListFields()
        if field.name not in left_out
    )


def _quoted(raw: bytes | str) -> str:
    if isinstance(raw, str):
        return repr(raw)
    try:
        return repr(raw.decode())
    except UnicodeDecodeError as error:
        # A character that the clipping cut in two is no reason to show bytes.
        if error.end == len(raw) and error.start > 0 and len(raw) - error.start < 4:
            return _quoted(raw[: error.start])
        return repr(raw)


def _value(field: FieldDescriptor, value: Any) -> str:
    if secret.is_secret(field):
        return secret.MASK
    if isinstance(value, (bytes, str, int, float, Message)):
        return _one(field, value)
    shown = [_one(field, one) for one in _first(value)]
    if len(value) > _MOST_MEMBERS:
        shown.append(f"... {len(value) - _MOST_MEMBERS} more")
    return f"[{', '.join(shown)}]"


def _first(values: Iterable[Any]) -> Iterator[Any]:
    for number, value in enumerate(values):
        if number == _MOST_MEMBERS:
            return
        yield value


def _one(field: FieldDescriptor, value: Any) -> str:
    if isinstance(value, (bytes, str)):
        return text(value)
    if isinstance(value, Message):
        if value.DESCRIPTOR.full_name == "mvccpb.KeyValue":
            return _key_value(value)
        return f"({fields(value, without=('header',))})"
    if field.enum_type is not None and value in field.enum_type.values_by_number:
        return str(field.enum_type.values_by_number[value].name)
    return repr(value)


def _key_value(kv: Any) -> str:
    """ "'a': '1' @3", the last its mod_revision; a deleted key has no value."""
    value = f": {text(kv.value)}" if kv.create_revision or kv.value else ""
    return f"{text(kv.key)}{value}" + (f" @{kv.mod_revision}" if kv.mod_revision else "")
