"""The gateway of one server: from a request's head to the exchange that serves it.

etcd: server/embed/serve.go (`registerGateway`, `createMux`, `accessController`).
"""

from __future__ import annotations

from collections.abc import Callable

from google.protobuf.message import Message

from fake_etcd.api.errors import StatusError
from fake_etcd.api.methods import Kind, Method
from fake_etcd.services.call import Call, Connection, Endpoint, Endpoints, Receiver, Sink
from fake_etcd.services.http import HttpRequest, HttpResponse, plain_text
from fake_etcd.services.page_access import Access, without_cors
from fake_etcd.transport.gateway.carrier import Carrier
from fake_etcd.transport.gateway.exchange import Exchange
from fake_etcd.transport.gateway.heads import (
    Head,
    Headers,
    KnownHead,
    path_of,
    read_call,
    read_head,
    redirection,
)
from fake_etcd.transport.gateway.requests import BODY_FACTOR
from fake_etcd.transport.gateway.streaming import StreamExchange
from fake_etcd.transport.gateway.unary import UnaryExchange, answer_unary
from fake_etcd.transport.grpc.head import status_of_unknown

_HAS_NAME = (
    "CommonName of client sending a request against gateway will be ignored and not used as "
    "expected"
)


class Peer:
    """What a call of the gateway's came over, as its handler sees it.

    etcd's gateway calls its own server over a connection of its own, whose certificate, where
    there is one, has no name (etcd refuses to start otherwise).

    Args:
        peer, endpoint, cut: as of `Connection`.
    """

    __slots__ = ("_cut", "endpoint", "peer")

    common_name = ""

    def __init__(self, peer: str, endpoint: int, cut: Callable[[], None]) -> None:
        self.peer = peer
        self.endpoint = endpoint
        self._cut = cut

    def cut(self) -> None:
        self._cut()


class Gateway:
    """Serves calls that come as JSON.

    Args:
        endpoints: what is served, until others are set.
        limit: bytes that a request's message may have.
        access: who may use it.
        refuses_names: see `GatewayRules`.
    """

    def __init__(
        self,
        endpoints: Endpoints,
        limit: int,
        access: Access,
        refuses_names: Callable[[], bool],
    ) -> None:
        self.endpoints = endpoints
        self.limit = limit
        self._access = access
        self._refuses_names = refuses_names
        self.body_limit = BODY_FACTOR * limit
        self.known_heads: dict[bool, dict[bytes, KnownHead]] = {False: {}, True: {}}
        """Heads that need no second look, of all connections, encrypted ones apart."""

    def read(self, request: HttpRequest, common_name: str | None) -> Head | HttpResponse | None:
        """What a request is for; the answer where it is none; None where the pages have it.

        Args:
            common_name: that of the client's certificate.
        """
        place = self.place(request, common_name)
        return read_head(request, *place) if isinstance(place, tuple) else place

    def place(
        self, request: HttpRequest, common_name: str | None
    ) -> tuple[str, Headers] | HttpResponse | None:
        """The path that a request is for, and the headers of every answer to it; else as `read`."""
        path = path_of(request)
        if path is None:
            return None
        refusal = self._access.refusal(request)
        if refusal is not None:
            return refusal
        if common_name and path.startswith("/v3/") and self._refuses_names():
            return without_cors(plain_text(400, _HAS_NAME))
        cors = self._access.cors(request)
        return redirection(request, path, cors) or (path, cors)

    def read_proxied(self, path: str, headers: list[tuple[str, str]]) -> Head | HttpResponse:
        """What a request is for that a websocket stands for."""
        return read_call("POST", path, headers, ())

    def open(self, head: Head, carrier: Carrier, connection: Connection, now: float) -> Exchange:
        """A call, which its carrier opens."""
        endpoint = self.endpoints.get(head.method.path) or _missing(head.method)
        deadline = None if head.timeout is None else now + head.timeout
        if head.method.kind is Kind.UNARY:
            return UnaryExchange(head, endpoint, self.limit, carrier, connection, deadline)
        return StreamExchange(head, endpoint, self.limit, carrier, connection, deadline)

    def answer_at_once(
        self, head: Head, body: bytes, connection: Connection
    ) -> HttpResponse | None:
        """The answer to a call whose body is here; None where it may have to wait for it."""
        endpoint = self.endpoints.get(head.method.path)
        if endpoint is None or endpoint.unary is None:
            return None
        return answer_unary(head, endpoint.unary, body, self.limit, connection)


def _missing(method: Method) -> Endpoint:
    """What stands for a method that nobody serves."""
    status = status_of_unknown(method.path.encode())

    def refuse(request: Message, call: Call) -> bytes:
        raise StatusError(status)

    def refuse_stream(call: Call, sink: Sink) -> Receiver:
        raise StatusError(status)

    if method.kind is Kind.UNARY:
        return Endpoint(method, unary=refuse)
    return Endpoint(method, stream=refuse_stream)
