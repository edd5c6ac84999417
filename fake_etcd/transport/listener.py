"""Listening: addresses, what is accepted on them, and how all of it stops.

What one accepted socket does is in `socket_connection`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from fake_etcd.services.call import Endpoints
from fake_etcd.services.http import BodyLimit, HttpHandler, no_body
from fake_etcd.services.page_access import OPEN, Access
from fake_etcd.transport.gateway.rules import GatewayMaker, GatewayRules
from fake_etcd.transport.grpc.keepalive import KeepaliveRules
from fake_etcd.transport.grpc.server import GrpcServer
from fake_etcd.transport.http2.pages import Pages
from fake_etcd.transport.http_date import http_date
from fake_etcd.transport.socket_connection import Connection

if TYPE_CHECKING:
    from fake_etcd.transport.tls import ServerTls
    from fake_etcd.transport.tls_socket import TlsSocket


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what a client may do.

    Args:
        max_receive_bytes: size of the largest gRPC request message.
        max_concurrent_streams: calls at once on one connection; None is no limit, as etcd's
            default is.
        keepalive_min_time_seconds, keepalive_interval_seconds, keepalive_timeout_seconds: see
            `KeepaliveRules`.
    """

    max_receive_bytes: int
    max_concurrent_streams: int | None = None
    keepalive_min_time_seconds: float = 5.0
    keepalive_interval_seconds: float = 7_200.0
    keepalive_timeout_seconds: float = 20.0


class Server:
    """Listens on any number of addresses and serves the same endpoints on all.

    Args:
        endpoints: the gRPC methods.
        http: answers requests that are no gRPC, over HTTP/1.1 and HTTP/2.
        limits: see `Limits`.
        connection: makes what serves one socket; see `shared_listener` for another kind.
        body_limit: how much of a request's body `http` takes.
        number: which of several that serve the same state this is; 0 is the first.
        admit: whether a connection from this peer may be made; asked before it says anything.
        spares_http1: whether that is not asked of HTTP/1.1, so that who denies connections can be
            told to stop; of others it is asked when they have said what they speak, then.
        only_grpc: whether all that comes is taken for gRPC, and `http` is not asked.
        access: whose scripts may read the answers of gRPC over TLS.
        gateway: what the JSON gateway is to know; None: there is none.
        reuse_port: whether other processes may listen on the same ports, if they say so, too.
    """

    def __init__(
        self,
        endpoints: Endpoints,
        http: HttpHandler,
        limits: Limits,
        connection: ConnectionFactory | None = None,
        body_limit: BodyLimit = no_body,
        number: int = 0,
        admit: Callable[[str], bool] | None = None,
        spares_http1: bool = False,
        reuse_port: bool = False,
        only_grpc: bool = False,
        gateway: GatewayRules | None = None,
        access: Access = OPEN,
    ) -> None:
        self.only_grpc = only_grpc
        self.http = http
        self._reuse_port = reuse_port
        self.body_limit = body_limit
        self.admit = admit
        self.spares_http1 = spares_http1
        self._connection = connection or Connection
        self.grpc = GrpcServer(
            endpoints,
            limits.max_receive_bytes,
            Pages(
                http,
                body_limit,
                http_date,
                GatewayMaker(gateway, endpoints, limits.max_receive_bytes),
            ),
            limits.max_concurrent_streams,
            number,
            KeepaliveRules(
                limits.keepalive_min_time_seconds,
                limits.keepalive_interval_seconds,
                limits.keepalive_timeout_seconds,
            ),
            has_pages=not only_grpc,
            access=access,
        )
        self._listeners: list[asyncio.AbstractServer] = []
        self._unix_paths: list[str] = []
        self._connections: set[Connection] = set()
        self._shaking: set[TlsSocket] = set()
        self._is_closing = False
        self._all_gone = asyncio.Event()
        self._all_gone.set()

    async def listen(self, url: str, tls: ServerTls | None = None) -> str:
        """Listen on "http://host:port" (port 0: any free one), "unix:path", "https:", "unixs:".

        Args:
            url: where.
            tls: how the last two are encrypted; of no use to the others.

        Returns:
            The address really listened on, in the same form.

        Raises:
            OSError: where the address cannot be had.
            TlsError: where nobody could connect with such certificates.
            ValueError: where the URL is none of these.
        """
        scheme, _, rest = url.partition(":")
        if scheme not in _IS_ENCRYPTED or (_IS_ENCRYPTED[scheme] and tls is None):
            raise ValueError(f"cannot listen on {url!r}: http://host:port or unix:path")
        protocol = self._protocols(tls if _IS_ENCRYPTED[scheme] else None)
        if scheme in ("unix", "unixs"):
            path = await self._listen_unix(rest.removeprefix("//"), protocol)
            return f"{scheme}:{path}"
        parts = urlsplit(url)
        if parts.hostname is None or parts.port is None:
            raise ValueError(f"cannot listen on {url!r}: http://host:port or unix:path")
        listener = await self._listen_tcp(parts.hostname, parts.port, protocol)
        self._listeners.append(listener)
        port = listener.sockets[0].getsockname()[1]
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        return f"{scheme}://{host}:{port}"

    def _protocols(self, tls: ServerTls | None) -> Callable[[], asyncio.Protocol]:
        """What makes the protocol of a socket that was accepted.

        Raises:
            TlsError: where nobody could connect with such certificates.
        """
        loop = asyncio.get_running_loop()
        if tls is None:
            return lambda: self._connection(self, loop)
        # Only here: most servers have no TLS, and are to start at once.
        from fake_etcd.transport.tls import Acceptor
        from fake_etcd.transport.tls_socket import TlsSocket

        acceptor = Acceptor(tls)

        def admitted() -> asyncio.Protocol:
            connection = self._connection(self, loop)
            connection.is_admitted = not self.spares_http1  # by `shaking`
            return connection

        return lambda: TlsSocket(self, acceptor, loop, admitted)

    async def _listen_tcp(
        self, host: str, port: int, protocol: Callable[[], asyncio.Protocol]
    ) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        family = _family(host)
        if family is None:
            server = await loop.create_server(
                protocol, host, port, reuse_address=True, reuse_port=self._reuse_port or None
            )
            for each in server.sockets:
                with socket.socket(fileno=os.dup(each.fileno())) as same:
                    _notice_who_is_gone(same)
            return server
        # Given a host, even such a one, uvloop asks libuv's threads for its address, and whatever
        # is forked from a process that has these crashes when it ends (libuv issue 4443).
        listening = socket.socket(family, socket.SOCK_STREAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            _notice_who_is_gone(listening)
            if self._reuse_port:
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if family is socket.AF_INET6:
                listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listening.bind((host, port))
            return await loop.create_server(protocol, sock=listening)
        except BaseException:
            listening.close()
            raise

    async def _listen_unix(self, path: str, protocol: Callable[[], asyncio.Protocol]) -> str:
        if not hasattr(socket, "AF_UNIX"):
            raise ValueError("this system has no unix sockets")
        loop = asyncio.get_running_loop()
        listener = await loop.create_unix_server(protocol, path)
        self._listeners.append(listener)
        self._unix_paths.append(path)
        return path

    async def close(self, grace_seconds: float, calls_seconds: float = 0.0) -> None:
        """Stop: take no new connections and calls, let open calls end, then cut.

        Args:
            grace_seconds: how long all open calls may take to end, and streams may go on.
            calls_seconds: how long, at least, unary calls may take that are asked for in full.
        """
        self._is_closing = True
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()  # each knows this server, too
        for shaking in list(self._shaking):
            shaking.abort()
        if grace_seconds > 0:
            for connection in self.connections:
                connection.go_away()
            await self._until_all_are_gone(grace_seconds)
        for connection in self.connections:
            connection.stop()
        await self._until_all_are_gone(calls_seconds - grace_seconds)
        for connection in self.connections:
            connection.abort()
        await self._all_gone.wait()
        for path in self._unix_paths:
            if os.path.exists(path):
                os.unlink(path)

    async def _until_all_are_gone(self, most_seconds: float) -> None:
        """Wait for that; when the loop has done what is ready, where there is no time."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._all_gone.wait(), max(most_seconds, 0.0))

    @property
    def connections(self) -> list[Connection]:
        """Those that are open now."""
        return list(self._connections)

    def opened(self, connection: Connection) -> None:
        self._connections.add(connection)
        self._all_gone.clear()
        if self._is_closing:
            connection.go_away()  # accepted just before, and told of only now

    def gone(self, connection: Connection) -> None:
        self._connections.discard(connection)
        self._look_whether_all_are_gone()

    def shaking(self, socket: TlsSocket) -> bool:
        """A socket that will be encrypted was accepted; False where it is not to be."""
        self._shaking.add(socket)
        self._all_gone.clear()
        if self._is_closing:
            return False
        return self.spares_http1 or self.admit is None or self.admit(socket.peer)

    def shaken(self, socket: TlsSocket) -> None:
        """It is a connection now, or is gone."""
        self._shaking.discard(socket)
        self._look_whether_all_are_gone()

    def _look_whether_all_are_gone(self) -> None:
        if not self._connections and not self._shaking:
            self._all_gone.set()


_IS_ENCRYPTED = {"http": False, "https": True, "unix": False, "unixs": True}
"""Schemes that can be listened on."""

ConnectionFactory = Callable[[Server, asyncio.AbstractEventLoop], Connection]


_PROBES = (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 9))
"""Seconds of silence before the system asks a peer whether it is there, seconds between two
questions, and how many it asks (etcd: client/pkg/transport/keepalive_listener.go, and Go's own)."""


def _notice_who_is_gone(listening: socket.socket) -> None:
    """Have the system cut accepted sockets whose peer went without a word."""
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _PROBES:
        option = getattr(socket, name, None)  # macOS has other names for some
        if option is not None:
            listening.setsockopt(socket.IPPROTO_TCP, option, value)


def _family(host: str) -> socket.AddressFamily | None:
    """That of a numeric address without a scope; None for everything else."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except OSError:
            continue
        return family
    return None
