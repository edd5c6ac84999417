"""State and calls of an etcd as JSON that people can read.

Bytes are text where they are UTF-8, else {"base64": "3q2+7w=="}. In a dump, the ids of leases are
text, since they have 63 bits and many languages' JSON rounds beyond 53; revisions and versions are
numbers. In messages of etcd's all 64-bit numbers are text, as etcd's own JSON has them.
"""

from __future__ import annotations

import base64
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from fake_etcd.api import messages as m
from fake_etcd.core.alarm import Alarm
from fake_etcd.core.auth.store import ROOT, ROOT_PERMISSION, AuthStore
from fake_etcd.core.lease import Lease
from fake_etcd.core.mvcc.version import Version
from fake_etcd.core.node import Node
from fake_etcd.testing import permissions, secret
from fake_etcd.testing.history import RecordedCall

_WIDE = frozenset(
    (
        FieldDescriptor.CPPTYPE_INT64,
        FieldDescriptor.CPPTYPE_UINT64,
    )
)

Json = dict[str, Any]
"""An object of JSON."""


def seconds(time: float) -> float:
    """A time to the nanosecond: what the clock has beyond that is not meant."""
    return round(time, 9)


def text(raw: bytes) -> str | Json:
    """Bytes."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(raw).decode()}


def dump(node: Node) -> Json:
    """All keys in their order, and all leases in order of expiry."""
    now = node.clock.now()
    return {
        "revision": node.current_revision,
        "keys": [_key(version) for version in node.store.range(b"\0", b"").versions],
        "leases": [_lease(lease, now) for lease in node.lessor.leases()],
    }


def auth(store: AuthStore) -> Json:
    """All users and roles, and whether anybody is asked who calls."""
    return {
        "enabled": store.enabled,
        "revision": store.revision,
        "users": {name: _user(store, name) for name in store.user_list()},
        "roles": {name: _role(store, name) for name in store.role_list()},
    }


def _user(store: AuthStore, name: str) -> Json:
    user = store.user(name)
    assert user is not None, "it is in the list"
    found: Json = {"roles": list(user.roles)}
    return {"no_password": True, **found} if user.no_password else found


def _role(store: AuthStore, name: str) -> Json:
    role = store.role(name)
    assert role is not None, "it is in the list"
    granted = (ROOT_PERMISSION,) if name == ROOT else role.permissions
    return {kind: _without_bytes(keys) for kind, keys in permissions.written(granted).items()}


def _without_bytes(keys: Any) -> Any:
    """The same for JSON."""
    if isinstance(keys, bytes):
        return text(keys)
    if isinstance(keys, list):
        return [_without_bytes(each) for each in keys]
    if isinstance(keys, dict):
        return {form: _without_bytes(each) for form, each in keys.items()}
    return keys


def _key(version: Version) -> Json:
    found: Json = {
        "key": text(version.key),
        "value": text(version.value),
        "create_revision": version.create_revision,
        "mod_revision": version.mod_revision,
        "version": version.version,
    }
    if version.lease:
        found["lease"] = str(version.lease)
    return found


def _lease(lease: Lease, now: float) -> Json:
    return {
        "id": str(lease.id),
        "ttl": lease.ttl_seconds,
        "remaining": lease.remaining_seconds(now),
        "keys": [text(key) for key in lease.sorted_keys()],
    }


def alarm(raised: Alarm) -> Json:
    """An alarm; the member's id is text, as it has 64 bits."""
    known = m.AlarmType.values()
    kind = m.AlarmType.Name(raised.kind) if raised.kind in known else str(raised.kind)
    return {"alarm": kind, "member": str(raised.member)}


def call(recorded: RecordedCall, secrets: bool = False) -> Json:
    """A call that was made; its status is null while it goes on.

    Args:
        recorded: the call.
        secrets: whether to show what `secret` says is one.
    """
    status = recorded.status
    return {
        "method": recorded.path.rpartition(".")[2],
        "time": seconds(recorded.time),
        "peer": recorded.peer,
        "status": None if status is None else {"code": status.code.name, "message": status.message},
        "revision": recorded.revision,
        "requests": [message(each, secrets) for each in recorded.requests],
        "answers": [message(each, secrets) for each in recorded.answers],
    }


def message(content: Message, secrets: bool) -> Json:
    """The fields of a message that are set."""
    return {field.name: _value(field, value, secrets) for field, value in content.ListFields()}


def _value(field: FieldDescriptor, value: Any, secrets: bool) -> Any:
    if secret.is_secret(field) and not secrets:
        return secret.MASK
    if isinstance(value, (bytes, str, int, float, Message)):
        return _one(field, value, secrets)
    return [_one(field, each, secrets) for each in value]


def _one(field: FieldDescriptor, value: Any, secrets: bool) -> Any:
    if isinstance(value, Message):
        return message(value, secrets)
    if isinstance(value, bytes):
        return text(value)
    if field.enum_type is not None and value in field.enum_type.values_by_number:
        return field.enum_type.values_by_number[value].name
    return str(value) if field.cpp_type in _WIDE else value
