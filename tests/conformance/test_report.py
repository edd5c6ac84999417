"""What a run prints and writes, from made-up results."""

from __future__ import annotations

import itertools
import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from conformance import report
from conformance.runner import Outcome, Result

from .made_up import MARK, scenario

GOOD = (Outcome.EQUAL, Outcome.EXPECTED, Outcome.RECORDED)
BAD = (Outcome.DIFFERS, Outcome.ROTTEN, Outcome.UNSTABLE)


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """No colours, whatever the terminal of the test run asks for."""
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)


def result(outcome: Outcome, *lines: str) -> Result:
    mark = MARK if outcome in (Outcome.EXPECTED, Outcome.ROTTEN) else None
    return Result(scenario(outcome.name.lower(), mark=mark), outcome, lines, 0.25)


ALL = [
    result(Outcome.EQUAL),
    result(Outcome.EXPECTED, "- a", "+ b"),
    result(Outcome.DIFFERS, "exchange 1:", "  > r", "- <a>&[b]", "+ c"),
    result(Outcome.ROTTEN, "take the mark away: it is not finished"),
    result(Outcome.SKIPPED, "needs this"),
    result(Outcome.SKIPPED, "needs this"),
    result(Outcome.SKIPPED, "needs that"),
    result(Outcome.BROKEN, "Traceback:", "  é"),
]


def test_what_is_not_good_is_printed_then_a_count(capsys: pytest.CaptureFixture[str]) -> None:
    report.show(ALL, "fake_etcd against etcd 3.7.3")
    out, err = capsys.readouterr()
    assert out == (
        "\narea/differs: differs\n"
        "  Differs.\n"
        "    exchange 1:\n"
        "      > r\n"
        "    - <a>&[b]\n"
        "    + c\n"
        "\narea/rotten: is marked as different and is equal\n"
        "  Rotten.\n"
        "    take the mark away: it is not finished\n"
        "\narea/broken: could not run\n"
        "  Broken.\n"
        "    Traceback:\n"
        "      é\n"
        "fake_etcd against etcd 3.7.3: 1 equal, 1 differs as marked, 1 differs, "
        "1 is marked as different and is equal, 3 skipped, 1 could not run\n"
        "  2 skipped: needs this\n"
        "  1 skipped: needs that\n"
    )
    assert err == ""


def test_long_lines_are_not_folded(capsys: pytest.CaptureFixture[str]) -> None:
    report.show([result(Outcome.DIFFERS, "- " + "word " * 100)], "t")
    assert "    - " + "word " * 100 + "\n" in capsys.readouterr().out


def test_a_run_of_nothing_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    report.show([], "t")
    assert capsys.readouterr().out == "t: no scenario\n"


def test_there_is_no_bar_where_stderr_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with report.progress(1) as seen:
        seen(result(Outcome.EQUAL))
    assert capsys.readouterr() == ("", "")


def expected_status(outcomes: set[Outcome]) -> int:
    if Outcome.BROKEN in outcomes or not outcomes - {Outcome.SKIPPED}:
        return 2
    return 1 if outcomes & set(BAD) else 0


def test_the_exit_status_of_every_mix() -> None:
    mixes = itertools.chain.from_iterable(
        itertools.combinations(Outcome, size) for size in range(len(Outcome) + 1)
    )
    for mix in mixes:
        given = [result(outcome) for outcome in mix]
        assert report.exit_status(given) == expected_status(set(mix)), mix


@pytest.mark.parametrize(
    ("outcomes", "status"),
    [
        ((), 2),
        ((Outcome.SKIPPED,), 2),
        (GOOD, 0),
        ((Outcome.EQUAL, Outcome.SKIPPED), 0),
        ((Outcome.EQUAL, Outcome.DIFFERS), 1),
        ((Outcome.ROTTEN,), 1),
        ((Outcome.UNSTABLE, Outcome.RECORDED), 1),
        ((Outcome.SKIPPED, Outcome.DIFFERS), 1),
        ((Outcome.DIFFERS, Outcome.BROKEN), 2),
        ((Outcome.EQUAL, Outcome.BROKEN), 2),
    ],
)
def test_the_exit_status(outcomes: tuple[Outcome, ...], status: int) -> None:
    assert report.exit_status([result(outcome) for outcome in outcomes]) == status


def test_json_holds_every_result(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    report.write_json(ALL, "t", path)
    document = json.loads(path.read_text())
    assert list(document) == ["run", "outcomes", "scenarios"]
    assert document["run"] == "t"
    assert document["outcomes"] == {
        "equal": 1,
        "differs as marked": 1,
        "differs": 1,
        "is marked as different and is equal": 1,
        "skipped": 3,
        "could not run": 1,
    }
    assert len(document["scenarios"]) == len(ALL)
    assert document["scenarios"][1:3] == [
        {
            "id": "area/expected",
            "sentence": "Expected.",
            "outcome": "differs as marked",
            "mark": "it is not finished",
            "seconds": 0.25,
            "lines": ["- a", "+ b"],
        },
        {
            "id": "area/differs",
            "sentence": "Differs.",
            "outcome": "differs",
            "mark": None,
            "seconds": 0.25,
            "lines": ["exchange 1:", "  > r", "- <a>&[b]", "+ c"],
        },
    ]


def test_junit_holds_every_result(tmp_path: Path) -> None:
    path = tmp_path / "junit.xml"
    report.write_junit([*ALL, result(Outcome.UNSTABLE, "u"), result(Outcome.RECORDED)], "t", path)
    suite = ElementTree.parse(path).getroot()
    assert suite.tag == "testsuite"
    assert suite.attrib == {
        "name": "t",
        "tests": "10",
        "failures": "3",
        "errors": "1",
        "skipped": "3",
        "time": "2.500",
    }
    cases = list(suite)
    assert {case.tag for case in cases} == {"testcase"}
    assert cases[0].attrib == {"classname": "conformance.area", "name": "equal", "time": "0.250"}
    found = [
        (case.attrib["name"], inner.tag, inner.attrib["message"], inner.text)
        for case in cases
        for inner in case
    ]
    assert found == [
        ("differs", "failure", "differs", "exchange 1:\n  > r\n- <a>&[b]\n+ c"),
        (
            "rotten",
            "failure",
            "is marked as different and is equal",
            "take the mark away: it is not finished",
        ),
        ("skipped", "skipped", "needs this", None),
        ("skipped", "skipped", "needs this", None),
        ("skipped", "skipped", "needs that", None),
        ("broken", "error", "could not run", "Traceback:\n  é"),
        ("unstable", "failure", "differs from itself", "u"),
    ]


@pytest.mark.parametrize("text", ["\0", "\x1b[31m", "\ud800"])
def test_junit_can_be_read_whatever_a_traceback_holds(tmp_path: Path, text: str) -> None:
    path = tmp_path / "junit.xml"
    report.write_junit([result(Outcome.BROKEN, f"ValueError: {text}")], "t", path)
    assert len(ElementTree.parse(path).getroot()) == 1
