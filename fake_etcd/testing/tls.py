"""The certificates of one etcd in a test: its own, those of its clients, and what is revoked.

It is an emulated etcd's or a real one's; both are told when something changes. Certificates are
made in `transport.certificates`, what a handshake comes to is decided in `transport.tls`.
"""

from __future__ import annotations

import os
import shutil
import ssl
import tempfile
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import grpc

from fake_etcd.cli.tls_flags import TlsSettings, wrong_listening, wrong_versions
from fake_etcd.cli.urls import parse_url
from fake_etcd.transport import certificates
from fake_etcd.transport.certificates import Authority, KeyPair
from fake_etcd.transport.tls import ServerTls

HOSTS = ("localhost", "127.0.0.1", "::1")
"""What a server's certificate is for: the addresses that a test can reach it by."""

CLIENT = "client"
"""The common name of those who do not say which they want."""

ANY_PORT = "https://127.0.0.1:0"
"""Where an etcd with TLS listens if it is not told where."""

NO_TLS = "this etcd has no TLS: give tls=True"
"""What is said where certificates are asked for."""


@dataclass(frozen=True, slots=True)
class Tls:
    """How an etcd in a test speaks TLS; names of options are those of etcd's flags.

    Args:
        client_cert_auth: whether clients have to show a certificate of its authority.
        client_cert_allowed_hostname: where there are any, that has to be good for one of them, as
            those of a kit are.
        tls_min_version: "TLS1.2" or "TLS1.3".
        tls_max_version: the same; empty: the newest there is.
        cipher_suites: those of TLS 1.2 that may be used, in Go's names; none: the usual ones.
        hosts: what its own certificate is for.
        authority: who signs; None: one that is made for it. Several etcds may have the same.

    Raises:
        ValueError: etcd would not start so, in its own words; or there is no host.
    """

    client_cert_auth: bool = False
    client_cert_allowed_hostname: tuple[str, ...] = ()
    tls_min_version: str = "TLS1.2"
    tls_max_version: str = ""
    cipher_suites: tuple[str, ...] = ()
    hosts: tuple[str, ...] = HOSTS
    authority: Authority | None = None

    def __post_init__(self) -> None:
        if not self.hosts:
            raise ValueError("hosts=(): nobody could reach it; leave it out for this machine's")
        settings = TlsSettings(
            cert_file="-",
            key_file="-",
            trusted_ca_file="",
            client_cert_auth=self.client_cert_auth,
            client_crl_file="",
            client_cert_allowed_hostname=self.client_cert_allowed_hostname,
            auto_tls=False,
            self_signed_cert_validity=1,
            tls_min_version=self.tls_min_version,
            tls_max_version=self.tls_max_version,
            cipher_suites=self.cipher_suites,
        )
        wrong = wrong_versions(settings) or wrong_listening(settings, [parse_url(ANY_PORT)])
        if wrong is not None:
            raise ValueError(wrong)


@dataclass(frozen=True, slots=True)
class Files:
    """Where a client finds what it needs.

    Args:
        ca_cert: the certificate of the authority to trust.
        client_cert: its own certificate.
        client_key: the key of that.
    """

    ca_cert: Path
    client_cert: Path
    client_key: Path


class TlsKit:
    """Certificates of one etcd and its clients, all of one authority that nobody else trusts.

    Everything is in memory until somebody asks for files.

    Args:
        tls: how it is to be.
        apply: does a step that changes the server's certificate, or what is revoked.

    Attributes:
        options: how it is.
        authority: who has signed all of them, and signs more: `authority.server(hosts)`,
            `authority.client(name)`.

    >>> kit = TlsKit(Tls(), lambda step: step())
    >>> kit.client("alice") == kit.client("alice") != kit.client("bob")
    True
    >>> kit.close()
    """

    def __init__(self, tls: Tls, apply: Callable[[Callable[[], None]], None]) -> None:
        self.options = tls
        self.authority: Authority = self.options.authority or certificates.new_authority()
        self._apply = apply
        self._first_server = self._server = self._new_server()
        self._clients: dict[str, KeyPair] = {}
        self._revoked: tuple[int, ...] = ()
        self._revocation_list = self.authority.revocation_list(())
        self._folder: Path | None = None

    # What it has

    @property
    def ca_cert(self) -> bytes:
        """The authority's certificate, PEM."""
        return self.authority.certificate

    @property
    def server(self) -> KeyPair:
        """What the server shows to new connections."""
        return self._server

    @property
    def revocation_list(self) -> bytes:
        """What was revoked, DER."""
        return self._revocation_list

    def client(self, common_name: str = CLIENT) -> KeyPair:
        """The certificate of the client of this name, the same each time."""
        if common_name not in self._clients:
            hosts = self.options.client_cert_allowed_hostname
            self._clients[common_name] = self.authority.client(common_name, hosts)
        return self._clients[common_name]

    def server_tls(self) -> ServerTls:
        """What a listener of ours takes; it asks the kit anew for each connection."""
        options = self.options
        wants_clients = options.client_cert_auth
        return ServerTls(
            certificate=lambda: self._server.certificate,
            key=lambda: self._server.key,
            trusted_ca=(lambda: self.ca_cert) if wants_clients else None,
            client_cert_auth=wants_clients,
            crl=(lambda: self._revocation_list) if wants_clients else None,
            allowed_hostnames=options.client_cert_allowed_hostname,
            min_version=options.tls_min_version,
            max_version=options.tls_max_version,
            cipher_suites=options.cipher_suites,
        )

    # What clients take

    def credentials(self, client: str | KeyPair = CLIENT) -> grpc.ChannelCredentials:
        """What `grpc.secure_channel` and `grpc.aio.secure_channel` take.

        Args:
            client: who it is for, by its name or its certificate.
        """
        pair = self._pair(client)
        return grpc.ssl_channel_credentials(self.ca_cert, pair.key, pair.certificate)

    def context(self, client: str | KeyPair = CLIENT) -> ssl.SSLContext:
        """What `urllib`, `asyncio` and other Python clients take.

        Args:
            client: as for `credentials`.
        """
        context = ssl.create_default_context(cadata=self.ca_cert.decode())
        files = self.files(client)
        context.load_cert_chain(files.client_cert, files.client_key)
        return context

    def files(self, client: str | KeyPair = CLIENT) -> Files:
        """The same as files, in a temporary folder that is gone when the etcd is closed.

        Args:
            client: as for `credentials`.
        """
        pair = self._pair(client)
        name = f"client-{pair.serial_number:x}"
        return Files(
            self.write("ca.pem", self.ca_cert),
            self.write(f"{name}.pem", pair.certificate),
            self.write(f"{name}-key.pem", pair.key),
        )

    # What a test changes

    def serve(self, pair: KeyPair) -> None:
        """Have the server show another certificate to new connections; open ones stay."""
        self._set(pair, self._revoked)

    def renew(self) -> KeyPair:
        """Have it show a new one, as good as the first one. Returns that."""
        self.serve(self._new_server())
        return self._server

    def revoke(self, client: str | KeyPair) -> None:
        """Refuse new connections with this certificate; open ones stay.

        Args:
            client: as for `credentials`.

        Raises:
            RuntimeError: the server wants no certificates.
        """
        if not self.options.client_cert_auth:
            raise RuntimeError("nobody shows this etcd a certificate: give client_cert_auth=True")
        self._set(self._server, (*self._revoked, self._pair(client).serial_number))

    def reset(self) -> None:
        """Show the first certificate again; nothing is revoked."""
        if self._server is not self._first_server or self._revoked:
            self._set(self._first_server, ())

    def _new_server(self) -> KeyPair:
        # etcd's gateway is a client of its own server, and shows this one.
        options = self.options
        return self.authority.server((*options.hosts, *options.client_cert_allowed_hostname))

    def _set(self, server: KeyPair, revoked: tuple[int, ...]) -> None:
        revocation_list = self.authority.revocation_list(revoked)

        def step() -> None:
            self._server = server
            self._revoked, self._revocation_list = revoked, revocation_list

        self._apply(step)

    def close(self) -> None:
        """Take its files away."""
        if self._folder is not None:
            self._remove()

    def write(self, name: str, content: bytes) -> Path:
        """A file of this name in its folder, for this user's eyes only, and never half of it."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="fake-etcd-tls-"))
            self._remove = weakref.finalize(self, _remove, self._folder, os.getpid())
        path = self._folder / name
        new = path.with_suffix(".new")
        new.write_bytes(content)
        new.replace(path)
        return path

    def _pair(self, client: str | KeyPair) -> KeyPair:
        return client if isinstance(client, KeyPair) else self.client(client)


def _remove(folder: Path, process: int) -> None:
    if os.getpid() == process:  # it is not a forked child's to take away
        shutil.rmtree(folder)


def common_name(kit: TlsKit | None, client: str | None) -> str | None:
    """Whom an etcd takes a channel for that is opened for this client.

    Args:
        kit: the etcd's; None where it has no TLS.
        client: a common name; None for that of all who do not say which.

    Returns:
        None where it wants no certificates.

    Raises:
        ValueError: a client is named, and it wants no certificates.
    """
    if kit is not None and kit.options.client_cert_auth:
        return CLIENT if client is None else client
    if client is not None:
        raise ValueError(
            f"client={client!r}: nobody looks at it; give tls=Tls(client_cert_auth=True)"
        )
    return None


def wanted(tls: bool | Tls) -> Tls | None:
    """What the option `tls` asks for; None for no TLS."""
    return (Tls() if tls else None) if isinstance(tls, bool) else tls
