"""Watchers: who is told of which change, at once or when they have caught up with history.

A watcher that has seen everything is *synced* and told of each transaction as it ends. One that
begins in the past, or whose stream takes no more for now, is *unsynced*: it reads history in
passes, up to 512 watchers in one reading, until it has seen everything. What is said to a client
and how is the service's; time and order of passes are the host's, who calls `catch_up`.
etcd: server/storage/mvcc/watchable_store.go, watcher_group.go, watcher.go. etcd's victims, whose
channel was full when there was something to tell, are unsynced here from that revision on: what
they miss is in the history as well.

Worked example. The store is at revision 4; w1 is created from now on, w2 from revision 3:

    create w1            synced, min_revision 5
    create w2, from 3    unsynced, min_revision 3
    put a=1              revision 5: w1 is told 5
    catch_up             w2 is told 3, 4, 5 in one piece and is synced
    put a=2              revision 6: both are told
    w1's stream is full
    put a=3              revision 7: w2 is told; w1 becomes unsynced, min_revision 7
    w1's stream is not   catch_up: w1 is told 7
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from fake_etcd.core.mvcc.encoding import encode_event
from fake_etcd.core.mvcc.intervals import Intervals
from fake_etcd.core.mvcc.prefixes import Prefixes, prefix_end
from fake_etcd.core.mvcc.revision_log import Batch, Record
from fake_etcd.core.mvcc.store import Store
from fake_etcd.core.mvcc.version import Version

MOST_REVISIONS = 1_000
"""Revisions in one answer to a watcher that catches up (etcd: watchBatchMaxRevs)."""

MOST_WATCHERS = 512
"""Watchers that share one reading of history (etcd: maxWatchersPerSync)."""


class Event:
    """One change as watchers are told of it; encoded once for all of them.

    Args:
        version: the change.
        store: where what was there before is looked up, for those who ask.
    """

    __slots__ = ("_plain", "_store", "_with_previous", "version")

    def __init__(self, version: Version, store: Store) -> None:
        self.version = version
        self._store = store
        self._plain = b""
        self._with_previous = b""

    def encoded(self, prev_kv: bool) -> bytes:
        """The event as field 11 of a WatchResponse.

        What was there before is left out where that is compacted (etcd: v3rpc/watch.go, sendLoop).
        """
        if not prev_kv:
            if not self._plain:
                self._plain = encode_event(self.version.field, self.version.is_tombstone)
            return self._plain
        if not self._with_previous:
            self._with_previous = encode_event(
                self.version.field, self.version.is_tombstone, self._previous()
            )
        return self._with_previous

    def _previous(self) -> bytes:
        version, store = self.version, self._store
        before = version.mod_revision - 1
        is_new = not version.is_tombstone and version.version == 1
        if is_new or before < max(store.compact_revision, 1):
            return b""
        found = store.range(version.key, None, revision=before).versions
        return found[0].field_3 if found else b""


class Events(list[Event]):
    """What several watchers are told alike; put together once for all of them."""

    __slots__ = ("_plain", "_with_previous")

    def __init__(self, events: Iterable[Event] = ()) -> None:
        super().__init__(events)
        self._plain = b""
        self._with_previous = b""

    def encoded(self, prev_kv: bool) -> bytes:
        """All of them, see `Event.encoded`. Only once there are no more to come."""
        if not prev_kv:
            if not self._plain:
                self._plain = b"".join([event.encoded(False) for event in self])
            return self._plain
        if not self._with_previous:
            self._with_previous = b"".join([event.encoded(True) for event in self])
        return self._with_previous


class WatchStream(Protocol):
    """Where a watcher's answers go: one client's stream, which others may share."""

    @property
    def is_full(self) -> bool:
        """Whether it takes nothing more for now; the hub is told by `resume` when it does."""

    def tell(self, watcher: Watcher, events: Events, revision: int) -> None:
        """Events of one or more whole revisions; `revision` is what the watcher has seen."""

    def tell_compacted(self, watcher: Watcher, compact_revision: int) -> None:
        """The watcher wants revisions that are gone, and hears nothing more."""


class State(enum.Enum):
    """What the hub does for a watcher."""

    SYNCED = "is told of each change"
    UNSYNCED = "reads history"
    GONE = "hears nothing more"


@dataclass(slots=True, eq=False)
class Watcher:
    """One client's interest in a key or a range.

    Args:
        stream: where its answers go.
        watch_id: its number there.
        key: the key, or the first of the range.
        range_end: as `Store.range` has it.
        start_revision: the first revision it wants; 0 for the next one.
        no_put, no_delete: what it does not want.
        min_revision: the first revision that it has not seen.
    """

    stream: WatchStream
    watch_id: int
    key: bytes
    range_end: bytes | None
    start_revision: int
    no_put: bool = False
    no_delete: bool = False
    min_revision: int = 0
    state: State = State.GONE
    wants_all: bool = field(init=False)

    def __post_init__(self) -> None:
        self.wants_all = not (self.no_put or self.no_delete)

    def wanted(self, events: Events) -> Events:
        """The events that its filters let through."""
        if self.wants_all:
            return events
        return Events(
            event
            for event in events
            if not (self.no_delete if event.version.is_tombstone else self.no_put)
        )


@dataclass(slots=True, eq=False)
class _Interest:
    """What watchers have in common that read the same history: up to 1,000 revisions of it.

    Args:
        key, range_end, min_revision: as each of `watchers` has them.
        events: what was found.
        more: the first revision that was not taken any more; 0 where all were.
    """

    key: bytes
    range_end: bytes | None
    min_revision: int
    watchers: list[Watcher] = field(default_factory=list)
    events: Events = field(default_factory=Events)
    more: int = 0
    _revisions: int = 0

    def add(self, event: Event) -> None:
        main = event.version.mod_revision
        if self.more or main < self.min_revision:
            return
        if not self.events or self.events[-1].version.mod_revision < main:
            if self._revisions == MOST_REVISIONS:
                self.more = main
                return
            self._revisions += 1
        self.events.append(event)


Member = TypeVar("Member", Watcher, _Interest)


class _Group(Generic[Member]):
    """Watchers, or what they have in common, by what they watch.

    A range that is a prefix is looked up as one, if it has a place there.
    """

    __slots__ = ("_in_ranges", "_keys", "_prefixes", "_ranges", "members")

    def __init__(self, members: Iterable[Member] = ()) -> None:
        self.members: dict[Member, None] = {}
        self._keys: dict[bytes, dict[Member, None]] = {}
        self._prefixes: Prefixes[Member] = Prefixes()
        self._ranges: Intervals[Member] = Intervals()
        self._in_ranges = 0
        for member in members:
            self.add(member)

    def add(self, member: Member) -> None:
        self.members[member] = None
        key, range_end = member.key, member.range_end
        if range_end is None:
            self._keys.setdefault(key, {})[member] = None
        elif not (range_end == prefix_end(key) and self._prefixes.add(key, member)):
            self._ranges.add(key, range_end, member)
            self._in_ranges += 1

    def remove(self, member: Member) -> None:
        del self.members[member]
        key, range_end = member.key, member.range_end
        if range_end is None:
            members = self._keys[key]
            del members[member]
            if not members:
                del self._keys[key]
        elif not (range_end == prefix_end(key) and self._prefixes.remove(key, member)):
            self._ranges.remove(key, range_end, member)
            self._in_ranges -= 1

    def of(self, key: bytes) -> list[Member]:
        """Who watches a key. O(log n) for ranges that are no prefixes, and what is found."""
        members = self._keys.get(key)
        found = list(members) if members else []
        if self._prefixes.by_length:
            found += self._prefixes.at(key)
        if self._in_ranges:
            for more in self._ranges.at(key):
                found.extend(more)
        return found

    def check(self) -> None:
        """Assert the invariants. O(members)."""
        self._ranges.check()
        for member in self.members:
            assert member in self.of(member.key), "who watches a key is found by it"


class _Pass:
    """One reading of history, from `main` on to the newest revision, for those who share it."""

    __slots__ = ("interests", "main")

    def __init__(self, watchers: Iterable[Watcher]) -> None:
        interests: dict[tuple[bytes, bytes | None, int], _Interest] = {}
        for watcher in watchers:
            what = (watcher.key, watcher.range_end, watcher.min_revision)
            interests.setdefault(what, _Interest(*what)).watchers.append(watcher)
        self.interests = _Group(interests.values())
        self.main = min(interest.min_revision for interest in self.interests.members)


class WatchHub:
    """All watchers of a store.

    Args:
        store: whose changes they are told of.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._synced = _Group[Watcher]()
        self._unsynced: dict[Watcher, None] = {}
        self._pass: _Pass | None = None
        self._may_begin = False
        self.told: list[Callable[[], None]] = []
        """Called, and forgotten, when all have been told of a transaction or at a pass's end: a
        stream that gathers what its watchers are told puts what sends it here."""
        self.on_work: Callable[[], None] = _nobody
        """Called when `catch_up` may have something to do and had nothing before."""

    def add(self, watcher: Watcher) -> None:
        """Begin to watch. O(log n)."""
        current = self._store.current_revision
        if 0 < watcher.start_revision <= current:
            watcher.min_revision = watcher.start_revision
            self._fall_behind(watcher)
        else:
            watcher.min_revision = max(watcher.start_revision, current + 1)
            self._sync(watcher)

    def remove(self, watcher: Watcher) -> None:
        """Tell it nothing more. O(log n); nothing where it is gone already."""
        if watcher.state is State.SYNCED:
            self._synced.remove(watcher)
            self._listen()
        elif watcher.state is State.UNSYNCED:
            del self._unsynced[watcher]
            if not self._unsynced:
                self._pass, self._may_begin = None, False
        watcher.state = State.GONE

    def in_step(self, watcher: Watcher) -> bool:
        """Whether it has seen everything there is, and has begun (etcd: progressIfSync)."""
        current = self._store.current_revision
        return watcher.state is State.SYNCED and watcher.start_revision <= current

    @property
    def watchers(self) -> tuple[int, int]:
        """How many there are, and how many of them are behind."""
        behind = len(self._unsynced)
        return len(self._synced.members) + behind, behind

    @property
    def has_work(self) -> bool:
        """Whether `catch_up` may have something to do."""
        return self._pass is not None or self._may_begin

    def resume(self) -> None:
        """A stream that was full is not any more."""
        self._begin_soon()

    # Told by the store

    def _notify(self, main: int, record: Record, key: bytes | None) -> None:
        """A transaction has ended: tell those who watch what it changed."""
        group = self._synced
        if key is not None:
            found = group.of(key)
            if found:
                assert not isinstance(record, Batch), "a batch comes without a key"
                self._notify_of(found, main, record)
            return
        if not isinstance(record, Batch):
            self._notify_of(group.of(record.key), main, record)
            return
        store = self._store
        batches: dict[Watcher, Events] = {}
        for version in record.versions:
            assert version is not None, "nothing is dropped from a transaction that just ended"
            event = Event(version, store)
            for watcher in group.of(version.key):
                batches.setdefault(watcher, Events()).append(event)
        for watcher, events in batches.items():
            self._tell(watcher, events, main)
        self._all_told()

    def _notify_of(self, found: Sequence[Watcher], main: int, change: Version) -> None:
        """Tell those who watch the key of the one version that a transaction made."""
        events = Events((Event(change, self._store),))
        for watcher in found:
            # What `_tell` does, for one of the many that want everything: a third less.
            if watcher.wants_all and watcher.min_revision <= main:
                stream = watcher.stream
                if not stream.is_full:
                    watcher.min_revision = main + 1
                    stream.tell(watcher, events, main)
                    continue
            self._tell(watcher, events, main)
        self._all_told()

    def _all_told(self) -> None:
        told, self.told = self.told, []
        for send in told:
            send()

    def _tell(self, watcher: Watcher, events: Events, main: int) -> None:
        if main < watcher.min_revision:
            return  # it begins later
        wanted = watcher.wanted(events)
        if wanted and watcher.stream.is_full:
            self._synced.remove(watcher)
            watcher.min_revision = main
            self._fall_behind(watcher)
            return
        watcher.min_revision = main + 1
        if wanted:
            watcher.stream.tell(watcher, wanted, main)

    # History

    def catch_up(self, max_versions: int) -> None:
        """Read about so many versions of history for those who are behind; some 2 us each.

        A revision is read wholly. Those who share a reading are told at its end.
        """
        if self._pass is None and not self._begin_pass():
            return
        reading = self._pass
        assert reading is not None, "there is a pass now"
        for version in self._from(reading, max_versions):
            found = reading.interests.of(version.key)
            if found:
                event = Event(version, self._store)
                for interest in found:
                    interest.add(event)
        if reading.main > self._store.current_revision:
            self._pass = None
            self._end_pass(reading)

    def _begin_pass(self) -> bool:
        """Choose whom to read for; those who want what is compacted are told so."""
        chosen = []
        for watcher in list(self._unsynced):
            if watcher.stream.is_full:
                continue
            if not self._is_compacted(watcher):
                chosen.append(watcher)
            if len(chosen) == MOST_WATCHERS:
                break
        self._may_begin = False
        if chosen:
            self._pass = _Pass(chosen)
        for watcher in chosen:  # who stays behind is in nobody's way
            self._unsynced[watcher] = self._unsynced.pop(watcher)
        return bool(chosen)

    def _from(self, reading: _Pass, max_versions: int) -> Iterator[Version]:
        """The next versions, to the end of a revision; moves `reading.main` behind them."""
        for seen, version in enumerate(self._store.versions_since(reading.main)):
            if version.mod_revision > reading.main:
                reading.main = version.mod_revision
                if seen >= max_versions:
                    return
            yield version
        reading.main = self._store.current_revision + 1

    def _end_pass(self, reading: _Pass) -> None:
        current = self._store.current_revision
        for interest in reading.interests.members:
            for watcher in interest.watchers:
                if watcher.state is not State.UNSYNCED or watcher.stream.is_full:
                    continue  # cancelled meanwhile; or to be read for again
                if self._is_compacted(watcher):
                    continue  # some of what it was to see went while it was read
                watcher.min_revision = interest.more or current + 1
                if not interest.more:
                    del self._unsynced[watcher]
                    self._sync(watcher)
                wanted = watcher.wanted(interest.events)
                if wanted:
                    watcher.stream.tell(watcher, wanted, current)
        self._may_begin = bool(self._unsynced)
        self._all_told()

    def _is_compacted(self, watcher: Watcher) -> bool:
        compact_revision = self._store.compact_revision
        if watcher.min_revision >= compact_revision:
            return False
        self.remove(watcher)
        watcher.stream.tell_compacted(watcher, compact_revision)
        return True

    # States

    def _sync(self, watcher: Watcher) -> None:
        watcher.state = State.SYNCED
        self._synced.add(watcher)
        self._listen()

    def _fall_behind(self, watcher: Watcher) -> None:
        watcher.state = State.UNSYNCED
        self._unsynced[watcher] = None
        self._listen()
        self._begin_soon()

    def _begin_soon(self) -> None:
        if self._unsynced and not self.has_work:
            self._may_begin = True
            self.on_work()

    def _listen(self) -> None:
        """Nobody watches: the store need not even call."""
        self._store.on_commit = self._notify if self._synced.members else None

    def check(self) -> None:
        """Assert the invariants. O(watchers); for tests."""
        self._synced.check()
        current = self._store.current_revision
        for watcher in self._synced.members:
            assert watcher.state is State.SYNCED, "who is in step knows it"
        for watcher in self._unsynced:
            assert watcher.state is State.UNSYNCED, "who is behind knows it"
            assert watcher.min_revision <= current, "and has something to read"
        assert not self._unsynced.keys() & self._synced.members.keys(), "nobody is both"
        assert (self._store.on_commit is not None) == bool(self._synced.members), (
            "the store calls as long as somebody listens"
        )


def _nobody() -> None:
    """Stands in for a host: who is behind stays so until somebody calls `catch_up`."""
