"""Real etcd, from its Go modules: built into the user's cache, started for as long as it is needed.

A version is built from the module `go.etcd.io/etcd/server/v3` with the dependencies which that
module itself asks for, so it is the program that etcd's own release has.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import ssl
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
        url: where, "http://127.0.0.1:43127", or "https://..." where it was started with TLS.
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


def command(
    program: Path, folder: Path, flags: Sequence[str] = (), scheme: str = "http"
) -> tuple[str, list[str]]:
    """Where an etcd will listen, and the command line that starts it there without fsync.

    Where the scheme is https, the flags say with which certificate. It listens for peers on a free
    port but advertises the default one: the ids of member and cluster are made from what is
    advertised, and so are those of an etcd without flags. Where the flags say where it listens for
    clients, the first of these is the place.
    """
    client_port, peer_port = free_ports(2)
    client, peer = f"{scheme}://127.0.0.1:{client_port}", f"http://127.0.0.1:{peer_port}"
    for flag in flags:
        if flag.startswith("--listen-client-urls="):
            client = flag.partition("=")[2].split(",")[0]
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


def cluster_commands(
    program: Path, folder: Path, members: int, flags: Sequence[str] = (), scheme: str = "http"
) -> list[tuple[str, list[str]]]:
    """The same for each of several that are one cluster."""
    ports = free_ports(2 * members)
    clients = [f"{scheme}://127.0.0.1:{port}" for port in ports[:members]]
    peers = [f"http://127.0.0.1:{port}" for port in ports[members:]]
    names = [f"member-{number}" for number in range(1, members + 1)]
    cluster = ",".join(f"{name}={peer}" for name, peer in zip(names, peers, strict=True))
    return [
        (
            client,
            [
                str(program),
                "--unsafe-no-fsync",
                "--log-level=error",
                f"--name={name}",
                f"--data-dir={folder / name}",
                f"--listen-client-urls={client}",
                f"--advertise-client-urls={client}",
                f"--listen-peer-urls={peer}",
                f"--initial-advertise-peer-urls={peer}",
                f"--initial-cluster={cluster}",
                *flags,
            ],
        )
        for name, client, peer in zip(names, clients, peers, strict=True)
    ]


@contextlib.contextmanager
def start(
    version: str = VERSION, flags: Sequence[str] = (), context: ssl.SSLContext | None = None
) -> Iterator[Running]:
    """A real etcd with nothing in it, in a temporary folder, killed at the end.

    Args:
        version: what to build, see `build`.
        flags: etcd's own, beside those of `command`.
        context: where clients are to use TLS: how to ask it whether it is well. The flags say
            with which certificates.

    Raises:
        golang.NoGo: it cannot be built.
        NoOracle: it does not start with these flags.
    """
    with run(build(version), flags, context=context) as (running,):
        yield running


@contextlib.contextmanager
def run(
    program: Path,
    flags: Sequence[str] = (),
    members: int = 1,
    context: ssl.SSLContext | None = None,
) -> Iterator[list[Running]]:
    """The same for a program that is there, or for a cluster of it.

    Raises:
        NoOracle: it does not start with these flags.
    """
    scheme = "http" if context is None else "https"
    with tempfile.TemporaryDirectory(prefix="etcd-") as name, contextlib.ExitStack() as stack:
        for attempt in range(1, _ATTEMPTS + 1):
            folder = Path(name) / str(attempt)
            folder.mkdir()
            if members == 1:
                commands = [command(program, folder, flags, scheme)]
            else:
                commands = cluster_commands(program, folder, members, flags, scheme)
            try:
                running = stack.enter_context(_started(folder, commands, context))
                break
            except NoOracle:
                if attempt == _ATTEMPTS:
                    raise
        yield running


@contextlib.contextmanager
def _started(
    folder: Path, commands: list[tuple[str, list[str]]], context: ssl.SSLContext | None
) -> Iterator[list[Running]]:
    environment = {name: it for name, it in os.environ.items() if not name.startswith("ETCD_")}
    with contextlib.ExitStack() as stack:
        processes = []
        for number, (_, arguments) in enumerate(commands):
            with (folder / f"log-{number}").open("wb") as output:
                process = subprocess.Popen(
                    arguments, stdout=output, stderr=subprocess.STDOUT, env=environment
                )
            stack.callback(_end, process)
            processes.append(process)
        deadline = time.monotonic() + START_SECONDS
        for number, (url, _) in enumerate(commands):
            while not (is_well(url, context) and is_settled(url, context)):
                if processes[number].poll() is not None or time.monotonic() > deadline:
                    log = (folder / f"log-{number}").read_text()
                    raise NoOracle(f"etcd does not answer on {url}:\n{log}")
                time.sleep(0.02)
        yield [
            Running(url, process.pid) for (url, _), process in zip(commands, processes, strict=True)
        ]


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()  # nothing of it is to be kept, so there is nothing to end in order
    process.wait()


def is_well(url: str, context: ssl.SSLContext | None = None) -> bool:
    """Whether a server's /health says so.

    Args:
        url: the server's.
        context: how to ask one with TLS.
    """
    try:
        with _opener(context).open(f"{url}/health", timeout=1):
            return True
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def is_settled(url: str, context: ssl.SSLContext | None = None) -> bool:
    """Whether the storage of a server that is well has its version: for a moment it is 3.5.0."""
    with _opener(context).open(f"{url}/version", timeout=1) as answer:
        return b'"storage":"3.5.0"' not in answer.read()


def _opener(context: ssl.SSLContext | None) -> urllib.request.OpenerDirector:
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    if context is not None:
        handlers.append(urllib.request.HTTPSHandler(context=context))
    return urllib.request.build_opener(*handlers)


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
