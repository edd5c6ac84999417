"""Watches as asyncio has things: tasks that are canceled, timeouts, loops that end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import pytest

from fake_etcd.clientv3 import Config, context
from fake_etcd.clientv3.aio import Client, Watcher
from fake_etcd.testing import FakeEtcd

T = TypeVar("T")


@asynccontextmanager
async def client(etcd: FakeEtcd) -> AsyncIterator[Client]:
    async with Client(Config(endpoints=etcd.endpoints)) as cli:
        yield cli


def run(work: Callable[[], Awaitable[T]]) -> T:
    async def within() -> T:
        return await asyncio.wait_for(work(), 30)

    return asyncio.run(within())


async def values(watcher: Watcher, count: int) -> list[bytes]:
    found: list[bytes] = []
    async for event in watcher.events():
        found.append(event.kv.value)
        if len(found) == count:
            break
    return found


def test_waiting_for_the_next_answer_can_be_given_up_and_taken_up(fake_etcd: FakeEtcd) -> None:
    async def work() -> list[bytes]:
        async with client(fake_etcd) as cli:
            watcher = cli.watch("k")
            for _ in range(3):
                with pytest.raises(asyncio.TimeoutError):
                    await asyncio.wait_for(anext(watcher), 0.02)
            for number in range(20):
                await cli.put("k", f"{number}")
            return await values(watcher, 20)

    assert run(work) == [b"%d" % number for number in range(20)]


def test_a_task_that_is_canceled_leaves_its_watch_behind_and_no_other(fake_etcd: FakeEtcd) -> None:
    async def work() -> list[bytes]:
        async with client(fake_etcd) as cli:
            other = await cli.watch("k")

            async def follow() -> None:
                async with cli.watch("k") as watcher:
                    async for _ in watcher:
                        pass

            tasks = [asyncio.create_task(follow()) for _ in range(20)]
            await asyncio.sleep(0)
            for number, task in enumerate(tasks):
                if number % 2:
                    await cli.put("k", f"{number}")
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(isinstance(each, asyncio.CancelledError) for each in ended)
            return await values(other, 10)

    assert run(work) == [b"%d" % number for number in range(1, 20, 2)]


def test_watches_in_many_tasks_each_get_all(fake_etcd: FakeEtcd) -> None:
    async def work() -> list[list[bytes]]:
        async with client(fake_etcd) as cli:
            watchers = [await cli.watch("k") for _ in range(20)]
            following = asyncio.gather(*[values(watcher, 50) for watcher in watchers])
            for number in range(50):
                await cli.put("k", f"{number}")
            return await following

    assert run(work) == [[b"%d" % number for number in range(50)]] * 20


def test_a_loop_that_ends_ends_watches_that_nobody_closed(fake_etcd: FakeEtcd) -> None:
    cli: list[Client] = []
    watchers: list[Watcher] = []

    async def work() -> None:
        cli.append(await Client(Config(endpoints=fake_etcd.endpoints)).__aenter__())
        watchers.append(await cli[0].watch("k"))

    run(work)
    assert watchers[0].is_over
    client_itself = cli.pop()
    with pytest.warns(ResourceWarning, match="unclosed"):
        del client_itself


def test_a_context_is_canceled_from_a_thread(fake_etcd: FakeEtcd) -> None:
    async def work() -> int:
        async with client(fake_etcd) as cli:
            ctx, cancel = context.with_cancel(context.background())
            watcher = await cli.watch("k", ctx=ctx)
            await cli.put("k", "1")
            await anext(watcher)
            waiting = asyncio.create_task(asyncio.to_thread(cancel))
            answers = [answer async for answer in watcher]
            await waiting
            return len(answers)

    assert run(work) == 0
