"""The part about snapshots: how long they take, and what memory beside the store's own.

Databases of about 100 MB are written from a node and read into another, as `--fake-persist` and
`--fake-load` do, in a process that has nothing else. Linux only, because of /proc.
"""

from __future__ import annotations

import functools
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from fake_etcd.cli import snapshot_file
from fake_etcd.core.node import Node
from fake_etcd.core.snapshot.dump import dump

SIZES = ((540_000, 100), (73_000, 1_024))
"""Versions, and bytes of the value of each."""

_KEYS = 10_000


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One database, written and read; times are of the processor, and medians over the rounds.

    Args:
        versions, value_bytes: what is in it.
        file_bytes: its size.
        save_seconds, load_seconds: to write it and to read it.
        save_bytes: the most memory that writing took beyond what the store had before.
    """

    versions: int
    value_bytes: int
    file_bytes: int
    save_seconds: float
    save_bytes: int
    load_seconds: float


def run(rounds: int) -> list[Snapshot]:
    """Measure each size in a process of its own."""
    return [_apart(*size, rounds) for size in SIZES]


def _apart(versions: int, value_bytes: int, rounds: int) -> Snapshot:
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawned) as pool:
        return pool.submit(_measure, versions, value_bytes, rounds).result()


def _measure(versions: int, value_bytes: int, rounds: int) -> Snapshot:
    node = filled(versions, value_bytes)
    with tempfile.TemporaryDirectory(prefix="bench-snapshot-") as directory:
        path = Path(directory) / "db"
        forget_peak()
        before = peak_bytes()
        size = save(node, path)
        memory = peak_bytes() - before
        saving = seconds(functools.partial(save, node, path), rounds)
        loading = seconds(functools.partial(load, path), rounds)
    return Snapshot(versions, value_bytes, size, saving, memory, loading)


def filled(versions: int, value_bytes: int) -> Node:
    """A node with so many versions, of 10,000 keys of 32 bytes in turn."""
    node = Node()
    for number in range(versions):
        node.store.put(b"%032d" % (number % _KEYS), b"%08d" % number + b"x" * (value_bytes - 8))
    return node


def save(node: Node, path: Path) -> int:
    """Write what the node has; gives the file's bytes."""
    with path.open("wb") as file:
        return snapshot_file.write_file(file, dump(node))


def load(path: Path) -> None:
    """Read a file into a node, and let go of that."""
    snapshot_file.load_file(Node(), path)


def seconds(action: Callable[[], object], rounds: int) -> float:
    """Of the processor, in the median round."""
    taken = []
    for _ in range(rounds):
        begin = time.process_time()
        action()
        taken.append(time.process_time() - begin)
    return median(taken)


def peak_bytes() -> int:
    """The most memory that this process has had since `forget_peak`."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def forget_peak() -> None:
    """Have the peak begin anew with what there is now (man 5 proc: clear_refs)."""
    Path("/proc/self/clear_refs").write_text("5")
