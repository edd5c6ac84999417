"""What the scenarios of KV share: keys to begin with, and a range of all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fake_etcd.api import messages as m

from ...session import Session

R = m.RangeRequest


TARGETS = (R.KEY, R.VERSION, R.CREATE, R.MOD, R.VALUE)


ORDERS = (R.NONE, R.ASCEND, R.DESCEND)


BOUNDS = ("min_mod_revision", "max_mod_revision", "min_create_revision", "max_create_revision")


def put_each(s: Session, keys: Iterable[str], value: bytes = b"v") -> None:
    """One put, so one revision, for each key."""
    for key in keys:
        s.put(key=key.encode("latin-1"), value=value)


def put_mixed(s: Session) -> None:
    """Four keys, with another order for each of the sort targets.

    By key they are abcd, by creation bdac, by modification badc, by version cbda, by value dacb.
    """
    for put in (b"b1", b"b4", b"d9", b"d1", b"a0", b"a0", b"a0", b"a2", b"d1", b"c3"):
        s.put(key=put[:1], value=put[1:])


def read_all(s: Session, **options: Any) -> m.RangeResponse:
    """A range of all keys."""
    return s.range(key=b"\0", range_end=b"\0", **options)
