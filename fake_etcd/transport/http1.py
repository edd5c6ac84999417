"""HTTP/1.1 on the client port, sans-IO: bytes of one connection in, bytes to send out.

Header syntax is h11's, and where a body ends is `http1_chunks`' to say. What is here is what makes
the answers those of etcd's port: cmux's rule for the first line, Go's refusals and limits, and the
order in which Go writes headers. No route and no body of an answer lives here; both come from the
handler.

Sources: soheilhy/cmux matchers.go (`HTTP1`); Go net/http server.go (`conn.serve`, `readRequest`,
`chunkWriter.writeHeader`), request.go (`readRequest`). Answers recorded from etcd 3.7.3.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol

import h11

from fake_etcd.api.status import Status
from fake_etcd.services.http import BodyLimit, HttpHandler, HttpRequest, HttpResponse, no_body
from fake_etcd.transport.bounds import HTTP1_OUTPUT
from fake_etcd.transport.http1_chunks import BadChunk, Body, ChunkedBody, SizedBody
from fake_etcd.transport.http_date import http_date

if TYPE_CHECKING:
    from fake_etcd.transport.gateway.exchange import Exchange
    from fake_etcd.transport.gateway.http1 import Http1Call, Http1Door
    from fake_etcd.transport.gateway.websocket import WebSocket

MAX_FIRST_LINE_BYTES = 4096
"""cmux looks for the end of the first line in this many bytes and drops the connection beyond."""

MAX_HEAD_BYTES = (1 << 20) + 4096
"""Request line and headers: Go's DefaultMaxHeaderBytes and its slop."""

MAX_UNREAD_BODY_BYTES = (256 << 10) - 1
"""The largest body that nobody reads for which Go keeps the connection (maxPostHandlerReadBytes).
"""

_DISCARDED = 16
"""So many times the size that a handler takes a body may have and is read to its end, so that who
sends it gets to read the answer: most clients do not look before they have sent everything."""

_MAX_BLANKS_AFTER_POST = 4
"""Go skips this many CRs and LFs between a POST and the next request (RFC 9112 §2.2)."""

_PEEK_BYTES = 4
"""Go waits for so many bytes before it begins with a later request, so that the line end which
some clients send after a body is not taken for one (net/http: `conn.serve`)."""

_PREFACE_HEAD = b"PRI * HTTP/2.0\r\n\r\n"
_PREFACE_REQUEST = b"PRI * HTTP/1.1\r\nHost: x\r\n\r\n"
"""Go takes the beginning of HTTP/2 for a request like any other, where only HTTP/1 is spoken."""

_MAX_INT64 = (1 << 63) - 1

_ENDLESS = 1 << 62
"""Bytes of a body that is read as it comes."""

_END_OF_HEAD = re.compile(rb"\n\r?\n")
_REQUEST_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) (\S+) HTTP/([0-9]\.[0-9])", re.ASCII)
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_ABSOLUTE_FORM = re.compile(rb"[A-Za-z][A-Za-z0-9+.\-]*:(?://([^/?#]*))?")
_NOT_PRINTABLE_ASCII = re.compile(rb"[^\x21-\x7e]")
_BAD_VALUE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_BAD_HOST = re.compile(rb"[^0-9A-Za-z!$%&'()*+,\-.:;=@\[\]_~]")
_SPACE_AFTER_NAME = re.compile(rb"(?m)^([!#$%&'*+\-.^_`|~0-9A-Za-z]+)[ \t]+:")
_TRANSFER_ENCODING = re.compile(rb"(?im)^transfer-encoding:")
_HOST = re.compile(rb"(?im)^host:")
_KEEP_ALIVE, _CLOSE, _CONTINUE = (
    re.compile(rb"(?i)(?<![^ ,\t])%b(?![^ ,\t])" % token)
    for token in (b"keep-alive", b"close", b"100-continue")
)
_LENGTHS = re.compile(rb"(?im)^content-length:(?:[^\n,]|\n[ \t])*,")
"""Several lengths in one field, which h11 takes where all are the same."""

_REASONS = {
    200: "OK",
    204: "No Content",
    301: "Moved Permanently",
    307: "Temporary Redirect",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    409: "Conflict",
    412: "Precondition Failed",
    413: "Request Entity Too Large",
    415: "Unsupported Media Type",
    421: "Misdirected Request",
    426: "Upgrade Required",
    429: "Too Many Requests",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}
"""Go's words (net/http status.go); Python's own change between releases."""


class _Refused(Exception):
    """The connection ends with this status, and this as its text."""

    def __init__(self, status: str, text: str = "") -> None:
        super().__init__(status)
        self.status = f"{status}: {text}" if text else status
        self.body = self.status

    @property
    def answer(self) -> bytes:
        return (
            f"HTTP/1.1 {self.status}\r\nContent-Type: text/plain; charset=utf-8\r\n"
            f"Connection: close\r\n\r\n{self.body}"
        ).encode("ascii")


def _bad_request(text: str = "") -> _Refused:
    return _Refused("400 Bad Request", text)


def _unsupported_encoding() -> _Refused:
    refused = _Refused("501 Not Implemented")
    refused.body = "Unsupported transfer encoding"
    return refused


class _Request:
    """One request whose head has been read; `body` finds the end of what follows it.

    `content` is what the handler gets of that; None where it reads none, or no more. `answer` is
    the answer where that is clear already, `call` what it is to the gateway.
    """

    __slots__ = (
        "answer",
        "body",
        "call",
        "content",
        "content_length",
        "expect",
        "keep_alive",
        "limit",
        "max_body_bytes",
        "public",
        "version",
    )

    def __init__(self, event: h11.Request, target: bytes, is_encrypted: bool) -> None:
        headers = [(name, value) for name, value in event.headers]
        self.content: bytearray | None = None
        self.answer: HttpResponse | None = None
        self.call: Http1Call | None = None
        self.limit = 0
        self.max_body_bytes = MAX_UNREAD_BODY_BYTES
        self.version = event.http_version
        # h11 has refused whatever is not one decimal number, and lower-cased the names.
        lengths = [int(value) for name, value in headers if name == b"content-length"]
        chunked = any(name == b"transfer-encoding" for name, _ in headers)
        self.content_length = None if chunked else (lengths[0] if lengths else 0)
        self.body: Body = ChunkedBody() if chunked else SizedBody(self.content_length or 0)
        self.expect = next((value for name, value in headers if name == b"expect"), b"")
        self.keep_alive = self._is_kept([value for name, value in headers if name == b"connection"])
        self.public = HttpRequest(
            method=event.method.decode("ascii"),
            target=target.decode("ascii"),
            headers=tuple(
                (name.decode("ascii"), value.decode("latin-1"))
                for name, value in event.headers.raw_items()
            ),
            is_encrypted=is_encrypted,
        )

    def _is_kept(self, options: list[bytes]) -> bool:
        """Whether the connection may go on, by its options; the first line of them is read with
        less care than all together (net/http server.go, `hasToken`; transfer.go, `shouldClose`)."""
        first = options[0] if options else b""
        if self.is_old:
            return _KEEP_ALIVE.search(first) is not None
        return _CLOSE.search(first) is None and b"close" not in _tokens(options)

    @property
    def is_old(self) -> bool:
        """HTTP/1.0: closes unless it asks for more."""
        return self.version < b"1.1"

    @property
    def is_head(self) -> bool:
        return self.public.method == "HEAD"

    @property
    def protocol(self) -> str:
        """How the status line of the answer begins: HTTP/1.1 but for 1.0, as Go does it."""
        return "HTTP/1.0" if self.is_old else "HTTP/1.1"

    @property
    def expects_continue(self) -> bool:
        return _CONTINUE.search(self.expect) is not None

    def take_body(self, limit: int) -> None:
        """Have the handler get the body, where it is not larger than so many bytes."""
        self.content = bytearray()
        self.limit = limit
        self.max_body_bytes = _DISCARDED * limit

    def give_body(self, call: Http1Call, limit: int | None) -> None:
        """Have a call of the gateway get the body; the limit is where it reads all of it first."""
        self.call = call
        self.limit = _ENDLESS if limit is None else limit
        self.max_body_bytes = _ENDLESS if limit is None else _DISCARDED * limit

    def add(self, piece: bytes) -> None:
        """A piece of the body has come."""
        if self.call is not None:
            self.call.data(piece)
        elif self.content is not None:
            self.content += piece
            if len(self.content) > self.limit:
                self.content = None

    def with_body(self, *, is_whole: bool) -> HttpRequest:
        """What the handler gets, once the body was read, or was found to be too large."""
        if not self.limit:
            return self.public
        is_taken = is_whole and self.content is not None
        return dataclasses.replace(
            self.public, body=bytes(self.content or b"") if is_taken else None
        )


def _tokens(values: Iterable[bytes]) -> set[bytes]:
    """The comma separated words of some header lines, in lower case."""
    return {word.strip(b" \t").lower() for value in values for word in value.split(b",")}


def _is_http1(line: bytes) -> bool:
    """cmux: two spaces, and after them an HTTP/1 version. The rest is for net/http to refuse."""
    parts = line.split(b" ", 2)
    return len(parts) == 3 and re.fullmatch(rb"HTTP/1\.[0-9]", parts[2]) is not None


def _check_request_line(line: bytes) -> tuple[bytes, bytes, bytes]:
    """Method, target in origin form and version, or a refusal (net/http: request.go)."""
    match = _REQUEST_LINE.fullmatch(line)
    if match is None:
        raise _bad_request()
    method, target, version = match.groups()
    if target == b"*":
        return method, target, version
    if not target.startswith(b"/"):
        target = _origin_form(target, is_connect=method == b"CONNECT")
    path = target.partition(b"?")[0]
    if re.search(rb"[\x00-\x20\x7f]", target) or _BAD_ESCAPE.search(path):
        raise _bad_request()
    # h11 takes ASCII only (RFC 9112 §3.2); Go takes UTF-8 too and means the escaped form by it.
    target = _NOT_PRINTABLE_ASCII.sub(lambda byte: b"%%%02X" % ord(byte[0]), target)
    return method, target, version


def _origin_form(target: bytes, *, is_connect: bool) -> bytes:
    """Path and query of "http://host/path?query"; "/" where there is no path."""
    if is_connect:
        return b"/"
    absolute = _ABSOLUTE_FORM.match(target)
    if absolute is None or _BAD_ESCAPE.search(absolute[1] or b""):
        raise _bad_request()
    rest = target[absolute.end() :]
    if rest.startswith(b"/"):
        return rest
    _, mark, query = rest.partition(b"?")
    return b"/" + mark + query


def _parse(head: bytes) -> h11.Request:
    """One head through h11; a new h11 connection per request, since we find all ends ourselves."""
    parser = h11.Connection(h11.SERVER, max_incomplete_event_size=2 * MAX_HEAD_BYTES)
    parser.receive_data(head)
    event = parser.next_event()
    assert isinstance(event, h11.Request), "a complete head is a request or an error"
    return event


def _read_head(head: bytes, is_encrypted: bool) -> _Request:
    """The request that a complete head makes, or `_Refused`, its checks in net/http's order."""
    line, newline, fields = head.partition(b"\n")
    method, target, version = _check_request_line(line.removesuffix(b"\r"))
    if version == b"1.0":
        # It knows no such field, whose value is to be well-formed all the same.
        fields = _TRANSFER_ENCODING.sub(b"-:", fields)
    line = b"%b %b HTTP/%b\r" % (method, target, version)
    try:
        event = _parse(line + newline + fields)
    except h11.RemoteProtocolError as error:
        raise _why_refused(line + newline, fields, error) from None
    hosts = [value for name, value in event.headers if name == b"host"]
    if any(name == b"content-length" and int(value) > _MAX_INT64 for name, value in event.headers):
        raise _bad_request()
    if _LENGTHS.search(fields):
        raise _bad_request()
    if any(_BAD_VALUE.search(value) for _, value in event.headers):
        raise _bad_request()
    if not version.startswith(b"1."):
        raise _Refused("505 HTTP Version Not Supported", "unsupported protocol version")
    if not hosts and version > b"1.0" and method != b"CONNECT":
        raise _bad_request("missing required Host header")
    if hosts and _BAD_HOST.search(hosts[0]):
        raise _bad_request("malformed Host header")
    return _Request(event, target, is_encrypted)


def _why_refused(line: bytes, fields: bytes, error: h11.RemoteProtocolError) -> _Refused:
    """The refusal with net/http's words: it names the fault only where that is the only one.

    So mend the two faults that it names, last one first, and see whether that is enough.
    """
    mended = _SPACE_AFTER_NAME.sub(rb"\1:", fields)
    event = _try(line + mended)
    if event == 501 or error.error_status_hint == 501:
        # Go counts the hosts before it looks at how a body is sent.
        return _bad_request() if len(_HOST.findall(fields)) > 1 else _unsupported_encoding()
    if _LENGTHS.search(fields):
        return _bad_request()
    if isinstance(event, h11.Request):
        is_bad = any(name == b"host" and _BAD_HOST.search(value) for name, value in event.headers)
        return _bad_request("malformed Host header" if is_bad else "invalid header name")
    if isinstance(_try(line + b"Host: x\r\n" + mended), h11.Request):
        return _bad_request("missing required Host header")
    return _bad_request()


def _try(head: bytes) -> h11.Request | int:
    """What a head makes, or the status that h11 would answer it with."""
    try:
        return _parse(head)
    except h11.RemoteProtocolError as error:
        return error.error_status_hint


class Http1Connection:
    """The server's side of one HTTP/1 connection.

    Args:
        handle: answers one request; called once per request, in order, from `receive`.
        body_limit: how much of a request's body `handle` takes.
        is_sniffed: whether cmux is in front, which closes what does not look like HTTP/1; it is
            where nothing is encrypted.
        date: the Date header of an answer.
        door: of the JSON gateway, where there is one.

    The same bytes give the same answers however they are cut into pieces. Nothing that the peer
    sends raises. Beside the bytes of the current `receive`, at most one head or one body up to
    its limit is held.
    """

    __slots__ = (
        "_blanks_left",
        "_body_bytes",
        "_body_limit",
        "_buffer",
        "_date",
        "_door",
        "_handle",
        "_is_first",
        "_is_sniffed",
        "_line_end",
        "_out",
        "_request",
        "_searched",
        "_websocket",
        "closed",
        "has_more",
    )

    def __init__(
        self,
        handle: HttpHandler,
        body_limit: BodyLimit = no_body,
        is_sniffed: bool = True,
        date: Callable[[], str] = http_date,
        door: Http1Door | None = None,
    ) -> None:
        self.closed = False
        """Nothing more is read; the transport sends what `receive` returned, then closes."""
        self.has_more = False
        """Requests may be here that wait until what `receive` returned is sent: call it again,
        with nothing, then."""
        self._handle = handle
        self._body_limit = body_limit
        self._date = date
        self._door = door
        self._out: list[bytes] = []
        self._buffer = bytearray()
        self._is_first = True
        self._is_sniffed = is_sniffed
        self._blanks_left = 0
        self._line_end = -1  # of the request line in the buffer, once that is known to be good
        self._searched = 0  # no end (of the line, then of the head) starts before this index
        self._request: _Request | None = None
        self._websocket: WebSocket | None = None
        self._body_bytes = 0

    def receive(self, data: bytes) -> bytes:
        """Take what came, return what to send (often nothing). After `closed`, returns nothing."""
        if self.closed and not self._out:
            return b""
        out = self._out
        if self._websocket is not None:
            return self._receive_frames(self._websocket, data)
        self._buffer += data
        self.has_more = False
        try:
            while not self.closed and self._step(out):
                if sum(map(len, out)) > HTTP1_OUTPUT:
                    self.has_more = not self.closed
                    break
        except _Refused as refused:
            self.closed = True
            out.append(refused.answer)
        if self.closed:
            self._buffer.clear()
        sent = b"".join(out)
        out.clear()
        return sent

    def eof(self) -> bytes:
        """The peer will send no more: what is still to be said to it. The connection is over."""
        request, out = self._request, list[bytes]()
        is_page = request is not None and request.call is None  # a call is cancelled
        if not self.closed and request is not None and is_page and not request.limit:
            self._answer(request, out, reusable=False)  # Go answers who asks, and leaves then
        self.closed = True
        return b"".join(out)

    def _receive_frames(self, websocket: WebSocket, data: bytes) -> bytes:
        websocket.receive(data)
        self.closed = websocket.closed
        sent = b"".join(self._out)
        self._out.clear()
        return sent

    def become(self, websocket: WebSocket) -> bool:
        """Be this from now on; False, and nothing more, where the client did not wait for that."""
        self._websocket = websocket
        self.closed = bool(self._buffer)
        return not self.closed

    @property
    def is_inside_request(self) -> bool:
        """A request has begun that has no answer yet, and has to go on soon."""
        if self.call is not None and self.call.may_take_long:
            return False
        return bool(self._buffer) or self._request is not None

    @property
    def call(self) -> Http1Call | None:
        """The call of the gateway that is being answered, or whose body comes."""
        return self._request.call if self._request is not None else None

    @property
    def held_bytes(self) -> int:
        """Bytes of later requests that wait for the answer to this one."""
        call = self.call
        return len(self._buffer) if call is not None and call.is_waiting else 0

    @property
    def next_deadline(self) -> float | None:
        """When `run_deadlines` has something to do, on the door's clock."""
        call = self.call
        return None if call is None or call.exchange.is_over else call.exchange.deadline

    def run_deadlines(self, now: float) -> None:
        """End the call whose deadline has come."""
        call, deadline = self.call, self.next_deadline
        if call is not None and deadline is not None and deadline <= now:
            call.exchange.expire()

    def pause(self) -> None:
        """The socket is full."""
        if self._door is not None:
            self._door.is_paused = True

    def resume(self) -> None:
        """The socket takes bytes again."""
        if self._door is not None:
            self._door.is_paused = False
            exchange = self._exchange
            if exchange is not None:
                exchange.writable()

    def lost(self) -> None:
        """The peer is gone: the call that is open is told."""
        if self._websocket is not None:
            self._websocket.lost()
        call, self._request = self.call, None
        self.closed = True
        if call is not None and not call.exchange.is_over:
            call.exchange.cancelled()

    def end_stream(self, status: Status) -> None:
        """End a streaming call with this."""
        exchange = self._exchange
        if exchange is not None:
            exchange.end_stream(status)

    @property
    def _exchange(self) -> Exchange | None:
        if self._websocket is not None:
            return self._websocket.exchange
        return self.call.exchange if self.call is not None else None

    def write(self, data: bytes) -> None:
        """Bytes of an answer that a call gives when it likes; `receive` returns them."""
        self._out.append(data)

    def answered(self, *, keep_alive: bool) -> None:
        """A call of the gateway has its whole answer."""
        self.closed = not keep_alive
        self._request = None
        self._blanks_left = _MAX_BLANKS_AFTER_POST

    def _step(self, out: list[bytes]) -> bool:
        """Read one head or one body; False where that needs more bytes."""
        request = self._request
        if request is not None:
            if request.call is not None and request.call.is_waiting:
                return False
            return self._read_body(request, out)
        door = self._door
        if door is not None and self._line_end < 0 and door.answer_quickly(self._buffer, self):
            self._is_first, self._searched = False, 0
            self._blanks_left = _MAX_BLANKS_AFTER_POST
            return True
        head = self._take_head()
        if head is None:
            return False
        whole = _PREFACE_REQUEST if head == _PREFACE_HEAD else head
        request = _read_head(whole, not self._is_sniffed)
        if door is not None:
            door.open(self, request, head)
            if self._websocket is not None:
                self.closed = self.closed or self._websocket.closed
                return False
        self._begin(request, out)
        return True

    def _take_head(self) -> bytes | None:
        buffer = self._buffer
        while self._blanks_left and buffer.startswith((b"\r", b"\n")):
            del buffer[:1]
            self._blanks_left -= 1
        if self._line_end < 0:
            if not self._is_first and len(buffer) < _PEEK_BYTES:
                return None
            if not self._find_request_line():
                return None
        end = _END_OF_HEAD.search(buffer, self._searched)
        if (len(buffer) if end is None else end.end()) > MAX_HEAD_BYTES:
            raise _Refused("431 Request Header Fields Too Large")
        if end is None:
            # An end may start with the last two bytes ("\n\r", then "\n").
            self._searched = max(self._searched, len(buffer) - 2)
            return None
        head = bytes(buffer[: end.end()])
        del buffer[: end.end()]
        self._line_end, self._searched, self._blanks_left = -1, 0, 0
        self._is_first = False
        return head

    def _find_request_line(self) -> bool:
        """Go refuses a bad first line at once, without waiting for the rest of the head."""
        is_sniffed = self._is_first and self._is_sniffed
        limit = MAX_FIRST_LINE_BYTES if is_sniffed else MAX_HEAD_BYTES
        end = self._buffer.find(b"\n", self._searched, limit)
        if end < 0:
            self._searched = len(self._buffer)
            if len(self._buffer) < limit:
                return False
            if not is_sniffed:
                raise _Refused("431 Request Header Fields Too Large")
            self.closed = True
            return False
        line = bytes(self._buffer[:end]).removesuffix(b"\r")
        if is_sniffed and not _is_http1(line):
            self.closed = True
            return False
        _check_request_line(line)
        self._line_end = self._searched = end
        return True

    def _begin(self, request: _Request, out: list[bytes]) -> None:
        """Answer now what must not wait for its body, else go on to read that."""
        if request.answer is not None or request.call is not None:
            limit = request.limit
        else:
            limit = self._body_limit(request.public)
            if limit:
                request.take_body(limit)
        if request.expects_continue:
            # Go says "100 Continue" when a handler begins to read the body, and only then.
            if not request.is_old and request.content_length != 0:
                if not limit or (request.content_length or 0) > limit:
                    self._answer(request, out, reusable=False)
                    return
                out.append(b"HTTP/1.1 100 Continue\r\n\r\n")
        elif request.expect:
            self.closed = True
            out.append(
                f"{request.protocol} 417 Expectation Failed\r\nConnection: close\r\n"
                f"Date: {self._date()}\r\nContent-Length: 0\r\n\r\n".encode("latin-1")
            )
            return
        if (request.content_length or 0) > request.max_body_bytes:
            self._answer(request, out, reusable=False)
            return
        self._request = request
        self._body_bytes = 0

    def _read_body(self, request: _Request, out: list[bytes]) -> bool:
        try:
            piece, is_over = request.body.read(self._buffer)
        except BadChunk as bad:
            if self._body_bytes + bad.size > request.max_body_bytes:
                self._answer(request, out, reusable=False)  # as if it had come in pieces
                return True
            if request.call is not None:
                self._buffer.clear()
                request.call.broken()
                return True
            if request.limit:
                raise _bad_request("malformed body") from None
            self._answer(request, out, reusable=False)
            return True
        if piece:
            self._body_bytes += len(piece)
            request.add(piece)
        if self._body_bytes > request.max_body_bytes:
            self._answer(request, out, reusable=False)
            return True
        if is_over:
            self._answer(request, out, reusable=True)
        return is_over

    def _answer(self, request: _Request, out: list[bytes], *, reusable: bool) -> None:
        if request.call is not None:
            self._request = request
            request.call.end(is_whole=reusable)
            return
        if request.answer is not None:
            response = request.answer
        elif request.public.method == "OPTIONS" and request.public.target == "*":
            # net/http answers this itself (globalOptionsHandler).
            response = HttpResponse(status=200, headers=(("Content-Length", "0"),), body=b"")
        else:
            # A body that is read and not whole is too large: malformed ones are refused.
            response = self._handle(request.with_body(is_whole=reusable))
        told_to_close = any(
            name.lower() == "connection" and value.lower() == "close"
            for name, value in response.headers
        )
        keep_alive = reusable and request.keep_alive and not told_to_close
        connection = ""
        if not keep_alive and not told_to_close and not request.is_old:
            connection = "close"
        elif keep_alive and request.is_old:
            connection = "keep-alive"
        out.append(encode(request, response, self._date(), connection))
        self.closed = not keep_alive
        self._request = None
        self._blanks_left = _MAX_BLANKS_AFTER_POST if request.public.method == "POST" else 0


class Asked(Protocol):
    """What the form of an answer depends on."""

    @property
    def is_old(self) -> bool: ...

    @property
    def is_head(self) -> bool: ...

    @property
    def protocol(self) -> str: ...


CHUNKED = ("Transfer-Encoding", "chunked")
"""What a handler says whose answer comes in chunks, however short it is."""


def encode(request: Asked, response: HttpResponse, date: str, connection: str) -> bytes:
    """An answer as Go writes it."""
    has_body = response.status >= 200 and response.status not in (204, 304)
    is_chunked = CHUNKED in response.headers
    size = None
    if has_body and not is_chunked and (response.body or not request.is_head):
        size = len(response.body)
    # Go looks at the bytes; all that is served here without a type is text.
    is_text = has_body and bool(response.body)
    head = encode_head(request, response.status, response.headers, date, connection, size, is_text)
    if request.is_head or not has_body:
        return head
    if is_chunked and not request.is_old:
        return head + chunk_of(response.body) + last_chunk(response.headers)
    return head + response.body


LAST_CHUNK = b"0\r\n\r\n"

TRAILERS = {"Grpc-Trailer-Content-Type": "application/grpc"}
"""What stands behind a body where the head says so (RFC 9110 §6.6.2)."""


def last_chunk(headers: Iterable[tuple[str, str]]) -> bytes:
    """The end of a body, with the trailers that the head promises."""
    named = [value for name, value in headers if name == "Trailer"]
    fields = "".join(f"{name}: {TRAILERS[name]}\r\n" for name in named)
    return b"0\r\n" + fields.encode("latin-1") + b"\r\n"


def chunk_of(body: bytes) -> bytes:
    """One chunk of a body (RFC 9112 §7.1); nothing of nothing, which would end it."""
    return b"%x\r\n%b\r\n" % (len(body), body) if body else b""


def _name_of(header: tuple[str, str]) -> str:
    return header[0]


def encode_head(
    request: Asked,
    status: int,
    headers: Iterable[tuple[str, str]],
    date: str,
    connection: str,
    content_length: int | None,
    is_text: bool,
) -> bytes:
    """The handler's headers sorted, then what Go's server adds.

    Args:
        content_length: None where it is not known, or is not to be said.
        is_text: whether there is a body of text, if nothing else is said of its type.
    """
    said = sorted((each for each in headers if each != CHUNKED), key=_name_of)
    present = {name.lower() for name, _ in said}
    if "date" not in present:
        said.append(("Date", date))
    if content_length is not None and "content-length" not in present:
        said.append(("Content-Length", str(content_length)))
    if is_text and "content-type" not in present:
        said.append(("Content-Type", "text/plain; charset=utf-8"))
    if connection:
        said.append(("Connection", connection))
    if CHUNKED in headers and not request.is_old:
        said.append(CHUNKED)
    reason = _REASONS.get(status, f"status code {status}")
    lines = [f"{request.protocol} {status} {reason}"]
    lines.extend(f"{name}: {value}" for name, value in said)
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
