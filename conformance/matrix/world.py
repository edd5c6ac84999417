"""What is on a server before anybody calls: keys, leases, users and roles; and what mends it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from google.protobuf.message import Message

from fake_etcd.api import messages as m

from .callers import (
    CALLERS,
    MODES,
    NO_ROLE,
    OPERATOR,
    PASSWORD,
    ROOT,
    SHAPES,
    Caller,
    Proof,
    grants,
    roles_of,
)

Mending = tuple[tuple[str, Message], ...]
"""Calls that bring back what a call has changed: methods, and requests."""

NO_PASSWORD = "no-password"
SPARE = "spare"
"""A user, and a role of that user's, that rows delete and change."""

EXTRA_ROLE = "extra"
"""A role that nobody has."""

SPARE_PERMISSION = m.Permission(permType=m.Permission.READ, key=b"spare")


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease that is there."""

    id: int
    keys: tuple[bytes, ...]


LEASES: Mapping[str, Lease] = {
    "of b": Lease(1, (b"b",)),
    "of d": Lease(2, (b"d",)),
    "of b1 and d1": Lease(3, (b"b1", b"d1")),
    "without keys": Lease(4, ()),
}
"""By the keys that are attached, inside and outside of what callers may write."""

KEYS: Mapping[bytes, int] = {
    **dict.fromkeys((b"a", b"b", b"b/1", b"b1", b"b2", b"b4", b"c", b"d", b"d/1", b"d1"), 0),
    **{key: lease.id for lease in LEASES.values() for key in lease.keys},
}
"""All keys, with their leases."""


def mending_of_keys() -> Mending:
    """Puts every key as it was; calls never make others."""
    puts = [
        m.RequestOp(request_put=m.PutRequest(key=key, value=b"value", lease=lease))
        for key, lease in KEYS.items()
    ]
    return (("KV/Txn", m.TxnRequest(success=puts)),)


def spare_user() -> Mending:
    """The user that rows delete."""
    return tuple(_user(SPARE, [SPARE]))


def spare_role() -> Mending:
    """The role that rows delete, in its user's hands again."""
    grant = m.AuthUserGrantRoleRequest(user=SPARE, role=SPARE)
    return (*_role(SPARE, SPARE_PERMISSION), ("Auth/UserGrantRole", grant))


def making() -> Iterator[tuple[str, Message]]:
    """Everything, from a new server on, with auth at the end."""
    for lease in LEASES.values():
        yield "Lease/LeaseGrant", m.LeaseGrantRequest(ID=lease.id, TTL=1_000)
    yield from mending_of_keys()
    yield from _role(ROOT)
    yield from _role(EXTRA_ROLE)
    yield from _role(SPARE, SPARE_PERMISSION)
    for role, permission in grants():
        yield from _role(role, permission)
    yield from _user(ROOT, [ROOT])
    yield from _user(OPERATOR, [ROOT])
    yield from spare_user()
    yield from _user(NO_ROLE, [])
    no_password = m.UserAddOptions(no_password=True)
    yield "Auth/UserAdd", m.AuthUserAddRequest(name=NO_PASSWORD, options=no_password)
    for shape in SHAPES:
        for mode in MODES:
            yield from _user(f"{shape}-{mode}", roles_of(shape, mode))
    for caller in CALLERS:
        if caller.proof is Proof.OF_CHANGED:
            yield from _user(caller.user, [caller.role])
    yield "Auth/AuthEnable", m.AuthEnableRequest()


def passing_user(caller: Caller) -> Mending:
    """A caller who is there only for a token that becomes invalid."""
    return tuple(_user(caller.user, [caller.role]))


def _role(name: str, permission: m.Permission | None = None) -> Iterator[tuple[str, Message]]:
    yield "Auth/RoleAdd", m.AuthRoleAddRequest(name=name)
    if permission is not None:
        grant = m.AuthRoleGrantPermissionRequest(name=name, perm=permission)
        yield "Auth/RoleGrantPermission", grant


def _user(name: str, roles: list[str]) -> Iterator[tuple[str, Message]]:
    yield "Auth/UserAdd", m.AuthUserAddRequest(name=name, password=PASSWORD)
    for role in roles:
        yield "Auth/UserGrantRole", m.AuthUserGrantRoleRequest(user=name, role=role)
