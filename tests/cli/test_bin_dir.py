"""The folder of --print-bin-dir where Python is another: fresh, moved, asked by many at once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from .dev_server import CHECKOUT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no scripts of this kind")

SECONDS = 60
ASKED = ("-m", "fake_etcd", "--print-bin-dir")


def environment(package: Path, home: Path) -> dict[str, str]:
    """One in which a bare Python finds a package of ours and what that needs."""
    places = [str(package), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    return {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(places), "HOME": str(home)}


def bare_python(folder: Path) -> Path:
    """A virtual environment of its own, with nothing in it."""
    made = [sys.executable, "-m", "venv", "--without-pip", str(folder)]
    subprocess.run(made, check=True, timeout=SECONDS)
    return folder / "bin" / "python"


def output(command: list[str], variables: dict[str, str]) -> str:
    done = subprocess.run(
        command,
        env=variables,
        cwd=variables["HOME"],  # not the checkout, where Python would look first
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout


def runs(folder: Path, python: Path, variables: dict[str, str]) -> None:
    """The program called etcd there is this server, run by this Python."""
    (script,) = folder.iterdir()
    assert script.name == "etcd"
    assert script.read_text(encoding="utf-8").startswith(f"#!{python}\n")
    # It finds its package by itself; what that needs a whole installation would have beside it.
    assert output([str(script), "--version"], variables).startswith("etcd Version: 3.7.3\n")


def test_many_who_ask_at_once_get_one_folder(tmp_path: Path) -> None:
    python = bare_python(tmp_path / "venv")
    variables = environment(CHECKOUT, tmp_path)
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(output, [str(python), *ASKED], variables) for _ in range(8)]
        (printed,) = {each.result() for each in asked}
    folder = Path(printed.rstrip("\n"))
    assert folder.is_relative_to(tmp_path / "venv")
    runs(folder, python, variables)


def test_an_environment_that_was_moved_gets_a_folder_of_its_own(tmp_path: Path) -> None:
    variables = environment(CHECKOUT, tmp_path)
    python = bare_python(tmp_path / "before")
    before = Path(output([str(python), *ASKED], variables).rstrip("\n"))
    (tmp_path / "before").rename(tmp_path / "after")
    python = tmp_path / "after" / "bin" / "python"
    after = Path(output([str(python), *ASKED], variables).rstrip("\n"))
    assert after.is_relative_to(tmp_path / "after")
    assert after.name != before.name
    runs(after, python, variables)


def test_a_wheel_has_all_that_it_takes(tmp_path: Path) -> None:
    pytest.importorskip("setuptools")
    source = tmp_path / "source"  # so that nothing is left where others work
    shutil.copytree(
        CHECKOUT / "fake_etcd", source / "fake_etcd", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(CHECKOUT / name, source)
    options = ["--no-deps", "--no-build-isolation", "--quiet", "--wheel-dir", str(tmp_path)]
    built = [sys.executable, "-m", "pip", "wheel", *options, str(source)]
    subprocess.run(built, check=True, timeout=SECONDS, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    package = tmp_path / "package"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(package)
    variables = environment(package, tmp_path)
    python = bare_python(tmp_path / "venv")
    folder = Path(output([str(python), *ASKED], variables).rstrip("\n"))
    assert str(package) in (folder / "etcd").read_text(encoding="utf-8")
    runs(folder, python, variables)
