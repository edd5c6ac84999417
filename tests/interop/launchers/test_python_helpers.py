"""Python's helpers for tests that start `etcd`: mirakuru, which pytest plugins for servers use."""

from __future__ import annotations

import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable

import pytest
from mirakuru import HTTPExecutor, OutputExecutor, TCPExecutor
from mirakuru.base import SimpleExecutor

from conformance.oracle import is_well
from tests.interop.launchers.surroundings import HEALTHY, SECONDS, Surroundings

if sys.platform == "win32":
    pytest.skip("signals here are Unix's", allow_module_level=True)


def by_port(around: Surroundings) -> SimpleExecutor:
    return TCPExecutor(
        ["etcd", *around.flags],
        host="127.0.0.1",
        port=around.port,
        envvars=around.variables,
        timeout=SECONDS,
        stderr=subprocess.DEVNULL,
    )


def by_health(around: Surroundings) -> SimpleExecutor:
    return HTTPExecutor(
        ["etcd", *around.flags],
        url=f"{around.url}/health",
        method="GET",
        envvars=around.variables,
        timeout=SECONDS,
        stderr=subprocess.DEVNULL,
    )


def by_log(around: Surroundings) -> SimpleExecutor:
    return OutputExecutor(
        ["etcd", *around.flags, "--log-outputs=stdout"],
        banner=".*ready to serve client requests.*",
        envvars=around.variables,
        timeout=SECONDS,
    )


@pytest.mark.parametrize(
    ("executor", "number"),
    [(by_port, signal.SIGTERM), (by_health, signal.SIGINT), (by_log, signal.SIGKILL)],
)
def test_mirakuru_starts_it_and_stops_it(
    surroundings: Surroundings,
    executor: Callable[[Surroundings], SimpleExecutor],
    number: signal.Signals,
) -> None:
    """An executor raises where the process ends otherwise than by the signal that it sent."""
    with executor(surroundings) as etcd:
        with urllib.request.urlopen(f"{surroundings.url}/health", timeout=SECONDS) as answer:
            assert answer.read().decode() == HEALTHY
        etcd.stop(number)
    assert not is_well(surroundings.url)
