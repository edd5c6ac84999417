"""Keys and values through both faces: whole answers."""

from __future__ import annotations

from typing import Any

import pytest

from fake_etcd import clientv3
from fake_etcd.clientv3 import rpctypes
from fake_etcd.clientv3.op import SortOrder, SortTarget, op_delete, op_get, op_put, op_txn
from fake_etcd.clientv3.responses import (
    DeleteResponse,
    GetResponse,
    KeyValue,
    PutResponse,
    ResponseHeader,
    TxnResponse,
)


def header(cli: Any, revision: int) -> ResponseHeader:
    """The header of an answer at a revision, with this server's ids."""
    found = cli.get("nothing").header
    return ResponseHeader(found.cluster_id, found.member_id, revision, found.raft_term)


def test_a_put_can_be_got(cli: Any) -> None:
    put = cli.put("sample_key", "sample_value")
    revision = put.header.revision
    assert put == PutResponse(header(cli, revision))
    assert cli.get("sample", prefix=True) == GetResponse(
        header(cli, revision),
        (KeyValue(b"sample_key", b"sample_value", revision, revision, 1),),
        count=1,
    )


def test_a_put_can_answer_with_what_was_there(cli: Any) -> None:
    first = cli.put(b"k", b"1").header.revision
    second = cli.put("k", "2", prev_kv=True)
    assert second == PutResponse(header(cli, first + 1), KeyValue(b"k", b"1", first, first, 1))


def test_a_put_can_keep_the_value(cli: Any) -> None:
    with pytest.raises(rpctypes.ErrKeyNotFound):
        cli.put("k", "", ignore_value=True)
    cli.put("k", "1")
    cli.put("k", "", ignore_value=True)
    assert [(kv.value, kv.version) for kv in cli.get("k").kvs] == [(b"1", 2)]


def test_a_get_is_sorted_limited_and_counted(cli: Any) -> None:
    for key in ("a", "c", "b"):
        last = cli.put(f"k/{key}", key).header.revision
    newest = cli.get("k/", prefix=True, sort=(SortTarget.MOD, SortOrder.DESCEND), limit=2)
    assert ([kv.value for kv in newest.kvs], newest.more, newest.count) == ([b"b", b"c"], True, 3)
    assert [kv.value for kv in cli.get("k/", last_rev=True).kvs] == [b"b"]
    assert cli.get("k/", prefix=True, count_only=True) == GetResponse(header(cli, last), count=3)
    assert [kv.key for kv in cli.get("k/b", from_key=True, keys_only=True).kvs] == [b"k/b", b"k/c"]
    assert [kv.key for kv in cli.get("k/a", range_end="k/c", rev=last - 1).kvs] == [b"k/a"]


def test_a_delete_answers_with_what_was_there(cli: Any) -> None:
    made = cli.put("k/1", "1").header.revision
    cli.put("k/2", "2")
    gone = cli.delete("k/", prefix=True, prev_kv=True)
    assert gone == DeleteResponse(
        header(cli, made + 2),
        2,
        (
            KeyValue(b"k/1", b"1", made, made, 1),
            KeyValue(b"k/2", b"2", made + 1, made + 1, 1),
        ),
    )
    assert cli.delete("k/", prefix=True) == DeleteResponse(header(cli, made + 2))


def test_a_compacted_revision_cannot_be_got(cli: Any) -> None:
    revision = cli.put("k", "1").header.revision
    cli.put("k", "2")
    cli.compact(revision + 1, physical=True)
    with pytest.raises(rpctypes.ErrCompacted):
        cli.get("k", rev=revision)
    with pytest.raises(rpctypes.ErrCompacted):
        cli.compact(revision)
    with pytest.raises(rpctypes.ErrFutureRev):
        cli.get("k", rev=revision + 10)


def test_a_transaction_does_one_of_two_things(cli: Any) -> None:
    made = cli.put("k", "1").header.revision

    def swap() -> TxnResponse:
        answer: TxnResponse = (
            cli.txn()
            .if_(clientv3.compare(clientv3.value("k"), "=", "1"))
            .then(op_put("k", "2"), op_get("k"))
            .else_(op_get("k"))
            .commit()
        )
        return answer

    now = KeyValue(b"k", b"2", made, made + 1, 2)
    inner = ResponseHeader(revision=made + 1)
    got = GetResponse(inner, (now,), count=1)
    assert swap() == TxnResponse(header(cli, made + 1), True, (PutResponse(inner), got))
    assert swap() == TxnResponse(header(cli, made + 1), False, (got,))


def test_transactions_nest(cli: Any) -> None:
    inner = op_txn([clientv3.compare(clientv3.version("a"), ">", 0)], [op_delete("a")], [])
    answer = cli.txn().then(op_put("b", ""), inner).commit()
    assert [type(each) for each in answer.responses] == [PutResponse, TxnResponse]
    assert answer.responses[1] == TxnResponse(ResponseHeader(revision=0), False)


def test_the_parts_of_a_transaction_have_their_order(cli: Any) -> None:
    with pytest.raises(ValueError, match="cannot call if_ after then"):
        cli.txn().then().if_()
    with pytest.raises(ValueError, match="cannot call then after then"):
        cli.txn().then().then()


def test_do_does_what_an_operation_says(cli: Any) -> None:
    revision = cli.do(op_put("k", "v")).header.revision
    assert cli.do(op_get("k")) == cli.get("k")
    assert cli.do(op_delete("k")) == DeleteResponse(header(cli, revision + 1), 1)
    assert cli.do(op_txn()) == TxnResponse(header(cli, revision + 1), True)


@pytest.mark.usefixtures("range_stream")
def test_a_get_can_come_in_parts(cli: Any) -> None:
    for number in range(5):
        cli.put(f"k/{number}", "v" * 1000)
    parts = list(cli.get_stream("k/", prefix=True))
    assert GetResponse.joined(parts) == cli.get("k/", prefix=True)


@pytest.mark.usefixtures("range_stream")
def test_a_get_in_parts_raises_where_they_are_read(cli: Any) -> None:
    parts = cli.get_stream("")
    with pytest.raises(rpctypes.ErrEmptyKey):
        next(parts)
