"""How large messages may be, as a client's channel has it, and what it says of larger ones.

grpc: src/core/ext/filters/message_size/message_size_filter.cc.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from fake_etcd.api.status import Code, Status

Options = Iterable[tuple[str, Any]]
"""What grpcio's channels take, `[("grpc.max_receive_message_length", -1)]`."""

UNLIMITED = -1

_SEND = "grpc.max_send_message_length"
_RECEIVE = "grpc.max_receive_message_length"


@dataclass(frozen=True, slots=True)
class MessageLimits:
    """In bytes; below 0 there is no limit. The defaults are grpcio's.

    Args:
        send: of the largest request.
        receive: of the largest answer.
    """

    send: int = UNLIMITED
    receive: int = 4 * 2**20

    def of_request(self, size: int) -> Status | None:
        """How a call ends that asks with so many bytes; None where it may."""
        if size <= self.send or self.send < 0:
            return None
        return _too_large("Sent", size, self.send)

    def of_answer(self, size: int) -> Status | None:
        """How a call ends that is answered with so many bytes; None where it may be."""
        if size <= self.receive or self.receive < 0:
            return None
        return _too_large("Received", size, self.receive)


def _too_large(verb: str, size: int, limit: int) -> Status:
    # grpcio says so from 1.60 on; before, without the first word.
    text = f"CLIENT: {verb} message larger than max ({size} vs. {limit})"
    return Status(Code.RESOURCE_EXHAUSTED, text)


def from_options(options: Options | None) -> MessageLimits:
    """Those that are among a channel's options.

    All others are about connections, of which there are none, so they change nothing.

    Raises:
        TypeError: a limit is no number.
    """
    given = {name: value for name, value in options or () if name in (_SEND, _RECEIVE)}
    for name, value in given.items():
        if not isinstance(value, int):
            raise TypeError(f"{name}={value!r}: it takes a number of bytes, -1 for no limit")
    defaults = MessageLimits()
    return MessageLimits(given.get(_SEND, defaults.send), given.get(_RECEIVE, defaults.receive))
