"""Transcripts of etcdctl: a file that is both the script and what it is to print.

    # A line for the reader.
    $ etcdctl txn
    < standard input, a line
    | standard output, a line
    ! standard error, a line
    = the exit status, where it is not 0

A backslash after the last line of a stream says that its newline is missing. What differs from
run to run (times, addresses, ports, how full a database is) is masked on both sides.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

_MASKS = (
    (re.compile(r'"ts":"[^"]*"'), '"ts":"TIME"'),
    (re.compile(r"0x[0-9a-f]{6,}"), "0xADDRESS"),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:PORT"),
    # How long it took, and how full a database is between two of its commits.
    (re.compile(r"took (= )?[\d.]+[mµn]?s"), r"took \1TIME"),
    (re.compile(r'"took":"[^"]*"'), '"took":"TIME"'),
    (re.compile(r'"dbSizeInUse":\d+'), '"dbSizeInUse":BYTES'),
    (re.compile(r'"DBSizeInUse" : \d+'), '"DBSizeInUse" : BYTES'),
    (re.compile(r"(\d+ kB)(, | │  )\d+ kB(, | │ +)\d+%"), r"\1\2IN USE\3%"),
)

COMMAND_SECONDS = 30

LOG_IN_TIMEOUT = "20s"
"""etcdctl's own are 2 seconds, which a busy machine may need for the hash of the password alone."""


def replay(script: str, etcdctl: Path, url: str) -> str:
    """Run a transcript's commands in order and write down what they print now.

    Args:
        script: a transcript; what it says of the output is not looked at.
        etcdctl: the program.
        url: the server to talk to, which is expected to be empty.

    Returns:
        The transcript as it should be.
    """
    lines: list[str] = []
    for line, stdin in _commands(script):
        lines.append(line)
        if line.startswith("$ "):
            lines += [f"< {given}".rstrip() for given in stdin]
            lines += _run(line, stdin, etcdctl, url)
    return "\n".join(lines) + "\n"


def _commands(script: str) -> Iterator[tuple[str, list[str]]]:
    """Comments, empty lines and commands, the latter with their standard input."""
    lines = script.splitlines()
    for number, line in enumerate(lines):
        if line.startswith("$ "):
            stdin = []
            for following in lines[number + 1 :]:
                if not following.startswith("<"):
                    break
                stdin.append(following[2:])
            yield line, stdin
        elif not line or line.startswith("#"):
            yield line, []


def _run(line: str, stdin: list[str], etcdctl: Path, url: str) -> list[str]:
    _, program, *arguments = shlex.split(line)
    assert program == "etcdctl", f"a transcript runs nothing else: {line}"
    variables = {name: it for name, it in os.environ.items() if not name.startswith("ETCDCTL_")}
    done = subprocess.run(
        [etcdctl, *arguments],
        input="".join(f"{given}\n" for given in stdin),
        capture_output=True,
        text=True,
        env={**variables, "ETCDCTL_ENDPOINTS": url, "ETCDCTL_DIAL_TIMEOUT": "20s"},
        timeout=COMMAND_SECONDS,
        check=False,
    )
    status = [f"= {done.returncode}"] if done.returncode else []
    return [*_marked("|", done.stdout), *_marked("!", done.stderr), *status]


def _marked(mark: str, text: str) -> list[str]:
    for pattern, replacement in _MASKS:
        text = pattern.sub(replacement, text)
    *whole, rest = text.split("\n")
    lines = [f"{mark} {line}".rstrip(" ") if not line else f"{mark} {line}" for line in whole]
    return [*lines, f"{mark} {rest}\\"] if rest else lines
