"""Sockets of a node that others drive as well: each step on a connection holds the node.

What a handler says to a stream of another thread's connection is written down at once and sent
by the loop that the socket belongs to.
"""

from __future__ import annotations

import asyncio
import threading

from fake_etcd.transport.listener import Connection, ConnectionFactory, Server
from fake_etcd.transport.shared_node import SharedNode


class SharedConnection(Connection):
    """A connection whose every step holds the node."""

    def __init__(self, server: Server, loop: asyncio.AbstractEventLoop, shared: SharedNode) -> None:
        super().__init__(server, loop)
        self._shared = shared
        self._thread = threading.get_ident()

    def data_received(self, data: bytes) -> None:
        with self._shared:
            super().data_received(data)

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

    def _wake(self) -> None:
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


def connections_of(shared: SharedNode) -> ConnectionFactory:
    """What makes such connections for a `listener.Server`."""
    return lambda server, loop: SharedConnection(server, loop, shared)


class SharedTimer:
    """Runs on an event loop what is due of a shared node, as `timer.NodeTimer` does of its own.

    An automatic clock is not moved from here: what the clients of sockets wait for, and whether
    they wait at all, is theirs to know.
    """

    def __init__(self, shared: SharedNode, loop: asyncio.AbstractEventLoop) -> None:
        self._shared = shared
        self._loop = loop
        self._thread = threading.get_ident()
        self._handle: asyncio.TimerHandle | None = None
        self._is_set_soon = False
        shared.add_host(self._come)

    def close(self) -> None:
        """Run nothing more."""
        self._shared.remove_host(self._come)
        self._cancel()

    def _come(self) -> None:
        if threading.get_ident() == self._thread:
            self._set()
        elif not self._is_set_soon:
            self._is_set_soon = True
            self._loop.call_soon_threadsafe(self._set)

    def _cancel(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _set(self) -> None:
        with self._shared as shared:
            self._is_set_soon = False
            self._cancel()
            clock = shared.node.clock
            due = shared.node.next_due(clock.now())
            wait = None if due is None else clock.seconds_until(due)
            if wait is not None:
                # A timer even where it is due now: what clients sent meanwhile goes first.
                self._handle = self._loop.call_later(wait, self._run)

    def _run(self) -> None:
        with self._shared as shared:
            self._handle = None
            shared.node.run_due(shared.node.clock.now())
        self._set()
