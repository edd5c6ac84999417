"""What the methods of the services Lock and Election answer.

etcd: v3lockpb/v3lock.proto, v3electionpb/v3election.proto.
"""

from __future__ import annotations

from dataclasses import dataclass

from fake_etcd.api import messages as m
from fake_etcd.clientv3.responses.header import HeaderResponse, ResponseHeader
from fake_etcd.clientv3.responses.kv import KeyValue


@dataclass(frozen=True, slots=True)
class LockResponse:
    """`key` is there for as long as the lock is held."""

    header: ResponseHeader
    key: bytes = b""

    @classmethod
    def of(cls, pb: m.LockResponse) -> LockResponse:
        return cls(ResponseHeader.of(pb.header), pb.key)


class UnlockResponse(HeaderResponse):
    """The lock is held no longer."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class LeaderKey:
    """Who is elected: the election, the leader's key with the revision that made it, its lease."""

    name: bytes
    key: bytes
    rev: int
    lease: int

    @classmethod
    def of(cls, pb: m.LeaderKey) -> LeaderKey:
        return cls(pb.name, pb.key, pb.rev, pb.lease)


@dataclass(frozen=True, slots=True)
class CampaignResponse:
    """The caller is elected."""

    header: ResponseHeader
    leader: LeaderKey

    @classmethod
    def of(cls, pb: m.CampaignResponse) -> CampaignResponse:
        return cls(ResponseHeader.of(pb.header), LeaderKey.of(pb.leader))


class ProclaimResponse(HeaderResponse):
    """The leader's value is another."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class LeaderResponse:
    """The leader's key and value."""

    header: ResponseHeader
    kv: KeyValue

    @classmethod
    def of(cls, pb: m.LeaderResponse) -> LeaderResponse:
        return cls(ResponseHeader.of(pb.header), KeyValue.of(pb.kv))


class ResignResponse(HeaderResponse):
    """The caller leads no longer."""

    __slots__ = ()
