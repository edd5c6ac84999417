"""A short soak: each client a bounded number of steps, its connections cut all the while."""

from __future__ import annotations

import asyncio
import gc
import os

import pytest

from bench import servers
from conformance.oracle import Running
from fake_etcd.cli import background
from fake_etcd.transport.grpc.connection import GrpcConnection
from fake_etcd.transport.http2.streams import Stream
from fake_etcd.transport.socket_connection import Connection
from soak import run
from soak.clients import CLIENTS, CannotBuild

STEPS = 150
"""Of each worker."""

TOOLCHAINS = {"go": "GO", "node": "NODE", "java": "JAVA"}


def command(name: str) -> list[str]:
    """A client's command; without its toolchain the test is skipped, or fails where it must not."""
    try:
        return CLIENTS[name]()
    except CannotBuild as error:
        required = f"FAKE_ETCD_REQUIRE_{TOOLCHAINS[name]}"
        if os.environ.get(required) == "1":
            pytest.fail(f"{required}=1, but {error}", pytrace=False)
        pytest.skip(str(error))


@pytest.mark.interop
@pytest.mark.parametrize("name", CLIENTS)
def test_clients_were_told_what_happened(name: str) -> None:
    plan = run.Plan(
        {name: command(name)}, seed=1, steps=STEPS, pause_milliseconds=5, cut_seconds=(0.1, 0.3)
    )
    with servers.ours() as server:
        outcome = asyncio.run(run.soak(server, plan, print))
    assert outcome.problems == []
    assert outcome.cuts > 0
    assert outcome.told[name]["done"] == 1
    before, after = outcome.descriptors
    assert after == before


def live() -> tuple[int, int, int]:
    """Connections and streams that are alive in this process."""
    gc.collect()
    kinds = (Connection, GrpcConnection, Stream)
    found = [type(it) for it in gc.get_objects()]
    return (
        sum(issubclass(it, kinds[0]) for it in found),
        found.count(kinds[1]),
        found.count(kinds[2]),
    )


def test_nothing_is_left_of_clients_that_were_cut() -> None:
    plan = run.Plan(
        {"python": command("python")},
        seed=2,
        steps=STEPS,
        pause_milliseconds=5,
        cut_seconds=(0.1, 0.3),
    )
    before = live()
    with background.serve() as url:
        outcome = asyncio.run(run.soak(Running(url, os.getpid()), plan, print))
    assert outcome.problems == []
    assert live() == before
