"""Whether what clients were told is what happened.

What happened is what one watch saw that was never cut, from revision 1 to the end.
"""

from __future__ import annotations

import bisect
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from soak.told import Told


@dataclass(frozen=True, slots=True)
class Event:
    """One change: what a key was given at a revision; None where it was deleted."""

    revision: int
    key: str
    value: str | None


@dataclass(slots=True)
class History:
    """All changes, by revision and by key.

    Attributes:
        events: in the order they happened.
    """

    events: list[Event] = field(default_factory=list)
    _by_key: dict[str, list[Event]] = field(default_factory=lambda: defaultdict(list))

    def add(self, event: Event) -> None:
        self.events.append(event)
        self._by_key[event.key].append(event)

    def of(self, key: str) -> Sequence[Event]:
        """The changes of one key."""
        return self._by_key.get(key, ())

    def at(self, key: str, revision: int) -> str | None:
        """The value of a key at a revision."""
        events = self.of(key)
        index = bisect.bisect_right(events, revision, key=lambda event: event.revision)
        return events[index - 1].value if index else None

    def last(self) -> dict[str, str]:
        """All keys and their values in the end."""
        ends = ((key, events[-1].value) for key, events in self._by_key.items())
        return {key: value for key, value in ends if value is not None}


def problems(
    history: History,
    told: Mapping[str, Sequence[Told]],
    final: Mapping[str, str],
    final_revision: int,
) -> list[str]:
    """Everything that is not as it has to be, one line each.

    Args:
        history: what happened.
        told: the lines of each client, by its name.
        final: all keys and values that the server has in the end.
        final_revision: its revision then.
    """
    found = list(_gaps(history, final_revision))
    if final != history.last():
        found.append("the final state is not what the history comes to")
    for name, lines in told.items():
        for check in (_failures, _answers, _unknown_changes, _watched, _leases):
            found += [f"{name}: {problem}" for problem in check(history, name, lines)]
    return found


def _gaps(history: History, final_revision: int) -> Iterable[str]:
    """Revisions that the reference watch did not see, or saw out of order."""
    seen = [event.revision for event in history.events]
    if seen != sorted(seen):
        yield "the history is out of order"
    missing = set(range(2, final_revision + 1)).symmetric_difference(seen)
    if missing:
        yield f"the history lacks revisions, {min(missing)} the first of {len(missing)}"


_EXPLAINED = re.compile(
    "unavailable|reset|closed|EOF|broken pipe|connection refused|circuit breaker"
    # What grpc.aio says where the cut meets a stream that is being written.
    "|Internal error from Core"
    # A call that is safe to repeat was repeated by the client after it had been done.
    "|requested lease not found",
    re.IGNORECASE,
)
"""Words of errors that a cut brings about."""


def _failures(history: History, name: str, lines: Sequence[Told]) -> Iterable[str]:
    for told in lines:
        if told.word == "failed":
            yield f"failed: {told.error}"
        elif told.error and not _EXPLAINED.search(told.error):
            yield f"{told.word} failed, and no cut explains it: {told.error}"
    if not lines or lines[-1].word != "done":
        yield "did not come to its end"


def _answers(history: History, name: str, lines: Sequence[Told]) -> Iterable[str]:
    """What was answered is what happened."""
    for told in lines:
        if told.error or not told.revision:
            continue
        if told.word == "put":
            if Event(told.revision, told.key, told.value) not in _around(history, told):
                yield f"was told of a put that is not in the history: {told}"
        elif told.word == "get":
            value = history.at(told.key, told.revision)
            if value != (None if told.absent else told.value):
                yield f"was told {told}, and the history has {value!r}"
        elif told.word == "delete" and not told.absent:
            if Event(told.revision, told.key, None) not in _around(history, told):
                yield f"was told of a deletion that is not in the history: {told}"
        elif told.word == "delete" and history.at(told.key, told.revision) is not None:
            yield f"was told that nothing is there, and something was: {told}"


def _around(history: History, told: Told) -> Sequence[Event]:
    """The changes of the key at the revision."""
    events = history.of(told.key)
    low = bisect.bisect_left(events, told.revision, key=lambda event: event.revision)
    high = bisect.bisect_right(events, told.revision, key=lambda event: event.revision)
    return events[low:high]


def _unknown_changes(history: History, name: str, lines: Sequence[Told]) -> Iterable[str]:
    """Changes that no call made, or that one call made twice."""
    written = {(told.key, told.value) for told in lines if told.word == "put"}
    free = {told.key for told in lines if told.word == "delete" and told.error}
    deleted = {
        (told.key, told.revision) for told in lines if told.word == "delete" and not told.error
    }
    free |= {told.key for told in lines if told.word in ("revoke", "expires")}
    times = Counter((event.key, event.value) for event in _own(history, name) if event.value)
    for (key, value), count in times.items():
        if value != "alive" and value != "end" and count > 1:
            yield f"{key} was given {value} {count} times"
    for event in _own(history, name):
        if event.value is not None:
            if (event.key, event.value) not in written:
                yield f"nobody put {event}"
        elif event.key == f"{name}/alive":
            continue  # with its lease, when the client has ended; before, see `_leases`
        elif event.key not in free and (event.key, event.revision) not in deleted:
            yield f"nobody made {event}"


def _own(history: History, name: str) -> Iterable[Event]:
    prefix = f"{name}/"
    return (event for event in history.events if event.key.startswith(prefix))


def _watched(history: History, name: str, lines: Sequence[Told]) -> Iterable[str]:
    """The watch saw everything, once, in order, until the event that ended it."""
    seen = [
        Event(told.revision, told.key, None if told.absent else told.value)
        for told in lines
        if told.word == "event"
    ]
    happened = list(_own(history, name))[: len(seen)]
    if seen != happened:
        for number, (left, right) in enumerate(zip(seen, happened, strict=False)):
            if left != right:
                yield f"event {number} of its watch is {left}, and happened is {right}"
                return
        yield "its watch saw more than happened"
    if not seen or seen[-1].key != f"{name}/end":
        yield "its watch did not see the end"


def _leases(history: History, name: str, lines: Sequence[Told]) -> Iterable[str]:
    """Keys go with their leases: not before, and not never."""
    end = max((event.revision for event in history.of(f"{name}/end")), default=0)
    renewed = [event for event in history.of(f"{name}/alive") if event.revision < end]
    if not renewed or any(event.value is None for event in renewed):
        yield "the key whose lease is renewed was deleted"
    for told in lines:
        if told.word == "revoke" and not told.error:
            if history.at(told.key, told.revision) is not None:
                yield f"a key is there when its lease is not: {told}"
        elif told.word == "expires":
            events = history.of(told.key)
            if events and events[-1].value is not None:
                yield f"a key has outlived its lease: {told}"


def errors(lines: Iterable[Told]) -> Counter[str]:
    """How often which kind of call failed with which words."""
    return Counter(f"{told.word}: {told.error}" for told in lines if told.error)
