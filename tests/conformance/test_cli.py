"""The command line: what it prints, and its exit status; see test_cli_servers.py for servers."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from conformance import cli, targets
from conformance.recordings import Recordings
from conformance.scenario import all_scenarios
from conformance.session import Session
from tests.cli.dev_server import CHECKOUT, environment

from .made_up import MARK, fails, only, put_b, record, scenario

KV = [one for one in all_scenarios() if one.area == "kv"]


pytestmark = pytest.mark.usefixtures("surroundings")
Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch


# verify


def test_verify_is_0_where_all_is_equal(
    recorded: Recordings, monkeypatch: Patch, capsys: Capture
) -> None:
    three = [scenario(name) for name in ("one", "two", "three")]
    record(recorded.folder, *three)
    only(monkeypatch, *three)
    assert cli.main(["verify"]) == 0
    assert capsys.readouterr() == ("fake_etcd against etcd 3.7.3: 3 equal\n", "")


def test_verify_is_1_where_something_differs(
    recorded: Recordings, monkeypatch: Patch, capsys: Capture
) -> None:
    record(recorded.folder, scenario("one"), scenario("two"))
    only(monkeypatch, scenario("one", put_b), scenario("two"))
    assert cli.main(["verify"]) == 1
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "",
        "area/one: differs",
        "  One.",
        "    exchange 1:",
        '    - > KV/Put key: "a" value: "1"',
        '    + > KV/Put key: "b" value: "1"',
        "      < PutResponse header { cluster_id: cluster#1 member_id: member#1 revision: 2 "
        "raft_term: term#1 }",
        "      = OK",
        "fake_etcd against etcd 3.7.3: 1 equal, 1 differs",
    ]
    assert err == ""


def test_verify_knows_marks(recorded: Recordings, monkeypatch: Patch, capsys: Capture) -> None:
    record(recorded.folder, scenario("one"), scenario("two"))
    only(monkeypatch, scenario("one", put_b, mark=MARK), scenario("two"))
    assert cli.main(["verify"]) == 0
    assert capsys.readouterr().out == (
        "fake_etcd against etcd 3.7.3: 1 equal, 1 differs as marked\n"
    )
    only(monkeypatch, scenario("one", mark=MARK), scenario("two"))
    assert cli.main(["verify"]) == 1
    assert capsys.readouterr().out == (
        "\narea/one: is marked as different and is equal\n  One.\n"
        "    take the mark away: it is not finished\n"
        "fake_etcd against etcd 3.7.3: 1 equal, 1 is marked as different and is equal\n"
    )


def test_verify_is_2_where_a_scenario_could_not_run(
    recorded: Recordings, monkeypatch: Patch, capsys: Capture
) -> None:
    record(recorded.folder, scenario("one"), scenario("two"))
    only(monkeypatch, scenario("one", put_b), scenario("two", fails))
    assert cli.main(["verify"]) == 2
    out, _ = capsys.readouterr()
    assert "    ValueError: the scenario's own mistake\n" in out
    assert out.endswith("fake_etcd against etcd 3.7.3: 1 differs, 1 could not run\n")


def test_verify_writes_what_it_found(
    recorded: Recordings, monkeypatch: Patch, tmp_path: Path
) -> None:
    record(recorded.folder, scenario("one"), scenario("two"))
    only(monkeypatch, scenario("one", put_b), scenario("two"))
    paths = tmp_path / "r.json", tmp_path / "r.xml"
    assert cli.main(["verify", f"--json={paths[0]}", f"--junit={paths[1]}"]) == 1
    document = json.loads(paths[0].read_text())
    assert document["run"] == "fake_etcd against etcd 3.7.3"
    assert [(one["id"], one["outcome"]) for one in document["scenarios"]] == [
        ("area/one", "differs"),
        ("area/two", "equal"),
    ]
    suite = ElementTree.parse(paths[1]).getroot()
    assert [(case.attrib["name"], len(case)) for case in suite] == [("one", 1), ("two", 0)]


@pytest.mark.parametrize(
    ("patterns", "found"),
    [
        ([], ["kv/put", "kv/range", "txn/put"]),
        (["kv"], ["kv/put", "kv/range"]),
        (["*/put"], ["kv/put", "txn/put"]),
        (["txn/put", "kv/r*"], ["kv/range", "txn/put"]),
        (["kv", "kv/put"], ["kv/put", "kv/range"]),
    ],
)
def test_scenarios_are_chosen_by_area_or_pattern(
    patterns: list[str], found: list[str], monkeypatch: Patch
) -> None:
    only(monkeypatch, *(scenario(name, area=area) for area, name in PAIRS))
    assert [one.id for one in cli.select(patterns)] == found


PAIRS = (("kv", "put"), ("kv", "range"), ("txn", "put"))


# list, and what is wrong


def test_list_is_every_scenario_with_its_mark(monkeypatch: Patch, capsys: Capture) -> None:
    only(monkeypatch, scenario("one"), scenario("two", mark=MARK))
    assert cli.main(["list"]) == 0
    assert capsys.readouterr() == ("area/one\narea/two  (known limit)\n", "")


def nobody() -> str:
    """An address that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["verify", "kv/nope*"], r"no scenario is called 'kv/nope\*': `list` shows all"),
        (["verify", "kv", "KV"], r"no scenario is called 'KV': `list` shows all"),
        (["compare", "fake_etcd", "fake"], r"'fake' is no server: .*"),
        (["compare", "etcd@nope", "fake_etcd"], r"no release of etcd is called 'nope'"),
        (["run", "--endpoint=nope", "kv"], r"'nope' is no server: .*"),
        (["run", f"--endpoint={nobody()}", "kv"], r"http://127.0.0.1:\d+: .*UNAVAILABLE.*"),
        (["compare", nobody(), "fake_etcd"], r"http://127.0.0.1:\d+: .*UNAVAILABLE.*"),
        (["record", "--etcd=nope"], r"no release of etcd is called 'nope'"),
        (["oracle", "build", "nope"], r"no release of etcd is called 'nope'"),
        (["oracle", "run", "nope"], r"no release of etcd is called 'nope'"),
    ],
)
def test_what_cannot_be_run_is_2_and_one_line(
    arguments: list[str], message: str, capsys: Capture
) -> None:
    assert cli.main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(message + "\n", err)


@pytest.mark.parametrize(
    "arguments", [[], ["nope"], ["run"], ["compare", "fake_etcd"], ["verify", "--nope"], ["oracle"]]
)
def test_a_wrong_command_line_is_2(arguments: list[str], capsys: Capture) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    assert capsys.readouterr().out == ""


def test_no_jobs_at_all_are_2() -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["verify", "--jobs=0", "kv/a_put_of_a_new*"])
    assert caught.value.code == 2


def test_python_m_conformance_is_the_command_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "conformance", "list"],
        env=environment(),
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    ids = [line.partition("  (")[0] for line in done.stdout.splitlines()]
    assert ids == [one.id for one in all_scenarios()]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send this to itself")
def test_sigterm_ends_a_run_and_its_servers(
    recorded: Recordings, monkeypatch: Patch, capsys: Capture
) -> None:
    begun: list[str] = []
    others = threading.enumerate()  # etcds of the tests around this one

    def is_ended(s: Session) -> None:
        begun.append(s._url)
        if len(begun) == 2:  # at the first one the pool may still be on its way to know its thread
            os.kill(os.getpid(), signal.SIGTERM)

    many = [scenario(f"s{i}", is_ended) for i in range(4)]
    record(recorded.folder, *(scenario(one.name) for one in many))
    only(monkeypatch, *many)
    assert cli.main(["verify", "--jobs=1"]) == 130
    assert capsys.readouterr() == ("", "")
    left = [thread for thread in threading.enumerate() if thread not in others]
    assert "fake-etcd" not in [thread.name for thread in left]
    for url in begun:
        with pytest.raises(targets.CouldNotRun):
            targets.count_keys(url)
