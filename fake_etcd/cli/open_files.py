"""How many files and connections a process that is nothing but a server may have open.

The usual limit of a thousand is there for programs that use `select`; Go's, and so etcd, take as
many as they may have when they start (Go: os/rlimit.go), and a thousand clients are no rarity.
"""

from __future__ import annotations

import contextlib


def allow_most() -> None:
    """Raise this process's own limit to what the system has set as its bound."""
    try:
        import resource
    except ImportError:  # no Unix, and no such limit
        return
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    # macOS names a bound that it then refuses; what there was is left.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
