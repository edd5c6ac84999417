"""The streams that watches come on: many on one, opened again whenever it breaks.

Watches with the same metadata share a stream. One task receives from it and gives each watch what
is its own; it is there while there is a watch. When the stream breaks it is opened again, on
whichever endpoint answers, and each watch is made anew from the revision behind the last one that
it was told of.

etcd: client/v3/watch.go (watchGRPCStream).
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from fake_etcd.api import messages as m
from fake_etcd.api.status import Code
from fake_etcd.clientv3 import rpctypes
from fake_etcd.clientv3.context import Context, Metadata, with_cancel, with_metadata
from fake_etcd.clientv3.core import rpcs
from fake_etcd.clientv3.core.caller import Caller
from fake_etcd.clientv3.core.failures import error_of, is_halt
from fake_etcd.clientv3.core.io import CallFailed, Stream, Task, sleep
from fake_etcd.clientv3.core.watcher import Watcher
from fake_etcd.clientv3.errors import ClientClosed, Error, StatusError
from fake_etcd.clientv3.responses import WatchResponse

_FIRST_BACK_OFF, _LONGEST_BACK_OFF, _BACK_OFF_GROWTH = 0.001, 0.1, 1.25

_STALE_TOKEN = (rpctypes.ErrInvalidAuthToken, rpctypes.ErrAuthOldRevision)

_ALL = -1
"""The watch_id of what is told to all watches of a stream."""


class WatchStream:
    """A stream, opened again and again, and the watches on it.

    Args:
        caller: opens it.
        ctx: that of the client, with the metadata that all its watches have.
        ended: is told when its work has ended.
    """

    def __init__(self, caller: Caller, ctx: Context, ended: Callable[[WatchStream], None]) -> None:
        self._caller = caller
        self._ended = ended
        self._ctx, self._cancel = with_cancel(ctx)
        self._lock = threading.Lock()
        self._asked: deque[Watcher] = deque()
        """Those that were asked for, or are to be; the server makes them in this order."""
        self._made: dict[int, Watcher] = {}
        self._paused: set[Watcher] = set()
        self._parts: dict[int, m.WatchResponse] = {}
        self._stream: Stream | None = None
        self._outgoing: deque[m.WatchRequest] = deque()
        self._is_sending = False
        self._wants_progress = False
        self._task: Task | None = None
        self._back_off = _FIRST_BACK_OFF
        self._was_accepted = False
        """Whether the server made a watch on the stream that is open: its token was good."""
        self._wants_token = False
        self.is_over = False

    def add(self, watcher: Watcher) -> bool:
        """Have the watch be made, or made anew from where it was paused; False where the stream
        is over."""
        with self._lock:
            if self.is_over:
                return False
            watcher.bind(self)
            self._paused.discard(watcher)
            if watcher.is_over:
                self._end_if_idle()
                return True
            self._asked.append(watcher)
            if self._stream is not None:
                self._outgoing.append(watcher.request(self._caller.newest_revision))
            if self._task is None:
                self._task = self._caller.io.spawn("clientv3: watch", self._work())
        self._caller.io.do_soon(self._flush)
        return True

    def remove(self, watcher: Watcher) -> None:
        """The watch has ended here: have the server end it too, or all where it was the last."""
        with self._lock:
            self._paused.discard(watcher)
            for watch_id in [each for each, other in self._made.items() if other is watcher]:
                self._end_on_server(watch_id)
            self._end_if_idle()
        self._caller.io.do_soon(self._flush)

    def request_progress(self) -> None:
        """Ask for the revision up to which all watches have been told."""
        with self._lock:
            if self._stream is None:
                self._wants_progress = True
            else:
                self._outgoing.append(_progress_request())
        self._caller.io.do_soon(self._flush)

    async def join(self) -> None:
        """Wait for its end."""
        task = self._task
        if task is not None:
            await task.join()

    def _end_on_server(self, watch_id: int) -> None:
        del self._made[watch_id]
        self._parts.pop(watch_id, None)
        self._outgoing.append(_cancel_request(watch_id))

    def _end_if_idle(self) -> None:
        if self._made or self._paused or not all(each.is_over for each in self._asked):
            return
        self.is_over = True
        self._cancel()

    async def _work(self) -> None:
        try:
            while not self.is_over:
                failed = await self._open_and_receive()
                if self.is_over or is_halt(failed, self._ctx) or _has_no_leader(failed):
                    self._end_all(self._told(error_of(failed, self._ctx)))
                    return
                await sleep(self._caller.io, self._ctx, self._back_off)
                self._back_off = min(self._back_off * _BACK_OFF_GROWTH, _LONGEST_BACK_OFF)
        except Error as error:  # no token, or the client was closed
            self._end_all(self._told(error))
        except Exception as error:  # of ours; nobody is to take it for a quiet end
            self._end_all(Error(f"the watches' stream failed: {error!r}"))
            raise
        finally:
            self._end_all(None)  # it was canceled with its loop
            self._ended(self)

    def _told(self, error: Error) -> Error | None:
        """What readers are told: nothing where it is the client that ended."""
        is_closed = isinstance(error, ClientClosed) or self._ctx.err() is not None
        return None if self.is_over or is_closed else error

    def _end_all(self, error: Error | None) -> None:
        with self._lock:
            self.is_over = True
            watchers = [*self._made.values(), *self._asked, *self._paused]
            self._made.clear()
            self._asked.clear()
            self._paused.clear()
        self._cancel()
        for watcher in watchers:
            watcher.end(error)

    async def _open_and_receive(self) -> CallFailed:
        """Use one stream until it breaks; why it did."""
        try:
            stream = await self._open()
            self._ask_for_all(stream)
            await self._flush()
            receive = stream.receive
            while True:
                answer: m.WatchResponse | None = await receive()
                if answer is None:
                    return CallFailed(Code.UNAVAILABLE, "the server ended the stream")
                self._take(answer)
                if self._wants_token:
                    return CallFailed(Code.UNAVAILABLE, "the stream's token is no longer good")
                if self._outgoing:
                    await self._flush()
        except CallFailed as failed:
            return failed
        finally:
            with self._lock:
                ended, self._stream = self._stream, None
                self._outgoing.clear()
            if ended is not None:
                ended.cancel()

    async def _open(self) -> Stream:
        try:
            return await self._caller.stream(rpcs.WATCH, self._ctx)
        except ClientClosed:
            raise
        except (StatusError, rpctypes.EtcdError) as error:  # there may be a token later
            raise CallFailed(error.code, error.message) from None

    def _ask_for_all(self, stream: Stream) -> None:
        """Ask the server, on a new stream, for all watches that are not paused."""
        with self._lock:
            self._stream = stream
            self._was_accepted = self._wants_token = False
            self._parts.clear()
            waiting = [*self._made.values(), *self._asked]
            self._made.clear()
            self._asked = deque(watcher for watcher in waiting if not watcher.is_over)
            known = self._caller.newest_revision
            self._outgoing = deque(watcher.request(known) for watcher in self._asked)
            if self._wants_progress:
                self._wants_progress = False
                self._outgoing.append(_progress_request())
            self._end_if_idle()

    async def _flush(self) -> None:
        """Send what waits to be sent; one does it for all who come meanwhile."""
        with self._lock:
            if self._is_sending:
                return
            self._is_sending = True
        try:
            while True:
                with self._lock:
                    stream = self._stream
                    if stream is None or not self._outgoing:
                        self._is_sending = False
                        return
                    request = self._outgoing.popleft()
                try:
                    await stream.send(request)
                except CallFailed:  # whoever receives is told why, and asks again for all
                    with self._lock:
                        if self._stream is stream:
                            self._outgoing.clear()
        except BaseException:
            self._is_sending = False
            raise

    def _take(self, answer: m.WatchResponse) -> None:
        watch_id = answer.watch_id
        ended: Callable[[], None] | None = None
        with self._lock:
            if answer.created:
                ended = self._take_created(answer)
            elif answer.canceled:
                ended = self._take_canceled(watch_id, answer)
            elif watch_id == _ALL:
                for each, watcher in self._made.items():
                    if each not in self._parts:
                        watcher.take(answer)
            else:
                found = self._made.get(watch_id)
                if found is not None:
                    self._give(watch_id, found, answer)
        if ended is not None:
            ended()

    def _take_created(self, answer: m.WatchResponse) -> Callable[[], None] | None:
        """A watch is made, or is not; what is to be done of that without the lock."""
        self._back_off = _FIRST_BACK_OFF
        if not self._asked:
            return None
        watcher = self._asked.popleft()
        if answer.canceled:
            reason = _reason(answer)
            if isinstance(reason, _STALE_TOKEN) and self._was_accepted:
                self._wants_token = True
                self._asked.appendleft(watcher)
                return None
            self._end_if_idle()
            return lambda: watcher.end(reason, answer)
        self._was_accepted = True
        self._made[answer.watch_id] = watcher
        if watcher.is_over:
            self._end_on_server(answer.watch_id)
            self._end_if_idle()
        else:
            watcher.created(answer)
        return None

    def _take_canceled(self, watch_id: int, answer: m.WatchResponse) -> Callable[[], None] | None:
        watcher = self._made.pop(watch_id, None)
        self._parts.pop(watch_id, None)
        if watcher is None:
            return None
        self._end_if_idle()
        return lambda: watcher.end(_reason(answer), answer)

    def _give(self, watch_id: int, watcher: Watcher, answer: m.WatchResponse) -> None:
        if watcher.ctx.err() is not None:  # its time is up, and nobody waits for it
            self._end_on_server(watch_id)
            self._end_if_idle()
            return
        part = self._parts.pop(watch_id, None)
        if part is not None:
            part.events.extend(answer.events)
            part.header.CopyFrom(answer.header)
            part.fragment = answer.fragment
            answer = part
        if answer.fragment:
            self._parts[watch_id] = answer
        elif not watcher.take(answer):
            self._end_on_server(watch_id)
            self._paused.add(watcher)


class WatchStreams:
    """The watches of a client.

    Args:
        caller: opens their streams.
        ctx: the client's.
    """

    def __init__(self, caller: Caller, ctx: Context) -> None:
        self.io = caller.io
        self._caller = caller
        self._ctx = ctx
        self._lock = threading.Lock()
        self._streams: dict[Metadata, WatchStream] = {}
        self._running: set[WatchStream] = set()

    def add(self, watcher: Watcher) -> None:
        """Put a watch on the stream for its metadata."""
        metadata = watcher.ctx.metadata
        if self._ctx.err() is not None:
            watcher.end(ClientClosed())
            return
        while True:
            with self._lock:
                stream = self._streams.get(metadata)
                if stream is None or stream.is_over:
                    ctx = with_metadata(self._ctx, *metadata)
                    stream = WatchStream(self._caller, ctx, self._ended)
                    self._streams[metadata] = stream
                    self._running.add(stream)
            if stream.add(watcher):
                return

    def _ended(self, stream: WatchStream) -> None:
        with self._lock:
            self._running.discard(stream)
            for metadata in [each for each, other in self._streams.items() if other is stream]:
                del self._streams[metadata]

    def request_progress(self, ctx: Context) -> None:
        """See `watch.WatchMethods.request_progress`."""
        if self._ctx.err() is not None:
            raise ClientClosed
        with self._lock:
            stream = self._streams.get(ctx.metadata)
        if stream is not None and not stream.is_over:
            stream.request_progress()

    async def join(self) -> None:
        """Wait for the end of all; the client's context has to have ended."""
        with self._lock:
            streams = list(self._running)
        for stream in streams:
            await stream.join()


def _cancel_request(watch_id: int) -> m.WatchRequest:
    return m.WatchRequest(cancel_request=m.WatchCancelRequest(watch_id=watch_id))


def _progress_request() -> m.WatchRequest:
    return m.WatchRequest(progress_request=m.WatchProgressRequest())


def _has_no_leader(failed: CallFailed) -> bool:
    known = rpctypes.from_status(failed.code, failed.message)
    return isinstance(known, rpctypes.ErrNoLeader)


def _reason(answer: m.WatchResponse) -> Error | None:
    """Why the server ended a watch."""
    return WatchResponse.of(answer).error
