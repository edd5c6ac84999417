"""A call that came as JSON and is answered with a stream, a line of JSON for each message.

Go: grpc-gateway runtime/handler.go (`ForwardResponseStream`) and what is generated for each method
(etcd: api/etcdserverpb/gw). Answers recorded from etcd 3.7.3.
"""

from __future__ import annotations

from collections.abc import Sequence

from fake_etcd.api.errors import EtcdError, StatusError
from fake_etcd.api.methods import Kind
from fake_etcd.api.status import OK, Code, Status
from fake_etcd.services.call import Call, Connection, Endpoint
from fake_etcd.services.http import HttpResponse
from fake_etcd.transport.gateway import writing
from fake_etcd.transport.gateway.carrier import Carrier
from fake_etcd.transport.gateway.exchange import DEAF, Exchange, cancel, internal_error
from fake_etcd.transport.gateway.fields import table_of
from fake_etcd.transport.gateway.heads import CONTENT_TYPE, OF_SERVER, Head, http_code
from fake_etcd.transport.gateway.reading import Unreadable, read, read_quickly
from fake_etcd.transport.gateway.requests import (
    BODY_FACTOR,
    FirstValue,
    check_size,
    value_too_large,
)
from fake_etcd.transport.gateway.values import NotJson, Values
from fake_etcd.transport.grpc import errors
from fake_etcd.transport.http1_answers import CHUNKED


class StreamExchange(Exchange):
    """A method that answers with a stream; where it takes one, the body's values are that.

    A value that makes no sense ends the caller's stream, and nobody is told: what comes behind it
    is not looked at. The arguments are those of `Exchange`.
    """

    __slots__ = (
        "_body",
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
        self._body = FirstValue(self._table, limit)  # of one request
        self._values = Values()  # of a stream of them
        self._has_all = False
        self._is_reading = True
        self._is_full = False
        self._started = False

    def open(self) -> None:
        if self._is_bidi:
            self._open()

    def _open(self) -> None:
        head = self._head
        if head.refusal is not None and head.refusal not in OF_SERVER:
            self._refuse(head.refusal)
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

    def _refuse(self, status: Status) -> None:
        """End what has not become a stream."""
        self.is_over = True
        self._carrier.respond(self._head.failure(status, is_servers=False))

    # What the carrier calls

    @property
    def held_bytes(self) -> int:
        return self._body.held_bytes + self._values.held_bytes

    def data(self, piece: bytes) -> None:
        if not self._is_reading or self.is_over or not self._head.has_body:
            return
        if not self._is_bidi:
            self._body.add(piece)
            self._refuse_body()
            return
        self._values.add(piece)
        self._read()
        if self._values.held_bytes > BODY_FACTOR * self._limit and not self.is_over:
            self._end(value_too_large(self._limit))

    def look(self) -> None:
        if not self._is_bidi and not self.is_over and self._head.has_body:
            self._body.look()
            self._refuse_body()

    def _refuse_body(self) -> None:
        """Say what is wrong with the one request, where that is clear."""
        body = self._body
        if body.wrong is not None:
            if body.read_bytes is not None:
                self._carrier.unread(body.read_bytes)
            self._refuse(body.wrong.status)

    def end(self, broken: str = "") -> None:
        if self.is_over:
            return
        self._has_all = True
        if self._is_bidi:
            self._read()
        else:
            self._take_request(broken)

    def writable(self) -> None:
        if self._is_full and not self.is_over:
            self._is_full = False
            try:
                self._receiver.writable()
            except Exception as error:
                self._failed(error)
            else:
                self._read()

    def end_stream(self, status: Status) -> None:
        self._end(status)

    # Requests

    def _take_request(self, broken: str) -> None:
        try:
            request, size = self._body.end(broken)
        except StatusError as error:
            self._refuse(error.status)
            return
        self._open()
        if self.is_over:
            return
        try:
            check_size(request, size, self._limit)
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
        cancel(receiver, self._head)

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
        self._receiver = DEAF
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
        is_servers = status is not errors.EXPIRED and status not in OF_SERVER
        inner = head.from_grpc if head.is_encrypted and is_servers else ()
        headers = (*head.cors, *more, *inner, CHUNKED)
        carrier.respond(HttpResponse(http_code(status), headers, line))
