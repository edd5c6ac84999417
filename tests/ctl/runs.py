"""Runs of `fake_etcd ctl` in the test's own process."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass

from fake_etcd.ctl.main import main
from fake_etcd.ctl.terminal import Terminal


@dataclass(frozen=True)
class Run:
    """What a command printed, and its exit status."""

    stdout: str
    stderr: str = ""
    status: int = 0


def run(*arguments: str, stdin: str = "", environ: Mapping[str, str] | None = None) -> Run:
    """A command's run with nothing in its environment but what is given."""
    stdout, stderr = io.BytesIO(), io.BytesIO()
    terminal = Terminal(io.BytesIO(stdin.encode()), stdout, stderr, environ or {})
    status = main(arguments, terminal)
    return Run(stdout.getvalue().decode(), stderr.getvalue().decode(), status)
