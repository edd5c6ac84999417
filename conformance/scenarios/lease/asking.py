"""The requests of the Lease service, by their fields."""

from __future__ import annotations

from typing import cast

from fake_etcd.api import messages as m

from ...connection import Connection, Stream


def grant(s: Connection, id: int = 0, ttl: int = 60) -> int:
    """The id of the lease, 0 where there is none."""
    answer = s.call("Lease/LeaseGrant", m.LeaseGrantRequest(ID=id, TTL=ttl))
    return cast(m.LeaseGrantResponse, answer).ID


def revoke(s: Connection, id: int) -> None:
    s.call("Lease/LeaseRevoke", m.LeaseRevokeRequest(ID=id))


def time_to_live(s: Connection, id: int, keys: bool = False) -> None:
    s.call("Lease/LeaseTimeToLive", m.LeaseTimeToLiveRequest(ID=id, keys=keys))


def leases(s: Connection) -> None:
    s.call("Lease/LeaseLeases", m.LeaseLeasesRequest())


def renew(stream: Stream, *ids: int) -> None:
    """Renew one after the other on a stream of Lease/LeaseKeepAlive."""
    for id in ids:
        stream.send(m.LeaseKeepAliveRequest(ID=id))
        stream.receive()


def keep_alive(s: Connection, *ids: int) -> None:
    """Likewise on a stream of its own, to its end."""
    stream = s.open("Lease/LeaseKeepAlive")
    renew(stream, *ids)
    stream.half_close()
    stream.receive()
