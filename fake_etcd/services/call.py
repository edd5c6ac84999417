"""What a transport and a service agree on: a call, its sink, and the two kinds of handler.

Nothing here runs. A transport finds an `Endpoint` by its path, decodes the request, and either
calls a unary handler or opens a stream; a service never learns which transport it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from google.protobuf.message import Message

from fake_etcd.api.methods import Method
from fake_etcd.api.status import OK, Status

Metadata = Sequence[tuple[str, str | bytes]]
"""Request headers in the order they came; `-bin` values are bytes, all others text."""


class Connection(Protocol):
    """What a call came over, and others with it."""

    @property
    def peer(self) -> str:
        """The other end, for people to read ("127.0.0.1:51812", "unix:", "in-process")."""

    @property
    def endpoint(self) -> int:
        """Which of the server's addresses it came to; 0 is the first."""

    @property
    def common_name(self) -> str | None:
        """That of the certificate that its client showed and that was found to be good.

        "" where that has none; None where no certificate was asked for.
        """

    def cut(self) -> None:
        """End it without another word, and all calls on it. What was said before may arrive.

        Handlers are told at once, so that none may be in the middle of something.
        """


class _Nowhere:
    """The connection of a call that nobody made over one."""

    peer = ""
    endpoint = 0
    common_name = None

    def cut(self) -> None:
        """There is nothing to cut."""


_NOWHERE = _Nowhere()


class Call:
    """One RPC as its handler sees it.

    Args:
        method: the row of the method table.
        metadata: the caller's metadata, without HTTP/2's and gRPC's own headers.
        deadline: seconds on the transport's monotonic clock, or None where the caller set none.
        connection: what it came over.
        size: bytes of its one request as it came; -1 where they are what protobuf would write, or
            it has more than one.
    """

    __slots__ = ("connection", "deadline", "metadata", "method", "size")

    is_hosts = False
    """Whether nobody made it but the node's own host, who may do everything; see `HostCall`."""

    def __init__(
        self,
        method: Method,
        metadata: Metadata = (),
        deadline: float | None = None,
        connection: Connection = _NOWHERE,
        size: int = -1,
    ) -> None:
        self.method = method
        self.metadata = metadata
        self.deadline = deadline
        self.connection = connection
        self.size = size

    @property
    def peer(self) -> str:
        """The other end of its connection."""
        return self.connection.peer


class HostCall(Call):
    """A call that whoever hosts the node makes itself, past users and passwords.

    No transport makes one: what a client sends cannot become it.
    """

    __slots__ = ()

    is_hosts = True


class Sink(Protocol):
    """Where a streaming handler puts its answers.

    `send` and `close` never block. After `close`, or once the receiver was told `cancelled`,
    further calls do nothing.
    """

    def send(self, message: bytes) -> bool:
        """Queue one encoded answer; False says that the sink is full and `writable` will be told.

        A full sink still takes what it is given: a handler that goes on regardless loses
        nothing but memory.
        """

    def send_all(self, messages: Sequence[bytes]) -> bool:
        """`send` for several in a row, at a part of the cost, which nobody asked for one by one.

        A sink may say that it is full because they come too fast, so that what follows is said in
        fewer and larger ones.
        """

    def close(self, status: Status = OK) -> None:
        """End the stream with a status, after everything queued."""


class Receiver(Protocol):
    """The caller's half of an open stream; the transport calls these, never two at once."""

    def message(self, request: Message) -> None:
        """One decoded request. May raise `EtcdError`, which ends the stream with its status."""

    def half_close(self) -> None:
        """The caller will send no more. May raise `EtcdError` like `message`."""

    def cancelled(self) -> None:
        """The call is over for the caller: reset, lost, or too late. Nobody reads answers."""

    def writable(self) -> None:
        """A sink that said it was full can take more. May raise `EtcdError` like `message`."""


UnaryHandler = Callable[[Message, Call], bytes]
"""Decoded request in, encoded response out; raises `EtcdError`."""

StreamHandler = Callable[[Call, Sink], Receiver]
"""Called when the stream opens, before any message; raises `EtcdError`."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A row of the method table with the handler that serves it; exactly one of the two is set.

    A unary method that may have to wait for something has a `stream` handler too: it gets one
    message and the half-close, and sends one answer.
    """

    method: Method
    unary: UnaryHandler | None = None
    stream: StreamHandler | None = None


Endpoints = Mapping[str, Endpoint]
"""Endpoints by path, for example "/etcdserverpb.KV/Range"."""
