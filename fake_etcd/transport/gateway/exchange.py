"""What calls that came as JSON have in common, whatever carries their bytes.

A carrier hands on the body as it comes and takes the answer: whole, or in chunks. The call itself
is that of any other transport: the same endpoints serve it. A call of one answer is `unary`'s, one
that answers with a stream `streaming`'s.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod

from google.protobuf.message import Message

from fake_etcd.api.status import Status
from fake_etcd.services.call import Connection, Endpoint, Receiver
from fake_etcd.transport.gateway.carrier import Carrier
from fake_etcd.transport.gateway.heads import Head
from fake_etcd.transport.grpc import errors

_log = logging.getLogger("fake_etcd.transport")


class _Deaf:
    """The receiver of a call whose handler has not answered, or is done."""

    def message(self, request: Message) -> None: ...

    def half_close(self) -> None: ...

    def cancelled(self) -> None: ...

    def writable(self) -> None: ...


DEAF: Receiver = _Deaf()


def internal_error(head: Head) -> Status:
    _log.exception("bug in the handler of %s", head.method.path)
    return errors.HANDLER_BUG


def cancel(receiver: Receiver, head: Head) -> None:
    """Tell a handler that its caller is gone."""
    try:
        receiver.cancelled()
    except Exception:
        internal_error(head)  # there is nobody left to be told


class Exchange(ABC):
    """A call of either kind.

    Args:
        head: what was asked for.
        endpoint: what serves it.
        limit: bytes that its message may have.
        carrier: what it came by.
        connection: for the handler to know.
        deadline: see `Call`.

    Attributes:
        is_over: everything is said.
    """

    __slots__ = (
        "_carrier",
        "_connection",
        "_endpoint",
        "_head",
        "_limit",
        "_receiver",
        "deadline",
        "is_over",
    )

    def __init__(
        self,
        head: Head,
        endpoint: Endpoint,
        limit: int,
        carrier: Carrier,
        connection: Connection,
        deadline: float | None,
    ) -> None:
        self._head = head
        self._endpoint = endpoint
        self._limit = limit
        self._carrier = carrier
        self._connection = connection
        self.deadline = deadline
        self.is_over = False
        self._receiver = DEAF

    # What the carrier calls

    @property
    @abstractmethod
    def held_bytes(self) -> int:
        """Bytes of the body that are kept."""

    @abstractmethod
    def open(self) -> None:
        """Let the handler of a stream from both sides take the call."""

    @abstractmethod
    def data(self, piece: bytes) -> None:
        """A piece of the body."""

    @abstractmethod
    def look(self) -> None:
        """There is no more of the body for now: say what can be said already."""

    @abstractmethod
    def end(self, broken: str = "") -> None:
        """The body is whole; or there is no more of it, for this reason."""

    @abstractmethod
    def writable(self) -> None:
        """There may be more chunks."""

    @abstractmethod
    def end_stream(self, status: Status) -> None:
        """Close a stream for a reason that its handler does not know of."""

    def cancelled(self) -> None:
        """Its caller is gone."""
        self.is_over = True
        receiver, self._receiver = self._receiver, DEAF
        cancel(receiver, self._head)

    def expire(self) -> None:
        """The deadline has come."""
        self._end(errors.EXPIRED)

    @abstractmethod
    def _end(self, status: Status) -> None:
        """Answer so, and tell the handler that it is over."""
