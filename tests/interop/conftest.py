"""Which server the interop tests talk to, and the Go programs that some of them need.

Without options it is ours, a process as a user starts it. `pytest tests/interop --real-etcd` puts
real etcd in its place: every test here is true of that too.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from bench import servers
from conformance import oracle
from conformance.golang import NoGo
from conformance.oracle import Running

StartServer = Callable[[], AbstractContextManager[Running]]


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("interop", "which server the interop tests talk to")
    group.addoption("--real-etcd", action="store_true", help="real etcd, built from Go modules")
    group.addoption(
        "--record", action="store_true", help="write the transcripts anew, from --real-etcd"
    )
    group.addoption("--long", action="store_true", help="what takes minutes, too")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--record", False) and not config.getoption("--real-etcd", False):
        raise pytest.UsageError("--record takes what real etcd says: give --real-etcd too")


def built(build: Callable[[], Path]) -> Path:
    """A Go program; without a toolchain the test is skipped, or fails where Go is required."""
    try:
        return build()
    except NoGo as error:
        if os.environ.get("FAKE_ETCD_REQUIRE_GO") == "1":
            pytest.fail(f"FAKE_ETCD_REQUIRE_GO=1, but {error}", pytrace=False)
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def start_server(request: pytest.FixtureRequest) -> StartServer:
    """Starts an empty server each time it is called."""
    # The default is for runs of all tests, which read this file too late to know the option.
    if request.config.getoption("--real-etcd", False):
        built(oracle.build)
        return oracle.start
    return servers.ours


@pytest.fixture(scope="module")
def server(start_server: StartServer) -> Iterator[Running]:
    """One server for all tests of a file, which keep to keys of their own."""
    with start_server() as running:
        yield running
