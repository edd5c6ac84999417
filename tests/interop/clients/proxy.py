"""A TCP proxy of one server that makes the trouble a client program asks for: cuts and stalls.

It knows bytes and connections, nothing of what they mean, so every client can be behind it.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType

_CHUNK = 65536


class Proxy:
    """Listens on a free port from the first moment until the end of its `with` block.

    Args:
        target: HOST:PORT of the server.
    """

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._server = (host, int(port))
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._closed = False
        self._flowing = threading.Event()
        self._flowing.set()
        self.place = f"127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> Proxy:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        with self._lock:
            self._closed = True
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.flow()
        self.cut()

    def cut(self) -> None:
        """End every connection that there is, on both sides; new ones may come at once."""
        with self._lock:
            for each in self._open:
                with contextlib.suppress(OSError):  # one of the two ended by itself just now
                    each.shutdown(socket.SHUT_RDWR)

    def stall(self) -> None:
        """Hold back what the server says from now on; what clients say goes on."""
        self._flowing.clear()

    def flow(self) -> None:
        """Pass on what was held back, and all that comes."""
        self._flowing.set()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return  # closed
            try:
                server = socket.create_connection(self._server)
            except OSError:
                client.close()
                continue
            with self._lock:
                closed = self._closed
                if not closed:
                    self._open |= {client, server}
            if closed:
                client.close()
                server.close()
                return
            for source, sink, held in ((client, server, False), (server, client, True)):
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(
                    target=self._pass_on, args=(source, sink, held), daemon=True
                ).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, held: bool) -> None:
        with contextlib.suppress(OSError):  # either side ended, and so does the other
            while chunk := source.recv(_CHUNK):
                if held:
                    self._flowing.wait()
                sink.sendall(chunk)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._open.discard(source)
        source.close()
