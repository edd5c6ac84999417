"""What the core needs of the world: channels, tasks, and a way to wait.

There are two of each: `fake_etcd.clientv3.blocking` (threads and grpc) and
`fake_etcd.clientv3.aio.loop` (asyncio and grpc.aio). State that several tasks share is guarded by
plain `threading.Lock`s, held for a few steps and never while waiting; that is right in both.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

from google.protobuf.message import Message

from fake_etcd.api.methods import Method
from fake_etcd.api.status import Code
from fake_etcd.clientv3.config import Config
from fake_etcd.clientv3.context import Context, Metadata
from fake_etcd.clientv3.endpoints import Endpoint

T = TypeVar("T")


TIME_IS_UP = "Deadline Exceeded"
"""What gRPC says on this side when a call's time is up."""


class CallFailed(Exception):
    """A call ended with a status other than OK. Stays inside: `core.failures` makes of it what
    callers see."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message


class ChannelClosed(CallFailed):
    """A call was made, or was open, on a channel that this side closed."""

    def __init__(self) -> None:
        super().__init__(Code.CANCELLED, "grpc: the client connection is closing")


class Waiter(Protocol):
    """Somebody waits, once, until somebody wakes him."""

    def wake(self) -> None:
        """End the waiting; from any thread, and as often as you like."""

    async def wait(self, timeout: float | None = None, real: float | None = None) -> bool:
        """Wait to be woken, for `timeout` seconds of the client's clock and `real` ones at the
        most; whether it was."""

    async def wait_until(self, time: float | None) -> bool:
        """The same until a time of the client's clock, which may have come; None for any time."""


class Stream(Protocol):
    """An open call with messages both ways, or many answers."""

    async def send(self, request: Message) -> None:
        """Send a message; raises CallFailed when the call has ended."""

    async def receive(self) -> Any:
        """The next answer; None at the end of them. Raises CallFailed."""

    async def half_close(self) -> None:
        """No more messages from here."""

    def cancel(self) -> None:
        """End it; whoever receives gets CallFailed. From any thread, any number of times."""


class Channel(Protocol):
    """The way to one endpoint."""

    @property
    def is_closed(self) -> bool:
        """Whether it was closed, by `close` or at its end after `retire`."""

    async def unary(
        self,
        method: Method,
        request: Message,
        ctx: Context,
        metadata: Metadata,
        wait_for_ready: bool,
    ) -> Any:
        """Call, with one answer; raises CallFailed."""

    def stream(
        self, method: Method, ctx: Context, metadata: Metadata, wait_for_ready: bool
    ) -> Stream:
        """Open a call with many answers. Of a method that takes one request, send that and
        `half_close`."""

    def watch_ready(self, told: Callable[[bool], None]) -> Callable[[], None]:
        """Keep it connected, and tell whether it is ready: soon, and whenever that changes.

        Returns:
            what ends that.
        """

    def retire(self) -> None:
        """No more calls: it is closed when the last one that is open has ended."""

    async def close(self) -> None:
        """End it and all its calls."""


class Task(Protocol):
    """Work that goes on beside its maker."""

    async def join(self) -> None:
        """Wait for its end."""


class Io(Protocol):
    """All of that."""

    def open(self, endpoint: Endpoint, config: Config) -> Channel:
        """A channel to an endpoint; connects when it is used."""

    def waiter(self) -> Waiter:
        """Something to wait on."""

    def now(self) -> float:
        """The client's clock, seconds."""

    def do_soon(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do something short, from any thread: at once, or as soon as the loop comes to it."""

    def spawn(self, name: str, work: Coroutine[Any, Any, None]) -> Task:
        """Have work done beside what goes on. It must see to its own end."""

    async def outside(self, work: Callable[[], T]) -> T:
        """What work with the disk returns, which nothing else is to wait for. It is brought to its
        end in any case."""


async def wait_under(ctx: Context, waiter: Waiter, timeout: float | None = None) -> bool:
    """Wait to be woken, under a context: whether that came before `timeout` seconds.

    Raises:
        Canceled: the context was canceled.
        DeadlineExceeded: its time was up.
    """
    forget = ctx.after(waiter.wake)
    try:
        woken = await waiter.wait(timeout, ctx.remaining())
    finally:
        forget()
    error = ctx.err()
    if error is not None:
        raise error
    return woken


async def sleep(io: Io, ctx: Context, seconds: float) -> None:
    """Wait for some seconds of the client's clock, under a context; raises as `wait_under`."""
    await wait_under(ctx, io.waiter(), seconds)
