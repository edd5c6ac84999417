"""Keys that have a lease: how they get it, lose it, and go with it."""

from __future__ import annotations

from fake_etcd.api import messages as m

from ...scenario import scenario
from ...session import Session
from .asking import grant, leases, revoke, time_to_live

EVERYTHING = {"key": b"\0", "range_end": b"\0"}


def op_put(key: bytes, **fields: object) -> m.RequestOp:
    return m.RequestOp(request_put=m.PutRequest(key=key, **fields))  # type: ignore[arg-type]  # protobuf checks


def op_delete(key: bytes, range_end: bytes = b"", prev_kv: bool = False) -> m.RequestOp:
    request = m.DeleteRangeRequest(key=key, range_end=range_end, prev_kv=prev_kv)
    return m.RequestOp(request_delete_range=request)


def show(s: Session, *ids: int) -> None:
    """All keys, and which of them these leases have."""
    s.range(**EVERYTHING)
    for id in ids:
        time_to_live(s, id, keys=True)


@scenario
def a_put_attaches_its_key_to_a_lease(s: Session) -> None:
    for id in (7, -7):
        grant(s, id)
    s.put(key=b"a", lease=7)
    s.put(key=b"b", lease=-7)
    show(s, 7, -7)


@scenario
def a_key_shows_the_id_that_the_server_chose(s: Session) -> None:
    id = grant(s)
    s.put(key=b"a", value=b"1", lease=id)
    s.range(key=b"a")
    time_to_live(s, id, keys=True)


@scenario
def a_put_with_a_lease_that_is_not_there_is_refused(s: Session) -> None:
    for id in (7, -7):
        s.put(key=b"a", lease=id)
    grant(s, 7)
    revoke(s, 7)
    s.put(key=b"a", lease=7)
    s.range(key=b"a")


@scenario
def a_put_without_a_lease_detaches_the_key(s: Session) -> None:
    grant(s, 7)
    for lease in (7, 0):
        s.put(key=b"a", lease=lease)
        show(s, 7)
    revoke(s, 7)
    s.range(key=b"a")


@scenario
def a_put_moves_its_key_to_another_lease(s: Session) -> None:
    for id in (7, 8):
        grant(s, id)
    for id in (7, 8, 8, 7):
        s.put(key=b"a", lease=id)
        show(s, 7, 8)
    revoke(s, 8)
    show(s, 7, 8)
    revoke(s, 7)
    show(s, 7, 8)


@scenario
def a_put_that_ignores_the_lease_keeps_it(s: Session) -> None:
    grant(s, 7)
    s.put(key=b"a", value=b"1", lease=7)
    s.put(key=b"a", value=b"2", ignore_lease=True, prev_kv=True)
    show(s, 7)
    s.put(key=b"b", value=b"1")
    s.put(key=b"b", value=b"2", ignore_lease=True, prev_kv=True)
    show(s, 7)
    s.put(key=b"c", ignore_lease=True)
    s.put(key=b"a", lease=7, ignore_lease=True)


@scenario
def a_put_that_ignores_the_value_sets_the_lease(s: Session) -> None:
    for id in (7, 8):
        grant(s, id)
    s.put(key=b"a", value=b"1", lease=7)
    for fields in ({"lease": 8}, {"ignore_lease": True}, {}):
        s.put(key=b"a", ignore_value=True, **fields)
        show(s, 7, 8)


@scenario
def a_refused_put_moves_nothing(s: Session) -> None:
    grant(s, 7)
    s.put(key=b"a", lease=7)
    s.put(key=b"a", lease=9)
    s.put(key=b"", lease=7)
    s.put(key=b"b", lease=7, ignore_value=True)
    show(s, 7)


@scenario
def an_unknown_lease_is_told_before_a_key_that_is_missing(s: Session) -> None:
    s.put(key=b"a", lease=9, ignore_value=True)
    grant(s, 9)
    s.put(key=b"a", lease=9, ignore_value=True)


@scenario
def previous_versions_show_their_lease(s: Session) -> None:
    for id in (7, 8):
        grant(s, id)
    s.put(key=b"a", lease=7)
    s.put(key=b"a", lease=8, prev_kv=True)
    s.put(key=b"a", prev_kv=True)
    s.put(key=b"a", lease=7, prev_kv=True)
    s.delete_range(key=b"a", prev_kv=True)
    for revision in range(2, 6):
        s.range(key=b"a", revision=s.at(revision))


@scenario
def a_deletion_detaches_keys(s: Session) -> None:
    grant(s, 7)
    for key in (b"a", b"b", b"c", b"d", b"e"):
        s.put(key=key, lease=7)
    s.put(key=b"bb")
    s.delete_range(key=b"a")
    show(s, 7)
    s.delete_range(key=b"b", range_end=b"d")
    show(s, 7)
    s.put(key=b"b")
    show(s, 7)
    s.delete_range(**EVERYTHING)
    show(s, 7)


@scenario
def a_key_that_was_deleted_comes_back_without_its_lease(s: Session) -> None:
    grant(s, 7)
    s.put(key=b"a", lease=7)
    s.delete_range(key=b"a")
    s.put(key=b"a")
    revoke(s, 7)
    show(s, 7)


@scenario
def a_revocation_deletes_the_keys_in_one_revision(s: Session) -> None:
    grant(s, 7)
    for key in (b"c", b"a", b"b", b"d"):
        s.put(key=key, lease=7)
    s.put(key=b"d")
    revoke(s, 7)
    s.range(**EVERYTHING)
    s.range(**EVERYTHING, revision=s.at(6))
    s.put(key=b"e")


@scenario
def a_revocation_deletes_in_the_order_of_keys(s: Session) -> None:
    # server/lease/lessor.go, Revoke: sorted, that members may have the same hash
    grant(s, 7)
    watch = s.open("Watch/Watch")
    everything = m.WatchCreateRequest(key=b"\0", range_end=b"\0", start_revision=s.at(6))
    watch.send(m.WatchRequest(create_request=everything))
    watch.receive()
    for key in (b"c", b"a", b"ab", b"b"):
        s.put(key=key, lease=7)
    revoke(s, 7)
    watch.receive()
    watch.cancel()


@scenario
def a_revocation_leaves_the_keys_of_others(s: Session) -> None:
    for id in (7, 8):
        grant(s, id)
        for key in (b"a", b"b", b"c"):
            s.put(key=key + b"%d" % id, lease=id)
    s.put(key=b"a")
    revoke(s, 7)
    show(s, 7, 8)


@scenario
def a_deletion_by_revocation_starts_the_key_anew(s: Session) -> None:
    grant(s, 7)
    for _ in range(2):
        s.put(key=b"a", lease=7)
    revoke(s, 7)
    s.put(key=b"a")
    s.range(key=b"a")


@scenario
def what_a_revocation_deletes_can_be_compacted(s: Session) -> None:
    grant(s, 7)
    s.put(key=b"a", lease=7)
    s.put(key=b"b")
    s.compact(revision=s.at(3), physical=True)
    time_to_live(s, 7, keys=True)
    revoke(s, 7)
    s.range(**EVERYTHING, revision=s.at(3))
    s.compact(revision=s.at(4), physical=True)
    s.range(**EVERYTHING, revision=s.at(3))
    s.range(**EVERYTHING)


@scenario
def keys_are_shown_only_where_they_are_asked_for(s: Session) -> None:
    grant(s, 7)
    time_to_live(s, 7, keys=True)
    for key in (b"b", b"a", b"c"):
        s.put(key=key, lease=7)
    time_to_live(s, 7)
    time_to_live(s, 7, keys=True)


@scenario
def a_range_of_keys_alone_shows_no_lease_unless_it_sorts_by_value(s: Session) -> None:
    grant(s, 7)
    s.put(key=b"a", value=b"1", lease=7)
    for target in range(5):
        s.range(key=b"a", keys_only=True, sort_target=target)
    s.range_stream(key=b"a")
    s.range_stream(key=b"a", keys_only=True)


# Transactions


@scenario
def a_transaction_attaches_moves_and_detaches(s: Session) -> None:
    for id in (7, 8):
        grant(s, id)
    for key in (b"a", b"b", b"c", b"d"):
        s.put(key=key, lease=7)
    s.txn(
        success=[
            op_put(b"a", lease=8, prev_kv=True),
            op_put(b"b", prev_kv=True),
            op_put(b"c", ignore_lease=True, prev_kv=True),
            op_delete(b"d", prev_kv=True),
            op_put(b"e", lease=8),
        ]
    )
    show(s, 7, 8)


@scenario
def an_unknown_lease_is_refused_where_its_branch_is_taken(s: Session) -> None:
    grant(s, 7)
    s.txn(success=[op_put(b"a", lease=7)], failure=[op_put(b"a", lease=9)])
    show(s, 7)
    s.txn(success=[op_put(b"b", lease=7), op_put(b"c", lease=9)])
    inner = m.TxnRequest(success=[op_put(b"d", lease=9)])
    s.txn(success=[op_put(b"b", lease=7), m.RequestOp(request_txn=inner)])
    show(s, 7)


@scenario
def a_nested_transaction_attaches_too(s: Session) -> None:
    for id in (7, 8):
        grant(s, id)
    inner = m.TxnRequest(success=[op_put(b"a", lease=7), op_put(b"b", lease=8)])
    s.txn(success=[m.RequestOp(request_txn=inner), op_put(b"c", lease=7)])
    show(s, 7, 8)


@scenario
def a_transaction_deletes_and_attaches(s: Session) -> None:
    grant(s, 7)
    for key in (b"a", b"b", b"c"):
        s.put(key=key, lease=7)
    s.txn(success=[op_delete(b"a", b"c", prev_kv=True), op_put(b"d", lease=7)])
    show(s, 7)
    revoke(s, 7)
    show(s, 7)


@scenario
def compares_know_leases(s: Session) -> None:
    for id in (7, -7):
        grant(s, id)
    s.put(key=b"a", lease=7)
    s.put(key=b"b", lease=-7)
    s.put(key=b"c")
    for key in (b"a", b"b", b"c", b"d"):
        for result in range(4):
            for lease in (7, -7, 0):
                s.txn(
                    compare=[m.Compare(key=key, target=m.Compare.LEASE, result=result, lease=lease)]
                )


@scenario
def compares_of_leases_go_over_ranges(s: Session) -> None:
    grant(s, 7)
    for key in (b"a", b"b"):
        s.put(key=key, lease=7)
    s.put(key=b"c")
    for end in (b"c", b"d", b"\0"):
        for result in (m.Compare.EQUAL, m.Compare.GREATER):
            compare = m.Compare(
                key=b"a", range_end=end, target=m.Compare.LEASE, result=result, lease=7
            )
            s.txn(compare=[compare])


@scenario
def a_compare_sees_the_lease_go(s: Session) -> None:
    grant(s, 7)
    s.put(key=b"a", lease=7)
    compare = m.Compare(key=b"a", target=m.Compare.LEASE, result=m.Compare.EQUAL, lease=7)
    detach = m.TxnRequest(compare=[compare], success=[op_put(b"a")])
    for _ in range(2):
        s.txn(detach)
    leases(s)
