"""Calls that go wrong twice and then right, to see how often a client makes them.

Go's clientv3 was asked once (`python -m tests.clientv3.retry_script` asks again, with a Go
toolchain, and writes golden/go_retries.json); our client is asked by each run of the tests.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import grpc

from conformance import golang
from fake_etcd.api import errors as table
from fake_etcd.api.methods import Kind
from fake_etcd.api.status import Code
from fake_etcd.clientv3.core import rpcs
from tests.clientv3.servers import Gate, Member, abort

HERE = Path(__file__).resolve().parent
GOLDEN = HERE / "golden" / "go_retries.json"
MODULE = HERE / "golang" / "retries"

TIMES = 2
"""How often a call goes wrong."""

_HASH = "Maintenance/Hash"  # Go's client has no name for it
RPCS = sorted(
    row.method.path.removeprefix("/etcdserverpb.")
    for row in rpcs.ALL
    if row.method.kind is Kind.UNARY and not row.method.path.endswith((_HASH, "/Authenticate"))
)


@dataclass(frozen=True)
class Who:
    """A client: with what, and at how many endpoints."""

    username: str = ""
    password: str = ""
    token: str = ""
    endpoints: int = 1


@dataclass(frozen=True)
class Fault:
    """How a call goes wrong: with a status, or by the loss of its connection.

    Each implementation of gRPC has words of its own for the latter, so it has no message here.
    """

    code: Code
    message: str
    who: Who = Who()
    is_cut: bool = False


_NOBODY = Who()
_USER = Who(username="alice", password="hers")
_TOKEN = Who(token="a token")
_TWO = Who(endpoints=2)


def _of(row: type[table.EtcdError], who: Who = _NOBODY) -> Fault:
    return Fault(row.code, row.message, who)


FAULTS = {
    "no address": Fault(Code.UNAVAILABLE, "there is no address available"),
    "no connection": Fault(Code.UNAVAILABLE, "there is no connection available"),
    "unavailable": Fault(Code.UNAVAILABLE, "something"),
    "unavailable and compacted": Fault(Code.UNAVAILABLE, table.COMPACTED.message),
    "no leader": _of(table.NO_LEADER),
    "no leader, told otherwise": Fault(Code.UNKNOWN, table.NO_LEADER.message),
    "internal": Fault(Code.INTERNAL, "something"),
    "aborted": Fault(Code.ABORTED, "there is no address available"),
    "exhausted": Fault(Code.RESOURCE_EXHAUSTED, "something"),
    "unimplemented": Fault(Code.UNIMPLEMENTED, "something"),
    "canceled": Fault(Code.CANCELLED, "something"),
    "out of time": Fault(Code.DEADLINE_EXCEEDED, "something"),
    "canceled by etcd": _of(table.CANCELED),
    "stale token": _of(table.INVALID_AUTH_TOKEN),
    "stale token of a user": _of(table.INVALID_AUTH_TOKEN, _USER),
    "stale token of its own": _of(table.INVALID_AUTH_TOKEN, _TOKEN),
    "old revision": _of(table.AUTH_OLD_REVISION),
    "old revision for a user": _of(table.AUTH_OLD_REVISION, _USER),
    "old revision for a token": _of(table.AUTH_OLD_REVISION, _TOKEN),
    "no user": _of(table.USER_EMPTY),
    "no user for a user": _of(table.USER_EMPTY, _USER),
    "no user for a token": _of(table.USER_EMPTY, _TOKEN),
    "learner": _of(table.NOT_SUPPORTED_FOR_LEARNER),
    "learner of two": _of(table.NOT_SUPPORTED_FOR_LEARNER, _TWO),
    "cut": Fault(Code.UNAVAILABLE, "", is_cut=True),
    "cut of two": Fault(Code.UNAVAILABLE, "", _TWO, is_cut=True),
}
"""What goes wrong with RPCs of each kind, or with all."""

ROWS = {f"row {row.__name__}": _of(row) for row in table.ALL.values()}
"""What goes wrong with a read and a write."""

FEW = ("Auth/UserList", "Cluster/MemberAdd", "KV/Put", "KV/Range", "KV/Txn", "Lease/LeaseGrant")
"""RPCs of each kind."""

_WITH_ALL = ("no address", "unavailable", "canceled", "stale token of a user")
"""Faults after which it depends on the RPC, or might: all RPCs meet them."""

CASES = [
    *(
        (name, fault, rpc)
        for name, fault in FAULTS.items()
        for rpc in (RPCS if name in _WITH_ALL else FEW)
    ),
    *((name, fault, rpc) for name, fault in ROWS.items() for rpc in ("KV/Put", "KV/Range")),
]

Call = Callable[[list[str], Who, str], str]
"""Makes a call of an RPC at endpoints; how it ended: "", or the error's text. An RPC "" is none,
and makes the client ready."""


class Script:
    """Two members whose calls go wrong as they are told."""

    def __init__(self) -> None:
        self._rpc = ""
        self._fault: Fault | None = None
        self.members = [Member(number, partial(self._act, number)) for number in (1, 2)]
        self.gates = [Gate(member.endpoint) for member in self.members]

    def endpoints(self, fault: Fault) -> list[str]:
        """Where a client is to call that this is to happen to."""
        places = self.gates if fault.is_cut else self.members
        return [place.endpoint for place in places][: fault.who.endpoints]

    def plan(self, rpc: str, fault: Fault) -> None:
        """Have the next calls of an RPC go wrong."""
        self._rpc, self._fault = rpc, fault
        for member in self.members:
            member.calls.clear()

    def count(self, rpc: str) -> int:
        """How often it was called since."""
        return sum(member.calls[rpc] for member in self.members)

    def _act(self, number: int, rpc: str, context: grpc.ServicerContext) -> None:
        fault = self._fault
        if fault is not None and rpc == self._rpc and self.count(rpc) <= TIMES:
            if fault.is_cut:
                self.gates[number - 1].cut()
            abort(context, fault.code, fault.message)

    def close(self) -> None:
        for gate in self.gates:
            gate.close()
        for member in self.members:
            member.close()


def outcomes(call: Call, cases: list[tuple[str, Fault, str]] = CASES) -> dict[str, Any]:
    """For each case how often it was called, how often somebody logged in, and how it ended:
    groups of RPCs for which that is the same."""
    found: dict[str, dict[tuple[int, int, str], list[str]]] = {}
    with closing(Script()) as script:
        for name, fault, rpc in cases:
            endpoints = script.endpoints(fault)
            for _ in endpoints:  # by turns: one of them was cut, maybe, and is not known to be
                call(endpoints, fault.who, "KV/Range" if fault.is_cut else "")
            script.plan(rpc, fault)
            ended = call(endpoints, fault.who, rpc)
            if fault.is_cut:
                ended = ended.partition(" desc = ")[0]
            key = (script.count(rpc), script.count("Auth/Authenticate"), ended)
            found.setdefault(name, defaultdict(list))[key].append(rpc)
    return {
        name: [
            {"calls": calls, "logins": logins, "error": error, "rpcs": names}
            for (calls, logins, error), names in groups.items()
        ]
        for name, groups in found.items()
    }


def go_outcomes() -> dict[str, Any]:
    """What Go's client does.

    Raises:
        golang.NoGo: there is no toolchain.
    """
    files = [MODULE / name for name in ("main.go", "go.mod", "go.sum")]
    made_from = b"".join(file.read_bytes() for file in files)
    program = golang.kept(
        "retries", made_from, lambda path: print(golang.run(MODULE, "build", "-o", str(path), "."))
    )
    with subprocess.Popen(
        [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        ends = process.stdin, process.stdout

        def call(endpoints: list[str], who: Who, rpc: str) -> str:
            asked, told = ends
            assert asked is not None
            assert told is not None
            wanted = {
                "endpoints": endpoints,
                "rpc": rpc,
                "username": who.username,
                "password": who.password,
                "token": who.token,
            }
            print(json.dumps(wanted), file=asked, flush=True)
            return str(json.loads(told.readline()))

        return outcomes(call)


def main() -> None:
    GOLDEN.write_text(json.dumps(go_outcomes(), indent=1) + "\n")
    print(f"{GOLDEN.name}: {len(CASES)} cases", file=sys.stderr)


if __name__ == "__main__":
    main()
