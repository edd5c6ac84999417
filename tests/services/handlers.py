"""Handlers of a node without a transport: plain calls, and a sink that a test empties."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from google.protobuf.message import Message

from fake_etcd.api import messages as m
from fake_etcd.api.methods import METHODS
from fake_etcd.api.status import OK, Status
from fake_etcd.core.node import Node
from fake_etcd.services import registry
from fake_etcd.services.call import Call, Metadata

Response = TypeVar("Response", bound=Message)


class MemorySink:
    """Keeps what it is sent; says it is full at `room` messages that nobody took."""

    def __init__(self, room: int | None = None) -> None:
        self.room = room
        self.messages: list[bytes] = []
        self.status: Status | None = None

    def send(self, message: bytes) -> bool:
        assert self.status is None, "nothing is sent after the end"
        self.messages.append(message)
        return self.room is None or len(self.messages) < self.room

    def send_all(self, messages: Sequence[bytes]) -> bool:
        has_room = True
        for message in messages:
            has_room = self.send(message)
        return has_room

    def close(self, status: Status = OK) -> None:
        assert self.status is None, "a stream ends once"
        self.status = status


class Handlers:
    """The handlers of one node; a name without a service is one of KV's."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._endpoints = registry.endpoints(node)

    def call(self, name: str, request: Message, metadata: Metadata = ()) -> Message:
        """A unary call; asserts that the answer is encoded as protobuf does it."""
        path = _path(name)
        handler = self._endpoints[path].unary
        assert handler is not None
        # As a transport hands it over: decoded from bytes, so unset fields are unset.
        encoded = handler(
            type(request).FromString(request.SerializeToString()), Call(METHODS[path], metadata)
        )
        response = METHODS[path].response.FromString(encoded)
        assert response.SerializeToString() == encoded
        return response

    def is_unary(self, name: str) -> bool:
        """Whether `call` does for it; `open` does for the others."""
        return self._endpoints[_path(name)].unary is not None

    def range(self, request: m.RangeRequest) -> m.RangeResponse:
        response = self.call("Range", request)
        assert isinstance(response, m.RangeResponse)
        return response

    def txn(self, request: m.TxnRequest) -> m.TxnResponse:
        response = self.call("Txn", request)
        assert isinstance(response, m.TxnResponse)
        return response

    def open(
        self, name: str, request: Message, sink: MemorySink, metadata: Metadata = ()
    ) -> object:
        """A streaming call with its one request; gives the receiver."""
        path = _path(name)
        handler = self._endpoints[path].stream
        assert handler is not None
        receiver = handler(Call(METHODS[path], metadata), sink)
        receiver.message(request)
        receiver.half_close()
        return receiver

    def everything(self) -> m.RangeResponse:
        return self.range(m.RangeRequest(key=b"\0", range_end=b"\0"))


def _path(name: str) -> str:
    return f"/etcdserverpb.{name}" if "/" in name else f"/etcdserverpb.KV/{name}"


WATCH = "/etcdserverpb.Watch/Watch"


class WatchPeer:
    """The client of one Watch stream of a node; what it was told waits until it is taken.

    Args:
        node: whose handler it calls.
        sink: where the answers go; one that is never full where there is none.
    """

    def __init__(self, node: Node, sink: MemorySink | None = None) -> None:
        self.sink = sink or MemorySink()
        handler = registry.endpoints(node)[WATCH].stream
        assert handler is not None
        self.receiver = handler(Call(METHODS[WATCH]), self.sink)

    def send(self, request: m.WatchRequest) -> None:
        """As a transport hands it over: decoded from bytes."""
        self.receiver.message(m.WatchRequest.FromString(request.SerializeToString()))

    def create(self, key: bytes = b"a", **fields: object) -> None:
        create = m.WatchCreateRequest(key=key, **fields)
        self.send(m.WatchRequest(create_request=create))

    def cancel(self, watch_id: int = 0) -> None:
        self.send(m.WatchRequest(cancel_request=m.WatchCancelRequest(watch_id=watch_id)))

    def request_progress(self) -> None:
        self.send(m.WatchRequest(progress_request=m.WatchProgressRequest()))

    def take(self) -> list[m.WatchResponse]:
        """All answers since the last time; asserts that they are encoded as protobuf does it."""
        was_full = self.sink.room is not None and len(self.sink.messages) >= self.sink.room
        taken = list(map(m.WatchResponse.FromString, self.sink.messages))
        assert [answer.SerializeToString() for answer in taken] == self.sink.messages
        self.sink.messages.clear()
        if was_full:
            self.receiver.writable()
        return taken
