"""docs/other-languages.md: every block in it is run, as whoever copies it would run it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from bench import golang
from fake_etcd.testing import FakeEtcd
from fake_etcd.testing.control import door, rules

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
PAGE = (CHECKOUT / "docs" / "other-languages.md").read_text(encoding="utf-8")

_BLOCK = re.compile(r"^```(\w+) ?(\S*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
BLOCKS = [match.groups() for match in _BLOCK.finditer(PAGE)]
"""Language, name of the file, and content."""

_COMMAND_SECONDS = 300
"""The longest that a package manager, or what it starts, may take; it is seconds once warm."""


def needs(*tools: str) -> None:
    """Skip where a tool is not there, or fail where FAKE_ETCD_REQUIRE_<the first one> is 1."""
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        required = f"FAKE_ETCD_REQUIRE_{tools[0].upper()}"
        if os.environ.get(required) == "1":
            pytest.fail(f"{required}=1, but {missing[0]} is not on the PATH", pytrace=False)
        pytest.skip(f"{missing[0]} is not on the PATH")


@pytest.fixture
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """One in which `fake-etcd` is this checkout's, by this Python."""
    folder = tmp_path_factory.mktemp("bin")
    program = folder / "fake-etcd"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m fake_etcd "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return {
        **os.environ,
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(CHECKOUT),
    }


def run(folder: Path, environment: dict[str, str], command: Sequence[str]) -> str:
    """What a command prints, which ends well."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_COMMAND_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def write(language: str, folder: Path) -> None:
    """The page's files of a language."""
    folder.mkdir(parents=True, exist_ok=True)
    for of, name, content in BLOCKS:
        if of == language:
            (folder / name).write_text(content, encoding="utf-8")


def test_every_block_is_of_a_kind_that_is_run_here() -> None:
    assert [block[:2] for block in BLOCKS] == [
        ("console", ""),
        ("go", "main_test.go"),
        ("go", "registry_test.go"),
        ("js", "etcd.js"),
        ("js", "registry.test.js"),
        ("java", "EtcdTest.java"),
    ]


def test_the_page_has_the_tables_as_they_are() -> None:
    assert door.markdown() in PAGE, "put the output of control.door.markdown() there"
    assert rules.markdown() in PAGE, "put the output of control.rules.markdown() there"


def test_the_rule_that_is_shown_is_one() -> None:
    (shown,) = re.findall(r'`(\{"on": .*?)`', PAGE)
    with FakeEtcd() as etcd:
        rules.add(etcd.faults, json.loads(shown))
        assert etcd.faults.describe() == (
            "1. on method('Put', key='a'): refuse with UNAVAILABLE, 'etcdserver: no leader' "
            "(times=1); acted 0 times"
        )


def test_the_command_line_prints_what_is_said_of_it(environment: dict[str, str]) -> None:
    (command,) = re.findall(r"^    (fake-etcd .+)$", PAGE, re.MULTILINE)
    shown = re.search(r"`(\{\"endpoints\": .*?), \.\.\.\}`", PAGE)
    assert shown
    process = subprocess.Popen(
        command.split(),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert without_what_differs(line).startswith(without_what_differs(shown[1]))
        assert json.loads(line)["pid"] == process.pid
    finally:
        process.terminate()
        process.communicate(timeout=10)
    assert process.returncode == -signal.SIGTERM


def without_what_differs(text: str) -> str:
    """Text without ports, times, versions, and ids of leases, which are others in each run."""
    for pattern, instead in (
        (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
        (r'"now": (\d+)\.\d+', r'"now": \1'),
        (r'"fake_etcd": "[^"]+"', '"fake_etcd": VERSION'),
        (r'("lease"|"id"): "\d+"', r"\1: ID"),
    ):
        text = re.sub(pattern, instead, text)
    return text


def test_the_requests_by_hand_are_answered_as_shown(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    needs("curl", "bash")
    (shown,) = [content for language, _, content in BLOCKS if language == "console"]
    commands = re.findall(r"^\$ (.+)$", shown, re.MULTILINE)
    script = "\n".join(f"printf '%s\\n' {quoted(f'$ {each}')}\n{each}" for each in commands)
    printed = run(tmp_path, environment, ["bash", "-c", script])
    assert without_what_differs(printed) == without_what_differs(shown)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def test_the_tests_in_go_pass(tmp_path: Path, environment: dict[str, str]) -> None:
    needs("go")
    write("go", tmp_path)
    for name in ("go.mod", "go.sum"):
        shutil.copy(golang.INTEROP_MODULE / name, tmp_path)
    printed = run(tmp_path, environment, ["go", "test", "-count=1", "-v", "./..."])
    assert re.findall(r"^--- (\w+): (\w+)", printed, re.MULTILINE) == [
        ("PASS", "TestServiceIsGoneWhenItsLeaseExpires"),
        ("PASS", "TestBeginsWithAnEmptyEtcd"),
    ]


def test_the_code_in_go_is_formatted(tmp_path: Path, environment: dict[str, str]) -> None:
    needs("go", "gofmt")
    write("go", tmp_path)
    assert run(tmp_path, environment, ["gofmt", "-l", "."]) == ""


def test_the_tests_in_javascript_pass(tmp_path: Path, environment: dict[str, str]) -> None:
    needs("node", "npm", "npx")
    write("js", tmp_path)
    shutil.copy(HERE / "javascript" / "package.json", tmp_path)
    install = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-save"]
    run(tmp_path, environment, install)
    printed = run(tmp_path, environment, ["npx", "--no-install", "jest", "--ci"])
    assert re.findall(r"^Tests: +(.+)$", printed, re.MULTILINE) == ["2 passed, 2 total"]


def test_the_tests_in_java_pass(tmp_path: Path, environment: dict[str, str]) -> None:
    needs("java", "javac", "mvn")
    write("java", tmp_path / "src" / "test" / "java")
    shutil.copy(HERE / "java" / "pom.xml", tmp_path)
    printed = run(tmp_path, environment, ["mvn", "--batch-mode", "--no-transfer-progress", "test"])
    assert "Tests run: 1, Failures: 0, Errors: 0, Skipped: 0" in printed
