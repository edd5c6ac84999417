"""Both faces of the client, told apart by nothing: a test for threads runs on asyncio's too.

`Awaited` is a blocking view of anything of `clientv3.aio`: what it returns to await is awaited on a
loop in a thread of its own, `for` is `async for` there, and `with` is `async with`.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import threading
from collections.abc import Callable, Coroutine
from types import ModuleType
from typing import Any

from fake_etcd import clientv3
from fake_etcd.clientv3 import aio, blocking
from fake_etcd.testing import FakeEtcd

_TIMEOUT = 30.0
"""Seconds after which a test that waits in the loop has gone wrong."""


class LoopThread:
    """An event loop that runs in a thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(_TIMEOUT)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


class Awaited:
    """A blocking view of something that lives in the loop."""

    def __init__(self, thing: Any, thread: LoopThread) -> None:
        self.__dict__.update(_thing=thing, _thread=thread)

    def _await(self, make: Callable[[], Any]) -> Any:
        """Do something in the loop, await what it gives to await, and show the result so."""

        async def work() -> Any:
            result = make()
            return await result if inspect.isawaitable(result) else result

        return self._shown(self._thread.run(work()))

    def _shown(self, result: Any) -> Any:
        if isinstance(result, list | tuple) and not hasattr(result, "_fields"):
            return type(result)(self._shown(item) for item in result)
        is_ours = type(result).__module__.startswith("fake_etcd.clientv3")
        is_lively = inspect.isasyncgen(result) or (is_ours and _is_lively(result))
        return Awaited(result, self._thread) if is_lively else result

    def __getattr__(self, name: str) -> Any:
        found = self._await(lambda: getattr(self._thing, name))
        if callable(found) and not isinstance(found, Awaited):
            return lambda *args, **kwargs: self._await(
                lambda: found(*map(_bare, args), **{n: _bare(v) for n, v in kwargs.items()})
            )
        return found

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._thing, name, value)

    def __enter__(self) -> Any:
        self._await(self._thing.__aenter__)
        return self

    def __exit__(self, *error: Any) -> Any:
        return self._await(lambda: self._thing.__aexit__(*error))

    def __iter__(self) -> Any:
        return Awaited(self._thing.__aiter__(), self._thread)

    def __next__(self) -> Any:
        try:
            return self._await(self._thing.__anext__)
        except StopAsyncIteration:
            raise StopIteration from None

    def __repr__(self) -> str:
        return repr(self._thing)


def _is_lively(thing: Any) -> bool:
    """Whether it has anything to await; plain answers are shown as they are."""
    return any(
        inspect.iscoroutinefunction(member)
        or inspect.isasyncgenfunction(member)
        or name in ("__aiter__", "__anext__")
        for kind in type(thing).__mro__
        for name, member in vars(kind).items()
    )


def _bare(value: Any) -> Any:
    return value._thing if isinstance(value, Awaited) else value


class Face:
    """One of the two.

    Args:
        name: "threads" or "asyncio".
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._thread = LoopThread() if name == "asyncio" else None

    @property
    def is_asyncio(self) -> bool:
        return self._thread is not None

    def client(self, config: clientv3.Config) -> Any:
        """A client that is started; the test closes it."""
        if self._thread is None:
            return clientv3.Client(config)
        client = self.make(aio.Client, config)
        client.start()
        return client

    def make(self, kind: Any, *args: Any, **kwargs: Any) -> Any:
        """An object of a class of this face: `face.make(face.module("concurrency").Mutex, …)`."""
        if self._thread is None:
            return kind(*args, **kwargs)
        maker = Awaited(None, self._thread)
        return maker._await(lambda: kind(*map(_bare, args), **kwargs))

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """What a coroutine of the core returns in this face's world."""
        return blocking.run(work) if self._thread is None else self._thread.run(work)

    def channel(self, etcd: FakeEtcd) -> Any:
        """A channel to an emulator without a port, for `Config.dial`."""
        return etcd.aio_channel() if self.is_asyncio else etcd.channel()

    def module(self, name: str) -> ModuleType:
        """A module of this face: "concurrency", "namespace"."""
        package = aio.__name__ if self.is_asyncio else clientv3.__name__
        return importlib.import_module(f"{package}.{name}")

    def close(self) -> None:
        if self._thread is not None:
            self._thread.close()
