"""Plain HTTP answers, as recorded from etcd 3.7.3 with curl and raw sockets.

The transport adds Date, Content-Length and, where none is set, Content-Type.
"""

from __future__ import annotations

import pytest

from fake_etcd.core.node import Node
from fake_etcd.services.http import HttpRequest, HttpResponse
from fake_etcd.services.mux import handle

CORS = (
    ("Access-Control-Allow-Headers", "accept, content-type, authorization"),
    ("Access-Control-Allow-Methods", "POST, GET, OPTIONS, PUT, DELETE"),
    ("Access-Control-Allow-Origin", "*"),
)
PLAIN = (
    ("Content-Type", "text/plain; charset=utf-8"),
    ("X-Content-Type-Options", "nosniff"),
)
HEALTHY = HttpResponse(200, CORS, b'{"health":"true","reason":""}')
VERSION = HttpResponse(
    200,
    (*CORS, ("Content-Type", "application/json")),
    b'{"etcdserver":"3.7.3","etcdcluster":"3.7.0","storage":"3.7.0"}',
)
NOT_FOUND = HttpResponse(404, (*CORS, *PLAIN), b"404 page not found\n")
NOT_ALLOWED = HttpResponse(405, (*CORS, ("Allow", "GET"), *PLAIN), b"Method Not Allowed\n")


def answer(method: str, target: str) -> HttpResponse:
    return handle(Node(), HttpRequest(method, target))


def moved(location: str, body: bytes) -> HttpResponse:
    html = ("Content-Type", "text/html; charset=utf-8")
    return HttpResponse(307, (*CORS, html, ("Location", location)), body)


@pytest.mark.parametrize(
    "target",
    [
        "/health",
        "/health?exclude=NOSPACE&serializable=true",
        "/health?exclude=%zz",
        "/health?a;b",
        "/%68ealth",
    ],
)
def test_health(target: str) -> None:
    assert answer("GET", target) == HEALTHY


@pytest.mark.parametrize("target", ["/version", "/version?x=1"])
def test_version(target: str) -> None:
    assert answer("GET", target) == VERSION


@pytest.mark.parametrize("target", ["/health", "/version"])
@pytest.mark.parametrize("method", ["POST", "HEAD", "PUT", "DELETE", "BREW", "CONNECT", "get"])
def test_only_get_is_allowed(method: str, target: str) -> None:
    assert answer(method, target) == NOT_ALLOWED


@pytest.mark.parametrize("target", ["/health", "/nope", "//x"])
def test_options_is_answered_for_any_path(target: str) -> None:
    assert answer("OPTIONS", target) == HttpResponse(200, CORS)


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "DELETE"])
@pytest.mark.parametrize(
    "target",
    ["/", "/nope", "/Health", "/health/", "/version/", "/version/x", "/health%2f", "/%2fhealth"],
)
def test_everything_else_is_not_found(method: str, target: str) -> None:
    assert answer(method, target) == NOT_FOUND


def test_a_star_is_no_path() -> None:
    assert answer("GET", "*") == HttpResponse(400, (*CORS, ("Connection", "close")))


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("//health", "/health"),
        ("/../health", "/health"),
        ("/a/../health?x=1", "/health?x=1"),
        ("/a//b/../c", "/a/c"),
        ("//", "/"),
        ("/a/..", "/"),
        ("/.", "/"),
        ("/a/.", "/a"),
        ("/a/./", "/a/"),
        # Escapes are escaped once more.
        ("/a//%C3%BC", "/a/%25C3%25BC"),
    ],
)
def test_an_unclean_path_is_sent_to_the_clean_one(target: str, location: str) -> None:
    body = f'<a href="{location}">Temporary Redirect</a>.\n\n'.encode()
    assert answer("GET", target) == moved(location, body)


def test_the_page_of_a_redirect_is_escaped() -> None:
    assert answer("GET", '/./health?a=%20&b="<>') == moved(
        '/health?a=%20&b="<>',
        b'<a href="/health?a=%20&amp;b=&#34;&lt;&gt;">Temporary Redirect</a>.\n\n',
    )


def test_a_redirect_has_a_page_for_get_only() -> None:
    assert answer("HEAD", "//health") == moved("/health", b"")
    assert answer("POST", "//health") == HttpResponse(307, (*CORS, ("Location", "/health")))


def test_connect_is_not_redirected() -> None:
    assert answer("CONNECT", "//health") == NOT_FOUND
