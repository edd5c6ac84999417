"""What only the in-process channels promise: time, threads, forks, loops, and an end without rest.

What they have in common with grpcio's is in `test_channel.py` and `test_aio_channel.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import threading
import weakref
from collections.abc import Callable
from operator import length_hint
from typing import Any

import grpc
import grpc.aio
import pytest

from fake_etcd.api import messages as m
from fake_etcd.testing import FakeEtcd
from tests.api.processes import run_python
from tests.testing.stubs import stub
from tests.testing.test_aio_channel import asynchronous, everything
from tests.testing.test_aio_channel import put as aio_put
from tests.testing.test_channel import PATIENCE_SECONDS, watch_of
from tests.testing.test_fake import put, values

LATE = grpc.StatusCode.DEADLINE_EXCEEDED


def code_of(call: Callable[[], object]) -> grpc.StatusCode:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    assert isinstance(caught.value, grpc.Call)
    return caught.value.code()


def lease_a_key(channel: grpc.Channel, id: int, ttl: int) -> None:
    """Key b"id" goes after so many seconds."""
    stub(channel, "Lease/LeaseGrant")(m.LeaseGrantRequest(ID=id, TTL=ttl))
    stub(channel, "KV/Put")(m.PutRequest(key=b"%d" % id, lease=id))


# Time


def fill(etcd: FakeEtcd, keys: int) -> None:
    for number in range(keys):
        etcd.node.store.put(b"%d" % number, b"")


@pytest.mark.parametrize("name", ["Maintenance/HashKV", "Maintenance/Hash"])
def test_the_hash_of_many_keys_is_there_before_time_goes_on(name: str) -> None:
    request = m.HashKVRequest() if name.endswith("KV") else m.HashRequest()
    answers = []
    for _ in range(2):
        with FakeEtcd() as etcd:
            etcd.clock.freeze()
            fill(etcd, 9_000)
            before = etcd.clock.now
            first = stub(etcd.channel(), name)(request, timeout=0.001)
            assert etcd.clock.now == before
            answers += [first, stub(etcd.channel(), name)(request, timeout=0.001)]
    assert answers == answers[:1] * 4


def test_a_hash_that_is_waited_for_ends_where_the_etcd_goes_back() -> None:
    with FakeEtcd() as etcd:
        before = etcd.snapshot()
        fill(etcd, 9_000)
        waited_for = stub(etcd.channel(), "Maintenance/HashKV").future(m.HashKVRequest())
        assert etcd.node.store.has_work
        etcd.restore(before)
        assert waited_for.code() is grpc.StatusCode.UNAVAILABLE
        assert not etcd.node.store.has_work


def test_a_deadline_of_nothing_is_always_missed() -> None:
    """With grpcio it is a race, which it sometimes wins."""
    with FakeEtcd() as etcd:
        channel = etcd.channel()
        request = m.PutRequest(key=b"a")
        for timeout in (0, 0.0, -1):
            with pytest.raises(grpc.RpcError, match="Deadline Exceeded"):
                stub(channel, "KV/Put")(request, timeout=timeout)
            future = stub(channel, "KV/Put").future(request, timeout=timeout)
            assert future.code() is LATE
        assert values(channel) == {}


def test_deadlines_are_on_the_nodes_clock() -> None:
    with FakeEtcd() as etcd:
        etcd.clock.freeze()
        channel = etcd.channel()
        call = stub(channel, "Watch/Watch")(iter([watch_of(b"a")]), timeout=5)
        assert next(call).created
        etcd.clock.advance(4)
        assert call.time_remaining() == pytest.approx(1)
        stub(channel, "KV/Put")(m.PutRequest(key=b"a"), timeout=1e-9)  # no time passes
        assert len(next(call).events) == 1
        etcd.clock.advance(2)
        assert (call.done(), call.time_remaining()) == (True, 0)
        assert code_of(lambda: next(call)) is LATE


@asynchronous
async def test_deadlines_of_asyncio_calls_are_on_the_nodes_clock() -> None:
    with FakeEtcd() as etcd:
        etcd.clock.freeze()
        channel = etcd.aio_channel()
        call = stub(channel, "Watch/Watch")([watch_of(b"a")], timeout=5)
        assert (await call.read()).created
        reading = asyncio.ensure_future(call.read())
        await asyncio.sleep(0)
        etcd.clock.advance(4)
        assert call.time_remaining() == pytest.approx(1)
        assert (await stub(channel, "KV/Put")(m.PutRequest(key=b"a"), timeout=1e-9)) is not None
        assert len((await reading).events) == 1
        etcd.clock.advance(2)
        assert (call.done(), call.time_remaining()) == (True, 0)
        assert await call.code() is LATE
        never = stub(channel, "KV/Put")(m.PutRequest(key=b"a"), timeout=0)
        assert await never.code() is LATE


@asynchronous
async def test_a_loop_runs_what_is_due_in_real_time() -> None:
    with FakeEtcd() as etcd:
        channel = etcd.aio_channel()
        call = stub(channel, "Watch/Watch")([watch_of(b"a")], timeout=0.3)
        assert (await call.read()).created
        over = asyncio.Event()
        call.add_done_callback(lambda _: over.set())
        await over.wait()  # nobody waits for the call itself
        assert await call.code() is LATE


@asynchronous
async def test_awaiting_moves_an_automatic_clock() -> None:
    with FakeEtcd() as etcd:
        lease_a_key(etcd.channel(), 1, 30)
        lease_a_key(etcd.channel(), 2, 90)
        channel = etcd.aio_channel()
        call = stub(channel, "Watch/Watch")([watch_of(b"\0", range_end=b"\0")])
        assert (await call.read()).created
        began = etcd.clock.now
        reading = asyncio.ensure_future(call.read())
        await asyncio.sleep(0)
        etcd.clock.auto_advance()
        assert [event.kv.key for event in (await reading).events] == [b"1"]
        assert 29 <= etcd.clock.now - began <= 32
        assert [event.kv.key for event in (await call.read()).events] == [b"2"]
        assert 88 <= etcd.clock.now - began <= 92
        late = stub(channel, "Watch/Watch")([watch_of(b"a")], timeout=3_600)
        assert (await late.read()).created
        before = etcd.clock.now
        assert await late.code() is LATE
        assert etcd.clock.now == pytest.approx(before + 3_600)


@asynchronous
async def test_an_automatic_clock_stands_still_while_nobody_waits() -> None:
    with FakeEtcd() as etcd:
        lease_a_key(etcd.channel(), 1, 30)
        call = stub(etcd.aio_channel(), "Watch/Watch")([watch_of(b"\0", range_end=b"\0")])
        assert (await call.read()).created
        etcd.clock.auto_advance()
        before = etcd.clock.now
        await asyncio.sleep(0.03)  # an open call is not a waiting one
        assert etcd.clock.now == before
        assert (await call.read()).events[0].kv.key == b"1"
        assert etcd.clock.now > before


def test_several_threads_and_a_loop_share_an_automatic_clock() -> None:
    with FakeEtcd() as etcd:
        etcd.clock.auto_advance()
        seen: dict[str, list[bytes]] = {}

        def blocking(name: str) -> None:
            call = stub(etcd.channel(), "Watch/Watch")(
                iter([watch_of(b"\0", range_end=b"\0", start_revision=1)])
            )
            assert next(call).created
            seen[name] = []
            while len(seen[name]) < 3:
                seen[name] += deletions(next(call))

        async def awaiting() -> None:
            call = stub(etcd.aio_channel(), "Watch/Watch")(
                [watch_of(b"\0", range_end=b"\0", start_revision=1)]
            )
            assert (await call.read()).created
            seen["loop"] = []
            while len(seen["loop"]) < 3:
                seen["loop"] += deletions(await call.read())

        for id, ttl in ((1, 10), (2, 300), (3, 5_000)):
            lease_a_key(etcd.channel(), id, ttl)
        names = [f"thread {number}" for number in range(4)]
        threads = [threading.Thread(target=blocking, args=[name]) for name in names]
        threads.append(threading.Thread(target=lambda: asyncio.run(awaiting())))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_SECONDS)
        assert sorted(seen) == ["loop", *names]
        assert all(each == [b"1", b"2", b"3"] for each in seen.values())
        assert 5_000 <= etcd.clock.now <= 5_010


def test_whoever_sleeps_does_what_is_due_for_those_who_do_not() -> None:
    """Also where the one that slept first has its answer and is gone by then."""
    with FakeEtcd() as etcd:

        def watch(key: bytes) -> None:
            call = stub(etcd.channel(), "Watch/Watch")(iter([watch_of(key)]))
            assert next(call).created
            assert next(call).events[0].kv.key == key

        threads = []
        for count, key in enumerate((b"a", b"b"), start=1):
            threads.append(threading.Thread(target=watch, args=[key]))
            threads[-1].start()
            while len(etcd._shared._sleepers) < count:
                threading.Event().wait(0.001)
        call = stub(etcd.channel(), "Watch/Watch")(iter([watch_of(b"c")]), timeout=0.1)
        over = threading.Event()
        call.add_done_callback(lambda _: over.set())
        put(etcd.channel(), b"a")
        threads[0].join(PATIENCE_SECONDS)
        assert over.wait(PATIENCE_SECONDS)
        put(etcd.channel(), b"b")
        threads[1].join(PATIENCE_SECONDS)


def test_whoever_still_sleeps_on_a_call_does_what_is_due() -> None:
    """Also where another one who waited for the same call has given up."""
    with FakeEtcd() as etcd:
        watch = stub(etcd.channel(), "Watch/Watch")(iter([watch_of(b"a")]))
        assert next(watch).created
        sleeper = threading.Thread(target=lambda: next(watch))
        sleeper.start()
        while not etcd._shared._sleepers:
            threading.Event().wait(0.001)
        with pytest.raises(grpc.FutureTimeoutError):
            watch.result(timeout=0.01)
        call = stub(etcd.channel(), "Watch/Watch")(iter([watch_of(b"b")]), timeout=0.05)
        over = threading.Event()
        call.add_done_callback(lambda _: over.set())
        assert over.wait(PATIENCE_SECONDS)
        put(etcd.channel(), b"a")
        sleeper.join(PATIENCE_SECONDS)


def deletions(answer: Any) -> list[bytes]:
    """The keys that have gone."""
    return [event.kv.key for event in answer.events if event.type == m.Event.DELETE]


# Threads


def test_threads_put_and_watch_at_once_and_all_of_them_see_everything() -> None:
    writers, watchers, puts = 6, 4, 60
    total = writers * puts
    with FakeEtcd() as etcd, grpc.insecure_channel(etcd.endpoint) as outside:
        channels = [etcd.channel(), etcd.channel(), outside]
        revisions: list[int] = []
        histories: list[list[int]] = [[] for _ in range(watchers + 1)]
        ready = threading.Barrier(writers + watchers + 1, timeout=PATIENCE_SECONDS)

        def write(number: int) -> None:
            channel = channels[number % len(channels)]
            ready.wait()
            revisions.extend(put(channel, b"%d/%d" % (number, each)) for each in range(puts))

        def watch(number: int) -> None:
            channel = channels[number % len(channels)]
            call = stub(channel, "Watch/Watch")(iter([watch_of(b"\0", range_end=b"\0")]))
            assert next(call).created
            ready.wait()
            while len(histories[number]) < total:
                histories[number] += [event.kv.mod_revision for event in next(call).events]
            call.cancel()

        async def watch_on_a_loop() -> None:
            call = stub(etcd.aio_channel(), "Watch/Watch")([watch_of(b"\0", range_end=b"\0")])
            assert (await call.read()).created
            ready.wait()
            while len(histories[-1]) < total:
                histories[-1] += [event.kv.mod_revision for event in (await call.read()).events]

        threads = [threading.Thread(target=write, args=[number]) for number in range(writers)]
        threads += [threading.Thread(target=watch, args=[number]) for number in range(watchers)]
        threads.append(threading.Thread(target=lambda: asyncio.run(watch_on_a_loop())))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_SECONDS)
        expected = [*range(2, total + 2)]
        assert sorted(revisions) == expected
        assert histories == [expected] * (watchers + 1)
        etcd._shared.node.store.check()


def test_a_callback_may_call_etcd() -> None:
    """It is made by whoever brought the end about, and after the node is let go of."""
    with FakeEtcd() as etcd:
        channel = etcd.channel()
        call = stub(channel, "Watch/Watch")(iter([watch_of(b"a")]))
        assert next(call).created
        done = threading.Event()

        def again(_: object) -> None:
            thread = threading.Thread(target=put, args=[channel, b"from a callback"])
            thread.start()
            thread.join(PATIENCE_SECONDS)
            done.set()

        call.add_done_callback(again)
        call.cancel()
        assert done.is_set()
        assert values(channel) == {b"from a callback": b""}


def test_a_callback_that_interrupts_who_sleeps_leaves_the_etcd_usable() -> None:
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    with FakeEtcd() as etcd:
        etcd.clock.auto_advance()
        calls = [
            stub(etcd.channel(), "Watch/Watch")(iter([watch_of(b"a")]), timeout=timeout)
            for timeout in (5, 10)
        ]
        calls[0].add_done_callback(interrupt)
        with pytest.raises(KeyboardInterrupt):
            calls[1].code()
        thread = threading.Thread(target=lambda: put(etcd.channel(), b"a"))
        thread.start()
        thread.join(PATIENCE_SECONDS)
        assert list(values(etcd.channel())) == [b"a"]
        assert calls[1].code() is LATE


def test_requests_that_are_there_wait_until_answers_are_taken() -> None:
    """And the caller, who is to take them, does not."""
    count, padding = 300, b"x" * 10_000
    with FakeEtcd() as etcd:
        requests = [watch_of(b"%d" % number + padding, watch_id=number) for number in range(count)]
        puts = [m.PutRequest(key=request.create_request.key) for request in requests]
        for each in puts:
            stub(etcd.channel(), "KV/Put")(each)
        for request in requests:
            request.create_request.start_revision = 1
        left = iter(requests)
        call = stub(etcd.channel(), "Watch/Watch")(left)
        assert length_hint(left) > count // 2
        found: set[bytes] = set()
        while len(found) < count:
            found |= {event.kv.key for event in next(call).events}
        assert length_hint(left) == 0
        assert found == {each.key for each in puts}


# Forks

FORKED = """
import os, sys, asyncio
from fake_etcd.api import messages as m
from fake_etcd.testing import FakeEtcd
from tests.testing.stubs import stub

put = lambda channel, **more: stub(channel, "KV/Put")(m.PutRequest(key=b"a"), **more)
create = m.WatchRequest(create_request=m.WatchCreateRequest(key=b"a"))
etcd = FakeEtcd()
channel, aio_channel = etcd.channel(), etcd.aio_channel()
call = stub(channel, "Watch/Watch")(iter([create]))
next(call)

async def aio_put():
    await put(aio_channel)

async def aio_open():
    call = stub(aio_channel, "Watch/Watch")([create])
    await call.read()
    return call

loop = asyncio.new_event_loop()
aio_call = loop.run_until_complete(aio_open())

uses = {
    "put": lambda: put(channel),
    "future": lambda: put(channel, timeout=5),
    "next": lambda: next(call),
    "code": lambda: call.code(),
    "cancel": lambda: call.cancel(),
    "watch": lambda: stub(channel, "Watch/Watch")(iter([create])),
    "new channel": lambda: put(etcd.channel()),
    "asyncio": lambda: asyncio.run(aio_put()),
    "asyncio read": lambda: loop.run_until_complete(aio_call.read()),
    "asyncio code": lambda: loop.run_until_complete(aio_call.code()),
    "clock": lambda: etcd.clock.freeze(),
    "endpoint": lambda: etcd.endpoint,
    "reset": lambda: etcd.reset(),
    "snapshot": lambda: etcd.snapshot(),
    "take_down": lambda: etcd.take_down(),
    "store": lambda: etcd.store.put("a", "1"),
}
child = os.fork()
if not child:
    for name, use in uses.items():
        try:
            use()
        except RuntimeError as error:
            assert str(error).startswith("this etcd belongs to the process that made it"), error
            print(name, flush=True)
        else:
            print(name, "did not raise", flush=True)
    channel.close()
    aio_channel.drop()
    etcd.close()
    del call
    with FakeEtcd() as own:
        print("own", put(own.channel()).header.revision, flush=True)
    sys.stdout.flush()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
print("parent", put(channel).header.revision, len(next(call).events))
etcd.close()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_is_told_so_and_can_have_its_own() -> None:
    printed = run_python("-W", "ignore", "-c", FORKED).splitlines()
    names = ["put", "future", "next", "code", "cancel", "watch", "new channel", "asyncio"]
    names += ["asyncio read", "asyncio code"]
    names += ["clock", "endpoint", "reset", "snapshot", "take_down", "store"]
    assert printed == [*names, "own 2", "parent 2 1"]


# Loops


LISTENING_AND_FORKED = """
import os
from fake_etcd.testing import FakeEtcd

etcd = FakeEtcd()
address = etcd.endpoint
child = os.fork()
if not child:
    for use in (etcd.bring_up, etcd.take_down, lambda: etcd.listen("http://127.0.0.1:0")):
        try:
            use()
        except RuntimeError as error:
            print(str(error)[:45], flush=True)
    print(etcd.endpoint == address, flush=True)
    etcd.close()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
etcd.close()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_does_not_wait_for_a_thread_that_it_has_not() -> None:
    printed = run_python("-W", "ignore", "-c", LISTENING_AND_FORKED).splitlines()
    assert printed == ["this etcd belongs to the process that made it"] * 3 + ["True"]


def test_a_channel_serves_one_loop_after_the_other() -> None:
    with FakeEtcd() as etcd:
        channel = etcd.aio_channel()
        assert [asyncio.run(aio_put(channel, b"a")) for _ in range(3)] == [2, 3, 4]


def test_a_loop_that_is_closed_with_calls_open_takes_nobody_along() -> None:
    with FakeEtcd() as etcd:
        members = etcd._shared.node.watches._synced.members
        loop = asyncio.new_event_loop()
        call = loop.run_until_complete(open_watch(etcd.aio_channel(), timeout=60))
        assert len(members) == 1
        loop.close()
        assert put(etcd.channel(), b"a") == 2  # of which the loop cannot be told
        assert not members
        assert call.done()
        assert call.cancelled()
        etcd.clock.freeze()
        etcd.clock.advance(100)
        assert asyncio.run(aio_put(etcd.aio_channel(), b"a")) == 3


async def open_watch(channel: Any, **options: Any) -> Any:
    call = stub(channel, "Watch/Watch")([watch_of(b"a")], **options)
    assert (await call.read()).created
    return call


def test_the_end_of_an_etcd_ends_calls_of_loops_in_other_threads() -> None:
    etcd = FakeEtcd()
    opened, ended = threading.Event(), []

    async def watch() -> None:
        call = await open_watch(etcd.aio_channel())
        opened.set()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()
        ended.append((caught.value.code(), caught.value.details()))

    thread = threading.Thread(target=lambda: asyncio.run(watch()))
    thread.start()
    assert opened.wait(PATIENCE_SECONDS)
    etcd.close()
    thread.join(PATIENCE_SECONDS)
    assert ended == [(grpc.StatusCode.CANCELLED, "Channel closed!")]


@asynchronous
async def test_a_call_that_nobody_holds_is_ended_on_a_loop() -> None:
    """As grpcio's blocking channel does it; grpc.aio keeps such a call until it is closed."""
    with FakeEtcd() as etcd:
        members = etcd._shared.node.watches._synced.members
        for requests in ([watch_of(b"a")], endless()):
            call = stub(etcd.aio_channel(), "Watch/Watch")(requests)
            assert (await call.read()).created
            assert len(members) == 1
            del call
            gc.collect()
            assert not members


async def endless() -> Any:
    yield watch_of(b"a")
    await asyncio.Event().wait()


# The end


LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
with contextlib.suppress(ImportError):
    import uvloop

    LOOPS["uvloop"] = uvloop.new_event_loop


@pytest.mark.parametrize("kind", LOOPS)
def test_nothing_is_kept_of_a_loop_that_is_closed(kind: str) -> None:
    with FakeEtcd() as etcd:
        channel = etcd.aio_channel()
        for make in (open_watch, range_stream):
            loop = LOOPS[kind]()
            call = loop.run_until_complete(make(channel))
            loop.close()
            assert put(etcd.channel(), b"a") > 1
            del call
            gc.collect()
            assert channel._talks == {}
            assert etcd._shared._hosts == ()


async def range_stream(channel: Any) -> Any:
    """One whose answers nobody takes."""
    call = stub(channel, "KV/RangeStream")(m.RangeRequest(key=b"a"))
    await call.wait_for_connection()
    return call


def test_a_stream_that_nobody_holds_and_whose_answers_nobody_takes_is_forgotten() -> None:
    with FakeEtcd() as etcd:
        channel, aio_channel = etcd.channel(), etcd.aio_channel()
        stub(channel, "KV/RangeStream")(m.RangeRequest(key=b"a"))

        async def forget_one() -> None:
            await range_stream(aio_channel)
            await asyncio.sleep(0)

        asyncio.run(forget_one())
        gc.collect()
        assert (channel._talks, aio_channel._talks) == ({}, {})


@asynchronous
async def test_a_deadline_that_ends_the_last_call_leaves_no_timer() -> None:
    with FakeEtcd() as etcd:
        lease_a_key(etcd.channel(), 1, 3_600)
        call = await open_watch(etcd.aio_channel(), timeout=0.3)
        assert await call.code() is LATE
        await asyncio.sleep(0)
        loop: Any = asyncio.get_running_loop()
        timers = [str(handle) for handle in loop._scheduled if not handle.cancelled()]
        assert [timer for timer in timers if "SharedTimer" in timer] == []


@pytest.mark.parametrize("kind", LOOPS)
def test_no_task_and_no_timer_is_left_on_a_loop(kind: str) -> None:
    async def use() -> None:
        with FakeEtcd() as etcd:
            await use_it(etcd)

    async def use_it(etcd: FakeEtcd) -> None:
        etcd.clock.auto_advance()
        channel: Any = etcd.aio_channel()
        lease_a_key(etcd.channel(), 1, 30)
        call = stub(channel, "Watch/Watch")(endless(), timeout=3_600)
        assert (await call.read()).created
        ready = asyncio.ensure_future(channel.channel_ready())
        stream = stub(channel, "KV/RangeStream")(m.RangeRequest(key=b"1"))
        assert len(await everything(stream)) == 1
        await ready
        await channel.close()
        await asyncio.sleep(0)  # tasks that were cancelled end
        mine = asyncio.current_task()
        assert asyncio.all_tasks() == {mine}
        if kind == "asyncio":
            loop: Any = asyncio.get_running_loop()
            assert [handle for handle in loop._scheduled if not handle.cancelled()] == []

    loop = LOOPS[kind]()
    try:
        loop.run_until_complete(use())
    finally:
        loop.close()


def test_nothing_is_left_that_nobody_refers_to() -> None:
    threads = set(threading.enumerate())
    etcd = FakeEtcd(endpoints=2)
    channel = etcd.channel()
    calls = [
        stub(channel, "Watch/Watch")(iter([watch_of(b"a")])),
        stub(channel, "Watch/Watch")(each for each in [watch_of(b"a")]),
        stub(channel, "KV/Put").future(m.PutRequest(key=b"a"), timeout=60),
    ]
    assert all(next(call).created for call in calls[:2])
    asyncio.run(aio_put(etcd.aio_channel(), b"b"))
    left: list[Callable[[], object]] = [weakref.ref(each) for each in (etcd, etcd._shared, channel)]
    etcd.close()
    del etcd, channel, calls
    gc.collect()
    assert [each() for each in left] == [None] * 3
    assert set(threading.enumerate()) <= threads
