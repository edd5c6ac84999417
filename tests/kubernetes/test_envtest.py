"""controller-runtime's envtest, which starts etcd by itself, as a controller's own tests use it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from conformance import oracle
from tests.kubernetes import build

SECONDS = 1800.0
"""Longest run, with the Go test's own build."""


def our_etcd() -> Path:
    """The program called `etcd`, from the folder that is for putting on PATH."""
    done = subprocess.run(
        [sys.executable, "-m", "fake_etcd", "--print-bin-dir"],
        capture_output=True,
        text=True,
        check=True,
        timeout=SECONDS,
    )
    return Path(done.stdout.strip()) / "etcd"


def test_a_reconciler_works_in_envtest(programs: None, is_real: bool) -> None:
    etcd = oracle.build() if is_real else our_etcd()
    done = subprocess.run(
        ["go", "test", "-trimpath", "-count=1", "-v", "./..."],
        cwd=Path(__file__).parent / "golang",
        env={
            **os.environ,
            "TEST_ASSET_ETCD": str(etcd),
            "TEST_ASSET_KUBE_APISERVER": str(build.kube_apiserver()),
        },
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "--- PASS: TestAReconcilerWorks" in done.stdout
