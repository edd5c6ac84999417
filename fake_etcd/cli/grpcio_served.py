"""A node behind grpcio's own server, for those who want no transport of ours.

There is gRPC and nothing else on its addresses, and of TLS what grpcio has.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import errno
import functools
import os
import socket
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

import grpc
import grpc.aio

from fake_etcd.cli.plain_node import peer_server, watched_endpoints
from fake_etcd.core.node import Node, NodeConfig
from fake_etcd.services import peer_http
from fake_etcd.services.request_watch import RequestWatch
from fake_etcd.transport.grpc_aio import Handlers
from fake_etcd.transport.listener import Limits
from fake_etcd.transport.loop_host import Aside, NodeTimer, SystemClock
from fake_etcd.transport.tls_transport import TlsError

if TYPE_CHECKING:
    from fake_etcd.transport.tls import ServerTls

T = TypeVar("T")

_MOST = 2**31 - 1
"""What grpcio's options can be, in milliseconds for one."""


class GrpcioNode:
    """A `plain_node.ServedNode` whose clients speak to grpc.aio.

    Args:
        config: the node's.
        limits: what a client may do on its connections.
        watch: what measures its calls.
    """

    def __init__(
        self, config: NodeConfig, limits: Limits, watch: RequestWatch | None = None
    ) -> None:
        loop = asyncio.get_running_loop()
        self._node = Node(config, SystemClock())
        self._timer = NodeTimer(self._node, loop)
        self._aside = Aside(self._node, loop)
        self._peers = peer_server(functools.partial(peer_http.handle, self._node), config)
        self._handlers = Handlers(watched_endpoints(self._node, watch), limits.max_receive_bytes)
        self._options = _options(limits)
        self._servers: list[grpc.aio.Server] = []
        self._unix_paths: list[str] = []

    def hold(self, work: Callable[[Node], T]) -> T:
        return work(self._node)

    async def listen(self, url: str, tls: ServerTls | None = None) -> str:
        scheme, _, rest = url.partition(":")
        is_unix = scheme in ("unix", "unixs")
        rest = rest.removeprefix("//")
        _try_to_bind(rest, is_unix)
        address = f"unix:{rest}" if is_unix else rest
        server = grpc.aio.server(options=self._options)
        server.add_generic_rpc_handlers((self._handlers,))
        try:
            if scheme in ("https", "unixs"):
                assert tls is not None, "an encrypted address comes with its TLS"
                port = server.add_secure_port(address, _credentials(tls))
            else:
                port = server.add_insecure_port(address)
        except RuntimeError:
            port = 0
        if not port:  # somebody was faster
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        await server.start()
        self._servers.append(server)
        if is_unix:
            self._unix_paths.append(rest)
            return f"{scheme}:{rest}"
        return f"{scheme}://{rest.rpartition(':')[0]}:{port}"

    async def listen_to_peers(self, url: str, tls: ServerTls | None = None) -> str:
        return await self._peers.listen(url, tls)

    def advertise(self, urls: Sequence[str]) -> None:
        self._node.config = dataclasses.replace(
            self._node.config, advertise_client_urls=tuple(urls)
        )

    async def close(self, grace_seconds: float) -> None:
        await self._peers.close(0)
        await asyncio.gather(*(server.stop(grace_seconds) for server in self._servers))
        self._timer.cancel()
        self._aside.close()
        for path in self._unix_paths:
            with contextlib.suppress(FileNotFoundError):  # grpcio takes it away, too
                os.unlink(path)


def _options(limits: Limits) -> list[tuple[str, int]]:
    def milliseconds(seconds: float) -> int:
        return min(int(seconds * 1_000), _MOST)

    options = [
        # Longer messages are refused by the handlers, in grpc-go's words.
        ("grpc.max_receive_message_length", -1),
        ("grpc.max_send_message_length", -1),
        ("grpc.so_reuseport", 0),
        ("grpc.keepalive_time_ms", milliseconds(limits.keepalive_interval_seconds)),
        ("grpc.keepalive_timeout_ms", milliseconds(limits.keepalive_timeout_seconds)),
        (
            "grpc.http2.min_ping_interval_without_data_ms",
            milliseconds(limits.keepalive_min_time_seconds),
        ),
    ]
    if limits.max_concurrent_streams is not None:
        most = min(limits.max_concurrent_streams, _MOST)
        options.append(("grpc.max_concurrent_streams", most))
    return options


def _try_to_bind(address: str, is_unix: bool) -> None:
    """Find out what keeps an address from being listened on; grpcio says only that it cannot.

    Raises:
        OSError: that.
    """
    if is_unix:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.bind(address)
        os.unlink(address)
        return
    parts = urlsplit(f"//{address}")
    family = socket.AF_INET6 if ":" in (parts.hostname or "") else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family is socket.AF_INET6:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        probe.bind((parts.hostname, parts.port))


def _credentials(tls: ServerTls) -> grpc.ServerCredentials:
    """
    Raises:
        TlsError: nobody could connect so, or grpcio has no such thing.
    """
    from fake_etcd.transport.tls import Acceptor, ServerTls

    Acceptor(tls)  # which knows why nobody could
    plain = ServerTls(tls.certificate, tls.key)
    for flag, name in _NATIVE_ONLY.items():
        if getattr(tls, name) != getattr(plain, name):
            raise TlsError(f"--transport=grpcio cannot do {flag}")
    ca = None if tls.trusted_ca is None else tls.trusted_ca()
    if tls.client_cert_auth and ca is None:
        raise TlsError("--transport=grpcio cannot do --client-cert-auth without --trusted-ca-file")
    return grpc.ssl_server_credentials(
        [(tls.key(), tls.certificate())], ca, require_client_auth=ca is not None
    )


_NATIVE_ONLY = {
    "--client-crl-file": "crl",
    "--client-cert-allowed-hostname": "allowed_hostnames",
    "--tls-min-version": "min_version",
    "--tls-max-version": "max_version",
    "--cipher-suites": "cipher_suites",
    "http:// and https:// at one address": "takes_plain",
}
"""What cannot be said to grpcio, and the field of `ServerTls` that has it."""
