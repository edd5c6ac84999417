"""etcd's guarantees of watches as checks of what a client asked for, was told, and what happened.

Each check takes the report of one watcher and raises an AssertionError with the guarantee's words.
etcd: tests/robustness/validate/watch.go; its words are from etcd.io/docs, learning/api_guarantees.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from fake_etcd.api import messages as m


class Happened(NamedTuple):
    """One change of the store. A deletion has value None."""

    revision: int
    key: bytes
    value: bytes | None


class Told(NamedTuple):
    """One event as a client got it; `previous` is None where there was none in it."""

    revision: int
    key: bytes
    value: bytes | None
    is_create: bool
    previous: bytes | None

    @property
    def happened(self) -> Happened:
        return Happened(self.revision, self.key, self.value)


class Answer(NamedTuple):
    """An answer with events, fragments put together; or a notice of progress, without events."""

    revision: int
    events: tuple[Told, ...]

    @property
    def is_progress(self) -> bool:
        return not self.events


@dataclass(frozen=True, slots=True)
class Request:
    """What a watcher wants; `range_end` is as the store has it: None one key, b"" no end."""

    key: bytes
    range_end: bytes | None = None
    start_revision: int = 0
    no_put: bool = False
    no_delete: bool = False
    prev_kv: bool = False

    def wants(self, event: Happened) -> bool:
        """Whether it is about this event, at whatever revision."""
        if self.no_delete if event.value is None else self.no_put:
            return False
        if self.range_end is None:
            return event.key == self.key
        return self.key <= event.key and (not self.range_end or event.key < self.range_end)


@dataclass(slots=True)
class Report:
    """One watcher from its creation to its end: `first` is the first revision that it is due."""

    request: Request
    first: int
    answers: list[Answer] = field(default_factory=list)

    @property
    def events(self) -> list[Told]:
        return [event for answer in self.answers for event in answer.events]

    @property
    def seen(self) -> int:
        """The last revision it knows to have seen wholly; it can be resumed behind it.

        Not the revision of an answer with events: one of many pieces has the newest one.
        """
        if not self.answers:
            return self.first - 1
        last = self.answers[-1]
        return last.revision if last.is_progress else last.events[-1].revision


class History:
    """All that happened, in order, and what each change found."""

    def __init__(self, events: Iterable[Happened]) -> None:
        self.events: Sequence[Happened] = tuple(events)
        self._revisions = [event.revision for event in self.events]
        self.previous: dict[tuple[int, bytes], bytes | None] = {}
        state: dict[bytes, bytes | None] = {}
        for event in self.events:
            self.previous[event.revision, event.key] = state.get(event.key)
            state[event.key] = event.value

    def of(self, request: Request, first: int, last: int) -> list[Happened]:
        """What a watcher is to be told of the revisions from `first` to `last`."""
        stop = bisect.bisect_right(self._revisions, last)
        return [e for e in self.events[self._from(first) : stop] if request.wants(e)]

    def next_of(self, request: Request, first: int) -> Happened | None:
        """The first thing that a watcher is to be told from revision `first` on."""
        rest = itertools.islice(self.events, self._from(first), None)
        return next(filter(request.wants, rest), None)

    def _from(self, revision: int) -> int:
        return bisect.bisect_left(self._revisions, revision)


def told(event: m.Event) -> Told:
    """An event as it came over the wire."""
    kv = event.kv
    is_put = event.type == m.Event.PUT
    return Told(
        kv.mod_revision,
        kv.key,
        kv.value if is_put else None,
        is_put and kv.create_revision == kv.mod_revision,
        event.prev_kv.value if event.HasField("prev_kv") else None,
    )


def check_filter(report: Report) -> None:
    for event in report.events:
        assert report.request.wants(event.happened), f"an event that was not asked for: {event}"


def check_ordered(report: Report) -> None:
    last = 1
    for event in report.events:
        assert event.revision >= last, f"events are ordered by revision: {event} after {last}"
        last = event.revision


def check_unique(report: Report) -> None:
    found = set()
    for event in report.events:
        change = event.revision, event.key
        assert change not in found, f"an event never appears on a watch twice: {event}"
        found.add(change)


def check_atomic(report: Report) -> None:
    last = 1
    for answer in report.answers:
        if answer.events:
            first = answer.events[0].revision
            assert first != last, f"a revision is not split over several answers: {first}"
            last = answer.events[-1].revision


def check_bookmarkable(report: Report) -> None:
    noticed, seen = 0, 0
    for answer in report.answers:
        for event in answer.events:
            assert event.revision > noticed, f"progress means that all before is told: {event}"
            seen = event.revision
        assert answer.revision >= seen, f"an answer is not older than its events: {answer}"
        if answer.is_progress:
            assert answer.revision >= noticed, f"progress does not go back: {answer}"
            noticed = answer.revision


def check_resumable(report: Report, history: History) -> None:
    """etcd looks at the first event only of watchers with a start revision; here all have one."""
    if report.events:
        first = report.events[0].happened
        expected = history.next_of(report.request, report.first)
        assert first == expected, f"a watch resumes at the next event: {first} for {expected}"


def check_reliable(report: Report, history: History) -> None:
    expected = history.of(report.request, report.first, report.seen)
    got = [event.happened for event in report.events]
    assert got == expected, f"no event is dropped: {_difference(got, expected)}"


def check_is_create(report: Report, history: History) -> None:
    for event in report.events:
        is_new = event.value is not None and history.previous[event.revision, event.key] is None
        assert event.is_create == is_new, f"a create is of a key that was not there: {event}"


def check_previous(report: Report, history: History) -> None:
    """It may be missing: a compaction can have taken it."""
    for event in report.events:
        if event.previous is not None:
            assert report.request.prev_kv, f"who does not want it is not told: {event}"
            before = history.previous[event.revision, event.key]
            assert event.previous == before, f"the previous value is right: {event}, not {before!r}"


def check_previous_is_there(report: Report, history: History) -> None:
    """Where nothing was compacted."""
    for event in report.events:
        if report.request.prev_kv:
            before = history.previous[event.revision, event.key]
            assert event.previous == before, f"what was there before is told: {event}"


def check_all(report: Report, history: History) -> None:
    """Every guarantee there is for a watcher that may have ended at any time."""
    check_filter(report)
    check_ordered(report)
    check_unique(report)
    check_atomic(report)
    check_bookmarkable(report)
    check_resumable(report, history)
    check_is_create(report, history)
    check_reliable(report, history)
    check_previous(report, history)


def check_complete(reports: Sequence[Report], history: History, last: int) -> None:
    """One watcher's lives, each resumed behind the one before, told all up to revision `last`."""
    got = [e.happened for report in reports for e in report.events if e.revision <= last]
    expected = history.of(reports[0].request, reports[0].first, last)
    assert got == expected, (
        f"nothing is lost, doubled or out of order: {_difference(got, expected)}"
    )


def _difference(got: Sequence[Happened], expected: Sequence[Happened]) -> str:
    """The place where two lists part; they may have 100,000 entries."""
    pairs = enumerate(zip(got, expected, strict=False))
    place = next((i for i, (a, b) in pairs if a != b), min(len(got), len(expected)))
    return (
        f"{len(got)} told, {len(expected)} happened; from {place} on "
        f"{list(got[place : place + 3])} for {list(expected[place : place + 3])}"
    )
