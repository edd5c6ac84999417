"""A call that came as JSON, and what becomes of it, whatever carries its bytes.

A carrier (HTTP/1.1, HTTP/2, a websocket) hands on the body as it comes and takes the answer: whole,
or in chunks. The call itself is that of any other transport: the same endpoints serve it.

Go: grpc-gateway runtime/handler.go (`ForwardResponseMessage`, `ForwardResponseStream`) and what is
generated for each method (etcd: api/etcdserverpb/gw). Answers recorded from etcd 3.7.3.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Protocol

from google.protobuf.message import Message

from fake_etcd.api.errors import EtcdError, StatusError
from fake_etcd.api.methods import Kind
from fake_etcd.api.status import OK, Code, Status
from fake_etcd.services.call import Call, Connection, Endpoint, Receiver, UnaryHandler
from fake_etcd.services.http import HttpResponse
from fake_etcd.transport.gateway import writing
from fake_etcd.transport.gateway.fields import JsonMessage, table_of
from fake_etcd.transport.gateway.heads import (
    CONTENT_TYPE,
    MALFORMED,
    Head,
    Headers,
    http_code,
)
from fake_etcd.transport.gateway.reading import Unreadable, read, read_quickly
from fake_etcd.transport.gateway.values import NotJson, Values
from fake_etcd.transport.grpc import errors
from fake_etcd.transport.http1_answers import CHUNKED

_log = logging.getLogger("fake_etcd.transport")

BODY_FACTOR = 4
"""So many times the size of the largest message a body may have: base64 takes a third more, names
and spaces what they take."""


class Carrier(Protocol):
    """What brings a call its body and takes its answer."""

    def respond(self, response: HttpResponse) -> None:
        """The whole answer."""

    def start(self, status: int, headers: Headers) -> None:
        """The head of an answer that comes in chunks."""

    def send(self, chunk: bytes) -> bool:
        """A chunk; False says that `writable` will be told when there may be more."""

    def finish(self) -> None:
        """There are no more chunks."""


class _Deaf:
    """The receiver of a call whose handler has not answered, or is done."""

    def message(self, request: Message) -> None: ...

    def half_close(self) -> None: ...

    def cancelled(self) -> None: ...

    def writable(self) -> None: ...


_DEAF: Receiver = _Deaf()


def answer_unary(
    head: Head, handler: UnaryHandler, body: bytes, limit: int, connection: Connection
) -> HttpResponse:
    """The answer of a method that has it at once.

    Args:
        limit: bytes that its message may have.
    """
    try:
        request = request_of(head, body)
    except StatusError as error:
        return head.failure(error.status, is_servers=False)
    return answer_request(head, handler, request, len(body), limit, connection)


def answer_request(
    head: Head,
    handler: UnaryHandler,
    request: Message,
    written_bytes: int,
    limit: int,
    connection: Connection,
) -> HttpResponse:
    """The same, of a request that was read already and took so many bytes."""
    try:
        check_size(request, written_bytes, limit)
        encoded = handler(request, Call(head.method, head.metadata, None, connection))
        return head.answer(writing.write_encoded(head.method.response, encoded))
    except EtcdError as error:
        return head.failure(error.status)
    except Exception:
        return head.failure(internal_error(head))


def request_of(head: Head, body: bytes, broken: str = "") -> Message:
    """The request of a method that takes one; see `message_of`.

    Raises:
        StatusError: there is no sense in it, or in the head; what serves it is not asked.
    """
    request = message_of(table_of(head.method.request), body if head.has_body else b"", broken)
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
    if message is None:
        values = Values()
        values.add(body)
        try:
            value = values.take()
            if value is None and broken:
                raise NotJson(broken)
            if value is None:
                value = values.end()
            message = read(table, value) if value is not None else table.cls()
        except NotJson as error:
            raise StatusError(Status(Code.INVALID_ARGUMENT, str(error))) from None
        except Unreadable as error:
            raise StatusError(Status(Code.INVALID_ARGUMENT, f"proto: {error}")) from None
    return message


def check_size(message: Message, written_bytes: int, limit: int) -> None:
    """Raises StatusError where a message is larger than gRPC takes; in JSON none is shorter than
    half its size."""
    if written_bytes > limit // 2:
        size = message.ByteSize()
        if size > limit:
            raise StatusError(errors.message_too_large(size, limit))


def internal_error(head: Head) -> Status:
    _log.exception("bug in the handler of %s", head.method.path)
    return errors.HANDLER_BUG


class _Exchange(ABC):
    """What calls of both kinds have in common.

    Args:
        head: what was asked for.
        endpoint: what serves it.
        limit: bytes that its message may have.
        carrier: what it came by.
        connection: for the handler to know.
        deadline: see `Call`.

    Attributes:
        is_over: everything is said.
    """

    __slots__ = (
        "_body",
        "_carrier",
        "_connection",
        "_endpoint",
        "_head",
        "_limit",
        "_receiver",
        "deadline",
        "is_over",
    )

    def __init__(
        self,
        head: Head,
        endpoint: Endpoint,
        limit: int,
        carrier: Carrier,
        connection: Connection,
        deadline: float | None,
    ) -> None:
        self._head = head
        self._endpoint = endpoint
        self._limit = limit
        self._carrier = carrier
        self._connection = connection
        self.deadline = deadline
        self.is_over = False
        self._body = bytearray()
        self._receiver = _DEAF

    # What the carrier calls

    def too_large(self, size: int | None) -> None:
        """The body is not read to its end; it has so many bytes, where that is known."""
        limit = self._limit
        self._end(errors.message_too_large(size or BODY_FACTOR * limit + 1, limit))

    def cancelled(self) -> None:
        """Its caller is gone."""
        self.is_over = True
        receiver, self._receiver = self._receiver, _DEAF
        _cancel(receiver, self._head)

    def expire(self) -> None:
        """The deadline has come."""
        self._end(errors.EXPIRED)

    @property
    @abstractmethod
    def takes_one(self) -> bool:
        """Whether the body's first value is all that is asked for."""

    @abstractmethod
    def refuse(self, status: Status) -> None:
        """End what the handler has not been asked for."""

    @property
    def request_table(self) -> JsonMessage:
        """What its requests are."""
        return table_of(self._head.method.request)

    @abstractmethod
    def _end(self, status: Status) -> None:
        """Answer so, and tell the handler that it is over."""


class UnaryExchange(_Exchange):
    """A method of one request and one answer: the body's first value is the request.

    The answer may come later, where the handler waits for something. The arguments are those of
    `_Exchange`.
    """

    __slots__ = ("_answer", "_size")

    def __init__(
        self,
        head: Head,
        endpoint: Endpoint,
        limit: int,
        carrier: Carrier,
        connection: Connection,
        deadline: float | None,
    ) -> None:
        super().__init__(head, endpoint, limit, carrier, connection, deadline)
        self._size = 0
        self._answer: bytes | None = None

    # What the carrier calls

    @property
    def held_bytes(self) -> int:
        """Bytes of the body that are kept."""
        return len(self._body)

    @property
    def takes_one(self) -> bool:
        return True

    def open(self) -> None:
        """Nothing comes of it before its request."""

    def data(self, piece: bytes) -> None:
        """A piece of the body."""
        self._size += len(piece)
        if self._size <= BODY_FACTOR * self._limit:
            self._body += piece
        else:
            self._body.clear()

    def end(self, broken: str = "") -> None:
        """The body is whole; or there is no more of it, for this reason."""
        if self.is_over:
            return
        if self._size > BODY_FACTOR * self._limit:
            self._fail(errors.message_too_large(self._size, self._limit))
            return
        head, body = self._head, bytes(self._body)
        self._body.clear()
        try:
            request = request_of(head, body, broken)
        except StatusError as error:
            self.refuse(error.status)
            return
        unary = self._endpoint.unary
        if unary is not None:
            limit, connection = self._limit, self._connection
            self._respond(answer_request(head, unary, request, len(body), limit, connection))
            return
        try:
            check_size(request, len(body), self._limit)
            assert self._endpoint.stream is not None, "an endpoint has one of the two handlers"
            call = Call(head.method, head.metadata, self.deadline, self._connection)
            receiver = self._endpoint.stream(call, self)
            if self.is_over:
                return
            self._receiver = receiver
            receiver.message(request)
            if not self.is_over:
                receiver.half_close()
        except EtcdError as error:
            self._end(error.status)
        except Exception:
            self._end(internal_error(head))

    def writable(self) -> None: ...

    def refuse(self, status: Status) -> None:
        self._respond(self._head.failure(status, is_servers=False))

    def end_stream(self, status: Status) -> None:
        """It is no stream, and goes on."""

    # Sink

    def send(self, message: bytes) -> bool:
        self._answer = message
        return True

    def send_all(self, messages: Sequence[bytes]) -> bool:
        for message in messages:
            self._answer = message
        return True

    def close(self, status: Status = OK) -> None:
        if self.is_over:
            return
        self._receiver = _DEAF
        if status.code is not Code.OK:
            self._fail(status)
        else:
            assert self._answer is not None, "a unary call that went well has an answer"
            head = self._head
            self._respond(head.answer(writing.write_encoded(head.method.response, self._answer)))

    def _end(self, status: Status) -> None:
        receiver, self._receiver = self._receiver, _DEAF
        self._fail(status)
        _cancel(receiver, self._head)

    def _fail(self, status: Status) -> None:
        self._respond(self._head.failure(status, is_servers=status is not errors.EXPIRED))

    def _respond(self, response: HttpResponse) -> None:
        if not self.is_over:
            self.is_over = True
            self._carrier.respond(response)


def _cancel(receiver: Receiver, head: Head) -> None:
    try:
        receiver.cancelled()
    except Exception:
        internal_error(head)  # there is nobody left to be told


class StreamExchange(_Exchange):
    """A method that answers with a stream; where it takes one, the body's values are that.

    A value that makes no sense ends the caller's stream, and nobody is told: what comes behind it
    is not looked at. The arguments are those of `_Exchange`.
    """

    __slots__ = (
        "_has_all",
        "_is_bidi",
        "_is_full",
        "_is_reading",
        "_started",
        "_table",
        "_values",
    )

    def __init__(
        self,
        head: Head,
        endpoint: Endpoint,
        limit: int,
        carrier: Carrier,
        connection: Connection,
        deadline: float | None,
    ) -> None:
        super().__init__(head, endpoint, limit, carrier, connection, deadline)
        self._is_bidi = head.method.kind is Kind.BIDI
        self._table = table_of(head.method.request)
        self._values = Values()
        self._has_all = False
        self._is_reading = True
        self._is_full = False
        self._started = False

    @property
    def takes_one(self) -> bool:
        return not self._is_bidi

    def open(self) -> None:
        """Let the handler of a stream from both sides take the call."""
        if self._is_bidi:
            self._open()

    def _open(self) -> None:
        head = self._head
        if head.refusal is not None and head.refusal is not MALFORMED:
            self.refuse(head.refusal)
            return
        try:
            if head.refusal is not None:
                raise StatusError(head.refusal)
            assert self._endpoint.stream is not None, "an endpoint has one of the two handlers"
            call = Call(head.method, head.metadata, self.deadline, self._connection)
            receiver = self._endpoint.stream(call, self)
        except EtcdError as error:
            self.close(error.status)
        except Exception:
            self.close(internal_error(head))
        else:
            if not self.is_over:
                self._receiver = receiver

    def refuse(self, status: Status) -> None:
        self.is_over = True
        self._carrier.respond(self._head.failure(status, is_servers=False))

    # What the carrier calls

    @property
    def held_bytes(self) -> int:
        """Bytes of the body that are kept."""
        return len(self._body) + self._values.held_bytes

    def data(self, piece: bytes) -> None:
        """A piece of the body."""
        if not self._is_reading or self.is_over or not self._head.has_body:
            return
        if self._is_bidi:
            self._values.add(piece)
            held = self._values.held_bytes
        else:
            self._body += piece
            held = len(self._body)
        if held > BODY_FACTOR * self._limit:
            self._end(errors.message_too_large(held, self._limit))
        elif self._is_bidi:
            self._read()

    def end(self, broken: str = "") -> None:
        """The body is whole; or there is no more of it, for this reason."""
        if self.is_over:
            return
        self._has_all = True
        if self._is_bidi:
            self._read()
        else:
            self._take_request(broken)

    def writable(self) -> None:
        """There may be more chunks."""
        if self._is_full and not self.is_over:
            self._is_full = False
            try:
                self._receiver.writable()
            except Exception as error:
                self._failed(error)
            else:
                self._read()

    def end_stream(self, status: Status) -> None:
        """Close for a reason that the handler does not know of."""
        self._end(status)

    # Requests

    def _take_request(self, broken: str) -> None:
        body = bytes(self._body)
        self._body.clear()
        try:
            request = message_of(self._table, body if self._head.has_body else b"", broken)
        except StatusError as error:
            self.refuse(error.status)
            return
        self._open()
        if self.is_over:
            return
        try:
            check_size(request, len(body), self._limit)
            self._receiver.message(request)
            if not self.is_over:
                self._receiver.half_close()
        except Exception as error:
            self._failed(error)

    def _read(self) -> None:
        """Hand on what has come; while the sink is full it waits."""
        while self._is_reading and not self._is_full and not self.is_over:
            try:
                value = self._values.take()
                if value is None and self._has_all:
                    value = self._values.end()
                if value is None:
                    if self._has_all:
                        self._half_close()
                    return
                request = read_quickly(self._table, value) or read(self._table, value)
            except (NotJson, Unreadable):
                self._half_close()
                return
            try:
                check_size(request, len(value), self._limit)
                self._receiver.message(request)
            except Exception as error:
                self._failed(error)

    def _half_close(self) -> None:
        self._is_reading = False
        try:
            self._receiver.half_close()
        except Exception as error:
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        if isinstance(error, EtcdError):
            self._end(error.status)
        else:
            self._end(internal_error(self._head))

    def _end(self, status: Status) -> None:
        receiver = self._receiver
        self.close(status)
        _cancel(receiver, self._head)

    # Sink

    def send(self, message: bytes) -> bool:
        if self.is_over:
            return True
        if not self._started:
            self._started = True
            head = self._head
            self._carrier.start(200, (*head.cors, CONTENT_TYPE, *head.from_grpc, CHUNKED))
        content = writing.write_encoded(self._head.method.response, message)
        if not self._carrier.send(writing.chunk("result", content)):
            self._is_full = True
        return not self._is_full

    def send_all(self, messages: Sequence[bytes]) -> bool:
        for message in messages:
            self.send(message)
        return not self._is_full

    def close(self, status: Status = OK) -> None:
        if self.is_over:
            return
        self.is_over = True
        self._receiver = _DEAF
        carrier, head = self._carrier, self._head
        line = b""
        if status.code is not Code.OK:
            line = writing.chunk("error", writing.error_of(status))
        if self._started:
            if line:
                carrier.send(line)
            carrier.finish()
            return
        more = (CONTENT_TYPE,) if line else ()
        is_servers = status is not errors.EXPIRED
        inner = head.from_grpc if head.is_encrypted and is_servers else ()
        headers = (*head.cors, *more, *inner, CHUNKED)
        carrier.respond(HttpResponse(http_code(status), headers, line))


Exchange = UnaryExchange | StreamExchange
