"""Watchers in few words: to create and cancel them, to take answers, to show that none came."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from fake_etcd.api import messages as m

from ...connection import Connection, Stream
from ...session import Session

NOPUT, NODELETE = m.WatchCreateRequest.NOPUT, m.WatchCreateRequest.NODELETE

WATCH = "Watch/Watch"

EVERYTHING = {"key": b"\0", "range_end": b"\0"}


def creation(**fields: Any) -> m.WatchRequest:
    return m.WatchRequest(create_request=m.WatchCreateRequest(**fields))


def cancellation(watch_id: int) -> m.WatchRequest:
    return m.WatchRequest(cancel_request=m.WatchCancelRequest(watch_id=watch_id))


def progress() -> m.WatchRequest:
    return m.WatchRequest(progress_request=m.WatchProgressRequest())


def create(stream: Stream, **fields: Any) -> int:
    """A watcher, and the answer to that; gives its id."""
    return ask(stream, creation(**fields)).watch_id


def cancel(stream: Stream, watch_id: int) -> None:
    ask(stream, cancellation(watch_id))


def ask(stream: Stream, request: m.WatchRequest | bytes) -> m.WatchResponse:
    """Something that is answered."""
    stream.send(request)
    return cast(m.WatchResponse, stream.receive())


def watch(s: Connection, **fields: Any) -> Stream:
    """A stream of its own with one watcher."""
    stream = s.open(WATCH)
    create(stream, **fields)
    return stream


def take(stream: Stream, count: int = 1) -> None:
    """The next messages."""
    for _ in range(count):
        stream.receive()


def nothing_more(stream: Stream) -> None:
    """What is asked now is refused in the next message: none came before."""
    ask(stream, creation(key=b"b", range_end=b"a"))


def put_each(s: Session, keys: Iterable[str], value: bytes = b"") -> None:
    """One put, so one revision, for each key."""
    for key in keys:
        s.put(key=key.encode("latin-1"), value=value)


def put_and_take(s: Session, stream: Stream, *keys: bytes) -> None:
    """Puts, each of which the stream is told of."""
    for key in keys:
        s.put(key=key)
        take(stream)
