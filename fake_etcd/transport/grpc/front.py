"""gRPC where Go's net/http is in front of it, as etcd has it over TLS: what a request means there.

What is no gRPC goes to the pages that HTTP/1.1 has, whatever its path; what is differs in the form
of its answers, and in what is refused with which words, from gRPC that has its socket for itself.
One thing is not net/http's: fields that mean something to HTTP/1.1 alone, and a TE that is not
"trailers", it answers with a page and 400; RFC 9113 §8.2.2 has a stream error, and so have we.
Go: net/http (`http2`), grpc-go `internal/transport/handler_server.go`; etcd: server/embed/serve.go
(`grpcHandlerFunc`, `createAccessController`). Answers recorded from etcd 3.7.3.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

from fake_etcd.api.deep import decoder_of
from fake_etcd.api.errors import StatusError
from fake_etcd.api.status import Status
from fake_etcd.services.call import Endpoints
from fake_etcd.services.http import CORS, HttpRequest, HttpResponse, plain_text, reaches_handlers
from fake_etcd.services.page_access import OPEN, Access
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
from fake_etcd.transport.grpc.page import Page, first, page_of
from fake_etcd.transport.http2.hpack import Fields
from fake_etcd.transport.http2.requests import Request, parse_request

_CORS: Fields = tuple((name.lower().encode(), value.encode()) for name, value in CORS)
_TRAILERS = tuple(
    (b"trailer", name) for name in (b"Grpc-Status", b"Grpc-Message", b"Grpc-Status-Details-Bin")
)
_READ_ELSEWHERE = RESERVED | {b"content-type", b"grpc-encoding", b"host", TIMEOUT}

_SEVERAL_TES = HttpResponse(
    400,
    tuple(
        header
        for header in plain_text(400, "").headers
        if header not in CORS  # etcd's handlers do not get to see what net/http itself refuses
    ),
    b'request header "TE" may only be "trailers" in HTTP/2\n',
)

KEPT_FIELDS = frozenset((*_CORS, (b"content-type", CONTENT_TYPE), *_TRAILERS, *HTTP_OK_ENDING))
"""Response header fields that are nearly always the same."""


def parse_behind_http(
    fields: Fields, endpoints: Endpoints, access: Access = OPEN, *, has_gateway: bool = False
) -> Head | Refusal | Page:
    """Understand a request's fields.

    The gateway's paths are its own, whatever the content type: it is in front of gRPC.

    Args:
        fields: of the request.
        endpoints: what is served.
        access: whose scripts may read the answer.
        has_gateway: whether there is the JSON gateway.

    Raises:
        MalformedRequest: where they are no HTTP/2 request at all.
    """
    request = parse_request(fields)
    page = page_of(request, is_encrypted=True)
    if page.answer is not None:
        return page
    if sum(name == b"te" for name, _ in request.headers) > 1:
        return page.answered(_SEVERAL_TES)
    content_type = first(request.headers, b"content-type")
    if CONTENT_TYPE not in content_type or not reaches_handlers(
        page.request.method, page.request.target
    ):
        return page
    if has_gateway and _is_gateways(page.request):
        return page
    answer = _unfit(request, content_type)
    if answer is not None:
        return page.answered(answer)
    path = _path_of(page.request.target.encode("latin-1"))
    cors = _CORS if access.is_open else _cors_of(access.cors(page.request))
    return _grpc(request, path, content_type, endpoints, page, cors)


def _cors_of(headers: Iterable[tuple[str, str]]) -> Fields:
    return tuple((name.lower().encode(), value.encode("latin-1")) for name, value in headers)


def _is_gateways(request: HttpRequest) -> bool:
    from fake_etcd.transport.gateway.heads import path_of  # as late as the gateway itself

    return path_of(request) is not None


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
    request: Request,
    path: bytes,
    content_type: bytes,
    endpoints: Endpoints,
    page: Page,
    cors: Fields,
) -> Head | Refusal | Page:
    metadata: list[tuple[str, str | bytes]] = [("content-type", text_of(content_type))]
    host = request.authority or first(request.headers, b"host")
    if host:
        metadata.insert(0, (":authority", text_of(host)))
    encoding = first(request.headers, b"grpc-encoding")
    try:
        timeout_text = first(request.headers, TIMEOUT)
        timeout = decode_timeout(timeout_text) if timeout_text else None
    except ValueError as error:
        return page.answered(plain_text(400, f"malformed grpc-timeout: {error}"))
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
            return page.answered(plain_text(400, message))
    opening = ((b":status", b"200"), *cors, (b"content-type", content_type))
    try:
        endpoint = find_endpoint(path, encoding, endpoints)
        if timeout is not None and timeout < SHORTEST_TIMEOUT:
            raise StatusError(errors.EXPIRED)
    except StatusError as error:
        return _refusal(error.status, opening)
    packed = ((b"grpc-encoding", GZIP),) if encoding == GZIP else ()
    return Head(
        endpoint=endpoint,
        parse=decoder_of(endpoint.method.request),
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


def _path_of(target: bytes) -> bytes:
    """The path, its escapes undone."""
    return unquote_to_bytes(target.partition(b"?")[0])
