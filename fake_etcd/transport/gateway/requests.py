"""From the body of a call to its request: which of its bytes count, and how large it may be.

What one JSON value means is `reading`'s, where it ends `values`'.

Go: grpc-gateway's generated `request_…` functions, encoding/json stream.go. Answers recorded from
etcd 3.7.3.
"""

from __future__ import annotations

from google.protobuf.message import Message

from fake_etcd.api.errors import StatusError
from fake_etcd.api.status import Code, Status
from fake_etcd.transport.gateway.fields import JsonMessage, table_of
from fake_etcd.transport.gateway.heads import Head
from fake_etcd.transport.gateway.reading import Unreadable, read, read_quickly
from fake_etcd.transport.gateway.values import NotJson, Values
from fake_etcd.transport.grpc import errors

BODY_FACTOR = 16
"""So many times the size of the largest message a value may have: base64 takes a third more, names
and spaces what they take, and what is more than a message is refused in etcd's words if it can be
held at all."""

_LARGEST_AT_ONCE = 2**18
"""Bytes of a body that is looked at when all of it is here: beyond, who else calls is not to wait
for it, nor who sends what is no JSON for an answer."""

_LARGEST_QUICK = 2**23
"""Bytes of a value that the quick way reads, which may take ten times as much memory."""


def value_too_large(limit: int) -> Status:
    """What is said of it; nobody knows how large it would have been."""
    return errors.message_too_large(BODY_FACTOR * limit + 1, limit)


class FirstValue:
    """The first value of a body that comes in pieces, and its message; of all else nothing is kept.

    Args:
        table: of the message.
        limit: bytes that it may have.
    """

    __slots__ = ("_body", "_found", "_limit", "_read_bytes", "_table", "_values", "_wrong")

    def __init__(self, table: JsonMessage, limit: int) -> None:
        self._table = table
        self._limit = limit
        self._body = bytearray()
        self._values: Values | None = None
        self._found: tuple[Message, int] | None = None
        self._read_bytes: int | None = None
        self._wrong: StatusError | None = None

    @property
    def held_bytes(self) -> int:
        """Bytes that are kept."""
        if self._found is not None:
            return self._found[1]
        return self._values.held_bytes if self._values is not None else len(self._body)

    @property
    def wrong(self) -> StatusError | None:
        """What is wrong with it, whatever comes behind."""
        return self._wrong

    @property
    def read_bytes(self) -> int | None:
        """Where nothing behind is looked at, since what is wrong with it is told at once: the bytes
        that were. None where all are: Go would have read on."""
        return self._read_bytes

    def add(self, piece: bytes) -> None:
        """More of the body."""
        if self._wrong is not None or self._found is not None:
            return
        if self._values is not None:
            self._values.add(piece)
            self._look(self._values)
            return
        self._body += piece
        if len(self._body) > min(_LARGEST_AT_ONCE, BODY_FACTOR * self._limit):
            self.look()

    def look(self) -> None:
        """Look at what is here, though there may be more."""
        if self._values is None:
            self._values = Values()
            self._values.add(bytes(self._body))
            self._body.clear()
            self._look(self._values)

    def _look(self, values: Values) -> None:
        try:
            value = _taken(values)
            size = values.held_bytes if value is None else len(value)
            if size > BODY_FACTOR * self._limit:
                self._wrong = StatusError(value_too_large(self._limit))
            elif value is not None:
                self._found = _message_of_value(self._table, value), size
        except StatusError as error:
            self._read_bytes = values.read_bytes
            self._wrong = error
        if self._wrong is not None or self._found is not None:
            values.clear()

    def end(self, broken: str = "") -> tuple[Message, int]:
        """The message that it makes, and the bytes that it took; the body is over, or `broken`.

        Raises:
            StatusError: see `message_of`.
        """
        if self._wrong is not None:
            raise self._wrong
        if self._found is not None:
            found, self._found = self._found, None
            return found
        if self._values is None:
            body = bytes(self._body)
            self._body.clear()
            return message_of(self._table, body, broken), len(body)
        value = _last(self._values, broken)
        if value is None:
            return self._table.cls(), 0
        return _message_of_value(self._table, value), len(value)


def request_of(head: Head, body: bytes) -> Message:
    """The request of a method that takes one, whose body is here; see `message_of`.

    Raises:
        StatusError: there is no sense in it, or in the head; what serves it is not asked.
    """
    request = message_of(table_of(head.method.request), body if head.has_body else b"")
    if head.refusal is not None:
        raise StatusError(head.refusal)
    return request


def message_of(table: JsonMessage, body: bytes, broken: str = "") -> Message:
    """The message of a body's first value; the empty one where there is none.

    Args:
        broken: why there is no more of the body, where that is not its end.

    Raises:
        StatusError: there is no sense in it.
    """
    message = read_quickly(table, body)
    if message is not None:
        return message
    values = Values()
    values.add(body)
    value = _taken(values) or _last(values, broken)
    return _exactly(table, value) if value is not None else table.cls()


def _taken(values: Values) -> bytes | None:
    try:
        return values.take()
    except NotJson as error:
        raise StatusError(Status(Code.INVALID_ARGUMENT, str(error))) from None


def _last(values: Values, broken: str) -> bytes | None:
    try:
        if broken:
            raise NotJson(broken)
        return values.end()
    except NotJson as error:
        raise StatusError(Status(Code.INVALID_ARGUMENT, str(error))) from None


def _message_of_value(table: JsonMessage, value: bytes) -> Message:
    message = read_quickly(table, value) if len(value) <= _LARGEST_QUICK else None
    return message or _exactly(table, value)


def _exactly(table: JsonMessage, value: bytes) -> Message:
    try:
        return read(table, value)
    except Unreadable as error:
        raise StatusError(Status(Code.INVALID_ARGUMENT, f"proto: {error}")) from None


def check_size(message: Message, written_bytes: int, limit: int) -> None:
    """Raises StatusError where a message is larger than gRPC takes; in JSON none is shorter than
    half its size."""
    if written_bytes > limit // 2:
        size = message.ByteSize()
        if size > limit:
            raise StatusError(errors.message_too_large(size, limit))
