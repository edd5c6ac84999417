"""Requests are those that the official Go client makes of the same operations.

`golden/go_requests.json` is what the program in `golang/requests` prints; where there is a Go
toolchain, a test builds and runs it, and the two must agree.
"""

from __future__ import annotations

import json
import subprocess
from itertools import product
from pathlib import Path
from typing import Protocol

import pytest
from google.protobuf.message import Message

from conformance import golang
from fake_etcd import clientv3 as c
from fake_etcd.clientv3 import op as o
from fake_etcd.clientv3.compare import Target
from tests.interop.conftest import built

MODULE = Path(__file__).with_name("golang") / "requests"
RECORDED = Path(__file__).with_name("golden") / "go_requests.json"


class Operation(Protocol):
    def to_request(self) -> Message: ...


def cmp(target: Target, result: str, operand: int | str) -> o.TxnOp:
    return o.op_txn([c.compare(target, result, operand)])


OPERATIONS: dict[str, Operation] = {
    "get": o.op_get("k"),
    "get empty": o.op_get(""),
    "get prefix": o.op_get("foo", prefix=True),
    "get prefix empty": o.op_get("", prefix=True),
    "get prefix ff": o.op_get(b"a\xff\xff", prefix=True),
    "get prefix all ff": o.op_get(b"\xff\xff", prefix=True),
    "get prefix ff inner": o.op_get(b"a\xffb\xff", prefix=True),
    "get range": o.op_get("a", range_end="b"),
    "get range empty": o.op_get("a", range_end=""),
    "get from key": o.op_get("a", from_key=True),
    "get from key empty": o.op_get("", from_key=True),
    "get limit": o.op_get("a", limit=7),
    "get limit negative": o.op_get("a", limit=-1),
    "get rev": o.op_get("a", rev=1 << 62),
    "get serializable": o.op_get("a", serializable=True),
    "get keys only": o.op_get("a", keys_only=True),
    "get count only": o.op_get("a", count_only=True),
    "get min mod": o.op_get("a", min_mod_rev=2),
    "get max mod": o.op_get("a", max_mod_rev=3),
    "get min create": o.op_get("a", min_create_rev=4),
    "get max create": o.op_get("a", max_create_rev=5),
    "get first create": o.op_get("a", first_create=True),
    "get last create": o.op_get("a", last_create=True),
    "get first key": o.op_get("a", first_key=True),
    "get last key": o.op_get("a", last_key=True),
    "get first rev": o.op_get("a", first_rev=True),
    "get last rev": o.op_get("a", last_rev=True),
    "get last rev empty": o.op_get("", last_rev=True),
    "get all": o.op_get(
        "a",
        range_end="b",
        limit=1,
        rev=2,
        sort=(o.SortTarget.VALUE, o.SortOrder.DESCEND),
        serializable=True,
        keys_only=True,
        count_only=True,
        min_mod_rev=3,
        max_mod_rev=4,
        min_create_rev=5,
        max_create_rev=6,
    ),
    "put": o.op_put("k", "v"),
    "put empty": o.op_put("", ""),
    "put utf-8": o.op_put("ключ", "значение"),
    "put lease": o.op_put("k", "v", lease=0x1234567890ABCDEF),
    "put prev kv": o.op_put("k", "v", prev_kv=True),
    "put ignore value": o.op_put("k", "", ignore_value=True),
    "put ignore lease": o.op_put("k", "v", ignore_lease=True),
    "delete": o.op_delete("k"),
    "delete prefix": o.op_delete("k", prefix=True),
    "delete prefix empty": o.op_delete("", prefix=True),
    "delete range": o.op_delete("a", range_end="b"),
    "delete from key": o.op_delete("", from_key=True),
    "delete prev kv": o.op_delete("k", prev_kv=True),
    "txn empty": o.op_txn(),
    "txn gets": o.op_txn(then=[o.op_get("a")], else_=[o.op_get("b", prefix=True)]),
    "txn nested": o.op_txn(
        [c.compare(c.value("a"), "=", "x"), c.compare(c.version("b"), ">", 0)],
        [
            o.op_put("a", "y", prev_kv=True),
            o.op_txn(then=[o.op_delete("c", prefix=True)]),
        ],
        [o.op_get("a", sort=(o.SortTarget.MOD, o.SortOrder.ASCEND))],
    ),
    "cmp value": cmp(c.value("k"), "=", "v"),
    "cmp value empty": cmp(c.value("k"), "!=", ""),
    "cmp version": cmp(c.version("k"), "=", 0),
    "cmp create": cmp(c.create_revision("k"), "<", 5),
    "cmp mod": cmp(c.mod_revision("k"), ">", -1),
    "cmp lease": cmp(c.lease_value("k"), "!=", 0),
    "cmp lease id": cmp(c.lease_value("k"), "=", 1 << 62),
    "cmp range": cmp(c.version("a").with_range("b"), "=", 1),
    "cmp prefix": cmp(c.value(b"a\xff").with_prefix(), "=", "v"),
    "cmp prefix empty": cmp(c.value("").with_prefix(), "=", "v"),
    "compact": o.op_compact(11),
    "compact physical": o.op_compact(11, physical=True),
    "watch": o.op_watch("k"),
    "watch prefix": o.op_watch("k", prefix=True),
    "watch range": o.op_watch("k", range_end="z"),
    "watch from key": o.op_watch("k", from_key=True),
    "watch rev": o.op_watch("k", rev=9),
    "watch prev kv": o.op_watch("k", prev_kv=True),
    "watch progress": o.op_watch("k", progress_notify=True),
    "watch created": o.op_watch("k", created_notify=True),
    "watch filter put": o.op_watch("k", filter_put=True),
    "watch filter delete": o.op_watch("k", filter_delete=True),
    "watch filters": o.op_watch("k", filter_put=True, filter_delete=True),
    "watch fragment": o.op_watch("k", fragment=True),
}
for _target, _order in product(o.SortTarget, o.SortOrder):
    OPERATIONS[f"get sort {_target.name.lower()} {_order.name.lower()}"] = o.op_get(
        "a", prefix=True, sort=(_target, _order)
    )


@pytest.fixture(scope="module")
def recorded() -> dict[str, str]:
    found: dict[str, str] = json.loads(RECORDED.read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_asks_for_what_go_asks_for(name: str, recorded: dict[str, str]) -> None:
    request = OPERATIONS[name].to_request()
    assert request == type(request).FromString(bytes.fromhex(recorded[name]))


def test_each_operation_of_the_program_is_tried(recorded: dict[str, str]) -> None:
    assert set(recorded) == set(OPERATIONS)


@pytest.mark.interop
def test_what_is_recorded_is_what_go_prints(recorded: dict[str, str]) -> None:
    sources = [MODULE / name for name in ("go.mod", "go.sum", "main.go")]

    def build_at(path: Path) -> None:
        golang.run(MODULE, "build", "-trimpath", "-o", str(path), ".")

    program = built(
        lambda: golang.kept("requests", b"".join(each.read_bytes() for each in sources), build_at)
    )
    printed = subprocess.run([program], capture_output=True, check=True, timeout=30).stdout
    assert json.loads(printed) == recorded
