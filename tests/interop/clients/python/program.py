"""What the client programs in Python share: how checks are run, told of, and ask for trouble.

The dialogue is the same for programs in every language, and the module `runner` has its other end.
Nothing of fake_etcd is imported here: a client's generated messages may not meet ours.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

Value = TypeVar("Value")

LARGE = 1_400_000
"""Bytes of a value that is below etcd's limit for a request, 1.5 MiB."""

TOO_LARGE = 1_600_000
"""Bytes of a value that is above it, and that a message may have yet."""

MANY = 100
"""Calls at once."""

DEADLINE_SECONDS = 0.5
"""How long a call waits for an answer that is held back."""

Check = Callable[[], str | None]
"""Does one check: gives what there is to say about it, and raises where it does not hold."""


class Missing(Exception):
    """This client has nothing that could be checked; the text says what it lacks."""


@dataclass(frozen=True)
class Places:
    """Where the server is.

    Args:
        direct: HOST:PORT, plaintext.
        through: the same server behind a proxy that cuts and stalls when it is asked to.
        secure: the same server with TLS, which wants a certificate.
        ca: file with the authority's certificate.
        cert: file with a certificate that the server takes.
        key: file with its key.
    """

    direct: str
    through: str
    secure: str
    ca: str
    cert: str
    key: str


PLACES = Places(
    *(
        os.environ.get(f"CLIENT_{name}", "")
        for name in ("DIRECT", "THROUGH", "SECURE", "CA", "CERT", "KEY")
    )
)


def host_and_port(place: str) -> tuple[str, int]:
    host, _, port = place.rpartition(":")
    return host, int(port)


def ask(what: str) -> None:
    """Have the proxy `cut` its connections, `stall` answers or let them `flow`; returns then."""
    print(json.dumps({"do": what}), flush=True)
    if sys.stdin.readline() != "done\n":
        raise RuntimeError(f"nobody does {what!r}")


def same(found: Value, wanted: Value) -> None:
    """Raises unless they are equal."""
    if found != wanted:
        raise AssertionError(f"{found!r:.300} instead of {wanted!r:.300}")


def main(checks: Mapping[str, Check]) -> None:
    """Run those checks that are wanted and tell of each in one line of JSON."""
    for name in os.environ["CLIENT_CHECKS"].split(","):
        check = checks[name]
        line: dict[str, object] = {"check": name, "ok": True}
        try:
            if note := check():
                line["note"] = note
        except Missing as missing:
            line["missing"] = str(missing)
        except Exception as error:
            traceback.print_exc()
            line |= {"ok": False, "detail": f"{type(error).__name__}: {error}"}
        print(json.dumps(line), flush=True)
