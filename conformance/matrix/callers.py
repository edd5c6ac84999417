"""The columns: who calls, what they may do, and how they show who they are.

All permissions lie around the same few keys, so that one request is inside of some, outside of
others, and inside of two only where these are taken together.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fake_etcd.api import messages as m

PASSWORD = "a password"
"""Everybody's."""

OPERATOR = "operator"
"""The user who makes the world and mends it; calls in no column."""

ROOT = "root"
NO_ROLE = "no-role"


class Proof(enum.Enum):
    """What a call carries to say whose it is."""

    NOTHING = "no token"
    BAD = "a token that no server gave"
    TOKEN = "a token"
    OF_DELETED = "a token of a user who was deleted afterwards"
    OF_CHANGED = "a token from before a change of the password"
    EXPIRED = "a token whose time is over"
    GATEWAY = "a token in the Authorization header of a request to the JSON gateway"
    GATEWAY_NOTHING = "no token, at the JSON gateway"
    CERTIFICATE = "the common name of a client certificate"
    CERTIFICATE_AND_TOKEN = "a client certificate, and a token of the user without a role"


@dataclass(frozen=True, slots=True)
class Caller:
    """One column.

    Args:
        name: for people, "read, prefix".
        short: the head of the column, "P r".
        user: whose name it is, "" where it is nobody's.
        role: one of the user's roles, "" where there is none.
        proof: how the server is to know.
    """

    name: str
    short: str
    user: str = ""
    role: str = ""
    proof: Proof = Proof.TOKEN


@dataclass(frozen=True, slots=True)
class Span:
    """Keys that a permission is about, as etcd's messages say it."""

    key: bytes
    range_end: bytes = b""


SHAPES: Mapping[str, tuple[Span, ...]] = {
    "key": (Span(b"b"),),
    "prefix": (Span(b"b", b"c"),),
    "range": (Span(b"a", b"b5"),),
    "overlapping": (Span(b"a", b"b3"), Span(b"b2", b"c")),
    "from-key": (Span(b"b", b"\0"),),
}
"""What is granted, by the name of how. Overlapping ones are two roles' with one user."""

_SHORT_MODES = {"read": "r", "write": "w", "readwrite": "rw"}
MODES = tuple(_SHORT_MODES)


def roles_of(shape: str, mode: str) -> list[str]:
    """The roles of the user who has this shape of permission."""
    spans = SHAPES[shape]
    if len(spans) == 1:
        return [f"{shape}-{mode}"]
    return [f"{shape}-{number}-{mode}" for number in range(1, len(spans) + 1)]


def grants() -> Iterator[tuple[str, m.Permission]]:
    """Every role of `SHAPES` with its permission."""
    for shape, spans in SHAPES.items():
        for mode in MODES:
            for role, span in zip(roles_of(shape, mode), spans, strict=True):
                kind = m.Permission.Type.Value(mode.upper())
                yield (
                    role,
                    m.Permission(permType=kind, key=span.key, range_end=span.range_end),
                )


def _of_shape(shape: str, mode: str) -> Caller:
    short = f"{shape[0].upper()} {_SHORT_MODES[mode]}"
    return Caller(f"{mode}, {shape}", short, f"{shape}-{mode}", roles_of(shape, mode)[0])


READER_AND_WRITER = _of_shape("prefix", "readwrite")

CALLERS: tuple[Caller, ...] = (
    Caller("no token", "none", proof=Proof.NOTHING),
    Caller("bad token", "bad", proof=Proof.BAD),
    Caller("expired token", "exp", READER_AND_WRITER.user, READER_AND_WRITER.role, Proof.EXPIRED),
    Caller("token of a deleted user", "del", "deleted", READER_AND_WRITER.role, Proof.OF_DELETED),
    Caller(
        "token before a new password", "old", "changed", READER_AND_WRITER.role, Proof.OF_CHANGED
    ),
    Caller("root", "root", ROOT, ROOT),
    Caller("no role", "no role", NO_ROLE),
    *(_of_shape(shape, mode) for shape in SHAPES for mode in MODES),
    Caller("gateway: no token", "J none", proof=Proof.GATEWAY_NOTHING),
    Caller("gateway: root", "J root", ROOT, ROOT, Proof.GATEWAY),
    Caller(
        "gateway: readwrite, prefix",
        "J P rw",
        READER_AND_WRITER.user,
        READER_AND_WRITER.role,
        Proof.GATEWAY,
    ),
    Caller("certificate: root", "C root", ROOT, ROOT, Proof.CERTIFICATE),
    Caller(
        "certificate: readwrite, prefix",
        "C P rw",
        READER_AND_WRITER.user,
        READER_AND_WRITER.role,
        Proof.CERTIFICATE,
    ),
    Caller("certificate: no such user", "C ?", "stranger", "", Proof.CERTIFICATE),
    Caller(
        "certificate: root, with a token of no role",
        "C+T",
        NO_ROLE,
        "",
        Proof.CERTIFICATE_AND_TOKEN,
    ),
)
"""Every column, in the order of the page."""
