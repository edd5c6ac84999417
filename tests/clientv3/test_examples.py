"""The examples in the client's docstrings, all of them."""

from __future__ import annotations

import doctest
import pkgutil
from importlib import import_module

import pytest

from fake_etcd import clientv3

MODULES = [
    found.name for found in pkgutil.walk_packages(clientv3.__path__, prefix=f"{clientv3.__name__}.")
]


@pytest.mark.parametrize("name", [clientv3.__name__, *MODULES])
def test_the_examples_hold(name: str) -> None:
    assert doctest.testmod(import_module(name)).failed == 0
