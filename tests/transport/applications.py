"""What the transport's tests put behind a connection: recorders, and a plain HTTP/2 application."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from google.protobuf.message import Message

from fake_etcd.api.methods import METHODS
from fake_etcd.services.call import Call, Endpoint, Receiver, Sink, UnaryHandler
from fake_etcd.services.http import HttpResponse, no_body
from fake_etcd.transport.gateway.rules import GatewayMaker, GatewayRules
from fake_etcd.transport.grpc.connection import GrpcConnection
from fake_etcd.transport.grpc.server import GrpcServer
from fake_etcd.transport.http2.connection import Http2Connection
from fake_etcd.transport.http2.frames import ErrorCode, StreamFailure
from fake_etcd.transport.http2.hpack import Fields
from fake_etcd.transport.http2.pages import Pages
from fake_etcd.transport.http2.requests import MalformedRequest, parse_request
from fake_etcd.transport.http2.streams import Stream

from .wire import HELLO, RANGE, RANGE_STREAM, WATCH, Answer, Client, without_housekeeping

LIMIT = 2_097_152
"""etcd's largest request message, by default."""

OK_HEAD = ((b":status", b"200"), (b"content-type", b"text/plain"))
OK_TRAILERS = ((b"x-end", b"1"),)


class PlainApplication:
    """Answers each request with 200 and `body` when all of it is there; remembers everything."""

    def __init__(self, body: bytes = b"", max_concurrent_streams: int | None = None) -> None:
        self.body = body
        self.told: list[Answer] = []
        self.streams: dict[int, Stream] = {}
        self.http2 = Http2Connection(
            self, frozenset(OK_HEAD), max_concurrent_streams=max_concurrent_streams
        )

    def request(
        self, stream: Stream, fields: Fields, volatile: bytes | None, end_stream: bool
    ) -> PlainRequest:
        try:
            request = parse_request(fields)
        except MalformedRequest as error:
            raise StreamFailure(stream.id, ErrorCode.PROTOCOL_ERROR, str(error)) from None
        self.told.append(("request", stream.id, fields))
        stream.content_left = request.content_length
        self.streams[stream.id] = stream
        return PlainRequest(self, stream)


class PlainRequest:
    """One stream of `PlainApplication`."""

    def __init__(self, application: PlainApplication, stream: Stream) -> None:
        self._application = application
        self._stream = stream

    def data(self, payload: bytes, end_stream: bool) -> None:
        application = self._application
        application.told.append(("data", self._stream.id, payload, end_stream))
        if end_stream:
            http2 = application.http2
            http2.send_headers(self._stream, OK_HEAD)
            http2.send_data(self._stream, application.body)
            http2.send_trailers(self._stream, OK_TRAILERS)

    def closed(self, code: ErrorCode) -> None:
        self._application.told.append(("closed", self._stream.id, code.name))

    def drained(self) -> None:
        self._application.told.append(("drained", self._stream.id))


def plain_answer(stream_id: int, body: bytes = b"") -> list[Answer]:
    """What `PlainApplication` answers."""
    return [
        ("HEADERS", stream_id, [(":status", "200"), ("content-type", "text/plain")]),
        *([("DATA", stream_id, body)] if body else []),
        ("HEADERS", stream_id, [("x-end", "1")], "END"),
    ]


class PlainExchange:
    """A client that has said `hello` to a `PlainApplication`."""

    def __init__(
        self,
        body: bytes = b"",
        max_concurrent_streams: int | None = None,
        hello: bytes = HELLO,
    ) -> None:
        self.client = Client()
        self.application = PlainApplication(body, max_concurrent_streams)
        self.http2 = self.application.http2
        if hello:
            self.send(hello)

    def send(self, data: bytes) -> list[Answer]:
        """The server's answers, without its own settings and windows."""
        return without_housekeeping(self.send_raw(data))

    def send_raw(self, data: bytes) -> list[Answer]:
        self.http2.receive(data)
        return self.client.read(self.take())

    def take(self) -> bytes:
        return b"".join(iter(self.http2.take_output, b""))


class StreamRecorder:
    """A streaming handler that does what the test says; its `opened` are in order."""

    def __init__(self, on_open: Callable[[Recording], object] = lambda recording: None) -> None:
        self.opened: list[Recording] = []
        self._on_open = on_open

    def __call__(self, call: Call, sink: Sink) -> Receiver:
        recording = Recording(call, sink)
        self.opened.append(recording)
        self._on_open(recording)
        return recording

    @property
    def last(self) -> Recording:
        return self.opened[-1]


class Recording:
    """One open stream: what its handler was told, and its sink."""

    def __init__(self, call: Call, sink: Sink) -> None:
        self.call = call
        self.sink = sink
        self.told: list[str] = []
        self.on: dict[str, Callable[[], object]] = {}
        """What to do when told."""

    def _tell(self, what: str) -> None:
        self.told.append(what)
        if what in self.on:
            self.on[what]()

    def message(self, request: Message) -> None:
        self.told.append(f"message {request}".rstrip())
        if "message" in self.on:
            self.on["message"]()

    def half_close(self) -> None:
        self._tell("half close")

    def cancelled(self) -> None:
        self._tell("cancelled")

    def writable(self) -> None:
        self._tell("writable")


def unary(handler: UnaryHandler) -> dict[str, Endpoint]:
    return {RANGE: Endpoint(METHODS[RANGE], unary=handler)}


def answering(body: bytes) -> dict[str, Endpoint]:
    return unary(lambda request, call: body)


def streaming(recorder: StreamRecorder) -> dict[str, Endpoint]:
    return {path: Endpoint(METHODS[path], stream=recorder) for path in (RANGE_STREAM, WATCH)}


class GrpcExchange:
    """A client that has said `hello` to a gRPC server."""

    def __init__(
        self,
        endpoints: Mapping[str, Endpoint],
        limit: int = LIMIT,
        max_concurrent_streams: int | None = None,
        hello: bytes = HELLO,
        gateway: GatewayRules | None = None,
    ) -> None:
        self.client = Client()
        self.woken = 0
        maker = GatewayMaker(gateway, endpoints, limit)
        pages = Pages(lambda request: HttpResponse(404), no_body, lambda: "now", maker)
        server = GrpcServer(endpoints, limit, pages, max_concurrent_streams)
        self.grpc = GrpcConnection(server, "127.0.0.1:9", self._wake)
        if hello:
            self.send(hello)

    def _wake(self) -> None:
        self.woken += 1

    def send(self, data: bytes, now: float = 0.0) -> list[Answer]:
        """The server's answers, without its own settings and windows."""
        return without_housekeeping(self.send_raw(data, now))

    def send_raw(self, data: bytes, now: float = 0.0) -> list[Answer]:
        self.grpc.receive(data, now)
        return self.client.read(self.take())

    def take(self) -> bytes:
        return b"".join(iter(self.grpc.take_output, b""))

    def answers(self) -> list[Answer]:
        """What came since without being asked for."""
        return without_housekeeping(self.client.read(self.take()))


def grpc_answer(
    stream_id: int, *bodies: bytes, content_type: str = "application/grpc"
) -> list[Answer]:
    """A whole successful response with these DATA frames."""
    return [
        ("HEADERS", stream_id, [(":status", "200"), ("content-type", content_type)]),
        *(("DATA", stream_id, body) for body in bodies),
        ("HEADERS", stream_id, [("grpc-status", "0"), ("grpc-message", "")], "END"),
    ]


def grpc_status(
    stream_id: int,
    code: int,
    text: str,
    *more: tuple[str, str],
    http: int = 200,
    content_type: str = "application/grpc",
) -> Answer:
    """A response that is a status alone."""
    fields = [
        (":status", str(http)),
        ("content-type", content_type),
        ("grpc-status", str(code)),
        ("grpc-message", text),
        *more,
    ]
    return ("HEADERS", stream_id, fields, "END")
