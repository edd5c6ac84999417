"""The sockets: every event loop, every kind of address, both protocols, and a clean end."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from fake_etcd.api.methods import METHODS
from fake_etcd.services.call import Endpoint, Endpoints
from fake_etcd.services.http import HttpRequest, HttpResponse
from fake_etcd.transport.listener import Limits, Server

from .applications import (
    LIMIT,
    GrpcExchange,
    Recording,
    StreamRecorder,
    answering,
    grpc_answer,
    grpc_status,
    streaming,
)
from .wire import (
    HELLO,
    RANGE,
    WATCH,
    Answer,
    Client,
    data,
    message,
    ping,
    request_fields,
    rst_stream,
    settings,
    window_update,
    without_housekeeping,
)

ASK = b"\x0a\x01a"
GREETING = b"HTTP/1.1 200 OK\r\n"
Test = Callable[[], Awaitable[None]]


def _asyncio_loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


def _uvloop_loop() -> asyncio.AbstractEventLoop:
    return pytest.importorskip("uvloop").new_event_loop()


@pytest.fixture(params=[_asyncio_loop, _uvloop_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Test], None]:
    """Run a test's coroutine on a loop of its own; nothing may be left when it ends."""

    def run_on_a_loop(test: Test) -> None:
        loop = request.param()
        complaints: list[object] = []
        loop.set_exception_handler(lambda loop, context: complaints.append(context))
        try:
            loop.run_until_complete(asyncio.wait_for(test(), 10))
            assert asyncio.all_tasks(loop) == set()
            assert complaints == []
        finally:
            loop.close()

    return run_on_a_loop


def answer_http(request: HttpRequest) -> HttpResponse:
    return HttpResponse(200, (), request.target.encode())


def server_of(endpoints: Endpoints, limits: Limits | None = None) -> Server:
    return Server(endpoints, answer_http, limits or Limits(LIMIT))


@asynccontextmanager
async def listening(
    endpoints: Endpoints, url: str = "http://127.0.0.1:0", limits: Limits | None = None
) -> AsyncIterator[tuple[Server, str]]:
    server = server_of(endpoints, limits)
    try:
        yield server, await server.listen(url)
    finally:
        await server.close(0)


class Socket:
    """A client's socket, speaking HTTP/2."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.client = Client()
        self.reader = reader
        self.writer = writer

    def send(self, sent: bytes) -> None:
        self.writer.write(sent)

    async def answers(self, until: Callable[[Answer], bool]) -> list[Answer]:
        """The server's answers up to one, or to the end of the connection."""
        answers: list[Answer] = []
        while not any(until(answer) for answer in answers):
            got = await self.reader.read(65_536)
            if not got:
                break
            answers += without_housekeeping(self.client.read(got))
        return answers

    async def call(self, stream_id: int = 1, path: str = RANGE) -> list[Answer]:
        self.send(self.client.call(stream_id, ASK, path))
        return await self.answers(lambda answer: answer[-1] == "END")

    async def close(self) -> None:
        self.writer.close()
        await asyncio.gather(self.writer.wait_closed(), return_exceptions=True)


async def open_streams(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if url.startswith("unix:"):
        return await asyncio.open_unix_connection(url.removeprefix("unix:"))
    host, _, port = url.removeprefix("http://").rpartition(":")
    return await asyncio.open_connection(host.strip("[]"), int(port))


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Socket]:
    it = Socket(*await open_streams(url))
    it.send(HELLO)
    try:
        yield it
    finally:
        await it.close()


async def get(url: str, target: str = "/health") -> bytes:
    reader, writer = await open_streams(url)
    writer.write(f"GET {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.005)


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


# --- addresses ---------------------------------------------------------------------------


def test_port_0_is_any_free_port_and_both_protocols_are_served_on_it(run):
    async def test() -> None:
        async with listening(answering(b"fine")) as (_, url), connected(url) as it:
            assert url.startswith("http://127.0.0.1:")
            assert not url.endswith(":0")
            assert await it.call() == grpc_answer(1, message(b"fine"))
            answer = await get(url, "/what")
            assert answer.startswith(GREETING)
            assert answer.endswith(b"\r\n\r\n/what")

    run(test)


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 on this machine")
def test_an_ipv6_address_keeps_its_brackets(run):
    async def test() -> None:
        async with listening(answering(b"fine"), "http://[::1]:0") as (_, url):
            assert url.startswith("http://[::1]:")
            async with connected(url) as it:
                assert await it.call() == grpc_answer(1, message(b"fine"))

    run(test)


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no unix sockets here")
@pytest.mark.parametrize("slashes", ["", "//"])
def test_a_unix_socket_is_served_and_gone_in_the_end(run, tmp_path, slashes):
    path = tmp_path / "s"

    async def test() -> None:
        async with listening(answering(b"fine"), f"unix:{slashes}{path}") as (_, url):
            assert url == f"unix:{path}"
            async with connected(url) as it:
                assert await it.call() == grpc_answer(1, message(b"fine"))
            assert (await get(url)).startswith(GREETING)

    run(test)
    assert not path.exists()


def test_several_addresses_serve_the_same(run):
    async def test() -> None:
        async with listening(answering(b"fine")) as (server, first):
            second = await server.listen("http://127.0.0.1:0")
            assert first != second
            for url in (first, second):
                async with connected(url) as it:
                    assert await it.call() == grpc_answer(1, message(b"fine"))

    run(test)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1", "https://127.0.0.1:1", "tcp://x:1", "http://:1", "nothing", ""]
)
def test_what_is_no_address_is_refused_by_name(run, url):
    async def test() -> None:
        with pytest.raises(ValueError, match="cannot listen on"):
            await server_of({}).listen(url)

    run(test)


def test_an_address_that_is_taken_is_an_os_error(run):
    async def test() -> None:
        async with listening({}) as (_, url):
            with pytest.raises(OSError, match=r"\d"):
                await server_of({}).listen(url)

    run(test)


# --- what the connections do -------------------------------------------------------------


def test_the_first_bytes_decide_however_they_come(run):
    async def test() -> None:
        async with listening(answering(b"fine")) as (_, url):
            it = Socket(*await open_streams(url))
            for byte in HELLO:
                it.send(bytes((byte,)))
                await asyncio.sleep(0)
            assert await it.call() == grpc_answer(1, message(b"fine"))
            await it.close()
            reader, writer = await open_streams(url)
            for byte in b"POST /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n":
                writer.write(bytes((byte,)))
                await asyncio.sleep(0)
            assert (await reader.read()).startswith(GREETING)
            writer.close()

    run(test)


def test_a_broken_rule_is_told_and_the_connection_closed(run):
    async def test() -> None:
        async with listening({}) as (_, url), connected(url) as it:
            it.send(data(1, b"x"))
            goaway = ("GOAWAY", 0, "PROTOCOL_ERROR", "DATA on an idle stream")
            assert await it.answers(lambda answer: False) == [goaway]

    run(test)


def test_the_peer_is_told_to_handlers(run, tmp_path):
    async def test() -> None:
        recorder = StreamRecorder()
        async with listening(streaming(recorder)) as (server, url):
            unix = await server.listen(f"unix:{tmp_path}/s")
            for address in (url, unix):
                async with connected(address) as it:
                    it.send(it.client.headers(1, request_fields(WATCH)))
                    count = len(recorder.opened)
                    await until(lambda count=count: len(recorder.opened) > count)
                    if address == url:
                        host, port = it.writer.get_extra_info("sockname")
                        assert recorder.last.call.peer == f"{host}:{port}"
            assert recorder.last.call.peer == "unix:"

    run(test)


def test_a_handler_may_answer_at_any_time(run):
    async def test() -> None:
        recorder = StreamRecorder()
        async with listening(streaming(recorder)) as (_, url), connected(url) as it:
            it.send(it.client.headers(1, request_fields(WATCH)))
            await until(lambda: bool(recorder.opened))
            for n in range(3):
                recorder.last.sink.send(b"%d" % n)
                answers = await it.answers(lambda answer: answer[0] == "DATA")
                assert answers[-1] == ("DATA", 1, message(b"%d" % n))
            recorder.last.sink.close()
            trailers = (await it.answers(lambda answer: answer[-1] == "END"))[0]
            fields = [("grpc-status", "0"), ("grpc-message", "")]
            assert trailers == ("HEADERS", 1, fields, "END")

    run(test)


def test_deadlines_are_kept_and_the_nearest_comes_first(run):
    async def test() -> None:
        recorder = StreamRecorder()
        async with listening(streaming(recorder)) as (_, url), connected(url) as it:
            loop = asyncio.get_running_loop()
            begin = loop.time()
            for stream_id, timeout in ((1, "99999999H"), (3, "120m"), (5, "40m")):
                fields = request_fields(WATCH, ("grpc-timeout", timeout))
                it.send(it.client.headers(stream_id, fields) + ping())
                await it.answers(lambda answer: answer[0] == "PING ACK")
            late = await it.answers(lambda answer: answer[1] == 3)
            assert late == [("RST_STREAM", 5, "CANCEL"), ("RST_STREAM", 3, "CANCEL")]
            assert 0.115 < loop.time() - begin < 2
            assert [call.told for call in recorder.opened] == [[], ["cancelled"], ["cancelled"]]

    run(test)


def test_a_client_that_goes_cancels_its_calls(run):
    async def test() -> None:
        recorder = StreamRecorder()
        async with listening(streaming(recorder)) as (_, url):
            async with connected(url) as it:
                it.send(it.client.headers(1, request_fields(WATCH)))
                await until(lambda: bool(recorder.opened))
                recorder.last.on["cancelled"] = lambda: recorder.last.sink.send(b"to nobody")
            await until(lambda: recorder.last.told == ["cancelled"])

    run(test)


def test_a_socket_that_nobody_reads_stops_the_server_and_loses_nothing(run):
    """The handler is told to stop, no more is held than the limits say, then all arrives."""
    size, count = 50_000, 800

    async def test() -> None:
        recorder = StreamRecorder()
        async with listening(streaming(recorder)) as (server, url):
            reader, writer = await open_streams(url)
            writer.transport.pause_reading()
            it = Socket(reader, writer)
            it.send(HELLO + settings((4, 2**31 - 1)) + window_update(0, 2**30))
            it.send(it.client.headers(1, request_fields(WATCH)))
            await until(lambda: bool(recorder.opened))
            call = recorder.last
            left = [count]

            def write() -> None:
                while left[0]:
                    left[0] -= 1
                    if not call.sink.send(bytes(size)):
                        return
                call.sink.close()

            call.on["writable"] = write
            write()
            (connection,) = server._connections
            before = -1
            while before != left[0]:  # until it moves no more
                before = left[0]
                await asyncio.sleep(0.05)
            assert left[0] > 0
            grpc = connection._grpc
            assert grpc is not None
            held = grpc.http2.pending_size + connection._transport.get_write_buffer_size()
            assert held < 2**18 + size + 5 + 3 * 2**20
            writer.transport.resume_reading()
            answers = await it.answers(lambda answer: answer[-1] == "END")
            got = sum(len(answer[2]) for answer in answers if answer[0] == "DATA")
            assert (got, left[0]) == (count * (size + 5), 0)
            await it.close()

    run(test)


def test_a_client_that_reads_nothing_is_not_read_either(run):
    """Asked for more and more answers that nobody fetches, the server stops asking for requests."""

    async def test() -> None:
        async with listening(answering(bytes(100_000))) as (server, url):
            reader, writer = await open_streams(url)
            writer.transport.pause_reading()
            it = Socket(reader, writer)
            it.send(HELLO + settings((4, 2**31 - 1)) + window_update(0, 2**30))
            for n in range(2_000):
                it.send(it.client.call(2 * n + 1, ASK))
            await until(lambda: bool(server._connections))
            (connection,) = server._connections
            await until(lambda: not connection._transport.is_reading())
            await asyncio.sleep(0.1)
            grpc = connection._grpc
            assert grpc is not None
            held = grpc.http2.pending_size + connection._transport.get_write_buffer_size()
            assert held < 8 * 2**20
            writer.transport.resume_reading()
            seen: list[object] = []
            while len(seen) < 2_000:
                got = without_housekeeping(it.client.read(await reader.read(2**20)))
                seen += [answer[1] for answer in got if answer[-1] == "END"]
            assert seen == [2 * n + 1 for n in range(2_000)]
            await it.close()

    run(test)


# --- the end -----------------------------------------------------------------------------


def test_closing_lets_open_calls_end_and_takes_no_new_ones(run):
    async def test() -> None:
        recorder = StreamRecorder()
        server = server_of({**streaming(recorder), **answering(b"fine")})
        url = await server.listen("http://127.0.0.1:0")
        async with connected(url) as it:
            it.send(it.client.headers(1, request_fields(WATCH)))
            it.send(it.client.headers(3, request_fields()))  # a unary call half asked
            await until(lambda: bool(recorder.opened))
            it.send(ping())
            await it.answers(lambda answer: answer[0] == "PING ACK")
            closing = asyncio.ensure_future(server.close(5))
            first_word = ("GOAWAY", 2**31 - 1, "NO_ERROR", "graceful_stop")
            assert await it.answers(lambda answer: True) == [first_word]
            it.send(ping(bytes((1, 6, 1, 8, 0, 3, 3, 9)), ack=True))
            last_word = ("GOAWAY", 3, "NO_ERROR", "graceful_stop")
            assert await it.answers(lambda answer: True) == [last_word]
            with pytest.raises(OSError, match=r"\d"):
                await open_streams(url)
            it.send(data(3, message(ASK), end=True) + it.client.call(5, ASK))
            answers = await it.answers(lambda answer: answer[-1] == "END")
            assert answers == grpc_answer(3, message(b"fine"))
            assert not closing.done()
            recorder.last.sink.close()
            stop = ("RST_STREAM", 1, "NO_ERROR")
            assert await it.answers(lambda answer: False) == [grpc_status(1, 0, ""), stop]
            await closing

    run(test)


def test_closing_cuts_when_the_grace_is_over(run):
    async def test() -> None:
        recorder = StreamRecorder()
        server = server_of(streaming(recorder))
        url = await server.listen("http://127.0.0.1:0")
        async with connected(url) as it:
            it.send(it.client.headers(1, request_fields(WATCH)))
            await until(lambda: bool(recorder.opened))
            recorder.last.sink.send(b"the last words")
            await server.close(0.05)
            assert recorder.last.told == ["cancelled"]
            answers = await it.answers(lambda answer: False)
            assert answers[1] == ("DATA", 1, message(b"the last words"))
            assert answers[2:] == [
                ("GOAWAY", last_id, "NO_ERROR", "graceful_stop") for last_id in (2**31 - 1, 1)
            ]

    run(test)


def test_a_unary_call_that_is_worked_at_may_end_without_a_grace(run):
    async def test() -> None:
        recorder = StreamRecorder()
        endpoints = {**streaming(recorder), RANGE: Endpoint(METHODS[RANGE], stream=recorder)}
        server = server_of(endpoints)
        url = await server.listen("http://127.0.0.1:0")
        async with connected(url) as it:
            it.send(it.client.headers(1, request_fields(WATCH)) + it.client.call(3, ASK))
            await until(lambda: len(recorder.opened) == 2)
            closing = asyncio.ensure_future(server.close(0, 5))
            last_word = ("GOAWAY", 3, "NO_ERROR", "graceful_stop")
            assert await it.answers(lambda answer: True) == [last_word]
            assert recorder.opened[0].told == ["cancelled"]
            recorder.last.sink.send(b"fine")
            recorder.last.sink.close()
            assert await it.answers(lambda answer: False) == grpc_answer(3, message(b"fine"))
            await closing

    run(test)


def test_closing_does_not_wait_for_a_client_that_reads_nothing(run):
    async def test() -> None:
        server = server_of(answering(bytes(16 * 2**20)))
        url = await server.listen("http://127.0.0.1:0")
        reader, writer = await open_streams(url)
        writer.transport.pause_reading()
        it = Socket(reader, writer)
        it.send(HELLO + settings((4, 2**31 - 1)) + window_update(0, 2**30))
        it.send(it.client.call(1, ASK))
        await until(lambda: bool(server._connections))
        (connection,) = server._connections
        await until(lambda: connection._transport.get_write_buffer_size() > 0)
        await asyncio.wait_for(server.close(0.05), 2)
        assert server._connections == set()
        await it.close()

    run(test)


def test_closing_ends_connections_that_said_nothing_or_speak_http1(run):
    async def test() -> None:
        server = server_of({})
        url = await server.listen("http://127.0.0.1:0")
        silent, half, http1 = [Socket(*await open_streams(url)) for _ in range(3)]
        half.send(HELLO[:10])
        http1.send(b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n")
        assert (await http1.reader.read(17)) == GREETING
        await until(lambda: len(server._connections) == 3)
        await server.close(5)
        for it in (silent, half):
            assert await it.reader.read() == b""
        for it in (silent, half, http1):
            await it.close()

    run(test)


def sockets() -> int:
    """Open sockets of this process."""
    links = (os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd"))
    return sum("socket:" in link for link in links)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_closing_leaves_no_socket_and_no_task(run):
    async def test() -> None:
        before, tasks = sockets(), asyncio.all_tasks()
        for _ in range(3):
            async with listening(answering(b"fine")) as (server, url):
                await server.listen("http://127.0.0.1:0")
                async with connected(url) as first, connected(url):
                    await first.call()
                    await get(url)
                    assert sockets() > before
            await asyncio.sleep(0.01)
        assert sockets() == before
        assert asyncio.all_tasks() == tasks

    run(test)


def test_the_same_port_can_be_had_again(run):
    async def test() -> None:
        async with listening(answering(b"one")) as (_, url), connected(url) as it:
            await it.call()
        async with listening(answering(b"two"), url) as (_, again), connected(again) as it:
            assert again == url
            assert await it.call() == grpc_answer(1, message(b"two"))

    run(test)


# --- garbage -----------------------------------------------------------------------------


def ours(garbage: list[object]) -> list[str]:
    """What of it is an object of a class of ours, or a frame or traceback in our code."""
    names = []
    for thing in garbage:
        module = type(thing).__module__ or ""
        code = getattr(thing, "f_code", None)
        if module.startswith("fake_etcd.transport") or (code and "fake_etcd" in code.co_filename):
            names.append(f"{module}.{type(thing).__qualname__}")
    return names


@pytest.fixture
def cycles():
    """Called at the end, gives what only the cyclic collector could free."""
    logging.disable()  # records that pytest keeps would keep tracebacks, and they everything
    gc.collect()
    gc.disable()

    def find() -> list[str]:
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        return ours(gc.garbage)

    yield find
    logging.disable(logging.NOTSET)
    gc.set_debug(0)
    gc.garbage.clear()
    gc.enable()


def all_kinds(recorder: StreamRecorder) -> Endpoints:
    def handle(request: object, call: object) -> bytes:
        if not request.key:
            raise ZeroDivisionError
        return b"answer"

    return {**streaming(recorder), RANGE: Endpoint(METHODS[RANGE], unary=handle)}


def eventful(c: Client, first: int) -> bytes:
    """Calls that end in every way."""
    n = first
    watch = request_fields(WATCH, ("grpc-timeout", "1S"))
    return b"".join(
        (
            c.call(n, ASK),
            c.call(n + 2, b""),
            c.call(n + 4, b"\xff"),
            c.call(n + 6, ASK, "/x/y"),
            c.headers(n + 8, request_fields(RANGE, ("connection", "x"))),
            c.headers(n + 10, watch) + rst_stream(n + 10),
            c.headers(n + 12, watch, end=True),
            c.headers(n + 14, watch) + data(n + 14, message(b"\xff")),
            c.headers(n + 16, request_fields(RANGE, ("grpc-timeout", "1S"))) + data(n + 16, b"\0"),
            c.headers(n + 18, watch),
            c.headers(n + 20, request_fields()) + data(n + 20, message(ASK)),
            c.headers(n + 22, request_fields(WATCH, ("close", "now"))),
        )
    )


def ending(recording: Recording) -> None:
    recording.on["half close"] = recording.sink.close
    if ("close", "now") in recording.call.metadata:
        recording.sink.close()


def test_calls_leave_nothing_to_the_garbage_collector(cycles):
    recorder = StreamRecorder(ending)
    exchange = GrpcExchange(all_kinds(recorder))
    exchange.send(settings((4, 3)))
    for n in range(20):
        exchange.send(eventful(exchange.client, 100 * n + 1), now=float(n))
        exchange.grpc.run_deadlines(float(n))
    recorder.opened.clear()
    assert cycles() == []


@pytest.mark.parametrize("how", ["lost", "broken"])
def test_a_connection_leaves_nothing_to_the_garbage_collector(cycles, how):
    recorder = StreamRecorder(ending)
    exchange = GrpcExchange(all_kinds(recorder))
    exchange.send(eventful(exchange.client, 1))
    if how == "broken":
        exchange.send(window_update(0, 0))
    exchange.grpc.lost()
    exchange.grpc._wake = lambda: None  # the test's own
    recorder.opened.clear()
    del exchange
    assert cycles() == []


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="counts references")
def test_a_server_leaves_nothing_to_the_garbage_collector(run, cycles):
    async def test() -> None:
        recorder = StreamRecorder(ending)
        async with listening(all_kinds(recorder)) as (_, url):
            for sent in (b"", ping(), window_update(0, 0)):
                async with connected(url) as it:
                    it.send(eventful(it.client, 1) + sent)
                    await it.answers(lambda answer: answer[0] in ("GOAWAY", "RST_STREAM"))
            await get(url)
            recorder.opened.clear()
        await asyncio.sleep(0.01)

    run(test)
    assert cycles() == []
