"""Runs scenarios on targets, several at a time, and says of each how it came out."""

from __future__ import annotations

import contextlib
import enum
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace

from .difference import differences
from .recordings import Recordings
from .scenario import Mark, Scenario
from .session import Session
from .targets import CouldNotRun, Target
from .transcript import Transcript


class Outcome(enum.Enum):
    """How a scenario came out."""

    EQUAL = "equal"
    EXPECTED = "differs as marked"
    DIFFERS = "differs"
    ROTTEN = "is marked as different and is equal"
    RECORDED = "recorded"
    UNSTABLE = "differs from itself"
    SKIPPED = "skipped"
    BROKEN = "could not run"


GOOD = frozenset((Outcome.EQUAL, Outcome.EXPECTED, Outcome.RECORDED, Outcome.SKIPPED))


@dataclass(frozen=True, slots=True)
class Result:
    """One scenario's outcome.

    Args:
        scenario: which.
        outcome: how.
        lines: what there is to read about it: a difference, or why it could not run.
        seconds: how long it took.
    """

    scenario: Scenario
    outcome: Outcome
    lines: tuple[str, ...] = ()
    seconds: float = 0.0


Work = Callable[[Scenario], Result]


def run(
    scenarios: Sequence[Scenario], work: Work, jobs: int, seen: Callable[[Result], None]
) -> list[Result]:
    """Do the work for every scenario, `jobs` at a time; results in the scenarios' order.

    Args:
        seen: is called from this thread, for each result as soon as it is there.
    """
    results: dict[str, Result] = {}
    with ThreadPoolExecutor(jobs) as pool:
        futures = [pool.submit(_timed, work, scenario) for scenario in scenarios]
        try:
            for future in as_completed(futures):
                result = future.result()
                results[result.scenario.id] = result
                seen(result)
        except BaseException:  # Ctrl-C: what has not begun is not begun
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [results[scenario.id] for scenario in scenarios]


def _timed(work: Work, scenario: Scenario) -> Result:
    begin = time.monotonic()
    try:
        result = work(scenario)
    except CouldNotRun as error:
        result = Result(scenario, Outcome.BROKEN, tuple(str(error).splitlines()))
    except Exception:  # of the scenario's own code: said, and the others go on
        result = Result(scenario, Outcome.BROKEN, tuple(traceback.format_exc().splitlines()))
    return replace(result, seconds=time.monotonic() - begin)


def against_recordings(target: Target, recordings: Recordings, *, marks: bool) -> Work:
    """Work that compares a target's answers with what is on file.

    Args:
        marks: whether the target is fake_etcd, of which some scenarios are marked to differ.
    """

    def work(scenario: Scenario) -> Result:
        if reason := unfit(target, scenario):
            return Result(scenario, Outcome.SKIPPED, (reason,))
        expected = recordings.load(scenario)
        if expected is None:
            return Result(scenario, Outcome.BROKEN, ("nothing is recorded: `record` does that",))
        return _judge(scenario, expected, converse(scenario, target), marks)

    return work


def against_each_other(expected: Target, actual: Target, *, marks: bool) -> Work:
    """Work that compares two targets' answers; `marks` as in `against_recordings`."""

    def work(scenario: Scenario) -> Result:
        if reason := unfit(expected, scenario) or unfit(actual, scenario):
            return Result(scenario, Outcome.SKIPPED, (reason,))
        return _judge(scenario, converse(scenario, expected), converse(scenario, actual), marks)

    return work


def recording(target: Target, recordings: Recordings) -> Work:
    """Work that runs each scenario on two new servers and keeps what both agree on."""

    def work(scenario: Scenario) -> Result:
        first, second = (converse(scenario, target) for _ in range(2))
        if lines := differences(first, second):
            return Result(scenario, Outcome.UNSTABLE, tuple(lines))
        recordings.save(scenario, first)
        return Result(scenario, Outcome.RECORDED)

    return work


def _judge(scenario: Scenario, expected: Transcript, actual: Transcript, marks: bool) -> Result:
    lines = tuple(differences(expected, actual))
    if marks and scenario.mark is not None:
        return _judge_marked(scenario, scenario.mark, lines)
    return Result(scenario, Outcome.DIFFERS if lines else Outcome.EQUAL, lines)


def _judge_marked(scenario: Scenario, mark: Mark, lines: tuple[str, ...]) -> Result:
    if lines:
        return Result(scenario, Outcome.EXPECTED, lines)
    return Result(scenario, Outcome.ROTTEN, (f"take the mark away: {mark.reason}",))


def unfit(target: Target, scenario: Scenario) -> str:
    """Why a scenario cannot be shown on a target; empty where it can."""
    if target.is_shared and scenario.flags:
        return f"needs a server that was started with {' '.join(scenario.flags)}"
    if target.is_shared and scenario.needs_fresh_server:
        return "needs a server that nobody has written to"
    return ""


def converse(scenario: Scenario, target: Target) -> Transcript:
    """Run a scenario once.

    Raises:
        CouldNotRun: there was no server for it.
    """
    with _session(scenario, target) as session:
        scenario.run(session)
        return session.transcript(scenario.sentence)


@contextlib.contextmanager
def _session(scenario: Scenario, target: Target) -> Iterator[Session]:
    with (
        target.server(scenario.flags) as at,
        contextlib.closing(Session(at.url, at.base, at.auth_base)) as session,
    ):
        yield session
