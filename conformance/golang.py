"""The Go toolchain: programs that it builds are kept in the user's cache until it changes."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from . import build_cache

BUILD_SECONDS = 900
"""Longest step of a build: from an empty module cache over a slow line."""


class NoGo(Exception):
    """There is no Go toolchain that could build this; the text says why."""


def version() -> str:
    """The toolchain's own words, such as "go1.26.8 linux/amd64".

    Raises:
        NoGo: there is none.
    """
    if shutil.which("go") is None:
        raise NoGo("no Go toolchain: there is no `go` on the PATH")
    return run(Path(), "version").removeprefix("go version ").strip()


def run(folder: Path, *arguments: str, seconds: float = BUILD_SECONDS) -> str:
    """Run `go` in a folder; gives what it prints.

    Args:
        folder: where.
        arguments: the command and what it takes.
        seconds: how long it may take.

    Raises:
        NoGo: with what it says is wrong.
    """
    done = subprocess.run(
        ["go", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    if done.returncode:
        raise NoGo(f"go {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def kept(name: str, made_from: bytes, build: Callable[[Path], None]) -> Path:
    """A program from the cache, built where it is not there yet.

    Args:
        name: what to call it.
        made_from: what decides, beside the toolchain, whether it is the same program.
        build: writes it to a path.

    Raises:
        NoGo: it cannot be built.
    """
    return build_cache.kept("go", name, version().encode() + made_from, build)
