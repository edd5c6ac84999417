"""From messages to a transcript's fields; what may differ from run to run gets a name by a rule.

Every rule is in one of the tables below, so that nothing is left out in silence: an answer is
written down whole, and where two equal servers may differ, a word says by which rule.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message

from fake_etcd.api import messages as m

from .transcript import Field, quote


class Rule(enum.Enum):
    """What is done with a number that may differ."""

    REVISION = "counted from the revision at which the scenario begins"
    AUTH_REVISION = "likewise, of the store of users and roles: the first one is 1"
    ID = "named by kind and order of appearance (`lease#1`), unless the scenario chose it"
    SIZE = "`<bytes>` where it is more than 0"
    INDEX = "`<index>` where it is more than 0"
    TIME = "`<seconds>` where it is more than 0"


_RULES: Mapping[str, tuple[Rule, str]] = {
    "revision": (Rule.REVISION, ""),
    "create_revision": (Rule.REVISION, ""),
    "mod_revision": (Rule.REVISION, ""),
    "min_mod_revision": (Rule.REVISION, ""),
    "max_mod_revision": (Rule.REVISION, ""),
    "min_create_revision": (Rule.REVISION, ""),
    "max_create_revision": (Rule.REVISION, ""),
    "start_revision": (Rule.REVISION, ""),
    "compact_revision": (Rule.REVISION, ""),
    "hash_revision": (Rule.REVISION, ""),
    "rev": (Rule.REVISION, ""),
    "authRevision": (Rule.AUTH_REVISION, ""),
    "cluster_id": (Rule.ID, "cluster"),
    "member_id": (Rule.ID, "member"),
    "memberID": (Rule.ID, "member"),
    "leader": (Rule.ID, "member"),
    "targetID": (Rule.ID, "member"),
    "Member.ID": (Rule.ID, "member"),
    "MemberRemoveRequest.ID": (Rule.ID, "member"),
    "MemberUpdateRequest.ID": (Rule.ID, "member"),
    "MemberPromoteRequest.ID": (Rule.ID, "member"),
    "lease": (Rule.ID, "lease"),
    "ID": (Rule.ID, "lease"),
    "raft_term": (Rule.ID, "term"),
    "raftTerm": (Rule.ID, "term"),
    "HashResponse.hash": (Rule.ID, "hash"),
    "raftIndex": (Rule.INDEX, ""),
    "raftAppliedIndex": (Rule.INDEX, ""),
    "dbSize": (Rule.SIZE, ""),
    "dbSizeInUse": (Rule.SIZE, ""),
    "remaining_bytes": (Rule.SIZE, ""),
    "LeaseTimeToLiveResponse.TTL": (Rule.TIME, ""),
}
"""Rules by field: "Message.field", or "field" in every message. With an ID goes its kind."""

_UNORDERED = frozenset(
    ("AlarmResponse.alarms", "LeaseTimeToLiveResponse.keys", "StatusResponse.errors")
)
"""Repeated fields that come in the order of a Go map, which is any: they are sorted."""

_MEMBERS = frozenset(
    f"Member{verb}Response.members" for verb in ("Add", "List", "Promote", "Remove", "Update")
)
"""Likewise in the order of ids, some of which have the time in them: sorted by the rest."""

_ALARMS = frozenset(("StatusResponse.errors",))
"""Texts of alarms, as Go's protobuf writes them: with one blank or two, by the build."""

_MEMBER_OF_ALARM = re.compile(r"memberID:(\d+) +")

_TOKENS = frozenset(("AuthenticateResponse.token",))
"""Texts that are chance: each gets a name, `token#1`, in whose place it never shows again."""

_LEASE_KEY = re.compile(rb"(?<=/)[0-9a-f]{14,16}$")
"""The end of a key that Lock or Campaign made for a lease whose id the server chose."""

_FILES = frozenset(("SnapshotResponse.blob",))
"""Bytes of a database's file, or its digest: `<bytes>`. Two that hold the same differ in them."""


def _sorted_lines(lines: re.Match[str]) -> str:
    return "".join(sorted(lines[0].splitlines(keepends=True)))


_TEXT_RULES: tuple[tuple[str, re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    # Go's protobuf puts one or the other into each build, lest anyone compare the text.
    ("white space in proto errors", re.compile("proto:(\N{NO-BREAK SPACE}|%C2%A0)"), "proto: "),
    # In the order of a Go map, which is any.
    (
        "checks of /livez and /readyz",
        re.compile(r"(?:^\[[+-]\].*\n)+", re.MULTILINE),
        _sorted_lines,
    ),
    # grpcio, which has run out of patience, words it by where the call was just then.
    ("a call cut short", re.compile(r"^Stream removed \((Deadline Exceeded)\)$"), r"\1"),
)
"""What differs in texts: a name for people, what is looked for, and what stands in its place."""

LARGEST_REVISION = 1 << 32
"""Numbers from here on, as those from 0 down, are no revision of any store: never shifted."""

SOME_BYTES = "<bytes>"

_CLASSES = {Rule.SIZE: SOME_BYTES, Rule.INDEX: "<index>", Rule.TIME: "<seconds>"}


@dataclass(slots=True)
class Names:
    """The names given in one dialogue.

    Args:
        base: how many revisions there were before it; 0 on a server that is new.
        auth_base: likewise for the store of users and roles.
    """

    base: int = 0
    auth_base: int = 0
    _tokens: dict[bytes, bytes] = field(default_factory=dict)
    _words: dict[tuple[str, int], str] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=dict)

    def number(self, message: str, name: str, number: int, sent: bool) -> str:
        """The word for a number.

        Args:
            message: the message's name, without package.
            name: the field's.
            number: its value.
            sent: whether the scenario sent it; an id it made up is written as it is, everywhere.
        """
        rule, kind = _rule(message, name)
        if rule is Rule.REVISION:
            is_one = self.base < number < self.base + LARGEST_REVISION
            return str(number - self.base if is_one else number)
        if rule is Rule.AUTH_REVISION:
            return str(number - self.auth_base)
        if rule is Rule.ID and number:
            return self._id(kind, number, sent)
        if rule in _CLASSES and number > 0:
            return _CLASSES[rule]
        return str(number)

    def name_token(self, token: str, word: str = "") -> None:
        """Give a token a name; without a word the next number, where it has no name yet."""
        key = token.encode()
        if word:
            self._tokens[key] = f"token#{word}".encode()
        elif token and key not in self._tokens:
            self._counts["token"] = self._counts.get("token", 0) + 1
            self._tokens[key] = b"token#%d" % self._counts["token"]

    def without_tokens(self, data: bytes) -> bytes:
        """The same with names in the place of tokens; of two that fit, the longer one's."""
        for token in sorted(self._tokens, key=len, reverse=True):
            data = data.replace(token, self._tokens[token])
        return data

    def without_lease(self, key: bytes) -> bytes:
        """A key with the name of its lease in the place of the digits of that."""
        return _LEASE_KEY.sub(lambda digits: self._lease(digits[0]), key)

    def _lease(self, digits: bytes) -> bytes:
        return self._id("lease", int(digits, 16), False).encode()

    def _id(self, kind: str, number: int, sent: bool) -> str:
        word = self._words.get((kind, number))
        if word is None:
            if sent:
                word = str(number)
            else:
                self._counts[kind] = self._counts.get(kind, 0) + 1
                word = f"{kind}#{self._counts[kind]}"
            self._words[kind, number] = word
        return word


def is_revision(message: str, name: str) -> bool:
    """Whether a field counts revisions; the message's name is without package."""
    return _rule(message, name)[0] is Rule.REVISION


def _rule(message: str, name: str) -> tuple[Rule | None, str]:
    return _RULES.get(f"{message}.{name}") or _RULES.get(name) or (None, "")


def shifted(revision: int, base: int) -> int:
    """What a revision of a server that is new is on one that had `base` before."""
    return revision + base if 0 < revision < LARGEST_REVISION else revision


def text(given: str) -> str:
    """A text of the server's, such as a status message, with what may differ replaced."""
    for _, pattern, replacement in _TEXT_RULES:
        given = pattern.sub(replacement, given)
    return given


def data(given: bytes) -> bytes:
    """Likewise for a text that came as bytes, and may be none."""
    return text(given.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")


def answer_fields(kind: type[Message], encoded: bytes, names: Names) -> tuple[Field, ...]:
    """The fields of a message that came as bytes, and whatever of the bytes those do not show."""
    try:
        message = kind.FromString(encoded)
    except DecodeError:
        return (Field("undecodable", quote(encoded)),)
    fields = message_fields(message, names, sent=False)
    message.DiscardUnknownFields()
    # The length, for the order of a map's entries is anybody's choice.
    if len(message.SerializeToString()) != len(encoded):
        return (*fields, Field("encoded", quote(encoded)))
    return fields


def message_fields(message: Message, names: Names, *, sent: bool) -> tuple[Field, ...]:
    """The fields of a message that are set, by number; a field of a oneof also where it is 0."""
    return tuple(_fields(message, names, sent))


def _fields(message: Message, names: Names, sent: bool) -> Iterator[Field]:
    kind = message.DESCRIPTOR.name
    for descriptor, value in message.ListFields():
        if hasattr(value, "items"):
            for key in sorted(value):
                entry = Field("value", message_fields(value[key], names, sent=sent))
                yield Field(descriptor.name, (Field("key", quote(key.encode())), entry))
        elif isinstance(value, (str, bytes, int, Message)):
            yield _field(kind, descriptor, value, names, sent)
        else:
            is_unordered = f"{kind}.{descriptor.name}" in _UNORDERED | _MEMBERS
            for each in sorted(value, key=_order) if is_unordered else value:
                yield _field(kind, descriptor, each, names, sent)


def _named_member(names: Names, found: re.Match[str]) -> str:
    return f"memberID:{names.number('AlarmMember', 'memberID', int(found[1]), sent=False)} "


def _order(value: str | bytes | int | Message) -> tuple[object, ...]:
    """Of values of one kind: messages by their fields, members without their ids."""
    if isinstance(value, m.Member):
        return (value.name, list(value.peerURLs))
    if isinstance(value, Message):
        return tuple(field for _, field in value.ListFields())
    return (value,)


def _field(
    kind: str,
    descriptor: FieldDescriptor,
    value: str | bytes | int | Message,
    names: Names,
    sent: bool,
) -> Field:
    name = descriptor.name
    if isinstance(value, Message):
        return Field(name, message_fields(value, names, sent=sent))
    if isinstance(value, bytes):
        if f"{kind}.{name}" in _FILES:
            return Field(name, "<bytes>")
        return Field(name, quote(names.without_lease(value) if name in ("key", "keys") else value))
    if isinstance(value, str):
        if f"{kind}.{name}" in _TOKENS:
            names.name_token(value)
            return Field(name, quote(names.without_tokens(value.encode())))
        if f"{kind}.{name}" in _ALARMS:
            value = _MEMBER_OF_ALARM.sub(partial(_named_member, names), value)
        return Field(name, quote(text(value).encode()))
    if descriptor.enum_type is not None:
        known = descriptor.enum_type.values_by_number.get(value)
        return Field(name, known.name if known else str(int(value)))
    if isinstance(value, bool):
        return Field(name, "true" if value else "false")
    return Field(name, names.number(kind, name, value, sent))
