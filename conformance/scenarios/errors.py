"""Requests that are wrong: which error, in which order, at which exact bound."""

from __future__ import annotations

from google.protobuf.message import Message

from fake_etcd.api import messages as m

from ..scenario import scenario
from ..session import Session

_LARGEST, _SMALLEST = 2**63 - 1, -(2**63)
_EXTREMES = (_LARGEST, _SMALLEST, -1)

_ASK = m.RangeRequest(key=b"a").SerializeToString()
_PUT = m.PutRequest(key=b"a", value=b"1").SerializeToString()

_UNKNOWN_FIELDS = {
    "varint": b"\xa0\x06\x05",
    "64 bits": b"\xa1\x0612345678",
    "bytes": b"\xa2\x06\x01u",
    "group": b"\xa3\x06\x08\x01\xa4\x06",
    "32 bits": b"\xa5\x061234",
}
"""Field 100, of which no request of KV's knows anything, in each wire type."""

_METHODS = ("KV/Range", "KV/RangeStream", "KV/Put", "KV/DeleteRange", "KV/Txn", "KV/Compact")

_LIMIT = 400
_ROOM, _SMALL_ROOM = 384, 85
"""Bytes of the largest write under --max-request-bytes=400, and =100. What is measured is the
entry of etcd's log, which has an id and a length as well."""


def _put_op(**fields: bytes | int) -> m.RequestOp:
    return m.RequestOp(request_put=m.PutRequest(**fields))  # type: ignore[arg-type]


def _padded(request: Message, size: int) -> bytes:
    """An encoded request of a size below 128, by an unknown field behind it."""
    encoded = request.SerializeToString()
    length = size - len(encoded) - 3
    return encoded + b"\xa2\x06" + bytes([length]) + b"u" * length


# Which error it is


@scenario
def a_put_names_the_key_then_the_value_then_the_lease_given_and_then_what_it_does_not_find(
    s: Session,
) -> None:
    s.put(value=b"1", lease=7, ignore_value=True, ignore_lease=True)
    s.put(key=b"a", value=b"1", lease=7, ignore_value=True, ignore_lease=True)
    s.put(key=b"a", lease=7, ignore_value=True, ignore_lease=True)
    s.put(key=b"a", lease=7, ignore_value=True)
    s.put(key=b"a", ignore_value=True)
    s.put(key=b"a", value=b"1", ignore_lease=True)


@scenario
def a_range_names_the_key_then_the_sort_option_and_then_the_revision(s: Session) -> None:
    s.put(key=b"a", value=b"1")
    s.put(key=b"a", value=b"2")
    s.compact(revision=s.at(3))
    s.range(sort_order=3, sort_target=5, revision=s.at(9))
    s.range(range_end=b"\0", revision=s.at(2))
    s.range(key=b"a", sort_order=3, revision=s.at(9))
    s.range(key=b"a", sort_target=5, revision=s.at(2))
    s.range(key=b"b", range_end=b"a", revision=s.at(9))
    s.range(key=b"b", range_end=b"a", revision=s.at(2))


@scenario(flags=("--max-txn-ops=2",))
def a_txn_names_the_number_of_operations_then_compares_then_operations_then_duplicates(
    s: Session,
) -> None:
    a, no_key = _put_op(key=b"a"), _put_op()
    s.txn(compare=[m.Compare()], success=[a, a, no_key])
    s.txn(compare=[m.Compare()], success=[m.RequestOp()])
    s.txn(success=[m.RequestOp(), no_key], failure=[no_key])
    s.txn(success=[no_key, m.RequestOp()])
    s.txn(success=[a, a], failure=[m.RequestOp()])
    s.txn(success=[a, a], failure=[_put_op(key=b"a", lease=7, ignore_lease=True)])
    s.txn(success=[_put_op(key=b"a", lease=7), _put_op(key=b"a", ignore_value=True)])


@scenario(flags=("--max-request-bytes=400",))
def size_comes_behind_form_and_before_leases_and_keys(s: Session) -> None:
    long = b"v" * _LIMIT
    s.put(value=long)
    s.put(key=b"a", value=long, ignore_value=True)
    s.put(key=b"a", value=long, lease=7)
    s.put(key=long, ignore_value=True)
    s.delete_range(range_end=long)
    s.txn(success=[_put_op(key=b"a", value=long), _put_op(key=b"a")])
    s.txn(success=[_put_op(key=b"a", value=long), m.RequestOp()])
    s.txn(failure=[_put_op(key=b"a", value=long)])
    s.txn(success=[_put_op(key=b"a", value=long, lease=7)])


@scenario
def an_operation_that_is_none_is_a_key_not_found(s: Session) -> None:
    # etcd: v3rpc/key.go, checkRequestOp
    s.txn(success=[m.RequestOp()])
    s.txn(failure=[m.RequestOp()])
    s.txn(success=[m.RequestOp(request_txn=m.TxnRequest(failure=[m.RequestOp()]))])
    s.txn(success=[m.RequestOp(request_range=m.RangeRequest())])
    s.txn(success=[m.RequestOp(request_put=m.PutRequest())])
    s.txn(success=[m.RequestOp(request_delete_range=m.DeleteRangeRequest())])
    s.txn(success=[m.RequestOp(request_txn=m.TxnRequest())])


@scenario
def unknown_numbers_of_sort_order_and_target_are_refused(s: Session) -> None:
    for number in (3, -1, 2**31 - 1, -(2**31)):
        s.range(key=b"a", sort_order=number)
        s.range(key=b"a", sort_target=5 if number == 3 else number)
    op = m.RequestOp(request_range=m.RangeRequest(key=b"a", sort_order=3))
    s.txn(failure=[op])


@scenario
def an_unknown_compare_target_is_equal_to_anything_and_an_unknown_result_is_true(
    s: Session,
) -> None:
    # etcd: txn/txn.go, applyCompare and compareKV
    s.put(key=b"a", value=b"1")
    for result in (m.Compare.EQUAL, m.Compare.GREATER, m.Compare.LESS, m.Compare.NOT_EQUAL):
        s.txn(compare=[m.Compare(key=b"a", target=9, result=result, version=5)])
    for result in (4, -1):
        s.txn(compare=[m.Compare(key=b"a", result=result, version=5)])


@scenario(needs_fresh_server=True)
def every_number_of_64_bits_is_taken_in_a_range(s: Session) -> None:
    s.put(key=b"a", value=b"1")
    for name in (
        "limit",
        "revision",
        "min_mod_revision",
        "max_mod_revision",
        "min_create_revision",
        "max_create_revision",
    ):
        for number in _EXTREMES:
            s.range(m.RangeRequest(key=b"a", **{name: number}))  # type: ignore[arg-type]


@scenario(needs_fresh_server=True)
def numbers_at_the_ends_of_64_bits_are_no_lease_and_no_revision_to_compact(s: Session) -> None:
    for number in _EXTREMES:
        s.put(key=b"a", value=b"1", lease=number)
        s.compact(revision=number)


@scenario(needs_fresh_server=True)
def every_number_of_64_bits_is_taken_in_a_compare(s: Session) -> None:
    s.put(key=b"a", value=b"1")
    targets = {
        "version": m.Compare.VERSION,
        "create_revision": m.Compare.CREATE,
        "mod_revision": m.Compare.MOD,
        "lease": m.Compare.LEASE,
    }
    for name, target in targets.items():
        for number in _EXTREMES:
            union = {name: number}
            compare = m.Compare(key=b"a", target=target, result=m.Compare.LESS, **union)  # type: ignore[arg-type]
            s.txn(compare=[compare])


# How requests are encoded


@scenario
def unknown_fields_are_read_over_and_not_kept(s: Session) -> None:
    for unknown in _UNKNOWN_FIELDS.values():
        s.call("KV/Put", _PUT + unknown)
        s.call("KV/Range", unknown + _ASK)
    everything = b"".join(_UNKNOWN_FIELDS.values())
    s.call("KV/RangeStream", everything + _ASK)
    s.call("KV/DeleteRange", everything + _ASK + everything)
    s.call("KV/Txn", everything)


@scenario
def unknown_fields_inside_of_operations_and_compares_are_read_over(s: Session) -> None:
    everything = b"".join(_UNKNOWN_FIELDS.values())
    put = m.RequestOp.FromString(b"\x12" + bytes([len(_PUT + everything)]) + _PUT + everything)
    s.call("KV/Txn", m.TxnRequest(success=[put]).SerializeToString())
    compare = m.Compare.FromString(b"\x1a\x01a" + everything)
    s.call("KV/Txn", m.TxnRequest(compare=[compare]).SerializeToString())
    s.call("KV/Txn", m.TxnRequest(success=[m.RequestOp.FromString(everything)]).SerializeToString())


@scenario
def of_a_field_sent_twice_the_last_one_counts(s: Session) -> None:
    s.call("KV/Put", _PUT + b"\x0a\x01b\x12\x012")
    s.call("KV/Range", _ASK + b"\x0a\x01b")
    s.call("KV/Range", b"\x0a\x01b" + _ASK)
    s.call("KV/Range", b"\x0a\x01b\x0a\x00")
    s.call("KV/Range", b"\x0a\x01b\x28\x03\x28\x00")
    s.call("KV/DeleteRange", _ASK + b"\x0a\x01b")


@scenario
def of_two_members_of_a_oneof_the_last_one_counts_and_the_same_one_is_merged(s: Session) -> None:
    # RequestOp: range is field 1, put 2, delete_range 3, txn 4; success is field 2 of a Txn.
    ask, key, value = b"\x0a\x03\x0a\x01a", b"\x12\x03\x0a\x01a", b"\x12\x03\x12\x012"
    s.call("KV/Txn", b"\x12\x0a" + key + ask)
    s.call("KV/Txn", b"\x12\x0a" + ask + key)
    s.call("KV/Txn", b"\x12\x0a" + key + value)
    s.call("KV/Txn", b"\x12\x0f" + key + ask + value)
    # Compare: target VALUE, key, version 5 and value "2".
    compare = b"\x10\x03\x1a\x01a\x20\x05\x3a\x012"
    s.call("KV/Txn", b"\x0a" + bytes([len(compare)]) + compare)
    s.range(key=b"a")


@scenario
def a_message_that_is_cut_off_is_refused(s: Session) -> None:
    for method in _METHODS:
        s.call(method, b"\x0a\x05ab")
    for cut in (b"\x0a", b"\x80", b"\x18", b"\x18\x80", b"\xa5\x06123", b"\xa1\x061234567"):
        s.call("KV/Range", _ASK + cut)


@scenario
def bytes_that_are_no_field_are_refused(s: Session) -> None:
    for rest in (
        b"\x00",
        b"\x00\x01",
        b"\x02\x01u",
        b"\x0e\x01",
        b"\x0f\x01",
        b"\xff\xff\xff",
        b"\x80\x80\x80\x80\x10\x01",
        b"\xa0\x86\x80\x80\x80\x80\x80\x80\x80\x80\x00\x01",
        b"\x0a\xff\xff\xff\xff\x0f",
        b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    ):
        s.call("KV/Range", _ASK + rest)


@scenario
def the_largest_field_number_is_one_and_an_overlong_tag_is_a_tag(s: Session) -> None:
    s.call("KV/Range", _ASK + b"\xf8\xff\xff\xff\x0f\x01")
    s.call("KV/Range", b"\x8a\x80\x00\x01a")
    s.call("KV/Range", b"\x8a\x80\x80\x80\x00\x01a")


@scenario
def a_field_of_another_wire_type_is_an_unknown_field(s: Session) -> None:
    s.put(key=b"a", value=b"1")
    for key in (b"\x08\x01", b"\x0912345678", b"\x0b\x0c", b"\x0d1234"):
        s.call("KV/Range", key)
    for limit in (b"\x1a\x01\x01", b"\x1912345678", b"\x1b\x1c", b"\x1d1234"):
        s.call("KV/Range", _ASK + limit)
    s.call("KV/Txn", b"\x10\x01")


@scenario
def a_varint_may_be_longer_than_it_needs_to_be_but_not_longer_than_10_bytes(s: Session) -> None:
    s.put(key=b"a", value=b"1")
    for limit in (
        b"\x81\x00",
        b"\x81" + b"\x80" * 8 + b"\x00",
        b"\xff" * 9 + b"\x01",
        b"\x80" * 10 + b"\x00",
        b"\xff" * 10 + b"\x01",
    ):
        s.call("KV/Range", _ASK + b"\x18" + limit)
    s.call("KV/Range", b"\x0a\x81\x80\x00a")


@scenario(known_limit="protobuf's Python runtimes drop what is beyond 64 bits")
def a_varint_of_more_than_64_bits_is_refused(s: Session) -> None:
    s.call("KV/Range", _ASK + b"\x18" + b"\xff" * 9 + b"\x02")


@scenario
def groups_are_read_over_and_must_end(s: Session) -> None:
    for group in (
        b"\x0b\x0c",
        b"\xa3\x06\xa3\x06\xa4\x06\xa4\x06",
        b"\xa3\x06\xab\x06\xac\x06\xa4\x06",
        b"\xa3\x06",
        b"\xa4\x06",
        b"\xa3\x06\xac\x06",
    ):
        s.call("KV/Range", _ASK + group)


@scenario(known_limit="protobuf's Python runtimes read over whatever is in an unknown group")
def a_field_with_the_number_0_in_a_group_is_refused(s: Session) -> None:
    s.call("KV/Range", _ASK + b"\xa3\x06\x00\x01\xa4\x06")


@scenario
def an_empty_message_is_a_request_without_a_key_or_a_revision(s: Session) -> None:
    for method in _METHODS[:-1]:
        s.call(method, b"")


@scenario(needs_fresh_server=True)
def a_compaction_without_a_known_field_is_one_of_revision_0(s: Session) -> None:
    s.call("KV/Compact", b"".join(_UNKNOWN_FIELDS.values()))
    s.call("KV/Compact", b"")


@scenario
def any_number_but_0_is_true(s: Session) -> None:
    s.put(key=b"a", value=b"1")
    for number in (b"\x00", b"\x80\x00", b"\x02", b"\xff" * 9 + b"\x01", b"\x80" * 9 + b"\x01"):
        s.call("KV/Range", _ASK + b"\x48" + number)
    s.call("KV/Put", b"\x0a\x01a\x20\x02\x28\x02")


@scenario
def of_an_enum_number_the_low_32_bits_count(s: Session) -> None:
    s.put(key=b"a", value=b"1")
    for number in (
        b"\x80\x80\x80\x80\x10",
        b"\x81\x80\x80\x80\x10",
        b"\x83\x80\x80\x80\x10",
        b"\xff\xff\xff\xff\x0f",
    ):
        s.call("KV/Range", _ASK + b"\x28" + number)


def _nested(levels: int) -> bytes:
    """A Txn whose compare fails, around so many others."""
    request = b""
    for _ in range(levels):
        for tag in (b"\x22", b"\x12"):
            length = m.CompactionRequest(revision=len(request)).SerializeToString()[1:] or b"\0"
            request = tag + length + request
    compare = m.Compare(key=b"a", target=m.Compare.VERSION, version=1)
    return m.TxnRequest(compare=[compare]).SerializeToString() + request


@scenario
def transactions_may_be_nested_40_deep(s: Session) -> None:
    s.call("KV/Txn", _nested(40))


@scenario
def transactions_may_be_nested_as_deep_as_there_may_be_operations(s: Session) -> None:
    for levels in (100, 128, 129):
        s.call("KV/Txn", _nested(levels))


@scenario
def of_transactions_nested_by_thousands_some_are_too_deep_to_be_read(s: Session) -> None:
    for levels in (1_000, 4_998, 4_999, 5_000):
        s.call("KV/Txn", _nested(levels))


@scenario
def what_is_wrong_in_front_of_what_is_too_deep_is_told(s: Session) -> None:
    s.call("KV/Txn", b"\x0a\x02\x0a\xff" + _nested(6_000))
    s.call("KV/Txn", _nested(6_000) + b"\x0a\x02\x0a\xff")
    s.call("KV/Txn", _nested(60) + b"\x0a\x02\x0a\xff")


# Sizes


def _put_of(size: int) -> m.PutRequest:
    """A put whose encoding has a size, from 128 + 6 to 2**14."""
    return m.PutRequest(key=b"k", value=b"v" * (size - 6))


@scenario(flags=("--max-request-bytes=400",))
def a_put_may_be_as_large_as_the_log_takes_it_to_the_byte(s: Session) -> None:
    s.put(_put_of(_ROOM))
    s.put(_put_of(_ROOM + 1))
    s.put(key=b"k" * (_ROOM - 3))
    s.put(key=b"k" * (_ROOM - 2))


@scenario(flags=("--max-request-bytes=400",))
def a_deletion_may_be_as_large_as_the_log_takes_it_to_the_byte(s: Session) -> None:
    s.delete_range(key=b"k", range_end=b"e" * (_ROOM - 6))
    s.delete_range(key=b"k", range_end=b"e" * (_ROOM - 5))


@scenario(flags=("--max-request-bytes=400",))
def a_txn_may_be_as_large_as_the_log_takes_it_to_the_byte(s: Session) -> None:
    for size in (_ROOM - 6, _ROOM - 5):
        s.txn(success=[m.RequestOp(request_put=_put_of(size))])
        s.txn(
            compare=[m.Compare(key=b"a", version=1)],
            success=[m.RequestOp(request_put=_put_of(size - 7))],
        )


@scenario(flags=("--max-request-bytes=100",))
def a_compaction_may_be_as_large_as_the_log_takes_it_to_the_byte(s: Session) -> None:
    s.call("KV/Compact", _padded(m.CompactionRequest(revision=9), _SMALL_ROOM + 1))
    s.call("KV/Compact", _padded(m.CompactionRequest(revision=9), _SMALL_ROOM))
    s.call("KV/Compact", _padded(m.CompactionRequest(revision=1), _SMALL_ROOM))


@scenario(flags=("--max-request-bytes=100",))
def unknown_fields_count_as_a_part_of_a_requests_size(s: Session) -> None:
    for size in (_SMALL_ROOM, _SMALL_ROOM + 1):
        s.call("KV/Put", _padded(m.PutRequest(key=b"k"), size))
        s.call("KV/DeleteRange", _padded(m.DeleteRangeRequest(key=b"k"), size))
        s.call("KV/Txn", _padded(m.TxnRequest(success=[_put_op(key=b"k")]), size))


@scenario(flags=("--max-request-bytes=400",))
def what_only_reads_may_be_larger_than_a_request_to_write(s: Session) -> None:
    long = m.RangeRequest(key=b"k" * _LIMIT)
    read = m.RequestOp(request_range=long)
    s.range(long)
    s.range_stream(long)
    s.txn(success=[read], failure=[read])
    s.txn(success=[read], failure=[_put_op(key=b"k")])
    s.txn(success=[m.RequestOp(request_txn=m.TxnRequest(success=[read]))])


@scenario(flags=("--max-request-bytes=400",))
def an_answer_may_be_larger_than_a_request(s: Session) -> None:
    for key in (b"a", b"b", b"c"):
        s.put(key=key, value=b"v" * 300)
    s.range(key=b"a", range_end=b"d")
    s.delete_range(key=b"a", range_end=b"d", prev_kv=True)


@scenario
def a_write_may_have_1572847_bytes_where_nothing_else_is_said(s: Session) -> None:
    s.put(key=b"k", value=b"v" * (1_572_847 - 7))
    s.put(key=b"k", value=b"v" * (1_572_847 - 6))
    s.delete_range(key=b"k", range_end=b"e" * (1_572_847 - 7))
    s.delete_range(key=b"k", range_end=b"e" * (1_572_847 - 6))


_GRPC_LIMIT = 1_572_864 + 512 * 1024


@scenario
def no_message_may_have_more_than_half_a_mebibyte_above_the_largest_request(s: Session) -> None:
    for size in (_GRPC_LIMIT - 4, _GRPC_LIMIT - 3):
        s.range(key=b"k" * size)
        s.range_stream(key=b"k" * size)
        s.call(
            "KV/Compact",
            b"\xa2\x06" + m.RangeRequest(key=b"u" * (size - 1)).SerializeToString()[1:],
        )
    s.put(key=b"k", value=b"v" * (_GRPC_LIMIT - 7))
    s.put(key=b"k", value=b"v" * (_GRPC_LIMIT - 6))
    s.put(value=b"v" * (_GRPC_LIMIT - 3))


@scenario(flags=("--max-request-bytes=400",))
def the_largest_message_follows_the_largest_request(s: Session) -> None:
    s.range(key=b"k" * (400 + 512 * 1024 - 4))
    s.range(key=b"k" * (400 + 512 * 1024 - 3))


@scenario
def a_message_that_is_too_large_is_refused_before_it_is_read(s: Session) -> None:
    s.call("KV/Put", b"\xff" * _GRPC_LIMIT)
    s.call("KV/Put", b"\xff" * (_GRPC_LIMIT + 1))
