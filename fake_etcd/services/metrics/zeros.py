"""The series that dashboards ask for, and that are always zero here.

etcd: as `given`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Zero:
    """A series that dashboards ask for, and that is always zero here.

    Args:
        name: etcd's.
        kind: "counter", "gauge" or "histogram".
        reason: why.
        first, buckets: of a histogram: the first bound, in seconds, and how many there are, each
            twice the one before.
    """

    name: str
    kind: str
    reason: str
    first: float = 0.0
    buckets: int = 0


_NO_DISK = "nothing is written to a disk"
_ONE_MEMBER = "there is one member, that agrees with itself at once"
_NEVER_SLOW = "no request waits for another"

ZEROS: tuple[Zero, ...] = (
    Zero("etcd_debugging_mvcc_pending_events_total", "gauge", "what is to be told is told at once"),
    Zero("etcd_disk_backend_commit_duration_seconds", "histogram", _NO_DISK, 0.001, 14),
    Zero("etcd_disk_backend_defrag_duration_seconds", "histogram", _NO_DISK, 0.1, 13),
    Zero("etcd_disk_backend_snapshot_duration_seconds", "histogram", _NO_DISK, 0.01, 17),
    Zero("etcd_disk_defrag_inflight", "gauge", _NO_DISK),
    Zero("etcd_disk_wal_fsync_duration_seconds", "histogram", _NO_DISK, 0.001, 14),
    Zero("etcd_disk_wal_write_bytes_total", "gauge", _NO_DISK),
    Zero("etcd_disk_wal_write_duration_seconds", "histogram", _NO_DISK, 0.001, 14),
    Zero("etcd_mvcc_db_open_read_transactions", "gauge", "a read is over before the next begins"),
    Zero("etcd_server_heartbeat_send_failures_total", "counter", _ONE_MEMBER),
    Zero("etcd_server_learner_promote_successes", "counter", _ONE_MEMBER),
    Zero("etcd_server_proposals_failed_total", "counter", _ONE_MEMBER),
    Zero("etcd_server_proposals_pending", "gauge", _ONE_MEMBER),
    Zero("etcd_server_read_indexes_failed_total", "counter", _ONE_MEMBER),
    Zero("etcd_server_slow_apply_total", "counter", _NEVER_SLOW),
    Zero("etcd_server_slow_read_indexes_total", "counter", _NEVER_SLOW),
    Zero("etcd_server_snapshot_apply_in_progress_total", "gauge", _ONE_MEMBER),
    Zero("etcd_snap_db_fsync_duration_seconds", "histogram", _NO_DISK, 0.001, 14),
    Zero("etcd_snap_fsync_duration_seconds", "histogram", _NO_DISK, 0.001, 14),
)


def bounds(zero: Zero) -> list[str]:
    """The bounds of a histogram's buckets, as they are written.

    >>> bounds(Zero("", "histogram", "", 0.001, 3))
    ['0.001', '0.002', '0.004', '+Inf']
    """
    exact = [round(zero.first * math.ldexp(1, place), 6) for place in range(zero.buckets)]
    return [*(f"{bound:g}" if bound < 1 else f"{bound:.6g}" for bound in exact), "+Inf"]
