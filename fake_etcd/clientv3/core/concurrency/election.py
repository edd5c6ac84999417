"""An election of one of several sessions, which others can follow.

A candidate puts a key of its session's lease below the prefix, with what it has to say as value;
the oldest key leads, and the others each wait for the one before them to go. The keys are those of
Go's client, of `etcdctl elect` and of the server's Election service.

etcd: client/v3/concurrency/election.go.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from fake_etcd.clientv3.compare import compare, create_revision
from fake_etcd.clientv3.context import Context, ContextError, limited
from fake_etcd.clientv3.core.concurrency.key import (
    Place,
    events,
    found_by,
    is_passing,
    is_refusal,
    queue_key,
    wait_deletes,
)
from fake_etcd.clientv3.core.concurrency.session import Session
from fake_etcd.clientv3.errors import ClientClosed, Error
from fake_etcd.clientv3.keys import Text, to_bytes
from fake_etcd.clientv3.op import op_delete, op_get, op_put
from fake_etcd.clientv3.responses import (
    EventType,
    GetResponse,
    KeyValue,
    ResponseHeader,
    TxnResponse,
)


class ErrElectionNotLeader(Error):
    """`proclaim`: it does not lead, or no longer."""

    def __init__(self) -> None:
        super().__init__("election: not leader")


class ErrElectionNoLeader(Error):
    """`leader`: nobody leads."""

    def __init__(self) -> None:
        super().__init__("election: no leader")


class Election:
    """An election, as one session sees it.

    It is the session that is elected. It leads no longer when its lease ends, which `session.ctx`
    tells. Where that matters, have transactions compare `create_revision(key)` with `rev`.

    Args:
        session: whose lease the candidate's key is held by.
        prefix: the election's name; its keys are "prefix/…".
    """

    def __init__(self, session: Session, prefix: Text) -> None:
        self._session = session
        self._prefix = to_bytes(prefix, "prefix") + b"/"
        self._place: Place | None = None
        self._rev = 0
        self._header: ResponseHeader | None = None

    @classmethod
    def resume(cls, session: Session, prefix: Text, leader_key: Text, leader_rev: int) -> Election:
        """The election of a leader who has begun anew, and knows his key.

        Args:
            session: the leader's; one that took over the lease of before, if it is to keep it.
            prefix: as it was. (Go's ResumeElection looks below "prefix", not below "prefix/".)
            leader_key: `key` of before.
            leader_rev: `rev` of before.
        """
        resumed = cls(session, prefix)
        resumed._place = Place(session, to_bytes(leader_key, "leader_key"))
        resumed._rev = leader_rev
        return resumed

    async def campaign(
        self, value: Text, *, ctx: Context | None = None, timeout: float | None = None
    ) -> None:
        """Stand for election; wait to be elected as long as the context lasts.

        If that ends first, or anything else goes wrong, it stands no longer when this raises; if
        the server cannot be reached, it raises a second later, and goes on trying to leave. (Go's
        candidate stays, but for contexts that end while it waits.)

        Args:
            value: what it has to say, for who asks or observes.
            ctx: what it runs under.
            timeout: seconds it may take, waiting included.

        Raises:
            ContextError: it waited for too long, or no longer wants to.
            Error: what a transaction, a get and a watch raise.
        """
        ctx = limited(ctx, timeout)
        answer = await self._stand(to_bytes(value, "value"), ctx)
        try:
            await wait_deletes(self._session.client, self._prefix, self._rev - 1, ctx)
        except BaseException:  # an asyncio task's cancellation and Ctrl-C leave it, too
            await self._leave()
            raise
        self._header = answer.header

    async def proclaim(
        self, value: Text, *, ctx: Context | None = None, timeout: float | None = None
    ) -> None:
        """Say something else, as the leader.

        Args:
            value: what.
            ctx: what it runs under.
            timeout: seconds it may take.

        Raises:
            ErrElectionNotLeader: it does not lead: it did not campaign, it resigned, or its lease
                ended.
            Error: what a transaction raises.
        """
        place = self._place
        if place is None:
            raise ErrElectionNotLeader
        answer = await (
            self._session.client.txn(ctx=limited(ctx, timeout))
            .if_(compare(create_revision(place.key), "=", self._rev))
            .then(op_put(place.key, value, lease=self._session.lease))
            .commit()
        )
        if not answer.succeeded:
            self._forget(place)
            raise ErrElectionNotLeader
        self._header = answer.header

    async def resign(self, *, ctx: Context | None = None, timeout: float | None = None) -> None:
        """Lead no longer; does nothing for who does not.

        If the server cannot be reached it tries again: for a second before this raises, and from
        then on beside what goes on. (Go's Resign does not.)

        Args:
            ctx: what it runs under.
            timeout: seconds it may take.

        Raises:
            Error: what a transaction raises. If the server refused it, this may be called again.
        """
        place = self._place
        if place is None:
            return
        try:
            answer = await (
                self._session.client.txn(ctx=limited(ctx, timeout))
                .if_(compare(create_revision(place.key), "=", self._rev))
                .then(op_delete(place.key))
                .commit()
            )
        except BaseException as error:
            if is_refusal(error) and not is_passing(error):
                raise
            if await self._leave() and isinstance(error, Error):
                return
            raise
        self._header = answer.header
        self._forget(place)

    async def leader(
        self, *, ctx: Context | None = None, timeout: float | None = None
    ) -> GetResponse:
        """Who leads: the key, and as its value what the leader says.

        Args:
            ctx: what it runs under.
            timeout: seconds it may take.

        Raises:
            ErrElectionNoLeader: nobody does.
            Error: what a get raises.
        """
        found = await self._session.client.get(
            self._prefix, first_create=True, ctx=limited(ctx, timeout)
        )
        if not found.kvs:
            raise ErrElectionNoLeader
        return found

    async def observe(self, *, ctx: Context | None = None) -> AsyncGenerator[GetResponse, None]:
        """Who leads, and what each leader says, from now on; waits where nobody does.

        Not all of what was said meanwhile may be told, but always what was said last. It ends
        without an error when its context or client ends, as a watch does.

        Args:
            ctx: what it runs under, all the time.

        Raises (what iterates it does; in Go the channel is closed):
            Error: what a get and a watch raise.
        """
        client, ctx = self._session.client, limited(ctx, None)
        try:
            while True:
                header, kv = await self._current(ctx)
                yield GetResponse(header, (kv,))
                async with aclosing(events(client, kv.key, header.revision + 1, ctx)) as told:
                    async for header, event in told:
                        if event.type is EventType.DELETE:
                            break
                        yield GetResponse(header, (event.kv,))
                    else:
                        return
        except (ContextError, ClientClosed):
            return

    @property
    def key(self) -> bytes:
        """The key that it leads with, or stands for election; b"" where it does neither."""
        return b"" if self._place is None else self._place.key

    @property
    def rev(self) -> int:
        """The revision that made the key; 0 where there is none."""
        return self._rev

    @property
    def header(self) -> ResponseHeader | None:
        """Of the answer to what was last put or deleted; None before."""
        return self._header

    def __repr__(self) -> str:
        prefix = self._prefix.decode(errors="backslashreplace")
        return f"<Election {prefix!r} of lease {self._session.lease:x}>"

    async def _stand(self, value: bytes, ctx: Context) -> TxnResponse:
        """Put the candidate's key, or find it where it was."""
        session = self._session
        is_new = self._place is None
        if self._place is None:
            self._place = await Place.take(session, queue_key(self._prefix, session.lease), ctx)
        place = self._place
        try:
            answer = await (
                session.client.txn(ctx=ctx)
                .if_(compare(create_revision(place.key), "=", 0))
                .then(op_put(place.key, value, lease=session.lease))
                .else_(op_get(place.key))
                .commit()
            )
        except BaseException as error:
            if is_refusal(error) and is_new:
                self._forget(place)
            elif is_new:
                await self._leave()
            raise
        self._rev = answer.header.revision
        if not answer.succeeded:
            (there,) = found_by(answer, 0)
            self._rev = there.create_revision
            if there.value != value:
                await self._say_instead(value, ctx)
        return answer

    async def _say_instead(self, value: bytes, ctx: Context) -> None:
        try:
            await self.proclaim(value, ctx=ctx)
        except BaseException:
            await self._leave()
            raise

    async def _leave(self) -> bool:
        place, rev = self._place, self._rev
        self._place, self._rev = None, 0
        return place is None or await place.leave(rev)

    def _forget(self, place: Place) -> None:
        self._place, self._rev = None, 0
        place.give_up()

    async def _current(self, ctx: Context) -> tuple[ResponseHeader, KeyValue]:
        """Who leads, with the revision from which on he is to be watched; waits for somebody."""
        client = self._session.client
        found = await client.get(self._prefix, first_create=True, ctx=ctx)
        if found.kvs:
            return found.header, found.kvs[0]
        rev = found.header.revision
        async with aclosing(events(client, self._prefix, rev, ctx, prefix=True)) as told:
            async for header, event in told:
                if event.type is EventType.PUT:
                    # Its message may tell of later revisions, too; they are yet to be watched.
                    return replace(header, revision=event.kv.mod_revision), event.kv
        raise ctx.err() or ClientClosed()
