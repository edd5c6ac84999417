"""Builds Go programs from the modules in this repository and keeps them in the user's cache.

What is built is pinned by the module's go.sum, so a binary is used again until that, the sources
or the toolchain change. Real etcd's server is `conformance.oracle`'s business.
"""

from __future__ import annotations

from pathlib import Path

from conformance import golang

ROOT = Path(__file__).resolve().parent.parent
BENCH_MODULE = ROOT / "bench" / "golang"
INTEROP_MODULE = ROOT / "tests" / "interop" / "golang"
SNAPSHOT_MODULE = ROOT / "tests" / "interop" / "snapshot_tools"


def etcdctl() -> Path:
    """Real etcdctl, of the version that go.mod names."""
    return _build("etcdctl", INTEROP_MODULE, "go.etcd.io/etcd/etcdctl/v3")


def etcdutl() -> Path:
    """Real etcdutl, of the version that go.mod names."""
    return _build("etcdutl", SNAPSHOT_MODULE, "go.etcd.io/etcd/etcdutl/v3")


def bbolt() -> Path:
    """bbolt's own command, of the version that etcd uses."""
    return _build("bbolt", SNAPSHOT_MODULE, "go.etcd.io/bbolt/cmd/bbolt")


def loadgen() -> Path:
    """The bench's load generator."""
    return _build("loadgen", BENCH_MODULE, "./loadgen")


def client_tests() -> Path:
    """The test program of the official client."""
    return _build("client-tests", INTEROP_MODULE, ".", test=True)


def test_server() -> Path:
    """The test program that starts `etcd` itself."""
    return _build("testserver", INTEROP_MODULE, "./testserver", test=True)


def _build(name: str, module: Path, package: str, *, test: bool = False) -> Path:
    """The built program, from the cache where it is there already.

    Raises:
        golang.NoGo: there is no toolchain, or it could not build (no network, too old).
    """
    sources = sorted(module.rglob("*.go")) if package.startswith(".") else []
    files = [module / "go.mod", module / "go.sum", *sources]
    verb = ["test", "-c"] if test else ["build"]

    def build_at(path: Path) -> None:
        golang.run(module, *verb, "-trimpath", "-o", str(path), package)

    return golang.kept(name, b"".join(file.read_bytes() for file in files), build_at)
