"""KV.Txn: compares, branches, nesting, and everything that makes a transaction invalid."""

from __future__ import annotations

from typing import Any

import pytest

from fake_etcd.api import errors
from fake_etcd.api import messages as m
from tests.services.client import KvClient, Start, header, inner, kv, refused

C = m.Compare


def put(key: bytes, value: bytes = b"", **options: Any) -> m.RequestOp:
    return m.RequestOp(request_put=m.PutRequest(key=key, value=value, **options))


def get(key: bytes, end: bytes = b"", **options: Any) -> m.RequestOp:
    return m.RequestOp(request_range=m.RangeRequest(key=key, range_end=end, **options))


def delete(key: bytes, end: bytes = b"", **options: Any) -> m.RequestOp:
    request = m.DeleteRangeRequest(key=key, range_end=end, **options)
    return m.RequestOp(request_delete_range=request)


def nested(
    success: list[m.RequestOp],
    failure: list[m.RequestOp] | None = None,
    compare: list[m.Compare] | None = None,
) -> m.RequestOp:
    request = m.TxnRequest(success=success, failure=failure, compare=compare)
    return m.RequestOp(request_txn=request)


FALSE = C(key=b"absent", target=C.VERSION, result=C.GREATER, version=0)


@pytest.fixture
def ab(etcd: KvClient) -> KvClient:
    """a at revision 2, b at revision 3 and 4."""
    etcd.put(key=b"a", value=b"1")
    etcd.put(key=b"b", value=b"5")
    etcd.put(key=b"b", value=b"5")
    return etcd


A, B = kv(b"a", b"1", 2), kv(b"b", b"5", 3, 4, 2)


# Answers


def test_an_empty_transaction_succeeds(ab: KvClient) -> None:
    assert ab.txn() == m.TxnResponse(header=header(4), succeeded=True)


def test_several_changes_are_one_revision(etcd: KvClient) -> None:
    answer = etcd.txn(success=[put(b"a", b"1"), put(b"b", b"2"), delete(b"c")])
    assert answer == m.TxnResponse(
        header=header(2),
        succeeded=True,
        responses=[
            m.ResponseOp(response_put=m.PutResponse(header=inner(2))),
            m.ResponseOp(response_put=m.PutResponse(header=inner(2))),
            m.ResponseOp(response_delete_range=m.DeleteRangeResponse(header=inner(2))),
        ],
    )
    assert list(etcd.range(key=b"a", range_end=b"c").kvs) == [kv(b"a", b"1", 2), kv(b"b", b"2", 2)]


def test_a_failed_compare_takes_the_other_branch(ab: KvClient) -> None:
    answer = ab.txn(compare=[FALSE], success=[put(b"x")], failure=[get(b"a")])
    assert answer == m.TxnResponse(
        header=header(4),
        responses=[m.ResponseOp(response_range=m.RangeResponse(header=inner(4), kvs=[A], count=1))],
    )


def test_inner_headers_have_the_revision_that_was_current_at_that_point(ab: KvClient) -> None:
    """A range or a deletion of nothing before the first change is at the old revision."""
    answer = ab.txn(success=[get(b"a"), delete(b"z"), put(b"c"), get(b"a"), delete(b"z")])
    assert answer == m.TxnResponse(
        header=header(5),
        succeeded=True,
        responses=[
            m.ResponseOp(response_range=m.RangeResponse(header=inner(4), kvs=[A], count=1)),
            m.ResponseOp(response_delete_range=m.DeleteRangeResponse(header=inner(4))),
            m.ResponseOp(response_put=m.PutResponse(header=inner(5))),
            m.ResponseOp(response_range=m.RangeResponse(header=inner(5), kvs=[A], count=1)),
            m.ResponseOp(response_delete_range=m.DeleteRangeResponse(header=inner(5))),
        ],
    )


def test_a_transaction_reads_its_own_writes(ab: KvClient) -> None:
    answer = ab.txn(success=[put(b"a", b"2"), get(b"a"), delete(b"b", prev_kv=True), get(b"b")])
    assert list(answer.responses[1].response_range.kvs) == [kv(b"a", b"2", 2, 5, 2)]
    assert list(answer.responses[2].response_delete_range.prev_kvs) == [B]
    assert answer.responses[3].response_range.count == 0


def test_a_transaction_that_deletes_nothing_keeps_the_revision(ab: KvClient) -> None:
    assert ab.txn(success=[delete(b"z")]).header == header(4)


def test_put_options_hold_inside(ab: KvClient) -> None:
    answer = ab.txn(success=[put(b"a", ignore_value=True, prev_kv=True)])
    assert answer.responses[0].response_put == m.PutResponse(header=inner(5), prev_kv=A)
    assert list(ab.range(key=b"a").kvs) == [kv(b"a", b"1", 2, 5, 2)]


def test_range_options_hold_inside(ab: KvClient) -> None:
    answer = ab.txn(
        success=[get(b"a", b"z", limit=1, sort_order=m.RangeRequest.DESCEND, keys_only=True)]
    )
    assert answer.responses[0].response_range == m.RangeResponse(
        header=inner(4), kvs=[kv(b"b", b"", 3, 4, 2)], more=True, count=2
    )


def test_an_older_revision_can_be_read_after_a_write(ab: KvClient) -> None:
    answer = ab.txn(success=[put(b"b", b"6"), get(b"b", revision=3)])
    assert answer.responses[1].response_range == m.RangeResponse(
        header=inner(5), kvs=[kv(b"b", b"5", 3)], count=1
    )


def test_the_header_of_a_nested_answer_is_empty(etcd: KvClient) -> None:
    answer = etcd.txn(success=[nested([put(b"a")]), nested([], compare=[FALSE])])
    assert answer == m.TxnResponse(
        header=header(2),
        succeeded=True,
        responses=[
            m.ResponseOp(
                response_txn=m.TxnResponse(
                    header=m.ResponseHeader(),
                    succeeded=True,
                    responses=[m.ResponseOp(response_put=m.PutResponse(header=inner(2)))],
                )
            ),
            m.ResponseOp(response_txn=m.TxnResponse(header=m.ResponseHeader())),
        ],
    )


def test_nested_compares_see_the_keys_as_they_were_before(ab: KvClient) -> None:
    a_is_2 = C(key=b"a", target=C.VALUE, result=C.EQUAL, value=b"2")
    answer = ab.txn(success=[put(b"a", b"2"), nested([put(b"x")], [put(b"y")], [a_is_2])])
    assert not answer.responses[1].response_txn.succeeded
    assert ab.range(key=b"y").count == 1


# Compares


@pytest.mark.parametrize(
    ("compare", "holds"),
    [
        (C(key=b"b", target=C.VERSION, result=C.EQUAL, version=2), True),
        (C(key=b"b", target=C.VERSION, result=C.NOT_EQUAL, version=2), False),
        (C(key=b"b", target=C.VERSION, result=C.GREATER, version=1), True),
        (C(key=b"b", target=C.VERSION, result=C.GREATER, version=2), False),
        (C(key=b"b", target=C.VERSION, result=C.LESS, version=3), True),
        (C(key=b"b", target=C.VERSION, result=C.LESS, version=2), False),
        (C(key=b"b", target=C.CREATE, result=C.EQUAL, create_revision=3), True),
        (C(key=b"b", target=C.MOD, result=C.EQUAL, mod_revision=4), True),
        (C(key=b"b", target=C.LEASE, result=C.EQUAL, lease=0), True),
        (C(key=b"b", target=C.VALUE, result=C.EQUAL, value=b"5"), True),
        (C(key=b"b", target=C.VALUE, result=C.GREATER, value=b"10"), True),
        (C(key=b"b", target=C.VALUE, result=C.LESS, value=b"50"), True),
        # An absent key has version, revisions and lease 0, but no value at all.
        (C(key=b"z", target=C.VERSION, result=C.EQUAL, version=0), True),
        (C(key=b"z", target=C.MOD, result=C.LESS, mod_revision=1), True),
        (C(key=b"z", target=C.LEASE, result=C.EQUAL), True),
        (C(key=b"z", target=C.VALUE, result=C.EQUAL, value=b""), False),
        (C(key=b"z", target=C.VALUE, result=C.NOT_EQUAL, value=b"5"), False),
        # What is compared with is 0 or empty where the request has another target's.
        (C(key=b"b", target=C.VERSION, result=C.GREATER, mod_revision=9), True),
        (C(key=b"b", target=C.VALUE, result=C.GREATER, version=5), True),
        # A range holds if all its keys do; an empty one is like an absent key.
        (C(key=b"a", range_end=b"c", target=C.MOD, result=C.GREATER, mod_revision=1), True),
        (C(key=b"a", range_end=b"c", target=C.MOD, result=C.GREATER, mod_revision=2), False),
        (C(key=b"a", range_end=b"\0", target=C.VERSION, result=C.NOT_EQUAL, version=0), True),
        (C(key=b"x", range_end=b"z", target=C.VERSION, result=C.EQUAL, version=0), True),
        (C(key=b"b", range_end=b"a", target=C.VALUE, result=C.EQUAL, value=b"5"), False),
        # Targets and results that do not exist.
        (C(key=b"b", target=9, result=C.EQUAL), True),
        (C(key=b"b", target=9, result=C.NOT_EQUAL), False),
        (C(key=b"b", target=C.VERSION, result=9, version=7), True),
        (C(key=b"z", target=C.VALUE, result=9), False),
    ],
)
def test_compares(ab: KvClient, compare: m.Compare, holds: bool) -> None:
    assert ab.txn(compare=[compare]).succeeded is holds


def test_all_compares_have_to_hold(ab: KvClient) -> None:
    true = C(key=b"b", target=C.VERSION, result=C.EQUAL, version=2)
    assert ab.txn(compare=[true, true]).succeeded
    assert not ab.txn(compare=[true, FALSE]).succeeded


# What makes a transaction invalid


def test_an_operation_that_is_none(etcd: KvClient) -> None:
    with refused(errors.KEY_NOT_FOUND):
        etcd.txn(success=[m.RequestOp()])
    with refused(errors.KEY_NOT_FOUND):
        etcd.txn(failure=[m.RequestOp()])


@pytest.mark.parametrize(
    "txn",
    [
        m.TxnRequest(compare=[C()]),
        m.TxnRequest(success=[put(b"")]),
        m.TxnRequest(failure=[get(b"")]),
        m.TxnRequest(success=[delete(b"")]),
        m.TxnRequest(success=[nested([], [nested([put(b"")])])]),
        m.TxnRequest(success=[nested([], compare=[C()])]),
    ],
)
def test_a_key_is_needed_everywhere(etcd: KvClient, txn: m.TxnRequest) -> None:
    with refused(errors.EMPTY_KEY):
        etcd.txn(txn)


def test_every_operation_is_checked_like_the_call(etcd: KvClient) -> None:
    with refused(errors.INVALID_SORT_OPTION):
        etcd.txn(failure=[get(b"a", sort_order=7)])
    with refused(errors.VALUE_PROVIDED):
        etcd.txn(failure=[put(b"a", b"1", ignore_value=True)])
    with refused(errors.LEASE_PROVIDED):
        etcd.txn(failure=[put(b"a", lease=7, ignore_lease=True)])


@pytest.mark.parametrize("branch", ["compare", "success", "failure"])
def test_at_most_128_entries_of_a_kind(etcd: KvClient, branch: str) -> None:
    entry = C(key=b"a") if branch == "compare" else get(b"a")
    etcd.txn(**{branch: [entry] * 128})
    with refused(errors.TOO_MANY_OPS):
        etcd.txn(**{branch: [entry] * 129})


def test_max_txn_ops_can_be_set(start: Start) -> None:
    etcd = start(max_txn_ops=2)
    etcd.txn(success=[put(b"a"), put(b"b")])
    with refused(errors.TOO_MANY_OPS):
        etcd.txn(success=[put(b"a"), put(b"b"), put(b"c")])


def test_a_nested_transaction_has_what_the_longest_list_above_leaves(start: Start) -> None:
    etcd = start(max_txn_ops=4)
    etcd.txn(success=[nested([put(b"a"), put(b"b"), put(b"c")])])
    with refused(errors.TOO_MANY_OPS):
        etcd.txn(success=[nested([put(b"a"), put(b"b"), put(b"c"), put(b"d")])])
    with refused(errors.TOO_MANY_OPS):
        etcd.txn(
            compare=[C(key=b"a"), C(key=b"b")],
            failure=[nested([put(b"a"), put(b"b"), put(b"c")])],
        )


ONE_KEY_TWICE = {
    "put twice": [put(b"a"), put(b"a")],
    "put, delete": [put(b"a"), delete(b"a")],
    "delete, put": [delete(b"a"), put(b"a")],
    "delete a range, put": [delete(b"a", b"c"), put(b"b")],
    "delete the first of a range, put": [delete(b"b", b"c"), put(b"b")],
    "put, nested put": [put(b"a"), nested([put(b"a")])],
    "put, nested put in the other branch": [put(b"a"), nested([], [put(b"a")])],
    "nested puts": [nested([put(b"a")]), nested([], [put(b"a")])],
    "delete, nested put": [delete(b"a"), nested([put(b"a")])],
    "nested put, delete": [nested([put(b"a")]), delete(b"a")],
    "nested delete, put": [nested([delete(b"a")]), put(b"a")],
    "put, nested delete": [put(b"a"), nested([], [delete(b"a", b"b")])],
    "nested delete, then nested put": [nested([delete(b"a")]), nested([put(b"a")])],
    "twice in a nested branch that is not taken": [nested([], [put(b"a"), put(b"a")])],
    "two levels down": [nested([nested([put(b"a")])]), put(b"a")],
}


@pytest.mark.parametrize("operations", ONE_KEY_TWICE.values(), ids=ONE_KEY_TWICE.keys())
@pytest.mark.parametrize("branch", ["success", "failure"])
def test_a_key_must_not_change_twice(
    etcd: KvClient, branch: str, operations: list[m.RequestOp]
) -> None:
    with refused(errors.DUPLICATE_KEY):
        etcd.txn(**{branch: operations})
    assert etcd.range(key=b"a") == m.RangeResponse(header=header(1))


NO_KEY_TWICE = {
    "both branches of a nested one put": [nested([put(b"a")], [put(b"a")])],
    "one branch puts, the other deletes": [nested([put(b"a")], [delete(b"a")])],
    "delete twice": [delete(b"a"), delete(b"a", b"z")],
    "delete twice, nested": [delete(b"a"), nested([delete(b"a")])],
    "the end of a range": [delete(b"a", b"b"), put(b"b")],
    "an empty range": [delete(b"b", b"b"), put(b"b")],
    "a range that ends before it begins": [delete(b"c", b"a"), put(b"b")],
    "read and write": [get(b"a"), put(b"a"), get(b"a")],
    # Not what one expects, but so it is:
    "nested put, then nested delete": [nested([put(b"a")]), nested([delete(b"a")])],
    "delete to the end": [delete(b"a", b"\0"), put(b"b")],
    "nested delete to the end": [nested([delete(b"a", b"\0")]), put(b"b")],
}


@pytest.mark.parametrize("operations", NO_KEY_TWICE.values(), ids=NO_KEY_TWICE.keys())
def test_what_is_not_taken_for_a_second_change(
    etcd: KvClient, operations: list[m.RequestOp]
) -> None:
    assert etcd.txn(success=operations).succeeded


# What cannot be done, of what is taken


def test_only_the_branch_that_is_taken_has_to_be_possible(ab: KvClient) -> None:
    for impossible in (get(b"a", revision=99), put(b"z", ignore_value=True), put(b"a", lease=7)):
        assert ab.txn(failure=[impossible]).succeeded
        assert ab.txn(success=[nested([], [impossible])]).succeeded


@pytest.mark.parametrize(
    ("impossible", "error"),
    [
        (get(b"a", revision=99), errors.FUTURE_REV),
        (put(b"z", ignore_value=True), errors.KEY_NOT_FOUND),
        (put(b"z", ignore_lease=True), errors.KEY_NOT_FOUND),
        (put(b"a", lease=7), errors.LEASE_NOT_FOUND),
        (put(b"z", lease=7, ignore_value=True), errors.LEASE_NOT_FOUND),
    ],
)
def test_nothing_is_done_if_anything_is_impossible(
    ab: KvClient, impossible: m.RequestOp, error: type[errors.EtcdError]
) -> None:
    for operations in ([put(b"x"), impossible], [put(b"x"), nested([nested([impossible])])]):
        with refused(error):
            ab.txn(success=operations)
    assert ab.range(key=b"x") == m.RangeResponse(header=header(4))


def test_the_first_impossible_operation_is_told_across_nesting(ab: KvClient) -> None:
    lost, future = put(b"a", lease=7), get(b"a", revision=99)
    with refused(errors.LEASE_NOT_FOUND):
        ab.txn(success=[nested([lost]), future])
    with refused(errors.FUTURE_REV):
        ab.txn(success=[nested([put(b"x")]), future, nested([lost])])


def test_a_key_that_the_transaction_itself_makes_is_not_there_to_be_kept(ab: KvClient) -> None:
    with refused(errors.KEY_NOT_FOUND):
        ab.txn(success=[nested([put(b"z")], [put(b"z", ignore_value=True)], [FALSE])])


@pytest.mark.parametrize("operations", [[], [put(b"x")]], ids=["reading", "writing"])
def test_a_compacted_revision(ab: KvClient, operations: list[m.RequestOp]) -> None:
    ab.compact(4)
    with refused(errors.COMPACTED):
        ab.txn(success=[*operations, get(b"a", revision=3)])
    assert ab.txn(success=[*operations, get(b"a", revision=4)]).succeeded


def test_a_negative_revision_is_compacted_inside_a_transaction(ab: KvClient) -> None:
    """But -1 is not, as long as nothing was compacted: the compact revision is -1 then."""
    assert list(ab.txn(success=[get(b"a", revision=-1)]).responses[0].response_range.kvs) == [A]
    with refused(errors.COMPACTED):
        ab.txn(success=[get(b"a", revision=-2)])
    ab.compact(0)
    with refused(errors.COMPACTED):
        ab.txn(success=[get(b"a", revision=-1)])


def test_an_invalid_transaction_is_told_before_an_impossible_one(ab: KvClient) -> None:
    with refused(errors.DUPLICATE_KEY):
        ab.txn(success=[put(b"a", lease=7), put(b"a")])
    with refused(errors.EMPTY_KEY):
        ab.txn(success=[put(b"a"), put(b"a"), put(b"")])
    with refused(errors.TOO_MANY_OPS):
        ab.txn(compare=[C()], success=[put(b"")] * 129)
