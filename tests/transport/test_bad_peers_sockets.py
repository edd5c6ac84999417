"""Peers that mean no good, on real sockets: those that say nothing, too little, or read nothing."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import tracemalloc
from asyncio.subprocess import PIPE

import pytest

from fake_etcd.services.http import HttpResponse
from fake_etcd.transport import socket_connection
from fake_etcd.transport.http2 import receiving
from fake_etcd.transport.listener import Limits, Server

from .applications import LIMIT, StreamRecorder, answering, grpc_answer, streaming
from .attacks import Remains
from .test_listener import connected, get, listening, open_streams, until
from .wire import (
    HELLO,
    PREFACE,
    WATCH,
    Client,
    data,
    message,
    ping,
    request_fields,
    without_housekeeping,
)

OPEN_CALL = Client().headers(1, request_fields(WATCH))
IDLE = 10_000
SOCKETS = IDLE + 500
"""The clients are in a process of their own: each of the two has one end of every connection."""

CLIENTS = f"""
import socket, sys
idle = []
for n in range({IDLE}):
    idle.append(socket.create_connection(("127.0.0.1", int(sys.argv[1]))))
    if n % 2:
        idle[-1].sendall({HELLO!r})
print("there", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def many_files():
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < SOCKETS:
        pytest.skip("a process here may not have as many sockets")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, SOCKETS), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def is_served(url: str) -> bool:
    async with connected(url) as it:
        return await it.call() == grpc_answer(1, message(b"answer"))


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"P",
        PREFACE[:-1],
        b"GET /health HTTP/1.1\r\nHost:",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf",
    ],
    ids=["nothing", "a letter", "half a preface", "half a head", "half a body"],
)
def test_who_does_not_go_on_is_cut_and_leaves_nothing(sent, monkeypatch):
    monkeypatch.setattr(socket_connection, "OPENING_SECONDS", 0.05)
    monkeypatch.setattr(socket_connection, "HTTP1_REQUEST_SECONDS", 0.05)
    remains = Remains()

    async def test() -> None:
        async with listening(answering(b"answer")) as (server, url):
            reader, writer = await open_streams(url)
            writer.write(sent)
            with contextlib.suppress(ConnectionResetError):
                assert await reader.read() == b""
            writer.close()
            await until(lambda: server.connections == [])
            assert await is_served(url)

    asyncio.run(asyncio.wait_for(test(), 30))
    assert remains.found() == {}


@pytest.mark.skipif(not hasattr(socket, "TCP_KEEPIDLE"), reason="this system has other names")
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_the_system_asks_silent_peers_as_often_as_for_etcd(host, loop):
    """Who went without a FIN is cut by it, whatever was spoken: here nobody can go like that."""
    new_loop = asyncio.new_event_loop
    if loop == "uvloop":
        new_loop = pytest.importorskip("uvloop").new_event_loop

    async def test() -> None:
        server = Server(answering(b"answer"), lambda request: HttpResponse(200), Limits(LIMIT))
        try:
            url = await server.listen(f"http://{host}:0")
            async with connected(url):
                await until(lambda: len(server.connections) == 1)
                (connection,) = server.connections
                accepted = connection._transport.get_extra_info("socket")
                tcp = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
                assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
                assert [accepted.getsockopt(socket.IPPROTO_TCP, it) for it in tcp] == [30, 15, 9]
        finally:
            await server.close(0)

    running = new_loop()
    try:
        running.run_until_complete(asyncio.wait_for(test(), 30))
    finally:
        running.close()


SILENT = (
    HELLO,
    HELLO + OPEN_CALL,
    HELLO + OPEN_CALL + data(1, message(b"half a message"))[:-5],
    HELLO + OPEN_CALL[:-5],
)
"""Nothing, a call, half a frame, half a header block."""


def test_who_answers_no_ping_is_cut_whatever_it_is_in_the_middle_of():
    """A peer that is gone without a FIN, or that reads and writes nothing: grpc-go's keepalive."""
    remains = Remains()
    recorder = StreamRecorder()
    limits = Limits(LIMIT, keepalive_interval_seconds=1.0, keepalive_timeout_seconds=0.05)

    async def test() -> None:
        endpoints = {**streaming(recorder), **answering(b"answer")}
        server = Server(endpoints, lambda request: HttpResponse(200), limits)
        try:
            url = await server.listen("http://127.0.0.1:0")
            writers = []
            for sent in SILENT:
                _, writer = await open_streams(url)
                writer.transport.pause_reading()
                writer.write(sent)
                writers.append(writer)
            await until(lambda: len(server.connections) == len(SILENT))
            await until(lambda: server.connections == [])
            assert [call.told[-1] for call in recorder.opened] == ["cancelled"] * 2
            for writer in writers:
                writer.close()
            assert await is_served(url)
        finally:
            await server.close(0)

    asyncio.run(asyncio.wait_for(test(), 30))
    recorder.opened.clear()
    assert remains.found() == {}


def test_who_does_not_end_a_header_block_on_a_socket_is_told_and_cut(monkeypatch):
    monkeypatch.setattr(receiving, "HEADER_BLOCK_SECONDS", 0.05)
    remains = Remains()

    async def test() -> None:
        async with listening(answering(b"answer")) as (server, url):
            reader, writer = await open_streams(url)
            client = Client()
            writer.write(HELLO + client.headers(1, request_fields(), pieces=2)[:-20])
            answers = without_housekeeping(client.read(await reader.read()))
            assert answers == [("GOAWAY", 0, "PROTOCOL_ERROR", "the peer takes too long")]
            writer.close()
            await until(lambda: server.connections == [])
            assert await is_served(url)

    asyncio.run(asyncio.wait_for(test(), 30))
    assert remains.found() == {}


def test_time_is_not_counted_between_requests_of_http1(monkeypatch):
    monkeypatch.setattr(socket_connection, "HTTP1_REQUEST_SECONDS", 0.01)

    async def test() -> None:
        async with listening(answering(b"answer")) as (server, url):
            reader, writer = await open_streams(url)
            request = b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n"
            for _ in range(2):
                writer.write(request)
                assert (await reader.readuntil(b"/health")).startswith(b"HTTP/1.1 200 OK")
                (connection,) = server.connections
                assert connection._patience is None
            writer.close()

    asyncio.run(asyncio.wait_for(test(), 30))


def test_pipelined_requests_whose_answers_wait_get_all_of_them():
    async def test() -> None:
        server = Server(
            answering(b"answer"), lambda request: HttpResponse(200, (), b"x" * 2**18), Limits(LIMIT)
        )
        try:
            url = await server.listen("http://127.0.0.1:0")
            reader, writer = await open_streams(url)
            writer.write(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n" * 40)
            for _ in range(40):
                head = await reader.readuntil(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 200 OK")
                assert await reader.readexactly(2**18) == b"x" * 2**18
            writer.close()
        finally:
            await server.close(0)

    asyncio.run(asyncio.wait_for(test(), 60))


def test_who_reads_no_acks_is_not_read_either():
    async def test() -> None:
        async with listening(answering(b"answer")) as (server, url):
            async with connected(url) as it:
                it.writer.transport.pause_reading()
                it.send(ping() * 15_000)
                assert await is_served(url)
            await until(lambda: server.connections == [])

    asyncio.run(asyncio.wait_for(test(), 30))


def test_ten_thousand_idle_connections_leave_the_others_alone(many_files):
    remains = Remains()

    async def test() -> float:
        async with listening(answering(b"answer")) as (server, url):
            assert await is_served(url)
            tracemalloc.start()
            before = tracemalloc.get_traced_memory()[0]
            clients = await asyncio.create_subprocess_exec(
                sys.executable, "-c", CLIENTS, url.rpartition(":")[2], stdin=PIPE, stdout=PIPE
            )
            assert clients.stdin is not None
            assert clients.stdout is not None
            assert await clients.stdout.readline() == b"there\n"
            await until(lambda: len(server.connections) == IDLE)
            await until(lambda: sum(c._grpc is not None for c in server.connections) == IDLE // 2)
            used = tracemalloc.get_traced_memory()[0] - before
            tracemalloc.stop()
            assert await is_served(url)
            assert b"200 OK" in await get(url)
            clients.stdin.close()
            assert await clients.wait() == 0
            await until(lambda: server.connections == [])
            assert await is_served(url)
            return used / IDLE

    bytes_each = asyncio.run(asyncio.wait_for(test(), 300))
    print(f"{bytes_each:.0f} bytes a connection")
    assert bytes_each < 8_192
    assert remains.found() == {}
