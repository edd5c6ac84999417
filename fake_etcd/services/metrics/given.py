"""The series of etcd's that are given, and where each has its value from.

etcd: the metrics.go files of server/etcdserver, server/storage, server/lease and others.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from fake_etcd.api import version
from fake_etcd.api.methods import METHODS, SERVED, Kind, Method
from fake_etcd.api.status import Code
from fake_etcd.core.counts import StreamCount
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
def method_labels(path: str) -> dict[str, str]:
    method = METHODS[path]
    return {
        "grpc_method": method.name,
        "grpc_service": method.service,
        "grpc_type": _TYPES[method.kind],
    }


def methods(node: Node) -> Iterator[Method]:
    """What the pages tell of, in the table's order."""
    for path, method in SERVED.items():
        if method.service not in _LATE or node.counts.of(path).started:
            yield method


def _by_method(attribute: str) -> Callable[[Node], Values]:
    def read(node: Node) -> Values:
        for method in methods(node):
            count = node.counts.of(method.path)
            yield method_labels(method.path), getattr(count, attribute)

    return read


def _handled(node: Node) -> Values:
    for method in methods(node):
        ended = node.counts.of(method.path).ended
        for code, name in _CODES.items():
            times = ended.get(code, 0)
            if times or method.service not in _LATE:
                yield {"grpc_code": name, **method_labels(method.path)}, times


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


def _cluster_versions(node: Node) -> Values:
    """Those that it was of before are there, and are 0."""
    for each in sorted(node.versions.seen):
        yield {"cluster_version": f"{each.major}.{each.minor}"}, each == node.versions.cluster


SERIES: tuple[Series, ...] = (
    Series(
        "etcd_cluster_version",
        "gauge",
        "The version of the cluster, as a label.",
        _cluster_versions,
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
