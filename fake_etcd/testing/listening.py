"""The sockets of a FakeEtcd: one thread with an event loop, and addresses for each endpoint."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, TypeVar

from fake_etcd.api.status import Status
from fake_etcd.services.call import Endpoints
from fake_etcd.services.http import BodyLimit, HttpHandler
from fake_etcd.transport.gateway.rules import GatewayRules
from fake_etcd.transport.listener import Limits, Server
from fake_etcd.transport.loop_host import new_loop
from fake_etcd.transport.shared_listener import connections_of
from fake_etcd.transport.shared_node import SharedNode
from fake_etcd.transport.shared_timer import SharedTimer
from fake_etcd.transport.tls import ServerTls

T = TypeVar("T")

_ANSWER_SECONDS = 10.0
"""The longest that the loop may take to do what it is asked; it takes milliseconds."""


class Listening:
    """Sockets, served on a thread of their own. None is there before `listen`.

    Args:
        shared: whose.
        http: answers HTTP/1.1 requests.
        body_limit: how much of a request's body `http` takes.
        count: how many endpoints there are; each is one server, with any number of addresses.
        admit: whether a connection to the endpoint of this number from this peer may be made.
        spares_http1: whether that is not asked of HTTP/1.1; see `listener.Server`.
        gateway: what the JSON gateway is to know; None: there is none.

    Attributes:
        addresses: those of each endpoint, "http://127.0.0.1:41235", "https://127.0.0.1:41236" or
            "unix:path". They stay the same when an endpoint is shut and opened again.
    """

    def __init__(
        self,
        shared: SharedNode,
        http: HttpHandler,
        body_limit: BodyLimit,
        count: int,
        admit: Callable[[int, str], bool],
        spares_http1: bool,
        gateway: GatewayRules | None = None,
    ) -> None:
        self._gateway = gateway
        self._shared = shared
        self._http = http
        self._body_limit = body_limit
        self._admit = admit
        self._spares_http1 = spares_http1
        self._loop = new_loop()
        self._thread = threading.Thread(target=self._run, name="fake-etcd", daemon=True)
        self._servers: list[Server | None] = [None] * count
        self._turns = [asyncio.Lock() for _ in range(count)]
        """Of each endpoint: who opens it waits until it is shut, and the other way round."""
        self._opening: set[asyncio.Task[None]] = set()
        self.addresses: list[list[str]] = [[] for _ in range(count)]
        self._tls: dict[str, ServerTls | None] = {}
        """That of each address."""
        self._thread.start()
        try:
            self._do(self._start())
        except BaseException:
            self._stop_loop()
            raise

    def close(self, grace_seconds: float = 0.0) -> None:
        """Take no new calls, let the open ones end for so long, then cut. No thread is left."""
        self._do(self._stop(grace_seconds), grace_seconds)
        self._stop_loop()

    def listen(self, number: int, url: str, tls: ServerTls | None = None) -> str:
        """Have an endpoint be reached by one more address, as `Server.listen` does.

        Returns:
            The address really listened on, in the same form.

        Raises:
            OSError: it cannot be had.
            TlsError: nobody could connect with such certificates.
            ValueError: the URL is none that can be listened on.
        """
        return self._do(self._listen(number, url, tls))

    def open(self, number: int) -> None:
        """Listen on an endpoint's addresses again."""
        if threading.current_thread() is self._thread:
            # It was asked for through another endpoint's socket; the loop cannot wait for itself.
            task = self._loop.create_task(self._open(number))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)
        else:
            self._do(self._open(number))

    def shut(self, number: int) -> None:
        """Cut an endpoint's connections and let nobody connect to it."""
        if self._servers[number] is not None:
            self._do(self._shut(number, 0.0))

    def cut(self, numbers: Sequence[int]) -> int:
        """Cut the connections of these endpoints; they may be made again at once.

        Returns:
            How many there were.
        """
        return self._call(lambda: self._cut(numbers))

    def end_streams(self, status: Status) -> None:
        """End every streaming call with this. The caller may hold the node."""
        with self._shared:
            for server in self._servers:
                for connection in server.connections if server is not None else ():
                    connection.end_streams(status)

    def between_connections(self, step: Callable[[], None]) -> None:
        """Do a step while no connection is in the middle of being made."""
        self._call(step)

    def flush(self) -> None:
        """Have all that is to be sent be sent, where its reader takes it."""
        if threading.current_thread() is not self._thread:
            self._call(lambda: None)

    # On the loop's thread

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _do(self, step: Coroutine[Any, Any, T], seconds: float = 0.0) -> T:
        """Have a step done that takes so many seconds, and a moment, at most."""
        assert threading.current_thread() is not self._thread, "the loop cannot wait for itself"
        done = asyncio.run_coroutine_threadsafe(step, self._loop)
        return done.result(_ANSWER_SECONDS + seconds)

    def _call(self, step: Callable[[], T]) -> T:
        """Have a step done on the loop's thread, from any; the caller does not hold the node."""
        if threading.current_thread() is self._thread:
            return step()

        async def wrapped() -> T:
            return step()

        return self._do(wrapped())

    def _stop_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_ANSWER_SECONDS)
        self._loop.close()

    async def _start(self) -> None:
        self._timer = SharedTimer(self._shared, self._loop)
        self._shared.add_server(self._serve)

    async def _stop(self, grace_seconds: float) -> None:
        shut = [self._shut(number, grace_seconds) for number in range(len(self._servers))]
        # One that cannot be opened was logged by the loop, and is no reason to stay.
        await asyncio.gather(*self._opening, return_exceptions=True)
        await asyncio.gather(*shut)
        self._shared.remove_server(self._serve)
        self._timer.close()

    async def _listen(self, number: int, url: str, tls: ServerTls | None) -> str:
        async with self._turns[number]:
            address = await self._server(number).listen(url, tls)
            self.addresses[number].append(address)
            self._tls[address] = tls
            return address

    async def _open(self, number: int) -> None:
        async with self._turns[number]:
            if self._servers[number] is None:
                server = self._server(number)
                try:
                    for address in self.addresses[number]:
                        await server.listen(address, self._tls[address])
                except BaseException:  # all of them or none, so that it can be tried again
                    self._servers[number] = None
                    await server.close(0.0)
                    raise

    def _server(self, number: int) -> Server:
        """The one of an endpoint, which is made where there is none."""
        server = self._servers[number]
        if server is None:
            with self._shared as shared:  # so that it hears of all endpoints that replace these
                server = self._servers[number] = Server(
                    shared.endpoints,
                    self._http,
                    Limits(shared.node.config.max_receive_bytes),
                    connections_of(shared),
                    self._body_limit,
                    number,
                    partial(self._admit, number),
                    self._spares_http1,
                    gateway=self._gateway,
                )
        return server

    async def _shut(self, number: int, grace_seconds: float) -> None:
        async with self._turns[number]:
            server, self._servers[number] = self._servers[number], None
            if server is not None:
                await server.close(grace_seconds)

    def _cut(self, numbers: Sequence[int]) -> int:
        cut = 0
        for number in numbers:
            server = self._servers[number]
            for connection in server.connections if server is not None else ():
                connection.abort()
                cut += 1
        return cut

    def _serve(self, endpoints: Endpoints) -> None:
        for server in self._servers:
            if server is not None:
                server.grpc.serve(endpoints)
