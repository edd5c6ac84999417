"""A raw gRPC client of the KV and Watch services: messages in and out, every status as it came."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import grpc
import pytest
from google.protobuf.message import Message

from fake_etcd.api import messages as m
from fake_etcd.api.errors import EtcdError
from fake_etcd.api.status import Code, Status

Response = TypeVar("Response", bound=Message)

TIMEOUT_SECONDS = 20


class Refused(Exception):
    """A call that ended with a status other than OK."""

    def __init__(self, error: grpc.RpcError) -> None:
        status = Status(Code(error.code().value[0]), error.details())
        super().__init__(status)
        self.status = status


@contextmanager
def refused(expected: type[EtcdError] | Status) -> Iterator[None]:
    """Expects the call inside to end with exactly this code and text."""
    status = expected if isinstance(expected, Status) else expected.status
    with pytest.raises(Refused) as refusal:
        yield
    assert refusal.value.status == status


class KvClient:
    """Calls one server. The fields of the request are the arguments, or a `request` as a whole."""

    def __init__(self, address: str) -> None:
        self.address = address
        options = [
            ("grpc.max_send_message_length", -1),
            ("grpc.max_receive_message_length", -1),
            # Else the window grows with the traffic before, to tens of megabytes, and a reader
            # that stops reading is slow only in some runs.
            ("grpc.http2.bdp_probe", 0),
        ]
        self.channel = grpc.insecure_channel(address, options=options)

    def __enter__(self) -> KvClient:
        return self

    def __exit__(self, *failure: object) -> None:
        self.channel.close()

    def range(self, request: m.RangeRequest | None = None, **fields: object) -> m.RangeResponse:
        return self._unary("Range", request or m.RangeRequest(**fields), m.RangeResponse)

    def range_stream(
        self, request: m.RangeRequest | None = None, **fields: object
    ) -> list[m.RangeResponse]:
        """All chunks, without the message around each."""
        request = request or m.RangeRequest(**fields)
        return [chunk.range_response for chunk in self.open_range_stream(request)]

    def open_range_stream(self, request: m.RangeRequest) -> Iterator[m.RangeStreamResponse]:
        call = self.channel.unary_stream(
            "/etcdserverpb.KV/RangeStream",
            m.RangeRequest.SerializeToString,
            m.RangeStreamResponse.FromString,
        )
        try:
            yield from call(request, timeout=TIMEOUT_SECONDS)
        except grpc.RpcError as error:
            raise Refused(error) from None

    def put(self, request: m.PutRequest | None = None, **fields: object) -> m.PutResponse:
        return self._unary("Put", request or m.PutRequest(**fields), m.PutResponse)

    def delete_range(
        self, request: m.DeleteRangeRequest | None = None, **fields: object
    ) -> m.DeleteRangeResponse:
        request = request or m.DeleteRangeRequest(**fields)
        return self._unary("DeleteRange", request, m.DeleteRangeResponse)

    def txn(self, request: m.TxnRequest | None = None, **fields: object) -> m.TxnResponse:
        return self._unary("Txn", request or m.TxnRequest(**fields), m.TxnResponse)

    def compact(self, revision: int, *, physical: bool = False) -> m.CompactionResponse:
        request = m.CompactionRequest(revision=revision, physical=physical)
        return self._unary("Compact", request, m.CompactionResponse)

    def open_watch(self, timeout_seconds: float = TIMEOUT_SECONDS) -> WatchStream:
        """A stream of watchers; none yet."""
        return WatchStream(self.channel, timeout_seconds)

    def raw(self, path: str, request: bytes) -> bytes:
        """Any bytes to any path."""
        try:
            return self.channel.unary_unary(path)(request, timeout=TIMEOUT_SECONDS)
        except grpc.RpcError as error:
            raise Refused(error) from None

    def _unary(self, method: str, request: Message, response: type[Response]) -> Response:
        answer = self.raw(f"/etcdserverpb.KV/{method}", request.SerializeToString())
        message = response.FromString(answer)
        assert message.SerializeToString() == answer, "answers are encoded as protobuf does it"
        return message


class WatchStream:
    """One call of Watch: requests at any time from any thread, answers one by one.

    Nothing is read ahead but what the window of the call takes: who does not ask for answers is
    a slow reader.
    """

    def __init__(self, channel: grpc.Channel, timeout_seconds: float) -> None:
        self._requests: queue.SimpleQueue[m.WatchRequest | None] = queue.SimpleQueue()
        open_call = channel.stream_stream(
            "/etcdserverpb.Watch/Watch",
            m.WatchRequest.SerializeToString,
            m.WatchResponse.FromString,
        )
        self.call = open_call(iter(self._requests.get, None), timeout=timeout_seconds)

    def create(self, request: m.WatchCreateRequest | None = None, **fields: object) -> int:
        """Ask for a watcher and wait for the next answer, which has its id."""
        self.ask_to_create(request, **fields)
        answer = self.next()
        assert (answer.created, answer.canceled) == (True, False), answer
        return answer.watch_id

    def ask_to_create(self, request: m.WatchCreateRequest | None = None, **fields: object) -> None:
        create = request or m.WatchCreateRequest(**fields)
        self._requests.put(m.WatchRequest(create_request=create))

    def cancel(self, watch_id: int) -> None:
        cancel = m.WatchCancelRequest(watch_id=watch_id)
        self._requests.put(m.WatchRequest(cancel_request=cancel))

    def request_progress(self) -> None:
        self._requests.put(m.WatchRequest(progress_request=m.WatchProgressRequest()))

    def half_close(self) -> None:
        self._requests.put(None)

    def next(self) -> m.WatchResponse:
        """The next answer, whenever it comes."""
        try:
            return next(self.call)
        except StopIteration:
            raise AssertionError("a watch does not end of itself") from None
        except grpc.RpcError as error:
            raise Refused(error) from None

    def revisions(self, count: int) -> list[int]:
        """The mod_revisions of the next `count` events, which are told in whole answers."""
        found: list[int] = []
        while len(found) < count:
            found += [event.kv.mod_revision for event in self.next().events]
        return found

    def break_off(self) -> None:
        """End the call: the server learns of it, nobody waits for that."""
        self._requests.put(None)
        self.call.cancel()

    def __enter__(self) -> WatchStream:
        return self

    def __exit__(self, *failure: object) -> None:
        self.break_off()


Start = Callable[..., KvClient]
"""Starts a server with the given fields of `NodeConfig`, perhaps with a `clock`, and connects a
client to it."""


def header(revision: int) -> m.ResponseHeader:
    """The header of an answer of a server with default flags."""
    return m.ResponseHeader(
        cluster_id=0xCDF818194E3A8C32, member_id=0x8E9E05C52164694D, revision=revision, raft_term=2
    )


def inner(revision: int) -> m.ResponseHeader:
    """The header of an answer inside a transaction's."""
    return m.ResponseHeader(revision=revision)


def kv(
    key: bytes, value: bytes, create: int, mod: int | None = None, version: int = 1
) -> m.KeyValue:
    """A key-value; one that was put once needs only one revision."""
    return m.KeyValue(
        key=key,
        value=value,
        create_revision=create,
        mod_revision=create if mod is None else mod,
        version=version,
    )
