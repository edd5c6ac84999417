"""docs/clients.md, from the results on file and the tables of clients and checks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tests.interop.clients.checks import CHECKS, HTTP, KUBERNETES
from tests.interop.clients.results import Outcome
from tests.interop.clients.table import CLIENTS, Client

FILE = Path(__file__).resolve().parents[3] / "docs" / "clients.md"

_HEAD = """\
# Clients

<!-- Written by `python -m tests.interop.clients page` from the results of the last run. -->

Every client here was run against the dev server, as a process of its own on a loopback port, by a \
program in its language. The same programs pass on real etcd 3.7.3. A check is "yes" where \
everything held that is said of it below; a number leads to a note. "none" means that the client \
has nothing that could be checked.

"""

_FOOT = """\
## Running them again

    python -m tests.interop.clients run                  # all whose toolchain is there
    python -m tests.interop.clients run rust jetcd       # these
    python -m tests.interop.clients run --real-etcd      # the same on real etcd
    python -m tests.interop.clients run --write          # and put the results on file
    python -m tests.interop.clients page                 # write this page from them

`pytest tests/interop/clients` runs each client as a test and holds the outcome to what is here. A \
client whose toolchain is missing is skipped, or fails where `FAKE_ETCD_REQUIRE_GO`, `_NODE`, \
`_JAVA`, `_RUST`, `_RUBY` or `_CURL` is 1. Cuts and held-back answers come from a TCP proxy \
between client and server, so they are the same for all.
"""


def render(outcomes: Mapping[str, Outcome]) -> str:
    """The page.

    Args:
        outcomes: of all clients in the table, by name.
    """
    notes: list[str] = []
    return "".join(
        (
            _HEAD,
            "## etcd's API\n\n",
            _matrix([each for each in CLIENTS if each.checks is CHECKS], outcomes, notes),
            "| check | holds when |\n| --- | --- |\n",
            *(f"| {name} | {text} |\n" for name, text in CHECKS.items()),
            "\n## Kubernetes' client\n\n",
            "The client of Kubernetes' API server, which knows five requests.\n\n",
            _matrix([each for each in CLIENTS if each.checks is KUBERNETES], outcomes, notes),
            "| check | holds when |\n| --- | --- |\n",
            *(f"| {name} | {text} |\n" for name, text in KUBERNETES.items()),
            "\n## HTTP\n\n",
            "What is there beside gRPC, by curl.\n\n",
            _matrix([each for each in CLIENTS if each.checks is HTTP], outcomes, notes),
            "| check | holds when |\n| --- | --- |\n",
            *(f"| {name} | {text} |\n" for name, text in HTTP.items()),
            "\n## Notes\n\n" if notes else "\n",
            *(f"{number}. {note}\n" for number, note in enumerate(notes, 1)),
            "\n" if notes else "",
            _FOOT,
        )
    )


def _matrix(clients: Sequence[Client], outcomes: Mapping[str, Outcome], notes: list[str]) -> str:
    checks = list(clients[0].checks)
    lines = [
        _row(["client", "language", "version", *checks]),
        _row(["---"] * (3 + len(checks))),
    ]
    for client in clients:
        outcome = outcomes[client.name]
        cells = []
        for check in checks:
            result = outcome.checks[check]
            cell = "none" if result.missing else "yes"
            if result.note:
                if result.note not in notes:
                    notes.append(result.note)
                cell += f" ({notes.index(result.note) + 1})"
            cells.append(cell)
        lines.append(_row([client.title, client.language, outcome.version, *cells]))
    return "".join(lines) + "\n"


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |\n"
