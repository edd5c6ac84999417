"""Any changes, watchers and streams in any order: everybody is told what there was to be told.

The model is the naive store's list of events. What a watcher is due is that list filtered by its
request; what it was told has to be the beginning of it at all times, and all of it in the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fake_etcd.api import messages as m
from fake_etcd.core.mvcc import Store, watch
from fake_etcd.core.mvcc.watch import Event, State, Watcher, WatchHub
from tests.services import watch_guarantees as guarantees
from tests.services.watch_guarantees import Happened, History, Report, Request

from .naive_store import NaiveStore, Refused
from .watching import Stream

KEYS = [b"a", b"a\x00", b"b", b"c", b"\xff"]
keys = st.sampled_from(KEYS)
values = st.sampled_from([b"", b"1", b"22"])
range_ends = st.none() | st.sampled_from([b"", b"a\x00", b"b", b"d"])
spans = st.tuples(keys | st.just(b"\x00"), range_ends).filter(
    lambda span: not span[1] or span[0] < span[1]
)
"""None is empty: the service refuses such watchers."""
ages = st.integers(0, 4) | st.integers(0, 40)
requests = st.builds(
    lambda span, **others: Request(*span, **others),
    spans,
    no_put=st.sampled_from([False, False, False, True]),
    no_delete=st.sampled_from([False, False, False, True]),
    prev_kv=st.booleans(),
)
rooms = st.none() | st.integers(1, 3)
starts = st.sampled_from(["none", "past", "past", "past", "current", "next", "future"])


class CheckedStream(Stream):
    """Knows the model: sees at once whether what is told can be told now."""

    def __init__(self, hub: WatchHub, naive: NaiveStore, room: int | None) -> None:
        super().__init__(hub, room)
        self._naive = naive
        self.unseen: dict[Watcher, int] = {}
        """The first revision that a watcher cannot have seen, were it told or not."""

    def tell(self, watcher: Watcher, events: Sequence[Event], revision: int) -> None:
        super().tell(watcher, events, revision)
        naive, report = self._naive, self.reports[watcher]
        answer = report.answers[-1]
        assert revision == naive.current_revision, "an answer is of now"
        revisions = {event.revision for event in answer.events}
        assert len(revisions) <= watch.MOST_REVISIONS, "a piece has not too many revisions"
        for event in events:
            self._check_whole(event, report.request.prev_kv)

    def _check_whole(self, event: Event, prev_kv: bool) -> None:
        """Down to the last number of the KeyValues, as reads of the model have them."""
        naive, version = self._naive, event.version
        main, key = version.mod_revision, version.key
        assert main >= naive.compact_revision, "nothing is told of what is compacted"
        now, before = naive.state_at(main), naive.state_at(main - 1)
        expected = m.Event()
        if key in now:
            found = now[key]
            expected.kv.CopyFrom(m.KeyValue(**found._asdict()))
        else:
            expected.type = m.Event.DELETE
            expected.kv.CopyFrom(m.KeyValue(key=key, mod_revision=main))
        if prev_kv and key in before and main - 1 >= naive.compact_revision:
            expected.prev_kv.CopyFrom(m.KeyValue(**before[key]._asdict()))
        assert m.WatchResponse.FromString(event.encoded(prev_kv)).events[0] == expected

    def tell_compacted(self, watcher: Watcher, compact_revision: int) -> None:
        super().tell_compacted(watcher, compact_revision)
        assert compact_revision == self._naive.compact_revision, "the revision told is the newest"
        unseen = max(self.unseen[watcher], self.reports[watcher].seen + 1)
        assert unseen < compact_revision, "who has seen that much need not hear of it"


@dataclass(eq=False)
class Watching:
    """A watcher, where it is told, and whether it was cancelled."""

    watcher: Watcher
    stream: CheckedStream
    cancelled: bool = False

    @property
    def report(self) -> Report:
        return self.stream.reports[self.watcher]

    @property
    def is_over(self) -> bool:
        return self.cancelled or self.watcher in self.stream.compacted


class WatchMachine(RuleBasedStateMachine):
    """A store and its hub, with pieces and passes so small that everything takes several."""

    def __init__(self) -> None:
        super().__init__()
        self.store = Store()
        self.naive = NaiveStore()
        self.hub = WatchHub(self.store)
        self.hub.on_work = self.wake
        self.awake = False
        self.streams: list[CheckedStream] = []
        self.watching: list[Watching] = []
        self.constants = watch.MOST_REVISIONS, watch.MOST_WATCHERS

    def wake(self) -> None:
        assert self.hub.has_work, "the host is called for work"
        self.awake = True

    def teardown(self) -> None:
        try:
            if self.streams:
                self.everybody_is_served()
        finally:
            watch.MOST_REVISIONS, watch.MOST_WATCHERS = self.constants

    @initialize(
        revisions=st.integers(1, 4),
        watchers=st.integers(1, 3),
        rooms=st.lists(rooms, min_size=1, max_size=3),
        changed=st.lists(st.tuples(keys, st.booleans()), max_size=12),
    )
    def begin(
        self,
        revisions: int,
        watchers: int,
        rooms: list[int | None],
        changed: list[tuple[bytes, bool]],
    ) -> None:
        watch.MOST_REVISIONS, watch.MOST_WATCHERS = revisions, watchers
        self.streams = [CheckedStream(self.hub, self.naive, room) for room in rooms]
        for key, delete in changed:
            if delete:
                self.delete(key, None)
            else:
                self.put(key, b"0")

    # Changes

    def end_of_revision(self, changes: int) -> None:
        """The model is told before the store, as the store tells watchers at once."""
        self.naive.current_revision += 1 if changes else 0

    @rule(key=keys, value=values)
    def put(self, key: bytes, value: bytes) -> None:
        self.naive.change(self.naive.current_revision + 1, 0, key, value)
        self.end_of_revision(1)
        self.store.put(key, value)

    @rule(key=keys, range_end=range_ends)
    def delete(self, key: bytes, range_end: bytes | None) -> None:
        self.end_of_revision(self.naive.delete(self.naive.current_revision + 1, 0, key, range_end))
        self.store.delete_range(key, range_end)

    @rule(changes=st.dictionaries(keys, st.none() | values, max_size=4))
    def transaction(self, changes: dict[bytes, bytes | None]) -> None:
        """Each key once, as etcd has it."""
        main, sub = self.naive.current_revision + 1, 0
        for key, value in changes.items():
            if value is None:
                sub += self.naive.delete(main, sub, key, None)
            else:
                self.naive.change(main, sub, key, value)
                sub += 1
        self.end_of_revision(sub)
        with self.store.write() as txn:
            for key, value in changes.items():
                if value is None:
                    txn.delete_range(key, None)
                else:
                    txn.put(key, value)

    @rule(age=ages)
    def compact(self, age: int) -> None:
        revision = self.naive.current_revision - age
        try:
            self.naive.compact(revision)
        except Refused:
            return
        self.store.compact(revision)

    @precondition(lambda self: self.store.compaction_pending)
    @rule(max_records=st.integers(1, 20))
    def compact_a_little(self, max_records: int) -> None:
        self.store.compact_step(max_records)

    # Watchers

    @rule(data=st.data(), request=requests, start=starts, age=ages)
    def create(self, data: st.DataObject, request: Request, start: str, age: int) -> None:
        current = self.naive.current_revision
        start_revision = {
            "none": 0,
            "past": max(current - age, 1),
            "current": current,
            "next": current + 1,
            "future": current + 1 + age,
        }[start]
        request = replace(request, start_revision=start_revision)
        stream = data.draw(st.sampled_from(self.streams))
        watcher = stream.watcher(request)
        stream.reports[watcher].first = stream.unseen[watcher] = start_revision or current + 1
        told = len(stream.order)
        self.hub.add(watcher)
        assert len(stream.order) == told, "nothing is told at once"
        self.watching.append(Watching(watcher, stream))

    @precondition(lambda self: self.watching)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        """Who is over already, too."""
        one = data.draw(st.sampled_from(self.watching))
        self.hub.remove(one.watcher)
        one.cancelled = True

    # Streams

    @rule(data=st.data())
    def fill(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(self.streams)).room = 0

    @rule(data=st.data(), room=rooms)
    def empty(self, data: st.DataObject, room: int | None) -> None:
        data.draw(st.sampled_from(self.streams)).make_room(room)

    @rule(max_versions=st.integers(0, 6) | st.integers(0, 100))
    def catch_up(self, max_versions: int) -> None:
        """Whether there is something to do or not."""
        self.hub.catch_up(max_versions)
        self.awake = self.hub.has_work

    @rule()
    def everybody_is_served(self) -> None:
        """Until all is told that there is to tell."""
        for stream in self.streams:
            stream.make_room()
        slices = 0
        while self.awake:
            self.catch_up(10)
            slices += 1
            assert slices < 1_000, "the work ends"
        current = self.naive.current_revision
        history = self.history()
        for one in self.watching:
            request = one.watcher
            begun = request.start_revision <= current
            assert self.hub.in_step(one.watcher) == (begun and not one.is_over)
            if not one.is_over:
                guarantees.check_complete([one.report], history, current)

    # What holds at all times

    def history(self) -> History:
        return History(Happened(e.main, e.key, e.value) for e in self.naive.events)

    @invariant()
    def the_hub_and_the_store_are_sound(self) -> None:
        self.hub.check()
        self.store.check()
        assert self.store.current_revision == self.naive.current_revision

    @invariant()
    def everybody_was_told_the_beginning_of_what_is_due(self) -> None:
        history = self.history()
        for one in self.watching:
            guarantees.check_all(one.report, history)

    @invariant()
    def who_is_behind_and_can_be_told_is_not_forgotten(self) -> None:
        assert self.awake >= self.hub.has_work, "the host was called"
        history, current = self.history(), self.naive.current_revision
        for one in self.watching:
            report = one.report
            missing = history.of(report.request, report.seen + 1, current)
            if missing and not one.is_over:
                assert not self.hub.in_step(one.watcher), "in step means that all was told"
                assert self.hub.has_work or one.stream.is_full
            if one.is_over:
                assert one.watcher.state is State.GONE
            if self.hub.in_step(one.watcher):
                one.stream.unseen[one.watcher] = current + 1


TestWatch = WatchMachine.TestCase
TestWatch.settings = settings(
    settings.default, max_examples=150, stateful_step_count=50, deadline=None
)
