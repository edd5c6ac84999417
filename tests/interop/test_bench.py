"""The parts of the bench that judge and write, on made-up measurements; nothing is measured."""

from __future__ import annotations

import os
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from bench import crowd, gateway, report, secured, servers, svg
from bench.bars import BARS, Bar
from bench.calling import Calling
from bench.clients import Clients
from bench.concurrency import Locks
from bench.counting import Counting
from bench.crowd import Crowd
from bench.fixture import Fixture
from bench.gateway import Gateway
from bench.growth import Growth
from bench.in_process import InProcess
from bench.lives import Lives
from bench.measure import Load
from bench.report import Results
from bench.scenarios import SCENARIOS, Turns
from bench.snapshots import Snapshot
from bench.watching import Watching


def made_up() -> Results:
    """Three turns in which ours is twice as fast as real etcd, whatever the machine did."""
    turns = Turns(
        {"real": [10.0, 40.0, 20.0], "uvloop": [20.0, 80.0, 40.0], "asyncio": [10.0, 40.0, 20.0]}
        | {"limit": [99.0, 99.0, 99.0]}
    )
    both = Turns({name: turns.by_server[name] for name in ("real", "uvloop")})
    secure = Turns({name: turns.by_server[name] for name in ("real", "uvloop", "asyncio")})
    fields = ("per_second", "p50_us", "p99_us", "max_us", "cpu_us", "client_cpu_us")
    costs = {"get": [(1_000, 5.0), (1_000_000, 5.5)]}
    grown = Growth(costs, empty_bytes=30_000_000, memory=[(1_000_000, 530_000_000)])
    return Results(
        command="python -m bench",
        turns=3,
        speed={scenario.name: dict.fromkeys(fields, turns) for scenario in SCENARIOS},
        secured={scenario.name: dict.fromkeys(fields, secure) for scenario in secured.SCENARIOS},
        crowd=Crowd(
            few={operation: dict.fromkeys(fields, both) for operation in crowd.OPERATIONS},
            many={
                operation: dict.fromkeys(
                    fields, Turns({"real": [8.0, 20.0, 16.0], "uvloop": [18.0, 64.0, 30.0]})
                )
                for operation in crowd.OPERATIONS
            },
        ),
        gateway=Gateway(
            {name: dict.fromkeys(gateway.MEASURES, both) for name in gateway.OPERATIONS}
        ),
        locks=Locks(own=both, shared=both, serial=both),
        clients=Clients(
            {
                what: {"stub": [9.0], "clientv3": [6.0], other: [4.0]}
                for what, other in (
                    ("put", "etcd3"),
                    ("get", "etcd3"),
                    ("aio put", "aetcd"),
                    ("aio get", "aetcd"),
                    ("watch of 100", "etcd3"),
                    ("aio-watch of 100", "aetcd"),
                )
            },
            0.2,
        ),
        counting=Counting(
            {
                operation: [
                    (load(98.0), load(100.0)),
                    (load(50.0), load(0.0)),
                    (load(20.0), load(10.0)),
                    (load(40.0), load(80.0)),
                ]
                for operation in ("get", "put")
            }
        ),
        lives=Lives(
            Turns({"real": [0.5], "uvloop": [0.2], "asyncio": [0.2]}),
            Turns({"real": [0.02], "uvloop": [0.03], "asyncio": [0.04]}),
        ),
        fixture=Fixture(first_ms=20.0, next_ms=0.5),
        in_process=InProcess(
            handler=[2.0, 20.0],
            channel=[6.0, 26.0],
            messages=[7.0, 70.0],
            loopback=[70.0, 700.0],
            aio=[30.0, 300.0],
            aio_loopback=[120.0, 1_200.0],
        ),
        keys={"real": grown, "uvloop": grown},
        history={"real": grown, "uvloop": grown},
        watching=Watching(*[turns] * 8),
        calling=Calling(
            puts=both,
            puts_as=Turns({"real": [9.0, 36.0, 18.0], "uvloop": [16.0, 72.0, 36.0]}),
            gets=both,
            gets_as=both,
            costs={
                operation: {"real": (40.0, 50.0), "uvloop": (10.0, 10.5)}
                for operation in ("get", "put")
            },
            users={"real": 100, "uvloop": 10_000},
            user_bytes={"real": 60_000.0, "uvloop": 24_000.0},
        ),
        snapshots=[
            Snapshot(540_000, 100, 100_000_000, 1.5, 10_000_000, 3.0),
            Snapshot(73_000, 1_024, 80_000_000, 0.5, 20_000_000, 1.0),
        ],
    )


def load(per_second: float) -> Load:
    return Load(per_second, 1.0, 2.0, 3.0, 100.0, 4.0)


def test_what_counting_leaves_compares_within_a_round_and_not_across() -> None:
    counting = made_up().counting
    assert counting is not None, "it was made up"
    assert counting.kept("get") == 0.98
    assert counting.medians("get", "per_second") == (45.0, 45.0)
    assert counting.medians("put", "cpu_us") == (100.0, 100.0)


@pytest.fixture(autouse=True)
def without_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conformance.golang.version", lambda: "go1.0 test/test")


def test_a_ratio_compares_within_a_turn_and_not_across() -> None:
    turns = Turns({"real": [1.0, 100.0, 10.0], "uvloop": [2.0, 200.0, 5.0]})
    assert turns.ratio("uvloop") == 2.0
    assert turns.median("uvloop") == 5.0


def test_every_bar_has_a_value_in_a_whole_run() -> None:
    values = report.values(made_up())
    assert [bar.name for bar in BARS if bar.name not in values] == []
    assert values["put/uvloop"] == 2.0
    assert values["tls-put/uvloop"] == 2.0
    assert values["tls-get/asyncio"] == 1.0
    assert values["put-crowd/uvloop"] == 0.8  # of 0.9, 0.8 and 0.75 in its turns
    assert values["gateway-put/uvloop"] == 2.0
    assert values["lock-shared/uvloop"] == 2.0
    assert values["start/uvloop"] == 0.2
    assert values["stop/uvloop"] == 0.03
    assert values["per-key/uvloop"] == 1.0
    assert values["fixture/uvloop"] == 0.5
    assert values["load/uvloop"] == 3.0
    assert values["save-bytes/uvloop"] == 0.25
    assert values["in-process/uvloop"] == 5.0
    assert values["of-loopback/uvloop"] == pytest.approx(0.1)
    assert values["aio-of-loopback/uvloop"] == 0.25
    assert values["events/uvloop"] == 2.0
    assert values["kept/uvloop"] == 1.0
    assert values["per-lease/uvloop"] == 40.0 / 1024
    assert values["put-kept/uvloop"] == 0.9  # of 0.8, 0.9 and 0.9 in its turns
    assert values["get-kept/uvloop"] == 1.0
    assert values["put-by-users/uvloop"] == 1.05


def test_the_report_says_what_auth_costs_and_beside_how_many_users() -> None:
    text = report.markdown(made_up())
    rates, costs = text.partition("## Auth\n")[2].partition("## Snapshots")[0].split("\n\nMicro")
    assert "| real etcd | 20 | 20 (1.00 x) | 20 | 18 (0.90 x) |" in rates
    assert "| fake_etcd, uvloop | 40 | 40 (1.00 x) | 40 | 36 (0.90 x) |" in rates
    assert "| real etcd | 100 | 40.0 | 50.0 (1.25 x) | 40.0 | 50.0 (1.25 x) | 60,000 |" in costs
    assert (
        "| fake_etcd, uvloop | 10,000 | 10.0 | 10.5 (1.05 x) | 10.0 | 10.5 (1.05 x) | 24,000 |"
    ) in costs


def test_the_report_has_the_gateway_and_locks() -> None:
    text = report.markdown(made_up())
    assert "| put | fake_etcd, uvloop | 40 (2.00 x) | 40 (2.00 x) | 40.0 (2.00 x) |" in text
    assert "| one lock for all | 20 | 40 (2.00 x) |" in text


def test_the_report_says_what_snapshots_take() -> None:
    text = report.markdown(made_up())
    assert (
        "| 540,000 | 100 | 100 | 1.5 | 10 | 3.0 |\n| 73,000 | 1,024 | 80 | 0.5 | 20 | 1.0 |" in text
    )


def test_bars_are_met_on_the_right_side() -> None:
    assert Bar("n", "t", 1.5, True, "x").met(1.5)
    assert not Bar("n", "t", 1.5, True, "x").met(1.49)
    assert Bar("n", "t", 0.7, False, "x").met(0.7)
    assert not Bar("n", "t", 0.7, False, "x").met(0.71)


def test_a_missed_bar_is_said_so() -> None:
    text = report.markdown(made_up())
    assert "| put, calls per second | uvloop | ≥ 1.5 x | 2.00 x | met |" in text
    # Twice as fast in the made-up figures is also twice as slow in latency.
    assert "| serial-put, median latency | uvloop | ≤ 0.7 x | 2.00 x | **missed** |" in text


def test_writing_again_keeps_the_notes_of_a_person(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    report.write(made_up(), tmp_path)
    first = page.read_text()
    page.write_text(first + "\nWhy it is so.\n")
    report.write(made_up(), tmp_path)
    assert page.read_text() == first + "\nWhy it is so.\n"


def test_the_report_shows_the_plots_that_are_written(tmp_path: Path) -> None:
    report.write(made_up(), tmp_path)
    shown = re.findall(r"\]\(([^)]*\.svg)\)", (tmp_path / "performance.md").read_text())
    assert sorted(shown) == sorted(path.name for path in tmp_path.glob("*.svg"))
    assert len(shown) == 2


def test_a_plot_is_well_formed_and_has_a_line_for_each_series() -> None:
    series = {"a < b": [(1, 1.0), (10, 2.0)], "c & d": [(1, 0.0), (100, 5.0)]}
    document = ElementTree.fromstring(svg.lines("t", "x", "y", {"one": series, "two": series}))
    names = [element.tag.rpartition("}")[2] for element in document.iter()]
    assert names.count("polyline") == 4
    assert names.count("circle") == 8
    texts = [element.text for element in document.iter() if element.tag.endswith("}text")]
    assert "one: a < b" in texts
    assert "two: c & d" in texts


def test_a_server_of_the_bench_is_gone_when_its_turn_is_over() -> None:
    with servers.ours() as running:
        os.kill(running.pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(running.pid, 0)
