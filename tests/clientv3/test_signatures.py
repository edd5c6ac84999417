"""The two faces have the same names, and what is called takes the same."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from fake_etcd import clientv3
from fake_etcd.clientv3 import aio

MODULES = sorted(
    info.name for info in pkgutil.iter_modules(aio.__path__) if info.name not in ("loop",)
)


def _pair(name: str) -> tuple[ModuleType, ModuleType]:
    return (
        importlib.import_module(f"{clientv3.__name__}.{name}"),
        importlib.import_module(f"{aio.__name__}.{name}"),
    )


def _classes() -> Iterator[tuple[str, Any, Any]]:
    for name in MODULES:
        sync, asynchronous = _pair(name)
        for each in sync.__all__:
            if inspect.isclass(getattr(sync, each)):
                yield f"{name}.{each}", getattr(sync, each), getattr(asynchronous, each)
    for each in aio.__all__:
        if inspect.isclass(getattr(aio, each)):
            yield each, getattr(clientv3, each), getattr(aio, each)


CLASSES = {name: (sync, asynchronous) for name, sync, asynchronous in _classes()}

ONLY_ONE = {
    "start": "making a sync client starts it",
    "close": "a sync iterator's is `aclose` with asyncio",
    "aclose": "the same",
}


OF_THE_CORE = {"Client", "KeepAlive", "Watcher"}
"""Whose core's parts ask more of each other, which asyncio's face has therefore."""


def _public(kind: type) -> dict[str, Any]:
    return {
        name: inspect.getattr_static(kind, name) for name in dir(kind) if not name.startswith("_")
    }


def _parameters(function: Any) -> list[tuple[str, Any, Any]]:
    """Name, kind and default of what a method takes, but for the object itself."""
    found = list(inspect.signature(function).parameters.values())
    return [(each.name, each.kind, each.default) for each in found[1:]]


@pytest.mark.parametrize("name", MODULES)
def test_both_faces_have_the_same_modules(name: str) -> None:
    sync, asynchronous = _pair(name)
    assert sorted(sync.__all__) == sorted(asynchronous.__all__)


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_both_faces_have_the_same_methods(name: str) -> None:
    sync, asynchronous = map(_public, CLASSES[name])
    missing = sync.keys() - ONLY_ONE.keys() - asynchronous.keys()
    more = asynchronous.keys() - ONLY_ONE.keys() - sync.keys()
    assert (missing, more if name not in OF_THE_CORE else set()) == (set(), set())
    for method, one in sync.items():
        other = asynchronous.get(method)
        if other is None or not inspect.isfunction(one):
            assert other is None or type(one) is type(other), method
            continue
        assert _parameters(one) == _parameters(other), method
        assert inspect.getdoc(one), method


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_both_faces_are_made_of_the_same(name: str) -> None:
    sync, asynchronous = CLASSES[name]
    if sync is asynchronous or sync.__init__ is object.__init__:
        return
    first, second = (
        [each[0] for each in _parameters(kind.__init__)] for kind in (sync, asynchronous)
    )
    assert first == second or first in (["core"], ["attempt"])  # what no user makes


def test_what_the_client_does_can_be_awaited_with_asyncio_only() -> None:
    for method, one in _public(clientv3.Client).items():
        other = getattr(aio.Client, method)
        assert not inspect.iscoroutinefunction(inspect.unwrap(one)) or inspect.iscoroutinefunction(
            other
        ), method
