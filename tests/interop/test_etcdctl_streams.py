"""etcdctl's commands that go on until they are ended: watch, and lease keep-alive.

What they print is the same of real etcd (`--real-etcd`), but for the ids of leases.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import golang
from conformance.oracle import Running
from tests.interop.conftest import built

SECONDS = 30


class Etcdctl:
    """etcdctl at one server."""

    def __init__(self, program: Path, url: str) -> None:
        self._program = program
        self._environment = {
            **{name: it for name, it in os.environ.items() if not name.startswith("ETCDCTL_")},
            "ETCDCTL_ENDPOINTS": url,
        }

    def __call__(self, *arguments: str) -> str:
        """What a command prints."""
        return subprocess.run(
            [self._program, *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=True,
        ).stdout

    @contextlib.contextmanager
    def running(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """A command that goes on until the end of the context."""
        process = subprocess.Popen(
            [self._program, *arguments],
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()


@pytest.fixture
def etcdctl(server: Running) -> Etcdctl:
    return Etcdctl(built(golang.etcdctl), server.url)


def lines(process: subprocess.Popen[str], count: int) -> list[str]:
    """The next lines that it prints."""
    assert process.stdout is not None, "its output is read"
    return [process.stdout.readline().rstrip("\n") for _ in range(count)]


def tell(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None, "it has an input"
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


def revision(etcdctl: Etcdctl) -> int:
    found = re.search(r'"revision":(\d+)', etcdctl("get", "nothing", "-w", "json"))
    assert found is not None, "a header has a revision"
    return int(found[1])


def test_watch_prints_what_has_been_and_what_comes(etcdctl: Etcdctl) -> None:
    begin = revision(etcdctl) + 1
    etcdctl("put", "w1", "old")
    etcdctl("del", "w1")
    with etcdctl.running("watch", "w1", f"--rev={begin}", "--prev-kv") as watch:
        assert lines(watch, 8) == ["PUT", "w1", "old", "DELETE", "w1", "old", "w1", ""]
        etcdctl("put", "w1", "new")
        assert lines(watch, 3) == ["PUT", "w1", "new"]


def test_watch_of_a_prefix_sees_all_of_it(etcdctl: Etcdctl) -> None:
    begin = revision(etcdctl) + 1
    with etcdctl.running("watch", "w2/", "--prefix", f"--rev={begin}") as watch:
        for name in ("a", "b"):
            etcdctl("put", f"w2/{name}", name)
        assert lines(watch, 6) == ["PUT", "w2/a", "a", "PUT", "w2/b", "b"]


def test_interactive_watches_share_a_stream(etcdctl: Etcdctl) -> None:
    begin = revision(etcdctl) + 1
    with etcdctl.running("watch", "-i") as watch:
        tell(watch, f"watch w3 --rev={begin}")
        etcdctl("put", "w3", "1")
        assert lines(watch, 3) == ["PUT", "w3", "1"]
        tell(watch, f"watch w4 --rev={begin}")
        etcdctl("put", "w4", "2")
        assert lines(watch, 3) == ["PUT", "w4", "2"]
        tell(watch, "progress")
        assert re.fullmatch(r"progress notify: \d+", lines(watch, 1)[0])


def test_a_lease_is_granted_kept_alive_looked_at_and_revoked(etcdctl: Etcdctl) -> None:
    granted = re.fullmatch(
        r"lease ([0-9a-f]+) granted with TTL\(60s\)\n", etcdctl("lease", "grant", "60")
    )
    assert granted is not None
    lease = granted[1]
    etcdctl("put", "leased", "1", f"--lease={lease}")
    assert lease in etcdctl("lease", "list")
    shown = etcdctl("lease", "timetolive", lease, "--keys")
    assert re.fullmatch(
        rf"lease {lease} granted with TTL\(60s\), remaining\((60|59|58)s\), "
        r"attached keys\(\[leased\]\)\n",
        shown,
    )
    with etcdctl.running("lease", "keep-alive", lease) as keeping:
        assert lines(keeping, 1) == [f"lease {lease} keepalived with TTL(60)"]
    assert etcdctl("lease", "keep-alive", lease, "--once") == (
        f"lease {lease} keepalived with TTL(60)\n"
    )
    assert etcdctl("lease", "revoke", lease) == f"lease {lease} revoked\n"
    assert etcdctl("get", "leased") == ""
