"""The state that an etcd is to begin with, as a mapping, or as a file of JSON or YAML.

Keys stand at the left. A value is text, or {"base64": ...} for bytes, or {"value": ..., "ttl": 30}
for a key with a lease of its own of so many seconds:

    config/name: my service
    config/secret: {base64: 3q2+7w==}
    services/a: {value: "10.0.0.1:80", ttl: 30}

Everything else is refused, so that nothing is understood that was not meant.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

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


def read(path: str | os.PathLike[str]) -> list[Entry]:
    """What a file asks for, in its order.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not understood; names the file and the key.
        RuntimeError: it is YAML, and PyYAML is not installed.
    """
    path = Path(path)
    where = str(path)
    try:
        content = path.read_text(encoding="utf-8")
        if path.suffix in (".yaml", ".yml"):
            return entries(_yaml(content, where), where)
        if path.suffix == ".json":
            return entries(json.loads(content, object_pairs_hook=_without_twins), where)
    except UnicodeDecodeError as error:
        raise ValueError(f"{where}: not UTF-8: {error}") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{where}: no JSON: {error}") from None
    except _Twin as error:
        raise ValueError(f"{where}: key {error.args[0]!r} stands there twice") from None
    raise ValueError(f"{where}: a file of keys is called .json, .yaml or .yml")


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
    return Entry(_encoded(key), _bytes(value, place), ttl)


def _ttl(value: Mapping[Any, Any], place: str) -> int:
    if set(value) != {"value", "ttl"}:
        raise ValueError(f"{place}: {_names(value)}; {_FORMS}")
    ttl = value["ttl"]
    if not isinstance(ttl, int) or isinstance(ttl, bool) or ttl < 1:
        raise ValueError(f"{place}: ttl {ttl!r}; it is a whole number of seconds, 1 or more")
    return ttl


def _bytes(value: object, place: str) -> bytes:
    if isinstance(value, (str, bytes)):
        return _encoded(value)
    if not isinstance(value, Mapping):
        raise ValueError(f"{place}: {_kind(value)}; {_FORMS}")
    if set(value) != {"base64"}:
        raise ValueError(f"{place}: {_names(value)}; {_FORMS}")
    try:
        return base64.b64decode(value["base64"], validate=True)
    except (binascii.Error, ValueError, TypeError) as error:
        raise ValueError(f"{place}: no base64: {error}") from None


def _encoded(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def _names(value: Mapping[Any, Any]) -> str:
    names = ", ".join(repr(name) for name in value)
    return f"a mapping of {names}" if names else "an empty mapping"


def _kind(value: object) -> str:
    """What something is, as a person would say it."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"{value!r} and no text"
    if isinstance(value, (int, float)):
        return f"the number {value!r}"
    if isinstance(value, (list, tuple)):
        return "a list"
    return f"a {type(value).__name__}"


class _Twin(Exception):
    """A key that stands in a mapping twice."""


def _without_twins(pairs: list[tuple[Hashable, Any]]) -> dict[Hashable, Any]:
    found: dict[Hashable, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _Twin(key)
        found[key] = value
    return found


def _yaml(content: str, where: str) -> object:
    try:
        import yaml  # an extra: JSON needs nothing
    except ImportError:
        raise RuntimeError(
            f"{where}: YAML needs PyYAML: pip install 'fake_etcd[yaml]'; JSON needs nothing"
        ) from None

    class Loader(yaml.SafeLoader):
        """Safe, and strict about keys that stand there twice."""

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
            pairs = [
                (self.construct_object(key, deep=True), self.construct_object(value, deep=True))
                for key, value in node.value
            ]
            return _without_twins(pairs)

    try:
        return yaml.load(content, Loader)
    except yaml.YAMLError as error:
        raise ValueError(f"{where}: no YAML: {error}") from None
