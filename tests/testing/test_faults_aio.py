"""Faults as clients on an event loop see them, without a socket and through one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import grpc.aio
import pytest

from fake_etcd.api import messages as m
from fake_etcd.testing import FakeEtcd, faults, on
from fake_etcd.testing.faults.effects import Effect
from tests.testing.stubs import stub
from tests.testing.test_aio_channel import MAKERS, asynchronous

Make = Callable[[FakeEtcd], Any]

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE


@pytest.fixture
def etcd() -> Iterator[FakeEtcd]:
    with FakeEtcd() as made:
        yield made


@pytest.fixture(params=MAKERS)
def make(request: pytest.FixtureRequest) -> Make:
    return MAKERS[request.param]


def put(channel: Any, key: bytes) -> Any:
    """The call; what `stub` makes of either kind of channel is that kind's."""
    return stub(channel, "KV/Put")(m.PutRequest(key=key))


@pytest.mark.parametrize(
    ("effect", "code", "is_made"),
    [
        (faults.lose_answer(), UNAVAILABLE, True),
        (faults.drop(), UNAVAILABLE, False),
        (faults.cut(), UNAVAILABLE, False),
        (faults.refuse("too many requests"), grpc.StatusCode.RESOURCE_EXHAUSTED, False),
        (faults.delay(0.01), grpc.StatusCode.OK, True),
        (faults.delay(0.01, real=True), grpc.StatusCode.OK, True),
        (faults.stall(0.01), grpc.StatusCode.OK, True),
    ],
    ids=str,
)
@asynchronous
async def test_a_call_goes_wrong(
    etcd: FakeEtcd, make: Make, effect: Effect, code: grpc.StatusCode, is_made: bool
) -> None:
    etcd.faults.add(on.Put(key="a"), effect)
    async with make(etcd) as channel:
        assert await put(channel, b"a").code() is code
    assert etcd.store.items() == ([(b"a", b"")] if is_made else [])


@asynchronous
async def test_a_connection_is_lost_with_all_its_calls_and_no_other(
    etcd: FakeEtcd, make: Make
) -> None:
    etcd.faults.add(on.Put(key="a"), faults.lose_answer())
    watch = m.WatchRequest(create_request=m.WatchCreateRequest(key=b"b"))
    # Of its own: grpc shares connections among the channels of a process otherwise.
    other: Any = etcd.aio_channel()
    async with make(etcd) as channel, other:
        own, others = (stub(one, "Watch/Watch")() for one in (channel, other))
        for stream in (own, others):
            await stream.write(watch)
            assert (await stream.read()).created
        assert await put(channel, b"a").code() is UNAVAILABLE
        assert await own.code() is UNAVAILABLE
        await put(other, b"b")
        assert (await others.read()).events[0].kv.key == b"b"
        others.cancel()


@asynchronous
async def test_a_stream_is_stalled_and_goes_on(etcd: FakeEtcd, make: Make) -> None:
    async with make(etcd) as channel:
        stream = stub(channel, "Watch/Watch")()
        await stream.write(m.WatchRequest(create_request=m.WatchCreateRequest(key=b"a")))
        assert (await stream.read()).created
        rule = etcd.faults.add(on.Watch(), faults.stall())
        etcd.store.put("a", "1")
        reading = asyncio.ensure_future(stream.read())
        await put(channel, b"b")
        assert not reading.done()
        etcd.faults.remove(rule)
        assert (await reading).events[0].kv.value == b"1"
        stream.cancel()


class Hasty(asyncio.SelectorEventLoop):
    """A loop that looks at news before whoever tells it of them does anything else."""

    def call_soon_threadsafe(  # type: ignore[override]  # typeshed has it generic
        self, callback: Any, *args: Any, context: Any = None
    ) -> asyncio.Handle:
        seen = threading.Event()

        def call() -> None:
            callback(*args)
            seen.set()

        handle = super().call_soon_threadsafe(call, context=context)
        if getattr(callback, "__name__", "") == "_look":
            assert seen.wait(20)
        return handle


def test_a_loop_that_looks_at_once_is_told_of_the_next_news_as_well(etcd: FakeEtcd) -> None:
    async def read() -> list[bytes]:
        channel: Any = etcd.aio_channel()
        stream = stub(channel, "Watch/Watch")()
        await stream.write(m.WatchRequest(create_request=m.WatchCreateRequest(key=b"a")))
        assert (await stream.read()).created
        told = []
        for value in ("1", "2", "3"):
            reading = asyncio.ensure_future(stream.read())
            await asyncio.sleep(0)  # it waits
            thread = threading.Thread(target=etcd.store.put, args=("a", value))
            thread.start()
            told.append((await asyncio.wait_for(reading, 20)).events[0].kv.value)
            thread.join()
        stream.cancel()
        return told

    loop = Hasty()
    try:
        assert loop.run_until_complete(read()) == [b"1", b"2", b"3"]
    finally:
        loop.close()
