"""Ranges by revision: bounds on what is found, and reads of the past."""

from __future__ import annotations

from typing import Any

from ...scenario import scenario
from ...session import Session
from .common import BOUNDS, R, put_each, put_mixed, read_all

# Bounds


@scenario
def bounds_on_mod_revisions_leave_the_full_count(s: Session) -> None:
    put_each(s, "abcda")
    for least, greatest in ((3, 0), (0, 4), (3, 5), (4, 4), (6, 6), (5, 3), (7, 0)):
        bound(s, min_mod_revision=least, max_mod_revision=greatest)


@scenario
def bounds_on_create_revisions_leave_the_full_count(s: Session) -> None:
    put_each(s, "abcda")
    for least, greatest in ((3, 0), (0, 4), (3, 4), (2, 2), (6, 6), (5, 3)):
        bound(s, min_create_revision=least, max_create_revision=greatest)


def bound(s: Session, **bounds: int) -> None:
    """A range of all keys with bounds, of which 0 is not shifted."""
    read_all(s, **{name: revision and s.at(revision) for name, revision in bounds.items()})


@scenario
def all_bounds_hold_together(s: Session) -> None:
    put_each(s, "abcdabc")
    for least, greatest, first, last in ((6, 8, 3, 4), (6, 7, 3, 5), (2, 9, 2, 5), (5, 5, 5, 5)):
        bound(
            s,
            min_mod_revision=least,
            max_mod_revision=greatest,
            min_create_revision=first,
            max_create_revision=last,
        )
    bound(s, min_mod_revision=7, max_create_revision=3)
    bound(s, max_mod_revision=6, min_create_revision=3)


@scenario
def a_bound_below_0_is_a_bound(s: Session) -> None:
    # server/etcdserver/txn/range.go: HasRevisionFilters asks for != 0
    put_each(s, "ab")
    for name in BOUNDS:
        for revision in (-1, -(2**63)):
            read_all(s, **{name: revision})


@scenario(needs_fresh_server=True)
def a_bound_may_be_the_greatest_revision_there_is(s: Session) -> None:
    put_each(s, "ab")
    for name in BOUNDS:
        read_all(s, **{name: 2**63 - 1})


@scenario
def a_limit_cuts_what_the_bounds_have_left(s: Session) -> None:
    # etcd#20745
    put_each(s, "abcd")
    read_all(s, min_mod_revision=s.at(3), limit=1)
    read_all(s, min_mod_revision=s.at(3), limit=3)
    read_all(s, max_mod_revision=s.at(3), limit=2)
    read_all(s, max_create_revision=s.at(4), limit=2, sort_order=R.DESCEND)
    read_all(s, max_create_revision=s.at(4), limit=1, sort_target=R.VALUE, keys_only=True)


@scenario
def bounds_at_an_older_revision_hold_for_what_was_then(s: Session) -> None:
    put_each(s, "abcba")
    for revision in (4, 5):
        read_all(s, revision=s.at(revision), min_mod_revision=s.at(4))
        read_all(s, revision=s.at(revision), max_create_revision=s.at(3), limit=1)
    s.range(key=b"b", min_mod_revision=s.at(6))


@scenario
def all_options_of_a_range_go_together(s: Session) -> None:
    put_mixed(s)
    options: dict[str, Any] = {
        "revision": s.at(10),
        "limit": 1,
        "sort_order": R.DESCEND,
        "sort_target": R.VERSION,
        "serializable": True,
        "min_mod_revision": s.at(5),
        "max_mod_revision": s.at(10),
        "min_create_revision": s.at(2),
        "max_create_revision": s.at(6),
    }
    for keys_only in (False, True):
        for count_only in (False, True):
            read_all(s, **options, keys_only=keys_only, count_only=count_only)


# Revisions of a read


@scenario
def an_older_revision_is_read_under_the_header_of_now(s: Session) -> None:
    put_each(s, "ab")
    s.put(key=b"a", value=b"w")
    s.delete_range(key=b"b")
    for revision in (1, 2, 3, 4, 5):
        read_all(s, revision=s.at(revision))


@scenario
def each_life_of_a_key_can_be_read_at_its_revisions(s: Session) -> None:
    for value in (b"1", b"2", b"", b"4", b"", b"6"):
        s.put(key=b"a", value=value) if value else s.delete_range(key=b"a")
    for revision in range(1, 8):
        s.range(key=b"a", revision=s.at(revision))


@scenario
def a_revision_of_0_or_less_is_the_newest(s: Session) -> None:
    put_each(s, "aa")
    for revision in (0, -1, -2, -(2**63)):
        s.range(key=b"a", revision=revision)


@scenario
def a_revision_that_has_not_been_is_refused(s: Session) -> None:
    put_each(s, "aa")
    s.range(key=b"a", revision=s.at(3))
    s.range(key=b"a", revision=s.at(4))
    s.range(key=b"a", revision=s.at(2**62))
    s.range(key=b"x", revision=s.at(4))
    s.range(key=b"b", range_end=b"a", revision=s.at(4))
    for option in ("serializable", "keys_only", "count_only"):
        read_all(s, revision=s.at(4), **{option: True})


@scenario(needs_fresh_server=True)
def a_new_store_is_at_revision_1(s: Session) -> None:
    read_all(s)
    for revision in (1, 2, 2**63 - 1):
        read_all(s, revision=revision)
    s.delete_range(key=b"\0", range_end=b"\0")
    put_each(s, "a")


@scenario
def a_serializable_range_is_the_same_on_one_member(s: Session) -> None:
    put_each(s, "aba")
    s.range(key=b"a", serializable=True)
    read_all(s, serializable=True, limit=1)
    s.range(key=b"a", serializable=True, revision=s.at(2))


@scenario
def every_connection_sees_what_was_written(s: Session) -> None:
    other = s.connect()
    s.put(key=b"a", value=b"1")
    other.range(key=b"a")
    other.put(key=b"a", value=b"2", prev_kv=True)
    s.range(key=b"a", serializable=True)
