"""The first value of a body that has no end, as a websocket's has none.

A method that takes one request is called at the end of the body: Go reads on to it, and throws away
what it reads. So over a websocket such a method is never called, and all that can come of it is
that its request makes no sense, which is said as soon as it shows.

Go: what grpc-gateway generates for each method (etcd: api/etcdserverpb/gw), `Decode`, `io.Copy`.
"""

from __future__ import annotations

from fake_etcd.api.errors import StatusError
from fake_etcd.api.status import Code, Status
from fake_etcd.transport.gateway.fields import JsonMessage
from fake_etcd.transport.gateway.reading import Unreadable, read
from fake_etcd.transport.gateway.values import NotJson, Values


class FirstValue:
    """Looks whether a body begins with a request.

    Args:
        table: what it is to be.
    """

    __slots__ = ("_table", "_values")

    def __init__(self, table: JsonMessage) -> None:
        self._table = table
        self._values: Values | None = Values()  # until it is whole

    @property
    def held_bytes(self) -> int:
        """Bytes of the body that are kept."""
        return self._values.held_bytes if self._values is not None else 0

    def add(self, piece: bytes) -> None:
        """More of the body. Raises: StatusError: INVALID_ARGUMENT, there is no sense in it."""
        values = self._values
        if values is None:
            return
        values.add(piece)
        try:
            value = values.take()
            if value is not None:
                self._values = None
                read(self._table, value)
        except NotJson as error:
            raise StatusError(Status(Code.INVALID_ARGUMENT, str(error))) from None
        except Unreadable as error:
            raise StatusError(Status(Code.INVALID_ARGUMENT, f"proto: {error}")) from None
