"""HTTP/1.1 on the client port answers what etcd 3.7.3 answered to the same bytes.

Each pair of request and answer below was recorded from the real server's client port. The handler
stands in for services/http.py, so that only this connection is under test.
"""

from __future__ import annotations

import itertools

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fake_etcd.services.http import HttpRequest, HttpResponse
from fake_etcd.transport.http1 import MAX_FIRST_LINE_BYTES, Http1Connection
from fake_etcd.transport.http1_head import MAX_HEAD_BYTES, MAX_UNREAD_BODY_BYTES
from fake_etcd.transport.http_date import http_date

DATE = "Mon, 23 Nov 2026 21:23:53 GMT"
CORS = (
    ("Access-Control-Allow-Headers", "accept, content-type, authorization"),
    ("Access-Control-Allow-Methods", "POST, GET, OPTIONS, PUT, DELETE"),
    ("Access-Control-Allow-Origin", "*"),
)
CORS_LINES = "".join(f"{name}: {value}\r\n" for name, value in CORS)
PLAIN = ("Content-Type", "text/plain; charset=utf-8")
NOSNIFF = ("X-Content-Type-Options", "nosniff")
HEALTH = b'{"health":"true","reason":""}'
VERSION = b'{"etcdserver":"3.7.3","etcdcluster":"3.7.0","storage":"3.7.0"}'


def handle(request: HttpRequest) -> HttpResponse:
    """etcd's answers, as far as they are needed to tell requests apart."""
    path = request.target.partition("?")[0]
    if path == "*":
        return HttpResponse(400, (*CORS, ("Connection", "close")), b"")
    if path not in ("/health", "/version"):
        return HttpResponse(404, (*CORS, PLAIN, NOSNIFF), b"404 page not found\n")
    if request.method != "GET":
        headers = (NOSNIFF, PLAIN, ("Allow", "GET"), *CORS)  # sorted by the connection
        return HttpResponse(405, headers, b"Method Not Allowed\n")
    if path == "/health":
        return HttpResponse(200, CORS, HEALTH)
    return HttpResponse(200, (*CORS, ("Content-Type", "application/json")), VERSION)


def connect() -> Http1Connection:
    return Http1Connection(handle, date=lambda: DATE)


def ask(data: bytes) -> tuple[bytes, bool]:
    """The answer to some bytes, and whether the connection is closed after it."""
    connection = connect()
    return connection.receive(data), connection.closed


def ok(connection: str = "", protocol: str = "HTTP/1.1") -> bytes:
    return (
        f"{protocol} 200 OK\r\n{CORS_LINES}Date: {DATE}\r\nContent-Length: 29\r\n"
        f"Content-Type: text/plain; charset=utf-8\r\n{connection}\r\n"
    ).encode() + HEALTH


def version() -> bytes:
    return (
        f"HTTP/1.1 200 OK\r\n{CORS_LINES}Content-Type: application/json\r\nDate: {DATE}\r\n"
        f"Content-Length: 62\r\n\r\n"
    ).encode() + VERSION


def not_found(body: bytes = b"404 page not found\n") -> bytes:
    return (
        f"HTTP/1.1 404 Not Found\r\n{CORS_LINES}Content-Type: text/plain; charset=utf-8\r\n"
        f"X-Content-Type-Options: nosniff\r\nDate: {DATE}\r\nContent-Length: 19\r\n\r\n"
    ).encode() + body


def not_allowed(
    connection: str = "", protocol: str = "HTTP/1.1", body: bytes = b"Method Not Allowed\n"
) -> bytes:
    return (
        f"{protocol} 405 Method Not Allowed\r\n{CORS_LINES}Allow: GET\r\n"
        "Content-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n"
        f"Date: {DATE}\r\nContent-Length: 19\r\n{connection}\r\n"
    ).encode() + body


def refused(status: str, body: str = "") -> bytes:
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
        f"{body or status}"
    ).encode()


CLOSE = "Connection: close\r\n"
KEEP = "Connection: keep-alive\r\n"
BAD = refused("400 Bad Request")
NO_HOST = refused("400 Bad Request: missing required Host header")
BAD_HOST = refused("400 Bad Request: malformed Host header")
BAD_NAME = refused("400 Bad Request: invalid header name")
BAD_ENCODING = refused("501 Not Implemented", "Unsupported transfer encoding")
BAD_VERSION = refused("505 HTTP Version Not Supported: unsupported protocol version")
TOO_LARGE = refused("431 Request Header Fields Too Large")

H = b"Host: x\r\n"
GET = b"GET /health HTTP/1.1\r\n" + H
POST = b"POST /health HTTP/1.1\r\n" + H
GET_VERSION = b"GET /version HTTP/1.1\r\n" + H

KEPT: dict[str, tuple[bytes, bytes]] = {
    "GET": (GET + b"\r\n", ok()),
    "another path": (GET_VERSION + b"\r\n", version()),
    "an unknown path": (b"GET /nope HTTP/1.1\r\n" + H + b"\r\n", not_found()),
    "HEAD": (b"HEAD /health HTTP/1.1\r\n" + H + b"\r\n", not_allowed(body=b"")),
    "HEAD of nothing": (b"HEAD /nope HTTP/1.1\r\n" + H + b"\r\n", not_found(b"")),
    "POST": (POST + b"Content-Length: 3\r\n\r\nabc", not_allowed()),
    "an unknown method": (b"FOO /health HTTP/1.1\r\n" + H + b"\r\n", not_allowed()),
    "a method in lower case": (b"get /health HTTP/1.1\r\n" + H + b"\r\n", not_allowed()),
    "1.0 that asks to stay": (
        b"GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        ok(KEEP, "HTTP/1.0"),
    ),
    "1.0 that asks for both": (
        b"GET /health HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n",
        ok(KEEP, "HTTP/1.0"),
    ),
    "1.1 that says what is so": (GET + b"Connection: keep-alive\r\n\r\n", ok()),
    "1.2": (b"GET /health HTTP/1.2\r\n" + H + b"\r\n", ok()),
    "an empty host": (b"GET /health HTTP/1.1\r\nHost:\r\n\r\n", ok()),
    "bytes beyond ASCII in a value": (GET + b"foo: b\xffar\r\n\r\n", ok()),
    "a tab in a value": (GET + b"foo: b\tar\r\n\r\n", ok()),
    "a folded line": (GET + b"foo: a\r\n b\r\n\r\n", ok()),
    "bare line feeds": (b"GET /health HTTP/1.1\nHost: x\n\n", ok()),
    "two equal lengths": (POST + b"Content-Length: 3\r\n" * 2 + b"\r\nabc", not_allowed()),
    "chunks": (
        POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        not_allowed(),
    ),
    "chunks with a length": (
        POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        not_allowed(),
    ),
    "chunks with a trailer": (
        POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nFoo: a\r\n\r\n",
        not_allowed(),
    ),
    "expecting 100 without a body": (GET + b"Expect: 100-continue\r\n\r\n", ok()),
    "expecting 100 with an empty body": (
        POST + b"Expect: 100-continue\r\nContent-Length: 0\r\n\r\n",
        not_allowed(),
    ),
    "an absolute target": (b"GET http://y:80/health HTTP/1.1\r\n" + H + b"\r\n", ok()),
    "a query": (b"GET /health?a=b HTTP/1.1\r\n" + H + b"\r\n", ok()),
    "a bad escape in the query": (b"GET /health?%zz HTTP/1.1\r\n" + H + b"\r\n", ok()),
    "UTF-8 in the target": (b"GET /h\xc3\xa9 HTTP/1.1\r\n" + H + b"\r\n", not_found()),
    "other bytes in the target": (b"GET /h\xff HTTP/1.1\r\n" + H + b"\r\n", not_found()),
    "a fragment": (b"GET /health#x HTTP/1.1\r\n" + H + b"\r\n", not_found()),
    "CONNECT": (b"CONNECT x:80 HTTP/1.1\r\n" + H + b"\r\n", not_found()),
    "an upgrade": (GET + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n", ok()),
    "five hundred headers": (
        GET + b"".join(b"h%d: 1\r\n" % number for number in range(500)) + b"\r\n",
        ok(),
    ),
    "OPTIONS *": (
        b"OPTIONS * HTTP/1.1\r\n" + H + b"\r\n",
        f"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nDate: {DATE}\r\n\r\n".encode(),
    ),
    "OPTIONS * with a body": (
        b"OPTIONS * HTTP/1.1\r\n" + H + b"Content-Length: 3\r\n\r\nabc",
        f"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nDate: {DATE}\r\n\r\n".encode(),
    ),
    "two requests": ((GET + b"\r\n") * 2, ok() * 2),
    "a request after a body": (
        GET_VERSION + b"Content-Length: 3\r\n\r\nabc" + GET + b"\r\n",
        version() + ok(),
    ),
    "a request after chunks": (
        POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" + GET + b"\r\n",
        not_allowed() + ok(),
    ),
    "a line end after a POST": (
        POST + b"Content-Length: 3\r\n\r\nabc\r\n" + GET_VERSION + b"\r\n",
        not_allowed() + version(),
    ),
    "a line end after a GET": (GET + b"\r\n\r\n", ok()),
    "a body that is not there yet": (GET_VERSION + b"Content-Length: 3\r\n\r\na", b""),
    "the largest body": (
        POST + b"Content-Length: %d\r\n\r\n" % MAX_UNREAD_BODY_BYTES + b"a" * MAX_UNREAD_BODY_BYTES,
        not_allowed(),
    ),
    "the longest first line": (
        b"GET /" + b"x" * (MAX_FIRST_LINE_BYTES - 16) + b" HTTP/1.1\r\n" + H + b"\r\n",
        not_found(),
    ),
    "a longer line later": (
        GET + b"\r\nGET /" + b"x" * 5000 + b" HTTP/1.1\r\n" + H + b"\r\n",
        ok() + not_found(),
    ),
    "half a line": (b"hello", b""),
}
"""Request, answer; the connection stays open."""

ENDED: dict[str, tuple[bytes, bytes]] = {
    "1.0": (b"GET /health HTTP/1.0\r\n\r\n", ok(protocol="HTTP/1.0")),
    "HEAD by 1.0": (
        b"HEAD /health HTTP/1.0\r\n\r\n",
        not_allowed(protocol="HTTP/1.0", body=b""),
    ),
    "1.0 that expects 100": (
        b"POST /health HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
        not_allowed(protocol="HTTP/1.0"),
    ),
    "asked to close": (GET + b"Connection: foo, CLOSE\r\n\r\n", ok(CLOSE)),
    "asked for both": (GET + b"Connection: keep-alive, close\r\n\r\n", ok(CLOSE)),
    "HEAD, asked to close": (
        b"HEAD /health HTTP/1.1\r\n" + H + b"Connection: close\r\n\r\n",
        not_allowed(CLOSE, body=b""),
    ),
    "the handler closes": (
        b"GET * HTTP/1.1\r\n" + H + b"\r\n",
        f"HTTP/1.1 400 Bad Request\r\n{CORS_LINES}Connection: close\r\nDate: {DATE}\r\n"
        "Content-Length: 0\r\n\r\n".encode(),
    ),
    "OPTIONS *, asked to close": (
        b"OPTIONS * HTTP/1.1\r\n" + H + b"Connection: close\r\n\r\n",
        f"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nDate: {DATE}\r\n{CLOSE}\r\n".encode(),
    ),
    "expecting 100": (
        POST + b"Expect: 100-Continue\r\nContent-Length: 3\r\n\r\nabc",
        not_allowed(CLOSE),
    ),
    "expecting else": (
        POST + b"Expect: foo\r\nContent-Length: 3\r\n\r\nabc",
        f"HTTP/1.1 417 Expectation Failed\r\nConnection: close\r\nDate: {DATE}\r\n"
        "Content-Length: 0\r\n\r\n".encode(),
    ),
    "bad chunks": (
        POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
        not_allowed(CLOSE),
    ),
    "too long a body": (
        POST + b"Content-Length: %d\r\n\r\n" % (MAX_UNREAD_BODY_BYTES + 1),
        not_allowed(CLOSE),
    ),
    "too long chunks": (
        POST
        + b"Transfer-Encoding: chunked\r\n\r\n"
        + (b"10000\r\n" + b"a" * 65536 + b"\r\n") * 5
        + b"0\r\n\r\n",
        not_allowed(CLOSE),
    ),
    "no host": (b"GET /health HTTP/1.1\r\n\r\n", NO_HOST),
    "no host in 1.9": (b"GET /health HTTP/1.9\r\n\r\n", NO_HOST),
    "no host and a bad name": (b"GET /health HTTP/1.1\r\nfoo : bar\r\n\r\n", NO_HOST),
    "two hosts": (GET + H + b"\r\n", BAD),
    "a host with a space": (b"GET /health HTTP/1.1\r\nHost: a b\r\n\r\n", BAD_HOST),
    "a host with a slash": (b"GET /health HTTP/1.1\r\nHost: a/b\r\n\r\n", BAD_HOST),
    "a bad host by 1.0": (b"GET /health HTTP/1.0\r\nHost: a b\r\n\r\n", BAD_HOST),
    "a space after a name": (GET + b"foo : bar\r\n\r\n", BAD_NAME),
    "spaces in a name": (GET + b"foo  bar : baz\r\n\r\n", BAD_NAME),
    "a tab after a name": (GET + b"foo\t: bar\r\n\r\n", BAD),
    "a space in a bad name": (GET + b"foo (: bar\r\n\r\n", BAD),
    "spaces in a name, and a bad host": (
        b"GET /health HTTP/1.1\r\nHost: a b\r\nfoo bar: baz\r\n\r\n",
        BAD_HOST,
    ),
    "a host with a space behind it": (b"GET /health HTTP/1.1\r\nHost : a\r\n\r\n", NO_HOST),
    "no colon": (GET + b"foo bar\r\n\r\n", BAD),
    "no name": (GET + b": bar\r\n\r\n", BAD),
    "a bracket in a name": (GET + b"fo(o: 1\r\n\r\n", BAD),
    "bytes beyond ASCII in a name": (GET + b"fo\x80o: bar\r\n\r\n", BAD),
    "a zero in a value": (GET + b"foo: b\x00ar\r\n\r\n", BAD),
    "a control character in a value": (GET + b"foo: b\x01ar\r\n\r\n", BAD),
    "a carriage return in a value": (GET + b"foo: b\rar\r\n\r\n", BAD),
    "a fold before any header": (b"GET /health HTTP/1.1\r\n foo: a\r\n" + H + b"\r\n", BAD),
    "no number as length": (POST + b"Content-Length: x\r\n\r\nabc", BAD),
    "a negative length": (POST + b"Content-Length: -1\r\n\r\nabc", BAD),
    "a length with a plus": (POST + b"Content-Length: +3\r\n\r\nabc", BAD),
    "an empty length": (POST + b"Content-Length:\r\n\r\n", BAD),
    "a length beyond 64 bits": (POST + b"Content-Length: 99999999999999999999\r\n\r\nabc", BAD),
    "two lengths": (POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc", BAD),
    "an unknown encoding": (POST + b"Transfer-Encoding: gzip\r\n\r\nabc", BAD_ENCODING),
    "two encodings": (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n", BAD_ENCODING),
    "an encoding twice": (POST + b"Transfer-Encoding: chunked\r\n" * 2 + b"\r\n", BAD_ENCODING),
    "an empty encoding": (POST + b"Transfer-Encoding:\r\n\r\n", BAD_ENCODING),
    "a bad method": (b"F(O /health HTTP/1.1\r\n" + H + b"\r\n", BAD),
    "a target without a slash": (b"GET health HTTP/1.1\r\n" + H + b"\r\n", BAD),
    "no target": (b"GET  HTTP/1.1\r\n" + H + b"\r\n", BAD),
    "a bad escape": (b"GET /he%zz HTTP/1.1\r\n" + H + b"\r\n", BAD),
    "a bad escape in a host": (b"GET http://a%zz/health HTTP/1.1\r\n" + H + b"\r\n", BAD),
    "a control character in a target": (b"GET /he\x01 HTTP/1.1\r\n" + H + b"\r\n", BAD),
    "HTTP/2 as first line": (b"GET /health HTTP/2.0\r\n" + H + b"\r\n", b""),
    "HTTP/3 as first line": (b"GET /health HTTP/3.0\r\n" + H + b"\r\n", b""),
    "HTTP/1.10": (b"GET /health HTTP/1.10\r\n" + H + b"\r\n", b""),
    "HTTP/0.9": (b"GET /health\r\n", b""),
    "http in lower case": (b"GET /health http/1.1\r\n" + H + b"\r\n", b""),
    "two spaces": (b"GET  /health HTTP/1.1\r\n" + H + b"\r\n", b""),
    "three words": (b"GET /a b HTTP/1.1\r\n" + H + b"\r\n", b""),
    "a space first": (b" GET /health HTTP/1.1\r\n" + H + b"\r\n", b""),
    "a line end first": (b"\r\n\r\n" + GET + b"\r\n", b""),
    "two carriage returns": (b"GET /health HTTP/1.1\r\r\n" + H + b"\r\n", b""),
    "garbage": (b"\x00\x01\x02garbage\r\n", b""),
    "a word": (b"hello\r\n", b""),
    "too long a first line": (
        b"GET /" + b"x" * (MAX_FIRST_LINE_BYTES - 15) + b" HTTP/1.1\r\n" + H + b"\r\n",
        b"",
    ),
    "too long a head": (GET + b"a: " + b"x" * 1_100_000 + b"\r\n\r\n", TOO_LARGE),
    "a word later": (GET + b"\r\nhello\r\n", ok() + BAD),
    "HTTP/2 later": (GET + b"\r\nGET / HTTP/2.0\r\n\r\n", ok() + BAD_VERSION),
    "HTTP/3 later": (GET + b"\r\nGET / HTTP/3.0\r\n\r\n", ok() + BAD_VERSION),
    "line ends after a GET": (GET + b"\r\n\r\n\r\n" + GET_VERSION + b"\r\n", ok() + BAD),
}
"""Request, answer; the connection closes after it."""


@pytest.mark.parametrize("name", KEPT)
def test_it_answers_as_etcd_does_and_stays_open(name: str) -> None:
    request, answer = KEPT[name]
    assert ask(request) == (answer, False)


@pytest.mark.parametrize("name", ENDED)
def test_it_answers_as_etcd_does_and_closes(name: str) -> None:
    request, answer = ENDED[name]
    assert ask(request) == (answer, True)


@pytest.mark.parametrize("name", [*KEPT, *ENDED])
def test_the_cuts_between_pieces_change_nothing(name: str) -> None:
    request, _ = {**KEPT, **ENDED}[name]
    size = 1 if len(request) < 10_000 else 4093  # a prime, so that cuts fall everywhere
    connection = connect()
    pieces = [request[at : at + size] for at in range(0, len(request), size)]
    assert (b"".join(map(connection.receive, pieces)), connection.closed) == ask(request)


def test_the_handler_sees_method_path_and_headers() -> None:
    seen: list[HttpRequest] = []

    def see(request: HttpRequest) -> HttpResponse:
        seen.append(request)
        return HttpResponse(204, (), b"")

    connection = Http1Connection(see, date=lambda: DATE)
    answer = connection.receive(
        b"GET http://h/p\xe9?q=%zz HTTP/1.1\r\nHost: h\r\nA-b: c, \xe9\r\n\r\n"
    )
    assert answer == f"HTTP/1.1 204 No Content\r\nDate: {DATE}\r\n\r\n".encode()
    assert seen == [HttpRequest("GET", "/p%E9?q=%zz", (("Host", "h"), ("A-b", "c, é")))]


LIMIT = 1000
"""How large a body `read_bodies` takes below "/read"."""

READ = b"POST /read HTTP/1.1\r\n" + H
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def read_bodies() -> tuple[Http1Connection, list[bytes | None]]:
    """A connection whose handler reads some bodies, and those."""
    bodies: list[bytes | None] = []

    def see(request: HttpRequest) -> HttpResponse:
        bodies.append(request.body)
        return HttpResponse(204)

    def limit(request: HttpRequest) -> int:
        return LIMIT if request.target == "/read" else 0

    return Http1Connection(see, limit, date=lambda: DATE), bodies


def chunked(*chunks: bytes) -> bytes:
    parts = [b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in (*chunks, b"")]
    return b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(parts)


def sized(body: bytes) -> bytes:
    return b"Content-Length: %d\r\n\r\n" % len(body) + body


NO_CONTENT = f"HTTP/1.1 204 No Content\r\nDate: {DATE}\r\n".encode()
BODIES: dict[str, tuple[bytes, list[bytes | None], bytes]] = {
    "a length": (READ + sized(b"abc"), [b"abc"], NO_CONTENT + b"\r\n"),
    "nothing": (READ + b"\r\n", [b""], NO_CONTENT + b"\r\n"),
    "chunks": (READ + chunked(b"ab", b"c"), [b"abc"], NO_CONTENT + b"\r\n"),
    "the largest": (READ + sized(b"a" * LIMIT), [b"a" * LIMIT], NO_CONTENT + b"\r\n"),
    "the largest in chunks": (
        READ + chunked(*[b"a"] * LIMIT),
        [b"a" * LIMIT],
        NO_CONTENT + b"\r\n",
    ),
    "one after another": (
        READ + sized(b"abc") + READ + chunked(b"de") + GET + b"\r\n",
        [b"abc", b"de", b""],
        (NO_CONTENT + b"\r\n") * 3,
    ),
    "a path whose bodies are not read": (
        POST + sized(b"abc") + READ + sized(b"d"),
        [b"", b"d"],
        (NO_CONTENT + b"\r\n") * 2,
    ),
    "waiting for 100": (
        READ + b"Expect: 100-continue\r\n" + sized(b"abc"),
        [b"abc"],
        CONTINUE + NO_CONTENT + b"\r\n",
    ),
    "by 1.0, which knows no 100": (
        b"POST /read HTTP/1.0\r\nConnection: keep-alive\r\nExpect: 100-continue\r\n"
        + sized(b"abc"),
        [b"abc"],
        NO_CONTENT.replace(b"1.1", b"1.0", 1) + b"Connection: keep-alive\r\n\r\n",
    ),
    "too large": (
        READ + sized(b"a" * (LIMIT + 1)) + READ + sized(b"abc"),
        [None, b"abc"],
        (NO_CONTENT + b"\r\n") * 2,
    ),
    "too large chunks": (
        READ + chunked(b"a" * LIMIT, b"b") + READ + sized(b"abc"),
        [None, b"abc"],
        (NO_CONTENT + b"\r\n") * 2,
    ),
    "too large and waiting for 100": (
        READ + b"Expect: 100-continue\r\nContent-Length: 1001\r\n\r\n",
        [None],
        NO_CONTENT + b"Connection: close\r\n\r\n",
    ),
    "far too large": (
        READ + b"Content-Length: 16001\r\n\r\n",
        [None],
        NO_CONTENT + b"Connection: close\r\n\r\n",
    ),
    "far too large chunks": (
        READ + chunked(*[b"a" * LIMIT] * 17),
        [None],
        NO_CONTENT + b"Connection: close\r\n\r\n",
    ),
    "malformed chunks": (
        READ + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n",
        [],
        refused("400 Bad Request: malformed body"),
    ),
}
"""Request, bodies that the handler got, answer."""


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_a_handler_gets_the_bodies_that_it_reads(name: str, size: int) -> None:
    request, expected, answer = BODIES[name]
    connection, bodies = read_bodies()
    pieces = [request[at : at + size] for at in range(0, len(request), size)]
    assert (b"".join(map(connection.receive, pieces)), bodies) == (answer, expected)


def test_100_is_said_before_the_body_has_come() -> None:
    connection, bodies = read_bodies()
    head = READ + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n"
    assert (connection.receive(head), bodies) == (CONTINUE, [])
    assert (connection.receive(b"abc"), bodies) == (NO_CONTENT + b"\r\n", [b"abc"])


def test_chunks_that_are_nothing_but_padding_are_refused() -> None:
    connection, bodies = read_bodies()
    connection.receive(READ + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
    padded = b"1;" + b"x" * 1_990 + b"\r\na\r\n"
    fed = 0
    while not connection.closed:
        assert fed < 20_000
        answer = connection.receive(padded)
        fed += len(padded)
    assert (answer, bodies) == (refused("400 Bad Request: malformed body"), [])


def test_an_absolute_target_without_a_path_means_the_root() -> None:
    targets: list[str] = []

    def see(request: HttpRequest) -> HttpResponse:
        targets.append(request.target)
        return HttpResponse(200, (), b"")

    connection = Http1Connection(see)
    connection.receive(b"GET http://a HTTP/1.1\r\n" + H + b"\r\n")
    connection.receive(b"GET http://a?b=c HTTP/1.1\r\n" + H + b"\r\n")
    connection.receive(b"GET foo:bar HTTP/1.1\r\n" + H + b"\r\n")
    assert targets == ["/", "/?b=c", "/"]


def test_after_the_end_nothing_is_answered() -> None:
    connection = connect()
    connection.receive(b"GET /health HTTP/1.0\r\n\r\n")
    assert (connection.receive(GET + b"\r\n"), connection.closed) == (b"", True)


def test_a_chunk_header_without_end_is_given_up() -> None:
    connection = connect()
    connection.receive(POST + b"Transfer-Encoding: chunked\r\n\r\n")
    fed = 0
    while not connection.closed:
        assert fed < 3 * MAX_UNREAD_BODY_BYTES
        answer = connection.receive(b"1" * 10_000)
        fed += 10_000
    assert answer == not_allowed(CLOSE)


def test_a_head_without_end_is_given_up() -> None:
    connection = connect()
    connection.receive(GET)
    answer = b"".join(connection.receive(b"a: " + b"x" * 9995 + b"\r\n") for _ in range(106))
    assert (answer, connection.closed) == (TOO_LARGE, True)


def test_the_longest_head_is_read() -> None:
    rest = MAX_HEAD_BYTES - len(GET) - len(b"a: \r\n\r\n")
    assert ask(GET + b"a: " + b"x" * rest + b"\r\n\r\n") == (ok(), False)
    assert ask(GET + b"a: " + b"x" * (rest + 1) + b"\r\n\r\n") == (TOO_LARGE, True)


def test_the_date_is_now_in_gmt() -> None:
    from email.utils import parsedate_to_datetime
    from time import time

    assert abs(parsedate_to_datetime(http_date()).timestamp() - time()) < 5


def cut(data: bytes, where: list[int]) -> list[bytes]:
    edges = [0, *sorted(at % (len(data) + 1) for at in where), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


PARTS = [
    *(GET, POST, GET_VERSION, H, b"\r\n", b"\n", b"\r", b" ", b":", b"abc", b"0", b"\x00", b"\xff"),
    *(b"GET ", b"HEAD ", b"OPTIONS ", b"/health", b"*", b" HTTP/1.1\r\n", b" HTTP/1.0\r\n"),
    *(b"Content-Length: 3\r\n", b"Content-Length: 300000\r\n", b"Transfer-Encoding: chunked\r\n"),
    *(b"3\r\nabc\r\n", b"0\r\n\r\n", b"Connection: close\r\n", b"Expect: 100-continue\r\n"),
    *(b"Transfer-Encoding: gzip\r\n", b" folded\r\n", b"name : value\r\n", b"PRI * HTTP/2.0\r\n"),
]
traffic = st.one_of(
    st.binary(max_size=300),
    st.lists(st.sampled_from(PARTS), max_size=25).map(b"".join),
    st.lists(st.one_of(st.sampled_from(PARTS), st.binary(max_size=5)), max_size=25).map(
        lambda parts: GET + b"\r\n" + b"".join(parts)
    ),
)


@settings(max_examples=400)
@given(traffic, st.lists(st.integers(0, 10_000), max_size=8))
@example(POST + b"Content-Length: 3\r\n\r\nabc\r\n\r\n" + GET + b"\r\n", [70, 71, 72, 73])
def test_any_bytes_in_any_pieces_give_one_answer(data: bytes, where: list[int]) -> None:
    connection = connect()
    answer = b"".join(connection.receive(piece) for piece in cut(data, where))
    assert (answer, connection.closed) == ask(data)
    assert answer == b"" or answer.startswith(b"HTTP/1.")
