"""grpcio's blocking stubs, made from protos/ as whoever compiles them has them."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc

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

direct = grpc.insecure_channel(PLACES.direct, SIZES)
through = grpc.insecure_channel(PLACES.through, SIZES)

_put, _range = stub(direct, "KV/Put"), stub(direct, "KV/Range")


def put_value(key: str, value: str, **more: Any) -> int:
    """The revision that it makes."""
    answer = _put(m.PutRequest(key=key.encode(), value=value.encode(), **more))
    return int(answer.header.revision)


def refusal(call: Callable[[], object]) -> tuple[grpc.StatusCode, str | None]:
    try:
        call()
    except grpc.RpcError as error:
        return error.code(), error.details()
    raise AssertionError("it was answered")


class Stream:
    """A call of two directions whose requests come one by one."""

    def __init__(self, channel: grpc.Channel, name: str) -> None:
        self._requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        requests: Iterator[Any] = iter(self._requests.get, None)
        self.call = stub(channel, name)(requests)

    def send(self, request: Any) -> None:
        self._requests.put(request)

    def next(self) -> Any:
        return next(self.call)

    def close(self) -> None:
        self._requests.put(None)
        self.call.cancel()


def watch_from(channel: grpc.Channel, prefix: bytes, **more: Any) -> Stream:
    """A watcher that was answered already."""
    stream = Stream(channel, "Watch/Watch")
    created = m.WatchCreateRequest(key=prefix, range_end=prefix[:-1] + b"0", **more)
    stream.send(m.WatchRequest(create_request=created))
    same(stream.next().created, True)
    return stream


def told(answer: Any) -> list[tuple[int, bytes, bytes, bytes]]:
    """Kind, key, value and previous value of each event."""
    return [(e.type, e.kv.key, e.kv.value, e.prev_kv.value) for e in answer.events]


def put() -> None:
    first = put_value("put/a", "1")
    same(put_value("put/a", "2"), first + 1)
    before = _put(m.PutRequest(key=b"put/a", value=b"3", prev_kv=True)).prev_kv
    same((before.value, before.version, before.mod_revision), (b"2", 2, first + 1))
    code, details = refusal(lambda: _put(m.PutRequest(value=b"x")))
    same((code, details), (grpc.StatusCode.INVALID_ARGUMENT, "etcdserver: key is not provided"))


def get() -> None:
    revision = put_value("get/a", "1")
    put_value("get/a", "2")
    (now,) = _range(m.RangeRequest(key=b"get/a")).kvs
    same((now.value, now.create_revision, now.version), (b"2", revision, 2))
    (then,) = _range(m.RangeRequest(key=b"get/a", revision=revision)).kvs
    same(then.value, b"1")
    same(_range(m.RangeRequest(key=b"get/none")).count, 0)


def prefix() -> None:
    for number in range(5):
        put_value(f"prefix/{number}", str(number))
    everything: dict[str, Any] = {"key": b"prefix/", "range_end": b"prefix0"}
    same(
        [kv.value for kv in _range(m.RangeRequest(**everything)).kvs],
        [b"0", b"1", b"2", b"3", b"4"],
    )
    page = _range(m.RangeRequest(**everything, limit=2, sort_order=m.RangeRequest.DESCEND))
    same(([kv.value for kv in page.kvs], page.more, page.count), ([b"4", b"3"], True, 5))
    deleted = stub(direct, "KV/DeleteRange")(m.DeleteRangeRequest(**everything))
    same(deleted.deleted, 5)


def txn() -> None:
    put_value("txn/a", "1")
    call = stub(direct, "KV/Txn")
    request = m.TxnRequest(
        compare=[
            m.Compare(key=b"txn/a", target=m.Compare.VALUE, result=m.Compare.EQUAL, value=b"1")
        ],
        success=[
            m.RequestOp(request_put=m.PutRequest(key=b"txn/a", value=b"2")),
            m.RequestOp(request_range=m.RangeRequest(key=b"txn/a")),
        ],
        failure=[m.RequestOp(request_delete_range=m.DeleteRangeRequest(key=b"txn/a"))],
    )
    answer = call(request)
    same((answer.succeeded, answer.responses[1].response_range.kvs[0].value), (True, b"2"))
    answer = call(request)
    same((answer.succeeded, answer.responses[0].response_delete_range.deleted), (False, 1))


def watch() -> None:
    stream = watch_from(direct, b"watch/", prev_kv=True)
    revision = put_value("watch/a", "1")
    put_value("watch/a", "2")
    stub(direct, "KV/DeleteRange")(m.DeleteRangeRequest(key=b"watch/a"))
    events = [told(stream.next())[0] for _ in range(3)]
    wanted = [(0, b"watch/a", b"1", b""), (0, b"watch/a", b"2", b"1"), (1, b"watch/a", b"", b"2")]
    same(events, wanted)
    stream.close()
    past = watch_from(direct, b"watch/", prev_kv=True, start_revision=revision)
    same(told(past.next()), wanted)
    past.close()


def resume() -> str:
    values, revision, times = [], put_value("resume/a", "0"), 3
    for number in range(times):
        stream = watch_from(through, b"resume/", start_revision=revision)
        answer = stream.next()
        values += [event.kv.value for event in answer.events]
        revision = answer.header.revision + 1
        ask("cut")
        same(refusal(stream.next)[0], grpc.StatusCode.UNAVAILABLE)
        put_value("resume/a", str(number + 1))
    same(values, [b"%d" % number for number in range(times)])
    return "no resume of its own: watched again from the next revision"


def lease() -> None:
    granted = stub(direct, "Lease/LeaseGrant")(m.LeaseGrantRequest(TTL=60))
    same(granted.TTL, 60)
    put_value("lease/a", "1", lease=granted.ID)
    stream = Stream(direct, "Lease/LeaseKeepAlive")
    for _ in range(2):
        stream.send(m.LeaseKeepAliveRequest(ID=granted.ID))
        answer = stream.next()
        same((answer.ID, answer.TTL), (granted.ID, 60))
    stream.close()
    asked = m.LeaseTimeToLiveRequest(ID=granted.ID, keys=True)
    left = stub(direct, "Lease/LeaseTimeToLive")(asked)
    same((left.grantedTTL, list(left.keys)), (60, [b"lease/a"]))
    stub(direct, "Lease/LeaseRevoke")(m.LeaseRevokeRequest(ID=granted.ID))
    same(_range(m.RangeRequest(key=b"lease/a")).count, 0)


def deadline() -> None:
    call = stub(through, "KV/Range")
    call(m.RangeRequest(key=b"a"))
    ask("stall")
    code, _ = refusal(lambda: call(m.RangeRequest(key=b"a"), timeout=DEADLINE_SECONDS))
    same(code, grpc.StatusCode.DEADLINE_EXCEEDED)
    ask("flow")
    same(call(m.RangeRequest(key=b"deadline/none")).count, 0)


def cancel() -> None:
    call = stub(through, "KV/Range")
    call(m.RangeRequest(key=b"a"))
    ask("stall")
    future = call.future(m.RangeRequest(key=b"a"))
    future.cancel()
    same(future.code(), grpc.StatusCode.CANCELLED)
    ask("flow")
    same(call(m.RangeRequest(key=b"cancel/none")).count, 0)
    stream = watch_from(direct, b"cancel/")
    stream.send(m.WatchRequest(cancel_request=m.WatchCancelRequest(watch_id=0)))
    same(stream.next().canceled, True)
    put_value("cancel/a", "1")
    stream.send(m.WatchRequest(create_request=m.WatchCreateRequest(key=b"x")))
    same(stream.next().created, True)  # and nothing was told before
    stream.close()


def large() -> None:
    value = bytes(range(250)) * (LARGE // 250)
    _put(m.PutRequest(key=b"large", value=value))
    same(_range(m.RangeRequest(key=b"large")).kvs[0].value, value)
    code, details = refusal(lambda: _put(m.PutRequest(key=b"large", value=bytes(TOO_LARGE))))
    same(code, grpc.StatusCode.INVALID_ARGUMENT)
    same(details, "etcdserver: request is too large")


def concurrent() -> None:
    before = put_value("concurrent", "")
    with ThreadPoolExecutor(MANY) as pool:
        revisions = list(pool.map(lambda n: put_value(f"concurrent/{n}", str(n)), range(MANY)))
    same(sorted(revisions), list(range(before + 1, before + MANY + 1)))
    same(_range(m.RangeRequest(key=b"concurrent/", range_end=b"concurrent0")).count, MANY)


def members() -> None:
    listed = stub(direct, "Cluster/MemberList")(m.MemberListRequest())
    (member,) = listed.members
    same((member.name, member.ID), ("default", listed.header.member_id))
    status = stub(direct, "Maintenance/Status")(m.StatusRequest())
    same((status.version, status.leader), ("3.7.3", member.ID))


def tls() -> None:
    files = [Path(each).read_bytes() for each in (PLACES.ca, PLACES.key, PLACES.cert)]
    with grpc.secure_channel(PLACES.secure, grpc.ssl_channel_credentials(*files), SIZES) as secure:
        stub(secure, "KV/Put")(m.PutRequest(key=b"tls", value=b"1"))
        same(stub(secure, "KV/Range")(m.RangeRequest(key=b"tls")).kvs[0].value, b"1")


def auth() -> None:
    def call(name: str, request: Any, user: str = "") -> Any:
        return stub(direct, name)(request, metadata=[("token", tokens[user])] if user else ())

    def log_in(user: str, password: str) -> str:
        request = m.AuthenticateRequest(name=user, password=password)
        return str(call("Auth/Authenticate", request).token)

    tokens: dict[str, str] = {}
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
        call(f"Auth/{name}", request)
    same(
        refusal(lambda: _range(m.RangeRequest(key=b"alice/a"))),
        (grpc.StatusCode.INVALID_ARGUMENT, "etcdserver: user name is empty"),
    )
    same(
        refusal(lambda: log_in("alice", "wrong")),
        (
            grpc.StatusCode.INVALID_ARGUMENT,
            "etcdserver: authentication failed, invalid user ID or password",
        ),
    )
    tokens |= {"alice": log_in("alice", "a"), "root": log_in("root", "r")}
    call("KV/Put", m.PutRequest(key=b"alice/a", value=b"1"), "alice")
    same(call("KV/Range", m.RangeRequest(key=b"alice/a"), "alice").kvs[0].value, b"1")
    same(
        refusal(lambda: call("KV/Put", m.PutRequest(key=b"bob/a", value=b"1"), "alice")),
        (grpc.StatusCode.PERMISSION_DENIED, "etcdserver: permission denied"),
    )
    call("KV/Put", m.PutRequest(key=b"bob/a", value=b"2"), "root")
    call("Auth/AuthDisable", m.AuthDisableRequest(), "root")
    same(_range(m.RangeRequest(key=b"bob/a")).kvs[0].value, b"2")


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
