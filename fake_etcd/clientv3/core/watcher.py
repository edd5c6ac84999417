"""One watch: what its reader sees of it, and what its stream gives it.

etcd: client/v3/watch.go (watcherStream, serveSubstream).
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from dataclasses import replace
from typing import Any, Protocol

from fake_etcd.api import messages as m
from fake_etcd.clientv3.context import Context, ContextError
from fake_etcd.clientv3.core.io import Io, Waiter, wait_under
from fake_etcd.clientv3.errors import Error
from fake_etcd.clientv3.op import WatchOp
from fake_etcd.clientv3.responses import Event, WatchResponse
from fake_etcd.clientv3.responses.watch import event_without_prev

BUFFER_BYTES = 8 << 20
"""Of answers that a watch keeps for its reader; one answer may be larger."""

_ANSWER_BYTES = 512
"""What an answer takes in memory beside its serialized form, roughly."""


class Streams(Protocol):
    """Where watches come from; see `watch_stream.WatchStreams`."""

    io: Io

    def add(self, watcher: Watcher) -> None:
        """Have it made, or go on after a pause."""


class Stream(Protocol):
    """Where a watch is; see `watch_stream.WatchStream`."""

    def remove(self, watcher: Watcher) -> None:
        """It has ended here."""


class Watcher(AsyncIterator[WatchResponse]):
    """One watch: what it is told, one answer after the other.

    The watch is made by `async with`, by `await`, or by the first step of `async for`; what happens
    from then on is told. It ends without an error when it is canceled, and when its context or
    client ends; until then the server tells it, so cancel one that is read no longer.

    One that nobody reads keeps some 8 MiB; then the server is asked to end it, and to go on where
    it stopped once half of that was read. A reader who is away for long may so find that what he
    missed was compacted.

    Args:
        streams: where it gets its stream.
        op: what is watched.
        ctx: what it runs under, which is for its whole life.

    Raises (what iterates it does, behind all that was told before):
        ErrCompacted: what it wants is gone; `compact_revision` says from where on there is
            something.
        ErrNoLeader: under `with_require_leader`, the member lost its leader.
        Error: anything else that ended it, as the server said.
    """

    def __init__(self, streams: Streams, op: WatchOp, ctx: Context) -> None:
        self._streams = streams
        self._op = op
        self._ctx = ctx
        self._answer_of: Callable[[m.WatchResponse], WatchResponse] = WatchResponse.of
        self._event_of: Callable[[m.Event], Event] = Event.of if op.prev_kv else event_without_prev
        self._lock = threading.Lock()
        self._answers: deque[tuple[int, m.WatchResponse]] = deque()
        self._kept = 0
        """Bytes of all answers that came; only the stream changes it."""
        self._read = 0
        """Bytes of all answers that were read; only the reader changes it."""
        self._waiters: list[Waiter] = []
        self._stream: Stream | None = None
        self._next_revision = op.rev
        self._known_revision = 0
        self._is_started = False
        self._was_created = False
        self._is_paused = False
        self._is_over = False
        self._error: Error | None = None
        self._last: m.WatchResponse | None = None
        self._forget: Callable[[], None] | None = None

    def __aiter__(self) -> Watcher:
        return self

    def __await__(self) -> Generator[Any, None, Watcher]:
        return self.open().__await__()

    async def __aenter__(self) -> Watcher:
        return await self.open()

    async def __aexit__(self, *error: object) -> None:
        self.cancel()

    async def open(self) -> Watcher:
        """Have the watch made, and wait until it is or has ended. An error waits for whoever
        iterates. Where the waiting is cut short nothing is left of it."""
        try:
            await self._start()
        except BaseException:
            self.cancel()
            raise
        return self

    async def __anext__(self) -> WatchResponse:
        return self._answer_of(await self._message())

    async def _message(self) -> m.WatchResponse:
        """What `__anext__` makes an answer of; raises as it."""
        if not self._was_created:
            await self._start()
        while True:
            try:
                size, answer = self._answers.popleft()
            except IndexError:
                await self._wait_for(self._has_something_to_tell)
                if self._is_paused:
                    self._go_on()
                elif self._is_over and not self._answers:
                    self._tell_the_end()
                continue
            self._read += size
            if self._is_paused and self._kept - self._read <= BUFFER_BYTES // 2:
                self._go_on()
            return answer

    async def events(self) -> AsyncIterator[Event]:
        """What it is told, one event after the other, without notices; raises as iterating it.

        Each event is made when it is its turn. Of large answers, which have thousands, that is the
        quicker way to read them, for there are never many objects at a time.
        """
        while True:
            try:
                message = await self._message()
            except StopAsyncIteration:
                return
            for event in self._events_of(message):
                yield event

    def _events_of(self, message: m.WatchResponse) -> Iterator[Event]:
        """The events of a message, made one by one."""
        return map(self._event_of, message.events)

    def told_as(self, seen: Callable[[Event], Event]) -> Watcher:
        """Itself, with events that are made into others before they are told."""
        answer_of, event_of = self._answer_of, self._event_of

        def changed(message: m.WatchResponse) -> WatchResponse:
            answer = answer_of(message)
            return replace(answer, events=tuple(map(seen, answer.events)))

        self._answer_of = changed
        self._event_of = lambda event: seen(event_of(event))
        return self

    def cancel(self) -> None:
        """End it, from any thread, any number of times. What was told before can still be read."""
        self.end(None)
        stream = self._stream
        if stream is not None:
            stream.remove(self)

    async def close(self) -> None:
        """The same as `cancel`."""
        self.cancel()

    @property
    def last_answer(self) -> WatchResponse | None:
        """What the server ended it with, which is raised as an error and not told as an answer.
        None while it has not ended, and where it ended otherwise."""
        return None if self._last is None else self._answer_of(self._last)

    @property
    def is_over(self) -> bool:
        """Whether it gets nothing more."""
        return self._is_over

    def __repr__(self) -> str:
        state = "over" if self._is_over else "open" if self._was_created else "not made yet"
        end = f", range_end={self._op.range_end!r}" if self._op.range_end else ""
        return f"<clientv3.Watcher {state} key={self._op.key!r}{end}>"

    async def _start(self) -> None:
        with self._lock:
            is_first, self._is_started = not self._is_started, True
        if is_first and not self._is_over:
            self._forget = self._ctx.after(self.cancel)
            if self._is_over:  # by now
                self._forget()
            self._streams.add(self)
        await self._wait_for(lambda: self._was_created or self._is_over)

    async def _wait_for(self, is_so: Callable[[], bool]) -> None:
        """Wait for something that the stream does."""
        while True:
            with self._lock:
                if is_so():
                    return
                waiter = self._streams.io.waiter()
                self._waiters.append(waiter)
            try:
                await wait_under(self._ctx, waiter)
            except ContextError:
                self.cancel()

    def _has_something_to_tell(self) -> bool:
        return bool(self._answers) or self._is_paused or self._is_over

    def _go_on(self) -> None:
        with self._lock:
            was_paused, self._is_paused = self._is_paused, False
        if was_paused and not self._is_over:
            self._streams.add(self)

    def _tell_the_end(self) -> None:
        with self._lock:
            error, self._error = self._error, None
        if error is not None:
            raise error
        raise StopAsyncIteration

    # What follows is for its stream, which calls it under its own lock.

    @property
    def ctx(self) -> Context:
        """What it runs under."""
        return self._ctx

    def bind(self, stream: Stream) -> None:
        """It is this stream's from now on."""
        self._stream = stream

    def request(self, known_revision: int) -> m.WatchRequest:
        """What asks the server for what it was not told yet.

        Args:
            known_revision: one that the store is known to have reached by now.
        """
        request = self._op.to_request()
        with self._lock:
            self._known_revision = known_revision
            if self._next_revision:
                request.create_request.start_revision = self._next_revision
        return request

    def created(self, answer: m.WatchResponse) -> None:
        """The server has made it."""
        with self._lock:
            if not self._next_revision:
                self._next_revision = self._first_revision(answer.header.revision)
            is_first, self._was_created = not self._was_created, True
            if is_first and self._op.created_notify:
                self._keep(answer)
            self._wake()

    def _first_revision(self, revision: int) -> int:
        """Where a watch of what comes has begun, if the store was at some revision behind that.

        A server looks at its revision when it has made the watch, so what came in between is
        behind the begin although it has that revision: Go's client asks for it (again). But what
        was there before the request was sent is not behind it.
        """
        return revision + (self._known_revision >= revision)

    def take(self, answer: m.WatchResponse) -> bool:
        """Keep an answer for the reader: whether there was room. If not, it is paused."""
        events = answer.events
        with self._lock:
            if self._is_over:
                return True
            if self._is_full():
                if not events:
                    return True  # a notice that there was nothing, which is not needed
                self._is_paused = True
                return False
            if events:
                self._next_revision = events[-1].kv.mod_revision + 1
            else:
                self._next_revision = max(self._next_revision, answer.header.revision + 1)
            self._keep(answer)
            self._wake()
        return True

    def _is_full(self) -> bool:
        return self._kept - self._read > BUFFER_BYTES and bool(self._answers)

    def _keep(self, answer: m.WatchResponse) -> None:
        size = answer.ByteSize() + _ANSWER_BYTES
        self._kept += size
        self._answers.append((size, answer))

    def _wake(self) -> None:
        if self._waiters:
            waiters, self._waiters = self._waiters, []
            for waiter in waiters:
                waiter.wake()

    def end(self, error: Error | None, last: m.WatchResponse | None = None) -> None:
        """It gets nothing more, for this reason, if there is one to be told, which may be in the
        server's last answer."""
        with self._lock:
            if self._is_over:
                return
            self._is_over = True
            self._error = error
            self._last = last
            self._wake()
        if self._forget is not None:
            self._forget()
