"""One Python client under load, in a process of its own: prints what it saw as JSON.

`python -m bench.client_load CLIENT WHAT HOST:PORT SECONDS`. The clients are ours, python-etcd3,
aetcd, and grpcio's stubs with nothing around them, which is as fast as any client on grpcio can be.
python-etcd3's generated code needs protobuf's slow implementation, so its process alone has that.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import queue
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

KEY, VALUE = b"bench/client/key", b"v" * 100

PREFIX = b"bench/watched/"

EVENTS = 20_000
"""That a watch is told."""

WORKERS = 64
"""Tasks that call at the same time."""

_WARM_UP = 200

_ANY_SIZE = [("grpc.max_receive_message_length", 2**31 - 1)]
"""For channels of bare stubs: an answer may have the whole history."""


def _rate(call: Callable[[], object], seconds: float) -> float:
    """Calls a second, one behind the other."""
    for _ in range(_WARM_UP):
        call()
    calls, begin = 0, time.perf_counter()
    while time.perf_counter() - begin < seconds:
        call()
        calls += 1
    return calls / (time.perf_counter() - begin)


async def _aio_rate(call: Callable[[], Awaitable[object]], seconds: float, workers: int) -> float:
    """Calls a second of some tasks, each with one call at a time."""
    for _ in range(_WARM_UP):
        await call()
    calls, begin = 0, time.perf_counter()

    async def work() -> None:
        nonlocal calls
        while time.perf_counter() - begin < seconds:
            await call()
            calls += 1

    await asyncio.gather(*[work() for _ in range(workers)])
    return calls / (time.perf_counter() - begin)


def _stub(channel: Any, method: str, request: Any, response: Any) -> Any:
    return channel.unary_unary(
        f"/etcdserverpb.KV/{method}",
        request_serializer=request.SerializeToString,
        response_deserializer=response.FromString,
    )


def bare_calls(endpoint: str, seconds: float) -> dict[str, float]:
    import grpc

    from fake_etcd.api import messages as m

    with grpc.insecure_channel(endpoint) as channel:
        put = _stub(channel, "Put", m.PutRequest, m.PutResponse)
        get = _stub(channel, "Range", m.RangeRequest, m.RangeResponse)
        return {
            "put": _rate(lambda: put(m.PutRequest(key=KEY, value=VALUE), timeout=5), seconds),
            "get": _rate(lambda: get(m.RangeRequest(key=KEY), timeout=5), seconds),
        }


def ours_calls(endpoint: str, seconds: float) -> dict[str, float]:
    from fake_etcd import clientv3

    with clientv3.Client(clientv3.Config(endpoints=[endpoint])) as cli:
        return {
            "put": _rate(lambda: cli.put(KEY, VALUE, timeout=5), seconds),
            "get": _rate(lambda: cli.get(KEY, timeout=5), seconds),
        }


def etcd3_calls(endpoint: str, seconds: float) -> dict[str, float]:
    etcd3 = importlib.import_module("etcd3")

    host, port = endpoint.split(":")
    with etcd3.client(host=host, port=int(port), timeout=5) as cli:
        return {
            "put": _rate(lambda: cli.put(KEY, VALUE), seconds),
            "get": _rate(lambda: cli.get(KEY), seconds),
        }


async def bare_tasks(endpoint: str, seconds: float) -> dict[str, float]:
    import grpc.aio

    from fake_etcd.api import messages as m

    async with grpc.aio.insecure_channel(endpoint) as channel:
        put = _stub(channel, "Put", m.PutRequest, m.PutResponse)
        get = _stub(channel, "Range", m.RangeRequest, m.RangeResponse)
        return await _aio_both(
            lambda: put(m.PutRequest(key=KEY, value=VALUE), timeout=5),
            lambda: get(m.RangeRequest(key=KEY), timeout=5),
            seconds,
        )


async def ours_tasks(endpoint: str, seconds: float) -> dict[str, float]:
    from fake_etcd import clientv3
    from fake_etcd.clientv3 import aio

    async with aio.Client(clientv3.Config(endpoints=[endpoint])) as cli:
        return await _aio_both(
            lambda: cli.put(KEY, VALUE, timeout=5), lambda: cli.get(KEY, timeout=5), seconds
        )


async def aetcd_tasks(endpoint: str, seconds: float) -> dict[str, float]:
    aetcd = importlib.import_module("aetcd")

    host, port = endpoint.split(":")
    async with aetcd.Client(host=host, port=int(port), timeout=5) as cli:
        return await _aio_both(lambda: cli.put(KEY, VALUE), lambda: cli.get(KEY), seconds)


async def _aio_both(
    put: Callable[[], Awaitable[object]], get: Callable[[], Awaitable[object]], seconds: float
) -> dict[str, float]:
    return {
        "serial put": await _aio_rate(put, seconds, 1),
        "serial get": await _aio_rate(get, seconds, 1),
        "put": await _aio_rate(put, seconds, WORKERS),
        "get": await _aio_rate(get, seconds, WORKERS),
    }


def _watch_request(revision: int) -> Any:
    from fake_etcd.api import messages as m

    create = m.WatchCreateRequest(key=PREFIX, range_end=PREFIX[:-1] + b"0", start_revision=revision)
    return m.WatchRequest(create_request=create)


def _watch_stub(channel: Any) -> Any:
    from fake_etcd.api import messages as m

    return channel.stream_stream(
        "/etcdserverpb.Watch/Watch",
        request_serializer=m.WatchRequest.SerializeToString,
        response_deserializer=m.WatchResponse.FromString,
    )


def bare_watch(endpoint: str, revision: int) -> float:
    import grpc

    with grpc.insecure_channel(endpoint, _ANY_SIZE) as channel:
        begin, seen = time.perf_counter(), 0
        requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        requests.put(_watch_request(revision))
        call = _watch_stub(channel)(iter(requests.get, None))
        for answer in call:
            seen += len([(event.kv.key, event.kv.value) for event in answer.events])
            if seen >= EVENTS:
                break
        took = time.perf_counter() - begin
        call.cancel()
        requests.put(None)
        return seen / took


async def bare_aio_watch(endpoint: str, revision: int) -> float:
    import grpc.aio

    async with grpc.aio.insecure_channel(endpoint, _ANY_SIZE) as channel:
        begin, seen = time.perf_counter(), 0
        call = _watch_stub(channel)()
        await call.write(_watch_request(revision))
        while seen < EVENTS:
            answer = await call.read()
            seen += len([(event.kv.key, event.kv.value) for event in answer.events])
        took = time.perf_counter() - begin
        call.cancel()
        return seen / took


def ours_watch(endpoint: str, revision: int) -> float:
    from fake_etcd import clientv3

    with clientv3.Client(clientv3.Config(endpoints=[endpoint])) as cli:
        begin, seen = time.perf_counter(), 0
        with cli.watch(PREFIX, prefix=True, rev=revision) as watcher:
            for event in watcher.events():
                seen += len(((event.kv.key, event.kv.value),))
                if seen >= EVENTS:
                    break
        return seen / (time.perf_counter() - begin)


def etcd3_watch(endpoint: str, revision: int) -> float:
    etcd3 = importlib.import_module("etcd3")

    host, port = endpoint.split(":")
    with etcd3.client(host=host, port=int(port)) as cli:
        begin, seen = time.perf_counter(), 0
        events, cancel = cli.watch_prefix(PREFIX, start_revision=revision)
        for event in events:
            seen += len(((event.key, event.value),))
            if seen >= EVENTS:
                break
        took = time.perf_counter() - begin
        cancel()
        return seen / took


async def ours_aio_watch(endpoint: str, revision: int) -> float:
    from fake_etcd import clientv3
    from fake_etcd.clientv3 import aio

    async with aio.Client(clientv3.Config(endpoints=[endpoint])) as cli:
        begin, seen = time.perf_counter(), 0
        async with cli.watch(PREFIX, prefix=True, rev=revision) as watcher:
            async for event in watcher.events():
                seen += len(((event.kv.key, event.kv.value),))
                if seen >= EVENTS:
                    break
        return seen / (time.perf_counter() - begin)


async def aetcd_watch(endpoint: str, revision: int) -> float:
    aetcd = importlib.import_module("aetcd")

    host, port = endpoint.split(":")
    async with aetcd.Client(host=host, port=int(port)) as cli:
        begin, seen = time.perf_counter(), 0
        watch = await cli.watch_prefix(PREFIX, start_revision=revision)
        async for event in watch:
            seen += len(((event.kv.key, event.kv.value),))
            if seen >= EVENTS:
                break
        took = time.perf_counter() - begin
        await watch.cancel()
        return seen / took


def import_time() -> float:
    """Seconds that `import fake_etcd.clientv3` takes, grpcio's own import with it."""
    begin = time.perf_counter()
    import fake_etcd.clientv3  # noqa: F401

    return time.perf_counter() - begin


CALLS: dict[str, Callable[[str, float], dict[str, float]]] = {
    "stub": bare_calls,
    "clientv3": ours_calls,
    "etcd3": etcd3_calls,
}
TASKS: dict[str, Callable[[str, float], Awaitable[dict[str, float]]]] = {
    "stub": bare_tasks,
    "clientv3": ours_tasks,
    "aetcd": aetcd_tasks,
}
WATCHES: dict[str, Callable[[str, int], float]] = {
    "stub": bare_watch,
    "clientv3": ours_watch,
    "etcd3": etcd3_watch,
}
AIO_WATCHES: dict[str, Callable[[str, int], Awaitable[float]]] = {
    "stub": bare_aio_watch,
    "clientv3": ours_aio_watch,
    "aetcd": aetcd_watch,
}


async def _awaited(work: Awaitable[Any]) -> Any:
    return await work


def main(client: str, what: str, endpoint: str, amount: str) -> None:
    """Measure one thing; `amount` is seconds, or a watch's first revision."""
    found: Any
    if what == "calls":
        found = CALLS[client](endpoint, float(amount))
    elif what == "tasks":
        found = asyncio.run(_awaited(TASKS[client](endpoint, float(amount))))
    elif what == "watch":
        found = WATCHES[client](endpoint, int(amount))
    elif what == "aio-watch":
        found = asyncio.run(_awaited(AIO_WATCHES[client](endpoint, int(amount))))
    else:
        found = import_time()
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
