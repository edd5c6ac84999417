"""controller-runtime's envtest, which starts etcd by itself, as a controller's own tests use it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from conformance import oracle
from tests.interop.conftest import built
from tests.interop.launchers.surroundings import needs, our_bin_dir
from tests.kubernetes import build

SECONDS = 1800.0
"""Longest run, with the Go test's own build."""


def run(name: str, is_real: bool, **assets: str) -> None:
    """One of the tests in Go, with an etcd and other programs that envtest is to start."""
    etcd = built(oracle.build) if is_real else our_bin_dir() / "etcd"
    done = subprocess.run(
        ["go", "test", "-trimpath", "-count=1", "-v", f"-run=^{name}$", "./..."],
        cwd=Path(__file__).parent / "golang",
        env={**os.environ, "TEST_ASSET_ETCD": str(etcd), **assets},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"--- PASS: {name}" in done.stdout


def test_a_reconciler_works_in_envtest(programs: None, is_real: bool) -> None:
    run("TestAReconcilerWorks", is_real, TEST_ASSET_KUBE_APISERVER=str(build.kube_apiserver()))


def test_envtest_starts_etcd_alone(is_real: bool) -> None:
    needs("go")
    run("TestEtcdAlone", is_real)
