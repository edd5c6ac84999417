"""Files that are damaged in any way are loaded wholly or refused in one line."""

from __future__ import annotations

import contextlib
import io
import itertools
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fake_etcd.cli import snapshot_file
from fake_etcd.core.alarm import NOSPACE, Alarm
from fake_etcd.core.auth.permissions import READ, Permission
from fake_etcd.core.node import Node
from fake_etcd.core.snapshot.dump import dump

DIGEST_BYTES = 32


def _file() -> bytes:
    """A snapshot with something of everything; without its digest, which would find it all."""
    node = Node()
    node.lessor.grant(7, 1_000, 0.0)
    for number in range(150):
        node.store.put(b"%03d" % (number % 50), b"v" * number, 7 if number % 5 else 0)
    with node.store.write() as txn:
        for number in range(20):
            txn.put(b"t%d" % number, b"")
        txn.delete_range(b"000", b"010")
    node.compact(100)
    while node.store.compact_step(1_000):
        pass
    node.auth.role_add("r")
    node.auth.role_grant_permission("r", Permission(READ, b"a"))
    node.auth.user_add("root", b"hash")
    node.auth.user_grant_role("root", "root")
    node.auth.auth_enable()
    node.alarms.activate(Alarm(NOSPACE, 5))
    file = io.BytesIO()
    snapshot_file.write_file(file, dump(node))
    return file.getvalue()[:-DIGEST_BYTES]


FILE = _file()
CHANGES = st.lists(
    st.tuples(st.integers(0, len(FILE) - 1), st.binary(min_size=1, max_size=9)),
    min_size=1,
    max_size=5,
)


def why_not(node: Node, path: Path) -> str:
    """Why a file is not loaded; empty where it is."""
    try:
        snapshot_file.load_file(node, path, continues=True)
    except snapshot_file.BadSnapshot as error:
        return str(error)
    return ""


@settings(
    deadline=None, max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(CHANGES)
def test_it_is_loaded_wholly_or_refused_in_a_line(
    tmp_path: Path, changes: list[tuple[int, bytes]]
) -> None:
    file = bytearray(FILE)
    for place, data in changes:
        file[place : place + len(data)] = data
    path = tmp_path / "damaged.db"
    path.write_bytes(file[: len(FILE)])
    node = Node()
    refusal = why_not(node, path)
    if refusal:
        assert refusal.startswith(f"{path}: ")
        assert "\n" not in refusal
        return
    # What is looked at afterwards is sound, and needs no more time than what is there.
    node.store.check()
    node.lessor.check()
    for _ in itertools.repeat(None, 1_000):
        if not node.store.compact_step(1_000):
            break
    assert not node.store.compaction_pending
    assert len(list(node.store.versions_since(0))) <= 200
    with contextlib.closing(io.BytesIO()) as again:
        snapshot_file.write_file(again, dump(node))


def test_the_file_is_sound(tmp_path: Path) -> None:
    path = tmp_path / "sound.db"
    path.write_bytes(FILE)
    node = Node()
    snapshot_file.load_file(node, path)
    assert node.store.current_revision == 152
    assert [alarm.kind for alarm in node.alarms.listed()] == [NOSPACE]


@pytest.mark.parametrize("name", [b"lease", b"members"])
def test_a_bucket_in_a_bucket_is_refused(tmp_path: Path, name: bytes) -> None:
    from fake_etcd.bbolt import Items, plan

    buckets: dict[bytes, Items] = {**dump(Node())}
    buckets[name] = {b"a": {b"b": b"c"}}
    path = tmp_path / "nested.db"
    path.write_bytes(b"".join(plan(dict(sorted(buckets.items()))).pages()))
    with pytest.raises(snapshot_file.BadSnapshot, match="there is a bucket b'a' in bucket"):
        snapshot_file.load_file(Node(), path, continues=True)
