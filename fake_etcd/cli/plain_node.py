"""A node and the sockets that it is reached by: what every kind of it has, and the plain kind.

`grpcio_served` and `controlled` have the others; which one there is, `served_node` says.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

from fake_etcd.core.node import Node, NodeConfig
from fake_etcd.services import mux, peer_http, registry
from fake_etcd.services.call import Endpoints
from fake_etcd.services.http import HttpHandler
from fake_etcd.services.page_access import OPEN, Access
from fake_etcd.services.request_watch import RequestWatch
from fake_etcd.transport.gateway.rules import GatewayRules, refuses_names
from fake_etcd.transport.listener import Limits, Server
from fake_etcd.transport.loop_host import Aside, NodeTimer, SystemClock

if TYPE_CHECKING:
    from fake_etcd.transport.tls import ServerTls

T = TypeVar("T")

_CALLS_SECONDS = 1.0
"""How long a call that is being worked at, on a password's hash or a compaction, may take to end
when the server stops."""


class ServedNode(Protocol):
    """A node, and the sockets that it is reached by."""

    def hold(self, work: Callable[[Node], T]) -> T:
        """Call with the node while nobody else uses it; also before it listens, and closed."""

    async def listen(self, url: str, tls: ServerTls | None = None) -> str:
        """As `Server.listen`."""

    async def listen_to_peers(self, url: str, tls: ServerTls | None = None) -> str:
        """As `listen`, for what etcd answers on its peer URLs."""

    def advertise(self, urls: Sequence[str]) -> None:
        """Have the node tell clients that it is found at these URLs."""

    async def close(self, grace_seconds: float) -> None:
        """Take no new calls, let open streams go on for so long and calls end, then cut."""


def watched_endpoints(node: Node, watch: RequestWatch | None) -> Endpoints:
    """What a node serves; its own way of doing work aside has to be there."""
    endpoints = registry.endpoints(node)
    if watch is None:
        return endpoints
    watch.attach(node)
    return watch.layer(node, endpoints)


def peer_server(handler: HttpHandler, config: NodeConfig, *, reuse_port: bool = False) -> Server:
    """What serves the peer URLs: pages, and no gRPC."""
    limits = Limits(config.max_receive_bytes)
    return Server({}, handler, limits, body_limit=peer_http.body_limit, reuse_port=reuse_port)


class PlainNode:
    """A node that one event loop, the running one, serves and drives: the fastest way.

    Args:
        config: the node's.
        limits: what a client may do on its connections.
        access: who may ask for its pages.
        watch: what measures its calls.
        reuse_port, only_grpc: as of `Server`.
        has_gateway: whether there is the JSON gateway.
    """

    def __init__(
        self,
        config: NodeConfig,
        limits: Limits,
        access: Access = OPEN,
        watch: RequestWatch | None = None,
        *,
        reuse_port: bool = False,
        only_grpc: bool = False,
        has_gateway: bool = True,
    ) -> None:
        self._node = Node(config, SystemClock())
        self._timer = NodeTimer(self._node, asyncio.get_running_loop())
        self._aside = Aside(self._node, asyncio.get_running_loop())
        pages = functools.partial(mux.handle, self._node)
        self.page: HttpHandler = (
            pages if access.is_open else functools.partial(access.answer, pages)
        )
        endpoints = watched_endpoints(self._node, watch)
        self.gateway = None
        if has_gateway:
            self.gateway = GatewayRules(
                access,
                functools.partial(refuses_names, self._node),
                endpoints,
                config.max_receive_bytes,
            )
        self._server = Server(
            endpoints,
            self.page,
            limits,
            reuse_port=reuse_port,
            only_grpc=only_grpc,
            gateway=self.gateway,
            access=access,
        )
        peer_pages = functools.partial(peer_http.handle, self._node)
        self._peers = peer_server(peer_pages, config, reuse_port=reuse_port)

    def hold(self, work: Callable[[Node], T]) -> T:
        return work(self._node)

    async def listen(self, url: str, tls: ServerTls | None = None) -> str:
        return await self._server.listen(url, tls)

    async def listen_to_peers(self, url: str, tls: ServerTls | None = None) -> str:
        return await self._peers.listen(url, tls)

    def advertise(self, urls: Sequence[str]) -> None:
        self._node.config = dataclasses.replace(
            self._node.config, advertise_client_urls=tuple(urls)
        )

    async def close(self, grace_seconds: float) -> None:
        await self._peers.close(0)
        await self._server.close(grace_seconds, _CALLS_SECONDS)
        self._timer.cancel()
        self._aside.close()
