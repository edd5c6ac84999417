"""Data that is kept in the data folder: found again, whole, and never harmed."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import grpc
import pytest
from google.protobuf.message import Message

from fake_etcd.api import messages as m
from fake_etcd.cli import flags, persist, snapshot_file
from fake_etcd.cli.background import serve
from fake_etcd.cli.main import main
from fake_etcd.core.node import Node
from fake_etcd.core.snapshot.dump import dump
from fake_etcd.core.snapshot.schema import Buckets
from fake_etcd.testing import FakeEtcd
from tests.cli.dev_server import CHECKOUT, DevServer, environment, run, serving
from tests.services.client import KvClient
from tests.services.handlers import Handlers

FILE = Path("member", "snap", "db")
KEPT = ("--fake-persist", "--fake-persist-interval=1h")


def written(path: Path) -> Path:
    """A snapshot with a few things in it."""
    node = Node()
    node.lessor.grant(7, 1_000, 0.0)
    for number in range(20):
        node.store.put(b"k%d" % number, b"v" * 500, 7)
    node.compact(5)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        snapshot_file.write_file(file, dump(node))
    return path


def client(server: DevServer) -> KvClient:
    return KvClient(server.target)


def keys_of(etcd: KvClient) -> dict[bytes, bytes]:
    return {kv.key: kv.value for kv in etcd.range(key=b"\0", range_end=b"\0").kvs}


def test_what_was_there_at_the_stop_is_there_again(tmp_path: Path) -> None:
    arguments = (*KEPT, f"--data-dir={tmp_path}")
    with serving(*arguments) as server, client(server) as etcd:
        etcd.put(key=b"a", value=b"1")
        first = etcd.put(key=b"a", value=b"2").header
        server.stop(signal.SIGTERM)
    assert [it.name for it in (tmp_path / FILE).parent.iterdir()] == ["db"]
    with serving(*arguments) as server, client(server) as etcd:
        answer = etcd.range(key=b"a", revision=2)
        assert [kv.value for kv in answer.kvs] == [b"1"]
        assert (answer.header.revision, answer.header.raft_term) == (3, first.raft_term + 1)
        assert answer.header.member_id == first.member_id
        second = etcd.put(key=b"b", value=b"3").header
        assert second.revision == 4
        server.stop(signal.SIGTERM)
    with serving(*arguments) as server, client(server) as etcd:
        assert keys_of(etcd) == {b"a": b"2", b"b": b"3"}


def test_an_etcd_that_nobody_wrote_to_goes_on_as_well(tmp_path: Path) -> None:
    arguments = (*KEPT, f"--data-dir={tmp_path}")
    terms = []
    for _ in range(2):
        with serving(*arguments) as server, client(server) as etcd:
            terms.append(etcd.range(key=b"a").header.raft_term)
            server.stop(signal.SIGTERM)
    assert terms == [terms[0], terms[0] + 1]


def test_under_the_name_etcd_data_is_kept_and_else_not(tmp_path: Path) -> None:
    folder = str(tmp_path / "data")
    for as_etcd, arguments, kept in (
        (True, [], True),
        (True, ["--fake-persist=false"], False),
        (False, [f"--data-dir={folder}"], False),
        (False, [f"--data-dir={folder}", "--fake-persist"], True),
    ):
        assert flags.parse(arguments, as_etcd=as_etcd).fake_persist is kept
    with serving(f"--data-dir={folder}") as server, client(server) as etcd:
        etcd.put(key=b"a", value=b"1")
        server.stop(signal.SIGTERM)
    assert [it.name for it in (tmp_path / "data").rglob("*")] == ["member"]


def test_it_is_written_while_the_server_goes_on(tmp_path: Path) -> None:
    path = tmp_path / FILE
    arguments = ("--fake-persist", "--fake-persist-interval=1ms", f"--data-dir={tmp_path}")
    with serving(*arguments, "--unsafe-no-fsync") as server, client(server) as etcd:
        etcd.put(key=b"a", value=b"1")
        while not path.exists():  # bounded by the test's own time limit
            etcd.range(key=b"a")
        node = Node()
        snapshot_file.load_file(node, path)
        assert node.store.current_revision == 2


def test_what_comes_while_it_is_written_is_kept_by_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_go_on = threading.Event(), threading.Event()
    write_file = snapshot_file.write_file

    def write(file: BinaryIO, buckets: Buckets) -> int:
        begun.set()
        assert may_go_on.wait(30)
        return write_file(file, buckets)

    monkeypatch.setattr(snapshot_file, "write_file", write)

    async def live() -> None:
        node = Node()
        kept = persist.Persistence(str(tmp_path), syncs=False)
        kept.begin(lambda work: work(node), 0.001, pytest.fail)
        node.store.put(b"a", b"1", 0)
        await asyncio.get_running_loop().run_in_executor(None, begun.wait, 30)
        node.store.put(b"a", b"2", 0)
        ended = asyncio.create_task(kept.end())
        await asyncio.sleep(0)
        may_go_on.set()
        await ended

    asyncio.run(live())
    node = Node()
    snapshot_file.load_file(node, tmp_path / FILE)
    assert node.store.current_revision == 3


CHANGES: dict[str, tuple[str, Message]] = {
    "a lease": ("Lease/LeaseGrant", m.LeaseGrantRequest(ID=7, TTL=1_000)),
    "a role": ("Auth/RoleAdd", m.AuthRoleAddRequest(name="r")),
    "an alarm": (
        "Maintenance/Alarm",
        m.AlarmRequest(action=m.AlarmRequest.ACTIVATE, memberID=5, alarm=m.NOSPACE),
    ),
    "a member": (
        "Cluster/MemberAdd",
        m.MemberAddRequest(peerURLs=["http://a.example:1"], isLearner=True),
    ),
}
"""What is kept although there is no new revision."""


@pytest.mark.parametrize("what", CHANGES)
def test_what_makes_no_revision_is_kept_as_well(tmp_path: Path, what: str) -> None:
    name, request = CHANGES[what]

    async def live() -> None:
        node = Node()
        kept = persist.Persistence(str(tmp_path), syncs=False)
        kept.begin(lambda work: work(node), 0.001, pytest.fail)
        while not os.path.exists(kept.path):  # bounded by the test's own time limit
            await asyncio.sleep(0.001)
        before = records_of(node)
        Handlers(node).call(name, request)
        await kept.end()
        again = Node()
        assert persist.Persistence(str(tmp_path)).load(again)
        assert records_of(again) == records_of(node) != before

    asyncio.run(live())


def records_of(node: Node) -> dict[bytes, dict[bytes, bytes]]:
    """All records of a snapshot but those of the log, which goes on at the start."""
    found = {name: dict(bucket.items()) for name, bucket in dump(node).items()}
    for name in (b"term", b"consistent_index"):
        found[b"meta"].pop(name, None)
    return found


@pytest.mark.parametrize("syncs", [False, True])
def test_a_file_is_on_the_disk_before_it_takes_the_place_of_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, syncs: bool
) -> None:
    done: list[tuple[str, str]] = []
    replace, fsync = os.replace, os.fsync

    def seen_fsync(descriptor: int) -> None:
        done.append(("sync", os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}"))))
        fsync(descriptor)

    def seen_replace(source: str, target: str) -> None:
        done.append(("replace", os.path.basename(target)))
        replace(source, target)

    async def live() -> None:
        kept = persist.Persistence(str(tmp_path), syncs=syncs)
        node = Node()
        kept.begin(lambda work: work(node), 3_600, pytest.fail)
        await kept.end()

    monkeypatch.setattr(os, "fsync", seen_fsync)
    monkeypatch.setattr(os, "replace", seen_replace)
    asyncio.run(live())
    part = [name for kind, name in done if kind == "sync"][:1]
    around = [("sync", part[0])] if syncs else []
    assert done == [*around, ("replace", "db"), *([("sync", "snap")] if syncs else [])]
    assert "db" not in part


def test_what_another_wrote_since_it_was_read_is_not_lost(tmp_path: Path) -> None:
    async def live(kept: persist.Persistence) -> None:
        kept.begin(lambda work: work(Node()), 3_600, pytest.fail)

    for was_there in (False, True):
        kept = persist.Persistence(str(tmp_path), syncs=False)
        assert kept.load(Node()) is was_there
        written(tmp_path / FILE).touch()
        message = f"{tmp_path / FILE}: another process wrote it as this one started"
        for _ in range(2):  # and whoever comes next may have the folder
            with pytest.raises(persist.CannotPersist, match=f"^{re.escape(message)}$"):
                asyncio.run(live(kept))


@pytest.mark.parametrize("transport", ["--control", "--transport=grpcio"])
def test_other_nodes_keep_theirs_too(tmp_path: Path, transport: str) -> None:
    arguments = (*KEPT, f"--data-dir={tmp_path}", transport)
    for number in (1, 2):
        with serving(*arguments) as server, client(server) as etcd:
            assert etcd.put(key=b"a", value=b"1").header.revision == number + 1
            server.stop(signal.SIGTERM)


@pytest.mark.interop  # for what it takes: once is enough, whatever the Python and the event loop
def test_whoever_is_killed_has_a_former_state(tmp_path: Path) -> None:
    """A hundred times, at any moment, under load."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.cli.killed",
            str(tmp_path),
            "100",
            str(random.getrandbits(32)),
        ],
        env=environment(),
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.stderr, done.returncode) == ("", 0)
    lives = json.loads(done.stdout)
    assert len(lives) == 100
    newest = found_before = 0
    for (a, b), acknowledged in lives:
        assert a == b  # they were put together
        assert found_before <= a <= newest
        found_before, newest = a, acknowledged
    assert found_before > 0


def test_two_servers_do_not_share_a_folder(tmp_path: Path) -> None:
    arguments = (*KEPT, f"--data-dir={tmp_path}")
    with serving(*arguments):
        done = run(*arguments, "--listen-client-urls=http://127.0.0.1:0")
    assert done.returncode == 1
    assert done.stderr == f"{tmp_path}/member/snap: another process has it in use\n"


def damaged(path: Path, change: str) -> bytes:
    """What is left of a good file."""
    data = bytearray(written(path).read_bytes())
    if change == "cut off":
        del data[5_000:]
    elif change == "without the end of its digest":
        del data[-7:]
    elif change == "a byte of a value":
        data[data.index(b"vvvv") + 2] ^= 1
    elif change == "its metas":
        data[:8_192] = bytes(8_192)
    elif change == "empty":
        data.clear()
    path.write_bytes(data)
    return bytes(data)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("cut off", "it has 5000 bytes, and its [0-9]+ pages of 4096 need more: it is cut off"),
        ("without the end of its digest", "no whole number of blocks: it is cut off"),
        ("a byte of a value", "its SHA-256 is another than the one at its end"),
        ("its metas", "it is no bbolt file: there is no meta page at its beginning"),
        ("empty", "it ends within a meta page"),
    ],
)
def test_a_damaged_file_stops_the_start_and_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: str, why: str
) -> None:
    path = tmp_path / FILE
    data = damaged(path, change)
    with pytest.raises(snapshot_file.BadSnapshot, match=why) as refusal:
        snapshot_file.load_file(Node(), path)
    arguments = (*KEPT, f"--data-dir={tmp_path}", "--listen-client-urls=http://127.0.0.1:0")
    assert main(list(arguments)) == 1
    assert capsys.readouterr() == ("", f"{refusal.value}\n")
    assert str(refusal.value).startswith(f"{path}: no snapshot of etcd, or damaged: ")
    assert path.read_bytes() == data
    assert [it.name for it in path.parent.iterdir()] == ["db"]


def test_the_data_of_a_real_etcd_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / FILE)
    wal = tmp_path / "member" / "wal"
    wal.mkdir()
    (wal / "0000000000000000-0000000000000000.wal").touch()
    before = path.read_bytes()
    done = run(*KEPT, f"--data-dir={tmp_path}", "--listen-client-urls=http://127.0.0.1:0")
    assert done.returncode == 1
    assert done.stderr == (
        f"{wal} is the log of a real etcd, whose data is neither read nor overwritten: take "
        "another --data-dir, and a snapshot of that etcd by --fake-load\n"
    )
    assert path.read_bytes() == before


def test_what_cannot_be_written_is_said_and_the_server_goes_on(tmp_path: Path) -> None:
    arguments = ("--fake-persist", "--fake-persist-interval=1ms", f"--data-dir={tmp_path}")
    (tmp_path / FILE).mkdir(parents=True)  # what nothing can be put in the place of
    (tmp_path / FILE / "x").touch()
    done = run(*arguments, "--listen-client-urls=http://127.0.0.1:0")
    assert (done.returncode, done.stderr) == (1, f"{tmp_path / FILE}: is a directory\n")
    (tmp_path / FILE / "x").unlink()
    (tmp_path / FILE).rmdir()
    with serving(*arguments) as server, client(server) as etcd:
        (tmp_path / FILE).mkdir()
        etcd.put(key=b"a", value=b"1")
        _, _, log = server.stop(signal.SIGTERM)
    lines = [json.loads(line) for line in log.splitlines()]
    errors = [line for line in lines if line["level"] == "error"]
    assert errors
    assert {(line["msg"], line["error"]) for line in errors} == {
        ("the data cannot be kept", f"{tmp_path / FILE}: is a directory")
    }


@pytest.mark.parametrize("fails", ["hold", "_replace"])
def test_any_failure_is_said_at_once_and_the_next_time_is_tried(
    fails: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = Node()
    said: list[str] = []
    kept = persist.Persistence(str(tmp_path))

    def fail(*_: object) -> Any:
        raise RuntimeError("no good")

    async def use() -> None:
        told = asyncio.Event()

        def say(why: str) -> None:
            said.append(why)
            told.set()

        def hold(work: Callable[[Node], persist.Moment]) -> persist.Moment:
            return fail() if fails == "hold" and not said else work(node)

        if fails == "_replace":
            monkeypatch.setattr(kept, "_replace", fail)
        kept.begin(hold, 0.001, say)
        await asyncio.wait_for(told.wait(), 10)
        monkeypatch.undo()
        await kept.end()

    asyncio.run(use())
    assert set(said) == {f"{kept.path}: RuntimeError: no good"}
    assert persist.Persistence(str(tmp_path)).load(Node())


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--fake-persist"], "--fake-persist needs a --data-dir to keep the data in"),
        (
            ["--fake-persist-interval=0s"],
            '--fake-persist-interval "0s" is not above 0',
        ),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: list[str], why: str) -> None:
    with pytest.raises(flags.UsageError, match=why):
        flags.parse(arguments)


# --fake-load, and the same for tests


def test_a_server_begins_with_a_snapshot(tmp_path: Path) -> None:
    path = written(tmp_path / "s.db")
    with (
        serve([f"--fake-load={path}"]) as url,
        grpc.insecure_channel(url.removeprefix("http://")) as channel,
    ):
        leases = channel.unary_unary(
            "/etcdserverpb.Lease/LeaseLeases",
            m.LeaseLeasesRequest.SerializeToString,
            m.LeaseLeasesResponse.FromString,
        )
        assert [it.ID for it in leases(m.LeaseLeasesRequest()).leases] == [7]
        with KvClient(url.removeprefix("http://")) as etcd:
            answer = etcd.range(key=b"k", range_end=b"l", count_only=True)
            assert (answer.count, answer.header.revision, answer.header.raft_term) == (20, 21, 2)


def test_what_was_kept_comes_before_what_is_to_be_loaded(tmp_path: Path) -> None:
    path = written(tmp_path / "s.db")
    arguments = (*KEPT, f"--data-dir={tmp_path / 'data'}", f"--fake-load={path}")
    for number in (1, 2):
        with serving(*arguments) as server, client(server) as etcd:
            assert etcd.put(key=b"a", value=b"1").header.revision == 21 + number
            server.stop(signal.SIGTERM)


def test_what_is_loaded_is_kept_although_nothing_changes(tmp_path: Path) -> None:
    path = written(tmp_path / "s.db")
    arguments = (*KEPT, f"--data-dir={tmp_path / 'data'}")
    with serving(*arguments, f"--fake-load={path}") as server:
        server.stop(signal.SIGTERM)
    node = Node()
    snapshot_file.load_file(node, tmp_path / "data" / FILE)
    assert node.store.current_revision == 21


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    done = run(f"--fake-load={tmp_path / 'none'}", "--listen-client-urls=http://127.0.0.1:0")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"--fake-load={tmp_path / 'none'}: no such file or directory\n"


def test_a_fake_etcd_begins_with_a_snapshot_and_again_after_each_reset(tmp_path: Path) -> None:
    path = written(tmp_path / "s.db")
    with FakeEtcd(snapshot=path) as etcd:
        os.unlink(path)
        for _ in range(2):
            assert etcd.node.store.current_revision == 21
            assert etcd.store.get(b"k3") == b"v" * 500
            assert etcd.node.lessor.lookup(7) is not None
            etcd.store.put(b"k3", b"other")
            etcd.reset()


def test_a_fake_etcd_says_what_is_wrong_with_a_snapshot(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    damaged(path, "cut off")
    with pytest.raises(ValueError, match="it is cut off"):
        FakeEtcd(snapshot=path)
    with pytest.raises(OSError, match="No such file"):
        FakeEtcd(snapshot=tmp_path / "none")
    with pytest.raises(ValueError, match="users and roles are those of the snapshot"):
        FakeEtcd(snapshot=path, auth={"root": "pw"})
    with pytest.raises(TypeError, match="snapshot=5: it has to be the path of a file"):
        FakeEtcd(snapshot=5)  # type: ignore[arg-type]  # what is wrong with it
