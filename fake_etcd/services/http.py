"""HTTP as etcd's pages know it: requests, answers, and what Go's net/http makes of them.

A request value in, an answer value out. Framing, and the headers that Go's server adds to what a
handler sets (Date, Content-Length, a guessed Content-Type), are the transport's. Which path is
which page is `mux`'s.
Go: net/http ServeMux, server.go; etcd: server/embed/serve.go. Answers recorded from 3.7.3.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import quote, unquote_to_bytes

CORS = (
    ("Access-Control-Allow-Headers", "accept, content-type, authorization"),
    ("Access-Control-Allow-Methods", "POST, GET, OPTIONS, PUT, DELETE"),
    ("Access-Control-Allow-Origin", "*"),
)
"""What every answer has."""


_PATH_SAFE = "$&+,/:;=@~"  # what Go's url.URL leaves as it is in a path, beside letters and digits
_ESCAPED_SAFE = _PATH_SAFE + "!'()*[]%"  # and what it leaves where the client sent it


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request.

    Args:
        method: "GET"; any token, case matters.
        target: path and query as they were sent, "/health?serializable=true", or "*".
        headers: in the order they came.
        body: what followed them, where its handler reads that; None where it was larger than what
            the handler takes.
        is_encrypted: whether it came by TLS.
    """

    method: str
    target: str
    headers: Sequence[tuple[str, str]] = ()
    body: bytes | None = b""
    is_encrypted: bool = False


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """An answer.

    Args:
        status: 200.
        headers: what etcd's handlers set, sorted by name.
        body: what they wrote; the transport leaves it out of the answer to a HEAD.
    """

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


HttpHandler = Callable[[HttpRequest], HttpResponse]
"""Answers any request."""

BodyLimit = Callable[[HttpRequest], int]
"""Told of a request's head, says how large a body its handler takes; 0 where it reads none."""


def no_body(request: HttpRequest) -> int:
    """The `BodyLimit` of `mux.handle`: none of etcd's pages reads a body."""
    return 0


def moved_to(method: str, path: str, folders: Collection[str] = frozenset()) -> str | None:
    """Where Go's mux sends a request on to, which is for another path written badly.

    Args:
        method: its method.
        path: as it was sent.
        folders: paths of which there are only those below them.

    Returns:
        None where it is well as it is.
    """
    path = _escaped(path)
    clean = _clean(path)
    if method == "CONNECT":
        clean = path
    if clean in folders:
        clean += "/"
    return quote(clean, safe=_PATH_SAFE) if clean != path else None


def go_escaped(text: str) -> bytes:
    """JSON as Go's encoder writes it, which escapes what HTML would take for its own."""
    return "".join(_GO_ESCAPES.get(letter, letter) for letter in text).encode()


_GO_ESCAPES = {letter: f"\\u{ord(letter):04x}" for letter in "<>&\u2028\u2029"}


def reaches_handlers(method: str, target: str) -> bool:
    """Whether etcd's mux hands a request on to what is behind it, gRPC's server for one.

    What it answers itself are paths that it takes for another one written badly, and "*".
    """
    if target == "*" or method == "OPTIONS":
        return False
    path = _escaped(target.partition("?")[0])
    return method == "CONNECT" or _clean(path) == path


def method_not_allowed() -> HttpResponse:
    """What all pages say that can only be read."""
    return plain_text(405, "Method Not Allowed", ("Allow", "GET"))


def plain_text(status: int, line: str, *headers: tuple[str, str]) -> HttpResponse:
    """net/http's Error: one line of plain text, and headers that are `Allow` at most."""
    plain = ("Content-Type", "text/plain; charset=utf-8")
    return HttpResponse(
        status,
        (*CORS, *headers, plain, ("X-Content-Type-Options", "nosniff")),
        line.encode() + b"\n",
    )


def redirect(method: str, location: str, also: tuple[tuple[str, str], ...] = ()) -> HttpResponse:
    """net/http's Redirect: a page for GET, its type for HEAD too, the header alone otherwise."""
    body = b""
    headers = [*also]
    if method in ("GET", "HEAD"):
        headers.append(("Content-Type", "text/html; charset=utf-8"))
    headers.append(("Location", location))
    if method == "GET":
        link = escape(location).replace("&quot;", "&#34;").replace("&#x27;", "&#39;")
        body = f'<a href="{link}">Temporary Redirect</a>.\n\n'.encode()
    return HttpResponse(307, tuple(headers), body)


def _escaped(path: str) -> str:
    """The path as Go's URL.EscapedPath has it: as it was sent if that was well escaped."""
    if quote(path, safe=_ESCAPED_SAFE) == path:
        return path
    return quote(unquote_to_bytes(path), safe=_PATH_SAFE)


def _clean(path: str) -> str:
    """The path without empty, "." and ".." segments; a slash at the end stays."""
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del segments[-1:]
        elif segment not in ("", "."):
            segments.append(segment)
    clean = "/" + "/".join(segments)
    return clean + "/" if path.endswith("/") and clean != "/" else clean
