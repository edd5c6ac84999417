"""Operations: what is refused, and the rules about ranges. What Go sends is in test_like_go."""

from __future__ import annotations

import dataclasses
import doctest
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_etcd.api import messages as m
from fake_etcd.clientv3 import keys
from fake_etcd.clientv3 import op as o
from fake_etcd.clientv3.compare import compare, value

RANGED: list[Callable[..., Any]] = [o.op_get, o.op_delete, o.op_watch]
TOPS = ["first_create", "last_create", "first_key", "last_key", "first_rev", "last_rev"]

short_bytes = st.binary(max_size=4) | st.lists(st.sampled_from([0, 97, 254, 255])).map(bytes)


@given(short_bytes, short_bytes)
def test_a_prefix_is_the_range_of_the_keys_that_begin_with_it(prefix: bytes, key: bytes) -> None:
    op = o.op_get(prefix, prefix=True)
    if not key:
        return
    inside = op.key <= key and (op.range_end == b"\0" or key < op.range_end)
    assert inside is key.startswith(prefix)


@pytest.mark.parametrize(
    ("prefix", "end"),
    [("", b"\0"), ("foo", b"fop"), (b"a\xff\xff", b"b"), (b"\xff", b"\0"), ("é", b"\xc3\xaa")],
)
def test_the_end_of_a_prefix(prefix: bytes | str, end: bytes) -> None:
    assert keys.prefix_range_end(prefix) == end


@pytest.mark.parametrize("make", RANGED)
@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"prefix": True, "from_key": True}, "prefix and from_key"),
        ({"prefix": True, "range_end": "z"}, "prefix and range_end"),
        ({"from_key": True, "range_end": ""}, "from_key and range_end"),
    ],
)
def test_a_range_is_one_of_three(make: Callable[..., Any], given: Any, names: str) -> None:
    with pytest.raises(ValueError, match=f"^{names} exclude each other$"):
        make("k", **given)


@pytest.mark.parametrize("top", TOPS)
@pytest.mark.parametrize(
    ("other", "setting"),
    [
        ("range_end", "z"),
        ("from_key", True),
        ("sort", (o.SortTarget.KEY, o.SortOrder.NONE)),
        ("limit", 1),
    ],
)
def test_the_first_or_last_excludes_what_it_implies(top: str, other: str, setting: Any) -> None:
    with pytest.raises(ValueError, match=f"^{top} and {other} exclude each other$"):
        o.op_get("k", **{top: True, other: setting})


@pytest.mark.parametrize("top", TOPS)
def test_only_one_first_or_last_is_asked_for(top: str) -> None:
    for other in TOPS:
        if other == top:
            continue
        first, second = sorted((top, other), key=TOPS.index)
        with pytest.raises(ValueError, match=f"^{first} and {second} exclude each other$"):
            o.op_get("k", **{top: True, other: True})  # type: ignore[arg-type]


@pytest.mark.parametrize("top", TOPS)
def test_the_first_or_last_is_of_a_prefix_whether_that_is_said_or_not(top: str) -> None:
    said = o.op_get("k", prefix=True, **{top: True})  # type: ignore[arg-type]
    assert said == o.op_get("k", **{top: True})  # type: ignore[arg-type]
    assert (said.key, said.range_end, said.limit) == (b"k", b"l", 1)


def test_the_store_is_not_asked_for_its_own_order() -> None:
    op = o.op_get("k", sort=(o.SortTarget.KEY, o.SortOrder.ASCEND))
    assert op.sort == (o.SortTarget.KEY, o.SortOrder.NONE)
    assert op.to_request() == m.RangeRequest(key=b"k")


@pytest.mark.parametrize("sort", [(5, 0), (0, 3), (-1, 0)])
def test_a_sort_that_etcd_has_not_is_refused(sort: Any) -> None:
    with pytest.raises(ValueError, match="is not a valid Sort"):
        o.op_get("k", sort=sort)


def test_a_put_has_a_value_or_leaves_it() -> None:
    with pytest.raises(ValueError, match=r"^value and ignore_value exclude each other"):
        o.op_put("k", "v", ignore_value=True)
    assert o.op_put("k", "", ignore_value=True).to_request() == m.PutRequest(
        key=b"k", ignore_value=True
    )


def test_a_put_has_a_lease_or_leaves_it() -> None:
    with pytest.raises(ValueError, match=r"^lease and ignore_lease exclude each other$"):
        o.op_put("k", "v", lease=1, ignore_lease=True)


@pytest.mark.parametrize("wrong", [1, None, bytearray(b"k"), memoryview(b"k"), ["k"]])
def test_keys_and_values_are_bytes_or_str(wrong: Any) -> None:
    kind = type(wrong).__name__
    for make in RANGED:
        with pytest.raises(TypeError, match=f"^key is bytes or str, not {kind}$"):
            make(wrong)
    with pytest.raises(TypeError, match=f"^key is bytes or str, not {kind}$"):
        o.op_put(wrong, "v")
    with pytest.raises(TypeError, match=f"^value is bytes or str, not {kind}$"):
        o.op_put("k", wrong)
    if wrong is not None:
        with pytest.raises(TypeError, match=f"^range_end is bytes or str, not {kind}$"):
            o.op_delete("k", range_end=wrong)


@given(st.text(), st.text())
def test_text_stands_for_its_utf_8(key: str, end: str) -> None:
    raw = o.op_get(key.encode(), range_end=end.encode())
    assert o.op_get(key, range_end=end) == raw
    assert o.op_put(key, end) == o.op_put(key.encode(), end.encode())


class Bytes(bytes):
    pass


def test_what_is_kept_of_bytes_is_bytes() -> None:
    assert type(o.op_get(Bytes(b"k")).key) is bytes
    assert type(o.op_put(Bytes(b"k"), Bytes(b"v")).value) is bytes


def test_what_may_change_something_is_a_write() -> None:
    get, put, delete = o.op_get("k"), o.op_put("k", "v"), o.op_delete("k")
    assert [each.is_write for each in (get, put, delete)] == [False, True, True]
    assert not o.op_txn().is_write
    assert not o.op_txn(then=[get], else_=[o.op_txn(then=[get])]).is_write
    assert o.op_txn(then=[get, put]).is_write
    assert o.op_txn(else_=[o.op_txn(else_=[delete])]).is_write


def test_an_operation_knows_its_kind() -> None:
    ops: list[o.Op] = [o.op_get("k"), o.op_put("k", "v"), o.op_delete("k"), o.op_txn()]
    kinds = [(op.is_get, op.is_put, op.is_delete, op.is_txn) for op in ops]
    assert kinds == [tuple(i == j for j in range(4)) for i in range(4)]


def test_a_part_of_a_transaction_has_the_message_of_its_kind() -> None:
    ops: list[o.Op] = [o.op_get("k"), o.op_put("k", "v"), o.op_delete("k"), o.op_txn()]
    parts = [op.to_request_op() for op in ops]
    assert parts == [
        m.RequestOp(request_range=m.RangeRequest(key=b"k")),
        m.RequestOp(request_put=m.PutRequest(key=b"k", value=b"v")),
        m.RequestOp(request_delete_range=m.DeleteRangeRequest(key=b"k")),
        m.RequestOp(request_txn=m.TxnRequest()),
    ]
    assert o.op_txn(then=ops, else_=ops[:1]).to_request() == m.TxnRequest(
        success=parts, failure=parts[:1]
    )


def test_a_transaction_is_of_comparisons_and_operations() -> None:
    target: Any = value("k")
    watch: Any = o.op_watch("k")
    with pytest.raises(TypeError, match=r"^a transaction compares with Cmp, not Target$"):
        o.op_txn([target])
    with pytest.raises(TypeError, match=r"^a transaction is made of Op, not WatchOp$"):
        o.op_txn(then=[watch])
    with pytest.raises(TypeError, match=r"^a transaction is made of Op, not WatchOp$"):
        o.op_txn(else_=[watch])


OPS = [
    o.op_get("k", prefix=True, limit=3, sort=(o.SortTarget.MOD, o.SortOrder.DESCEND)),
    o.op_put("k", "v", lease=7, prev_kv=True),
    o.op_delete("k", from_key=True),
    o.op_txn([compare(value("k"), "=", "v")], [o.op_get("a")]),
    o.op_watch("k", rev=5),
    o.op_compact(5, physical=True),
]


@pytest.mark.parametrize("op", OPS, ids=lambda op: type(op).__name__)
def test_an_operation_is_a_value(op: Any) -> None:
    assert pickle.loads(pickle.dumps(op)) == op
    assert hash(dataclasses.replace(op)) == hash(op)
    assert eval(repr(o.op_put("k", "v")), vars(o)) == o.op_put("k", "v")
    field = dataclasses.fields(op)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(op, field, getattr(op, field))


def test_a_request_is_new_each_time() -> None:
    op = o.op_get("k")
    op.to_request().key = b"x"
    assert op.to_request() == m.RangeRequest(key=b"k")


def test_its_examples_are_right() -> None:
    assert doctest.testmod(o) == (0, 1)
    assert doctest.testmod(keys) == (0, 1)
