"""The dev server on a thread of this process."""

from __future__ import annotations

import contextlib
import doctest
import json
import logging
import secrets
import socket
import subprocess
import sys
import threading
import urllib.request
from urllib.parse import urlsplit

import grpc
import pytest

from fake_etcd.api import messages as m
from fake_etcd.cli import background, served_node
from fake_etcd.cli.flags import UsageError
from fake_etcd.services import passwords
from fake_etcd.transport import loop_host

LOOPS = ["asyncio"] + ["uvloop"] * (sys.platform != "win32")


@pytest.fixture(params=LOOPS, autouse=True)
def loop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(loop_host.LOOP_VARIABLE, request.param)


def call(url: str, method: str, request: bytes) -> bytes:
    with grpc.insecure_channel(url.removeprefix("http://")) as channel:
        unary: grpc.UnaryUnaryMultiCallable[bytes, bytes]
        unary = channel.unary_unary(f"/etcdserverpb.KV/{method}")
        return unary(request, timeout=10)


def put(url: str) -> int:
    """The revision after a put."""
    request = m.PutRequest(key=b"a").SerializeToString()
    return m.PutResponse.FromString(call(url, "Put", request)).header.revision


OTHERS: list[threading.Thread] = []
"""Those that were there before the test: of etcds that live as long as this run."""


@pytest.fixture(autouse=True)
def others() -> None:
    OTHERS[:] = threading.enumerate()


def threads() -> list[str]:
    here = [thread for thread in threading.enumerate() if thread not in OTHERS]
    return [thread.name for thread in here if thread.name == "fake-etcd"]


def address(url: str) -> tuple[str, int]:
    host, _, port = urlsplit(url).netloc.rpartition(":")
    return host, int(port)


def listens(url: str) -> bool:
    with contextlib.suppress(ConnectionRefusedError), socket.create_connection(address(url)):
        return True
    return False


def test_examples_in_the_docstrings_are_true() -> None:
    assert doctest.testmod(background).failed == 0


def test_it_serves_grpc_and_http_until_the_end() -> None:
    with background.serve() as url:
        assert put(url) == 2
        with urllib.request.urlopen(f"{url}/version", timeout=10) as answer:
            assert json.loads(answer.read())["etcdserver"] == "3.7.3"
        assert threads() == ["fake-etcd"]
    assert (listens(url), threads()) == (False, [])


def test_two_at_a_time_know_nothing_of_each_other() -> None:
    with background.serve() as one:
        with background.serve() as other:
            assert one != other
            assert [put(one), put(one), put(other)] == [2, 3, 2]
        assert put(one) == 4


def test_its_flags_are_the_dev_servers() -> None:
    with background.serve(["--max-request-bytes=100"]) as url:
        assert put(url) == 2
        with pytest.raises(grpc.RpcError) as caught:
            call(url, "Put", m.PutRequest(key=b"a" * 200).SerializeToString())
        assert caught.value.details() == "etcdserver: request is too large"


def test_it_can_be_told_where_to_listen() -> None:
    with background.serve(["--listen-client-urls=http://localhost:0,http://127.0.0.1:0"]) as url:
        assert url.startswith("http://127.0.0.1:")
        assert put(url) == 2


def test_a_wrong_flag_is_refused_before_anything_is_started() -> None:
    with (
        pytest.raises(UsageError, match="flag provided but not defined: -nope"),
        background.serve(["--nope"]),
    ):
        pass
    assert threads() == []


def test_an_address_that_is_taken_is_refused_and_nothing_is_left_running() -> None:
    with background.serve() as url:
        with (
            pytest.raises(served_node.CannotStart, match="bind: address already in use"),
            background.serve([f"--listen-client-urls={url}"]),
        ):
            pass
        assert threads() == ["fake-etcd"]
        assert put(url) == 2


def test_a_loop_that_there_is_not_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(loop_host.LOOP_VARIABLE, "trio")
    with pytest.raises(served_node.CannotStart, match="FAKE_ETCD_LOOP=trio"), background.serve():
        pass
    assert threads() == []


def test_it_stops_where_its_user_raises() -> None:
    with pytest.raises(ZeroDivisionError), background.serve() as url:
        raise ZeroDivisionError
    assert (listens(url), threads()) == (False, [])


def test_it_waits_for_no_client(caplog: pytest.LogCaptureFixture) -> None:
    """Of an open connection, one with half a request and an unfinished call none is waited for."""
    never = threading.Event()
    with contextlib.ExitStack() as clients, caplog.at_level(logging.WARNING):
        with background.serve() as url:
            half = clients.enter_context(socket.create_connection(address(url)))
            half.sendall(b"GET /version HT")
            channel = clients.enter_context(grpc.insecure_channel(url.removeprefix("http://")))
            upload: grpc.StreamUnaryMultiCallable[bytes, bytes]
            upload = channel.stream_unary("/etcdserverpb.KV/Put")
            clients.callback(never.set)
            open_call = upload.future((b"" for _ in iter(never.wait, True)), timeout=10)
            assert put(url) == 2
        assert threads() == []
        assert open_call.code() is grpc.StatusCode.UNAVAILABLE
        assert half.recv(1) == b""
    assert caplog.records == []


def test_nobody_waits_for_the_hash_of_another_s_password(monkeypatch: pytest.MonkeyPatch) -> None:
    began, may_end = threading.Event(), threading.Event()

    def hashed(password: str, cost: int, salt: bytes) -> bytes:
        began.set()
        assert may_end.wait(10)
        return b"a hash"

    monkeypatch.setattr(passwords, "hashed", hashed)
    request = m.AuthUserAddRequest(name="ann", password="x")
    with background.serve() as url, grpc.insecure_channel(url.removeprefix("http://")) as channel:
        add: grpc.UnaryUnaryMultiCallable[m.AuthUserAddRequest, bytes]
        add = channel.unary_unary(
            "/etcdserverpb.Auth/UserAdd", m.AuthUserAddRequest.SerializeToString
        )
        adding = add.future(request, timeout=20)
        assert began.wait(10)
        assert put(url) == 2
        assert not adding.done()
        may_end.set()
        adding.result()


def test_secrets_come_from_where_nobody_can_guess_them(monkeypatch: pytest.MonkeyPatch) -> None:
    counts: list[int] = []
    original = secrets.token_bytes

    def token_bytes(count: int) -> bytes:
        counts.append(count)
        return original(count)

    monkeypatch.setattr(secrets, "token_bytes", token_bytes)
    request = m.AuthUserAddRequest(name="ann", password="x")
    with (
        background.serve(["--bcrypt-cost=4"]) as url,
        grpc.insecure_channel(url.removeprefix("http://")) as channel,
    ):
        add: grpc.UnaryUnaryMultiCallable[m.AuthUserAddRequest, bytes]
        add = channel.unary_unary(
            "/etcdserverpb.Auth/UserAdd", m.AuthUserAddRequest.SerializeToString
        )
        add(request, timeout=10)
    assert counts == [passwords.SALT_BYTES]


def test_what_few_servers_need_is_not_imported_by_all() -> None:
    few = [
        "bcrypt",
        "cryptography",
        "fake_etcd.core.auth.jwt_tokens",
        "fake_etcd.testing",
        "fake_etcd.transport.tls",
        "fake_etcd.transport.tls_socket",
        "grpc",
    ]
    code = "import sys, fake_etcd.cli.host; print(*sorted(set(sys.argv[1:]) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code, *few], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("\n", "")


def test_a_program_without_logging_hears_nothing_of_a_write_that_fails() -> None:
    program = (
        "import grpc\n"
        "from fake_etcd.api import messages as m\n"
        "from fake_etcd.cli import background\n"
        "with background.serve() as url, grpc.insecure_channel(url[7:]) as channel:\n"
        "    put = channel.unary_unary('/etcdserverpb.KV/Put')\n"
        "    try:\n"
        "        put(m.PutRequest(key=b'a', lease=5).SerializeToString())\n"
        "    except grpc.RpcError as error:\n"
        "        print(error.details())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "etcdserver: requested lease not found\n"
