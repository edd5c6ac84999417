"""What the README says to type works as it says."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fake_etcd import __version__

from .dev_server import environment, serving

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return README.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def commands(title: str) -> list[str]:
    return re.findall(r"^    (.+)$", section(title), re.MULTILINE)


@pytest.mark.parametrize("title", ["Run", "Test"])
def test_there_is_one_command_line(title: str) -> None:
    (command,) = commands(title)
    assert command.startswith("python3 -m venv .venv && .venv/bin/pip install ")


def test_the_server_prints_what_the_transcript_shows() -> None:
    shown = section("In use").partition("$ .venv/bin/fake-etcd\n")[2].partition("\n\n")[0]
    with serving() as server:
        printed = [line.replace(str(server.port), "2379") for line in server.lines]
    assert [line for line in map(str.strip, shown.splitlines()) if "[::1]" not in line] == printed
    assert f"fake_etcd {__version__} " in shown


@pytest.mark.skipif(importlib.util.find_spec("aetcd") is None, reason="aetcd is not installed")
def test_the_python_example_prints_what_the_transcript_shows(tmp_path: Path) -> None:
    match = re.search(r"```python\n([^`]*)```\n\n    (.+)", section("In use"))
    assert match
    program, output = match.groups()
    with serving() as server:
        example = tmp_path / "example.py"
        example.write_text(program.replace("2379", str(server.port)), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, str(example)],
            env=environment(),
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert (done.stdout, done.stderr) == (output + "\n", "")
