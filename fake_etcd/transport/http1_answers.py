"""The answers of HTTP/1.1 as Go's server writes them: status line, headers in its order, chunks.

Sources: Go net/http server.go (`chunkWriter.writeHeader`), status.go. Answers recorded from etcd
3.7.3.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from fake_etcd.services.http import HttpResponse

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
