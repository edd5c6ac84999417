"""Python's helpers for tests that start `etcd`: mirakuru, which pytest plugins use, and pifpaf."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from mirakuru import HTTPExecutor, OutputExecutor, TCPExecutor
from mirakuru.base import SimpleExecutor

from bench import golang
from conformance.oracle import is_well
from tests.interop.clients import build
from tests.interop.conftest import built
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


PIFPAF = "pifpaf==3.4.0"


@pytest.fixture(scope="module")
def pifpaf() -> Path:
    """A folder with its packages: none of the tests' own environment, which it would crowd."""

    def install(out: Path) -> None:
        pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "-q")
        build.run(out, *pip, "--no-warn-script-location", "--target", str(out), PIFPAF)

    minor = ".".join(map(str, sys.version_info[:2]))
    return build.kept("python", f"{PIFPAF}-{minor}", [], install)


def test_pifpaf_starts_it_for_a_command(surroundings: Surroundings, pifpaf: Path) -> None:
    """It waits for a line of the log, then asks etcdctl whether the server is well."""
    (surroundings.folder / "tools").mkdir()
    (surroundings.folder / "tools" / "etcdctl").symlink_to(built(golang.etcdctl))
    search = f"{surroundings.variables['PATH']}{os.pathsep}{surroundings.folder / 'tools'}"
    around = replace(surroundings, variables={**surroundings.variables, "PATH": search})
    peer_port = surroundings.variables["PEER"].rpartition(":")[2]
    program = f"import sys; sys.path.insert(0, {str(pifpaf)!r}); import pifpaf.__main__ as it"
    ports = ["--port", str(surroundings.port), "--peer-port", peer_port]
    command = "etcdctl member list; etcdctl put greeting hello; etcdctl get greeting"
    said = around.run(
        *[sys.executable, "-c", f"{program}; it.run_main()", "run", "etcd", *ports],
        *["--", "sh", "-c", command],
    )
    members, *rest = said.splitlines()
    started = f"started, default, http://localhost:2380, http://localhost:{surroundings.port}"
    assert members.partition(", ")[2] == f"{started}, false"
    assert rest == ["OK", "greeting", "hello"]
