"""The official Go client's leasing and ours use the same keys, and neither answers what is old."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance import golang
from fake_etcd.clientv3 import op_put
from fake_etcd.testing import FakeEtcd
from tests.clientv3.faces import Face
from tests.interop.conftest import built

pytestmark = pytest.mark.interop

MODULE = Path(__file__).with_name("golang") / "leasing"

PREFIX = "leases/"


@pytest.fixture(scope="module")
def program() -> Path:
    sources = [MODULE / name for name in ("go.mod", "go.sum", "main.go")]

    def build_at(path: Path) -> None:
        golang.run(MODULE, "build", "-trimpath", "-o", str(path), ".")

    return built(
        lambda: golang.kept("leasing", b"".join(each.read_bytes() for each in sources), build_at)
    )


@pytest.fixture
def tell_go(program: Path, fake_etcd: FakeEtcd) -> Iterator[Callable[[str], str]]:
    """Has Go's client do a command, and gives what it tells of that."""
    with subprocess.Popen(
        [program, fake_etcd.endpoints[0], PREFIX],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        requests, answers = running.stdin, running.stdout
        assert requests is not None
        assert answers is not None

        def tell(command: str) -> str:
            requests.write(f"{command}\n")
            requests.flush()
            return answers.readline().strip()

        yield tell
        requests.close()
        assert running.wait(20) == 0


def test_each_gives_up_what_the_other_writes(
    face: Face, cli: Any, tell_go: Callable[[str], str]
) -> None:
    kv = face.make(face.module("leasing").LeasingKV, cli, PREFIX)
    with kv:
        assert tell_go("get a") == tell_go("get a") == "none"
        kv.put("a", "ours")
        assert tell_go("get a") == "ours 1"
        assert kv.get("b").kvs == ()
        assert kv.held_keys == {b"b"}
        assert tell_go("put b theirs") == "put"
        assert kv.held_keys == frozenset()
        assert kv.get("b").kvs[0].value == b"theirs"
        for key in ("c", "d"):
            kv.put(key, "ours")
            kv.get(key)
        assert tell_go("delete c d") == "1"
        assert kv.get("c").kvs == ()
        assert kv.get("d").kvs[0].value == b"ours"
        assert tell_go("get e") == "none"
        kv.txn().then(op_put("d", "txn"), op_put("e", "txn")).commit()
        assert tell_go("get e") == "txn 1"
        assert tell_go("get f") == "none"
        assert kv.delete("a", range_end="g").deleted == 4
        for key in ("a", "e", "f"):
            assert tell_go(f"get {key}") == "none"
            assert kv.get(key).kvs == ()
