"""What a gateway request's head means: its method, metadata and deadline, or the answer at once.

Go: grpc-gateway runtime/mux.go (`ServeHTTP`, `DefaultHeaderMatcher`), context.go
(`annotateContext`), errors.go (the HTTP codes); etcd: server/embed/serve.go (`/v3beta/`). Answers
recorded from etcd 3.7.3.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

from fake_etcd.api.methods import METHODS, Method
from fake_etcd.api.status import Code, Status
from fake_etcd.services.call import Metadata
from fake_etcd.services.http import CORS, HttpRequest, HttpResponse, moved_to, redirect
from fake_etcd.transport.gateway import writing
from fake_etcd.transport.grpc import errors
from fake_etcd.transport.grpc.coding import decode_binary
from fake_etcd.transport.grpc.head import SHORTEST_TIMEOUT
from fake_etcd.transport.http1_answers import CHUNKED

Headers = tuple[tuple[str, str], ...]

ROUTES: Mapping[str, Method] = {
    path: method
    for method in METHODS.values()
    if method.gateway is not None
    for path in (method.gateway, *method.gateway_aliases)
}
"""Every path that is one of a method's."""

CONTENT_TYPE = ("Content-Type", "application/json")
_FROM_GRPC = (("Grpc-Metadata-Content-Type", "application/grpc"),)
"""What a call that has an answer had in its own header."""

_TRAILERS = tuple(
    ("Grpc-Metadata-Trailer", name)
    for name in ("Grpc-Status", "Grpc-Message", "Grpc-Status-Details-Bin")
)
"""And what it had too where net/http served it, as it does over TLS."""

TRAILER = ("Trailer", "Grpc-Trailer-Content-Type")
"""A failure comes in trailers alone, of which this is the one that goes on."""

_ROOT = "/v3/"
_OLD_ROOT = "/v3beta/"
_PATH_SAFE = "$&+,/:;=@~"

_HTTP_CODES = {
    Code.OK: 200,
    Code.CANCELLED: 499,
    Code.UNKNOWN: 500,
    Code.INVALID_ARGUMENT: 400,
    Code.DEADLINE_EXCEEDED: 504,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.PERMISSION_DENIED: 403,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.FAILED_PRECONDITION: 400,
    Code.ABORTED: 409,
    Code.OUT_OF_RANGE: 400,
    Code.UNIMPLEMENTED: 501,
    Code.INTERNAL: 500,
    Code.UNAVAILABLE: 503,
    Code.DATA_LOSS: 500,
    Code.UNAUTHENTICATED: 401,
}

_EMPTY_KEY = Status(Code.INTERNAL, "there is an empty key in the header")
MALFORMED = Status(Code.INTERNAL, "stream terminated by RST_STREAM with error code: PROTOCOL_ERROR")
"""grpc-go's server resets a call that says so; the client learns it where it would read."""


def _misplaced(name: str) -> Status:
    """What net/http, which serves gRPC over TLS, says of a header that is none of HTTP/2's."""
    said = f'request header \\"{name}\\" is not valid in HTTP/2\\n'
    plain = 'received unexpected content-type "text/plain; charset=utf-8"'
    got = "unexpected HTTP status code received from server: 400 (Bad Request)"
    return Status(Code.INTERNAL, f'{got}; transport: {plain}\ndata: "{said}"')


_MISPLACED = {
    name.lower(): _misplaced(name)
    for name in ("Connection", "Proxy-Connection", "Transfer-Encoding", "Upgrade", "Keep-Alive")
}
"""By name, in the order in which it looks."""

OF_SERVER = frozenset({MALFORMED, *_MISPLACED.values()})
"""Refusals that come of the call itself: a stream of answers has begun, for all that is known."""


@dataclass(frozen=True, slots=True)
class Head:
    """A request that is a call.

    Args:
        method: which.
        metadata: what the call has of the request's headers.
        has_body: whether its body is looked at.
        timeout: seconds, None without one.
        refusal: what becomes of the call once its message is read, where it can be none.
        with_trailers: whether the client takes trailers, which has the answer come in chunks.
        cors: headers of every answer.
        is_encrypted: whether it came by TLS: etcd's gateway makes its call by TLS, then, and what
            net/http says there of a call goes on as metadata.
        from_grpc: headers of an answer that the call itself had.
    """

    method: Method
    metadata: Metadata
    has_body: bool
    timeout: float | None
    refusal: Status | None
    with_trailers: bool
    cors: Headers
    is_encrypted: bool
    from_grpc: Headers

    def answer(self, content: str) -> HttpResponse:
        """A call's one answer."""
        more = (CHUNKED,) if self.with_trailers else ()
        headers = (*self.cors, CONTENT_TYPE, *self.from_grpc, *more)
        return HttpResponse(200, headers, content.encode("utf-8", "replace"))

    def failure(self, status: Status, *, is_servers: bool = True) -> HttpResponse:
        """How a call ended that has no answer; `is_servers` where what serves it said so."""
        headers = [*self.cors]
        if self.with_trailers:
            headers.append(CHUNKED)
        if is_servers and self.is_encrypted:
            headers += self.from_grpc
        elif is_servers and self.with_trailers:
            headers.append(TRAILER)
        return failure(status, tuple(headers))


@dataclass(frozen=True, slots=True)
class KnownHead:
    """A head that came before: what it means, and how its answer begins, up to the date."""

    head: Head
    content_length: int
    opening: bytes


def http_code(status: Status) -> int:
    """The HTTP status of a failed call."""
    return _HTTP_CODES[status.code]


def failure(status: Status, more: Headers) -> HttpResponse:
    """The page that says how a call ended."""
    headers = [*more, CONTENT_TYPE]
    if status.code is Code.UNAUTHENTICATED:
        headers.append(("Www-Authenticate", status.message))
    body = writing.error_of(status).encode("utf-8", "replace")
    return HttpResponse(http_code(status), tuple(headers), body)


def path_of(request: HttpRequest) -> str | None:
    """The path that a request is for, where it is one of the gateway's: "/v3/kv/put".

    None where the pages are to answer it. A path that is to be written otherwise comes as it is.
    """
    if request.method == "OPTIONS":
        return None
    target = request.target
    path = target.partition("?")[0]
    if path.startswith(_ROOT) or path == _ROOT[:-1]:
        return path
    plain = unquote_to_bytes(path)
    if plain == _ROOT[:-1].encode():
        return _ROOT[:-1]
    root, slash, _ = path[1:].partition("/")  # in which Go looks for no other slash
    if slash and unquote_to_bytes(root) == _ROOT[1:-1].encode():
        return path
    if plain.startswith(_OLD_ROOT.encode()):
        return quote(plain.replace(_OLD_ROOT.encode(), _ROOT.encode(), 1), safe=_PATH_SAFE)
    return None


def redirection(request: HttpRequest, path: str, cors: Headers) -> HttpResponse | None:
    """Where a request is sent on to whose path is to be written otherwise."""
    moved = moved_to(request.method, path, frozenset({_ROOT[:-1]}))
    if moved is None:
        return None
    query = request.target.partition("?")
    return redirect(request.method, moved + "".join(query[1:]), cors)


def read_head(request: HttpRequest, path: str, cors: Headers) -> Head | HttpResponse:
    """What a request is for, whose path is this and well written; or the answer at once."""
    said = [(name.lower(), value) for name, value in request.headers]
    return read_call(request.method, path, said, cors, is_encrypted=request.is_encrypted)


def read_call(
    verb: str,
    path: str,
    headers: list[tuple[str, str]],
    cors: Headers,
    *,
    is_encrypted: bool = False,
) -> Head | HttpResponse:
    """The same of a request whose path is well written; its headers' names are in lower case."""
    method = ROUTES.get(unquote_to_bytes(path).decode("utf-8", "replace"))
    if method is None:
        return failure(Status(Code.NOT_FOUND, "Not Found"), cors)
    override = _first(headers, "x-http-method-override")
    is_overridden = bool(override) and verb == "POST" and _first(headers, "content-type") == _FORM
    if is_overridden:
        verb = override.upper()
    if verb != "POST":
        return failure(Status(Code.UNIMPLEMENTED, "Method Not Allowed"), cors)
    try:
        metadata = _metadata(headers)
        timeout = _timeout(_first(headers, "grpc-timeout"))
    except _Invalid as error:
        return failure(Status(Code.INVALID_ARGUMENT, str(error)), cors)
    names = {name for name, _ in metadata}
    refusal = None
    if timeout is not None and timeout < SHORTEST_TIMEOUT:
        refusal = errors.EXPIRED
    elif "" in names:
        refusal = _EMPTY_KEY
    elif is_encrypted:
        refusal = next((told for name, told in _MISPLACED.items() if name in names), None)
    elif "connection" in names:
        refusal = MALFORMED
    return Head(
        method=method,
        metadata=metadata,
        has_body=not is_overridden,  # it was read as a form, then
        timeout=timeout,
        refusal=refusal,
        with_trailers="trailers" in _first(headers, "te").lower(),
        cors=cors,
        is_encrypted=is_encrypted,
        from_grpc=_from_grpc(cors) if is_encrypted else _FROM_GRPC,
    )


def _from_grpc(cors: Headers) -> Headers:
    """What a call over TLS has in its header; etcd's own calls have no Origin."""
    is_open = cors == CORS
    inner = tuple((f"Grpc-Metadata-{name}", value) for name, value in CORS) if is_open else ()
    return (*inner, *_FROM_GRPC, *_TRAILERS)


_FORM = "application/x-www-form-urlencoded"


def _first(headers: list[tuple[str, str]], wanted: str) -> str:
    return next((value for name, value in headers if name == wanted), "")


class _Invalid(Exception):
    """The words for what is wrong with a header."""


_PERMANENT = frozenset(
    [
        "accept",
        "accept-charset",
        "accept-language",
        "accept-ranges",
        "authorization",
        "cache-control",
        "content-type",
        "cookie",
        "date",
        "expect",
        "from",
        "host",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-schedule-tag-match",
        "if-unmodified-since",
        "max-forwards",
        "origin",
        "pragma",
        "referer",
        "user-agent",
        "via",
        "warning",
    ]
)
"""Headers of HTTP's own that go on with another name."""

_RESERVED = frozenset(
    [
        "content-type",
        "user-agent",
        "grpc-message-type",
        "grpc-encoding",
        "grpc-message",
        "grpc-status",
        "grpc-timeout",
        "te",
    ]
)
"""What grpc-go's client says itself, and takes from nobody (http_util.go, isReservedHeader)."""

_PREFIX = "grpc-metadata-"
_OWN: Metadata = (("content-type", "application/grpc"),)
_IS_NAME = re.compile(r"[0-9a-z_.-]*").fullmatch
_IS_TEXT = re.compile(r"[\x20-\x7e]*").fullmatch


def _metadata(headers: list[tuple[str, str]]) -> Metadata:
    metadata: list[tuple[str, str | bytes]] = [*_OWN]
    host = _first(headers, "x-forwarded-host") or _first(headers, "host")
    for name, value in headers:
        if name in ("x-forwarded-for", "x-forwarded-host", "host"):
            continue  # Go keeps the last one elsewhere
        if name == "authorization":
            metadata.append((name, value))
        if name in _PERMANENT:
            key = f"grpcgateway-{name}"
        elif name.startswith(_PREFIX):
            key = name[len(_PREFIX) :]
        else:
            continue
        if not _IS_NAME(key):
            continue
        if name.endswith("-bin"):
            metadata.append((key, _binary(name, value)))
        elif _IS_TEXT(value) and key not in _RESERVED:
            metadata.append((key, value))
    if host:
        metadata.append(("x-forwarded-host", host))
    return tuple(metadata)


def _binary(name: str, value: str) -> bytes:
    try:
        return decode_binary(value.encode("latin-1"))
    except ValueError as error:
        raise _Invalid(f"invalid binary header {_canonical(name)}: {error}") from None


def _canonical(name: str) -> str:
    """A header's name as Go writes it."""
    return "-".join(word.capitalize() for word in name.split("-"))


_NANOSECONDS = {
    "H": 3_600 * 10**9,
    "M": 60 * 10**9,
    "S": 10**9,
    "m": 10**6,
    "u": 10**3,
    "n": 1,
}
_IS_NUMBER = re.compile(r"[+-]?[0-9]{1,4000}", re.ASCII).fullmatch


def _timeout(text: str) -> float | None:
    """Seconds; 0 is none. It is a number of 64 bits, which may go round."""
    if not text:
        return None
    unit = _NANOSECONDS.get(text[-1])
    if len(text) < 2 or unit is None or not _IS_NUMBER(text[:-1]):
        raise _Invalid(f"invalid grpc-timeout: {text}")
    number = int(text[:-1])
    if not -(1 << 63) <= number < 1 << 63:
        raise _Invalid(f"invalid grpc-timeout: {text}")
    wrapped = (number * unit + (1 << 63)) % (1 << 64) - (1 << 63)
    return wrapped / 1e9 if wrapped else None
