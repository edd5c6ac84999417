"""The client's rows: those of the method table, and repeated where Go's client repeats."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from fake_etcd.api.methods import METHODS
from fake_etcd.clientv3.core import rpcs

REPEATABLE = {
    "KV/Range",
    "Lease/LeaseGrant",
    "Lease/LeaseRevoke",
    "Lease/LeaseKeepAlive",
    "Lease/LeaseTimeToLive",
    "Lease/LeaseLeases",
    "Cluster/MemberList",
    "Maintenance/Alarm",
    "Maintenance/Status",
    "Maintenance/Hash",
    "Maintenance/HashKV",
    "Maintenance/Snapshot",
    "Maintenance/MoveLeader",
    "Auth/UserGet",
    "Auth/UserList",
    "Auth/RoleGet",
    "Auth/RoleList",
}
"""What client/v3/retry.go repeats."""

PACKAGE = "etcdserverpb."


def short(path: str) -> str:
    """ "/etcdserverpb.KV/Range" as "KV/Range"."""
    return path.removeprefix(f"/{PACKAGE}")


def test_there_is_a_row_for_each_method_of_etcds_own_services() -> None:
    named = [row.method.path for row in rpcs.ALL]
    assert len(set(named)) == len(named)
    assert set(named) == {path for path in METHODS if path.startswith(f"/{PACKAGE}")}


def test_the_rows_have_the_methods_types() -> None:
    for row in rpcs.ALL:
        assert row.method is METHODS[row.method.path]
        assert (row.request, row.response) == (row.method.request, row.method.response)


def test_the_rows_that_are_repeatable() -> None:
    assert {short(row.method.path) for row in rpcs.ALL if row.is_repeatable} == REPEATABLE


def test_those_are_repeatable_in_gos_source() -> None:
    go = shutil.which("go")
    if go is None:
        pytest.skip("no Go here, so no module cache that could hold the client's source")
    cache = subprocess.run([go, "env", "GOMODCACHE"], capture_output=True, text=True, check=True)
    source = Path(cache.stdout.strip(), "go.etcd.io/etcd/client/v3@v3.7.3/retry.go")
    if not source.exists():
        pytest.skip("Go's module cache does not hold etcd's client module 3.7.3")
    pattern = re.compile(r"^func \(\w+ \*retry(\w+)Client\) (\w+)\(.*?^}", re.M | re.S)
    found = {
        f"{service}/{method[2]}": "withRepeatablePolicy()" in method[0]
        for method in pattern.finditer(source.read_text())
        for service in (method[1],)
    }
    # Watch is not in that file: the client opens it again by rules of its own.
    assert set(found) == {short(row.method.path) for row in rpcs.ALL} - {"Watch/Watch"}
    assert {name for name, is_repeatable in found.items() if is_repeatable} == REPEATABLE
