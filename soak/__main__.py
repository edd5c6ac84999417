"""`python -m soak`: see the package."""

from __future__ import annotations

import argparse
import asyncio
import sys

from bench import servers
from conformance import oracle
from soak import memory, run
from soak.clients import CLIENTS, CannotBuild

MOST_GROWTH = 4096.0
"""Bytes a second that the server's memory may grow by: 7 MB in half an hour."""


def main() -> int:
    """Run one, print what came of it; 1 where anything is not as it has to be."""
    options = _options()
    commands = dict(filter(None, map(_command, options.clients.split(","))))
    plan = run.Plan(
        commands,
        options.seed,
        seconds=options.minutes * 60,
        workers=options.workers,
        pause_milliseconds=options.pause,
    )
    start = oracle.start if options.real_etcd else servers.ours
    with start() as server:
        outcome = asyncio.run(run.soak(server, plan, print))
    later = outcome.samples[len(outcome.samples) // 3 :]
    growth = memory.slope(later)
    print(report(outcome, growth), end="")
    return int(bool(outcome.problems) or growth > MOST_GROWTH)


def _command(name: str) -> tuple[str, list[str]] | None:
    """A client's name and command; None, and a line that says why, where it cannot be had."""
    try:
        return name, CLIENTS[name]()
    except CannotBuild as error:
        print(f"{name} is left out: {error}")
        return None


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0, help="how long clients work")
    parser.add_argument("--seed", type=int, default=1, help="of what is done and cut")
    parser.add_argument("--clients", default=",".join(CLIENTS), help="which, comma separated")
    parser.add_argument("--workers", type=int, default=4, help="of each client")
    parser.add_argument("--pause", type=int, default=20, help="milliseconds before each step")
    parser.add_argument("--real-etcd", action="store_true", help="soak real etcd instead")
    return parser.parse_args()


def report(outcome: run.Outcome, growth: float) -> str:
    """What came of it, as a part of docs/soak.md."""
    first, last = outcome.samples[0], outcome.samples[-1]
    lines = [
        f"- {outcome.seconds:.0f} s, {outcome.revision} revisions, {outcome.cuts} connections cut",
        f"- memory: {first.resident_bytes / 2**20:.1f} MiB at {first.seconds:.0f} s, "
        f"{last.resident_bytes / 2**20:.1f} MiB at {last.seconds:.0f} s; its slope over the last "
        f"two thirds is {growth:.0f} bytes a second (bound: {MOST_GROWTH:.0f})",
        f"- open descriptors: {outcome.descriptors[0]} before, {outcome.descriptors[1]} after",
        "",
        "| client | answers | events | failed calls | with which words |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, told in outcome.told.items():
        errors = outcome.errors[name]
        failed = sum(errors.values())
        answers = sum(told[word] for word in ("put", "get", "delete", "revoke")) - failed
        words = "; ".join(f"{count} x {text}" for text, count in errors.most_common(6))
        lines.append(f"| {name} | {answers} | {told['event']} | {failed} | {words} |")
    lines += ["", f"{len(outcome.problems)} problems" + (":" if outcome.problems else "."), ""]
    lines += [f"- {problem}" for problem in outcome.problems[:50]]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
