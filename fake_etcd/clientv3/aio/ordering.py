"""Gets and transactions whose answers never go back in time; see `core.ordering`."""

from fake_etcd.clientv3.core.ordering import (
    ErrNoGreaterRev,
    OrderingKV,
    OrderViolation,
    switch_endpoint,
)

__all__ = ["ErrNoGreaterRev", "OrderViolation", "OrderingKV", "switch_endpoint"]
