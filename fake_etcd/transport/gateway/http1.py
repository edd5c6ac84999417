"""Calls of the gateway that come by HTTP/1.1.

Framing is `transport.http1`'s; here is what an answer is that is not there at once, or comes in
chunks, and the short way for what clients send again and again.

Go's HTTP/1 server reads the body of a request to its end before it sends the first byte of the
answer (net/http server.go, `chunkWriter.writeHeader`), so that no call goes both ways at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from fake_etcd.api.methods import Kind
from fake_etcd.services.http import HttpResponse
from fake_etcd.transport.gateway import websocket
from fake_etcd.transport.gateway.exchange import Exchange
from fake_etcd.transport.gateway.gateway import Gateway, Peer
from fake_etcd.transport.gateway.heads import Head, Headers, KnownHead, read_head
from fake_etcd.transport.http1_answers import (
    CHUNKED,
    LAST_CHUNK,
    Asked,
    chunk_of,
    encode,
    encode_head,
)
from fake_etcd.transport.http1_calls import Upgraded
from fake_etcd.transport.http1_head import Request
from fake_etcd.transport.http_date import http_date

SINK_LIMIT = 2**18
"""Bytes of an answer that wait for the end of the request before the handler is told to stop."""

_BUFFERED = 2_048
"""The longest body whose length Go's server knows when it sends the head."""

_BROKEN = "invalid byte in chunk length"
"""What Go says, most of the time, of a body whose framing is not good."""

_MAX_HEADS = 1_024
"""Different heads whose meaning is remembered; a usual client has one a method and body length."""

_LARGEST_HEAD = 4_096
"""Bytes of a head that is worth remembering, and that cmux looks at."""


class Connection(Protocol):
    """The connection of a call (`transport.http1`)."""

    def write(self, data: bytes) -> None:
        """Bytes of an answer."""

    def become(self, upgraded: Upgraded) -> bool:
        """Be this from now on; False, and nothing more, where the client did not wait for that."""

    def answered(self, *, keep_alive: bool) -> None:
        """A call has its whole answer."""


class Http1Door:
    """The gateway as one connection has it.

    Args:
        gateway: whose.
        peer: the other end, for people to read.
        number: which of the server's addresses it came to.
        cut: ends the connection.
        wake: called when there is output that no `receive` brought about.
        time: the monotonic clock of deadlines.
        common_name: that of the client's certificate; None where there is none.
        is_encrypted: whether it is TLS.
        date: the Date header of an answer.
    """

    def __init__(
        self,
        gateway: Gateway,
        peer: str,
        number: int,
        cut: Callable[[], None],
        wake: Callable[[], None],
        time: Callable[[], float],
        common_name: str | None,
        *,
        is_encrypted: bool,
        date: Callable[[], str] = http_date,
    ) -> None:
        self._gateway = gateway
        # A name may be refused whenever auth is on: its requests are looked at each time.
        self._known = {} if common_name else gateway.known_heads[is_encrypted]
        self._peer = Peer(peer, number, cut)
        self.changed = wake
        self._time = time
        self.date = date
        self._common_name = common_name
        self.is_paused = False
        """The socket takes nothing more for now."""

    def open(self, http1: Connection, request: Request, raw: bytes) -> None:
        """Take a request, if it is for the gateway."""
        place = self._gateway.place(request.public, self._common_name)
        if isinstance(place, tuple):
            if websocket.is_upgrade(request.public):
                self._upgrade(http1, request, *place)
                return
            head: Head | HttpResponse | None = read_head(request.public, *place)
        else:
            head = place
        if isinstance(head, HttpResponse):
            request.answer = head
        elif head is not None:
            self._remember(head, request, raw)
            is_endless = head.method.kind is Kind.BIDI
            call = Http1Call(self, http1, request, is_endless=is_endless)
            request.give_body(call)
            call.exchange = self._gateway.open(head, call, self._peer, self._time())
            call.exchange.open()

    def _upgrade(self, http1: Connection, request: Request, path: str, cors: Headers) -> None:
        """Make a websocket of the connection, if the client knows how that goes."""
        opening = websocket.handshake(request.public, cors)
        if isinstance(opening, HttpResponse):
            request.answer = opening
            return
        gateway = self._gateway
        socket = websocket.WebSocket(
            gateway.body_limit, http1.write, self.changed, lambda: self.is_paused
        )
        if http1.become(socket):
            http1.write(opening)
            headers = websocket.proxied_headers(request.public)
            socket.open(gateway, path, headers, self._peer, self._time())

    def _remember(self, head: Head, request: Request, raw: bytes) -> None:
        """Only what is as plain as it can be, so that nothing is left to be looked at."""
        length = request.content_length
        if (
            len(raw) > _LARGEST_HEAD
            or not raw.endswith(b"\r\n\r\n")
            or head.method.kind is not Kind.UNARY
            or head.refusal is not None
            or head.with_trailers
            or not length
            or length > self._gateway.body_limit
            or request.expect
            or request.is_old
            or not request.keep_alive
            or self._common_name
        ):
            return
        if len(self._known) >= _MAX_HEADS:
            self._known.clear()
        headers = head.answer("").headers
        opening = encode_head(request, 200, headers, "\0", "", 0, is_text=False)
        before, _, _ = opening.partition(b"\0")
        self._known[raw] = KnownHead(head, length, before)

    def answer_quickly(self, buffer: bytearray, http1: Connection) -> bool:
        """Answer the request that the buffer begins with, if its head is known and all of it here.

        Twice as fast as the long way, which is h11's (`python -m bench --only gateway`).
        """
        end = buffer.find(b"\r\n\r\n", 0, _LARGEST_HEAD) + 4
        known = self._known.get(bytes(buffer[:end])) if end > 3 else None
        if known is None or len(buffer) < end + known.content_length:
            return False
        body = bytes(buffer[end : end + known.content_length])
        response = self._gateway.answer_at_once(known.head, body, self._peer)
        if response is None:
            return False
        del buffer[: end + known.content_length]
        content = response.body
        if response.status == 200 and len(content) <= _BUFFERED:
            date = self.date().encode("latin-1")
            http1.write(
                b"%b%b\r\nContent-Length: %d\r\n\r\n%b"
                % (known.opening, date, len(content), content)
            )
        else:
            http1.write(self.whole(_PLAIN, response, ""))
        return True

    def whole(self, request: Asked, response: HttpResponse, connection: str) -> bytes:
        """An answer whose length Go knows where that is short."""
        if len(response.body) > _BUFFERED and CHUNKED not in response.headers:
            headers = (*response.headers, CHUNKED)
            response = HttpResponse(response.status, headers, response.body)
        return encode(request, response, self.date(), connection)


class _Plain:
    """The request of a known head, as far as its answer depends on it."""

    is_old = False
    is_head = False
    protocol = "HTTP/1.1"


_PLAIN = _Plain()


class Http1Call:
    """One call of one connection: what its exchange has for a `Carrier`.

    Args:
        is_endless: whether its body is read as it comes, however long that takes.
    """

    __slots__ = (
        "_door",
        "_held",
        "_held_size",
        "_http1",
        "_is_done",
        "_is_endless",
        "_keep_alive",
        "_opening",
        "_request",
        "_whole",
        "exchange",
        "is_waiting",
    )

    def __init__(
        self, door: Http1Door, http1: Connection, request: Request, *, is_endless: bool
    ) -> None:
        self._door = door
        self._http1 = http1
        self._request = request
        self._is_endless = is_endless
        self._is_done = False
        self._keep_alive = request.keep_alive
        self._held: list[bytes] = []
        self._held_size = 0
        self._opening: tuple[int, Headers] | None = None
        self._whole: HttpResponse | None = None
        self.exchange: Exchange
        """Set at once, by who makes it."""
        self.is_waiting = False
        """Its body is here, and its answer is not whole."""

    # What the connection calls

    @property
    def may_take_long(self) -> bool:
        """Nothing says when it has to go on."""
        return self.is_waiting or self._is_endless

    def data(self, piece: bytes) -> None:
        """A piece of the body."""
        self.exchange.data(piece)

    def end(self, *, is_whole: bool) -> None:
        """The body is here, or as much of it as is read."""
        self._keep_alive = self._keep_alive and is_whole
        if self._answer_now():
            self.exchange.end()

    def broken(self) -> None:
        """What comes is no body."""
        self._keep_alive = False
        if self._answer_now():
            self.exchange.end(_BROKEN)

    def _answer_now(self) -> bool:
        """Send what was held back; whether there is more to come."""
        self.is_waiting = True
        if self._whole is not None:
            self.respond(self._whole)
            return False
        if self._opening is not None:
            self.start(*self._opening)
        for held in self._held:
            self._http1.write(held)
        self._held.clear()
        if self._is_done:
            self._http1.answered(keep_alive=self._keep_alive)
        return not self._is_done

    # Carrier

    def respond(self, response: HttpResponse) -> None:
        if not self.is_waiting:
            self._whole = response  # whether the connection stays is not known yet
            self._is_done = True
            return
        if self._request.is_old and CHUNKED in response.headers:
            self._keep_alive = False  # the end of the connection is that of the answer
        self._write(self._door.whole(self._request, response, self._connection))
        self._done()

    def start(self, status: int, headers: Headers) -> None:
        if not self.is_waiting:
            self._opening = status, headers  # whether the connection stays is not known yet
            return
        if self._request.is_old:
            self._keep_alive = False  # the end of the connection is that of the answer
        date = self._door.date()
        request, connection = self._request, self._connection
        self._write(encode_head(request, status, headers, date, connection, None, is_text=False))

    def send(self, chunk: bytes) -> bool:
        if self._request.is_old:
            self._write(chunk)
        elif len(chunk) > _BUFFERED + 1:
            # Go's buffer lets what is longer through, and keeps the line's end for itself.
            self._write(chunk_of(chunk[:-1]) + chunk_of(chunk[-1:]))
        else:
            self._write(chunk_of(chunk))
        return not self._door.is_paused and self._held_size <= SINK_LIMIT

    def finish(self) -> None:
        if not self._request.is_old:
            self._write(LAST_CHUNK)
        self._done()

    @property
    def _connection(self) -> str:
        if self._request.is_old:
            return "keep-alive" if self._keep_alive else ""
        return "" if self._keep_alive else "close"

    def _write(self, data: bytes) -> None:
        if not self.is_waiting:
            self._held.append(data)
            self._held_size += len(data)
            return
        self._http1.write(data)
        self._door.changed()

    def _done(self) -> None:
        self._is_done = True
        if self.is_waiting:
            self._http1.answered(keep_alive=self._keep_alive)
            self._door.changed()

    def unread(self, read_bytes: int) -> None:
        self._request.stop_reading(read_bytes)
