"""What brings a call its body and takes its answer: HTTP/1.1, HTTP/2 or a websocket."""

from __future__ import annotations

from typing import Protocol

from fake_etcd.services.http import HttpResponse
from fake_etcd.transport.gateway.heads import Headers


class Carrier(Protocol):
    """What brings a call its body and takes its answer."""

    def respond(self, response: HttpResponse) -> None:
        """The whole answer."""

    def start(self, status: int, headers: Headers) -> None:
        """The head of an answer that comes in chunks."""

    def send(self, chunk: bytes) -> bool:
        """A chunk; False says that `writable` will be told when there may be more."""

    def finish(self) -> None:
        """There are no more chunks."""

    def unread(self, read_bytes: int) -> None:
        """Its answer is clear: no more of the body is looked at than so many bytes."""
