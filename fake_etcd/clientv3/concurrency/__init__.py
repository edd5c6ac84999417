"""What several processes do together: sessions, locks, elections, transactions in memory.

>>> from fake_etcd.clientv3 import Client, Config, concurrency
>>> from fake_etcd.testing import FakeEtcd
>>> with FakeEtcd() as etcd, Client(Config(endpoints=etcd.endpoints)) as cli:
...     with concurrency.Session(cli, ttl=10) as s, concurrency.Mutex(s, "/lock") as mutex:
...         cli.txn().if_(mutex.is_owner()).then().commit().succeeded
True
"""

from __future__ import annotations

from fake_etcd.clientv3.concurrency.election import Election
from fake_etcd.clientv3.concurrency.mutex import Mutex
from fake_etcd.clientv3.concurrency.session import Session
from fake_etcd.clientv3.concurrency.stm import STM, stm
from fake_etcd.clientv3.core.concurrency.election import ErrElectionNoLeader, ErrElectionNotLeader
from fake_etcd.clientv3.core.concurrency.mutex import (
    ErrLocked,
    ErrLockReleased,
    ErrSessionExpired,
)
from fake_etcd.clientv3.core.concurrency.stm import (
    Isolation,
    ReadCommitted,
    RepeatableReads,
    Serializable,
    SerializableSnapshot,
)

__all__ = [
    "STM",
    "Election",
    "ErrElectionNoLeader",
    "ErrElectionNotLeader",
    "ErrLockReleased",
    "ErrLocked",
    "ErrSessionExpired",
    "Isolation",
    "Mutex",
    "ReadCommitted",
    "RepeatableReads",
    "Serializable",
    "SerializableSnapshot",
    "Session",
    "stm",
]
