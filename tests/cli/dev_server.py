"""The dev server as a user has it: a process of its own, started, read, stopped."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-m", "fake_etcd")


def environment(**variables: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(CHECKOUT), **variables}


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A command line that ends by itself."""
    return subprocess.run(
        [*COMMAND, *arguments],
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


class DevServer:
    """A running server; `lines` is what it printed once it was ready."""

    def __init__(self, process: subprocess.Popen[str], last_line: str = "try: curl ") -> None:
        self.process = process
        assert process.stdout is not None
        self.lines: list[str] = []
        for line in process.stdout:
            self.lines.append(line.rstrip("\n"))
            if line.startswith(last_line):
                return
        raise AssertionError(f"not started: {self.lines} {process.communicate()[1]}")

    @property
    def addresses(self) -> list[str]:
        found = [line.removeprefix("listening on ") for line in self.lines]
        return [new for new, line in zip(found, self.lines, strict=True) if new != line]

    @property
    def target(self) -> str:
        """The first address as grpc takes it."""
        return self.addresses[0].removeprefix("http://")

    @property
    def port(self) -> int:
        """Of the first address."""
        return int(self.addresses[0].rpartition(":")[2])

    def stop(self, number: int) -> tuple[int, float, str]:
        """Exit status, seconds it took, and stderr."""
        started = time.monotonic()
        self.process.send_signal(number)
        _, log = self.process.communicate(timeout=20)
        return self.process.returncode, time.monotonic() - started, log


@contextlib.contextmanager
def serving(*arguments: str, **variables: str) -> Iterator[DevServer]:
    """A server with these flags; on a free port of 127.0.0.1 unless they say where."""
    if not any(argument.startswith("--listen-client-urls") for argument in arguments):
        arguments = ("--listen-client-urls=http://127.0.0.1:0", *arguments)
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        env=environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        # Without HTTP there is nothing for curl.
        last = "try: etcdctl " if "--transport=grpcio" in arguments else "try: curl "
        yield DevServer(process, last)
    finally:
        process.kill()
        process.communicate()
