"""gRPC where Go's net/http is in front of it, as etcd has it over TLS: what a request means there.

What is no gRPC goes to the pages that HTTP/1.1 has; what is differs in the form of its answers, and
in what is refused with which words, from gRPC that has its socket for itself.
Go: net/http (`http2`), grpc-go `internal/transport/handler_server.go`; etcd: server/embed/serve.go
(`grpcHandlerFunc`, `createAccessController`). Answers recorded from etcd 3.7.3.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from fake_etcd.api.errors import StatusError
from fake_etcd.api.status import Status
from fake_etcd.services.call import Endpoints
from fake_etcd.services.http import CORS, HttpRequest, HttpResponse, plain_text, reaches_handlers
from fake_etcd.transport.grpc import errors
from fake_etcd.transport.grpc.coding import decode_binary, decode_timeout
from fake_etcd.transport.grpc.head import (
    CONTENT_TYPE,
    HTTP_OK_ENDING,
    RESERVED,
    SHORTEST_TIMEOUT,
    TIMEOUT,
    Head,
    Refusal,
    find_endpoint,
    http_ending,
    text_of,
    verdict_on,
)
from fake_etcd.transport.grpc.messages import GZIP
from fake_etcd.transport.http2.hpack import Fields
from fake_etcd.transport.http2.requests import (
    CONNECTION_SPECIFIC,
    MalformedRequest,
    Request,
    parse_request,
)

_CORS = tuple((name.lower().encode(), value.encode()) for name, value in CORS)
_TRAILERS = tuple(
    (b"trailer", name) for name in (b"Grpc-Status", b"Grpc-Message", b"Grpc-Status-Details-Bin")
)
_READ_ELSEWHERE = RESERVED | {b"content-type", b"grpc-encoding", b"host", TIMEOUT}
_ABSOLUTE = re.compile(rb"[A-Za-z][A-Za-z0-9+.\-]*://[^/?]*")
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")

KEPT_FIELDS = frozenset((*_CORS, (b"content-type", CONTENT_TYPE), *_TRAILERS, *HTTP_OK_ENDING))
"""Response header fields that are nearly always the same."""


@dataclass(frozen=True, slots=True)
class Page:
    """A request for a page: what it asks for, or the answer where that is clear already."""

    request: HttpRequest
    content_length: int | None
    answer: HttpResponse | None = None


def parse_behind_http(fields: Fields, endpoints: Endpoints) -> Head | Refusal | Page:
    """Understand a request's fields.

    Raises:
        MalformedRequest: where they are no HTTP/2 request at all.
    """
    request = parse_request(fields, takes_connection_specific=True)
    target = _target(request)
    page = Page(_http_request(request, target), request.content_length)
    objection = _objection(request)
    if objection is not None:
        return _answered(page, _without_cors(plain_text(400, objection)))
    if request.method == b"OPTIONS" and target == b"*":
        return _answered(page, HttpResponse(200))
    content_type = _first(request.headers, b"content-type")
    if CONTENT_TYPE not in content_type or not reaches_handlers(
        page.request.method, page.request.target
    ):
        return page
    answer = _unfit(request, content_type)
    if answer is not None:
        return _answered(page, answer)
    return _grpc(request, _path_of(target), content_type, endpoints, page)


def _target(request: Request) -> bytes:
    """Path and query as they were sent (Go: net/url, ParseRequestURI)."""
    path = request.path
    if request.method == b"CONNECT":
        if path is not None or request.scheme or not request.authority:
            raise MalformedRequest("CONNECT has an authority and nothing else")
        return b"/"
    if request.scheme not in (b"https", b"http"):
        raise MalformedRequest(f"scheme {request.scheme!r}")
    assert path, "it was looked at before"
    if path == b"*":
        return path
    absolute = _ABSOLUTE.match(path)
    if absolute is not None:
        path = path[absolute.end() :]
        path = path if path.startswith(b"/") else b"/" + path
    if not path.startswith(b"/") or _BAD_ESCAPE.search(path.partition(b"?")[0]):
        raise MalformedRequest("bad :path")
    return path


def _http_request(request: Request, target: bytes) -> HttpRequest:
    host = request.authority or _first(request.headers, b"host")
    headers = [
        (name.decode("ascii"), value.decode("latin-1"))
        for name, value in request.headers
        if name != b"host"
    ]
    return HttpRequest(
        method=request.method.decode("latin-1"),
        target=target.decode("latin-1"),
        headers=(("host", host.decode("latin-1")), *headers),
    )


def _objection(request: Request) -> str | None:
    """What net/http does not take in HTTP/2 (`checkValidHTTP2RequestHeaders`)."""
    names = {name for name, _ in request.headers}
    for name in CONNECTION_SPECIFIC:
        if name in names:
            shown = "-".join(part.capitalize() for part in name.decode().split("-"))
            return f'request header "{shown}" is not valid in HTTP/2'
    te = [value for name, value in request.headers if name == b"te"]
    if len(te) > 1 or (te and te[0] not in (b"trailers", b"")):
        return 'request header "TE" may only be "trailers" in HTTP/2'
    return None


def _unfit(request: Request, content_type: bytes) -> HttpResponse | None:
    """The page that says why this is no call (grpc-go: NewServerHandlerTransport)."""
    if request.method != b"POST":
        message = f"invalid gRPC request method {errors.go_quote(request.method)}"
        return plain_text(405, message, ("Allow", "POST"))
    rest = content_type[len(CONTENT_TYPE) :]
    if not content_type.startswith(CONTENT_TYPE) or rest[:1] not in (b"", b"+", b";"):
        return plain_text(415, f"invalid gRPC request content-type {errors.go_quote(content_type)}")
    return None


def _grpc(
    request: Request, path: bytes, content_type: bytes, endpoints: Endpoints, page: Page
) -> Head | Refusal | Page:
    metadata: list[tuple[str, str | bytes]] = [("content-type", text_of(content_type))]
    host = request.authority or _first(request.headers, b"host")
    if host:
        metadata.insert(0, (":authority", text_of(host)))
    encoding = _first(request.headers, b"grpc-encoding")
    try:
        timeout_text = _first(request.headers, TIMEOUT)
        timeout = decode_timeout(timeout_text) if timeout_text else None
    except ValueError as error:
        return _answered(page, plain_text(400, f"malformed grpc-timeout: {error}"))
    for name, value in request.headers:
        if name in _READ_ELSEWHERE:
            continue
        if not name.endswith(b"-bin"):
            metadata.append((name.decode(), text_of(value)))
            continue
        try:
            metadata.append((name.decode(), decode_binary(value)))
        except ValueError as error:
            # The value is not in it: grpc-go names what it made of it, which is nothing.
            message = f'malformed binary metadata "" in header {errors.go_quote(name)}: {error}'
            return _answered(page, plain_text(400, message))
    opening = ((b":status", b"200"), *_CORS, (b"content-type", content_type))
    try:
        endpoint = find_endpoint(path, encoding, endpoints)
        if timeout is not None and timeout < SHORTEST_TIMEOUT:
            raise StatusError(errors.EXPIRED)
    except StatusError as error:
        return _refusal(error.status, opening)
    packed = ((b"grpc-encoding", GZIP),) if encoding == GZIP else ()
    return Head(
        endpoint=endpoint,
        parse=endpoint.method.request.FromString,
        metadata=tuple(metadata),
        timeout=timeout,
        encoding=encoding,
        response_fields=(*opening, *packed, *_TRAILERS),
        content_length=request.content_length,
        verdict=verdict_on(metadata),
        is_behind_http=True,
        ok_ending=HTTP_OK_ENDING,
    )


def _refusal(status: Status, opening: Fields) -> Refusal:
    return Refusal((*opening, *_TRAILERS), is_early=False, trailers=http_ending(status))


def _answered(page: Page, answer: HttpResponse) -> Page:
    return Page(page.request, page.content_length, answer)


def _without_cors(answer: HttpResponse) -> HttpResponse:
    """etcd's handlers do not get to see what net/http itself refuses."""
    headers = tuple(header for header in answer.headers if header not in CORS)
    return HttpResponse(answer.status, headers, answer.body)


def _first(headers: Fields, wanted: bytes) -> bytes:
    """The first value of a field, b"" without one (Go: http.Header.Get)."""
    return next((value for name, value in headers if name == wanted), b"")


def _path_of(target: bytes) -> bytes:
    """The path, its escapes undone."""
    return unquote_to_bytes(target.partition(b"?")[0])
