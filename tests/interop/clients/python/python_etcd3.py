"""python-etcd3."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import etcd3  # type: ignore[import-untyped]
import grpc
from etcd3 import etcdrpc, exceptions

from tests.interop.clients.python.program import (
    DEADLINE_SECONDS,
    LARGE,
    MANY,
    PLACES,
    TOO_LARGE,
    ask,
    host_and_port,
    main,
    same,
)


def connect(place: str, **more: Any) -> Any:
    host, port = host_and_port(place)
    return etcd3.client(host, port, **more)


def as_user(name: str, password: str) -> Any:
    # On a connection with TLS: grpcio sends no call credentials without it.
    files = {"ca_cert": PLACES.ca, "cert_cert": PLACES.cert, "cert_key": PLACES.key}
    return connect(PLACES.secure, user=name, password=password, **files)


direct = connect(PLACES.direct)


def set_to(key: str, value: str | bytes, **more: Any) -> int:
    """The revision that it makes."""
    return int(direct.put(key, value, **more).header.revision)


def refusal(call: Callable[[], object]) -> tuple[grpc.StatusCode, str | None]:
    try:
        call()
    except grpc.RpcError as error:
        return error.code(), error.details()
    raise AssertionError("it was answered")


def fails(call: Callable[[], object], kind: type[Exception]) -> None:
    try:
        call()
    except kind:
        return
    raise AssertionError("it was answered")


def told(events: Iterator[Any], count: int) -> list[tuple[str, bytes, bytes, bytes]]:
    """Kind, key, value and previous value of so many events."""
    return [
        (type(each).__name__, each.key, each.value, each.prev_value)
        for each in itertools.islice(events, count)
    ]


def put() -> None:
    first = set_to("put/a", "1")
    same(set_to("put/a", "2"), first + 1)
    before = direct.put("put/a", "3", prev_kv=True).prev_kv
    same((before.value, before.version, before.mod_revision), (b"2", 2, first + 1))
    same(
        refusal(lambda: direct.put("", "x")),
        (grpc.StatusCode.INVALID_ARGUMENT, "etcdserver: key is not provided"),
    )


def get() -> str:
    revision = set_to("get/a", "1")
    set_to("get/a", "2")
    value, about = direct.get("get/a")
    same((value, about.create_revision, about.version), (b"2", revision, 2))
    same(direct.get("get/none"), (None, None))
    return "the present only: reads have no way to name a revision"


def prefix() -> str:
    for number in range(5):
        set_to(f"prefix/{number}", str(number))
    everything = [b"%d" % number for number in range(5)]
    same([value for value, _ in direct.get_prefix("prefix/")], everything)
    backwards = direct.get_prefix("prefix/", sort_order="descend")
    same([value for value, _ in backwards], everything[::-1])
    same(direct.delete_prefix("prefix/").deleted, 5)
    return "all from behind, no page: its `limit` is not sent"


def txn() -> None:
    set_to("txn/a", "1")
    has = direct.transactions

    def swap() -> Any:
        return direct.transaction(
            compare=[has.value("txn/a") == "1"],
            success=[has.put("txn/a", "2"), has.get("txn/a")],
            failure=[has.delete("txn/a")],
        )

    succeeded, answers = swap()
    same((succeeded, answers[1][0][0]), (True, b"2"))
    succeeded, answers = swap()
    same((succeeded, answers[0].response_delete_range.deleted), (False, 1))


def watch() -> None:
    events, cancel = direct.watch_prefix("watch/", prev_kv=True)
    revision = set_to("watch/a", "1")
    set_to("watch/a", "2")
    direct.delete("watch/a")
    wanted = [
        ("PutEvent", b"watch/a", b"1", b""),
        ("PutEvent", b"watch/a", b"2", b"1"),
        ("DeleteEvent", b"watch/a", b"", b"2"),
    ]
    same(told(events, 3), wanted)
    cancel()
    past, cancel = direct.watch_prefix("watch/", prev_kv=True, start_revision=revision)
    same(told(past, 3), wanted)
    cancel()


def resume() -> str:
    values, revision, times = [], set_to("resume/a", "0"), 3
    for number in range(times):
        client = connect(PLACES.through)
        events, _ = client.watch_prefix("resume/", start_revision=revision)
        event = next(events)
        values.append(event.value)
        revision = event.mod_revision + 1
        ask("cut")
        fails(lambda events=events: next(events), exceptions.ConnectionFailedError)  # type: ignore[misc]
        set_to("resume/a", str(number + 1))
        client.close()
    same(values, [b"%d" % number for number in range(times)])
    return "no resume of its own: watched again from the next revision"


def lease() -> None:
    granted = direct.lease(60)
    same(granted.ttl, 60)
    set_to("lease/a", "1", lease=granted)
    for _ in range(2):
        (kept,) = granted.refresh()
        same((kept.ID, kept.TTL), (granted.id, 60))
    same((granted.granted_ttl, list(granted.keys)), (60, [b"lease/a"]))
    granted.revoke()
    same(direct.get("lease/a"), (None, None))


def deadline() -> None:
    client = connect(PLACES.through, timeout=DEADLINE_SECONDS)
    patient = connect(PLACES.through)
    patient.get("a")
    client.get("a")
    ask("stall")
    fails(lambda: client.get("a"), exceptions.ConnectionTimeoutError)
    ask("flow")
    same(patient.get("deadline/none"), (None, None))


def cancel() -> str:
    events, stop = direct.watch_prefix("cancel/")
    stop()
    set_to("cancel/a", "1")
    same(list(events), [])
    events, stop = direct.watch_prefix("cancel/")
    set_to("cancel/a", "2")
    same(told(events, 1), [("PutEvent", b"cancel/a", b"2", b"")])
    stop()
    return "cancels watchers only, calls have no way to be cancelled"


def large() -> None:
    value = bytes(range(250)) * (LARGE // 250)
    set_to("large", value)
    same(direct.get("large")[0], value)
    same(
        refusal(lambda: direct.put("large", bytes(TOO_LARGE))),
        (grpc.StatusCode.INVALID_ARGUMENT, "etcdserver: request is too large"),
    )


def concurrent() -> None:
    before = set_to("concurrent", "")
    with ThreadPoolExecutor(MANY) as pool:
        revisions = list(pool.map(lambda n: set_to(f"concurrent/{n}", str(n)), range(MANY)))
    same(sorted(revisions), list(range(before + 1, before + MANY + 1)))
    same(len(list(direct.get_prefix("concurrent/"))), MANY)


def members() -> None:
    (member,) = direct.members
    status = direct.status()
    same((member.name, status.version, status.leader.id), ("default", "3.7.3", member.id))


def tls() -> None:
    secure = connect(PLACES.secure, ca_cert=PLACES.ca, cert_cert=PLACES.cert, cert_key=PLACES.key)
    secure.put("tls", "1")
    same(secure.get("tls")[0], b"1")


def auth() -> str:
    stub = etcdrpc.AuthStub(direct.channel)
    permission = etcdrpc.rpc__pb2.auth__pb2.Permission(
        permType=2, key=b"alice/", range_end=b"alice0"
    )
    stub.UserAdd(etcdrpc.AuthUserAddRequest(name="root", password="r"))
    stub.UserGrantRole(etcdrpc.AuthUserGrantRoleRequest(user="root", role="root"))
    stub.UserAdd(etcdrpc.AuthUserAddRequest(name="alice", password="a"))
    stub.RoleAdd(etcdrpc.AuthRoleAddRequest(name="writer"))
    stub.RoleGrantPermission(etcdrpc.AuthRoleGrantPermissionRequest(name="writer", perm=permission))
    stub.UserGrantRole(etcdrpc.AuthUserGrantRoleRequest(user="alice", role="writer"))
    stub.AuthEnable(etcdrpc.AuthEnableRequest())
    invalid, denied = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.PERMISSION_DENIED
    same(refusal(lambda: direct.get("alice/a")), (invalid, "etcdserver: user name is empty"))
    failed = "etcdserver: authentication failed, invalid user ID or password"
    same(refusal(lambda: as_user("alice", "wrong")), (invalid, failed))
    alice = as_user("alice", "a")
    alice.put("alice/a", "1")
    same(alice.get("alice/a")[0], b"1")
    same(refusal(lambda: alice.put("bob/a", "1")), (denied, "etcdserver: permission denied"))
    root = as_user("root", "r")
    root.put("bob/a", "2")
    token = root.metadata
    etcdrpc.AuthStub(root.channel).AuthDisable(etcdrpc.AuthDisableRequest(), metadata=token)
    same(direct.get("bob/a")[0], b"2")
    return "users and roles by its generated stubs: it has no methods for them"


if __name__ == "__main__":
    main(
        {
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
    )
