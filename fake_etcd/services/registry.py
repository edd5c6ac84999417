"""Which handler serves which row of the method table, for one node.

A service module has two functions, `unary(node)` and `streams(node)`, that give its handlers by
name; the table's `handler` column says "module.name". Rows without a handler are left out: what to
say to their callers is the transport's business.
"""

from __future__ import annotations

from types import ModuleType

from fake_etcd.api.methods import METHODS
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
from fake_etcd.services.call import Endpoint, StreamHandler, UnaryHandler

_SERVICES: tuple[ModuleType, ...] = (
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


def endpoints(node: Node) -> dict[str, Endpoint]:
    """The endpoints of all methods that this node serves, by path; their calls are counted.

    Raises:
        KeyError: the table names a handler that is not there.
    """
    return counted.layer(node, uncounted(node))


def uncounted(node: Node) -> dict[str, Endpoint]:
    """The same without counting, which only the bench has use for.

    Raises:
        KeyError: as `endpoints`.
    """
    unary: dict[str, UnaryHandler] = {}
    streams: dict[str, StreamHandler] = {}
    for service in _SERVICES:
        prefix = service.__name__.rpartition(".")[2] + "."
        unary.update({prefix + name: handler for name, handler in service.unary(node).items()})
        streams.update({prefix + name: handler for name, handler in service.streams(node).items()})
    found = {}
    for path, method in METHODS.items():
        if method.handler in unary:
            found[path] = Endpoint(method, unary=unary[method.handler])
        elif method.handler is not None:
            found[path] = Endpoint(method, stream=streams[method.handler])
    return found
