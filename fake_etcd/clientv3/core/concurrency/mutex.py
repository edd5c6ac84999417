"""A lock that one session at a time has.

Who wants it puts a key of its session's lease below the prefix; the oldest key has the lock, and
the others each wait for the one before them to go. The keys are those of Go's client, of `etcdctl
lock` and of the server's Lock service, so all of them queue for the same lock.

etcd: client/v3/concurrency/mutex.go.
"""

from __future__ import annotations

from types import TracebackType

from fake_etcd.clientv3.compare import Cmp, compare, create_revision
from fake_etcd.clientv3.context import Context, limited
from fake_etcd.clientv3.core.concurrency.key import (
    Place,
    found_by,
    is_passing,
    is_refusal,
    queue_key,
    wait_deletes,
)
from fake_etcd.clientv3.core.concurrency.session import Session
from fake_etcd.clientv3.errors import Error
from fake_etcd.clientv3.keys import Text, to_bytes
from fake_etcd.clientv3.op import op_get, op_put
from fake_etcd.clientv3.responses import ResponseHeader

_NO_KEY = b"\x00"
"""Key of who is not in the queue; with a revision that no key has."""


class ErrLocked(Error):
    """`try_lock`: another session has the lock."""

    def __init__(self) -> None:
        super().__init__("mutex: Locked by another session")


class ErrSessionExpired(Error):
    """`lock`: the session's lease ended while it waited, and its key with it."""

    def __init__(self) -> None:
        super().__init__("mutex: session is expired")


class ErrLockReleased(Error):
    """`unlock`: the lock is not held, or no longer."""

    def __init__(self) -> None:
        super().__init__("mutex: lock has already been released")


class Mutex:
    """A lock, as one session sees it.

    It is the session that has it, not who called: another Mutex of the same session and prefix
    gets it at once. Have a session for each of those that are to exclude each other.

    A lock is lost when its session's lease ends, which `session.ctx` tells. What is written under
    it is safe only in transactions that compare `is_owner()`.

    Args:
        session: whose lease the lock is held by.
        prefix: the lock's name; its keys are "prefix/…".
    """

    def __init__(self, session: Session, prefix: Text) -> None:
        self._session = session
        self._prefix = to_bytes(prefix, "prefix") + b"/"
        self._place: Place | None = None
        self._rev = -1
        self._header: ResponseHeader | None = None

    async def lock(self, *, ctx: Context | None = None, timeout: float | None = None) -> None:
        """Take the lock; wait for it as long as the context lasts.

        If that ends first, or anything else goes wrong, it leaves the queue before it raises; if
        the server cannot be reached, a second later, and goes on trying to leave.

        Args:
            ctx: what it runs under.
            timeout: seconds it may take, waiting included.

        Raises:
            ContextError: it waited for too long, or no longer wants to.
            ErrSessionExpired: the session's lease ended meanwhile.
            Error: what a transaction, a get and a watch raise.
        """
        ctx = limited(ctx, timeout)
        client = self._session.client
        place, is_first = await self._stand(ctx)
        if is_first:
            return
        try:
            await wait_deletes(client, self._prefix, self._rev - 1, ctx)
            found = await client.get(place.key, ctx=ctx)
        except BaseException:  # an asyncio task's cancellation and Ctrl-C leave it, too
            await self._leave(place)
            raise
        if not found.kvs:
            self._forget(place)
            raise ErrSessionExpired
        self._header = found.header

    async def try_lock(self, *, ctx: Context | None = None, timeout: float | None = None) -> None:
        """Take the lock if nobody has it.

        Args:
            ctx: what it runs under.
            timeout: seconds it may take.

        Raises:
            ErrLocked: another session has it.
            Error: what a transaction and a delete raise.
        """
        ctx = limited(ctx, timeout)
        place, is_first = await self._stand(ctx)
        if is_first:
            return
        await self._delete(place, ctx)
        raise ErrLocked

    async def unlock(self, *, ctx: Context | None = None, timeout: float | None = None) -> None:
        """Give the lock away.

        If the server cannot be reached it tries again: for a second before this raises, and from
        then on beside what goes on. (Go's Unlock has to be called again.)

        Args:
            ctx: what it runs under.
            timeout: seconds it may take.

        Raises:
            ErrLockReleased: it is not held by this.
            Error: what a delete raises. If the server refused it, this may be called again.
        """
        place = self._place
        if place is None:
            raise ErrLockReleased
        await self._delete(place, limited(ctx, timeout))

    def is_owner(self) -> Cmp:
        """For a transaction's `if_`: the lock is held by this, and was all the time since it was
        taken. It never holds for a lock that is not held."""
        return compare(create_revision(self.key or _NO_KEY), "=", self._rev)

    @property
    def key(self) -> bytes:
        """The key in the queue; b"" while it is in none."""
        return b"" if self._place is None else self._place.key

    @property
    def header(self) -> ResponseHeader | None:
        """Of the answer that the lock was taken with; None before."""
        return self._header

    async def __aenter__(self) -> Mutex:
        await self.lock()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.unlock()

    async def _stand(self, ctx: Context) -> tuple[Place, bool]:
        """Stand in the queue: where, and whether nobody is before."""
        session = self._session
        is_new = self._place is None
        if self._place is None:
            self._place = await Place.take(session, queue_key(self._prefix, session.lease), ctx)
        place = self._place
        first = op_get(self._prefix, first_create=True)
        try:
            answer = await (
                session.client.txn(ctx=ctx)
                .if_(compare(create_revision(place.key), "=", 0))
                .then(op_put(place.key, "", lease=session.lease), first)
                .else_(op_get(place.key), first)  # this session stands there already
                .commit()
            )
        except BaseException as error:
            if is_refusal(error) and is_new:
                self._forget(place)
            elif is_new:
                await self._leave(place)
            raise
        self._rev = answer.header.revision
        if not answer.succeeded:
            self._rev = found_by(answer, 0)[0].create_revision
        owner = found_by(answer, 1)
        is_first = not owner or owner[0].create_revision == self._rev
        if is_first:
            self._header = answer.header
        return place, is_first

    async def _delete(self, place: Place, ctx: Context) -> None:
        """Leave the queue; raises what the delete does, if trying again does not help."""
        try:
            await self._session.client.delete(place.key, ctx=ctx)
        except BaseException as error:
            if is_refusal(error) and not is_passing(error):
                raise
            if await self._leave(place) and isinstance(error, Error):
                return
            raise
        self._forget(place)

    async def _leave(self, place: Place) -> bool:
        rev, self._place, self._rev = self._rev, None, -1
        return await place.leave(max(rev, 0))

    def _forget(self, place: Place) -> None:
        self._place, self._rev = None, -1
        place.give_up()

    def __repr__(self) -> str:
        prefix = self._prefix.decode(errors="backslashreplace")
        return f"<Mutex {prefix!r} of lease {self._session.lease:x}>"
