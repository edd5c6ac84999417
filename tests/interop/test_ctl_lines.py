"""Command lines that nobody would think of: `fake_etcd ctl` reads them as etcdctl does.

Each is put together of commands, words and flags at random, and run by both, on a server of its own
each. What is printed, the errors and the exit status are the same, but for help and for times.
"""

from __future__ import annotations

import os
import random
import re
import subprocess
from pathlib import Path

import pytest

from bench import golang
from fake_etcd.ctl.commands import UnknownCommand, find
from fake_etcd.testing import FakeEtcd
from tests.ctl.runs import Run, run
from tests.interop.conftest import built

LINES = 200
"""In a test."""

COMMANDS = """
get|put|del|g|p|txn|compaction|comp|version|ver|m|e|d|nope|help
lease list|lea li|lease timetolive|lease grant|lease keep-alive --once|lease
user list|user get|user|role get|role list|role grant-permission|role revoke-permission
endpoint status|endpoint hashkv|endpoint|member list|mem l|alarm list|al li|auth status
snapshot|snapshot save|move-leader|downgrade validate|defrag x
"""
WORDS = """
a b a/ - -- é 0 1 5 zz -1 l simple json KEY 3s root read
--prefix --from-key --prev-kv --keys-only --count-only --print-value-only --stream --range
--rev=2 --rev --rev=0x3 --limit=1 --limit --min-mod-rev=2 --max-mod-rev=1
--order=ascend --sort-by=value --sort-by --consistency=s
-w -wjson --write-out=fields -w=table --write-out -w9 --hex --hex=false
--lease=1 --ignore-value --ignore-lease --keys --physical --cluster --detail
-i --interactive=false -h --help -l --frob -z --debug=false --insecure-transport=0
--dial-timeout=1s --dial-timeout --command-timeout=2s --keepalive-time=bad --max-request-bytes=100
"""
ANY_WORDS = ["", "x y", *WORDS.split()]
VALUES = ("1", "2", "0", "s", "l", "a", "DESCEND", "KEY", "MODIFY")
NOT_CHOSEN = {"all", "consistency"}
"""Flags that etcdctl has not, and one that it tells wrongly of what is wrong with it."""

_TIMES = re.compile(r"\d+(\.\d+)?[µm]?s\b|\d+ kB, \d+%|dbSizeInUse\":\d+|DBSizeInUse\" : \d+")


def lines(seed: int) -> list[list[str]]:
    """Command lines, the same for the same seed."""
    choose = random.Random(seed)
    return [_line(choose) for _ in range(LINES)]


def _line(choose: random.Random) -> list[str]:
    command = choose.choice([name for name in re.split(r"[|\n]", COMMANDS) if name]).split()
    words = [
        _flag_of(command, choose) if choose.random() < 0.4 else choose.choice(ANY_WORDS)
        for _ in range(choose.randrange(5))
    ]
    return [*command, *words]


def _flag_of(command: list[str], choose: random.Random) -> str:
    """One that the command has, if it has any, with a value that may fit."""
    try:
        flags = find(command).command.flags
    except UnknownCommand:
        flags = ()
    known = [flag for flag in flags if flag.name not in NOT_CHOSEN]
    if not known:
        return choose.choice("ab")
    flag = choose.choice(known)
    return f"--{flag.name}={choose.choice(VALUES)}" if flag.takes_word else f"--{flag.name}"


def by_etcdctl(program: Path, arguments: list[str]) -> Run:
    environ = {name: it for name, it in os.environ.items() if not name.startswith("ETCDCTL_")}
    ended = subprocess.run(
        [program, *arguments], input=b"stdin\n", capture_output=True, env=environ, timeout=30
    )
    return Run(ended.stdout.decode(), ended.stderr.decode(), ended.returncode)


def comparable(ended: Run, etcd: FakeEtcd) -> Run:
    """Without times, addresses, what Go's client logs, and help."""
    stdout = "help" if "\nUsage:" in ended.stdout else ended.stdout
    errors = ended.stderr.partition("\nUsage:")[0].splitlines()
    # stty is what etcdctl asks for passwords with, here where there is no terminal.
    stderr = "\n".join(line for line in errors if not line.startswith(('{"level"', "stty: ")))
    port = etcd.url.rpartition(":")[2]
    stdout, stderr = (
        _TIMES.sub("TIME", text.strip()).replace(port, "PORT") for text in (stdout, stderr)
    )
    return Run(stdout, stderr, ended.status)


@pytest.mark.parametrize("seed", range(2))
def test_any_command_line_is_read_as_etcdctl_reads_it(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    etcdctl = built(golang.etcdctl)
    monkeypatch.chdir(tmp_path)  # some lines save snapshots, under any name
    with FakeEtcd() as theirs, FakeEtcd() as ours:
        for etcd in (theirs, ours):
            etcd.store.load({"a": "1", "a/": "2", "b": "3"})
        for line in lines(seed):
            expected = by_etcdctl(etcdctl, [f"--endpoints={theirs.url}", *line])
            found = run(f"--endpoints={ours.url}", *line, stdin="stdin\n")
            assert comparable(found, ours) == comparable(expected, theirs), line
