"""docs/metrics.md: what of etcd's metrics is given, always zero, or not there, each with a reason.

etcd's series come from a page of its own that the conformance suite has recorded; a test keeps the
document true: it says what to put there.
"""

from __future__ import annotations

from collections.abc import Mapping

from fake_etcd.services.metrics.given import SERIES
from fake_etcd.services.metrics.page import OF_THE_PROCESS
from fake_etcd.services.metrics.zeros import ZEROS

Recorded = Mapping[str, tuple[str, list[str]]]
"""Kind and names of labels of each of etcd's series."""

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
together when somebody asks. `--metrics=extensive` also times calls: \
`grpc_server_handling_seconds`, a histogram by method. With `--control` that is by the clock that \
the test owns: while it is frozen, calls take no time.

This page is made from a page of real etcd's, which `python -m conformance.metrics` records, and \
from what is given here; a test keeps it true.
"""


def markdown(real: Recorded) -> str:
    """The document, for etcd's series."""
    given = {series.name: series.help for series in SERIES}
    given |= dict.fromkeys(OF_THE_PROCESS, "Of the process, where there is `/proc`.")
    zeros = {zero.name: zero.reason for zero in ZEROS}
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
