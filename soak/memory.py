"""Whether a process's memory grows: its resident size over time, and the line through it."""

from __future__ import annotations

import itertools
import os
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at a process: after so many seconds, so many bytes and open descriptors."""

    seconds: float
    resident_bytes: int
    descriptors: int


def look(pid: int, seconds: float) -> Sample:
    """Look at a process now."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return Sample(seconds, pages * _PAGE_BYTES, len(os.listdir(f"/proc/{pid}/fd")))


def slope(samples: Sequence[Sample]) -> float:
    """Bytes a second by which the resident size grows, by Theil and Sen.

    That is the median of the slopes between all pairs, so that single spikes do not count.

    >>> slope([Sample(0, 100, 3), Sample(1, 101, 3), Sample(2, 900, 3), Sample(3, 103, 3)])
    1.0
    """
    slopes = [
        (later.resident_bytes - earlier.resident_bytes) / (later.seconds - earlier.seconds)
        for earlier, later in itertools.combinations(samples, 2)
        if later.seconds > earlier.seconds
    ]
    return statistics.median(slopes) if slopes else 0.0
