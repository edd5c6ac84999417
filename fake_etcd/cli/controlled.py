"""A node that a test controls from outside: a FakeEtcd that listens where the flags say.

It drives itself, on a thread of its own; the event loop that serves a plain node has nothing to do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from fake_etcd.cli.plain_node import peer_server
from fake_etcd.core.node import Node, NodeConfig
from fake_etcd.services import peer_http
from fake_etcd.services.http import HttpRequest, HttpResponse
from fake_etcd.services.page_access import OPEN, Access
from fake_etcd.services.request_watch import RequestWatch
from fake_etcd.testing import server_options
from fake_etcd.testing.fake import FakeEtcd
from fake_etcd.transport.tls import ServerTls

T = TypeVar("T")


class ControlledNode:
    """A `plain_node.ServedNode` with the control API.

    Args:
        config: the node's.
        auth_token: what its `auth_token` was read from, without what is unknown there.
        token: what has to be said to use the API; empty: nothing.
        access: who may ask for its other pages.
        watch: what measures its calls.
        has_gateway: whether there is the JSON gateway.
    """

    def __init__(
        self,
        config: NodeConfig,
        auth_token: str,
        token: str,
        access: Access = OPEN,
        watch: RequestWatch | None = None,
        *,
        has_gateway: bool = True,
    ) -> None:
        options = {name: getattr(config, name) for name in server_options.types()}
        options["auth_token"] = auth_token
        self._etcd = FakeEtcd(random_seed=config.seed, control=True, control_token=token, **options)
        self._etcd._access = access
        self._etcd._has_gateway = has_gateway
        if config.extensive_metrics:
            self._etcd._time_calls()
        self._etcd.work_aside()
        if watch is not None:
            self._etcd._watch_requests(watch)
        self._peers = peer_server(self._handle_peer, config)

    def hold(self, work: Callable[[Node], T]) -> T:
        with self._etcd._shared as shared:
            return work(shared.node)

    async def listen(self, url: str, tls: ServerTls | None = None) -> str:
        return self._etcd.listen(url, tls)

    async def listen_to_peers(self, url: str, tls: ServerTls | None = None) -> str:
        return await self._peers.listen(url, tls)

    def _handle_peer(self, request: HttpRequest) -> HttpResponse:
        with self._etcd._shared as shared:  # the node may be another after each reset
            return peer_http.handle(shared.node, request)

    def advertise(self, urls: Sequence[str]) -> None:
        self._etcd.advertise(urls)

    async def close(self, grace_seconds: float) -> None:
        await self._peers.close(0)
        # Nothing else runs on this loop, so it may wait.
        self._etcd.close(grace_seconds)
