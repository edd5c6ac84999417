"""Servers for the client's own tests: they say which one they are, come and go, and count.

A `Member` answers each of etcd's unary RPCs with an empty answer whose header has its number as
member id. It listens behind a `Gate`, which counts connections and can hold or cut them.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import grpc

from fake_etcd.api import messages as m
from fake_etcd.api.methods import METHODS, Kind
from fake_etcd.api.status import Code

Plan = Callable[[str, grpc.ServicerContext], None]
"""Is told of each call of an RPC ("KV/Put"); may abort it, or wait."""


PATIENCE = 10.0
"""Seconds that nothing here takes."""


def in_thread(call: Callable[[], Any]) -> Future[Any]:
    """What a call gives that is made in a thread of its own."""
    future: Future[Any] = Future()

    def work() -> None:
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return future


def until(holds: Callable[[], object]) -> None:
    """Wait for something."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.001)


def abort(context: grpc.ServicerContext, code: Code, message: str) -> None:
    """End a call with a status."""
    (found,) = (each for each in grpc.StatusCode if each.value[0] == code)
    context.abort(found, message)


class Member(grpc.GenericRpcHandler):
    """One server.

    Args:
        number: what it answers with.
        plan: what becomes of calls.
        credentials: with TLS.
        address: where it listens, "127.0.0.1:0" or "unix:path".
        version: what it says that it is.
    """

    def __init__(
        self,
        number: int = 1,
        plan: Plan = lambda rpc, context: None,
        credentials: grpc.ServerCredentials | None = None,
        address: str = "127.0.0.1:0",
        version: str = "3.7.3",
    ) -> None:
        self.number = number
        self._version = version
        self.plan = plan
        self.calls: Counter[str] = Counter()
        self.metadata: list[dict[str, str]] = []
        self._address = address
        self._credentials = credentials
        self._pool = ThreadPoolExecutor(8)
        self._server: grpc.Server | None = None
        self.start()

    @property
    def endpoint(self) -> str:
        return self._address

    def start(self) -> None:
        """Listen, at the same address each time."""
        server = self._server = grpc.server(self._pool, [self], options=[("grpc.so_reuseport", 0)])
        if self._credentials is None:
            port = server.add_insecure_port(self._address)
        else:
            port = server.add_secure_port(self._address, self._credentials)
        if not self._address.startswith("unix:"):
            self._address = f"{self._address.rpartition(':')[0]}:{port}"
        server.start()

    def stop(self) -> None:
        """Cut all connections, and listen no more."""
        if self._server is not None:
            self._server.stop(None).wait()
            self._server = None

    def close(self) -> None:
        self.stop()
        self._pool.shutdown()

    def service(self, details: Any) -> grpc.RpcMethodHandler[Any, Any] | None:
        method = METHODS.get(details.method)
        if method is None:
            return None
        rpc = details.method.removeprefix("/etcdserverpb.")

        def answer(_: bytes, context: grpc.ServicerContext) -> bytes:
            self.calls[rpc] += 1
            self.metadata.append({str(k): str(v) for k, v in context.invocation_metadata()})
            self.plan(rpc, context)
            return self._answer(rpc)

        def answers(requests: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
            yield answer(requests, context)
            self.plan(f"{rpc} again", context)

        if method.kind is Kind.UNARY:
            return grpc.unary_unary_rpc_method_handler(answer)
        if method.kind is Kind.SERVER_STREAM:
            return grpc.unary_stream_rpc_method_handler(answers)
        return grpc.stream_stream_rpc_method_handler(answers)

    def _answer(self, rpc: str) -> bytes:
        if rpc == "Auth/Authenticate":
            return m.AuthenticateResponse(token=f"token {self.calls[rpc]}").SerializeToString()
        answer: Any = METHODS[f"/etcdserverpb.{rpc}"].response()
        header = answer.range_response.header if rpc == "KV/RangeStream" else answer.header
        header.member_id = self.number
        if rpc == "Maintenance/Status":
            answer.version = self._version
        header.revision = 1  # Go's client reads it unasked
        return bytes(answer.SerializeToString())


class Gate:
    """A way to a server that knows its connections.

    Args:
        target: the server's "host:port"; None: what connects is held, and never told anything.
    """

    def __init__(self, target: str | None) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._others: dict[socket.socket, socket.socket] = {}
        self._changed = threading.Condition()
        self._is_closed = False
        self.accepted = 0
        """How many connections there were."""
        self.endpoint = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def open(self) -> int:
        """How many connections there are."""
        return len(self._others) // 2

    def wait_for_open(self, count: int) -> None:
        """Wait until there are so many."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.open == count, 5.0), self.open

    def cut(self) -> None:
        """Cut all connections; there can be new ones at once."""
        for each in list(self._others):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self.wait_for_open(0)

    def close(self) -> None:
        self._is_closed = True
        with contextlib.suppress(OSError):
            socket.create_connection(self._listener.getsockname()).close()
        self._thread.join()

    def _run(self) -> None:
        while not self._is_closed:
            for key, _ in self._selector.select():
                if key.fileobj is self._listener:
                    self._accept()
                else:
                    self._pass_on(key.fileobj)
        for each in [*self._others, self._listener]:
            each.close()
        self._selector.close()

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        if self._is_closed:
            client.close()
            return
        if self._target is None:
            server = socket.socket()  # stands for one that never answers
        else:
            host, _, port = self._target.rpartition(":")
            try:
                server = socket.create_connection((host, int(port)))
            except OSError:
                client.close()
                return
            self._selector.register(server, selectors.EVENT_READ)
        self._selector.register(client, selectors.EVENT_READ)
        with self._changed:
            self.accepted += 1
            self._others[client], self._others[server] = server, client
            self._changed.notify_all()

    def _pass_on(self, source: Any) -> None:
        other = self._others.get(source)
        if other is None:
            return
        try:
            data = source.recv(65536)
            if data:
                if self._target is not None:
                    other.sendall(data)
                return
        except OSError:
            pass
        with self._changed:
            for each in (source, other):
                self._others.pop(each, None)
                with contextlib.suppress(KeyError, ValueError):
                    self._selector.unregister(each)
                each.close()
            self._changed.notify_all()
