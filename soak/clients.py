"""The clients: how each is built, where its toolchain is there, and the command that runs it.

What npm and Maven fetch is kept in the user's cache, as the programs that Go builds are.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from conformance import build_cache, golang

HERE = Path(__file__).resolve().parent

_BUILD_SECONDS = 600


class CannotBuild(Exception):
    """A client cannot be had here; the text says why."""


def python() -> list[str]:
    """grpc.aio, in this Python."""
    return [sys.executable, "-m", "soak.python_client"]


def go() -> list[str]:
    """The official client."""
    module = HERE / "golang"
    files = [module / "go.mod", module / "go.sum", *sorted(module.glob("*.go"))]

    def build_at(path: Path) -> None:
        golang.run(module, "build", "-trimpath", "-o", str(path), ".")

    try:
        made_from = b"".join(file.read_bytes() for file in files)
        return [str(golang.kept("soak", made_from, build_at))]
    except golang.NoGo as error:
        raise CannotBuild(str(error)) from None


def node() -> list[str]:
    """The etcd3 package."""
    install = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"]
    folder = _kept("node", ["node", "npm"], install)
    return ["node", str(folder / "soak.js")]


def java() -> list[str]:
    """jetcd."""
    maven = ["mvn", "-q", "--batch-mode", "--no-transfer-progress"]
    goals = ["compile", "dependency:copy-dependencies"]
    folder = _kept("java", ["java", "mvn"], [*maven, *goals]) / "target"
    path = f"{folder / 'classes'}{os.pathsep}{folder / 'dependency'}{os.sep}*"
    return ["java", "-Xmx256m", "-cp", path, "Soak"]


CLIENTS: dict[str, Callable[[], list[str]]] = {
    "python": python,
    "go": go,
    "node": node,
    "java": java,
}
"""Name to what gives the command, without the arguments that `soak.told` says."""


def _kept(name: str, tools: list[str], command: list[str]) -> Path:
    """A copy of a client's folder in which a command was run, made where it is not there yet.

    Raises:
        CannotBuild: a tool is missing, or the command fails.
    """
    for tool in tools:
        if shutil.which(tool) is None:
            raise CannotBuild(f"{tool} is not on the PATH")
    source = HERE / name
    files = sorted(path for path in source.rglob("*") if path.is_file())
    made_from = [f"\0{path.relative_to(source)}\0".encode() + path.read_bytes() for path in files]

    def build_at(folder: Path) -> None:
        shutil.copytree(source, folder)
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_BUILD_SECONDS,
            check=False,
        )
        if done.returncode:
            raise CannotBuild(f"{' '.join(command)}: {done.stdout.strip()}")

    return build_cache.kept("soak", name, b"".join(made_from), build_at)
