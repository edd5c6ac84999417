"""Deadlines and cancellation that go with a call, as Go's `context` has them.

A context is never changed: `with_cancel`, `with_timeout` and `with_deadline` make a child, which
ends when its parent does or earlier. What ends one may come from any thread. No I/O here, no
timers: who waits for a context asks how long it has (`remaining`), and is called when it is
canceled (`after`).

Go: context.Context; the texts of its two errors.
"""

from __future__ import annotations

import itertools
import math
import threading
import time
import weakref
from collections.abc import Callable

from fake_etcd.clientv3.errors import Error

Metadata = tuple[tuple[str, str | bytes], ...]


class ContextError(Error):
    """A context ended before what was done under it."""


class Canceled(ContextError):
    """Somebody called the context's `cancel`."""

    def __init__(self, message: str = "context canceled") -> None:
        super().__init__(message)


class DeadlineExceeded(ContextError, TimeoutError):
    """The context's time was up, or that of `timeout=`."""

    def __init__(self, message: str = "context deadline exceeded") -> None:
        super().__init__(message)


class _Canceler:
    """What a `cancel` function ends: when it was called, and who is to be told.

    A parent knows its children weakly: one that nobody holds any more, or that was canceled, costs
    it nothing.
    """

    __slots__ = (
        "__weakref__",
        "_callbacks",
        "_children",
        "_lock",
        "_numbers",
        "_parent",
        "canceled_at",
    )

    def __init__(self, parent: _Canceler | None) -> None:
        self.canceled_at: float | None = None
        self._callbacks: dict[int, Callable[[], object]] = {}
        self._children: weakref.WeakSet[_Canceler] | None = None
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._parent = parent
        if parent is not None:
            parent._adopt(self)

    def cancel(self) -> None:
        """End it now, and its children; at its second call nothing."""
        if self._parent is not None:
            self._parent._disown(self)
        self._cancel_at(time.monotonic())

    def after(self, callback: Callable[[], object]) -> Callable[[], None]:
        """Call back when it is canceled, or now; returns what takes that back."""
        with self._lock:
            if self.canceled_at is None:
                number = next(self._numbers)
                self._callbacks[number] = callback
                return lambda: self._forget(number)
        callback()
        return _nothing

    def _cancel_at(self, now: float) -> None:
        with self._lock:
            if self.canceled_at is not None:
                return
            self.canceled_at = now
            callbacks = list(self._callbacks.values())
            self._callbacks.clear()
            children = list(self._children or ())
            self._children = None
        for child in children:
            child._cancel_at(now)
        for callback in callbacks:
            callback()

    def _adopt(self, child: _Canceler) -> None:
        with self._lock:
            if self.canceled_at is None:
                if self._children is None:
                    self._children = weakref.WeakSet()
                self._children.add(child)
                return
            canceled_at = self.canceled_at
        child._cancel_at(canceled_at)

    def _disown(self, child: _Canceler) -> None:
        with self._lock:
            if self._children is not None:
                self._children.discard(child)

    def _forget(self, number: int) -> None:
        with self._lock:
            self._callbacks.pop(number, None)


def _nothing() -> None:
    pass


class Context:
    """How long a call may take, who may end it, and which metadata go with it.

    Made by `background` and the `with_…` functions. May be used for any number of calls, in any
    thread.
    """

    __slots__ = ("_canceler", "_deadline", "_metadata")

    def __init__(self, canceler: _Canceler | None, deadline: float, metadata: Metadata) -> None:
        self._canceler = canceler
        self._deadline = deadline
        self._metadata = metadata

    @property
    def deadline(self) -> float | None:
        """When its time is up, by `time.monotonic`; None for never."""
        return None if self._deadline == math.inf else self._deadline

    @property
    def metadata(self) -> Metadata:
        """What goes with each call under it."""
        return self._metadata

    @property
    def can_be_canceled(self) -> bool:
        """Whether there is a `cancel` for it or for one above it."""
        return self._canceler is not None

    def remaining(self) -> float | None:
        """Seconds until its deadline, 0 at the least; None without one."""
        if self._deadline == math.inf:
            return None
        return max(self._deadline - time.monotonic(), 0.0)

    def err(self) -> ContextError | None:
        """Why it has ended: `Canceled` or `DeadlineExceeded`, whichever came first; None while it
        has not."""
        canceler = self._canceler
        canceled_at = None if canceler is None else canceler.canceled_at
        if canceled_at is not None:
            return DeadlineExceeded() if self._deadline <= canceled_at else Canceled()
        if self._deadline != math.inf and time.monotonic() >= self._deadline:
            return DeadlineExceeded()
        return None

    def after(self, callback: Callable[[], object]) -> Callable[[], None]:
        """Call back when it is canceled, at once if it is already; not at its deadline.

        Returns:
            what takes the callback back.
        """
        return _nothing if self._canceler is None else self._canceler.after(callback)

    def wait(self, timeout: float | None = None) -> ContextError | None:
        """Block this thread until it ends, or for `timeout` seconds; what `err` says then."""
        ended = threading.Event()
        forget = self.after(ended.set)
        remaining = self.remaining()
        waits = [seconds for seconds in (timeout, remaining) if seconds is not None]
        try:
            ended.wait(min(*waits, threading.TIMEOUT_MAX) if waits else None)
        finally:
            forget()
        return self.err()

    def __repr__(self) -> str:
        told = [f"remaining={remaining:.3f}" for remaining in (self.remaining(),) if remaining]
        error = self.err()
        return f"Context({', '.join(told)}{' ' if told else ''}{error or 'not ended'})"


_BACKGROUND = Context(None, math.inf, ())


def background() -> Context:
    """The context that never ends, parent of all others."""
    return _BACKGROUND


def with_cancel(parent: Context) -> tuple[Context, Callable[[], None]]:
    """A child that ends when `cancel` is called, from any thread; any number of times.

    >>> ctx, cancel = with_cancel(background())
    >>> cancel()
    >>> ctx.err()
    Canceled('context canceled')
    """
    canceler = _Canceler(parent._canceler)
    return Context(canceler, parent._deadline, parent._metadata), canceler.cancel


def with_deadline(parent: Context, deadline: float) -> tuple[Context, Callable[[], None]]:
    """A child that ends at a time of `time.monotonic`, if not earlier.

    `cancel` ends it earlier; who has no use for that need not call it.
    """
    child, cancel = with_cancel(parent)
    return Context(child._canceler, min(parent._deadline, deadline), parent._metadata), cancel


def with_timeout(parent: Context, timeout: float) -> tuple[Context, Callable[[], None]]:
    """A child that ends in `timeout` seconds, if not earlier; see `with_deadline`."""
    return with_deadline(parent, time.monotonic() + timeout)


def with_metadata(parent: Context, *pairs: tuple[str, str | bytes]) -> Context:
    """A child whose calls carry more metadata."""
    return Context(parent._canceler, parent._deadline, parent._metadata + pairs)


def limited(parent: Context | None, timeout: float | None) -> Context:
    """What a call runs under that was given `ctx=` and `timeout=` (seconds), either or both."""
    if timeout is None:
        return _BACKGROUND if parent is None else parent
    deadline = time.monotonic() + timeout
    if parent is None:
        return Context(None, deadline, ())
    return Context(parent._canceler, min(parent._deadline, deadline), parent._metadata)
