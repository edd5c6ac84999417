"""A call that came as JSON and has one answer.

Go: grpc-gateway runtime/handler.go (`ForwardResponseMessage`) and what is generated for each method
(etcd: api/etcdserverpb/gw). Answers recorded from etcd 3.7.3.
"""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.message import Message

from fake_etcd.api.errors import EtcdError, StatusError
from fake_etcd.api.status import OK, Code, Status
from fake_etcd.services.call import Call, Connection, Endpoint, UnaryHandler
from fake_etcd.services.http import HttpResponse
from fake_etcd.transport.gateway import writing
from fake_etcd.transport.gateway.carrier import Carrier
from fake_etcd.transport.gateway.exchange import DEAF, Exchange, cancel, internal_error
from fake_etcd.transport.gateway.fields import table_of
from fake_etcd.transport.gateway.heads import Head
from fake_etcd.transport.gateway.requests import FirstValue, check_size, request_of
from fake_etcd.transport.grpc import errors


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


class UnaryExchange(Exchange):
    """A method of one request and one answer: the body's first value is the request.

    The answer may come later, where the handler waits for something. The arguments are those of
    `Exchange`.
    """

    __slots__ = ("_answer", "_body")

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
        self._body = FirstValue(table_of(head.method.request), limit)
        self._answer: bytes | None = None

    # What the carrier calls

    @property
    def held_bytes(self) -> int:
        return self._body.held_bytes

    def open(self) -> None:
        """Nothing comes of it before its request."""

    def data(self, piece: bytes) -> None:
        if not self.is_over and self._head.has_body:
            self._body.add(piece)
            self._refuse()

    def look(self) -> None:
        if not self.is_over and self._head.has_body:
            self._body.look()
            self._refuse()

    def _refuse(self) -> None:
        """Say what is wrong with the body, where that is clear."""
        body = self._body
        if body.wrong is not None:
            if body.read_bytes is not None:
                self._carrier.unread(body.read_bytes)
            self._respond(self._head.failure(body.wrong.status, is_servers=False))

    def end(self, broken: str = "") -> None:
        if self.is_over:
            return
        head = self._head
        try:
            request, size = self._body.end(broken)
            if head.refusal is not None:
                raise StatusError(head.refusal)
        except StatusError as error:
            self._respond(head.failure(error.status, is_servers=False))
            return
        unary = self._endpoint.unary
        if unary is not None:
            limit, connection = self._limit, self._connection
            self._respond(answer_request(head, unary, request, size, limit, connection))
            return
        try:
            check_size(request, size, self._limit)
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

    def writable(self) -> None:
        """There are no chunks."""

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
        self._receiver = DEAF
        if status.code is not Code.OK:
            self._fail(status)
        else:
            assert self._answer is not None, "a unary call that went well has an answer"
            head = self._head
            self._respond(head.answer(writing.write_encoded(head.method.response, self._answer)))

    def _end(self, status: Status) -> None:
        receiver, self._receiver = self._receiver, DEAF
        self._fail(status)
        cancel(receiver, self._head)

    def _fail(self, status: Status) -> None:
        self._respond(self._head.failure(status, is_servers=status is not errors.EXPIRED))

    def _respond(self, response: HttpResponse) -> None:
        if not self.is_over:
            self.is_over = True
            self._carrier.respond(response)
