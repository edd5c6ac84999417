"""What a process that is nothing but a server asks of Python's and the system's memory managers.

These settings are the process's, not ours to touch where we run inside somebody's tests; so only
the dev server calls this.
"""

from __future__ import annotations

import ctypes
import gc
import sys

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
"""glibc: malloc.h."""

_KEPT_BYTES = 16 * 2**20


def tune() -> None:
    """Call once everything is imported and set up."""
    _spare_the_collector()
    _keep_freed_blocks()


def _spare_the_collector() -> None:
    """Keep the cyclic garbage collector from walking the store.

    Everything imported so far lives as long as the process: frozen, it is never looked at again.
    A full collection visits every object there is, 0.2 seconds at a million keys, and finds
    nothing, since the store has no cycles that die. So the oldest generation is never collected;
    the young ones are, and take what calls and connections leave behind. Their thresholds keep
    each of those collections below 3 ms while keys are put at full speed (2.0 s for 400,000 keys
    in the store alone, of which 0.06 s are collections).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(2_000, 5, 1_000_000_000)


def _keep_freed_blocks() -> None:
    """Keep glibc from giving the memory of every large answer back to the system.

    By default a block of 128 KiB is mapped when it is asked for and unmapped when it is freed,
    and each time its pages are cleared anew: a range of 1,000 keys (147 KB) then costs 40 to 90 us
    of the system's time instead of 20 (`python -m bench --only range`, with and without). Other C
    libraries have no such setting.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
