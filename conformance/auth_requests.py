"""Random requests about users, roles and permissions: a few names, so that they meet.

Root's password is always the one that scenarios leave it with: whoever cleans up behind a program
switches auth off in root's name.
"""

from __future__ import annotations

from google.protobuf.message import Message

from fake_etcd.api import messages as m

from . import requests
from .choices import Choices, weighted
from .targets import ROOT_PASSWORD

ROOT = "root"
_PASSWORDS = weighted((4, "p"), (1, "q"))
USERS = (ROOT, "u", "v")
ROLES = (ROOT, "r", "s")

_NAMES = weighted((3, "u"), (2, "v"), (2, ROOT), (1, "w"), (1, ""))
_ROLE_NAMES = weighted((3, "r"), (2, "s"), (2, ROOT), (1, "t"), (1, ""))
_HASHES = ("", "", "", "no base64", "JDJhJDA0JA==")
"""Of passwords, as clients send them: what a server makes of them is its own affair."""


# Users


def user_add(choices: Choices) -> m.AuthUserAddRequest:
    name = choices.of(_NAMES)
    if name == ROOT:
        return m.AuthUserAddRequest(name=name, password=ROOT_PASSWORD)
    password = choices.of(_PASSWORDS)
    if choices.below(4):
        return m.AuthUserAddRequest(name=name, password=password)
    return m.AuthUserAddRequest(
        name=name,
        password=choices.of(("", password)),
        hashedPassword=choices.of(_HASHES),
        options=m.UserAddOptions(no_password=choices.below(2) == 0),
    )


def user_change_password(choices: Choices) -> m.AuthUserChangePasswordRequest:
    name = choices.of(_NAMES)
    if name == ROOT:
        return m.AuthUserChangePasswordRequest(name=name, password=ROOT_PASSWORD)
    password = choices.of(_PASSWORDS)
    if choices.below(4):
        return m.AuthUserChangePasswordRequest(name=name, password=password)
    return m.AuthUserChangePasswordRequest(
        name=name, password=choices.of(("", password)), hashedPassword=choices.of(_HASHES)
    )


def user_get(choices: Choices) -> m.AuthUserGetRequest:
    return m.AuthUserGetRequest(name=choices.of(_NAMES))


def user_list(_: Choices) -> m.AuthUserListRequest:
    return m.AuthUserListRequest()


def user_delete(choices: Choices) -> m.AuthUserDeleteRequest:
    return m.AuthUserDeleteRequest(name=choices.of(_NAMES))


def user_grant_role(choices: Choices) -> m.AuthUserGrantRoleRequest:
    return m.AuthUserGrantRoleRequest(user=choices.of(_NAMES), role=choices.of(_ROLE_NAMES))


def user_revoke_role(choices: Choices) -> m.AuthUserRevokeRoleRequest:
    return m.AuthUserRevokeRoleRequest(name=choices.of(_NAMES), role=choices.of(_ROLE_NAMES))


# Roles

_KEYS = (*requests.KEYS, *requests.KEYS, b"")
_KINDS = (*range(3), *range(3), *range(3), 7, -1)


def role_add(choices: Choices) -> m.AuthRoleAddRequest:
    return m.AuthRoleAddRequest(name=choices.of(_ROLE_NAMES))


def role_get(choices: Choices) -> m.AuthRoleGetRequest:
    return m.AuthRoleGetRequest(role=choices.of(_ROLE_NAMES))


def role_list(_: Choices) -> m.AuthRoleListRequest:
    return m.AuthRoleListRequest()


def role_delete(choices: Choices) -> m.AuthRoleDeleteRequest:
    return m.AuthRoleDeleteRequest(role=choices.of(_ROLE_NAMES))


def permission(choices: Choices) -> m.Permission:
    """Any: of no key, inverted and of no known kind as well."""
    kind, key, end = choices.of(_KINDS), choices.of(_KEYS), choices.of(requests.RANGE_ENDS)
    return m.Permission(permType=kind, key=key, range_end=end)


def role_grant_permission(choices: Choices) -> m.AuthRoleGrantPermissionRequest:
    name = choices.of(_ROLE_NAMES)
    if choices.below(16) == 15:
        return m.AuthRoleGrantPermissionRequest(name=name)
    return m.AuthRoleGrantPermissionRequest(name=name, perm=permission(choices))


def role_revoke_permission(choices: Choices) -> m.AuthRoleRevokePermissionRequest:
    return m.AuthRoleRevokePermissionRequest(
        role=choices.of(_ROLE_NAMES),
        key=choices.of(_KEYS),
        range_end=choices.of(requests.RANGE_ENDS),
    )


# Auth itself


def enable(_: Choices) -> m.AuthEnableRequest:
    return m.AuthEnableRequest()


def disable(_: Choices) -> m.AuthDisableRequest:
    return m.AuthDisableRequest()


def status(_: Choices) -> m.AuthStatusRequest:
    return m.AuthStatusRequest()


def authenticate(choices: Choices) -> m.AuthenticateRequest:
    name = choices.of(_NAMES)
    usual = ROOT_PASSWORD if name == ROOT else "p"
    return m.AuthenticateRequest(name=name, password=choices.of((*[usual] * 6, "q", "", "wrong")))


ANY = weighted(
    (3, user_add),
    (2, user_change_password),
    (2, user_get),
    (1, user_list),
    (1, user_delete),
    (3, user_grant_role),
    (2, user_revoke_role),
    (3, role_add),
    (3, role_get),
    (1, role_list),
    (1, role_delete),
    (6, role_grant_permission),
    (3, role_revoke_permission),
    (2, enable),
    (1, disable),
    (2, status),
    (5, authenticate),
)


# Where a program begins


def opening(choices: Choices) -> list[Message]:
    """Users and roles with permissions, auth at the end, and everybody's token."""
    made: list[Message] = [m.AuthUserAddRequest(name=ROOT, password=ROOT_PASSWORD)]
    made.append(m.AuthUserGrantRoleRequest(user=ROOT, role=ROOT))
    others = USERS[1 : 2 + choices.below(2)]
    roles = ROLES[1 : 2 + choices.below(2)]
    for role in roles:
        made.append(m.AuthRoleAddRequest(name=role))
        for _ in range(1 + choices.below(2)):
            grant = m.AuthRoleGrantPermissionRequest(name=role, perm=_good_permission(choices))
            made.append(grant)
    for user in others:
        made.append(m.AuthUserAddRequest(name=user, password="p"))
        made += [
            m.AuthUserGrantRoleRequest(user=user, role=role) for role in roles if choices.below(4)
        ]
    made.append(m.AuthEnableRequest())
    made.append(m.AuthenticateRequest(name=ROOT, password=ROOT_PASSWORD))
    made += [m.AuthenticateRequest(name=user, password="p") for user in others]
    return made


_WIDE = ((b"a", b""), (b"a", b"b"), (b"a", b"c"), (b"a", b"\0"), (b"\0", b"\0"), (b"b", b"\0"))
_WIDE_KINDS = (m.Permission.READWRITE, m.Permission.READ, m.Permission.WRITE)


def _good_permission(choices: Choices) -> m.Permission:
    key, end = choices.of(_WIDE)
    return m.Permission(permType=choices.of(_WIDE_KINDS), key=key, range_end=end)
