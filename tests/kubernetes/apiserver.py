"""An API server as a process, on whichever etcd it is told of."""

from __future__ import annotations

import contextlib
import signal
import ssl
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from conformance.oracle import free_ports
from fake_etcd.testing.tls import Files
from fake_etcd.transport import certificates
from tests.kubernetes import build
from tests.kubernetes.client import Client, Refused

START_SECONDS = 180.0
"""Longest start: an API server takes ten seconds of a processor of its own."""

STOP_SECONDS = 90.0
"""Longest end; it lets open requests finish for a minute."""

_TOKEN = "a-token-for-tests"


class NotReady(Exception):
    """The API server does not come up: what it said last."""


@dataclass(frozen=True, slots=True)
class ApiServer:
    """One that is ready.

    Args:
        port: where, on 127.0.0.1.
        context: what its certificate is held to.
        start_seconds: how long it took from its start until /readyz said so.
    """

    port: int
    context: ssl.SSLContext
    start_seconds: float

    @contextlib.contextmanager
    def client(self) -> Iterator[Client]:
        """A new connection."""
        with contextlib.closing(Client(self.port, _TOKEN, self.context)) as client:
            yield client


@contextlib.contextmanager
def running(
    folder: Path, etcd: str, files: Files | None = None, flags: Sequence[str] = ()
) -> Iterator[ApiServer]:
    """Start one, wait until it is ready, end it.

    Nothing but what clients ask for is written once it is ready: it neither renews a lease that
    says it is alive nor keeps the list of API servers, so that revisions are those of the test.

    Args:
        folder: for its certificates, keys and log; what an earlier one left there is used again.
        etcd: URL of the etcd that has its state.
        files: what it shows to that etcd, where it is one with TLS.
        flags: of its own, beside these.

    Raises:
        NotReady: it ends, or does not come up in time.
        conformance.golang.NoGo: it cannot be built.
    """
    program = build.kube_apiserver()
    context = _identity(folder)
    (port,) = free_ports(1)
    command = [str(program), *_flags(folder, port, etcd, files), *flags]
    log = folder / "apiserver.log"
    started = time.monotonic()
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        _wait(process, port, context, log)
        yield ApiServer(port, context, time.monotonic() - started)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _flags(folder: Path, port: int, etcd: str, files: Files | None) -> list[str]:
    flags = [
        f"--etcd-servers={etcd}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--secure-port={port}",
        f"--tls-cert-file={folder / 'server.pem'}",
        f"--tls-private-key-file={folder / 'server-key.pem'}",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--authorization-mode=AlwaysAllow",
        "--service-cluster-ip-range=10.0.0.0/24",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={folder / 'accounts.pem'}",
        f"--service-account-signing-key-file={folder / 'accounts.pem'}",
        "--disable-admission-plugins=ServiceAccount",
        "--endpoint-reconciler-type=none",
        "--feature-gates=APIServerIdentity=false,UnknownVersionInteroperabilityProxy=false",
        # A test's eight clients are one user, whom it would make queue otherwise.
        "--enable-priority-and-fairness=false",
        "--max-requests-inflight=0",
        "--max-mutating-requests-inflight=0",
    ]
    if files is not None:
        flags += [
            f"--etcd-cafile={files.ca_cert}",
            f"--etcd-certfile={files.client_cert}",
            f"--etcd-keyfile={files.client_key}",
        ]
    return flags


def _identity(folder: Path) -> ssl.SSLContext:
    """Write its certificate, keys and tokens, where they are not there; gives what trusts it."""
    authority = folder / "authority.pem"
    if not authority.exists():
        made = certificates.new_authority()
        server = made.server(("127.0.0.1", "localhost"))
        (folder / "server.pem").write_bytes(server.certificate)
        (folder / "server-key.pem").write_bytes(server.key)
        (folder / "tokens.csv").write_text(f"{_TOKEN},tester,tester,system:masters\n")
        (folder / "accounts.pem").write_bytes(
            rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.TraditionalOpenSSL,
                serialization.NoEncryption(),
            )
        )
        authority.write_bytes(made.certificate)
    return ssl.create_default_context(cafile=str(authority))


def _wait(process: subprocess.Popen[bytes], port: int, context: ssl.SSLContext, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    said = "it does not listen"
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.closing(Client(port, _TOKEN, context)) as client:
            try:
                status, said = client.text("/readyz?verbose")
                if status == 200:
                    client.get("/api/v1/namespaces/default")  # the last that it makes by itself
                    return
            except (OSError, Refused) as error:
                said = str(error)
        time.sleep(0.1)
    raise NotReady(f"{said}\n{log.read_text()[-8000:]}")
