"""The Cluster service: MemberList. Adding, removing, changing and promoting members is not here.

etcd: server/etcdserver/api/v3rpc/member.go, server/etcdserver/server.go (MemberList).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from fake_etcd.api import messages as m
from fake_etcd.core import cluster
from fake_etcd.core.node import Node
from fake_etcd.services import access
from fake_etcd.services.call import Call, StreamHandler, UnaryHandler


def unary(node: Node) -> dict[str, UnaryHandler]:
    """Handlers that answer at once, by their names in the method table."""
    # It takes its own request class; the transport decodes that very class from the table.
    return cast(dict[str, UnaryHandler], {"member_list": _make_member_list(node)})


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
        answer = m.MemberListResponse(members=[_encoded(each) for each in members(node)])
        return node.header_without_revision + answer.SerializeToString()

    return member_list


def _encoded(member: cluster.Member) -> m.Member:
    return m.Member(
        ID=member.id,
        name=member.name,
        peerURLs=member.peer_urls,
        clientURLs=member.client_urls,
        isLearner=member.is_learner,
    )
