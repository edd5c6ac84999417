"""What all connections of a gRPC server share: what is served, and what header lists mean."""

from __future__ import annotations

from fake_etcd.services.call import Endpoints
from fake_etcd.transport.grpc.head import Head, Refusal, parse_head
from fake_etcd.transport.http2.hpack import Fields
from fake_etcd.transport.http2.requests import header_list_size

_MAX_HEADS = 1_024
"""Different header lists whose meaning is remembered; a usual client has one a method."""

_LARGEST_HEAD = 8_192
"""Bytes of a header list that is worth remembering."""


class GrpcServer:
    """What all connections of a server share.

    Args:
        endpoints: what is served.
        max_receive_bytes: size of the largest request message, in bytes.
        max_concurrent_streams: calls at once on one connection; None is no limit.
        number: which of several that serve the same state this is; 0 is the first.
    """

    def __init__(
        self,
        endpoints: Endpoints,
        max_receive_bytes: int,
        max_concurrent_streams: int | None = None,
        number: int = 0,
    ) -> None:
        self.endpoints = endpoints
        self.max_receive_bytes = max_receive_bytes
        self.max_concurrent_streams = max_concurrent_streams
        self.number = number
        self._heads: dict[Fields, Head | Refusal] = {}

    def serve(self, endpoints: Endpoints) -> None:
        """Serve these from the next call on."""
        self.endpoints = endpoints
        self._heads.clear()

    def head(self, fields: Fields) -> Head | Refusal:
        """What these header fields mean; a dictionary look-up but for the first time.

        Raises:
            MalformedRequest: where they are no HTTP/2 request.
        """
        head = self._heads.get(fields)
        if head is None:
            head = parse_head(fields, self.endpoints)
            if header_list_size(fields) <= _LARGEST_HEAD:
                if len(self._heads) >= _MAX_HEADS:
                    self._heads.clear()
                self._heads[fields] = head
        return head
