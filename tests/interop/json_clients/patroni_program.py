"""Patroni's two nodes on one server: members, the race for the leader, a failover, and errors."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from typing import Any

from patroni.dcs import get_dcs  # type: ignore[import-not-found]
from patroni.dcs.etcd3 import Etcd3ClientError  # type: ignore[import-not-found]

logging.disable(logging.CRITICAL)
host = sys.argv[1]


def node(name: str, **more: str) -> Any:
    where = {"host": f"127.0.0.1:{host}", **more}
    top = {"scope": "demo", "name": name, "loop_wait": 10, "ttl": 30, "retry_timeout": 10}
    return get_dcs({"etcd3": where, **top})


def error_of(call: Callable[..., object], *arguments: object) -> object:
    try:
        return call(*arguments)
    except Etcd3ClientError as error:
        return type(error).__name__, error.error, int(error.as_dict()["code"])


def once(node: Any, holds: Callable[[Any], object]) -> Any:
    """What a node knows of the cluster once that holds: it hears of others by a watch."""
    for _ in range(200):
        cluster = node.get_cluster()
        if holds(cluster):
            return cluster
        node.watch(None, 0.1)
    raise AssertionError(f"it never held: {cluster}")


a, b = node("a"), node("b")
for each in (a, b):
    each.set_ttl(60)
    each.create_lease()
    print(each.touch_member({"conn_url": f"postgres://{each._name}/", "state": "running"}))
print([bool(each.initialize(create_new=True, sysid=each._name)) for each in (a, b)])
print([bool(each.attempt_to_acquire_leader()) for each in (a, b, a)])
print(a.set_config_value('{"ttl":30}'), a.set_history_value("[]"), a.write_leader_optime("7"))
cluster = once(b, lambda it: it.config and it.leader and it.status.last_lsn == 7)
print(sorted(member.name for member in cluster.members), cluster.leader.name, cluster.initialize)
print(cluster.config.data, cluster.status.last_lsn, cluster.is_unlocked())
print(a.update_leader(cluster, 8), b.refresh_lease())

print(b.manual_failover("a", "b"))
cluster = once(a, lambda it: it.failover)
print(cluster.failover.leader, cluster.failover.candidate)
for version in ("1", cluster.failover.version):
    print(bool(b.manual_failover("", "", version=version)))
print(once(a, lambda it: not it.failover.leader).failover.candidate)
print(bool(a.set_sync_state_value("{}")), bool(a.delete_sync_state(version="1")))
print(bool(a.delete_leader(a.get_cluster().leader)), bool(b.attempt_to_acquire_leader()))
print(once(a, lambda it: it.leader and it.leader.name == "b").is_unlocked())

client = a._client
print(error_of(client.lease_keepalive, "1"))
print(error_of(client.put, "/key", "value", "1"))
print(error_of(client.call_rpc, "/auth/authenticate", {"name": "u", "password": "p"}))
print(error_of(client.call_rpc, "/kv/put", {"value": ""}))
print(error_of(client.call_rpc, "/kv/range", {"key": "YQ==", "revision": 99999}))

user = {"name": "root", "password": "p"}
client.call_rpc("/auth/user/add", user)
client.call_rpc("/auth/role/add", {"name": "root"})
client.call_rpc("/auth/user/grant", {"user": "root", "role": "root"})
client.call_rpc("/auth/enable", {})
print(error_of(client.range, "/service/demo/leader"))
print(error_of(client.call_rpc, "/auth/authenticate", {"name": "root", "password": "x"}))
root = node("c", username="root", password="p")
root.create_lease()
print(root.touch_member({"state": "running"}))
print(sorted(member.name for member in once(root, lambda it: len(it.members) == 3).members))
print(bool(root.delete_cluster()))
sys.stdout.flush()
os._exit(0)  # its watchers' threads have no end
