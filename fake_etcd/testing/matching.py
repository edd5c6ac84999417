"""Which calls somebody means by a method's name and fields of its request."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf.message import Message

from fake_etcd.api.methods import METHODS, Method
from fake_etcd.testing import readable, secret

_SINGLE = (bytes, str, int, float, Message)
"""What the value of a field is that is not repeated."""


class FieldMatch:
    """A method, or any, and what fields its request has.

    Args:
        method: "Put", "KV/Put" or "/etcdserverpb.KV/Put"; None for all that have such fields.
        fields: see `history.History`.

    Raises:
        ValueError: there is no such method, or no such field in a request of it.

    >>> from fake_etcd.api import messages as m
    >>> print(FieldMatch("Put", {"key": "a"}))
    Put(key='a')
    >>> FieldMatch("Put", {"key": "a"}).matches(METHODS["/etcdserverpb.KV/Put"], [])
    False
    """

    def __init__(self, method: str | None, fields: Mapping[str, Any]) -> None:
        self._method = method
        self._fields = dict(fields)
        self._methods = {
            each.path
            for each in _methods_called(method)
            if all(_has(each.request.DESCRIPTOR, name.split("__")) for name in fields)
        }
        if not self._methods:
            raise ValueError(_no_such_field(method, fields))

    def matches(self, method: Method, requests: Iterable[Any]) -> bool:
        """Whether a call with these requests is meant: one of them has all the fields."""
        if method.path not in self._methods:
            return False
        if not self._fields:
            return True
        return any(
            all(_equals(request, name.split("__"), value) for name, value in self._fields.items())
            for request in requests
        )

    def __str__(self) -> str:
        shown = ", ".join(f"{name}={_shown(name, value)}" for name, value in self._fields.items())
        return f"{self._method or 'call'}({shown})" if shown or self._method else "call"


def _shown(name: str, value: object) -> str:
    if secret.is_secret_name(name.rpartition("__")[2]):
        return secret.MASK
    return readable.text(value) if isinstance(value, (bytes, str)) else repr(value)


def _methods_called(name: str | None) -> list[Method]:
    """The methods of a name. "Watch" is etcd's; gRPC's health service has to be named with it."""
    if name is None:
        return list(METHODS.values())
    found = [
        method
        for method in METHODS.values()
        if name in (method.name, f"{method.service.rpartition('.')[2]}/{method.name}", method.path)
    ]
    if not found:
        names = [method.name for method in METHODS.values()]
        near = difflib.get_close_matches(name, names, 1)
        meant = f"; {near[0]!r} is one" if near else ""
        raise ValueError(f"etcd has no method {name!r}{meant}")
    return found[:1]


def _has(descriptor: Any, path: list[str]) -> bool:
    for name in path:
        field = descriptor.fields_by_name.get(name) if descriptor is not None else None
        if field is None:
            return False
        descriptor = field.message_type
    return True


def _no_such_field(method: str | None, fields: Mapping[str, Any]) -> str:
    if method is None:
        return f"no method's request has fields {', '.join(fields)}"
    descriptor = _methods_called(method)[0].request.DESCRIPTOR
    missing = next(name for name in fields if not _has(descriptor, name.split("__")))
    names = ", ".join(descriptor.fields_by_name) or "no fields at all"
    return f"{descriptor.name} has no field {missing!r}; it has {names}"


def _equals(message: Any, path: list[str], value: Any) -> bool:
    """Whether a field, or one of its members, is a value; one that is not set is its default."""
    field = message.DESCRIPTOR.fields_by_name[path[0]]
    found = getattr(message, path[0])
    if isinstance(found, Message) and not message.HasField(path[0]):
        return False
    members = [found] if isinstance(found, _SINGLE) else list(found)
    if len(path) > 1:
        return any(_equals(member, path[1:], value) for member in members)
    return any(_is(field, member, value) for member in members)


def _is(field: Any, found: Any, value: Any) -> bool:
    if isinstance(found, bytes) and isinstance(value, str):
        return found == value.encode()
    if field.enum_type is not None and isinstance(value, str):
        named = field.enum_type.values_by_name.get(value)
        return named is not None and named.number == found
    return bool(found == value)
