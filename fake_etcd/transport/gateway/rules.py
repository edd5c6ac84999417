"""What a server's gateway is told when it is made; light, so that a server without calls is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fake_etcd.core.node import Node
from fake_etcd.services.call import Endpoints
from fake_etcd.services.page_access import OPEN, Access

if TYPE_CHECKING:
    from fake_etcd.transport.gateway.gateway import Gateway


def _nobody() -> bool:
    return False


def refuses_names(node: Node) -> bool:
    """Whether a node tells users apart by their certificates now."""
    return node.config.client_cert_auth and node.auth.enabled


@dataclass(frozen=True, slots=True)
class GatewayRules:
    """Who may use it, and what it serves.

    Args:
        access: as for pages.
        refuses_names: whether users are told apart by their certificates now, which the gateway,
            a client of its own, cannot do for those behind it.
        endpoints: what it serves, where its server serves no gRPC.
        max_receive_bytes: size of the largest request message; None is the server's.
    """

    access: Access = OPEN
    refuses_names: Callable[[], bool] = _nobody
    endpoints: Endpoints | None = None
    max_receive_bytes: int | None = None


class GatewayMaker:
    """Makes a server's gateway when the first one connects who may ask for it.

    Args:
        rules: what it is to know; None: there is none.
        endpoints: what its server serves over gRPC, see `serve`.
        max_receive_bytes: the size of the largest message there.
    """

    def __init__(
        self, rules: GatewayRules | None, endpoints: Endpoints, max_receive_bytes: int
    ) -> None:
        self._rules = rules
        self._endpoints = endpoints
        self._limit = max_receive_bytes
        self._made: Gateway | None = None

    def serve(self, endpoints: Endpoints) -> None:
        """The server serves these from the next call on."""
        self._endpoints = endpoints
        if self._made is not None and self._rules is not None and self._rules.endpoints is None:
            self._made.endpoints = endpoints

    @property
    def is_there(self) -> bool:
        """Whether there is one to make."""
        return self._rules is not None

    def get(self) -> Gateway | None:
        """The gateway; None where there is none."""
        rules = self._rules
        if rules is not None and self._made is None:
            from fake_etcd.transport.gateway.gateway import Gateway

            self._made = Gateway(
                self._endpoints if rules.endpoints is None else rules.endpoints,
                rules.max_receive_bytes or self._limit,
                rules.access,
                rules.refuses_names,
            )
        return self._made
