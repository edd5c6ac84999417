"""The test kit: an etcd inside the test, at the test's own speed and time.

Names are imported when they are used: pytest reads this package in every run, for its plugin.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fake_etcd.testing import faults
    from fake_etcd.testing.fake import FakeEtcd
    from fake_etcd.testing.faults import on
    from fake_etcd.testing.snapshots import Snapshot
    from fake_etcd.testing.tls import Tls
    from fake_etcd.transport import certificates

__all__ = ["FakeEtcd", "Snapshot", "Tls", "certificates", "faults", "on"]

_MODULES = {
    "FakeEtcd": "fake_etcd.testing.fake",
    "Snapshot": "fake_etcd.testing.snapshots",
    "Tls": "fake_etcd.testing.tls",
    "certificates": "fake_etcd.transport.certificates",
    "faults": "fake_etcd.testing.faults",
    "on": "fake_etcd.testing.faults.on",
}
"""Where each name lives; some are modules themselves."""


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(_MODULES[name])
    return module if module.__name__.endswith(f".{name}") else getattr(module, name)
