"""KV.Range: what it selects, in which order, and what it refuses."""

from __future__ import annotations

import pytest

from fake_etcd.api import errors
from fake_etcd.api import messages as m
from tests.services.client import KvClient, Start, header, kv, refused

R = m.RangeRequest
EVERYTHING = {"key": b"\0", "range_end": b"\0"}


@pytest.fixture
def abc(etcd: KvClient) -> KvClient:
    """a, b and c at revisions 2 to 4, then b again at 5."""
    for key, value in ((b"a", b"3"), (b"b", b"1"), (b"c", b"2"), (b"b", b"1")):
        etcd.put(key=key, value=value)
    return etcd


A, B, C = kv(b"a", b"3", 2), kv(b"b", b"1", 3, 5, 2), kv(b"c", b"2", 4)


def test_a_fresh_server_is_at_revision_1(etcd: KvClient) -> None:
    assert etcd.range(key=b"a") == m.RangeResponse(header=header(1))


def test_one_key(abc: KvClient) -> None:
    assert abc.range(key=b"b") == m.RangeResponse(header=header(5), kvs=[B], count=1)


def test_a_key_that_is_not_there(abc: KvClient) -> None:
    assert abc.range(key=b"bb") == m.RangeResponse(header=header(5))


def test_the_end_is_not_part_of_a_range(abc: KvClient) -> None:
    assert abc.range(key=b"a", range_end=b"c") == m.RangeResponse(
        header=header(5), kvs=[A, B], count=2
    )


def test_an_end_of_a_zero_byte_is_no_end(abc: KvClient) -> None:
    assert abc.range(key=b"b", range_end=b"\0") == m.RangeResponse(
        header=header(5), kvs=[B, C], count=2
    )


def test_a_key_of_a_zero_byte_with_such_an_end_is_everything(abc: KvClient) -> None:
    assert abc.range(**EVERYTHING).count == 3


@pytest.mark.parametrize("end", [b"b", b"a"])
def test_an_end_not_above_the_key_is_an_empty_range(abc: KvClient, end: bytes) -> None:
    assert abc.range(key=b"b", range_end=end) == m.RangeResponse(header=header(5))


def test_an_older_revision_has_what_was_then_under_the_header_of_now(abc: KvClient) -> None:
    assert abc.range(**EVERYTHING, revision=3) == m.RangeResponse(
        header=header(5), kvs=[A, kv(b"b", b"1", 3)], count=2
    )


def test_a_negative_revision_is_the_newest(abc: KvClient) -> None:
    assert abc.range(key=b"b", revision=-7) == abc.range(key=b"b")


def test_a_revision_that_has_not_been(abc: KvClient) -> None:
    with refused(errors.FUTURE_REV):
        abc.range(key=b"a", revision=6)


def test_a_revision_below_the_compact_revision(abc: KvClient) -> None:
    abc.compact(4)
    with refused(errors.COMPACTED):
        abc.range(key=b"a", revision=3)
    assert list(abc.range(key=b"b", revision=4).kvs) == [kv(b"b", b"1", 3)]


def test_a_limit_leaves_the_full_count(abc: KvClient) -> None:
    assert abc.range(**EVERYTHING, limit=2) == m.RangeResponse(
        header=header(5), kvs=[A, B], more=True, count=3
    )


def test_a_limit_that_is_enough_leaves_nothing(abc: KvClient) -> None:
    assert not abc.range(**EVERYTHING, limit=3).more


def test_a_negative_limit_is_none(abc: KvClient) -> None:
    assert abc.range(**EVERYTHING, limit=-1) == abc.range(**EVERYTHING)


def test_the_greatest_limit_there_is(abc: KvClient) -> None:
    assert abc.range(**EVERYTHING, limit=(1 << 63) - 1) == abc.range(**EVERYTHING)


def test_count_only_has_no_kvs(abc: KvClient) -> None:
    assert abc.range(**EVERYTHING, count_only=True, limit=1) == m.RangeResponse(
        header=header(5), count=3
    )


def test_keys_only_has_no_values(abc: KvClient) -> None:
    assert list(abc.range(**EVERYTHING, keys_only=True).kvs) == [
        kv(b"a", b"", 2),
        kv(b"b", b"", 3, 5, 2),
        kv(b"c", b"", 4),
    ]


def test_serializable_changes_nothing(abc: KvClient) -> None:
    assert abc.range(key=b"b", serializable=True) == abc.range(key=b"b")


@pytest.mark.parametrize(
    ("target", "ascending"),
    [
        (R.KEY, [A, B, C]),
        (R.VERSION, [A, C, B]),
        (R.CREATE, [A, B, C]),
        (R.MOD, [A, C, B]),
        (R.VALUE, [B, C, A]),
    ],
)
def test_sorting(abc: KvClient, target: int, ascending: list[m.KeyValue]) -> None:
    up = abc.range(**EVERYTHING, sort_order=R.ASCEND, sort_target=target)
    down = abc.range(**EVERYTHING, sort_order=R.DESCEND, sort_target=target)
    assert list(up.kvs) == ascending
    # A and C have the same version; ties keep their order both ways up to 12 keys.
    assert list(down.kvs) == ([B, A, C] if target == R.VERSION else ascending[::-1])


def test_a_limit_applies_after_sorting(abc: KvClient) -> None:
    answer = abc.range(**EVERYTHING, sort_order=R.DESCEND, sort_target=R.KEY, limit=2)
    assert answer == m.RangeResponse(header=header(5), kvs=[C, B], more=True, count=3)


def test_without_an_order_a_target_sorts_upwards_what_the_limit_left(abc: KvClient) -> None:
    """etcd reads one key more than the limit, in order of keys, sorts those, then cuts: of a and
    b, the two that limit 1 reads, b has the lesser value."""
    answer = abc.range(**EVERYTHING, sort_target=R.VALUE, limit=1)
    assert answer == m.RangeResponse(header=header(5), kvs=[B], more=True, count=3)


def test_keys_only_sorted_by_value_is_in_order_of_the_values_it_drops(abc: KvClient) -> None:
    answer = abc.range(**EVERYTHING, keys_only=True, sort_target=R.VALUE)
    assert [found.key for found in answer.kvs] == [b"b", b"c", b"a"]
    assert not any(found.value for found in answer.kvs)


@pytest.mark.parametrize(
    ("bound", "left"),
    [
        ({"min_mod_revision": 4}, [B, C]),
        ({"max_mod_revision": 4}, [A, C]),
        ({"min_create_revision": 3}, [B, C]),
        ({"max_create_revision": 3}, [A, B]),
        ({"min_mod_revision": 4, "max_create_revision": 3}, [B]),
        ({"max_mod_revision": -1}, []),
    ],
)
def test_bounds_on_revisions_leave_the_full_count(
    abc: KvClient, bound: dict[str, int], left: list[m.KeyValue]
) -> None:
    assert abc.range(**EVERYTHING, **bound) == m.RangeResponse(header=header(5), kvs=left, count=3)


def test_a_limit_applies_after_bounds(abc: KvClient) -> None:
    answer = abc.range(**EVERYTHING, min_mod_revision=4, limit=1)
    assert answer == m.RangeResponse(header=header(5), kvs=[B], more=True, count=3)


def test_a_key_is_needed(etcd: KvClient) -> None:
    with refused(errors.EMPTY_KEY):
        etcd.range()


@pytest.mark.parametrize("option", [{"sort_order": 3}, {"sort_target": 5}, {"sort_target": -1}])
def test_orders_and_targets_that_do_not_exist(etcd: KvClient, option: dict[str, int]) -> None:
    with refused(errors.INVALID_SORT_OPTION):
        etcd.range(key=b"a", **option)


def test_the_first_fault_in_etcds_order_is_told(etcd: KvClient) -> None:
    with refused(errors.EMPTY_KEY):
        etcd.range(sort_order=9, revision=99)
    with refused(errors.INVALID_SORT_OPTION):
        etcd.range(key=b"a", sort_order=9, revision=99)


def test_a_range_has_no_size_limit(start: Start) -> None:
    etcd = start(max_request_bytes=100)
    assert etcd.range(key=b"k" * 1000).count == 0


def test_more_than_12_equal_keys_come_in_the_order_of_gos_sort(etcd: KvClient) -> None:
    """Recorded from etcd 3.7.3: three keys of 20 were put twice, all others have version 1, and the
    quicksort moves them. Neither order is the other one's reverse."""
    for i in (*range(20), 3, 10, 12):
        etcd.put(key=b"k%02d" % i)
    up = etcd.range(**EVERYTHING, sort_order=R.ASCEND, sort_target=R.VERSION)
    down = etcd.range(**EVERYTHING, sort_order=R.DESCEND, sort_target=R.VERSION)
    assert [int(found.key[1:]) for found in up.kvs] == GOS_ORDER_UP
    assert [int(found.key[1:]) for found in down.kvs] == GOS_ORDER_DOWN


GOS_ORDER_UP = [15, 1, 2, 19, 4, 5, 6, 7, 9, 8, 18, 11, 17, 13, 14, 0, 16, 10, 12, 3]
GOS_ORDER_DOWN = [3, 12, 10, 5, 1, 0, 6, 7, 8, 9, 2, 11, 4, 13, 14, 15, 16, 17, 18, 19]
