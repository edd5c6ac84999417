"""grpc.aio's stubs, made from protos/ as whoever compiles them has them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from fake_etcd.api import messages as m
from tests.interop.clients.python.program import (
    DEADLINE_SECONDS,
    LARGE,
    MANY,
    PLACES,
    TOO_LARGE,
    ask,
    main,
    same,
)
from tests.testing.stubs import stub

SIZES = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


class Room:
    """The two channels of one check: grpc.aio's belong to the loop they were made on."""

    def __init__(self) -> None:
        self.direct = grpc.aio.insecure_channel(PLACES.direct, SIZES)
        self.through = grpc.aio.insecure_channel(PLACES.through, SIZES)

    async def close(self) -> None:
        await self.direct.close()
        await self.through.close()

    def call(self, name: str, request: Any, **options: Any) -> Any:
        return stub(self.direct, name)(request, **options)

    async def put(self, key: str, value: str, **more: Any) -> int:
        """The revision that it makes."""
        request = m.PutRequest(key=key.encode(), value=value.encode(), **more)
        return int((await self.call("KV/Put", request)).header.revision)

    async def find(self, key: bytes, **more: Any) -> Any:
        return await self.call("KV/Range", m.RangeRequest(key=key, **more))


async def refusal(call: Awaitable[object]) -> tuple[grpc.StatusCode, str | None]:
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error.code(), error.details()
    raise AssertionError("it was answered")


async def watching(channel: grpc.aio.Channel, prefix: bytes, **more: Any) -> Any:
    """A watcher that was answered already."""
    stream = stub(channel, "Watch/Watch")()
    created = m.WatchCreateRequest(key=prefix, range_end=prefix[:-1] + b"0", **more)
    await stream.write(m.WatchRequest(create_request=created))
    same((await stream.read()).created, True)
    return stream


async def told(stream: Any, count: int) -> list[tuple[int, bytes, bytes, bytes]]:
    """Kind, key, value and previous value of so many events."""
    found: list[tuple[int, bytes, bytes, bytes]] = []
    while len(found) < count:
        answer = await stream.read()
        found += [(e.type, e.kv.key, e.kv.value, e.prev_kv.value) for e in answer.events]
    return found


async def put(room: Room) -> None:
    first = await room.put("put/a", "1")
    same(await room.put("put/a", "2"), first + 1)
    request = m.PutRequest(key=b"put/a", value=b"3", prev_kv=True)
    before = (await room.call("KV/Put", request)).prev_kv
    same((before.value, before.version, before.mod_revision), (b"2", 2, first + 1))
    same(
        await refusal(room.put("", "x")),
        (grpc.StatusCode.INVALID_ARGUMENT, "etcdserver: key is not provided"),
    )


async def get(room: Room) -> None:
    revision = await room.put("get/a", "1")
    await room.put("get/a", "2")
    (now,) = (await room.find(b"get/a")).kvs
    same((now.value, now.create_revision, now.version), (b"2", revision, 2))
    (then,) = (await room.find(b"get/a", revision=revision)).kvs
    same(then.value, b"1")
    same((await room.find(b"get/none")).count, 0)


async def prefix(room: Room) -> None:
    for number in range(5):
        await room.put(f"prefix/{number}", str(number))
    found = await room.find(b"prefix/", range_end=b"prefix0")
    same([kv.value for kv in found.kvs], [b"0", b"1", b"2", b"3", b"4"])
    descend = m.RangeRequest.DESCEND
    page = await room.find(b"prefix/", range_end=b"prefix0", limit=2, sort_order=descend)
    same(([kv.value for kv in page.kvs], page.more, page.count), ([b"4", b"3"], True, 5))
    request = m.DeleteRangeRequest(key=b"prefix/", range_end=b"prefix0")
    same((await room.call("KV/DeleteRange", request)).deleted, 5)


async def txn(room: Room) -> None:
    await room.put("txn/a", "1")
    compare = m.Compare(key=b"txn/a", target=m.Compare.VALUE, result=m.Compare.EQUAL, value=b"1")
    request = m.TxnRequest(
        compare=[compare],
        success=[
            m.RequestOp(request_put=m.PutRequest(key=b"txn/a", value=b"2")),
            m.RequestOp(request_range=m.RangeRequest(key=b"txn/a")),
        ],
        failure=[m.RequestOp(request_delete_range=m.DeleteRangeRequest(key=b"txn/a"))],
    )
    answer = await room.call("KV/Txn", request)
    same((answer.succeeded, answer.responses[1].response_range.kvs[0].value), (True, b"2"))
    answer = await room.call("KV/Txn", request)
    same((answer.succeeded, answer.responses[0].response_delete_range.deleted), (False, 1))


async def watch(room: Room) -> None:
    stream = await watching(room.direct, b"watch/", prev_kv=True)
    revision = await room.put("watch/a", "1")
    await room.put("watch/a", "2")
    await room.call("KV/DeleteRange", m.DeleteRangeRequest(key=b"watch/a"))
    wanted = [(0, b"watch/a", b"1", b""), (0, b"watch/a", b"2", b"1"), (1, b"watch/a", b"", b"2")]
    same(await told(stream, 3), wanted)
    stream.cancel()
    past = await watching(room.direct, b"watch/", prev_kv=True, start_revision=revision)
    same(await told(past, 3), wanted)
    past.cancel()


async def resume(room: Room) -> str:
    values: list[bytes] = []
    for number in range(3):
        revision = await room.put("resume/a", str(number))
        stream = await watching(room.through, b"resume/", start_revision=revision)
        values += [event[2] for event in await told(stream, 1)]
        await asyncio.to_thread(ask, "cut")
        same((await refusal(stream.read()))[0], grpc.StatusCode.UNAVAILABLE)
    same(values, [b"0", b"1", b"2"])
    return "no resume of its own: watched again from the next revision"


async def lease(room: Room) -> None:
    granted = await room.call("Lease/LeaseGrant", m.LeaseGrantRequest(TTL=60))
    same(granted.TTL, 60)
    await room.put("lease/a", "1", lease=granted.ID)
    stream = stub(room.direct, "Lease/LeaseKeepAlive")()
    for _ in range(2):
        await stream.write(m.LeaseKeepAliveRequest(ID=granted.ID))
        answer = await stream.read()
        same((answer.ID, answer.TTL), (granted.ID, 60))
    stream.cancel()
    asked = m.LeaseTimeToLiveRequest(ID=granted.ID, keys=True)
    left = await room.call("Lease/LeaseTimeToLive", asked)
    same((left.grantedTTL, list(left.keys)), (60, [b"lease/a"]))
    await room.call("Lease/LeaseRevoke", m.LeaseRevokeRequest(ID=granted.ID))
    same((await room.find(b"lease/a")).count, 0)


async def deadline(room: Room) -> None:
    call, request = stub(room.through, "KV/Range"), m.RangeRequest(key=b"deadline/none")
    await call(request)
    await asyncio.to_thread(ask, "stall")
    code, _ = await refusal(call(request, timeout=DEADLINE_SECONDS))
    same(code, grpc.StatusCode.DEADLINE_EXCEEDED)
    await asyncio.to_thread(ask, "flow")
    same((await call(request)).count, 0)


async def cancel(room: Room) -> None:
    call, request = stub(room.through, "KV/Range"), m.RangeRequest(key=b"cancel/none")
    await call(request)
    await asyncio.to_thread(ask, "stall")
    going = call(request)
    going.cancel()
    same(await going.code(), grpc.StatusCode.CANCELLED)
    await asyncio.to_thread(ask, "flow")
    same((await call(request)).count, 0)
    stream = await watching(room.direct, b"cancel/")
    await stream.write(m.WatchRequest(cancel_request=m.WatchCancelRequest(watch_id=0)))
    same((await stream.read()).canceled, True)
    await room.put("cancel/a", "1")
    await stream.write(m.WatchRequest(create_request=m.WatchCreateRequest(key=b"x")))
    same((await stream.read()).created, True)  # and nothing was told before
    stream.cancel()


async def large(room: Room) -> None:
    value = bytes(range(250)) * (LARGE // 250)
    await room.call("KV/Put", m.PutRequest(key=b"large", value=value))
    same((await room.find(b"large")).kvs[0].value, value)
    same(
        await refusal(room.call("KV/Put", m.PutRequest(key=b"large", value=bytes(TOO_LARGE)))),
        (grpc.StatusCode.INVALID_ARGUMENT, "etcdserver: request is too large"),
    )


async def concurrent(room: Room) -> None:
    before = await room.put("concurrent", "")
    calls = [room.put(f"concurrent/{number}", str(number)) for number in range(MANY)]
    same(sorted(await asyncio.gather(*calls)), list(range(before + 1, before + MANY + 1)))
    same((await room.find(b"concurrent/", range_end=b"concurrent0")).count, MANY)


async def members(room: Room) -> None:
    listed = await room.call("Cluster/MemberList", m.MemberListRequest())
    (member,) = listed.members
    same((member.name, member.ID), ("default", listed.header.member_id))
    status = await room.call("Maintenance/Status", m.StatusRequest())
    same((status.version, status.leader), ("3.7.3", member.ID))


async def tls(_: Room) -> None:
    ca, key, cert = (Path(each).read_bytes() for each in (PLACES.ca, PLACES.key, PLACES.cert))
    credentials = grpc.ssl_channel_credentials(ca, key, cert)
    async with grpc.aio.secure_channel(PLACES.secure, credentials, SIZES) as secure:
        await stub(secure, "KV/Put")(m.PutRequest(key=b"tls", value=b"1"))
        found = await stub(secure, "KV/Range")(m.RangeRequest(key=b"tls"))
        same(found.kvs[0].value, b"1")


async def auth(room: Room) -> None:
    async def log_in(user: str, password: str) -> tuple[tuple[str, str]]:
        request = m.AuthenticateRequest(name=user, password=password)
        return (("token", (await room.call("Auth/Authenticate", request)).token),)

    permission = m.Permission(permType=m.Permission.READWRITE, key=b"alice/", range_end=b"alice0")
    for name, request in (
        ("UserAdd", m.AuthUserAddRequest(name="root", password="r")),
        ("UserGrantRole", m.AuthUserGrantRoleRequest(user="root", role="root")),
        ("UserAdd", m.AuthUserAddRequest(name="alice", password="a")),
        ("RoleAdd", m.AuthRoleAddRequest(name="writer")),
        ("RoleGrantPermission", m.AuthRoleGrantPermissionRequest(name="writer", perm=permission)),
        ("UserGrantRole", m.AuthUserGrantRoleRequest(user="alice", role="writer")),
        ("AuthEnable", m.AuthEnableRequest()),
    ):
        await room.call(f"Auth/{name}", request)
    same(
        await refusal(room.find(b"alice/a")),
        (grpc.StatusCode.INVALID_ARGUMENT, "etcdserver: user name is empty"),
    )
    same(
        await refusal(log_in("alice", "wrong")),
        (
            grpc.StatusCode.INVALID_ARGUMENT,
            "etcdserver: authentication failed, invalid user ID or password",
        ),
    )
    alice, root = await log_in("alice", "a"), await log_in("root", "r")
    mine, other = (m.PutRequest(key=key, value=b"1") for key in (b"alice/a", b"bob/a"))
    await room.call("KV/Put", mine, metadata=alice)
    found = await room.call("KV/Range", m.RangeRequest(key=b"alice/a"), metadata=alice)
    same(found.kvs[0].value, b"1")
    same(
        await refusal(room.call("KV/Put", other, metadata=alice)),
        (grpc.StatusCode.PERMISSION_DENIED, "etcdserver: permission denied"),
    )
    await room.call("KV/Put", other, metadata=root)
    await room.call("Auth/AuthDisable", m.AuthDisableRequest(), metadata=root)
    same((await room.find(b"bob/a")).kvs[0].value, b"1")


CHECKS: Mapping[str, Callable[[Room], Awaitable[str | None]]] = {
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


def alone(check: Callable[[Room], Awaitable[str | None]]) -> str | None:
    """Run a check on a loop of its own."""

    async def run() -> str | None:
        room = Room()
        try:
            return await check(room)
        finally:
            await room.close()

    return asyncio.run(run())


if __name__ == "__main__":
    main({name: lambda check=check: alone(check) for name, check in CHECKS.items()})  # type: ignore[misc]
