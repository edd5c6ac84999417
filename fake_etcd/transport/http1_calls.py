"""What HTTP/1.1 needs of those who take requests whose answers come when they like.

They are the JSON gateway's calls and websockets (`gateway.http1`, `gateway.websocket`), of which
`http1` knows nothing else: imports go from there to here.
"""

from __future__ import annotations

from typing import Protocol

from fake_etcd.api.status import Status


class Exchange(Protocol):
    """A call behind a request, as far as its connection has to do with it."""

    @property
    def is_over(self) -> bool:
        """Everything is said."""

    @property
    def deadline(self) -> float | None:
        """When it ends at the latest, on the door's clock."""

    def writable(self) -> None:
        """The socket takes bytes again."""

    def expire(self) -> None:
        """The deadline has come."""

    def cancelled(self) -> None:
        """Its caller is gone."""

    def end_stream(self, status: Status) -> None:
        """Close a stream for a reason that its handler does not know of."""


class Call(Protocol):
    """What takes a request's body and gives its answer, by the connection's `write`."""

    @property
    def exchange(self) -> Exchange: ...

    @property
    def is_waiting(self) -> bool:
        """Its body is here, and its answer is not whole."""

    @property
    def may_take_long(self) -> bool:
        """Nothing says when it has to go on."""

    def data(self, piece: bytes) -> None:
        """A piece of the body."""

    def end(self, *, is_whole: bool) -> None:
        """The body is here, or as much of it as is read."""

    def broken(self) -> None:
        """What comes is no body."""


class Upgraded(Protocol):
    """What a connection has become that is no HTTP any more."""

    @property
    def closed(self) -> bool:
        """The connection is to end with what was written."""

    @property
    def exchange(self) -> Exchange | None: ...

    def receive(self, data: bytes) -> None:
        """What came."""

    def lost(self) -> None:
        """The peer is gone."""
