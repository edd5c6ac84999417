"""What several processes do together: sessions, locks, elections, transactions in memory."""

from fake_etcd.clientv3.core.concurrency.election import (
    Election,
    ErrElectionNoLeader,
    ErrElectionNotLeader,
)
from fake_etcd.clientv3.core.concurrency.mutex import (
    ErrLocked,
    ErrLockReleased,
    ErrSessionExpired,
    Mutex,
)
from fake_etcd.clientv3.core.concurrency.session import Session
from fake_etcd.clientv3.core.concurrency.stm import (
    STM,
    Isolation,
    ReadCommitted,
    RepeatableReads,
    Serializable,
    SerializableSnapshot,
    stm,
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
