"""The watch hub, one behaviour at a time: who is told what, in which pass, and at what cost."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from fake_etcd.core.mvcc import Store, Version, watch
from fake_etcd.core.mvcc.encoding import encode_event
from fake_etcd.core.mvcc.watch import MOST_REVISIONS, MOST_WATCHERS, State, Watcher, WatchHub
from tests.services.watch_guarantees import Request

from .counting import bytecodes
from .watching import Stream, catch_up_wholly, new_hub


def test_the_example_of_the_docstring_is_true() -> None:
    store, hub = new_hub(3)
    first, second = Stream(hub), Stream(hub)
    w1, w2 = first.watch(b"a"), second.watch(b"a", None, 3)
    assert (w1.state, w1.min_revision) == (State.SYNCED, 5)
    assert (w2.state, w2.min_revision) == (State.UNSYNCED, 3)
    store.put(b"a", b"1")
    assert first.revisions(w1) == [[5]]
    assert second.revisions(w2) == []
    hub.catch_up(1_000)
    assert second.revisions(w2) == [[3, 4, 5]]
    assert w2.state is State.SYNCED
    store.put(b"a", b"2")
    assert (first.revisions(w1)[1:], second.revisions(w2)[1:]) == ([[6]], [[6]])
    first.room = 0
    store.put(b"a", b"3")
    assert second.revisions(w2)[2:] == [[7]]
    assert (w1.state, w1.min_revision) == (State.UNSYNCED, 7)
    first.make_room()
    hub.catch_up(1_000)
    assert first.revisions(w1)[2:] == [[7]]
    assert w1.state is State.SYNCED


# Beginning and end


@pytest.mark.parametrize(
    ("start", "first"), [(0, 6), (1, 2), (2, 2), (5, 5), (6, 6), (8, 8)], ids=str
)
def test_a_watcher_is_told_from_its_first_revision_on(start: int, first: int) -> None:
    store, hub = new_hub(4)
    stream = Stream(hub)
    watcher = stream.watch(b"a", None, start)
    catch_up_wholly(hub)
    for _ in range(4):
        store.put(b"a", b"")
    told = [revision for answer in stream.revisions(watcher) for revision in answer]
    assert told == list(range(first, 10))


def test_who_begins_in_the_future_is_in_step_once_that_has_come() -> None:
    store, hub = new_hub()
    watcher = Stream(hub).watch(b"a", None, 3)
    assert not hub.in_step(watcher)
    store.put(b"b", b"")
    assert not hub.in_step(watcher)
    store.put(b"b", b"")
    assert hub.in_step(watcher)


def test_an_answer_is_of_the_revision_that_was_seen() -> None:
    store, hub = new_hub(2)
    store.put(b"b", b"")
    stream = Stream(hub)
    watcher = stream.watch(b"a", None, 2)
    catch_up_wholly(hub)
    store.put(b"a", b"")
    assert [answer.revision for answer in stream.reports[watcher].answers] == [4, 5]


def test_who_is_removed_hears_nothing_more() -> None:
    store, hub = new_hub(2)
    stream = Stream(hub)
    synced, behind = stream.watch(b"a"), stream.watch(b"a", None, 2)
    for watcher in (synced, behind, synced):
        hub.remove(watcher)
    store.put(b"a", b"")
    catch_up_wholly(hub)
    assert stream.order == []
    assert not hub.in_step(synced)
    hub.check()


def test_who_is_removed_while_history_is_read_for_it_hears_nothing_of_it() -> None:
    _store, hub = new_hub(10)
    stream = Stream(hub)
    gone, stays = stream.watch(b"a", None, 2), stream.watch(b"a", None, 2)
    hub.catch_up(4)
    hub.remove(gone)
    hub.check()
    catch_up_wholly(hub)
    assert (stream.revisions(gone), stream.revisions(stays)) == ([], [list(range(2, 12))])


def test_the_store_calls_only_while_somebody_is_in_step() -> None:
    store, hub = new_hub(1)
    stream = Stream(hub)
    assert store.on_commit is None
    behind = stream.watch(b"a", None, 2)
    assert store.on_commit is None
    synced = stream.watch(b"a")
    assert store.on_commit is not None
    hub.remove(synced)
    assert store.on_commit is None
    catch_up_wholly(hub)
    assert store.on_commit is not None
    hub.remove(behind)
    assert store.on_commit is None


def test_nothing_is_kept_of_watchers_that_are_gone() -> None:
    """Looks behind the front: a client may watch a million keys, one after the other."""
    _store, hub = new_hub(1)
    stream = Stream(hub)
    spans: list[tuple[bytes, bytes | None]] = [
        (b"a", None),
        (b"a", b"b"),
        (b"a", b"c"),
        (b"a", b""),
    ]
    watchers = [stream.watch(*span, start) for span in spans for start in (0, 2)]
    catch_up_wholly(hub)
    for watcher in watchers:
        hub.remove(watcher)
    assert not hub._synced.members
    assert not hub._synced._keys
    assert not hub._synced._prefixes.by_length
    assert not hub._synced._ranges
    assert not hub._synced._in_ranges
    assert not hub._unsynced


# Slow streams


def test_a_slow_watcher_does_not_delay_the_others() -> None:
    store, hub = new_hub()
    slow, quick = Stream(hub, room=1), Stream(hub)
    w1, w2 = slow.watch(b"a"), quick.watch(b"a")
    for _ in range(3):
        store.put(b"a", b"")
    assert (slow.revisions(w1), quick.revisions(w2)) == ([[2]], [[2], [3], [4]])
    hub.catch_up(1_000)
    late = quick.watch(b"a", None, 2)
    catch_up_wholly(hub)
    assert quick.revisions(late) == [[2, 3, 4]]
    slow.make_room()
    catch_up_wholly(hub)
    assert slow.revisions(w1) == [[2], [3, 4]]


def test_a_full_stream_makes_no_work() -> None:
    store, hub = new_hub()
    stream = Stream(hub, room=0)
    stream.watch(b"a")
    store.put(b"a", b"")
    assert catch_up_wholly(hub) == 1
    store.put(b"a", b"")
    assert not hub.has_work
    called: list[bool] = []
    hub.on_work = lambda: called.append(hub.has_work)
    stream.make_room()
    assert called == [True]


def test_a_stream_with_nobody_behind_makes_no_work() -> None:
    _store, hub = new_hub()
    called: list[bool] = []
    hub.on_work = lambda: called.append(hub.has_work)
    stream = Stream(hub, room=0)
    stream.watch(b"a")
    stream.make_room()
    assert called == []
    assert not hub.has_work


def test_what_a_filter_takes_out_does_not_make_a_full_stream_fall_behind() -> None:
    store, hub = new_hub(1)
    stream = Stream(hub, room=0)
    watcher = stream.watcher(Request(b"a", no_put=True))
    hub.add(watcher)
    store.put(b"a", b"")
    assert hub.in_step(watcher)
    store.delete_range(b"a", None)
    assert not hub.in_step(watcher)
    stream.make_room()
    catch_up_wholly(hub)
    assert stream.revisions(watcher) == [[4]]


def test_a_stream_that_becomes_full_in_a_pass_is_read_for_again() -> None:
    """Three watchers share one stream with room for one answer."""
    _store, hub = new_hub(3)
    stream = Stream(hub, room=1)
    watchers = [stream.watch(b"a", None, 2) for _ in range(3)]
    for turn in range(3):
        catch_up_wholly(hub)
        assert stream.order == watchers[: turn + 1]
        stream.make_room(1)
    assert [stream.revisions(watcher) for watcher in watchers] == [[[2, 3, 4]]] * 3


def test_who_falls_behind_while_a_pass_is_under_way_is_read_for_next() -> None:
    store, hub = new_hub(10)
    slow, other = Stream(hub, room=0), Stream(hub)
    w1, w2 = slow.watch(b"a"), other.watch(b"a", None, 2)
    hub.catch_up(2)
    store.put(b"a", b"")
    assert w1.state is State.UNSYNCED
    slow.make_room()
    catch_up_wholly(hub, 2)
    assert slow.revisions(w1) == [[12]]
    assert other.revisions(w2) == [list(range(2, 13))]


def test_the_host_is_called_once_for_all_the_work() -> None:
    _store, hub = new_hub(10)
    called: list[bool] = []
    hub.on_work = lambda: called.append(hub.has_work)
    stream = Stream(hub)
    for _ in range(3):
        stream.watch(b"a", None, 2)
    assert called == [True]
    hub.catch_up(2)
    stream.watch(b"a", None, 2)
    assert called == [True]
    catch_up_wholly(hub)
    assert len(stream.order) == 4
    stream.watch(b"a", None, 2)
    assert called == [True, True]


# Passes


class CountingStore(Store):
    """Counts how often history is read, and how many of its versions."""

    __slots__ = ("readings", "versions")

    def __init__(self) -> None:
        super().__init__()
        self.readings = self.versions = 0

    def versions_since(self, revision: int) -> Iterator[Version]:
        self.readings += 1
        for version in super().versions_since(revision):
            self.versions += 1
            yield version


def counting_hub(puts: int) -> tuple[CountingStore, WatchHub]:
    store = CountingStore()
    for _ in range(puts):
        store.put(b"a", b"")
    return store, WatchHub(store)


def test_an_answer_has_up_to_1000_revisions() -> None:
    assert MOST_REVISIONS == 1_000
    _store, hub = new_hub(2_500)
    stream = Stream(hub)
    watcher = stream.watch(b"a", None, 2)
    catch_up_wholly(hub)
    assert [(len(told), told[0]) for told in stream.revisions(watcher)] == [
        (1_000, 2),
        (1_000, 1_002),
        (500, 2_002),
    ]


@pytest.mark.parametrize(("puts", "pieces"), [(1_000, [1_000]), (1_001, [1_000, 1])])
def test_exactly_1000_revisions_are_one_answer(puts: int, pieces: list[int]) -> None:
    _store, hub = new_hub(puts)
    stream = Stream(hub)
    watcher = stream.watch(b"a", None, 2)
    catch_up_wholly(hub)
    assert [len(told) for told in stream.revisions(watcher)] == pieces
    assert hub.in_step(watcher)


def test_it_is_revisions_that_are_counted_and_not_events() -> None:
    store, hub = new_hub()
    for _ in range(1_001):
        with store.write() as txn:
            for key in (b"a", b"b", b"c"):
                txn.put(key, b"")
    stream = Stream(hub)
    watcher = stream.watch(b"a", b"z", 2)
    catch_up_wholly(hub)
    assert [len(told) for told in stream.revisions(watcher)] == [3_000, 3]


def test_revisions_that_a_filter_takes_out_count_too() -> None:
    """As in etcd, which filters what it sends: nothing is said of the first 1,000."""
    store, hub = new_hub(1_000)
    store.delete_range(b"a", None)
    stream = Stream(hub)
    watcher = stream.watcher(Request(b"a", None, 2, no_put=True))
    hub.add(watcher)
    hub.catch_up(10_000)
    assert stream.order == []
    assert watcher.min_revision == 1_002
    catch_up_wholly(hub)
    assert stream.revisions(watcher) == [[1_002]]


def test_512_watchers_share_one_reading() -> None:
    assert MOST_WATCHERS == 512
    store, hub = counting_hub(3)
    stream = Stream(hub)
    watchers = [stream.watch(b"a", None, 2) for _ in range(2 * 512 + 1)]
    for served in (512, 1024, 1025):
        hub.catch_up(1_000)
        assert stream.order == watchers[:served]
    assert store.readings == 3
    assert not hub.has_work


def test_who_has_much_to_read_is_in_nobodys_way() -> None:
    """512 who need two passes come back for the second behind one who came after them."""
    _, hub = new_hub(MOST_REVISIONS + 1)
    stream = Stream(hub)
    patient = [stream.watch(b"a", None, 2) for _ in range(MOST_WATCHERS)]
    late = stream.watch(b"a", None, MOST_REVISIONS)
    hub.catch_up(10_000)
    hub.catch_up(10_000)
    assert stream.order[: MOST_WATCHERS + 1] == [*patient, late]


def test_full_and_compacted_watchers_take_no_place_in_a_pass() -> None:
    store, hub = counting_hub(5)
    full, stream = Stream(hub, room=0), Stream(hub)
    for _ in range(600):
        full.watch(b"a", None, 4)
        stream.watch(b"a", None, 2)
    good = [stream.watch(b"a", None, 3) for _ in range(512)]
    store.compact(3)
    hub.catch_up(1_000)
    assert len(stream.compacted) == 600
    assert stream.order[600:] == good
    assert full.order == []


@pytest.mark.parametrize(("slice_size", "slices"), [(1, 10), (3, 4), (9, 2), (10, 1), (1_000, 1)])
def test_a_slice_reads_about_as_many_versions_as_it_may(slice_size: int, slices: int) -> None:
    store, hub = counting_hub(10)
    stream = Stream(hub)
    watcher = stream.watch(b"a", None, 2)
    assert catch_up_wholly(hub, slice_size) == slices
    assert stream.revisions(watcher) == [list(range(2, 12))]
    # The version that a slice ends at is looked at by the next one again.
    assert store.versions == 10 + slices - 1


def test_a_revision_is_read_wholly_however_small_a_slice_is() -> None:
    store, hub = new_hub()
    for _ in range(3):
        with store.write() as txn:
            for number in range(100):
                txn.put(b"%03d" % number, b"")
    stream = Stream(hub)
    watcher = stream.watch(b"", b"", 2)
    assert catch_up_wholly(hub, 1) == 3
    assert stream.revisions(watcher) == [[2] * 100 + [3] * 100 + [4] * 100]


def test_what_is_written_while_history_is_read_is_told_with_it() -> None:
    store, hub = new_hub(4)
    stream = Stream(hub)
    watcher = stream.watch(b"a", None, 2)
    for _ in range(3):
        hub.catch_up(2)
        store.put(b"a", b"")
    catch_up_wholly(hub, 2)
    assert stream.revisions(watcher) == [list(range(2, 8)), [8]]


def test_each_of_a_pass_is_told_from_its_own_revision() -> None:
    _store, hub = new_hub(4)
    stream = Stream(hub)
    watchers = [stream.watch(b"a", None, start) for start in (4, 2, 5)]
    others = stream.watch(b"b", None, 2)
    hub.catch_up(1_000)
    assert [stream.revisions(watcher) for watcher in watchers] == [[[4, 5]], [[2, 3, 4, 5]], [[5]]]
    assert stream.revisions(others) == []
    assert hub.in_step(others)


# Compaction


def test_who_wants_what_is_compacted_is_told_so_once() -> None:
    store, hub = new_hub(5)
    store.compact(4)
    stream = Stream(hub)
    too_late, just_in_time = stream.watch(b"b", None, 3), stream.watch(b"a", None, 4)
    catch_up_wholly(hub)
    store.put(b"b", b"")
    assert stream.compacted == {too_late: 4}
    assert too_late.state is State.GONE
    assert stream.revisions(just_in_time) == [[4, 5, 6]]
    hub.remove(too_late)
    hub.check()


def test_a_full_stream_is_told_of_the_compaction_when_it_has_room() -> None:
    store, hub = new_hub(5)
    store.compact(4)
    stream = Stream(hub, room=0)
    watcher = stream.watch(b"a", None, 2)
    catch_up_wholly(hub)
    assert stream.compacted == {}
    store.compact(5)
    stream.make_room()
    catch_up_wholly(hub)
    assert stream.compacted == {watcher: 5}


def test_a_compaction_can_overtake_a_pass() -> None:
    """Of two that are read for, one is overtaken: what was read for it is not told."""
    store, hub = new_hub(20)
    stream = Stream(hub)
    overtaken, ahead = stream.watch(b"a", None, 2), stream.watch(b"a", None, 15)
    hub.catch_up(3)
    store.compact(10)
    while store.compact_step(100):
        pass
    catch_up_wholly(hub, 3)
    assert stream.compacted == {overtaken: 10}
    assert stream.revisions(overtaken) == []
    assert stream.revisions(ahead) == [list(range(15, 22))]
    hub.check()


def test_a_compaction_between_two_pieces_ends_the_watch() -> None:
    store, hub = new_hub(1_500)
    stream = Stream(hub)
    watcher = stream.watch(b"a", None, 2)
    hub.catch_up(10_000)
    assert watcher.min_revision == 1_002
    store.compact(1_003)
    catch_up_wholly(hub)
    assert [len(told) for told in stream.revisions(watcher)] == [1_000]
    assert stream.compacted == {watcher: 1_003}


def test_a_compaction_up_to_the_next_revision_takes_nothing_from_a_watcher() -> None:
    store, hub = new_hub(1_500)
    stream = Stream(hub)
    watcher = stream.watch(b"a", None, 2)
    hub.catch_up(10_000)
    store.compact(1_002)
    catch_up_wholly(hub)
    assert [len(told) for told in stream.revisions(watcher)] == [1_000, 500]


def test_who_is_in_step_does_not_hear_of_compactions() -> None:
    store, hub = new_hub(5)
    stream = Stream(hub)
    watcher = stream.watch(b"b")
    for _ in range(3):
        store.put(b"a", b"")
    store.compact(9)
    stream.room = 0
    store.put(b"b", b"")
    stream.make_room()
    catch_up_wholly(hub)
    assert stream.compacted == {}
    assert stream.revisions(watcher) == [[10]]


# What was there before


def test_the_previous_value_is_left_out_where_it_is_compacted() -> None:
    store, hub = new_hub(3)
    stream = Stream(hub)
    watcher = stream.watch(b"a", None, 3, prev_kv=True)
    store.compact(3)
    catch_up_wholly(hub)
    events = stream.reports[watcher].events
    assert [(event.revision, event.previous) for event in events] == [(3, None), (4, b"1")]


def test_a_new_life_of_a_key_has_nothing_before_it() -> None:
    store, hub = new_hub(2)
    stream = Stream(hub)
    watcher = stream.watch(b"a", prev_kv=True)
    store.delete_range(b"a", None)
    store.put(b"a", b"new")
    store.put(b"a", b"newer")
    events = stream.reports[watcher].events
    assert [event.previous for event in events] == [b"1", None, b"new"]


# Costs


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What was encoded as an event, call by call."""
    calls: list[bytes] = []

    def counted(field: bytes, is_delete: bool, field_3: bytes = b"") -> bytes:
        calls.append(field)
        return encode_event(field, is_delete, field_3)

    monkeypatch.setattr(watch, "encode_event", counted)
    return calls


def test_an_event_is_encoded_once_for_all_its_watchers(encoded: list[bytes]) -> None:
    store, hub = new_hub(1)
    streams = [Stream(hub) for _ in range(10)]
    for stream in streams:
        stream.watch(b"a")
        stream.watch(b"a", b"c")
    store.put(b"a", b"")
    assert len(encoded) == 1
    streams[0].watch(b"a", prev_kv=True)
    streams[1].watch(b"a", b"", prev_kv=True)
    store.put(b"a", b"")
    assert len(encoded) == 1 + 2  # with and without what was there before


def test_an_event_of_history_is_encoded_once_for_all_of_a_pass(encoded: list[bytes]) -> None:
    _store, hub = new_hub(7)
    stream = Stream(hub)
    for start in range(2, 9):
        stream.watch(b"a", None, start)
    catch_up_wholly(hub)
    assert len(stream.order) == 7
    assert len(encoded) == len(set(encoded)) == 7


def test_nothing_is_encoded_for_those_who_are_not_told(encoded: list[bytes]) -> None:
    store, hub = new_hub(3)
    stream = Stream(hub, room=0)
    stream.watch(b"a")
    stream.watch(b"a", None, 2)
    stream.watch(b"b")
    hub.add(stream.watcher(Request(b"a", no_put=True)))
    store.put(b"a", b"")
    catch_up_wholly(hub)
    assert encoded == []


class Deaf:
    """A stream that counts."""

    is_full = False

    def __init__(self) -> None:
        self.told = 0

    def tell(self, watcher: Watcher, events: object, revision: int) -> None:
        self.told += 1

    def tell_compacted(self, watcher: Watcher, compact_revision: int) -> None:
        raise AssertionError("nothing is compacted")


def hub_of_many(count: int) -> tuple[Store, WatchHub, Deaf]:
    """So many watchers of other keys and as many of other ranges; three of them of b"mine"."""
    store = Store()
    hub, stream = WatchHub(store), Deaf()
    for number in range(count):
        key = b"%s%07d" % (b"a" if number % 2 else b"z", number)
        hub.add(Watcher(stream, number, key, None, 0))
        hub.add(Watcher(stream, number, key, key + b"~", 0))
    hub.add(Watcher(stream, -1, b"mine", None, 0))
    hub.add(Watcher(stream, -2, b"m", b"n", 0))
    hub.add(Watcher(stream, -3, b"m", b"mine\0", 0))
    store.put(b"mine", b"")
    return store, hub, stream


@pytest.fixture(scope="module")
def crowds() -> list[tuple[Store, WatchHub, Deaf]]:
    return [hub_of_many(50), hub_of_many(50_000)]


def test_a_put_costs_what_its_own_watchers_cost(
    crowds: list[tuple[Store, WatchHub, Deaf]],
) -> None:
    """Of 100,000 others there is nothing to see but the depth of a tree: ten levels more."""
    counts = []
    for store, _, stream in crowds:
        before = stream.told
        counts.append(bytecodes(partial(store.put, b"mine", b"")))
        assert stream.told - before == 3
    assert 0 < counts[1] < counts[0] + 1_500, counts


def test_a_put_that_nobody_watches_costs_no_more_among_many(
    crowds: list[tuple[Store, WatchHub, Deaf]],
) -> None:
    counts = []
    for store, _, stream in crowds:
        before = stream.told
        counts.append(bytecodes(partial(store.put, b"nobody", b"")))
        assert stream.told == before
    assert 0 < counts[1] < counts[0] + 1_500, counts


def test_a_watcher_comes_and_goes_as_cheaply_among_many(
    crowds: list[tuple[Store, WatchHub, Deaf]],
) -> None:
    counts = []
    for _, hub, stream in crowds:

        def come_and_go(hub: WatchHub, stream: Deaf) -> None:
            spans: list[tuple[bytes, bytes | None]] = [(b"mine", None), (b"m", b"o"), (b"z", b"")]
            for key, range_end in spans:
                watcher = Watcher(stream, 1, key, range_end, 0)
                hub.add(watcher)
                hub.remove(watcher)

        counts.append(bytecodes(partial(come_and_go, hub, stream)))
    assert 0 < counts[1] < counts[0] + 10_000, counts


def test_each_interested_watcher_costs_the_same() -> None:
    counts = []
    for number in (10, 1_000):
        store = Store()
        hub, stream = WatchHub(store), Deaf()
        for watch_id in range(number):
            hub.add(Watcher(stream, watch_id, b"a", None if watch_id % 2 else b"b", 0))
        store.put(b"a", b"")
        counts.append(bytecodes(partial(store.put, b"a", b"")))
    assert counts[1] < counts[0] * 100


def test_a_slice_is_bounded_by_its_size_and_not_by_the_history() -> None:
    counts = []
    for puts in (1_000, 30_000):
        _, hub = new_hub(puts)
        Stream(hub).watch(b"a", None, 2)
        counts.append(bytecodes(partial(hub.catch_up, 100)))
    assert 0 < counts[1] <= counts[0] + 200, counts
