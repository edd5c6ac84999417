"""Requests over HTTP/2 and TLS, where etcd has net/http in front of gRPC, and 3.7.3's answers.

Run against ours in test_behind_http.py and against real etcd in tests/interop.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import h2.config
import h2.connection
import h2.events

from . import handshakes
from .handshakes import SECONDS, Client

Fields = list[tuple[str, str]]
Answer = tuple[object, ...]

RANGE = "/etcdserverpb.KV/Range"
ASK = b"\0\0\0\0\3\x0a\1a"
NO_KEY = b"\0\0\0\0\0"
WATCH = b"\0\0\0\0\5\x0a\3\x0a\1a"

CORS: Fields = [
    ("access-control-allow-headers", "accept, content-type, authorization"),
    ("access-control-allow-methods", "POST, GET, OPTIONS, PUT, DELETE"),
    ("access-control-allow-origin", "*"),
]
TRAILERS: Fields = [
    ("trailer", "Grpc-Status"),
    ("trailer", "Grpc-Message"),
    ("trailer", "Grpc-Status-Details-Bin"),
]
PLAIN: Fields = [
    ("content-type", "text/plain; charset=utf-8"),
    ("x-content-type-options", "nosniff"),
]
DATE = ("date", "some time")


def asked(path: str, method: str = "GET", *fields: tuple[str, str]) -> Fields:
    """A request as a browser or curl sends it."""
    pseudo = [(":method", method), (":scheme", "https"), (":path", path), (":authority", "a:1")]
    return [*pseudo, *fields]


def called(
    path: str = RANGE,
    *fields: tuple[str, str],
    method: str = "POST",
    content_type: str = "application/grpc",
) -> Fields:
    return asked(path, method, ("content-type", content_type), ("te", "trailers"), *fields)


def page(
    status: int, body: bytes, *fields: tuple[str, str], cors: bool = True, head: bool = False
) -> list[Answer]:
    """A page, and nothing else."""
    own: Fields = [(":status", str(status)), *(CORS if cors else []), *fields]
    headers = ("headers", *own, ("content-length", str(len(body))), DATE)
    return [headers, *([("data", body)] if body and not head else []), ("end",)]


def text(status: int, line: str, *first: tuple[str, str], cors: bool = True) -> list[Answer]:
    return page(status, line.encode() + b"\n", *first, *PLAIN, cors=cors)


def opened(content_type: str = "application/grpc", *more: tuple[str, str]) -> Answer:
    return ("headers", (":status", "200"), *CORS, ("content-type", content_type), *more, *TRAILERS)


def answered(content_type: str = "application/grpc", *more: tuple[str, str]) -> list[Answer]:
    """An answer of gRPC's, whatever it is."""
    return [
        opened(content_type, *more),
        ("data", "a message"),
        ("trailers", ("grpc-status", "0")),
        ("end",),
    ]


def failed(code: int, message: str, *more: tuple[str, str]) -> list[Answer]:
    trailers = ("trailers", ("grpc-message", message), ("grpc-status", str(code)))
    return [opened("application/grpc", *more), trailers, ("end",)]


HEALTH = page(200, b'{"health":"true","reason":""}', PLAIN[0])
NOT_FOUND = text(404, "404 page not found")
RESET: list[Answer] = [("reset", 1)]
EXPIRED = failed(4, "context deadline exceeded")
JSON = ("content-type", "application/json")

CASES: list[tuple[Fields, bytes, bool, list[Answer]]] = [
    # Pages
    (asked("/health"), b"", True, HEALTH),
    (asked("/health?serializable=true"), b"", True, HEALTH),
    (asked("/health", "GET", ("expect", "foo")), b"", True, HEALTH),
    (asked("http://other/health"), b"", True, HEALTH),
    (asked("/health"), b"a" * 10_000, True, HEALTH),
    (asked("/health"), b"abc", False, [*HEALTH, ("reset", 0)]),
    (
        asked("/version"),
        b"",
        True,
        page(200, b'{"etcdserver":"3.7.3","etcdcluster":"3.7.0","storage":"3.7.0"}', JSON),
    ),
    (asked("/x"), b"", True, NOT_FOUND),
    (asked("/x", "HEAD"), b"", True, page(404, b"404 page not found\n", *PLAIN, head=True)),
    (
        asked("/health", "POST", JSON),
        b"{}",
        True,
        text(405, "Method Not Allowed", ("allow", "GET")),
    ),
    (asked("/x", "OPTIONS"), b"", True, page(200, b"")),
    (asked("*", "OPTIONS"), b"", True, page(200, b"", cors=False)),
    (
        asked("//x/../health?a=b"),
        b"",
        True,
        page(
            307,
            b'<a href="/health?a=b">Temporary Redirect</a>.\n\n',
            ("content-type", "text/html; charset=utf-8"),
            ("location", "/health?a=b"),
        ),
    ),
    (asked("//health", "POST"), b"", True, page(307, b"", ("location", "/health"))),
    ([(":method", "CONNECT"), (":authority", "x:1")], b"", True, NOT_FOUND),
    (asked("/health", "CONNECT"), b"", True, RESET),
    ([(":method", "CONNECT")], b"", True, RESET),
    (asked("health"), b"", True, RESET),
    (asked("/%zz"), b"", True, RESET),
    (
        [(":method", "GET"), (":scheme", "ftp"), (":path", "/"), (":authority", "a")],
        b"",
        True,
        RESET,
    ),
    (
        called(RANGE, ("te", "trailers")),
        ASK,
        True,
        text(400, 'request header "TE" may only be "trailers" in HTTP/2', cors=False),
    ),
    # Calls
    (called(), ASK, True, answered()),
    (called(), ASK + ASK, True, answered()),
    (called(), ASK, False, [*answered(), ("reset", 0)]),
    (called(RANGE + "?x=1"), ASK, True, answered()),
    (called("/etcdserverpb.KV/R%61nge"), ASK, True, answered()),
    (called(RANGE, ("content-length", "8")), ASK, True, answered()),
    (called(RANGE, ("content-length", "3")), ASK, True, RESET),
    *(
        (called(content_type=content_type), ASK, True, answered(content_type))
        for content_type in ("application/grpc+proto", "application/grpc;x")
    ),
    *(
        (
            called(content_type=content_type),
            ASK,
            True,
            text(415, f'invalid gRPC request content-type "{content_type}"'),
        )
        for content_type in ("application/grpc-web", "foo application/grpc")
    ),
    (called(content_type="APPLICATION/GRPC"), ASK, True, NOT_FOUND),
    (called(RANGE, ("content-type", "application/json")), ASK, True, answered()),
    (called(RANGE, ("content-type", "application/grpc"), content_type="a/b"), ASK, True, NOT_FOUND),
    *(
        (
            called(method=method),
            b"",
            True,
            text(405, f'invalid gRPC request method "{method}"', ("allow", "POST")),
        )
        for method in ("GET", "PUT")
    ),
    (called(method="OPTIONS"), b"", True, page(200, b"")),
    (called("//etcdserverpb.KV/Range"), ASK, True, page(307, b"", ("location", RANGE))),
    (called("Nope"), ASK, True, RESET),
    (
        called("/etcdserverpb.KV/Nope"),
        ASK,
        True,
        failed(12, "unknown method Nope for service etcdserverpb.KV"),
    ),
    (called(RANGE + "/"), ASK, True, failed(12, "unknown service etcdserverpb.KV/Range")),
    (called("/health"), ASK, True, failed(12, 'malformed method name: "/health"')),
    (called(), NO_KEY, True, failed(3, "etcdserver: key is not provided")),
    (called(), b"", True, failed(2, "EOF")),
    (called(), ASK[:6], True, failed(2, "unexpected EOF")),
    (called(), b"\2", True, failed(2, "EOF")),
    (called(), b"\2" + ASK[1:], True, failed(13, "grpc: received unexpected payload format 2")),
    (called(RANGE, ("grpc-encoding", "identity")), ASK, True, answered()),
    (
        called(RANGE, ("grpc-encoding", "gzip")),
        ASK,
        True,
        answered("application/grpc", ("grpc-encoding", "gzip")),
    ),
    (
        called(RANGE, ("grpc-encoding", "gzip")),
        NO_KEY,
        True,
        failed(3, "etcdserver: key is not provided", ("grpc-encoding", "gzip")),
    ),
    (
        called(RANGE, ("grpc-encoding", "foo")),
        ASK,
        True,
        failed(12, 'grpc: Decompressor is not installed for grpc-encoding "foo"'),
    ),
    (called("/a/b", ("grpc-encoding", "foo")), ASK, True, failed(12, "unknown service a")),
    (called(RANGE, ("grpc-timeout", "")), ASK, True, answered()),
    (called(RANGE, ("grpc-timeout", "1H"), ("grpc-timeout", "x")), ASK, True, answered()),
    (called(RANGE, ("grpc-timeout", "0n")), ASK, True, EXPIRED),
    (called("/a/b", ("grpc-timeout", "0n")), ASK, True, failed(12, "unknown service a")),
    (called(RANGE, ("grpc-timeout", "50m")), ASK[:6], False, [*EXPIRED, ("reset", 0)]),
    (
        called(RANGE, ("a-bin", "!"), ("grpc-timeout", "x")),
        ASK,
        True,
        text(400, 'malformed grpc-timeout: transport: timeout string is too short: "x"'),
    ),
    (
        called(RANGE, ("a-bin", "!!!")),
        ASK,
        True,
        text(
            400,
            'malformed binary metadata "" in header "a-bin": illegal base64 data at input byte 0',
        ),
    ),
    (
        called("/etcdserverpb.Watch/Watch", ("grpc-timeout", "100m")),
        WATCH,
        False,
        [opened(), ("data", "a message"), *EXPIRED[1:], ("reset", 0)],
    ),
]

STRICTER: list[tuple[Fields, bytes, bool, list[Answer]]] = [
    (asked("/health", "GET", ("te", "")), b"", True, HEALTH),
    *(
        (
            asked("/health", "GET", (name.lower(), "x")),
            b"",
            True,
            text(400, f'request header "{name}" is not valid in HTTP/2', cors=False),
        )
        for name in ("Connection", "Transfer-Encoding", "Proxy-Connection", "Keep-Alive", "Upgrade")
    ),
    (
        asked("/health", "GET", ("upgrade", "x"), ("connection", "x"), ("te", "x")),
        b"",
        True,
        text(400, 'request header "Connection" is not valid in HTTP/2', cors=False),
    ),
    (
        called(RANGE, ("te", "gzip")),
        ASK,
        True,
        text(400, 'request header "TE" may only be "trailers" in HTTP/2', cors=False),
    ),
]
"""What etcd answers so, and we reset, as RFC 9113 §8.2.2 says."""
"""Fields, body, whether the request ends behind it, and what comes back."""


def ask(port: int, folder: Path, fields: Fields, body: bytes, ends: bool) -> list[Answer]:
    """What a server answers to one request."""
    context = handshakes.context_of(Client(protocols=("h2",)), folder)
    with (
        socket.create_connection(("127.0.0.1", port), SECONDS) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as encrypted,
    ):
        config = h2.config.H2Configuration(
            validate_outbound_headers=False,
            normalize_outbound_headers=False,
            validate_inbound_headers=False,
        )
        http2 = h2.connection.H2Connection(config)
        http2.initiate_connection()
        http2.send_headers(1, fields, end_stream=ends and not body)
        if body:
            http2.send_data(1, body, end_stream=ends)
        encrypted.sendall(http2.data_to_send())
        return list(_answers(encrypted, http2, ends))


def _answers(
    encrypted: ssl.SSLSocket, http2: h2.connection.H2Connection, ends: bool
) -> Iterator[Answer]:
    """Up to the stream's end, or to its reset where the request has none."""
    while True:
        received = encrypted.recv(65_536)
        assert received, "the connection ended"
        for event in http2.receive_data(received):
            answer = _answer(event)
            if answer is not None:
                yield answer
                if answer[0] == "reset" or (answer[0] == "end" and ends):
                    return


def _answer(event: h2.events.Event) -> Answer | None:
    if isinstance(event, h2.events.ResponseReceived):
        return ("headers", *_fields(event.headers))
    if isinstance(event, h2.events.TrailersReceived):
        return ("trailers", *_fields(event.headers))
    if isinstance(event, h2.events.DataReceived):
        is_message = re.match(rb"[\0\1]\0\0\0", event.data)
        return ("data", "a message" if is_message else event.data)
    if isinstance(event, h2.events.StreamReset):
        return ("reset", int(event.error_code))
    return ("end",) if isinstance(event, h2.events.StreamEnded) else None


def _fields(headers: object) -> Fields:
    assert isinstance(headers, list)
    decoded = [(name.decode(), value.decode()) for name, value in headers]
    return [DATE if name == "date" else (name, value) for name, value in decoded]
