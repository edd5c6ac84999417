"""Who may read: ranges of all shapes against permissions of all shapes, and RangeStream."""

from __future__ import annotations

from ...connection import Connection
from ...scenario import scenario
from ...session import Session
from .asking import (
    READ,
    READWRITE,
    WRITE,
    Right,
    add_person,
    add_role,
    as_person,
    delete_role,
    get_user,
    grant,
    grant_role,
    one_person,
    revoke,
    switch_on,
)

RANGES = (
    (b"a", b""),
    (b"b", b""),
    (b"c", b""),
    (b"d", b""),
    (b"a", b"b"),
    (b"a", b"c"),
    (b"b", b"c"),
    (b"b", b"d"),
    (b"b", b"d\0"),
    (b"bb", b"cc"),
    (b"a\0", b"b"),
    (b"b", b"b\0"),
    (b"b", b"\0"),
    (b"d", b"\0"),
    (b"\0", b"\0"),
    (b"\0", b"a"),
    (b"\xff", b"\0"),
    (b"\xff", b""),
)
"""Keys and ranges around b to d."""


def read_all(s: Connection) -> None:
    for key, range_end in RANGES:
        s.range(key=key, range_end=range_end, count_only=True)


@scenario
def a_permission_of_a_key_is_of_that_key(s: Session) -> None:
    _, alice = one_person(s, (READ, b"b"))
    read_all(alice)


@scenario
def a_permission_of_a_range_is_of_all_in_it(s: Session) -> None:
    _, alice = one_person(s, (READ, b"b", b"d"))
    read_all(alice)


@scenario
def a_permission_from_a_key_is_of_all_behind_it(s: Session) -> None:
    _, alice = one_person(s, (READ, b"b", b"\0"))
    read_all(alice)


@scenario
def a_permission_of_everything_is_of_everything(s: Session) -> None:
    _, alice = one_person(s, (READ, b"\0", b"\0"))
    read_all(alice)


@scenario
def a_permission_of_the_first_key_is_of_no_other(s: Session) -> None:
    _, alice = one_person(s, (READ, b"\0"))
    read_all(alice)
    alice.range(key=b"\0")
    alice.range(key=b"\0", range_end=b"\0\0")


@scenario
def without_a_permission_nothing_can_be_read(s: Session) -> None:
    _, alice = one_person(s)
    read_all(alice)


@scenario
def a_permission_to_write_is_none_to_read(s: Session) -> None:
    _, alice = one_person(s, (WRITE, b"b", b"d"))
    read_all(alice)


@scenario
def permissions_that_touch_are_one(s: Session) -> None:
    _, alice = one_person(s, (READ, b"b", b"c"), (READ, b"c", b"d"))
    read_all(alice)


@scenario
def permissions_that_overlap_are_one(s: Session) -> None:
    _, alice = one_person(s, (READ, b"b", b"cc"), (READ, b"c", b"d"), (READ, b"bb", b"c"))
    read_all(alice)


@scenario
def permissions_with_a_gap_are_not_one(s: Session) -> None:
    _, alice = one_person(s, (READ, b"b", b"c"), (READ, b"c\0", b"d"))
    read_all(alice)
    alice.range(key=b"b", range_end=b"c\0")
    alice.range(key=b"c\0", range_end=b"d")


@scenario
def keys_that_follow_each_other_make_a_range(s: Session) -> None:
    _, alice = one_person(s, (READ, b"a"), (READ, b"a\0"), (READ, b"a\0\0"), (READ, b"b"))
    for key, range_end in (
        (b"a", b"a\0"),
        (b"a", b"a\0\0"),
        (b"a", b"a\0\0\0"),
        (b"a", b"a\0\0\0\0"),
        (b"a\0", b"a\0\0\0"),
        (b"a", b"b"),
        (b"a", b"b\0"),
    ):
        alice.range(key=key, range_end=range_end)


@scenario
def permissions_of_several_roles_and_kinds_are_put_together(s: Session) -> None:
    add_person(s, "alice", (READ, b"b", b"c"))
    rights: tuple[Right, ...] = (READWRITE, b"c", b"d"), (WRITE, b"d", b"e"), (READ, b"a")
    for number, right in enumerate(rights):
        add_role(s, f"r{number}")
        grant(s, f"r{number}", *right)
        grant_role(s, "alice", f"r{number}")
    switch_on(s)
    read_all(as_person(s, "alice"))


@scenario
def a_range_that_is_empty_is_judged_by_its_key(s: Session) -> None:
    _, alice = one_person(s, (READ, b"b", b"d"), (READ, b"x"), (READ, b"y", b"\0"))
    for key in (b"a", b"b", b"c", b"d", b"x", b"y", b"z"):
        alice.range(key=key, range_end=key)


@scenario
def a_range_the_wrong_way_round_may_be_refused(s: Session) -> None:
    _, alice = one_person(s, (READ, b"b", b"d"), (READ, b"x"), (READ, b"y", b"\0"))
    for key, range_end in (
        (b"c", b"b"),
        (b"d", b"c"),
        (b"c", b"a"),
        (b"z", b"a"),
        (b"z", b"b"),
        (b"z", b"y"),
        (b"y", b"x"),
        (b"x\0", b"x"),
    ):
        alice.range(key=key, range_end=range_end)


@scenario
def whether_a_range_the_wrong_way_round_is_refused_depends_on_the_order_of_granting(
    s: Session,
) -> None:
    # pkg/adt/interval_tree.go: the shape of the tree; roles are put into it by their names
    keys = [b"%02d" % (2 * number) for number in range(13)]
    rights: list[Right] = [(READ, key) for key in keys]
    add_person(s, "up", *rights, (READ, b"90", b"\0"))
    add_person(s, "down", (READ, b"00", b"04"), (READ, b"02", b"20"), (READ, b"16", b"90"))
    add_person(s, "many")
    for number, key in enumerate(reversed(keys)):
        add_role(s, f"r{number:02}")
        grant(s, f"r{number:02}", READ, key, b"%s5" % key)
        grant_role(s, "many", f"r{number:02}")
    switch_on(s)
    for name in ("up", "down", "many"):
        caller = as_person(s, name)
        for key in (b"04", b"10", b"18", b"24", b"99"):
            for range_end in (b"00", b"01", b"03", b"09", b"15", b"17", b"23", b"91"):
                if range_end < key:
                    caller.range(key=key, range_end=range_end)


@scenario
def how_a_range_is_read_does_not_matter(s: Session) -> None:
    root, alice = one_person(s, (READ, b"b", b"d"))
    for key in (b"a", b"b", b"c"):
        root.put(key=key, value=b"1")
    for key, range_end in ((b"b", b"d"), (b"a", b"d")):
        alice.range(key=key, range_end=range_end)
        alice.range(key=key, range_end=range_end, serializable=True)
        alice.range(key=key, range_end=range_end, count_only=True)
        alice.range(key=key, range_end=range_end, keys_only=True)
        alice.range(key=key, range_end=range_end, limit=1)
        alice.range(key=key, range_end=range_end, revision=s.at(3))
        alice.range(key=key, range_end=range_end, revision=s.at(99))
        alice.range(key=key, range_end=range_end, sort_order=2, sort_target=4)
        alice.range(key=key, range_end=range_end, min_mod_revision=s.at(4))


@scenario
def a_range_in_chunks_needs_the_same_permission(s: Session) -> None:
    root, alice = one_person(s, (READ, b"b", b"d"))
    for number in range(25):
        root.put(key=b"b%02d" % number)
    alice.range_stream(key=b"b", range_end=b"d")
    alice.range_stream(key=b"b", range_end=b"d\0")
    alice.range_stream(key=b"b", range_end=b"d", count_only=True)
    alice.range_stream(key=b"a", count_only=True)
    alice.range_stream(key=b"b", range_end=b"d", revision=s.at(99))
    alice.range_stream(key=b"a", range_end=b"d", revision=s.at(99))
    alice.range_stream(key=b"a", range_end=b"d", sort_order=2)
    s.range_stream(key=b"b")
    s.with_metadata(("token", "not a token")).range_stream(key=b"b")


@scenario
def what_is_wrong_with_a_range_is_told_before_who_may_read(s: Session) -> None:
    _, alice = one_person(s)
    nobody = s.with_metadata(("token", "not a token"))
    for caller in (s, nobody, alice):
        caller.range()
        caller.range(key=b"a", sort_order=9)
        caller.range(key=b"a", sort_target=9)
        caller.range_stream()
        caller.range_stream(key=b"a", sort_order=1)
        caller.range(key=b"a", revision=s.at(99))
        caller.range(key=b"a", revision=-5)


@scenario
def what_was_compacted_is_not_told_to_who_may_not_read(s: Session) -> None:
    root, alice = one_person(s, (READ, b"a"))
    for _ in range(3):
        root.put(key=b"a")
    root.compact(revision=s.at(3))
    for key in (b"a", b"b"):
        alice.range(key=key, revision=s.at(2))


@scenario
def who_is_deleted_or_loses_a_role_may_not_read(s: Session) -> None:
    root, alice = one_person(s, (READ, b"b", b"d"))
    alice.range(key=b"b")
    revoke(root, "alice", b"b", b"d")
    alice.range(key=b"b")
    grant(root, "alice", READ, b"b")
    alice.range(key=b"b")
    delete_role(root, "alice")
    alice.range(key=b"b")
    get_user(alice, "alice")


@scenario
def a_role_that_is_there_again_is_not_granted_again(s: Session) -> None:
    root, alice = one_person(s, (READ, b"b"))
    delete_role(root, "alice")
    add_role(root, "alice")
    grant(root, "alice", READ, b"b")
    alice.range(key=b"b")
    grant_role(root, "alice", "alice")
    alice.range(key=b"b")


@scenario
def of_permissions_that_doubled_any_one_is_enough(s: Session) -> None:
    rights = (READ, b"a", b"c"), (WRITE, b"a", b"b"), (READWRITE, b"a", b"b")
    root, alice = one_person(s, *rights)
    alice.range(key=b"a", range_end=b"c")
    alice.put(key=b"a")
    revoke(root, "alice", b"a", b"b")
    alice.put(key=b"a")
    alice.range(key=b"a", range_end=b"c")
