"""A call, with all that Go's interceptors do about it: endpoint, metadata, token, retries.

etcd: client/v3/retry_interceptor.go, client.go (getToken, roundRobinQuorumBackoff), ctx.go.
"""

from __future__ import annotations

import math
import random
from typing import Any, TypeVar

from google.protobuf.message import Message

from fake_etcd.api import messages as m
from fake_etcd.api.methods import Kind
from fake_etcd.clientv3 import endpoints, rpctypes
from fake_etcd.clientv3.config import Config
from fake_etcd.clientv3.context import Context, DeadlineExceeded, Metadata
from fake_etcd.clientv3.core import rpcs
from fake_etcd.clientv3.core.balancer import Balancer, Link
from fake_etcd.clientv3.core.failures import (
    error_of,
    has_no_connection,
    is_of_context,
    may_repeat,
)
from fake_etcd.clientv3.core.io import CallFailed, ChannelClosed, Io, Stream, sleep
from fake_etcd.clientv3.core.login import Login
from fake_etcd.clientv3.core.rpcs import Rpc
from fake_etcd.clientv3.errors import StatusError

Request = TypeVar("Request", bound=Message)
Response = TypeVar("Response", bound=Message)


API_VERSION = "3.7"
"""What the client says of itself, in `client-api-version`."""

_VERSION = ("client-api-version", API_VERSION)

_STALE_TOKEN = (rpctypes.ErrInvalidAuthToken, rpctypes.ErrAuthOldRevision)

_MAX_REROUTES = 10
"""How often a call looks for another endpoint before that counts as a try: the text that tells of
no connection may come from a proxy's, and then it would go on for ever."""


class Caller:
    """Makes the calls of one client.

    Args:
        io: the world.
        config: the client's.
    """

    def __init__(self, io: Io, config: Config) -> None:
        self.io = io
        self.config = config
        self.log = config.logger
        self.balancer = Balancer(io, config)
        self._has_password = bool(config.username and config.password)
        self.newest_revision = 0
        """That of the last answer about keys: one that the store has reached."""
        self._login = Login(io, self._authenticate, is_due=self._has_password)
        self._metadata: Metadata = (_VERSION,)
        if config.token:
            self._use_token(config.token)

    async def unary(
        self,
        rpc: Rpc[Request, Response],
        request: Request,
        ctx: Context,
        at: Link | None = None,
    ) -> Response:
        """Call, again if the rules allow it, and return the answer.

        Args:
            rpc: what.
            request: with what.
            ctx: how long, and with which metadata.
            at: the one endpoint to call; None for each in turn.

        Raises:
            ContextError: the context ended first. Of a DeadlineExceeded the cause (`__cause__`) is
                the StatusError that tells why there was no connection, where there was none.
            EtcdError: the server said so.
            StatusError: anything else.
        """
        ended = ctx.err()
        if ended is not None:
            raise ended  # gRPC may send it before it looks
        if self._login.is_due and rpc is not rpcs.AUTHENTICATE:
            await self._login.renew(ctx, 0)
        attempt = reroutes = 0
        refused: CallFailed | None = None  # how it went where there was no connection
        while True:
            logins = self._login.count
            try:
                link = at or await self.balancer.pick(ctx)
            except DeadlineExceeded as error:
                raise error from await self.balancer.why_none_is_ready()
            try:
                # The first time not to wait for a connection tells why there is none.
                waits = link.waits_for_ready and refused is not None
                answer: Response = await link.channel.unary(
                    rpc.method, request, ctx, self.metadata(ctx), waits
                )
            except CallFailed as failed:
                if link.waits_for_ready and refused is None and has_no_connection(failed):
                    refused = failed
                    continue
                if at is None and reroutes < _MAX_REROUTES and self._is_elsewhere(failed, link):
                    reroutes += 1
                    continue
                attempt += 1
                most = self.config.max_unary_retries
                try:
                    await self._before(attempt, failed, link, ctx, rpc, logins, most)
                except DeadlineExceeded as error:
                    raise error from (refused and StatusError(refused.code, refused.message))
            else:
                return answer

    async def unary_at(
        self, endpoint: str, rpc: Rpc[Request, Response], request: Request, ctx: Context
    ) -> Response:
        """Call a certain endpoint, over a connection for this call alone; raises as `unary`."""
        place = endpoints.parse(endpoint)
        channel = self.io.open(place, self.config)
        try:
            return await self.unary(rpc, request, ctx, Link(place, channel, True))
        finally:
            await channel.close()

    async def stream(self, rpc: Rpc[Request, Response], ctx: Context) -> Stream:
        """Open a call with many answers, with a token that is fresh; it is never tried again here.

        Raises as `unary`.
        """
        ended = ctx.err()
        if ended is not None:
            raise ended
        if self._has_password:
            await self.get_token(ctx)
        while True:
            link = await self.balancer.pick(ctx)
            try:
                return _Stream(self, link, rpc, ctx)
            except ChannelClosed:
                continue  # it was retired just now; or the client was closed, and `pick` says so

    async def repeated_stream(
        self, rpc: Rpc[Request, Response], request: Request, ctx: Context
    ) -> tuple[Stream, Response | None]:
        """Open a call with one request and many answers, again as often as the rules allow until
        the first is there; that comes with it, None where the call ended without any.

        Raises as `unary`.
        """
        ended = ctx.err()
        if ended is not None:
            raise ended
        if self._has_password:
            await self.get_token(ctx)
        attempt = reroutes = 0
        while True:
            logins = self._login.count
            link = await self.balancer.pick(ctx)
            stream: Stream | None = None
            try:
                stream = link.channel.stream(
                    rpc.method, ctx, self.metadata(ctx), link.waits_for_ready
                )
                await stream.send(request)
                await stream.half_close()
                return stream, await stream.receive()
            except CallFailed as failed:
                if reroutes < _MAX_REROUTES and self._is_elsewhere(failed, link):
                    reroutes += 1
                    continue
                attempt += 1
                await self._before(attempt, failed, link, ctx, rpc, logins, math.inf)
            except BaseException:
                if stream is not None:
                    stream.cancel()
                raise

    def metadata(self, ctx: Context) -> Metadata:
        """What goes with a call."""
        return self._metadata + ctx.metadata if ctx.metadata else self._metadata

    async def get_token(self, ctx: Context) -> None:
        """Have the server name the token of the user and password; nothing where there is none.

        Raises:
            EtcdError: the server refused, but for auth that is not enabled, which needs no token.
        """
        if self._has_password:
            await self._login.renew(ctx)

    async def _authenticate(self, ctx: Context) -> None:
        request = m.AuthenticateRequest(name=self.config.username, password=self.config.password)
        try:
            answer = await self.unary(rpcs.AUTHENTICATE, request, ctx)
        except rpctypes.ErrAuthNotEnabled:
            self._use_token("")
        else:
            self._use_token(answer.token)

    def _use_token(self, token: str) -> None:
        self._metadata = (_VERSION, ("token", token)) if token else (_VERSION,)

    def _is_elsewhere(self, failed: CallFailed, link: Link) -> bool:
        """Whether a call is to look for another endpoint, since its own has no connection. gRPC's
        own balancer would have known before."""
        if isinstance(failed, ChannelClosed):
            return True  # the endpoints were changed; or the client was closed, and `pick` says so
        if link.waits_for_ready or not has_no_connection(failed):
            return False
        self.balancer.failed(link)
        return True

    async def _before(
        self,
        attempt: int,
        failed: CallFailed,
        link: Link,
        ctx: Context,
        rpc: Rpc[Request, Response],
        logins: int,
        most: float,
    ) -> None:
        """Make ready for another try, the `attempt`th after the first. Raises what the caller sees
        where there is none, or where it was tried as often as `most`."""
        if attempt >= most or not (
            await self._has_renewed_token(failed, ctx, rpc, logins)
            or self._may_repeat(failed, ctx, rpc)
        ):
            raise error_of(failed, ctx)
        self.log.info(
            "%s at %s failed in attempt %d and is tried again: %s: %s",
            rpc.method.path,
            link.endpoint.text,
            attempt,
            failed.code.name,
            failed.message,
        )
        await self.back_off(ctx, attempt)

    async def _has_renewed_token(
        self, failed: CallFailed, ctx: Context, rpc: Rpc[Request, Response], logins: int
    ) -> bool:
        if self.config.token or rpc is rpcs.AUTHENTICATE:
            return False
        known = rpctypes.from_status(failed.code, failed.message)
        if isinstance(known, rpctypes.ErrUserEmpty):
            if not self._has_password:
                return False
        elif not isinstance(known, _STALE_TOKEN):
            return False
        if self._has_password:
            await self._login.renew(ctx, logins)
        return True

    def _may_repeat(self, failed: CallFailed, ctx: Context, rpc: Rpc[Request, Response]) -> bool:
        if is_of_context(failed, ctx):
            return False
        known = rpctypes.from_status(failed.code, failed.message)
        if isinstance(known, rpctypes.ErrNotSupportedForLearner):
            return len(self.balancer.endpoints) > 1
        return may_repeat(failed, rpc.is_repeatable)

    async def back_off(self, ctx: Context, attempt: int) -> None:
        """Wait before another try, once in a round over a majority of the endpoints."""
        quorum = len(self.balancer.endpoints) // 2 + 1
        if attempt % quorum == 0:
            jitter = self.config.backoff_jitter_fraction * (2 * random.random() - 1)
            await sleep(self.io, ctx, self.config.backoff_wait_between * (1 + jitter))


class _Stream:
    """An open call with many answers, which finds another endpoint while it has none.

    Where there is one request, it is sent again there; else the caller opens another call, as it
    does whenever one breaks.
    """

    __slots__ = (
        "_caller",
        "_ctx",
        "_is_canceled",
        "_is_fresh",
        "_link",
        "_open",
        "_request",
        "_rpc",
    )

    def __init__(self, caller: Caller, link: Link, rpc: Rpc[Any, Any], ctx: Context) -> None:
        self._caller = caller
        self._rpc = rpc
        self._ctx = ctx
        self._request: Message | None = None
        self._is_fresh = True
        self._is_canceled = False
        self._link = link
        self._open = self._opened()

    def _opened(self) -> Stream:
        link = self._link
        metadata = self._caller.metadata(self._ctx)
        return link.channel.stream(self._rpc.method, self._ctx, metadata, link.waits_for_ready)

    async def send(self, request: Message) -> None:
        if self._rpc.method.kind is Kind.SERVER_STREAM:
            self._request = request
        await self._open.send(request)

    async def half_close(self) -> None:
        await self._open.half_close()

    async def receive(self) -> Any:
        try:
            answer = await self._open.receive()
        except CallFailed as failed:
            if not (self._is_fresh and self._caller._is_elsewhere(failed, self._link)):
                raise
            if self._request is None:
                raise
        else:
            self._is_fresh = False
            return answer
        return await self._begun_elsewhere(self._request)

    async def _begun_elsewhere(self, request: Message) -> Any:
        self._link = await self._caller.balancer.pick(self._ctx)
        self._open = self._opened()
        if self._is_canceled:
            self._open.cancel()
        await self._open.send(request)
        await self._open.half_close()
        return await self.receive()

    def cancel(self) -> None:
        self._is_canceled = True
        self._open.cancel()
