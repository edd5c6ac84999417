"""etcdctl prints of our server exactly what it prints of real etcd.

What real etcd gives is recorded in `golden/`. To record it again, or after writing a new script:

    pytest tests/interop/test_etcdctl.py --real-etcd --record

Those in `golden/long` take minutes and run with `--long`.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from bench import golang
from tests.interop import etcdctl_page, wire
from tests.interop.conftest import StartServer, built
from tests.interop.transcript import program, replay


@pytest.mark.parametrize(
    "file",
    etcdctl_page.transcripts(),
    ids=lambda file: file.relative_to(etcdctl_page.GOLDEN).with_suffix("").as_posix(),
)
def test_etcdctl(file: Path, start_server: StartServer, pytestconfig: pytest.Config) -> None:
    if file.parent.name == "long" and not pytestconfig.getoption("--long", False):
        pytest.skip("takes minutes: --long")
    etcdctl = built(golang.etcdctl)
    expected = file.read_text()
    with start_server() as server:
        actual = replay(expected, program(etcdctl), server.url, start_server)
    if pytestconfig.getoption("--record", False):
        file.write_text(actual)
    else:
        assert actual == expected


def test_the_page_shows_what_is_run() -> None:
    assert etcdctl_page.FILE.read_text() == etcdctl_page.render()


def test_every_command_is_run_with_every_option_or_it_is_said_why_not() -> None:
    known = _commands_and_options(built(golang.etcdctl))
    runs = etcdctl_page.runs()
    assert set(known) - set(runs) == set()
    of_all = set().union(*(one.options for one in runs.values()))
    untried = {
        option
        for command, options in known.items()
        for option in options - (of_all if command == "options" else runs[command].options)
    }
    assert untried - {"--help"} == set(etcdctl_page.UNTRIED)


def _commands_and_options(etcdctl: Path, *command: str) -> dict[str, set[str]]:
    """What `--help` tells of commands, and `options` of what all of them take."""
    arguments = command if command == ("options",) else (*command, "--help")
    text = subprocess.run(
        [etcdctl, *arguments], capture_output=True, text=True, check=True, timeout=30
    ).stdout
    below, _, flags = text.partition("Flags:" if command != ("options",) else "The following")
    listed = below.partition("Available Commands:")[2] if command else below
    children = re.findall(r"^  ([a-z-]+) +[A-Zc]", listed, re.M)
    if command == ("help",):  # shows that of etcdctl itself
        return {"help": set()}
    options = {found[1] for found in re.finditer(r"^ +(?:-\w, )?(--[a-z-]+)", flags, re.M)}
    found = {" ".join(command): options} if not children else {}
    for child in children:
        found |= _commands_and_options(etcdctl, *command, child)
    return found


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("0801", ["1: 1"]),
        ("0a020801120161", ["1 {", "  1: 1", "}", "2: 'a'"]),
        ("12050a0361ff62", ["2 {", "  1: 0x61ff62", "}"]),
        ("08ffffffffffffffffff01", ["1: 18446744073709551615"]),
    ],
)
def test_messages_are_shown_field_by_field(message: str, shown: list[str]) -> None:
    assert wire.lines(bytes.fromhex(message)) == shown


@pytest.mark.parametrize("message", ["08", "0a05ff", "0d00000000", "00"])
def test_what_is_no_message_is_refused(message: str) -> None:
    with pytest.raises(ValueError, match="no message"):
        wire.lines(bytes.fromhex(message))
