"""What clients see of a server that is told to stop: ours, and real etcd."""

from __future__ import annotations

import contextlib
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance import oracle
from fake_etcd.api import messages as m
from tests.transport.wire import (
    HELLO,
    WATCH,
    Answer,
    Client,
    data,
    message,
    ping,
    request_fields,
    rst_stream,
)

from .dev_server import COMMAND, environment

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows cannot send these signals to one process"
)

PUT = "/etcdserverpb.KV/Put"
KEEP_ALIVE = "/etcdserverpb.Lease/LeaseKeepAlive"
FAREWELL = ("PING", bytes((1, 6, 1, 8, 0, 3, 3, 9)))
DONE = [("grpc-status", "0"), ("grpc-message", "")]
END: Answer = ("the end",)
SECONDS = 20


def free_url() -> str:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def real_etcd() -> tuple[str, ...]:
    try:
        return (str(oracle.build()),)
    except oracle.NoOracle as error:
        pytest.skip(str(error))


SERVERS = [
    pytest.param(lambda: (*COMMAND, "--fake-stop-grace=7s"), id="ours"),
    pytest.param(real_etcd, id="real", marks=pytest.mark.interop),
]


class Socket:
    """A client that reads what it is sent, frame by frame."""

    def __init__(self, url: str) -> None:
        scheme, _, address = url.partition("://")
        host, _, port = address.partition(":")
        self.client = Client()
        self._socket = socket.create_connection((host, int(port)), SECONDS)
        if scheme == "https":
            self._socket = _trusting().wrap_socket(self._socket)
        self._answers: list[Answer] = []
        self.send(HELLO)

    def send(self, sent: bytes) -> None:
        self._socket.sendall(sent)

    def open(self, stream_id: int, path: str, request: bytes) -> None:
        self.send(self.client.headers(stream_id, request_fields(path)))
        self.send(data(stream_id, message(request)))

    def until(self, *frames: Answer) -> list[Answer]:
        """What came up to the last of frames that start so, or to the end of the connection; no
        housekeeping."""
        seen: list[Answer] = []
        while not all(any(a[: len(f)] == f for a in seen) for f in frames) or not frames:
            if not self._answers:
                received = self._socket.recv(65_536)
                if not received:
                    return [*seen, END]
                self._answers += filter(_is_news, self.client.read(received))
                continue
            seen.append(self._answers.pop(0))
        return seen

    def asked_within(self, seconds: float) -> list[Answer]:
        """The pings that came so long, and the end, if it did."""
        end = time.monotonic() + seconds
        seen: list[Answer] = []
        while (left := end - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                received = self._socket.recv(65_536)
            except TimeoutError:
                break
            if not received:
                return [*seen, END]
            seen += [answer for answer in self.client.read(received) if answer[0] == "PING"]
        return seen

    def close(self) -> None:
        self._socket.close()


def _trusting() -> ssl.SSLContext:
    """What trusts every certificate, and speaks HTTP/2."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    return context


def _is_news(answer: Answer) -> bool:
    """Not a server's settings and windows, nor grpc-go's pings for the line's speed."""
    own = ("SETTINGS", "SETTINGS ACK", "WINDOW_UPDATE")
    return answer[0] not in own and (answer[0] != "PING" or answer == FAREWELL)


@contextlib.contextmanager
def running(
    command: tuple[str, ...], folder: Path, scheme: str = "http"
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    url, peer_url = free_url(), free_url()
    url = url.replace("http", scheme)
    process = subprocess.Popen(
        [
            *command,
            f"--data-dir={folder}",
            f"--listen-client-urls={url}",
            f"--advertise-client-urls={url}",
            f"--listen-peer-urls={peer_url}",
            f"--initial-advertise-peer-urls={peer_url}",
            f"--initial-cluster=default={peer_url}",
        ],
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        assert any("serving client traffic" in line for line in process.stderr)
        yield process, url
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("server", SERVERS)
def test_streams_go_on_until_their_client_ends_them(server: object, tmp_path: Path) -> None:
    assert callable(server)
    with running(server(), tmp_path / "data") as (process, url):
        watcher = Socket(url)
        create = m.WatchRequest(create_request=m.WatchCreateRequest(key=b"k"))
        watcher.open(1, WATCH, create.SerializeToString())
        watcher.until(("DATA", 1))
        process.send_signal(signal.SIGTERM)
        assert watcher.until(FAREWELL) == [
            ("GOAWAY", 2**31 - 1, "NO_ERROR", "graceful_stop"),
            FAREWELL,
        ]
        # It does not know yet, so it may call.
        put = m.PutRequest(key=b"k", value=b"v").SerializeToString()
        watcher.send(watcher.client.call(3, put, PUT))
        seen = watcher.until(("HEADERS", 3, DONE, "END"), ("DATA", 1))
        told = next(answer for answer in seen if answer[:2] == ("DATA", 1))
        assert b"k" in bytes(told[2])  # type: ignore[call-overload]  # bytes, behind DATA
        watcher.send(ping(FAREWELL[1], ack=True))
        assert watcher.until(("GOAWAY",))[-1] == ("GOAWAY", 3, "NO_ERROR", "graceful_stop")
        watcher.send(rst_stream(1))
        assert watcher.until() == [END]
        watcher.close()
        assert process.wait(SECONDS) == -signal.SIGTERM


@pytest.mark.parametrize("server", SERVERS)
def test_streams_that_are_not_ended_get_no_status(server: object, tmp_path: Path) -> None:
    """Nor do calls that are not asked for in full; the connection ends after the grace."""
    assert callable(server)
    with running(server(), tmp_path / "data") as (process, url):
        client = Socket(url)
        create = m.WatchRequest(create_request=m.WatchCreateRequest(key=b"k"))
        client.open(1, WATCH, create.SerializeToString())
        client.until(("DATA", 1))
        client.open(3, KEEP_ALIVE, m.LeaseKeepAliveRequest(ID=7).SerializeToString())
        client.until(("DATA", 3))
        client.send(client.client.headers(5, request_fields(PUT)) + ping())
        client.until(("PING ACK",))
        process.send_signal(signal.SIGTERM)
        client.until(FAREWELL)
        client.send(ping(FAREWELL[1], ack=True))
        assert client.until() == [
            ("GOAWAY", 5, "NO_ERROR", "graceful_stop"),
            END,
        ]
        client.close()
        assert process.wait(SECONDS) == -signal.SIGTERM


def test_by_default_they_end_at_once(tmp_path: Path) -> None:
    with running(COMMAND, tmp_path / "data") as (process, url):
        client = Socket(url)
        create = m.WatchRequest(create_request=m.WatchCreateRequest(key=b"k"))
        client.open(1, WATCH, create.SerializeToString())
        client.until(("DATA", 1))
        process.send_signal(signal.SIGTERM)
        assert client.until() == [
            ("GOAWAY", 1, "NO_ERROR", "graceful_stop"),
            END,
        ]
        client.close()
        assert process.wait(SECONDS) == -signal.SIGTERM


@pytest.mark.parametrize("server", SERVERS)
def test_over_tls_streams_go_on_behind_one_goodbye_that_says_nothing(
    server: object, tmp_path: Path
) -> None:
    """There net/http is in front of gRPC, and stops in its own way."""
    assert callable(server)
    with running((*server(), "--auto-tls"), tmp_path / "data", "https") as (process, url):
        watcher = Socket(url)
        create = m.WatchRequest(create_request=m.WatchCreateRequest(key=b"k"))
        watcher.open(1, WATCH, create.SerializeToString())
        watcher.until(("DATA", 1))
        process.send_signal(signal.SIGTERM)
        assert watcher.until(("GOAWAY",)) == [("GOAWAY", 1, "NO_ERROR", "")]
        put = m.PutRequest(key=b"k", value=b"v").SerializeToString()
        watcher.send(watcher.client.call(3, put, PUT) + ping())  # which is not heard any more
        assert watcher.until(("PING ACK",)) == [("PING ACK", b"12345678")]
        watcher.send(rst_stream(1))
        assert watcher.until() == [END]
        watcher.close()
        assert process.wait(SECONDS) == -signal.SIGTERM


@pytest.mark.parametrize("server", SERVERS)
def test_over_tls_streams_that_are_not_ended_get_no_status(server: object, tmp_path: Path) -> None:
    assert callable(server)
    command = (*server(), "--auto-tls")
    if command[: len(COMMAND)] == COMMAND:
        command += ("--fake-stop-grace=100ms",)  # etcd's seven seconds are waited for once
    with running(command, tmp_path / "data", "https") as (process, url):
        watcher = Socket(url)
        create = m.WatchRequest(create_request=m.WatchCreateRequest(key=b"k"))
        watcher.open(1, WATCH, create.SerializeToString())
        watcher.until(("DATA", 1))
        process.send_signal(signal.SIGTERM)
        assert watcher.until() == [
            ("GOAWAY", 1, "NO_ERROR", ""),
            ("DATA", 1, b"", "END"),
            ("RST_STREAM", 1, "NO_ERROR"),
            END,
        ]
        watcher.close()
        assert process.wait(SECONDS) == -signal.SIGTERM


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("server", SERVERS)
def test_a_silent_client_is_pinged_and_cut_but_not_over_tls(
    server: object, scheme: str, tmp_path: Path
) -> None:
    """`--grpc-keepalive-interval` and `-timeout`, of which a second is the least."""
    assert callable(server)
    flags = ["--grpc-keepalive-interval=1s", "--grpc-keepalive-timeout=1s"]
    if scheme == "https":
        flags.append("--auto-tls")
    with running((*server(), *flags), tmp_path / "data", scheme) as (_, url):
        client = Socket(url)
        asked = client.asked_within(2.5)
        client.close()
    expected: list[Answer] = [("PING", bytes(8)), END] if scheme == "http" else []
    assert asked == expected
