"""What a client of the soak does, and how it says what it was told.

A client is a program with these arguments: the endpoint, its name, how many workers it has, how
many steps each of them takes (0: until standard input ends), how many milliseconds pass before each
step, and a seed. All its keys begin with its name and "/". One worker alone writes a key, and no
value is written twice, so that the history says of each value which call wrote it.

It prints one line of JSON for each answer, with what the answer said:

| told | of |
| --- | --- |
| put | a put, alone or in a transaction: key, value, revision |
| get | a get: key, revision of the header, value, or absent |
| delete | a delete: key, revision of the header; absent where nothing was deleted |
| revoke | the end of a lease: the key that was put with it, revision of the header |
| expires | key that was put with a lease of 2 seconds that nobody renews |
| grant, keepalive, watch | only where they failed |
| event | one of its watch of all its keys from revision 1: key, revision, value, or absent |
| failed | what no cut explains |
| done | the end |

A call that failed has an error instead of a revision: it may have happened, once, or not at all.
"NAME/alive" is put with a lease of 30 seconds that is renewed to the end; "NAME/end" is put when
all workers are done, and ends the watch.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

WORDS = frozenset(
    (
        "put",
        "get",
        "delete",
        "revoke",
        "expires",
        "grant",
        "keepalive",
        "watch",
        "event",
        "failed",
        "done",
    )
)


@dataclass(frozen=True, slots=True)
class Told:
    """One line.

    Args:
        word: what it is about, one of `WORDS`.
        key, value: text; empty where there is none.
        revision: the answer's; 0 where there was no answer.
        absent: nothing was there.
        error: why there was no answer, in the client's words; empty where there was one.
    """

    word: str
    key: str = ""
    value: str = ""
    revision: int = 0
    absent: bool = False
    error: str = ""


def parse(line: str) -> Told:
    """One line of a client.

    Raises:
        ValueError: it is no such line.
    """
    found = json.loads(line)
    if not isinstance(found, dict) or found.get("told") not in WORDS:
        raise ValueError(f"not a line of a client: {line!r}")
    return Told(
        word=found["told"],
        key=str(found.get("key", "")),
        value=str(found.get("value", "")),
        revision=int(found.get("revision", 0)),
        absent=bool(found.get("absent", False)),
        error=str(found.get("error", "")),
    )
