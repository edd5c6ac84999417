"""/metrics beside real etcd's page, as it was recorded; and the page of the docs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from conformance.metrics import Seen, asked, compared, read, recorded
from conformance.targets import FakeEtcd
from fake_etcd.services.metrics.document import ABSENT, markdown, reason
from fake_etcd.services.metrics.given import SERIES
from fake_etcd.services.metrics.page import OF_THE_PROCESS
from fake_etcd.services.metrics.zeros import ZEROS

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"


@pytest.fixture(scope="module")
def text() -> Iterator[str]:
    with asked(FakeEtcd()) as page:
        yield page


@pytest.fixture(scope="module")
def ours(text: str) -> Seen:
    return read(text)


def test_each_series_is_given_or_zero_or_absent_for_a_reason() -> None:
    real, _ = recorded()
    tables = [
        [series.name for series in SERIES],
        [*OF_THE_PROCESS],
        [zero.name for zero in ZEROS],
        [name for name in real if reason(name) is not None],
    ]
    assert sorted(name for table in tables for name in table) == sorted(real)


def test_every_reason_is_one_of_something() -> None:
    real, _ = recorded()
    unused = [
        key
        for key in ABSENT
        if not any(name == key or name.startswith(key.rstrip("*")) for name in real)
    ]
    assert unused == []


def test_series_have_the_kinds_and_labels_of_etcds(ours: Seen) -> None:
    real, _ = recorded()
    assert {name: (kind, ours.labels[name]) for name, kind in ours.kinds.items()} == {
        name: real[name] for name in ours.kinds
    }


def test_all_that_is_said_to_be_given_is_there(ours: Seen) -> None:
    names = {series.name for series in SERIES} | {zero.name for zero in ZEROS}
    assert names | set(OF_THE_PROCESS) == set(ours.kinds)


def test_values_are_those_of_etcd(ours: Seen) -> None:
    _, values = recorded()
    assert compared(ours) == values


def test_what_is_always_zero_is_zero(ours: Seen) -> None:
    zeros = tuple(zero.name for zero in ZEROS)
    assert {value for name, value in ours.samples.items() if name.startswith(zeros)} == {0}


def test_buckets_are_those_of_etcd(ours: Seen) -> None:
    bounds = [name for name in ours.samples if name.startswith("etcd_disk_wal_fsync_")]
    assert len(bounds) == 15 + 2


def test_prometheus_reads_the_page(text: str) -> None:
    families = list(text_string_to_metric_families(text))
    assert {family.type for family in families} == {"counter", "gauge", "histogram"}
    values = {sample.name: sample.value for family in families for sample in family.samples}
    assert values["etcd_mvcc_put_total"] == 6


def test_the_page_of_the_docs_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == markdown(recorded()[0]), "put there what it gives"
