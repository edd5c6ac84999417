"""What one measurement is made of: a run of the load generator, and a look at /proc.

Linux only, because of /proc. Nothing here knows which server it looks at.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench import golang
from conformance.oracle import Running
from fake_etcd import clientv3

LOAD_SECONDS = 180
"""A run of the load generator that takes longer has hung."""


@dataclass(frozen=True, slots=True)
class Load:
    """What the clients saw, and what the server paid.

    Args:
        per_second: answered calls in a second.
        p50_us, p99_us, max_us: latency of a call, in microseconds.
        cpu_us: processor time that the server took for one call, in microseconds.
        client_cpu_us: the same of the load generator.
    """

    per_second: float
    p50_us: float
    p99_us: float
    max_us: float
    cpu_us: float
    client_cpu_us: float


@dataclass(frozen=True, slots=True)
class Life:
    """How long a server's process takes to be there, and to be gone.

    Args:
        start_seconds: from the start of the process to the first answer that a client has.
        stop_seconds: from SIGTERM to the end of the process, while that client is connected.
    """

    start_seconds: float
    stop_seconds: float


@dataclass(frozen=True, slots=True)
class Written:
    """Between which revisions data was written; the first is before all of it."""

    before: int
    after: int


def load(server: Running, *flags: str) -> Load:
    """Run `loadgen load`, which charges the server's processor time to its calls."""
    seen = _loadgen("load", f"-endpoint={server.url}", f"-pid={server.pid}", *flags)
    return Load(**{name: seen[name] for name in Load.__slots__})


def crowd(server: Running, connections: int, workers: int, *flags: str) -> Load:
    """Run `loadgen crowd`: the same with so many calls at a time on each connection."""
    size = (f"-conns={connections}", f"-workers={workers}")
    seen = _loadgen("crowd", f"-endpoint={server.url}", f"-pid={server.pid}", *size, *flags)
    return Load(**{name: seen[name] for name in Load.__slots__})


def fill(server: Running, start: int, end: int, *flags: str) -> Written:
    """Put the keys start..end-1 through transactions of 120 puts."""
    seen = _loadgen("fill", f"-endpoint={server.url}", f"-from={start}", f"-to={end}", *flags)
    return Written(int(seen["revision_before"]), int(seen["revision_after"]))


def grow(server: Running, times: int) -> Written:
    """Put key 0 so many times, each a revision of its own."""
    seen = _loadgen("grow", f"-endpoint={server.url}", "-index=0", f"-times={times}")
    return Written(int(seen["revision_before"]), int(seen["revision_after"]))


def compact(server: Running) -> None:
    """Give up the history of everything, and return before that is done."""
    _loadgen("compact", f"-endpoint={server.url}")


def hash_history(server: Running) -> None:
    """Have the server go through all of its history for a HashKV, and wait for the answer."""
    with clientv3.Client(clientv3.Config(endpoints=[server.url])) as cli:
        cli.hash_kv(server.url, timeout=LOAD_SECONDS)


def add_users(server: Running, start: int, end: int, permissions: int) -> None:
    """Make the users start..end-1, with a role of its own each, and root, while auth is off.

    All may use the keys of a load, by so many permissions.
    """
    _loadgen(
        "users",
        f"-endpoint={server.url}",
        f"-from={start}",
        f"-to={end}",
        f"-permissions={permissions}",
    )


def set_auth(server: Running, *, on: bool) -> None:
    """Switch auth on or off, as root."""
    _loadgen("auth", f"-endpoint={server.url}", f"-on={'true' if on else 'false'}")


def fanout(server: Running, watchers: int, putters: int) -> float:
    """Events a second that many watchers of one key are told, which so many callers put."""
    flags = (f"-endpoint={server.url}", f"-watchers={watchers}", f"-putters={putters}")
    return _loadgen("fanout", *flags)["per_second"]


@contextlib.contextmanager
def held(server: Running, *, watchers: int = 0, leases: int = 0) -> Iterator[None]:
    """Watchers of what nobody puts, or leases, for as long as the context lasts."""
    holder = subprocess.Popen(
        [
            str(golang.loadgen()),
            "hold",
            f"-endpoint={server.url}",
            f"-watchers={watchers}",
            f"-leases={leases}",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None, "its output is read"
        if holder.stdout.readline() != "held\n":
            raise RuntimeError(holder.communicate()[1].strip())
        yield
    finally:
        holder.communicate("\n", timeout=LOAD_SECONDS)


def life(url: str, command: list[str], variables: dict[str, str]) -> Life:
    """Start a server, have its first answer, and stop it."""
    words = ["env", *(f"{name}={value}" for name, value in variables.items()), *command]
    return Life(**_loadgen("first", f"-endpoint={url}", "--", *words))


def resident_bytes(server: Running) -> int:
    """VmRSS: all resident pages, those of mapped files too."""
    for line in Path(f"/proc/{server.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("the server is gone")


def _loadgen(command: str, *arguments: str) -> dict[str, float]:
    done = subprocess.run(
        [str(golang.loadgen()), command, *arguments],
        capture_output=True,
        text=True,
        timeout=LOAD_SECONDS,
        cwd=golang.ROOT,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    result: dict[str, float] = json.loads(done.stdout)
    return result
