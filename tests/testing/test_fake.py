"""One FakeEtcd: its doors, its state, its end."""

from __future__ import annotations

import asyncio
import doctest
import inspect
import os
import re
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast, get_type_hints

import grpc
import pytest

from fake_etcd.api import messages as m
from fake_etcd.core.node import NodeConfig
from fake_etcd.testing import FakeEtcd, clock, fake, listening, server_options
from fake_etcd.testing.server_options import ServerOptions
from fake_etcd.transport.listener import Server
from tests.api.processes import run_python
from tests.testing.stubs import stub
from tests.transport.test_listener import has_ipv6


def put(channel: grpc.Channel, key: bytes, value: bytes = b"") -> int:
    """Gives the revision."""
    answer = stub(channel, "KV/Put")(m.PutRequest(key=key, value=value), wait_for_ready=True)
    return int(answer.header.revision)


def put_retried(channel: grpc.Channel, key: bytes) -> int:
    """The same, once more where grpcio had not yet seen that the connection was lost."""
    try:
        return put(channel, key)
    except grpc.RpcError as error:
        if cast(grpc.Call, error).code() is not grpc.StatusCode.UNAVAILABLE:
            raise
        return put(channel, key)


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
    threads = set(threading.enumerate())
    with FakeEtcd() as etcd:
        put(etcd.channel(), b"a")
        assert set(threading.enumerate()) <= threads
        assert etcd.url == f"http://{etcd.endpoint}" == f"http://127.0.0.1:{etcd.port}"
        assert len(set(threading.enumerate()) - threads) == 1
    assert set(threading.enumerate()) <= threads


def unavailable(channel: grpc.Channel) -> str:
    """The details of a put that does not get through."""
    with pytest.raises(grpc.RpcError) as caught:
        stub(channel, "KV/Put")(m.PutRequest(key=b"a"))
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    return str(caught.value.details())


def test_an_endpoint_goes_down_and_comes_up_again_and_the_others_stay() -> None:
    with FakeEtcd(endpoints=3) as etcd:
        inside = [etcd.channel(number) for number in range(3)]
        with (
            grpc.insecure_channel(etcd.endpoints[0]) as first,
            grpc.insecure_channel(etcd.endpoints[1]) as second,
        ):
            put(first, b"a")
            put(second, b"a")
            addresses = etcd.endpoints
            with etcd.down(1):
                assert unavailable(inside[1]) == "fake_etcd: this endpoint is down"
                assert "refused" in unavailable(second)
                for other in (inside[0], inside[2], first):
                    put(other, b"b")
            assert etcd.endpoints == addresses
            assert put(second, b"c") == put(inside[1], b"c") - 1


def test_an_endpoint_that_is_down_is_down_when_its_port_opens() -> None:
    with FakeEtcd(endpoints=2) as etcd:
        etcd.take_down(1)
        with grpc.insecure_channel(etcd.endpoints[1]) as outside:
            assert "refused" in unavailable(outside)
            etcd.bring_up(1)
            etcd.bring_up(1)
            put(outside, b"a")


def test_who_goes_down_takes_the_open_calls_along() -> None:
    create = m.WatchRequest(create_request=m.WatchCreateRequest(key=b"a"))
    with FakeEtcd(endpoints=2) as etcd, grpc.insecure_channel(etcd.endpoint) as outside:
        calls = [
            stub(channel, "Watch/Watch")(iter([create]))
            for channel in (etcd.channel(), outside, etcd.channel(1))
        ]
        assert all(next(call).created for call in calls)
        etcd.take_down()
        for call in calls[:2]:
            with pytest.raises(grpc.RpcError) as caught:
                next(call)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        put(etcd.channel(1), b"a")
        assert next(calls[2]).events[0].kv.key == b"a"


def test_a_cut_ends_calls_and_clients_come_back_by_themselves() -> None:
    create = m.WatchRequest(create_request=m.WatchCreateRequest(key=b"a"))
    with FakeEtcd() as etcd, grpc.insecure_channel(etcd.endpoint) as outside:
        calls = [stub(each, "Watch/Watch")(iter([create])) for each in (etcd.channel(), outside)]
        assert all(next(call).created for call in calls)
        assert etcd.cut_connections() == 2
        for call in calls:
            with pytest.raises(grpc.RpcError):
                next(call)
        assert put_retried(outside, b"a") == 2
        assert etcd.cut_connections() == 1, "the connection, on which no call is open"


def test_a_reset_leaves_nothing_and_keeps_the_doors() -> None:
    with FakeEtcd(endpoints=2) as etcd, grpc.insecure_channel(etcd.endpoint) as outside:
        inside = etcd.channel()
        put(inside, b"a")
        etcd.take_down(1)
        etcd.clock.freeze()
        etcd.clock.advance(100)
        addresses = etcd.endpoints
        etcd.reset()
        assert not etcd.clock.is_frozen
        assert etcd.clock.now < 100
        assert etcd.endpoints == addresses
        assert values(inside) == values(outside) == {}
        assert put(outside, b"b") == 2
        assert put(etcd.channel(1), b"c") == 3


def test_the_same_seed_gives_the_same_bytes() -> None:
    grant = m.LeaseGrantRequest(TTL=60)

    def ids(seed: int) -> list[int]:
        with FakeEtcd(random_seed=seed) as etcd:
            channel = etcd.channel()
            return [stub(channel, "Lease/LeaseGrant")(grant).ID for _ in range(3)]

    assert ids(1) == ids(1) != ids(2)


def test_options_are_the_servers() -> None:
    with FakeEtcd(max_txn_ops=1) as etcd:
        txn = m.TxnRequest(success=[m.RequestOp(request_range=m.RangeRequest(key=b"a"))] * 2)
        with pytest.raises(grpc.RpcError) as caught:
            stub(etcd.channel(), "KV/Txn")(txn)
        assert caught.value.details() == "etcdserver: too many operations in txn request"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"max_tnx_ops": 1}, TypeError("no option 'max_tnx_ops'; 'max_txn_ops' is one. Options")),
        ({"seed": {}}, TypeError("no option 'seed': call seed(...) for keys")),
        ({"max_txn_ops": "3"}, TypeError("max_txn_ops='3': it has to be a whole number")),
        ({"max_txn_ops": True}, TypeError("max_txn_ops=True: it has to be a whole number")),
        ({"max_txn_ops": -1}, ValueError("max_txn_ops=-1: it has to be 0 at least")),
        ({"name": 1}, TypeError("name=1: it has to be text")),
        ({"endpoints": 0}, ValueError("endpoints=0: it has to be 1 at least")),
        ({"endpoints": "3"}, TypeError("endpoints='3': it has to be a whole number")),
        ({"random_seed": 0.5}, TypeError("random_seed=0.5: it has to be a whole number")),
        ({"heartbeat_interval_ms": 0}, ValueError("heartbeat_interval_ms=0: it has to be 1 at l")),
        ({"election_timeout_ms": 400}, ValueError("at least five times heartbeat_interval_ms=100")),
        (
            {"progress_notify_interval_seconds": float("inf")},
            TypeError("progress_notify_interval_seconds=inf: it has to be a number"),
        ),
        (
            {"auth_token": "jwt"},
            ValueError(
                "auth_token='jwt': auth: invalid auth options: problem loading JWT options: "
                "auth: invalid auth signature method"
            ),
        ),
        (
            {"auth_token": f"jwt,sign-method=HS256,priv-key={__file__},tll=1m"},
            ValueError("unknown JWT options tll"),
        ),
        (
            {"advertise_client_urls": "http://a"},
            TypeError("advertise_client_urls='http://a': it has to be a tuple of texts"),
        ),
    ],
)
def test_an_option_that_makes_no_sense_is_refused(
    options: dict[str, Any], error: Exception
) -> None:
    with pytest.raises(type(error), match=re.escape(str(error))):
        FakeEtcd(**options)


def test_every_option_has_a_type() -> None:
    hints = get_type_hints(NodeConfig)
    # A FakeEtcd calls the seed random_seed, and says the others itself.
    own = ("seed", "secret_bytes", "unix_epoch", "client_cert_auth")
    for name in (*own, "extensive_metrics"):  # by its clock no call takes any time
        del hints[name]
    hints["auth_token"] = str  # as on a command line
    assert get_type_hints(ServerOptions) == hints
    parameters = inspect.signature(FakeEtcd.__init__).parameters.values()
    keywords = [each.name for each in parameters if each.kind is inspect.Parameter.KEYWORD_ONLY]
    assert list(server_options.OF_FAKE) == keywords


def test_type_checkers_know_the_options() -> None:
    # mypy complains of a comment that has nothing to ignore.
    with pytest.raises(TypeError):
        FakeEtcd(max_tnx_ops=1)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        FakeEtcd(max_txn_ops="1")  # type: ignore[arg-type]


def test_options_may_be_any_values_that_make_sense() -> None:
    options: dict[str, Any] = {"advertise_client_urls": ["http://a"], "max_txn_ops": 0}
    with FakeEtcd(random_seed=-1, progress_notify_interval_seconds=5, **options) as etcd:
        config = etcd.node.config
        assert config == NodeConfig(
            advertise_client_urls=("http://a",),
            max_txn_ops=0,
            progress_notify_interval_seconds=5,
            bcrypt_cost=4,
            unix_epoch=config.unix_epoch,
            seed=-1,
        )


@pytest.mark.parametrize("number", [2, -1, "127.0.0.1:2379"])
def test_an_endpoint_that_is_not_there_is_refused(number: Any) -> None:
    with FakeEtcd(endpoints=2) as etcd:
        for use in (etcd.channel, etcd.aio_channel, etcd.take_down, etcd.bring_up):
            with pytest.raises(ValueError, match=f"^there is no endpoint {number!r}: this FakeEt"):
                use(number)


def test_a_hundred_of_them_do_not_touch_each_other() -> None:
    etcds = [FakeEtcd() for _ in range(100)]
    try:
        for number, etcd in enumerate(etcds):
            put(etcd.channel(), b"n", b"%d" % number)
        ports = {etcd.port for etcd in etcds[:10]}
        assert len(ports) == 10
        found = [values(etcd.channel())[b"n"] for etcd in etcds]
        assert found == [b"%d" % number for number in range(100)]
    finally:
        for etcd in etcds:
            etcd.close()


def test_nothing_is_left_after_the_end() -> None:
    threads = set(threading.enumerate())
    etcd = FakeEtcd(endpoints=2)
    channel = etcd.channel()
    create = m.WatchRequest(create_request=m.WatchCreateRequest(key=b"a"))
    with grpc.insecure_channel(etcd.endpoint) as outside:
        calls = [stub(each, "Watch/Watch")(iter([create])) for each in (channel, outside)]
        assert all(next(call).created for call in calls)
        port = etcd.port
        etcd.close()
        etcd.close()
        for call in calls:
            with pytest.raises(grpc.RpcError):
                next(call)
    for thread in set(threading.enumerate()) - threads:
        thread.join(10)  # grpcio's of the outer channel end a moment after that
        assert not thread.is_alive(), thread.name
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
    with pytest.raises(ValueError, match=r"^Cannot invoke RPC on closed channel!$"):
        put(channel, b"a")
    for use in (etcd.channel, lambda: etcd.url, etcd.reset, etcd.snapshot, etcd.take_down):
        with pytest.raises(RuntimeError, match=r"^this FakeEtcd is closed$"):
            use()


def test_threads_that_ask_for_the_address_at_once_are_told_the_same() -> None:
    threads = set(threading.enumerate())
    for _ in range(5):
        with FakeEtcd(endpoints=2) as etcd:
            together = threading.Barrier(4)

            def ask(etcd: FakeEtcd = etcd, together: threading.Barrier = together) -> list[str]:
                together.wait()
                return etcd.endpoints

            with ThreadPoolExecutor(4) as pool:
                found = [each.result() for each in [pool.submit(ask) for _ in range(4)]]
            assert found == [etcd.endpoints] * 4
        assert set(threading.enumerate()) <= threads


def test_threads_may_take_an_endpoint_down_and_up_at_once() -> None:
    with FakeEtcd() as etcd:
        address = etcd.endpoint

        def use(step: Callable[[], None]) -> None:
            for _ in range(100):
                step()

        with ThreadPoolExecutor(4) as pool:
            for each in [pool.submit(use, step) for step in 2 * [etcd.take_down, etcd.bring_up]]:
                each.result()
        etcd.take_down()
        etcd.bring_up()
        with grpc.insecure_channel(address) as outside:
            assert put(outside, b"a") == 2


def test_an_endpoint_whose_port_is_taken_can_be_brought_up_later() -> None:
    with FakeEtcd() as etcd:
        port = etcd.port
        etcd.take_down()
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", port))
            taken.listen()
            with pytest.raises(OSError, match="in use"):
                etcd.bring_up()
            assert unavailable(etcd.channel()) == "fake_etcd: this endpoint is down"
        etcd.bring_up()
        with grpc.insecure_channel(etcd.endpoint) as outside:
            assert put(outside, b"a") == 2


def test_a_port_that_opens_during_a_reset_leads_to_the_new_state(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with FakeEtcd() as etcd:
        thread = threading.Thread(target=etcd.reset)

        def make(*given: Any, **named: Any) -> Server:
            thread.start()
            thread.join(0.1)  # it has to wait, so this takes as long as that
            return Server(*given, **named)

        monkeypatch.setattr(listening, "Server", make)
        with grpc.insecure_channel(etcd.endpoint) as outside:
            thread.join()
            put(outside, b"a")
        assert list(values(etcd.channel())) == [b"a"]


FORKED = """
import os, sys
from fake_etcd.testing import FakeEtcd

with FakeEtcd(endpoints=2) as etcd:
    etcd.listen(sys.argv[1])
    etcd.endpoints
    child = os.fork()
    if child:
        print(os.waitpid(child, 0)[1])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.parametrize("url", ["http://[::1]:0", "http://0.0.0.0:0", "unix:{folder}/s"])
def test_a_forked_child_ends_well_though_ports_are_open(url: str, tmp_path: Path) -> None:
    if "::1" in url and not has_ipv6():
        pytest.skip("no IPv6 here")
    assert run_python("-W", "ignore", "-c", FORKED, url.format(folder=tmp_path)) == "0\n"


def test_it_is_an_asynchronous_context_too() -> None:
    async def use() -> int:
        async with FakeEtcd() as etcd:
            return put(etcd.channel(), b"a")

    assert asyncio.run(use()) == 2


def client_urls(etcd: FakeEtcd) -> list[str]:
    path = "/etcdserverpb.Cluster/MemberList"
    members = etcd.channel().unary_unary(path, None, m.MemberListResponse.FromString)(b"")
    return list(members.members[0].clientURLs)


@pytest.mark.parametrize("tls", [False, True])
def test_a_member_list_has_the_addresses_once_they_are_open(tls: bool) -> None:
    with FakeEtcd(endpoints=2, tls=tls) as etcd:
        assert client_urls(etcd) == []
        scheme = "https" if tls else "http"
        urls = [f"{scheme}://{endpoint}" for endpoint in etcd.endpoints]
        assert client_urls(etcd) == urls
        etcd.reset()
        assert client_urls(etcd) == urls
        etcd.advertise(["http://a.example:1"])
        assert client_urls(etcd) == ["http://a.example:1"]


def test_a_member_list_has_what_it_was_told_to_have() -> None:
    with FakeEtcd(advertise_client_urls=("http://a.example:1",)) as etcd:
        assert etcd.url != "http://a.example:1"
        assert client_urls(etcd) == ["http://a.example:1"]
