"""How scenarios come out: equal, different, marked, unstable, skipped, broken."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from conformance import runner
from conformance.recordings import Recordings
from conformance.runner import Outcome, Result, against_each_other, against_recordings, recording
from conformance.scenario import Scenario
from conformance.session import Session
from conformance.targets import CouldNotRun, FakeEtcd, SharedServer, Started
from fake_etcd.cli import background

from .made_up import MARK, Counter, fails, put_a, put_b, record, results, scenario

DIFFERENCE = (
    "exchange 1:",
    '- > KV/Put key: "a" value: "1"',
    '+ > KV/Put key: "b" value: "1"',
    "  < PutResponse header { cluster_id: cluster#1 member_id: member#1 revision: 2 "
    "raft_term: term#1 }",
    "  = OK",
)


def outcomes(given: list[Result]) -> list[tuple[str, Outcome, tuple[str, ...]]]:
    return [(result.scenario.name, result.outcome, result.lines) for result in given]


def test_results_are_in_the_order_of_the_scenarios_and_each_is_seen_once() -> None:
    """The first scenario ends after the second has been seen."""
    seen: list[str] = []
    second_is_seen = threading.Event()

    def work(one: Scenario) -> Result:
        if one.name == "first":
            assert second_is_seen.wait(20)
        return Result(one, Outcome.EQUAL)

    def see(result: Result) -> None:
        assert threading.current_thread() is threading.main_thread()
        seen.append(result.scenario.name)
        second_is_seen.set()

    given = runner.run([scenario("first"), scenario("second")], work, 2, see)
    assert [result.scenario.name for result in given] == ["first", "second"]
    assert seen == ["second", "first"]


def test_one_job_is_one_scenario_at_a_time() -> None:
    running = threading.Lock()

    def work(one: Scenario) -> Result:
        assert running.acquire(blocking=False), "two at a time"
        with background.serve():  # long enough for another to come by
            pass
        running.release()
        return Result(one, Outcome.EQUAL)

    given = results(work, *(scenario(f"s{i}") for i in range(20)), jobs=1)
    assert {result.outcome for result in given} == {Outcome.EQUAL}


def test_an_interrupt_ends_a_run_before_what_has_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    second_began, rest_is_cancelled = threading.Event(), threading.Event()
    began: list[str] = []

    class Pool(ThreadPoolExecutor):
        def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
            super().shutdown(wait=False, cancel_futures=cancel_futures)
            rest_is_cancelled.set()
            super().shutdown(wait)

    def work(one: Scenario) -> Result:
        began.append(one.name)
        if one.name == "s1":
            second_began.set()
            assert rest_is_cancelled.wait(20)
        return Result(one, Outcome.EQUAL)

    def interrupt(result: Result) -> None:
        assert second_began.wait(20)
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "ThreadPoolExecutor", Pool)
    with pytest.raises(KeyboardInterrupt):
        runner.run([scenario(f"s{i}") for i in range(50)], work, 1, interrupt)
    assert began == ["s0", "s1"]


def test_a_scenario_that_raises_is_broken_and_the_others_go_on(tmp_path: Path) -> None:
    good, bad = scenario("good"), scenario("bad", fails)
    recorded = record(tmp_path, good)
    recorded.save(bad, runner.converse(good, FakeEtcd()))
    first, second = results(against_recordings(FakeEtcd(), recorded, marks=True), bad, good)
    assert (first.outcome, second.outcome) == (Outcome.BROKEN, Outcome.EQUAL)
    assert first.lines[0] == "Traceback (most recent call last):"
    assert first.lines[-1] == "ValueError: the scenario's own mistake"
    assert any("in fails" in line for line in first.lines)
    assert first.seconds > 0


def test_a_target_without_a_server_is_one_line() -> None:
    def work(one: Scenario) -> Result:
        raise CouldNotRun("nobody is there")

    assert outcomes(results(work, scenario("a"))) == [("a", Outcome.BROKEN, ("nobody is there",))]


def test_equal_answers_are_equal_and_others_differ(tmp_path: Path) -> None:
    recorded = record(tmp_path, scenario("equal"), scenario("other"))
    work = against_recordings(FakeEtcd(), recorded, marks=True)
    assert outcomes(results(work, scenario("equal"), scenario("other", put_b))) == [
        ("equal", Outcome.EQUAL, ()),
        ("other", Outcome.DIFFERS, DIFFERENCE),
    ]


def test_what_is_not_recorded_could_not_be_compared(tmp_path: Path) -> None:
    work = against_recordings(FakeEtcd(), Recordings(tmp_path), marks=True)
    assert outcomes(results(work, scenario("new"))) == [
        ("new", Outcome.BROKEN, ("nothing is recorded: `record` does that",))
    ]


def test_a_marked_difference_is_expected_and_a_mark_without_one_is_rotten(tmp_path: Path) -> None:
    recorded = record(tmp_path, scenario("equal"), scenario("other"))
    marked = scenario("equal", mark=MARK), scenario("other", put_b, mark=MARK)
    assert outcomes(results(against_recordings(FakeEtcd(), recorded, marks=True), *marked)) == [
        ("equal", Outcome.ROTTEN, ("take the mark away: it is not finished",)),
        ("other", Outcome.EXPECTED, DIFFERENCE),
    ]


def test_marks_are_only_for_fake_etcd(tmp_path: Path) -> None:
    recorded = record(tmp_path, scenario("equal"), scenario("other"))
    marked = scenario("equal", mark=MARK), scenario("other", put_b, mark=MARK)
    assert outcomes(results(against_recordings(FakeEtcd(), recorded, marks=False), *marked)) == [
        ("equal", Outcome.EQUAL, ()),
        ("other", Outcome.DIFFERS, DIFFERENCE),
    ]


def test_a_marked_scenario_that_raises_is_broken(tmp_path: Path) -> None:
    recorded = record(tmp_path, scenario("bad"))
    work = against_recordings(FakeEtcd(), recorded, marks=True)
    (result,) = results(work, scenario("bad", fails, mark=MARK))
    assert result.outcome is Outcome.BROKEN


def test_two_targets_are_compared_each_on_servers_of_its_own() -> None:
    work = against_each_other(FakeEtcd(), FakeEtcd(), marks=False)
    given = results(work, scenario("equal"), scenario("counts", Counter()))
    assert [result.outcome for result in given] == [Outcome.EQUAL, Outcome.DIFFERS]
    assert given[1].lines[1:3] == ('- > KV/Put key: "1"', '+ > KV/Put key: "2"')
    (rotten,) = results(
        against_each_other(FakeEtcd(), FakeEtcd(), marks=True), scenario("equal", mark=MARK)
    )
    assert rotten.outcome is Outcome.ROTTEN


def test_the_first_target_is_what_is_expected() -> None:
    def put_limit(s: Session) -> None:
        s.txn(success=[])
        s.put(key=b"v" * 30, value=b"1" * 3000)

    class Small(FakeEtcd):
        @contextlib.contextmanager
        def server(self, flags: tuple[str, ...]) -> Iterator[Started]:
            with background.serve(["--max-request-bytes=1000"]) as url:
                yield Started(url)

    (result,) = results(
        against_each_other(FakeEtcd(), Small(), marks=False), scenario("large", put_limit)
    )
    assert result.outcome is Outcome.DIFFERS
    assert result.lines[-1] == '+ = INVALID_ARGUMENT "etcdserver: request is too large"'


def test_a_recording_is_what_two_servers_agree_on(tmp_path: Path) -> None:
    recorded = Recordings(tmp_path)
    one = scenario("good")
    given = results(recording(FakeEtcd(), recorded), one)
    assert outcomes(given) == [("good", Outcome.RECORDED, ())]
    assert recorded.load(one) == runner.converse(one, FakeEtcd())


def test_of_a_scenario_that_differs_from_itself_nothing_is_written(tmp_path: Path) -> None:
    recorded = Recordings(tmp_path)
    (result,) = results(recording(FakeEtcd(), recorded), scenario("counts", Counter()))
    assert (result.outcome, result.lines[:3]) == (
        Outcome.UNSTABLE,
        ("exchange 1:", '- > KV/Put key: "1"', '+ > KV/Put key: "2"'),
    )
    assert list(tmp_path.rglob("*")) == []


def test_of_a_scenario_that_raises_nothing_is_written(tmp_path: Path) -> None:
    (result,) = results(recording(FakeEtcd(), Recordings(tmp_path)), scenario("bad", fails))
    assert result.outcome is Outcome.BROKEN
    assert list(tmp_path.rglob("*")) == []


def test_flags_reach_the_server() -> None:
    def two_operations(s: Session) -> None:
        s.call("KV/Txn", b"\x12\x00\x12\x00")

    one = scenario("limit", two_operations, flags=("--max-txn-ops=1",))
    assert runner.converse(one, FakeEtcd()).parts[-1].head == (
        'INVALID_ARGUMENT "etcdserver: too many operations in txn request"'
    )


def test_a_shared_server_is_not_shown_what_needs_flags_or_a_new_one(tmp_path: Path) -> None:
    flagged = scenario("flagged", flags=("--max-txn-ops=1", "--name=x"))
    fresh = scenario("fresh", fresh=True)
    plain = scenario("plain")
    recorded = record(tmp_path, flagged, fresh, plain)
    expected = [
        (
            "flagged",
            Outcome.SKIPPED,
            ("needs a server that was started with --max-txn-ops=1 --name=x",),
        ),
        ("fresh", Outcome.SKIPPED, ("needs a server that nobody has written to",)),
        ("plain", Outcome.EQUAL, ()),
    ]
    with background.serve() as url:
        shared = SharedServer(url)
        three = flagged, fresh, plain
        for work in (
            against_recordings(shared, recorded, marks=False),
            against_each_other(shared, FakeEtcd(), marks=False),
            against_each_other(FakeEtcd(), shared, marks=False),
        ):
            assert outcomes(results(work, *three, jobs=1)) == expected
    work = against_recordings(FakeEtcd(), recorded, marks=False)
    assert {result.outcome for result in results(work, *three)} == {Outcome.EQUAL}


def test_a_session_is_closed_where_its_scenario_raises() -> None:
    kept: list[Session] = []

    def keeps(s: Session) -> None:
        kept.append(s)
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        runner.converse(scenario("bad", keeps), FakeEtcd())
    with pytest.raises(ValueError, match="Channel closed"):
        put_a(kept[0])
