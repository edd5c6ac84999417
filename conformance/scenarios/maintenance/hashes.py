"""HashKV: which history has which hash; and Hash, which is of the whole database.

All are about servers that are new: a hash is of all that they ever were told.
"""

from __future__ import annotations

from collections.abc import Iterable

from fake_etcd.api import messages as m

from ...scenario import scenario
from ...session import Session


def ask(s: Session, *revisions: int) -> None:
    for revision in revisions:
        s.call("Maintenance/HashKV", m.HashKVRequest(revision=revision))


def put(s: Session, keys: Iterable[bytes], value: bytes = b"") -> None:
    for key in keys:
        s.put(key=key, value=value)


def compact(s: Session, *revisions: int) -> None:
    """Each is through before the next thing is asked."""
    for revision in revisions:
        s.compact(revision=revision, physical=True)


@scenario(needs_fresh_server=True)
def a_server_without_keys_has_the_hash_of_its_buckets_name(s: Session) -> None:
    ask(s, 0, 1)


@scenario(needs_fresh_server=True)
def every_revision_has_a_hash_and_those_to_come_have_none(s: Session) -> None:
    put(s, (b"a", b"b", b"a"), b"1")
    ask(s, 0, 1, 2, 3, 4, 5, 2**63 - 1)


@scenario(needs_fresh_server=True)
def a_negative_revision_has_the_hash_of_nothing(s: Session) -> None:
    put(s, (b"a",))
    ask(s, -1, -(2**63))


@scenario(needs_fresh_server=True)
def tombstones_and_leases_are_in_the_hash(s: Session) -> None:
    s.call("Lease/LeaseGrant", m.LeaseGrantRequest(ID=7, TTL=60))
    put(s, (b"a", b"b"))
    s.put(key=b"b", lease=7)
    ask(s, 0)
    s.delete_range(key=b"a")
    ask(s, 0)
    s.call("Lease/LeaseRevoke", m.LeaseRevokeRequest(ID=7))
    ask(s, 0)


@scenario(needs_fresh_server=True)
def a_transaction_is_hashed_change_by_change(s: Session) -> None:
    changes = [m.PutRequest(key=key, value=b"1") for key in (b"b", b"a")]
    s.put(key=b"c")
    s.txn(
        success=[
            *(m.RequestOp(request_put=change) for change in changes),
            m.RequestOp(request_delete_range=m.DeleteRangeRequest(key=b"c")),
        ]
    )
    ask(s, 0, 2)


@scenario(needs_fresh_server=True)
def a_compacted_revision_has_the_hash_that_the_compaction_took(s: Session) -> None:
    put(s, (b"a", b"b", b"a", b"b"), b"1")
    compact(s, 3)
    ask(s, 0, 2, 3, 4)
    compact(s, 5)
    ask(s, 0, 2, 3, 4, 5)


@scenario(needs_fresh_server=True)
def a_tombstone_at_the_compact_revision_is_not_in_the_hash(s: Session) -> None:
    put(s, (b"a", b"b"), b"1")
    s.delete_range(key=b"a")
    put(s, (b"c",))
    compact(s, 4)
    ask(s, 0, 4, 5)
    compact(s, 5)
    ask(s, 0, 4, 5)


@scenario(needs_fresh_server=True)
def a_key_that_was_superseded_since_the_compaction_is_not_in_the_hash(s: Session) -> None:
    put(s, (b"a", b"b", b"c"), b"1")
    compact(s, 3)
    put(s, (b"a",), b"2")
    ask(s, 4, 5)


@scenario(needs_fresh_server=True)
def where_nothing_lives_any_more_all_that_is_left_is_in_the_hash(s: Session) -> None:
    put(s, (b"a", b"b"), b"1")
    compact(s, 3)
    s.delete_range(key=b"\0", range_end=b"\0")
    ask(s, 3, 4)


@scenario(needs_fresh_server=True)
def a_compaction_of_revision_0_answers_for_the_newest_one_from_then_on(s: Session) -> None:
    # mvcc/hash.go, HashByRev: looks for the revision before it takes 0 for the newest
    put(s, (b"a",), b"1")
    compact(s, 0)
    put(s, (b"a",), b"2")
    ask(s, 0, 2, 3)


@scenario(needs_fresh_server=True)
def only_the_ten_newest_compactions_are_remembered(s: Session) -> None:
    for revision in range(2, 14):
        put(s, (b"a",))
        compact(s, revision)
    ask(s, 2, 3, 4, 5, 13)


# Of the whole database. Where two servers are told the same it still has their addresses in it.


@scenario
def the_whole_database_has_a_hash_that_changes_with_it(s: Session) -> None:
    for _ in range(2):
        s.call("Maintenance/Hash", m.HashRequest())
    s.put(key=b"a")
    s.call("Maintenance/Hash", m.HashRequest())
    s.call("Maintenance/Defragment", m.DefragmentRequest())
    s.call("Maintenance/Hash", m.HashRequest())
