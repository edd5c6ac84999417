"""Who may manage users and roles while authentication is on, and which refusal comes first."""

from __future__ import annotations

from ...scenario import scenario
from ...session import Session
from .asking import (
    READ,
    READWRITE,
    add_person,
    add_role,
    add_user,
    as_person,
    ask,
    change_password,
    delete_role,
    delete_user,
    disable,
    enable,
    every_call,
    every_management_call,
    get_role,
    get_user,
    grant,
    grant_role,
    list_roles,
    list_users,
    one_person,
    revoke,
    revoke_role,
    status,
    switch_on,
)

WRONG_REQUESTS: tuple[tuple[str, dict[str, object]], ...] = (
    ("UserAdd", {"name": "", "password": "secret"}),
    ("UserAdd", {"name": "alice", "password": "secret"}),
    ("UserGet", {"name": ""}),
    ("UserGet", {"name": "nobody"}),
    ("UserDelete", {"name": "nobody"}),
    ("UserDelete", {"name": "root"}),
    ("UserChangePassword", {"name": "nobody", "password": "secret"}),
    ("UserGrantRole", {"user": "nobody", "role": "nothing"}),
    ("UserRevokeRole", {"name": "nobody", "role": "nothing"}),
    ("UserRevokeRole", {"name": "root", "role": "root"}),
    ("RoleAdd", {"name": ""}),
    ("RoleGet", {"role": ""}),
    ("RoleGet", {"role": "nothing"}),
    ("RoleGet", {"role": "root"}),
    ("RoleDelete", {"role": "nothing"}),
    ("RoleDelete", {"role": "root"}),
    ("RoleGrantPermission", {"name": "nothing"}),
    ("RoleGrantPermission", {"name": "alice", "perm": {"key": b""}}),
    ("RoleRevokePermission", {"role": "nothing", "key": b"a"}),
    ("AuthEnable", {}),
)
"""Each is refused for what it says, unless it is refused for who asks."""


def all_wrong(s: Session) -> None:
    for method, fields in WRONG_REQUESTS:
        ask(s, method, **fields)


@scenario
def root_may_manage_users_and_roles(s: Session) -> None:
    every_management_call(switch_on(s))


@scenario
def root_may_do_everything(s: Session) -> None:
    every_call(switch_on(s))


@scenario
def nobody_else_may_manage_users_and_roles(s: Session) -> None:
    _, alice = one_person(s, (READWRITE, b"\0", b"\0"))
    every_management_call(alice)


@scenario
def whoever_has_the_role_root_is_like_root(s: Session) -> None:
    add_person(s, "alice")
    grant_role(s, "alice", "root")
    root = switch_on(s)
    alice = as_person(s, "alice")
    every_call(alice)
    revoke_role(root, "alice", "root")
    every_management_call(alice)
    alice.put(key=b"a")


@scenario
def what_is_wrong_with_a_request_is_told_to_root(s: Session) -> None:
    add_person(s, "alice")
    all_wrong(switch_on(s))


@scenario
def what_is_wrong_with_a_request_is_told_to_nobody_without_a_token(s: Session) -> None:
    one_person(s)
    all_wrong(s)


@scenario
def what_is_wrong_with_a_request_is_told_to_nobody_with_a_bad_token(s: Session) -> None:
    one_person(s)
    all_wrong(s.with_metadata(("token", "not a token")))


@scenario
def what_is_wrong_with_a_request_is_not_told_to_just_anybody(s: Session) -> None:
    _, alice = one_person(s)
    all_wrong(alice)


@scenario
def everybody_may_get_themselves_and_nobody_else(s: Session) -> None:
    add_person(s, "bob")
    _, alice = one_person(s)
    for name in ("alice", "bob", "root", "nobody", ""):
        get_user(alice, name)
    list_users(alice)


@scenario
def everybody_may_get_the_roles_that_they_have(s: Session) -> None:
    add_person(s, "bob", (READ, b"b"))
    root, alice = one_person(s, (READ, b"a"))
    add_role(root, "r")
    for role in ("alice", "bob", "r", "root", "nothing", ""):
        get_role(alice, role)
    grant_role(root, "alice", "bob")
    get_role(alice, "bob")
    list_roles(alice)


@scenario
def nobody_may_get_anything_without_a_token(s: Session) -> None:
    one_person(s)
    for name in ("alice", "nobody", ""):
        get_user(s, name)
        get_role(s, name)
    list_users(s)
    list_roles(s)


@scenario
def nobody_may_change_their_own_password_but_root(s: Session) -> None:
    _, alice = one_person(s)
    change_password(alice, "alice", "new")
    alice.call("Auth/UserGet", b"")


@scenario
def while_it_is_on_root_cannot_be_deleted_nor_their_role(s: Session) -> None:
    root = switch_on(s)
    add_role(root, "root")
    add_role(root, "other")
    grant_role(root, "root", "other")
    delete_user(root, "root")
    delete_role(root, "root")
    revoke_role(root, "root", "root")
    revoke_role(root, "root", "other")
    revoke_role(root, "root", "nothing")
    get_user(root, "root")
    status(s)


@scenario
def while_it_is_on_the_role_root_can_be_revoked_from_others(s: Session) -> None:
    add_person(s, "alice")
    grant_role(s, "alice", "root")
    root = switch_on(s)
    alice = as_person(s, "alice")
    revoke_role(alice, "alice", "root")
    revoke_role(alice, "alice", "alice")
    revoke_role(root, "alice", "alice")
    get_user(root, "alice")
    get_user(alice, "alice")


@scenario
def somebody_may_delete_themselves(s: Session) -> None:
    add_person(s, "alice")
    grant_role(s, "alice", "root")
    root = switch_on(s)
    alice = as_person(s, "alice")
    delete_user(alice, "alice")
    get_user(alice, "alice")
    list_users(root)


@scenario
def root_can_be_deleted_once_it_is_off(s: Session) -> None:
    root = switch_on(s)
    delete_user(root, "root")
    disable(root)
    delete_user(s, "root")
    delete_role(s, "root")
    enable(s)


@scenario
def a_change_is_felt_at_once(s: Session) -> None:
    root, alice = one_person(s)
    alice.range(key=b"a")
    grant(root, "alice", READ, b"a")
    alice.range(key=b"a")
    revoke(root, "alice", b"a")
    alice.range(key=b"a")
    grant_role(root, "alice", "root")
    alice.range(key=b"a")
    revoke_role(root, "alice", "root")
    alice.range(key=b"a")


@scenario
def names_that_differ_in_case_are_different_people(s: Session) -> None:
    add_person(s, "Root")
    add_user(s, "ROOT", "ROOT")
    switch_on(s)
    for name in ("Root", "ROOT"):
        caller = as_person(s, name)
        list_users(caller)
        caller.put(key=b"a")
