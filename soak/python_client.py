"""One of the clients of `python -m soak`, on grpc.aio; see `soak.told` for what it does and prints.

grpc.aio resumes nothing by itself, so the watch is opened again from the next revision, and the
renewals of the lease on a new stream, when a connection is cut.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import sys
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar, cast

import grpc.aio
from google.protobuf.message import Message

from fake_etcd.api import messages as m

Answer = TypeVar("Answer", bound=Message)

_PATIENCE_SECONDS = 20.0
_ATTEMPTS = 50


def tell(told: str, **fields: object) -> None:
    """Print one line."""
    sys.stdout.write(json.dumps({"told": told, **fields}) + "\n")
    sys.stdout.flush()


def reason(error: grpc.aio.AioRpcError) -> str:
    """Status and text."""
    return f"{error.code().name}: {error.details()}"


class Client:
    """Calls on one channel.

    Args:
        endpoint: "http://127.0.0.1:2379".
        name: with which its keys begin.
    """

    def __init__(self, endpoint: str, name: str) -> None:
        self._channel = grpc.aio.insecure_channel(endpoint.partition("//")[2])
        self.prefix = f"{name}/"

    async def call(self, path: str, request: Message, answer: type[Answer]) -> Answer:
        """The answer to one request."""
        serialize = type(request).SerializeToString
        stub = self._channel.unary_unary(f"/etcdserverpb.{path}", serialize, answer.FromString)
        found: Answer = await stub(request, timeout=_PATIENCE_SECONDS)
        return found

    def talk(
        self, path: str, requests: AsyncIterator[Message], request: Any, answer: type[Answer]
    ) -> AsyncIterator[Answer]:
        """The answers to a stream of requests."""
        stub = self._channel.stream_stream(
            f"/etcdserverpb.{path}", request.SerializeToString, answer.FromString
        )
        return cast("AsyncIterator[Answer]", stub(requests))

    async def put(self, key: str, value: str, lease: int = 0) -> bool:
        """Put and tell of it; whether there was an answer."""
        request = m.PutRequest(key=key.encode(), value=value.encode(), lease=lease)
        try:
            answer = await self.call("KV/Put", request, m.PutResponse)
        except grpc.aio.AioRpcError as error:
            tell("put", key=key, value=value, error=reason(error))
            return False
        tell("put", key=key, value=value, revision=answer.header.revision)
        return True

    async def insist_on_put(self, key: str, value: str, lease: int = 0) -> None:
        """The same until there is an answer."""
        for _ in range(_ATTEMPTS):
            if await self.put(key, value, lease):
                return
            await asyncio.sleep(0.02)
        raise RuntimeError(f"{key} could not be put")

    async def close(self) -> None:
        await self._channel.close()


class Worker:
    """One that takes steps, one after the other."""

    def __init__(self, client: Client, number: int, seed: int) -> None:
        self._client = client
        self._number = number
        self._random = random.Random(seed * 1000 + number)
        self._count = 0

    async def step(self) -> None:
        key = f"{self._client.prefix}keys/{self._number}/{self._random.randrange(20)}"
        draw = self._random.randrange(100)
        if draw < 40:
            await self._client.put(key, self._fresh())
        elif draw < 60:
            await self._get(key)
        elif draw < 75:
            await self._txn(key, self._fresh())
        elif draw < 88:
            await self._delete(key)
        else:
            await self._leased(self._fresh(), 60 if draw < 96 else 2)

    def _fresh(self) -> str:
        self._count += 1
        return f"{self._number}-{self._count}"

    async def _get(self, key: str) -> None:
        try:
            answer = await self._client.call(
                "KV/Range", m.RangeRequest(key=key.encode()), m.RangeResponse
            )
        except grpc.aio.AioRpcError as error:
            tell("get", key=key, error=reason(error))
            return
        found = [each.value.decode() for each in answer.kvs]
        told = {"value": found[0]} if found else {"absent": True}
        tell("get", key=key, revision=answer.header.revision, **told)

    async def _txn(self, key: str, value: str) -> None:
        put = m.RequestOp(request_put=m.PutRequest(key=key.encode(), value=value.encode()))
        request = m.TxnRequest(
            compare=[
                m.Compare(
                    key=key.encode(),
                    target=m.Compare.VERSION,
                    result=m.Compare.GREATER,
                    version=0,
                )
            ],
            success=[put, m.RequestOp(request_range=m.RangeRequest(key=key.encode()))],
            failure=[put],
        )
        try:
            answer = await self._client.call("KV/Txn", request, m.TxnResponse)
        except grpc.aio.AioRpcError as error:
            tell("put", key=key, value=value, error=reason(error))
            return
        tell("put", key=key, value=value, revision=answer.header.revision)

    async def _delete(self, key: str) -> None:
        request = m.DeleteRangeRequest(key=key.encode())
        try:
            answer = await self._client.call("KV/DeleteRange", request, m.DeleteRangeResponse)
        except grpc.aio.AioRpcError as error:
            tell("delete", key=key, error=reason(error))
            return
        tell("delete", key=key, revision=answer.header.revision, absent=not answer.deleted)

    async def _leased(self, value: str, seconds: int) -> None:
        """Put a key with a lease of its own: a long one is renewed and revoked, a short expires."""
        key = f"{self._client.prefix}leased/{value}"
        try:
            lease = (
                await self._client.call(
                    "Lease/LeaseGrant", m.LeaseGrantRequest(TTL=seconds), m.LeaseGrantResponse
                )
            ).ID
        except grpc.aio.AioRpcError as error:
            tell("grant", error=reason(error))
            return
        await self._client.put(key, value, lease)
        if seconds < 10:
            tell("expires", key=key)
            return
        try:
            async for _ in keep_alive(self._client, lease, times=1):
                pass
        except grpc.aio.AioRpcError as error:
            tell("keepalive", error=reason(error))
        request = m.LeaseRevokeRequest(ID=lease)
        try:
            answer = await self._client.call("Lease/LeaseRevoke", request, m.LeaseRevokeResponse)
        except grpc.aio.AioRpcError as error:
            tell("revoke", key=key, error=reason(error))
            return
        tell("revoke", key=key, revision=answer.header.revision)


def keep_alive(client: Client, lease: int, times: int = 0) -> AsyncIterator[Any]:
    """Renewals of a lease, as often as is said, or every five seconds as long as they are read."""

    async def requests() -> AsyncIterator[Message]:
        yield m.LeaseKeepAliveRequest(ID=lease)
        while not times:
            await asyncio.sleep(5)
            yield m.LeaseKeepAliveRequest(ID=lease)

    return client.talk(
        "Lease/LeaseKeepAlive", requests(), m.LeaseKeepAliveRequest, m.LeaseKeepAliveResponse
    )


async def stay_alive(client: Client) -> asyncio.Task[None]:
    """Keep one lease to the end; the task renews it."""
    request = m.LeaseGrantRequest(TTL=30)
    for _ in range(_ATTEMPTS):
        try:
            lease = (await client.call("Lease/LeaseGrant", request, m.LeaseGrantResponse)).ID
            break
        except grpc.aio.AioRpcError:
            await asyncio.sleep(0.02)
    else:
        raise RuntimeError("no lease could be had")
    await client.insist_on_put(f"{client.prefix}alive", "alive", lease)

    async def renew() -> None:
        while await renewed(client, lease):
            await asyncio.sleep(0.02)
        tell("failed", error="the lease is gone")

    return asyncio.create_task(renew())


async def renewed(client: Client, lease: int) -> bool:
    """Renew a lease until the connection is cut; False where it is gone."""
    with contextlib.suppress(grpc.aio.AioRpcError):
        async for answer in keep_alive(client, lease):
            if not answer.TTL:
                return False
    return True


async def watch(client: Client) -> None:
    """Tell every event, until the one that ends it."""
    revision = 1
    while True:

        async def requests(start: int = revision) -> AsyncIterator[Message]:
            prefix = client.prefix.encode()
            yield m.WatchRequest(
                create_request=m.WatchCreateRequest(
                    key=prefix, range_end=prefix[:-1] + b"0", start_revision=start
                )
            )
            await asyncio.Event().wait()

        try:
            async for answer in client.talk(
                "Watch/Watch", requests(), m.WatchRequest, m.WatchResponse
            ):
                if answer.canceled:
                    tell("failed", error=f"watch: {answer.cancel_reason}")
                    return
                for event in answer.events:
                    revision = event.kv.mod_revision + 1
                    if tell_event(event) == f"{client.prefix}end":
                        return
        except grpc.aio.AioRpcError:
            await asyncio.sleep(0.02)


def tell_event(event: Any) -> str:
    """Tell of it; gives its key."""
    key: str = event.kv.key.decode()
    deleted = event.type == m.Event.DELETE
    told = {"absent": True} if deleted else {"value": event.kv.value.decode()}
    tell("event", key=key, revision=event.kv.mod_revision, **told)
    return key


def when_input_ends(then: Callable[[], None]) -> None:
    """Call this on the running loop when standard input ends."""
    loop = asyncio.get_running_loop()

    def read() -> None:
        sys.stdin.read()
        with contextlib.suppress(RuntimeError):  # the loop may have ended before
            loop.call_soon_threadsafe(then)

    threading.Thread(target=read, daemon=True).start()


async def main() -> None:
    endpoint, name, workers, steps, pause, seed = sys.argv[1:7]
    client = Client(endpoint, name)
    stop = asyncio.Event()
    when_input_ends(stop.set)
    renewing = await stay_alive(client)
    watching = asyncio.create_task(watch(client))

    async def work(worker: Worker) -> None:
        done = 0
        while not stop.is_set() and (int(steps) == 0 or done < int(steps)):
            await asyncio.sleep(int(pause) / 1000)
            await worker.step()
            done += 1

    await asyncio.gather(
        *(work(Worker(client, number, int(seed))) for number in range(int(workers)))
    )
    await client.insist_on_put(f"{client.prefix}end", "end")
    await watching
    renewing.cancel()
    await client.close()
    tell("done")


if __name__ == "__main__":
    asyncio.run(main())
    os._exit(0)  # the thread that reads standard input holds its lock
