"""Watches when calls, tokens, leaders and readers fail, which the emulator can have them do."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from fake_etcd.clientv3 import StatusError, context, op_put, rpctypes, with_require_leader
from fake_etcd.clientv3.core import watcher as core_watcher
from fake_etcd.clientv3.errors import Error
from fake_etcd.clientv3.responses import WatchResponse
from fake_etcd.testing import FakeEtcd, faults, on
from tests.clientv3.faces import Face
from tests.clientv3.test_watch_resumed import connected, in_process

AUTH = {
    "root": "a password",
    "users": {"alice": {"password": "hers", "roles": ["clerk"]}},
    "roles": {"clerk": {"readwrite": {"prefix": "k/"}}},
}


@pytest.fixture
def near(face: Face, fake_etcd: FakeEtcd) -> Iterator[Any]:
    """A client without a network between."""
    with connected(face, fake_etcd) as cli:
        yield cli


def told(watcher: Any, last: bytes) -> list[tuple[int, bytes]]:
    """Revisions and values, up to the event with the last value."""
    found: list[tuple[int, bytes]] = []
    while not found or found[-1][1] != last:
        found += [(event.kv.mod_revision, event.kv.value) for event in next(watcher).events]
    return found


EXPLORED = [
    faults.drop(),
    faults.lose_answer(),
    faults.lose_watch(),
    faults.lose_watch(after=1),
    faults.cut(messages=1),
    faults.cut(messages=2),
    faults.refuse("UNAVAILABLE", "the server is stopping"),
    faults.refuse("INTERNAL", "stream terminated by RST_STREAM"),
]


def test_no_call_may_be_the_one_at_which_an_event_is_lost_or_told_twice(
    face: Face, fake_etcd: FakeEtcd
) -> None:
    seen: dict[str, list[tuple[int, bytes]]] = {}

    def work(etcd: FakeEtcd) -> None:
        with connected(face, etcd) as cli:
            watchers = {name: cli.watch(name, prefix=True) for name in ("k/", "k/a", "")}
            for number in range(4):
                puts = op_put("k/a", f"{number}"), op_put("k/b", f"{number}")
                with contextlib.suppress(Error):  # it is lost, or its answer
                    cli.txn().then(*puts).commit()
            etcd.store.put("k/a", "end")
            for name, watcher in watchers.items():
                seen[name] = told(watcher, b"end")

    def all_was_told(etcd: FakeEtcd) -> bool:
        with connected(face, etcd) as cli:
            return seen == {
                name: told(cli.watch(name, prefix=True, rev=1), b"end") for name in seen
            }

    explored = fake_etcd.explore(work, all_was_told, effects=EXPLORED, allowed=())
    explored.assert_ok()
    assert len(explored.outcomes) > 40


def test_a_watch_that_resumes_behind_a_compaction_says_so(near: Any, fake_etcd: FakeEtcd) -> None:
    watcher = near.watch("k")
    first = fake_etcd.store.put("k", "1")
    assert told(watcher, b"1") == [(first, b"1")]
    fake_etcd.faults.add(on.Watch(), faults.compact_under_watcher(), times=1)
    with fake_etcd.down():
        fake_etcd.store.put("k", "2")
        fake_etcd.store.put("k", "3")
    with pytest.raises(rpctypes.ErrCompacted) as ended:
        next(watcher)
    assert ended.value.compact_revision == first + 2
    assert list(watcher) == []


@pytest.mark.parametrize(
    ("error", "told_as"),
    [
        ("no leader", rpctypes.ErrNoLeader),
        ("permission denied", rpctypes.ErrPermissionDenied),
        ("UNIMPLEMENTED", StatusError),
    ],
)
def test_what_opening_again_cannot_help_ends_all_watches_of_the_stream(
    near: Any, fake_etcd: FakeEtcd, error: str, told_as: type[Error]
) -> None:
    watchers = [near.watch("k"), near.watch("l")]
    fake_etcd.faults.add(on.Watch(), faults.refuse(error), times=1)
    fake_etcd.cut_connections()
    for watcher in watchers:
        with pytest.raises(told_as):
            next(watcher)
        assert list(watcher) == []
    with near.watch("k") as again:
        fake_etcd.store.put("k", "1")
        assert told(again, b"1") == [(2, b"1")]


def test_a_watch_that_wants_a_leader_says_so_to_the_server(near: Any, fake_etcd: FakeEtcd) -> None:
    fake_etcd.faults.add(on.Watch(metadata={"hasleader": "true"}), faults.refuse("no leader"))
    with pytest.raises(rpctypes.ErrNoLeader):
        next(near.watch("k", ctx=with_require_leader(context.background())))
    with near.watch("k") as other:
        fake_etcd.store.put("k", "1")
        assert told(other, b"1") == [(2, b"1")]


def test_watches_with_different_metadata_have_different_streams(
    near: Any, fake_etcd: FakeEtcd
) -> None:
    leader = with_require_leader(context.background())
    watchers = [near.watch("k", ctx=ctx) for ctx in (None, leader, context.background(), leader)]
    made = fake_etcd.store.put("k", "1")
    assert [told(watcher, b"1") for watcher in watchers] == [[(made, b"1")]] * 4
    opened = [call for call in fake_etcd.history if call.method == "Watch"]
    assert len(opened) == 2


@pytest.mark.fake_etcd(auth=AUTH)
def test_a_stream_that_is_opened_again_has_a_new_token(
    face: Face, new_client: Any, fake_etcd: FakeEtcd
) -> None:
    cli = new_client(
        username="alice", password="hers", dial=in_process(fake_etcd, face), endpoints=["one:2379"]
    )
    watcher = cli.watch("k/a")
    fake_etcd.tokens.expire()
    with fake_etcd.down():
        fake_etcd.store.put("k/a", "1")
    assert [value for _, value in told(watcher, b"1")] == [b"1"]


@pytest.mark.fake_etcd(auth=AUTH)
def test_a_watch_that_is_refused_for_the_streams_old_token_gets_a_new_stream(
    face: Face, new_client: Any, fake_etcd: FakeEtcd
) -> None:
    cli = new_client(
        username="alice", password="hers", dial=in_process(fake_etcd, face), endpoints=["one:2379"]
    )
    first = cli.watch("k/a")
    fake_etcd.tokens.expire()
    second = cli.watch("k/b")
    for key in ("k/a", "k/b"):
        fake_etcd.store.put(key, "1")
    for watcher in (first, second):
        assert [value for _, value in told(watcher, b"1")] == [b"1"]
    with pytest.raises(rpctypes.ErrPermissionDenied):
        next(cli.watch("elsewhere"))


def test_progress_is_told_now_and_then_where_it_is_asked_for(
    near: Any, fake_etcd: FakeEtcd
) -> None:
    fake_etcd.clock.freeze()
    watcher = near.watch("k", progress_notify=True)
    fake_etcd.store.put("other", "")
    fake_etcd.clock.advance(700)
    answer = next(watcher)
    assert (answer.is_progress_notify, answer.header.revision) == (True, fake_etcd.store.revision)


def test_what_is_kept_for_a_reader_is_bounded(
    near: Any, fake_etcd: FakeEtcd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core_watcher, "BUFFER_BYTES", 10_000)
    slow, quick = near.watch("k"), near.watch("k")
    history = []
    for number in range(200):
        value = b"%d" % number
        history.append((fake_etcd.store.put("k", value), value))
        assert told(quick, value) == history[-1:]
    core = getattr(slow, "_core", None) or slow._thing
    assert core._kept - core._read < 10_000 + 1000
    assert len(core._answers) < 20
    assert told(slow, b"199") == history


def test_a_slow_reader_is_told_when_what_he_missed_is_compacted(
    near: Any, fake_etcd: FakeEtcd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core_watcher, "BUFFER_BYTES", 10_000)
    slow, quick = near.watch("k"), near.watch("k")
    for number in range(100):
        last = fake_etcd.store.put("k", f"{number}")
        next(quick)
    near.compact(last)
    seen: list[WatchResponse] = []
    with pytest.raises(rpctypes.ErrCompacted) as ended:
        seen += slow
    assert ended.value.compact_revision == last


def test_no_thread_outlives_the_last_watch(face: Face, near: Any, fake_etcd: FakeEtcd) -> None:
    if face.is_asyncio:
        pytest.skip("watches of asyncio have no thread")

    def readers() -> list[threading.Thread]:
        return [thread for thread in threading.enumerate() if thread.name == "clientv3: watch"]

    assert readers() == []
    first, second = near.watch("k"), near.watch("l")
    assert len(readers()) == 1
    thread = readers()[0]
    first.cancel()
    assert thread.is_alive()
    second.cancel()
    thread.join(10)
    assert readers() == []
    with fake_etcd.down(), near.watch("k", ctx=context.with_timeout(context.background(), 0.05)[0]):
        pass
    near.close()
    assert readers() == []


def test_a_progress_notice_does_not_wake_a_watch_whose_reader_is_behind(
    near: Any, fake_etcd: FakeEtcd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core_watcher, "BUFFER_BYTES", 2_000)
    slow, quick = near.watch("k"), near.watch("k")
    values = [b"%d" % number for number in range(4)]
    for value in values:  # full, but not over-full
        fake_etcd.store.put("k", value)
        next(quick)
    near.request_progress()
    assert next(quick).is_progress_notify
    told(slow, values[-1])
    fake_etcd.store.put("k", "end")
    assert told(slow, b"end") == [(6, b"end")]
    near.watch("k")  # what was on the way before it is here
    slow.cancel()
    assert list(slow) == []


def test_a_cut_between_fragments_tells_each_event_once(near: Any, fake_etcd: FakeEtcd) -> None:
    for number in range(4):
        near.txn().then(*[op_put(f"k/{key}", f"{number}" * 30_000) for key in range(40)]).commit()
    rule = fake_etcd.faults.add(on.Watch(), faults.cut(messages=3), times=1)
    answer = next(near.watch("k/", prefix=True, rev=1, fragment=True))
    assert rule.acted == 1
    assert [event.kv.mod_revision for event in answer.events] == sorted([2, 3, 4, 5] * 40)
    opened = [call for call in fake_etcd.history if call.method == "Watch"]
    assert len(opened) == 2


def test_a_put_before_the_watch_is_not_told_when_that_resumes(
    near: Any, fake_etcd: FakeEtcd
) -> None:
    near.put("k", "before")
    watcher = near.watch("k")
    fake_etcd.cut_connections()
    near.put("k", "behind")
    assert told(watcher, b"behind") == [(3, b"behind")]
