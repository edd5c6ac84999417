"""Gets that are answered from a cache, while nobody else can write what they tell.

Whoever is to answer gets of a key by itself makes, under its session's lease, a *lease key*: the
prefix, and the key. Whoever is to write the key does so in a transaction that looks whether there
is a lease key of somebody else; if so, he writes `REVOKE` into it and waits for its end. Its owner
watches the lease keys; he forgets his answer, and then deletes the lease key. All who write the
keys must do so through a `LeasingKV` of the same prefix, in Python or Go.

Worked example, A and B of the prefix "l/":

    A gets a     a transaction makes l/a, under A's lease, and gets a
    A gets a     answered from the cache, without a call
    B puts a     a transaction finds l/a, and writes REVOKE into it; B watches l/a
                 A sees that, forgets a, deletes l/a
    B puts a     again, and there is no l/a
    A gets a     from the server, and for two seconds does not make l/a again

etcd: client/v3/leasing. The protocol is Go's, and both can use the same prefix. What is done
otherwise, where Go's could answer with what is no longer so, or hang:

- One watch of all lease keys in place of one for each, and deletions of lease keys are heeded.
- A write whose end is not known gives the key up, so that it cannot be done behind a get.
- A key that gets a lease is not answered for, for it may end with that.
- The end of the key space is the end of the prefix for lease keys.
- A put is done once; Go's writes a key that it does not hold twice.
- A get whose lease key cannot be made is answered by the server alone.
- `close` revokes the lease, so that nobody waits for a client that is gone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator, Iterable, Sequence
from dataclasses import replace
from typing import Any, cast

from fake_etcd.api.status import Code
from fake_etcd.clientv3 import rpctypes
from fake_etcd.clientv3.compare import Cmp, compare, create_revision
from fake_etcd.clientv3.context import Context, ContextError, with_cancel
from fake_etcd.clientv3.core.client import Client
from fake_etcd.clientv3.core.concurrency.session import DEFAULT_TTL, Session
from fake_etcd.clientv3.core.io import Task, sleep
from fake_etcd.clientv3.core.kv import KV
from fake_etcd.clientv3.core.leasing_cache import Cache, Writing
from fake_etcd.clientv3.core.leasing_local import (
    REVOKE,
    LeaseKeys,
    Write,
    evaluated,
    keys_read,
    narrowed,
    writes_done,
    writes_of,
)
from fake_etcd.clientv3.core.watch import Watcher
from fake_etcd.clientv3.errors import Error, StatusError
from fake_etcd.clientv3.keys import Text
from fake_etcd.clientv3.op import CompactOp, DeleteOp, GetOp, Op, TxnOp, op_watch
from fake_etcd.clientv3.responses import (
    CompactResponse,
    Event,
    EventType,
    GetResponse,
    OpResponse,
    TxnResponse,
)

_RETRY = 0.5
"""Seconds until a lease key's deletion, or a session's begin, is tried again."""


class LeasingKV(KV):
    """Keys whose gets are answered from a cache, where that is sure to be right.

    It begins with `async with`, or `await`, or `start`, and ends with `close`; after that, and
    while it has no session, all gets go to the server. A get of one key that is not of the past is
    answered from the cache; its header is that of when the answer was made. Transactions that only
    compare and get such keys are answered from it, too. All that is written through this looks for
    the leases of others first; each key that a transaction may write, in both branches, and the
    transaction itself count for the server's limit of operations in one.

    As with all leases: a process that is stopped for longer than the TTL finds out only then that
    it has lost its keys.

    Args:
        client: makes the calls.
        prefix: of lease keys, the same for all who write the keys.
        ttl: seconds after which the keys of a process that is gone can be written by others.

    Raises:
        ValueError: an empty prefix; a TTL below 1.
    """

    def __init__(self, client: Client, prefix: Text, *, ttl: int = DEFAULT_TTL) -> None:
        self._client = client
        self._lease_keys = LeaseKeys(prefix)
        if not self._lease_keys.prefix:
            raise ValueError("lease keys need a prefix, for otherwise they would be the keys")
        self._ttl = ttl
        self._cache = Cache(self._lease_keys.prefix, client.io.now)
        self._ctx, self._cancel = with_cancel(client.ctx)
        self._session: Session | None = None
        self._task: Task | None = None
        self._forget: Callable[[], None] = _nothing

    def __await__(self) -> Generator[Any, None, LeasingKV]:
        return self.__aenter__().__await__()

    async def __aenter__(self) -> LeasingKV:
        await self.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    async def start(self) -> None:
        """Get a lease, and watch the lease keys; nothing where that was done.

        Raises:
            Error: as those calls do.
        """
        if self._task is not None:
            return
        session, watcher = await self._begin()
        self._task = self._client.io.spawn("clientv3: leasing", self._work(session, watcher))

    async def close(self) -> None:
        """Answer nothing from the cache any more, and revoke the lease; a lease that cannot be
        revoked ends by itself. More than once does nothing."""
        self._session = None
        self._cancel()
        self._cache.clear()
        if self._task is not None:
            await self._task.join()

    @property
    def lease(self) -> int:
        """The id of the lease that its lease keys have; 0 while there is none."""
        session = self._session
        return 0 if session is None else session.lease

    @property
    def held_keys(self) -> frozenset[bytes]:
        """The keys that it answers for."""
        return self._cache.held

    async def _do(self, op: Op, ctx: Context) -> OpResponse:
        if isinstance(op, GetOp):
            return await self._get(op, ctx)
        if isinstance(op, TxnOp):
            return await self._txn(op, ctx)
        return await self._write(op, writes_of(op), ctx)

    async def _compact(self, op: CompactOp, ctx: Context) -> CompactResponse:
        return await self._client._compact(op, ctx)

    def _get_stream(self, op: GetOp, ctx: Context) -> AsyncIterator[GetResponse]:
        raise StatusError(Code.UNIMPLEMENTED, "GetStream is not supported by leasingKV")

    # Gets.

    async def _get(self, op: GetOp, ctx: Context) -> OpResponse:
        session = self._session
        if session is None or session.done() or op.rev or op.range_end or not op.key:
            return await self._client._do(op, ctx)
        known = self._cache.answers((op.key,)).get(op.key)
        if known is not None:
            _raise_if_ended(ctx)
            return narrowed(known, op)
        acquisition = None if op.serializable else self._cache.acquire(op.key)
        if acquisition is None:
            return await self._client._do(op, ctx)
        try:
            answer, is_owner = await self._acquired(op.key, session, ctx)
        except BaseException as error:
            self._cache.acquisition_failed(acquisition)
            if isinstance(error, ContextError) or not isinstance(error, Error):
                raise
            return await self._client._do(op, ctx)
        if is_owner:
            self._cache.acquired(acquisition, answer)
        else:
            self._cache.not_acquired(acquisition)
            if op.keys_only:  # what that tells of the key's lease depends on the server's version
                return await self._client._do(op, ctx)
        return narrowed(answer, op)

    async def _acquired(
        self, key: bytes, session: Session, ctx: Context
    ) -> tuple[GetResponse, bool]:
        """Get a key and make its lease key, if there is none and the key has no lease: the answer,
        and whether the lease key is the session's."""
        txn = self._lease_keys.acquire(key, session.lease)
        told = cast(TxnResponse, await self._client._do(txn, ctx))
        answer = replace(cast(GetResponse, told.responses[0]), header=told.header)
        if told.succeeded:
            return answer, True
        owners = cast(GetResponse, told.responses[1]).kvs
        has_lease = bool(answer.kvs) and answer.kvs[0].lease != 0
        is_owner = any(kv.lease == session.lease and kv.value != REVOKE for kv in owners)
        return answer, is_owner and not has_lease

    # Writes.

    async def _txn(self, op: TxnOp, ctx: Context) -> OpResponse:
        writes = writes_of(op)
        if writes:
            return await self._write(op, writes, ctx)
        session = self._session
        if session is not None and not session.done():
            known = evaluated(op, self._cache.answers(keys_read(op)))
            if known is not None:
                _raise_if_ended(ctx)
                return known
        return await self._client._do(op, ctx)

    async def _write(self, op: Op, writes: Sequence[Write], ctx: Context) -> OpResponse:
        """Do an operation when nobody else answers for what it may write."""
        ranges = dict.fromkeys(each for each in writes if _has_range(each))
        keys = list(dict.fromkeys(each.key for each in writes if not _has_range(each)))
        while True:
            guards = [await self._range_guard(each, ctx) for each in ranges]
            writing = self._cache.write(writes)
            revs = [(key, writing.rev_of(key)) for key in keys]
            guards += [self._lease_keys.guard(key, rev) for key, rev in revs]
            asking = tuple(self._lease_keys.ask(key, rev) for key, rev in revs)
            told = await self._guarded(TxnOp(tuple(guards), (op,), asking), writing, ctx)
            if told.succeeded:
                return replace(told.responses[0], header=told.header)
            for key, answer in zip(keys, told.responses, strict=True):
                if cast(TxnResponse, answer).succeeded:
                    await self._deletion(key, told.header.revision, ctx)

    async def _range_guard(self, op: Write, ctx: Context) -> Cmp:
        """Have all others give up the keys of a range; that it is still so.

        So are those asked for whose lease key is this client's though it does not hold them. It
        might get hold of one before the write is done, if that is done behind its caller's end.
        """
        range_ = self._lease_keys.ranged(cast(DeleteOp, op))
        found = await self._client._do(GetOp(range_.key, range_.range_end), ctx)
        newest = 0
        for kv in cast(GetResponse, found).kvs:
            newest = max(newest, kv.create_revision)
            key = self._lease_keys.of(kv.key)
            if kv.lease != self.lease or not self._cache.holds(key):
                await self._revoke(key, ctx)
        target = create_revision(range_.key).with_range(range_.range_end)
        return compare(target, "<", newest + 1)

    async def _revoke(self, key: bytes, ctx: Context) -> None:
        told = cast(TxnResponse, await self._client._do(self._lease_keys.ask(key, 0), ctx))
        if told.succeeded:
            await self._deletion(key, told.header.revision, ctx)

    async def _guarded(self, txn: TxnOp, writing: Writing, ctx: Context) -> TxnResponse:
        """The answer to a write, which the cache is told of."""
        session = self._session
        try:
            told = cast(TxnResponse, await self._client._do(txn, ctx))
        except BaseException:
            self._release(self._cache.failed(writing), session)
            raise
        done = list(writes_done(txn.then[0], told.responses[0])) if told.succeeded else []
        self._release(self._cache.wrote(writing, told.header, done), session)
        return told

    async def _deletion(self, key: bytes, rev: int, ctx: Context) -> None:
        """Wait until a lease key that there was at a revision is deleted, or may be."""
        op = op_watch(self._lease_keys.key(key), rev=rev + 1, filter_put=True)
        watcher = self._client._watch(op, ctx)
        try:
            async for answer in watcher:
                if answer.events:
                    return
        except rpctypes.ErrCompacted:
            return
        finally:
            watcher.cancel()
        _raise_if_ended(ctx)

    # Giving up, and the session.

    def _release(self, keys: Sequence[bytes], session: Session | None) -> None:
        """Delete lease keys beside what goes on: whose caller's time may be up."""
        if keys:
            self._client.io.spawn("clientv3: leasing", self._deleted(keys, session))

    async def _deleted(self, keys: Iterable[bytes], session: Session | None) -> None:
        """Delete lease keys, as long as the session's lease, and with it they, are there."""
        for key in keys:
            try:
                while session is not None and not session.done():
                    if await self._is_deleted(key, session):
                        break
                    await sleep(self._client.io, session.ctx, _RETRY)
            except ContextError:
                continue
            finally:
                self._cache.released(key)

    async def _is_deleted(self, key: bytes, session: Session) -> bool:
        try:
            await self._client._do(self._lease_keys.give_up(key, session.lease), session.ctx)
        except ContextError:
            raise
        except Error as error:
            self._client.config.logger.info("the lease key of %r is there still: %s", key, error)
            return False
        return True

    async def _begin(self) -> tuple[Session, Watcher]:
        """A session, and a watch of the lease keys from before the first is its."""
        lease = (await self._client.grant(self._ttl, ctx=self._ctx)).id
        session = await Session(self._client, ttl=self._ttl, lease=lease)
        self._forget = self._ctx.after(session.orphan)
        try:
            op = op_watch(self._lease_keys.prefix, prefix=True)
            watcher = await self._client._watch(op, session.ctx).open()
            if watcher.is_over:
                async for _ in watcher:  # which tells why
                    pass
                _raise_if_ended(self._ctx)
        except BaseException:
            await self._end(session)
            raise
        self._session = session
        return session, watcher

    async def _work(self, session: Session, watcher: Watcher) -> None:
        """Follow what happens to the lease keys, with a new session whenever one is lost."""
        while True:
            try:
                await self._follow(session, watcher)
            except Error as error:
                self._client.config.logger.info("leasing has lost sight of its keys: %s", error)
            self._session = None
            self._cache.clear()
            await self._end(session)
            again = await self._begun_again()
            if again is None:
                return
            session, watcher = again

    async def _begun_again(self) -> tuple[Session, Watcher] | None:
        """The next session, when there can be one; None where this has ended."""
        begun: tuple[Session, Watcher] | None = None
        while begun is None and self._ctx.err() is None:
            begun = await self._try_to_begin()
        return begun

    async def _try_to_begin(self) -> tuple[Session, Watcher] | None:
        try:
            await sleep(self._client.io, self._ctx, _RETRY)
            return await self._begin()
        except Error as error:
            self._client.config.logger.info("leasing has no session: %s", error)
            return None

    async def _follow(self, session: Session, watcher: Watcher) -> None:
        async for answer in watcher:
            given_up = [key for event in answer.events for key in self._told(event, session)]
            await self._deleted(given_up, session)

    def _told(self, event: Event, session: Session) -> list[bytes]:
        """Have the cache know what happened to a lease key. Gives keys to be released."""
        kv = event.kv
        key = self._lease_keys.of(kv.key)
        if event.type is EventType.DELETE:
            self._cache.lost(key, kv.mod_revision)
        elif kv.lease == session.lease and kv.value == REVOKE:
            return self._cache.asked_for(key, kv.mod_revision)
        return []

    async def _end(self, session: Session) -> None:
        """Have done with a session; its lease ends by itself where it cannot be revoked."""
        self._forget()
        try:
            await session.close()
        except Error as error:
            self._client.config.logger.info("%r could not be closed: %s", session, error)


def _has_range(op: Write) -> bool:
    return isinstance(op, DeleteOp) and bool(op.range_end)


def _nothing() -> None:
    """There is no session yet that is to end with this."""


def _raise_if_ended(ctx: Context) -> None:
    error = ctx.err()
    if error is not None:
        raise error
