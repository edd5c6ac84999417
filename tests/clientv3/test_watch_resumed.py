"""Whatever becomes of connections, endpoints and readers: a watch tells the store's history, each
event once, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fake_etcd.clientv3 import Config, rpctypes
from fake_etcd.clientv3.core import watcher as core_watcher
from fake_etcd.testing import FakeEtcd
from tests.clientv3.faces import Face

ENDPOINTS = ("one:2379", "two:2379")

Told = tuple[int, bytes, bytes | None]
"""Revision, key, value (None: it was deleted)."""

KEYS = st.sampled_from([b"k/a", b"k/b", b"k/c"])
VALUES = st.sampled_from([b"", b"x", b"y" * 30])


def in_process(etcd: FakeEtcd, face: Face) -> Callable[[str], Any]:
    """How to connect to its endpoints without a network."""
    channel = etcd.aio_channel if face.is_asyncio else etcd.channel
    return lambda endpoint: channel(ENDPOINTS.index(endpoint))


@contextmanager
def connected(face: Face, etcd: FakeEtcd, endpoints: int = 1) -> Iterator[Any]:
    config = Config(endpoints=ENDPOINTS[:endpoints], dial=in_process(etcd, face))
    with face.client(config) as cli:
        yield cli


@dataclass
class Schedule:
    """What a test does to a store and its watch, and what the watch has to tell of it."""

    etcd: FakeEtcd
    cli: Any
    watcher: Any
    history: list[Told] = field(default_factory=list)
    seen: list[Told] = field(default_factory=list)
    compacted: int = 0

    def put(self, key: bytes, value: bytes) -> None:
        self.etcd.store.put(key, value)
        self.history.append((self.etcd.store.revision, key, value))

    def delete(self, key: bytes) -> None:
        if self.etcd.store.get(key) is not None:
            self.etcd.store.delete(key)
            self.history.append((self.etcd.store.revision, key, None))

    def several(self, pairs: dict[bytes, bytes]) -> None:
        for key, value in pairs.items():
            self.put(key, value)

    def elsewhere(self) -> None:
        self.etcd.store.put("other", "")

    def cut(self) -> None:
        self.etcd.cut_connections()

    def away(self, pairs: dict[bytes, bytes]) -> None:
        with self.etcd.down(0), self.etcd.down(1):
            self.several(pairs)

    def move(self, endpoint: int) -> None:
        self.cli.set_endpoints(ENDPOINTS[endpoint])
        self.etcd.cut_connections()

    def progress(self) -> None:
        self.cli.request_progress()

    def compact(self, behind: int) -> None:
        revision = self.etcd.store.revision - behind
        if revision > self.compacted:
            self.cli.compact(revision)
            self.compacted = revision

    def read(self, answers: int) -> None:
        """Some answers, as long as there is something to come."""
        for _ in range(answers):
            if self.seen[-1:] == self.history[-1:]:
                return
            self.step()

    def step(self) -> None:
        try:
            answer = next(self.watcher)
        except rpctypes.ErrCompacted as gone:
            self.watch_behind(gone.compact_revision)
            return
        assert answer.events or answer.is_progress_notify
        for event in answer.events:
            value = None if event.type.name == "DELETE" else event.kv.value
            self.seen.append((event.kv.mod_revision, event.kv.key, value))

    def watch_behind(self, revision: int) -> None:
        """What was compacted before it was told is not told; more may have been since."""
        last = self.seen[-1][0] if self.seen else 0
        assert last < revision <= self.compacted
        self.history = [told for told in self.history if not last < told[0] < revision]
        self.watcher = self.cli.watch("k/", prefix=True, rev=revision)

    def finish(self) -> None:
        self.put(b"k/end", b"")
        while self.seen[-1:] != self.history[-1:]:
            self.step()
        assert self.seen == self.history


PAIRS = st.dictionaries(KEYS, VALUES, min_size=1)
STEPS = st.one_of(
    st.tuples(st.just("put"), KEYS, VALUES),
    st.tuples(st.just("several"), PAIRS),
    st.tuples(st.just("delete"), KEYS),
    st.tuples(st.just("away"), PAIRS),
    st.tuples(st.sampled_from(["elsewhere", "cut", "progress"])),
    st.tuples(st.just("move"), st.sampled_from([0, 1])),
    st.tuples(st.just("compact"), st.integers(0, 3)),
    st.tuples(st.just("read"), st.integers(1, 3)),
)


@pytest.mark.parametrize("buffer", [core_watcher.BUFFER_BYTES, 2000], ids=["roomy", "tight"])
@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=st.lists(STEPS, max_size=30), created_notify=st.booleans())
def test_each_event_is_told_once_whatever_happens(
    face: Face,
    monkeypatch: pytest.MonkeyPatch,
    buffer: int,
    steps: list[tuple[Any, ...]],
    created_notify: bool,
) -> None:
    monkeypatch.setattr(core_watcher, "BUFFER_BYTES", buffer)
    with FakeEtcd(endpoints=2) as etcd, connected(face, etcd, endpoints=2) as cli:
        watcher = cli.watch("k/", prefix=True, created_notify=created_notify)
        if created_notify:
            assert next(watcher).created
        schedule = Schedule(etcd, cli, watcher)
        for name, *args in steps:
            getattr(schedule, name)(*args)
        schedule.finish()
