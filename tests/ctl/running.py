"""`fake_etcd ctl` as transcripts run it, and what of etcdctl's transcripts is to be the same.

Commands that come to their end by themselves run in this process, which takes milliseconds; those
that go on are processes as a user starts them.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from fake_etcd.ctl.main import main
from fake_etcd.ctl.terminal import Terminal
from tests.interop import etcdctl_page
from tests.interop.transcript import Process, Start, Step, program, steps

PROCESS: Start = program(sys.executable, "-m", "fake_etcd", "ctl")
"""Starts what a user starts."""


class _Ended:
    """A command that has run in this process."""

    def __init__(
        self, arguments: Sequence[str], environment: Mapping[str, str], step: Step
    ) -> None:
        self.step = step
        stdin = io.BytesIO("".join(f"{line}\n" for line in step.stdin).encode())
        self._stdout, self._stderr = io.BytesIO(), io.BytesIO()
        terminal = Terminal(stdin, self._stdout, self._stderr, environment)
        self._status = main(arguments, terminal)

    def lines(self, count: int) -> bytes:
        assert not count, "it does not go on"
        return b""

    def end(self, interrupt: bool) -> tuple[bytes, bytes, int]:
        return self._stdout.getvalue(), self._stderr.getvalue(), self._status

    def kill(self) -> None:
        """It has ended."""


def start(arguments: Sequence[str], environment: Mapping[str, str], step: Step) -> Process:
    """A command, in this process where that is possible."""
    if _goes_on(step):
        return PROCESS(arguments, environment, step)
    return _Ended(arguments, environment, step)


def transcripts() -> list[Path]:
    """Those of etcdctl that are to be the same here."""
    return [path for path in etcdctl_page.transcripts() if path.stem not in ABSENT]


ABSENT = {"make_mirror", "check"}
"""Transcripts of commands that are not here."""


def _goes_on(step: Step) -> bool:
    return step.kind in ("&", "^", ".") or step.until is not None


def without_processes(transcript: str) -> str:
    """A transcript without the commands that go on, which are to change nothing that others see."""
    return "".join(
        f"{line}\n"
        for block in _blocks(transcript)
        if not any(map(_goes_on, _steps(block)))
        for line in block
    )


NOT_HERE = {"check", "completion", "make-mirror"}
"""Commands of etcdctl that this has not."""


def compared(printed: str, recorded: str) -> tuple[str, str]:
    """Two transcripts of one script without that in which they may differ.

    That is what Go's client logs, what help says, what a command does where etcdctl panics, and
    commands that are not here.
    """
    both = list(zip(_blocks(printed), _blocks(recorded), strict=True))
    same = [(one, other) for one, other in both if not _is_etcdctls_own(other)]
    return _text([one for one, _ in same]), _text([other for _, other in same])


def _text(blocks: Sequence[list[str]]) -> str:
    return "".join(f"{line}\n" for block in blocks for line in _kept(block))


def _blocks(transcript: str) -> Iterator[list[str]]:
    """A command's lines, or others, with what it printed."""
    block: list[str] = []
    for line in transcript.removesuffix("\n").split("\n"):  # U+2028 is no end of one
        if block and not re.match(r"[<|!=]( |$)", line):
            yield block
            block = []
        block.append(line)
    yield block


def _is_etcdctls_own(block: list[str]) -> bool:
    if any(line.startswith("! panic: ") for line in block):
        return True
    return any(NOT_HERE & {*step.arguments} for step in _steps(block))


def _steps(block: list[str]) -> Iterator[Step]:
    return steps("\n".join([*block, ""]))


_CLIENT_LOG = re.compile(r'! \{"level":"(?!fatal)(?!.*flags/flag.go)')
_STACK = re.compile(r',"stacktrace":"[^"]*"')
_WORDS_OF_GRPC = re.compile(r"(?<=desc = )\D*larger than max (\(\d+ vs\. \d+\))\)?")
_HELP_BEGINS = re.compile(r"! Usage:|! \d+ lines, digest|! Unknown help topic")


def _kept(block: list[str]) -> Iterator[str]:
    is_help = any(step.how == "*" for step in _steps(block))
    help_begun = False
    for line in block:
        help_begun = help_begun or _HELP_BEGINS.match(line) is not None
        is_errors_help = help_begun and line.startswith("!")
        is_help_itself = is_help and line.startswith("| ")
        if not (_CLIENT_LOG.match(line) or is_errors_help or is_help_itself):
            yield _WORDS_OF_GRPC.sub(r"larger than max \1", _STACK.sub("", line))
