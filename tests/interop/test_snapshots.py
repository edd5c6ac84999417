"""Snapshots go both ways: ours to real etcd, real etcd's to ours, and nothing is lost.

The same history is played on either. What is compared is all that a client can see of it: keys at
every revision, leases, users, roles, HashKV.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message

from bench import golang, servers
from conformance import oracle
from conformance.oracle import Running
from fake_etcd.api import messages as m
from fake_etcd.api.methods import METHODS
from fake_etcd.bbolt import Bucket, Database, plan
from fake_etcd.testing import FakeEtcd

from .conftest import built

StartServer = Callable[[], AbstractContextManager[Running]]
SECONDS = 60
START: dict[str, StartServer] = {
    "fake_etcd": lambda: servers.ours(flags=["--bcrypt-cost=4"]),
    "etcd": lambda: oracle.start(flags=["--bcrypt-cost=4"]),
}
OF = {path.rpartition(".")[2]: method for path, method in METHODS.items()}
LARGE = b"v" * 300_000


@pytest.fixture(scope="module", autouse=True)
def programs() -> None:
    """All that is needed; without Go there is nothing to test."""
    for build in (oracle.build, golang.etcdctl, golang.etcdutl, golang.bbolt):
        built(build)


class Client:
    """Calls of any method, with a token where there is one."""

    def __init__(self, target: str | grpc.Channel) -> None:
        if isinstance(target, str):
            options = [("grpc.max_receive_message_length", -1)]
            target = grpc.insecure_channel(target.removeprefix("http://"), options)
        self._channel = target
        self._metadata: tuple[tuple[str, str], ...] = ()

    def __call__(self, name: str, request: Message) -> Any:
        method = OF[name]
        call = self._channel.unary_unary(
            method.path, type(request).SerializeToString, method.response.FromString
        )
        return call(request, timeout=SECONDS, metadata=self._metadata)

    def sign_in(self) -> None:
        token = self(
            "Auth/Authenticate", m.AuthenticateRequest(name="root", password="secret")
        ).token
        self._metadata = (("token", token),)

    def close(self) -> None:
        self._channel.close()


def put(key: bytes, value: bytes, lease: int = 0) -> m.RequestOp:
    return m.RequestOp(request_put=m.PutRequest(key=key, value=value, lease=lease))


def play(client: Client, keys: int) -> None:
    """A history with everything in it."""
    client("Lease/LeaseGrant", m.LeaseGrantRequest(ID=7, TTL=5_000))
    client("Lease/LeaseGrant", m.LeaseGrantRequest(ID=1 << 62, TTL=6_000))
    for start in range(0, keys, 100):
        numbers = range(start, min(start + 100, keys))
        ops = [put(b"k/%06d" % it, b"v" * (it % 200), 7 if it % 3 == 0 else 0) for it in numbers]
        client("KV/Txn", m.TxnRequest(success=ops))
    client("KV/Put", m.PutRequest(key=b"large", value=LARGE))
    for number in range(6):
        client("KV/Put", m.PutRequest(key=b"a", value=b"%d" % number))
    client("KV/DeleteRange", m.DeleteRangeRequest(key=b"k/000010", range_end=b"k/000040"))
    client("KV/Put", m.PutRequest(key=b"k/000012", value=b"again", lease=1 << 62))
    revision = client("KV/Range", m.RangeRequest(key=b"a")).header.revision
    client("KV/Compact", m.CompactionRequest(revision=revision - 4, physical=True))
    client("KV/DeleteRange", m.DeleteRangeRequest(key=b"a"))
    client("KV/Put", m.PutRequest(key=b"\xff\0", value="snow \N{SNOWMAN}".encode()))


def add_users(client: Client) -> None:
    client("Auth/RoleAdd", m.AuthRoleAddRequest(name="r"))
    for key, end, kind in ((b"a", b"b", m.Permission.READ), (b"k", b"\0", m.Permission.WRITE)):
        permission = m.Permission(key=key, range_end=end, permType=kind)
        client(
            "Auth/RoleGrantPermission", m.AuthRoleGrantPermissionRequest(name="r", perm=permission)
        )
    no_password = m.UserAddOptions(no_password=True)
    client("Auth/UserAdd", m.AuthUserAddRequest(name="nobody", options=no_password))
    client("Auth/UserGrantRole", m.AuthUserGrantRoleRequest(user="nobody", role="r"))
    client("Auth/UserAdd", m.AuthUserAddRequest(name="root", password="secret"))
    client("Auth/UserGrantRole", m.AuthUserGrantRoleRequest(user="root", role="root"))
    client("Auth/AuthEnable", m.AuthEnableRequest())


def seen(client: Client) -> dict[str, Any]:
    """All that there is, without what a restart or another cluster may change."""
    newest = client("KV/Range", m.RangeRequest(key=b"\0", range_end=b"\0")).header.revision
    found: dict[str, Any] = {"revision": newest}
    first = newest
    while True:  # back to what is compacted
        try:
            asked = m.RangeRequest(key=b"\0", range_end=b"\0", revision=first)
            answer = client("KV/Range", asked)
        except grpc.RpcError as error:
            found["ends"] = (first, error.details())
            break
        found[f"keys at {first}"] = [kv.SerializeToString() for kv in answer.kvs]
        if first > newest - 3:  # later than the compaction, whose own hash no file keeps
            hashed = client("Maintenance/HashKV", m.HashKVRequest(revision=first))
            found[f"hash at {first}"] = (hashed.hash, hashed.compact_revision)
        first -= 1
    leases = sorted(it.ID for it in client("Lease/LeaseLeases", m.LeaseLeasesRequest()).leases)
    for id in leases:
        answer = client("Lease/LeaseTimeToLive", m.LeaseTimeToLiveRequest(ID=id, keys=True))
        found[f"lease {id}"] = (answer.grantedTTL, sorted(answer.keys))
    for user in client("Auth/UserList", m.AuthUserListRequest()).users:
        found[f"user {user}"] = list(client("Auth/UserGet", m.AuthUserGetRequest(name=user)).roles)
    for role in client("Auth/RoleList", m.AuthRoleListRequest()).roles:
        answer = client("Auth/RoleGet", m.AuthRoleGetRequest(role=role))
        found[f"role {role}"] = [it.SerializeToString() for it in answer.perm]
    status = client("Auth/AuthStatus", m.AuthStatusRequest())
    found["auth"] = (status.enabled, status.authRevision)
    return found


def run(program: Path, *arguments: object) -> str:
    """What a program prints."""
    done = subprocess.run(
        [program, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def save(url: str, path: Path, *flags: str) -> None:
    run(built(golang.etcdctl), f"--endpoints={url}", *flags, "snapshot", "save", path)


def told(path: Path) -> dict[str, Any]:
    """What etcdutl says of a snapshot, in which bbolt finds nothing wrong."""
    assert run(built(golang.bbolt), "check", path) == "OK\n"
    found: dict[str, Any] = json.loads(
        run(built(golang.etcdutl), "snapshot", "status", path, "-w", "json")
    )
    return found


@contextlib.contextmanager
def filled(start: StartServer, keys: int, *, has_users: bool) -> Iterator[tuple[str, Client]]:
    with start() as server, contextlib.closing(Client(server.url)) as client:
        play(client, keys)
        if has_users:
            add_users(client)
            client.sign_in()
        yield server.url, client


def flags_of(has_users: bool) -> tuple[str, ...]:
    return ("--user=root:secret",) if has_users else ()


@contextlib.contextmanager
def restored(path: Path, folder: Path) -> Iterator[Client]:
    """A real etcd that begins with a snapshot."""
    run(
        built(golang.etcdutl),
        *("snapshot", "restore", path, f"--data-dir={folder}"),
        "--initial-cluster=default=http://localhost:2380",
        "--initial-advertise-peer-urls=http://localhost:2380",
    )
    with (
        oracle.start(flags=[f"--data-dir={folder}"]) as server,
        contextlib.closing(Client(server.url)) as client,
    ):
        yield client


@contextlib.contextmanager
def loaded(path: Path, folder: Path) -> Iterator[Client]:
    """Ours, likewise."""
    with (
        servers.ours(flags=[f"--fake-load={path}", "--bcrypt-cost=4"]) as server,
        contextlib.closing(Client(server.url)) as client,
    ):
        yield client


@pytest.mark.parametrize(("keys", "has_users"), [(60, False), (3_000, True)])
@pytest.mark.parametrize("name", START)
def test_a_snapshot_of_either_begins_the_other(
    tmp_path: Path, name: str, keys: int, has_users: bool
) -> None:
    path = tmp_path / "snapshot.db"
    with filled(START[name], keys, has_users=has_users) as (url, client):
        before = seen(client)
        save(url, path, *flags_of(has_users))
    status = told(path)
    newest = before["revision"]
    assert (status["revision"], status["version"]) == (newest, "3.7.0")
    assert status["totalKey"] == len(before[f"keys at {newest}"])
    begin = restored if name == "fake_etcd" else loaded
    with begin(path, tmp_path / "data") as client:
        if has_users:
            client.sign_in()
        after = seen(client)
        if has_users:  # each sign-in is none of it
            assert after["auth"] == before["auth"]
        assert after == before
        answer = client("KV/Put", m.PutRequest(key=b"a", value=b"goes on"))
        assert answer.header.revision == newest + 1


def test_a_fake_etcd_begins_with_a_snapshot_of_etcd(tmp_path: Path) -> None:
    path = tmp_path / "snapshot.db"
    with filled(START["etcd"], 60, has_users=True) as (url, client):
        before = seen(client)
        save(url, path, *flags_of(True))
    with FakeEtcd(snapshot=path) as etcd:
        for _ in range(2):
            client = Client(etcd.channel())
            client.sign_in()
            assert seen(client) == before
            etcd.reset()


@pytest.mark.parametrize("page_bytes", [1_024, 4_096, 65_536])
def test_bbolt_finds_nothing_wrong_with_any_buckets(tmp_path: Path, page_bytes: int) -> None:
    """Small ones that have no page, in each other, of many pairs, with values of many pages."""
    tree: dict[bytes, Any] = {
        b"empty": {},
        b"large": {b"a": b"", b"b": b"v" * 1_000_000, b"c": b"v" * 70_000},
        b"long keys": {b"%030000d" % number: b"v" for number in range(30)},
        b"many": {b"%09d" % number: b"v" * (number % 90) for number in range(30_000)},
        b"nested": {b"in": {b"it": {b"k": b"v" * 400}, b"small": {b"k": b"v"}}, b"k": b"v"},
        b"small": {b"k": b"v"},
    }
    path = tmp_path / "any.db"
    path.write_bytes(b"".join(plan(tree, page_bytes).pages()))
    assert run(built(golang.bbolt), "check", path) == "OK\n"
    for name in ("large", "many"):
        keys = run(built(golang.bbolt), "keys", path, name).split()
        assert keys == [key.decode() for key in tree[name.encode()]]
    assert run(built(golang.bbolt), "get", path, "nested", "in", "it", "k") == "v" * 400 + "\n"


def raised(url: str, client: Client) -> None:
    """An alarm."""
    action = m.AlarmRequest.ACTIVATE
    client("Maintenance/Alarm", m.AlarmRequest(action=action, memberID=5, alarm=m.NOSPACE))


def defragmented(url: str, client: Client) -> None:
    client("Maintenance/Defragment", m.DefragmentRequest())


def untouched(url: str, client: Client) -> None:
    """Nothing more."""


@pytest.mark.parametrize(
    ("keys", "has_users", "more"),
    [
        (1, False, untouched),
        (60, False, raised),
        (60, True, untouched),
        (3_000, False, defragmented),
        (20_000, False, untouched),
    ],
)
def test_files_of_etcd_are_read_whole_and_written_again(
    tmp_path: Path, keys: int, has_users: bool, more: Callable[[str, Client], None]
) -> None:
    """etcdutl's hash is of all buckets, keys and values of a file."""
    path, copy = tmp_path / "snapshot.db", tmp_path / "copy.db"
    with filled(START["etcd"], keys, has_users=has_users) as (url, client):
        more(url, client)
        save(url, path, *flags_of(has_users))
    with Database.open(path) as database:
        database.check()
        assert all(isinstance(value, Bucket) for _, value in database.root.items())
        digest = hashlib.sha256()
        with copy.open("wb") as file:
            for page in plan(database.root).pages():
                digest.update(page)
                file.write(page)
            file.write(digest.digest())
    original, again = told(path), told(copy)
    assert again.pop("totalSize") <= original.pop("totalSize")
    assert again == original


@pytest.mark.parametrize("name", START)
def test_a_downgrade_goes_on_in_the_other(tmp_path: Path, name: str) -> None:
    path = tmp_path / "snapshot.db"
    actions = m.DowngradeRequest
    with START[name]() as server, contextlib.closing(Client(server.url)) as client:
        enable = m.DowngradeRequest(action=actions.ENABLE, version="3.6")
        client("Maintenance/Downgrade", enable)
        save(server.url, path)
    begin = restored if name == "fake_etcd" else loaded
    with begin(path, tmp_path / "data") as client:
        status = client("Maintenance/Status", m.StatusRequest())
        assert status.downgradeInfo == m.DowngradeInfo(enabled=True, targetVersion="3.6.0")
        for version, why in (
            ("3.6", "etcdserver: invalid downgrade target version"),
            ("3.5", "etcdserver: cluster has a downgrade job in progress"),
        ):
            with pytest.raises(grpc.RpcError) as refused:
                client(
                    "Maintenance/Downgrade",
                    m.DowngradeRequest(action=actions.VALIDATE, version=version),
                )
            assert refused.value.details() == why
        # The storage has followed by now: it does so just behind the cluster.
        assert client("Maintenance/Status", m.StatusRequest()).storageVersion == "3.6.0"
        cancelled = client("Maintenance/Downgrade", m.DowngradeRequest(action=actions.CANCEL))
        assert cancelled.version == "3.6"
        status = client("Maintenance/Status", m.StatusRequest())
        assert not status.HasField("downgradeInfo") or status.downgradeInfo == m.DowngradeInfo()
