"""The multi-version store; its front is `Store`."""

from fake_etcd.core.mvcc.revision import Revision
from fake_etcd.core.mvcc.store import RangeResult, Store, WriteTxn
from fake_etcd.core.mvcc.version import Version

__all__ = ["RangeResult", "Revision", "Store", "Version", "WriteTxn"]
