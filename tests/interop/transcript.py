r"""Transcripts of etcdctl: a file that is both the script and what it is to print.

    # A line for the reader.
    $ etcdctl txn            what stands before it (`A=b etcdctl txn`) is for its environment
    < standard input, a line
    | standard output, a line
    ! standard error, a line
    = the exit status, where it is not 0

What goes on until it is ended, and what is to be known by its digest alone:

    $2 etcdctl watch a       until it has printed two lines: it gets SIGINT then
    &1 etcdctl lock a        likewise, but it runs on while what follows is done
    ^                        SIGINT to the oldest that runs on: what it has printed since
    ^2                       likewise, once it has printed two more lines
    .                        the oldest that runs on comes to its end by itself
    $* etcdctl help          its lines are counted and hashed: they are etcd's, and many
    $> etcdctl member add    again and again, each time with another `{port}`, until the new id is
                             above that of the first member, for lists of members to have one order

`{folder}` is a folder of the transcript's own, `{other}` the address of a second server, and
`{ID1}` the first id that was masked, as `ID1`.

A backslash after the last line of a stream says that its newline is missing. Bytes that are no text
are escaped, and what `-w protobuf` prints is taken apart, see `wire`. What differs from run to run
(times, addresses, ports, ids, how full a database is) is masked on both sides.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import re
import shlex
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from conformance.oracle import Running
from tests.interop import wire

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
    (re.compile(r'"Took" : [\d.]+[mµn]?s'), '"Took" : TIME'),
    # How large a snapshot is: when a file grows is a database's own affair.
    (re.compile(r'"size":"\d+ kB"'), '"size":"SIZE"'),
    # How long a lease has still to go, where all of its time was there a moment ago.
    (re.compile(r"remaining\(\d+s\)"), "remaining(SECONDS)"),
    (re.compile(r'"ttl":\d+,"granted-ttl"'), '"ttl":SECONDS,"granted-ttl"'),
    (re.compile(r'"TTL" : \d+\n"GrantedTTL"'), '"TTL" : SECONDS\n"GrantedTTL"'),
)

_ID = re.compile(r"(?<![\w.+/=])(?:\d{17,20}|[0-9a-f]{13,16})(?!\w)|(?<=/)[0-9a-f]{13,16}(?!\w)")
_KEY = re.compile(r'"key":"([A-Za-z0-9+/=]{20,})"')
_SAME_IDS = (0x8E9E05C52164694D, 0xCDF818194E3A8C32)
"""Those of the first member and the cluster, made from what is the same for every server here."""

COMMAND_SECONDS = 30

CHECK_SECONDS = 300
"""For `etcdctl check`, which writes for a minute."""

ADDING_ATTEMPTS = 100
FIRST_PORT = 100

LOG_IN_TIMEOUT = "20s"
"""etcdctl's own are 2 seconds, which a busy machine may need for the hash of the password alone."""


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a transcript: a command, an order to one that runs on, or words.

    Args:
        line: as it stands there.
        kind: "$", "&", "^", "." or "" for words.
        how: "*" where its output is known by its digest, ">" where it adds a member until its id
            is high, or how many lines a command that goes on is to print; empty for others.
        arguments: etcdctl's, with placeholders.
        stdin: what it is given, line by line.
        variables: its environment has these too, in place of others.
    """

    line: str
    kind: str = ""
    how: str = ""
    arguments: tuple[str, ...] = ()
    stdin: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def until(self) -> int | None:
        """How many lines a command that goes on is to print; none for one that ends."""
        return int(self.how) if self.how.isdecimal() else None


def steps(script: str) -> Iterator[Step]:
    """What a transcript does, in order; what it says of the output is not looked at."""
    lines = script.split("\n")
    for number, line in enumerate(lines[:-1]):
        if order := re.fullmatch(r"([.^])(\d*)", line):
            yield Step(line, order[1], order[2])
        elif command := re.fullmatch(r"([$&])(\d*|\*|>) (.*)", line):
            kind, how, text = command.groups()
            words = shlex.split(text)
            at = words.index("etcdctl")
            variables = dict(word.split("=", 1) for word in words[:at])
            given = tuple(_stdin(lines[number + 1 :]))
            yield Step(line, kind, how, tuple(words[at + 1 :]), given, variables)
        elif not line or line.startswith("#"):
            yield Step(line)


def _stdin(following: list[str]) -> Iterator[str]:
    for line in following:
        if not line.startswith("<"):
            return
        yield line[2:]


class Process(Protocol):
    """A command of a transcript that has been started."""

    step: Step

    def lines(self, count: int) -> bytes:
        """The next lines that it prints; its input stays open."""

    def end(self, interrupt: bool) -> tuple[bytes, bytes, int]:
        """What else it prints, all of its errors, and its status."""

    def kill(self) -> None:
        """End it, whatever it does."""


Start = Callable[[Sequence[str], Mapping[str, str], Step], Process]
"""Starts a command: its arguments, its environment, the step that it is."""


def program(*words: str | Path) -> Start:
    """Starts processes of a program.

    Args:
        words: its path, and what comes before the arguments.
    """

    def start(arguments: Sequence[str], environment: Mapping[str, str], step: Step) -> Process:
        return _Process([*map(str, words), *arguments], environment, step)

    return start


def replay(
    script: str,
    start: Start,
    url: str,
    start_other: Callable[[], AbstractContextManager[Running]] | None = None,
) -> str:
    """Run a transcript's commands in order and write down what they print now.

    Args:
        script: a transcript; what it says of the output is not looked at.
        start: starts the commands: `program(path of etcdctl)`.
        url: the server to talk to, which is expected to be empty.
        start_other: starts the second server, for a transcript that speaks of one.

    Returns:
        The transcript as it should be.
    """
    lines: list[str] = []
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="etcdctl-"))
        names = {"folder": folder}
        if "{other}" in script and start_other is not None:
            names["other"] = stack.enter_context(start_other()).url
        player = _Player(start, url, names)
        stack.callback(player.stop)
        for step in steps(script):
            lines.append(step.line)
            lines += [f"< {given}".rstrip() for given in step.stdin]
            lines += player.play(step)
    return "\n".join(lines) + "\n"


class _Process:
    """An etcdctl whose output is read line by line."""

    def __init__(self, command: list[str], environment: Mapping[str, str], step: Step) -> None:
        self.step = step
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - until it ends
        self._process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        self._timer = threading.Timer(_seconds(step), self._process.kill)
        self._timer.start()
        assert self._process.stdin is not None, "it has an input"
        self._process.stdin.write("".join(f"{given}\n" for given in step.stdin).encode())
        self._process.stdin.flush()

    def lines(self, count: int) -> bytes:
        """The next lines that it prints; its input stays open."""
        assert self._process.stdout is not None, "its output is read"
        return b"".join(self._process.stdout.readline() for _ in range(count))

    def end(self, interrupt: bool) -> tuple[bytes, bytes, int]:
        """What else it prints, all of its errors, and its status."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None, "it has an input"
        assert stdout is not None, "its output is read"
        if interrupt:  # its input stays open, lest it end because of that
            self._process.send_signal(signal.SIGINT)
        else:
            stdin.close()
        output = stdout.read()
        self._process.wait()
        stdin.close()
        stdout.close()
        self._timer.cancel()
        self._errors.seek(0)
        errors = self._errors.read()
        self._errors.close()
        return output, errors, self._process.returncode

    def kill(self) -> None:
        self._process.kill()
        self.end(interrupt=False)


@dataclass(slots=True)
class _Player:
    """Runs steps, and knows which ids it has seen."""

    start: Start
    url: str
    names: dict[str, str]
    ids: dict[int, str] = field(default_factory=dict)
    spelled: dict[str, str] = field(default_factory=dict)
    """How etcdctl wrote the first id, and so on, which is how it takes them."""
    running: list[Process] = field(default_factory=list)

    def play(self, step: Step) -> list[str]:
        """What a step prints, marked and masked."""
        if not step.kind:
            return []
        if step.kind in ("^", "."):
            return self._ended(self.running.pop(0), step)
        if step.how == ">":
            return self._added(step)
        process = self._started(step)
        begun = process.lines(step.until or 0)
        if step.kind == "&":
            self.running.append(process)
            return self._shown(step, begun, b"", 0)
        output, errors, status = process.end(interrupt=step.until is not None)
        return self._shown(step, begun + output, errors, status)

    def _ended(self, process: Process, step: Step) -> list[str]:
        begun = process.lines(step.until or 0)
        output, errors, status = process.end(interrupt=step.kind == "^")
        return self._shown(process.step, begun + output, errors, status)

    def _added(self, step: Step) -> list[str]:
        """Add a member; ids come from addresses and time, half are below the first member's."""
        for port in range(FIRST_PORT, FIRST_PORT + ADDING_ATTEMPTS):
            self.names["port"] = str(port)
            ended = self._to_its_end(step)
            listed, _, _ = self._to_its_end(Step("", arguments=("member", "list")))
            added = next(id for id in _ids(_text(listed)) if id not in _SAME_IDS)
            if added > _SAME_IDS[0]:
                return self._shown(step, *ended)
            self._to_its_end(Step("", arguments=("member", "remove", f"{added:x}")))
        raise AssertionError("no id is above that of the first member")

    def _to_its_end(self, step: Step) -> tuple[bytes, bytes, int]:
        return self._started(step).end(interrupt=False)

    def stop(self) -> None:
        """End what still runs."""
        for process in self.running:
            process.kill()

    def _started(self, step: Step) -> Process:
        names = {**self.names, **self.spelled}
        arguments = [
            re.sub(r"\{(\w+)\}", lambda found: names.get(found[1], found[0]), each)
            for each in step.arguments
        ]
        return self.start(arguments, self._environment(step), step)

    def _environment(self, step: Step) -> dict[str, str]:
        """Where to look, but for what the arguments say: etcdctl refuses to be told twice."""
        kept = {name: it for name, it in os.environ.items() if not name.startswith("ETCDCTL_")}
        given = {each.partition("=")[0] for each in step.arguments}
        if "--endpoints" not in given:
            kept["ETCDCTL_ENDPOINTS"] = self.url
        if "--dial-timeout" not in given:
            kept["ETCDCTL_DIAL_TIMEOUT"] = LOG_IN_TIMEOUT
        return {**kept, **step.variables}

    def _shown(self, step: Step, output: bytes, errors: bytes, status: int) -> list[str]:
        if _is_check(step):
            output, errors = _shape(output), b""  # errors are a bar of progress
        if step.how == "*":
            output, errors = _digest(output), _digest(errors)
        shown = [*self._marked("|", _printed(step, output)), *self._marked("!", _text(errors))]
        return [*shown, *([f"= {status}"] if status else [])]

    def _marked(self, mark: str, text: str) -> list[str]:
        for pattern, replacement in _MASKS:
            text = pattern.sub(replacement, text)
        if "TOOK" in text:  # whose width the columns have
            text = re.sub(r"[\d.]+[mµn]?s ", "TIME ", re.sub(" +", " ", re.sub("─+", "─", text)))
        text = text.replace(self.names["folder"], "{folder}")
        if "port" in self.names:
            text = text.replace(f"http://b:{self.names['port']}", "http://b:{port}")
        text = _KEY.sub(lambda found: f'"key":"{self._readable_key(found[1])}"', text)
        text = _ID.sub(lambda found: self._id(found[0]), text)
        *whole, rest = text.split("\n")
        lines = [f"{mark} {line}".rstrip(" ") if not line else f"{mark} {line}" for line in whole]
        return [*lines, f"{mark} {rest}\\"] if rest else lines

    def _readable_key(self, encoded: str) -> str:
        """A key of JSON as it is read, if there is an id in it, which base64 hides."""
        key = base64.b64decode(encoded).decode(errors="replace")
        return key if _ID.search(key) else encoded

    def _id(self, spelled: str) -> str:
        value = _value(spelled)
        if value in _SAME_IDS:
            return spelled
        if value not in self.ids:
            name = self.ids[value] = f"ID{len(self.ids) + 1}"
            self.spelled[name] = f"{value:x}"
        return self.ids[value]


def _seconds(step: Step) -> int:
    return CHECK_SECONDS if _is_check(step) else COMMAND_SECONDS


def _is_check(step: Step) -> bool:
    return step.arguments[:1] == ("check",) and len(step.arguments) > 1


def _shape(output: bytes) -> bytes:
    """What a check says without the figures of its measurements, which are a machine's own."""
    return re.sub(rb"(revision|Throughput is|took|Stddev is|used :) [\d.]+", rb"\1 FIGURE", output)


def _ids(text: str) -> list[int]:
    return [_value(found[0]) for found in _ID.finditer(text)]


def _value(spelled: str) -> int:
    return int(spelled) if re.fullmatch(r"\d{17,20}", spelled) else int(spelled, 16)


def _digest(output: bytes) -> bytes:
    """How much was printed, and its hash; its first line if that is an error."""
    if not output:
        return b""
    first = output.splitlines(keepends=True)[0]
    digest = hashlib.sha256(output).hexdigest()[:12]
    shown = f"{len(output.splitlines())} lines, digest {digest}\n".encode()
    return first + shown if first.startswith(b"Error: ") else shown


def _printed(step: Step, output: bytes) -> str:
    return _message(output) if "protobuf" in step.arguments else _text(output)


def _message(output: bytes) -> str:
    """A message taken apart; some commands print words whatever the format, and they stay so."""
    try:
        return "".join(f"{line}\n" for line in wire.lines(output))
    except ValueError:
        return _text(output)


def _text(output: bytes) -> str:
    """Output with what is no text escaped: control characters, bytes that are no UTF-8."""
    text = output.decode(errors="backslashreplace")
    return re.sub(r"[^\n\t -~\u00a0-\U0010ffff]", lambda found: f"\\x{ord(found[0]):02x}", text)
