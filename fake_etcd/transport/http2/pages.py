"""Pages over HTTP/2: one request that a plain HTTP handler answers.

Framing is the connection's, routes and bodies are the handler's. What is here is what Go's
HTTP/2 server adds to an answer, and in what order (net/http h2_bundle.go, `writeChunk`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable

from fake_etcd.services.http import BodyLimit, HttpHandler, HttpRequest, HttpResponse
from fake_etcd.transport.gateway.rules import GatewayMaker
from fake_etcd.transport.http2.connection import Http2Connection
from fake_etcd.transport.http2.frames import ErrorCode
from fake_etcd.transport.http2.hpack import Fields
from fake_etcd.transport.http2.streams import STREAM_RECEIVE_WINDOW, Stream

_NO_GATEWAY = GatewayMaker(None, {}, 0)

_WORTH_WAITING_FOR = 65_536
"""Bytes of a request's body that are waited for though nobody reads them."""

PATIENCE_SECONDS = 0.5
"""How long they are. What breaks the rules behind the head of a request is told of then, and not
taken for what comes behind its answer."""


@dataclasses.dataclass(frozen=True, slots=True)
class Pages:
    """What answers requests that are no gRPC.

    Args:
        handle: answers one request.
        body_limit: how much of a request's body `handle` takes.
        date: the Date header of an answer.
        gateway: makes the JSON gateway, where there is one.
    """

    handle: HttpHandler
    body_limit: BodyLimit
    date: Callable[[], str]
    gateway: GatewayMaker = _NO_GATEWAY


class PageCall:
    """One request for a page; answered at once, or when its body is there.

    A body that nobody reads is waited for too, if it is short and comes soon: only at its end it is
    known whether the content-length was right (RFC 9113 §8.1.1).
    """

    __slots__ = (
        "_body",
        "_http2",
        "_is_answered",
        "_limit",
        "_pages",
        "_ready",
        "_request",
        "_stream",
    )

    def __init__(
        self,
        http2: Http2Connection,
        stream: Stream,
        pages: Pages,
        request: HttpRequest,
        answer: HttpResponse | None,
    ) -> None:
        self._http2 = http2
        self._stream = stream
        self._pages = pages
        self._request = request
        self._limit = pages.body_limit(request) if answer is None else 0
        self._ready = answer
        self._body = bytearray()
        self._is_answered = False
        if not self._limit and (stream.content_left or 0) > _WORTH_WAITING_FOR:
            self._finish(b"")

    @property
    def is_over(self) -> bool:
        """It has its answer, or waits for a body that its handler reads."""
        return self._is_answered or self._limit > 0 or self._stream.sent_all

    def expire(self) -> None:
        """The end of a request that nobody reads was waited for long enough."""
        self._finish(b"")

    def _answer(self, response: HttpResponse) -> None:
        """Send this, and take no more of the request."""
        fields, body = _encode(self._request, response, self._pages.date())
        self._http2.send_headers(self._stream, fields, end_stream=not body)
        if body:
            self._http2.send_rest(self._stream, body)
        if any(name == "Connection" for name, _ in response.headers):
            self._http2.go_away()

    def data(self, payload: bytes, end_stream: bool) -> None:
        if self._stream.sent_all or self._is_answered:
            return
        if self._limit:
            self._body += payload
            self._http2.keep(self._stream, len(self._body), self._missing())
        if len(self._body) > self._limit:
            self._finish(None)
        elif end_stream:
            self._finish(bytes(self._body))

    def _missing(self) -> int:
        """Bytes that the body has still to get, or may; one that is too large is not waited for."""
        left = self._stream.content_left
        return STREAM_RECEIVE_WINDOW if left is None else left

    def _finish(self, body: bytes | None) -> None:
        self._is_answered = True
        self._body.clear()
        self._http2.keep(self._stream, 0, 0)
        request = dataclasses.replace(self._request, body=body)
        self._answer(self._ready or self._pages.handle(request))

    def closed(self, code: ErrorCode) -> None: ...

    def drained(self) -> None: ...


_OF_HTTP_1 = ("Connection", "Transfer-Encoding")
"""Headers that a handler sets and that HTTP/2 has no need of (RFC 9113 §8.2.2)."""


def _encode(request: HttpRequest, response: HttpResponse, date: str) -> tuple[Fields, bytes]:
    """Header fields, and the body that follows them."""
    has_body = response.status >= 200 and response.status not in (204, 304)
    is_head = request.method == "HEAD"
    headers = [header for header in response.headers if header[0] not in _OF_HTTP_1]
    is_untyped = not any(name.lower() == "content-type" for name, _ in headers)
    if is_untyped and has_body and response.body:
        headers.append(("content-type", "text/plain; charset=utf-8"))
    is_long = any(name == "Transfer-Encoding" for name, _ in response.headers)
    length = None
    if has_body and not is_long and (response.body or not is_head):
        length = len(response.body)
    fields = header_fields(response.status, headers, date, length)
    return fields, b"" if is_head or not has_body else response.body


def header_fields(
    status: int, headers: Iterable[tuple[str, str]], date: str, content_length: int | None
) -> Fields:
    """Header fields as Go sends them: the handler's sorted, then what the server adds.

    Args:
        content_length: None where it is not known, or is not to be said.
    """
    said = sorted(headers, key=lambda header: header[0])
    present = {name.lower() for name, _ in said}
    if content_length is not None and "content-length" not in present:
        said.append(("content-length", str(content_length)))
    if "date" not in present:
        said.append(("date", date))
    fields = [(b":status", b"%d" % status)]
    fields += [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in said]
    return tuple(fields)
