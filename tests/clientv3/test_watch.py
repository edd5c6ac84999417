"""Watches through both faces: whole answers, and nothing lost or told twice."""

from __future__ import annotations

import itertools
import threading
from dataclasses import replace
from typing import Any

import pytest

from fake_etcd.clientv3 import ClientClosed, context, op_delete, op_put, rpctypes
from fake_etcd.clientv3.responses import (
    Event,
    EventType,
    KeyValue,
    ResponseHeader,
    WatchResponse,
)
from fake_etcd.testing import FakeEtcd


def events_of(watcher: Any, count: int) -> list[tuple[EventType, bytes, bytes]]:
    """The next events, however many answers they come in."""
    found: list[tuple[EventType, bytes, bytes]] = []
    while len(found) < count:
        found += [(event.type, event.kv.key, event.kv.value) for event in next(watcher).events]
    assert len(found) == count
    return found


def test_what_happens_behind_a_watch_is_told(cli: Any) -> None:
    before = cli.put("k", "0").header
    with cli.watch("k", prev_kv=True) as watcher:
        cli.put("other", "")
        cli.put("k", "1")
        cli.delete("k")
        first, second = next(watcher), next(watcher)
    made, changed = before.revision, before.revision + 2
    header = ResponseHeader(before.cluster_id, before.member_id, changed, before.raft_term)
    old, new = KeyValue(b"k", b"0", made, made, 1), KeyValue(b"k", b"1", made, changed, 2)
    assert first == WatchResponse(header, (Event(EventType.PUT, new, old),))
    gone = KeyValue(b"k", mod_revision=changed + 1)
    assert second.events == (Event(EventType.DELETE, gone, new),)


def test_a_watch_can_begin_in_the_past(cli: Any) -> None:
    revision = cli.put("k/1", "a").header.revision
    cli.txn().then(op_put("k/2", "b"), op_delete("k/1")).commit()
    with cli.watch("k/", prefix=True, rev=revision) as watcher:
        assert events_of(watcher, 3) == [
            (EventType.PUT, b"k/1", b"a"),
            (EventType.PUT, b"k/2", b"b"),
            (EventType.DELETE, b"k/1", b""),
        ]


def test_a_watch_of_what_is_compacted_says_from_where_there_is_something(cli: Any) -> None:
    revisions = [cli.put("k", str(number)).header.revision for number in range(3)]
    cli.compact(revisions[-1])
    watcher = cli.watch("k", rev=revisions[0])
    with pytest.raises(rpctypes.ErrCompacted) as ended:
        next(watcher)
    assert ended.value.compact_revision == revisions[-1]
    with pytest.raises(StopIteration):
        next(watcher)
    header = replace(cli.get("k").header, revision=0)
    told = WatchResponse(header, compact_revision=revisions[-1], canceled=True)
    assert watcher.last_answer == told


def test_a_watch_that_is_ended_from_here_has_no_last_answer(cli: Any) -> None:
    with cli.watch("k") as watcher:
        assert watcher.last_answer is None
    assert watcher.last_answer is None


def test_a_created_notice_comes_where_it_is_asked_for(cli: Any) -> None:
    header = cli.put("k", "").header
    with cli.watch("k", created_notify=True) as watcher:
        assert next(watcher) == WatchResponse(header, created=True)


def test_progress_is_told_where_it_is_asked_for(cli: Any) -> None:
    cli.request_progress()  # there is no watch that it could be told to
    revision = cli.put("other", "").header.revision
    with cli.watch("k") as first, cli.watch("l") as second:
        cli.request_progress()
        for watcher in (first, second):
            told = next(watcher)
            assert (told.is_progress_notify, told.header.revision) == (True, revision)


def test_many_watches_share_a_stream(cli: Any, fake_etcd: FakeEtcd) -> None:
    watchers = [cli.watch(f"k/{number}") for number in range(50)]
    for number in range(50):
        cli.put(f"k/{number}", str(number))
    for number, watcher in enumerate(watchers):
        assert events_of(watcher, 1) == [(EventType.PUT, b"k/%d" % number, b"%d" % number)]
    opened = [call for call in fake_etcd.history if call.method == "Watch"]
    assert len(opened) == 1


def test_a_watch_that_is_canceled_ends(cli: Any) -> None:
    watcher = cli.watch("k")
    other = cli.watch("k")
    cli.put("k", "1")
    threading.Timer(0.05, watcher.cancel).start()
    assert [len(answer.events) for answer in watcher] == [1]
    cli.put("k", "2")
    assert events_of(other, 2) == [(EventType.PUT, b"k", b"1"), (EventType.PUT, b"k", b"2")]


@pytest.mark.parametrize("ends", ["cancel", "deadline"])
def test_a_watch_ends_with_its_context(cli: Any, ends: str) -> None:
    ctx, cancel = context.with_timeout(context.background(), 0.05 if ends == "deadline" else 20)
    watcher = cli.watch("k", ctx=ctx)
    if ends == "cancel":
        threading.Timer(0.05, cancel).start()
    assert list(watcher) == []


def test_a_watch_under_a_context_that_has_ended_tells_nothing(cli: Any) -> None:
    ctx, cancel = context.with_cancel(context.background())
    cancel()
    assert list(cli.watch("k", ctx=ctx)) == []
    with cli.watch("k") as other:
        cli.put("k", "1")
        assert len(next(other).events) == 1


def test_closing_the_client_ends_its_watches(cli: Any) -> None:
    watcher = cli.watch("k")
    threading.Timer(0.05, cli.close).start()
    assert list(watcher) == []


def test_a_watch_survives_the_end_of_its_connection(cli: Any, fake_etcd: FakeEtcd) -> None:
    watcher = cli.watch("k")
    for number in range(10):
        fake_etcd.store.put("k", f"{number}")
        if number % 2:
            fake_etcd.cut_connections()
            with fake_etcd.down():
                fake_etcd.store.put("k", "meanwhile")
    seen = [value for _, _, value in events_of(watcher, 15)]
    assert seen == list(
        itertools.chain.from_iterable(
            [b"%d" % number, *([b"meanwhile"] if number % 2 else [])] for number in range(10)
        )
    )


def test_a_slow_reader_holds_up_nobody_and_loses_nothing(cli: Any) -> None:
    slow, quick = cli.watch("k", prefix=True), cli.watch("k", prefix=True, filter_delete=True)
    value = b"v" * 500_000
    for number in range(40):
        cli.put(f"k/{number}", value)
        assert events_of(quick, 1)[0][1] == b"k/%d" % number
    assert [key for _, key, _ in events_of(slow, 40)] == [b"k/%d" % n for n in range(40)]


@pytest.mark.parametrize("fragment", [False, True])
def test_fragments_are_joined(cli: Any, fragment: bool) -> None:
    for number in range(4):
        cli.txn().then(*[op_put(f"k/{key}", f"{number}" * 30_000) for key in range(40)]).commit()
    revision = cli.get("k/0").kvs[0].mod_revision - 3
    with cli.watch("k/", prefix=True, rev=revision, fragment=fragment) as watcher:
        events = next(watcher).events
    assert [event.kv.mod_revision - revision for event in events] == sorted([0, 1, 2, 3] * 40)


def test_events_can_be_had_one_by_one(cli: Any) -> None:
    revision = cli.txn().then(op_put("k/1", "a"), op_put("k/2", "b")).commit().header.revision
    cli.delete("k/1")
    events = cli.watch("k/", prefix=True, rev=revision, created_notify=True).events()
    assert [(next(events).kv.key, next(events).kv.key, next(events).type) for _ in range(1)] == [
        (b"k/1", b"k/2", EventType.DELETE)
    ]


@pytest.mark.parametrize("left_out", ["put", "delete"])
def test_a_filter_leaves_out(cli: Any, left_out: str) -> None:
    watcher = cli.watch("k", filter_put=left_out == "put", filter_delete=left_out == "delete")
    cli.put("k", "1")
    cli.delete("k")
    cli.put("k", "2")
    cli.delete("k")
    expected = [b"1", b"2"] if left_out == "delete" else [b"", b""]
    assert [value for _, _, value in events_of(watcher, 2)] == expected


def test_a_watch_that_is_refused_leaves_the_others_alone(cli: Any) -> None:
    other = cli.watch("k")
    with pytest.raises(rpctypes.ErrCompacted) as refused:
        next(cli.watch("k", rev=-5))
    assert refused.value.compact_revision == 0
    cli.put("k", "1")
    assert events_of(other, 1) == [(EventType.PUT, b"k", b"1")]


def test_a_watch_of_a_closed_client_says_so(cli: Any) -> None:
    cli.close()
    with pytest.raises(ClientClosed):
        next(cli.watch("k"))
    with pytest.raises(ClientClosed):
        cli.request_progress()


def test_a_watch_tells_what_it_is(cli: Any) -> None:
    watcher = cli.watch("k", prefix=True)
    assert repr(watcher) == "<clientv3.Watcher open key=b'k', range_end=b'l'>"
    watcher.cancel()
    assert repr(watcher) == "<clientv3.Watcher over key=b'k', range_end=b'l'>"
