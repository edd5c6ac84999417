"""Leases that expire. These scenarios wait, for much longer than it takes."""

from __future__ import annotations

import time

from ...scenario import scenario
from ...session import Session
from .asking import grant, keep_alive, leases, time_to_live

EXPIRED_SECONDS = 5.0
"""A lease of 2 seconds is found within half a second, and revoked in next to no time."""


@scenario
def a_lease_that_expires_takes_its_keys_along(s: Session) -> None:
    grant(s, 7, 2)
    for key in (b"b", b"a", b"c"):
        s.put(key=key, lease=7)
    s.put(key=b"c")
    time.sleep(EXPIRED_SECONDS)
    s.range(key=b"\0", range_end=b"\0")
    time_to_live(s, 7, keys=True)
    leases(s)
    keep_alive(s, 7)
    s.put(key=b"a", lease=7)
    grant(s, 7)


@scenario
def leases_that_expire_make_a_revision_each(s: Session) -> None:
    for id in (7, 8, 9):
        grant(s, id, 2)
    s.put(key=b"a", lease=7)
    s.put(key=b"b", lease=9)
    time.sleep(EXPIRED_SECONDS)
    s.range(key=b"\0", range_end=b"\0")
    leases(s)


@scenario
def what_was_moved_away_does_not_expire(s: Session) -> None:
    grant(s, 7, 2)
    grant(s, 8, 60)
    for key in (b"a", b"b", b"c"):
        s.put(key=key, lease=7)
    s.put(key=b"a", lease=8)
    s.put(key=b"b")
    time.sleep(EXPIRED_SECONDS)
    s.range(key=b"\0", range_end=b"\0")
    time_to_live(s, 8, keys=True)


@scenario
def a_lease_that_is_kept_alive_does_not_expire(s: Session) -> None:
    grant(s, 7, 4)
    s.put(key=b"a", lease=7)
    for _ in range(6):
        time.sleep(1)
        keep_alive(s, 7)
    s.range(key=b"a")
    time.sleep(2 + EXPIRED_SECONDS)
    s.range(key=b"a")
