"""docs/clientv3-go.md has every name that Go's module exports, and what it says is here is here."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
from pathlib import Path

import pytest

from fake_etcd import clientv3

HERE = Path(__file__).parent

PAGE = HERE.parents[1] / "docs" / "clientv3-go.md"

EXPORTED = HERE / "golden" / "go_exported.txt"

_TITLES = {
    "naming/endpoints": "endpoints",
    "naming/resolver": "resolver",
    "experimental/recipes": "recipe",
}
"""Headings of the page whose package has another name."""

_ROW = re.compile(r"\| `([\w.]+)` \| (.+) \|")
_OURS = re.compile(r"`([\w.]+)`")


def rows() -> list[tuple[str, str, str]]:
    """Package, name and what is here, as the page has them."""
    found, package = [], ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            package = _TITLES.get(line[3:], line[3:])
        elif row := _ROW.fullmatch(line):
            found.append((package, row[1], row[2]))
    return found


def is_there(name: str) -> bool:
    """Whether the client has such a name: "Client.put", "namespace.NamespaceKV"."""
    first, *rest = name.split(".")
    thing: object = getattr(clientv3, first, None)
    if thing is None:
        thing = importlib.import_module(f"{clientv3.__name__}.{first}")
    for part in rest:
        if not hasattr(thing, part):
            return False
        thing = getattr(thing, part)
    return True


def test_the_page_has_every_name_once() -> None:
    exported = [line.split() for line in EXPORTED.read_text().splitlines()]
    wanted = [(package, name) for package, name in exported if package != "mockserver"]
    assert sorted((package, name) for package, name, _ in rows()) == sorted(map(tuple, wanted))


@pytest.mark.parametrize(("package", "name", "here"), rows())
def test_what_the_page_says_is_here_is_here(package: str, name: str, here: str) -> None:
    if here.startswith("— "):
        return
    ours = _OURS.fullmatch(here)
    assert ours is not None, f"{package}.{name}: neither a name of ours nor a reason: {here}"
    assert is_there(ours[1])


@pytest.mark.interop
def test_the_list_is_that_of_gos_module() -> None:
    cache = subprocess.run(
        ["go", "env", "GOMODCACHE"], capture_output=True, text=True, check=True, timeout=60
    ).stdout.strip()
    module = Path(cache) / "go.etcd.io" / "etcd" / "client" / "v3@v3.7.3"
    if not module.is_dir():
        pytest.skip("the module's source is not in Go's cache")
    done = subprocess.run(
        ["go", "run", "exported.go", str(module)],
        cwd=HERE / "golang",
        env={**os.environ, "GO111MODULE": "off"},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stdout == EXPORTED.read_text()
