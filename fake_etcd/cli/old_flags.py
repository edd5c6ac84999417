"""Flags of etcd 3.4 to 3.6 that 3.7 has no more, and exits with 2 for: taken here with a warning.

Who runs the same command line on several releases of etcd has them still. Source: the flag sets of
those releases (server/embed/config.go, server/etcdmain/config.go).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fake_etcd.cli.flag_table import Kind


@dataclass(frozen=True, slots=True)
class OldFlag:
    """One row: what it was called, took, which release dropped it, and what it became.

    `successor` is a flag that takes the same value, `gate` a feature gate that it switches; both
    are empty where it does nothing now.
    """

    name: str
    kind: Kind
    dropped_in: str
    successor: str = ""
    gate: str = ""

    @property
    def message(self) -> str:
        """What is warned of it."""
        became = "it does nothing"
        if self.successor:
            became = f"it is taken for --{self.successor}"
        elif self.gate:
            became = f"it is taken for --feature-gates={self.gate}"
        return f"--{self.name} was dropped in etcd {self.dropped_in}; {became}"


def _renamed(name: str, kind: Kind) -> OldFlag:
    return OldFlag(f"experimental-{name}", kind, "3.7", successor=name)


def _gated(name: str, gate: str) -> OldFlag:
    return OldFlag(f"experimental-{name}", Kind.SWITCH, "3.7", gate=gate)


OLD_FLAGS: tuple[OldFlag, ...] = (
    OldFlag("discovery", Kind.TEXT, "3.7"),
    OldFlag("discovery-proxy", Kind.TEXT, "3.7"),
    _renamed("bootstrap-defrag-threshold-megabytes", Kind.COUNT),
    _renamed("compact-hash-check-time", Kind.DURATION),
    _renamed("compaction-batch-limit", Kind.INTEGER),
    _renamed("compaction-sleep-interval", Kind.DURATION),
    _renamed("corrupt-check-time", Kind.DURATION),
    _renamed("distributed-tracing-address", Kind.TEXT),
    _renamed("distributed-tracing-instance-id", Kind.TEXT),
    _renamed("distributed-tracing-sampling-rate", Kind.INTEGER),
    _renamed("distributed-tracing-service-name", Kind.TEXT),
    _renamed("downgrade-check-time", Kind.DURATION),
    _renamed("enable-distributed-tracing", Kind.SWITCH),
    _renamed("memory-mlock", Kind.SWITCH),
    _renamed("peer-skip-client-san-verification", Kind.SWITCH),
    _renamed("snapshot-catchup-entries", Kind.COUNT),
    _renamed("warning-apply-duration", Kind.DURATION),
    _renamed("warning-unary-request-duration", Kind.DURATION),
    _renamed("watch-progress-notify-interval", Kind.DURATION),
    _gated("compact-hash-check-enabled", "CompactHashCheck"),
    _gated("enable-lease-checkpoint", "LeaseCheckpoint"),
    _gated("enable-lease-checkpoint-persist", "LeaseCheckpointPersist"),
    _gated("initial-corrupt-check", "InitialCorruptCheck"),
    _gated("stop-grpc-service-on-defrag", "StopGRPCServiceOnDefrag"),
    _gated("txn-mode-write-with-shared-buffer", "TxnModeWriteWithSharedBuffer"),
    OldFlag("enable-v2", Kind.SWITCH, "3.6"),
    OldFlag("experimental-enable-v2v3", Kind.TEXT, "3.6"),
    OldFlag("proxy", Kind.TEXT, "3.6"),
    OldFlag("proxy-dial-timeout", Kind.COUNT, "3.6"),
    OldFlag("proxy-failure-wait", Kind.COUNT, "3.6"),
    OldFlag("proxy-read-timeout", Kind.COUNT, "3.6"),
    OldFlag("proxy-refresh-interval", Kind.COUNT, "3.6"),
    OldFlag("proxy-write-timeout", Kind.COUNT, "3.6"),
    OldFlag("debug", Kind.SWITCH, "3.5"),
    OldFlag(
        "experimental-backend-bbolt-freelist-type",
        Kind.TEXT,
        "3.5",
        successor="backend-bbolt-freelist-type",
    ),
    OldFlag("log-output", Kind.TEXT_SET, "3.5", successor="log-outputs"),
    OldFlag("log-package-levels", Kind.TEXT, "3.5"),
)

OLD_BY_NAME: Mapping[str, OldFlag] = {flag.name: flag for flag in OLD_FLAGS}
