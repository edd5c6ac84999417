"""Alarms, states, sums, the leader and downgrades through both faces: whole answers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from fake_etcd import clientv3
from fake_etcd.clientv3 import blocking, context, rpctypes
from fake_etcd.clientv3.responses import (
    AlarmMember,
    AlarmResponse,
    AlarmType,
    DefragmentResponse,
    DowngradeAction,
    DowngradeInfo,
    DowngradeResponse,
    HashKVResponse,
    HashResponse,
    MoveLeaderResponse,
    ResponseHeader,
    StatusResponse,
)
from fake_etcd.testing import FakeEtcd, faults, on
from tests.clientv3.faces import Face

DEAD = "127.0.0.1:1"
"""Where nobody listens."""


def test_an_alarm_is_listed_and_ended(cli: Any, fake_etcd: FakeEtcd) -> None:
    now = cli.get("nothing").header
    assert cli.alarm_list() == AlarmResponse(now)
    own = now.member_id
    for kind in ("NOSPACE", "CORRUPT"):
        fake_etcd.alarms.activate(kind)
    space, corrupt = (AlarmMember(own, kind) for kind in (AlarmType.NOSPACE, AlarmType.CORRUPT))
    listed = cli.alarm_list()  # in no order
    assert listed == AlarmResponse(now, listed.alarms)
    assert sorted(listed.alarms, key=lambda each: each.alarm) == [space, corrupt]
    assert cli.alarm_disarm(space) == AlarmResponse(now, (space,))
    assert cli.alarm_list() == AlarmResponse(now, (corrupt,))
    fake_etcd.alarms.activate("NOSPACE")
    everything = cli.alarm_disarm()
    assert everything == AlarmResponse(now, everything.alarms)
    assert sorted(everything.alarms, key=lambda each: each.alarm) == [space, corrupt]
    assert (
        cli.alarm_disarm(AlarmMember(0, AlarmType.NONE)) == cli.alarm_list() == AlarmResponse(now)
    )


def test_a_member_tells_how_it_is(cli: Any, fake_etcd: FakeEtcd, release: tuple[int, int]) -> None:
    now = cli.put("a", "b").header
    status = cli.status(fake_etcd.endpoint)
    knows_more = release >= (3, 6)
    major, minor = release
    assert status == StatusResponse(
        now,
        version=status.version,
        db_size=status.db_size,
        leader=now.member_id,
        raft_index=status.raft_index,
        raft_term=now.raft_term,
        raft_applied_index=status.raft_index,
        db_size_in_use=status.db_size_in_use,
        storage_version=f"{major}.{minor}.0" if knows_more else "",
        db_size_quota=2 * 1024**3 if knows_more else 0,
        downgrade_info=DowngradeInfo() if knows_more else None,
    )
    assert 0 < status.db_size_in_use <= status.db_size
    assert status.raft_index > 0


def test_any_endpoint_is_asked_over_a_connection_of_its_own(
    new_client: Callable[..., Any], fake_etcd: FakeEtcd
) -> None:
    cli = new_client(endpoints=[DEAD])
    assert cli.status(f"http://{fake_etcd.endpoint}").leader != 0
    with pytest.raises(context.DeadlineExceeded):
        cli.status(DEAD, timeout=0.05)


def test_a_file_is_made_small(cli: Any, fake_etcd: FakeEtcd) -> None:
    now = cli.put("a", "b").header
    # etcd itself answers this with nothing.
    assert cli.defragment(fake_etcd.endpoint) == DefragmentResponse(ResponseHeader())
    assert cli.get("a").header == now


def test_keys_have_a_sum(cli: Any, fake_etcd: FakeEtcd, release: tuple[int, int]) -> None:
    first = cli.put("a", "1").header
    before = cli.hash_kv(fake_etcd.endpoint)
    second = cli.put("a", "2").header
    told = before.hash_revision  # since 3.6
    assert before == HashKVResponse(first, before.hash, before.compact_revision, told)
    assert told == (first.revision if release >= (3, 6) else 0)
    again = cli.hash_kv(fake_etcd.endpoint, first.revision)
    assert again == replace(before, header=second)
    assert cli.hash_kv(fake_etcd.endpoint).hash != before.hash
    with pytest.raises(rpctypes.ErrFutureRev):
        cli.hash_kv(fake_etcd.endpoint, second.revision + 1)
    cli.compact(second.revision, physical=True)
    with pytest.raises(rpctypes.ErrCompacted):
        cli.hash_kv(fake_etcd.endpoint, first.revision)


def test_a_file_has_a_sum(cli: Any, fake_etcd: FakeEtcd) -> None:
    now = cli.put("a", "1").header
    before = cli.hash(fake_etcd.endpoint)
    assert before == HashResponse(now, before.hash)
    cli.put("a", "2")
    assert cli.hash(fake_etcd.endpoint).hash != before.hash


def test_the_leader_moves_to_members_only(cli: Any, fake_etcd: FakeEtcd) -> None:
    members = cli.member_list().members
    leader = cli.status(fake_etcd.endpoint).leader
    (own,) = (each for each in members if each.id == leader)
    cli.set_endpoints(*own.client_urls)
    with pytest.raises(rpctypes.ErrBadLeaderTransferee):
        cli.move_leader(1)
    # To itself, where it is alone; with `--etcd=real:3` to another, which the first then is told.
    heir = min(members, key=lambda each: each.id == leader)
    assert cli.move_leader(heir.id) == MoveLeaderResponse(ResponseHeader())
    assert cli.status(heir.client_urls[0]).leader == heir.id
    if heir is not own:
        with pytest.raises(rpctypes.ErrNotLeader):
            cli.move_leader(leader)


def test_a_downgrade_is_refused_where_it_is_none(cli: Any, release: tuple[int, int]) -> None:
    major, minor = release
    with pytest.raises(rpctypes.ErrInvalidDowngradeTargetVersion):
        cli.downgrade(DowngradeAction.VALIDATE, f"{major}.{minor + 1}")
    with pytest.raises(rpctypes.ErrWrongDowngradeVersionFormat):
        cli.downgrade("enable", "yesterday")
    for action in ("undo", 0):
        with pytest.raises(ValueError, match=r"^etcdclient: unknown downgrade action: "):
            cli.downgrade(action, "3.6")


def test_a_downgrade_begins_and_ends(
    cli: Any, fake_etcd: FakeEtcd, release: tuple[int, int]
) -> None:
    major, minor = release
    older = f"{major}.{minor - 1}"
    now = cli.get("nothing").header
    if minor < 6:
        assert cli.downgrade("validate", older) == DowngradeResponse(now, f"{major}.{minor}.0")
        with pytest.raises(rpctypes.ErrNoInflightDowngrade):
            cli.downgrade("cancel")
        return  # it is begun there too, and answered with ErrTimeout
    answer = DowngradeResponse(now, f"{major}.{minor}")
    assert cli.downgrade("validate", older) == answer
    assert cli.downgrade(DowngradeAction.ENABLE, older) == answer
    try:
        told = cli.status(fake_etcd.endpoint).downgrade_info
        assert told == DowngradeInfo(True, f"{older}.0")
        with pytest.raises(rpctypes.ErrDowngradeInProcess):
            cli.downgrade("validate", older)
    finally:
        assert cli.downgrade("Cancel") == answer
    assert cli.status(fake_etcd.endpoint).downgrade_info == DowngradeInfo()


def test_a_snapshot_is_read_in_pieces(cli: Any, release: tuple[int, int]) -> None:
    major, minor = release
    with cli.snapshot() as snapshot:
        assert snapshot.version == (f"{major}.{minor}.0" if minor >= 6 else "")
        assert snapshot.header == ResponseHeader()
        pieces = list(snapshot)
        size = snapshot.size
        assert snapshot.read() == b""
    whole = b"".join(pieces)
    assert len(whole) == size
    assert hashlib.sha256(whole[:-32]).digest() == whole[-32:]
    assert snapshot.closed
    with pytest.raises(ValueError, match=r"^read of a closed snapshot$"):
        snapshot.read()


def test_a_snapshot_is_read_as_a_file(cli: Any) -> None:
    with cli.snapshot_with_version() as snapshot:
        parts = []
        while part := snapshot.read(10_000):
            parts.append(part)
    assert {len(part) for part in parts[:-1]} == {10_000}
    whole = b"".join(parts)
    assert len(whole) == snapshot.size
    assert hashlib.sha256(whole[:-32]).digest() == whole[-32:]
    with cli.snapshot() as again:
        assert (again.read(0), again.read(16)) == (b"", whole[:16])
        assert len(again.read(None)) == len(whole) - 16


def test_a_snapshot_that_is_closed_is_sent_no_longer(
    fake_etcd: FakeEtcd, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[str] = []
    stream = blocking._OneRequest

    async def interrupted(self: Any) -> None:
        raise KeyboardInterrupt

    cancel = stream.cancel

    def end(self: Any) -> None:
        ended.append("ended")
        cancel(self)

    monkeypatch.setattr(stream, "cancel", end)
    with clientv3.Client(clientv3.Config(endpoints=fake_etcd.endpoints)) as cli:
        with cli.snapshot():
            assert ended == []
        assert ended == ["ended"]
        monkeypatch.setattr(stream, "receive", interrupted)
        with pytest.raises(KeyboardInterrupt):
            cli.snapshot()
        assert ended == ["ended", "ended"]


def test_a_snapshot_ends_with_its_context(cli: Any) -> None:
    ctx, cancel = context.with_cancel(context.background())
    with cli.snapshot(ctx=ctx) as snapshot:
        cancel()
        with pytest.raises(context.Canceled):
            snapshot.read()
    with pytest.raises(context.Canceled):
        cli.snapshot(ctx=ctx)


def test_a_snapshot_is_asked_for_until_it_begins(cli: Any, fake_etcd: FakeEtcd) -> None:
    away = fake_etcd.faults.add(on.Snapshot, faults.refuse("no leader"), times=2)
    with cli.snapshot() as snapshot:
        assert len(snapshot.read()) == snapshot.size
    assert away.acted == 2
    fake_etcd.faults.add(on.Snapshot, faults.refuse("permission denied"))
    with pytest.raises(rpctypes.ErrPermissionDenied):
        cli.snapshot()


def test_a_snapshot_that_breaks_raises_for_its_reader(
    new_client: Callable[..., Any], face: Face, fake_etcd: FakeEtcd
) -> None:
    for number in range(20):
        fake_etcd.store.put(f"k/{number}", b"v" * 10_000)
    fake_etcd.faults.add(on.Snapshot, faults.cut(messages=2))
    # Without a port: a socket that is cut may lose what came before.
    cli = new_client(dial=lambda _: face.channel(fake_etcd))
    with cli.snapshot() as snapshot:
        assert len(next(snapshot)) == 32 * 1024
        with pytest.raises(clientv3.StatusError) as broken:
            snapshot.read()
    assert broken.value.code.name == "UNAVAILABLE"
    assert len(fake_etcd.history.calls("Snapshot")) == 1


@pytest.mark.fake_etcd(auth={"root": "of root", "users": {"alice": "of alice"}})
def test_a_snapshot_is_for_root(new_client: Callable[..., Any], fake_etcd: FakeEtcd) -> None:
    # Before 3.6 it says so in words of its own, and with another code.
    with pytest.raises(clientv3.Error, match=r"permission denied$") as refused:
        new_client(username="alice", password="of alice").snapshot()
    root = new_client(username="root", password="of root")
    with root.snapshot() as snapshot:
        assert len(snapshot.read()) == snapshot.size
    assert root.status(fake_etcd.endpoint).leader != 0
    assert root.hash_kv(fake_etcd.endpoint).hash != 0
    is_old = root.status(fake_etcd.endpoint).version.startswith("3.5")
    denied = clientv3.StatusError if is_old else rpctypes.ErrPermissionDenied
    assert isinstance(refused.value, denied)
