"""What gRPC is told about a channel, the same for both faces."""

from __future__ import annotations

import ipaddress
import itertools

import grpc

from fake_etcd.clientv3.config import (
    MAX_CALL_RECV_SIZE,
    MAX_CALL_SEND_SIZE,
    TLS,
    Config,
)
from fake_etcd.clientv3.endpoints import Endpoint

LEAST_KEEPALIVE_TIME = 10.0
"""Seconds. gRPC for Go pings no more often, whatever it is told (internal.KeepaliveMinPingTime);
etcd's servers end connections that are pinged more often than each 5 seconds."""

Options = list[tuple[str, int | str]]

_owners = itertools.count()


def new_owner() -> int:
    """A number for a client; see `options`."""
    return next(_owners)


def options(endpoint: Endpoint, config: Config, owner: int) -> Options:
    """Limits, keep-alives and names, as gRPC's channel arguments.

    Args:
        endpoint: where the channel leads.
        config: the client's.
        owner: number of the client. Channels whose arguments are the same share a connection, and
            how long to wait before the next attempt: those of one client do, and not of two.
    """
    told: Options = [
        ("grpc.max_send_message_length", config.max_call_send_size or MAX_CALL_SEND_SIZE),
        ("grpc.max_receive_message_length", config.max_call_recv_size or MAX_CALL_RECV_SIZE),
        ("fake_etcd.clientv3.owner", str(owner)),
        ("grpc.initial_reconnect_backoff_ms", 200),
        ("grpc.max_reconnect_backoff_ms", 5000),
        # gRPC does again by itself what a server that is going away did not look at, as Go's does.
        # Other retries would need a service config: one from a name server is not asked for, since
        # it would do again what the client's rules leave alone.
        ("grpc.service_config_disable_resolution", 1),
    ]
    if config.dial_keepalive_time > 0:
        seconds = max(config.dial_keepalive_time, LEAST_KEEPALIVE_TIME)
        told += [
            ("grpc.keepalive_time_ms", round(seconds * 1000)),
            ("grpc.keepalive_timeout_ms", round((config.dial_keepalive_timeout or 20) * 1000)),
            ("grpc.keepalive_permit_without_calls", int(config.permit_without_stream)),
            ("grpc.http2.max_pings_without_data", 0),
        ]
    if _is_loopback(endpoint.server_name):
        told.append(("grpc.enable_http_proxy", 0))  # as Go's client, which asks no proxy for these
    if config.tls is not None and config.tls.server_name is not None:
        told.append(("grpc.ssl_target_name_override", config.tls.server_name))
    return told


def credentials(endpoint: Endpoint, config: Config) -> grpc.ChannelCredentials | None:
    """The certificates for an endpoint; None for plain text."""
    if not endpoint.has_tls(config.tls is not None):
        return None
    return grpc.ssl_channel_credentials(*(config.tls or TLS()).read())


def _is_loopback(server_name: str) -> bool:
    host = server_name.rpartition(":")[0].strip("[]") or server_name
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
