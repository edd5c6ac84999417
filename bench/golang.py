"""Builds Go programs from the modules in this repository and keeps them in the user's cache.

What is built is pinned by the module's go.sum, so a binary is used again until that, the sources
or the toolchain change. Nothing else of the bench or the interop tests calls `go`.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BENCH_MODULE = ROOT / "bench" / "golang"
INTEROP_MODULE = ROOT / "tests" / "interop" / "golang"

BUILD_SECONDS = 900
"""Longest build: etcd from an empty module cache over a slow line."""


class NoGo(Exception):
    """There is no Go toolchain that could build this; the text says why."""


def etcd() -> Path:
    """Real etcd's server, of the version that go.mod names."""
    return _build("etcd", BENCH_MODULE, "go.etcd.io/etcd/server/v3")


def etcdctl() -> Path:
    """Real etcdctl, of the version that go.mod names."""
    return _build("etcdctl", INTEROP_MODULE, "go.etcd.io/etcd/etcdctl/v3")


def loadgen() -> Path:
    """The bench's load generator."""
    return _build("loadgen", BENCH_MODULE, "./loadgen")


def client_tests() -> Path:
    """The test program of the official client."""
    return _build("client-tests", INTEROP_MODULE, ".", test=True)


def version() -> str:
    """The toolchain's own words, such as "go1.26.8 linux/amd64".

    Raises:
        NoGo: there is none.
    """
    if shutil.which("go") is None:
        raise NoGo("no Go toolchain: there is no `go` on the PATH")
    output = subprocess.run(["go", "version"], check=True, capture_output=True, text=True)
    return output.stdout.removeprefix("go version ").strip()


def _build(name: str, module: Path, package: str, *, test: bool = False) -> Path:
    """The built program, from the cache where it is there already.

    Raises:
        NoGo: there is no toolchain, or it could not build (no network, too old).
    """
    digest = hashlib.sha256(version().encode())
    sources = sorted(module.rglob("*.go")) if package.startswith(".") else []
    for file in [module / "go.mod", module / "go.sum", *sources]:
        digest.update(file.read_bytes())
    program = _cache() / f"{name}-{digest.hexdigest()[:16]}"
    if program.exists():
        return program
    program.parent.mkdir(parents=True, exist_ok=True)
    unfinished = program.with_name(f"{program.name}.{os.getpid()}")
    verb = ["test", "-c"] if test else ["build"]
    built = subprocess.run(
        ["go", *verb, "-trimpath", "-o", str(unfinished), package],
        cwd=module,
        capture_output=True,
        text=True,
        timeout=BUILD_SECONDS,
        check=False,
    )
    if built.returncode:
        raise NoGo(f"go could not build {name}: {built.stderr.strip()}")
    unfinished.rename(program)  # so that nobody ever runs half a program
    return program


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "fake_etcd" / "go"
