"""The node that settings ask for: which kind of it, its configuration, its limits.

Where it listens, and when it starts and stops, is `serving`'s.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import logging
import secrets
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

from fake_etcd.cli import auth_token, logs
from fake_etcd.cli import etcd_lines as lines
from fake_etcd.cli.flags import Settings
from fake_etcd.cli.usage import Warned
from fake_etcd.core.auth.token_options import InvalidTokenOptions
from fake_etcd.core.node import Node, NodeConfig
from fake_etcd.services import http, peer_http, registry
from fake_etcd.services.call import Endpoints
from fake_etcd.services.http import HttpHandler
from fake_etcd.services.page_access import OPEN, Access
from fake_etcd.services.request_watch import RequestWatch, Served
from fake_etcd.transport.gateway.rules import GatewayRules, refuses_names
from fake_etcd.transport.listener import Limits, Server
from fake_etcd.transport.loop_host import Aside, NodeTimer, SystemClock

if TYPE_CHECKING:
    from fake_etcd.transport.tls import ServerTls

T = TypeVar("T")

_CALLS_SECONDS = 1.0
"""How long a call that is being worked at, on a password's hash or a compaction, may take to end
when the server stops."""


class CannotStart(Exception):
    """Why there is no server; one line.

    Attributes:
        line: what etcd's log says of it.
    """

    def __init__(self, message: str, line: lines.Line = lines.DISCOVERY_FAILED) -> None:
        super().__init__(message)
        self.line = line


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


def _watch(settings: Settings) -> RequestWatch | None:
    """What measures calls, where the log may have something of them."""
    level = logs.LEVELS[settings.log_level]
    if level > logging.WARNING:
        return None
    unary, apply = (
        settings.warning_unary_request_duration_seconds,
        settings.warning_apply_duration_seconds,
    )
    limit = min(unary, apply) if level > logging.DEBUG else -1.0

    def tell(served: Served) -> None:
        from fake_etcd.cli import request_log  # only here: most servers have nothing to say

        limits = request_log.Limits(unary, apply)
        request_log.RequestLog(request_log.LOG, limits).tell(served)

    return RequestWatch(time.perf_counter, limit, tell)


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
        pages = functools.partial(http.handle, self._node)
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


def config_of(settings: Settings) -> tuple[NodeConfig, list[Warned]]:
    """What the node is to be, and what its user may not have meant.

    Raises:
        CannotStart: there can be no tokens as --auth-token says.
    """
    warned: list[Warned] = []
    try:
        tokens = auth_token.read(settings.auth_token)
    except InvalidTokenOptions as error:
        raise CannotStart(str(error)) from None
    if tokens.unknown:
        warned.append(("unknown JWT options", {"keys": tokens.unknown}))
    bcrypt_cost = auth_token.bcrypt_cost(settings.bcrypt_cost)
    if bcrypt_cost is None:
        warned.append(auth_token.bcrypt_cost_warning(settings.bcrypt_cost))
        bcrypt_cost = auth_token.DEFAULT_BCRYPT_COST
    config = NodeConfig(
        name=settings.name,
        initial_advertise_peer_urls=tuple(u.text for u in settings.initial_advertise_peer_urls),
        initial_cluster_token=settings.initial_cluster_token,
        initial_cluster=settings.initial_cluster,
        quota_backend_bytes=settings.quota_backend_bytes,
        max_learners=settings.max_learners,
        strict_reconfig_check=settings.strict_reconfig_check,
        max_request_bytes=settings.max_request_bytes,
        max_txn_ops=settings.max_txn_ops,
        heartbeat_interval_ms=settings.heartbeat_interval_ms,
        election_timeout_ms=settings.election_timeout_ms,
        progress_notify_interval_seconds=settings.watch_progress_notify_interval_seconds,
        auto_compaction_period_seconds=settings.auto_compaction_period_seconds,
        auto_compaction_revisions=settings.auto_compaction_revisions,
        client_cert_auth=settings.tls.verifies_clients,
        auth_token=tokens.options,
        auth_token_ttl_seconds=auth_token.token_ttl_seconds(settings.auth_token_ttl),
        bcrypt_cost=bcrypt_cost,
        extensive_metrics=settings.extensive_metrics,
        unix_epoch=time.time() - SystemClock().now(),
        seed=secrets.randbits(64),
        secret_bytes=secrets.token_bytes,
    )
    return config, warned


def _limits(settings: Settings, config: NodeConfig) -> Limits:
    return Limits(
        config.max_receive_bytes,
        settings.max_concurrent_streams,
        settings.grpc_keepalive_min_time_seconds,
        settings.grpc_keepalive_interval_seconds,
        settings.grpc_keepalive_timeout_seconds,
    )


def node_of(settings: Settings, config: NodeConfig) -> ServedNode:
    watch = _watch(settings)
    if settings.transport == "grpcio":
        from fake_etcd.cli.grpcio_served import GrpcioNode  # which takes long to import

        return GrpcioNode(config, _limits(settings, config), watch)
    access = Access(frozenset(settings.cors), frozenset(settings.host_whitelist))
    if not settings.control:
        limits = _limits(settings, config)
        return PlainNode(
            config,
            limits,
            access,
            watch,
            reuse_port=settings.socket_reuse_port,
            only_grpc=bool(settings.listen_client_http_urls),
            has_gateway=settings.enable_grpc_gateway,
        )
    if settings.extensive_metrics:
        raise CannotStart("--metrics=extensive is for a server without --control")
    # With it comes grpcio, which takes longer to import than a plain server to start.
    from fake_etcd.cli.controlled import ControlledNode

    tokens = auth_token.known_part(settings.auth_token)
    return ControlledNode(
        config,
        tokens,
        settings.control_token,
        access,
        watch,
        has_gateway=settings.enable_grpc_gateway,
    )
