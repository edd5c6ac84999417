"""What the grpc.aio adapter adds to the endpoints: statuses of its own, cancelling, back-pressure.

That calls are answered as they should be is the services' suite, which runs over it too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import grpc
import pytest

from fake_etcd.api import errors
from fake_etcd.api import messages as m
from fake_etcd.api.methods import METHODS, Kind
from fake_etcd.api.status import Code, Status
from fake_etcd.core.node import Node, NodeConfig
from fake_etcd.services.call import Call, Endpoint, Receiver, Sink
from fake_etcd.transport import grpc_aio
from tests.services.client import KvClient, Refused, refused
from tests.services.servers import grpc_aio as serving

PUT = "/etcdserverpb.KV/Put"
RANGE_STREAM = "/etcdserverpb.KV/RangeStream"


@pytest.fixture
def client() -> Iterator[KvClient]:
    with serving(NodeConfig()) as address, KvClient(address) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/etcdserverpb.KV/Nope", "unknown method Nope for service etcdserverpb.KV"),
        ("/etcdserverpb.KV/", "unknown method  for service etcdserverpb.KV"),
        ("/etcdserverpb.KV/put", "unknown method put for service etcdserverpb.KV"),
        ("/nope.Nope/Put", "unknown service nope.Nope"),
        ("/a/b/c", "unknown service a/b"),
        ("//", "unknown service "),
        ("/x", 'malformed method name: "/x"'),
        ("/", 'malformed method name: "/"'),
    ],
)
def test_unknown_paths_as_grpc_go_puts_it(client: KvClient, path: str, message: str) -> None:
    with refused(Status(Code.UNIMPLEMENTED, message)):
        client.raw(path, b"")


@pytest.mark.parametrize(
    ("path", "what"),
    [
        (PUT, "error unmarshalling request"),
        (RANGE_STREAM, "failed to unmarshal the received message"),
    ],
)
def test_bytes_that_are_no_message(client: KvClient, path: str, what: str) -> None:
    message = f"grpc: {what}: proto: cannot parse invalid wire-format data"
    with refused(Status(Code.INTERNAL, message)):
        client.raw(path, b"\xff")


def send(client: KvClient, path: str, *requests: bytes) -> list[bytes]:
    try:
        return list(client.channel.stream_stream(path)(iter(requests), timeout=20))
    except grpc.RpcError as error:
        raise Refused(error) from None


def test_no_message_at_all(client: KvClient) -> None:
    with refused(Status(Code.UNKNOWN, "EOF")):
        send(client, PUT)
    violation = "cardinality violation: received no request message from non-client-streaming RPC"
    with refused(Status(Code.INTERNAL, violation)):
        send(client, RANGE_STREAM)


def test_two_messages_where_one_is_due(client: KvClient) -> None:
    """grpc-go does not look for a second one of a unary call."""
    one, other = (m.PutRequest(key=key).SerializeToString() for key in (b"a", b"b"))
    assert len(send(client, PUT, one, other)) == 1
    assert client.range(key=b"\0", range_end=b"\0").count == 1
    violation = (
        "cardinality violation: received multiple request messages for non-client-streaming RPC"
    )
    with refused(Status(Code.INTERNAL, violation)):
        send(client, RANGE_STREAM, one, other)


class Probe:
    """A streaming handler that writes down what it is told; the `Receiver` of its one call."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.events: list[str] = []
        self.sink: Sink | None = None
        self.over = asyncio.Event()

    def open(self, call: Call, sink: Sink) -> Receiver:
        self.calls.append(call)
        self.sink = sink
        return self

    def message(self, request: object) -> None:
        self.events.append("message")

    def half_close(self) -> None:
        self.events.append("half_close")

    def writable(self) -> None:
        self.events.append("writable")
        self.over.set()

    def cancelled(self) -> None:
        self.events.append("cancelled")
        self.over.set()


async def serve(probe: Probe, kind: Kind) -> tuple[grpc.aio.Server, str, str]:
    method = next(method for method in METHODS.values() if method.kind is kind)
    endpoints = {method.path: Endpoint(method, stream=probe.open)}
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc_aio.Handlers(endpoints, 1_000),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    return server, f"127.0.0.1:{port}", method.path


def test_a_handler_learns_deadline_metadata_and_that_the_caller_went_away() -> None:
    async def scenario(probe: Probe) -> None:
        server, address, path = await serve(probe, Kind.BIDI)
        async with grpc.aio.insecure_channel(address) as channel:
            call = channel.stream_stream(path)(metadata=(("k", "v"), ("b-bin", b"\0")), timeout=20)
            await call.write(b"")
            while not probe.events:
                await asyncio.sleep(0.01)
            call.cancel()
            await asyncio.wait_for(probe.over.wait(), 10)
        await server.stop(0)

    probe = Probe()
    asyncio.run(scenario(probe))
    # grpc.aio tells of the end of the requests first, as if the caller had half-closed.
    assert probe.events in (["message", "cancelled"], ["message", "half_close", "cancelled"])
    [call] = probe.calls
    assert list(call.metadata) == [("k", "v"), ("b-bin", b"\0")]
    assert call.deadline is not None
    assert call.peer.startswith("ipv4:127.0.0.1:")


def test_the_deadline_of_the_caller_cancels() -> None:
    async def scenario(probe: Probe) -> grpc.StatusCode:
        server, address, path = await serve(probe, Kind.BIDI)
        async with grpc.aio.insecure_channel(address) as channel:
            call = channel.stream_stream(path)(timeout=1.0)
            await call.write(b"")
            code = await call.code()
            await asyncio.wait_for(probe.over.wait(), 10)
        await server.stop(0)
        return code

    probe = Probe()
    assert asyncio.run(scenario(probe)) is grpc.StatusCode.DEADLINE_EXCEEDED
    assert probe.events[-1] == "cancelled"


def test_a_slow_reader_fills_the_sink_and_makes_it_writable_again() -> None:
    async def scenario(probe: Probe) -> int:
        server, address, path = await serve(probe, Kind.SERVER_STREAM)
        async with grpc.aio.insecure_channel(address) as channel:
            call = channel.unary_stream(path)(b"")
            while "half_close" not in probe.events:
                await asyncio.sleep(0.01)
            assert probe.sink is not None
            sent = 1
            while probe.sink.send(b"x" * 100_000):
                sent += 1
                await asyncio.sleep(0.001)
                assert sent < 1_000, "flow control ends before that"
            received = 0
            while "writable" not in probe.events:
                await call.read()
                received += 1
            probe.sink.close()
            while await call.read() is not grpc.aio.EOF:
                received += 1
            assert received == sent
        await server.stop(0)
        return sent

    probe = Probe()
    assert asyncio.run(scenario(probe)) > 1
    assert probe.events == ["message", "half_close", "writable"]


def test_an_error_of_the_handler_ends_the_call_and_tells_it() -> None:
    class Refusing(Probe):
        def message(self, request: object) -> None:
            super().message(request)
            raise errors.TIMEOUT

    async def scenario(probe: Probe) -> tuple[grpc.StatusCode, str]:
        server, address, path = await serve(probe, Kind.BIDI)
        async with grpc.aio.insecure_channel(address) as channel:
            call = channel.stream_stream(path)()
            await call.write(b"")
            ended = (await call.code(), await call.details())
        await server.stop(0)
        return ended

    probe = Refusing()
    assert asyncio.run(scenario(probe)) == (
        grpc.StatusCode.UNAVAILABLE,
        errors.TIMEOUT.message,
    )
    assert probe.events == ["message", "cancelled"]


def test_a_message_above_the_limit() -> None:
    async def scenario(probe: Probe) -> tuple[grpc.StatusCode, str]:
        server, address, path = await serve(probe, Kind.BIDI)
        async with grpc.aio.insecure_channel(address) as channel:
            call = channel.stream_stream(path)()
            await call.write(b"x" * 1_001)
            ended = (await call.code(), await call.details())
        await server.stop(0)
        return ended

    assert asyncio.run(scenario(Probe())) == (
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "grpc: received message larger than max (1001 vs. 1000)",
    )


def test_a_compaction_is_run_by_the_loop() -> None:
    async def scenario(node: Node) -> None:
        server, _ = await grpc_aio.serve(node)
        node.compact(9_000)
        for _ in range(1_000):
            if not node.store.compaction_pending:
                break
            await asyncio.sleep(0.01)
        await server.stop(0)

    node = Node()
    for _ in range(10_000):
        node.store.put(b"a", b"")
    asyncio.run(scenario(node))
    assert not node.store.compaction_pending


def test_a_bug_in_a_unary_handler_is_an_internal_error(caplog: pytest.LogCaptureFixture) -> None:
    def broken(request: object, call: object) -> bytes:
        raise ZeroDivisionError

    async def call() -> grpc.aio.AioRpcError:
        path = "/etcdserverpb.KV/Range"
        server = grpc.aio.server()
        endpoints = {path: Endpoint(METHODS[path], unary=broken)}
        server.add_generic_rpc_handlers((grpc_aio.Handlers(endpoints, 1_000),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        try:
            async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
                with pytest.raises(grpc.aio.AioRpcError) as failure:
                    await channel.unary_unary(path)(b"\n\x01a")
                return failure.value
        finally:
            await server.stop(0)

    error = asyncio.run(call())
    assert error.code() is grpc.StatusCode.INTERNAL
    assert error.details() == "fake_etcd: internal error, see the server's log"
    assert "bug in the handler of /etcdserverpb.KV/Range" in caplog.text


class SlowContext:
    """A call whose caller reads nothing more than what `gate` lets through."""

    def __init__(self) -> None:
        self.gate = asyncio.Semaphore(0)

    def time_remaining(self) -> None: ...

    def peer(self) -> str:
        return ""

    def auth_context(self) -> dict[str, list[bytes]]:
        return {}

    async def read(self) -> bytes:
        await asyncio.Event().wait()
        raise AssertionError("nothing is asked")

    async def write(self, message: bytes) -> None:
        await self.gate.acquire()


async def every_task_waits() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_who_was_told_that_the_sink_is_full_is_told_when_it_is_not_whatever_was_sent_since() -> (
    None
):
    async def scenario(probe: Probe) -> None:
        method = next(method for method in METHODS.values() if method.kind is Kind.BIDI)
        context = SlowContext()
        session = grpc_aio._Session(Endpoint(method, stream=probe.open), [], context, 1_000)  # type: ignore[arg-type]  # what it uses of a context
        run = asyncio.ensure_future(session.run())
        await every_task_waits()
        assert probe.sink is not None
        assert (probe.sink.send(b"1"), probe.sink.send(b"2")) == (True, False)
        await every_task_waits()
        context.gate.release()
        await every_task_waits()  # the first is written, the second is under way
        probe.sink.send(b"3")
        context.gate.release()
        context.gate.release()
        await every_task_waits()
        run.cancel()

    probe = Probe()
    asyncio.run(scenario(probe))
    assert probe.events[:1] == ["writable"]
