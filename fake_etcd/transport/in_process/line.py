"""What channels are connected by: addresses that can be down, and lines that can be cut.

A line is one channel's connection to an address. It connects when it is made, again at once where
it is cut, and where that failed with the next call.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Protocol

from fake_etcd.api.status import Code, Status
from fake_etcd.core.schedule import Appointment
from fake_etcd.transport.shared_node import SharedNode

DOWN = Status(Code.UNAVAILABLE, "fake_etcd: this endpoint is down")
"""What a call gets that cannot wait for a connection."""

CUT = Status(Code.UNAVAILABLE, "fake_etcd: the connection was cut")
"""How calls end that were open when it was."""

PEER = "in-process"

RETRY_SECONDS = 1.0
"""How long a line waits that was not let in and has calls waiting (grpc: connection-backoff.md)."""


class Cuttable(Protocol):
    """A call that can lose its connection."""

    def lost(self, status: Status) -> None:
        """End with this, without another word from the other side."""


def _let_in(number: int, peer: str) -> bool:
    return True


class Address:
    """One address of a node, for channels in this process.

    Args:
        shared: the node.
        number: which of its addresses; 0 is the first.
        admit: whether a connection to this number from this peer may be made.

    Attributes:
        shared, number: the same.
        is_up: whether anybody can connect; `set_up` changes it.
    """

    def __init__(
        self, shared: SharedNode, number: int = 0, admit: Callable[[int, str], bool] = _let_in
    ) -> None:
        self.shared = shared
        self.number = number
        self.is_up = True
        self._admit = admit
        self._lines: weakref.WeakValueDictionary[int, Line] = weakref.WeakValueDictionary()
        self._count = 0

    def line(self, common_name: str | None = None) -> Line:
        """A connection to it, for one channel.

        Args:
            common_name: that of the certificate which the client would show; None: it has none.
        """
        with self.shared:
            line = Line(self, common_name)
            self._count += 1
            self._lines[self._count] = line
            line.connect()
            return line

    def admits(self) -> bool:
        """Whether a line that tries to connect now gets through. The node is held."""
        return self.is_up and self._admit(self.number, PEER)

    def cut(self) -> int:
        """Cut all lines.

        Returns:
            How many open calls there were.
        """
        with self.shared:
            lines = list(self._lines.values())
            count = sum(line.open_calls for line in lines)
            for line in lines:
                line.cut()
            return count

    def end_calls(self, status: Status) -> None:
        """End all open calls on lines that stay connected."""
        with self.shared:
            for line in list(self._lines.values()):
                line.end_calls(status)

    def set_up(self, is_up: bool) -> None:
        """Let lines connect from now on, or cut all and let none connect."""
        with self.shared:
            if is_up == self.is_up:
                return
            self.is_up = is_up
            if is_up:
                self.retry()
            else:
                self.cut()

    def retry(self) -> None:
        """Have the lines that are not connected try again."""
        with self.shared:
            for line in list(self._lines.values()):
                line.retry()


class Line:
    """One channel's connection; what its calls came over (`services.call.Connection`).

    Args:
        address: where to.
        common_name: that of the client's certificate; None: it has none.

    Attributes:
        shared: the address's node.
        endpoint: the address's number.
        peer: the other end, as the handlers see it.
        common_name: the same.
        is_up: whether it is connected, so that calls get through.
    """

    def __init__(self, address: Address, common_name: str | None = None) -> None:
        self.shared = address.shared
        self.endpoint = address.number
        self.peer = PEER
        self.common_name = common_name
        self.is_up = False
        self._address = address
        self._calls: dict[Cuttable, None] = {}
        self._watchers: list[Callable[[bool], None]] = []
        self._retrying: Appointment | None = None

    def connect(self) -> bool:
        """Whether calls get through; where it is not connected it tries to. The node is held."""
        if not self.is_up:
            if self._address.admits():
                self._become(True)
            else:
                self._retry_later()
        return self.is_up

    def retry(self) -> None:
        """Try to connect now, whenever it was to try again. The node is held."""
        if self._retrying is not None:
            self._retrying.cancel()
            self._retrying = None
        self.connect()

    def opened(self, call: Cuttable) -> None:
        """A call is open, and wants to know when it is cut. The node is held."""
        self._calls[call] = None

    def closed(self, call: Cuttable) -> None:
        """It is over."""
        self._calls.pop(call, None)

    @property
    def open_calls(self) -> int:
        """How many there are."""
        return len(self._calls)

    def end_calls(self, status: Status) -> None:
        """End all open calls with this. The node is held."""
        calls, self._calls = self._calls, {}
        for call in calls:
            call.lost(status)

    def cut(self) -> None:
        """End all open calls. It connects again at once, if it is let in."""
        with self.shared:
            self.end_calls(CUT)
            if self._retrying is not None:
                self._retrying.cancel()
                self._retrying = None
            is_admitted = self._address.admits()
            if is_admitted != self.is_up:
                self._become(is_admitted)
            elif not is_admitted:
                self._retry_later()

    def watch(self, tell: Callable[[bool], None]) -> None:
        """Tell somebody, who holds the node then, when it goes up or down."""
        self._watchers.append(tell)
        if not self.is_up:
            self._retry_later()

    def unwatch(self, tell: Callable[[bool], None]) -> None:
        """Tell it no more. Nothing where it was not told."""
        if tell in self._watchers:
            self._watchers.remove(tell)

    def _become(self, is_up: bool) -> None:
        self.is_up = is_up
        for tell in list(self._watchers):
            tell(is_up)
        if not is_up:
            self._retry_later()

    def _retry_later(self) -> None:
        """Where somebody waits, and an address that is down does not tell when it comes up."""
        if self._retrying is None and self._watchers and self._address.is_up:
            node = self.shared.node
            time = round(node.clock.now() + RETRY_SECONDS, 9)
            self._retrying = node.schedule.at(time, self._retry)

    def _retry(self) -> None:
        self._retrying = None
        self.connect()
