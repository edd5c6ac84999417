"""Scenarios and sessions of the tests' own, and what they come to."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance import cli, runner
from conformance.recordings import Recordings
from conformance.runner import Result, Work
from conformance.scenario import Mark, Marked, Run, Scenario
from conformance.session import Session
from conformance.targets import FakeEtcd
from conformance.transcript import parse, render

# What every answer of a store begins with; the revision is to be filled in.
HEADER = "header { cluster_id: cluster#1 member_id: member#1 revision: %d raft_term: term#1 }"

MARK = Mark(Marked.KNOWN_LIMIT, "it is not finished")


def put_a(s: Session) -> None:
    s.put(key=b"a", value=b"1")


def put_b(s: Session) -> None:
    s.put(key=b"b", value=b"1")


def fails(s: Session) -> None:
    s.put(key=b"a")
    raise ValueError("the scenario's own mistake")


class Counter:
    """A scenario that says something else each time."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, s: Session) -> None:
        self.count += 1
        s.put(key=b"%d" % self.count)


def scenario(
    name: str,
    run: Run = put_a,
    *,
    area: str = "area",
    flags: tuple[str, ...] = (),
    fresh: bool = False,
    mark: Mark | None = None,
) -> Scenario:
    return Scenario(area, name, run, flags, fresh, mark)


def record(folder: Path, *scenarios: Scenario) -> Recordings:
    """What fake_etcd says to these, on file."""
    recordings = Recordings(folder)
    for one in scenarios:
        recordings.save(one, runner.converse(one, FakeEtcd()))
    recordings.sign("3.7.3")
    return recordings


def results(work: Work, *scenarios: Scenario, jobs: int = 2) -> list[Result]:
    return runner.run(scenarios, work, jobs, lambda result: None)


@contextlib.contextmanager
def session(url: str, base: int = 0) -> Iterator[Session]:
    with contextlib.closing(Session(url, base)) as it:
        yield it


def said(s: Session) -> str:
    """The transcript's text, without its first line, which reads back as the transcript."""
    transcript = s.transcript("It.")
    assert parse(render(transcript)) == transcript
    return render(transcript).removeprefix("It.\n\n")


def only(monkeypatch: pytest.MonkeyPatch, *scenarios: Scenario) -> None:
    """Let these be all scenarios that there are."""
    monkeypatch.setattr(cli, "all_scenarios", lambda: list(scenarios))
