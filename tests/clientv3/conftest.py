"""What the client's tests have in common: both faces, and a client on each test's etcd.

The etcd is the plugin's, so `pytest tests/clientv3 --etcd=real` (or `real@3.6.16`) asks real ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from types import ModuleType
from typing import Any

import pytest

from fake_etcd.clientv3 import Config, rpctypes
from fake_etcd.testing import FakeEtcd
from tests.clientv3.faces import Face


@pytest.fixture(params=["threads", "asyncio"])
def face(request: pytest.FixtureRequest) -> Iterator[Face]:
    """Each of the two faces in turn."""
    face = Face(request.param)
    yield face
    face.close()


@pytest.fixture
def new_client(face: Face, fake_etcd: FakeEtcd) -> Iterator[Callable[..., Any]]:
    """Makes clients of the test's etcd, which are closed behind it; takes fields of `Config`."""
    with ExitStack() as clients:

        def make(**fields: Any) -> Any:
            client = face.client(Config(**{"endpoints": fake_etcd.endpoints, **fields}))
            clients.callback(client.close)
            return client

        yield make


@pytest.fixture
def cli(new_client: Callable[..., Any]) -> Any:
    """A client of the test's etcd."""
    return new_client()


@pytest.fixture
def release(cli: Any, fake_etcd: FakeEtcd) -> tuple[int, int]:
    """Major and minor number of the test's etcd."""
    major, minor, *_ = cli.status(fake_etcd.endpoint).version.split(".")
    return int(major), int(minor)


@pytest.fixture
def range_stream(release: tuple[int, int]) -> None:
    """Skips the test where the test's etcd has no RangeStream."""
    if release < (3, 7):
        pytest.skip(f"etcd {release[0]}.{release[1]} has no RangeStream")


@pytest.fixture
def concurrency(face: Face) -> ModuleType:
    """`concurrency` of the face."""
    return face.module("concurrency")


@pytest.fixture
def new_session(face: Face, concurrency: ModuleType, cli: Any) -> Iterator[Callable[[], Any]]:
    """Makes sessions of the test's client, which are closed behind it."""
    with ExitStack() as sessions:

        def make() -> Any:
            sessions.enter_context(suppress(rpctypes.ErrLeaseNotFound))  # a test may have ended it
            return sessions.enter_context(face.make(concurrency.Session, cli, ttl=60))

        yield make
