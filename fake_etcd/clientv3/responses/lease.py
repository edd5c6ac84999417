"""What Lease's methods answer. TTLs are seconds.

etcd: etcdserverpb/rpc.proto, client/v3/lease.go.
"""

from __future__ import annotations

from dataclasses import dataclass

from fake_etcd.api import messages as m
from fake_etcd.clientv3.responses.header import HeaderResponse, ResponseHeader


@dataclass(frozen=True, slots=True)
class LeaseGrantResponse:
    """`ttl` may be more than was asked for: servers have a least one."""

    header: ResponseHeader
    id: int
    ttl: int = 0
    error: str = ""

    @classmethod
    def of(cls, pb: m.LeaseGrantResponse) -> LeaseGrantResponse:
        return cls(ResponseHeader.of(pb.header), pb.ID, pb.TTL, pb.error)


class LeaseRevokeResponse(HeaderResponse):
    """The lease is gone, and its keys with it."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class LeaseKeepAliveResponse:
    """`ttl` is what the lease has from now on; 0 or less: there is no such lease."""

    header: ResponseHeader
    id: int
    ttl: int = 0

    @classmethod
    def of(cls, pb: m.LeaseKeepAliveResponse) -> LeaseKeepAliveResponse:
        return cls(ResponseHeader.of(pb.header), pb.ID, pb.TTL)


@dataclass(frozen=True, slots=True)
class LeaseTimeToLiveResponse:
    """`ttl` is what is left, -1 of a lease that is not there; `keys` come where asked for."""

    header: ResponseHeader
    id: int
    ttl: int = 0
    granted_ttl: int = 0
    keys: tuple[bytes, ...] = ()

    @classmethod
    def of(cls, pb: m.LeaseTimeToLiveResponse) -> LeaseTimeToLiveResponse:
        header = ResponseHeader.of(pb.header)
        return cls(header, pb.ID, pb.TTL, pb.grantedTTL, tuple(pb.keys))


@dataclass(frozen=True, slots=True)
class LeaseStatus:
    """One of the leases that there are."""

    id: int

    @classmethod
    def of(cls, pb: m.LeaseStatus) -> LeaseStatus:
        return cls(pb.ID)


@dataclass(frozen=True, slots=True)
class LeaseLeasesResponse:
    """The leases that there are, those that end first at first."""

    header: ResponseHeader
    leases: tuple[LeaseStatus, ...] = ()

    @classmethod
    def of(cls, pb: m.LeaseLeasesResponse) -> LeaseLeasesResponse:
        return cls(ResponseHeader.of(pb.header), tuple(LeaseStatus.of(each) for each in pb.leases))
