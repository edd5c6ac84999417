"""KV.RangeStream over a socket: its chunks, and what it refuses."""

from __future__ import annotations

import pytest

from fake_etcd.api import errors
from fake_etcd.api import messages as m
from fake_etcd.api.status import Code, Status
from tests.services.client import KvClient, Start, header, kv, refused

R = m.RangeRequest
EVERYTHING = {"key": b"\0", "range_end": b"\0"}


def fill(etcd: KvClient, count: int, value: bytes = b"") -> list[m.KeyValue]:
    """Puts that many keys in one revision, which is 2."""
    keys = [b"k%04d" % i for i in range(count)]
    for start in range(0, count, 100):
        puts = [m.PutRequest(key=key, value=value) for key in keys[start : start + 100]]
        etcd.txn(success=[m.RequestOp(request_put=put) for put in puts])
    return [kv(key, value, 2 + i // 100) for i, key in enumerate(keys)]


def test_an_empty_range_is_one_chunk(etcd: KvClient) -> None:
    assert etcd.range_stream(**EVERYTHING) == [m.RangeResponse(header=header(1))]


def test_a_short_range_is_one_chunk_like_the_answer_of_range(etcd: KvClient) -> None:
    kvs = fill(etcd, 10)
    assert etcd.range_stream(**EVERYTHING) == [m.RangeResponse(header=header(2), kvs=kvs, count=10)]


def test_only_the_last_chunk_has_header_and_count(etcd: KvClient) -> None:
    kvs = fill(etcd, 31)
    assert etcd.range_stream(**EVERYTHING) == [
        m.RangeResponse(kvs=kvs[:10]),
        m.RangeResponse(kvs=kvs[10:30]),
        m.RangeResponse(header=header(2), kvs=kvs[30:], count=31),
    ]


def test_a_limit_ends_the_stream_with_more_and_the_count_of_all(etcd: KvClient) -> None:
    kvs = fill(etcd, 31)
    assert etcd.range_stream(**EVERYTHING, limit=15) == [
        m.RangeResponse(kvs=kvs[:10]),
        m.RangeResponse(header=header(2), kvs=kvs[10:15], more=True, count=31),
    ]


def test_a_negative_limit_is_one_chunk_of_all(etcd: KvClient) -> None:
    kvs = fill(etcd, 31)
    assert etcd.range_stream(**EVERYTHING, limit=-1) == [
        m.RangeResponse(header=header(2), kvs=kvs, count=31)
    ]


@pytest.mark.parametrize(
    ("value_size", "sizes"),
    [
        (0, [10, 20, 40, 30]),  # doubled each time: far below half of the 4,000 bytes aimed at
        (120, [10, 20, 20, 20, 20, 10]),  # 20 keys are near it
        (900, [10, 5, 5, 5, 5, 5, 5]),  # 10 are more than twice of it; 5 are not
    ],
)
def test_chunks_aim_at_the_request_limit(start: Start, value_size: int, sizes: list[int]) -> None:
    etcd = start(max_request_bytes=4_000)
    for i in range(sum(sizes)):
        etcd.put(key=b"k%04d" % i, value=b"v" * value_size)
    chunks = etcd.range_stream(**EVERYTHING)
    assert [len(chunk.kvs) for chunk in chunks] == sizes


def test_an_older_revision_is_streamed_under_the_header_of_now(etcd: KvClient) -> None:
    kvs = fill(etcd, 12)
    etcd.delete_range(key=b"k", range_end=b"l")
    assert etcd.range_stream(**EVERYTHING, revision=2) == [
        m.RangeResponse(kvs=kvs[:10]),
        m.RangeResponse(header=header(3), kvs=kvs[10:], count=12),
    ]


def test_count_only_is_one_chunk(etcd: KvClient) -> None:
    fill(etcd, 31)
    assert etcd.range_stream(**EVERYTHING, count_only=True, limit=3) == [
        m.RangeResponse(header=header(2), count=31)
    ]


def test_keys_only_has_no_values(etcd: KvClient) -> None:
    fill(etcd, 2, b"v")
    assert list(etcd.range_stream(**EVERYTHING, keys_only=True)[0].kvs) == [
        kv(b"k0000", b"", 2),
        kv(b"k0001", b"", 2),
    ]


def test_ascending_by_key_is_no_custom_order(etcd: KvClient) -> None:
    kvs = fill(etcd, 2)
    chunks = etcd.range_stream(**EVERYTHING, sort_order=R.ASCEND, sort_target=R.KEY)
    assert list(chunks[0].kvs) == kvs


def test_a_target_without_an_order_sorts_each_chunk_by_itself(etcd: KvClient) -> None:
    """Two puts of the first key make it the 11th of the first chunk's 11: it is cut off, and the
    next chunk begins behind the tenth key of that order. The first key never comes."""
    fill(etcd, 12)
    etcd.put(key=b"k0000")
    chunks = etcd.range_stream(**EVERYTHING, sort_target=R.VERSION)
    assert [[int(found.key[1:]) for found in chunk.kvs] for chunk in chunks] == [
        [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
        [11],
    ]
    assert chunks[1].count == 11


@pytest.mark.parametrize(
    "order",
    [
        {"sort_order": R.DESCEND},
        {"sort_order": R.ASCEND, "sort_target": R.MOD},
    ],
)
def test_other_orders_are_not_implemented(etcd: KvClient, order: dict[str, int]) -> None:
    status = Status(Code.UNIMPLEMENTED, "RangeStream does not support custom sort orders")
    with refused(status):
        etcd.range_stream(key=b"a", **order, min_mod_revision=1)


@pytest.mark.parametrize(
    "bound",
    ["min_mod_revision", "max_mod_revision", "min_create_revision", "max_create_revision"],
)
def test_bounds_on_revisions_are_not_implemented(etcd: KvClient, bound: str) -> None:
    status = Status(Code.UNIMPLEMENTED, "RangeStream does not support revision filters")
    with refused(status):
        etcd.range_stream(key=b"a", **{bound: -1})


def test_it_refuses_what_range_refuses(etcd: KvClient) -> None:
    with refused(errors.EMPTY_KEY):
        etcd.range_stream(sort_order=9)
    with refused(errors.INVALID_SORT_OPTION):
        etcd.range_stream(key=b"a", sort_target=5, min_mod_revision=1)
    with refused(errors.FUTURE_REV):
        etcd.range_stream(key=b"a", revision=2)
    etcd.put(key=b"a")
    etcd.compact(2)
    with refused(errors.COMPACTED):
        etcd.range_stream(key=b"a", revision=1)


def test_a_slow_reader_is_overtaken_by_a_compaction(etcd: KvClient) -> None:
    """Far more than flow control lets through is left when the compaction comes. Each later
    write makes it one revision more, as the chunks are read at the first one's."""
    value = b"v" * 100_000
    for i in range(200):
        etcd.put(key=b"k%04d" % i, value=value)
    chunks = etcd.open_range_stream(R(**EVERYTHING))
    first = next(chunks)
    assert [found.key for found in first.range_response.kvs] == [b"k%04d" % i for i in range(10)]
    etcd.put(key=b"later")
    etcd.compact(202)
    with refused(errors.COMPACTED):
        list(chunks)


def test_a_slow_reader_does_not_see_later_writes(etcd: KvClient) -> None:
    value = b"v" * 100_000
    for i in range(100):
        etcd.put(key=b"k%04d" % i, value=value)
    chunks = etcd.open_range_stream(R(**EVERYTHING))
    read = [next(chunks).range_response]
    etcd.delete_range(key=b"k", range_end=b"l")
    etcd.put(key=b"z")
    read += [chunk.range_response for chunk in chunks]
    assert [found.key for part in read for found in part.kvs] == [b"k%04d" % i for i in range(100)]
    assert (read[-1].header, read[-1].count) == (header(101), 100)
