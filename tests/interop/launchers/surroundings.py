"""What a launcher finds around it: `etcd` on the PATH, a folder, free ports; and its end.

Whatever a test started carries a mark in its environment, so that it is found and ended though it
has become a daemon or the test was cut off.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from conformance import oracle
from tests.interop.conftest import built

SECONDS = 60.0
"""Longest run of a launcher."""

HEALTHY = '{"health":"true","reason":""}'
"""What /health says, of ours and of real etcd."""

FLAGS = (
    '--data-dir "$DIR/data" --listen-client-urls "$URL" --advertise-client-urls "$URL"'
    ' --listen-peer-urls "$PEER" --initial-advertise-peer-urls "$PEER"'
    ' --initial-cluster "default=$PEER"'
)
"""For a shell, from the variables that a launcher gets."""

_MARK = "LAUNCHED_FOR"
_END_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Args:
    variables: of a launcher's environment; DIR is a folder for it, URL and PEER where etcd
        is to listen.
    etcd: the program that its PATH finds as `etcd`.
    """

    variables: dict[str, str]
    etcd: Path

    @property
    def folder(self) -> Path:
        return Path(self.variables["DIR"])

    @property
    def url(self) -> str:
        return self.variables["URL"]

    @property
    def port(self) -> int:
        """Of the clients' URL."""
        return int(self.url.rpartition(":")[2])

    @property
    def flags(self) -> list[str]:
        """Those of `FLAGS`, for who needs no shell."""
        peer = self.variables["PEER"]
        return [
            f"--data-dir={self.folder / 'data'}",
            f"--listen-client-urls={self.url}",
            f"--advertise-client-urls={self.url}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
        ]

    def run(self, *command: str) -> str:
        """What a launcher prints, which ends well."""
        done = subprocess.run(
            command,
            env=self.variables,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()


@contextlib.contextmanager
def around(folder: Path, real: bool) -> Iterator[Surroundings]:
    """Surroundings in a folder; nothing that was started in them outlives them."""
    if real:
        path = folder / "bin"
        path.mkdir()
        (path / "etcd").symlink_to(built(oracle.build))
    else:
        path = our_bin_dir()
    client, peer = oracle.free_ports(2)
    mark = uuid.uuid4().hex
    outside = {name: it for name, it in os.environ.items() if not name.startswith("ETCD_")}
    variables = {
        **outside,
        "PATH": f"{path}{os.pathsep}{os.environ['PATH']}",
        "DIR": str(folder),
        "URL": f"http://127.0.0.1:{client}",
        "PEER": f"http://127.0.0.1:{peer}",
        _MARK: mark,
    }
    try:
        yield Surroundings(variables, path / "etcd")
    except BaseException:
        _kill(_marked(mark))
        raise
    deadline = time.monotonic() + _END_SECONDS
    while (left := _marked(mark)) and time.monotonic() < deadline:
        time.sleep(0.02)
    _kill(left)
    assert not left, f"not ended: {list(left.values())}"


def our_bin_dir() -> Path:
    """The folder that is for putting on the PATH."""
    asked = [sys.executable, "-m", "fake_etcd", "--print-bin-dir"]
    done = subprocess.run(asked, check=True, capture_output=True, text=True, timeout=SECONDS)
    return Path(done.stdout.removesuffix("\n"))


def needs(*tools: str) -> None:
    """Skip where one of them is not there; fail where FAKE_ETCD_REQUIRE_<its name> is 1."""
    for tool in tools:
        if shutil.which(tool) is None:
            if os.environ.get(f"FAKE_ETCD_REQUIRE_{tool.upper()}") == "1":
                pytest.fail(f"{tool} is required here, and is not on the PATH", pytrace=False)
            pytest.skip(f"{tool} is not on the PATH")


def _marked(mark: str) -> dict[int, str]:
    """Command lines of the processes with a mark, by their ids; none where there is no /proc."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        # It may have ended meanwhile, or be somebody else's.
        with contextlib.suppress(OSError):
            if f"{_MARK}={mark}".encode() in (process / "environ").read_bytes().split(b"\0"):
                line = (process / "cmdline").read_bytes()
                found[int(process.name)] = line.replace(b"\0", b" ").decode(errors="replace")
    return found


def _kill(processes: dict[int, str]) -> None:
    for pid in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
