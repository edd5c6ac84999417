"""KV.Compact: what it gives up, what it refuses, and when it answers."""

from __future__ import annotations

import pytest

from fake_etcd.api import errors
from fake_etcd.api import messages as m
from tests.services.client import KvClient, header, kv, refused


@pytest.fixture
def five(etcd: KvClient) -> KvClient:
    """a with versions at revisions 2 to 5."""
    for _ in range(4):
        etcd.put(key=b"a", value=b"1")
    return etcd


@pytest.mark.parametrize("physical", [False, True])
def test_a_compaction_answers_with_the_newest_revision(five: KvClient, physical: bool) -> None:
    assert five.compact(3, physical=physical) == m.CompactionResponse(header=header(5))


def test_the_compact_revision_itself_can_be_read(five: KvClient) -> None:
    five.compact(4, physical=True)
    assert list(five.range(key=b"a", revision=4).kvs) == [kv(b"a", b"1", 2, 4, 3)]
    with refused(errors.COMPACTED):
        five.range(key=b"a", revision=3)


def test_the_newest_revision_can_be_compacted(five: KvClient) -> None:
    five.compact(5, physical=True)
    assert list(five.range(key=b"a").kvs) == [kv(b"a", b"1", 2, 5, 4)]


@pytest.mark.parametrize("physical", [False, True])
@pytest.mark.parametrize("revision", [3, 2, 0, -1])
def test_no_compaction_goes_back(five: KvClient, revision: int, physical: bool) -> None:
    five.compact(3)
    with refused(errors.COMPACTED):
        five.compact(revision, physical=physical)


def test_a_revision_that_has_not_been(five: KvClient) -> None:
    with refused(errors.FUTURE_REV):
        five.compact(6)


def test_revision_0_can_be_compacted_once(five: KvClient) -> None:
    assert five.compact(0) == m.CompactionResponse(header=header(5))
    with refused(errors.COMPACTED):
        five.compact(0)
    assert five.range(key=b"a", revision=2).count == 1


def test_a_negative_revision_is_compacted_from_the_start(five: KvClient) -> None:
    with refused(errors.COMPACTED):
        five.compact(-1)


def test_a_compaction_of_many_versions_is_waited_for(etcd: KvClient) -> None:
    for i in range(300):
        puts = [m.PutRequest(key=b"%d" % j, value=b"%d" % i) for j in range(20)]
        etcd.txn(success=[m.RequestOp(request_put=put) for put in puts])
    assert etcd.compact(301, physical=True) == m.CompactionResponse(header=header(301))
    assert list(etcd.range(key=b"7").kvs) == [kv(b"7", b"299", 2, 301, 300)]
