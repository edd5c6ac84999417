"""aetcd."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import aetcd  # type: ignore[import-untyped]
from aetcd import exceptions, rpc

from tests.interop.clients.python.program import (
    DEADLINE_SECONDS,
    LARGE,
    MANY,
    PLACES,
    TOO_LARGE,
    Missing,
    ask,
    host_and_port,
    main,
    same,
)


def connect(place: str, **more: Any) -> Any:
    host, port = host_and_port(place)
    return aetcd.Client(host, port, **more)


async def set_to(etcd: Any, key: bytes, value: bytes, **more: Any) -> int:
    """The revision that it makes."""
    return int((await etcd.put(key, value, **more)).header.revision)


async def refused(call: Awaitable[Any], kind: type[Exception], text: str | None = None) -> None:
    try:
        await call
    except kind as error:
        if text is not None:
            same(str(error), text)
        return
    raise AssertionError("it was answered")


async def told(events: Any, count: int) -> list[tuple[str, bytes, bytes, bytes]]:
    """Kind, key, value and previous value of so many events."""
    found: list[tuple[str, bytes, bytes, bytes]] = []
    while len(found) < count:
        event = await events.__anext__()
        before = event.prev_kv.value if event.prev_kv else b""
        found.append((str(event.kind), event.kv.key, event.kv.value, before))
    return found


async def put(etcd: Any) -> None:
    first = await set_to(etcd, b"put/a", b"1")
    same(await set_to(etcd, b"put/a", b"2"), first + 1)
    before = (await etcd.put(b"put/a", b"3", prev_kv=True)).prev_kv
    same((before.value, before.version, before.mod_revision), (b"2", 2, first + 1))
    invalid = exceptions.InvalidArgumentError
    await refused(etcd.put(b"", b"x"), invalid, "etcdserver: key is not provided")


async def get(etcd: Any) -> str:
    revision = await set_to(etcd, b"get/a", b"1")
    await set_to(etcd, b"get/a", b"2")
    now = await etcd.get(b"get/a")
    same((now.value, now.create_revision, now.version), (b"2", revision, 2))
    same(await etcd.get(b"get/none"), None)
    return "the present only: reads have no way to name a revision"


async def prefix(etcd: Any) -> str:
    everything = [b"%d" % number for number in range(5)]
    for value in everything:
        await set_to(etcd, b"prefix/" + value, value)
    same([kv.value for kv in await etcd.get_prefix(b"prefix/")], everything)
    backwards = await etcd.get_prefix(b"prefix/", sort_order="descend")
    same([kv.value for kv in backwards], everything[::-1])
    same((await etcd.delete_prefix(b"prefix/")).deleted, 5)
    return "all from behind, no page: its `limit` is not sent"


async def txn(etcd: Any) -> None:
    await set_to(etcd, b"txn/a", b"1")
    has = etcd.transactions

    async def swap() -> Any:
        return await etcd.transaction(
            compare=[has.value(b"txn/a") == b"1"],
            success=[has.put(b"txn/a", b"2"), has.get(b"txn/a")],
            failure=[has.delete(b"txn/a")],
        )

    succeeded, answers = await swap()
    same((succeeded, answers[1][0][0]), (True, b"2"))
    succeeded, answers = await swap()
    same((succeeded, answers[0].response_delete_range.deleted), (False, 1))


async def watch(etcd: Any) -> None:
    now = await etcd.watch_prefix(b"watch/", prev_kv=True)
    revision = await set_to(etcd, b"watch/a", b"1")
    await set_to(etcd, b"watch/a", b"2")
    await etcd.delete(b"watch/a")
    wanted = [
        ("PUT", b"watch/a", b"1", b""),
        ("PUT", b"watch/a", b"2", b"1"),
        ("DELETE", b"watch/a", b"", b"2"),
    ]
    same(await told(aiter(now), 3), wanted)
    await now.cancel()
    past = await etcd.watch_prefix(b"watch/", prev_kv=True, start_revision=revision)
    same(await told(aiter(past), 3), wanted)
    await past.cancel()


async def resume(etcd: Any) -> str:
    values, revision, times = [], await set_to(etcd, b"resume/a", b"0"), 3
    for number in range(times):
        through = connect(PLACES.through)
        watching = aiter(await through.watch_prefix(b"resume/", start_revision=revision))
        event = await watching.__anext__()
        values.append(event.kv.value)
        revision = event.kv.mod_revision + 1
        ask("cut")
        await refused(watching.__anext__(), exceptions.ConnectionFailedError)
        await set_to(etcd, b"resume/a", b"%d" % (number + 1))
    same(values, [b"%d" % number for number in range(times)])
    return "no resume of its own: watched again from the next revision"


async def lease(etcd: Any) -> None:
    granted = await etcd.lease(60)
    same(granted.ttl, 60)
    await set_to(etcd, b"lease/a", b"1", lease=granted)
    for _ in range(2):
        kept = await granted.refresh()
        same((kept.ID, kept.TTL), (granted.id, 60))
    same((await granted.granted_ttl(), list(await granted.keys())), (60, [b"lease/a"]))
    await granted.revoke()
    same(await etcd.get(b"lease/a"), None)


async def deadline(etcd: Any) -> None:
    async with connect(PLACES.through) as patient:
        await patient.get(b"a")
        async with connect(PLACES.through, timeout=DEADLINE_SECONDS) as through:
            await through.get(b"a")
            ask("stall")
            await refused(through.get(b"a"), exceptions.ConnectionTimeoutError)
            ask("flow")
        same(await patient.get(b"deadline/none"), None)


async def cancel(etcd: Any) -> None:
    async with connect(PLACES.through) as through:
        await through.get(b"a")
        ask("stall")
        call = asyncio.ensure_future(through.get(b"a"))
        await asyncio.sleep(0)
        call.cancel()
        await refused(call, asyncio.CancelledError)  # type: ignore[arg-type]
        ask("flow")
        same(await through.get(b"cancel/none"), None)
    watching = await etcd.watch_prefix(b"cancel/")
    events = aiter(watching)
    await watching.cancel()
    await set_to(etcd, b"cancel/a", b"1")
    same([event async for event in events], [])
    again = await etcd.watch_prefix(b"cancel/")
    await set_to(etcd, b"cancel/a", b"2")
    same(await told(aiter(again), 1), [("PUT", b"cancel/a", b"2", b"")])
    await again.cancel()


async def large(etcd: Any) -> None:
    value = bytes(range(250)) * (LARGE // 250)
    await set_to(etcd, b"large", value)
    same((await etcd.get(b"large")).value, value)
    invalid = exceptions.InvalidArgumentError
    too_large = etcd.put(b"large", bytes(TOO_LARGE))
    await refused(too_large, invalid, "etcdserver: request is too large")


async def concurrent(etcd: Any) -> None:
    before = await set_to(etcd, b"concurrent", b"")
    puts = (set_to(etcd, b"concurrent/%d" % number, b"") for number in range(MANY))
    same(sorted(await asyncio.gather(*puts)), list(range(before + 1, before + MANY + 1)))
    same((await etcd.get_prefix(b"concurrent/")).count, MANY)


async def members(etcd: Any) -> None:
    (member,) = [each async for each in etcd.members()]
    status = await etcd.status()
    same((member.name, status.version, status.leader.id), ("default", "3.7.3", member.id))


async def tls(etcd: Any) -> None:
    raise Missing("it has no TLS")


async def auth(etcd: Any) -> str:
    stub = rpc.AuthStub(etcd.channel)
    permission = rpc.Permission(
        permType=rpc.Permission.Type.READWRITE, key=b"alice/", range_end=b"alice0"
    )
    await stub.UserAdd(rpc.AuthUserAddRequest(name="root", password="r"))
    await stub.UserGrantRole(rpc.AuthUserGrantRoleRequest(user="root", role="root"))
    await stub.UserAdd(rpc.AuthUserAddRequest(name="alice", password="a"))
    await stub.RoleAdd(rpc.AuthRoleAddRequest(name="writer"))
    await stub.RoleGrantPermission(
        rpc.AuthRoleGrantPermissionRequest(name="writer", perm=permission)
    )
    await stub.UserGrantRole(rpc.AuthUserGrantRoleRequest(user="alice", role="writer"))
    await stub.AuthEnable(rpc.AuthEnableRequest())
    invalid = exceptions.InvalidArgumentError
    await refused(etcd.get(b"alice/a"), invalid, "etcdserver: user name is empty")
    wrong = connect(PLACES.direct, username="alice", password="wrong")
    failed = "etcdserver: authentication failed, invalid user ID or password"
    await refused(wrong.connect(), invalid, failed)
    async with connect(PLACES.direct, username="alice", password="a") as alice:
        await alice.put(b"alice/a", b"1")
        same((await alice.get(b"alice/a")).value, b"1")
        denied = "etcdserver: permission denied"
        await refused(alice.put(b"bob/a", b"1"), exceptions.ClientError, denied)
    async with connect(PLACES.direct, username="root", password="r") as root:
        await root.put(b"bob/a", b"2")
        disable = rpc.AuthStub(root.channel).AuthDisable
        await disable(rpc.AuthDisableRequest(), metadata=root.metadata)
    same((await etcd.get(b"bob/a")).value, b"2")
    return "users and roles by its generated stubs: it has no methods for them"


CHECKS: Mapping[str, Callable[[Any], Awaitable[str | None]]] = {
    "put": put,
    "get": get,
    "prefix": prefix,
    "txn": txn,
    "watch": watch,
    "resume": resume,
    "lease": lease,
    "deadline": deadline,
    "cancel": cancel,
    "large": large,
    "concurrent": concurrent,
    "members": members,
    "tls": tls,
    "auth": auth,
}


def alone(check: Callable[[Any], Awaitable[str | None]]) -> str | None:
    """Run a check on a loop and with a client of its own."""

    async def run() -> str | None:
        async with connect(PLACES.direct) as etcd:
            return await check(etcd)

    return asyncio.run(run())


if __name__ == "__main__":
    main({name: lambda check=check: alone(check) for name, check in CHECKS.items()})  # type: ignore[misc]
