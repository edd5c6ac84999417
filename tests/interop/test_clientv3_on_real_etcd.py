"""clientv3's own tests on real etcd, of each version that is served elsewhere, too.

Those of a few files, which are quick; `pytest tests/clientv3 --etcd=real@3.5.35` runs all.
"""

from __future__ import annotations

import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from conformance import oracle

from .conftest import built

ROOT = Path(__file__).parents[2]
AREAS = ("kv", "watch", "mutex", "cluster", "maintenance", "kubernetes", "mirror")
TIMEOUT = 300.0
"""Seconds after which a run has gone wrong."""

NOT_THERE = {
    "3.7.3": (),
    "3.6.16": ("RangeStream",),
    "3.5.35": ("RangeStream",),
}
"""What a test may be skipped for, besides using what only the emulator has."""


@pytest.mark.parametrize("version", NOT_THERE)
def test_the_tests_of_the_client_are_true_of_real_etcd(version: str) -> None:
    built(partial(oracle.build, version))
    files = [f"tests/clientv3/test_{area}.py" for area in AREAS]
    options = ["-q", "-rs", "-p", "no:cacheprovider", f"--etcd=real@{version}"]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *files],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    passed = re.search(r"(\d+) passed", run.stdout)
    assert passed is not None, run.stdout
    assert int(passed[1]) > 100, run.stdout
    reasons = re.findall(r"^SKIPPED \[\d+\] \S+ (.*)$", run.stdout, re.MULTILINE)
    elsewhere = f"only the emulator has it (--etcd=real@{version})"
    minor = version.rpartition(".")[0]
    known = {f"etcd {minor} has no {what}" for what in NOT_THERE[version]}
    assert known <= set(reasons), run.stdout
    assert {reason for reason in reasons if not reason.endswith(elsewhere)} == known, run.stdout
