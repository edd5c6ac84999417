"""What a unary call costs without a wire: a put by the channels in process, beside loopback gRPC.

All figures of a turn are taken one after the other in this process, so that what else the machine
does hits all of them; grpcio's clients share their process with the server, as in a test.
"""

from __future__ import annotations

import asyncio
import timeit
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter

import grpc
import grpc.aio

from fake_etcd.api import messages as m
from fake_etcd.api.methods import METHODS
from fake_etcd.services import registry
from fake_etcd.services.call import Call
from fake_etcd.testing import FakeEtcd

_PUT = METHODS["/etcdserverpb.KV/Put"]
_REQUEST = m.PutRequest(key=b"%032d" % 1, value=b"x" * 100)
_CALLS = 1_000


@dataclass(frozen=True, slots=True)
class InProcess:
    """Microseconds of one put, by turn.

    Args:
        handler: the request decoded and handled; no channel, and no history.
        channel: by `FakeEtcd.channel()`, bytes in and bytes out.
        messages: the same, with messages in and out.
        loopback: by grpcio's channel to `FakeEtcd.endpoint`, with messages in and out.
        aio: by `FakeEtcd.aio_channel()`, with messages in and out.
        aio_loopback: by grpc.aio's channel, likewise.
    """

    handler: list[float]
    channel: list[float]
    messages: list[float]
    loopback: list[float]
    aio: list[float]
    aio_loopback: list[float]

    @property
    def above_handler_us(self) -> float:
        """What the channel adds to the handler: the median of the differences."""
        pairs = zip(self.channel, self.handler, strict=True)
        return median(channel - handler for channel, handler in pairs)

    @property
    def of_loopback(self) -> float:
        """A call in process as a part of one by grpcio: the median of the ratios."""
        pairs = zip(self.messages, self.loopback, strict=True)
        return median(mine / theirs for mine, theirs in pairs)

    @property
    def aio_of_loopback(self) -> float:
        """The same of asyncio's."""
        pairs = zip(self.aio, self.aio_loopback, strict=True)
        return median(mine / theirs for mine, theirs in pairs)


def run(turns: int) -> InProcess:
    """Measure so many times."""
    found = InProcess([], [], [], [], [], [])
    with FakeEtcd() as etcd, grpc.insecure_channel(etcd.endpoint) as outside:
        handler = registry.endpoints(etcd.node)[_PUT.path].unary
        assert handler is not None, "it answers at once"
        handle = handler
        parse, call, raw = _PUT.request.FromString, Call(_PUT), _REQUEST.SerializeToString()
        inside = etcd.channel()
        bytes_put = inside.unary_unary(_PUT.path)
        puts = [
            channel.unary_unary(_PUT.path, m.PutRequest.SerializeToString, m.PutResponse.FromString)
            for channel in (inside, outside)
        ]
        for _ in range(turns):
            found.handler.append(_cost(lambda: handle(parse(raw), call)))
            found.channel.append(_cost(lambda: bytes_put(raw)))
            found.messages.append(_cost(lambda: puts[0](_REQUEST)))
            found.loopback.append(_cost(lambda: puts[1](_REQUEST)))
            asyncio.run(_aio_turn(etcd, found))
    return found


def _cost(call: Callable[[], object]) -> float:
    return min(timeit.repeat(call, number=_CALLS, repeat=3)) / _CALLS * 1e6


async def _aio_turn(etcd: FakeEtcd, found: InProcess) -> None:
    async with (
        etcd.aio_channel() as inside,
        grpc.aio.insecure_channel(etcd.endpoint) as outside,
    ):
        found.aio.append(await _aio_cost(inside))
        found.aio_loopback.append(await _aio_cost(outside))


async def _aio_cost(channel: grpc.aio.Channel) -> float:
    put = channel.unary_unary(_PUT.path, m.PutRequest.SerializeToString, m.PutResponse.FromString)
    best = float("inf")
    for _ in range(3):
        begin = perf_counter()
        for _ in range(_CALLS):
            await put(_REQUEST)
        best = min(best, perf_counter() - begin)
    return best / _CALLS * 1e6
