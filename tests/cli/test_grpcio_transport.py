"""`--transport=grpcio`: the dev server behind grpcio's own server."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import grpc
import pytest
from google.protobuf.message import Message

from fake_etcd.api import messages as m
from fake_etcd.api.status import Code, Status
from fake_etcd.transport import certificates
from tests.services.client import KvClient, Refused, refused
from tests.services.lease_client import LeaseClient

from .dev_server import DevServer, run, serving

FLAG = "--transport=grpcio"
GRANT_ROOT = m.AuthUserGrantRoleRequest(user="root", role="root")


@pytest.fixture
def server() -> Iterator[DevServer]:
    with serving(FLAG) as server:
        yield server


def call(channel: grpc.Channel, method: str, request: Message, *metadata: tuple[str, str]) -> bytes:
    path, sent = f"/etcdserverpb.{method}", request.SerializeToString()
    stub = cast("Callable[..., bytes]", channel.unary_unary(path))
    return stub(sent, timeout=20, metadata=metadata)


def test_keys_are_put_watched_and_read(server: DevServer) -> None:
    with KvClient(server.target) as client, client.open_watch() as watch:
        watch.create(key=b"k")
        put = client.put(key=b"k", value=b"v")
        assert put.header.revision == 2
        (event,) = watch.next().events
        assert (event.kv.key, event.kv.value, event.kv.mod_revision) == (b"k", b"v", 2)
        (found,) = client.range(key=b"k").kvs
        assert found == event.kv


def test_leases_are_granted_kept_and_run_out(server: DevServer) -> None:
    with KvClient(server.target) as client, client.open_watch() as watch:
        lease = LeaseClient(client)
        watch.create(key=b"k")
        assert lease.grant(id=7, ttl=1).ID == 7
        client.put(key=b"k", lease=7)
        alive = lease.keep_alive()
        alive.send(7)
        told = alive.receive()
        assert told is not None
        assert (told.ID, told.TTL) == (7, 2)
        alive.cancel()
        kinds = [watch.next().events[0].type for _ in range(2)]
        assert kinds == [0, 1]  # the deletion comes of the server's own clock


def test_passwords_and_tokens_are_known(server: DevServer) -> None:
    with KvClient(server.target) as client:
        channel = client.channel
        call(channel, "Auth/UserAdd", m.AuthUserAddRequest(name="root", password="p"))
        call(channel, "Auth/UserGrantRole", GRANT_ROOT)
        call(channel, "Auth/AuthEnable", m.AuthEnableRequest())
        with refused(Status(Code.INVALID_ARGUMENT, "etcdserver: user name is empty")):
            client.put(key=b"k")
        login = m.AuthenticateRequest(name="root", password="p")
        answer = call(channel, "Auth/Authenticate", login)
        token = m.AuthenticateResponse.FromString(answer).token
        put = call(channel, "KV/Put", m.PutRequest(key=b"k"), ("token", token))
        assert m.PutResponse.FromString(put).header.revision == 2


def test_a_port_that_is_taken_is_one_line(server: DevServer) -> None:
    done = run(FLAG, f"--listen-client-urls={server.addresses[0]}")
    message = f"listen tcp {server.target}: bind: address already in use\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", message)


@pytest.mark.skipif(sys.platform == "win32", reason="no unix sockets here")
def test_a_unix_socket_is_served_and_taken_away(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with serving(FLAG, f"--listen-client-urls=unix://{path}") as server:
        with KvClient(f"unix:{path}") as client:
            assert client.put(key=b"k").header.revision == 2
        assert server.stop(signal.SIGTERM)[0] == -signal.SIGTERM
        assert not path.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
def test_an_open_watch_does_not_keep_it_from_stopping(server: DevServer) -> None:
    with KvClient(server.target) as client, client.open_watch() as watch:
        watch.create(key=b"k")
        status, seconds, _ = server.stop(signal.SIGTERM)
        assert (status, seconds < 2) == (-signal.SIGTERM, True)
        with pytest.raises(Refused):
            watch.next()


def test_a_client_s_certificate_says_who_calls(tmp_path: Path) -> None:
    authority = certificates.new_authority()
    client = authority.client("root")
    pairs = {"server": authority.server(["localhost", "127.0.0.1"])}
    (tmp_path / "ca").write_bytes(authority.certificate)
    for name, pair in pairs.items():
        (tmp_path / f"{name}.crt").write_bytes(pair.certificate)
        (tmp_path / f"{name}.key").write_bytes(pair.key)
    flags = (
        FLAG,
        "--listen-client-urls=https://127.0.0.1:0",
        f"--cert-file={tmp_path}/server.crt",
        f"--key-file={tmp_path}/server.key",
        f"--trusted-ca-file={tmp_path}/ca",
        "--client-cert-auth",
    )
    with serving(*flags) as server:
        target = server.addresses[0].removeprefix("https://")
        trust = grpc.ssl_channel_credentials(authority.certificate)
        with grpc.secure_channel(target, trust) as channel, pytest.raises(grpc.RpcError):
            call(channel, "Auth/UserAdd", m.AuthUserAddRequest(name="x", password="p"))
        trust = grpc.ssl_channel_credentials(authority.certificate, client.key, client.certificate)
        with grpc.secure_channel(target, trust) as channel:
            call(channel, "Auth/UserAdd", m.AuthUserAddRequest(name="root", password="p"))
            call(channel, "Auth/UserGrantRole", GRANT_ROOT)
            call(channel, "Auth/AuthEnable", m.AuthEnableRequest())
            answer = call(channel, "KV/Put", m.PutRequest(key=b"k"))
            assert m.PutResponse.FromString(answer).header.revision == 2
    done = run(*flags, "--cipher-suites=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256")
    assert done.stderr == "--transport=grpcio cannot do --cipher-suites\n"


def test_what_it_prints_has_no_http(server: DevServer) -> None:
    assert server.lines[1:] == [
        f"listening on {server.addresses[0]}",
        f"try: etcdctl --endpoints={server.addresses[0]} put greeting hello",
    ]


def test_the_control_api_is_not_there() -> None:
    done = run(FLAG, "--control")
    wrong = "--control does not go with --transport=grpcio: it is served on the same port"
    assert (done.returncode, done.stdout) == (1, "")
    assert wrong in done.stderr


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("--socket-reuse-port", "=true"),
        ("--cors", "=http://localhost:80"),
        ("--host-whitelist", "=localhost"),
        ("--listen-client-http-urls", "=http://127.0.0.1:0"),
    ],
)
def test_what_it_has_not_is_refused(flag: str, value: str) -> None:
    done = run(FLAG, flag + value)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"{flag} does nothing with --transport=grpcio\n"
