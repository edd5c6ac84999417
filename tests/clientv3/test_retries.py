"""How often a call is made: as Go's clientv3 makes it, and a write never twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from fake_etcd import clientv3
from fake_etcd.api.status import Code
from fake_etcd.clientv3 import Config, context
from fake_etcd.clientv3.blocking import run
from fake_etcd.clientv3.core import rpcs
from fake_etcd.clientv3.core.caller import Caller
from fake_etcd.clientv3.core.rpcs import Rpc
from tests.clientv3 import retry_script
from tests.clientv3.faces import Face
from tests.clientv3.retry_script import CASES, FAULTS, Who

_ROWS: dict[str, Rpc[Any, Any]] = {
    row.method.path.removeprefix("/etcdserverpb."): row for row in rpcs.ALL
}

_ENDED = (Code.CANCELLED, Code.DEADLINE_EXCEEDED)


@pytest.fixture
def call(face: Face) -> Iterator[retry_script.Call]:
    """Makes calls with our client."""
    clients: dict[tuple[tuple[str, ...], Who], Any] = {}

    def caller_of(cli: Any) -> Caller:
        found: Caller = (cli._thing if face.is_asyncio else cli._core)._caller
        return found

    def make(endpoints: list[str], who: Who, rpc: str) -> str:
        key = (tuple(endpoints), who)
        if key not in clients:
            config = Config(
                endpoints=endpoints,
                username=who.username,
                password=who.password,
                token=who.token,
                backoff_wait_between=0.001,
            )
            clients[key] = face.client(config)
        if not rpc:
            return ""
        cli, row = clients[key], _ROWS[rpc]
        ctx = context.limited(None, 20.0)
        try:
            work = caller_of(cli).unary(row, row.request(), ctx)
            if face.is_asyncio:
                cli._thread.run(work)
            else:
                run(work)
        except clientv3.Error as error:
            return str(error)
        return ""

    yield make
    for cli in clients.values():
        cli.close()


def _as_here(go: dict[str, Any]) -> dict[tuple[str, str], tuple[int, int, str]]:
    """By fault and RPC how often it is called, with how many logins, and how it ends; from what Go
    does.

    There are two differences. Where the server ends a call of its own, as out of time or canceled,
    Go makes it again, whatever it is; here a call that may have been applied, and would be again,
    is not. And three errors of etcd's are known here that Go's client takes for somebody else's.
    """
    expected = _by_rpc(go)
    for name, fault, rpc in CASES:
        if fault.code in _ENDED and not _ROWS[rpc].is_repeatable:
            told = "Canceled" if fault.code is Code.CANCELLED else "DeadlineExceeded"
            error = f"rpc error: code = {told} desc = {fault.message}"
            expected[name, rpc] = (1, 0, error)
        elif name in _UNKNOWN_TO_GO and expected[name, rpc][2]:
            expected[name, rpc] = (1, 0, fault.message)
    return expected


_UNKNOWN_TO_GO = {
    f"row {row}"
    for row in ("INVALID_CLIENT_API_VERSION", "PERMISSION_NOT_GIVEN", "TIMEOUT_WAIT_APPLIED_INDEX")
}


def _by_rpc(outcomes: dict[str, Any]) -> dict[tuple[str, str], tuple[int, int, str]]:
    return {
        (name, rpc): (group["calls"], group["logins"], group["error"])
        for name, groups in outcomes.items()
        for group in groups
        for rpc in group["rpcs"]
    }


def test_calls_are_made_again_as_go_makes_them(face: Face, call: retry_script.Call) -> None:
    cases = CASES
    if face.is_asyncio:  # the rules are the same code: some RPCs will do
        cases = [case for case in CASES if case[0] in FAULTS and case[2] in retry_script.FEW]
    expected = _as_here(json.loads(retry_script.GOLDEN.read_text()))
    found = _by_rpc(retry_script.outcomes(call, cases))
    assert found == {(name, rpc): expected[name, rpc] for name, _, rpc in cases}


@pytest.mark.interop
def test_what_go_does_is_what_was_recorded() -> None:
    from tests.interop.conftest import built

    found: list[dict[str, Any]] = []

    def ask() -> Any:
        found.append(retry_script.go_outcomes())
        return retry_script.GOLDEN

    golden = built(ask)
    assert found == [json.loads(golden.read_text())]
