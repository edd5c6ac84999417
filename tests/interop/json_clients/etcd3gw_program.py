# mypy: ignore-errors
"""What etcd3gw does with a server, printed line by line: argument 1 is the port."""

import sys
import threading

import etcd3gw

client = etcd3gw.client(port=int(sys.argv[1]))
print(client.put("a", "1"), client.get("a"), client.get("nope"))
print(client.create("b", "1"), client.create("b", "2"))
print(client.replace("b", "1", "3"), client.replace("b", "1", "4"))
print(client.get("b", metadata=True)[0][1]["version"])
print([value for value, _ in client.get_prefix("b")], len(client.get_all()))
lease = client.lease(100)
client.put("l", "x", lease=lease)
print(lease.refresh(), 0 < lease.ttl() <= 100, lease.keys(), lease.revoke(), client.get("l"))
events, cancel = client.watch("w")
threading.Timer(0.2, client.put, ("w", "1")).start()
print(next(events)["kv"]["value"])
cancel()
with client.lock("l", ttl=5) as lock:
    print(lock.is_acquired())
print(client.delete("a"), client.delete("a"), client.delete_prefix("b"))
print(client.members()[0]["name"], sorted(client.status())[:1])
try:
    client.post(client.get_url("/kv/range"), json={"key": 5})
except etcd3gw.exceptions.Etcd3Exception as error:
    print(error, error.detail_text)
