"""How often a call is made: as Go's clientv3 makes it, and a write never twice."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fake_etcd import clientv3
from fake_etcd.api.status import Code
from fake_etcd.clientv3 import Config, context
from fake_etcd.clientv3.blocking import run
from fake_etcd.clientv3.core import caller, rpcs
from fake_etcd.clientv3.core.caller import Caller
from fake_etcd.clientv3.core.rpcs import Rpc
from fake_etcd.testing import FakeEtcd, faults, on
from tests.clientv3 import retry_script
from tests.clientv3.faces import Face
from tests.clientv3.retry_script import CASES, FAULTS, Who
from tests.clientv3.servers import Member, abort

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


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_a_call_backs_off_once_in_a_round_over_a_majority(
    face: Face, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    slept: list[float] = []

    async def sleep(_: object, __: object, seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(caller, "sleep", sleep)
    tried: list[int] = []

    def plan(_: str, context: Any) -> None:
        tried.append(len(slept))
        abort(context, Code.UNAVAILABLE, "away")

    members = [Member(number, plan) for number in range(count)]
    config = Config(
        endpoints=[member.endpoint for member in members],
        max_unary_retries=7,
        backoff_wait_between=10.0,
        backoff_jitter_fraction=0.5,
    )
    cli = face.client(config)
    with pytest.raises(clientv3.StatusError, match=r"^rpc error: code = Unavailable desc = away$"):
        cli.get("k", timeout=20.0)
    cli.close()
    for member in members:
        member.close()
    quorum = count // 2 + 1
    assert tried == [attempt // quorum for attempt in range(7)]
    assert all(5.0 <= seconds <= 15.0 for seconds in slept)


def test_the_context_ends_the_waiting_between_tries(face: Face) -> None:
    member = Member(1, lambda _, context: abort(context, Code.UNAVAILABLE, "away"))
    cli = face.client(Config(endpoints=[member.endpoint], backoff_wait_between=20.0))
    with pytest.raises(context.DeadlineExceeded):
        cli.get("k", timeout=0.05)
    ctx, cancel = context.with_cancel(context.background())
    threading.Timer(0.05, cancel).start()
    with pytest.raises(context.Canceled):
        cli.get("k", ctx=ctx)
    cli.close()
    member.close()


_FAULTS: list[Callable[[], Any]] = [
    faults.drop,
    faults.lose_answer,
    lambda: faults.refuse("no leader"),
    lambda: faults.refuse("request timed out"),
    lambda: faults.refuse("invalid auth token"),
]


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    plan=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2)), max_size=4),
    calls=st.lists(st.booleans(), min_size=1, max_size=6),
)
def test_a_write_is_applied_once_at_the_most(
    new_client: Callable[..., Any],
    fake_etcd: FakeEtcd,
    plan: list[tuple[int, int]],
    calls: list[bool],
) -> None:
    """Whatever goes wrong with it, before it is applied or after; and a read is answered."""
    fake_etcd.reset()
    for number, skip in plan:
        fake_etcd.faults.add(on.Service("KV"), _FAULTS[number](), times=1, skip=skip)
    cli = new_client(backoff_wait_between=0.0)
    for is_write in calls:
        if not is_write:
            assert cli.get("nothing", timeout=20.0).count == 0
            continue
        before = fake_etcd.store.revision
        try:
            cli.put("k", "v", timeout=20.0)
            least = 1
        except clientv3.Error:
            least = 0
        assert least <= fake_etcd.store.revision - before <= 1
    cli.close()
