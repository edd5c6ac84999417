"""Calls of the gateway that come by HTTP/2, which go both ways at once.

Frames are `transport.http2`'s. What Go's HTTP/2 server adds to an answer's head is the same as for
pages (net/http h2_bundle.go, `writeChunk`).
"""

from __future__ import annotations

from typing import Protocol

from fake_etcd.api.status import Status
from fake_etcd.services.http import HttpRequest, HttpResponse
from fake_etcd.transport.gateway.exchange import Exchange
from fake_etcd.transport.gateway.gateway import Gateway, Peer
from fake_etcd.transport.gateway.heads import TRAILER, Headers
from fake_etcd.transport.http1_answers import CHUNKED, TRAILERS
from fake_etcd.transport.http2.connection import Http2Connection
from fake_etcd.transport.http2.frames import ErrorCode
from fake_etcd.transport.http2.pages import Pages, header_fields
from fake_etcd.transport.http2.streams import STREAM_RECEIVE_WINDOW, Stream

SINK_LIMIT = 2**18
"""Bytes that wait on one stream before its handler is told to stop."""

_BUFFERED = 4_096
"""The longest body whose length Go's server knows when it sends the head."""


class Host(Protocol):
    """What a call needs of the connection it came on."""

    http2: Http2Connection
    peer: str
    endpoint: int
    common_name: str | None

    @property
    def pages(self) -> Pages: ...

    def cut(self) -> None: ...

    def changed(self) -> None: ...

    def has_backlog(self) -> bool: ...

    def watch_deadline(self, deadline: float, call: Http2Call) -> None: ...

    def time(self) -> float: ...


class Http2Call:
    """One call: what its exchange has for a `Carrier`, and its stream for a `StreamUser`."""

    __slots__ = ("_exchange", "_has_all", "_host", "_is_full", "_stream")

    def __init__(self, host: Host, stream: Stream) -> None:
        self._host = host
        self._stream = stream
        self._is_full = False
        self._has_all = False
        self._exchange: Exchange

    @classmethod
    def open(
        cls, host: Host, gateway: Gateway, stream: Stream, request: HttpRequest
    ) -> Http2Call | HttpResponse | None:
        """Take a request, if it is for the gateway; the answer where it is no call."""
        head = gateway.read(request, host.common_name)
        if head is None or isinstance(head, HttpResponse):
            return head
        call = cls(host, stream)
        peer = Peer(host.peer, host.endpoint, host.cut)
        exchange = gateway.open(head, call, peer, host.time())
        call._exchange = exchange
        if exchange.deadline is not None and not exchange.is_over:
            host.watch_deadline(exchange.deadline, call)
        exchange.open()
        return call

    @property
    def is_over(self) -> bool:
        """Everything is said."""
        return self._exchange.is_over

    def expire(self) -> None:
        """The deadline has come."""
        self._exchange.expire()

    def end_stream(self, status: Status) -> None:
        """End a streaming call with this."""
        self._exchange.end_stream(status)

    # StreamUser

    def data(self, payload: bytes, end_stream: bool) -> None:
        if self._exchange.is_over or self._has_all:
            return
        if payload:
            self._exchange.data(payload)
        if end_stream:
            self._has_all = True
            self._exchange.end()
        else:
            self._exchange.look()
        self._keep()

    def _keep(self) -> None:
        """Say what is kept of the body, so that the connection lets in the rest or has it wait."""
        if self._exchange.is_over:
            self._host.http2.keep(self._stream, 0, 0)
            return
        left = self._stream.content_left
        missing = STREAM_RECEIVE_WINDOW if left is None else left
        if self._is_full:
            missing = 0  # who does not read answers is not to ask for more
        self._host.http2.keep(self._stream, self._exchange.held_bytes, missing)

    def closed(self, code: ErrorCode) -> None:
        if not self._exchange.is_over:
            self._exchange.cancelled()

    def drained(self) -> None:
        if self._is_full:
            self._is_full = False
            self._exchange.writable()
            self._keep()

    # Carrier

    def respond(self, response: HttpResponse) -> None:
        body = response.body
        length = len(body) if len(body) <= _BUFFERED else None
        self._send_head(response.status, response.headers, length, end_stream=not body)
        if TRAILER in response.headers:
            name, value = TRAILER[1].lower(), TRAILERS[TRAILER[1]]
            self._host.http2.send_data(self._stream, body)
            self._host.http2.send_trailers(self._stream, ((name.encode(), value.encode()),))
        elif body:
            self._host.http2.send_rest(self._stream, body)
        self._host.changed()

    def start(self, status: int, headers: Headers) -> None:
        self._send_head(status, headers, None, end_stream=False)

    def send(self, chunk: bytes) -> bool:
        host, stream = self._host, self._stream
        host.http2.send_data(stream, chunk)
        host.changed()
        if stream.pending_size and (stream.pending_size > SINK_LIMIT or host.has_backlog()):
            self._is_full = True
        return not self._is_full

    def unread(self, read_bytes: int) -> None:
        """What still comes is let go of."""

    def finish(self) -> None:
        self._host.http2.send_trailers(self._stream, ())
        self._host.changed()

    def _send_head(
        self, status: int, headers: Headers, length: int | None, *, end_stream: bool
    ) -> None:
        said = tuple(header for header in headers if header != CHUNKED)
        fields = header_fields(status, said, self._host.pages.date(), length)
        self._host.http2.send_headers(self._stream, fields, end_stream=end_stream)
