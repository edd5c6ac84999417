"""A server as a process among others: how it is stopped whatever it does, and what it can lack."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import grpc
import pytest

from fake_etcd.api import messages as m
from fake_etcd.cli import main as entry

from .dev_server import COMMAND, DevServer, environment, run, serving

if sys.platform == "win32":
    pytest.skip("signals and terminals here are Unix's", allow_module_level=True)

SECONDS = 30
ANY_PORT = "--listen-client-urls=http://127.0.0.1:0"


def wait_for(process: subprocess.Popen[bytes], text: bytes) -> bytes:
    """What a process has printed when this is among it."""
    assert process.stdout is not None
    printed = b""
    for line in process.stdout:
        printed += line
        if text in line:
            return printed
    raise AssertionError(printed)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP])
def test_a_signal_before_it_serves_ends_it_by_that_signal(number: signal.Signals) -> None:
    """What is imported last of all waits until it was sent."""
    program = (
        "import sys, time, fake_etcd.cli.main as main, fake_etcd.cli.flags as flags\n"
        "def parse(*a, **k):\n"
        "    print('parsing', flush=True)\n"
        "    time.sleep(60)\n"
        "flags.parse = parse\n"
        "sys.exit(main.main())"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        env=environment(),
        stdout=-1,
        stderr=-1,
        # Who started the tests may ignore it, as shells have it for what is in the background.
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    ) as process:
        wait_for(process, b"parsing")
        process.send_signal(number)
        _, log = process.communicate(timeout=SECONDS)
    assert (process.returncode, log) == (-number, b"")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_it_starts_stops_it_once_it_has(number: signal.Signals) -> None:
    """It is sent as soon as the process has taken the signals over, before there is an address."""
    program = (
        "import os, sys, fake_etcd.cli.host as host\n"
        "started = host._start\n"
        "async def start(*a):\n"
        f"    os.kill(os.getpid(), {int(number)})\n"
        "    return await started(*a)\n"
        "host._start = start\n"
        "from fake_etcd.cli.main import main\n"
        "sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, ANY_PORT],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    said = [json.loads(line)["msg"] for line in done.stderr.splitlines()]
    assert done.returncode == -number
    assert said.count("received signal; shutting down") == 1
    assert said[-1] == "closed etcd server"


def test_it_stops_in_the_middle_of_tls_handshakes() -> None:
    with serving("--listen-client-urls=https://127.0.0.1:0", "--auto-tls") as server:
        halves = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(3)]
        for half in halves:
            half.sendall(b"\x16\x03\x01\x02\x00\x01")  # the first bytes of a hello
        status, _, log = server.stop(signal.SIGTERM)
        for half in halves:
            half.close()
    assert status == -signal.SIGTERM
    assert json.loads(log.splitlines()[-1])["msg"] == "closed etcd server"
    assert "Traceback" not in log


def test_it_has_more_connections_than_the_usual_limit_of_files() -> None:
    limited = ["sh", "-c", 'ulimit -Sn 64 && exec "$0" "$@"', *COMMAND]
    process = subprocess.Popen(
        [*limited, "--listen-client-urls=http://127.0.0.1:0"],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        server = DevServer(process)
        clients = [
            socket.create_connection(("127.0.0.1", server.port), timeout=SECONDS)
            for _ in range(100)
        ]
        for client in clients:
            client.sendall(b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n")
        assert {client.recv(15) for client in clients} == {b"HTTP/1.1 200 OK"}
        for client in clients:
            client.close()
    finally:
        process.kill()
        process.communicate()


def test_it_stops_with_open_streams() -> None:
    with serving() as server, grpc.insecure_channel(server.target) as channel:
        watch = channel.stream_stream(
            "/etcdserverpb.Watch/Watch",
            request_serializer=m.WatchRequest.SerializeToString,
            response_deserializer=m.WatchResponse.FromString,
        )
        request = m.WatchRequest(create_request=m.WatchCreateRequest(key=b"k"))
        calls = [watch(iter([request]), timeout=SECONDS) for _ in range(5)]
        assert all(next(call).created for call in calls)
        status, _, log = server.stop(signal.SIGTERM)
        for call in calls:
            with pytest.raises(grpc.RpcError):
                next(call)
    assert status == -signal.SIGTERM
    assert "Traceback" not in log


def can_be_process_1() -> bool:
    if shutil.which("unshare") is None:
        return False
    tried = subprocess.run(["unshare", "--pid", "--fork", "true"], capture_output=True, check=False)
    return tried.returncode == 0


@pytest.mark.skipif(not can_be_process_1(), reason="no process here may be the first of its own")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_process_1_ends_with_status_0(number: signal.Signals) -> None:
    with subprocess.Popen(
        ["unshare", "--pid", "--fork", "--kill-child", *COMMAND, ANY_PORT, "--ready-json"],
        env=environment(),
        stdout=-1,
        stderr=-1,
    ) as process:
        assert json.loads(wait_for(process, b"{"))["pid"] == 1
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        os.kill(int(children.read_text(encoding="ascii")), number)
        _, log = process.communicate(timeout=SECONDS)
    assert process.returncode == 0
    assert json.loads(log.splitlines()[-1])["msg"] == "closed etcd server"


def test_process_1_is_told_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[int] = []
    monkeypatch.setattr(os, "getpid", lambda: 1)
    monkeypatch.setattr(os, "_exit", ended.append)
    monkeypatch.setattr(os, "kill", lambda *given: pytest.fail(f"kill{given}"))
    entry._end(signal.SIGTERM)
    assert ended == [0]


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_it_serves_without_home_stdin_and_path(loop: str) -> None:
    with subprocess.Popen(
        ["/bin/sh", "-c", 'exec "$0" "$@" <&-', *COMMAND, ANY_PORT],
        env={"PYTHONPATH": environment()["PYTHONPATH"], "FAKE_ETCD_LOOP": loop},
        stdout=-1,
        stderr=-1,
        text=True,
    ) as process:
        server = DevServer(process)
        with urllib.request.urlopen(f"{server.addresses[0]}/version", timeout=SECONDS) as answer:
            assert json.loads(answer.read())["etcdserver"] == "3.7.3"
        status, _, log = server.stop(signal.SIGTERM)
    assert status == -signal.SIGTERM
    assert "Traceback" not in log


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_it_starts_and_stops_with_closed_files(tmp_path: Path, closed: str) -> None:
    """It says where it is in a file of its log."""
    log = tmp_path / "log"
    with subprocess.Popen(
        ["/bin/sh", "-c", f'exec "$0" "$@" {closed}', *COMMAND, ANY_PORT, f"--log-outputs={log}"],
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        deadline = time.monotonic() + SECONDS
        while not (log.exists() and "client traffic" in log.read_text(encoding="utf-8")):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.02)
        process.terminate()
        assert process.wait(SECONDS) == -signal.SIGTERM
    assert "closed etcd server" in log.read_text(encoding="utf-8").splitlines()[-1]


def test_it_serves_on_a_terminal_and_ends_by_its_interrupt_key() -> None:
    """Its session's terminal: what is printed comes out there, and ^C is a signal to it."""
    import pty

    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(COMMAND[0], [*COMMAND, ANY_PORT], environment())
    printed = b""
    deadline = time.monotonic() + SECONDS
    while b"try: curl" not in printed and time.monotonic() < deadline:
        printed += os.read(terminal, 4096)
    assert b"listening on http://127.0.0.1:" in printed
    os.write(terminal, b"\x03")
    while True:
        try:
            chunk = os.read(terminal, 4096)
        except OSError:  # Linux: nobody has it open any more
            break
        if not chunk:
            break
        printed += chunk
    os.close(terminal)
    assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGINT
    assert b'"signal":"interrupt"' in printed
    assert b'"msg":"closed etcd server"' in printed


def test_peers_are_answered_where_they_are_listened_to() -> None:
    with serving("--listen-peer-urls=http://127.0.0.1:0") as server:
        assert server.process.stderr is not None
        for line in server.process.stderr:
            if "serving peer traffic" in line:
                break
        peers = f"http://{json.loads(line)['address']}"
        with urllib.request.urlopen(f"{peers}/version", timeout=SECONDS) as answer:
            assert json.loads(answer.read())["etcdserver"] == "3.7.3"
        with urllib.request.urlopen(f"{peers}/members", timeout=SECONDS) as answer:
            (member,) = json.loads(answer.read())
        assert member["name"] == "default"
        taken = run(ANY_PORT, f"--listen-peer-urls={peers}")
    where = peers.removeprefix("http://")
    assert (taken.returncode, taken.stdout, taken.stderr) == (
        1,
        "",
        f"listen tcp {where}: bind: address already in use\n",
    )
