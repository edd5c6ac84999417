"""The same for many things, a few at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from fake_etcd.clientv3 import context
from fake_etcd.clientv3.context import Context
from fake_etcd.clientv3.core.io import Io
from fake_etcd.clientv3.errors import Error

T = TypeVar("T")
R = TypeVar("R")


async def for_each(
    io: Io,
    ctx: Context,
    things: Sequence[T],
    work: Callable[[T, Context], Coroutine[Any, Any, R]],
    concurrency: int,
) -> list[R]:
    """What `work` returns for each of some things, in their order.

    The caller works too, so that nobody is spawned where one is enough. What one of them raises
    ends the others' context, and is raised when all have stopped.

    Args:
        io: whom to ask for helpers.
        ctx: what the work is done under.
        things: for which it is done.
        work: what is done, with a thing and the context for that.
        concurrency: how many are worked on at once, at the most.

    Raises:
        ValueError: nothing can be done 0 at a time.
    """
    if concurrency < 1:
        raise ValueError(f"concurrency is 1 or more, not {concurrency}")
    theirs, cancel = context.with_cancel(ctx)
    lock = threading.Lock()
    turns = iter(enumerate(things))
    results: dict[int, R] = {}
    failures: list[BaseException] = []

    async def work_on() -> None:
        while True:
            with lock:
                turn = next(turns, None)
            if turn is None:
                return
            results[turn[0]] = await work(turn[1], theirs)

    async def help_out() -> None:
        try:
            await work_on()
        except BaseException as error:  # raised by who waits for the helpers
            failures.append(error)
            cancel()

    helpers = [
        io.spawn(f"clientv3: helper {number}", help_out())
        for number in range(1, min(concurrency, len(things)))
    ]
    try:
        await work_on()
        for helper in helpers:
            await helper.join()
    except BaseException as error:
        failures.append(error)
        cancel()
        for helper in helpers:
            await helper.join()
    finally:
        cancel()
    if failures:
        # An interruption goes before what it led to.
        raise next((each for each in failures if not isinstance(each, Error)), failures[0])
    return [results[number] for number in range(len(things))]
