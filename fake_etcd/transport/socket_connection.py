"""One accepted socket: finds out what it speaks, and carries bytes and time for who speaks it.

The first bytes of a connection decide, as etcd's cmux does. Everything a read brought about leaves
in one write; a socket that does not take it stops the reading until it does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, cast

from fake_etcd.api.status import Status
from fake_etcd.services.http import BodyLimit, HttpHandler
from fake_etcd.transport.bounds import HTTP1_REQUEST_SECONDS, OPENING_SECONDS
from fake_etcd.transport.grpc.connection import GrpcConnection
from fake_etcd.transport.grpc.server import GrpcServer
from fake_etcd.transport.http2.frames import PREFACE, ErrorCode, goaway_frame
from fake_etcd.transport.tls_transport import TlsTransport, peer_of

if TYPE_CHECKING:
    from fake_etcd.transport.http1 import Http1Connection

_WRITE_LIMIT = 2**20
"""Bytes in a socket's write buffer before its connection is paused."""

_OUTPUTS_IN_A_ROW = 4
"""Outputs, of a MiB or so, that one connection gets rid of before the loop looks at the others."""

_HELD_BYTES = 2**16
"""Bytes of later HTTP/1.1 requests that are read while one waits for its answer."""

_LAST_WRITE_SECONDS = 0.1
"""How long a peer that is cut may take to fetch what was written to it."""


class ConnectionHost(Protocol):
    """What a connection needs of the server that accepted it."""

    grpc: GrpcServer
    http: HttpHandler
    body_limit: BodyLimit
    only_grpc: bool
    admit: Callable[[str], bool] | None
    spares_http1: bool

    def opened(self, connection: Connection) -> None: ...

    def gone(self, connection: Connection) -> None: ...


class Connection(asyncio.Protocol):
    """One socket of a server's, encrypted or not."""

    _transport: asyncio.Transport

    is_admitted = False
    """It was asked already whether it may be made: before the handshake, where there is one."""

    def __init__(self, server: ConnectionHost, loop: asyncio.AbstractEventLoop) -> None:
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
        self._is_reading_paused = False

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
        if self._http1 is not None:
            self._transport.write(self._http1.eof())
        return False  # close: a peer that stopped sending will not open windows either

    def connection_lost(self, error: Exception | None) -> None:
        for timer in (self._timer, self._last_timer, self._patience):
            if timer is not None:
                timer.cancel()
        grpc, self._grpc = self._grpc, None
        http1, self._http1 = self._http1, None
        if grpc is not None:
            grpc.lost()
        if http1 is not None:
            http1.lost()
        self._server.gone(self)

    def pause_writing(self) -> None:
        self._is_paused = True
        self._transport.pause_reading()
        if self._grpc is not None:
            self._grpc.http2.pause()
        elif self._http1 is not None:
            self._http1.pause()

    def resume_writing(self) -> None:
        self._is_paused = False
        self._transport.resume_reading()
        self._is_reading_paused = False
        if self._grpc is not None:
            self._grpc.resume()
            self._flush()
        elif self._http1 is not None:
            self._http1.resume()
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
        elif self._http1 is not None:
            self._http1.end_stream(status)

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
            self._serve_http1(data)

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
            self._serve_http1(data, transport.common_name, is_encrypted=True)

    def _serve_http1(
        self, data: bytes, common_name: str | None = None, *, is_encrypted: bool = False
    ) -> None:
        from fake_etcd.transport.http1 import Http1Connection  # h11 takes a while; a start has none

        server = self._server
        gateway, door = server.grpc.pages.gateway.get(), None
        if gateway is not None:
            from fake_etcd.transport.gateway.http1 import Http1Door  # as late as `gateway` itself

            door = Http1Door(
                gateway,
                self._peer(),
                server.grpc.number,
                self._transport.abort,
                self._wake,
                self._time,
                common_name,
                is_encrypted=is_encrypted,
            )
        self._http1 = Http1Connection(
            server.http, server.body_limit, is_sniffed=not is_encrypted, door=door
        )
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
        if out and not self._transport.is_closing():
            self._transport.write(out)
        if http1.closed:
            self._transport.close()
            return
        self._keep_time(http1.next_deadline)
        self._hold(http1)
        if not http1.is_inside_request:
            self._be_patient(None)
        elif out or self._patience is None:  # a later request has its own time
            self._be_patient(HTTP1_REQUEST_SECONDS)
        if http1.has_more and not self._is_paused:
            self._loop.call_soon(self._go_on_with_http1)

    def _hold(self, http1: Http1Connection) -> None:
        """Read no more than some of the requests behind one that waits for its answer."""
        is_enough = http1.held_bytes > _HELD_BYTES
        if is_enough != self._is_reading_paused and not self._is_paused:
            self._is_reading_paused = is_enough
            if is_enough:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()

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

    # Output that no read brought about

    def _wake(self) -> None:
        if not self._flush_is_due:
            self._flush_is_due = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_is_due = False
        grpc = self._grpc
        if grpc is None:
            if self._http1 is not None:  # else the connection was lost while this was due
                self._feed_http1(self._http1, b"")
            return
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
        """Close a connection that is over, else keep its time."""
        if grpc.http2.is_done:
            self._transport.close()
            return
        self._keep_time(grpc.next_deadline)

    def _keep_time(self, deadline: float | None) -> None:
        """Keep the timer at the next deadline."""
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
        elif self._http1 is not None:
            self._http1.run_deadlines(self._time())
            self._feed_http1(self._http1, b"")
