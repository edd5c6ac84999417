"""/metrics: the series of etcd's that are given here, in the text format of Prometheus.

Each row of the tables below is a series by etcd's name, with where its value comes from. What real
etcd has beside them, and why it is not here, is in docs/metrics.md, which is made from these tables
and from a page of real etcd's.
etcd: the metrics.go files of server/etcdserver, server/storage, server/lease and others.
"""

from __future__ import annotations

import functools
import itertools
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import HistogramMetricFamily, Metric

from fake_etcd.api import version
from fake_etcd.api.methods import METHODS, Kind, Method
from fake_etcd.api.status import Code
from fake_etcd.core.counts import BOUNDS, StreamCount
from fake_etcd.core.node import Node
from fake_etcd.core.quota import DEFAULT_BYTES

Labels = Mapping[str, str]
Values = Iterable[tuple[Labels, float]]
"""Samples of a series."""


@dataclass(frozen=True, slots=True)
class Series:
    """A series.

    Args:
        name: etcd's.
        kind: "counter" or "gauge".
        help: what it is.
        read: its samples.
    """

    name: str
    kind: str
    help: str
    read: Callable[[Node], Values]


def _one(read: Callable[[Node], float]) -> Callable[[Node], Values]:
    """A series of one sample without labels."""
    return lambda node: [({}, read(node))]


def _always(value: float) -> Callable[[Node], Values]:
    return lambda _: [({}, value)]


def _named(label: str, name: Callable[[Node], str]) -> Callable[[Node], Values]:
    """A series that says something by its label."""
    return lambda node: [({label: name(node)}, 1)]


# gRPC

_TYPES = {Kind.UNARY: "unary", Kind.SERVER_STREAM: "server_stream", Kind.BIDI: "bidi_stream"}
_CODES = {
    Code.OK: "OK",
    Code.CANCELLED: "Canceled",
    Code.UNKNOWN: "Unknown",
    Code.INVALID_ARGUMENT: "InvalidArgument",
    Code.DEADLINE_EXCEEDED: "DeadlineExceeded",
    Code.NOT_FOUND: "NotFound",
    Code.ALREADY_EXISTS: "AlreadyExists",
    Code.PERMISSION_DENIED: "PermissionDenied",
    Code.RESOURCE_EXHAUSTED: "ResourceExhausted",
    Code.FAILED_PRECONDITION: "FailedPrecondition",
    Code.ABORTED: "Aborted",
    Code.OUT_OF_RANGE: "OutOfRange",
    Code.UNIMPLEMENTED: "Unimplemented",
    Code.INTERNAL: "Internal",
    Code.UNAVAILABLE: "Unavailable",
    Code.DATA_LOSS: "DataLoss",
    Code.UNAUTHENTICATED: "Unauthenticated",
}
_LATE = ("v3electionpb.Election", "v3lockpb.Lock")
"""Services of which etcd has no samples before the first call."""


@functools.cache
def _method_labels(path: str) -> dict[str, str]:
    method = METHODS[path]
    return {
        "grpc_method": method.name,
        "grpc_service": method.service,
        "grpc_type": _TYPES[method.kind],
    }


def _methods(node: Node) -> Iterator[Method]:
    for path, count in node.counts.calls.items():
        if count.started or METHODS[path].service not in _LATE:
            yield METHODS[path]


def _by_method(attribute: str) -> Callable[[Node], Values]:
    def read(node: Node) -> Values:
        for method in _methods(node):
            count = node.counts.calls[method.path]
            yield _method_labels(method.path), getattr(count, attribute)

    return read


def _handled(node: Node) -> Values:
    for method in _methods(node):
        ended = node.counts.calls[method.path].ended
        for code, name in _CODES.items():
            if ended[code] or method.service not in _LATE:
                yield {"grpc_code": name, **_method_labels(method.path)}, ended[code]


# The member


def _checks(node: Node) -> Values:
    for (page, name, is_well), times in sorted(node.counts.checks.items()):
        status = "success" if is_well else "error"
        yield {"name": name, "status": status, "type": page}, times


def _last_checks(node: Node) -> Values:
    for page, name in sorted({(page, name) for page, name, _ in node.counts.checks}):
        is_well = not (name == "data_corruption" and node.alarms.corrupt)
        yield {"name": name, "type": page}, is_well


def _peers(node: Node) -> Values:
    local = f"{node.member_id:x}"
    for member in node.members:
        yield {"Local": local, "Remote": f"{member.id:x}"}, 1


def _open_watches(node: Node) -> float:
    count = node.counts.calls.get("/etcdserverpb.Watch/Watch")
    return count.open if isinstance(count, StreamCount) else 0


def _fds(_: Node) -> Values:
    """Nothing where a system does not say."""
    try:
        return [({}, len(os.listdir("/proc/self/fd")) - 1)]  # the folder itself is one
    except OSError:
        return []


def _fd_limit(_: Node) -> Values:
    try:
        import resource
    except ImportError:
        return []
    return [({}, resource.getrlimit(resource.RLIMIT_NOFILE)[0])]


_MINOR = version.CLUSTER.rpartition(".")[0]

SERIES: tuple[Series, ...] = (
    Series(
        "etcd_cluster_version",
        "gauge",
        "The version of the cluster, as a label.",
        _named("cluster_version", lambda _: _MINOR),
    ),
    Series(
        "etcd_debugging_auth_revision",
        "gauge",
        "Revision of the store of users and roles.",
        _one(lambda node: node.auth.revision),
    ),
    Series(
        "etcd_debugging_lease_granted_total",
        "counter",
        "Leases granted.",
        _one(lambda node: node.lessor.granted),
    ),
    Series(
        "etcd_debugging_lease_renewed_total",
        "counter",
        "Renewals of leases.",
        _one(lambda node: node.lessor.renewed),
    ),
    Series(
        "etcd_debugging_lease_revoked_total",
        "counter",
        "Leases revoked, those that expired among them.",
        _one(lambda node: node.lessor.revoked),
    ),
    Series(
        "etcd_debugging_mvcc_compact_revision",
        "gauge",
        "Revision of the last compaction; -1 before the first.",
        _one(lambda node: node.store.compact_revision),
    ),
    Series(
        "etcd_debugging_mvcc_current_revision",
        "gauge",
        "The newest revision.",
        _one(lambda node: node.store.current_revision),
    ),
    Series(
        "etcd_debugging_mvcc_events_total",
        "counter",
        "Events that watchers were told of.",
        _one(lambda node: node.counts.events),
    ),
    Series(
        "etcd_debugging_mvcc_keys_total",
        "gauge",
        "Keys that there are.",
        _one(lambda node: node.store.key_count),
    ),
    Series(
        "etcd_debugging_mvcc_slow_watcher_total",
        "gauge",
        "Watchers that are behind.",
        _one(lambda node: node.watches.watchers[1]),
    ),
    Series(
        "etcd_debugging_mvcc_watch_stream_total",
        "gauge",
        "Open calls of Watch.",
        _one(_open_watches),
    ),
    Series(
        "etcd_debugging_mvcc_watcher_total",
        "gauge",
        "Watchers that there are.",
        _one(lambda node: node.watches.watchers[0]),
    ),
    Series(
        "etcd_debugging_server_lease_expired_total",
        "counter",
        "Leases that expired.",
        _one(lambda node: node.lessor.expired),
    ),
    Series(
        "etcd_mvcc_db_total_size_in_bytes",
        "gauge",
        "How large the database would be.",
        _one(lambda node: node.db_size.sizes()[0]),
    ),
    Series(
        "etcd_mvcc_db_total_size_in_use_in_bytes",
        "gauge",
        "How much of the database would be in use.",
        _one(lambda node: node.db_size.sizes()[1]),
    ),
    Series(
        "etcd_mvcc_delete_total",
        "counter",
        "Deletions.",
        _one(lambda node: node.store.deletes),
    ),
    Series("etcd_mvcc_put_total", "counter", "Puts.", _one(lambda node: node.store.puts)),
    Series(
        "etcd_mvcc_range_total",
        "counter",
        "Reads, those among them that others take.",
        _one(lambda node: node.store.ranges),
    ),
    Series(
        "etcd_mvcc_txn_total",
        "counter",
        "Transactions of more than one operation.",
        _one(lambda node: node.store.txns),
    ),
    Series(
        "etcd_network_client_grpc_received_bytes_total",
        "counter",
        "Bytes of clients' messages.",
        _one(lambda node: sum(count.received_bytes for count in node.counts.calls.values())),
    ),
    Series(
        "etcd_network_client_grpc_sent_bytes_total",
        "counter",
        "Bytes of messages to clients.",
        _one(lambda node: sum(count.sent_bytes for count in node.counts.calls.values())),
    ),
    Series("etcd_network_known_peers", "gauge", "Members that there are.", _peers),
    Series("etcd_server_has_leader", "gauge", "Whether there is a leader: always.", _always(1)),
    Series(
        "etcd_server_health_failures",
        "counter",
        "Answers of /health that were bad.",
        _one(lambda node: node.counts.unhealthy),
    ),
    Series(
        "etcd_server_health_success",
        "counter",
        "Answers of /health that were good.",
        _one(lambda node: node.counts.healthy),
    ),
    Series(
        "etcd_server_healthcheck",
        "gauge",
        "Whether a check of /livez or /readyz is good.",
        _last_checks,
    ),
    Series(
        "etcd_server_healthchecks_total", "counter", "Checks of /livez and /readyz made.", _checks
    ),
    Series(
        "etcd_server_id",
        "gauge",
        "The member's id, as a label.",
        _named("server_id", lambda node: f"{node.member_id:x}"),
    ),
    Series("etcd_server_is_leader", "gauge", "Whether this is the leader: always.", _always(1)),
    Series("etcd_server_is_learner", "gauge", "Whether this has no vote: never.", _always(0)),
    Series(
        "etcd_server_leader_changes_seen_total",
        "counter",
        "Leaders seen: the one that it became at its start.",
        _always(1),
    ),
    Series(
        "etcd_server_proposals_applied_total",
        "gauge",
        "Entries of the log that were applied.",
        _one(lambda node: node.raft_index),
    ),
    Series(
        "etcd_server_proposals_committed_total",
        "gauge",
        "Entries of the log that were agreed on.",
        _one(lambda node: node.raft_index),
    ),
    Series(
        "etcd_server_quota_backend_bytes",
        "gauge",
        "How large the database may become.",
        _one(lambda node: node.config.quota_backend_bytes or DEFAULT_BYTES),
    ),
    Series(
        "etcd_server_version",
        "gauge",
        "The version of etcd that this is like, as a label.",
        _named("server_version", lambda _: version.SERVER),
    ),
    Series("grpc_server_handled_total", "counter", "Calls that are over.", _handled),
    Series(
        "grpc_server_msg_received_total",
        "counter",
        "Messages that clients sent.",
        _by_method("received"),
    ),
    Series("grpc_server_msg_sent_total", "counter", "Messages to clients.", _by_method("sent")),
    Series("grpc_server_started_total", "counter", "Calls begun.", _by_method("started")),
    Series("os_fd_limit", "gauge", "File descriptors that the process may have.", _fd_limit),
    Series("os_fd_used", "gauge", "File descriptors that the process has.", _fds),
    Series(
        "promhttp_metric_handler_requests_total",
        "counter",
        "Answers of /metrics before this one.",
        lambda node: [
            ({"code": "200"}, node.counts.pages),
            ({"code": "500"}, 0),
            ({"code": "503"}, 0),
        ],
    ),
)
"""What is given, by name."""

OF_THE_PROCESS = (
    "process_cpu_seconds_total",
    "process_max_fds",
    "process_open_fds",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
    "process_virtual_memory_bytes",
)
"""What prometheus_client gives of the process, where there is /proc."""


TIMES = "grpc_server_handling_seconds"
"""What --metrics=extensive gives beside these."""

# Always zero


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


# The page


class _Page:
    """The collector of one node, for one look."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def collect(self) -> Iterator[Metric]:
        for series in SERIES:
            family = Metric(_family(series.name, series.kind), series.help, series.kind)
            for labels, value in series.read(self._node):
                family.add_sample(series.name, dict(labels), value)
            if family.samples:
                yield family
        for zero in ZEROS:
            yield _zero(zero)
        if self._node.config.extensive_metrics:
            yield _times(self._node)


def _times(node: Node) -> Metric:
    labels = ["grpc_method", "grpc_service", "grpc_type"]
    family = HistogramMetricFamily(TIMES, "How long calls take, in seconds.", labels=labels)
    limits = [*(f"{bound:g}" for bound in BOUNDS), "+Inf"]
    for method in _methods(node):
        count = node.counts.calls[method.path]
        so_far = map(float, itertools.accumulate(count.times))
        buckets = list(zip(limits, so_far, strict=True))
        family.add_metric([*_method_labels(method.path).values()], buckets, count.seconds)
    return family


def _family(name: str, kind: str) -> str:
    """A name as prometheus_client wants it, which puts the end of a counter's there itself."""
    return name.removesuffix("_total") if kind == "counter" else name


def _zero(zero: Zero) -> Metric:
    help = f"Always zero: {zero.reason}."
    if zero.kind == "histogram":
        buckets = [(bound, 0.0) for bound in bounds(zero)]
        return HistogramMetricFamily(zero.name, help, buckets=buckets, sum_value=0.0)
    family = Metric(_family(zero.name, zero.kind), help, zero.kind)
    family.add_sample(zero.name, {}, 0.0)
    return family


_KINDS = {row.name: row.kind for row in SERIES} | {row.name: row.kind for row in ZEROS}
_ODD = [
    name.encode()
    for name, kind in _KINDS.items()
    if kind == "counter" and not name.endswith("_total")
]
"""Counters whose names prometheus_client would put right in what it says of them."""


def text(node: Node) -> bytes:
    """The page, of this moment. Some milliseconds."""
    registry = CollectorRegistry()
    registry.register(_Page(node))
    ProcessCollector(registry=registry)
    written: bytes = generate_latest(registry)
    for name in _ODD:
        for start in (b"# HELP ", b"# TYPE "):
            written = written.replace(start + name + b"_total ", start + name + b" ")
    return written
