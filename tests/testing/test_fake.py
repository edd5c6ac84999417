"""One FakeEtcd: its doors, its state, its end."""

from __future__ import annotations

import doctest
import threading

import grpc
import pytest

from fake_etcd.api import messages as m
from fake_etcd.testing import FakeEtcd, clock, fake
from tests.testing.stubs import stub


def put(channel: grpc.Channel, key: bytes, value: bytes = b"") -> int:
    """Gives the revision."""
    answer = stub(channel, "KV/Put")(m.PutRequest(key=key, value=value), wait_for_ready=True)
    return int(answer.header.revision)


def values(channel: grpc.Channel) -> dict[bytes, bytes]:
    everything = m.RangeRequest(key=b"\0", range_end=b"\0")
    answer = stub(channel, "KV/Range")(everything, wait_for_ready=True)
    return {kv.key: kv.value for kv in answer.kvs}


@pytest.mark.parametrize("module", [fake, clock])
def test_the_examples_run(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]  # both are modules


def test_all_doors_lead_to_the_same_state() -> None:
    with FakeEtcd(endpoints=2) as etcd:
        inside = etcd.channel()
        assert put(inside, b"a", b"1") == 2
        with (
            grpc.insecure_channel(etcd.endpoints[0]) as first,
            grpc.insecure_channel(etcd.endpoints[1]) as second,
        ):
            assert put(first, b"b", b"2") == 3
            assert put(second, b"c", b"3") == 4
            expected = {b"a": b"1", b"b": b"2", b"c": b"3"}
            assert [values(each) for each in (inside, first, second)] == [expected] * 3


def test_nothing_listens_before_it_is_asked_for_its_address() -> None:
    threads = threading.active_count()
    with FakeEtcd() as etcd:
        put(etcd.channel(), b"a")
        assert threading.active_count() == threads
        assert etcd.url == f"http://{etcd.endpoint}" == f"http://127.0.0.1:{etcd.port}"
        assert threading.active_count() == threads + 1
    assert threading.active_count() == threads
