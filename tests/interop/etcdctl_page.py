"""docs/etcdctl.md: which commands, options and formats of etcdctl the transcripts run.

python -m tests.interop.etcdctl_page            # write the page
python -m tests.interop.etcdctl_page --check    # only say whether it is stale
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.interop.transcript import Step, steps

GOLDEN = Path(__file__).parent / "golden"
FILE = Path(__file__).resolve().parents[2] / "docs" / "etcdctl.md"

FORMATS = ("simple", "json", "fields", "protobuf", "table")

_PARENTS = (
    *("alarm", "auth", "check", "downgrade", "endpoint", "lease", "member", "role", "snapshot"),
    "user",
)
_ALIASES = {"compact": "compaction"}
_SHORT = {"-i": "--interactive", "-l": "--listen", "-w": "--write-out"}

UNTRIED = {
    "--debug": "prints what the client logs, with times and goroutines",
    "--dest-cacert": "TLS to the second server, which is the client's own affair",
    "--dest-cert": "likewise",
    "--dest-insecure-transport": "likewise",
    "--dest-key": "likewise",
    "--dest-password": "a user of the second server: refused ones are tried again without end",
    "--dest-user": "likewise",
    "--discovery-srv": "asks DNS, not etcd",
    "--discovery-srv-name": "likewise",
    "--insecure-discovery": "likewise",
}
"""Options that no transcript uses, and why."""


@dataclass(slots=True)
class Runs:
    """What the transcripts do with one command."""

    count: int = 0
    options: set[str] = field(default_factory=set)
    formats: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)


def transcripts() -> list[Path]:
    """All of them, those last that take minutes."""
    return [*sorted(GOLDEN.glob("*.txt")), *sorted(GOLDEN.glob("long/*.txt"))]


def command(step: Step) -> str:
    """ "endpoint status" for whatever is asked of it; empty for etcdctl alone."""
    words = [each for each in step.arguments if not each.startswith("-")]
    if not words:
        return ""
    first = _ALIASES.get(words[0], words[0])
    return f"{first} {words[1]}" if first in _PARENTS and len(words) > 1 else first


def options(step: Step) -> set[str]:
    """The options of a step by their long names, up to `--`."""
    arguments = step.arguments
    if "--" in arguments:
        arguments = arguments[: arguments.index("--")]
    names = {each.partition("=")[0] for each in arguments}
    return {_SHORT.get(each, each) for each in names if each.startswith("--") or each in _SHORT}


def _format(step: Step) -> str:
    for option, value in zip(step.arguments, step.arguments[1:], strict=False):
        if option in ("-w", "--write-out"):
            return value
    given = [each for each in step.arguments if each.startswith("--write-out=")]
    return given[0].partition("=")[2] if given else "simple"


def runs() -> dict[str, Runs]:
    """What all transcripts do, by command."""
    found: dict[str, Runs] = {}
    for path in transcripts():
        for step in steps(path.read_text(encoding="utf-8")):
            if step.kind in ("$", "&"):
                one = found.setdefault(command(step), Runs())
                one.count += 1
                one.options |= options(step)
                one.formats.add(_format(step))
                one.files.add(path.relative_to(GOLDEN).with_suffix("").as_posix())
    return found


_HEAD = """\
# etcdctl

<!-- Written by `python -m tests.interop.etcdctl_page` from tests/interop/golden. -->

Every command of etcdctl 3.7.3 prints of the dev server what it prints of real etcd 3.7.3: \
standard output, standard error and exit status, line for line. Each transcript begins on an empty \
server. What real etcd gave is recorded, and tests hold the dev server to it; `--real-etcd` holds \
real etcd to it, and `--real-etcd --record` records it anew.

"""

_FOOT = """\
## What is not compared

Masked on both sides: times and durations, addresses and ports, the ids of leases and of added \
members (each by the order in which it first comes up), how much of a lease is left, how much of \
the database is in use, how large a snapshot is. `-w protobuf` is compared field by field. What \
etcdctl says of itself (`help`, `options`, `completion`) is compared by its digest.

`check perf` and `check datascale` take more than a minute, and their figures are the machine's; \
what is compared is what they say beside these. They run with `--long`:

    pytest tests/interop/test_etcdctl.py --long -k check

Commands that go on (`watch`, `lease keep-alive`, `lock`, `elect`, `make-mirror`) are read to as \
many lines as real etcd gives, then end by SIGINT. Watches whose events come while they look on, \
and hundreds of users and roles, are in tests/interop/test_etcdctl_streams.py and \
test_etcdctl_users.py; TLS is in [clients.md](clients.md).
"""


def render() -> str:
    """The page."""
    found = runs()
    rows = [
        [
            f"`{name or 'etcdctl'}`",
            str(one.count),
            ", ".join(f"`{each}`" for each in sorted(one.options - _of_all())),
            ", ".join(each for each in FORMATS if each in one.formats),
            ", ".join(sorted(one.files)),
        ]
        for name, one in sorted(found.items())
    ]
    of_all = set().union(*(one.options for one in found.values())) & _of_all()
    return "".join(
        (
            _HEAD,
            "## Commands\n\nAll that are listed here are equal.\n\n",
            *_table(("command", "runs", "options", "formats", "transcripts"), rows),
            "\n## Options of every command\n\nTried: ",
            ", ".join(f"`{each}`" for each in sorted(of_all)),
            ".\n\nNot tried here, with the options of single commands:\n\n",
            *_table(("option", "why"), [[f"`{name}`", why] for name, why in UNTRIED.items()]),
            "\n",
            _FOOT,
        )
    )


def _of_all() -> set[str]:
    """Options that etcdctl takes with every command, as `etcdctl options` lists them."""
    return {
        *("--auth-jwt-token", "--cacert", "--cert", "--command-timeout", "--debug"),
        *("--dial-timeout", "--discovery-srv", "--discovery-srv-name", "--endpoints", "--hex"),
        *("--insecure-discovery", "--insecure-skip-tls-verify", "--insecure-transport"),
        *("--keepalive-time", "--keepalive-timeout", "--key", "--max-recv-bytes"),
        *("--max-request-bytes", "--password", "--user", "--write-out", "--help"),
    }


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(line)} |\n" for line in lines]


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page, or say whether it is stale; gives the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.interop.etcdctl_page")
    parser.add_argument("--check", action="store_true", help="only say whether it is stale")
    check = parser.parse_args(arguments).check
    text = render()
    if not check:
        FILE.write_text(text, encoding="utf-8")
    elif not FILE.exists() or FILE.read_text(encoding="utf-8") != text:
        print(f"{FILE} is stale: python -m tests.interop.etcdctl_page", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
