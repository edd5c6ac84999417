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
from fake_etcd.clientv3.compare import compare, create_revision
from fake_etcd.clientv3.context import Context, ContextError
from fake_etcd.clientv3.core.client import Client
from fake_etcd.clientv3.core.concurrency.session import Session
from fake_etcd.clientv3.core.io import Waiter, sleep, wait_under
from fake_etcd.clientv3.errors import ClientClosed, Error, StatusError
from fake_etcd.clientv3.op import op_delete
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

_LATE = 0.1
"""Seconds until a key is taken away for a second time, of which nobody knows whether it was put: a
server that was told to forget a put may still make it, behind the delete."""

_lock = threading.Lock()


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


class _Holders:
    """How many of this process have the same key, or that it is being taken away."""

    __slots__ = ("count", "is_leaving", "waiters")

    def __init__(self) -> None:
        self.count = 0
        self.is_leaving = False
        self.waiters: list[Waiter] = []


_taken: WeakKeyDictionary[Session, dict[bytes, _Holders]] = WeakKeyDictionary()


class Place:
    """The key of a session in a queue, as one Mutex or Election has it.

    All of one session have the same key there: what became of it one of them may not know, while
    another holds it. So it is taken away by `leave` only where nobody else of the session has it,
    and nobody gets it before that is done.

    Made by `take`, or where the key is known to be there.

    Args:
        session: whose lease the key has.
        key: the key.
    """

    def __init__(self, session: Session, key: bytes) -> None:
        self.key = key
        self._session = session
        self._is_gone = False
        with _lock:
            self._add()

    def _add(self) -> None:
        _taken.setdefault(self._session, {}).setdefault(self.key, _Holders()).count += 1

    @classmethod
    async def take(cls, session: Session, key: bytes, ctx: Context) -> Place:
        """One, when none before it is being left.

        Raises:
            ContextError: the context ended first.
        """
        place = cls.__new__(cls)
        place.key, place._session, place._is_gone = key, session, False
        while True:
            waiter = session.client._io.waiter()
            with _lock:
                holders = _taken.get(session, {}).get(key)
                if holders is None or not holders.is_leaving:
                    place._add()
                    return place
                holders.waiters.append(waiter)
            await wait_under(ctx, waiter)

    def give_up(self) -> None:
        """Have it no longer; what becomes of the key is known."""
        with _lock:
            holders = _taken[self._session][self.key]
            holders.count -= 1
            if not holders.count:
                del _taken[self._session][self.key]

    async def leave(self, rev: int) -> bool:
        """Have the key taken away with which nobody waits, or of which nobody knows whether it is
        there.

        That goes on whatever else ends, a context or a task or the patience of who waits for it:
        as long as the client lives, and tries again for as long as the session does.

        Args:
            rev: the revision that made it, so that no other is taken away; 0 where nobody knows.

        Returns:
            whether it is gone by now.
        """
        with _lock:
            holders = _taken[self._session][self.key]
            holders.count -= 1
            if holders.count:
                return True
            holders.is_leaving = True
        client = self._session.client
        done = client._io.waiter()
        client._io.spawn("clientv3: leave a queue", self._leaving(done, rev))
        try:
            await wait_under(client.ctx, done, _PATIENCE)
        except ContextError:  # the client was closed meanwhile
            return False
        return self._is_gone

    async def _leaving(self, done: Waiter, rev: int) -> None:
        io, ctx = self._session.client._io, self._session.ctx
        pause = _FIRST_PAUSE
        try:
            while await self._is_to_be_tried_again(rev):
                await sleep(io, ctx, pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            done.wake()
            if not rev:
                await sleep(io, ctx, _LATE)
                await self._is_to_be_tried_again(0)
        except ContextError:
            return  # the lease ends by itself now, and the key with it
        finally:
            self._end_leaving()
            done.wake()

    def _end_leaving(self) -> None:
        with _lock:
            holders = _taken[self._session].pop(self.key)
        for waiter in holders.waiters:
            waiter.wake()

    async def _is_to_be_tried_again(self, rev: int) -> bool:
        client = self._session.client
        txn = client.txn(ctx=client.ctx)
        if rev:
            txn.if_(compare(create_revision(self.key), "=", rev))
        try:
            await txn.then(op_delete(self.key)).commit()
        except Error as error:
            return is_passing(error) and client.ctx.err() is None
        self._is_gone = True
        return False


def is_passing(error: BaseException) -> bool:
    """Whether it may be over soon: the server could not be reached, or was not able to answer."""
    if isinstance(error, StatusError):
        return error.code is Code.UNAVAILABLE
    return isinstance(error, rpctypes.ServerUnavailable | rpctypes.ErrTooManyRequests)


def is_refusal(error: BaseException) -> bool:
    """Whether the server has said that it did not do what it was asked."""
    return isinstance(error, rpctypes.EtcdError) and not isinstance(
        error, rpctypes.ServerUnavailable
    )


def found_by(answer: TxnResponse, place: int) -> tuple[KeyValue, ...]:
    """What a get in a transaction found."""
    got = answer.responses[place]
    if not isinstance(got, GetResponse):
        raise Error(f"a get in a transaction was answered with {got}")
    return got.kvs
