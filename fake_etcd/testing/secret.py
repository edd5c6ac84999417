"""What is secret, and what stands in its place: passwords, their hashes, tokens.

Everything that shows messages, metadata or options to people asks here. Whoever looks into a
message itself (`call.request.password`) has asked for it.
"""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf.descriptor import FieldDescriptor

from fake_etcd.services.access import TOKEN_NAMES

MASK = "***"

_FIELDS = frozenset(
    (
        ("etcdserverpb.AuthUserAddRequest", "password"),
        ("etcdserverpb.AuthUserAddRequest", "hashedPassword"),
        ("etcdserverpb.AuthUserChangePasswordRequest", "password"),
        ("etcdserverpb.AuthUserChangePasswordRequest", "hashedPassword"),
        ("etcdserverpb.AuthenticateRequest", "password"),
        ("etcdserverpb.AuthenticateResponse", "token"),
    )
)
"""By message; tests hold this against the messages that etcd has."""

_FIELD_NAMES = frozenset(name for _, name in _FIELDS)

_OPTIONS = frozenset(("auth", "control_token"))
"""Of a FakeEtcd."""


def is_secret(field: FieldDescriptor) -> bool:
    """Whether a field of a message is."""
    owner = field.containing_type
    return owner is not None and (owner.full_name, field.name) in _FIELDS


def is_secret_name(name: str) -> bool:
    """Whether a field of this name is, in any message."""
    return name in _FIELD_NAMES


def is_secret_option(name: str) -> bool:
    """Whether the value of this option of a FakeEtcd is."""
    return name in _OPTIONS


def metadata(pairs: Iterable[tuple[str, str | bytes]]) -> dict[str, str | bytes]:
    """Pairs as they can be shown."""
    return {name: MASK if name.lower() in TOKEN_NAMES else value for name, value in pairs}
