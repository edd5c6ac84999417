"""The matrix on file: what real etcd answered, one sign for each cell.

`transcripts/<minor version>/matrix.json` holds the version and the day, the callers in order, what
each sign stands for, and a line of signs for each row.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from .play import DONE, Cells

DENIED = "PERMISSION_DENIED: etcdserver: permission denied"

_SIGNS = {DONE: "✓", DENIED: "·"}
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
NO_CELL = " "


@dataclass(frozen=True, slots=True)
class Recording:
    """What is on file.

    Args:
        version: of the etcd that was asked, "3.7.3".
        day: when, "2026-11-28".
        callers: names, in the order of the signs.
        outcomes: what each sign stands for.
        rows: the signs of each row's cells, by its id.
    """

    version: str
    day: str
    callers: tuple[str, ...]
    outcomes: dict[str, str]
    rows: dict[str, str]

    def cells(self) -> Cells:
        """As they were tried."""
        return {
            (row, caller): self.outcomes[sign]
            for row, signs in self.rows.items()
            for caller, sign in zip(self.callers, signs, strict=True)
            if sign != NO_CELL
        }


def of_cells(
    cells: Cells, rows: Sequence[str], callers: Sequence[str], version: str, day: str
) -> Recording:
    """What is kept of cells.

    Args:
        cells: the outcomes.
        rows, callers: ids and names, in the order in which they are to be shown.
        version, day: see `Recording`.
    """
    signs = dict(_SIGNS)
    letters = iter(_LETTERS)
    lines: dict[str, str] = {}
    for row in rows:
        line = ""
        for caller in callers:
            outcome = cells.get((row, caller))
            if outcome is not None and outcome not in signs:
                signs[outcome] = next(letters)
            line += NO_CELL if outcome is None else signs[outcome]
        lines[row] = line
    by_sign = {sign: outcome for outcome, sign in signs.items()}
    return Recording(version, day, tuple(callers), by_sign, lines)


def path_in(folder: Path) -> Path:
    """Where the matrix is among the transcripts of a version."""
    return folder / "matrix.json"


def load(path: Path) -> Recording | None:
    """What is on file; None where there is nothing."""
    if not path.exists():
        return None
    document = cast(dict[str, object], json.loads(path.read_text(encoding="utf-8")))
    return Recording(
        cast(str, document["version"]),
        cast(str, document["day"]),
        tuple(cast(list[str], document["callers"])),
        cast(dict[str, str], document["outcomes"]),
        cast(dict[str, str], document["rows"]),
    )


def save(recording: Recording, path: Path) -> None:
    """Keep it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(_text(recording)), encoding="utf-8")


def _text(recording: Recording) -> Iterator[str]:
    """JSON with a row of the matrix on each line."""
    document = {
        "version": recording.version,
        "day": recording.day,
        "callers": list(recording.callers),
        "outcomes": recording.outcomes,
        "rows": recording.rows,
    }
    yield json.dumps(document, indent=1, ensure_ascii=False)
    yield "\n"
