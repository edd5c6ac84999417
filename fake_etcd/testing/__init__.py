"""The test kit: an etcd inside the test, at the test's own speed and time."""

from fake_etcd.testing.fake import FakeEtcd
from fake_etcd.testing.snapshots import Snapshot

__all__ = ["FakeEtcd", "Snapshot"]
