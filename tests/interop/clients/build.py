"""Makes the client programs that need making: folders in the user's cache, until they change."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from conformance import build_cache

BUILD_SECONDS = 900
"""Longest step: from empty caches over a slow line."""

TOOLS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "python": (),
    "go": (("go", "version"),),
    "node": (("node", "--version"), ("npm", "--version")),
    "java": (("java", "-version"), ("mvn", "--version")),
    "rust": (("cargo", "--version"),),
    "ruby": (("ruby", "--version"), ("ruby", "-e", "require 'grpc'; puts GRPC::VERSION")),
    "curl": (("curl", "--version"),),
}
"""What has to be there for the clients of a language, and how it is asked for its version."""


class NoToolchain(Exception):
    """Something is not there that a client's program needs, or does not make it; why."""


def toolchain(name: str) -> str:
    """What the tools of a language say of their versions.

    Raises:
        NoToolchain: one of them is not there.
    """
    found = []
    for command in TOOLS[name]:
        if shutil.which(command[0]) is None:
            raise NoToolchain(f"{command[0]} is not on the PATH")
        found.append(run(Path(), *command))
    return "\n".join(found)


def version(name: str) -> str:
    """The version that the last of a language's tools says it is, such as "7.88.1".

    Raises:
        NoToolchain: it is not there.
    """
    said = run(Path(), *TOOLS[name][-1])
    found = re.search(r"\d+(?:\.\d+)+", said)
    if found is None:
        raise NoToolchain(f"no version in {said!r}")
    return found[0]


def run(folder: Path, *command: str, **variables: str) -> str:
    """What a command prints, which ends well.

    Raises:
        NoToolchain: it does not; with the end of what it wrote.
    """
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=BUILD_SECONDS,
        check=False,
    )
    if done.returncode:
        raise NoToolchain(f"{' '.join(command)}: {done.stdout.strip()[-4000:]}")
    return done.stdout.strip()


def kept(language: str, name: str, sources: Iterable[Path], build: Callable[[Path], None]) -> Path:
    """A folder from the cache, made where it is not there yet.

    Args:
        language: whose toolchain makes it.
        name: what to call it.
        sources: what decides, beside the toolchain, whether it is the same.
        build: fills an empty folder.

    Raises:
        NoToolchain: it cannot be made.
    """
    made_from = [toolchain(language).encode()]
    made_from += [f"\0{source.name}\0".encode() + source.read_bytes() for source in sources]

    def build_at(path: Path) -> None:
        path.mkdir()
        build(path)

    return build_cache.kept("clients", name, b"".join(made_from), build_at)
