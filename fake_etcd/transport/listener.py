"""Sockets for the sans-IO connections: asyncio listeners, one port for HTTP/2 and HTTP/1.1.

The first bytes of a connection decide what it speaks, as etcd's cmux does. Everything a read
brought about leaves in one write; a socket that does not take it stops the reading until it does.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from fake_etcd.api.status import Status
from fake_etcd.services.call import Endpoints
from fake_etcd.services.http import BodyLimit, HttpHandler, no_body
from fake_etcd.transport.bounds import HTTP1_REQUEST_SECONDS, OPENING_SECONDS
from fake_etcd.transport.grpc.connection import GrpcConnection
from fake_etcd.transport.grpc.keepalive import KeepaliveRules
from fake_etcd.transport.grpc.server import GrpcServer
from fake_etcd.transport.http1 import Http1Connection, http_date
from fake_etcd.transport.http2.frames import PREFACE, ErrorCode, goaway_frame
from fake_etcd.transport.http2.pages import Pages
from fake_etcd.transport.tls_transport import TlsTransport, peer_of

if TYPE_CHECKING:
    from fake_etcd.transport.tls import ServerTls
    from fake_etcd.transport.tls_socket import TlsSocket

_WRITE_LIMIT = 2**20
"""Bytes in a socket's write buffer before its connection is paused."""


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
            Pages(http, body_limit, http_date),
            limits.max_concurrent_streams,
            number,
            KeepaliveRules(
                limits.keepalive_min_time_seconds,
                limits.keepalive_interval_seconds,
                limits.keepalive_timeout_seconds,
            ),
            has_pages=not only_grpc,
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
            return await loop.create_server(
                protocol, host, port, reuse_address=True, reuse_port=self._reuse_port or None
            )
        # Given a host, even such a one, uvloop asks libuv's threads for its address, and whatever
        # is forked from a process that has these crashes when it ends (libuv issue 4443).
        listening = socket.socket(family, socket.SOCK_STREAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
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


class Connection(asyncio.Protocol):
    """One socket: finds out what it speaks and carries bytes and time."""

    _transport: asyncio.Transport

    is_admitted = False
    """It was asked already whether it may be made: before the handshake, where there is one."""

    def __init__(self, server: Server, loop: asyncio.AbstractEventLoop) -> None:
        self._server = server
        self._loop = loop
        self._time = loop.time
        self._first_bytes = b""
        self._grpc: GrpcConnection | None = None
        self._http1: Http1Connection | None = None
        self._flush_is_due = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at: float | None = None
        self._last_timer: asyncio.TimerHandle | None = None
        self._patience: asyncio.TimerHandle | None = None  # with first bytes, and HTTP/1.1's
        self._is_paused = False

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A stream socket has a stream transport; uvloop's is no subclass of asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=_WRITE_LIMIT)
        self._patience = self._loop.call_later(OPENING_SECONDS, self._transport.abort)
        self._server.opened(self)
        if not self._server.spares_http1 and not self.is_admitted:
            self._admit()
        if isinstance(transport, TlsTransport) and transport.protocol == "h2":
            self._check_suite(transport)

    def data_received(self, data: bytes) -> None:
        grpc = self._grpc
        if grpc is not None:
            grpc.receive(data, self._time())
            out = grpc.take_output()
            if out:
                self._transport.write(out)
            if grpc.has_news:
                self._flush()
        elif self._http1 is not None:
            self._feed_http1(self._http1, data)
        elif isinstance(self._transport, TlsTransport):
            self._serve_encrypted(self._transport, data)
        else:
            self._sniff(self._first_bytes + data)

    def eof_received(self) -> bool:
        return False  # close: a peer that stopped sending will not open windows either

    def connection_lost(self, error: Exception | None) -> None:
        for timer in (self._timer, self._last_timer, self._patience):
            if timer is not None:
                timer.cancel()
        grpc, self._grpc = self._grpc, None
        self._http1 = None
        if grpc is not None:
            grpc.lost()
        self._server.gone(self)

    def pause_writing(self) -> None:
        self._is_paused = True
        self._transport.pause_reading()
        if self._grpc is not None:
            self._grpc.http2.pause()

    def resume_writing(self) -> None:
        self._is_paused = False
        self._transport.resume_reading()
        if self._grpc is not None:
            self._grpc.resume()
            self._flush()
        elif self._http1 is not None and self._http1.has_more:
            self._feed_http1(self._http1, b"")

    # What the server calls

    def go_away(self) -> None:
        """Take no new calls; close when the open ones are done."""
        if self._grpc is None:
            self._transport.close()
            return
        self._grpc.prepare_to_stop()
        self._flush()

    def stop(self) -> None:
        """Take no new calls, end the streams; close when the calls are done that are under way."""
        if self._grpc is None:
            self._transport.close()
            return
        self._grpc.stop()
        self._flush()
        if self._grpc is not None and self._grpc.http2.is_done:
            self.abort()  # nobody waits for who reads nothing

    def end_streams(self, status: Status) -> None:
        """End every streaming call with this."""
        if self._grpc is not None:
            self._grpc.end_streams(status)
            self._wake()

    def abort(self) -> None:
        """Close at once, with what is ready sent."""
        self._transport.close()
        self._last_timer = self._loop.call_later(_LAST_WRITE_SECONDS, self._transport.abort)

    # Both protocols

    def _sniff(self, data: bytes) -> None:
        if PREFACE.startswith(data) and len(data) < len(PREFACE):
            self._first_bytes = data
            return
        self._first_bytes = b""
        if data.startswith(PREFACE) or self._server.only_grpc:
            if self._server.spares_http1 and not self._admit():
                return
            self._serve_http2(data)
        else:
            self._http1 = Http1Connection(self._server.http, self._server.body_limit)
            self._be_patient(HTTP1_REQUEST_SECONDS)
            self._feed_http1(self._http1, data)

    def _check_suite(self, transport: TlsTransport) -> None:
        """Speak no HTTP/2 over what is too weak for it (RFC 9113 §9.2.2)."""
        suite = transport.prohibited_suite
        if suite is not None:
            reason = f"Prohibited TLS 1.2 Cipher Suite: {suite:x}"
            code = ErrorCode.INADEQUATE_SECURITY
            transport.write(goaway_frame(0, code, reason.encode()))
            transport.close()

    def _serve_encrypted(self, transport: TlsTransport, data: bytes) -> None:
        """The handshake says what is spoken, and net/http is in front of both."""
        server = self._server
        if transport.protocol == "h2":
            if server.spares_http1 and not self._admit():
                return
            is_behind_http = not server.only_grpc
            self._serve_http2(data, transport.common_name, is_behind_http=is_behind_http)
        elif server.only_grpc:
            self._transport.abort()  # grpc-go asks for h2 in the handshake
        else:
            self._http1 = Http1Connection(server.http, server.body_limit, is_sniffed=False)
            self._be_patient(HTTP1_REQUEST_SECONDS)
            self._feed_http1(self._http1, data)

    def _serve_http2(
        self, data: bytes, common_name: str | None = None, *, is_behind_http: bool = False
    ) -> None:
        self._be_patient(None)  # HTTP/2 keeps the time itself
        self._grpc = GrpcConnection(
            self._server.grpc, self._peer(), self._wake, self._time, common_name, is_behind_http
        )
        self._grpc.receive(data, self._time())
        self._flush()

    def _admit(self) -> bool:
        """Whether it may be made; where not, it is no more."""
        admit = self._server.admit
        if admit is None or admit(self._peer()):
            return True
        self._transport.abort()
        return False

    def _peer(self) -> str:
        return peer_of(self._transport)

    def _feed_http1(self, http1: Http1Connection, data: bytes) -> None:
        out = http1.receive(data)
        if out:
            self._transport.write(out)
        if http1.closed:
            self._transport.close()
        elif not http1.is_inside_request:
            self._be_patient(None)
        elif out or self._patience is None:  # a later request has its own time
            self._be_patient(HTTP1_REQUEST_SECONDS)
        if http1.has_more and not self._is_paused:
            self._loop.call_soon(self._go_on_with_http1)

    def _go_on_with_http1(self) -> None:
        """It is the turn of the requests that waited, if the socket took what was before them."""
        http1 = self._http1
        if http1 is not None and http1.has_more and not self._is_paused:
            self._feed_http1(http1, b"")

    def _be_patient(self, seconds: float | None) -> None:
        """Have the connection cut in so many seconds, or not any more."""
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        if seconds is not None:
            self._patience = self._loop.call_later(seconds, self._transport.abort)

    # HTTP/2 output that no read brought about

    def _wake(self) -> None:
        if not self._flush_is_due:
            self._flush_is_due = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_is_due = False
        grpc = self._grpc
        if grpc is None:
            return  # the connection was lost while this was due
        for _ in range(_OUTPUTS_IN_A_ROW):
            out = grpc.take_output()
            if not out:
                break
            if not self._transport.is_closing():
                self._transport.write(out)
        else:
            self._wake()  # it is the other connections' turn
        self._after_news(grpc)

    def _after_news(self, grpc: GrpcConnection) -> None:
        """Close a connection that is over; keep the timer at the next deadline."""
        if grpc.http2.is_done:
            self._transport.close()
            return
        deadline = grpc.next_deadline
        if deadline == self._timer_at:
            return
        self._timer_at = deadline  # kept here: uvloop's handle knows it in milliseconds only
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if deadline is not None:
            self._timer = self._loop.call_at(deadline, self._run_deadlines)

    def _run_deadlines(self) -> None:
        self._timer = self._timer_at = None
        if self._grpc is not None:
            self._grpc.run_deadlines(self._time())
            self._flush()


_IS_ENCRYPTED = {"http": False, "https": True, "unix": False, "unixs": True}
"""Schemes that can be listened on."""

ConnectionFactory = Callable[[Server, asyncio.AbstractEventLoop], Connection]

_OUTPUTS_IN_A_ROW = 4
"""Outputs, of a MiB or so, that one connection gets rid of before the loop looks at the others."""

_LAST_WRITE_SECONDS = 0.1
"""How long a peer that is cut may take to fetch what was written to it."""


def _family(host: str) -> socket.AddressFamily | None:
    """That of a numeric address without a scope; None for everything else."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except OSError:
            continue
        return family
    return None
