"""What `python -m conformance matrix` does: try, compare, keep."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date

from ..recordings import Recordings
from ..targets import CouldNotRun, RealEtcd, Target
from . import play, recording
from .callers import CALLERS
from .play import Cells
from .recording import Recording
from .rows import ROWS
from .servers import Setting

MOST_SHOWN = 40
"""Differences that are printed; the others are counted."""

Progress = Callable[[str, int], AbstractContextManager[Callable[[], None]]]
"""Makes a bar of a name and a total, and what to call for each step."""


def record(target: RealEtcd, recorded: Recordings, progress: Progress) -> list[str]:
    """Try all on real etcd, twice, and keep it.

    Returns:
        The cells in which it differs from itself; nothing is kept then.

    Raises:
        CouldNotRun: there is no real etcd.
    """
    first = tried(target, progress)
    if lines := play.differing(first, tried(target, progress)):
        return lines
    rows, callers = [row.id for row in ROWS], [caller.name for caller in CALLERS]
    day = date.today().isoformat()
    made = recording.of_cells(first, rows, callers, target.version, day)
    recording.save(made, recording.path_in(recorded.folder))
    return []


def verify(target: Target, recorded: Recordings, progress: Progress) -> list[str]:
    """The cells in which a target differs from what is on file.

    Raises:
        CouldNotRun: there is no server, or nothing on file.
    """
    return play.differing(kept(recorded).cells(), tried(target, progress))


def kept(recorded: Recordings) -> Recording:
    """What is on file.

    Raises:
        CouldNotRun: nothing is.
    """
    found = recording.load(recording.path_in(recorded.folder))
    if found is None:
        raise CouldNotRun("no matrix is recorded: `matrix record` does that")
    return found


def tried(target: Target, progress: Progress) -> Cells:
    """All cells, with a bar."""
    with progress("rows", len(Setting) * len(ROWS)) as seen:
        return play.tried(target, seen=seen)


def shown(lines: list[str], title: str) -> str:
    """What is printed of differences."""
    count = len(ROWS) * len(CALLERS)
    more = len(lines) - MOST_SHOWN
    return "\n".join(
        (
            *lines[:MOST_SHOWN],
            *([f"and {more} more"] if more > 0 else []),
            f"{title}: {count} cells, {len(lines)} differ",
        )
    )
