"""Writes down what a scenario does and what it is answered, in the order it happens."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from google.protobuf.message import Message

from fake_etcd.api.status import Status

from . import normal_form
from .normal_form import Names
from .transcript import Field, Part, Transcript, quote

Pairs = Iterable[tuple[str, str | bytes]]


class Dialogue:
    """One scenario's parts, with the names given in it.

    Args:
        base, auth_base: see `Names`.
    """

    def __init__(self, base: int = 0, auth_base: int = 0) -> None:
        self.names = Names(base, auth_base)
        self._parts: list[Part] = []

    def transcript(self, sentence: str) -> Transcript:
        """What was written down so far."""
        return Transcript(sentence, tuple(self._parts))

    def did(self, head: str, fields: Sequence[Field] = ()) -> None:
        """Something the scenario did that has no message."""
        self._parts.append(Part(">", head, tuple(fields)))

    def asked(self, head: str, request: Message | bytes, metadata: Pairs = ()) -> None:
        """A request; bytes are those of no message, or of a strange one."""
        if isinstance(request, bytes):
            fields: tuple[Field, ...] = (Field("bytes", quote(request)),)
        else:
            fields = normal_form.message_fields(request, self.names, sent=True)
        self.did(head, (*fields, *self.pairs("metadata", metadata)))

    def answered(self, kind: type[Message], encoded: bytes, label: str = "") -> None:
        """A message that came back."""
        fields = normal_form.answer_fields(kind, encoded, self.names)
        self._parts.append(Part("<", label + kind.DESCRIPTOR.name, fields))

    def came(self, head: str, fields: Sequence[Field]) -> None:
        """Something that came back and is no message."""
        self._parts.append(Part("<", head, tuple(fields)))

    def ended(self, status: Status, metadata: Pairs = (), label: str = "") -> None:
        """How a call ended, with all metadata that came beside the status."""
        head = label + status.code.name
        if status.message:
            head += " " + quote(normal_form.text(status.message).encode())
        self._parts.append(Part("=", head, self.pairs("metadata", metadata)))

    def pairs(self, name: str, given: Pairs) -> tuple[Field, ...]:
        """Headers or metadata as fields; a token that has a name is written as that."""
        return tuple(self._pair(name, key, _bytes(value)) for key, value in given)

    def _pair(self, name: str, key: str, value: bytes) -> Field:
        word = quote(self.names.without_tokens(value))
        return Field(name, (Field("key", quote(key.encode())), Field("value", word)))


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode()
