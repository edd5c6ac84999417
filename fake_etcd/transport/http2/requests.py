"""What makes a request's header fields a well-formed HTTP/2 request (RFC 9113 §8.2, §8.3)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fake_etcd.transport.http2.hpack import ENTRY_OVERHEAD, MAX_HEADER_LIST_SIZE, Fields

_PSEUDO = frozenset({b":method", b":scheme", b":path", b":authority"})
_CONNECTION_SPECIFIC = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"}
)
"""Fields that mean something to HTTP/1.1 alone (RFC 9113 §8.2.2)."""

_NAME_BYTES = frozenset(b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")
_FORBIDDEN_IN_VALUES = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
"""RFC 9113 §8.2.1 names only NUL, CR and LF, and leaves the rest of the control characters to HTTP
(RFC 9110 §5.5); x/net/http2, etcd's, refuses them all, in pseudo-headers too."""


class MalformedRequest(Exception):
    """The fields break HTTP/2's rules; the stream ends with PROTOCOL_ERROR (RFC 9113 §8.1.1)."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request's control data and its regular fields, in order.

    `path` and `authority` are None where the pseudo-header was missing; `content_length` is in
    bytes, None where the header was.
    """

    method: bytes
    scheme: bytes
    path: bytes | None
    authority: bytes | None
    headers: Fields
    content_length: int | None


def header_list_size(fields: Fields) -> int:
    """Bytes as SETTINGS_MAX_HEADER_LIST_SIZE counts them (RFC 9113 §6.5.2)."""
    return sum(len(name) + len(value) + ENTRY_OVERHEAD for name, value in fields)


def parse_request(fields: Fields) -> Request:
    """Check the fields of a request and take the pseudo-headers apart from the rest.

    Raises:
        MalformedRequest: with the rule that was broken.
    """
    _check_size(fields)
    pseudo: dict[bytes, bytes] = {}
    headers: list[tuple[bytes, bytes]] = []
    for name, value in fields:
        if name[:1] == b":":
            _check_value(name, value)
            if name not in _PSEUDO:
                raise MalformedRequest(f"unknown pseudo-header {name!r}")
            if headers:
                raise MalformedRequest("pseudo-header behind a regular field")
            if name in pseudo:
                raise MalformedRequest(f"pseudo-header {name!r} twice")
            pseudo[name] = value
        else:
            _check_field(name, value)
            headers.append((name, value))
    if b":method" not in pseudo:
        raise MalformedRequest("no :method")
    if pseudo[b":method"] != b"CONNECT" and (b":scheme" not in pseudo or not pseudo.get(b":path")):
        raise MalformedRequest("no :scheme or no :path")
    return Request(
        method=pseudo[b":method"],
        scheme=pseudo.get(b":scheme", b""),
        path=pseudo.get(b":path"),
        authority=pseudo.get(b":authority"),
        headers=tuple(headers),
        content_length=_content_length(headers),
    )


def check_trailers(fields: Fields) -> None:
    """Check the fields that follow a request's body.

    Raises:
        MalformedRequest: with the rule that was broken.
    """
    _check_size(fields)
    for name, value in fields:
        if name[:1] == b":":
            raise MalformedRequest("pseudo-header in trailers")
        _check_field(name, value)


def _check_size(fields: Fields) -> None:
    # A block of 64 KiB may point at a field of 4 KiB as many times: checked before any of it is
    # taken apart.
    if header_list_size(fields) > MAX_HEADER_LIST_SIZE:
        raise MalformedRequest("header list too large")


def _check_value(name: bytes, value: bytes) -> None:
    if _FORBIDDEN_IN_VALUES.search(value):
        raise MalformedRequest(f"bad value of {name!r}")


def _check_field(name: bytes, value: bytes) -> None:
    if not name or not _NAME_BYTES.issuperset(name):
        raise MalformedRequest(f"bad field name {name!r}")
    _check_value(name, value)
    if name in _CONNECTION_SPECIFIC:
        raise MalformedRequest(f"connection-specific field {name!r}")
    if name == b"te" and value != b"trailers":
        raise MalformedRequest("te other than trailers")


def _content_length(headers: list[tuple[bytes, bytes]]) -> int | None:
    values = {value for name, value in headers if name == b"content-length"}
    if not values:
        return None
    text = values.pop()
    if values or not text.isdigit() or len(text) > 18:
        raise MalformedRequest("bad content-length")
    return int(text)
