"""Which handler serves which row of the method table, for one node.

A service module has two functions, `unary(node)` and `streams(node)`, that give its handlers by
name; the table's `handler` column says "module.name". Rows without a handler are left out: what to
say to their callers is the transport's business.
"""

from __future__ import annotations

import functools
from types import ModuleType

from fake_etcd.api.methods import SERVED, Method
from fake_etcd.core.node import Node
from fake_etcd.services import (
    auth,
    cluster,
    concurrency,
    counted,
    health,
    kv,
    lease,
    maintenance,
    snapshot,
    watch,
)
from fake_etcd.services.call import Endpoint, Endpoints, StreamHandler, UnaryHandler
from fake_etcd.services.layer import Layer

_SERVICES: dict[str, ModuleType] = {
    service.__name__.rpartition(".")[2]: service
    for service in (
        auth,
        cluster,
        concurrency,
        health,
        kv,
        lease,
        maintenance,
        snapshot,
        watch,
    )
}


def endpoints(node: Node) -> Endpoints:
    """The endpoints of all methods that this node serves, by path; their calls are counted.

    Each is made when it is first asked for, which raises KeyError if the table names a handler that
    is not there.
    """
    return counted.layer(node, uncounted(node))


def uncounted(node: Node) -> Endpoints:
    """The same without counting, which only the bench has use for."""

    @functools.cache
    def handlers(name: str) -> tuple[dict[str, UnaryHandler], dict[str, StreamHandler]]:
        service = _SERVICES[name]
        return service.unary(node), service.streams(node)

    def endpoint(method: Method) -> Endpoint:
        assert method.handler is not None, "it is served"
        service, _, name = method.handler.partition(".")
        unary, streams = handlers(service)
        if name in unary:
            return Endpoint(method, unary=unary[name])
        return Endpoint(method, stream=streams[name])

    return Layer(SERVED, endpoint)
