"""The in-process channel for asyncio beside grpc.aio's own: every test here passes on both.

As in `test_channel.py`; what only the in-process one can promise is in `test_in_process.py`.
"""

from __future__ import annotations

import asyncio
import functools
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from typing import Any

import grpc
import grpc.aio
import pytest

from fake_etcd.api import messages as m
from fake_etcd.testing import FakeEtcd
from tests.testing.stubs import stub
from tests.testing.test_channel import (
    EVERYTHING,
    MEBIBYTE,
    PATIENCE_SECONDS,
    PUT,
    RANGE,
    STREAM,
    WATCH,
    boom,
    nothing,
    watch_of,
)

MAKERS: dict[str, Callable[..., grpc.aio.Channel]] = {
    "grpc.aio": lambda etcd, options=None: grpc.aio.insecure_channel(etcd.endpoint, options),
    "in process": lambda etcd, options=None: etcd.aio_channel(options=options),
}
EOF: Any = grpc.aio.EOF
OK, CANCELLED = grpc.StatusCode.OK, grpc.StatusCode.CANCELLED
LOCALLY = (CANCELLED, "Locally cancelled by application!")


def is_a(thing: object, kind: type) -> bool:
    """As `isinstance`, which would have mypy believe that nothing else is known of it."""
    return isinstance(thing, kind)


def asynchronous(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., Any]:
    """Runs a test on an event loop of its own."""

    @functools.wraps(test)
    def run(**given: Any) -> None:
        asyncio.run(asyncio.wait_for(test(**given), PATIENCE_SECONDS))

    return run


@pytest.fixture
def etcd() -> Iterator[FakeEtcd]:
    with FakeEtcd() as made:
        yield made


@pytest.fixture(params=MAKERS)
def make(request: pytest.FixtureRequest, etcd: FakeEtcd) -> Callable[..., Any]:
    """Makes a channel on the running loop; takes its options."""
    return functools.partial(MAKERS[request.param], etcd)


async def details(call: Any) -> str:
    text = await call.details()
    wrapped = re.fullmatch(r"Stream removed \((.*)\)", text)
    return wrapped[1] if wrapped else text


async def ended(call: Any) -> tuple[grpc.StatusCode, str]:
    return await call.code(), await details(call)


def told(error: grpc.aio.AioRpcError) -> tuple[grpc.StatusCode, str]:
    text = error.details() or ""
    wrapped = re.fullmatch(r"Stream removed \((.*)\)", text)
    return error.code(), wrapped[1] if wrapped else text


async def refused(waiting: Awaitable[Any]) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await waiting
    return caught.value


async def everything(answers: AsyncIterator[Any]) -> list[Any]:
    return [answer async for answer in answers]


async def put(channel: Any, key: bytes, value: bytes = b"") -> int:
    answer = await stub(channel, "KV/Put")(m.PutRequest(key=key, value=value))
    return int(answer.header.revision)


# Unary calls


@asynchronous
async def test_a_unary_call_is_answered(make: Callable[..., Any]) -> None:
    async with make() as channel:
        assert is_a(channel, grpc.aio.Channel)
        call = stub(channel, "KV/Put")(m.PutRequest(key=b"a"), timeout=9)
        assert is_a(call, grpc.aio.UnaryUnaryCall)
        assert (call.done(), call.cancelled()) == (False, False)
        assert 0 < call.time_remaining() <= 9
        answer = await call
        assert answer.header.revision == 2
        assert await call is answer
        assert (call.done(), call.cancelled(), call.cancel()) == (True, False, False)
        assert await ended(call) == (OK, "")
        assert await call.initial_metadata() == await call.trailing_metadata()
        assert await call.trailing_metadata() == grpc.aio.Metadata()
        assert await call.debug_error_string() == ""
        heard: list[Any] = []
        call.add_done_callback(heard.append)
        assert heard == [call]
        await call.wait_for_connection()


@asynchronous
async def test_a_call_is_made_although_nobody_awaits_its_answer(make: Callable[..., Any]) -> None:
    async with make() as channel:
        for ask in ("code", "details", "trailing_metadata", "wait_for_connection"):
            call = stub(channel, "KV/Put")(m.PutRequest(key=b"a"))
            await getattr(call, ask)()
            assert call.done()
        kv = (await stub(channel, "KV/Range")(EVERYTHING)).kvs[0]
        assert kv.version == 4


@asynchronous
async def test_an_error_is_raised_each_time(make: Callable[..., Any]) -> None:
    expected = (grpc.StatusCode.INVALID_ARGUMENT, "etcdserver: key is not provided")
    async with make() as channel:
        call = stub(channel, "KV/Range")(m.RangeRequest())
        for _ in range(2):
            error = await refused(call)
            assert told(error) == expected
            assert error.initial_metadata() == error.trailing_metadata() == grpc.aio.Metadata()
            assert "key is not provided" in (error.debug_error_string() or "")
        assert await ended(call) == expected
        assert (call.done(), call.cancelled()) == (True, False)
        assert "key is not provided" in await call.debug_error_string()


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/no.Such/Service", "unknown service no.Such"),
        ("/etcdserverpb.KV/No", "unknown method No for service etcdserverpb.KV"),
        ("nothing", 'malformed method name: "nothing"'),
    ],
)
@asynchronous
async def test_what_there_is_not_is_unimplemented_for_all_kinds(
    make: Callable[..., Any], path: str, text: str
) -> None:
    async with make() as channel:
        waiting = [
            channel.unary_unary(path)(b""),
            channel.unary_stream(path)(b"").read(),
            # With requests grpc.aio may say "Internal error from Core": it writes to what is over.
            channel.stream_unary(path)(),
            channel.stream_stream(path)().read(),
            everything(channel.stream_stream(path)()),
        ]
        for each in waiting:
            assert told(await refused(each)) == (grpc.StatusCode.UNIMPLEMENTED, text)


async def generated(*requests: Any) -> AsyncIterator[Any]:
    for request in requests:
        yield request


@asynchronous
async def test_any_kind_of_call_reaches_a_unary_handler(make: Callable[..., Any]) -> None:
    raw = m.PutRequest(key=b"a").SerializeToString()
    async with make() as channel:
        writing = channel.stream_unary(PUT)()
        await writing.write(raw)
        await writing.done_writing()
        answers = [
            await writing,
            await channel.unary_unary(PUT)(raw),
            *await everything(channel.unary_stream(PUT)(raw)),
            await channel.stream_unary(PUT)([raw]),
            await channel.stream_unary(PUT)(iter([raw])),
            await channel.stream_unary(PUT)(generated(raw)),
            *await everything(channel.stream_stream(PUT)([raw])),
            *await everything(channel.stream_stream(PUT)(generated(raw))),
        ]
    revisions = [m.PutResponse.FromString(each).header.revision for each in answers]
    assert revisions == [*range(2, 10)]


@asynchronous
async def test_a_unary_call_without_a_request_has_none(make: Callable[..., Any]) -> None:
    async with make() as channel:
        call = channel.stream_unary(PUT)()
        await call.done_writing()
        assert told(await refused(call)) == (grpc.StatusCode.UNKNOWN, "EOF")


# Cancelling


@asynchronous
async def test_a_call_that_is_cancelled_at_once_is_none(make: Callable[..., Any]) -> None:
    async with make() as channel:
        call = stub(channel, "KV/Put")(m.PutRequest(key=b"a"))
        heard: list[Any] = []
        call.add_done_callback(heard.append)
        assert (call.cancel(), call.cancel()) == (True, False)
        assert (call.done(), call.cancelled()) == (True, True)
        assert await ended(call) == LOCALLY
        with pytest.raises(asyncio.CancelledError):
            await call
        assert heard == [call]
        assert (await stub(channel, "KV/Range")(EVERYTHING)).count == 0


@asynchronous
async def test_who_is_cancelled_while_waiting_cancels_the_call(make: Callable[..., Any]) -> None:
    async with make() as channel:
        reading = stub(channel, "Watch/Watch")([watch_of(b"a")])
        assert (await reading.read()).created
        iterating = stub(channel, "Watch/Watch")([watch_of(b"a")])
        answers = iterating.__aiter__()
        assert (await answers.__anext__()).created
        awaiting = channel.stream_unary(WATCH)()
        await awaiting.wait_for_connection()
        for call, waiting in (
            (reading, reading.read()),
            (iterating, answers.__anext__()),
            (awaiting, wait_for(awaiting)),
        ):
            task = asyncio.ensure_future(waiting)
            await asyncio.sleep(0.01)
            assert task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert (call.done(), call.cancelled()) == (True, True)
            assert await ended(call) == LOCALLY


async def wait_for(call: Any) -> Any:
    return await call


@asynchronous
async def test_cancel_wakes_who_waits(make: Callable[..., Any]) -> None:
    async with make() as channel:
        call = stub(channel, "Watch/Watch")([watch_of(b"a")])
        seen: list[Any] = []

        async def iterate() -> None:
            async for answer in call:
                assert answer.created
                seen.append(answer)

        task = asyncio.ensure_future(iterate())
        while not seen:
            await asyncio.sleep(0.001)
        assert (call.cancel(), call.cancel()) == (True, False)
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(seen) == 1
        assert await everything(call) == []  # the iterator is used up
        with pytest.raises(asyncio.CancelledError):
            await call.read()


# What the caller's side does wrong


@pytest.mark.parametrize("serialize", [boom, nothing])
@asynchronous
async def test_a_serializer_that_fails_sends_an_empty_request(
    make: Callable[..., Any], serialize: Callable[[Any], Any]
) -> None:
    """Which is grpc.aio's way, and not that of grpcio's blocking channel."""
    expected = (grpc.StatusCode.INVALID_ARGUMENT, "etcdserver: key is not provided")
    async with make() as channel:
        for waiting in (
            channel.unary_unary(RANGE, serialize)(b"x"),
            channel.unary_stream(STREAM, serialize)(b"x").read(),
            channel.stream_unary(RANGE, serialize)([b"x"]),
            channel.stream_stream(RANGE, serialize)([b"x"]).read(),
        ):
            assert told(await refused(waiting)) == expected


@pytest.mark.parametrize("deserialize", [boom, nothing])
@asynchronous
async def test_a_deserializer_that_fails_gives_none(
    make: Callable[..., Any], deserialize: Callable[[bytes], Any]
) -> None:
    get = EVERYTHING.SerializeToString()
    async with make() as channel:
        call = channel.unary_unary(RANGE, None, deserialize)(get)
        assert await call is None
        assert await ended(call) == (OK, "")
        stream = channel.unary_stream(STREAM, None, deserialize)
        assert await stream(get).read() is None
        assert await everything(stream(get)) == [None]


@pytest.mark.parametrize("requests", [lambda: 5, lambda: (boom(0) for _ in "a")])
@asynchronous
async def test_an_iterator_that_fails_cancels_the_call(
    make: Callable[..., Any], requests: Callable[[], Any]
) -> None:
    async with make() as channel:
        call = stub(channel, "Watch/Watch")(requests())
        with pytest.raises(asyncio.CancelledError):
            await call.read()
        assert await ended(call) == LOCALLY


async def failing() -> AsyncIterator[Any]:
    yield watch_of(b"a")
    raise ZeroDivisionError("boom")


@asynchronous
async def test_an_async_iterator_that_fails_cancels_the_call(make: Callable[..., Any]) -> None:
    async with make() as channel:
        call = stub(channel, "Watch/Watch")(failing())
        with pytest.raises(asyncio.CancelledError):
            await everything(call)
        assert await ended(call) == LOCALLY


@pytest.mark.parametrize(
    ("metadata", "error"),
    [
        ([("with space", "x")], grpc.aio.InternalError),
        ([("UPPER", "x")], grpc.aio.InternalError),
        ([("a", "line\n")], grpc.aio.InternalError),
        ([("a", 5)], TypeError),
        ([("a-bin", "text")], TypeError),
        ([("a",)], ValueError),
        ({"a": "x"}, ValueError),
    ],
)
@asynchronous
async def test_metadata_that_cannot_be_sent_raises(
    make: Callable[..., Any], metadata: Any, error: type[Exception]
) -> None:
    async with make() as channel:
        with pytest.raises(error):
            await stub(channel, "KV/Put")(m.PutRequest(key=b"a"), metadata=metadata)
        assert (await stub(channel, "KV/Range")(EVERYTHING)).count == 0


@pytest.mark.parametrize(
    "metadata",
    [None, (), [("a", "x")], [("a-bin", b"\xff\0")], grpc.aio.Metadata(("a", "x"), ("a", "y"))],
)
@asynchronous
async def test_metadata_is_taken(make: Callable[..., Any], metadata: Any) -> None:
    async with make() as channel:
        call = stub(channel, "KV/Put")(m.PutRequest(key=b"a"), metadata=metadata)
        assert (await call).header.revision == 2


@asynchronous
async def test_call_credentials_need_tls(make: Callable[..., Any]) -> None:
    token = grpc.access_token_call_credentials("t")
    async with make() as channel:
        with pytest.raises(grpc.aio.UsageError, match="only valid on secure channels"):
            await stub(channel, "KV/Put")(m.PutRequest(key=b"a"), credentials=token)


@asynchronous
async def test_reading_and_iterating_do_not_mix(make: Callable[..., Any]) -> None:
    async with make() as channel:
        call = stub(channel, "Watch/Watch")([watch_of(b"a")])
        assert (await call.read()).created
        with pytest.raises(grpc.aio.UsageError, match="may not be mixed"):
            await everything(call)
        with pytest.raises(grpc.aio.UsageError, match="may not be mixed"):
            await call.write(watch_of(b"b"))
        with pytest.raises(grpc.aio.UsageError, match="may not be mixed"):
            await call.done_writing()
        call = stub(channel, "Watch/Watch")()
        await call.write(watch_of(b"a"))
        assert (await call.__aiter__().__anext__()).created
        with pytest.raises(grpc.aio.UsageError, match="may not be mixed"):
            await call.read()


# Sizes


@asynchronous
async def test_sizes_are_limited_as_the_options_say(make: Callable[..., Any]) -> None:
    get = EVERYTHING.SerializeToString()
    receive = "grpc.max_receive_message_length"
    wanted = rf"(CLIENT: )?Received message larger than max \(\d+ vs. {4 * MEBIBYTE}\)"
    async with make() as usual, make([(receive, -1)]) as unlimited:
        for number in range(4):
            await put(usual, b"%d" % number, b"x" * MEBIBYTE)
        kinds: list[Callable[[Any], Any]] = [
            lambda channel: channel.unary_unary(RANGE)(get),
            lambda channel: channel.stream_unary(RANGE)([get]),
            lambda channel: channel.unary_stream(RANGE)(get).read(),
            lambda channel: channel.stream_stream(RANGE)([get]).read(),
        ]
        for kind in kinds:
            error = await refused(kind(usual))
            assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert re.fullmatch(wanted, told(error)[1])
            assert len(await kind(unlimited)) > 4 * MEBIBYTE


@asynchronous
async def test_a_request_can_be_too_large_for_either_side(make: Callable[..., Any]) -> None:
    send = "grpc.max_send_message_length"
    raw = m.PutRequest(key=b"a", value=b"x" * 3 * MEBIBYTE).SerializeToString()
    async with make() as usual, make([(send, 100)]) as limited:
        error = await refused(usual.unary_unary(PUT)(raw))
        text = f"grpc: received message larger than max ({len(raw)} vs. {2 * MEBIBYTE})"
        assert told(error) == (grpc.StatusCode.RESOURCE_EXHAUSTED, text)
        error = await refused(limited.unary_unary(PUT)(raw))
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        wanted = rf"(CLIENT: )?Sent message larger than max \({len(raw)} vs. 100\)"
        assert re.fullmatch(wanted, told(error)[1])
        assert (await stub(limited, "KV/Range")(EVERYTHING)).count == 0


# Streams


@asynchronous
async def test_a_stream_of_answers_ends(make: Callable[..., Any]) -> None:
    async with make() as channel:
        for number in range(25):
            await put(channel, b"%02d" % number)
        call = stub(channel, "KV/RangeStream")(EVERYTHING)
        assert is_a(call, grpc.aio.UnaryStreamCall)
        sizes = [len(each.range_response.kvs) async for each in call]
        assert sizes == [10, 15]
        assert await ended(call) == (OK, "")
        assert (await call.read(), await everything(call)) == (EOF, [])
        call = stub(channel, "KV/RangeStream")(EVERYTHING)
        sizes = [len((await call.read()).range_response.kvs) for _ in range(2)]
        assert sizes == [10, 15]
        assert [await call.read() for _ in range(2)] == [EOF, EOF]
        assert (call.done(), call.cancelled(), call.cancel()) == (True, False, False)


@asynchronous
async def test_cancel_ends_a_stream_whose_answers_nobody_takes(make: Callable[..., Any]) -> None:
    async with make() as channel:
        call = stub(channel, "KV/RangeStream")(EVERYTHING)
        await call.wait_for_connection()
        assert call.cancel()
        assert await ended(call) == LOCALLY
        assert (call.done(), call.cancelled(), call.cancel()) == (True, True, False)


@asynchronous
async def test_a_stream_is_not_done_before_its_answers_are_taken(make: Callable[..., Any]) -> None:
    async with make() as channel:
        call = stub(channel, "KV/RangeStream")(EVERYTHING)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(call.code(), 0.05)
        heard: list[Any] = []
        call.add_done_callback(heard.append)
        assert (call.done(), heard) == (False, [])
        assert len(await everything(call)) == 1
        assert (call.done(), heard) == (True, [call])


@asynchronous
async def test_a_watch_is_a_conversation(make: Callable[..., Any]) -> None:
    async with make() as channel:
        call = stub(channel, "Watch/Watch")()
        assert is_a(call, grpc.aio.StreamStreamCall)
        await call.wait_for_connection()
        metadata = asyncio.ensure_future(call.initial_metadata())
        await asyncio.sleep(0.01)
        assert not metadata.done()
        await call.write(watch_of(b"a"))
        assert await metadata == grpc.aio.Metadata()
        assert (await call.read()).created
        await put(channel, b"a", b"1")
        assert [event.kv.value for event in (await call.read()).events] == [b"1"]
        await call.write(watch_of(b"b"))
        assert (await call.read()).watch_id == 1
        await put(channel, b"b", b"2")
        answer = await call.read()
        assert (answer.watch_id, answer.events[0].kv.value) == (1, b"2")
        assert (call.done(), call.cancelled(), call.time_remaining()) == (False, False, None)
        await call.done_writing()
        await call.done_writing()
        with pytest.raises(asyncio.InvalidStateError, match="RPC is half closed"):
            await call.write(watch_of(b"c"))
        await put(channel, b"a", b"3")
        assert (await call.read()).events[0].kv.value == b"3"
        assert call.cancel() is True
        assert await ended(call) == LOCALLY
        with pytest.raises(asyncio.InvalidStateError, match="RPC already finished"):
            await call.write(watch_of(b"c"))
        await call.done_writing()


@pytest.mark.parametrize(
    "requests",
    [
        lambda: [watch_of(b"a")],
        lambda: iter([watch_of(b"a")]),
        lambda: (each for each in [watch_of(b"a")]),
        lambda: generated(watch_of(b"a")),
    ],
)
@asynchronous
async def test_a_watch_that_asks_no_more_goes_on(
    make: Callable[..., Any], requests: Callable[[], Any]
) -> None:
    async with make() as channel:
        answers = stub(channel, "Watch/Watch")(requests()).__aiter__()
        assert (await answers.__anext__()).created
        for value in (b"1", b"2"):
            await put(channel, b"a", value)
            assert (await answers.__anext__()).events[0].kv.value == value


@asynchronous
async def test_a_queue_of_requests_is_asked_one_by_one(make: Callable[..., Any]) -> None:
    requests: asyncio.Queue[Any] = asyncio.Queue()

    async def queued() -> AsyncIterator[Any]:
        while (request := await requests.get()) is not None:
            yield request

    async with make() as channel:
        answers = stub(channel, "Watch/Watch")(queued()).__aiter__()
        for number in range(3):
            await requests.put(watch_of(b"%d" % number))
            assert (await answers.__anext__()).watch_id == number


# Deadlines


@asynchronous
async def test_a_deadline_that_is_over_is_missed(make: Callable[..., Any]) -> None:
    expected = (grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")
    async with make() as channel:
        call = stub(channel, "KV/Put")(m.PutRequest(key=b"a"), timeout=-1)
        assert told(await refused(call)) == expected
        watch = stub(channel, "Watch/Watch")([watch_of(b"a")], timeout=-1)
        assert told(await refused(watch.read())) == expected
        assert (await stub(channel, "KV/Range")(EVERYTHING)).count == 0


@asynchronous
async def test_a_deadline_ends_a_stream(make: Callable[..., Any]) -> None:
    async with make() as channel:
        call = stub(channel, "Watch/Watch")([watch_of(b"a")], timeout=1.0)
        assert 0 < call.time_remaining() <= 1.0
        error = await refused(everything(call))
        # On a wire the server's reset may be there before the client's own timer.
        if "RST_STREAM" not in (error.details() or ""):
            expected = (grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")
            assert told(error) == await ended(call) == expected
        assert call.done()


# The channel


@asynchronous
async def test_close_cancels_calls_and_refuses_new_ones(make: Callable[..., Any]) -> None:
    channel = make()
    call = stub(channel, "Watch/Watch")([watch_of(b"a")])
    assert (await call.read()).created
    reading = asyncio.ensure_future(call.read())
    await asyncio.sleep(0.01)
    await channel.close()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert await ended(call) == LOCALLY
    assert call.cancelled()
    assert channel.get_state() is grpc.ChannelConnectivity.SHUTDOWN
    kinds: list[Callable[[], Any]] = [
        lambda: stub(channel, "KV/Put")(m.PutRequest(key=b"a")),
        lambda: stub(channel, "KV/RangeStream")(EVERYTHING),
        lambda: channel.stream_unary(PUT)(),
        lambda: stub(channel, "Watch/Watch")(),
    ]
    for refuse in kinds:
        with pytest.raises(grpc.aio.UsageError, match="Channel is closed"):
            refuse()
    with pytest.raises(grpc.aio.UsageError, match="Channel is closed"):
        await channel.wait_for_state_change(grpc.ChannelConnectivity.SHUTDOWN)
    with pytest.raises(grpc.aio.UsageError, match="Channel is closed"):
        await channel.channel_ready()
    await channel.close()


@asynchronous
async def test_close_with_grace_lets_calls_end(make: Callable[..., Any]) -> None:
    channel = make()
    call = stub(channel, "KV/RangeStream")(EVERYTHING)
    assert len((await call.read()).range_response.kvs) == 0
    closing = asyncio.ensure_future(channel.close(grace=PATIENCE_SECONDS))
    await asyncio.sleep(0.01)
    assert await call.read() is EOF
    await closing
    assert await ended(call) == (OK, "")


@asynchronous
async def test_there_is_no_negative_grace() -> None:
    """Nor in today's grpc.aio; that of grpcio 1.49 lets it pass."""
    with FakeEtcd() as etcd:
        channel = etcd.aio_channel()
        with pytest.raises(ValueError, match=r"^grace must be non-negative, got -1\.$"):
            await channel.close(grace=-1)
        assert await put(channel, b"a") == 2


@asynchronous
async def test_a_channel_becomes_ready(make: Callable[..., Any]) -> None:
    async with make() as channel:
        await channel.channel_ready()
        assert channel.get_state() is grpc.ChannelConnectivity.READY


@asynchronous
async def test_who_waits_hears_that_the_channel_is_shut(make: Callable[..., Any]) -> None:
    channel = make()
    await channel.channel_ready()
    waiting = asyncio.ensure_future(channel.wait_for_state_change(grpc.ChannelConnectivity.READY))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    await channel.close()
    await asyncio.wait([waiting])
    assert channel.get_state() is grpc.ChannelConnectivity.SHUTDOWN


@asynchronous
async def test_calls_fail_while_the_endpoint_is_down(
    make: Callable[..., Any], etcd: FakeEtcd
) -> None:
    async with make() as channel:
        with etcd.down():
            call = stub(channel, "KV/Put")(m.PutRequest(key=b"a"))
            assert (await refused(call)).code() is grpc.StatusCode.UNAVAILABLE
            watch = stub(channel, "Watch/Watch")([watch_of(b"a")])
            assert (await refused(watch.read())).code() is grpc.StatusCode.UNAVAILABLE
        call = stub(channel, "KV/Put")(m.PutRequest(key=b"a"), wait_for_ready=True)
        assert (await call).header.revision == 2


@asynchronous
async def test_calls_that_wait_for_ready_do(make: Callable[..., Any], etcd: FakeEtcd) -> None:
    async with make() as channel:
        with etcd.down():
            call = stub(channel, "KV/Put")(m.PutRequest(key=b"a"), wait_for_ready=True)
            watch = stub(channel, "Watch/Watch")([watch_of(b"b")], wait_for_ready=True)
            late = stub(channel, "KV/Put")(
                m.PutRequest(key=b"c"), wait_for_ready=True, timeout=0.05
            )
            expected = (grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")
            assert (await refused(late)).code() is expected[0]
            assert (call.done(), watch.done()) == (False, False)
        assert (await call).header.revision == 2
        assert (await watch.read()).created
        kvs = (await stub(channel, "KV/Range")(EVERYTHING)).kvs
        assert [kv.key for kv in kvs] == [b"a"]


@asynchronous
async def test_a_cut_line_ends_open_calls(make: Callable[..., Any], etcd: FakeEtcd) -> None:
    async with make() as channel:
        call = stub(channel, "Watch/Watch")([watch_of(b"a")])
        assert (await call.read()).created
        assert etcd.cut_connections() >= 1
        assert (await refused(call.read())).code() is grpc.StatusCode.UNAVAILABLE
        assert call.cancelled() is False


@asynchronous
async def test_many_calls_at_once_are_all_answered(make: Callable[..., Any]) -> None:
    async with make() as channel:
        revisions = await asyncio.gather(*(put(channel, b"%d" % i) for i in range(200)))
        assert sorted(revisions) == [*range(2, 202)]
