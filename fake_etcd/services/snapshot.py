"""Maintenance.Snapshot's place in the method table; what it does is in `snapshot_stream.py`.

A module of its own, since most servers are never asked for a snapshot and are to start at once.
"""

from __future__ import annotations

from typing import cast

from fake_etcd.core.node import Node
from fake_etcd.services.call import Call, Receiver, Sink, StreamHandler, UnaryHandler


def unary(node: Node) -> dict[str, UnaryHandler]:
    """None."""
    return {}


def streams(node: Node) -> dict[str, StreamHandler]:
    """The handler of the stream, by its name in the method table."""

    def snapshot(call: Call, sink: Sink) -> Receiver:
        from fake_etcd.services.snapshot_stream import SnapshotStream

        # It takes its own request class; the transport decodes that very class from the table.
        return cast(Receiver, SnapshotStream(node, call, sink))

    return {"snapshot": snapshot}
