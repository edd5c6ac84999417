"""The commands that run scenarios on servers other than one of fake_etcd: compare, run, record."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from conformance import cli, oracle, runner
from conformance.recordings import Recordings
from conformance.scenario import all_scenarios
from conformance.session import Session
from conformance.targets import FakeEtcd
from fake_etcd.api import messages as m
from fake_etcd.cli import background

from .made_up import MARK, Counter, only, put_a, put_b, record, scenario

KV = [one for one in all_scenarios() if one.area == "kv"]


pytestmark = pytest.mark.usefixtures("surroundings")
Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch


def keys(url: str) -> list[bytes]:
    with contextlib.closing(Session(url)) as s:
        return [kv.key for kv in s.range(key=b"\0", range_end=b"\0").kvs]


# compare


def test_fake_etcd_answers_as_itself(capsys: Capture) -> None:
    assert cli.main(["compare", "fake_etcd", "fake_etcd", "kv"]) == 0
    assert capsys.readouterr() == (f"fake_etcd against fake_etcd: {len(KV)} equal\n", "")


@pytest.mark.parametrize(
    ("pair", "status", "words"),
    [
        (("etcd@3.7.3", "fake_etcd"), 0, "differs as marked"),
        (("fake_etcd", "etcd@3.7.3"), 1, "differs"),
        (("fake_etcd", "fake_etcd"), 1, "differs"),
    ],
)
@pytest.mark.usefixtures("real_is_fake")
def test_marks_are_for_fake_etcd_against_etcd(
    pair: tuple[str, str], status: int, words: str, monkeypatch: Patch, capsys: Capture
) -> None:
    only(monkeypatch, scenario("one", Counter(), mark=MARK))
    assert cli.main(["compare", *pair]) == status
    assert capsys.readouterr().out.endswith(f"{pair[1]} against {pair[0]}: 1 {words}\n")


def test_of_two_shared_servers_each_is_wiped(monkeypatch: Patch, capsys: Capture) -> None:
    only(monkeypatch, scenario("one"), scenario("flagged", flags=("--name=x",)))
    with background.serve() as one, background.serve() as other:
        assert cli.main(["compare", one, other]) == 0
        assert keys(one) == keys(other) == []
        assert capsys.readouterr().out == (
            f"{other} against {one}: 1 equal, 1 skipped\n"
            "  1 skipped: needs a server that was started with --name=x\n"
        )


# run


@pytest.fixture
def used() -> Iterator[str]:
    """A server with a history: writes, a compaction, two keys that are somebody's."""
    with background.serve() as url, contextlib.closing(Session(url)) as s:
        for number in range(40):
            s.put(key=b"k%d" % (number % 2), value=b"somebody's")
        s.compact(revision=30)
        yield url


def test_a_server_with_a_history_gives_the_recorded_transcripts(used: str, capsys: Capture) -> None:
    skipped = [one for one in KV if one.needs_fresh_server or one.flags]
    marked = [one for one in KV if one.mark]
    assert skipped
    assert not marked
    assert cli.main(["run", f"--endpoint={used}", "--wipe", "kv"]) == 0
    assert capsys.readouterr().out == (
        f"{used} against etcd 3.7.3: {len(KV) - len(skipped)} equal, {len(skipped)} skipped\n"
        f"  {len(skipped)} skipped: needs a server that nobody has written to\n"
    )


def test_somebodys_keys_are_not_deleted_unless_they_may_be(used: str, capsys: Capture) -> None:
    assert cli.main(["run", f"--endpoint={used}", "kv"]) == 2
    assert capsys.readouterr() == (
        "",
        f"{used} holds 2 keys, and scenarios delete everything there is: give --wipe if they may\n",
    )
    with contextlib.closing(Session(used)) as s:
        answer = s.range(key=b"\0", range_end=b"\0")
    assert [kv.key for kv in answer.kvs] == [b"k0", b"k1"]
    assert answer.header.revision == 41


def test_everything_is_deleted_before_each_scenario(
    used: str, recorded: Recordings, monkeypatch: Patch
) -> None:
    seen: list[list[bytes]] = []

    def looks(s: Session) -> None:
        answer = s.call("KV/Range", m.RangeRequest(key=b"\0", range_end=b"\0"))
        assert isinstance(answer, m.RangeResponse)
        seen.append([kv.key for kv in answer.kvs])
        s.put(key=b"left")

    both = scenario("one", looks), scenario("two", looks)
    record(recorded.folder, *both)
    seen.clear()
    only(monkeypatch, *both)
    assert cli.main(["run", f"--endpoint={used}", "--wipe", "--jobs=9"]) == 0
    assert seen == [[], []]


def test_a_run_does_not_know_marks_unless_it_is_told(
    recorded: Recordings, monkeypatch: Patch, capsys: Capture
) -> None:
    record(recorded.folder, scenario("one"))
    only(monkeypatch, scenario("one", put_b, mark=MARK))
    with background.serve() as url:
        assert cli.main(["run", f"--endpoint={url}"]) == 1
        assert cli.main(["run", f"--endpoint={url}", "--wipe", "--fake-etcd"]) == 0
        assert capsys.readouterr().out.endswith("3.7.3: 1 differs as marked\n")


def test_a_run_of_nothing_but_what_is_skipped_shows_nothing(
    recorded: Recordings, monkeypatch: Patch, capsys: Capture
) -> None:
    only(monkeypatch, scenario("one", fresh=True))
    with background.serve() as url:
        assert cli.main(["run", f"--endpoint={url}"]) == 2
        assert capsys.readouterr().out == (
            f"{url} against etcd : 1 skipped\n"
            "  1 skipped: needs a server that nobody has written to\n"
        )


# record


@pytest.mark.usefixtures("real_is_fake")
def test_record_keeps_what_is_stable_and_takes_away_what_is_stale(
    recorded: Recordings, monkeypatch: Patch, capsys: Capture
) -> None:
    record(recorded.folder, scenario("gone"), scenario("counts"))
    only(monkeypatch, scenario("one"), scenario("two", put_b))
    assert cli.main(["record"]) == 0
    assert capsys.readouterr().out == f"recording etcd@{oracle.VERSION}: 2 recorded\n"
    assert sorted(path.name for path in recorded.folder.rglob("*.*")) == [
        "one.txt",
        "recorded.json",
        "two.txt",
    ]
    assert recorded.load(scenario("two")) == runner.converse(scenario("two", put_b), FakeEtcd())
    assert recorded.version == oracle.VERSION


@pytest.mark.usefixtures("real_is_fake")
def test_record_of_some_leaves_the_others(recorded: Recordings, monkeypatch: Patch) -> None:
    record(recorded.folder, scenario("gone"), scenario("one", put_b))
    only(monkeypatch, scenario("one"), scenario("two"))
    assert cli.main(["record", "area/one"]) == 0
    assert sorted(path.stem for path in recorded.folder.rglob("*.txt")) == ["gone", "one"]
    assert recorded.load(scenario("one")) == runner.converse(scenario("one", put_a), FakeEtcd())


@pytest.mark.usefixtures("real_is_fake")
def test_record_is_1_where_a_scenario_differs_from_itself(
    recorded: Recordings, monkeypatch: Patch, capsys: Capture
) -> None:
    only(monkeypatch, scenario("counts", Counter()))
    assert cli.main(["record"]) == 1
    assert capsys.readouterr().out.endswith(": 1 differs from itself\n")
    assert list(recorded.folder.rglob("*.txt")) == []


@pytest.mark.usefixtures("real_is_fake")
def test_a_check_of_the_recordings_writes_nothing(
    recorded: Recordings, monkeypatch: Patch, capsys: Capture
) -> None:
    record(recorded.folder, scenario("one"))
    before = {path: path.read_bytes() for path in recorded.folder.rglob("*.*")}
    only(monkeypatch, scenario("one", mark=MARK))
    assert cli.main(["record", "--check"]) == 0
    only(monkeypatch, scenario("one", put_b, mark=MARK))
    assert cli.main(["record", "--check"]) == 1
    only(monkeypatch, scenario("two"))
    assert cli.main(["record", "--check", "area/two"]) == 2
    capsys.readouterr()
    recorded.save(scenario("stale"), runner.converse(scenario("one"), FakeEtcd()))
    only(monkeypatch, scenario("one"))
    assert cli.main(["record", "--check"]) == 1
    assert capsys.readouterr().out == (
        f"etcd@{oracle.VERSION} against its recordings: 1 equal\n"
        f"no scenario belongs to {recorded.folder / 'area' / 'stale.txt'}\n"
    )
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.usefixtures("real_is_fake")
def test_record_of_some_does_not_sign_for_the_others(
    recorded: Recordings, monkeypatch: Patch
) -> None:
    record(recorded.folder, scenario("one"), scenario("two"))
    only(monkeypatch, scenario("one"), scenario("two"))
    cli.main(["record", "--etcd=3.7.9", "area/one"])
    assert recorded.version == "3.7.3"


def test_a_second_run_on_a_server_needs_no_leave(recorded: Recordings, monkeypatch: Patch) -> None:
    record(recorded.folder, scenario("one"))
    only(monkeypatch, scenario("one"))
    with background.serve() as url:
        assert [cli.main(["run", f"--endpoint={url}"]) for _ in range(2)] == [0, 0]
