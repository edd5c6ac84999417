"""Compaction, and what reads see of it."""

from __future__ import annotations

from collections.abc import Iterable

from fake_etcd.api import messages as m

from ..scenario import scenario
from ..session import Session


def put_four(s: Session) -> None:
    """a with its versions 1 to 4 at revisions 2 to 5."""
    for value in (b"1", b"2", b"3", b"4"):
        s.put(key=b"a", value=value)


def read_at(s: Session, revisions: Iterable[int], key: bytes = b"a") -> None:
    for revision in revisions:
        s.range(key=key, revision=s.at(revision))


def op_range(key: bytes, revision: int) -> m.RequestOp:
    return m.RequestOp(request_range=m.RangeRequest(key=key, revision=revision))


def op_put(key: bytes) -> m.RequestOp:
    return m.RequestOp(request_put=m.PutRequest(key=key))


def op_delete(key: bytes) -> m.RequestOp:
    return m.RequestOp(request_delete_range=m.DeleteRangeRequest(key=key))


# What Compact answers


@scenario
def a_compaction_makes_no_revision(s: Session) -> None:
    put_four(s)
    s.compact(revision=s.at(3))
    s.compact(revision=s.at(4), physical=True)
    s.put(key=b"a")


@scenario
def a_compaction_must_be_above_the_last_one(s: Session) -> None:
    put_four(s)
    s.compact(revision=s.at(4))
    for physical in (False, True):
        s.compact(revision=s.at(4), physical=physical)
        s.compact(revision=s.at(3), physical=physical)
    read_at(s, (4,))
    s.compact(revision=s.at(5))
    read_at(s, (4, 5))


@scenario
def a_compaction_of_a_revision_that_has_not_been_is_refused(s: Session) -> None:
    put_four(s)
    for physical in (False, True):
        s.compact(revision=s.at(6), physical=physical)
        s.compact(revision=s.at(2**62), physical=physical)
    read_at(s, (2,))
    s.compact(revision=s.at(5))
    s.compact(revision=s.at(6))


@scenario(needs_fresh_server=True)
def revision_0_can_be_compacted_once(s: Session) -> None:
    # server/storage/mvcc/kvstore.go: compactMainRev begins at -1
    put_four(s)
    s.compact()
    s.compact(revision=0)
    s.compact(revision=0, physical=True)
    read_at(s, (1, 2))


@scenario(needs_fresh_server=True)
def a_negative_revision_is_compacted_from_the_start(s: Session) -> None:
    put_four(s)
    for revision in (-1, -2, -(2**63)):
        for physical in (False, True):
            s.compact(revision=revision, physical=physical)
    read_at(s, (2,))


@scenario(needs_fresh_server=True)
def a_store_without_writes_can_be_compacted(s: Session) -> None:
    s.compact(revision=2)
    s.compact(revision=2**63 - 1)
    s.compact(revision=0)
    s.compact(revision=1, physical=True)
    s.compact(revision=1)
    s.put(key=b"a")
    s.range(key=b"a", revision=1)


# What reads see


@scenario
def reads_are_refused_below_the_compact_revision_and_not_at_it(s: Session) -> None:
    put_four(s)
    s.compact(revision=s.at(4))
    read_at(s, (1, 2, 3, 4, 5, 6))
    s.range(key=b"a")
    s.range(key=b"a", revision=-1)


@scenario
def a_physical_compaction_shows_the_same(s: Session) -> None:
    put_four(s)
    s.compact(revision=s.at(4), physical=True)
    read_at(s, (3, 4, 5))
    s.put(key=b"a", prev_kv=True)
    s.compact(revision=s.at(6), physical=True)
    read_at(s, (5, 6))


@scenario
def every_kind_of_read_is_refused_below_the_compact_revision(s: Session) -> None:
    put_four(s)
    s.compact(revision=s.at(4))
    for revision in (3, 4):
        s.range(key=b"a", revision=s.at(revision), serializable=True)
        s.range(key=b"a", revision=s.at(revision), keys_only=True)
        s.range(key=b"a", revision=s.at(revision), count_only=True)
    for key, end in ((b"x", b""), (b"b", b"a"), (b"\0", b"\0")):
        s.range(key=key, range_end=end, revision=s.at(3), limit=1)


@scenario
def bounds_below_the_compact_revision_are_no_reads(s: Session) -> None:
    put_four(s)
    s.put(key=b"b")
    s.compact(revision=s.at(5))
    s.range(key=b"a", range_end=b"c", min_mod_revision=s.at(2), max_create_revision=s.at(3))
    s.range(key=b"a", range_end=b"c", max_mod_revision=s.at(4))


@scenario
def the_current_revision_can_be_compacted(s: Session) -> None:
    put_four(s)
    s.compact(revision=s.at(5), physical=True)
    read_at(s, (4, 5))
    s.put(key=b"a", value=b"5", prev_kv=True)
    read_at(s, (4, 5, 6))


@scenario
def a_compaction_keeps_version_and_create_revision(s: Session) -> None:
    put_four(s)
    s.put(key=b"b")
    s.compact(revision=s.at(6), physical=True)
    s.put(key=b"a", value=b"5", prev_kv=True)
    s.put(key=b"b", ignore_value=True, prev_kv=True)
    s.range(key=b"a", range_end=b"c")


@scenario
def a_compaction_at_a_tombstone_shows_no_key_there(s: Session) -> None:
    # etcd#18474, etcd#17780
    for key in (b"a", b"a", b"b"):
        s.put(key=key, value=b"1")
    s.delete_range(key=b"a")
    s.put(key=b"b", value=b"2")
    s.compact(revision=s.at(5), physical=True)
    read_at(s, (4, 5, 6))
    s.range(key=b"\0", range_end=b"\0", revision=s.at(5))
    s.delete_range(key=b"a", prev_kv=True)
    s.put(key=b"a", value=b"3", prev_kv=True)
    read_at(s, (5, 6, 7))


@scenario
def a_store_whose_only_key_is_deleted_can_be_compacted(s: Session) -> None:
    # etcd#6626
    s.put(key=b"a")
    s.delete_range(key=b"a")
    s.compact(revision=s.at(3), physical=True)
    read_at(s, (2, 3))
    s.range(key=b"a")
    s.put(key=b"a", prev_kv=True)
    s.range(key=b"a")


@scenario
def a_compaction_just_before_a_tombstone_keeps_the_key(s: Session) -> None:
    s.put(key=b"a", value=b"1")
    s.put(key=b"a", value=b"2")
    s.delete_range(key=b"a")
    s.compact(revision=s.at(3), physical=True)
    read_at(s, (2, 3, 4))


@scenario
def earlier_lives_of_a_key_are_gone_and_later_ones_are_not(s: Session) -> None:
    # a lives at 2 to 3, 5 to 6, and from 8 on
    for value in (b"1", b"2", b"", b"3", b"4", b"", b"5"):
        s.put(key=b"a", value=value) if value else s.delete_range(key=b"a")
    for revision in (4, 6, 7, 8):
        s.compact(revision=s.at(revision), physical=True)
        read_at(s, range(revision - 1, 9))


@scenario
def a_compaction_at_a_transaction_keeps_all_it_wrote(s: Session) -> None:
    for key in (b"a", b"b", b"c"):
        s.put(key=key, value=b"1")
    s.txn(success=[op_put(b"a"), op_put(b"d"), op_delete(b"b")])
    s.put(key=b"a", value=b"2")
    s.compact(revision=s.at(5), physical=True)
    for revision in (4, 5, 6):
        s.range(key=b"\0", range_end=b"\0", revision=s.at(revision))


@scenario
def a_compaction_drops_a_key_put_and_deleted_in_one_transaction(s: Session) -> None:
    # etcd#16380: the put is hidden from the check by the nesting
    s.put(key=b"b")
    put, delete = (m.TxnRequest(success=[op]) for op in (op_put(b"a"), op_delete(b"a")))
    s.txn(success=[m.RequestOp(request_txn=put), m.RequestOp(request_txn=delete)])
    s.compact(revision=s.at(3), physical=True)
    s.range(key=b"\0", range_end=b"\0", revision=s.at(3))
    s.put(key=b"a", prev_kv=True)
    read_at(s, (3, 4))


# Transactions and streams


@scenario
def a_transaction_cannot_read_below_the_compact_revision(s: Session) -> None:
    # etcd#18667
    put_four(s)
    s.compact(revision=s.at(4))
    for revision in (3, 4):
        s.txn(success=[op_range(b"a", s.at(revision))])
        s.txn(success=[op_put(b"b"), op_range(b"a", s.at(revision))])
        s.txn(failure=[op_range(b"a", s.at(revision))])
    s.range(key=b"b")


@scenario
def a_nested_transaction_cannot_read_below_the_compact_revision(s: Session) -> None:
    put_four(s)
    s.compact(revision=s.at(4), physical=True)
    for revision in (3, 4):
        nested = m.TxnRequest(success=[op_range(b"a", s.at(revision))])
        s.txn(success=[op_put(b"b"), m.RequestOp(request_txn=nested)])
    s.range(key=b"b")


@scenario(needs_fresh_server=True)
def a_transaction_can_read_revision_minus_1_until_something_is_compacted(s: Session) -> None:
    # etcd#13871; server/etcdserver/txn/range.go: checkRange
    put_four(s)
    for revision in (-1, -2):
        s.txn(success=[op_range(b"a", revision)])
        s.txn(success=[op_put(b"b"), op_range(b"a", revision)])
    s.compact(revision=0)
    for revision in (-1, 0):
        s.txn(success=[op_range(b"a", revision)])
    s.range(key=b"a", revision=-1)


@scenario
def comparisons_do_not_mind_a_compaction(s: Session) -> None:
    put_four(s)
    s.put(key=b"b")
    s.delete_range(key=b"b")
    s.compact(revision=s.at(7), physical=True)
    equal = m.Compare(
        key=b"a", target=m.Compare.CREATE, result=m.Compare.EQUAL, create_revision=s.at(2)
    )
    s.txn(compare=[equal, m.Compare(key=b"a", target=m.Compare.VERSION, version=4)])
    s.txn(compare=[m.Compare(key=b"b", target=m.Compare.VERSION, version=0)])


@scenario
def a_range_stream_is_refused_below_the_compact_revision(s: Session) -> None:
    put_four(s)
    s.compact(revision=s.at(4))
    for revision in (3, 4, 5, 6):
        s.range_stream(key=b"a", range_end=b"c", revision=s.at(revision))
    s.range_stream(key=b"a", revision=s.at(3), keys_only=True)
    s.range_stream(key=b"a", revision=s.at(3), count_only=True)
    s.range_stream(key=b"x", revision=s.at(3))
