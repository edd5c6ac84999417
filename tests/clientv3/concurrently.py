"""What the tests of locks, elections, transactions and tasks have in common."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from google.protobuf.message import Message

from fake_etcd.api import messages as m
from fake_etcd.api.methods import METHODS
from fake_etcd.testing import FakeEtcd

_TIMEOUT = 20.0
"""Seconds after which what should have happened never will."""


def until(condition: Callable[[], object]) -> None:
    """Look again and again until it is so."""
    end = time.monotonic() + _TIMEOUT
    while not condition():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.002)


class Beside(threading.Thread):
    """A function that runs in a thread of its own, and what became of it."""

    def __init__(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        super().__init__(daemon=True)
        self._work: Callable[[], Any] = lambda: function(*args, **kwargs)
        self._result: Any = None
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self._result = self._work()
        except BaseException as error:
            self._error = error

    def outcome(self) -> Any:
        """What it returned; raises what it raised."""
        self.join(_TIMEOUT)
        assert not self.is_alive(), "it goes on for ever"
        if self._error is not None:
            raise self._error
        return self._result


@contextmanager
def queued(cli: Any, prefix: str, function: Callable[..., Any], **kwargs: Any) -> Iterator[Beside]:
    """Call what stands in a queue, beside the test; the block begins when its key is there."""
    before = cli.get(prefix, prefix=True, count_only=True).count
    beside = Beside(function, **kwargs)
    until(lambda: cli.get(prefix, prefix=True, count_only=True).count > before)
    yield beside
    beside.join(_TIMEOUT)


def ask(etcd: FakeEtcd, name: str, request: Message) -> Any:
    """Call a method, "v3lockpb.Lock/Lock", as a client does that is not ours."""
    method = METHODS[f"/{name}"]
    call = etcd.channel().unary_unary(
        method.path,
        request_serializer=method.request.SerializeToString,
        response_deserializer=method.response.FromString,
    )
    return call(request)


def revoke(etcd: FakeEtcd, lease: int) -> None:
    """End a lease, as anybody can who knows its id."""
    ask(etcd, "etcdserverpb.Lease/LeaseRevoke", m.LeaseRevokeRequest(ID=lease))


def other_tasks() -> set[asyncio.Task[Any]]:
    """The tasks of this loop but this one, and but those in which grpcio hears, a moment later, how
    a call ended that was canceled."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    return {task for task in tasks if "coro=<_AioCall." not in repr(task)}
