"""Requests over HTTP/2 that are no gRPC: what page they ask for.

What the page says is the HTTP handler's; how it is sent, `http2.pages`'. Which requests are no gRPC
is for `head` and `front` to say. What a target may look like is Go's (net/url, ParseRequestURI).
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass

from fake_etcd.services.http import HttpRequest, HttpResponse
from fake_etcd.transport.http2.hpack import Fields
from fake_etcd.transport.http2.requests import MalformedRequest, Request

_ABSOLUTE = re.compile(rb"[A-Za-z][A-Za-z0-9+.\-]*://[^/?]*")
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class Page:
    """A request for a page: what it asks for, or the answer where that is clear already."""

    request: HttpRequest
    content_length: int | None
    answer: HttpResponse | None = None

    def with_header(self, name: bytes, value: bytes) -> Page:
        """The same with a header more."""
        header = (name.decode("ascii"), value.decode("latin-1"))
        request = dataclasses.replace(self.request, headers=(*self.request.headers, header))
        return Page(request, self.content_length, self.answer)

    def answered(self, answer: HttpResponse) -> Page:
        """The same with its answer."""
        return Page(self.request, self.content_length, answer)


def page_of(request: Request, *, is_encrypted: bool = False) -> Page:
    """What page a request asks for, and whether it came by TLS.

    Raises:
        MalformedRequest: where its target is none.
    """
    target = _target(request)
    asked = _http_request(request, target, is_encrypted)
    if request.method == b"OPTIONS" and target == b"*":
        return Page(asked, request.content_length, HttpResponse(200))
    return Page(asked, request.content_length)


def first(headers: Fields, wanted: bytes) -> bytes:
    """The first value of a field, b"" without one (Go: http.Header.Get)."""
    return next((value for name, value in headers if name == wanted), b"")


def _target(request: Request) -> bytes:
    """Path and query as they were sent."""
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


def _http_request(request: Request, target: bytes, is_encrypted: bool) -> HttpRequest:
    host = request.authority or first(request.headers, b"host")
    headers = [
        (name.decode("ascii"), value.decode("latin-1"))
        for name, value in request.headers
        if name != b"host"
    ]
    return HttpRequest(
        method=request.method.decode("latin-1"),
        target=target.decode("latin-1"),
        headers=(("host", host.decode("latin-1")), *headers),
        is_encrypted=is_encrypted,
    )
