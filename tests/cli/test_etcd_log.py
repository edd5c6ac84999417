"""The log of a server that takes etcd's place, beside that of real etcd.

Times, versions and the numbers of ports differ; what tells of raft and of files is etcd's alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance import oracle
from fake_etcd.cli import etcd_lines, snapshot_file
from fake_etcd.core.node import Node
from fake_etcd.core.snapshot.dump import dump

from .dev_server import CHECKOUT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="etcd's signals are Unix's")

OURS = (sys.executable, "-c", "import sys; from fake_etcd.cli.main import etcd; sys.exit(etcd())")
PLACES = (
    "--listen-client-urls=http://127.0.0.1:0",
    "--listen-peer-urls=http://127.0.0.1:0",
    "--advertise-client-urls=http://127.0.0.1:1",
)
LAST_LINES = ("serving client traffic", "notifying init daemon")
"""What a start ends with, in any order. Real etcd looks for signals just before the second of them,
and ends without a word of one that comes before that."""

SECONDS = 30

Line = dict[str, object]

OF_A_RUN = (
    etcd_lines.SINGLE_PORT[0],
    "it isn't recommended to use default name, please set a value for --name. Note that etcd might "
    "run into issue when multiple members have the same default name",
    *(
        line.message
        for line in (
            etcd_lines.RUNNING,
            etcd_lines.DEFAULT_DATA_DIR,
            etcd_lines.INITIALIZE,
            etcd_lines.CONFIGURING_PEERS,
            etcd_lines.CONFIGURING_CLIENTS,
            etcd_lines.STARTING_AN_ETCD_SERVER,
            etcd_lines.STARTING_ETCD_SERVER,
            etcd_lines.NOW_SERVING,
            etcd_lines.SERVING_PEERS,
            etcd_lines.PUBLISHED,
            etcd_lines.READY,
            etcd_lines.NOTIFYING,
            etcd_lines.NOTIFIED,
            etcd_lines.INSECURELY,
            etcd_lines.SIGNAL,
            etcd_lines.CLOSING,
            etcd_lines.SKIPPED_TRANSFER,
            etcd_lines.STOPPING_PEERS,
            etcd_lines.STOPPED_PEERS,
            etcd_lines.CLOSED,
        )
    ),
)
"""What a start and a stop say, in this order."""


@pytest.fixture(scope="module")
def real() -> tuple[str, ...]:
    try:
        return (str(oracle.build()),)
    except oracle.NoOracle as error:
        pytest.skip(str(error))


@contextlib.contextmanager
def started(
    command: tuple[str, ...], folder: Path, *arguments: str, **variables: str
) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """A server that serves, and the lines of its log so far."""
    process = subprocess.Popen(
        [*command, *PLACES, *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(CHECKOUT), **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        lines: list[str] = []
        left = set(LAST_LINES)
        for line in process.stdout:
            lines.append(line)
            left -= {text for text in left if text in line}
            if not left:
                break
        else:
            raise AssertionError("".join(lines))
        yield process, lines
    finally:
        process.kill()
        process.communicate()


def log_of_a_run(
    command: tuple[str, ...], folder: Path, *arguments: str, **variables: str
) -> tuple[list[str], int]:
    """All lines of a start and a stop, and the exit status."""
    with started(command, folder, *arguments, **variables) as (process, lines):
        process.terminate()
        assert process.stdout is not None
        lines += process.stdout.readlines()
        return lines, process.wait(SECONDS)


def refused(command: tuple[str, ...], folder: Path, *arguments: str) -> tuple[list[str], int]:
    """All lines of a start that fails, and the exit status."""
    done = subprocess.run(
        [*command, *PLACES, *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return done.stderr.splitlines(), done.returncode


def told(lines: list[str]) -> list[Line]:
    """The lines that both have, each once: etcd looks at its flags twice."""
    found: dict[object, Line] = {}
    for line in map(json.loads, lines):
        if line["msg"] in (*OF_A_RUN, etcd_lines.INITIALIZED.message):
            found.setdefault(line["msg"], line)
    return list(found.values())


Fields = dict[str, str]


def comparable(line: Line) -> Fields:
    """Level, caller, text and fields, in order; without times, ports and Go's own."""
    left_out = {"ts", "args", "stacktrace"}
    if line["msg"] == etcd_lines.STARTING_AN_ETCD_SERVER.message:  # of which etcd tells much more
        known = {"level", "caller", "msg", "name", "data-dir", "etcd-version"}
        left_out = set(line) - known - {"heartbeat-interval", "election-timeout"}
    return {
        name: re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", json.dumps(value))
        for name, value in line.items()
        if name not in left_out
    }


def in_order(lines: list[Line]) -> list[object]:
    """The texts without those that etcd's threads say whenever they come to it."""
    racing = (
        etcd_lines.SERVING_PEERS,
        etcd_lines.PUBLISHED,
        etcd_lines.NOTIFYING,
        etcd_lines.NOTIFIED,
        etcd_lines.INSECURELY,
    )
    left_out = {line.message for line in racing}
    return [line["msg"] for line in lines if line["msg"] not in left_out]


def by_text(lines: list[Line]) -> dict[object, list[tuple[str, str]]]:
    return {line["msg"]: list(comparable(line).items()) for line in lines}


def keep_something(data_dir: Path) -> None:
    path = data_dir / "member" / "snap" / "db"
    path.parent.mkdir(exist_ok=True)
    with path.open("wb") as file:
        snapshot_file.write_file(file, dump(Node()))


@pytest.mark.interop
def test_a_run_is_told_as_etcd_tells_it(real: tuple[str, ...], tmp_path: Path) -> None:
    for name in ("ours", "real"):
        (tmp_path / name).mkdir()
    for number in (1, 2):  # the second time there is a member already
        theirs, their_status = log_of_a_run(real, tmp_path / "real")
        ours, our_status = log_of_a_run(OURS, tmp_path / "ours")
        assert our_status == their_status == -signal.SIGTERM
        assert by_text(told(ours)) == by_text(told(theirs))
        assert in_order(told(ours)) == in_order(told(theirs))
        assert (etcd_lines.INITIALIZED.message in in_order(told(ours))) is (number == 2)
        keep_something(tmp_path / "ours" / "default.etcd")  # as ours does once there is anything


def test_a_run_says_every_line_in_order(tmp_path: Path) -> None:
    lines, status = log_of_a_run(OURS, tmp_path)
    assert [json.loads(line)["msg"] for line in lines] == list(OF_A_RUN)
    assert status == -signal.SIGTERM


@pytest.mark.interop
@pytest.mark.parametrize("which", ["peer", "client"])
def test_a_port_that_is_taken_is_told_as_etcd_tells_it(
    real: tuple[str, ...], tmp_path: Path, which: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        urls = f"--listen-{which}-urls=http://127.0.0.1:{taken.getsockname()[1]}"
        theirs, their_status = refused(real, tmp_path, urls, "--name=a", "--data-dir=d")
        ours, our_status = refused(OURS, tmp_path, urls, "--name=a", "--data-dir=d")
    assert our_status == their_status == 1
    # Real etcd looks for this machine's address, too, and looks at its flags twice.
    expected: list[Fields] = []
    for line in map(comparable, map(json.loads, theirs)):
        if "default host" not in line["msg"] and line not in expected:
            expected.append(line)
    assert [comparable(json.loads(line)) for line in ours] == expected
    assert not (tmp_path / "d").exists()


@pytest.mark.interop
@pytest.mark.parametrize("level", ["info", "dpanic", "panic", "fatal"])
@pytest.mark.parametrize(("names", "status"), [(["proxy"], 2), (["member", "proxy"], 1)])
def test_a_proxys_data_is_refused_as_etcd_refuses_it(
    real: tuple[str, ...], tmp_path: Path, names: list[str], status: int, level: str
) -> None:
    for name in names:
        (tmp_path / "d" / name).mkdir(parents=True)
    told = []
    for command in (real, OURS):
        lines, ended = refused(
            command, tmp_path, "--name=a", "--data-dir=d", f"--log-level={level}"
        )
        assert ended == status
        found = [json.loads(line) for line in lines if line.startswith("{")]
        last = [
            line for line in found if re.fullmatch(r"etcdmain/etcd\.go:[12]\d\d", line["caller"])
        ]
        told.append([{k: v for k, v in it.items() if k not in ("ts", "stacktrace")} for it in last])
        panics = [line for line in lines if line.startswith("panic: ")]
        assert panics == ["panic: v2 http proxy has already been deprecated in 3.6"][: status - 1]
    assert told[0] == told[1]
    is_shown = (level, status) != ("fatal", 2)
    assert len([line for line in told[0] if line["level"] in ("panic", "fatal")]) == is_shown


@pytest.mark.interop
@pytest.mark.parametrize(
    "outputs", ["/no/such/folder/f", "stderr,/no/f", "/dev", "default,stderr", "/dev/null/f"]
)
def test_an_output_that_cannot_be_had_is_refused_as_etcd_refuses_it(
    real: tuple[str, ...], tmp_path: Path, outputs: str
) -> None:
    theirs, their_status = refused(real, tmp_path, f"--log-outputs={outputs}")
    ours, our_status = refused(OURS, tmp_path, f"--log-outputs={outputs}")
    assert our_status == their_status == 1
    assert comparable(json.loads(ours[-1])) == comparable(json.loads(theirs[-1]))


@pytest.mark.interop
def test_the_console_format_is_etcds(real: tuple[str, ...], tmp_path: Path) -> None:
    def shape(lines: list[str]) -> list[str]:
        wanted = [line for line in lines if "\tready to serve" in line or "received signal" in line]
        return [re.sub(r"^[-0-9]{10}T[:0-9]{8}\.[0-9]{6}Z\t", "TIME\t", line) for line in wanted]

    theirs, _ = log_of_a_run(real, tmp_path, "--log-format=console", "--data-dir=real")
    ours, _ = log_of_a_run(OURS, tmp_path, "--log-format=console", "--data-dir=ours")
    assert shape(ours) == shape(theirs)
    assert shape(ours)[0] == "TIME\tinfo\tembed/serve.go:139\tready to serve client requests\n"


def test_several_outputs_get_the_same_lines(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("before\n", encoding="utf-8")
    lines, _ = log_of_a_run(OURS, tmp_path, "--log-outputs=stdout,f,stderr,f")
    written = (tmp_path / "f").read_text(encoding="utf-8").splitlines(keepends=True)
    assert written[0] == "before\n"
    assert sorted(lines) == sorted(2 * written[1:])  # stdout and stderr are one pipe here
    assert json.loads(written[-1])["msg"] == "closed etcd server"


@pytest.mark.skipif(sys.platform != "linux", reason="abstract names are Linux'")
@pytest.mark.parametrize("abstract", [False, True], ids=["path", "abstract"])
def test_the_init_daemon_is_told_once_that_it_is_ready(tmp_path: Path, abstract: bool) -> None:
    name = f"fake-etcd-test-{os.getpid()}"
    path = f"@{name}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
        daemon.bind(f"\0{name}" if abstract else path)
        daemon.settimeout(SECONDS)
        lines, _ = log_of_a_run(OURS, tmp_path, NOTIFY_SOCKET=path)
        assert daemon.recv(100) == b"READY=1"
        daemon.setblocking(False)
        with pytest.raises(BlockingIOError):
            daemon.recv(100)
    assert any(json.loads(line)["msg"] == etcd_lines.NOTIFIED.message for line in lines)


@pytest.mark.interop
@pytest.mark.parametrize("path", ["/no/such/socket", "@fake-etcd-nobody"])
def test_an_init_daemon_that_is_not_there_is_told_of_as_etcd_tells_it(
    real: tuple[str, ...], tmp_path: Path, path: str
) -> None:
    def line(lines: list[str]) -> Fields:
        wanted = etcd_lines.NOT_NOTIFIED.message
        (found,) = (each for each in map(json.loads, lines) if each["msg"] == wanted)
        return comparable(found)

    theirs, _ = log_of_a_run(real, tmp_path, "--data-dir=real", NOTIFY_SOCKET=path)
    ours, _ = log_of_a_run(OURS, tmp_path, "--data-dir=ours", NOTIFY_SOCKET=path)
    assert line(ours) == line(theirs)
