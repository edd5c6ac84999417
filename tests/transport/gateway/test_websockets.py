"""Websockets whose method takes one request: what is kept of it, and when it is looked at.

What is answered is the conformance suite's to say.
"""

from __future__ import annotations

import pytest

from fake_etcd.core.node import Node, NodeConfig
from fake_etcd.services import registry
from fake_etcd.services.http import HttpRequest
from fake_etcd.transport.gateway.fields import table_of
from fake_etcd.transport.gateway.requests import BODY_FACTOR, FirstValue
from fake_etcd.transport.gateway.websocket import proxied_headers
from fake_etcd.transport.http1 import Http1Connection

from .test_carriers import LIMIT, LOCK, Site

UPGRADE = (
    "GET {} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
NO_JSON = b'{"code":3,"message":"invalid character \'x\' looking for beginning of value"}'


def frame(payload: bytes) -> bytes:
    """A client's, masked with nothing."""
    size = len(payload)
    head = bytes((0x81, 0x80 | size)) if size < 126 else b"\x81\xfe" + size.to_bytes(2, "big")
    return head + bytes(4) + payload


def opened(path: str) -> Http1Connection:
    connection = Site(registry.endpoints(Node(NodeConfig()))).http1
    assert connection.receive(UPGRADE.format(path).encode()).startswith(b"HTTP/1.1 101 ")
    return connection


@pytest.mark.parametrize("path", ["/v3/lock/lock", "/v3/kv/put", "/v3/maintenance/snapshot"])
def test_a_request_without_sense_is_told_with_the_byte_that_shows_it(path: str) -> None:
    connection = opened(path)
    assert connection.receive(frame(b'{"name":') + frame(b" ")) == b""
    assert connection.receive(frame(b"x")) == b"\x81" + bytes((len(NO_JSON),)) + NO_JSON
    assert connection.closed


def test_what_comes_behind_a_request_is_not_looked_at_and_not_kept() -> None:
    connection = opened("/v3/lock/lock")
    assert connection.receive(frame(b"{}") + frame(b"x") + 9 * frame(b"x" * LIMIT)) == b""
    assert not connection.closed


def test_a_request_that_grows_too_large_message_by_message_is_refused() -> None:
    connection = opened("/v3/lock/lock")
    messages = frame(b'{"name":') + (BODY_FACTOR - 1) * frame(b" " * LIMIT)
    assert connection.receive(messages) == b""
    answer = connection.receive(frame(b" " * LIMIT))
    assert answer.startswith(b'\x81N{"code":8,"message":"grpc: received message larger than max (')
    assert connection.closed


@pytest.mark.parametrize(
    ("headers", "token"),
    [
        ([("Cookie", "token=abc")], "Bearer abc"),
        ([("Cookie", 'a=1; token="abc"; b=2')], "Bearer abc"),
        ([("Cookie", "token"), ("Cookie", "token=")], "Bearer "),
        ([("Cookie", "token=abc"), ("Sec-WebSocket-Protocol", "Bearer, xyz")], "Bearer abc"),
        ([("Sec-WebSocket-Protocol", "Bearer,xyz ")], "Bearer xyz"),
        ([("Sec-WebSocket-Protocol", "chat")], ""),
    ],
)
def test_a_token_comes_by_a_cookie_or_as_a_protocol(
    headers: list[tuple[str, str]], token: str
) -> None:
    request = HttpRequest("GET", "/v3/watch", headers)
    assert proxied_headers(request) == [("authorization", token)]


def test_nothing_is_kept_of_what_is_behind_a_request() -> None:
    first = FirstValue(table_of(LOCK.request), LIMIT)
    first.add(b'{"name":')
    first.look()
    assert first.held_bytes == 8
    first.add(b'"AA=="}')
    first.add(b"x" * 100)
    assert first.held_bytes == 15
    assert first.end() == (LOCK.request(name=b"\0"), 15)
    assert first.held_bytes == 0
