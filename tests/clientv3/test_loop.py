"""The core's world in asyncio, where grpc.aio alone is not enough."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any

import pytest

from fake_etcd.api import messages as m
from fake_etcd.api.status import Code
from fake_etcd.clientv3 import Config, aio, context, endpoints
from fake_etcd.clientv3.aio.loop import LoopIo
from fake_etcd.clientv3.core import rpcs
from fake_etcd.clientv3.core.io import CallFailed
from fake_etcd.testing import FakeEtcd


def test_a_stream_that_is_canceled_before_it_has_begun_can_be_sent_to(fake_etcd: FakeEtcd) -> None:
    """grpc.aio's own `write` waits for ever then."""

    async def main() -> None:
        config = Config(endpoints=fake_etcd.endpoints)
        channel = LoopIo(None).open(endpoints.parse(fake_etcd.endpoint), config)
        ctx, cancel = context.with_cancel(context.background())
        stream = channel.stream(rpcs.WATCH.method, ctx, (), True)
        cancel()
        with pytest.raises(CallFailed) as failed:
            await asyncio.wait_for(stream.send(m.WatchRequest()), 10.0)
        assert failed.value.code is Code.CANCELLED
        await channel.close()

    asyncio.run(main())


@pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio has no task groups before 3.11")
def test_a_task_group_ends_the_calls_and_watches_of_a_task_that_fails(fake_etcd: FakeEtcd) -> None:
    ended: list[str] = []

    async def wait(name: str, waiting: Coroutine[Any, Any, object]) -> None:
        try:
            await waiting
        except asyncio.CancelledError:
            ended.append(name)
            raise

    async def fail(lost: aio.Client, watcher: aio.Watcher) -> None:
        async with getattr(asyncio, "TaskGroup")() as group:  # noqa: B009 - types are 3.10's
            group.create_task(wait("get", lost.get("k")))
            group.create_task(wait("watch", watcher.__anext__()))
            await asyncio.sleep(0)
            raise ValueError("this task has failed")

    async def work() -> None:
        here = Config(endpoints=fake_etcd.endpoints)
        nowhere = Config(endpoints=["127.0.0.1:1"])
        async with aio.Client(here) as cli, aio.Client(nowhere) as lost:
            watcher = await cli.watch("k")
            with pytest.raises(Exception, match="unhandled errors in a TaskGroup") as failed:
                await fail(lost, watcher)
            causes: list[Exception] = getattr(failed.value, "exceptions")  # noqa: B009
            assert [repr(cause) for cause in causes] == ["ValueError('this task has failed')"]
            await cli.put("k", "1")
            assert [event.kv.value for event in (await watcher.__anext__()).events] == [b"1"]

    asyncio.run(work())
    assert sorted(ended) == ["get", "watch"]
