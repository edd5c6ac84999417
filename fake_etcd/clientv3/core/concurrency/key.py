"""Keys in a queue: to wait until all those before one are gone, and to leave it, come what may.

etcd: client/v3/concurrency/key.go. Go leaves no queue of which it does not know that it stands
there: if the answer to the first call is lost, or the context ends before it comes, the key holds
the lock, for nobody, until its session ends. Here it is taken away.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator
from contextlib import aclosing
from weakref import WeakKeyDictionary

from fake_etcd.api.status import Code
from fake_etcd.clientv3 import rpctypes
from fake_etcd.clientv3.context import Context, ContextError
from fake_etcd.clientv3.core.client import Client
from fake_etcd.clientv3.core.concurrency.session import Session
from fake_etcd.clientv3.core.io import Waiter, sleep, wait_under
from fake_etcd.clientv3.errors import ClientClosed, Error, StatusError
from fake_etcd.clientv3.responses import (
    Event,
    EventType,
    GetResponse,
    KeyValue,
    ResponseHeader,
    TxnResponse,
)

_PATIENCE = 1.0
"""Seconds that somebody stays for his key to be taken away, when his wait has ended."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.025, 1.0
"""Seconds between tries to take it away."""

_lock = threading.Lock()
_taken: WeakKeyDictionary[Session, dict[bytes, int]] = WeakKeyDictionary()
"""How many of this process have the keys of a session."""


def queue_key(prefix: bytes, lease: int) -> bytes:
    """The key of a session in a queue, as every etcd client has it, and the server's own Lock.

    >>> queue_key(b"/lock/", 0x694D81417ACD4754)
    b'/lock/694d81417acd4754'
    """
    return b"%b%x" % (prefix, lease)


async def wait_deletes(client: Client, prefix: bytes, max_create_rev: int, ctx: Context) -> None:
    """Wait until no key with a prefix is left that is as old as a revision, or older.

    Of those that are in the way only the newest is watched: with each that goes only the one
    behind it wakes.

    Raises:
        ContextError: the context ended first.
        Error: what a get and a watch raise.
    """
    while True:
        found = await client.get(prefix, last_create=True, max_create_rev=max_create_rev, ctx=ctx)
        if not found.kvs:
            return
        await _wait_delete(client, found.kvs[0].key, found.header.revision, ctx)


async def _wait_delete(client: Client, key: bytes, rev: int, ctx: Context) -> None:
    async with aclosing(events(client, key, rev, ctx)) as told:
        async for _, event in told:
            if event.type is EventType.DELETE:
                return
    raise ctx.err() or ClientClosed()  # those two are no error of a watch


async def events(
    client: Client, key: bytes, rev: int, ctx: Context, *, prefix: bool = False
) -> AsyncGenerator[tuple[ResponseHeader, Event], None]:
    """What happens to a key, or to all with a prefix, from a revision on; raises as a watch."""
    watch = client.watch(key, rev=rev, prefix=prefix, ctx=ctx)
    try:
        async for answer in watch:
            for event in answer.events:
                yield answer.header, event
    finally:
        await watch.close()


class Place:
    """The key of a session in a queue, as one Mutex or Election has it.

    All of one session have the same key there: what became of it one of them may not know, while
    another holds it. So it is taken away by `leave` only where nobody else of the session has it.

    Args:
        session: whose lease the key has.
        key: the key.
    """

    def __init__(self, session: Session, key: bytes) -> None:
        self.key = key
        self._session = session
        with _lock:
            keys = _taken.setdefault(session, {})
            keys[self.key] = keys.get(self.key, 0) + 1

    def give_up(self) -> bool:
        """Have it no longer: whether nobody else of the session has it."""
        with _lock:
            keys = _taken[self._session]
            keys[self.key] -= 1
            if keys[self.key]:
                return False
            del keys[self.key]
            return True

    async def leave(self) -> bool:
        """Have the key taken away with which nobody waits, or of which nobody knows whether it is
        there.

        That goes on whatever else ends, a context or a task or the patience of who waits for it:
        as long as the client lives, and tries again for as long as the session does.

        Returns:
            whether it is gone by now.
        """
        if not self.give_up():
            return True
        client = self._session.client
        done = client._io.waiter()
        client._io.spawn("clientv3: leave a queue", self._leaving(done))
        try:
            return await wait_under(client.ctx, done, _PATIENCE)
        except ContextError:  # the client was closed meanwhile
            return False

    async def _leaving(self, done: Waiter) -> None:
        client = self._session.client
        pause = _FIRST_PAUSE
        try:
            while True:
                try:
                    await client.delete(self.key, ctx=client.ctx)
                    done.wake()
                    return
                except Error as error:
                    if not is_passing(error) or client.ctx.err() is not None:
                        return
                await sleep(client._io, self._session.ctx, pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
        except ContextError:
            return  # the lease ends by itself now, and the key with it


def is_passing(error: Error) -> bool:
    """Whether it may be over soon: the server could not be reached, or was not able to answer."""
    if isinstance(error, StatusError):
        return error.code is Code.UNAVAILABLE
    return isinstance(error, rpctypes.ServerUnavailable)


def is_refusal(error: BaseException) -> bool:
    """Whether the server has said that it did not do what it was asked."""
    return isinstance(error, rpctypes.EtcdError) and not is_passing(error)


def found_by(answer: TxnResponse, place: int) -> tuple[KeyValue, ...]:
    """What a get in a transaction found."""
    got = answer.responses[place]
    if not isinstance(got, GetResponse):
        raise Error(f"a get in a transaction was answered with {got}")
    return got.kvs
