"""A copy of the keys, and all that changes behind it."""

from __future__ import annotations

from typing import Any

import pytest

from fake_etcd.clientv3 import op_put
from tests.clientv3.faces import Face


@pytest.mark.parametrize("prefix", ["", "k/"])
def test_base_and_updates_are_all_there_is(face: Face, cli: Any, prefix: str) -> None:
    for begin in range(0, 2500, 100):
        puts = [op_put(f"k/{number:04}", f"{number}") for number in range(begin, begin + 100)]
        cli.txn().then(*puts).commit()
    cli.put("other", "")
    syncer = face.make(face.module("mirror").Syncer, cli, prefix)
    parts = list(syncer.sync_base())
    copied = [kv for part in parts for kv in part.kvs]
    assert copied == list(cli.get(prefix, prefix=True).kvs)
    assert [len(part.kvs) for part in parts] == [1000, 1000, 500 + (not prefix)]
    cli.put("k/new", "1")
    with syncer.sync_updates() as updates:
        assert [event.kv.key for event in next(updates).events] == [b"k/new"]


def test_updates_want_a_base(face: Face, cli: Any) -> None:
    with pytest.raises(ValueError, match="read sync_base first"):
        face.make(face.module("mirror").Syncer, cli).sync_updates()
