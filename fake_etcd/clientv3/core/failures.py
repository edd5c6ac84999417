"""From a status to what a caller sees, and what a status says about trying again.

etcd: client/v3/client.go (ContextError, isHaltErr), client/v3/retry.go.
"""

from __future__ import annotations

from fake_etcd.api.status import Code
from fake_etcd.clientv3 import rpctypes
from fake_etcd.clientv3.context import Context, DeadlineExceeded
from fake_etcd.clientv3.core.io import TIME_IS_UP, CallFailed, ChannelClosed
from fake_etcd.clientv3.errors import ClientClosed, Error, StatusError

_NO_CONNECTION = (
    "failed to connect to all addresses",
    "errors resolving ",
    "DNS resolution failed",
)
"""How gRPC begins what it says of a call that never left: there was no connection, or no address to
connect to."""

_NOTHING_TO_CALL = frozenset({"there is no address available", "there is no connection available"})
"""The two texts after which Go's client repeats a write."""

_ENDED = (Code.DEADLINE_EXCEEDED, Code.CANCELLED)

_SLACK = 0.02
"""Seconds by which another clock may be before ours."""


def error_of(failed: CallFailed, ctx: Context) -> Error:
    """What a caller sees of a call that failed under a context."""
    known = rpctypes.from_status(failed.code, failed.message)
    if known is not None:
        return known
    if isinstance(failed, ChannelClosed):
        return ctx.err() or ClientClosed()
    if failed.code in _ENDED:
        ended = ctx.err()
        if ended is not None:
            return ended
        if _is_out_of_time(failed, ctx):
            return DeadlineExceeded()
    return StatusError(failed.code, failed.message)


def is_of_context(failed: CallFailed, ctx: Context) -> bool:
    """Whether a call failed because its context ended, and not for something that the server said
    of its own."""
    return failed.code in _ENDED and (ctx.err() is not None or _is_out_of_time(failed, ctx))


def _is_out_of_time(failed: CallFailed, ctx: Context) -> bool:
    if failed.code is not Code.DEADLINE_EXCEEDED:
        return False
    remaining = ctx.remaining()
    return remaining is not None and (failed.message == TIME_IS_UP or remaining <= _SLACK)


def has_no_connection(failed: CallFailed) -> bool:
    """Whether nothing of the call left this process, since its channel had no connection."""
    return failed.code is Code.UNAVAILABLE and failed.message.startswith(_NO_CONNECTION)


def may_repeat(failed: CallFailed, is_repeatable: bool) -> bool:
    """Whether a call is tried again after this: one that may have been applied only if that does
    no harm, and only where the server was away, had no leader, or ended it of its own.

    The last is so in Go for all calls. Here a put, say, is not made again then: an etcd behind a
    proxy, whose time was up first, may have applied it.
    """
    if not is_repeatable:
        return failed.code is Code.UNAVAILABLE and (
            has_no_connection(failed) or failed.message in _NOTHING_TO_CALL
        )
    if failed.code in _ENDED:
        return True
    known = rpctypes.from_status(failed.code, failed.message)
    return failed.code is Code.UNAVAILABLE and (known is None or known.code is Code.UNAVAILABLE)


def is_halt(failed: CallFailed, ctx: Context) -> bool:
    """Whether a stream that ended so is over, so that opening it again cannot help."""
    return ctx.err() is not None or failed.code not in (Code.UNAVAILABLE, Code.INTERNAL)
