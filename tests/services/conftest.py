"""One suite for every implementation of the transport: each test runs once per entry below."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack

import pytest

from fake_etcd.core.node import NodeConfig
from tests.services.client import KvClient, Start
from tests.services.servers import HostedClock, grpc_aio, native

Implementation = Callable[[NodeConfig, HostedClock | None], AbstractContextManager[str]]

IMPLEMENTATIONS: dict[str, Implementation] = {
    "grpc.aio": grpc_aio,
    "native": native,
}
"""Starts a server for a configuration and gives its "host:port"; ending it is up to the context."""


@pytest.fixture(params=sorted(IMPLEMENTATIONS))
def start(request: pytest.FixtureRequest) -> Iterator[Start]:
    """Starts a server with the given fields of `NodeConfig` and connects a client to it."""
    implementation = IMPLEMENTATIONS[request.param]
    with ExitStack() as stack:

        def start_one(clock: HostedClock | None = None, **config: object) -> KvClient:
            node_config = NodeConfig(**config)  # type: ignore[arg-type]  # names are checked by the dataclass
            address = stack.enter_context(implementation(node_config, clock))
            return stack.enter_context(KvClient(address))

        yield start_one


@pytest.fixture
def etcd(start: Start) -> KvClient:
    """A client of a fresh server with etcd's defaults."""
    return start()
