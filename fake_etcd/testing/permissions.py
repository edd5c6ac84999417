"""What a role may do, as tests write it.

A role is a mapping from "read", "write" and "readwrite" to keys, one or a list of these:

    config/name                     one key; {base64: 3q2+7w==} for bytes
    {prefix: config/}               all keys that begin so; "" for all there are
    {range: [a, c]}                 from the first up to, and without, the second
    {from: a}                       that key and all behind it
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from fake_etcd.core.auth.permissions import READ, READWRITE, WRITE, Permission
from fake_etcd.testing import plain_values
from fake_etcd.testing.keys import prefix_end, text

TYPES = {"read": READ, "write": WRITE, "readwrite": READWRITE}

_NAMES = {number: name for name, number in TYPES.items()}

_ZERO = b"\0"
"""The first key, and as an end: behind all keys."""

_FORMS = (
    'keys are a text (one key), {"prefix": TEXT}, {"range": [FROM, TO]}, {"from": TEXT}, or a list '
    "of these"
)


def read(granted: object, where: str) -> tuple[Permission, ...]:
    """The permissions of a role, in order.

    Args:
        granted: as above.
        where: what to call it in an error.

    Raises:
        ValueError: it is not understood.

    >>> read({"read": ["a", {"prefix": "b/"}]}, "role r")[1]
    Permission(perm_type=0, key=b'b/', range_end=b'b0')
    """
    if not isinstance(granted, Mapping):
        kind = plain_values.kind(granted)
        raise ValueError(f"{where}: {kind}, where {', '.join(TYPES)} and their keys are wanted")
    found: list[Permission] = []
    for name, keys in granted.items():
        if name not in TYPES:
            raise ValueError(f"{where}: {name!r} is none of {', '.join(TYPES)}")
        place = f"{where}: {name}"
        for each in keys if isinstance(keys, (list, tuple)) else [keys]:
            permission = Permission(TYPES[name], *_range(each, place))
            if any(
                it.key == permission.key and it.range_end == permission.range_end for it in found
            ):
                raise ValueError(f"{place}: {_shown(permission)} is said twice; say readwrite")
            found.append(permission)
    return tuple(found)


def _range(keys: object, place: str) -> tuple[bytes, bytes]:
    """First key and range_end."""
    if isinstance(keys, Mapping) and len(keys) == 1:
        form, given = next(iter(keys.items()))
        if form in _READERS:
            return _READERS[form](given, f"{place}: {form}")
    if not plain_values.is_bytes(keys):
        raise ValueError(f"{place}: {plain_values.kind(keys)}; {_FORMS}")
    key = plain_values.encoded(keys, place)
    if not key:
        raise ValueError(f'{place}: etcd has no empty key; {{"prefix": ""}} is all keys')
    return key, b""


def _of_prefix(given: object, place: str) -> tuple[bytes, bytes]:
    prefix = plain_values.encoded(given, place)
    return prefix or _ZERO, prefix_end(prefix)


def _of_range(given: object, place: str) -> tuple[bytes, bytes]:
    if not isinstance(given, (list, tuple)) or len(given) != 2:
        raise ValueError(f"{place}: {plain_values.kind(given)}; it is a list of two keys")
    start, end = (plain_values.encoded(one, place) for one in given)
    if not start < end:
        raise ValueError(f'{place}: it ends before it begins; {{"from": KEY}} has no end')
    return start or _ZERO, end


def _of_from(given: object, place: str) -> tuple[bytes, bytes]:
    return plain_values.encoded(given, place) or _ZERO, _ZERO


_READERS: Mapping[str, Callable[[object, str], tuple[bytes, bytes]]] = {
    "prefix": _of_prefix,
    "range": _of_range,
    "from": _of_from,
}


def written(permissions: Iterable[Permission]) -> dict[str, list[Any]]:
    """The same as `read` takes it, in order for each type.

    A type that etcd does not know, and grants all the same, is called by its number.

    >>> name, jobs = Permission(READ, b"name"), Permission(WRITE, b"jobs/a", b"jobs/k")
    >>> written([name, jobs, Permission(WRITE, b"b", b"c")])
    {'read': ['name'], 'write': [{'range': ['jobs/a', 'jobs/k']}, {'prefix': 'b'}]}
    """
    found: dict[str, list[Any]] = {}
    for permission in permissions:
        name = _NAMES.get(permission.perm_type, str(permission.perm_type))
        found.setdefault(name, []).append(_keys(permission))
    return found


def _keys(permission: Permission) -> Any:
    key, end = permission.key, permission.range_end
    if not end:
        return text(key)
    if end == _ZERO:
        return {"prefix": ""} if key in (_ZERO, b"") else {"from": text(key)}
    return {"prefix": text(key)} if end == prefix_end(key) else {"range": [text(key), text(end)]}


def _shown(permission: Permission) -> str:
    return str(_keys(permission))
