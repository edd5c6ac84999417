"""Alarms, a member's state and file, who leads, and on the way to an older version.

etcd: client/v3/maintenance.go.
"""

from __future__ import annotations

from types import TracebackType

from fake_etcd.api import messages as m
from fake_etcd.clientv3 import responses
from fake_etcd.clientv3.context import Context, limited
from fake_etcd.clientv3.core import rpcs
from fake_etcd.clientv3.core.caller import Caller
from fake_etcd.clientv3.core.failures import error_of
from fake_etcd.clientv3.core.io import CallFailed, Stream
from fake_etcd.clientv3.responses import ResponseHeader

SUM_SIZE = 32
"""Bytes of the SHA-256 that is behind a snapshot."""


class Maintenance:
    """What whoever runs a cluster needs.

    Every method takes `ctx`, what its call runs under, and `timeout`, the seconds it may take.
    Where one takes an `endpoint`, that very server is asked, over a connection for that alone; it
    need not be one of the client's, and is waited for as long as the context lasts.

    Args:
        caller: makes the calls.
    """

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def alarm_list(
        self, *, ctx: Context | None = None, timeout: float | None = None
    ) -> responses.AlarmResponse:
        """The alarms that there are."""
        request = m.AlarmRequest(action=m.AlarmRequest.GET)
        answer = await self._caller.unary(rpcs.ALARM, request, limited(ctx, timeout))
        return responses.AlarmResponse.of(answer)

    async def alarm_disarm(
        self,
        alarm: responses.AlarmMember | None = None,
        *,
        ctx: Context | None = None,
        timeout: float | None = None,
    ) -> responses.AlarmResponse:
        """End an alarm, or all that there are, one after the other.

        Args:
            alarm: which; None, or Go's member 0 with AlarmType.NONE, for all.
            ctx: what the call runs under.
            timeout: seconds it may take.

        Returns:
            the alarms that were ended.
        """
        ctx = limited(ctx, timeout)
        if alarm is not None and (alarm.member_id or alarm.alarm):
            return await self._disarm(alarm, ctx)
        there = await self.alarm_list(ctx=ctx)
        ended: list[responses.AlarmMember] = []
        for each in there.alarms:
            answer = await self._disarm(each, ctx)
            ended += answer.alarms
        return responses.AlarmResponse(there.header, tuple(ended))

    async def _disarm(self, alarm: responses.AlarmMember, ctx: Context) -> responses.AlarmResponse:
        request = m.AlarmRequest(
            action=m.AlarmRequest.DEACTIVATE, memberID=alarm.member_id, alarm=alarm.alarm
        )
        return responses.AlarmResponse.of(await self._caller.unary(rpcs.ALARM, request, ctx))

    async def defragment(
        self, endpoint: str, *, ctx: Context | None = None, timeout: float | None = None
    ) -> responses.DefragmentResponse:
        """Make the file of a member as small as it can be; the member answers nobody meanwhile."""
        answer = await self._caller.unary_at(
            endpoint, rpcs.DEFRAGMENT, m.DefragmentRequest(), limited(ctx, timeout)
        )
        return responses.DefragmentResponse.of(answer)

    async def status(
        self, endpoint: str, *, ctx: Context | None = None, timeout: float | None = None
    ) -> responses.StatusResponse:
        """How a member is."""
        answer = await self._caller.unary_at(
            endpoint, rpcs.STATUS, m.StatusRequest(), limited(ctx, timeout)
        )
        return responses.StatusResponse.of(answer)

    async def hash(
        self, endpoint: str, *, ctx: Context | None = None, timeout: float | None = None
    ) -> responses.HashResponse:
        """A sum of a member's whole file; Go's client has no such call.

        It tells whether a file has changed. Files of two members that hold the same may differ:
        compare those by `hash_kv`.
        """
        answer = await self._caller.unary_at(
            endpoint, rpcs.HASH, m.HashRequest(), limited(ctx, timeout)
        )
        return responses.HashResponse.of(answer)

    async def hash_kv(
        self,
        endpoint: str,
        rev: int = 0,
        *,
        ctx: Context | None = None,
        timeout: float | None = None,
    ) -> responses.HashKVResponse:
        """A sum of a member's keys, which is the same at all members.

        Args:
            endpoint: whom to ask.
            rev: up to which revision; 0 for the newest.
            ctx: what the call runs under.
            timeout: seconds it may take.

        Raises:
            EtcdError: ErrCompacted, ErrFutureRev.
        """
        answer = await self._caller.unary_at(
            endpoint, rpcs.HASH_KV, m.HashKVRequest(revision=rev), limited(ctx, timeout)
        )
        return responses.HashKVResponse.of(answer)

    async def move_leader(
        self, transferee_id: int, *, ctx: Context | None = None, timeout: float | None = None
    ) -> responses.MoveLeaderResponse:
        """Have another member lead; the leader itself has to be asked.

        Raises:
            EtcdError: ErrNotLeader; ErrBadLeaderTransferee: there is no such member, or it is a
                learner.
        """
        request = m.MoveLeaderRequest(targetID=transferee_id)
        answer = await self._caller.unary(rpcs.MOVE_LEADER, request, limited(ctx, timeout))
        return responses.MoveLeaderResponse.of(answer)

    async def downgrade(
        self,
        action: responses.DowngradeAction | str,
        version: str = "",
        *,
        ctx: Context | None = None,
        timeout: float | None = None,
    ) -> responses.DowngradeResponse:
        """See to it that members of the minor release before can join; from etcd 3.5 on.

        Args:
            action: what to do, or its name: "validate", "enable", "cancel".
            version: to which version; none to cancel.
            ctx: what the call runs under.
            timeout: seconds it may take.

        Raises:
            ValueError: no such action.
            EtcdError: a DowngradeError.
        """
        request = m.DowngradeRequest(action=int(_action(action)), version=version)
        answer = await self._caller.unary(rpcs.DOWNGRADE, request, limited(ctx, timeout))
        return responses.DowngradeResponse.of(answer)

    async def snapshot(
        self, *, ctx: Context | None = None, timeout: float | None = None
    ) -> Snapshot:
        """The file of one member as it is now, and a sum of it; `Snapshot` says how to read it.

        Until its first piece is there the call is repeated as a get would be. Afterwards what goes
        wrong is raised by who reads. `clientv3.snapshot.save` makes a file of it.

        Args:
            ctx: what the call and the reading run under.
            timeout: seconds that all may take.
        """
        ctx = limited(ctx, timeout)
        stream, first = await self._caller.repeated_stream(rpcs.SNAPSHOT, m.SnapshotRequest(), ctx)
        return Snapshot(stream, ctx, None if first is None else responses.SnapshotChunk.of(first))

    async def snapshot_with_version(
        self, *, ctx: Context | None = None, timeout: float | None = None
    ) -> Snapshot:
        """The same as `snapshot`: Go has two, for what the older of them gives has no version."""
        return await self.snapshot(ctx=ctx, timeout=timeout)


def _action(action: responses.DowngradeAction | str) -> responses.DowngradeAction:
    if isinstance(action, str):
        action = responses.DowngradeAction.__members__.get(action.upper(), action)
    if not isinstance(action, responses.DowngradeAction):
        raise ValueError(f"etcdclient: unknown downgrade action: {action}")
    return action


class Snapshot:
    """The file of a member, on its way: iterate over its pieces, or `read`; close it, or use it as
    a context manager.

    The last 32 bytes are the SHA-256 of all before. A stream that breaks raises; one that ends
    early without an error is found by that sum alone.

    Args:
        stream: what the pieces come from.
        ctx: what that runs under.
        first: the first of them, None if there is none.
    """

    def __init__(self, stream: Stream, ctx: Context, first: responses.SnapshotChunk | None) -> None:
        self._stream = stream
        self._ctx = ctx
        self._rest = b"" if first is None else first.blob
        self._is_over = first is None
        self._is_closed = False
        self._header = ResponseHeader() if first is None else first.header
        self._version = "" if first is None else first.version
        self._size = 0 if first is None else len(first.blob) + first.remaining_bytes + SUM_SIZE

    @property
    def header(self) -> ResponseHeader:
        """The one of the first piece; etcd's own has nothing in it."""
        return self._header

    @property
    def version(self) -> str:
        """Which version's storage the file has ("3.7.0"), from etcd 3.6 on; "" before."""
        return self._version

    @property
    def size(self) -> int:
        """How many bytes it has, the sum with them, as the server says."""
        return self._size

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._is_closed

    async def read(self, size: int | None = -1) -> bytes:
        """So many bytes, fewer only at the end; all that are left for -1 or None.

        Raises:
            ValueError: it was closed.
            ContextError: the context ended first.
            EtcdError: the server said so.
            StatusError: the stream broke.
        """
        wanted = -1 if size is None else size
        pieces = []
        have = 0
        while wanted < 0 or have < wanted:
            piece = await self._piece()
            if not piece:
                break
            pieces.append(piece)
            have += len(piece)
        found = b"".join(pieces)
        if 0 <= wanted < have:
            self._rest = found[wanted:]
            return found[:wanted]
        return found

    def __aiter__(self) -> Snapshot:
        return self

    async def __anext__(self) -> bytes:
        piece = await self._piece()
        if not piece:
            raise StopAsyncIteration
        return piece

    async def _piece(self) -> bytes:
        """The next piece as it came; empty at the end."""
        if self._is_closed:
            raise ValueError("read of a closed snapshot")
        piece, self._rest = self._rest, b""
        while not piece and not self._is_over:
            try:
                answer: m.SnapshotResponse | None = await self._stream.receive()
            except CallFailed as failed:
                raise error_of(failed, self._ctx) from None
            if answer is None:
                self._is_over = True
            else:
                piece = answer.blob
        return piece

    async def close(self) -> None:
        """Have nothing more sent. More than once does nothing."""
        self._is_closed = True
        self._stream.cancel()

    async def __aenter__(self) -> Snapshot:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()
