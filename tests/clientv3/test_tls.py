"""Connections: with TLS and without, over IPv6 and sockets in files, and to what is no etcd."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from fake_etcd import clientv3
from fake_etcd.clientv3 import TLS, Config, channel_options, context, endpoints
from fake_etcd.testing import FakeEtcd, Tls
from tests.clientv3.faces import Face
from tests.clientv3.servers import Member

SHORT = 0.3
"""Seconds for a call that cannot be answered."""


@pytest.fixture
def stack(face: Face) -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def connect(face: Face, stack: ExitStack) -> Callable[..., Any]:
    """Makes a client of endpoints."""

    def make(*addresses: str, **fields: Any) -> Any:
        cli = face.client(Config(endpoints=addresses, **fields))
        stack.callback(cli.close)
        return cli

    return make


def why(cli: Any) -> str:
    """Why a call came to no server: on a busy machine not every deadline leaves time to know it."""
    for _ in range(20):
        with pytest.raises(context.DeadlineExceeded) as error:
            cli.get("k", timeout=SHORT)
        if error.value.__cause__ is not None:
            break
    return str(error.value.__cause__)


@pytest.mark.fake_etcd(tls=True)
def test_a_certificate_vouches_for_the_server(
    connect: Callable[..., Any], fake_etcd: FakeEtcd, tmp_path: Path
) -> None:
    ca = fake_etcd.tls.ca_cert
    (tmp_path / "ca.crt").write_bytes(ca)
    (address,) = fake_etcd.endpoints
    for endpoint in (address, f"https://{address}"):
        for source in (ca, tmp_path / "ca.crt", str(tmp_path / "ca.crt")):
            assert connect(endpoint, tls=TLS(ca=source)).put("k", "v").header.revision > 1


@pytest.mark.fake_etcd(tls=True)
def test_a_server_nobody_vouches_for_is_not_called(
    connect: Callable[..., Any], fake_etcd: FakeEtcd
) -> None:
    (address,) = fake_etcd.endpoints
    with FakeEtcd(tls=True) as other:
        wrong = other.tls.ca_cert
    assert "CERTIFICATE_VERIFY_FAILED" in why(connect(address, tls=TLS(ca=wrong)))
    assert "CERTIFICATE_VERIFY_FAILED" in why(connect(f"https://{address}"))


@pytest.mark.fake_etcd(tls=Tls(hosts=("etcd.example",)))
def test_a_certificate_may_be_for_another_name(
    connect: Callable[..., Any], fake_etcd: FakeEtcd
) -> None:
    (address,) = fake_etcd.endpoints
    ca = fake_etcd.tls.ca_cert
    assert connect(address, tls=TLS(ca=ca, server_name="etcd.example")).get("k").count == 0
    assert "127.0.0.1" in why(connect(address, tls=TLS(ca=ca)))


@pytest.mark.fake_etcd(tls=Tls(client_cert_auth=True))
def test_a_client_shows_who_it_is(connect: Callable[..., Any], fake_etcd: FakeEtcd) -> None:
    (address,) = fake_etcd.endpoints
    ca, pair = fake_etcd.tls.ca_cert, fake_etcd.tls.client("alice")
    assert connect(address, tls=TLS(ca, pair.certificate, pair.key)).get("k").count == 0
    assert why(connect(address, tls=TLS(ca))) != "None"


def test_a_file_that_cannot_be_read_is_told_at_once(face: Face) -> None:
    with pytest.raises(FileNotFoundError):
        face.client(Config(endpoints=["localhost:1"], tls=TLS(ca="nowhere.crt")))
    with pytest.raises(ValueError, match="cert and key both"):
        TLS(cert=b"")


@pytest.mark.fake_etcd(tls=True)
def test_endpoints_with_tls_and_without_are_mixed(
    connect: Callable[..., Any], fake_etcd: FakeEtcd, stack: ExitStack
) -> None:
    plain = Member(1)
    stack.callback(plain.close)
    (address,) = fake_etcd.endpoints
    tls = TLS(ca=fake_etcd.tls.ca_cert)
    cli = connect(f"https://{address}", f"http://{plain.endpoint}", tls=tls)
    seen: set[int] = set()
    for _ in range(1000):
        seen.add(cli.get("k", timeout=10.0).header.member_id)
        if len(seen) == 2:
            break
    assert len(seen) == 2
    assert 1 in seen


@pytest.mark.fake_etcd(tls=True)
def test_tls_and_plain_do_not_understand_each_other(
    connect: Callable[..., Any], fake_etcd: FakeEtcd, stack: ExitStack
) -> None:
    plain = Member(1)
    stack.callback(plain.close)
    (address,) = fake_etcd.endpoints
    for endpoint in (f"http://{address}", f"https://{plain.endpoint}"):
        assert why(connect(endpoint)).startswith(
            "rpc error: code = Unavailable desc = failed to connect to all addresses"
        )


def test_an_http_server_is_no_etcd(connect: Callable[..., Any], stack: ExitStack) -> None:
    server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    stack.callback(server.server_close)
    stack.callback(thread.join)
    stack.callback(server.shutdown)
    address = f"127.0.0.1:{server.server_port}"
    for cli in (connect(address), connect(address, "127.0.0.1:1")):
        assert why(cli).startswith("rpc error: code = Unavailable desc = failed to connect")


def test_a_grpc_server_without_etcds_services_is_no_etcd(
    connect: Callable[..., Any], stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = Member(1)
    stack.callback(member.close)
    monkeypatch.setattr(member, "service", lambda details: None)
    with pytest.raises(clientv3.StatusError) as error:
        connect(member.endpoint).get("k", timeout=10.0)
    assert str(error.value) == "rpc error: code = Unimplemented desc = Method not found!"


def test_what_is_no_address_is_no_etcd(connect: Callable[..., Any]) -> None:
    for cli in (connect("localhost:port"), connect("localhost:port", "localhost:port2")):
        assert "Failed to parse port in name: localhost:port" in why(cli)


def test_a_socket_in_a_file_is_an_endpoint(
    connect: Callable[..., Any], stack: ExitStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    member = Member(7, address=f"unix:{tmp_path}/etcd.sock")
    stack.callback(member.close)
    for endpoint in (
        f"unix://{tmp_path}/etcd.sock",
        f"unix:{tmp_path}/etcd.sock",
        "unix://etcd.sock",
        "unix:etcd.sock",
    ):
        assert connect(endpoint).get("k", timeout=10.0).header.member_id == 7


def _has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(not _has_ipv6(), reason="there is no IPv6 loopback")
def test_an_ipv6_address_is_an_endpoint(connect: Callable[..., Any], stack: ExitStack) -> None:
    member = Member(6, address="[::1]:0")
    stack.callback(member.close)
    for endpoint in (member.endpoint, f"http://{member.endpoint}"):
        assert connect(endpoint).get("k", timeout=10.0).header.member_id == 6


def test_messages_have_limits(connect: Callable[..., Any], stack: ExitStack) -> None:
    with FakeEtcd(max_request_bytes=8 * 2**20) as etcd:
        (address,) = etcd.endpoints
        with pytest.raises(clientv3.StatusError) as error:
            connect(address).put("k", bytes(2 * 2**20))
        assert str(error.value).startswith(
            "rpc error: code = ResourceExhausted desc = CLIENT: Sent message larger than max"
            " (2097160 vs. 2097152)"
        )
        connect(address, max_call_send_size=3 * 2**20).put("k", bytes(2 * 2**20))
        assert len(connect(address).get("k").kvs[0].value) == 2 * 2**20
        with pytest.raises(clientv3.StatusError) as error:
            connect(address, max_call_send_size=100, max_call_recv_size=1000).get("k")
        assert "CLIENT: Received message larger than max (2097201 vs. 1000)" in str(error.value)
        assert str(error.value).startswith("rpc error: code = ResourceExhausted desc = ")


def _options(endpoint: str, **fields: Any) -> dict[str, int | str]:
    config = Config(endpoints=[endpoint], **fields)
    return dict(channel_options.options(endpoints.parse(endpoint), config, 1))


def test_keep_alives_reach_grpc() -> None:
    assert not any("keepalive" in name for name in _options("a:1", dial_keepalive_timeout=5.0))
    found = _options(
        "a:1", dial_keepalive_time=12.5, dial_keepalive_timeout=1.0, permit_without_stream=True
    )
    assert (
        found["grpc.keepalive_time_ms"],
        found["grpc.keepalive_timeout_ms"],
        found["grpc.keepalive_permit_without_calls"],
    ) == (12500, 1000, 1)
    defaults = _options("a:1", dial_keepalive_time=10.0)
    assert (
        defaults["grpc.keepalive_timeout_ms"],
        defaults["grpc.keepalive_permit_without_calls"],
    ) == (20000, 0)


@pytest.mark.parametrize(
    ("endpoint", "asks"),
    [
        ("localhost:2379", False),
        ("http://127.0.0.1:2379", False),
        ("https://[::1]:2379", False),
        ("127.0.0.9:1", False),
        ("unix:///run/etcd.sock", True),
        ("10.0.0.1:2379", True),
        ("https://etcd.example:2379", True),
    ],
)
def test_no_proxy_is_asked_for_this_machine(endpoint: str, asks: bool) -> None:
    assert ("grpc.enable_http_proxy" not in _options(endpoint)) == asks
