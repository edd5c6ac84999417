"""One etcd member: its configuration and ids, the store it owns, and what of its work is due.

Services call a node; whoever hosts it (a listener's loop, a test) tells it the time and runs what
is due. Nothing here knows requests, sockets or a clock.
etcd: server/etcdserver/server.go, server/etcdserver/api/v3rpc/header.go.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fake_etcd.core import cluster
from fake_etcd.core.journal import Journal
from fake_etcd.core.mvcc.encoding import varint
from fake_etcd.core.mvcc.store import Store

COMPACTION_SLICE_RECORDS = 2_000
"""Records that one `run_due` looks at: about two milliseconds, so nobody waits for longer."""

_REVISION_PAGE = 128  # headers made at once: revisions that differ in a varint's first byte only


_GRPC_OVERHEAD_BYTES = 512 * 1024


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """What a member is started with; defaults are etcd's.

    Args:
        name: `--name`.
        initial_advertise_peer_urls: `--initial-advertise-peer-urls`; with the token they make the
            member's and the cluster's id.
        initial_cluster_token: `--initial-cluster-token`.
        advertise_client_urls: `--advertise-client-urls`, what a member list shows.
        max_request_bytes: `--max-request-bytes`, the largest write that is accepted.
        max_txn_ops: `--max-txn-ops`, per branch of a transaction.
    """

    name: str = "default"
    initial_advertise_peer_urls: tuple[str, ...] = ("http://localhost:2380",)
    initial_cluster_token: str = "etcd-cluster"
    advertise_client_urls: tuple[str, ...] = ()
    max_request_bytes: int = 1_572_864
    max_txn_ops: int = 128

    @property
    def max_receive_bytes(self) -> int:
        """The largest gRPC message that is read (etcd: config.go, MaxRequestBytesWithOverhead)."""
        return self.max_request_bytes + _GRPC_OVERHEAD_BYTES


class Node:
    """A member with its state.

    Args:
        config: what it is started with.

    Attributes:
        store: the keys. Change it through the node where the node has a method for it.
        journal: undo, for everything this node owns.
        member_id, cluster_id: as etcd computes them, 64 bits.
        raft_term: 2, the term of a single member after its first election.
        header_prefix: the fields of a ResponseHeader before the revision, encoded.
        on_due: called when there is work for `run_due` and was none before. The host sets it.
    """

    def __init__(self, config: NodeConfig | None = None) -> None:
        self.config = config or NodeConfig()
        self.journal = Journal()
        self.store = Store(self.journal)
        self.member_id = cluster.member_id(
            self.config.initial_advertise_peer_urls, self.config.initial_cluster_token
        )
        self.cluster_id = cluster.cluster_id([self.member_id])
        self.raft_term = 2
        self.header_prefix = b"\x08" + _varint64(self.cluster_id)
        self.header_prefix += b"\x10" + _varint64(self.member_id)
        self.on_due: Callable[[], None] = _nobody
        self._compaction_waiters: list[Callable[[], None]] = []
        self._header_suffix = b"\x20" + varint(self.raft_term)
        self._header_page_number = -1
        self._header_page: list[bytes] = []

    def header(self, revision: int) -> bytes:
        """Field 1 of an answer: tag, length and ResponseHeader with this revision (1 or more).

        Headers are made for 128 revisions in a row at a time, so one costs a list look-up: 0.1 us.
        """
        if revision >> 7 != self._header_page_number:
            self._turn_to_page(revision >> 7)
        return self._header_page[revision & 0x7F]

    def _turn_to_page(self, number: int) -> None:
        """A varint has its lowest seven bits first; a page holds all of them over one rest."""
        if number:
            rest = varint(number) + self._header_suffix
            revisions = [bytes((low | 0x80,)) + rest for low in range(_REVISION_PAGE)]
        else:
            revisions = [bytes((low,)) + self._header_suffix for low in range(_REVISION_PAGE)]
        body = self.header_prefix + b"\x18"
        start = b"\x0a" + varint(len(body) + len(revisions[0])) + body
        self._header_page = [start + revision for revision in revisions]
        self._header_page_number = number

    def lease_exists(self, lease: int) -> bool:
        """Whether a key can be attached to this lease. There are none yet."""
        return False

    def compact(self, revision: int) -> None:
        """Forgets what was superseded at `revision`; at once for readers, in slices in memory.

        Raises:
            errors.COMPACTED, errors.FUTURE_REV: as `Store.compact`.
        """
        was_due = self.store.compaction_pending
        self.store.compact(revision)
        if self.store.compaction_pending and not was_due:
            self.on_due()

    def when_compacted(self, callback: Callable[[], None]) -> None:
        """Calls back once no compaction is under way any more: now, or from `run_due`."""
        if self.store.compaction_pending:
            self._compaction_waiters.append(callback)
        else:
            callback()

    def forget_compaction_waiter(self, callback: Callable[[], None]) -> None:
        """Drops a callback of `when_compacted`, if it still waits."""
        if callback in self._compaction_waiters:
            self._compaction_waiters.remove(callback)

    def next_due(self, now: float) -> float | None:
        """When `run_due` has something to do, in seconds on the clock of `now`; None for never."""
        return now if self.store.compaction_pending else None

    def run_due(self, now: float) -> None:
        """Does a slice of what is due. Ask `next_due` afterwards whether more is left."""
        store = self.store
        if store.compaction_pending and not store.compact_step(COMPACTION_SLICE_RECORDS):
            waiters, self._compaction_waiters = self._compaction_waiters, []
            for callback in waiters:
                callback()


def _nobody() -> None:
    """Stands in for a host: work stays due until somebody calls `run_due`."""


def _varint64(number: int) -> bytes:
    """The varint of a uint64: that of the int64 with the same bits."""
    return varint(number - (1 << 64) if number >> 63 else number)
