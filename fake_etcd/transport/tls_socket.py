"""The socket under a connection that is encrypted: shakes hands, then carries bytes both ways.

Above it is what serves any socket, which meets a transport like every other, once the handshake is
over and the client is known. Whatever goes wrong ends this one socket, with a line in the log.
etcd: client/pkg/transport/listener_tls.go, server/embed/config_logging.go.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from typing import Protocol, cast

from fake_etcd.transport.tls import Acceptor, Rejected
from fake_etcd.transport.tls_hello import NO_APPLICATION_PROTOCOL, Hello, NotHello, read_hello
from fake_etcd.transport.tls_reasons import unknown_protocols, why_failed
from fake_etcd.transport.tls_transport import Received, TlsError, TlsTransport, peer_of

_log = logging.getLogger("fake_etcd.transport")

_HANDSHAKE_RECORD = 0x16
_INTERNAL_ERROR, _BAD_CERTIFICATE = 80, 42  # RFC 8446 §6


class Host(Protocol):
    """Whom a socket tells that it is there before there is a connection on it."""

    def shaking(self, socket: TlsSocket) -> bool:
        """It was accepted; False where it is not to be."""

    def shaken(self, socket: TlsSocket) -> None:
        """It is a connection now, or is gone."""


class TlsSocket(asyncio.Protocol):
    """One encrypted socket.

    Args:
        host: whose it is.
        acceptor: what it is to be.
        loop: the loop that it lives on.
        connection: makes what serves it.
    """

    _socket: asyncio.Transport
    _timer: asyncio.TimerHandle

    def __init__(
        self,
        host: Host,
        acceptor: Acceptor,
        loop: asyncio.AbstractEventLoop,
        connection: Callable[[], asyncio.Protocol],
    ) -> None:
        self._host = host
        self._acceptor = acceptor
        self._loop = loop
        self._make_connection = connection
        self._connection: asyncio.Protocol | None = None
        self._transport: TlsTransport | None = None
        self._first_bytes = b""
        self._hello = Hello()
        self._in = ssl.MemoryBIO()
        self._is_plain = False
        self._is_paused = False

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._socket = cast(asyncio.Transport, transport)
        self._timer = self._loop.call_later(self._acceptor.tls.handshake_seconds, self._too_late)
        if not self._host.shaking(self):
            self._socket.abort()

    def data_received(self, data: bytes) -> None:
        connection = self._connection
        if connection is None:
            connection = self._shake(data)
        elif self._is_plain:
            connection.data_received(data)
            return
        else:
            self._in.write(data)
        if connection is not None and self._transport is not None:
            self._pass_on(self._transport.read_all(), connection)

    def eof_received(self) -> bool:
        if self._connection is None:
            self._reject("EOF")
        else:
            self._connection.eof_received()
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self._timer.cancel()
        self._host.shaken(self)
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.connection_lost(error)

    def pause_writing(self) -> None:
        self._is_paused = True
        if self._connection is not None:
            self._connection.pause_writing()

    def resume_writing(self) -> None:
        self._is_paused = False
        if self._connection is not None:
            self._connection.resume_writing()

    # What the server calls

    @property
    def peer(self) -> str:
        """The other end, for people to read."""
        return peer_of(self._socket)

    def abort(self) -> None:
        """End it at once; only while it has no connection."""
        self._socket.abort()

    # The handshake

    def _shake(self, data: bytes) -> asyncio.Protocol | None:
        """Go on with the handshake; the connection, where that is over now."""
        transport = self._transport
        if transport is None:
            data = self._first_bytes + data
            if self._acceptor.tls.takes_plain and data[0] != _HANDSHAKE_RECORD:
                self._is_plain = True
                self._open(self._socket).data_received(data)
                return None
            transport = self._transport = self._begin(data)
            if transport is None:
                self._first_bytes = data
                return None
        self._in.write(data)
        try:
            transport.session.do_handshake()
        except ssl.SSLWantReadError:
            transport.flush()
            return None
        except ssl.SSLError as error:
            transport.flush()  # the alert
            self._reject(why_failed(error, self._hello))
            return None
        return self._open(transport) if self._is_welcome(transport) else None

    def _begin(self, data: bytes) -> TlsTransport | None:
        """Look at the hello, and take the certificate of this moment.

        None where it is not all there, or nothing comes of it.
        """
        try:
            hello = read_hello(data)
            if hello is None:
                return None
            self._hello = hello
            context = self._acceptor.context()
        except NotHello as error:
            self._refuse(error.alert, str(error))
            return None
        except TlsError as error:
            self._refuse(_INTERNAL_ERROR, str(error))
            return None
        if not _may_speak(hello, context):
            self._refuse(NO_APPLICATION_PROTOCOL, unknown_protocols(hello))
            return None
        out = ssl.MemoryBIO()
        return TlsTransport(self._socket, context.wrap_bio(self._in, out, server_side=True), out)

    def _is_welcome(self, transport: TlsTransport) -> bool:
        """Whether the client is, now that it is known; what ends its handshake is not sent yet."""
        try:
            transport.common_name = self._acceptor.judge(transport.session)
        except Rejected as rejected:
            if not rejected.is_early:
                transport.flush()
            elif transport.session.version() == "TLSv1.2":
                self._alert(_BAD_CERTIFICATE)  # behind it, it would have to be encrypted
            self._reject(str(rejected))
            return False
        transport.flush()
        return True

    def _open(self, transport: asyncio.Transport) -> asyncio.Protocol:
        """There is a connection from now on."""
        self._timer.cancel()
        self._connection = connection = self._make_connection()
        connection.connection_made(transport)
        if self._is_paused:  # by what the handshake wrote
            connection.pause_writing()
        self._host.shaken(self)
        return connection

    def _refuse(self, alert: int, reason: str) -> None:
        self._alert(alert)
        self._reject(reason)

    def _alert(self, description: int) -> None:
        """Say why, in the one form that there is before keys are agreed on."""
        self._socket.write(bytes((0x15, 3, 3, 0, 2, 2, description)))

    def _too_late(self) -> None:
        self._reject("i/o timeout")

    def _reject(self, reason: str) -> None:
        if self._socket.is_closing():
            return
        fields = {"remote-addr": self.peer, "error": reason}
        _log.warning("rejected connection on client endpoint", extra={"fields": fields})
        self._socket.close()

    def _pass_on(self, received: Received, connection: asyncio.Protocol) -> None:
        if received.data:
            connection.data_received(received.data)
        if self._transport is not None:
            self._transport.flush()
            if received.is_over:
                self._transport.close()


def _may_speak(hello: Hello, context: ssl.SSLContext) -> bool:
    """Whether the client knows a protocol that is known here.

    A client that knows none of the versions is told that, and nobody looks at its protocols.
    """
    newest = 0x304 if context.maximum_version is ssl.TLSVersion.MAXIMUM_SUPPORTED else 0
    allowed = range(context.minimum_version, max(newest, context.maximum_version) + 1)
    if not any(version in allowed for version in hello.versions):
        return True
    # Go lets who speaks HTTP/1.1 alone go on, as if it had not been asked.
    return not hello.protocols or b"h2" in hello.protocols or b"http/1.1" in hello.protocols
