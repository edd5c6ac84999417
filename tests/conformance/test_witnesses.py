"""Watchers that look on: what they were told is all there was, and a lie is found."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from conformance import fuzz
from conformance.fuzz import Batch, Pair
from conformance.programs import Step
from conformance.session import Session
from conformance.targets import CouldNotRun, FakeEtcd
from conformance.witnesses import Told, Witnesses
from fake_etcd.api import messages as m
from fake_etcd.cli import background
from fake_etcd.core.mvcc import watch
from fake_etcd.core.mvcc.revision_log import Record


@pytest.fixture
def server() -> Iterator[tuple[Session, Witnesses]]:
    with (
        background.serve() as url,
        contextlib.closing(Witnesses(url)) as witnesses,
        contextlib.closing(Session(url)) as session,
    ):
        yield session, witnesses


def keys(told: Told, watch_id: int) -> list[tuple[int, bytes]]:
    """Type and key of the events of one watcher."""
    events = [m.Event.FromString(encoded) for encoded in told.get(watch_id, ())]
    return [(event.type, event.kv.key) for event in events]


PUT, DELETE = m.Event.PUT, m.Event.DELETE


def test_each_is_told_what_it_wants_and_one_reads_what_there_was(
    server: tuple[Session, Witnesses],
) -> None:
    session, witnesses = server
    for key in (b"2/a", b"3/a", b"9/z"):
        session.put(key=key)
    session.delete_range(key=b"2/a")
    told = witnesses.told(session.put(key=b"end").header.revision)
    everything = [(PUT, b"2/a"), (PUT, b"3/a"), (PUT, b"9/z"), (DELETE, b"2/a"), (PUT, b"end")]
    assert keys(told, 1) == keys(told, 7) == everything
    assert keys(told, 2) == [(DELETE, b"2/a")]
    assert keys(told, 3) == [event for event in everything if event[0] == PUT]
    assert keys(told, 4) == [(PUT, b"3/a")]
    assert keys(told, 5) == [(PUT, b"2/a"), (PUT, b"3/a"), (DELETE, b"2/a")]
    assert keys(told, 6) == [(PUT, b"2/a"), (DELETE, b"2/a")]


def test_what_was_told_is_told_once_and_history_again(server: tuple[Session, Witnesses]) -> None:
    session, witnesses = server
    witnesses.told(session.put(key=b"1").header.revision)
    told = witnesses.told(session.put(key=b"2").header.revision)
    assert keys(told, 1) == [(PUT, b"2")]
    assert keys(told, 7) == [(PUT, b"1"), (PUT, b"2")]


def test_history_begins_where_it_was_compacted(server: tuple[Session, Witnesses]) -> None:
    session, witnesses = server
    for _ in range(4):
        session.put(key=b"a")
    session.compact(revision=4)
    told = witnesses.told(session.put(key=b"b").header.revision)
    assert keys(told, 1) == [(PUT, b"a")] * 4 + [(PUT, b"b")]
    assert keys(told, 7) == [(PUT, b"a")] * 2 + [(PUT, b"b")]


def test_a_server_that_is_gone_is_said_to_be_so() -> None:
    with background.serve() as url, contextlib.closing(Session(url)) as session:
        witnesses = Witnesses(url)
        session.put(key=b"a")
    with contextlib.closing(witnesses), pytest.raises(CouldNotRun, match=r"Watch: "):
        witnesses.told(2)


def test_a_pair_compares_what_its_witnesses_were_told() -> None:
    with Pair(FakeEtcd(), FakeEtcd()) as pair:
        pair.play([Step(0, "KV/Put", m.PutRequest(key=b"a", value=b"1"))])
        expected, actual = pair.told()
    assert expected == actual
    assert keys(expected, 1) == [(PUT, b"1/a"), (DELETE, b"1/a")]


def test_a_server_that_forgets_an_event_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second of the two servers of each batch tells nobody of every 20th revision."""
    notify = watch.WatchHub._notify
    hubs: list[watch.WatchHub] = []

    def forgetful(self: watch.WatchHub, main: int, record: Record, key: bytes | None) -> None:
        if self not in hubs:
            hubs.append(self)
        if hubs.index(self) % 2 == 0 or main % 20:
            notify(self, main, record, key)

    monkeypatch.setattr(watch.WatchHub, "_notify", forgetful)
    done = fuzz.run_batch(Batch("fake_etcd", "fake_etcd", False, seed=1, examples=20))
    assert done.finding.startswith("watcher ")
    assert " was told something else (event " in done.finding
    assert "\n- (Field(" in done.finding
