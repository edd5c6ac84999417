"""The node that settings ask for: which kind of it, its configuration, its limits.

Where it listens, and when it starts and stops, is `serving`'s.
"""

from __future__ import annotations

import logging
import secrets
import time
from typing import TYPE_CHECKING

from fake_etcd.cli import auth_token, logs
from fake_etcd.cli import etcd_lines as lines
from fake_etcd.cli.flags import Settings
from fake_etcd.cli.plain_node import PlainNode, ServedNode
from fake_etcd.cli.usage import Warned
from fake_etcd.core.auth.token_options import InvalidTokenOptions
from fake_etcd.core.node import NodeConfig
from fake_etcd.services.page_access import Access
from fake_etcd.services.request_watch import RequestWatch, Served
from fake_etcd.transport.listener import Limits
from fake_etcd.transport.loop_host import SystemClock

if TYPE_CHECKING:
    pass


class CannotStart(Exception):
    """Why there is no server; one line.

    Attributes:
        line: what etcd's log says of it.
    """

    def __init__(self, message: str, line: lines.Line = lines.DISCOVERY_FAILED) -> None:
        super().__init__(message)
        self.line = line


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
