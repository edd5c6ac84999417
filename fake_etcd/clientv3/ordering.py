"""Gets and transactions whose answers never go back in time; see `core.ordering`."""

from __future__ import annotations

from fake_etcd.clientv3.client import KV
from fake_etcd.clientv3.core import ordering
from fake_etcd.clientv3.core.ordering import ErrNoGreaterRev, OrderViolation, switch_endpoint

__all__ = ["ErrNoGreaterRev", "OrderViolation", "OrderingKV", "switch_endpoint"]


class OrderingKV(KV):
    """Keys whose gets and transactions are answered in the order of revisions.

    Args:
        kv: the keys: a client, say.
        violated: what is asked when an answer is too old.
    """

    def __init__(self, kv: KV, violated: OrderViolation) -> None:
        super().__init__(ordering.OrderingKV(kv._core, violated))
