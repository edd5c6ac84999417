"""What a FakeEtcd and a real etcd in its place have alike: a first address, and an end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from fake_etcd.testing.tls import CLIENT, TlsKit
from fake_etcd.transport.certificates import KeyPair

if TYPE_CHECKING:
    import grpc

Self = TypeVar("Self", bound="Doors")


class Doors(ABC):
    """An etcd with addresses, that a `with` closes."""

    @property
    @abstractmethod
    def endpoints(self) -> list[str]:
        """All addresses, "127.0.0.1:41235"."""

    @property
    @abstractmethod
    def tls(self) -> TlsKit:
        """Its certificates, those of its clients, and what becomes of them.

        Raises:
            RuntimeError: it has none.
        """

    @abstractmethod
    def close(self) -> None:
        """End it."""

    # TLS

    @property
    def ca_cert(self) -> bytes:
        """The certificate that clients are to trust, PEM."""
        return self.tls.ca_cert

    @property
    def server_cert(self) -> bytes:
        """The certificate that it shows to new connections, PEM."""
        return self.tls.server.certificate

    @property
    def client_cert(self) -> bytes:
        """A client's certificate, PEM; its common name is "client"."""
        return self.tls.client().certificate

    @property
    def client_key(self) -> bytes:
        """The key of `client_cert`, PEM."""
        return self.tls.client().key

    def client_certificate(self, common_name: str) -> KeyPair:
        """The certificate of a client with this common name, and its key."""
        return self.tls.client(common_name)

    def client_credentials(self, client: str | KeyPair = CLIENT) -> grpc.ChannelCredentials:
        """What `grpc.secure_channel` and `grpc.aio.secure_channel` take.

        Args:
            client: whose they are, by common name or by certificate.
        """
        return self.tls.credentials(client)

    @property
    def endpoint(self) -> str:
        """The first of `endpoints`."""
        return self.endpoints[0]

    @property
    def port(self) -> int:
        """The first address's port."""
        return int(self.endpoint.rpartition(":")[2])

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self: Self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
