"""The options of a FakeEtcd by name, as text of a command line or as values of a marker."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, get_type_hints

from fake_etcd.core.node import NodeConfig
from fake_etcd.testing.fake import FakeEtcd

Options = dict[str, Any]

SEED = "seed"
"""What is put first: a file, or a mapping. The one option that is no argument of FakeEtcd's."""


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
    known = _types()
    if name not in known:
        raise ValueError(_unknown(name, where))
    try:
        return name, _READERS[known[name]](value)
    except ValueError as error:
        raise ValueError(f"{where}: {name}: {error}") from None


def checked(options: Mapping[str, Any], where: str) -> Options:
    """The same options.

    Raises:
        ValueError: there is no such option.
    """
    for name in options:
        if name != SEED and name not in _types():
            raise ValueError(_unknown(name, where))
    return dict(options)


def _types() -> dict[str, object]:
    """What each option is."""
    of_config = get_type_hints(NodeConfig)
    of_fake = get_type_hints(FakeEtcd.__init__)
    found = {field.name: of_config[field.name] for field in fields(NodeConfig)}
    del found["seed"]  # FakeEtcd calls it random_seed
    for name, parameter in inspect.signature(FakeEtcd.__init__).parameters.items():
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            found[name] = of_fake[name]
    return found


def _unknown(name: str, where: str) -> str:
    names = sorted([*_types(), SEED])
    near = difflib.get_close_matches(name, names, 1)
    meant = f"; {near[0]!r} is one" if near else ""
    return f"{where}: FakeEtcd has no option {name!r}{meant}. Options are {', '.join(names)}"


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


_READERS: Mapping[object, Callable[[str], object]] = {
    int: _whole,
    float: _number,
    bool: _switch,
    str: str,
    tuple[str, ...]: _texts,
}
"""How a value is read that is such a thing."""
