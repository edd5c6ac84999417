"""python-etcd3 and aetcd on a FakeEtcd in their own process, through its port and through none.

Each has processes of its own: their generated modules cannot meet each other, ours can.
python-etcd3's are from an old protoc, which today's protobuf takes only in pure Python.
"""

from __future__ import annotations

import importlib.util

import pytest

from tests.api.processes import run_python

DOOR = """
import sys
from fake_etcd.testing import FakeEtcd

in_process = sys.argv[1] == "in process"
etcd = FakeEtcd()
etcd.clock.freeze()
"""

ETCD3 = """
import queue
import etcd3

if in_process:
    sys.modules["etcd3.client"].grpc.insecure_channel = (
        lambda url, options: etcd.channel(options=options)
    )
    client = etcd3.client(port=1)
else:
    client = etcd3.client(host="127.0.0.1", port=etcd.port)

print("put", client.put("a", "1").header.revision)
value, metadata = client.get("a")
print("get", value, metadata.key, metadata.version, client.get("b"))
for number in range(3):
    client.put("list/%d" % number, str(number))
print("prefix", [(value, metadata.key) for value, metadata in client.get_prefix("list/")])

tx = client.transactions
print("txn", client.transaction(
    compare=[tx.value("a") == "1", tx.version("b") == 0],
    success=[tx.put("b", "2"), tx.get("a")],
    failure=[tx.delete("a")],
)[0])
done, answers = client.transaction(
    compare=[tx.value("a") == "x"], success=[], failure=[tx.delete("a")]
)
print("txn", done, answers[0].response_delete_range.deleted)
print("unless", client.put_if_not_exists("b", "3"), client.replace("b", "2", "4"))

told = queue.Queue()
watch_id = client.add_watch_callback("w", told.put)
events, cancel = client.watch_prefix("w")
client.put("w", "1")
client.delete("w")
seen = [type(event).__name__ + " " + event.key.decode() for _, event in zip(range(2), events)]
print("watch", seen)
cancel()
print("cancelled", list(events))
answers = [told.get(timeout=20) for _ in range(2)]
print("callback", [event.value for answer in answers for event in answer.events])
client.cancel_watch(watch_id)
client.put("w", "2")
print("cancelled", told.empty())

lease = client.lease(10)
client.put("leased", "x", lease=lease)
print("lease", lease.granted_ttl, lease.remaining_ttl, lease.keys, lease.refresh()[0].TTL)
gone, cancel = client.watch("leased")
etcd.clock.advance(11)
print("expired", type(next(gone)).__name__, client.get("leased")[0], lease.remaining_ttl)
cancel()
lease = client.lease(10)
client.put("leased", "x", lease=lease)
lease.revoke()
print("revoked", client.get("leased")[0])

lock = client.lock("l", ttl=20)
print("lock", lock.acquire(), lock.is_acquired(), lock.refresh()[0].TTL, lock.release())
with client.lock("l", ttl=20) as lock:
    print("lock", lock.is_acquired())
print("lock", lock.is_acquired())

client.compact(3)
try:
    for _ in client.watch("a", start_revision=1)[0]:
        pass
except etcd3.exceptions.RevisionCompactedError as error:
    print("compacted", error.compacted_revision)
with etcd.down():
    try:
        client.get("a")
    except etcd3.exceptions.ConnectionFailedError as error:
        print("down", error)
client.close()
"""

AETCD = """
import asyncio
import aetcd

if in_process:
    aetcd.client.rpc.insecure_channel = lambda target, options: etcd.aio_channel(options=options)


async def main():
    port = 1 if in_process else etcd.port
    async with aetcd.Client(host="127.0.0.1", port=port) as client:
        await use(client)


async def use(client):
    print("put", (await client.put(b"a", b"1")).header.revision)
    found = await client.get(b"a")
    print("get", found.value, found.key, found.version, await client.get(b"b"))
    for number in range(3):
        await client.put(b"list/%d" % number, b"%d" % number)
    print("prefix", [(each.value, each.key) for each in await client.get_prefix(b"list/")])

    tx = client.transactions
    print("txn", (await client.transaction(
        compare=[tx.value(b"a") == b"1", tx.version(b"b") == 0],
        success=[tx.put(b"b", b"2"), tx.get(b"a")],
        failure=[tx.delete(b"a")],
    ))[0])
    done, answers = await client.transaction(
        compare=[tx.value(b"a") == b"x"], success=[], failure=[tx.delete(b"a")]
    )
    print("txn", done, answers[0].response_delete_range.deleted)
    print("replace", await client.replace(b"b", b"2", b"4"), await client.replace(b"b", b"2", b"5"))

    watch = await client.watch_prefix(b"w")
    once = asyncio.ensure_future(client.watch_once(b"w", timeout=20))
    await asyncio.sleep(0)
    answers = watch.__aiter__()
    await client.put(b"w", b"1")
    await client.delete(b"w")
    events = [await answers.__anext__() for _ in range(2)]
    print("watch", [(event.kind, event.kv.key, event.kv.value) for event in events])
    await watch.cancel()
    while not once.done():
        await client.put(b"w", b"2")
    print("once", (await once).kv.key)

    lease = await client.lease(10)
    await client.put(b"leased", b"x", lease=lease)
    times = await lease.granted_ttl(), await lease.remaining_ttl()
    print("lease", times, await lease.keys(), (await lease.refresh()).TTL)
    gone = await client.watch(b"leased")
    etcd.clock.advance(11)
    event = await gone.__aiter__().__anext__()
    print("expired", event.kind, await client.get(b"leased"), await lease.remaining_ttl())
    await gone.cancel()
    lease = await client.lease(10)
    await client.put(b"leased", b"x", lease=lease)
    await lease.revoke()
    print("revoked", await client.get(b"leased"))

    first, second = client.lock(b"l", ttl=20), client.lock(b"l", ttl=20)
    print("lock", await first.acquire(), await first.is_acquired(), await second.is_acquired())
    waiting = asyncio.ensure_future(second.acquire(timeout=20))
    await asyncio.sleep(0.05)
    print("lock", waiting.done(), await first.release(), await waiting)
    print("lock", await first.is_acquired(), await second.is_acquired(), await second.release())

    with etcd.down():
        try:
            await client.get(b"a")
        except aetcd.ConnectionFailedError:
            print("down")


asyncio.run(main())
"""

GUARDED = """
from fake_etcd.api import messages as m


def ask(name, request):
    etcd.channel().unary_unary("/etcdserverpb.Auth/" + name)(request.SerializeToString())


for name in ("root", "ann"):
    ask("UserAdd", m.AuthUserAddRequest(name=name, password="secret"))
ask("UserGrantRole", m.AuthUserGrantRoleRequest(user="root", role="root"))
ask("RoleAdd", m.AuthRoleAddRequest(name="r"))
own = m.Permission(permType=m.Permission.READWRITE, key=b"ann/", range_end=b"ann0")
ask("RoleGrantPermission", m.AuthRoleGrantPermissionRequest(name="r", perm=own))
ask("UserGrantRole", m.AuthUserGrantRoleRequest(user="ann", role="r"))
ask("AuthEnable", m.AuthEnableRequest())
"""

AETCD_AS_USER = """
import asyncio
import aetcd

if in_process:
    aetcd.client.rpc.insecure_channel = lambda target, options: etcd.aio_channel(options=options)


def client(name, password):
    port = 1 if in_process else etcd.port
    return aetcd.Client(host="127.0.0.1", port=port, username=name, password=password)


async def refused(what, call):
    try:
        await call
    except Exception as error:
        cause = error.__cause__ or error.__context__ or error
        print(what, type(error).__name__, getattr(cause, "details", lambda: cause)())


async def main():
    try:
        async with client("ann", "wrong") as wrong:
            print("not refused", wrong)
    except Exception as error:
        print("wrong", getattr(error, "details", lambda: error)())
    async with client(None, None) as nobody:
        await refused("nobody", nobody.get(b"ann/a"))
    async with client("ann", "secret") as ann:
        watch = await ann.watch_prefix(b"ann/")
        answers = watch.__aiter__()
        await ann.put(b"ann/a", b"1")
        print("get", (await ann.get(b"ann/a")).value)
        print("watch", (await answers.__anext__()).kv.key)
        await refused("other", ann.get(b"other"))
        etcd.clock.advance(299)
        print("in time", (await ann.get(b"ann/a")).value)
        etcd.clock.advance(299)
        print("renewed", (await ann.get(b"ann/a")).value)
        etcd.clock.advance(302)
        await refused("too late", ann.get(b"ann/a"))
    async with client("root", "secret") as root:
        print("root", (await root.get(b"ann/a")).value, await root.get(b"other"))


asyncio.run(main())
"""

AT_THE_END = """
import threading
etcd.close()
# A thread that waits in the client's own iterator of requests stays, as with grpcio.
print("left", [each.name for each in threading.enumerate() if each.name == "fake-etcd"])
"""


def run(client: str, program: str, door: str, implementation: str) -> list[str]:
    if importlib.util.find_spec(client) is None:
        pytest.skip(f"{client} is not installed")
    printed = run_python(
        "-W",
        "ignore",
        "-c",
        DOOR + program + AT_THE_END,
        door,
        PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION=implementation,
    )
    return printed.splitlines()


PREFIX = "prefix [(b'0', b'list/0'), (b'1', b'list/1'), (b'2', b'list/2')]"


@pytest.mark.parametrize("door", ["port", "in process"])
def test_python_etcd3_works_on_a_fixture(door: str) -> None:
    assert run("etcd3", ETCD3, door, "python") == [
        "put 2",
        "get b'1' b'a' 1 (None, None)",
        PREFIX,
        "txn True",
        "txn False 1",
        "unless False True",
        "watch ['PutEvent w', 'DeleteEvent w']",
        "cancelled []",
        "callback [b'1', b'']",
        "cancelled True",
        "lease 10 10 [b'leased'] 10",
        "expired DeleteEvent None -1",
        "revoked None",
        "lock True True 20 True",
        "lock True",
        "lock False",
        "compacted 3",
        "down etcd connection failed",
        "left []",
    ]


@pytest.mark.parametrize("implementation", ["python", "upb"])
@pytest.mark.parametrize("door", ["port", "in process"])
def test_aetcd_works_on_a_fixture(door: str, implementation: str) -> None:
    assert run("aetcd", AETCD, door, implementation) == [
        "put 2",
        "get b'1' b'a' 1 None",
        PREFIX,
        "txn True",
        "txn False 1",
        "replace True False",
        "watch [('PUT', b'w', b'1'), ('DELETE', b'w', b'')]",
        "once b'w'",
        "lease (10, 10) [b'leased'] 10",
        "expired DELETE None -1",
        "revoked None",
        "lock True True False",
        "lock False True True",
        "lock False True True",
        "down",
        "left []",
    ]


@pytest.mark.parametrize("door", ["port", "in process"])
def test_aetcd_logs_in_as_a_user(door: str) -> None:
    assert run("aetcd", GUARDED + AETCD_AS_USER, door, "upb") == [
        "wrong etcdserver: authentication failed, invalid user ID or password",
        "nobody InvalidArgumentError etcdserver: user name is empty",
        "get b'1'",
        "watch b'ann/a'",
        "other ClientError etcdserver: permission denied",
        "in time b'1'",
        "renewed b'1'",
        "too late UnauthenticatedError etcdserver: invalid auth token",
        "root b'1' None",
        "left []",
    ]
