"""Sockets of a node that others drive as well: each step on a connection holds the node.

What a handler says to a stream of another thread's connection is written down at once and sent
by the loop that the socket belongs to.
"""

from __future__ import annotations

import asyncio
import threading

from fake_etcd.transport.listener import ConnectionFactory, Server
from fake_etcd.transport.shared_node import SharedNode
from fake_etcd.transport.socket_connection import Connection


class SharedConnection(Connection):
    """A connection whose every step holds the node."""

    def __init__(self, server: Server, loop: asyncio.AbstractEventLoop, shared: SharedNode) -> None:
        super().__init__(server, loop)
        self._shared = shared
        self._thread = threading.get_ident()

    def data_received(self, data: bytes) -> None:
        with self._shared:
            super().data_received(data)

    def eof_received(self) -> bool:
        with self._shared:
            return super().eof_received()

    def connection_lost(self, error: Exception | None) -> None:
        with self._shared:
            super().connection_lost(error)

    def pause_writing(self) -> None:
        with self._shared:
            super().pause_writing()

    def resume_writing(self) -> None:
        with self._shared:
            super().resume_writing()

    def go_away(self) -> None:
        with self._shared:
            super().go_away()

    def stop(self) -> None:
        with self._shared:
            super().stop()

    def _wake(self) -> None:
        self._shared.calls += 1
        if threading.get_ident() == self._thread:
            super()._wake()
        elif not self._flush_is_due:
            self._flush_is_due = True
            self._loop.call_soon_threadsafe(self._flush)

    def _flush(self) -> None:
        with self._shared:
            super()._flush()

    def _run_deadlines(self) -> None:
        with self._shared:
            super()._run_deadlines()

    def _go_on_with_http1(self) -> None:
        with self._shared:
            super()._go_on_with_http1()


def connections_of(shared: SharedNode) -> ConnectionFactory:
    """What makes such connections for a `listener.Server`."""
    return lambda server, loop: SharedConnection(server, loop, shared)
