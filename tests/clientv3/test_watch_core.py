"""What a watch asks for when it resumes, where a server cannot be had to race as it may."""

from __future__ import annotations

import pytest

from fake_etcd.api import messages as m
from fake_etcd.clientv3.blocking import ThreadIo
from fake_etcd.clientv3.context import background
from fake_etcd.clientv3.core.io import Io
from fake_etcd.clientv3.core.watch import Watcher
from fake_etcd.clientv3.op import op_watch


class NoStreams:
    """Somewhere a watch can be, but is never made."""

    io: Io = ThreadIo(None)

    def add(self, watcher: Watcher) -> None:
        pass


def watcher_from(rev: int) -> Watcher:
    return Watcher(NoStreams(), op_watch("k", rev=rev), background())


def created(revision: int) -> m.WatchResponse:
    return m.WatchResponse(created=True, header=m.ResponseHeader(revision=revision))


def asked(watcher: Watcher, known: int = 0) -> int:
    return watcher.request(known).create_request.start_revision


@pytest.mark.parametrize(("known", "resumes_at"), [(0, 7), (6, 7), (7, 8), (9, 8)])
def test_a_put_while_a_watch_is_made_is_not_lost(known: int, resumes_at: int) -> None:
    """etcd makes the watch and looks at its revision thereafter: that one may be behind it."""
    watcher = watcher_from(0)
    assert asked(watcher, known) == 0
    watcher.created(created(7))
    assert asked(watcher) == resumes_at


def test_a_watch_of_the_future_waits_for_it_after_any_notice() -> None:
    watcher = watcher_from(100)
    watcher.created(created(7))
    assert watcher.take(m.WatchResponse(header=m.ResponseHeader(revision=20)))
    assert asked(watcher) == 100
    assert watcher.take(m.WatchResponse(header=m.ResponseHeader(revision=100)))
    assert asked(watcher) == 101


def test_events_say_where_a_watch_goes_on_whatever_the_header_says() -> None:
    watcher = watcher_from(3)
    event = m.Event(kv=m.KeyValue(key=b"k", mod_revision=5))
    assert watcher.take(m.WatchResponse(header=m.ResponseHeader(revision=9), events=[event]))
    assert asked(watcher) == 6
