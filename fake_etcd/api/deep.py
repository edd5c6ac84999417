"""Decoding of transactions in one another, however deep etcd lets them be.

protobuf's Python runtimes read a hundred messages in one another, Go's ten thousand. Only a
transaction can hold itself, so only its request and its response are read here, and only where the
runtime gave up: a message is gone through once, without recursion, and what is not nested is left
to the runtime.

A transaction that holds one that holds a put, as `_Open`s come and go:

    TxnRequest { success { request_txn { success { request_put } } } }
    1            2         3             4         a field of level 4, in level 5

Go: google.golang.org/protobuf internal/impl/decode.go (`RecursionLimit`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from google.protobuf.message import DecodeError, Message

from fake_etcd.api import messages as m

MAX_DEPTH = 10_000
"""Messages in one another that Go's protobuf takes (protowire.DefaultRecursionLimit)."""


class TooDeep(DecodeError):
    """There are more than `MAX_DEPTH` messages in one another; Go has words of its own for it."""


def decoder_of(cls: type[Message]) -> Callable[[bytes], Message]:
    """What makes a message of this class of bytes.

    It raises DecodeError where there is none in them, and TooDeep, which is one.
    """
    return _DECODERS.get(cls, cls.FromString)


def _decoder(cls: type[Message]) -> Callable[[bytes], Message]:
    def decode(encoded: bytes) -> Message:
        try:
            return cls.FromString(encoded)
        except DecodeError as error:
            return _decode(cls, encoded, error)

    return decode


_DECODERS: dict[type[Message], Callable[[bytes], Message]] = {
    cls: _decoder(cls) for cls in (m.TxnRequest, m.TxnResponse)
}
"""Made once: who binds one for each call is not to make one each time."""


_NESTED: Mapping[type[Message], Mapping[int, str]] = {
    m.TxnRequest: {2: "success", 3: "failure"},
    m.RequestOp: {4: "request_txn"},
    m.TxnResponse: {3: "responses"},
    m.ResponseOp: {4: "response_txn"},
}
"""The fields of each by which it may come to hold itself, by their numbers."""

_LISTS = frozenset({"success", "failure", "responses"})


class _Open:
    """A message that is being read, whose bytes end at `end`."""

    __slots__ = ("end", "fields", "leaves", "message")

    def __init__(self, message: Message, end: int) -> None:
        self.message = message
        self.end = end
        self.fields = _NESTED[type(message)]
        self.leaves = _LEAVES[type(message)]


_LEAVES: Mapping[type[Message], frozenset[int]] = {
    m.TxnRequest: frozenset({1}),
    m.RequestOp: frozenset({1, 2, 3}),
    m.TxnResponse: frozenset({1}),
    m.ResponseOp: frozenset({1, 2, 3}),
}
"""Their other fields that are messages."""

_VARINT, _FIXED64, _BYTES, _START_GROUP, _END_GROUP, _FIXED32 = range(6)


def _decode(cls: type[Message], encoded: bytes, error: DecodeError) -> Message:
    """Raises: `error` where more is wrong with it than its depth; TooDeep."""
    top = cls()
    opened = [_Open(top, len(encoded))]
    at = begin = 0  # of the fields that the runtime is still to read
    while opened:
        here = opened[-1]
        if at >= here.end:
            if at > here.end:
                raise error
            _merge(here.message, encoded[begin:at])
            opened.pop()
            begin = at
            continue
        start = at
        tag, at = _varint(encoded, at, here.end, error)
        number, kind = tag >> 3, tag & 7
        if kind != _BYTES:
            at = _behind(encoded, at, here.end, kind, error)
            continue
        size, at = _varint(encoded, at, here.end, error)
        if size > here.end - at:
            raise error
        name = here.fields.get(number)
        if name is None:
            if number in here.leaves and len(opened) >= MAX_DEPTH:
                raise TooDeep
            at += size
            continue
        _merge(here.message, encoded[begin:start])
        begin = at
        if len(opened) >= MAX_DEPTH:
            raise TooDeep
        opened.append(_Open(_child(here.message, name), at + size))
    return top


def _merge(message: Message, fields: bytes) -> None:
    if fields:
        message.MergeFromString(fields)


def _child(parent: Message, name: str) -> Message:
    """The message of a field, which is there from now on."""
    held = getattr(parent, name)
    if name in _LISTS:
        return cast(Message, cast(Any, held).add())
    child = cast(Message, held)
    child.SetInParent()
    return child


def _varint(data: bytes, at: int, end: int, error: DecodeError) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= end or shift > 63:
            raise error
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _behind(data: bytes, at: int, end: int, kind: int, error: DecodeError) -> int:
    """The place behind a field that is not in the table; what it is the runtime reads."""
    open_groups = 0
    while True:
        if kind == _VARINT:
            _, at = _varint(data, at, end, error)
        elif kind == _BYTES:
            size, at = _varint(data, at, end, error)
            at += size
        elif kind in (_FIXED32, _FIXED64):
            at += 4 if kind == _FIXED32 else 8
        elif kind == _START_GROUP:
            open_groups += 1
        elif kind == _END_GROUP and open_groups:
            open_groups -= 1
        else:
            raise error
        if not open_groups:
            return at
        tag, at = _varint(data, at, end, error)
        kind = tag & 7
