"""The bars that the project set itself, as one table, and what meeting one means."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bar:
    """One thing that has to be so.

    Args:
        name: key of the measured value, "<what>/<server>", or of our client "<what>/<face>".
        title: for people.
        bound: the value that is still good.
        at_least: True where more is better.
        unit: behind the value: "x" is times real etcd's.
    """

    name: str
    title: str
    bound: float
    at_least: bool
    unit: str

    def met(self, value: float) -> bool:
        return value >= self.bound if self.at_least else value <= self.bound

    def wanted(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.bound:g} {self.unit}"


def _rate(scenario: str, loop: str, bound: float) -> Bar:
    return Bar(f"{scenario}/{loop}", f"{scenario}, calls per second", bound, True, "x")


def _latency(scenario: str) -> Bar:
    return Bar(f"{scenario}/uvloop", f"{scenario}, median latency", 0.7, False, "x")


BARS = (
    _rate("put", "uvloop", 1.5),
    _rate("get", "uvloop", 1.5),
    _rate("put-deadline", "uvloop", 1.5),
    _rate("get-deadline", "uvloop", 1.5),
    _rate("put", "asyncio", 1.0),
    _rate("get", "asyncio", 1.0),
    _rate("put-deadline", "asyncio", 1.0),
    _rate("get-deadline", "asyncio", 1.0),
    _rate("txn", "uvloop", 1.5),
    _rate("range", "uvloop", 3.0),
    _latency("serial-put"),
    _latency("serial-get"),
    Bar("tls-put/uvloop", "put over TLS, calls per second", 1.5, True, "x"),
    Bar("tls-get/uvloop", "get over TLS, calls per second", 1.5, True, "x"),
    Bar("tls-put/asyncio", "put over TLS, calls per second", 1.0, True, "x"),
    Bar("tls-get/asyncio", "get over TLS, calls per second", 1.0, True, "x"),
    Bar("put-crowd/uvloop", "put rate kept with 1,000 connections", 0.8, True, "x its own"),
    Bar("get-crowd/uvloop", "get rate kept with 1,000 connections", 0.8, True, "x its own"),
    _rate("gateway-put", "uvloop", 1.2),
    _rate("lock-own", "uvloop", 1.5),
    _rate("lock-shared", "uvloop", 1.5),
    _rate("lock-serial", "uvloop", 1.5),
    Bar("get-counted/uvloop", "get rate kept with counting", 0.97, True, "x its own"),
    Bar("put-counted/uvloop", "put rate kept with counting", 0.97, True, "x its own"),
    Bar("start/uvloop", "process start to first answer", 0.25, False, "s"),
    Bar("stop/uvloop", "SIGTERM to the end of the process", 0.1, False, "s"),
    Bar("fixture/uvloop", "fixture in a test", 1.0, False, "ms"),
    Bar("first-fixture/uvloop", "first use of the fixture, imports left out", 50.0, False, "ms"),
    Bar("empty/uvloop", "resident memory, empty", 60.0, False, "MB"),
    Bar("per-key/uvloop", "memory per key at a million keys", 1.5, False, "x"),
    Bar("in-process/uvloop", "call in process, above its handler", 30.0, False, "µs"),
    Bar("of-loopback/uvloop", "call in process, beside loopback gRPC", 0.2, False, "x grpcio's"),
    Bar("aio-of-loopback/uvloop", "the same with asyncio", 0.5, False, "x grpc.aio's"),
    _rate("events", "uvloop", 2.0),
    _rate("flood", "uvloop", 2.0),
    Bar("kept/uvloop", "put rate kept beside 10,000 idle watchers", 0.9, True, "x its own"),
    _rate("grants", "uvloop", 1.5),
    _rate("keepalives", "uvloop", 1.5),
    Bar("per-watcher/uvloop", "memory per idle watcher", 2.0, False, "KiB"),
    Bar("per-lease/uvloop", "memory per lease", 1.0, False, "KiB"),
    Bar("put-kept/uvloop", "put rate kept with auth", 0.85, True, "x its own"),
    Bar("get-kept/uvloop", "get rate kept with auth", 0.85, True, "x its own"),
    Bar("put-by-users/uvloop", "put beside 10,000 users, processor time", 1.1, False, "x its own"),
    Bar("get-by-users/uvloop", "get beside 10,000 users, processor time", 1.1, False, "x its own"),
    Bar("client-put/threads", "clientv3, put rate in a thread", 1.5, True, "x python-etcd3's"),
    Bar("client-get/threads", "clientv3, get rate in a thread", 1.5, True, "x python-etcd3's"),
    Bar("client-aio put/asyncio", "clientv3.aio, put rate of 64 tasks", 1.5, True, "x aetcd's"),
    Bar("client-aio get/asyncio", "clientv3.aio, get rate of 64 tasks", 1.5, True, "x aetcd's"),
    Bar(
        "client-watch of 100/threads", "clientv3, events per second", 2.0, True, "x python-etcd3's"
    ),
    Bar(
        "client-aio-watch of 100/asyncio", "clientv3.aio, events per second", 2.0, True, "x aetcd's"
    ),
    Bar("client-import/threads", "import fake_etcd.clientv3", 0.3, False, "s"),
    Bar("pause/uvloop", "longest get while a million keys are compacted", 50.0, False, "ms"),
    Bar("hash-pause/uvloop", "longest get during HashKV of a million keys", 50.0, False, "ms"),
    Bar("load/uvloop", "100 MB of snapshot loaded", 10.0, False, "s"),
    Bar("save-bytes/uvloop", "memory to write a snapshot, of its size", 0.5, False, "x"),
)
