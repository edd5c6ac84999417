"""What a request's header fields mean to gRPC: which endpoint, what metadata, or why not.

The order of the checks, and the HTTP status each refusal goes with, are grpc-go's
(`internal/transport/http2_server.go, operateHeaders`, then `server.go, handleStream`). A `Head`
depends on nothing but the fields, so that equal requests share one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from google.protobuf.message import Message

from fake_etcd.api.deep import decoder_of
from fake_etcd.api.errors import EtcdError, StatusError
from fake_etcd.api.methods import METHODS, SERVICES
from fake_etcd.api.status import OK, Code, Status
from fake_etcd.services.call import Endpoint, Endpoints, Metadata
from fake_etcd.services.interceptor import admit
from fake_etcd.transport.grpc import errors
from fake_etcd.transport.grpc.coding import decode_binary, decode_timeout, encode_message
from fake_etcd.transport.grpc.messages import GZIP, IDENTITY
from fake_etcd.transport.grpc.page import Page, page_of
from fake_etcd.transport.http2.hpack import Fields
from fake_etcd.transport.http2.requests import parse_request

CONTENT_TYPE = b"application/grpc"
TIMEOUT = b"grpc-timeout"
ACCEPTED_ENCODINGS = b"identity,gzip"

SHORTEST_TIMEOUT = 1e-5
"""Seconds: nobody answers in less, so that a call with less is over before it began."""

RESERVED = frozenset({b"grpc-message-type", b"grpc-message", b"grpc-status", b"te"})
"""gRPC's own fields that are no metadata, beside those that `_Fields` reads."""


@dataclass(frozen=True, slots=True)
class Head:
    """A request that has an endpoint to go to.

    `timeout` is in seconds, None without one; `response_fields` open the response; `parse`
    decodes the endpoint's requests. `verdict` is the interceptor's refusal: grpc-go's interceptors
    run behind the decoding of a unary request, so that its errors come first. `is_behind_http`
    where net/http serves it, whose answers differ in form; `ok_ending` are the fields behind a
    body where all went well.
    """

    endpoint: Endpoint
    parse: Callable[[bytes], Message]
    metadata: Metadata
    timeout: float | None
    encoding: bytes
    response_fields: Fields
    content_length: int | None
    verdict: Status | None
    is_behind_http: bool
    ok_ending: Fields

    def ending(self, status: Status) -> Fields:
        """The fields behind the response's body."""
        return http_ending(status) if self.is_behind_http else status_fields(status)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that ends before any handler: the response is these header fields alone.

    But for one that net/http serves: the status is in `trailers` then, and they are not empty.
    `is_early` where grpc-go's transport refuses it, which tells the client at once to stop sending;
    what its server refuses is told when the response is.
    """

    fields: Fields
    is_early: bool
    trailers: Fields = ()


def parse_head(
    fields: Fields, endpoints: Endpoints, *, has_pages: bool = True
) -> Head | Refusal | Page:
    """Understand a request's fields.

    What has not gRPC's content type asks for a page, but for the paths of gRPC's methods: who calls
    these is told what is wrong, as grpc-go does for every path, and all are where there are no
    pages.

    Raises:
        MalformedRequest: where they are no HTTP/2 request at all.
    """
    request = parse_request(fields)
    read = _Fields(request.headers)
    if has_pages and read.response_type is None and not _is_method(request.path, endpoints):
        return page_of(request)
    hosts = read.hosts if request.authority is None else [request.authority]
    response_type = read.response_type or CONTENT_TYPE
    try:
        if len(read.hosts) > 1:
            authorities = 0 if request.authority is None else 1
            raise _refuse(errors.several_hosts(authorities, len(read.hosts)), 400)
        if read.response_type is None:
            raise _refuse(errors.bad_content_type(read.bad_content_type), 415)
        if read.error is not None:
            raise _refuse(read.error, 400)
        if not hosts:
            raise _refuse(errors.NO_AUTHORITY, 400)
        if request.method != b"POST":
            raise _refuse(errors.method_not_post(request.method), 405)
        if read.timeout is not None and read.timeout < SHORTEST_TIMEOUT:
            raise _refuse(errors.EXPIRED, 200)
        endpoint = find_endpoint(request.path or b"", read.encoding, endpoints)
    except StatusError as error:
        return _refusal(error.status, response_type, None)
    except _Refused as refused:
        return _refusal(refused.status, response_type, refused.early_status)
    packed = ((b"grpc-encoding", GZIP),) if read.encoding == GZIP else ()
    metadata = ((":authority", text_of(hosts[0])), *read.metadata)
    return Head(
        endpoint=endpoint,
        parse=decoder_of(endpoint.method.request),
        metadata=metadata,
        timeout=read.timeout,
        encoding=read.encoding,
        response_fields=((b":status", b"200"), (b"content-type", response_type), *packed),
        content_length=request.content_length,
        verdict=verdict_on(metadata),
        is_behind_http=False,
        ok_ending=OK_ENDING,
    )


def _is_method(path: bytes | None, endpoints: Endpoints) -> bool:
    name = (path or b"").decode("latin-1")
    return name in METHODS or name in endpoints


class _Fields:
    """What a request's regular fields say, read in their order.

    Where a field comes more than once, and where several are wrong, the last one counts: grpc-go's
    loop overwrites what it found before. `response_type` is None unless a content type is gRPC's.
    """

    def __init__(self, headers: Fields) -> None:
        self.response_type: bytes | None = None
        self.bad_content_type = b""
        self.encoding = b""
        self.timeout: float | None = None
        self.hosts: list[bytes] = []
        self.metadata: list[tuple[str, str | bytes]] = []
        self.error: Status | None = None
        for name, value in headers:
            if name == b"content-type":
                self._content_type(value)
            elif name == b"grpc-encoding":
                self.encoding = value
            elif name == TIMEOUT:
                self._timeout(value)
            elif name == b"host":
                self.hosts.append(value)
            elif name.endswith(b"-bin"):
                self._binary(name, value)
            elif name not in RESERVED:
                self.metadata.append((name.decode(), text_of(value)))

    def _content_type(self, value: bytes) -> None:
        """The response repeats the request's sub-type (grpc-go: `internal/grpcutil/method.go`)."""
        rest = value[len(CONTENT_TYPE) :]
        if not value.startswith(CONTENT_TYPE) or rest[:1] not in (b"", b"+", b";"):
            self.bad_content_type = value
            return
        self.response_type = CONTENT_TYPE + b"+" + rest[1:] if rest[1:] else CONTENT_TYPE
        self.metadata.append(("content-type", text_of(value)))

    def _timeout(self, value: bytes) -> None:
        try:
            self.timeout = decode_timeout(value)
        except ValueError as error:
            self.error = errors.malformed_timeout(str(error))

    def _binary(self, name: bytes, value: bytes) -> None:
        try:
            self.metadata.append((name.decode(), decode_binary(value)))
        except ValueError as error:
            self.error = errors.malformed_metadata(name, value, str(error))


def text_of(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")


def verdict_on(metadata: Metadata) -> Status | None:
    try:
        admit(metadata)
    except EtcdError as error:
        return error.status
    return None


def status_fields(status: Status) -> Fields:
    """The fields that tell how a call ended, in a response's trailers or alone."""
    return (
        (b"grpc-status", b"%d" % status.code),
        (b"grpc-message", encode_message(status.message)),
    )


def http_ending(status: Status) -> Fields:
    """The same where net/http sorts them, and leaves out what is empty."""
    number = (b"grpc-status", b"%d" % status.code)
    if not status.message:
        return (number,)
    return ((b"grpc-message", encode_message(status.message)), number)


OK_ENDING = status_fields(OK)
HTTP_OK_ENDING = http_ending(OK)


def _refusal(status: Status, content_type: bytes, early_status: int | None) -> Refusal:
    extra: Fields = ()
    if status.code is Code.UNIMPLEMENTED and "grpc-encoding" in status.message:
        # grpc-go leaves this out; grpc/doc/compression.md asks for it.
        extra = ((b"grpc-accept-encoding", ACCEPTED_ENCODINGS),)
    return Refusal(
        (
            (b":status", b"%d" % (early_status or 200)),
            (b"content-type", content_type),
            *status_fields(status),
            *extra,
        ),
        is_early=early_status is not None,
    )


class _Refused(Exception):
    """grpc-go's transport ends the call with `status`, and with an HTTP status of its own."""

    def __init__(self, status: Status, early_status: int) -> None:
        super().__init__(status, early_status)
        self.status = status
        self.early_status = early_status


def _refuse(status: Status, early_status: int) -> _Refused:
    return _Refused(status, early_status)


def status_of_unknown(path: bytes) -> Status:
    """UNIMPLEMENTED, in grpc-go's words for what is unknown about a path that nobody serves."""
    if not path.startswith(b"/") or b"/" not in path[1:]:
        return errors.malformed_method_name(path)
    service, _, method = path[1:].decode("utf-8", "replace").rpartition("/")
    if service in SERVICES:
        return errors.unknown_method(service, method)
    return errors.unknown_service(service)


def find_endpoint(path: bytes, encoding: bytes, endpoints: Endpoints) -> Endpoint:
    """The endpoint that serves `path`, if it can read what is packed in this encoding.

    Raises:
        StatusError: UNIMPLEMENTED, in grpc-go's words for what is unknown.
    """
    endpoint = endpoints.get(path.decode("utf-8", "surrogateescape"))
    if endpoint is None:
        raise StatusError(status_of_unknown(path))
    if encoding not in (b"", IDENTITY, GZIP):
        raise StatusError(errors.no_decompressor(encoding))
    return endpoint
