"""The core's world on asyncio's loop: `clientv3.aio` runs on this."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

import grpc
import grpc.aio
from google.protobuf.message import Message

from fake_etcd.api.methods import Kind, Method
from fake_etcd.api.status import Code
from fake_etcd.clientv3 import channel_options, stubs
from fake_etcd.clientv3.config import Clock, Config
from fake_etcd.clientv3.context import Context, Metadata
from fake_etcd.clientv3.core.io import TIME_IS_UP, CallFailed, ChannelClosed
from fake_etcd.clientv3.endpoints import Endpoint

T = TypeVar("T")


def _soon(loop: asyncio.AbstractEventLoop, thread: int, step: Callable[[], object]) -> None:
    """Do a step in the loop: now, where this is its thread, or as soon as it comes to it."""
    if threading.get_ident() == thread:
        step()
        return
    with contextlib.suppress(RuntimeError):  # the loop is closed, and nobody waits in it
        loop.call_soon_threadsafe(step)


def _settle(future: asyncio.Future[T], result: T) -> None:
    if not future.done():
        future.set_result(result)


class _Waiter:
    __slots__ = ("_clock", "_future", "_loop", "_thread")

    def __init__(self, clock: Clock | None) -> None:
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._future: asyncio.Future[bool] = self._loop.create_future()

    def wake(self) -> None:
        self._end(True)

    def _end(self, woken: bool) -> None:
        _soon(self._loop, self._thread, lambda: _settle(self._future, woken))

    async def wait(self, timeout: float | None = None, real: float | None = None) -> bool:
        if timeout is None or self._clock is None:
            waits = [seconds for seconds in (timeout, real) if seconds is not None]
            return await self._wait(None, min(waits) if waits else None)
        return await self._wait(self._clock.now + timeout, real)

    async def wait_until(self, moment: float | None) -> bool:
        if moment is None or self._clock is not None:
            return await self._wait(moment, None)
        return await self._wait(None, moment - time.monotonic())

    async def _wait(self, moment: float | None, real: float | None) -> bool:
        """Wait until a moment of the client's clock, and for so many seconds of real time."""
        forgets: list[Callable[[], object]] = []
        if moment is not None and self._clock is not None:
            forgets.append(self._clock.call_at(moment, lambda: self._end(False)))
        if real is not None:
            forgets.append(self._loop.call_later(max(real, 0.0), self._end, False).cancel)
        try:
            return await self._future
        finally:
            for forget in forgets:
                forget()


class _Task:
    def __init__(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        self._task = asyncio.get_running_loop().create_task(work, name=name)

    async def join(self) -> None:
        if self._task is not asyncio.current_task():
            await asyncio.shield(self._task)


class _Stream:
    """A call with many answers."""

    def __init__(self, start: Callable[[Any], Any], ctx: Context, channel: _Channel, kind: Kind):
        self._start = start
        self._ctx = ctx
        self._channel = channel
        self._is_bidi = kind is Kind.BIDI
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._request: Message | None = None
        self._call: Any = None
        self._is_canceled = False
        self._was_sent_to = False
        self._ended: asyncio.Future[None] = self._loop.create_future()
        channel.uses.add(self)
        if self._is_bidi:
            self._begin(None)

    def _begin(self, request: Message | None) -> None:
        self._call = self._start(request)
        forget = self._ctx.after(self.cancel)

        def end(_: object) -> None:
            forget()
            self._channel.end_use(self)
            self._ended.set_result(None)

        self._call.add_done_callback(end)
        if self._is_canceled:
            self._call.cancel()

    async def send(self, request: Message) -> None:
        if not self._is_bidi:
            self._request = request
            return
        with self._failures():
            if not self._was_sent_to:
                await self._wait_until_begun()
            await self._call.write(request)

    async def _wait_until_begun(self) -> None:
        """A call that ends before its metadata were sent never tells who waits to write to it."""
        begun = self._loop.create_task(self._call.wait_for_connection())
        try:
            await asyncio.wait((begun, self._ended), return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not begun.cancel() and not begun.cancelled():
                begun.exception()  # looked at; what writes next tells it
        self._was_sent_to = True

    async def half_close(self) -> None:
        if not self._is_bidi:
            self._begin(self._request)
            return
        with self._failures():
            await self._call.done_writing()

    async def receive(self) -> Any:
        with self._failures():
            answer = await self._call.read()
        return None if answer is grpc.aio.EOF else answer

    @contextlib.contextmanager
    def _failures(self) -> Iterator[None]:
        cancels = _cancels()
        try:
            yield
        except grpc.aio.AioRpcError as error:
            raise self._channel.failed(error) from None
        except asyncio.CancelledError:
            if _cancels() == cancels and (self._is_canceled or self._channel.is_closed):
                raise self._channel.canceled() from None
            raise
        except asyncio.InvalidStateError as error:  # a write on a call that has ended
            if self._is_canceled:
                raise CallFailed(Code.CANCELLED, "") from None
            raise CallFailed(Code.UNAVAILABLE, f"the call has ended: {error}") from None

    def cancel(self) -> None:
        self._is_canceled = True
        if self._call is None:
            _soon(self._loop, self._thread, lambda: self._channel.end_use(self))
        else:
            _soon(self._loop, self._thread, self._call.cancel)


_MOST_IDLE = 0.3
"""Seconds after which a connection is asked for again that has shown no sign of beginning."""


def _cancels() -> int:
    """How often this task was told to end: whether a call's CancelledError is that or the call's
    own. (Python 3.10 does not tell; then it is the call's where that was canceled.)"""
    task = asyncio.current_task()
    cancelling: Callable[[], int] | None = getattr(task, "cancelling", None)
    return 0 if cancelling is None else cancelling()


class _Channel:
    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel
        self._calls: dict[str, Any] = {}
        self._given: Metadata = ()
        self._metadata = grpc.aio.Metadata()
        self.uses: set[object] = set()
        """Whatever call is open."""
        self._watching: set[asyncio.Task[None]] = set()
        self._closing: asyncio.Task[None] | None = None
        self._is_retired = False
        self.is_closed = False
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()

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
        if self._is_retired:
            raise ChannelClosed
        if ctx.can_be_canceled and ctx.err() is not None:
            raise CallFailed(Code.CANCELLED, "")
        timeout = ctx.remaining()
        if timeout == 0.0:  # gRPC would send it all the same, and may have an answer
            raise CallFailed(Code.DEADLINE_EXCEEDED, TIME_IS_UP)
        if metadata is not self._given:  # gRPC would make a Metadata for each call anew
            self._given, self._metadata = metadata, grpc.aio.Metadata(*metadata)
        said = self._metadata
        going = call(request, timeout=timeout, metadata=said, wait_for_ready=wait_for_ready)
        self.uses.add(going)
        try:
            if ctx.can_be_canceled:
                return await self._cancelable(going, ctx)
            return await going
        except grpc.aio.AioRpcError as error:
            raise self.failed(error) from None
        except asyncio.CancelledError:
            if self.is_closed and not _cancels():
                raise ChannelClosed from None
            raise
        finally:
            self.uses.discard(going)
            if self._is_retired:
                self._close_unused()

    async def _cancelable(self, going: Any, ctx: Context) -> Any:
        """The answer of a call that its context may cancel. That is told by a future of our own:
        else it could not be told from this task's being canceled."""
        ended: asyncio.Future[None] = self._loop.create_future()
        forget = ctx.after(lambda: _soon(self._loop, self._thread, going.cancel))
        going.add_done_callback(lambda _: _settle(ended, None))
        try:
            await ended
        except asyncio.CancelledError:
            going.cancel()
            raise
        finally:
            forget()
        if going.cancelled():
            raise self.canceled()
        return await going

    def failed(self, error: grpc.aio.AioRpcError) -> CallFailed:
        """How a call ended, from the exception that told it."""
        code = Code(error.code().value[0])
        if code is Code.CANCELLED and self.is_closed:
            return ChannelClosed()
        return CallFailed(code, error.details() or "")

    def canceled(self) -> CallFailed:
        """How a call ended that was canceled on this side."""
        return ChannelClosed() if self.is_closed else CallFailed(Code.CANCELLED, "")

    def stream(
        self, method: Method, ctx: Context, metadata: Metadata, wait_for_ready: bool
    ) -> _Stream:
        if self._is_retired:
            raise ChannelClosed
        call = self._call(method)
        more = {
            "timeout": ctx.remaining(),
            "metadata": metadata,
            "wait_for_ready": wait_for_ready,
        }
        if method.kind is Kind.BIDI:
            return _Stream(lambda _: call(**more), ctx, self, method.kind)
        return _Stream(lambda request: call(request, **more), ctx, self, method.kind)

    def watch_ready(self, told: Callable[[bool], None]) -> Callable[[], None]:
        task = self._loop.create_task(self._tell_ready(told), name="clientv3: connectivity")
        self._watching.add(task)
        task.add_done_callback(self._watching.discard)
        return lambda: _soon(self._loop, self._thread, task.cancel)

    async def _tell_ready(self, told: Callable[[bool], None]) -> None:
        while not self.is_closed:
            state = self._channel.get_state(try_to_connect=True)
            told(state is grpc.ChannelConnectivity.READY)
            if state is grpc.ChannelConnectivity.SHUTDOWN:
                return
            changed = self._channel.wait_for_state_change(state)
            if state is not grpc.ChannelConnectivity.IDLE:
                await changed
                continue
            # A connection that was lost at once may have been missed: it is asked for again.
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(changed, _MOST_IDLE)

    def end_use(self, use: object) -> None:
        """A call has ended."""
        self.uses.discard(use)
        if self._is_retired:
            self._close_unused()

    def retire(self) -> None:
        self._is_retired = True
        self._close_unused()

    def _close_unused(self) -> None:
        if not self.uses and self._closing is None and not self.is_closed:
            self._closing = self._loop.create_task(self.close(), name="clientv3: close")

    async def close(self) -> None:
        self._is_retired = self.is_closed = True
        watching = list(self._watching)
        for task in watching:
            task.cancel()
        if watching:
            await asyncio.wait(watching)
        await self._channel.close()


class LoopIo:
    """The core's world on the running loop.

    Args:
        clock: whose time waiting follows; None for real time.
    """

    def __init__(self, clock: Clock | None) -> None:
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._short: set[asyncio.Task[None]] = set()
        self._owner = channel_options.new_owner()

    def open(self, endpoint: Endpoint, config: Config) -> _Channel:
        if config.dial is not None:
            return _Channel(config.dial(endpoint.text))
        options = channel_options.options(endpoint, config, self._owner)
        credentials = channel_options.credentials(endpoint, config)
        if credentials is None:
            return _Channel(grpc.aio.insecure_channel(endpoint.target, options))
        return _Channel(grpc.aio.secure_channel(endpoint.target, credentials, options))

    def waiter(self) -> _Waiter:
        return _Waiter(self._clock)

    def now(self) -> float:
        return time.monotonic() if self._clock is None else self._clock.now

    def do_soon(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        def begin() -> None:
            task = self._loop.create_task(work())
            self._short.add(task)  # a loop knows its tasks only weakly
            task.add_done_callback(self._short.discard)

        _soon(self._loop, self._thread, begin)

    def spawn(self, name: str, work: Coroutine[Any, Any, None]) -> _Task:
        return _Task(name, work)

    async def outside(self, work: Callable[[], T]) -> T:
        future = asyncio.get_running_loop().run_in_executor(None, work)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await asyncio.wait([future])
            raise
