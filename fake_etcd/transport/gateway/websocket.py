"""A call of the gateway over a websocket: each message is a piece of its body, each line an answer.

That is how a page's script keeps a stream open both ways. The method is POST whatever the client
says; of its headers a token goes on, as `Sec-WebSocket-Protocol: Bearer, TOKEN` or as the cookie
`token`. When the call is over the connection is too, without a closing frame.

RFC 6455; etcd: server/embed/serve.go (`createMux`); Go: tmc/grpc-websocket-proxy
websocket_proxy.go, gorilla/websocket server.go (`Upgrade`), conn.go (`advanceFrame`).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from collections.abc import Callable, Iterable

from fake_etcd.services.call import Connection
from fake_etcd.services.http import HttpRequest, HttpResponse, plain_text
from fake_etcd.services.page_access import without_cors
from fake_etcd.transport.gateway.exchange import Exchange
from fake_etcd.transport.gateway.gateway import Gateway
from fake_etcd.transport.gateway.heads import Headers

_ACCEPT_SALT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_VERSION = "13"
_KEY_BYTES = 16

_CONTINUED, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0, 1, 2, 8, 9, 10
_FINAL = 0x80
_MASKED = 0x80
_LONGEST_CONTROL = 125

_PROTOCOL_ERROR = 1002
_NO_STATUS = 1005
_TOO_BIG = 1009
_VALID_CODES = frozenset(
    {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, *range(3000, 5000)}
)


def handshake(request: HttpRequest, cors: Headers) -> bytes | HttpResponse:
    """What tells the client that it has a websocket, or why it has none."""
    if request.method != "GET":
        return _refusal(405, "Method Not Allowed", cors)
    if _VERSION not in _tokens(request, "sec-websocket-version"):
        return _refusal(400, "Bad Request", cors)
    key = _first(request, "sec-websocket-key")
    if not _is_key(key):
        return _refusal(400, "Bad Request", cors)
    digest = hashlib.sha1(key.encode("latin-1") + _ACCEPT_SALT, usedforsecurity=False).digest()
    lines = [
        b"HTTP/1.1 101 Switching Protocols",
        b"Upgrade: websocket",
        b"Connection: Upgrade",
        b"Sec-WebSocket-Accept: " + base64.b64encode(digest),
    ]
    if _first(request, "sec-websocket-protocol").startswith("Bearer"):
        lines.append(b"Sec-WebSocket-Protocol: Bearer")
    return b"\r\n".join(lines) + b"\r\n\r\n"


def _refusal(status: int, text: str, cors: Headers) -> HttpResponse:
    bare = without_cors(plain_text(status, text, ("Sec-Websocket-Version", _VERSION)))
    return HttpResponse(status, (*cors, *bare.headers), bare.body)


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text.encode("latin-1"), validate=True)) == _KEY_BYTES
    except binascii.Error:
        return False


def is_upgrade(request: HttpRequest) -> bool:
    """Whether a request asks for a websocket."""
    return "upgrade" in _tokens(request, "connection") and "websocket" in _tokens(
        request, "upgrade"
    )


def _tokens(request: HttpRequest, wanted: str) -> set[str]:
    return {
        word.strip(" \t").lower()
        for name, value in request.headers
        if name.lower() == wanted
        for word in value.split(",")
    }


def _first(request: HttpRequest, wanted: str) -> str:
    return next((value for name, value in request.headers if name.lower() == wanted), "")


def proxied_headers(request: HttpRequest) -> list[tuple[str, str]]:
    """The headers that the call is made with."""
    headers = [
        (name, _first(request, name)) for name in ("origin", "referer") if _first(request, name)
    ]
    token = _cookie(request)
    protocols = _first(request, "sec-websocket-protocol")
    if token is not None:
        headers.append(("authorization", f"Bearer {token}"))
    elif protocols:
        _, comma, said = protocols.partition("Bearer,")
        headers.append(("authorization", f"Bearer {said.strip(' ')}" if comma else ""))
    return headers


def _cookie(request: HttpRequest) -> str | None:
    for name, value in request.headers:
        if name.lower() == "cookie":
            for pair in value.split(";"):
                key, equals, token = pair.strip(" \t").partition("=")
                if key == "token" and equals:
                    return token.removeprefix('"').removesuffix('"')
    return None


class _Wrong(Exception):
    """The peer broke the protocol; the words for the frame that says so."""


class WebSocket:
    """One websocket and its one call: the carrier of its exchange.

    Args:
        limit: bytes that a message may have.
        write: takes bytes to send.
        changed: called when there are some that no `receive` brought about.
        is_paused: whether the socket takes nothing more for now.
    """

    __slots__ = (
        "_buffer",
        "_changed",
        "_is_paused",
        "_limit",
        "_message",
        "_write",
        "closed",
        "exchange",
    )

    def __init__(
        self,
        limit: int,
        write: Callable[[bytes], None],
        changed: Callable[[], None],
        is_paused: Callable[[], bool],
    ) -> None:
        self._limit = limit
        self._write = write
        self._changed = changed
        self._is_paused = is_paused
        self._buffer = bytearray()
        self._message: bytearray | None = None  # of a message that is not whole
        self.closed = False
        """The connection is to end with what was written."""
        self.exchange: Exchange | None = None

    def open(
        self,
        gateway: Gateway,
        path: str,
        headers: list[tuple[str, str]],
        peer: Connection,
        now: float,
    ) -> None:
        """Begin the call."""
        head = gateway.read_proxied(path, headers)
        if isinstance(head, HttpResponse):
            self.respond(head)
        else:
            self.exchange = gateway.open(head, self, peer, now)
            self.exchange.open()

    # What the connection calls

    def receive(self, data: bytes) -> None:
        """Bytes of the client's frames."""
        self._buffer += data
        try:
            while not self.closed and self._frame():
                pass
        except _Wrong as wrong:
            said = struct.pack(">H", _PROTOCOL_ERROR) + str(wrong).encode()
            self._end(said[:_LONGEST_CONTROL])

    def lost(self) -> None:
        """The client is gone."""
        self.closed = True
        if self.exchange is not None and not self.exchange.is_over:
            self.exchange.cancelled()

    # Frames

    def _frame(self) -> bool:
        """Take a frame; False where it is not whole."""
        buffer = self._buffer
        if len(buffer) < 2:
            return False
        self._check(buffer[0], buffer[1])
        size, at = buffer[1] & 0x7F, 2
        if size > _LONGEST_CONTROL:
            at = 4 if size == 126 else 10
            if len(buffer) < at:
                return False
            size = int.from_bytes(buffer[2:at], "big")
            if size >= 1 << 63:  # which Go reads as less than nothing, and leaves without a word
                self.lost()
                buffer.clear()
                return False
        if size + len(self._message or b"") > self._limit:
            self._end(struct.pack(">H", _TOO_BIG))
            return False
        end = at + 4 + size
        if len(buffer) < end:
            return False
        payload = _masked(bytes(buffer[at + 4 : end]), bytes(buffer[at : at + 4]))
        first = buffer[0]
        del buffer[:end]
        if first & 0x0F >= _CLOSE:
            self._control(first & 0x0F, payload)
        else:
            self._data(payload, is_final=bool(first & _FINAL))
        return True

    def _check(self, first: int, second: int) -> None:
        """Raises _Wrong, with all that is wrong with the first two bytes of a frame."""
        wrong = [f"RSV{number} set" for number in (1, 2, 3) if first & (0x80 >> number)]
        opcode, is_final = first & 0x0F, bool(first & _FINAL)
        if opcode in (_CLOSE, _PING, _PONG):
            if second & 0x7F > _LONGEST_CONTROL:
                wrong.append("len > 125 for control")
            if not is_final:
                wrong.append("FIN not set on control")
        elif opcode in (_TEXT, _BINARY):
            if self._message is not None:
                wrong.append("data before FIN")
        elif opcode == _CONTINUED:
            if self._message is None:
                wrong.append("continuation after FIN")
        else:
            wrong.append(f"bad opcode {opcode}")
        if not second & _MASKED:
            wrong.append("bad MASK")
        if wrong:
            raise _Wrong(", ".join(wrong))

    def _data(self, payload: bytes, *, is_final: bool) -> None:
        if self._message is not None:
            self._message += payload
            payload = bytes(self._message)
        if not is_final:
            self._message = bytearray(payload)
            return
        self._message = None
        if self.exchange is not None and not self.exchange.is_over:
            self.exchange.data(payload + b"\n")
            self.exchange.look()

    def _control(self, opcode: int, payload: bytes) -> None:
        if opcode == _PING:
            self._send(_PONG, payload)
        elif opcode == _CLOSE:
            code = _NO_STATUS
            if len(payload) >= 2:
                (code,) = struct.unpack_from(">H", payload)
                if code not in _VALID_CODES:
                    raise _Wrong(f"bad close code {code}")
                try:
                    payload[2:].decode()
                except UnicodeDecodeError:
                    raise _Wrong("invalid utf8 payload in close frame") from None
            self._end(b"" if code == _NO_STATUS else struct.pack(">H", code))

    def _end(self, said: bytes) -> None:
        """Close with a frame that says so."""
        self._send(_CLOSE, said)
        self.lost()
        self._buffer.clear()

    def _send(self, opcode: int, payload: bytes) -> None:
        size = len(payload)
        if size <= _LONGEST_CONTROL:
            head = bytes((_FINAL | opcode, size))
        elif size < 1 << 16:
            head = struct.pack(">BBH", _FINAL | opcode, 126, size)
        else:
            head = struct.pack(">BBQ", _FINAL | opcode, 127, size)
        self._write(head + payload)
        self._changed()

    # Carrier

    def respond(self, response: HttpResponse) -> None:
        self._send_lines(response.body.split(b"\n"))
        self.finish()

    def start(self, status: int, headers: Headers) -> None:
        """There is no place for it."""

    def send(self, chunk: bytes) -> bool:
        self._send_lines(chunk.split(b"\n"))
        return not self._is_paused()

    def unread(self, read_bytes: int) -> None:
        """What still comes is let go of."""

    def finish(self) -> None:
        self.closed = True
        self._changed()

    def _send_lines(self, lines: Iterable[bytes]) -> None:
        for line in lines:
            if line:
                self._send(_TEXT, line)


def _masked(payload: bytes, mask: bytes) -> bytes:
    """Xor with the mask, as one number: a byte at a time would take a thousand times as long."""
    size = len(payload)
    repeated = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(size, "big")
