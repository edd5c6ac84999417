"""The sockets of a FakeEtcd: one thread with an event loop, and a port for each endpoint."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from fake_etcd.api.status import Status
from fake_etcd.cli.serving import new_loop
from fake_etcd.services.call import Endpoints
from fake_etcd.transport.listener import HttpHandler, Limits, Server
from fake_etcd.transport.shared_listener import SharedTimer, connections_of
from fake_etcd.transport.shared_node import SharedNode

T = TypeVar("T")

_ANSWER_SECONDS = 10.0
"""The longest that the loop may take to do what it is asked; it takes milliseconds."""

_HOST = "127.0.0.1"


class Listening:
    """Ports on the loopback interface, served on a thread of their own.

    Args:
        shared: whose.
        http: answers HTTP/1.1 requests.
        count: how many ports.

    Attributes:
        ports: theirs, which stay the same when one is closed and opened again.
    """

    def __init__(self, shared: SharedNode, http: HttpHandler, count: int) -> None:
        self._shared = shared
        self._http = http
        self._loop = new_loop()
        self._thread = threading.Thread(target=self._run, name="fake-etcd", daemon=True)
        self._servers: list[Server | None] = [None] * count
        self.ports = [0] * count
        self._thread.start()
        try:
            self._do(self._start())
        except BaseException:
            self._stop_loop()
            raise

    def close(self) -> None:
        """Cut all connections and give the ports back. No thread is left."""
        self._do(self._stop())
        self._stop_loop()

    def open(self, number: int) -> None:
        """Listen on a port again."""
        if self._servers[number] is None:
            self._do(self._listen(number))

    def shut(self, number: int) -> None:
        """Cut a port's connections and let nobody connect to it."""
        if self._servers[number] is not None:
            self._do(self._shut(number))

    def cut(self, numbers: Sequence[int]) -> int:
        """Cut the connections of these ports, which may be opened again at once.

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

    def flush(self) -> None:
        """Have all that is to be sent be sent, where its reader takes it."""
        if threading.current_thread() is not self._thread:
            self._call(lambda: None)

    # On the loop's thread

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _do(self, step: Coroutine[Any, Any, T]) -> T:
        assert threading.current_thread() is not self._thread, "the loop cannot wait for itself"
        return asyncio.run_coroutine_threadsafe(step, self._loop).result(_ANSWER_SECONDS)

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
        for number in range(len(self._servers)):
            await self._listen(number)

    async def _stop(self) -> None:
        self._shared.remove_server(self._serve)
        self._timer.close()
        for number in range(len(self._servers)):
            await self._shut(number)

    async def _listen(self, number: int) -> None:
        server = Server(
            self._shared.endpoints,
            self._http,
            Limits(self._shared.node.config.max_receive_bytes),
            connections_of(self._shared),
        )
        url = await server.listen(f"http://{_HOST}:{self.ports[number]}")
        self.ports[number] = int(url.rpartition(":")[2])
        self._servers[number] = server

    async def _shut(self, number: int) -> None:
        server, self._servers[number] = self._servers[number], None
        if server is not None:
            await server.close(0)

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
