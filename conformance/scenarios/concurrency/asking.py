"""The requests of the Lock and Election services, by their fields; and who sees what they do."""

from __future__ import annotations

from typing import cast

from fake_etcd.api import messages as m

from ...connection import CALL_SECONDS, Connection, Stream
from ..lease.asking import grant


def grant_all(s: Connection, *ids: int) -> None:
    """Leases with these ids, none of which ends before its scenario."""
    for id in ids:
        grant(s, id, 600)


# Lock


def lock(s: Connection, name: bytes = b"l", lease: int = 7) -> bytes:
    """The key of the lock, which is had at once; empty where it is not."""
    answer = s.call("Lock/Lock", m.LockRequest(name=name, lease=lease))
    return cast(m.LockResponse, answer).key


def ask_for_lock(
    s: Connection, name: bytes = b"l", lease: int = 8, seconds: float = CALL_SECONDS
) -> Stream:
    """A call that waits for the lock, for so long at the most."""
    return s.begin("Lock/Lock", m.LockRequest(name=name, lease=lease), seconds)


def unlock(s: Connection, key: bytes) -> None:
    s.call("Lock/Unlock", m.UnlockRequest(key=key))


# Election


def campaign(
    s: Connection, name: bytes = b"e", lease: int = 7, value: bytes = b"me"
) -> m.LeaderKey:
    """The leader's key; an empty one where nobody is elected."""
    request = m.CampaignRequest(name=name, lease=lease, value=value)
    return cast(m.CampaignResponse, s.call("Election/Campaign", request)).leader


def stand(
    s: Connection,
    name: bytes = b"e",
    lease: int = 8,
    value: bytes = b"me too",
    seconds: float = CALL_SECONDS,
) -> Stream:
    """A campaign that waits, for so long at the most."""
    request = m.CampaignRequest(name=name, lease=lease, value=value)
    return s.begin("Election/Campaign", request, seconds)


def proclaim(s: Connection, leader: m.LeaderKey | None, value: bytes = b"news") -> None:
    s.call("Election/Proclaim", m.ProclaimRequest(leader=leader, value=value))


def resign(s: Connection, leader: m.LeaderKey | None) -> None:
    s.call("Election/Resign", m.ResignRequest(leader=leader))


def leader(s: Connection, name: bytes = b"e") -> None:
    s.call("Election/Leader", m.LeaderRequest(name=name))


def observe(s: Connection, name: bytes = b"e") -> Stream:
    return s.begin("Election/Observe", m.LeaderRequest(name=name))


def changed(
    given: m.LeaderKey,
    *,
    name: bytes | None = None,
    key: bytes | None = None,
    rev: int | None = None,
    lease: int | None = None,
) -> m.LeaderKey:
    """The same leader's key with something else in it."""
    return m.LeaderKey(
        name=given.name if name is None else name,
        key=given.key if key is None else key,
        rev=given.rev if rev is None else rev,
        lease=given.lease if lease is None else lease,
    )


# Several that want it


def contested_lock(
    s: Connection, *leases: int, by: Connection | None = None
) -> tuple[bytes, Stream, list[Stream]]:
    """The lock "l" is had with lease 7, and waited for with others, by somebody else perhaps.

    Returns:
        its key, a watch that has seen all of it, and the calls that wait.
    """
    watch = watch_all(s, b"l/")
    key = lock(s)
    watch.receive()
    return key, watch, wait_for_lock(by or s, watch, *leases)


def wait_for_lock(s: Connection, watch: Stream, *leases: int) -> list[Stream]:
    """Calls that wait for the lock "l", each behind those before it."""
    return [_begun(ask_for_lock(s, lease=lease), watch) for lease in leases]


def contested_election(
    s: Connection, *leases: int, by: Connection | None = None
) -> tuple[m.LeaderKey, Stream, list[Stream]]:
    """The same of the election "e", with its leader's key."""
    watch = watch_all(s, b"e/")
    mine = campaign(s)
    watch.receive()
    return mine, watch, [_begun(stand(by or s, lease=lease), watch) for lease in leases]


def _begun(call: Stream, watch: Stream) -> Stream:
    watch.receive()
    return call


# Who sees it


def watch_all(s: Connection, prefix: bytes) -> Stream:
    """A watch of all keys with a prefix, which has begun."""
    end = prefix[:-1] + bytes((prefix[-1] + 1,))
    stream = s.open("Watch/Watch")
    create = m.WatchCreateRequest(key=prefix, range_end=end)
    stream.send(m.WatchRequest(create_request=create))
    stream.receive()
    return stream


def finish(call: Stream) -> None:
    """Take a call's one answer, and its end; only that where it is refused."""
    if call.receive().ByteSize():
        call.receive()


def show(s: Connection, prefix: bytes) -> None:
    """All keys with a prefix, as they are now."""
    s.range(key=prefix, range_end=prefix[:-1] + bytes((prefix[-1] + 1,)))
