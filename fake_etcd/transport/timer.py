"""Runs what becomes due in a node on an asyncio event loop: the core has no clock of its own."""

from __future__ import annotations

import asyncio

from fake_etcd.core.node import Node


class NodeTimer:
    """One timer, set to what is due next."""

    def __init__(self, node: Node, loop: asyncio.AbstractEventLoop) -> None:
        self._node = node
        self._loop = loop
        self._handle: asyncio.TimerHandle | None = None
        node.on_due = self.set

    def set(self) -> None:
        """Look again at what is due next."""
        self.cancel()
        due = self._node.next_due(self._loop.time())
        if due is not None:
            # A timer even where it is due now: what clients sent meanwhile goes first.
            self._handle = self._loop.call_at(due, self._run)

    def cancel(self) -> None:
        """Run nothing more."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _run(self) -> None:
        self._handle = None
        self._node.run_due(self._loop.time())
        self.set()
