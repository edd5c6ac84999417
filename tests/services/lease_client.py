"""A raw gRPC client of the Lease service."""

from __future__ import annotations

import queue
from typing import TypeVar

import grpc
from google.protobuf.message import Message

from fake_etcd.api import messages as m
from tests.services.client import TIMEOUT_SECONDS, KvClient, Refused

Response = TypeVar("Response", bound=Message)


class LeaseClient:
    """Calls the server that a client of KV is connected to, over the same connection."""

    def __init__(self, kv: KvClient) -> None:
        self.kv = kv

    def grant(self, id: int = 0, ttl: int = 0) -> m.LeaseGrantResponse:
        return self._unary("LeaseGrant", m.LeaseGrantRequest(ID=id, TTL=ttl), m.LeaseGrantResponse)

    def revoke(self, id: int) -> m.LeaseRevokeResponse:
        return self._unary("LeaseRevoke", m.LeaseRevokeRequest(ID=id), m.LeaseRevokeResponse)

    def time_to_live(self, id: int, keys: bool = False) -> m.LeaseTimeToLiveResponse:
        request = m.LeaseTimeToLiveRequest(ID=id, keys=keys)
        return self._unary("LeaseTimeToLive", request, m.LeaseTimeToLiveResponse)

    def leases(self) -> m.LeaseLeasesResponse:
        return self._unary("LeaseLeases", m.LeaseLeasesRequest(), m.LeaseLeasesResponse)

    def ids(self) -> list[int]:
        return [status.ID for status in self.leases().leases]

    def keep_alive(self) -> KeepAlive:
        return KeepAlive(self.kv.channel)

    def _unary(self, method: str, request: Message, response: type[Response]) -> Response:
        answer = self.kv.raw(f"/etcdserverpb.Lease/{method}", request.SerializeToString())
        message = response.FromString(answer)
        assert message.SerializeToString() == answer, "answers are encoded as protobuf does it"
        return message


class KeepAlive:
    """An open stream of renewals."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._ids: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        call = channel.stream_stream(
            "/etcdserverpb.Lease/LeaseKeepAlive",
            lambda id: m.LeaseKeepAliveRequest(ID=id).SerializeToString(),
        )
        self._call = call(iter(self._ids.get, None), timeout=TIMEOUT_SECONDS)

    def send(self, *ids: int) -> None:
        for id in ids:
            self._ids.put(id)

    def half_close(self) -> None:
        self._ids.put(None)

    def cancel(self) -> None:
        self._call.cancel()
        self.half_close()

    def receive(self) -> m.LeaseKeepAliveResponse | None:
        """The next answer; None at the end.

        Raises:
            Refused: the stream ended with another status than OK.
        """
        try:
            answer = next(self._call)
        except StopIteration:
            return None
        except grpc.RpcError as error:
            raise Refused(error) from None
        message = m.LeaseKeepAliveResponse.FromString(answer)
        assert message.SerializeToString() == answer, "answers are encoded as protobuf does it"
        return message
