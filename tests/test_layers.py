"""The layers of the design hold: imports inside the package point downward only.

Read from the syntax tree, so an import inside a function or under TYPE_CHECKING counts too.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent
PACKAGE = "fake_etcd"

LAYERS = ("api", "core", "services", "transport", "doors")
"""From the bottom up."""

LAYER_OF = {
    "api": "api",
    "core": "core",
    "services": "services",
    "transport": "transport",
    "cli": "doors",
    "ctl": "doors",
    "testing": "doors",
    "__main__": "doors",
}
"""Which layer a sub-package or module of the package belongs to."""

BESIDE = {"clientv3": {"api", "clientv3"}, "bbolt": {"bbolt"}}
"""Packages beside the layers, and which parts of the package they may import."""

USERS_OF = {"clientv3": {"doors"}, "bbolt": {"services", "doors"}}
"""Which layers may import those packages. bbolt's is a file format: bytes in, bytes out."""

NO_IO = {"asyncio", "threading", "socket", "selectors", "ssl", "multiprocessing", "concurrent"}
FORBIDDEN = {
    "core": NO_IO | {"time", "random", "secrets", "uuid", "logging", "grpc", "os", "signal"},
    "services": NO_IO | {"grpc"},
}
"""Modules from elsewhere that a layer may not import, by their first name."""


def part_of(module: str) -> str | None:
    """The first name below the package, None for the package itself or another one."""
    names = module.split(".")
    return names[1] if names[0] == PACKAGE and len(names) > 1 else None


def imported(source: str, module: str, is_package: bool) -> Iterator[tuple[int, str]]:
    """Line and absolute dotted name of everything that a module imports, names included."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = module.split(".")
                parents = parents[: len(parents) - node.level + is_package]
                base = ".".join([*parents, base]) if base else ".".join(parents)
            for alias in node.names:
                yield node.lineno, f"{base}.{alias.name}"


def breaches(root: Path) -> list[str]:
    """Every import below `root`/fake_etcd that no layer allows, as "file:line: why"."""
    found = []
    for path in sorted((root / PACKAGE).rglob("*.py")):
        relative = path.relative_to(root)
        is_package = path.name == "__init__.py"
        names = relative.with_suffix("").parts
        module = ".".join(names[:-1] if is_package else names)
        for line, target in imported(path.read_text(encoding="utf-8"), module, is_package):
            why = objection(module, target)
            if why:
                found.append(f"{relative.as_posix()}:{line}: {why}")
    return found


def objection(module: str, target: str) -> str | None:
    """Why a module may not import a name, or None where it may."""
    here, there = part_of(module), part_of(target)
    if here is None:
        return f"{module} imports {target}, and it is to import nothing of ours" if there else None
    if here in BESIDE:
        if there is not None and there not in BESIDE[here] and there != "__version__":
            return f"{here} imports {target}"
        return None
    layer = LAYER_OF.get(here)
    if layer is None:
        return f"{module} is in no layer"
    if target.split(".")[0] in FORBIDDEN.get(layer, set()):
        return f"{layer} imports {target}"
    if there is None or there == "__version__":
        return None
    if layer in USERS_OF.get(there, ()):
        return None
    if there not in LAYER_OF:
        return f"{layer} imports {target}, which is in no layer"
    if LAYERS.index(LAYER_OF[there]) > LAYERS.index(layer):
        return f"{layer} imports {target} from above"
    return None


def test_imports_point_downward_only() -> None:
    assert breaches(CHECKOUT) == []


ONE_WAY = ("api", "core", "services", "transport")
"""Layers in which no module imports one that imports it, by whatever way."""


def imports_of(root: Path) -> dict[str, set[str]]:
    """The modules of those layers, and which of them each imports, for types alone as well."""
    paths = {
        ".".join(path.relative_to(root).with_suffix("").parts): path
        for layer in ONE_WAY
        for path in (root / PACKAGE / layer).rglob("*.py")
        if path.name != "__init__.py"
    }
    found: dict[str, set[str]] = {module: set() for module in paths}
    for module, path in paths.items():
        for _, target in imported(path.read_text(encoding="utf-8"), module, is_package=False):
            found[module] |= {target, target.rpartition(".")[0]} & paths.keys()
    return found


def in_circles(imports: dict[str, set[str]]) -> set[str]:
    """What is left when all go that import nothing of what is left."""
    left = dict(imports)
    while gone := [module for module, targets in left.items() if not targets & left.keys()]:
        for module in gone:
            del left[module]
    return set(left)


def test_imports_go_one_way() -> None:
    assert in_circles(imports_of(CHECKOUT)) == set()


def test_a_circle_of_imports_is_found() -> None:
    assert in_circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == {"a", "b", "c"}


SUITE = "conformance"
SUITE_MAY_IMPORT = {"api", "cli", "clientv3", "testing"}
"""What the suite beside the package knows of it: messages, the tables, and the public doors."""


def suite_breaches(root: Path) -> list[str]:
    """Every import below `root`/conformance that is not for the suite, as "file:line: why"."""
    found = []
    for path in sorted((root / SUITE).rglob("*.py")):
        file = path.relative_to(root).as_posix()
        # Relative imports are its own: "" for a package's name makes them end in no part of ours.
        for line, target in imported(path.read_text(encoding="utf-8"), "", False):
            part = part_of(target)
            if part is not None and part not in SUITE_MAY_IMPORT:
                found.append(f"{file}:{line}: {SUITE} imports {target}")
            elif target.split(".")[0] == SUITE:
                found.append(f"{file}:{line}: installed, {SUITE} has another name: {target}")
    return found


def test_the_suite_knows_the_api_and_the_doors_only() -> None:
    assert suite_breaches(CHECKOUT) == []


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("from fake_etcd.core.node import Node", "conformance imports fake_etcd.core.node.Node"),
        ("import fake_etcd.services.kv", "conformance imports fake_etcd.services.kv"),
        (
            "from conformance.session import Session",
            "installed, conformance has another name: conformance.session.Session",
        ),
        ("from fake_etcd.api import errors\nfrom fake_etcd.cli import background", None),
        ("from .session import Session\nfrom . import oracle\nimport grpc", None),
    ],
)
def test_an_import_that_the_suite_may_not_have_is_found(
    tmp_path: Path, source: str, why: str | None
) -> None:
    (tmp_path / SUITE).mkdir()
    (tmp_path / SUITE / "a.py").write_text(source)
    assert suite_breaches(tmp_path) == ([f"conformance/a.py:1: {why}"] if why else [])


def test_the_examples_import_what_their_readers_may() -> None:
    found = {
        f"{path.name}: {target}"
        for path in sorted((CHECKOUT / "examples").glob("*.py"))
        for _, target in imported(path.read_text(encoding="utf-8"), "", False)
        if part_of(target) not in (None, "api", "clientv3", "testing")
    }
    assert found == set()


def test_the_check_reads_the_package() -> None:
    parts = {part_of(f"{PACKAGE}.{path.stem}") for path in (CHECKOUT / PACKAGE).iterdir()}
    assert {"api", "core", "services", "transport", "cli"} <= parts


@pytest.mark.parametrize(
    ("file", "source", "why"),
    [
        ("api/a.py", "import fake_etcd.core.node", "api imports fake_etcd.core.node from above"),
        (
            "core/a.py",
            "from fake_etcd.services import kv",
            "core imports fake_etcd.services.kv from above",
        ),
        (
            "core/mvcc/a.py",
            "from ...transport import listener",
            "core imports fake_etcd.transport.listener from above",
        ),
        ("core/__init__.py", "from .. import cli", "core imports fake_etcd.cli from above"),
        (
            "services/a.py",
            "def f():\n    from fake_etcd.transport import http1",
            "services imports fake_etcd.transport.http1 from above",
        ),
        (
            "transport/grpc/a.py",
            "from fake_etcd import cli",
            "transport imports fake_etcd.cli from above",
        ),
        ("core/a.py", "import asyncio", "core imports asyncio"),
        (
            "core/a.py",
            "from fake_etcd.bbolt import plan",
            "core imports fake_etcd.bbolt.plan, which is in no layer",
        ),
        ("core/a.py", "def f():\n    import time", "core imports time"),
        ("core/a.py", "from random import choice", "core imports random.choice"),
        ("core/a.py", "import logging.handlers", "core imports logging.handlers"),
        ("services/a.py", "import socket", "services imports socket"),
        ("clientv3/a.py", "import fake_etcd.core.node", "clientv3 imports fake_etcd.core.node"),
        ("bbolt/a.py", "from fake_etcd.api import errors", "bbolt imports fake_etcd.api.errors"),
        (
            "__init__.py",
            "from fake_etcd.api import errors",
            "fake_etcd imports fake_etcd.api.errors, and it is to import nothing of ours",
        ),
        ("odd/a.py", "import fake_etcd.api", "fake_etcd.odd.a is in no layer"),
    ],
)
def test_an_import_that_points_upward_is_found(
    tmp_path: Path, file: str, source: str, why: str
) -> None:
    path = tmp_path / PACKAGE / file
    path.parent.mkdir(parents=True)
    path.write_text(source)
    line = source.count("\n") + 1
    assert breaches(tmp_path) == [f"{PACKAGE}/{file}:{line}: {why}"]


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("cli/a.py", "from fake_etcd.transport.listener import Server\nimport asyncio"),
        ("transport/a.py", "import asyncio\nfrom fake_etcd.services.call import Call"),
        ("services/a.py", "from fake_etcd.core.node import Node\nimport time"),
        ("services/a.py", "from fake_etcd.bbolt import plan"),
        ("core/mvcc/a.py", "from ..node import Node\nfrom fake_etcd.api import errors"),
        ("clientv3/a.py", "from fake_etcd.api import messages\nimport grpc"),
        ("__main__.py", "from fake_etcd.cli.main import main"),
        ("cli/b.py", "from fake_etcd import __version__"),
    ],
)
def test_an_import_that_points_downward_is_fine(tmp_path: Path, file: str, source: str) -> None:
    path = tmp_path / PACKAGE / file
    path.parent.mkdir(parents=True)
    path.write_text(source)
    assert breaches(tmp_path) == []


MACHINE_PATH = re.compile(r"(?<![\w.])/(?:home|root|Users|work)/\w|/tmp/\w|\bC:\\\\?Users\b")
"""Paths that exist on one machine only."""

TEXT_SUFFIXES = {".py", ".pyi", ".md", ".toml", ".ini", ".proto", ".go", ".mod", ".sum", ".yml"}
TEXT_SUFFIXES |= {".cfg", ".txt", ".json", ".svg", ".sh", ""}
NOT_OURS = {"LICENSE"}


def files_of_the_project() -> Iterator[Path]:
    for path in sorted(CHECKOUT.rglob("*")):
        relative = path.relative_to(CHECKOUT)
        hidden = [name for name in relative.parts if name.startswith(".") and name != ".ci"]
        made = any(name.endswith((".egg-info", "__pycache__")) for name in relative.parts)
        built = relative.parts[0] in ("build", "dist")
        if hidden or made or built or path.name in NOT_OURS or path.suffix not in TEXT_SUFFIXES:
            continue
        if path.is_file():
            yield path


def machine_paths(text: str) -> list[str]:
    return [line for line in text.splitlines() if MACHINE_PATH.search(line)]


def test_no_file_holds_a_path_of_one_machine() -> None:
    found = {
        path.relative_to(CHECKOUT).as_posix(): lines
        for path in files_of_the_project()
        if path != Path(__file__).resolve()
        and (lines := machine_paths(path.read_text(encoding="utf-8", errors="replace")))
    }
    assert found == {}


@pytest.mark.parametrize("line", ["see /home/ann/x", "cd /Users/ann/x", "/tmp/x"])
def test_a_path_of_one_machine_is_found(line: str) -> None:
    assert machine_paths(f"a\n{line}\nb") == [line]


@pytest.mark.parametrize("line", ["unix:/path/to/socket", "/v3/kv/range", "a/home/b", "/homework"])
def test_other_paths_are_fine(line: str) -> None:
    assert machine_paths(line) == []
