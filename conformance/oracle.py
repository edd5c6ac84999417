"""Real etcd, from its Go modules: built into the user's cache, started for as long as it is needed.

A version is built from the module `go.etcd.io/etcd/server/v3` with the dependencies which that
module itself asks for, so it is the program that etcd's own release has.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import golang

VERSION = "3.7.3"
"""What is built where no version is named."""

START_SECONDS = 30.0
"""Longest start; it takes less than one second on an idle machine."""

_MODULE = "go.etcd.io/etcd/server/v3"
_ATTEMPTS = 3  # at starting: somebody else may take a port that was free just now


class NoOracle(Exception):
    """Real etcd does not start: why, with what it logged."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers.

    Args:
        url: where, "http://127.0.0.1:43127".
        pid: its process.
    """

    url: str
    pid: int


def build(version: str = VERSION) -> Path:
    """The etcd executable of a version, from the cache where it is there already.

    Args:
        version: "3.7.3"; any release from 3.5 on.

    Raises:
        golang.NoGo: there is no toolchain, no such version, or no module proxy to be reached.
    """
    if not re.fullmatch(r"\d+\.\d+\.\d+(-[\w.]+)?", version):
        raise golang.NoGo(f"no release of etcd is called {version!r}")

    def build_at(path: Path) -> None:
        with tempfile.TemporaryDirectory(prefix="etcd-build-") as name:
            folder = Path(name)
            golang.run(folder, "mod", "init", "oracle")
            # Not `go install module@version`: etcd's go.mod has replacements, which that refuses.
            golang.run(folder, "get", f"{_MODULE}@v{version}")
            golang.run(folder, "build", "-trimpath", "-o", str(path), _MODULE)

    return golang.kept(f"etcd-{version}", b"", build_at)


def command(program: Path, folder: Path, flags: Sequence[str] = ()) -> tuple[str, list[str]]:
    """Where an etcd will listen, and the command line that starts it there without fsync.

    It listens for peers on a free port but advertises the default one: the ids of member and
    cluster are made from what is advertised, and so are those of an etcd without flags.
    """
    client, peer = (f"http://127.0.0.1:{port}" for port in free_ports(2))
    return client, [
        str(program),
        "--unsafe-no-fsync",
        "--log-level=error",
        f"--data-dir={folder / 'data'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        "--initial-advertise-peer-urls=http://localhost:2380",
        "--initial-cluster=default=http://localhost:2380",
        *flags,
    ]


@contextlib.contextmanager
def start(version: str = VERSION, flags: Sequence[str] = ()) -> Iterator[Running]:
    """A real etcd with nothing in it, in a temporary folder, killed at the end.

    Args:
        version: what to build, see `build`.
        flags: etcd's own, beside those of `command`.

    Raises:
        golang.NoGo: it cannot be built.
        NoOracle: it does not start with these flags.
    """
    program = build(version)
    with tempfile.TemporaryDirectory(prefix="etcd-") as folder, contextlib.ExitStack() as stack:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                running = stack.enter_context(_started(program, Path(folder) / str(attempt), flags))
                break
            except NoOracle:
                if attempt == _ATTEMPTS:
                    raise
        yield running


@contextlib.contextmanager
def _started(program: Path, folder: Path, flags: Sequence[str]) -> Iterator[Running]:
    folder.mkdir()
    url, arguments = command(program, folder, flags)
    log = folder / "log"
    environment = {name: it for name, it in os.environ.items() if not name.startswith("ETCD_")}
    with log.open("wb") as output:
        process = subprocess.Popen(
            arguments, stdout=output, stderr=subprocess.STDOUT, env=environment
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not is_well(url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise NoOracle(f"etcd does not answer on {url}:\n{log.read_text()}")
            time.sleep(0.02)
        yield Running(url, process.pid)
    finally:
        process.kill()  # nothing of it is to be kept, so there is nothing to end in order
        process.wait()


_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def is_well(url: str) -> bool:
    """Whether a server's /health says so."""
    try:
        with _opener.open(f"{url}/health", timeout=1):
            return True
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


_given_ports: set[int] = set()
_given_ports_lock = threading.Lock()


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago, none of which this process was given before."""
    with _given_ports_lock, contextlib.ExitStack() as stack:
        ports: list[int] = []
        while len(ports) < count:
            one = stack.enter_context(socket.socket())
            one.bind(("127.0.0.1", 0))
            if one.getsockname()[1] not in _given_ports:
                ports.append(one.getsockname()[1])
        _given_ports.update(ports)
    return ports
