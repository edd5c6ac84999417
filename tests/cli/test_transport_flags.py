"""Flags that the transport obeys, from the command line to the bytes on a connection."""

from __future__ import annotations

import socket

import pytest

from fake_etcd.cli import background, served_node
from tests.transport.wire import HELLO, WATCH, Answer, Client, ping, request_fields

SECONDS = 10.0


def answers(*flags: str, sent: bytes, until: str) -> list[Answer]:
    """What a server with these flags sends, up to the frame of that name."""
    client = Client()
    seen: list[Answer] = []
    with background.serve(flags) as url:
        port = int(url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), SECONDS) as connection:
            connection.sendall(sent)
            while not any(answer[0] == until for answer in seen):
                received = connection.recv(65_536)
                assert received, seen
                seen += client.read(received)
    return seen


def test_a_limit_of_streams_is_announced() -> None:
    [told] = [
        answer
        for answer in answers("--max-concurrent-streams=7", sent=HELLO, until="SETTINGS ACK")
        if answer[0] == "SETTINGS"
    ]
    assert told[1] == {
        "INITIAL_WINDOW_SIZE": 65_536,
        "MAX_CONCURRENT_STREAMS": 7,
        "MAX_HEADER_LIST_SIZE": 2_097_152,
    }


def test_the_stream_above_the_limit_is_refused() -> None:
    client = Client()
    watches = [client.headers(stream_id, request_fields(WATCH)) for stream_id in (1, 3)]
    seen = answers("--max-concurrent-streams=1", sent=HELLO + b"".join(watches), until="RST_STREAM")
    assert seen[-1] == ("RST_STREAM", 3, "REFUSED_STREAM")


def test_the_least_time_between_pings_is_kept() -> None:
    watch = Client().headers(1, request_fields(WATCH))
    seen = answers("--grpc-keepalive-min-time=1h", sent=HELLO + watch + ping() * 4, until="GOAWAY")
    assert seen[-5:] == [
        *[("PING ACK", b"12345678")] * 4,
        ("GOAWAY", 1, "ENHANCE_YOUR_CALM", "too_many_pings"),
    ]


def test_a_port_is_shared_where_both_ask_for_it() -> None:
    with background.serve(["--socket-reuse-port"]) as url:
        where = f"--listen-client-urls={url}"
        with background.serve(["--socket-reuse-port", where]) as other:
            assert other == url
        with pytest.raises(served_node.CannotStart, match="in use"), background.serve([where]):
            pass
