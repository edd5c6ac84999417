"""One login at a time: whoever needs a token while somebody gets one waits for that.

etcd: client/v3/client.go (getToken), where each call gets one of its own.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Awaitable, Callable

from fake_etcd.clientv3.context import Context, ContextError
from fake_etcd.clientv3.core.io import Io, Waiter, wait_under
from fake_etcd.clientv3.errors import Error


class _Attempt:
    """A login that somebody makes, and who waits for it."""

    __slots__ = ("error", "has_succeeded", "waiters")

    def __init__(self) -> None:
        self.waiters: list[Waiter] = []
        self.has_succeeded = False
        self.error: Error | None = None


class Login:
    """Gets a user's tokens.

    Args:
        io: the world.
        authenticate: gets one, and has it used from then on.
        is_due: whether there is to be one before the first call.
    """

    def __init__(
        self, io: Io, authenticate: Callable[[Context], Awaitable[None]], *, is_due: bool
    ) -> None:
        self._io = io
        self._authenticate = authenticate
        self._lock = threading.Lock()
        self._attempt: _Attempt | None = None
        self.is_due = is_due
        self.count = 0
        """How many there were."""

    async def renew(self, ctx: Context, seen: int | None = None) -> None:
        """Get a token, or wait for somebody who does.

        Args:
            ctx: how long.
            seen: `count` when the token was read that is no good; if there was another one since,
                that will do. None: one that is got after this call, or that is on its way.

        Raises what `authenticate` does. If that was the end of the other one's context, it is tried
        again here.
        """
        while True:
            waiter = self._io.waiter()
            with self._lock:
                if seen is not None and self.count != seen:
                    return
                attempt = self._attempt
                if attempt is None:
                    mine = self._attempt = _Attempt()
                else:
                    attempt.waiters.append(waiter)
            if attempt is None:
                await self._make(mine, ctx)
                return
            await wait_under(ctx, waiter)
            if attempt.has_succeeded:
                return
            if attempt.error is not None:
                raise copy.copy(attempt.error)  # each has a traceback of its own

    async def _make(self, attempt: _Attempt, ctx: Context) -> None:
        try:
            await self._authenticate(ctx)
            attempt.has_succeeded = True
        except ContextError:
            raise
        except Error as error:
            attempt.error = error
            raise
        finally:
            with self._lock:
                self._attempt = None
                if attempt.has_succeeded:
                    self.count += 1
                    self.is_due = False
            for waiter in attempt.waiters:
                waiter.wake()
