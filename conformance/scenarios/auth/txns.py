"""Who may run transactions: all of one is looked at, also what would not be done."""

from __future__ import annotations

from collections.abc import Iterator

from fake_etcd.api import messages as m

from ...scenario import scenario
from ...session import Session
from .asking import (
    READ,
    READWRITE,
    WRITE,
    add_person,
    as_person,
    grant_lease,
    one_person,
    op_delete,
    op_put,
    op_range,
    op_txn,
    switch_on,
    version_is,
)


@scenario
def each_operation_of_a_transaction_needs_its_permission(s: Session) -> None:
    add_person(s, "reader", (READ, b"a", b"c"))
    add_person(s, "writer", (WRITE, b"a", b"c"))
    add_person(s, "both", (READWRITE, b"a", b"c"))
    switch_on(s)
    for name in ("reader", "writer", "both"):
        caller = as_person(s, name)
        caller.txn(success=[op_range(b"a", b"c")])
        caller.txn(success=[op_put(b"a", name.encode())])
        caller.txn(success=[op_put(b"a", name.encode(), prev_kv=True)])
        caller.txn(success=[op_delete(b"b")])
        caller.txn(success=[op_delete(b"a", b"c", prev_kv=True)])
        caller.txn(success=[op_range(b"a"), op_put(b"a"), op_delete(b"b")])
        caller.txn(compare=[version_is(b"a", 0)])


@scenario
def an_empty_transaction_needs_no_permission_but_a_user(s: Session) -> None:
    _, alice = one_person(s)
    alice.txn()
    alice.txn(success=[op_txn()])
    alice.txn(failure=[op_txn(failure=[op_txn()])])
    s.txn()
    s.txn(success=[op_txn()])
    s.with_metadata(("token", "not a token")).txn()


@scenario
def a_compare_needs_a_permission_to_read(s: Session) -> None:
    root, alice = one_person(s, (READ, b"b", b"d"), (WRITE, b"a"))
    for key in (b"a", b"b", b"c"):
        root.put(key=key)
    for key, range_end in (
        (b"b", b""),
        (b"a", b""),
        (b"d", b""),
        (b"b", b"d"),
        (b"a", b"c"),
        (b"b", b"\0"),
        (b"\0", b"\0"),
        (b"c", b"b"),
        (b"d", b"a"),
    ):
        alice.txn(compare=[version_is(key, 1, range_end)])
    alice.txn(compare=[version_is(b"b", 1), version_is(b"a", 1)], success=[op_put(b"a")])
    alice.txn(compare=[version_is(b"b", 1)], success=[op_put(b"a", b"done")])
    root.range(key=b"a")


@scenario
def a_compare_of_every_kind_needs_it(s: Session) -> None:
    _, alice = one_person(s)
    for compare in (
        m.Compare(key=b"a", target=m.Compare.CREATE, create_revision=0),
        m.Compare(key=b"a", target=m.Compare.MOD, mod_revision=0),
        m.Compare(key=b"a", target=m.Compare.VALUE, value=b""),
        m.Compare(key=b"a", target=m.Compare.LEASE, lease=0),
        m.Compare(key=b"a"),
    ):
        alice.txn(compare=[compare])


@scenario
def the_branch_that_is_not_taken_needs_its_permissions_too(s: Session) -> None:
    root, alice = one_person(s, (READWRITE, b"a"))
    for branch in ("success", "failure"):
        for version in (0, 1):
            compare = [version_is(b"a", version)]
            allowed, denied = op_put(b"a", b"1"), op_put(b"z", b"1")
            other = "failure" if branch == "success" else "success"
            operations = {branch: [denied], other: [allowed]}
            alice.txn(m.TxnRequest(compare=compare, **operations))
    alice.txn(compare=[version_is(b"a", 0)], success=[op_put(b"a")], failure=[op_range(b"z")])
    alice.txn(compare=[version_is(b"a", 9)], success=[op_delete(b"z")], failure=[op_put(b"a")])
    root.range(key=b"a", range_end=b"\0")


@scenario
def all_inside_a_nested_transaction_needs_its_permissions(s: Session) -> None:
    root, alice = one_person(s, (READWRITE, b"a"))
    for inner in (
        op_txn(success=[op_range(b"z")]),
        op_txn(failure=[op_range(b"z")]),
        op_txn(success=[op_put(b"z")]),
        op_txn(failure=[op_delete(b"z")]),
        op_txn(compare=[version_is(b"z", 0)]),
        op_txn(success=[op_put(b"a", prev_kv=True)]),
        op_txn(success=[op_txn(failure=[op_txn(success=[op_put(b"z")])])]),
        op_txn(success=[op_txn(compare=[version_is(b"z", 0)])]),
        op_txn(success=[op_txn(success=[op_put(b"a")])]),
    ):
        alice.txn(success=[inner])
        alice.txn(failure=[inner])
    root.range(key=b"a", range_end=b"\0")


@scenario
def a_nested_put_or_deletion_that_shows_the_old_value_needs_a_permission_to_read(
    s: Session,
) -> None:
    root, writer = one_person(s, (WRITE, b"a", b"c"), (READ, b"b"))
    root.put(key=b"a", value=b"secret")
    root.put(key=b"b", value=b"open")
    for operation in (
        op_put(b"a", prev_kv=True),
        op_delete(b"a", prev_kv=True),
        op_delete(b"a", b"c", prev_kv=True),
        op_put(b"b", prev_kv=True),
        op_delete(b"b", prev_kv=True),
    ):
        writer.txn(success=[operation])
        writer.txn(success=[op_txn(success=[operation])])


@scenario
def a_put_in_a_transaction_may_not_attach_to_a_lease_with_keys_of_others(s: Session) -> None:
    root, alice = one_person(s, (WRITE, b"a"))
    for id in (7, 8):
        grant_lease(root, id)
    root.put(key=b"z", lease=7)
    for id in (7, 8, 9):
        alice.txn(success=[op_put(b"a", lease=id)])
        alice.txn(failure=[op_put(b"a", lease=id)])
        alice.txn(success=[op_txn(success=[op_put(b"a", lease=id)])])
    root.range(key=b"a")


@scenario
def a_transaction_cannot_make_its_own_lease_forbidden(s: Session) -> None:
    # Permissions are looked at once, before anything is done.
    root, alice = one_person(s, (WRITE, b"a", b"c"))
    grant_lease(root, 7)
    alice.txn(success=[op_put(b"a", lease=7), op_put(b"b", lease=7)])
    root.txn(success=[op_put(b"a", lease=7), op_put(b"z", lease=7)])
    alice.txn(success=[op_put(b"a", lease=7)])


def wrong_requests() -> Iterator[m.TxnRequest]:
    """Each is wrong in itself, and asks for what is not allowed as well."""
    denied = op_put(b"z")
    yield m.TxnRequest(success=[denied, op_put(b"")])
    yield m.TxnRequest(success=[denied, denied])
    yield m.TxnRequest(success=[denied, op_delete(b"a", b"\0")])
    yield m.TxnRequest(compare=[m.Compare()], success=[denied])
    yield m.TxnRequest(success=[denied, m.RequestOp()])
    yield m.TxnRequest(success=[denied] * 129)
    yield m.TxnRequest(success=[denied, op_range(b"a", sort_order=9)])
    yield m.TxnRequest(success=[op_range(b"")])
    yield m.TxnRequest(success=[denied, op_put(b"a", ignore_value=True)])
    yield m.TxnRequest(success=[op_put(b"a", lease=77), denied])
    yield m.TxnRequest(success=[op_range(b"z", revision=2**40)])
    yield m.TxnRequest(success=[denied, op_range(b"a", revision=2**40)])
    yield m.TxnRequest(success=[op_put(b"a", b"1", ignore_value=True), denied])


@scenario
def what_is_wrong_with_a_transaction_is_told_in_its_turn(s: Session) -> None:
    root, alice = one_person(s)
    nobody = s.with_metadata(("token", "not a token"))
    for request in wrong_requests():
        for caller in (s, nobody, alice, root):
            caller.txn(request)


@scenario
def what_a_transaction_finds_out_comes_after_who_may_run_it(s: Session) -> None:
    root, alice = one_person(s, (READWRITE, b"a"))
    for _ in range(3):
        root.put(key=b"a")
    root.compact(revision=s.at(3))
    for key in (b"a", b"z"):
        alice.txn(success=[op_range(key, revision=s.at(2))])
        alice.txn(success=[op_range(key, revision=s.at(99))])
        alice.txn(success=[op_put(b"a"), op_range(key, revision=s.at(2))])
        alice.txn(success=[op_put(key, lease=77)])
        alice.txn(success=[op_put(key + b"2", ignore_value=True)])
    alice.txn(success=[op_range(b"z", revision=s.at(2)), op_put(b"", b"")])


@scenario
def a_transaction_that_only_reads_needs_the_same_permissions(s: Session) -> None:
    root, alice = one_person(s, (READ, b"a"))
    root.put(key=b"a")
    nobody = s.with_metadata(("token", "not a token"))
    for caller in (s, nobody, alice, root):
        for serializable in (False, True):
            caller.txn(success=[op_range(b"a", serializable=serializable)])
            caller.txn(success=[op_range(b"z", serializable=serializable)])
            caller.txn(
                compare=[version_is(b"a", 9)],
                success=[op_range(b"z", serializable=serializable)],
                failure=[op_range(b"a", serializable=serializable)],
            )
            caller.txn(success=[op_txn(failure=[op_range(b"z", serializable=serializable)])])


@scenario
def an_operation_that_says_nothing_is_looked_at_like_any(s: Session) -> None:
    root, alice = one_person(s, (READ, b"a"))
    for caller in (s, alice, root):
        caller.txn(success=[m.RequestOp()])
        caller.txn(failure=[m.RequestOp()])
        caller.txn(success=[op_range(b"a"), m.RequestOp()])
        caller.txn(success=[op_txn(success=[m.RequestOp()])])


@scenario
def a_deletion_of_a_range_in_a_transaction_needs_all_of_it(s: Session) -> None:
    root, alice = one_person(s, (WRITE, b"b", b"d"))
    for key in (b"a", b"b", b"c", b"d"):
        root.put(key=key)
    for key, range_end in ((b"a", b"c"), (b"b", b"\0"), (b"\0", b"\0"), (b"c", b"b"), (b"b", b"d")):
        alice.txn(success=[op_delete(key, range_end)])
    root.range(key=b"\0", range_end=b"\0", keys_only=True)
