"""The dev server as a process: what it prints, how it starts, and how it stops."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from fake_etcd import __version__
from fake_etcd.api import messages

from .dev_server import COMMAND, DevServer, environment, run, serving

LOOPS = ["asyncio"] + ["uvloop"] * (sys.platform != "win32")
needs_unix_sockets = pytest.mark.skipif(
    not hasattr(socket, "AF_UNIX") or sys.platform == "win32", reason="no unix sockets here"
)
needs_signals = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows cannot send these signals to one process"
)


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


def put(channel: grpc.Channel, key: bytes, value: bytes) -> messages.PutResponse:
    call = channel.unary_unary(
        "/etcdserverpb.KV/Put",
        request_serializer=messages.PutRequest.SerializeToString,
        response_deserializer=messages.PutResponse.FromString,
    )
    return call(messages.PutRequest(key=key, value=value), timeout=10)


def put_one(server: DevServer) -> int:
    """The revision after a put over gRPC."""
    with grpc.insecure_channel(server.target) as channel:
        return put(channel, b"k", b"v").header.revision


def version(address: str) -> object:
    with urllib.request.urlopen(f"{address}/version", timeout=10) as answer:
        return json.loads(answer.read())


def unix_version(path: str) -> bytes:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
        client.sendall(b"GET /version HTTP/1.0\r\n\r\n")
        return b"".join(iter(lambda: client.recv(4096), b""))


ETCD_37 = {"etcdserver": "3.7.3", "etcdcluster": "3.7.0", "storage": "3.7.0"}


@pytest.mark.parametrize("loop", LOOPS)
def test_it_serves_grpc_and_http_on_the_port_it_prints(loop: str) -> None:
    with serving(FAKE_ETCD_LOOP=loop) as server:
        assert put_one(server) == 2
        assert version(server.addresses[0]) == ETCD_37


def test_it_prints_where_it_listens_and_how_to_talk_to_it() -> None:
    with serving() as server:
        (address,) = server.addresses
        assert re.fullmatch(r"http://127\.0\.0\.1:[1-9][0-9]*", address)
        assert server.lines == [
            f"fake_etcd {__version__} answers as etcd 3.7.3",
            f"listening on {address}",
            f"try: etcdctl --endpoints={address} put greeting hello",
            f"try: curl {address}/version",
        ]


def test_localhost_is_both_loopback_addresses_with_one_port() -> None:
    with serving("--listen-client-urls=http://localhost:0") as server:
        port = server.addresses[0].rpartition(":")[2]
        expected = [f"http://127.0.0.1:{port}"] + [f"http://[::1]:{port}"] * has_ipv6()
        assert server.addresses == expected
        assert [version(address) for address in server.addresses] == [ETCD_37] * len(expected)


def test_a_wildcard_is_reached_by_either_family() -> None:
    with serving("--listen-client-urls=http://0.0.0.0:0") as server:
        port = server.addresses[0].rpartition(":")[2]
        assert server.addresses == [f"http://0.0.0.0:{port}"] + [f"http://[::]:{port}"] * has_ipv6()
        assert server.lines[-1] == f"try: curl http://127.0.0.1:{port}/version"
        assert version(f"http://127.0.0.1:{port}") == ETCD_37


@needs_unix_sockets
def test_it_serves_on_a_unix_socket_and_takes_it_away(tmp_path: Path) -> None:
    path = tmp_path / "a b.sock"
    with serving(f"--listen-client-urls=unix://{path},http://127.0.0.1:0") as server:
        assert server.addresses[1:] == [f"unix:{path}"]
        assert unix_version(str(path)).endswith(b'"storage":"3.7.0"}')
        with grpc.insecure_channel(f"unix:{path}") as channel:
            assert put(channel, b"k", b"v").header.revision == 2
        server.stop(signal.SIGTERM)
        assert not path.exists()


@needs_unix_sockets
def test_the_lines_to_try_can_be_pasted(tmp_path: Path) -> None:
    path = tmp_path / "a b.sock"
    with serving(f"--listen-client-urls=unix://{path}") as server:
        assert server.lines[-2:] == [
            f"try: etcdctl --endpoints=unix://'{path}' put greeting hello",
            f"try: curl --unix-socket '{path}' http://localhost/version",
        ]


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")
def test_an_ipv6_address_is_quoted_where_a_shell_needs_it() -> None:
    with serving("--listen-client-urls=http://[::1]:0") as server:
        (address,) = server.addresses
        assert version(address) == ETCD_37
        assert server.lines[-1] == f"try: curl '{address}/version'"


def test_the_log_names_what_is_advertised() -> None:
    with serving("--listen-client-urls=http://127.0.0.1:0,http://localhost:0") as server:
        _, _, log = server.stop(signal.SIGTERM)
    now = next(line for line in map(json.loads, log.splitlines()) if "now" in line["msg"])
    ports = [address.rpartition(":")[2] for address in server.addresses]
    expected = sorted([f"http://127.0.0.1:{ports[0]}", f"http://localhost:{ports[1]}"])
    assert (now["level"], now["advertise-client-urls"]) == ("info", expected)


def test_an_advertised_url_stays_as_it_was_given() -> None:
    with serving("--advertise-client-urls=http://db.example:1,http://a.example:2") as server:
        _, _, log = server.stop(signal.SIGTERM)
    now = next(line for line in map(json.loads, log.splitlines()) if "now" in line["msg"])
    assert now["advertise-client-urls"] == ["http://a.example:2", "http://db.example:1"]


def test_at_level_error_the_log_is_silent() -> None:
    with serving("--log-level=error") as server:
        assert server.stop(signal.SIGTERM)[2] == ""


def test_the_limits_are_those_of_the_flags() -> None:
    with (
        serving("--max-request-bytes=1000", "--max-txn-ops=1") as server,
        grpc.insecure_channel(server.target) as channel,
    ):
        assert put(channel, b"k", b"v" * 900).header.revision == 2
        with pytest.raises(grpc.RpcError) as caught:
            put(channel, b"k", b"v" * 1001)
        assert caught.value.details() == "etcdserver: request is too large"
        txn = channel.unary_unary(
            "/etcdserverpb.KV/Txn",
            request_serializer=messages.TxnRequest.SerializeToString,
            response_deserializer=messages.TxnResponse.FromString,
        )
        request = messages.TxnRequest()
        for key in (b"a", b"b"):
            request.success.add().request_put.key = key
        with pytest.raises(grpc.RpcError) as caught:
            txn(request, timeout=10)
        assert caught.value.details() == "etcdserver: too many operations in txn request"


def test_versions_are_printed() -> None:
    done = run("--version")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[:3] == ["etcd Version: 3.7.3", "Git SHA: none", "Go Version: none"]
    assert lines[3].startswith("Go OS/Arch: ")
    python = ".".join(map(str, sys.version_info[:3]))
    assert lines[4:] == [f"fake_etcd Version: {__version__}", f"Python Version: {python}"]


def test_a_port_in_use_is_one_line_that_names_the_address() -> None:
    with serving() as server:
        done = run(f"--listen-client-urls={server.addresses[0]}")
    assert (done.returncode, done.stdout, done.stderr) == (
        1,
        "",
        f"listen tcp {server.target}: bind: address already in use\n",
    )


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://192.0.2.1:1", "listen tcp 192.0.2.1:1: bind: cannot assign requested address"),
        (
            "unix:/no/such/folder/s",
            "listen unix /no/such/folder/s: bind: no such file or directory",
        ),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="the words are Unix's")
def test_an_address_that_cannot_be_had_is_one_line(url: str, message: str, loop: str) -> None:
    done = run(f"--listen-client-urls={url}", FAKE_ETCD_LOOP=loop)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", message + "\n")


@needs_unix_sockets
def test_a_failed_start_leaves_no_socket_behind(tmp_path: Path) -> None:
    path = tmp_path / "a"
    urls = f"unix:{path},unix:{tmp_path}/no/such/folder/s"  # listened on in this order
    assert run(f"--listen-client-urls={urls}").returncode == 1
    assert not path.exists()


def test_an_unknown_loop_is_one_line() -> None:
    done = run(FAKE_ETCD_LOOP="trio")
    assert (done.returncode, done.stdout, done.stderr) == (
        1,
        "",
        'FAKE_ETCD_LOOP=trio: it can be "asyncio" or "uvloop"\n',
    )


@needs_signals
@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_within_a_second(number: signal.Signals, loop: str) -> None:
    with (
        serving(FAKE_ETCD_LOOP=loop) as server,
        grpc.insecure_channel(server.target) as channel,
        socket.create_connection(("127.0.0.1", server.port)) as half,
    ):
        put(channel, b"k", b"v")
        half.sendall(b"GET /version HT")  # a peer that never finishes
        status, seconds, log = server.stop(number)
    assert (status, seconds < 1) == (-number, True), (seconds, log)
    stopping = [json.loads(line) for line in log.splitlines()][-4:]
    assert [line["msg"] for line in stopping] == [
        "received signal; shutting down",
        "closing etcd server",
        "skipped leadership transfer for single voting member cluster",
        "closed etcd server",
    ]
    assert stopping[0]["signal"] == {"SIGINT": "interrupt", "SIGTERM": "terminated"}[number.name]


@needs_signals
def test_an_open_call_is_answered_before_it_stops() -> None:
    """A physical compaction answers when its slices are done, so the call is open for a while."""
    with (
        # At its level nothing is told of how long such transactions take: nobody reads that here.
        serving(
            "--max-txn-ops=100000", "--max-request-bytes=100000000", "--log-level=error"
        ) as server,
        grpc.insecure_channel(server.target) as channel,
    ):
        txn = channel.unary_unary(
            "/etcdserverpb.KV/Txn",
            request_serializer=messages.TxnRequest.SerializeToString,
            response_deserializer=messages.TxnResponse.FromString,
        )
        compact = channel.unary_unary(
            "/etcdserverpb.KV/Compact",
            request_serializer=messages.CompactionRequest.SerializeToString,
            response_deserializer=messages.CompactionResponse.FromString,
        )
        request = messages.TxnRequest()
        for number in range(30_000):
            request.success.add().request_put.key = b"%d" % number
        revisions = [txn(request, timeout=30).header.revision for _ in range(2)]
        assert revisions == [2, 3]
        answer = compact.future(messages.CompactionRequest(revision=3, physical=True), timeout=10)
        txn(messages.TxnRequest(), timeout=30)  # answered: what was sent before it was read
        assert not answer.done(), "the compaction was too short to show anything"
        status, seconds, _ = server.stop(signal.SIGTERM)
        assert answer.result().header.revision == 3
        assert (status, seconds < 1) == (-signal.SIGTERM, True)


@contextlib.contextmanager
def open_call(server: DevServer) -> Iterator[grpc.Call]:
    """A call that stays open: its request never comes."""
    never = threading.Event()
    with grpc.insecure_channel(server.target) as channel:
        upload = channel.stream_unary(
            "/etcdserverpb.KV/Put",
            request_serializer=messages.PutRequest.SerializeToString,
            response_deserializer=messages.PutResponse.FromString,
        )
        call = upload.future((messages.PutRequest() for _ in iter(never.wait, True)), timeout=10)
        put(channel, b"k", b"v")  # on the same connection, so the server knows of both
        yield call
        never.set()
        call.cancel()


@needs_signals
@pytest.mark.parametrize("loop", LOOPS)
def test_a_call_that_is_not_asked_for_in_full_is_cut_at_once(loop: str) -> None:
    with serving(FAKE_ETCD_LOOP=loop) as server, open_call(server) as call:
        status, seconds, _ = server.stop(signal.SIGTERM)
        assert (status, seconds < 1) == (-signal.SIGTERM, True), seconds
        assert call.code() is grpc.StatusCode.UNAVAILABLE


@needs_signals
@pytest.mark.parametrize("loop", LOOPS)
def test_a_call_that_does_not_end_is_cut_when_its_grace_is_over(loop: str) -> None:
    with (
        serving("--fake-stop-grace=600ms", FAKE_ETCD_LOOP=loop) as server,
        open_call(server) as call,
    ):
        status, seconds, _ = server.stop(signal.SIGTERM)
        assert (status, seconds > 0.5) == (-signal.SIGTERM, True), seconds
        assert call.code() is grpc.StatusCode.UNAVAILABLE


@needs_signals
@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_stops_it_at_once(number: signal.Signals, loop: str) -> None:
    with serving("--fake-stop-grace=1m", FAKE_ETCD_LOOP=loop) as server, open_call(server):
        server.process.send_signal(number)
        assert server.process.stderr is not None
        for line in server.process.stderr:
            if "received signal" in line:
                break
        status, seconds, log = server.stop(number)
        assert (status, seconds < 0.5, "closed etcd server" in log) == (-number, True, False)


def test_a_reader_of_stdout_that_goes_away_is_no_fault() -> None:
    process = subprocess.Popen(
        [*COMMAND, "--listen-client-urls=http://127.0.0.1:0"],
        env=environment(),
        stdout=(read_end := os.pipe())[1],
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(read_end[0])
    os.close(read_end[1])
    try:
        assert process.stderr is not None
        assert any("ready to serve" in line for line in process.stderr)
        process.terminate()
        _, rest = process.communicate(timeout=10)
        assert "Traceback" not in rest
    finally:
        process.kill()
        process.communicate()


def test_it_starts_without_what_only_clients_need() -> None:
    """grpcio takes longer to import than the whole server to start."""
    program = (
        "import sys; import fake_etcd.cli.host\n"
        "print([name for name in ('grpc', 'urllib.request', 'http.client', 'email') "
        "if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"


def test_an_encrypted_address_comes_with_commands_that_do_not_ask_who_it_is() -> None:
    with serving("--listen-client-urls=https://127.0.0.1:0", "--auto-tls") as server:
        address = server.addresses[0]
        assert address.startswith("https://127.0.0.1:")
        assert server.lines[-2:] == [
            f"try: etcdctl --insecure-skip-tls-verify --endpoints={address} put greeting hello",
            f"try: curl -k {address}/version",
        ]
