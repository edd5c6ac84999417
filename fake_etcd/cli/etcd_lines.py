"""The lines of etcd's log that a start and a stop have here, too: one table of them.

Launchers wait for some and people look for others, so level, message and caller are those of etcd
3.7.3; a test holds them to a real server's log. What tells of raft, bbolt and files is left out,
for there is none of it here.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import NamedTuple

from fake_etcd.cli.usage import Warned


class Line(NamedTuple):
    """A line without its fields: level, where etcd has it, what it says."""

    level: int
    caller: str
    message: str


RUNNING = Line(logging.INFO, "etcdmain/etcd.go:63", "Running: ")
SINGLE_PORT: Warned = (
    "Running http and grpc server on single port. This is not recommended for production.",
    {},
)
NO_DATA_DIR = Line(logging.CRITICAL, "etcdmain/etcd.go:201", "failed to list data directory")
BOTH_TYPES = Line(
    logging.CRITICAL,
    "etcdmain/etcd.go:221",
    "invalid datadir; both member and proxy directories exist",
)
OF_A_PROXY = Line(
    logging.CRITICAL - 1,  # `logs.PANIC`
    "etcdmain/etcd.go:114",
    "v2 http proxy has already been deprecated in 3.6",
)
DEFAULT_HOST = Line(logging.INFO, "etcdmain/etcd.go:83", "detected default host for advertise")
DEFAULT_DATA_DIR = Line(
    logging.WARNING, "etcdmain/etcd.go:94", "'data-dir' was empty; using default"
)
INITIALIZED = Line(logging.INFO, "etcdmain/etcd.go:105", "server has already been initialized")
INITIALIZE = Line(logging.INFO, "etcdmain/etcd.go:122", "Initialize and start etcd server")
SOCKET_OPTIONS = Line(logging.INFO, "embed/etcd.go:132", "configuring socket options")
CONFIGURING_CLIENTS = Line(logging.INFO, "embed/etcd.go:146", "configuring client listeners")
CONFIGURING_PEERS = Line(logging.INFO, "embed/etcd.go:138", "configuring peer listeners")
NO_PEER_LISTENER = Line(logging.ERROR, "embed/etcd.go:582", "creating peer listener failed")
BOOTSTRAP_FAILED = Line(logging.ERROR, "etcdserver/server.go:298", "bootstrap failed")
SERVING_METRICS = Line(logging.INFO, "embed/etcd.go:886", "serving metrics")
SERVING_PEERS = Line(logging.INFO, "embed/etcd.go:636", "serving peer traffic")
STOPPING_PEERS = Line(logging.INFO, "embed/etcd.go:617", "stopping serving peer traffic")
STOPPED_PEERS = Line(logging.INFO, "embed/etcd.go:622", "stopped serving peer traffic")
STARTING_AN_ETCD_SERVER = Line(logging.INFO, "embed/etcd.go:321", "starting an etcd server")
STARTING_ETCD_SERVER = Line(logging.INFO, "etcdserver/server.go:584", "starting etcd server")
STARTING_AGAIN = Line(logging.INFO, "etcdserver/server.go:575", STARTING_ETCD_SERVER.message)
NOW_SERVING = Line(logging.INFO, "embed/etcd.go:290", "now serving peer/client/metrics")
PUBLISHED = Line(
    logging.INFO,
    "etcdserver/server.go:1828",
    "published local member to cluster through raft",
)
READY = Line(logging.INFO, "embed/serve.go:139", "ready to serve client requests")
NOTIFYING = Line(logging.INFO, "etcdmain/main.go:44", "notifying init daemon")
NOTIFIED = Line(logging.INFO, "etcdmain/main.go:50", "successfully notified init daemon")
NOT_NOTIFIED = Line(logging.ERROR, "etcdmain/main.go:47", "failed to notify systemd for readiness")
INSECURELY = Line(
    logging.INFO,
    "embed/serve.go:219",
    "serving client traffic insecurely; this is strongly discouraged!",
)
SECURELY = Line(logging.INFO, "embed/serve.go:288", "serving client traffic securely")
DISCOVERY_FAILED = Line(logging.CRITICAL, "etcdmain/etcd.go:157", "discovery failed")
"""What etcd says of whatever keeps it from starting, an address that is taken among it."""
NO_PEER_CERTIFICATE = Line(
    logging.CRITICAL, "embed/etcd.go:536", "failed to get peer self-signed certs"
)
LISTENER_FAILED = Line(logging.CRITICAL, "etcdmain/etcd.go:172", "listener failed")
"""What it says of TLS that cannot be, on addresses of clients: it listens there already."""
SIGNAL = Line(logging.INFO, "osutil/interrupt_unix.go:65", "received signal; shutting down")
CLOSING = Line(logging.INFO, "embed/etcd.go:422", "closing etcd server")
SKIPPED_TRANSFER = Line(
    logging.INFO,
    "etcdserver/server.go:1293",
    "skipped leadership transfer for single voting member cluster",
)
CLOSED = Line(logging.INFO, "embed/etcd.go:424", "closed etcd server")
REQUEST_STATS = Line(logging.WARNING, "v3rpc/interceptor.go:203", "request stats")
REQUEST_STATS_ALL = Line(logging.DEBUG, "v3rpc/interceptor.go:187", "request stats")
SLOW_APPLY = Line(logging.WARNING, "txn/util.go:93", "apply request took too long")
FAILED_APPLY = Line(logging.WARNING, "txn/util.go:46", "failed to apply request")

_WARNING_CALLERS = {
    "Running http and grpc server on single port": "embed/config.go:956",
    "it isn't recommended to use default name": "embed/config.go:1048",
    "--max-snapshots is deprecated": "etcdmain/config.go:184",
    "--v2-deprecation is deprecated": "etcdmain/config.go:184",
    "found invalid file under data directory": "etcdmain/etcd.go:212",
    "check file permission": "fileutil/fileutil.go:56",
}
"""Where etcd has the warnings that begin so; the others are ours."""


def warn(log: logging.Logger, message: str, fields: Mapping[str, object]) -> None:
    """Log a warning, with etcd's caller where it is one of etcd's."""
    extra: dict[str, object] = {"fields": fields}
    for start, caller in _WARNING_CALLERS.items():
        if message.startswith(start):
            extra["caller"] = caller
    log.warning(message, extra=extra)


def say(log: logging.Logger, line: Line, **fields: object) -> None:
    """Log it with these fields, in this order; an underscore is a hyphen there, as etcd has it."""
    say_with(log, line, {name.replace("_", "-"): value for name, value in fields.items()})


def say_with(log: logging.Logger, line: Line, fields: Mapping[str, object]) -> None:
    """Log it with these fields, in this order."""
    log.log(line.level, line.message, extra={"caller": line.caller, "fields": fields})
