"""The state that an etcd is to begin with, as a mapping, or as a file of JSON or YAML.

Keys stand at the left. A value is text, or {"base64": ...} for bytes, or {"value": ..., "ttl": 30}
for a key with a lease of its own of so many seconds. What "auth" has for a value is users and
roles, in the form of `auth_seed.py`, if it is no such value:

    config/name: my service
    config/secret: {base64: 3q2+7w==}
    services/a: {value: "10.0.0.1:80", ttl: 30}
    auth: {root: its password}

Everything else is refused, so that nothing is understood that was not meant.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from fake_etcd.testing import auth_seed, plain_values, seed_files
from fake_etcd.testing.auth_seed import AuthSeed

AUTH = "auth"

_FORMS = 'a value is text in quotes, {"base64": TEXT} or {"value": VALUE, "ttl": SECONDS}'


class Entry(NamedTuple):
    """A key to be put.

    Args:
        key, value: bytes.
        ttl_seconds: of the lease that it gets; None for no lease.
    """

    key: bytes
    value: bytes
    ttl_seconds: int | None


class Seed(NamedTuple):
    """All that is to be there.

    Args:
        entries: keys, which come first.
        auth: users and roles; None for no change to those.
    """

    entries: list[Entry]
    auth: AuthSeed | None


def parsed(source: str | os.PathLike[str] | Mapping[Any, Any]) -> Seed:
    """What a mapping, or the file of a path, asks for, in its order.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not understood; names the file and the key.
        RuntimeError: it is YAML, and PyYAML is not installed.
    """
    __tracebackhide__ = True  # pytest would show what is given, and there may be passwords in it
    problem = ""
    try:
        return _parsed(source)
    except ValueError as error:
        problem = str(error)
    raise ValueError(problem)  # out here there is no frame that has a password among its values


def _parsed(source: str | os.PathLike[str] | Mapping[Any, Any]) -> Seed:
    if isinstance(source, Mapping):
        where, content = "seed", dict(source)
    else:
        where, found = str(source), seed_files.read(source)
        if not isinstance(found, Mapping):
            return Seed(entries(found, where), None)
        content = dict(found)
    users = content.get(AUTH)
    if not isinstance(users, Mapping) or {"base64", "value", "ttl"} & set(users):
        return Seed(entries(content, where), None)
    del content[AUTH]
    auth_where = AUTH if where == "seed" else f"{where}: {AUTH}"
    return Seed(entries(content, where), auth_seed.parsed(users, auth_where))


def entries(mapping: object, where: str = "seed") -> list[Entry]:
    """What a mapping asks for, in its order. Keys and values may be bytes as well.

    Args:
        mapping: from keys to values.
        where: what to call it in an error.

    Raises:
        ValueError: it is not understood; names the key.
    """
    if mapping is None:  # an empty file of YAML
        return []
    if not isinstance(mapping, Mapping):
        raise ValueError(f"{where}: {_kind(mapping)}, where keys and their values are wanted")
    return [_entry(key, value, where) for key, value in mapping.items()]


def _entry(key: object, value: object, where: str) -> Entry:
    if not isinstance(key, (str, bytes)):
        raise ValueError(f"{where}: key {key!r} is {_kind(key)}; write it in quotes")
    if not key:
        raise ValueError(f"{where}: etcd has no empty key")
    place = f"{where}: key {key!r}"
    ttl: int | None = None
    if isinstance(value, Mapping) and "ttl" in value:
        ttl = _ttl(value, place)
        value = value["value"]
    return Entry(plain_values.encoded(key, place), _bytes(value, place), ttl)


def _ttl(value: Mapping[Any, Any], place: str) -> int:
    if set(value) != {"value", "ttl"}:
        raise ValueError(f"{place}: {plain_values.kind(value)}; {_FORMS}")
    ttl = value["ttl"]
    if not isinstance(ttl, int) or isinstance(ttl, bool) or ttl < 1:
        raise ValueError(f"{place}: ttl {ttl!r}; it is a whole number of seconds, 1 or more")
    return ttl


def _bytes(value: object, place: str) -> bytes:
    if not plain_values.is_bytes(value):
        raise ValueError(f"{place}: {_kind(value)}; {_FORMS}")
    return plain_values.encoded(value, place)


def _kind(value: object) -> str:
    """What something is, as a person would say it; of a number with the number."""
    if isinstance(value, bool):
        return f"{value!r} and no text"
    if isinstance(value, (int, float)):
        return f"the number {value!r}"
    return plain_values.kind(value)
