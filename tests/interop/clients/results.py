"""What was found, on file: `results.json`, from which docs/clients.md is made.

Only results of whole runs in which every check held are kept. A check is there with what is to
say of it: nothing, or a note, or what the client is missing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.interop.clients import build
from tests.interop.clients.runner import Broken, Result, run, serving
from tests.interop.clients.table import Client

FILE = Path(__file__).with_name("results.json")


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one client.

    Args:
        version: the one that was run.
        checks: what came of each check, by its name.
    """

    version: str
    checks: Mapping[str, Result]


def of(client: Client, real: bool = False) -> Outcome:
    """Run a client's program on a server of its own.

    Args:
        client: which.
        real: whether the server is real etcd.

    Raises:
        NoToolchain: its program cannot be made here.
        Broken: a check did not hold, or the program did not tell of just those it is to tell of.
    """
    build.toolchain(client.toolchain)
    program = client.prepare()
    with serving(real) as server:
        checks = run(program.command, client.checks, server, program.variables)
    if list(checks) != list(client.checks):
        raise Broken(f"told of {list(checks)} instead of {list(client.checks)}")
    return Outcome(client.version or build.version(client.toolchain), checks)


def load() -> dict[str, Outcome]:
    """The results on file, by the names of clients."""
    return {
        name: Outcome(
            outcome["version"],
            {check: Result(True, **said) for check, said in outcome["checks"].items()},
        )
        for name, outcome in json.loads(FILE.read_text()).items()
    }


def save(outcomes: Mapping[str, Outcome]) -> None:
    """Put results on file, in place of all there are."""
    content = {
        name: {
            "version": outcome.version,
            "checks": {check: _said(result) for check, result in outcome.checks.items()},
        }
        for name, outcome in outcomes.items()
    }
    FILE.write_text(json.dumps(content, indent=1) + "\n")


def _said(result: Result) -> dict[str, str | bool]:
    if result.missing:
        return {"note": result.note, "missing": True}
    return {"note": result.note} if result.note else {}
