"""Real etcd's page of metrics, to compare ours with; `python -m conformance.metrics` records it.

Both servers are asked the same and then for /metrics. Which series real etcd's page has is kept
beside the transcripts, and the values that are the same on every server.
"""

from __future__ import annotations

import contextlib
import json
import re
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass

from fake_etcd.api import messages as m

from . import recordings
from .session import Session
from .targets import RealEtcd, Target

RECORDED = recordings.ROOT / recordings.DEFAULT / "metrics.json"

_SAMPLE = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_TYPE = re.compile(r"^# TYPE (\S+) (\S+)$", re.MULTILINE)
_PARTS = ("_bucket", "_sum", "_count")

Samples = dict[str, float]
"""Values by name and labels, as they are written, these in order."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A page of metrics.

    Args:
        kinds: of the series, by name.
        labels: their labels' names.
        samples: their values.
    """

    kinds: dict[str, str]
    labels: dict[str, list[str]]
    samples: Samples


def read(page: str) -> Seen:
    """What a page in the text format says."""
    kinds = dict(_TYPE.findall(page))
    labels: dict[str, list[str]] = {name: [] for name in kinds}
    samples: Samples = {}
    for line in page.splitlines():
        found = _SAMPLE.match(line)
        if not found or line.startswith("#"):
            continue
        pairs = sorted(_LABEL.findall(found[2] or ""))
        name = found[1] if found[1] in kinds else _without_part(found[1])
        labels[name] = sorted({*labels[name], *(key for key, _ in pairs)} - {"le", "quantile"})
        shown = ",".join(f'{key}="{value}"' for key, value in pairs)
        samples[f"{found[1]}{{{shown}}}" if pairs else found[1]] = float(found[3])
    return Seen(kinds, labels, samples)


def _without_part(name: str) -> str:
    return next(name.removesuffix(part) for part in _PARTS if name.endswith(part))


@contextlib.contextmanager
def asked(target: Target) -> Iterator[str]:
    """The page of a new server that was asked this and that."""
    with target.server(()) as at, contextlib.closing(Session(at.url)) as session:
        ask(session)
        with urllib.request.urlopen(f"{at.url}/metrics", timeout=10) as answer:
            yield answer.read().decode()


def ask(s: Session) -> None:
    """The calls behind which pages are compared; good ones, bad ones, streams."""
    put = m.RequestOp(request_put=m.PutRequest(key=b"b", value=b"2"))
    s.put(key=b"a", value=b"1")
    s.put(key=b"a", value=b"2", prev_kv=True)
    s.put()
    s.txn(success=[put])
    s.txn(success=[put, m.RequestOp(request_range=m.RangeRequest(key=b"a"))])
    s.range(key=b"a")
    s.range(key=b"a", range_end=b"z", serializable=True)
    s.range(key=b"a", revision=99)
    s.delete_range(key=b"b")
    s.delete_range(key=b"nothing")
    for id in (7, 8):
        s.call("Lease/LeaseGrant", m.LeaseGrantRequest(ID=id, TTL=600))
    s.call("Lease/LeaseRevoke", m.LeaseRevokeRequest(ID=8))
    s.call("Lease/LeaseRevoke", m.LeaseRevokeRequest(ID=8))
    renewals = s.open("Lease/LeaseKeepAlive")
    renewals.send(m.LeaseKeepAliveRequest(ID=7))
    renewals.receive()
    renewals.half_close()
    renewals.receive()
    watch = s.open("Watch/Watch")
    for key in (b"a", b"c"):
        create = m.WatchCreateRequest(key=key)
        watch.send(m.WatchRequest(create_request=create))
        watch.receive()
    s.put(key=b"a", value=b"3")
    watch.receive()
    s.compact(revision=3)
    s.call("Lock/Lock", m.LockRequest(name=b"l", lease=7))
    s.call("Health/Check", m.HealthCheckRequest(service="nobody"))
    for page in ("/health", "/livez", "/readyz", "/readyz/non_learner"):
        s.http("GET", page)
    s.call("Cluster/MemberList", m.MemberListRequest())


COMPARED = (
    "etcd_cluster_version",
    "etcd_debugging_auth_revision",
    "etcd_debugging_lease_granted_total",
    "etcd_debugging_lease_renewed_total",
    "etcd_debugging_lease_revoked_total",
    "etcd_debugging_mvcc_compact_revision",
    "etcd_debugging_mvcc_current_revision",
    "etcd_debugging_mvcc_events_total",
    "etcd_debugging_mvcc_keys_total",
    "etcd_debugging_mvcc_slow_watcher_total",
    "etcd_debugging_mvcc_watch_stream_total",
    "etcd_debugging_mvcc_watcher_total",
    "etcd_debugging_server_lease_expired_total",
    "etcd_mvcc_delete_total",
    "etcd_mvcc_put_total",
    "etcd_mvcc_txn_total",
    "etcd_server_has_leader",
    "etcd_server_healthcheck",
    "etcd_server_is_leader",
    "etcd_server_is_learner",
    "etcd_server_leader_changes_seen_total",
    "etcd_server_quota_backend_bytes",
    "etcd_server_version",
    "grpc_server_",
)
"""How series begin whose values are the same on both servers."""


def compared(seen: Seen) -> Samples:
    """The values that are the same on both servers, without the many zeros of `grpc_server_`."""
    return {
        name: value
        for name, value in seen.samples.items()
        if name.startswith(COMPARED) and (value or not name.startswith("grpc_server_"))
    }


def record() -> None:
    """Keep what real etcd's page has."""
    with asked(RealEtcd()) as page:
        seen = read(page)
    series = {
        name: {"kind": kind, "labels": seen.labels[name]} for name, kind in seen.kinds.items()
    }
    kept = {"series": series, "values": compared(seen)}
    RECORDED.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def recorded() -> tuple[dict[str, tuple[str, list[str]]], Samples]:
    """Real etcd's series, with their kinds and labels, and the values to compare."""
    kept = json.loads(RECORDED.read_text(encoding="utf-8"))
    series = {name: (each["kind"], each["labels"]) for name, each in kept["series"].items()}
    return series, kept["values"]


if __name__ == "__main__":
    record()
