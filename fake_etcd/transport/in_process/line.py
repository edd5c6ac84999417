"""What a channel is connected by: it can be down, and cut under the calls that are open on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from fake_etcd.api.status import Code, Status
from fake_etcd.transport.shared_node import SharedNode

DOWN = Status(Code.UNAVAILABLE, "fake_etcd: this endpoint is down")
"""What a call gets that cannot wait for a connection."""

CUT = Status(Code.UNAVAILABLE, "fake_etcd: the connection was cut")
"""How calls end that were open when it was."""


class Cuttable(Protocol):
    """A call that can lose its connection."""

    def cut(self, status: Status) -> None:
        """End with this, without a word from the other side."""


class Line:
    """One address of a node, for calls in this process.

    Args:
        shared: the node.

    Attributes:
        shared: the same.
        is_up: whether calls get through; `set_up` changes it.
    """

    def __init__(self, shared: SharedNode) -> None:
        self.shared = shared
        self.is_up = True
        self._calls: dict[Cuttable, None] = {}
        self._watchers: list[Callable[[bool], None]] = []

    def opened(self, call: Cuttable) -> None:
        """A call is open, and wants to know when it is cut. The node is held."""
        self._calls[call] = None

    def closed(self, call: Cuttable) -> None:
        """It is over."""
        self._calls.pop(call, None)

    def cut(self, status: Status = CUT) -> int:
        """End all open calls.

        Returns:
            How many there were.
        """
        with self.shared:
            calls, self._calls = self._calls, {}
            for call in calls:
                call.cut(status)
            return len(calls)

    def set_up(self, is_up: bool) -> None:
        """Let calls through from now on, or cut those that are open and let none through."""
        with self.shared:
            if is_up == self.is_up:
                return
            self.is_up = is_up
            if not is_up:
                self.cut()
            for tell in list(self._watchers):
                tell(is_up)

    def watch(self, tell: Callable[[bool], None]) -> None:
        """Tell somebody, who holds the node then, when it goes up or down."""
        self._watchers.append(tell)

    def unwatch(self, tell: Callable[[bool], None]) -> None:
        """Tell it no more. Nothing where it was not told."""
        if tell in self._watchers:
            self._watchers.remove(tell)
