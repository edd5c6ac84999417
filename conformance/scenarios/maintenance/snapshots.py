"""Snapshot: that it comes, with its digest and the version, and who may not have it.

What is in the file is no scenario's: tests/interop/test_snapshots.py has each server read the
other's.
"""

from __future__ import annotations

from fake_etcd.api import messages as m

from ...scenario import scenario
from ...session import Session


@scenario
def a_snapshot_is_the_database_and_then_its_digest(s: Session) -> None:
    s.call("Maintenance/Snapshot", m.SnapshotRequest())


@scenario
def a_snapshot_takes_any_message_that_is_one(s: Session) -> None:
    s.call("Maintenance/Snapshot", b"\x0a\x01x")
    s.call("Maintenance/Snapshot", b"\x0a")
