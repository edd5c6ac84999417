"""Tests in Go that start `etcd` themselves, as those of Go projects do."""

from __future__ import annotations

import re
import subprocess

from bench import golang
from tests.interop.conftest import built
from tests.interop.launchers.surroundings import SECONDS, Surroundings

SOURCE = golang.INTEROP_MODULE / "testserver" / "testserver_test.go"


def test_a_go_test_has_a_server_of_its_own(surroundings: Surroundings) -> None:
    program = built(golang.test_server)
    done = subprocess.run(
        [program, "-test.v", f"-test.timeout={SECONDS:.0f}s"],
        env=surroundings.variables,
        cwd=surroundings.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=2 * SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    tests = re.findall(r"^func (Test\w+)\(", SOURCE.read_text(encoding="utf-8"), re.MULTILINE)
    passed = re.findall(r"^--- PASS: (\w+) ", done.stdout, re.MULTILINE)
    assert sorted(passed) == sorted(tests)
