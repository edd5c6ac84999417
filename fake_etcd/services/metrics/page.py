"""The page /metrics, in the text format of Prometheus.

What real etcd has beside the series of `given` and `zeros`, and why it is not here, is in
docs/metrics.md, which `document` makes from these tables and from a page of real etcd's.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import HistogramMetricFamily, Metric

from fake_etcd.core.counts import BOUNDS
from fake_etcd.core.node import Node
from fake_etcd.services.metrics.given import SERIES, method_labels, methods
from fake_etcd.services.metrics.zeros import ZEROS, Zero, bounds

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
    for method in methods(node):
        count = node.counts.of(method.path)
        so_far = map(float, itertools.accumulate(count.times))
        buckets = list(zip(limits, so_far, strict=True))
        family.add_metric([*method_labels(method.path).values()], buckets, count.seconds)
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
