"""How long a server's process takes to be there, and how long to be gone."""

from __future__ import annotations

import compileall
import tempfile
from dataclasses import dataclass
from pathlib import Path

import fake_etcd
from bench import measure, servers
from bench.scenarios import Turns
from conformance import oracle


@dataclass(frozen=True, slots=True)
class Lives:
    """What was measured, by server and turn, in seconds; see `measure.Life`."""

    starts: Turns
    stops: Turns


def run(turns: int) -> Lives:
    """Start and stop all servers that have a store, in turns."""
    # As pip does it; a checkout may be without, and with PYTHONDONTWRITEBYTECODE stays so.
    compileall.compile_dir(fake_etcd.__path__[0], quiet=1)
    found: dict[str, list[measure.Life]] = {"real": [], "uvloop": [], "asyncio": []}
    for _ in range(turns):
        with tempfile.TemporaryDirectory(prefix="bench-etcd-") as directory:
            url, command = oracle.command(oracle.build(), Path(directory))
            found["real"].append(measure.life(url, command, {}))
        for loop in ("uvloop", "asyncio"):
            url = f"http://127.0.0.1:{oracle.free_ports(1)[0]}"
            command = servers.ours_command(url)
            found[loop].append(measure.life(url, command, servers.ours_environment(loop)))
    return Lives(
        Turns({name: [life.start_seconds for life in lives] for name, lives in found.items()}),
        Turns({name: [life.stop_seconds for life in lives] for name, lives in found.items()}),
    )
