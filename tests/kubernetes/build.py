"""Kubernetes' API server, built from its Go modules into the user's cache.

`apiserver/go.mod` requires `k8s.io/kubernetes` and replaces each of its staging modules by the
version that was published with it; what is built is `cmd/kube-apiserver/app` as its own command
starts it. On two idle processors it takes ten minutes, once.
"""

from __future__ import annotations

import re
from pathlib import Path

from conformance import golang

FOLDER = Path(__file__).parent / "apiserver"

BUILD_SECONDS = 3600.0
"""Longest build: on a machine that has other work, with nothing in Go's cache."""

_REQUIRED = re.compile(r"^\tk8s\.io/kubernetes (v(\d+)\.(\d+)\.\S+)$", re.MULTILINE)
_VERSION_AT = "k8s.io/component-base/version"


def kubernetes_version() -> str:
    """The version that is built, as in "v1.37.2"."""
    return _required()[1]


def kube_apiserver() -> Path:
    """The API server's program.

    Raises:
        conformance.golang.NoGo: it cannot be built; the text says why.
    """
    made_from = b"\0".join((FOLDER / name).read_bytes() for name in ("go.mod", "go.sum", "main.go"))
    return golang.kept("kube-apiserver", made_from, _build)


def _build(program: Path) -> None:
    version, major, minor = _required().groups()
    # Without these it takes itself for v0.0.0, and then refuses its own feature gates.
    stamped = {"gitVersion": version, "gitMajor": major, "gitMinor": minor}
    linked = " ".join(f"-X {_VERSION_AT}.{name}={it}" for name, it in stamped.items())
    golang.run(
        FOLDER,
        *("build", "-trimpath", "-ldflags", f"-s -w {linked}", "-o", str(program), "."),
        seconds=BUILD_SECONDS,
    )


def _required() -> re.Match[str]:
    found = _REQUIRED.search((FOLDER / "go.mod").read_text())
    assert found is not None, "apiserver/go.mod requires k8s.io/kubernetes"
    return found
