"""The official Go client: each test of the program in `golang/` is one test here."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from bench import golang
from conformance.oracle import Running
from tests.interop.conftest import built

_GO_TEST = re.compile(r"^func (Test\w+)\(t \*testing\.T\)", re.MULTILINE)


def _names() -> list[str]:
    files = sorted(golang.INTEROP_MODULE.glob("*_test.go"))
    return [name for file in files for name in _GO_TEST.findall(file.read_text())]


@pytest.fixture(scope="module")
def program() -> Path:
    return built(golang.client_tests)


@pytest.mark.parametrize("name", _names())
def test_go_client(name: str, program: Path, server: Running) -> None:
    done = subprocess.run(
        [program, f"-endpoint={server.url}", f"-test.run=^{name}$", "-test.v", "-test.timeout=60s"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert f"--- PASS: {name} " in done.stdout, f"the program has no such test:\n{done.stdout}"
