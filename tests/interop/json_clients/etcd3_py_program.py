# mypy: ignore-errors
"""What etcd3-py does with a server, printed line by line: argument 1 is the port."""

import queue
import sys
import time
from typing import Any

from etcd3 import Client

client = Client("127.0.0.1", int(sys.argv[1]))
print(client.health())
print(client.put("foo", "bar").header.revision > 0, client.range("foo").kvs[0].value)
txn = client.Txn()
txn.compare(txn.key("foo").value == "bar")
txn.success(txn.put("foo", "bra"))
txn.failure(txn.range("foo"))
print(txn.commit().succeeded, client.range("foo").kvs[0].value)
lease = client.lease_grant(60)
client.put("leased", "1", lease=lease.ID)
print(client.lease_time_to_live(lease.ID, keys=True).keys)
print([answer.TTL for answer in client.lease_keep_alive(b'{"ID":%d}' % lease.ID)])
client.lease_revoke(lease.ID)
print(client.range("leased").kvs)
seen: queue.Queue[Any] = queue.Queue()
watcher = client.Watcher(all=True, progress_notify=True, prev_kv=True)
watcher.onEvent("f.*", seen.put)
watcher.runDaemon()
while True:  # the watcher says nothing of when it is there
    client.put("foo", "x")
    try:
        event = seen.get(timeout=0.2)
        break
    except queue.Empty:
        time.sleep(0.01)
print(event.key, event.value)
watcher.stop()
print(client.delete_range("foo").deleted)
print(client.member_list().members[0].name)
