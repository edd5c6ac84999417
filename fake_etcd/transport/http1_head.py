"""The head of a request in HTTP/1.1, as etcd's port reads it, or refuses it.

Header syntax is h11's; the rest is what makes the answers those of etcd: cmux's rule for the first
line, Go's checks in Go's order and with its words. What comes behind a head is `http1`'s.

Sources: soheilhy/cmux matchers.go (`HTTP1`); Go net/http request.go (`readRequest`), server.go,
transfer.go. Answers recorded from etcd 3.7.3.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable

import h11

from fake_etcd.services.http import HttpRequest, HttpResponse
from fake_etcd.transport.http1_calls import Call
from fake_etcd.transport.http1_chunks import Body, ChunkedBody, SizedBody

MAX_HEAD_BYTES = (1 << 20) + 4096
"""Request line and headers: Go's DefaultMaxHeaderBytes and its slop."""

MAX_UNREAD_BODY_BYTES = (256 << 10) - 1
"""The largest body that nobody reads for which Go keeps the connection (maxPostHandlerReadBytes).
"""

_DISCARDED = 16
"""So many times the size that a handler takes a body may have and is read to its end, so that who
sends it gets to read the answer: most clients do not look before they have sent everything."""

_MAX_INT64 = (1 << 63) - 1

_ENDLESS = 1 << 62
"""Bytes of a body that is read as it comes."""

_REQUEST_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) (\S+) HTTP/([0-9]\.[0-9])", re.ASCII)
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_ABSOLUTE_FORM = re.compile(rb"[A-Za-z][A-Za-z0-9+.\-]*:(?://([^/?#]*))?")
_NOT_PRINTABLE_ASCII = re.compile(rb"[^\x21-\x7e]")
_BAD_VALUE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_BAD_HOST = re.compile(rb"[^0-9A-Za-z!$%&'()*+,\-.:;=@\[\]_~]")
_NAME_WITH_SPACES = re.compile(rb"(?m)^[!#$%&'*+\-.^_`|~0-9A-Za-z]+ [!#$%&'*+\-.^_`|~0-9A-Za-z ]*:")
"""Go names what is wrong with a name that has spaces in it, which is none of those it knows; of
other faults in a name it says nothing."""
_TRANSFER_ENCODING = re.compile(rb"(?im)^transfer-encoding:")
_HOST = re.compile(rb"(?im)^host:")
_KEEP_ALIVE, _CLOSE, _CONTINUE = (
    re.compile(rb"(?i)(?<![^ ,\t])%b(?![^ ,\t])" % token)
    for token in (b"keep-alive", b"close", b"100-continue")
)
_LENGTHS = re.compile(rb"(?im)^content-length:(?:[^\n,]|\n[ \t])*,")
"""Several lengths in one field, which h11 takes where all are the same."""


class Refused(Exception):
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


def bad_request(text: str = "") -> Refused:
    return Refused("400 Bad Request", text)


def _unsupported_encoding() -> Refused:
    refused = Refused("501 Not Implemented")
    refused.body = "Unsupported transfer encoding"
    return refused


class Request:
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
        self.call: Call | None = None
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

    def give_body(self, call: Call) -> None:
        """Have a call get the body as it comes, however long it is."""
        self.call = call
        self.limit = self.max_body_bytes = _ENDLESS

    def stop_reading(self, read_bytes: int) -> None:
        """Nobody looks at more of the body than that; the rest is read where it is short."""
        self.max_body_bytes = read_bytes + MAX_UNREAD_BODY_BYTES

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


def is_http1(line: bytes) -> bool:
    """cmux: two spaces, and after them an HTTP/1 version. The rest is for net/http to refuse."""
    parts = line.split(b" ", 2)
    return len(parts) == 3 and re.fullmatch(rb"HTTP/1\.[0-9]", parts[2]) is not None


def check_request_line(line: bytes) -> tuple[bytes, bytes, bytes]:
    """Method, target in origin form and version, or a refusal (net/http: request.go)."""
    match = _REQUEST_LINE.fullmatch(line)
    if match is None:
        raise bad_request()
    method, target, version = match.groups()
    if target == b"*":
        return method, target, version
    if not target.startswith(b"/"):
        target = _origin_form(target, is_connect=method == b"CONNECT")
    path = target.partition(b"?")[0]
    if re.search(rb"[\x00-\x20\x7f]", target) or _BAD_ESCAPE.search(path):
        raise bad_request()
    # h11 takes ASCII only (RFC 9112 §3.2); Go takes UTF-8 too and means the escaped form by it.
    target = _NOT_PRINTABLE_ASCII.sub(lambda byte: b"%%%02X" % ord(byte[0]), target)
    return method, target, version


def _origin_form(target: bytes, *, is_connect: bool) -> bytes:
    """Path and query of "http://host/path?query"; "/" where there is no path."""
    if is_connect:
        return b"/"
    absolute = _ABSOLUTE_FORM.match(target)
    if absolute is None or _BAD_ESCAPE.search(absolute[1] or b""):
        raise bad_request()
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


def read_head(head: bytes, is_encrypted: bool) -> Request:
    """The request that a complete head makes, or `Refused`, its checks in net/http's order."""
    line, newline, fields = head.partition(b"\n")
    method, target, version = check_request_line(line.removesuffix(b"\r"))
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
        raise bad_request()
    if _LENGTHS.search(fields):
        raise bad_request()
    if any(_BAD_VALUE.search(value) for _, value in event.headers):
        raise bad_request()
    if not version.startswith(b"1."):
        raise Refused("505 HTTP Version Not Supported", "unsupported protocol version")
    if not hosts and version > b"1.0" and method != b"CONNECT":
        raise bad_request("missing required Host header")
    if hosts and _BAD_HOST.search(hosts[0]):
        raise bad_request("malformed Host header")
    return Request(event, target, is_encrypted)


def _why_refused(line: bytes, fields: bytes, error: h11.RemoteProtocolError) -> Refused:
    """The refusal with net/http's words: it names the fault only where that is the only one.

    So mend the two faults that it names, last one first, and see whether that is enough.
    """
    mended = _NAME_WITH_SPACES.sub(b"-:", fields)
    event = _try(line + mended)
    if event == 501 or error.error_status_hint == 501:
        # Go counts the hosts before it looks at how a body is sent.
        return bad_request() if len(_HOST.findall(fields)) > 1 else _unsupported_encoding()
    if _LENGTHS.search(fields):
        return bad_request()
    if isinstance(event, h11.Request):
        is_bad = any(name == b"host" and _BAD_HOST.search(value) for name, value in event.headers)
        return bad_request("malformed Host header" if is_bad else "invalid header name")
    if isinstance(_try(line + b"Host: x\r\n" + mended), h11.Request):
        return bad_request("missing required Host header")
    return bad_request()


def _try(head: bytes) -> h11.Request | int:
    """What a head makes, or the status that h11 would answer it with."""
    try:
        return _parse(head)
    except h11.RemoteProtocolError as error:
        return error.error_status_hint
