"""What all connections of a gRPC server share: what is served, and what header lists mean."""

from __future__ import annotations

from typing import TypeVar

from fake_etcd.services.call import Endpoints
from fake_etcd.services.page_access import OPEN, Access
from fake_etcd.transport.grpc.front import parse_behind_http
from fake_etcd.transport.grpc.head import Head, Refusal, parse_head
from fake_etcd.transport.grpc.keepalive import KeepaliveRules
from fake_etcd.transport.grpc.page import Page
from fake_etcd.transport.http2.hpack import Fields
from fake_etcd.transport.http2.pages import Pages
from fake_etcd.transport.http2.requests import header_list_size

T = TypeVar("T")

_ETCDS_RULES = KeepaliveRules()

_MAX_HEADS = 1_024
"""Different header lists whose meaning is remembered; a usual client has one a method."""

_LARGEST_HEAD = 8_192
"""Bytes of a header list that is worth remembering."""


class GrpcServer:
    """What all connections of a server share.

    Args:
        endpoints: what is served.
        max_receive_bytes: size of the largest request message, in bytes.
        pages: what answers requests that are no gRPC.
        max_concurrent_streams: calls at once on one connection; None is no limit.
        number: which of several that serve the same state this is; 0 is the first.
        keepalive: how pings are treated, and when clients are pinged.
        has_pages: whether there are any; where not, all is taken for gRPC.
        access: whose scripts may read the answers over TLS.
    """

    def __init__(
        self,
        endpoints: Endpoints,
        max_receive_bytes: int,
        pages: Pages,
        max_concurrent_streams: int | None = None,
        number: int = 0,
        keepalive: KeepaliveRules = _ETCDS_RULES,
        *,
        has_pages: bool = True,
        access: Access = OPEN,
    ) -> None:
        self._access = access
        self._has_pages = has_pages
        self.endpoints = endpoints
        self.max_receive_bytes = max_receive_bytes
        self.pages = pages
        self.max_concurrent_streams = max_concurrent_streams
        self.number = number
        self.keepalive = keepalive
        self._heads: dict[Fields, Head | Refusal | Page] = {}
        self._heads_behind_http: dict[Fields, Head | Refusal | Page] = {}

    def serve(self, endpoints: Endpoints) -> None:
        """Serve these from the next call on."""
        self.endpoints = endpoints
        self.pages.gateway.serve(endpoints)
        self._heads.clear()
        self._heads_behind_http.clear()

    def head(self, fields: Fields) -> Head | Refusal | Page:
        """What these header fields mean; a dictionary look-up but for the first time.

        Raises:
            MalformedRequest: where they are no HTTP/2 request.
        """
        head = self._heads.get(fields)
        if head is None:
            head = parse_head(fields, self.endpoints, has_pages=self._has_pages)
            _remember(self._heads, fields, head)
        return head

    def head_behind_http(self, fields: Fields) -> Head | Refusal | Page:
        """The same where net/http is in front of gRPC.

        Raises:
            MalformedRequest: where they are no HTTP/2 request.
        """
        head = self._heads_behind_http.get(fields)
        if head is None:
            has_gateway = self.pages.gateway.is_there
            head = parse_behind_http(fields, self.endpoints, self._access, has_gateway=has_gateway)
            _remember(self._heads_behind_http, fields, head)
        return head


def _remember(heads: dict[Fields, T], fields: Fields, head: T) -> None:
    if header_list_size(fields) <= _LARGEST_HEAD:
        if len(heads) >= _MAX_HEADS:
            heads.clear()
        heads[fields] = head
