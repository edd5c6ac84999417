"""The servers that are compared, each as a real process on a free port of the loopback interface.

Which server a measurement talks to is decided here and nowhere else; what is measured is not.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bench import golang
from conformance.oracle import Running, is_well

START_SECONDS = 20.0
STOP_SECONDS = 10.0

_LISTENING = re.compile(r"^listening on (https?://\S+)$", re.MULTILINE)


@contextlib.contextmanager
def ours(
    loop: str = "", flags: Sequence[str] = (), context: ssl.SSLContext | None = None
) -> Iterator[Running]:
    """`python -m fake_etcd`, as a user starts it.

    Args:
        loop: "uvloop" or "asyncio"; empty lets it choose.
        flags: more than where it listens.
        context: where clients are to use TLS: how to ask it whether it is well. The flags say
            with which certificates.
    """
    scheme = "http" if context is None else "https"
    command = [*ours_command(f"{scheme}://127.0.0.1:0"), *flags]
    with _process(command, ours_environment(loop)) as (process, log):
        yield _answering(process, _printed_address(process, log), context)


def ours_command(url: str) -> list[str]:
    """The command line of our server."""
    return [sys.executable, "-m", "fake_etcd", f"--listen-client-urls={url}"]


def ours_environment(loop: str) -> dict[str, str]:
    """What the process gets beside this one's environment."""
    return {"FAKE_ETCD_LOOP": loop} if loop else {}


@contextlib.contextmanager
def limit() -> Iterator[Running]:
    """Our transport on uvloop with handlers that do nothing: no server on it can be faster."""
    command = [sys.executable, "-m", "bench.limit_server"]
    with _process(command) as (process, log):
        yield _answering(process, _printed_address(process, log))


@contextlib.contextmanager
def counting(counts: str) -> Iterator[Running]:
    """Our transport and handlers on uvloop, which count their calls ("on") or do not ("off")."""
    command = [sys.executable, "-m", "bench.counting_server", counts]
    with _process(command) as (process, log):
        yield _answering(process, _printed_address(process, log))


@contextlib.contextmanager
def _process(
    command: Sequence[str], variables: Mapping[str, str] | None = None
) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """Start a process, hand it out with the file that takes its output, and stop it."""
    with tempfile.TemporaryDirectory(prefix="bench-log-") as directory:
        log = Path(directory) / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=golang.ROOT,
                env={**os.environ, **(variables or {})},
            )
        try:
            yield process, log
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _printed_address(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if found := _LISTENING.search(log.read_text()):
            return found[1]
        time.sleep(0.01)
    raise RuntimeError(f"{process.args!r} does not listen:\n{log.read_text()}")


def _answering(
    process: subprocess.Popen[bytes], url: str, context: ssl.SSLContext | None = None
) -> Running:
    """Wait until the server says that it is well (etcd has to elect itself first)."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if is_well(url, context):
            return Running(url, process.pid)
        time.sleep(0.02)
    raise RuntimeError(f"{process.args!r} does not answer on {url}")
