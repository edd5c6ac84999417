"""The servers that the matrix is tried on, and the connections to them: plain, with a short life
of tokens, and with TLS that asks clients for certificates."""

from __future__ import annotations

import contextlib
import enum
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from .. import connection, gateway, oracle
from ..targets import Target
from .callers import Proof

_FLAGS = ("--bcrypt-cost=4",)
"""Of all of them: passwords are checked hundreds of times."""


class Setting(enum.Enum):
    """A kind of server, by what callers show there."""

    PLAIN = "plain"
    SHORT = "tokens live for a second"
    SECURE = "clients have certificates"


SETTING_OF: dict[Proof, Setting] = {
    Proof.NOTHING: Setting.PLAIN,
    Proof.BAD: Setting.PLAIN,
    Proof.TOKEN: Setting.PLAIN,
    Proof.OF_DELETED: Setting.PLAIN,
    Proof.OF_CHANGED: Setting.PLAIN,
    Proof.GATEWAY: Setting.PLAIN,
    Proof.GATEWAY_NOTHING: Setting.PLAIN,
    Proof.EXPIRED: Setting.SHORT,
    Proof.CERTIFICATE: Setting.SECURE,
    Proof.CERTIFICATE_AND_TOKEN: Setting.SECURE,
}


@dataclass(slots=True)
class Doors:
    """The ways into one server.

    Args:
        plain: a connection without TLS.
        gateway: makes calls through the JSON gateway, without TLS.
        address: where it speaks TLS, "127.0.0.1:2379"; empty where it does not.
        credentials: makes those of a client with a common name; None where there is no TLS.
    """

    plain: grpc.Channel
    gateway: gateway.Caller
    address: str = ""
    credentials: Credentials | None = None
    _certified: dict[str, grpc.Channel] = field(default_factory=dict)

    def certified(self, common_name: str) -> grpc.Channel:
        """A connection of a client that has a certificate with this name."""
        if common_name not in self._certified:
            assert self.credentials is not None, "this server is without TLS"
            made = self.credentials.of(common_name)
            channel = grpc.secure_channel(self.address, made, connection.OPTIONS)
            self._certified[common_name] = channel
        return self._certified[common_name]

    def close(self) -> None:
        for channel in (self.plain, *self._certified.values()):
            channel.close()
        self.gateway.close()


class Credentials:
    """An authority, what a server needs of it as files, and its clients' certificates.

    Args:
        folder: where the files are written.
    """

    def __init__(self, folder: Path) -> None:
        from fake_etcd.testing import certificates  # which takes long to import

        self._authority = certificates.new_authority()
        server = self._authority.server(["127.0.0.1"])
        self._files = {
            "trusted-ca-file": self._authority.certificate,
            "cert-file": server.certificate,
            "key-file": server.key,
        }
        self._folder = folder
        for name, content in self._files.items():
            (folder / name).write_bytes(content)

    def flags(self) -> list[str]:
        """With which the server asks clients for certificates."""
        return ["--client-cert-auth", *(f"--{name}={self._folder / name}" for name in self._files)]

    def of(self, common_name: str) -> grpc.ChannelCredentials:
        """A client's."""
        client = self._authority.client(common_name)
        return grpc.ssl_channel_credentials(
            self._authority.certificate, client.key, client.certificate
        )


@contextlib.contextmanager
def opened(target: Target, setting: Setting) -> Iterator[Doors]:
    """A new server of this kind.

    Raises:
        CouldNotRun: there is none.
    """
    with contextlib.ExitStack() as stack:
        flags = list(_FLAGS)
        address, credentials = "", None
        if setting is Setting.SHORT:
            flags.append("--auth-token-ttl=1")
        if setting is Setting.SECURE:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="matrix-"))
            credentials = Credentials(Path(folder))
            plain, secure = (f"127.0.0.1:{port}" for port in oracle.free_ports(2))
            flags += credentials.flags()
            # Both on one server: the world is made, and mended, without TLS.
            flags.append(f"--listen-client-urls=http://{plain},https://{secure}")
            address = secure
        at = stack.enter_context(target.server(tuple(flags)))
        channel = grpc.insecure_channel(at.url.removeprefix("http://"), connection.OPTIONS)
        doors = Doors(channel, gateway.Caller(at.url), address, credentials)
        yield stack.enter_context(contextlib.closing(doors))
