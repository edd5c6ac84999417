"""Roles while authentication is off: adding, listing, deleting, and their permissions in order."""

from __future__ import annotations

from fake_etcd.api import messages as m

from ...scenario import scenario
from ...session import Session
from .asking import (
    READ,
    READWRITE,
    WRITE,
    add_person,
    add_role,
    add_root,
    add_user,
    as_person,
    ask,
    delete_role,
    enable,
    get_role,
    get_user,
    grant,
    grant_role,
    list_roles,
    list_users,
    revoke,
    status,
    switch_on,
)


@scenario
def a_role_that_was_added_is_listed_and_can_be_got(s: Session) -> None:
    list_roles(s)
    get_role(s, "r")
    add_role(s, "r")
    list_roles(s)
    get_role(s, "r")


@scenario
def roles_are_listed_in_the_order_of_their_names_bytes(s: Session) -> None:
    for name in ("b", "a", "B", "ab", "a b", "é", "\N{GREEK SMALL LETTER ALPHA}", "1", "~", "\0"):
        add_role(s, name)
    list_roles(s)


@scenario
def a_role_is_added_once(s: Session) -> None:
    add_role(s, "r")
    grant(s, "r", READ, b"a")
    add_role(s, "r")
    add_role(s, "R")
    get_role(s, "r")
    status(s)


@scenario
def a_role_without_a_name_is_refused(s: Session) -> None:
    add_role(s, "")
    ask(s, "RoleAdd")
    get_role(s, "")
    delete_role(s, "")
    grant(s, "", READ, b"a")
    revoke(s, "", b"a")
    status(s)


@scenario
def a_name_of_a_role_may_be_long_and_of_any_characters(s: Session) -> None:
    for name in ("n" * 20_000, "\n\t ", "../root", "\N{PILE OF POO}", "r\0oot"):
        add_role(s, name)
        get_role(s, name)
    list_roles(s)
    s.call("Auth/RoleAdd", b"\n\x01\xff")
    s.call("Auth/RoleGet", b"\n\x01\xff")


@scenario
def a_role_that_is_not_there_is_not_found(s: Session) -> None:
    get_role(s, "r")
    delete_role(s, "r")
    grant(s, "r", READ, b"a")
    revoke(s, "r", b"a")
    get_role(s, "root")
    delete_role(s, "root")
    status(s)


@scenario
def a_deleted_role_is_gone_and_can_be_added_again_without_permissions(s: Session) -> None:
    add_role(s, "r")
    grant(s, "r", READ, b"a")
    delete_role(s, "r")
    delete_role(s, "r")
    get_role(s, "r")
    add_role(s, "r")
    get_role(s, "r")
    status(s)


@scenario
def users_and_roles_may_have_the_same_names(s: Session) -> None:
    add_role(s, "alice")
    add_user(s, "alice", "secret")
    delete_role(s, "alice")
    list_users(s)
    get_user(s, "alice")


# The role root


@scenario
def the_role_root_shows_the_same_permission_whatever_it_was_granted(s: Session) -> None:
    add_role(s, "root")
    get_role(s, "root")
    grant(s, "root", READ, b"a", b"b")
    get_role(s, "root")
    revoke(s, "root", b"", b"\0")
    revoke(s, "root", b"a", b"b")
    get_role(s, "root")
    status(s)
    list_roles(s)


@scenario
def the_role_root_is_added_by_nothing_but_adding_it(s: Session) -> None:
    root = switch_on(s)
    list_roles(root)
    get_role(root, "root")
    add_role(root, "root")
    list_roles(root)
    get_role(root, "root")
    add_role(root, "root")


@scenario
def the_role_root_can_be_deleted_while_authentication_is_off(s: Session) -> None:
    add_root(s)
    delete_role(s, "root")
    get_user(s, "root")
    add_role(s, "root")
    delete_role(s, "root")
    get_user(s, "root")
    enable(s)


# Permissions that are granted


@scenario
def a_permission_is_of_a_key_a_range_or_all_from_a_key(s: Session) -> None:
    add_role(s, "r")
    grant(s, "r", READ, b"a")
    grant(s, "r", WRITE, b"b", b"c")
    grant(s, "r", READWRITE, b"d", b"\0")
    grant(s, "r", READ, b"\0", b"\0")
    grant(s, "r", READ, b"\0")
    grant(s, "r", READ, b"\xff", b"\xff\xff")
    get_role(s, "r")
    status(s)


@scenario
def a_permission_is_granted_again_with_another_kind(s: Session) -> None:
    add_role(s, "r")
    for kind in (READ, READ, WRITE, READWRITE, READ):
        grant(s, "r", kind, b"a", b"b")
        get_role(s, "r")
    status(s)


@scenario
def permissions_are_not_merged(s: Session) -> None:
    add_role(s, "r")
    grant(s, "r", READ, b"a", b"c")
    grant(s, "r", READ, b"b", b"d")
    grant(s, "r", READ, b"a", b"z")
    grant(s, "r", WRITE, b"b")
    grant(s, "r", READ, b"c", b"d")
    get_role(s, "r")


@scenario
def permissions_are_in_the_order_of_their_keys(s: Session) -> None:
    add_role(s, "r")
    for key in (b"m", b"a", b"z", b"\xff", b"\0", b"ab", b"B", b"a\0", b"aa"):
        grant(s, "r", READ, key)
    get_role(s, "r")


@scenario
def only_the_first_permission_of_a_key_is_granted_again_others_double(s: Session) -> None:
    # server/auth/store.go, RoleGrantPermission: sort.Search finds the first of equal keys only
    add_role(s, "r")
    grant(s, "r", READ, b"a", b"c")
    grant(s, "r", READ, b"a", b"b")
    grant(s, "r", WRITE, b"a", b"b")
    grant(s, "r", WRITE, b"a", b"c")
    grant(s, "r", READWRITE, b"a")
    grant(s, "r", READ, b"a", b"b")
    get_role(s, "r")
    status(s)


@scenario
def a_permission_that_doubled_is_revoked_at_once(s: Session) -> None:
    add_role(s, "r")
    for kind, end in ((READ, b"c"), (READ, b"b"), (WRITE, b"b"), (READWRITE, b"b")):
        grant(s, "r", kind, b"a", end)
    get_role(s, "r")
    revoke(s, "r", b"a", b"b")
    get_role(s, "r")
    revoke(s, "r", b"a", b"b")


@scenario
def up_to_12_permissions_of_one_key_stay_in_the_order_of_granting(s: Session) -> None:
    # Go's sort.Sort inserts up to 12 elements, which keeps equal ones in order
    add_role(s, "r")
    for number in range(11):
        grant(s, "r", READ, b"k", b"l%d" % number)
    grant(s, "r", READ, b"a")
    get_role(s, "r")


@scenario
def from_13_permissions_on_those_of_one_key_are_in_an_order_of_gos_own(s: Session) -> None:
    # ... and sorts more by pattern-defeating quicksort, which does not
    add_role(s, "r")
    for number in range(14):
        grant(s, "r", READ, b"k", b"l%02d" % number)
        if number >= 12:
            get_role(s, "r")
    grant(s, "r", READ, b"z")
    get_role(s, "r")
    grant(s, "r", READ, b"a")
    get_role(s, "r")


@scenario
def many_permissions_of_one_key_are_in_an_order_of_gos_own(s: Session) -> None:
    add_role(s, "r")
    for number in range(60):
        grant(s, "r", READ, b"k", b"l%02d" % number)
    get_role(s, "r")
    for number in range(5):
        grant(s, "r", READ, b"a%d" % number)
    get_role(s, "r")


@scenario
def many_permissions_of_a_few_keys_are_in_an_order_of_gos_own(s: Session) -> None:
    add_role(s, "r")
    for number in range(80):
        grant(s, "r", READ, b"%c" % (ord("a") + number * 7 % 5), b"z%02d" % number)
    get_role(s, "r")


@scenario
def many_permissions_granted_from_the_last_to_the_first_are_sorted(s: Session) -> None:
    add_role(s, "r")
    for number in reversed(range(60)):
        grant(s, "r", READ, b"k%02d" % (number // 3), b"l%02d" % number)
    get_role(s, "r")


@scenario
def no_permission_is_refused(s: Session) -> None:
    add_role(s, "r")
    ask(s, "RoleGrantPermission", name="r")
    ask(s, "RoleGrantPermission", name="no such role")
    ask(s, "RoleGrantPermission")
    status(s)


@scenario
def a_permission_must_be_of_a_key_and_not_end_before_it(s: Session) -> None:
    add_role(s, "r")
    ask(s, "RoleGrantPermission", name="r", perm=m.Permission())
    for key, end in (
        (b"", b""),
        (b"", b"a"),
        (b"", b"\0"),
        (b"b", b"a"),
        (b"a", b"a"),
        (b"ab", b"a"),
        (b"\0", b"\0\0"),
        (b"\0\0", b"\0"),
        (b"\xff", b"\xff"),
        (b"b", b"\0\0"),
    ):
        grant(s, "r", READ, key, end)
    grant(s, "no such role", READ, b"b", b"a")
    get_role(s, "r")
    status(s)


@scenario
def a_permission_may_be_of_a_kind_that_there_is_not(s: Session) -> None:
    add_person(s, "alice", (7, b"a"), (-1, b"b", b"c"), (READ, b"d"))
    get_role(s, "alice")
    switch_on(s)
    alice = as_person(s, "alice")
    for key in (b"a", b"b", b"d"):
        alice.range(key=key)
        alice.put(key=key)


@scenario
def keys_of_permissions_may_be_long(s: Session) -> None:
    add_role(s, "r")
    grant(s, "r", READ, b"k" * 100_000)
    grant(s, "r", READ, b"k" * 100_000, b"l" * 100_000)
    get_role(s, "r")
    grant(s, "r", READ, b"k" * 1_600_000)


# Permissions that are revoked


@scenario
def a_permission_is_revoked_by_its_very_range(s: Session) -> None:
    add_role(s, "r")
    grant(s, "r", READ, b"a", b"c")
    grant(s, "r", READ, b"a")
    for key, end in (
        (b"a", b"b"),
        (b"b", b"c"),
        (b"a", b"\0"),
        (b"", b""),
        (b"b", b"a"),
        (b"a", b"c\0"),
    ):
        revoke(s, "r", key, end)
    get_role(s, "r")
    status(s)
    revoke(s, "r", b"a", b"c")
    get_role(s, "r")
    revoke(s, "r", b"a")
    get_role(s, "r")
    revoke(s, "r", b"a")
    status(s)


@scenario
def a_role_goes_on_without_permissions(s: Session) -> None:
    add_role(s, "r")
    add_user(s, "alice", "secret")
    grant_role(s, "alice", "r")
    grant(s, "r", READ, b"a")
    revoke(s, "r", b"a")
    get_role(s, "r")
    get_user(s, "alice")
    list_roles(s)
