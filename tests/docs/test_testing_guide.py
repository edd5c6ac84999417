"""Every block of docs/testing.md and docs/explore-findings.md does what the page says."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from conformance import oracle
from fake_etcd import testing
from fake_etcd.testing import FakeEtcd, faults, on, plugin
from tests.interop.conftest import built

from .guide import Section, agrees, sections

CHECKOUT = Path(__file__).resolve().parents[2]

GUIDE = CHECKOUT / "docs" / "testing.md"

FINDINGS = CHECKOUT / "docs" / "explore-findings.md"

SECTIONS = [*sections(GUIDE), *sections(FINDINGS)]

_OUTCOME = re.compile(r"^\d+ (passed|failed|skipped|error)(, \d+ (?!warnings)\w+)*", re.M)
"""The last line that pytest prints, without warnings."""


def pytest_in(folder: Path, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    """Runs pytest as a reader would, who has the checkout on the path for its examples."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(
        [sys.executable, "-m", "pytest", *arguments],
        cwd=folder,
        env={**ours, "PYTHONPATH": str(CHECKOUT), "COLUMNS": "80", "PY_COLORS": "0"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def normal(lines: list[str]) -> list[str]:
    """Without what is another time different: times, and spaces at the end."""
    return [re.sub(r" +\d+\.\d+ ?s\b", " 0.000 s", line).rstrip() for line in lines]


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.title)
def test_a_section_does_what_it_says(section: Section, tmp_path: Path) -> None:
    for name, content in section.files.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    if any("--etcd=real" in command.line for command in section.commands):
        built(oracle.build)
    for command in section.commands:
        program, *arguments = shlex.split(command.line)
        assert program == "pytest", command.line
        done = pytest_in(tmp_path, arguments)
        assert agrees(normal(command.output), normal(done.stdout.splitlines())), done.stdout
    if not section.commands:
        done = pytest_in(tmp_path, ["-q"])
        tests = sum(len(re.findall(r"^def test_", one, re.M)) for one in section.files.values())
        outcome = _OUTCOME.search(done.stdout)
        assert outcome, done.stdout + done.stderr
        assert outcome[0] == f"{tests} passed", done.stdout


def test_what_the_text_names_is_there() -> None:
    with FakeEtcd() as etcd:
        places = {
            r"\bfake_etcd\.(?!api|testing)(\w+)": dir(etcd),
            r"`clock\.(\w+)": dir(etcd.clock),
            r"`history\.(\w+)": dir(etcd.history),
            r"`on\.(\w+)": dir(on),
            r"`(\w+)\(": [*faults.__all__, *dir(etcd), *dir(plugin), *testing.__all__],
        }
    for pattern, known in places.items():
        named = re.findall(pattern, GUIDE.read_text(encoding="utf-8"))
        assert named
        assert set(named) - set(known) == set()


@pytest.mark.parametrize("page", [GUIDE, FINDINGS], ids=lambda page: page.name)
def test_its_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_the_first_test_of_the_readme_passes(tmp_path: Path) -> None:
    (section,) = (one for one in sections(CHECKOUT / "README.md") if one.title == "In a test")
    assert list(section.files) == ["test_block_1.py"]
    test_a_section_does_what_it_says(section, tmp_path)
