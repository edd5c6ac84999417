"""The requests of the Auth service, by their fields, and people to ask in the name of.

A scenario that leaves authentication switched on leaves root with `ROOT_PASSWORD`, so that a
server that is somebody else's can be cleaned up after it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar, cast

from fake_etcd.api import messages as m

from ...connection import Connection, Stream, method_named
from ...targets import ROOT_PASSWORD

READ, WRITE, READWRITE = (m.Permission.Type.Value(name) for name in ("READ", "WRITE", "READWRITE"))

Asker = TypeVar("Asker", bound=Connection)

Right = tuple[int, bytes] | tuple[int, bytes, bytes]
"""A kind of permission, a key, and the end of the range."""


def ask(s: Connection, method: str, **fields: object) -> None:
    """Any method of the service that has one answer."""
    name = f"Auth/{method}"
    s.call(name, method_named(name).request(**fields))


def status(s: Connection) -> m.AuthStatusResponse:
    return cast(m.AuthStatusResponse, s.call("Auth/AuthStatus", m.AuthStatusRequest()))


def enable(s: Connection) -> None:
    ask(s, "AuthEnable")


def disable(s: Connection) -> None:
    ask(s, "AuthDisable")


def authenticate(s: Connection, name: str, password: str) -> str:
    """The token; empty where there is none."""
    request = m.AuthenticateRequest(name=name, password=password)
    return cast(m.AuthenticateResponse, s.call("Auth/Authenticate", request)).token


# Users


def add_user(s: Connection, name: str, password: str = "", *, no_password: bool = False) -> None:
    if no_password:
        ask(s, "UserAdd", name=name, password=password, options={"no_password": True})
    else:
        ask(s, "UserAdd", name=name, password=password)


def get_user(s: Connection, name: str) -> None:
    ask(s, "UserGet", name=name)


def delete_user(s: Connection, name: str) -> None:
    ask(s, "UserDelete", name=name)


def list_users(s: Connection) -> None:
    ask(s, "UserList")


def change_password(s: Connection, name: str, password: str) -> None:
    ask(s, "UserChangePassword", name=name, password=password)


def grant_role(s: Connection, user: str, role: str) -> None:
    ask(s, "UserGrantRole", user=user, role=role)


def revoke_role(s: Connection, name: str, role: str) -> None:
    ask(s, "UserRevokeRole", name=name, role=role)


# Roles


def add_role(s: Connection, name: str) -> None:
    ask(s, "RoleAdd", name=name)


def get_role(s: Connection, role: str) -> None:
    ask(s, "RoleGet", role=role)


def delete_role(s: Connection, role: str) -> None:
    ask(s, "RoleDelete", role=role)


def list_roles(s: Connection) -> None:
    ask(s, "RoleList")


def grant(s: Connection, role: str, kind: int, key: bytes, range_end: bytes = b"") -> None:
    """A permission to a role; `kind` may be a number that is none."""
    ask(
        s,
        "RoleGrantPermission",
        name=role,
        perm=m.Permission(permType=kind, key=key, range_end=range_end),
    )


def revoke(s: Connection, role: str, key: bytes, range_end: bytes = b"") -> None:
    """A permission from a role."""
    ask(s, "RoleRevokePermission", role=role, key=key, range_end=range_end)


# People


def add_person(s: Connection, name: str, *rights: Right) -> None:
    """A user whose password is their name, with a role of their name that has these rights."""
    add_user(s, name, name)
    add_role(s, name)
    grant_role(s, name, name)
    for right in rights:
        grant(s, name, *right)


def add_root(s: Connection) -> None:
    """The user that authentication can be switched on with."""
    add_user(s, "root", ROOT_PASSWORD)
    grant_role(s, "root", "root")


def switch_on(s: Asker) -> Asker:
    """Add root, switch authentication on, and give the connection that asks as root."""
    add_root(s)
    enable(s)
    return as_root(s)


def as_root(s: Asker) -> Asker:
    return s.log_in("root", ROOT_PASSWORD)


def as_person(s: Asker, name: str) -> Asker:
    return s.log_in(name, name)


def one_person(s: Asker, *rights: Right) -> tuple[Asker, Asker]:
    """Root, and alice with these rights, on a server that asks who it is."""
    add_person(s, "alice", *rights)
    return switch_on(s), as_person(s, "alice")


# Other services


def op_put(key: bytes, value: bytes = b"", **fields: object) -> m.RequestOp:
    put = m.PutRequest(key=key, value=value, **fields)  # type: ignore[arg-type]  # protobuf checks
    return m.RequestOp(request_put=put)


def op_range(key: bytes, range_end: bytes = b"", **fields: object) -> m.RequestOp:
    request = m.RangeRequest(key=key, range_end=range_end, **fields)  # type: ignore[arg-type]
    return m.RequestOp(request_range=request)


def op_delete(key: bytes, range_end: bytes = b"", *, prev_kv: bool = False) -> m.RequestOp:
    request = m.DeleteRangeRequest(key=key, range_end=range_end, prev_kv=prev_kv)
    return m.RequestOp(request_delete_range=request)


def op_txn(
    compare: Iterable[m.Compare] = (),
    success: Iterable[m.RequestOp] = (),
    failure: Iterable[m.RequestOp] = (),
) -> m.RequestOp:
    request = m.TxnRequest(compare=compare, success=success, failure=failure)
    return m.RequestOp(request_txn=request)


def version_is(key: bytes, version: int, range_end: bytes = b"") -> m.Compare:
    return m.Compare(key=key, range_end=range_end, target=m.Compare.VERSION, version=version)


def grant_lease(s: Connection, id: int, ttl: int = 600) -> None:
    s.call("Lease/LeaseGrant", m.LeaseGrantRequest(ID=id, TTL=ttl))


def revoke_lease(s: Connection, id: int) -> None:
    s.call("Lease/LeaseRevoke", m.LeaseRevokeRequest(ID=id))


def time_to_live(s: Connection, id: int, *, keys: bool = False) -> None:
    s.call("Lease/LeaseTimeToLive", m.LeaseTimeToLiveRequest(ID=id, keys=keys))


def list_leases(s: Connection) -> None:
    s.call("Lease/LeaseLeases", m.LeaseLeasesRequest())


def keep_alive(s: Connection, *ids: int) -> None:
    """On a stream of its own, one after the other, until it ends."""
    stream = s.open("Lease/LeaseKeepAlive")
    for id in ids:
        stream.send(m.LeaseKeepAliveRequest(ID=id))
        if not stream.receive().ByteSize():
            return
    stream.half_close()
    stream.receive()


def watch(stream: Stream, key: bytes, range_end: bytes = b"", **fields: object) -> None:
    """Ask for a watch on a stream of Watch/Watch, and take one answer."""
    create = m.WatchCreateRequest(key=key, range_end=range_end, **fields)  # type: ignore[arg-type]
    stream.send(m.WatchRequest(create_request=create))
    stream.receive()


def watch_once(s: Connection, key: bytes, range_end: bytes = b"") -> None:
    """A watch on a stream of its own, with the answer to it; the stream is given up then."""
    stream = s.open("Watch/Watch")
    watch(stream, key, range_end)
    stream.cancel()


# Every method


def every_call(s: Connection) -> None:
    """Each method of KV, Watch, Lease and Auth once, but for those that switch or authenticate."""
    every_kv_call(s)
    every_lease_call(s)
    watch_once(s, b"a")
    every_management_call(s)
    status(s)


def every_kv_call(s: Connection) -> None:
    s.range(key=b"a")
    s.range(key=b"a", serializable=True)
    s.range_stream(key=b"a")
    revision = s.put(key=b"a", value=b"1").header.revision
    s.delete_range(key=b"b")
    s.txn(success=[op_range(b"a")])
    s.txn(success=[op_put(b"a", b"2")])
    s.txn()
    s.compact(revision=revision)


def every_lease_call(s: Connection) -> None:
    grant_lease(s, 7)
    time_to_live(s, 7)
    time_to_live(s, 7, keys=True)
    list_leases(s)
    keep_alive(s, 7)
    revoke_lease(s, 7)


def every_management_call(s: Connection) -> None:
    """Users and roles: each is added, used and deleted again."""
    add_user(s, "new", "new")
    change_password(s, "new", "newer")
    add_role(s, "new")
    grant(s, "new", READ, b"n")
    grant_role(s, "new", "new")
    get_user(s, "new")
    get_role(s, "new")
    list_users(s)
    list_roles(s)
    revoke(s, "new", b"n")
    revoke_role(s, "new", "new")
    delete_role(s, "new")
    delete_user(s, "new")
