"""The dev server with --control, and what it tells the program that started it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import grpc
import pytest

from fake_etcd import __version__
from fake_etcd.api import messages as m
from fake_etcd.testing import Tls, real_tls
from tests.testing.stubs import stub

from .dev_server import COMMAND, environment, run, serving

needs_unix = pytest.mark.skipif(
    sys.platform == "win32", reason="descriptors and signals are another thing there"
)


def ask(address: str, method: str, path: str, body: bytes | None = None) -> Any:
    request = urllib.request.Request(f"{address}/_fake{path}", body, method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read())


def put(channel: grpc.Channel, key: bytes = b"a") -> int:
    """The revision after a put."""
    stub = channel.unary_unary(
        "/etcdserverpb.KV/Put",
        request_serializer=m.PutRequest.SerializeToString,
        response_deserializer=m.PutResponse.FromString,
    )
    answer = stub(m.PutRequest(key=key), timeout=10, wait_for_ready=True)
    return int(answer.header.revision)


def test_every_address_is_controlled_and_of_one_state() -> None:
    urls = "--listen-client-urls=http://localhost:0,http://127.0.0.1:0"
    with serving("--control", urls) as server, grpc.insecure_channel(server.target) as channel:
        assert put(channel) == 2
        assert {ask(address, "GET", "/dump")["revision"] for address in server.addresses} == {2}
        ask(server.addresses[-1], "POST", "/reset")
        assert put(channel) == 2


def test_control_is_behind_tls_and_knows_clients_by_their_certificates() -> None:
    with closing(real_tls.new_kit(Tls(client_cert_auth=True))) as kit:
        where = "--listen-client-urls=https://127.0.0.1:0"
        with serving("--control", where, *real_tls.flags(kit)) as server:
            (address,) = server.addresses
            target = address.removeprefix("https://")
            with grpc.secure_channel(target, kit.credentials("alice")) as channel:
                assert put(channel) == 2
                handler = urllib.request.HTTPSHandler(context=kit.context())
                opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), handler)
                reset = urllib.request.Request(f"{address}/_fake/reset", b"", method="POST")
                with opener.open(reset, timeout=10) as answer:
                    assert answer.status == 200
                assert put(channel) == 2
                stub(channel, "Auth/UserAdd")(m.AuthUserAddRequest(name="root", password="a"))
                stub(channel, "Auth/RoleAdd")(m.AuthRoleAddRequest(name="root"))
                grant = m.AuthUserGrantRoleRequest(user="root", role="root")
                stub(channel, "Auth/UserGrantRole")(grant)
                stub(channel, "Auth/AuthEnable")(m.AuthEnableRequest())
                with pytest.raises(grpc.RpcError, match="etcdserver: permission denied"):
                    put(channel)
            with grpc.secure_channel(target, kit.credentials("root")) as channel:
                assert put(channel) == 3


def test_flags_still_hold_after_a_reset() -> None:
    with serving("--control", "--max-request-bytes=10") as server:
        (address,) = server.addresses
        ask(address, "POST", "/reset")
        with grpc.insecure_channel(server.target) as channel:
            with pytest.raises(grpc.RpcError) as caught:
                put(channel, b"a" * 20)
            assert caught.value.details() == "etcdserver: request is too large"


def test_an_address_in_use_is_one_line_with_control_too() -> None:
    with serving() as server:
        done = run("--control", f"--listen-client-urls={server.addresses[0]}")
        assert (done.returncode, done.stdout, done.stderr) == (
            1,
            "",
            f"listen tcp {server.target}: bind: address already in use\n",
        )


@needs_unix
def test_a_failed_start_with_control_leaves_no_socket_behind(tmp_path: Path) -> None:
    path = tmp_path / "etcd.sock"
    with serving() as server:
        done = run("--control", f"--listen-client-urls=unix://{path},{server.addresses[0]}")
        assert done.returncode == 1
        assert not path.exists()


@needs_unix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_with_open_calls_given_their_grace(number: signal.Signals) -> None:
    never = threading.Event()
    flags = ("--control", "--fake-stop-grace=600ms")
    with serving(*flags) as server, grpc.insecure_channel(server.target) as channel:
        upload = channel.stream_unary(
            "/etcdserverpb.KV/Put",
            request_serializer=m.PutRequest.SerializeToString,
            response_deserializer=m.PutResponse.FromString,
        )
        call = upload.future((m.PutRequest() for _ in iter(never.wait, True)), timeout=10)
        put(channel)  # on the same connection, so the server knows of both
        status, seconds, log = server.stop(number)
        assert (status, seconds > 0.5) == (-number, True), (seconds, log)
        assert call.code() is grpc.StatusCode.UNAVAILABLE
        never.set()
        stopping = [json.loads(line)["msg"] for line in log.splitlines()][-1]
        assert stopping == "closed etcd server"


def start(*arguments: str, **more: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, "--listen-client-urls=http://127.0.0.1:0", *arguments],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        **more,
    )


def end(process: subprocess.Popen[str]) -> str:
    """The rest of what it prints."""
    process.terminate()
    return process.communicate(timeout=20)[0]


def ready(endpoints: Sequence[str], process: subprocess.Popen[str], control: bool) -> object:
    return {
        "endpoints": list(endpoints),
        "control": control,
        "etcd": "3.7.3",
        "fake_etcd": __version__,
        "pid": process.pid,
    }


@pytest.mark.parametrize("control", [False, True])
def test_who_asks_for_json_gets_one_line_and_no_other(control: bool) -> None:
    process = start("--ready-json", *["--control"] * control)
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        (endpoint,) = told["endpoints"]
        assert told == ready([endpoint], process, control)
        with grpc.insecure_channel(endpoint.removeprefix("http://")) as channel:
            assert put(channel) == 2
    finally:
        assert end(process) == ""


@needs_unix
def test_a_descriptor_gets_the_same_line_and_is_closed() -> None:
    read_end, write_end = os.pipe()
    process = start(f"--ready-fd={write_end}", pass_fds=[write_end])
    os.close(write_end)
    try:
        with os.fdopen(read_end) as pipe:
            told = json.loads(pipe.read())  # up to the end: the server closed it
        (endpoint,) = told["endpoints"]
        assert told == ready([endpoint], process, control=False)
    finally:
        assert f"listening on {endpoint}\n" in end(process)


@needs_unix
def test_a_reader_of_the_descriptor_that_goes_away_is_no_fault() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    process = start(f"--ready-fd={write_end}", "--ready-json", pass_fds=[write_end])
    os.close(write_end)
    try:
        assert process.stdout is not None
        endpoint = json.loads(process.stdout.readline())["endpoints"][0]
        with grpc.insecure_channel(endpoint.removeprefix("http://")) as channel:
            assert put(channel) == 2
    finally:
        end(process)
    assert process.returncode == -signal.SIGTERM


@needs_unix
@pytest.mark.parametrize("number", ["77", "99999999999"])
def test_a_descriptor_that_was_not_passed_is_one_line(number: str) -> None:
    done = run("--listen-client-urls=http://127.0.0.1:0", f"--ready-fd={number}")
    assert (done.returncode, done.stdout, done.stderr) == (
        1,
        "",
        f"--ready-fd={number}: whoever starts this server has to pass it that descriptor, open "
        "for writing\n",
    )


@needs_unix
def test_a_descriptor_to_read_from_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.touch()
    with path.open() as file:
        process = start(f"--ready-fd={file.fileno()}", pass_fds=[file.fileno()])
        assert (process.communicate(timeout=20)[0], process.returncode) == ("", 1)
