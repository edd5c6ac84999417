"""How fast Kubernetes' API server is on ours and on real etcd, side by side.

`python -m tests.kubernetes.measure` prints a table in Markdown: medians of several rounds, in each
of which both have their turn, so that a busy machine is busy for both.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.kubernetes import apiserver, build, etcds, objects
from tests.kubernetes.objects import config_maps, namespace

PAGE = 500


@dataclass(frozen=True, slots=True)
class Measured:
    """One round on one etcd.

    Args:
        start_seconds: of the API server on an empty etcd, until it is ready.
        restart_seconds: of the next one, on what the first has left.
        created_per_second: objects.
        create_processor_seconds: what etcd's process has used for all of these.
        listed_per_second: objects of a list page by page, read from etcd.
        delete_seconds: of the whole collection.
    """

    start_seconds: float
    restart_seconds: float
    created_per_second: float
    create_processor_seconds: float
    listed_per_second: float
    delete_seconds: float


ROWS = (
    ("API server ready on an empty etcd, s", "start_seconds", 1),
    ("ready again on the same state, s", "restart_seconds", 1),
    ("objects created by {clients} clients, per second", "created_per_second", 0),
    ("processor time of etcd for {count} of them, s", "create_processor_seconds", 2),
    ("objects listed in etcd in pages of 500, per second", "listed_per_second", 0),
    ("all {count} objects deleted as a collection, s", "delete_seconds", 1),
)


def processor_seconds(pid: int) -> float:
    """What a process of this machine has used so far, its own and the kernel's for it (Linux)."""
    # Its name may have spaces, but what follows the last parenthesis is numbers: proc(5).
    numbers = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(numbers[11]) + int(numbers[12])) / os.sysconf("SC_CLK_TCK")


def once(is_real: bool, count: int, clients: int) -> Measured:
    """Measure one etcd once, from nothing."""
    with tempfile.TemporaryDirectory(prefix="kubernetes-") as name, etcds.plain(is_real) as etcd:
        folder = Path(name)
        with apiserver.running(folder, etcd.url) as api, api.client() as client:
            start_seconds = api.start_seconds
            client.create("/api/v1/namespaces", namespace("many"))
            begun, used = time.perf_counter(), processor_seconds(etcd.pid)
            objects.create_many(api, "many", count, clients)
            created = count / (time.perf_counter() - begun)
            used = processor_seconds(etcd.pid) - used
        # Without a cache of its own it lists in etcd.
        with (
            apiserver.running(folder, etcd.url, flags=("--watch-cache=false",)) as api,
            api.client() as client,
        ):
            begun = time.perf_counter()
            found = sum(len(page["items"]) for page in client.pages(config_maps("many"), PAGE))
            listed = found / (time.perf_counter() - begun)
            assert found == count, f"{found} objects where {count} were made"
        with apiserver.running(folder, etcd.url) as api, api.client() as client:
            begun = time.perf_counter()
            client.delete(config_maps("many"))
            return Measured(
                start_seconds=start_seconds,
                restart_seconds=api.start_seconds,
                created_per_second=created,
                create_processor_seconds=used,
                listed_per_second=listed,
                delete_seconds=time.perf_counter() - begun,
            )


def table(ours: Sequence[Measured], real: Sequence[Measured], count: int, clients: int) -> str:
    """The medians of both."""
    lines = ["| | fake_etcd | real etcd |", "| --- | ---: | ---: |"]
    for title, field, digits in ROWS:
        cells = (
            f"{statistics.median(getattr(one, field) for one in side):,.{digits}f}"
            for side in (ours, real)
        )
        lines.append(
            f"| {title.format(count=f'{count:,}', clients=clients)} | {' | '.join(cells)} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.kubernetes.measure", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each has its turn")
    parser.add_argument("--objects", type=int, default=5000, help="how many ConfigMaps")
    parser.add_argument("--clients", type=int, default=8, help="that create them at once")
    options = parser.parse_args()
    ours: list[Measured] = []
    real: list[Measured] = []
    for number in range(options.rounds):
        # Each is first in every other round.
        for is_real in (False, True) if number % 2 == 0 else (True, False):
            (real if is_real else ours).append(once(is_real, options.objects, options.clients))
    print(f"Kubernetes {build.kubernetes_version()}, {options.rounds} rounds\n")
    print(table(ours, real, options.objects, options.clients))


if __name__ == "__main__":
    main()
