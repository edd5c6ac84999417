"""Every implementation of the transport as a context manager that gives "host:port"."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial

from fake_etcd.core.clock import VirtualClock
from fake_etcd.core.node import Node, NodeConfig
from fake_etcd.services import mux, registry
from fake_etcd.transport import grpc_aio as adapter
from fake_etcd.transport.listener import Limits, Server
from fake_etcd.transport.loop_host import NodeTimer

Stop = Callable[[], Awaitable[None]]


class HostedClock(VirtualClock):
    """A clock for one server, which a test moves from its own thread."""

    loop: asyncio.AbstractEventLoop
    node: Node

    def host(self, node: Node, loop: asyncio.AbstractEventLoop) -> None:
        """Run what is due on that node, and on that loop."""
        self.loop, self.node = loop, node
        self.attach(node)

    def advance_there(self, seconds: float) -> None:
        """`advance` on the loop; what it brings about has been sent when this returns."""

        async def advance() -> None:
            self.advance(seconds)

        asyncio.run_coroutine_threadsafe(advance(), self.loop).result(10)


@contextmanager
def grpc_aio(config: NodeConfig, clock: HostedClock | None = None) -> Iterator[str]:
    """The grpc.aio adapter."""

    async def start(node: Node) -> tuple[str, Stop]:
        server, port = await adapter.serve(node)
        return f"127.0.0.1:{port}", lambda: server.stop(0)

    with _on_a_loop(Node(config, clock), start) as address:
        yield address


@contextmanager
def native(config: NodeConfig, clock: HostedClock | None = None) -> Iterator[str]:
    """The listener on our own HTTP/2."""

    async def start(node: Node) -> tuple[str, Stop]:
        NodeTimer(node, asyncio.get_running_loop())
        limits = Limits(config.max_receive_bytes)
        server = Server(registry.endpoints(node), partial(mux.handle, node), limits)
        url = await server.listen("http://127.0.0.1:0")
        return url.removeprefix("http://"), lambda: server.close(0)

    with _on_a_loop(Node(config, clock), start) as address:
        yield address


@contextmanager
def _on_a_loop(node: Node, start: Callable[[Node], Awaitable[tuple[str, Stop]]]) -> Iterator[str]:
    """Runs a server on an event loop in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    if isinstance(node.clock, HostedClock):
        node.clock.host(node, loop)

    async def begin() -> tuple[str, Stop]:
        return await start(node)

    async def end(stop: Stop) -> None:
        await stop()

    address, stop = asyncio.run_coroutine_threadsafe(begin(), loop).result(10)
    try:
        yield address
    finally:
        asyncio.run_coroutine_threadsafe(end(stop), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
