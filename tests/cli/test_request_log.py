"""What the log has of calls that took long and of writes that failed, beside real etcd's."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from google.protobuf.message import Message

from conformance import oracle
from fake_etcd.api import messages as m
from fake_etcd.api.methods import METHODS

from .dev_server import serving
from .test_etcd_log import OURS, Fields, started

PEERS = (
    "--initial-advertise-peer-urls=http://127.0.0.1:1",
    "--initial-cluster=default=http://127.0.0.1:1",
)
"""The same for both, since ids are made of them, and answers are as long as these."""

TEXTS = ("request stats", "apply request took too long", "failed to apply request")
KV, LEASE, AUTH = "etcdserverpb.KV", "etcdserverpb.Lease", "etcdserverpb.Auth"
KEY = b"\x00\x01\n\"\\\xff\xc3\xa4\x7f\xc2\x85'\t"


def op(request: Message) -> m.RequestOp:
    if isinstance(request, m.PutRequest):
        return m.RequestOp(request_put=request)
    if isinstance(request, m.RangeRequest):
        return m.RequestOp(request_range=request)
    if isinstance(request, m.DeleteRangeRequest):
        return m.RequestOp(request_delete_range=request)
    assert isinstance(request, m.TxnRequest)
    return m.RequestOp(request_txn=request)


CALLS: list[tuple[str, str, Message]] = [
    (KV, "Put", m.PutRequest(key=b"a", value=b"hello")),
    (KV, "Put", m.PutRequest(key=b"a", value=b"hello", prev_kv=True)),
    (KV, "Put", m.PutRequest(key=KEY, value=b"hello", prev_kv=True, ignore_lease=True)),
    (KV, "Put", m.PutRequest(key=b"a", value=b"hello", lease=77)),
    (KV, "Put", m.PutRequest(key=b"", value=b"hello")),
    (KV, "Put", m.PutRequest(key=b"a", value=b"x" * 1_600_000)),
    (KV, "Range", m.RangeRequest(key=b"a")),
    (KV, "Range", m.RangeRequest(key=b"nothing")),
    (
        KV,
        "Range",
        m.RangeRequest(
            key=KEY,
            range_end=b"b",
            limit=3,
            sort_order=m.RangeRequest.ASCEND,
            sort_target=m.RangeRequest.CREATE,
            keys_only=True,
            serializable=True,
        ),
    ),
    (KV, "Range", m.RangeRequest(key=b"a", revision=999)),
    (KV, "Range", m.RangeRequest(key=b"a", sort_order=9)),
    (
        KV,
        "Txn",
        m.TxnRequest(
            compare=[
                m.Compare(target=m.Compare.VALUE, key=b"a", value=b"hello"),
                m.Compare(result=m.Compare.GREATER, target=m.Compare.CREATE, key=b"b"),
            ],
            success=[
                op(m.PutRequest(key=b"z", value=b"xyz")),
                op(m.RangeRequest(key=b"a", range_end=b"b")),
            ],
            failure=[
                op(m.DeleteRangeRequest(key=b"z")),
                op(m.TxnRequest(success=[op(m.PutRequest(key=b"q"))])),
            ],
        ),
    ),
    (KV, "Txn", m.TxnRequest(success=[op(m.RangeRequest(key=b"a")), op(m.RangeRequest(key=b"z"))])),
    (KV, "Txn", m.TxnRequest(success=[op(m.TxnRequest(success=[op(m.RangeRequest(key=b"a"))]))])),
    (KV, "Txn", m.TxnRequest()),
    (KV, "Txn", m.TxnRequest(success=[op(m.RangeRequest(key=b"a", revision=999))])),
    (KV, "Txn", m.TxnRequest(success=[op(m.PutRequest(key=b"a", lease=77))])),
    (KV, "Txn", m.TxnRequest(success=2 * [op(m.PutRequest(key=b"a"))])),
    (KV, "DeleteRange", m.DeleteRangeRequest(key=b"a", prev_kv=True)),
    (KV, "DeleteRange", m.DeleteRangeRequest(key=b"a")),
    (KV, "Compact", m.CompactionRequest(revision=2)),
    (KV, "Compact", m.CompactionRequest(revision=2)),
    (KV, "Compact", m.CompactionRequest(revision=999)),
    (KV, "Range", m.RangeRequest(key=b"a", revision=1)),
    (KV, "Compact", m.CompactionRequest(revision=3, physical=True)),
    (LEASE, "LeaseGrant", m.LeaseGrantRequest(TTL=100, ID=255)),
    (LEASE, "LeaseGrant", m.LeaseGrantRequest(TTL=100, ID=255)),
    (LEASE, "LeaseGrant", m.LeaseGrantRequest(TTL=10_000_000_000, ID=256)),
    (LEASE, "LeaseTimeToLive", m.LeaseTimeToLiveRequest(ID=255)),
    (LEASE, "LeaseLeases", m.LeaseLeasesRequest()),
    (LEASE, "LeaseRevoke", m.LeaseRevokeRequest(ID=255)),
    (LEASE, "LeaseRevoke", m.LeaseRevokeRequest(ID=255)),
    ("etcdserverpb.Maintenance", "Status", m.StatusRequest()),
    ("etcdserverpb.Maintenance", "Alarm", m.AlarmRequest()),
    ("etcdserverpb.Maintenance", "Alarm", m.AlarmRequest(action=2, memberID=5, alarm=1)),
    ("etcdserverpb.Cluster", "MemberList", m.MemberListRequest()),
    (AUTH, "UserAdd", m.AuthUserAddRequest(name="root", password="pw")),
    (AUTH, "UserAdd", m.AuthUserAddRequest(name="root", password="pw")),
    (AUTH, "UserAdd", m.AuthUserAddRequest(name="", password="pw")),
    (AUTH, "UserChangePassword", m.AuthUserChangePasswordRequest(name="root", password="pw2")),
    (AUTH, "UserChangePassword", m.AuthUserChangePasswordRequest(name="x", password="pw2")),
    (AUTH, "AuthEnable", m.AuthEnableRequest()),
    (AUTH, "RoleAdd", m.AuthRoleAddRequest(name="root")),
    (AUTH, "RoleAdd", m.AuthRoleAddRequest(name="root")),
    (AUTH, "RoleAdd", m.AuthRoleAddRequest(name="")),
    (AUTH, "UserGrantRole", m.AuthUserGrantRoleRequest(user="root", role="root")),
    (AUTH, "UserGrantRole", m.AuthUserGrantRoleRequest(user="root", role="x")),
    (AUTH, "UserRevokeRole", m.AuthUserRevokeRoleRequest(name="root", role="x")),
    (AUTH, "RoleGrantPermission", m.AuthRoleGrantPermissionRequest(name="root")),
    (
        AUTH,
        "RoleGrantPermission",
        m.AuthRoleGrantPermissionRequest(
            name="root", perm=m.Permission(permType=2, key=b"a", range_end=b"\0")
        ),
    ),
    (AUTH, "RoleRevokePermission", m.AuthRoleRevokePermissionRequest(role="root", key=b"q")),
    (AUTH, "RoleGet", m.AuthRoleGetRequest(role="x")),
    (AUTH, "RoleList", m.AuthRoleListRequest()),
    (AUTH, "UserGet", m.AuthUserGetRequest(name="root")),
    (AUTH, "UserGet", m.AuthUserGetRequest(name="x")),
    (AUTH, "UserList", m.AuthUserListRequest()),
    (AUTH, "AuthStatus", m.AuthStatusRequest()),
    (AUTH, "Authenticate", m.AuthenticateRequest(name="root", password="pw2")),
    (AUTH, "AuthEnable", m.AuthEnableRequest()),
    (AUTH, "Authenticate", m.AuthenticateRequest(name="root", password="bad")),
    (AUTH, "Authenticate", m.AuthenticateRequest(name="x", password="bad")),
    (AUTH, "Authenticate", m.AuthenticateRequest(name="root", password="pw2")),
    (KV, "Put", m.PutRequest(key=b"a", value=b"hello")),
    (KV, "Range", m.RangeRequest(key=b"a")),
    (KV, "DeleteRange", m.DeleteRangeRequest(key=b"a")),
    (AUTH, "UserDelete", m.AuthUserDeleteRequest(name="root")),
]


@contextlib.contextmanager
def connected(url: str) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(url.removeprefix("http://")) as channel:
        yield channel


Metadata = tuple[tuple[str, str], ...]


def ask(
    channel: grpc.Channel, service: str, name: str, request: Message, metadata: Metadata = ()
) -> Message | str:
    """The answer, or what the error says."""
    method = METHODS[f"/{service}/{name}"]
    call: grpc.UnaryUnaryMultiCallable[Message, Message] = channel.unary_unary(
        method.path, lambda each: each.SerializeToString(), method.response.FromString
    )
    try:
        return call(request, timeout=20, metadata=metadata)
    except grpc.RpcError as error:
        return error.details() or ""


def talk(channel: grpc.Channel) -> list[str]:
    """Make every call, as the user that the last login named; how each ended."""
    ends: list[str] = []
    metadata: Metadata = ()
    # Without a token there is no right to do anything.
    nobodys = [(KV, "Put", m.PutRequest(key=b"a")), (KV, "Range", m.RangeRequest(key=b"a"))]
    for number, (service, name, request) in enumerate([*CALLS, *nobodys]):
        of_somebody = metadata if number < len(CALLS) else ()
        answer = ask(channel, service, name, request, of_somebody)
        ends.append(answer if isinstance(answer, str) else "OK")
        if isinstance(answer, m.AuthenticateResponse):
            metadata = (("token", answer.token),)
    return ends


def told(lines: list[str]) -> list[Fields]:
    """The lines about calls, but for what has times, ports and other numbers of its own."""
    found = []
    for line in map(json.loads, lines):
        if line["msg"] not in TEXTS or "cluster_" in line.get("request", ""):
            continue  # etcd makes requests of its own as it starts
        for name in ("ts", "start time", "time spent", "took"):
            if name in line:
                line[name] = "TIME"
        if "remote" in line:
            line["remote"] = re.sub(r":\d+$", ":PORT", line["remote"])
        if "request" in line:
            line["request"] = re.sub(r"ID:\d+", "ID", line["request"])
            # A token ends with the number of its entry, so that it may be shorter.
            if "simple_token" in line["request"]:
                line["request"] = re.sub(r"simple_token:\w+", "TOKEN", line["request"])
                line["response"] = re.sub(r"\d+", "", line["response"])
        found.append({name: json.dumps(value) for name, value in line.items()})
    return found


def log_of_calls(
    command: tuple[str, ...], folder: Path, *arguments: str
) -> tuple[list[str], list[Fields]]:
    folder.mkdir()
    with started(command, folder, *PEERS, "--bcrypt-cost=4", *arguments) as (process, lines):
        serving_at = next(json.loads(line) for line in lines if "serving client" in line)
        # Read meanwhile: who may not write on waits for ever.
        with ThreadPoolExecutor(1) as thread:
            assert process.stdout is not None
            rest = thread.submit(process.stdout.readlines)
            try:
                with connected(serving_at["address"]) as channel:
                    ends = talk(channel)
            finally:
                process.terminate()
            return ends, told([line for line in rest.result() if line.startswith("{")])


@pytest.fixture(scope="module")
def real() -> tuple[str, ...]:
    try:
        return (str(oracle.build()),)
    except oracle.NoOracle as error:
        pytest.skip(str(error))


@pytest.mark.interop
@pytest.mark.parametrize(
    "flags",
    [
        ("--warning-unary-request-duration=1ns", "--warning-apply-duration=1ns"),
        ("--warning-unary-request-duration=-1s", "--warning-apply-duration=1h"),
        ("--warning-unary-request-duration=0", "--warning-apply-duration=0s"),
        ("--log-level=debug", "--warning-apply-duration=1h"),
    ],
    ids=lambda flags: " ".join(flags),
)
def test_calls_are_told_of_as_etcd_tells_of_them(
    real: tuple[str, ...], tmp_path: Path, flags: tuple[str, ...]
) -> None:
    their_ends, theirs = log_of_calls(real, tmp_path / "real", *flags)
    our_ends, ours = log_of_calls(OURS, tmp_path / "ours", *flags)
    assert our_ends == their_ends
    assert ours == theirs


@pytest.mark.parametrize("more", [(), ("--transport=grpcio",), ("--control",)], ids=str)
def test_every_way_of_serving_tells_of_calls(more: tuple[str, ...]) -> None:
    flags = ("--warning-unary-request-duration=1ns", "--warning-apply-duration=1h", *more)
    with serving(*flags) as server:
        with connected(server.addresses[0]) as channel:
            ask(channel, KV, "Put", m.PutRequest(key=b"k", value=b"secret"))
        _, _, log = server.stop(15)
    (line,) = (json.loads(line) for line in log.splitlines() if TEXTS[0] in line)
    assert line["request content"] == 'key:"k" value_size:6 '
    assert "secret" not in log


@pytest.mark.parametrize(
    "flags",
    [
        ("--warning-unary-request-duration=1h", "--warning-apply-duration=1h"),
        ("--warning-unary-request-duration=1ns", "--log-level=error"),
    ],
    ids=["quick", "nobody listens"],
)
def test_nothing_is_told_of_calls_that(flags: tuple[str, ...]) -> None:
    with serving(*flags) as server:
        with connected(server.addresses[0]) as channel:
            assert not isinstance(ask(channel, KV, "Put", m.PutRequest(key=b"k")), str)
        _, _, log = server.stop(15)
    assert not any(text in log for text in TEXTS)
