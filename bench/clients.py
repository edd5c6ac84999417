"""The part about clients: ours beside python-etcd3, aetcd and grpcio's bare stubs, on one server.

Each client is a process of its own, and they take turns within each round. The server is ours, in
another process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

from bench import client_load, golang, servers
from fake_etcd import clientv3
from fake_etcd.clientv3.op import Op, op_put

_SECONDS = 180

_BATCH = 100


@dataclass(frozen=True, slots=True)
class Clients:
    """What was measured: what ("put", "aio put", "events") to client to rates of the turns.

    Args:
        rates: per second.
        import_seconds: medians over the turns.
    """

    rates: dict[str, dict[str, list[float]]]
    import_seconds: float

    def median(self, what: str, client: str) -> float:
        return median(self.rates[what][client])

    def ratio(self, what: str) -> float:
        """Ours to the best of the other clients, turn by turn."""
        ours = self.rates[what]["clientv3"]
        others = [rates for name, rates in self.rates[what].items() if name in ("etcd3", "aetcd")]
        turns = zip(ours, *others, strict=True)
        return float(median(mine / max(theirs) for mine, *theirs in turns))


def run(turns: int, seconds: float, say: Callable[[str], None]) -> Clients:
    """Measure on a new server."""
    rates: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    imports = []
    with servers.ours() as server:
        endpoint = server.url.partition("://")[2]
        for turn in range(turns):
            say(f"clients, turn {turn + 1} of {turns}")
            for client in client_load.CALLS:
                for what, rate in _load(client, "calls", endpoint, seconds).items():
                    rates[what][client].append(rate)
            for client in client_load.TASKS:
                for what, rate in _load(client, "tasks", endpoint, seconds).items():
                    rates[f"aio {what}"][client].append(rate)
            for size in (1, _BATCH):
                revision = _write(endpoint, size)
                for what, clients in (
                    ("watch", client_load.WATCHES),
                    ("aio-watch", client_load.AIO_WATCHES),
                ):
                    for client in clients:
                        rate = _load(client, what, endpoint, revision)
                        rates[f"{what} of {size}"][client].append(rate)
            imports.append(_load("clientv3", "import", endpoint, 0))
    return Clients({what: dict(found) for what, found in rates.items()}, median(imports))


def _write(endpoint: str, size: int) -> int:
    """Make the history that is watched, `size` events a revision; the first of its revisions."""
    puts: list[Op] = [
        op_put(client_load.PREFIX + b"%05d" % number, client_load.VALUE) for number in range(size)
    ]
    with clientv3.Client(clientv3.Config(endpoints=[endpoint])) as cli:
        first = cli.txn().then(*puts).commit().header.revision
        for _ in range(client_load.EVENTS // size - 1):
            cli.txn().then(*puts).commit()
    return first


def _load(client: str, what: str, endpoint: str, amount: float) -> Any:
    command = [sys.executable, "-m", "bench.client_load", client, what, endpoint, str(amount)]
    environment = dict(os.environ)
    if client == "etcd3":
        environment["PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"] = "python"
    done = subprocess.run(
        command,
        capture_output=True,
        timeout=_SECONDS,
        check=True,
        cwd=golang.ROOT,
        env=environment,
    )
    return json.loads(done.stdout)
