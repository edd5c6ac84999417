"""Watchers that look on while random programs are played: what they are told is compared too.

Some are there from the start and see each change as it happens; one at the end reads all history
that is left. Answers may be cut otherwise by another server, so events are compared one by one,
in order, by watcher.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterator
from typing import cast

import grpc

from fake_etcd.api import messages as m

from . import connection
from .connection import method_named
from .targets import CouldNotRun

_NOPUT, _NODELETE = m.WatchCreateRequest.NOPUT, m.WatchCreateRequest.NODELETE

_LOOKING_ON = (
    m.WatchCreateRequest(key=b"\0", range_end=b"\0", watch_id=1),
    m.WatchCreateRequest(key=b"\0", range_end=b"\0", watch_id=2, filters=[_NOPUT]),
    m.WatchCreateRequest(key=b"\0", range_end=b"\0", watch_id=3, filters=[_NODELETE]),
    m.WatchCreateRequest(key=b"3", range_end=b"5", watch_id=4),
    m.WatchCreateRequest(key=b"1/a", range_end=b"9/b", watch_id=5, fragment=True),
    m.WatchCreateRequest(key=b"2/a", watch_id=6),
)
"""Programs' keys begin with their number. No prev_kv: a compaction may or may not be faster."""

_HISTORY = 7
"""The watcher that reads what there was, with prev_kv."""

Told = dict[int, list[bytes]]
"""Encoded events by watch_id, in order."""


class Witnesses:
    """Watchers on one server, on a connection of their own.

    Args:
        url: where it is.

    Raises:
        CouldNotRun: the server does not watch.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._channel = grpc.insecure_channel(url.removeprefix("http://"), connection.OPTIONS)
        open_call: grpc.StreamStreamMultiCallable[bytes, bytes]
        open_call = self._channel.stream_stream(method_named("Watch/Watch").path)
        self._requests: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._answers = open_call(cast(Iterator[bytes], iter(self._requests.get, None)))
        self._incoming: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        # Read all the time: a stream that nobody reads makes its watchers fall behind.
        threading.Thread(target=self._read, daemon=True).start()
        self._told: Told = {}
        self._reached: dict[int, int] = {}  # the newest revision that each was told of
        for request in _LOOKING_ON:
            self._ask(m.WatchRequest(create_request=request))
        for _ in _LOOKING_ON:
            self._next()

    def close(self) -> None:
        """Look no longer."""
        self._requests.put(None)
        self._channel.close()

    def told(self, revision: int) -> Told:
        """What each was told up to a revision, the newest one, since the last time; and history.

        Raises:
            CouldNotRun: the server does not come to that.
        """
        self._read_history()
        for watch_id in (_HISTORY, _LOOKING_ON[0].watch_id):
            while self._reached.get(watch_id, 0) < revision:
                self._next()
        # Both have seen the newest event, so everyone is in step, and this comes behind the rest.
        self._ask(m.WatchRequest(progress_request=m.WatchProgressRequest()))
        while self._next().watch_id != -1:
            pass
        self._ask(m.WatchRequest(cancel_request=m.WatchCancelRequest(watch_id=_HISTORY)))
        while not self._next().canceled:
            pass
        told, self._told = self._told, {}
        self._reached.pop(_HISTORY, None)
        return told

    def _read_history(self) -> None:
        """From the first revision that can still be seen."""
        start = 1
        while True:
            request = m.WatchCreateRequest(
                key=b"\0", range_end=b"\0", start_revision=start, prev_kv=True, watch_id=_HISTORY
            )
            self._ask(m.WatchRequest(create_request=request))
            while not (answer := self._next()).created:
                pass
            # What comes next of it is history, or that this is too long ago.
            while (answer := self._next()).watch_id != _HISTORY:
                pass
            if not answer.compact_revision:
                return
            start = answer.compact_revision
            self._ask(m.WatchRequest(cancel_request=m.WatchCancelRequest(watch_id=_HISTORY)))
            while not self._next().canceled:
                pass

    def _ask(self, request: m.WatchRequest) -> None:
        self._requests.put(request.SerializeToString())

    def _read(self) -> None:
        with contextlib.suppress(grpc.RpcError):  # which is the call itself: see its status
            for encoded in self._answers:
                self._incoming.put(encoded)
        self._incoming.put(None)

    def _next(self) -> m.WatchResponse:
        encoded = self._incoming.get()
        if encoded is None:
            status = connection.status_of(cast(grpc.Call, self._answers))
            raise CouldNotRun(f"{self._url}: Watch: {status}")
        answer = m.WatchResponse.FromString(encoded)
        events = self._told.setdefault(answer.watch_id, [])
        for event in answer.events:
            events.append(event.SerializeToString())
            self._reached[answer.watch_id] = event.kv.mod_revision
        return answer
