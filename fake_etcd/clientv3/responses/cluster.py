"""Members, and what Cluster's methods answer.

etcd: etcdserverpb/rpc.proto.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from fake_etcd.api import messages as m
from fake_etcd.clientv3.responses.header import ResponseHeader


@dataclass(frozen=True, slots=True)
class Member:
    """One of the cluster. Before it has started it has no name and no client URLs."""

    id: int
    name: str = ""
    peer_urls: tuple[str, ...] = ()
    client_urls: tuple[str, ...] = ()
    is_learner: bool = False

    @classmethod
    def of(cls, pb: m.Member) -> Member:
        return cls(pb.ID, pb.name, tuple(pb.peerURLs), tuple(pb.clientURLs), pb.isLearner)


@dataclass(frozen=True, slots=True)
class MemberAddResponse:
    """The new one, and all."""

    header: ResponseHeader
    member: Member
    members: tuple[Member, ...] = ()

    @classmethod
    def of(cls, pb: m.MemberAddResponse) -> MemberAddResponse:
        members = tuple(Member.of(each) for each in pb.members)
        return cls(ResponseHeader.of(pb.header), Member.of(pb.member), members)


class _HasMembers(Protocol):
    @property
    def header(self) -> m.ResponseHeader: ...
    @property
    def members(self) -> Iterable[m.Member]: ...


_R = TypeVar("_R", bound="MembersResponse")


@dataclass(frozen=True, slots=True)
class MembersResponse:
    """An answer that has all members and nothing else; each such method has a subclass."""

    header: ResponseHeader
    members: tuple[Member, ...] = ()

    @classmethod
    def of(cls: type[_R], pb: _HasMembers) -> _R:
        return cls(ResponseHeader.of(pb.header), tuple(Member.of(each) for each in pb.members))


class MemberRemoveResponse(MembersResponse):
    """Those that are left."""

    __slots__ = ()


class MemberUpdateResponse(MembersResponse):
    """All of them, with the one's new URLs."""

    __slots__ = ()


class MemberListResponse(MembersResponse):
    """All of them."""

    __slots__ = ()


class MemberPromoteResponse(MembersResponse):
    """All of them, the one a learner no longer."""

    __slots__ = ()
