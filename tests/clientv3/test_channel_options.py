"""What gRPC is told about a channel."""

from __future__ import annotations

import pytest

from fake_etcd.clientv3 import Config, channel_options
from fake_etcd.clientv3.endpoints import parse


@pytest.mark.parametrize(("asked", "told"), [(0.0, None), (2.0, 10_000), (30.0, 30_000)])
def test_connections_are_pinged_no_more_often_than_servers_bear(
    asked: float, told: int | None
) -> None:
    config = Config(endpoints=["localhost:2379"], dial_keepalive_time=asked)
    options = dict(channel_options.options(parse("localhost:2379"), config, 0))
    assert options.get("grpc.keepalive_time_ms") == told
