"""The core's world in threads: `clientv3` runs on this.

The coroutines here never suspend, they block; so `run` needs one `send` for any coroutine of the
core, and there is no event loop.
"""

from __future__ import annotations

import contextlib
import functools
import queue
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator
from types import TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar

import grpc
from google.protobuf.message import Message

from fake_etcd.api.methods import Kind, Method
from fake_etcd.api.status import Code
from fake_etcd.clientv3 import channel_options, stubs
from fake_etcd.clientv3.config import Clock, Config
from fake_etcd.clientv3.context import Context, Metadata
from fake_etcd.clientv3.core.io import TIME_IS_UP, CallFailed, ChannelClosed
from fake_etcd.clientv3.endpoints import Endpoint

S = TypeVar("S", bound="Closing")
T = TypeVar("T")
P = ParamSpec("P")
C = TypeVar("C")
C_co = TypeVar("C_co", covariant=True)


def run(work: Coroutine[Any, Any, T]) -> T:
    """What a coroutine of the core returns, when its Io is the one of this module."""
    try:
        work.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    work.close()
    raise RuntimeError("a coroutine of the blocking client suspended")


class Over(Protocol[C_co]):
    """A blocking face of something in the core."""

    @property
    def _core(self) -> C_co: ...


def blocking(
    method: Callable[Concatenate[C, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Over[C], P], T]:
    """The blocking form of a method of the core, for a class that has what it is a face of in
    `_core`."""

    @functools.wraps(method)
    def call(face: Over[C], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return run(method(face._core, *args, **kwargs))

    return call


def iterating(
    method: Callable[Concatenate[C, P], AsyncIterator[T]],
) -> Callable[Concatenate[Over[C], P], Blocking[T]]:
    """The blocking form of a method of the core that gives an iterator; see `blocking`."""

    @functools.wraps(method)
    def call(face: Over[C], /, *args: P.args, **kwargs: P.kwargs) -> Blocking[T]:
        return Blocking(method(face._core, *args, **kwargs))

    return call


class Closing:
    """What is closed at the end of a `with`."""

    def close(self) -> None:
        """End it."""
        raise NotImplementedError

    def __enter__(self: S) -> S:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class Blocking(Closing, Generic[T]):
    """The blocking form of an asynchronous iterator of the core.

    Args:
        core: what it goes through.
    """

    def __init__(self, core: AsyncIterator[T]) -> None:
        self._core = core

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        try:
            return run(_next(self._core))
        except StopAsyncIteration:
            raise StopIteration from None

    def close(self) -> None:
        """Have no more of it; what it has open ends."""
        run(_close(self._core))


async def _close(iterator: AsyncIterator[Any]) -> None:
    if isinstance(iterator, AsyncGenerator):
        await iterator.aclose()


async def _next(iterator: AsyncIterator[T]) -> T:
    return await iterator.__anext__()


class _Waiter:
    __slots__ = ("_clock", "_lock")

    def __init__(self, clock: Clock | None) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._lock.acquire()

    def wake(self) -> None:
        with contextlib.suppress(RuntimeError):  # it was woken before
            self._lock.release()

    async def wait(self, timeout: float | None = None, real: float | None = None) -> bool:
        if timeout is not None and self._clock is not None:
            return self._wait_by(self._clock, self._clock.now + timeout, real)
        waits = [seconds for seconds in (timeout, real) if seconds is not None]
        return self._acquire(min(waits) if waits else None)

    def _acquire(self, timeout: float | None) -> bool:
        if timeout is None:
            return self._lock.acquire()
        return self._lock.acquire(timeout=min(max(timeout, 0.0), threading.TIMEOUT_MAX))

    async def wait_until(self, moment: float | None) -> bool:
        if moment is None:
            return self._lock.acquire()
        if self._clock is None:
            return self._acquire(moment - time.monotonic())
        return self._wait_by(self._clock, moment, None)

    def _wait_by(self, clock: Clock, moment: float, real: float | None) -> bool:
        is_over = False

        def end() -> None:
            nonlocal is_over
            is_over = True
            self.wake()

        forget = clock.call_at(moment, end)
        try:
            return self._acquire(real) and not is_over
        finally:
            forget()


class _Thread:
    def __init__(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        self._thread = threading.Thread(target=run, args=(work,), name=name, daemon=True)
        self._thread.start()

    async def join(self) -> None:
        if self._thread is not threading.current_thread():
            self._thread.join()


_NO_MORE = object()


class _Stream:
    """A call with many answers; requests go through a queue, which gRPC's own thread empties."""

    def __init__(self, start: Callable[[Any], Any], ctx: Context, use: _Use) -> None:
        self._requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._use = use
        self._call = start(iter(self._requests.get, _NO_MORE))
        self._forget = ctx.after(self._call.cancel)
        if not self._call.add_callback(self._ended):
            self._ended()

    def _ended(self) -> None:
        self._requests.put(_NO_MORE)
        self._forget()
        self._use.end()

    async def send(self, request: Message) -> None:
        if not self._call.is_active():
            # Answers that came before the end may still wait; they belong to whoever receives.
            with self._use.failures():
                if self._call.code() is not grpc.StatusCode.OK:
                    raise self._call
            raise CallFailed(Code.UNAVAILABLE, "the call has ended")
        self._requests.put(request)

    async def receive(self) -> Any:
        with self._use.failures():
            return next(self._call, None)

    async def half_close(self) -> None:
        self._requests.put(_NO_MORE)

    def cancel(self) -> None:
        self._call.cancel()


class _OneRequest:
    """A call with one request, which is sent when that is closed, and many answers."""

    def __init__(self, start: Callable[[Any], Any], ctx: Context, use: _Use) -> None:
        self._start = start
        self._ctx = ctx
        self._use = use
        self._request: Message | None = None
        self._call: Any = None
        self._is_canceled = False

    async def send(self, request: Message) -> None:
        self._request = request

    async def half_close(self) -> None:
        call = self._call = self._start(self._request)
        forget = self._ctx.after(call.cancel)

        def ended() -> None:
            forget()
            self._use.end()

        if not call.add_callback(ended):
            ended()
        if self._is_canceled:
            call.cancel()

    async def receive(self) -> Any:
        with self._use.failures():
            return next(self._call, None)

    def cancel(self) -> None:
        self._is_canceled = True
        if self._call is None:
            self._use.end()
        else:
            self._call.cancel()


class _Use:
    """A call's use of its channel, which may be closed only after it."""

    __slots__ = ("_channel",)

    def __init__(self, channel: _Channel) -> None:
        self._channel = channel
        channel._uses.add(self)

    def end(self) -> None:
        self._channel._uses.discard(self)
        if self._channel._is_retired:
            self._channel._close_unused()

    @contextlib.contextmanager
    def failures(self) -> Iterator[None]:
        """gRPC's errors as the core knows them."""
        try:
            yield
        except grpc.RpcError as error:
            raise self._channel._failed(error) from None
        except grpc.FutureCancelledError:
            raise self._channel._canceled() from None


class _Channel:
    """A gRPC channel.

    `_uses` has whatever call is open: a set, since adding to one and taking from it are single
    steps, which need no lock. A call adds itself before it looks whether the channel is retired;
    who retires it says so before he looks whether there are calls. So one sees the other.

    Args:
        connect: makes the channel, and others to the same connection.
    """

    def __init__(self, connect: Callable[[], grpc.Channel]) -> None:
        self._connect = connect
        self._channel = connect()
        self._calls: dict[str, Any] = {}
        self._uses: set[object] = set()
        self._is_retired = False
        self.is_closed = False

    def _call(self, method: Method) -> Any:
        call = self._calls.get(method.path)
        if call is None:
            call = self._calls[method.path] = stubs.stub(self._channel, method)
        return call

    async def unary(
        self,
        method: Method,
        request: Message,
        ctx: Context,
        metadata: Metadata,
        wait_for_ready: bool,
    ) -> Any:
        call = self._calls.get(method.path) or self._call(method)
        use = object()
        self._uses.add(use)
        try:
            if self._is_retired:
                raise ChannelClosed
            timeout = ctx.remaining()
            if timeout == 0.0:  # gRPC would send it all the same, and may have an answer
                raise CallFailed(Code.DEADLINE_EXCEEDED, TIME_IS_UP)
            if ctx.can_be_canceled:
                return self._cancelable(call, request, ctx, metadata, wait_for_ready)
            return call(request, timeout, metadata, None, wait_for_ready)
        except grpc.RpcError as error:
            raise self._failed(error) from None
        except grpc.FutureCancelledError:
            raise self._canceled() from None
        except ValueError:
            if not self.is_closed:
                raise
            raise ChannelClosed from None
        finally:
            self._uses.discard(use)
            if self._is_retired:
                self._close_unused()

    def _cancelable(
        self, call: Any, request: Message, ctx: Context, metadata: Metadata, wait_for_ready: bool
    ) -> Any:
        if ctx.err() is not None:
            raise CallFailed(Code.CANCELLED, "")
        future = call.future(request, ctx.remaining(), metadata, None, wait_for_ready)
        forget = ctx.after(future.cancel)
        try:
            return future.result()
        finally:
            forget()
            if not future.done():  # Ctrl-C, say
                future.cancel()

    def _failed(self, error: Any) -> CallFailed:
        """How a call ended, from the exception that told it."""
        code = Code(error.code().value[0])
        if code is Code.CANCELLED and self.is_closed:
            return ChannelClosed()
        return CallFailed(code, error.details() or "")

    def _canceled(self) -> CallFailed:
        return ChannelClosed() if self.is_closed else CallFailed(Code.CANCELLED, "")

    def stream(
        self, method: Method, ctx: Context, metadata: Metadata, wait_for_ready: bool
    ) -> _Stream | _OneRequest:
        def start(requests: Any) -> Any:
            try:
                return self._call(method)(requests, ctx.remaining(), metadata, None, wait_for_ready)
            except ValueError:
                if not self.is_closed:
                    raise
                raise ChannelClosed from None

        use = _Use(self)
        try:
            if self._is_retired:
                raise ChannelClosed
            kind = _Stream if method.kind is Kind.BIDI else _OneRequest
            return kind(start, ctx, use)
        except BaseException:
            use.end()
            raise

    def watch_ready(self, told: Callable[[bool], None]) -> Callable[[], None]:
        return _Watch(self._connect, told).stop

    def retire(self) -> None:
        self._is_retired = True
        self._close_unused()

    def _close_unused(self) -> None:
        if not self._uses and not self.is_closed:
            # Whoever comes here may be one of gRPC's threads, in the midst of something.
            self.is_closed = True
            threading.Thread(target=self._channel.close, daemon=True).start()

    async def close(self) -> None:
        self._is_retired = self.is_closed = True
        self._channel.close()


class _Watch:
    """Tells how a connection does, over a channel of its own: grpcio has a thread for that, which
    would complain if its channel were closed under it.

    A connection that is lost is made anew only when that is asked for. grpcio's thread would do so
    within 0.2 s; another channel does at once. That thread may also miss that there was one, when
    it was lost at once: so who is idle for long is asked again.

    Args:
        connect: makes a channel to the connection.
        told: whether it is ready.
    """

    def __init__(self, connect: Callable[[], grpc.Channel], told: Callable[[bool], None]) -> None:
        self._connect = connect
        self._told = told
        self._lock = threading.Lock()
        self._seen = _Seen(connect())
        self._is_stopped = False
        self._begin()

    def stop(self) -> None:
        with self._lock:
            self._is_stopped = True
            self._seen.end()

    def _begin(self) -> None:
        seen = self._seen

        def changed(state: grpc.ChannelConnectivity) -> None:
            self._told(state is grpc.ChannelConnectivity.READY)
            if state is not grpc.ChannelConnectivity.IDLE:
                seen.was_busy = True
                seen.timer.cancel()
            elif seen.was_busy:
                self._begin_again(seen)

        seen.begin(changed, lambda: self._begin_again(seen))

    def _begin_again(self, seen: _Seen) -> None:
        with self._lock:
            if self._is_stopped or self._seen is not seen:
                return
            seen.end()
            self._seen = _Seen(self._connect())
            self._begin()


class _Seen:
    """What is seen of a connection over one channel."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel: grpc.Channel | None = channel
        self._changed: Callable[[grpc.ChannelConnectivity], None] = _nothing
        self.was_busy = False
        self.timer = threading.Timer(0.0, _nothing)

    def begin(
        self, changed: Callable[[grpc.ChannelConnectivity], None], is_idle: Callable[[], None]
    ) -> None:
        self._changed = changed
        self.timer = threading.Timer(_MOST_IDLE, is_idle)
        self.timer.daemon = True
        self.timer.start()
        assert self._channel is not None
        self._channel.subscribe(changed, try_to_connect=True)

    def end(self) -> None:
        """Nobody may have the channel any more: it is the last one gone that disconnects."""
        self.timer.cancel()
        channel, self._channel = self._channel, None
        assert channel is not None
        channel.unsubscribe(self._changed)
        _drop(channel)


_MOST_IDLE = 0.3
"""Seconds after which a connection is asked for again that has shown no sign of beginning."""


def _nothing(*_: object) -> None:
    pass


def _drop(channel: grpc.Channel) -> None:
    """Have done with a channel on which there were no calls, and nobody watches any more.

    Not at once: grpcio's thread that watched finds that out within 0.2 s, and complains if there is
    no channel then.
    """
    state = getattr(channel, "_connectivity_state", None)
    if state is None:  # none of grpcio's, but what a `Config.dial` made
        channel.close()
    else:
        threading.Thread(target=_keep, args=(channel, state), daemon=True).start()


def _keep(_channel: grpc.Channel, state: Any) -> None:
    for _ in range(100):
        if not getattr(state, "polling", True):
            return
        time.sleep(0.02)


class ThreadIo:
    """The core's world in threads.

    Args:
        clock: whose time waiting follows; None for real time.
    """

    def __init__(self, clock: Clock | None) -> None:
        self._clock = clock
        self._owner = channel_options.new_owner()

    def open(self, endpoint: Endpoint, config: Config) -> _Channel:
        dial = config.dial
        if dial is not None:
            return _Channel(lambda: dial(endpoint.text))
        options = channel_options.options(endpoint, config, self._owner)
        credentials = channel_options.credentials(endpoint, config)
        if credentials is None:
            return _Channel(lambda: grpc.insecure_channel(endpoint.target, options))
        return _Channel(lambda: grpc.secure_channel(endpoint.target, credentials, options))

    def waiter(self) -> _Waiter:
        return _Waiter(self._clock)

    def now(self) -> float:
        return time.monotonic() if self._clock is None else self._clock.now

    def do_soon(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        run(work())

    def spawn(self, name: str, work: Coroutine[Any, Any, None]) -> _Thread:
        return _Thread(name, work)

    async def outside(self, work: Callable[[], T]) -> T:
        return work()
