"""HTTP/1.1 on the client port, sans-IO: bytes of one connection in, bytes to send out.

What a head says is `http1_head`'s, where a body ends `http1_chunks`', the form of an answer
`http1_answers`'. Here is the order of things on a connection, and Go's limits to it. No route and
no body of an answer lives here; both come from the handler.

Sources: soheilhy/cmux; Go net/http server.go (`conn.serve`). Answers recorded from etcd 3.7.3.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

from fake_etcd.api.status import Status
from fake_etcd.services.http import BodyLimit, HttpHandler, HttpResponse, no_body
from fake_etcd.transport.bounds import HTTP1_OUTPUT
from fake_etcd.transport.http1_answers import encode
from fake_etcd.transport.http1_calls import Call, Exchange, Upgraded
from fake_etcd.transport.http1_chunks import BadChunk
from fake_etcd.transport.http1_head import (
    MAX_HEAD_BYTES,
    Refused,
    Request,
    bad_request,
    check_request_line,
    is_http1,
    read_head,
)
from fake_etcd.transport.http_date import http_date

MAX_FIRST_LINE_BYTES = 4096
"""cmux looks for the end of the first line in this many bytes and drops the connection beyond."""

_MAX_BLANKS_AFTER_POST = 4
"""Go skips this many CRs and LFs between a POST and the next request (RFC 9112 §2.2)."""

_PEEK_BYTES = 4
"""Go waits for so many bytes before it begins with a later request, so that the line end which
some clients send after a body is not taken for one (net/http: `conn.serve`)."""

_PREFACE_HEAD = b"PRI * HTTP/2.0\r\n\r\n"
_PREFACE_REQUEST = b"PRI * HTTP/1.1\r\nHost: x\r\n\r\n"
"""Go takes the beginning of HTTP/2 for a request like any other, where only HTTP/1 is spoken."""

_END_OF_HEAD = re.compile(rb"\n\r?\n")


class Door(Protocol):
    """What takes requests that the handler is not to get: the JSON gateway's, see `gateway.http1`.

    Attributes:
        is_paused: the socket takes nothing more for now.
    """

    is_paused: bool

    def open(self, http1: Http1Connection, request: Request, raw: bytes) -> None:
        """Take a request, if it is for it, or answer it; `raw` is its head."""

    def answer_quickly(self, buffer: bytearray, http1: Http1Connection) -> bool:
        """Answer the request that the buffer begins with, if that can be done at once."""


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
        "_upgraded",
        "closed",
        "has_more",
    )

    def __init__(
        self,
        handle: HttpHandler,
        body_limit: BodyLimit = no_body,
        is_sniffed: bool = True,
        date: Callable[[], str] = http_date,
        door: Door | None = None,
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
        self._request: Request | None = None
        self._upgraded: Upgraded | None = None
        self._body_bytes = 0

    def receive(self, data: bytes) -> bytes:
        """Take what came, return what to send (often nothing). After `closed`, returns nothing."""
        if self.closed and not self._out:
            return b""
        out = self._out
        if self._upgraded is not None:
            return self._receive_upgraded(self._upgraded, data)
        self._buffer += data
        self.has_more = False
        try:
            while not self.closed and self._step(out):
                if sum(map(len, out)) > HTTP1_OUTPUT:
                    self.has_more = not self.closed
                    break
        except Refused as refused:
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

    def _receive_upgraded(self, upgraded: Upgraded, data: bytes) -> bytes:
        upgraded.receive(data)
        self.closed = upgraded.closed
        sent = b"".join(self._out)
        self._out.clear()
        return sent

    def become(self, upgraded: Upgraded) -> bool:
        """Be this from now on; False, and nothing more, where the client did not wait for that."""
        self._upgraded = upgraded
        self.closed = bool(self._buffer)
        return not self.closed

    @property
    def is_inside_request(self) -> bool:
        """A request has begun that has no answer yet, and has to go on soon."""
        if self.call is not None and self.call.may_take_long:
            return False
        return bool(self._buffer) or self._request is not None

    @property
    def call(self) -> Call | None:
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
        if self._upgraded is not None:
            self._upgraded.lost()
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
        if self._upgraded is not None:
            return self._upgraded.exchange
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
        request = read_head(whole, not self._is_sniffed)
        if door is not None:
            door.open(self, request, head)
            if self._upgraded is not None:
                self.closed = self.closed or self._upgraded.closed
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
            raise Refused("431 Request Header Fields Too Large")
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
                raise Refused("431 Request Header Fields Too Large")
            self.closed = True
            return False
        line = bytes(self._buffer[:end]).removesuffix(b"\r")
        if is_sniffed and not is_http1(line):
            self.closed = True
            return False
        check_request_line(line)
        self._line_end = self._searched = end
        return True

    def _begin(self, request: Request, out: list[bytes]) -> None:
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

    def _read_body(self, request: Request, out: list[bytes]) -> bool:
        try:
            piece, is_over = request.body.read(self._buffer)
        except BadChunk as bad:
            if self._body_bytes + len(bad.content) > request.max_body_bytes:
                self._answer(request, out, reusable=False)  # as if it had come in pieces
                return True
            if request.call is not None:
                self._buffer.clear()
                if bad.content:
                    request.add(bad.content)
                request.call.broken()
                return True
            if request.limit:
                raise bad_request("malformed body") from None
            self._answer(request, out, reusable=False)
            return True
        if piece:
            self._body_bytes += len(piece)
            request.add(piece)
        if max(self._body_bytes, request.content_length or 0) > request.max_body_bytes:
            self._answer(request, out, reusable=False)
            return True
        if is_over:
            self._answer(request, out, reusable=True)
        return is_over

    def _answer(self, request: Request, out: list[bytes], *, reusable: bool) -> None:
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
