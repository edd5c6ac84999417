"""grpc.health.v1: Check, List and Watch.

etcd's server is there from when it serves to when it does not, whatever alarms there are; and it
knows itself alone, by no name. Nobody has to say who asks.
etcd: server/etcdserver/api/v3rpc/health.go; grpc-go: health/server.go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from fake_etcd.api import errors
from fake_etcd.api import messages as m
from fake_etcd.api.status import Code, Status
from fake_etcd.core.node import Node
from fake_etcd.services.call import Call, Receiver, Sink, StreamHandler, UnaryHandler

_SERVER = ""
_UNKNOWN = Status(Code.NOT_FOUND, "unknown service")

_SERVING = m.HealthCheckResponse(status=m.HealthCheckResponse.SERVING)
_SERVICE_UNKNOWN = m.HealthCheckResponse(status=m.HealthCheckResponse.SERVICE_UNKNOWN)


def unary(node: Node) -> dict[str, UnaryHandler]:
    """Handlers that answer at once, by their names in the method table."""
    check: Callable[[m.HealthCheckRequest, Call], bytes] = _check
    listed: Callable[[m.HealthListRequest, Call], bytes] = _list
    # Each takes its own request class; the transport decodes that very class from the table.
    return cast(dict[str, UnaryHandler], {"check": check, "list": listed})


def streams(node: Node) -> dict[str, StreamHandler]:
    """Handlers that answer in more than one piece or later, by their names in the method table."""

    def open_watch(call: Call, sink: Sink) -> Receiver:
        return cast(Receiver, _Watch(sink))  # as in `unary`

    return {"watch": open_watch}


def _check(request: m.HealthCheckRequest, call: Call) -> bytes:
    """Raises: StatusError: NOT_FOUND, it is about a service by name."""
    if request.service != _SERVER:
        raise errors.StatusError(_UNKNOWN)
    return _SERVING.SerializeToString()


def _list(request: m.HealthListRequest, call: Call) -> bytes:
    return m.HealthListResponse(statuses={_SERVER: _SERVING}).SerializeToString()


class _Watch:
    """Receiver of one Watch: says how it is, and then nothing, for that does not change."""

    __slots__ = ("_sink",)

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def message(self, request: m.HealthCheckRequest) -> None:
        found = _SERVING if request.service == _SERVER else _SERVICE_UNKNOWN
        self._sink.send(found.SerializeToString())

    def half_close(self) -> None:
        """Nothing to do: the one message is what counts."""

    def writable(self) -> None:
        """Nothing to do: there is one answer."""

    def cancelled(self) -> None:
        """Nothing to do: it is told nothing."""
