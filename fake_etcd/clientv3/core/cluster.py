"""The members of a cluster: who they are, and changes of that.

etcd: client/v3/cluster.go, client/pkg/types/urls.go (what a peer's URL may be).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from fake_etcd.api import messages as m
from fake_etcd.clientv3 import responses
from fake_etcd.clientv3.context import Context, limited
from fake_etcd.clientv3.core import rpcs
from fake_etcd.clientv3.core.caller import Caller


class Cluster:
    """The members.

    Every method takes `ctx`, what its call runs under, and `timeout`, the seconds it may take.

    Args:
        caller: makes the calls.
    """

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def member_list(
        self,
        *,
        serializable: bool = False,
        ctx: Context | None = None,
        timeout: float | None = None,
    ) -> responses.MemberListResponse:
        """All members.

        Args:
            serializable: as the server that is asked knows them, though it may be behind, or
                without a leader; otherwise as the cluster does.
            ctx: what the call runs under.
            timeout: seconds it may take.
        """
        request = m.MemberListRequest(linearizable=not serializable)
        answer = await self._caller.unary(rpcs.MEMBER_LIST, request, limited(ctx, timeout))
        return responses.MemberListResponse.of(answer)

    async def member_add(
        self,
        peer_urls: Sequence[str],
        *,
        ctx: Context | None = None,
        timeout: float | None = None,
    ) -> responses.MemberAddResponse:
        """Let another member in, which is to be started thereafter.

        It counts for the majority at once: in a cluster of one nothing can be written until it is
        there. `member_add_as_learner` and `member_promote` go without such a time.

        Args:
            peer_urls: where the other members will find it.
            ctx: what the call runs under.
            timeout: seconds it may take.

        Raises:
            ValueError: a URL is none for a peer, or there is none.
            EtcdError: ErrPeerURLExist, ErrMemberExist, ErrUnhealthy, ErrMemberNotEnoughStarted.
        """
        return await self._add(peer_urls, False, limited(ctx, timeout))

    async def member_add_as_learner(
        self,
        peer_urls: Sequence[str],
        *,
        ctx: Context | None = None,
        timeout: float | None = None,
    ) -> responses.MemberAddResponse:
        """Let another member in that follows and has no vote; as `member_add`.

        Raises:
            EtcdError: ErrTooManyLearners as well.
        """
        return await self._add(peer_urls, True, limited(ctx, timeout))

    async def member_remove(
        self, id: int, *, ctx: Context | None = None, timeout: float | None = None
    ) -> responses.MemberRemoveResponse:
        """Put a member out.

        Raises:
            EtcdError: ErrMemberNotFound; ErrUnhealthy, ErrMemberNotEnoughStarted: too few would
                be left.
        """
        request = m.MemberRemoveRequest(ID=id)
        answer = await self._caller.unary(rpcs.MEMBER_REMOVE, request, limited(ctx, timeout))
        return responses.MemberRemoveResponse.of(answer)

    async def member_update(
        self,
        id: int,
        peer_urls: Sequence[str],
        *,
        ctx: Context | None = None,
        timeout: float | None = None,
    ) -> responses.MemberUpdateResponse:
        """Say that a member is found elsewhere; raises as `member_add`, and ErrMemberNotFound."""
        request = m.MemberUpdateRequest(ID=id, peerURLs=checked_urls(peer_urls))
        answer = await self._caller.unary(rpcs.MEMBER_UPDATE, request, limited(ctx, timeout))
        return responses.MemberUpdateResponse.of(answer)

    async def member_promote(
        self, id: int, *, ctx: Context | None = None, timeout: float | None = None
    ) -> responses.MemberPromoteResponse:
        """Give a learner a vote.

        Raises:
            EtcdError: ErrMemberNotFound, ErrMemberNotLearner; ErrMemberLearnerNotReady: it has
                not caught up with the leader yet.
        """
        request = m.MemberPromoteRequest(ID=id)
        answer = await self._caller.unary(rpcs.MEMBER_PROMOTE, request, limited(ctx, timeout))
        return responses.MemberPromoteResponse.of(answer)

    async def _add(
        self, peer_urls: Sequence[str], is_learner: bool, ctx: Context
    ) -> responses.MemberAddResponse:
        request = m.MemberAddRequest(peerURLs=checked_urls(peer_urls), isLearner=is_learner)
        return responses.MemberAddResponse.of(
            await self._caller.unary(rpcs.MEMBER_ADD, request, ctx)
        )


_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_PORT = re.compile(r"(?:\[[^\]]*(?:\]|$)|[^:[][^:]*|)(:[0-9]*)?")
"""A host, in brackets or without, and what is behind it."""


def checked_urls(urls: Sequence[str]) -> Sequence[str]:
    """`urls`, as they were given.

    Go's client looks at them itself, for there were servers that a bad one stopped. What is told
    here is what goes wrong commonly, in Go's words; what is left is the server's to refuse
    (ErrMemberBadURLs).

    Raises:
        ValueError: one is no URL of a peer, or there is none.
        TypeError: a text in place of a list of them.
    """
    if isinstance(urls, str):
        raise TypeError('peer_urls is a list of them: ["http://10.0.0.1:2380"]')
    if not urls:
        raise ValueError("no valid URLs given")
    for url in urls:
        _check(url.strip())
    return urls


def _check(url: str) -> None:
    rest = url.partition("#")[0].partition("?")[0]
    found = _SCHEME.match(rest)
    scheme = "" if found is None else found[1].lower()
    if found is None and ":" in rest.partition("/")[0]:
        raise ValueError(f'parse "{url}": first path segment in URL cannot contain colon')
    rest = rest[found.end() :] if found else rest
    host, path = "", rest
    if rest.startswith("//"):
        authority, slash, path = rest[2:].partition("/")
        host, path = authority.rpartition("@")[2], slash + path
    elif not rest.startswith("/"):
        path = ""  # Go calls this opaque
    port = _PORT.fullmatch(host)
    if port is None:
        bad = host.partition("]")[2] if host.startswith("[") else ":" + host.partition(":")[2]
        raise ValueError(f'parse "{url}": invalid port "{bad}" after host')
    if scheme in ("unix", "unixs"):
        return
    if scheme not in ("http", "https"):
        raise ValueError(f"URL scheme must be http, https, unix, or unixs: {url}")
    if port[1] is None:
        raise ValueError(f'URL address does not have the form "host:port": {url}')
    if path:
        raise ValueError(f"URL must not contain a path: {url}")
