"""`python -m bench.gateway`: the JSON gateway's rate beside real etcd's, and the bar for it.

64 connections of HTTP/1.1 with one call at a time each, as `bench.crowd` has them for gRPC. The two
servers take turns, since a machine is not the same from one minute to the next.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys

from bench import golang, servers
from conformance import oracle
from conformance.oracle import Running

BAR = 1.2
"""How many times real etcd's rate of puts ours is to be, at least."""

_SECONDS = 180
_ETCDS_FLAGS = ("--unsafe-no-fsync",)


def rate(server: Running, op: str, seconds: float) -> dict[str, float]:
    """What `loadgen posts` saw, with the server's processor time for a call in it."""
    command = [
        str(golang.loadgen()),
        "posts",
        f"-endpoint={server.url}",
        f"-pid={server.pid}",
        f"-op={op}",
        f"-seconds={seconds}",
    ]
    done = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=True)
    seen: dict[str, float] = json.loads(done.stdout)
    return seen


def main(arguments: list[str]) -> int:
    """Measure and print; 1 where puts do not reach the bar."""
    parser = argparse.ArgumentParser(prog="python -m bench.gateway", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args(arguments)
    ratios: dict[str, float] = {}
    with servers.ours() as ours, oracle.start(oracle.VERSION, _ETCDS_FLAGS) as etcd:
        for op in ("put", "get"):
            rates: dict[str, list[float]] = {"ours": [], "etcd": []}
            for _ in range(options.rounds):
                for name, server in (("ours", ours), ("etcd", etcd)):
                    seen = rate(server, op, options.seconds)
                    rates[name].append(seen["per_second"])
                    print(
                        f"{op} {name}: {seen['per_second']:,.0f}/s, "
                        f"p50 {seen['p50_us']:,.0f} us, p99 {seen['p99_us']:,.0f} us, "
                        f"{seen['cpu_us']:.0f} us of processor time a call"
                    )
            ratios[op] = statistics.median(rates["ours"]) / statistics.median(rates["etcd"])
    for op, ratio in ratios.items():
        print(f"{op}: {ratio:.2f} times etcd's rate")
    print(f"bar: puts {BAR} times, {'reached' if ratios['put'] >= BAR else 'missed'}")
    return 0 if ratios["put"] >= BAR else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
