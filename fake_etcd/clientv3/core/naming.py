"""Addresses of a service, kept in etcd where Go's gRPC resolver looks for them.

grpcio takes no resolvers written in Python, so there is none here; `Manager` keeps the endpoints
and tells who watches them.

etcd: client/v3/naming/endpoints; the JSON of its values is in endpoints/internal/update.go.
"""

from __future__ import annotations

import enum
import json
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from fake_etcd.api.status import Code
from fake_etcd.clientv3.context import Context
from fake_etcd.clientv3.core.client import Client
from fake_etcd.clientv3.errors import StatusError
from fake_etcd.clientv3.op import Op, op_delete, op_put
from fake_etcd.clientv3.responses import EventType


class Operation(enum.IntEnum):
    """What happens to an endpoint."""

    ADD = 0
    DELETE = 1


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address, and what goes with it.

    Args:
        addr: "host:port".
        metadata: anything that JSON can say.
    """

    addr: str
    metadata: Any = None


@dataclass(frozen=True, slots=True)
class Update:
    """An endpoint that comes or goes.

    Args:
        op: which of them.
        key: where it is kept: the target, a slash, a name.
        endpoint: the endpoint; empty where it goes.
        lease: id of the lease that it ends with; 0 for none. Not told by watches.
    """

    op: Operation
    key: str
    endpoint: Endpoint = Endpoint("")
    lease: int = 0


class Manager:
    """The endpoints of one service.

    Args:
        client: of the cluster that keeps them.
        target: the service's name, which their keys begin with.

    Raises:
        ValueError: there is no target.
    """

    def __init__(self, client: Client, target: str) -> None:
        if not target:
            raise ValueError("invalid target")
        self._client = client
        self._prefix = f"{target}/"
        self._log = client.config.logger

    async def update(
        self,
        updates: Sequence[Update],
        *,
        ctx: Context | None = None,
        timeout: float | None = None,
    ) -> None:
        """Have several endpoints come and go at once.

        Raises:
            StatusError: INVALID_ARGUMENT for a key that does not begin with the target, and for
                metadata that JSON cannot say.
            EtcdError: as transactions.
        """
        ops = [self._op(update) for update in updates]
        await self._client.txn(ctx=ctx, timeout=timeout).then(*ops).commit()

    async def add_endpoint(
        self,
        key: str,
        endpoint: Endpoint,
        *,
        lease: int = 0,
        ctx: Context | None = None,
        timeout: float | None = None,
    ) -> None:
        """Have one endpoint come; raises as `update`."""
        await self.update([Update(Operation.ADD, key, endpoint, lease)], ctx=ctx, timeout=timeout)

    async def delete_endpoint(
        self, key: str, *, ctx: Context | None = None, timeout: float | None = None
    ) -> None:
        """Have one endpoint go; raises as `update`."""
        await self.update([Update(Operation.DELETE, key)], ctx=ctx, timeout=timeout)

    async def list(
        self, *, ctx: Context | None = None, timeout: float | None = None
    ) -> dict[str, Endpoint]:
        """The endpoints there are, by their keys; values that are none are left out."""
        found, _ = await self._found(ctx, timeout)
        return {update.key: update.endpoint for update in found}

    async def watch(self, *, ctx: Context | None = None) -> AsyncIterator[tuple[Update, ...]]:
        """First the endpoints there are, if any, then those that come and go.

        Raises:
            Error: what ended the watch.
        """
        found, revision = await self._found(ctx, None)
        if found:
            yield found
        async with self._client.watch(
            self._prefix, prefix=True, rev=revision + 1, ctx=ctx
        ) as watcher:
            async for answer in watcher:
                told = [
                    self._update(event.type, event.kv.key, event.kv.value)
                    for event in answer.events
                ]
                updates = tuple(update for update in told if update is not None)
                if updates:
                    yield updates

    async def _found(
        self, ctx: Context | None, timeout: float | None
    ) -> tuple[tuple[Update, ...], int]:
        answer = await self._client.get(
            self._prefix, prefix=True, serializable=True, ctx=ctx, timeout=timeout
        )
        told = [self._update(EventType.PUT, kv.key, kv.value) for kv in answer.kvs]
        return tuple(each for each in told if each is not None), answer.header.revision

    def _op(self, update: Update) -> Op:
        if not update.key.startswith(self._prefix):
            raise StatusError(
                Code.INVALID_ARGUMENT,
                f"endpoints: endpoint key should be prefixed with '{self._prefix}'"
                f" got: '{update.key}'",
            )
        if update.op is Operation.DELETE:
            return op_delete(update.key)
        try:
            said = json.dumps(
                {
                    "Op": int(Operation.ADD),
                    "Addr": update.endpoint.addr,
                    "Metadata": update.endpoint.metadata,
                },
                separators=(",", ":"),
            )
        except (TypeError, ValueError) as error:
            raise StatusError(Code.INVALID_ARGUMENT, str(error)) from None
        return op_put(update.key, said, lease=update.lease)

    def _update(self, kind: EventType, key: bytes, value: bytes) -> Update | None:
        name = key.decode("utf-8", "surrogateescape")
        if kind is EventType.DELETE:
            return Update(Operation.DELETE, name)
        endpoint = _endpoint_of(value)
        if endpoint is None:
            self._log.log(logging.INFO, "no endpoint is kept at %s: %r", name, value[:100])
            return None
        return Update(Operation.ADD, name, endpoint)


def _endpoint_of(value: bytes) -> Endpoint | None:
    try:
        said = json.loads(value)
    except ValueError:
        return None
    if not isinstance(said, dict) or not isinstance(said.get("Addr", ""), str):
        return None
    return Endpoint(said.get("Addr", ""), said.get("Metadata"))
