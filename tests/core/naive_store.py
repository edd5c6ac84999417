"""The store as anybody would write it first: a list of all events, searched from one end.

Written from etcd's documentation of revisions, without any structure of the real one, so that the
two can only agree by being right. Every method costs the whole history.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

Answer = tuple["KeyValue", ...]


class Event(NamedTuple):
    """One change. A deletion has value None."""

    main: int
    sub: int
    key: bytes
    value: bytes | None
    lease: int


class KeyValue(NamedTuple):
    """A key as a read shows it."""

    key: bytes
    value: bytes
    create_revision: int
    mod_revision: int
    version: int
    lease: int


class Refused(Exception):
    """A read or compaction at a revision that is not there: `reason` is etcd's name for it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def within(key: bytes, first: bytes, range_end: bytes | None) -> bool:
    """Whether a request for `first` and `range_end` is about `key`."""
    if range_end is None:
        return key == first
    if range_end == b"":
        return key >= first
    return first <= key < range_end


@dataclass
class NaiveStore:
    """All that happened, in order."""

    events: list[Event] = field(default_factory=list)
    current_revision: int = 1
    compact_revision: int = -1

    def copy(self) -> NaiveStore:
        return NaiveStore(list(self.events), self.current_revision, self.compact_revision)

    def state_at(self, revision: int) -> dict[bytes, KeyValue]:
        """What lives at a main revision, in order of keys, by playing all events up to it."""
        state: dict[bytes, KeyValue] = {}
        for event in self.events:
            if event.main > revision:
                break
            if event.value is None:
                del state[event.key]
            elif event.key in state:
                old = state[event.key]
                state[event.key] = KeyValue(
                    event.key,
                    event.value,
                    old.create_revision,
                    event.main,
                    old.version + 1,
                    event.lease,
                )
            else:
                state[event.key] = KeyValue(
                    event.key, event.value, event.main, event.main, 1, event.lease
                )
        return dict(sorted(state.items()))

    def read(
        self,
        key: bytes,
        range_end: bytes | None,
        revision: int,
        limit: int,
        count_only: bool,
        total_count: bool,
        current: int | None = None,
    ) -> tuple[Answer, int, int]:
        """Versions, count and the revision of the answer. A transaction gives its `current`."""
        if current is None:
            current = self.current_revision
        if revision > current:
            raise Refused("FUTURE_REV")
        if revision <= 0:
            revision = current
        if revision < self.compact_revision:
            raise Refused("COMPACTED")
        state = self.state_at(revision).values()
        found = tuple(one for one in state if within(one.key, key, range_end))
        count = len(found)
        if count_only:
            return (), count, current
        if limit > 0:
            found = found[:limit]
        return found, count if total_count else len(found), current

    def change(self, main: int, sub: int, key: bytes, value: bytes | None, lease: int = 0) -> None:
        self.events.append(Event(main, sub, key, value, lease))

    def delete(self, main: int, sub: int, key: bytes, range_end: bytes | None) -> int:
        """Delete at sub revisions from `sub` on; returns how many keys."""
        doomed = [one for one in self.state_at(main) if within(one, key, range_end)]
        for place, one in enumerate(doomed):
            self.change(main, sub + place, one, None)
        return len(doomed)

    def compact(self, revision: int) -> None:
        if revision <= self.compact_revision:
            raise Refused("COMPACTED")
        if revision > self.current_revision:
            raise Refused("FUTURE_REV")
        self.compact_revision = revision

    def survivors(self) -> list[Event]:
        """The events that are left when every compaction has been carried out."""
        kept = []
        for place, event in enumerate(self.events):
            if event.main <= self.compact_revision:
                superseded = any(
                    later.key == event.key and later.main <= self.compact_revision
                    for later in self.events[place + 1 :]
                )
                forgotten = event.value is None and event.main < self.compact_revision
                if superseded or forgotten:
                    continue
            kept.append(event)
        return kept
