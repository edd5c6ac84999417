"""`python -m bench`: builds, measures, prints, and writes docs/performance.md."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from pathlib import Path

from bench import (
    calling,
    clients,
    concurrency,
    counting,
    crowd,
    fixture,
    gateway,
    golang,
    growth,
    in_process,
    lives,
    report,
    scenarios,
    secured,
    snapshots,
    watching,
)
from conformance import oracle
from conformance.golang import NoGo

PARTS = (
    "tls",
    "connections",
    "gateway",
    "locks",
    "counting",
    "clients",
    "start",
    "fixture",
    "in-process",
    "watching",
    "auth",
    "snapshots",
    "keys",
    "history",
)
"""What --only takes beside the names of scenarios."""

_LIVES = 5
"""How often servers are started and stopped, at least: it takes a second, and varies."""

_QUICK_SIZES, _QUICK_HISTORIES = growth.SIZES[:3], growth.HISTORIES[:3]


def main(arguments: list[str]) -> int:
    """Run the bench; 0 where nothing went wrong, whatever the bars say."""
    options = _parse(arguments)
    command = " ".join(["python -m bench", *arguments])
    results = report.Results(command, options.turns, busy=os.getloadavg()[0])
    begin = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - begin:5.0f} s] {text}", file=sys.stderr, flush=True)

    if results.busy > 0.5:
        say(f"the machine is busy (load {results.busy:.1f}): the ratios will not be fair")
    try:
        say("building etcd and the load generator")
        oracle.build()
        golang.loadgen()
    except NoGo as error:
        print(error, file=sys.stderr)
        return 1
    only = set(options.only)
    seconds = 0.5 if options.quick else 1.5
    if not only or only - set(PARTS):
        chosen = only - set(PARTS)
        results.speed = scenarios.run(chosen, options.turns, seconds, say)
    if not only or "tls" in only:
        results.secured = secured.run(options.turns, seconds, say)
    if not only or "connections" in only:
        results.crowd = crowd.run(options.turns, seconds, say)
    if not only or "gateway" in only:
        results.gateway = gateway.run(options.turns, seconds, say)
    if not only or "locks" in only:
        results.locks = concurrency.run(options.turns, seconds, say)
    if not only or "clients" in only:
        results.clients = clients.run(options.turns, seconds, say)
    if not only or "counting" in only:
        results.counting = counting.run(options.turns, say)
    if not only or "start" in only:
        say("start and stop")
        results.lives = lives.run(max(options.turns, _LIVES))
    if not only or "fixture" in only:
        say("fixture")
        results.fixture = fixture.run(max(options.turns, 3))
    if not only or "in-process" in only:
        say("in-process")
        results.in_process = in_process.run(max(options.turns, 3))
    if not only or "watching" in only:
        results.watching = watching.run(options.turns, seconds, say)
    if not only or "auth" in only:
        users = calling.FEWER_USERS if options.quick else calling.USERS
        results.calling = calling.run(options.turns, seconds, say, users)
    if not only or "snapshots" in only:
        say("snapshots")
        results.snapshots = snapshots.run(options.turns)
    for server in growth.SERVERS:
        if not only or "keys" in only:
            say(f"cost and memory by keys: {server}")
            sizes = _QUICK_SIZES if options.quick else growth.SIZES
            results.keys[server] = growth.over_keys(server, sizes, seconds / 2)
        if not only or "history" in only:
            say(f"cost by revisions: {server}")
            histories = _QUICK_HISTORIES if options.quick else growth.HISTORIES
            results.history[server] = growth.over_history(server, histories, seconds / 2)
    say("done")
    print(report.markdown(results))
    output = options.output
    if output is None and not only and not options.quick:
        output = golang.ROOT / "docs"
    if output is not None:
        report.write(results, output)
        say(f"written: {output / 'performance.md'}")
    return 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    names = [scenario.name for scenario in scenarios.SCENARIOS]
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Compares fake_etcd with real etcd. Needs Go, and Linux for /proc.",
        epilog="A whole run writes docs/performance.md; --quick and --only print only.",
    )
    parser.add_argument("--quick", action="store_true", help="short and rough: one turn, 10^5 keys")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        choices=[*names, *PARTS],
        metavar="NAME",
        help=f"measure only this; may be given several times: {', '.join([*names, *PARTS])}",
    )
    parser.add_argument("--turns", type=int, help="turns of each server (default 3, quick 1)")
    parser.add_argument("--output", type=Path, help="folder for performance.md and the plots")
    options = parser.parse_args(arguments)
    if options.turns is None:
        options.turns = 1 if options.quick else 3
    if options.turns < 1:
        parser.error("--turns: at least one")
    return options


def _stop(number: int, frame: object) -> None:
    """End by an exception, so that servers and directories are cleared away on the way out."""
    raise SystemExit(128 + number)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stop)
    sys.exit(main(sys.argv[1:]))
