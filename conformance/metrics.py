"""Which of real etcd's metrics are given: `python -m conformance.metrics record`, or `page`.

Both servers are asked the same and then for /metrics. What real etcd's page has is kept beside the
transcripts; docs/metrics.md says of each of its series whether it is given here.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from fake_etcd.api import messages as m
from fake_etcd.services import metrics

from . import recordings
from .session import Session
from .targets import RealEtcd, Target

RECORDED = recordings.ROOT / recordings.DEFAULT / "metrics.json"
PAGE = Path("docs/metrics.md")

_NOT_TIMED = "calls and their parts are not timed"
_NO_DATABASE = "there is no database file whose parts could be timed"
_NO_GO = "it is Go's, and there is none"
_NO_PROXY = "etcd has it for its proxy, and it is zero in a server"

ABSENT: Mapping[str, str] = {
    "etcd_debugging_disk_*": _NO_DATABASE,
    "etcd_debugging_lease_ttl_total": "the lengths of leases are not put into classes",
    "etcd_debugging_mvcc_db_compaction_*": _NO_DATABASE,
    "etcd_debugging_mvcc_index_compaction_*": _NO_DATABASE,
    "etcd_debugging_mvcc_total_put_size_in_bytes": "to add it up would cost each put",
    "etcd_debugging_server_watch_send_loop_*": _NOT_TIMED,
    "etcd_debugging_snap_*": _NO_DATABASE,
    "etcd_debugging_store_*": "it is of the store of version 2, which nobody can ask",
    "etcd_grpc_proxy_*": _NO_PROXY,
    "etcd_mvcc_hash_*": _NOT_TIMED,
    "etcd_server_apply_duration_seconds": _NOT_TIMED,
    "etcd_server_client_requests_total": "to look for the client's version would cost each call",
    "etcd_server_feature_enabled": "the features that it names change nothing here",
    "etcd_server_go_version": _NO_GO,
    "etcd_server_range_duration_seconds": _NOT_TIMED,
    "etcd_server_request_duration_seconds": _NOT_TIMED,
    "etcd_snap_db_save_total_duration_seconds": _NO_DATABASE,
    "go_*": _NO_GO,
    "process_network_*": "it is of the whole machine, whatever its name",
    "process_virtual_memory_max_bytes": "it is the limit of an address space, and says nothing",
    "promhttp_metric_handler_requests_in_flight": "one is answered before the next is looked at",
}
"""Why a series is not there, by name; a star at the end stands for all that begin so."""

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


def reason(name: str) -> str | None:
    """Why a series is not there; None where nobody says."""
    if name in ABSENT:
        return ABSENT[name]
    fitting = (why for key, why in ABSENT.items() if key[-1] == "*" and name.startswith(key[:-1]))
    return next(fitting, None)


_HEAD = """# Metrics

`/metrics` has those of etcd 3.7's series that dashboards and alerts use, by their names and \
with their labels, in Prometheus' text format. It is on the client URLs, and on those of \
`--listen-metrics-urls`. The numbers are the server's own and begin with it; `FakeEtcd.restore` \
takes none of them back. Counting costs a call about a third of a microsecond; the page is put \
together when somebody asks.

This page is made by `python -m conformance.metrics page` from a page of real etcd's and from \
what is given here; a test keeps it true.
"""


def markdown() -> str:
    """docs/metrics.md."""
    real, _ = recorded()
    given = {series.name: series.help for series in metrics.SERIES}
    given |= dict.fromkeys(metrics.OF_THE_PROCESS, "Of the process, where there is `/proc`.")
    zeros = {zero.name: zero.reason for zero in metrics.ZEROS}
    lines = [_HEAD, "## Given", "", "| series | kind | labels | |", "| --- | --- | --- | --- |"]
    for name in sorted(given):
        kind, labels = real[name]
        shown = ", ".join(f"`{label}`" for label in labels)
        lines.append(f"| `{name}` | {kind} | {shown} | {given[name]} |")
    lines += ["", "## Always zero", "", "| series | kind | because |", "| --- | --- | --- |"]
    lines += [f"| `{name}` | {real[name][0]} | {zeros[name]} |" for name in sorted(zeros)]
    lines += ["", "## Not there", "", "| series | kind | because |", "| --- | --- | --- |"]
    for name in sorted(real.keys() - given.keys() - zeros.keys()):
        lines.append(f"| `{name}` | {real[name][0]} | {reason(name)} |")
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    """`record` asks real etcd; `page` writes docs/metrics.md."""
    parser = argparse.ArgumentParser(prog="python -m conformance.metrics", description=__doc__)
    parser.add_argument("command", choices=("record", "page"))
    if parser.parse_args(arguments).command == "record":
        record()
    else:
        PAGE.write_text(markdown(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
