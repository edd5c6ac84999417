"""What a FakeEtcd and a real etcd in its place have alike: a first address, and an end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import TypeVar

Self = TypeVar("Self", bound="Doors")


class Doors(ABC):
    """An etcd with addresses, that a `with` closes."""

    @property
    @abstractmethod
    def endpoints(self) -> list[str]:
        """All addresses, "127.0.0.1:41235"."""

    @abstractmethod
    def close(self) -> None:
        """End it."""

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
