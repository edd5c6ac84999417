"""Other people's clients over TLS, each with a certificate of its own: Go, etcdctl, Python, curl.

The server is started with the same files whether it is ours or, by --real-etcd, the real one.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import grpc
import pytest

from bench import golang
from conformance import oracle
from fake_etcd.api import messages as m
from fake_etcd.testing import Tls, certificates, real_tls
from fake_etcd.testing.tls import Files, TlsKit
from tests.cli import dev_server
from tests.interop.conftest import built
from tests.testing.stubs import stub

SECONDS = 60
"""What nothing here comes near."""


@dataclass(frozen=True)
class TlsServer:
    """A server that wants certificates, and those that it takes."""

    url: str
    kit: TlsKit

    @property
    def target(self) -> str:
        """As grpcio takes it."""
        return self.url.removeprefix("https://")

    def channel(self, client: str = "client") -> grpc.Channel:
        # One of its own: grpcio has channels to one place share their connections.
        options = [("grpc.use_local_subchannel_pool", 1)]
        return grpc.secure_channel(self.target, self.kit.credentials(client), options)

    def shown(self) -> bytes:
        """The certificate that it shows to a new connection."""
        address = urlsplit(self.url)
        assert address.hostname is not None
        assert address.port is not None
        pem = ssl.get_server_certificate((address.hostname, address.port), timeout=SECONDS)
        return pem.encode()


@contextmanager
def ours(flags: Sequence[str]) -> Iterator[str]:
    where = "--listen-client-urls=https://127.0.0.1:0"
    with dev_server.serving(where, "--log-level=error", *flags) as server:
        yield server.addresses[0]


@contextmanager
def real(flags: Sequence[str], context: ssl.SSLContext) -> Iterator[str]:
    with oracle.start(flags=flags, context=context) as running:
        yield running.url


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest) -> Iterator[TlsServer]:
    is_real = request.config.getoption("--real-etcd", False)
    if is_real:
        built(oracle.build)
    with closing(real_tls.new_kit(Tls(client_cert_auth=True))) as kit:
        flags = real_tls.flags(kit)
        started: AbstractContextManager[str]
        started = real(flags, real_tls.unverified(kit)) if is_real else ours(flags)
        with started as url:
            yield TlsServer(url, kit)


@pytest.fixture(autouse=True)
def first_certificate(server: TlsServer) -> Iterator[None]:
    yield
    server.kit.reset()


# Go


def _without_certificates() -> list[str]:
    """Tests that cannot be true of clients with certificates.

    A page of clientv3's has none, and those of auth are about who has no name.
    """
    source = (Path(__file__).parent / "golang" / "auth_test.go").read_text()
    return ["^TestReadme", *(f"^{name}$" for name in re.findall(r"^func (Test\w+)", source, re.M))]


def test_the_go_client(server: TlsServer) -> None:
    program = built(golang.client_tests)
    files = server.kit.files("gopher")
    done = run(
        str(program),
        f"-endpoint={server.url}",
        f"-cacert={files.ca_cert}",
        f"-cert={files.client_cert}",
        f"-key={files.client_key}",
        "-test.v",
        f"-test.skip={'|'.join(_without_certificates())}",
    )
    assert done.returncode == 0, done.stdout
    ended = re.findall(r"^--- (\w+): ", done.stdout, re.MULTILINE)
    assert set(ended) == {"PASS"}


def etcdctl(
    server: TlsServer, files: Files, *arguments: str, has_certificate: bool = True
) -> subprocess.CompletedProcess[str]:
    own = [f"--cert={files.client_cert}", f"--key={files.client_key}"] if has_certificate else []
    return run(
        str(built(golang.etcdctl)),
        f"--endpoints={server.url}",
        f"--cacert={files.ca_cert}",
        *own,
        "--command-timeout=2s",
        *arguments,
    )


def test_etcdctl(server: TlsServer) -> None:
    files = server.kit.files("ctl")
    assert etcdctl(server, files, "put", "greeting", "hello").stdout == "OK\n"
    assert etcdctl(server, files, "get", "greeting").stdout == "greeting\nhello\n"


def test_etcdctl_that_is_not_let_in(server: TlsServer) -> None:
    without = etcdctl(server, server.kit.files(), "get", "a", has_certificate=False)
    assert without.returncode == 1
    foreign = server.kit.files(certificates.new_authority().client("ctl"))
    assert etcdctl(server, foreign, "get", "a").returncode == 1
    server.kit.revoke("revoked")
    assert etcdctl(server, server.kit.files("revoked"), "get", "a").returncode == 1
    server.kit.serve(certificates.new_authority().server(["127.0.0.1"]))
    assert etcdctl(server, server.kit.files(), "get", "a").returncode == 1


# curl


@pytest.fixture
def curl() -> str:
    found = shutil.which("curl")
    if found is None:
        if os.environ.get("FAKE_ETCD_REQUIRE_CURL") == "1":
            pytest.fail("FAKE_ETCD_REQUIRE_CURL=1, but curl is not on the PATH", pytrace=False)
        pytest.skip("curl is not on the PATH")
    return found


@pytest.mark.parametrize(("flag", "version"), [("--http1.1", "1.1"), ("--http2", "2")])
def test_curl(server: TlsServer, curl: str, flag: str, version: str) -> None:
    files = server.kit.files("curl")
    common = [curl, "--silent", "--noproxy", "*", flag, "--cacert", str(files.ca_cert)]
    own = ["--cert", str(files.client_cert), "--key", str(files.client_key)]
    written = ["--write-out", "\n%{http_version} %{http_code} %{content_type}"]
    done = run(*common, *own, *written, f"{server.url}/health")
    assert done.stdout.splitlines()[0] == '{"health":"true","reason":""}'
    assert done.stdout.splitlines()[1].split()[:2] == [version, "200"]
    done = run(*common, *own, *written, f"{server.url}/version")
    assert done.stdout.startswith('{"etcdserver":"3.7.3","etcdcluster":"3.7.0"')
    assert done.stdout.endswith(f"\n{version} 200 application/json")
    done = run(*common, *own, *written, f"{server.url}/nothing")
    assert done.stdout == f"404 page not found\n\n{version} 404 text/plain; charset=utf-8"
    done = run(*common, *written, f"{server.url}/health")
    assert done.returncode in (35, 55, 56), "the handshake, or what is written or read after it"
    assert done.stdout.splitlines()[-1].split() == ["0", "000"]


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("version", "Method Not Allowed\n\n405"),
        (
            "v3/kv/put",
            '{"code":3,"message":"invalid character \'x\' looking for beginning of value"}\n400',
        ),
    ],
)
def test_curl_has_its_answer_though_it_has_sent_a_part_of_its_body(
    server: TlsServer, curl: str, path: str, answer: str, tmp_path: Path
) -> None:
    body = tmp_path / "body"
    body.write_bytes(b"x" * 9_000_000)
    files = server.kit.files("curl")
    done = run(
        *(curl, "--silent", "--noproxy", "*", "--http2", "--cacert", str(files.ca_cert)),
        *("--cert", str(files.client_cert), "--key", str(files.client_key)),
        *("--write-out", "\n%{http_code}", "--data-binary", f"@{body}"),
        f"{server.url}/{path}",
    )
    assert done.stdout == answer


# Python


@dataclass
class Load:
    """Clients that put all the time, each over a connection of its own."""

    server: TlsServer
    is_over: threading.Event = field(default_factory=threading.Event)
    lost: list[str] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)

    def put(self, channel: grpc.Channel, key: bytes) -> None:
        """Until it is over."""
        call = stub(channel, "KV/Put")
        count = 0
        while not self.is_over.is_set():
            try:
                call(m.PutRequest(key=key, value=b"%d" % count), timeout=SECONDS)
            except grpc.RpcError as error:
                self.lost.append(str(cast("grpc.Call", error).details()))
                return
            count += 1
        self.counts.append(count)


def watched(channel: grpc.Channel, prefix: bytes) -> tuple[Any, Iterator[m.WatchResponse]]:
    """A stream with a watcher that is there."""
    create = m.WatchCreateRequest(key=prefix, range_end=prefix[:-1] + b"0")
    ever = threading.Event()

    def requests() -> Iterator[m.WatchRequest]:
        yield m.WatchRequest(create_request=create)
        ever.wait()

    stream = stub(channel, "Watch/Watch")(requests())
    assert next(stream).created
    return ever, stream


def test_certificates_change_under_load_and_no_call_is_lost(server: TlsServer) -> None:
    load = Load(server)
    channels = [server.channel(f"client-{number}") for number in range(5)]
    try:
        ever, stream = watched(channels[0], b"load/")
        threads = [
            threading.Thread(target=load.put, args=(channel, b"load/%d" % number))
            for number, channel in enumerate(channels[1:])
        ]
        for channel in channels:  # open before anything changes
            stub(channel, "KV/Range")(m.RangeRequest(key=b"a"), timeout=SECONDS)
        for thread in threads:
            thread.start()
        shown = [server.shown()]
        for number in range(20):
            renewed = server.kit.renew().certificate
            shown.append(server.shown())
            assert shown[-1] == renewed
            server.kit.revoke(f"client-{number % 5}")  # whoever has a connection keeps it
            with server.channel("newcomer") as channel:
                stub(channel, "KV/Range")(m.RangeRequest(key=b"a"), timeout=SECONDS)
        load.is_over.set()
        for thread in threads:
            thread.join(SECONDS)
        assert load.lost == []
        assert len(set(shown)) == 21
        assert len(load.counts) == 4
        assert min(load.counts) > 0
        seen = itertools.chain.from_iterable(answer.events for answer in stream)
        values: dict[bytes, list[int]] = {}
        for event in itertools.islice(seen, sum(load.counts)):
            values.setdefault(event.kv.key, []).append(int(event.kv.value))
        assert {key: given == list(range(len(given))) for key, given in values.items()} == {
            b"load/%d" % number: True for number in range(4)
        }
        assert sorted(map(len, values.values())) == sorted(load.counts)
    finally:
        load.is_over.set()
        for channel in channels:
            channel.close()
        ever.set()


def run(*command: str) -> subprocess.CompletedProcess[str]:
    variables = {name: it for name, it in os.environ.items() if not name.startswith("ETCDCTL_")}
    return subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=variables,
        timeout=SECONDS,
        check=False,
    )
