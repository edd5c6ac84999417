"""The core's world in asyncio, where grpc.aio alone is not enough."""

from __future__ import annotations

import asyncio

import pytest

from fake_etcd.api import messages as m
from fake_etcd.api.status import Code
from fake_etcd.clientv3 import Config, context, endpoints
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
