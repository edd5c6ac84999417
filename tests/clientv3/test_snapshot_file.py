"""A snapshot in a file, through both faces: read by who can, and never there in part."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench import golang
from fake_etcd import clientv3
from fake_etcd.api import messages as m
from fake_etcd.clientv3 import aio, context
from fake_etcd.clientv3.aio.loop import LoopIo
from fake_etcd.clientv3.snapshot import SnapshotDamaged
from fake_etcd.testing import FakeEtcd, faults, on
from tests.clientv3.faces import Face
from tests.interop.conftest import built


@pytest.fixture
def save(face: Face) -> Callable[..., Any]:
    """This face's `save`."""
    return lambda *args, **kwargs: face.make(face.module("snapshot").save, *args, **kwargs)


@pytest.fixture
def filled(cli: Any) -> Any:
    """A client of an etcd with some hundred thousand bytes."""
    for number in range(20):
        cli.put(f"k/{number:02}", b"%d" % number * 5_000)
    return cli


def keys(etcd: FakeEtcd) -> dict[bytes, bytes]:
    return dict(etcd.store.items("k/"))


def test_it_is_saved_and_begun_with(
    filled: Any,
    save: Callable[..., Any],
    fake_etcd: FakeEtcd,
    release: tuple[int, int],
    tmp_path: Path,
) -> None:
    target = tmp_path / "etcd.db"
    told: list[tuple[int, int]] = []
    version = save(filled, target, progress=lambda done, size: told.append((done, size)))
    assert version == (f"3.{release[1]}.0" if release >= (3, 6) else "")
    assert [path.name for path in tmp_path.iterdir()] == ["etcd.db"]
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    size = target.stat().st_size
    assert told[-1] == (size, size)
    assert told == sorted(told)
    assert {each[1] for each in told} == {size}
    with FakeEtcd(snapshot=target) as again:
        assert keys(again) == keys(fake_etcd)


@pytest.mark.interop
def test_etcdutl_takes_it(filled: Any, save: Callable[..., Any], tmp_path: Path) -> None:
    target = tmp_path / "etcd.db"
    version = save(filled, target)
    told = subprocess.run(
        [built(golang.etcdutl), "snapshot", "status", target, "-w", "json"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    status = json.loads(told.stdout)
    assert status["version"] == version
    assert status["revision"] == filled.get("k/00").header.revision
    assert status["totalSize"] == target.stat().st_size - 32


def test_it_is_on_the_disk_before_it_takes_its_name(
    filled: Any, save: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    sync, replace = os.fsync, os.replace

    def fsync(number: int) -> None:
        done.append(f"{os.fstat(number).st_size} bytes")
        sync(number)

    def rename(old: str, new: str) -> None:
        done.append(f"{Path(old).name} is {Path(new).name}")
        replace(old, new)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", rename)
    save(filled, tmp_path / "etcd.db")
    size = (tmp_path / "etcd.db").stat().st_size
    assert done == [f"{size} bytes", "etcd.db.part is etcd.db"]


def test_it_is_saved_by_what_a_client_is_made_from(
    filled: Any, save: Callable[..., Any], fake_etcd: FakeEtcd, tmp_path: Path
) -> None:
    target = tmp_path / "etcd.db"
    target.write_bytes(b"what was there")
    save(clientv3.Config(endpoints=[fake_etcd.endpoint]), str(target))
    with FakeEtcd(snapshot=target) as again:
        assert keys(again) == keys(fake_etcd)


def test_it_is_one_members(
    new_client: Callable[..., Any], save: Callable[..., Any], fake_etcd: FakeEtcd, tmp_path: Path
) -> None:
    endpoints = [fake_etcd.endpoint, "127.0.0.1:1"]
    config = clientv3.Config(endpoints=endpoints)
    for source in (config, new_client(endpoints=endpoints)):
        with pytest.raises(ValueError, match=r"^snapshot must be req") as raised:
            save(source, tmp_path / "etcd.db")
        assert str(raised.value) == (
            "snapshot must be requested to one selected node, not multiple"
            f" [{fake_etcd.endpoint} 127.0.0.1:1]"
        )
    assert list(tmp_path.iterdir()) == []


class Changing:
    """A channel that makes something else of snapshots' pieces.

    Args:
        channel: a real one.
        change: what it does with a piece.
    """

    def __init__(
        self, channel: Any, change: Callable[[m.SnapshotResponse], m.SnapshotResponse]
    ) -> None:
        self._channel = channel
        self._change = change

    def unary_stream(self, path: str, request_serializer: Any, response_deserializer: Any) -> Any:
        return self._channel.unary_stream(
            path,
            request_serializer=request_serializer,
            response_deserializer=lambda data: self._change(response_deserializer(data)),
        )

    def __getattr__(self, name: str) -> Any:
        return getattr(self._channel, name)


def is_sum(piece: m.SnapshotResponse) -> bool:
    return len(piece.blob) == 32


def flip(piece: m.SnapshotResponse) -> m.SnapshotResponse:
    """One bit of the file is another."""
    if not is_sum(piece):
        piece.blob = bytes([piece.blob[0] ^ 1]) + piece.blob[1:]
    return piece


def forget_sum(piece: m.SnapshotResponse) -> m.SnapshotResponse:
    return m.SnapshotResponse() if is_sum(piece) else piece


def lose_sector(piece: m.SnapshotResponse) -> m.SnapshotResponse:
    """The length alone does not tell."""
    if not is_sum(piece):
        piece.blob = piece.blob[512:]
    return piece


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (flip, r"^expected sha256 [0-9a-f]{64}, got [0-9a-f]{64}$"),
        (forget_sum, r"^sha256 checksum not found \[bytes: [0-9]+\]$"),
        (lose_sector, r"^expected sha256 [0-9a-f]{64}, got [0-9a-f]{64}$"),
    ],
)
def test_what_is_damaged_on_its_way_is_refused(
    new_client: Callable[..., Any],
    face: Face,
    save: Callable[..., Any],
    fake_etcd: FakeEtcd,
    tmp_path: Path,
    change: Callable[[m.SnapshotResponse], m.SnapshotResponse],
    complaint: str,
) -> None:
    fake_etcd.store.put("k/1", "v")
    cli = new_client(dial=lambda _: Changing(face.channel(fake_etcd), change))
    with pytest.raises(SnapshotDamaged, match=complaint):
        save(cli, tmp_path / "etcd.db")
    assert list(tmp_path.iterdir()) == []


def test_a_stream_that_breaks_leaves_what_was_there(
    new_client: Callable[..., Any],
    face: Face,
    save: Callable[..., Any],
    fake_etcd: FakeEtcd,
    tmp_path: Path,
) -> None:
    for number in range(20):
        fake_etcd.store.put(f"k/{number}", b"v" * 10_000)
    target = tmp_path / "etcd.db"
    target.write_bytes(b"what was there")
    fake_etcd.faults.add(on.Snapshot, faults.cut(messages=2), times=1)
    # Without a port: a socket that is cut may lose what came before, and then it is asked again.
    cli = new_client(dial=lambda _: face.channel(fake_etcd))
    with pytest.raises(clientv3.StatusError):
        save(cli, target)
    assert [path.name for path in tmp_path.iterdir()] == ["etcd.db"]
    assert target.read_bytes() == b"what was there"
    save(cli, target)
    with FakeEtcd(snapshot=target) as again:
        assert keys(again) == keys(fake_etcd)


def test_a_saving_that_is_canceled_leaves_nothing(
    filled: Any, save: Callable[..., Any], tmp_path: Path
) -> None:
    ctx, cancel = context.with_cancel(context.background())
    cancel()
    with pytest.raises(context.Canceled):
        save(filled, tmp_path / "etcd.db", ctx=ctx)
    assert list(tmp_path.iterdir()) == []


def test_what_progress_raises_ends_the_saving(
    filled: Any, save: Callable[..., Any], tmp_path: Path
) -> None:
    def stop(done: int, size: int) -> None:
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match=r"^enough$"):
        save(filled, tmp_path / "etcd.db", progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there(filled: Any, save: Callable[..., Any], tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        save(filled, tmp_path / "nowhere" / "etcd.db")


def test_a_task_that_is_canceled_leaves_nothing(fake_etcd: FakeEtcd, tmp_path: Path) -> None:
    fake_etcd.faults.add(on.Snapshot, faults.delay(60))

    async def work() -> None:
        config = clientv3.Config(endpoints=fake_etcd.endpoints)
        saving = asyncio.create_task(aio.snapshot.save(config, tmp_path / "etcd.db"))
        while not fake_etcd.history.calls("Snapshot"):
            await asyncio.sleep(0.001)
        assert [path.name for path in tmp_path.iterdir()] == ["etcd.db.part"]
        saving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await saving

    asyncio.run(work())
    assert list(tmp_path.iterdir()) == []


def test_what_the_disk_was_told_is_brought_to_its_end() -> None:
    begun, may_end = threading.Event(), threading.Event()
    done: list[str] = []

    def write() -> None:
        begun.set()
        assert may_end.wait(10)
        done.append("written")

    async def work() -> None:
        writing = asyncio.create_task(LoopIo(None).outside(write))
        assert await asyncio.to_thread(begun.wait, 10)
        writing.cancel()
        asyncio.get_running_loop().call_later(0.01, may_end.set)
        with pytest.raises(asyncio.CancelledError):
            await writing
        assert done == ["written"]

    asyncio.run(work())
