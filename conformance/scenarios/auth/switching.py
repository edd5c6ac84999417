"""Switching authentication on and off, what it needs, what it leaves, and its revision."""

from __future__ import annotations

from ...scenario import scenario
from ...session import Session
from .asking import (
    READ,
    READWRITE,
    add_person,
    add_role,
    add_root,
    add_user,
    as_person,
    as_root,
    authenticate,
    change_password,
    delete_role,
    delete_user,
    disable,
    enable,
    every_call,
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


@scenario
def it_is_off_at_first(s: Session) -> None:
    status(s)
    disable(s)
    status(s)
    authenticate(s, "root", "secret")
    authenticate(s, "", "")


@scenario
def root_must_be_there_and_have_the_role_root(s: Session) -> None:
    enable(s)
    add_role(s, "root")
    enable(s)
    add_user(s, "alice", "secret")
    grant_role(s, "alice", "root")
    enable(s)
    add_user(s, "root", "root's password")
    enable(s)
    add_role(s, "other")
    grant_role(s, "root", "other")
    enable(s)
    status(s)
    grant_role(s, "root", "root")
    enable(s)
    status(s)


@scenario
def root_needs_the_role_but_not_that_it_was_added(s: Session) -> None:
    add_root(s)
    list_roles(s)
    enable(s)
    root = as_root(s)
    list_roles(root)
    root.put(key=b"a")


@scenario
def switching_on_makes_no_revision_and_switching_off_makes_one(s: Session) -> None:
    add_root(s)
    status(s)
    enable(s)
    status(s)
    root = as_root(s)
    enable(root)
    status(root)
    disable(root)
    status(s)
    disable(s)
    status(s)
    enable(s)
    status(s)


@scenario
def switching_on_again_needs_root_and_does_nothing(s: Session) -> None:
    root, alice = one_person(s)
    enable(s)
    enable(alice)
    enable(root)
    authenticate(s, "alice", "alice")


@scenario
def switching_off_needs_root(s: Session) -> None:
    root, alice = one_person(s)
    disable(s)
    disable(alice)
    disable(s.with_metadata(("token", "not a token")))
    status(s)
    disable(root)
    status(s)
    s.put(key=b"a")


@scenario
def users_roles_and_permissions_outlive_switching_off_and_on(s: Session) -> None:
    root, _ = one_person(s, (READ, b"a", b"c"))
    disable(root)
    list_users(s)
    list_roles(s)
    get_user(s, "alice")
    get_role(s, "alice")
    enable(s)
    alice = as_person(s, "alice")
    alice.range(key=b"b")
    alice.put(key=b"b")


@scenario
def tokens_do_not_outlive_switching_off_and_on(s: Session) -> None:
    root, alice = one_person(s, (READWRITE, b"a"))
    alice.put(key=b"a")
    disable(root)
    alice.put(key=b"a")
    enable(root)
    alice.put(key=b"a")
    root.put(key=b"a")
    as_person(s, "alice").put(key=b"a")


@scenario
def while_it_is_off_everybody_may_do_everything(s: Session) -> None:
    add_root(s)
    every_call(s)


@scenario
def while_it_is_off_a_token_is_not_looked_at(s: Session) -> None:
    for metadata in (
        ("token", "not a token"),
        ("token", ""),
        ("authorization", "Basic cm9vdA=="),
    ):
        other = s.with_metadata(metadata)
        other.put(key=b"a")
        other.range(key=b"a")
        list_users(other)
        enable(other)


@scenario
def the_status_is_told_to_everybody(s: Session) -> None:
    root, alice = one_person(s)
    for caller in (s, alice, root, s.with_metadata(("token", "not a token"))):
        status(caller)


@scenario
def the_status_has_its_own_revision_which_no_write_moves(s: Session) -> None:
    s.put(key=b"a")
    status(s)
    add_user(s, "alice", "secret")
    status(s)
    s.put(key=b"a")
    status(s)


@scenario
def each_change_of_users_and_roles_makes_a_revision(s: Session) -> None:
    add_user(s, "alice", "secret")
    status(s)
    change_password(s, "alice", "secret")
    status(s)
    add_role(s, "r")
    status(s)
    grant(s, "r", READ, b"a")
    status(s)
    grant(s, "r", READ, b"a")
    status(s)
    grant_role(s, "alice", "r")
    status(s)
    revoke_role(s, "alice", "r")
    status(s)
    revoke(s, "r", b"a")
    status(s)
    delete_role(s, "r")
    status(s)
    delete_user(s, "alice")
    status(s)


@scenario
def no_answer_and_no_refusal_makes_a_revision(s: Session) -> None:
    add_person(s, "alice", (READ, b"a"))
    status(s)
    get_user(s, "alice")
    get_role(s, "alice")
    list_users(s)
    list_roles(s)
    add_user(s, "alice", "secret")
    add_role(s, "alice")
    delete_user(s, "bob")
    delete_role(s, "bob")
    enable(s)
    status(s)
    switch_on(s)
    status(s)
    as_person(s, "alice")
    authenticate(s, "alice", "wrong")
    status(s)


@scenario(needs_fresh_server=True)
def the_first_revision_is_1(s: Session) -> None:
    status(s)
    add_user(s, "alice", "secret")
    status(s)


@scenario(needs_fresh_server=True)
def with_a_root_that_has_no_password_nobody_can_switch_it_off(s: Session) -> None:
    add_user(s, "root", no_password=True)
    grant_role(s, "root", "root")
    enable(s)
    authenticate(s, "root", "")
    disable(s)
    add_user(s, "alice", "secret")
    status(s)


@scenario
def without_the_role_root_it_is_not_switched_on_again(s: Session) -> None:
    root = switch_on(s)
    disable(root)
    delete_role(s, "root")
    enable(s)
    revoke_role(s, "root", "root")
    enable(s)
    grant_role(s, "root", "root")
    add_role(s, "root")
    delete_role(s, "root")
    get_user(s, "root")
    enable(s)


@scenario
def everything_that_was_stored_before_is_there_for_root(s: Session) -> None:
    s.put(key=b"a", value=b"1")
    root = switch_on(s)
    root.range(key=b"a")
    s.range(key=b"a")
    disable(root)
    s.range(key=b"a")
