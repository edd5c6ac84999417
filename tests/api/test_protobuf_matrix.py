"""`fake_etcd.api` works on every protobuf we promise, in environments that hold nothing else.

Slow (an environment is made and filled for each version), so only `pytest -m protobuf_matrix`
runs it. What is tried is in protobuf_probe.py.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from .processes import run_python

pytestmark = pytest.mark.protobuf_matrix

PROBE = str(Path(__file__).with_name("protobuf_probe.py"))

Environment = Callable[[str, str], str]


@cache
def python_310() -> str:
    """An interpreter that protobuf 3.20 has a C++ wheel for."""
    if sys.version_info[:2] == (3, 10):
        return sys.executable
    found = shutil.which("python3.10")
    # A version manager's shim is found even where there is nothing behind it.
    if found is None or subprocess.run([found, "-V"], capture_output=True, check=False).returncode:
        pytest.skip("no Python 3.10 here, the newest that protobuf 3.20 has its C++ wheel for")
    return found


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """`environment(interpreter, requirement)`: the interpreter of an environment with just that."""

    @cache
    def make(interpreter: str, requirement: str) -> str:
        folder = tmp_path_factory.mktemp("protobuf")
        subprocess.run([interpreter, "-m", "venv", str(folder)], check=True, timeout=120)
        scripts = folder / ("Scripts" if sys.platform == "win32" else "bin")
        python = str(scripts / "python")
        pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", requirement]
        subprocess.run(pip, check=True, timeout=300)
        return python

    return make


@pytest.mark.parametrize(
    ("requirement", "implementation"),
    [
        ("protobuf==3.20.*", "python"),
        ("protobuf==4.25.*", "python"),
        ("protobuf==4.25.*", "upb"),
        ("protobuf", "python"),
        ("protobuf", "upb"),
    ],
)
def test_the_api_works_on(environment: Environment, requirement: str, implementation: str) -> None:
    python = environment(sys.executable, requirement)
    printed = run_python(
        PROBE, executable=python, PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION=implementation
    )
    version, used = printed.split()
    assert used == implementation
    assert version.startswith(requirement.partition("==")[2].rstrip("*"))


def test_the_api_works_on_protobuf_320_in_cpp(environment: Environment) -> None:
    python = environment(python_310(), "protobuf==3.20.*")
    printed = run_python(PROBE, executable=python, PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION="cpp")
    version, used = printed.split()
    assert (version[:5], used) == ("3.20.", "cpp")
