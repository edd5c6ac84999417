"""How long snapshots take, inside one process: `python -m bench.snapshots`.

Databases of about 100 MB are written from a node and read into another, as `--fake-persist` and
`--fake-load` do. Figures are the best of three rounds, in seconds of processor time; the memory of
writing is what the process has at its peak beyond what it had before. Linux only, because of /proc.
"""

from __future__ import annotations

import functools
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from fake_etcd.cli import snapshot_file
from fake_etcd.core.node import Node
from fake_etcd.core.snapshot.dump import dump

SIZES = ((540_000, 100), (73_000, 1_024))
"""Versions, and bytes of the value of each."""

_KEYS = 10_000
_ROUNDS = 3


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


def seconds(action: Callable[[], object]) -> float:
    """Of the best round."""
    taken = []
    for _ in range(_ROUNDS):
        begin = time.process_time()
        action()
        taken.append(time.process_time() - begin)
    return min(taken)


def peak_bytes() -> int:
    """The most memory that this process has had since `forget_peak`."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def forget_peak() -> None:
    """Have the peak begin anew with what there is now (man 5 proc: clear_refs)."""
    Path("/proc/self/clear_refs").write_text("5")


def main() -> None:
    print("| versions | bytes of a value | MB | to save, s | memory for that, MB | to load, s |")
    print("| --- | --- | --- | --- | --- | --- |")
    for versions, value_bytes in SIZES:
        node = filled(versions, value_bytes)
        with tempfile.TemporaryDirectory(prefix="bench-snapshot-") as directory:
            path = Path(directory) / "db"
            forget_peak()
            before = peak_bytes()
            size = save(node, path)
            memory = peak_bytes() - before
            saving = seconds(functools.partial(save, node, path))
            loading = seconds(functools.partial(load, path))
        row = (f"{versions:,}", f"{value_bytes:,}", f"{size / 1e6:.0f}")
        figures = (f"{saving:.1f}", f"{memory / 1e6:.0f}", f"{loading:.1f}")
        print(f"| {' | '.join(row + figures)} |")


if __name__ == "__main__":
    main()
