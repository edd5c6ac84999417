"""HTTP/1.1 at the edge of its grammar: real etcd and ours, given the same bytes, say the same ones.

Not only the statuses: an answer too many, or one too few, is a request smuggled past a proxy.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance import oracle
from fake_etcd.testing import FakeEtcd
from tests.transport.framing import CASES, PROBE, outcome

from .conftest import built

SECONDS = 10.0
_DATE = re.compile(rb"Date: [^\r]*")


def _trusting() -> ssl.SSLContext:
    """One that takes any certificate: both servers make their own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@dataclass(frozen=True, slots=True)
class Pair:
    """The ports of both servers."""

    etcd: int
    ours: int
    is_encrypted: bool

    def ask(self, port: int, sent: bytes) -> bytes:
        """All that comes for these bytes, `PROBE` and the end of our half, but for the time."""
        out = b""
        with socket.create_connection(("127.0.0.1", port), SECONDS) as plain:
            connection = plain
            if self.is_encrypted:
                context = _trusting()
                context.set_alpn_protocols(["http/1.1"])
                connection = context.wrap_socket(plain)
            with contextlib.suppress(ConnectionError), connection:
                connection.sendall(sent + PROBE)
                with contextlib.suppress(OSError):  # the other end may have left already
                    socket.socket.shutdown(connection, socket.SHUT_WR)
                while piece := connection.recv(65_536):
                    out += piece
        return _DATE.sub(b"Date: now", out)


@pytest.fixture(scope="module", params=["plain", "tls"])
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    built(oracle.build)
    is_encrypted = request.param == "tls"
    flags = ["--auto-tls"] if is_encrypted else []
    context = _trusting() if is_encrypted else None
    with oracle.start(flags=flags, context=context) as etcd, FakeEtcd(tls=is_encrypted) as ours:
        scheme = "https" if is_encrypted else "http"
        port, our_port = (
            int(url.rpartition(":")[2])
            for url in (etcd.url, ours.listen(f"{scheme}://127.0.0.1:0"))
        )
        yield Pair(port, our_port, is_encrypted)


@pytest.mark.parametrize("name", CASES)
def test_the_answers_are_the_same_to_the_byte(pair: Pair, name: str) -> None:
    sent, expected = CASES[name]
    real = pair.ask(pair.etcd, sent)
    assert pair.ask(pair.ours, sent) == real
    if not pair.is_encrypted:  # there cmux comes first
        assert outcome(real) == expected


ENDS = st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b"\r\r\n"])
FIELDS = st.sampled_from(
    [
        *(b"Host: a", b"Transfer-Encoding: chunked", b"Transfer-Encoding:chunked", b"X: y"),
        *(
            b"Content-Length: 0",
            b"Content-Length: 5",
            b"Content-Length: 05",
            b"Content-Length: 5,5",
        ),
        *(b"Connection: keep-alive", b"Connection: close", b"Connection: x, Close", b"Expect: x"),
        *(b" folded", b"\tfolded", b"X :y", b":"),
        *(b"Expect: 100-continue", b"Upgrade: h2c", b"Transfer-Encoding: identity", b"X: \x0b"),
    ]
)
CHUNKS = st.sampled_from(
    [
        *(b"5\r\nhello\r\n", b"5;x=y\r\nhello\r\n", b"5 \r\nhello\r\n", b"5\nhello\r\n"),
        *(b"5\r\nhello", b"0x5\r\nhello\r\n", b"A\r\n0123456789\r\n", b"0\r\n\r\n", b"0\r\n"),
        *(b"0\r\nX: y\r\n\r\n", b"0\r\nX: y\n\r\n", b"00;x\r\n\r\n", b"\r\n", b"hello"),
        *(b"GET /version HTTP/1.1\r\nHost: a\r\n\r\n", b"000000000000000001\r\na\r\n"),
    ]
)
LINES = st.sampled_from(
    [
        *(b"POST /version HTTP/1.1", b"POST /version HTTP/1.1", b"GET /version HTTP/1.1"),
        *(b"POST /version HTTP/1.0", b"GET /version HTTP/1.0"),
    ]
)


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    lines = [draw(LINES), b"Host: a", *draw(st.lists(FIELDS, max_size=4))]
    head = b"".join(line + draw(ENDS) for line in lines) + b"\r\n"
    return head + b"".join(draw(st.lists(CHUNKS, max_size=4)))


@given(st.lists(requests(), min_size=1, max_size=2).map(b"".join))
@settings(max_examples=150, derandomize=True)
def test_so_are_they_whatever_requests_are_made_of(pair: Pair, sent: bytes) -> None:
    assert pair.ask(pair.ours, sent) == pair.ask(pair.etcd, sent)
