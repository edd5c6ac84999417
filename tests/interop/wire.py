"""Protobuf messages as text, without knowing their types: each field a line, by its number.

What has a length is shown as text where it is printable, else as a message where it is one, else
as hex. So two that print the same are the same but for how such doubts are settled, and ids stand
in the open, for a transcript to mask.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_TEXT = re.compile(rb"[ -~\n]*")


class _NoMessage(Exception):
    """These bytes are no message."""


def lines(message: bytes) -> list[str]:
    """The fields of a message in their order, those of nested ones indented.

    >>> lines(bytes([0x0A, 2, 8, 1, 0x12, 1, 97]))
    ['1 {', '  1: 1', '}', "2: 'a'"]

    Raises:
        ValueError: it is no message.
    """
    try:
        return list(_lines(message))
    except _NoMessage:
        raise ValueError(f"no message: {message!r}") from None


def _lines(message: bytes) -> Iterator[str]:
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, kind = key >> 3, key & 7
        if not number:
            raise _NoMessage
        if kind == 0:
            value, at = _varint(message, at)
            yield f"{number}: {value}"
        elif kind == 2:
            length, at = _varint(message, at)
            at += length
            if at > len(message):
                raise _NoMessage
            yield from _of_a_length(number, message[at - length : at])
        else:  # etcd's messages have no other kinds
            raise _NoMessage


def _of_a_length(number: int, content: bytes) -> Iterator[str]:
    if _TEXT.fullmatch(content):
        yield f"{number}: {content.decode()!r}"
        return
    try:
        nested = list(_lines(content))
    except _NoMessage:
        yield f"{number}: 0x{content.hex()}"
        return
    yield f"{number} {{"
    yield from (f"  {line}" for line in nested)
    yield "}"


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """A number, and where what follows begins."""
    value = shift = 0
    while at < len(message) and shift < 64:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise _NoMessage
