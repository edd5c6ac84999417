"""The ports of a FakeEtcd: there is none before somebody asks for one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from fake_etcd.api.status import Status
from fake_etcd.testing.listening import Listening
from fake_etcd.testing.tls import ANY_PORT, Tls, TlsKit
from fake_etcd.transport.in_process.line import Address
from fake_etcd.transport.shared_node import SharedNode
from fake_etcd.transport.tls import ServerTls


class Ports:
    """Sockets that are opened at the first use, one port for each endpoint.

    Args:
        shared: the node behind them.
        addresses: the endpoints, by their numbers; who is down has its port shut.
        listening: makes the sockets' thread.
        require_open: raises where the FakeEtcd is closed.
        opened: told of the addresses once each endpoint has one.
        tls: how they are encrypted; None: not at all.

    Attributes:
        kit: the certificates, or None.
    """

    def __init__(
        self,
        shared: SharedNode,
        addresses: Sequence[Address],
        listening: Callable[[], Listening],
        require_open: Callable[[], None],
        opened: Callable[[list[list[str]]], None],
        tls: Tls | None,
    ) -> None:
        self._shared = shared
        self._addresses = addresses
        self._new_listening = listening
        self._require_open = require_open
        self._opened = opened
        self._listening: Listening | None = None
        self._opening = threading.RLock()  # never waited for where the node is held
        self.kit = None if tls is None else TlsKit(tls, self._between_connections)

    def close(self, grace_seconds: float) -> None:
        """Close them all, and the certificates; calls may take so long to end by themselves."""
        with self._opening:
            listening, self._listening = self._listening, None
        if listening is not None:
            listening.close(grace_seconds)
        if self.kit is not None:
            self.kit.close()

    def open_all(self) -> list[list[str]]:
        """The addresses of each endpoint, as of `Listening`: each has one now.

        Raises:
            RuntimeError: the FakeEtcd is closed, or of another process.
        """
        self._require_open()
        sockets = self._sockets()
        if all(sockets.addresses):
            return sockets.addresses
        self._shared.require_owned()
        with self._opening:
            self._require_open()
            for number, address in enumerate(self._addresses):
                if not sockets.addresses[number]:
                    sockets.listen(number, self._any_port, self._own_tls())
                    if not address.is_up:
                        sockets.shut(number)
            self._opened(sockets.addresses)
        return sockets.addresses

    def listen(self, url: str, tls: ServerTls | None) -> str:
        """Give the first endpoint one more address, as `Listening.listen` does."""
        self._shared.require_owned()
        with self._opening:
            return self._sockets().listen(0, url, tls or self._own_tls())

    # Nothing, where no port was opened

    def open(self, number: int) -> None:
        """Listen on an endpoint's addresses again."""
        if self._listening is not None:
            self._listening.open(number)

    def shut(self, number: int) -> None:
        """Cut an endpoint's connections and let nobody connect to it."""
        if self._listening is not None:
            self._listening.shut(number)

    def cut(self) -> int:
        """Cut all connections; gives how many there were."""
        if self._listening is None:
            return 0
        return self._listening.cut(range(len(self._addresses)))

    def end_streams(self, status: Status) -> None:
        """End every streaming call with this. The caller may hold the node."""
        if self._listening is not None:
            self._listening.end_streams(status)

    def flush(self) -> None:
        """Have all that is to be sent be sent, where its reader takes it."""
        if self._listening is not None:
            self._listening.flush()

    # Sockets

    def _sockets(self) -> Listening:
        found = self._listening
        if found is not None:
            return found
        self._shared.require_owned()
        with self._opening:
            self._require_open()
            if self._listening is None:
                self._listening = self._new_listening()
            return self._listening

    @property
    def _any_port(self) -> str:
        return "http://127.0.0.1:0" if self.kit is None else ANY_PORT

    def _own_tls(self) -> ServerTls | None:
        return None if self.kit is None else self.kit.server_tls()

    def _between_connections(self, step: Callable[[], None]) -> None:
        """Change certificates: a listener reads a certificate, and its key after that."""
        if self._listening is None:
            step()
        else:
            self._listening.between_connections(step)
