"""The options of a FakeEtcd by name, as text of a command line or as values of a marker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fake_etcd.core import cluster
from fake_etcd.testing import server_options
from fake_etcd.testing.tls import Tls

Options = dict[str, Any]

SEED = "seed"
"""What is put first: a file, or a mapping. The one option that is no argument of FakeEtcd's."""

FILES = frozenset((SEED, "auth", "snapshot"))
"""Those whose text is the path of a file."""


def parsed(text: str, where: str) -> tuple[str, object]:
    """Name and value of "max_txn_ops=64".

    Args:
        text: that; a list of texts has commas in it.
        where: what to call it in an error.

    Raises:
        ValueError: there is no such option, or it has no such value.
    """
    name, equals, value = (part.strip() for part in text.partition("="))
    if not equals:
        raise ValueError(f"{where}: {text!r} is no NAME=VALUE")
    if name == SEED:
        return name, value
    if name not in known():
        raise ValueError(_unknown(name, where))
    try:
        read = _READERS[known()[name]](value)
    except ValueError as error:
        raise ValueError(f"{where}: {name}: {error}") from None
    return name, _checked(name, read, where)


def checked(options: Mapping[str, Any], where: str) -> Options:
    """The same options.

    Raises:
        ValueError: there is no such option, or it has no such value.
    """
    for name, value in options.items():
        if name == SEED:
            continue
        if name not in known():
            raise ValueError(_unknown(name, where))
        _checked(name, value, where)
    return dict(options)


def _checked(name: str, value: object, where: str) -> object:
    """The same value."""
    try:
        server_options.check(name, known()[name], value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where}: {error}") from None
    return value


def known() -> Mapping[str, object]:
    """The options of a FakeEtcd, and their types."""
    return {**server_options.types(), **server_options.OF_FAKE}


def _unknown(name: str, where: str) -> str:
    return f"{where}: FakeEtcd has {server_options.no_option(name, [*known(), SEED])}"


def _switch(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(f"{text!r} is neither true nor false")
    return text.lower() == "true"


def _texts(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{text!r} is no whole number") from None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{text!r} is no number") from None


def _tls(text: str) -> bool | Tls:
    if text.lower() == "client-cert-auth":
        return Tls(client_cert_auth=True)
    try:
        return _switch(text)
    except ValueError:
        raise ValueError(f"{text!r} is neither true nor false nor client-cert-auth") from None


def _members(text: str) -> cluster.InitialCluster:
    """As `--initial-cluster` has them: "a=http://a:2380,b=http://b:2380"."""
    found: dict[str, list[str]] = {}
    for part in _texts(text):
        name, equals, url = part.partition("=")
        if not equals:
            raise ValueError(f"{part!r} is no NAME=URL")
        found.setdefault(name, []).append(url)
    return tuple((name, tuple(urls)) for name, urls in found.items())


_READERS: Mapping[object, Callable[[str], object]] = {
    int: _whole,
    float: _number,
    bool: _switch,
    str: str,
    tuple[str, ...]: _texts,
    cluster.InitialCluster: _members,
    server_options.AuthSource: str,
    server_options.PathSource: str,
    server_options.TLS: _tls,
}
"""How a value is read that is such a thing."""
