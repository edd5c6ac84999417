"""Maintenance.Snapshot: the whole state as etcd's own database file, in pieces, and its digest.

What the node holds when it is asked is what is sent, whatever changes meanwhile. The file is never
there as a whole: pages are made as fast as the caller takes them.
etcd: server/etcdserver/api/v3rpc/maintenance.go, Snapshot.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

from fake_etcd.api import messages as m
from fake_etcd.bbolt import Plan, plan
from fake_etcd.core.node import Node
from fake_etcd.core.snapshot.dump import dump
from fake_etcd.services import access
from fake_etcd.services.call import Call, Sink

PIECE_BYTES = 32 * 1024


class SnapshotStream:
    """Receiver of one call.

    Each message has up to 32 KiB of the file, and how much of it is still to come; the last one
    has the SHA-256 of all. None has a header.
    """

    def __init__(self, node: Node, call: Call, sink: Sink) -> None:
        self._node = node
        self._call = call
        self._sink = sink
        self._pieces: Iterator[bytes] | None = None
        self._is_over = False

    def message(self, request: m.SnapshotRequest) -> None:
        """The one request.

        Raises:
            what `access.require_admin` does.
        """
        access.require_admin(self._node, self._call)
        buckets = dump(self._node)
        storage = str(self._node.versions.cluster)

        def look() -> Callable[[], None]:
            planned = plan(buckets)
            return lambda: self._begin(planned, storage)

        # All that is written is gone through for it, and versions never change.
        self._node.aside(look)

    def half_close(self) -> None:
        """Nothing to do: the one message is what counts."""

    def cancelled(self) -> None:
        """Sends nothing more."""
        self._is_over = True
        self._pieces = None

    def writable(self) -> None:
        """Sends pieces until the sink is full or all is sent."""
        while self._pieces is not None:
            piece = next(self._pieces, None)
            if piece is None:
                self._pieces = None
                self._sink.close()
            elif not self._sink.send(piece):
                return

    def _begin(self, planned: Plan, storage: str) -> None:
        if not self._is_over:
            self._pieces = _messages(planned, storage)
            self.writable()


def _messages(planned: Plan, storage: str) -> Iterator[bytes]:
    """The encoded answers."""
    digest = hashlib.sha256()
    left = planned.size
    for piece in pieces(planned.pages()):
        digest.update(piece)
        left -= len(piece)
        yield _message(piece, left, storage)
    yield _message(digest.digest(), 0, storage)


def _message(blob: bytes, remaining_bytes: int, storage: str) -> bytes:
    answer = m.SnapshotResponse(remaining_bytes=remaining_bytes, blob=blob, version=storage)
    return answer.SerializeToString()


def pieces(pages: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes, 32 KiB at a time, and the rest."""
    waiting = bytearray()
    for page in pages:
        waiting += page
        place = 0
        while len(waiting) - place >= PIECE_BYTES:
            yield bytes(waiting[place : place + PIECE_BYTES])
            place += PIECE_BYTES
        del waiting[:place]
    if waiting:
        yield bytes(waiting)
