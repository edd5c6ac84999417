"""The Cluster service: MemberAdd, MemberRemove, MemberUpdate, MemberList and MemberPromote.

Which changes make sense is in `core.membership`. No header here has a revision.
etcd: server/etcdserver/api/v3rpc/member.go, server/etcdserver/server.go (AddMember and others).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, cast

from google.protobuf.message import Message

from fake_etcd.api import errors
from fake_etcd.api import messages as m
from fake_etcd.core import cluster
from fake_etcd.core.go_url import UrlError, new_urls
from fake_etcd.core.node import Node
from fake_etcd.services import access
from fake_etcd.services.call import Call, StreamHandler, UnaryHandler

_OfOne: TypeAlias = "m.MemberPromoteRequest | m.MemberRemoveRequest"


def unary(node: Node) -> dict[str, UnaryHandler]:
    """Handlers that answer at once, by their names in the method table."""
    own = node.membership
    handlers = {
        "member_add": _make_member_add(node),
        "member_list": _make_member_list(node),
        "member_promote": _make_by_id(
            node, own.check_promote, own.promote, m.MemberPromoteResponse
        ),
        "member_remove": _make_by_id(node, own.check_remove, own.remove, m.MemberRemoveResponse),
        "member_update": _make_member_update(node),
    }
    # Each takes its own request class; the transport decodes that very class from the table.
    return cast(dict[str, UnaryHandler], handlers)


def streams(node: Node) -> dict[str, StreamHandler]:
    """None."""
    return {}


def members(node: Node) -> tuple[cluster.Member, ...]:
    """All members, by id. Where clients find the others is not known: each is alone."""
    return cluster.with_client_urls(node.members, node.member_id, node.config.advertise_client_urls)


def _make_member_list(node: Node) -> Callable[[m.MemberListRequest, Call], bytes]:
    def member_list(request: m.MemberListRequest, call: Call) -> bytes:
        """A linearizable one is the same: there is nobody to ask."""
        access.require_auth_info(node, call)
        return _answer(node, m.MemberListResponse(members=_all(node)))

    return member_list


def _make_member_add(node: Node) -> Callable[[m.MemberAddRequest, Call], bytes]:
    membership = node.membership

    def member_add(request: m.MemberAddRequest, call: Call) -> bytes:
        """Raises: errors.MEMBER_BAD_URLS, and what `access.require_admin`,
        `Membership.check_add` and `Membership.add` do.
        """
        member = cluster.added(_urls(request), _unix_seconds(node), request.isLearner)
        access.require_admin(node, call)
        membership.check_add(member.is_learner)
        node.raft_index += 1
        membership.add(member)
        return _answer(node, m.MemberAddResponse(member=_encoded(member), members=_all(node)))

    return member_add


def _make_by_id(
    node: Node,
    check: Callable[[int], None],
    change: Callable[[int], None],
    answer: Callable[..., Message],
) -> Callable[[_OfOne, Call], bytes]:
    """A handler of what is done to one member, after a check; its answer has all that are left."""

    def by_id(request: _OfOne, call: Call) -> bytes:
        """Raises: what `access.require_admin`, `check` and `change` do."""
        access.require_admin(node, call)
        check(request.ID)
        node.raft_index += 1
        change(request.ID)
        return _answer(node, answer(members=_all(node)))

    return by_id


def _make_member_update(node: Node) -> Callable[[m.MemberUpdateRequest, Call], bytes]:
    membership = node.membership

    def member_update(request: m.MemberUpdateRequest, call: Call) -> bytes:
        """Whatever is given for a URL becomes one, and in the order given.

        Raises:
            what `access.require_admin` and `Membership.update` do.
        """
        access.require_admin(node, call)
        node.raft_index += 1
        membership.update(request.ID, tuple(request.peerURLs))
        return _answer(node, m.MemberUpdateResponse(members=_all(node)))

    return member_update


def _answer(node: Node, rest: Message) -> bytes:
    """An answer, from what is in it behind its header."""
    return node.header_without_revision + rest.SerializeToString()


def _urls(request: m.MemberAddRequest) -> list[str]:
    """Raises: errors.MEMBER_BAD_URLS: there are none, or one that etcd takes for none."""
    try:
        urls = [url.text for url in new_urls(request.peerURLs)]
    except UrlError:
        raise errors.MEMBER_BAD_URLS from None
    if not urls:
        raise errors.MEMBER_BAD_URLS
    return urls


def _unix_seconds(node: Node) -> int:
    return int(node.config.unix_epoch + node.clock.now())


def _all(node: Node) -> list[m.Member]:
    return [_encoded(each) for each in members(node)]


def _encoded(member: cluster.Member) -> m.Member:
    return m.Member(
        ID=member.id,
        name=member.name,
        peerURLs=member.peer_urls,
        clientURLs=member.client_urls,
        isLearner=member.is_learner,
    )
