"""Keeps in the user's cache what takes long to build, until what it is made from changes."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def kept(kind: str, name: str, made_from: bytes, build: Callable[[Path], None]) -> Path:
    """A program or a folder of them from the cache, built where it is not there yet.

    Args:
        kind: the part of the cache, such as "go".
        name: what to call it.
        made_from: what decides whether it is the same: sources, and versions of tools.
        build: makes the file or folder at a path where nothing is yet. What it raises comes
            through, and nothing is kept.
    """
    digest = hashlib.sha256(made_from).hexdigest()[:16]
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    path = base / "fake_etcd" / kind / f"{name}-{digest}"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix="build-") as temporary:
            built = Path(temporary) / name
            build(built)
            try:
                built.rename(path)  # so that nobody ever runs half a program
            except OSError:
                if not path.exists():  # where a folder is, another process was faster
                    raise
    return path
