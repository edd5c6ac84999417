"""Transactions in memory: what each isolation level promises, and what the weaker ones allow.

Go: client/v3/concurrency/stm_test.go, tests/integration/clientv3/concurrency.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from inspect import isawaitable
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fake_etcd.api import messages as m
from fake_etcd.clientv3 import Config, aio, context, rpctypes
from fake_etcd.clientv3.aio.concurrency import stm as aio_stm
from fake_etcd.clientv3.blocking import run
from fake_etcd.clientv3.concurrency import (
    Isolation,
    ReadCommitted,
    RepeatableReads,
    Serializable,
    SerializableSnapshot,
)
from fake_etcd.testing import FakeEtcd
from tests.clientv3.concurrently import Beside
from tests.clientv3.faces import Face

SAFE = (SerializableSnapshot, Serializable, RepeatableReads)
"""The levels that lose no update."""

SNAPSHOTS = (SerializableSnapshot, Serializable)
"""Those whose reads are all of one revision."""

Function = Callable[[Any], Coroutine[Any, Any, None]]


async def now(value: Any) -> Any:
    """What keys of either face read."""
    return await value if isawaitable(value) else value


async def number(keys: Any, key: str) -> int:
    return int(await now(keys.get(key)) or 0)


@pytest.fixture
def stm(face: Face, concurrency: ModuleType, cli: Any) -> Callable[..., Any]:
    """`stm` of the face, with the test's client, for functions that use `now` and `number`."""

    def transact(function: Function, **options: Any) -> Any:
        def blocking(keys: Any) -> None:
            run(function(keys))

        return face.make(concurrency.stm, cli, function if face.is_asyncio else blocking, **options)

    return transact


async def beside(function: Callable[[], Any]) -> None:
    """Have somebody else do something, whom the loop must not wait for."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        function()
    else:
        await asyncio.to_thread(function)


class Disturbed:
    """A transaction's function in whose first attempt something comes in between.

    Args:
        before: what it does first.
        between: comes then.
        after: what it does in the end.
    """

    def __init__(self, before: Function, between: Callable[[], Any], after: Function) -> None:
        self._before = before
        self._between = between
        self._after = after
        self.attempts = 0

    async def __call__(self, keys: Any) -> None:
        self.attempts += 1
        await self._before(keys)
        if self.attempts == 1:
            await beside(self._between)
        await self._after(keys)


async def nothing(keys: Any) -> None:
    pass


def put(cli: Any, **pairs: int) -> None:
    """Put each, in the order of the keywords."""
    for key, value in pairs.items():
        cli.put(key, str(value))


def values(cli: Any) -> dict[str, int]:
    return {kv.key.decode(): int(kv.value) for kv in cli.get("", prefix=True).kvs}


def test_what_was_written_is_put_all_at_once(cli: Any, stm: Callable[..., Any]) -> None:
    cli.put("a", "1")
    made = cli.put("b", "1").header.revision
    seen: list[Any] = []

    async def function(keys: Any) -> None:
        seen.append(await now(keys.get("a")))
        keys.put("a", "2")
        keys.put("c", b"\xff")
        keys.delete("b")
        seen.append(await now(keys.get("a", "b", "c", "none")))
        seen.append([await now(keys.rev(key)) for key in ("a", "b", "c")])

    answer = stm(function)
    assert (answer.succeeded, answer.header.revision) == (True, made + 1)
    assert seen == [b"1", (b"2", b"", b"\xff", b""), [made - 1, made, 0]]
    found = cli.get("", prefix=True).kvs
    assert [(kv.key, kv.value, kv.mod_revision) for kv in found] == [
        (b"a", b"2", made + 1),
        (b"c", b"\xff", made + 1),
    ]


def test_a_put_may_have_a_lease(
    cli: Any, new_session: Callable[[], Any], stm: Callable[..., Any]
) -> None:
    lease = new_session().lease

    async def function(keys: Any) -> None:
        keys.put("a", "1", lease=lease)

    stm(function)
    assert cli.get("a").kvs[0].lease == lease


def test_a_function_that_only_reads_changes_nothing(cli: Any, stm: Callable[..., Any]) -> None:
    before = cli.put("a", "1").header.revision

    async def function(keys: Any) -> None:
        await now(keys.get("a"))

    answer = stm(function)
    assert (answer.succeeded, answer.header.revision, answer.responses) == (True, before, ())


def test_what_the_function_raises_is_raised_and_nothing_is_put(
    cli: Any, stm: Callable[..., Any]
) -> None:
    async def function(keys: Any) -> None:
        keys.put("a", "1")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        stm(function)
    assert values(cli) == {}


def test_a_plain_function_will_do(
    cli: Any, face: Face, concurrency: ModuleType, stm: Callable[..., Any]
) -> None:
    face.make(concurrency.stm, cli, lambda keys: keys.put("a", "1"))
    assert values(cli) == {"a": 1}


def test_a_read_that_failed_is_not_forgotten(cli: Any, stm: Callable[..., Any]) -> None:
    async def function(keys: Any) -> None:
        keys.put("a", "1")
        with pytest.raises(rpctypes.ErrEmptyKey):
            await now(keys.get(""))

    with pytest.raises(rpctypes.ErrEmptyKey):
        stm(function)
    assert values(cli) == {}


def test_a_context_ends_it(cli: Any, stm: Callable[..., Any]) -> None:
    """However often it has to begin anew."""

    async def function(keys: Any) -> None:
        await counts(keys)
        await beside(lambda: put(cli, n=1))

    async def counts(keys: Any) -> None:
        keys.put("n", str(await number(keys, "n") + 1))

    with pytest.raises(context.DeadlineExceeded):
        stm(function, timeout=0.1)
    ctx, cancel = context.with_cancel(context.background())
    cancel()
    with pytest.raises(context.Canceled):
        stm(counts, ctx=ctx)


def test_mistakes_are_told(face: Face, cli: Any, concurrency: ModuleType) -> None:
    with pytest.raises(TypeError, match="prefetch is a list of keys"):
        face.make(concurrency.stm, cli, nothing, prefetch="abc")
    with pytest.raises(ValueError, match="9 is not a valid Isolation"):
        face.make(concurrency.stm, cli, nothing, isolation=9)
    with pytest.raises(TypeError, match="get"):
        face.make(concurrency.stm, cli, lambda keys: keys.get())


@pytest.mark.parametrize("isolation", SAFE)
def test_no_update_is_lost(cli: Any, stm: Callable[..., Any], isolation: Isolation) -> None:
    cli.put("n", "1")
    seen: list[int] = []

    async def read(keys: Any) -> None:
        seen.append(await number(keys, "n"))

    async def write(keys: Any) -> None:
        keys.put("n", str(seen[-1] + 1))

    disturbed = Disturbed(read, lambda: cli.put("n", "10"), write)
    stm(disturbed, isolation=isolation)
    assert (seen, values(cli), disturbed.attempts) == ([1, 10], {"n": 11}, 2)


def test_read_committed_loses_an_update(cli: Any, stm: Callable[..., Any]) -> None:
    cli.put("n", "1")
    seen: list[int] = []

    async def read(keys: Any) -> None:
        seen.append(await number(keys, "n"))

    async def write(keys: Any) -> None:
        keys.put("n", str(await number(keys, "n") + 1))

    disturbed = Disturbed(read, lambda: cli.put("n", "10"), write)
    stm(disturbed, isolation=ReadCommitted)
    assert (seen, values(cli), disturbed.attempts) == ([1], {"n": 2}, 1)


@pytest.mark.parametrize("isolation", Isolation)
def test_what_holds_between_keys_holds_for_who_reads_a_snapshot(
    cli: Any, stm: Callable[..., Any], isolation: Isolation
) -> None:
    cli.put("a", "10")
    cli.put("b", "10")
    read: dict[str, int] = {}
    sums: list[int] = []

    async def read_one(keys: Any) -> None:
        read["a"] = await number(keys, "a")

    async def read_other(keys: Any) -> None:
        read["b"] = await number(keys, "b")
        sums.append(sum(read.values()))

    stm(Disturbed(read_one, lambda: put(cli, a=5, b=15), read_other), isolation=isolation)
    assert (
        sums
        == {
            SerializableSnapshot: [20, 20],
            Serializable: [20, 20],
            RepeatableReads: [25, 20],  # the first attempt saw it, and was not committed
            ReadCommitted: [25],
        }[isolation]
    )


@pytest.mark.parametrize("isolation", Isolation)
def test_a_key_that_is_written_without_being_read(
    cli: Any, stm: Callable[..., Any], isolation: Isolation
) -> None:
    """Only SerializableSnapshot wants that nobody else has written it."""
    cli.put("a", "1")

    async def read(keys: Any) -> None:
        await number(keys, "a")

    async def write(keys: Any) -> None:
        keys.put("b", "1")

    disturbed = Disturbed(read, lambda: cli.put("b", "2"), write)
    stm(disturbed, isolation=isolation)
    assert values(cli) == {"a": 1, "b": 1}
    assert disturbed.attempts == (2 if isolation is SerializableSnapshot else 1)


@pytest.mark.parametrize("isolation", SNAPSHOTS)
def test_an_attempt_after_a_conflict_reads_one_revision(
    cli: Any, stm: Callable[..., Any], isolation: Isolation
) -> None:
    """The answer to the commit that failed has `a`, but this time `b` is read first, of a revision
    behind that. (Go's client makes do with both.)"""
    put(cli, a=10, b=10)
    attempts: list[list[int]] = []

    async def function(keys: Any) -> None:
        attempts.append([])
        if len(attempts) == 1:
            attempts[-1].append(await number(keys, "a"))
            await beside(lambda: put(cli, a=11))
        else:
            if len(attempts) == 2:
                await beside(lambda: put(cli, a=12, b=12))
            attempts[-1] += [await number(keys, key) for key in "ba"]
        keys.put("c", "1")

    stm(function, isolation=isolation)
    assert attempts == [[10], [12, 12]]


def counters(changes: dict[str, int]) -> Function:
    """Adds to counters."""

    async def function(keys: Any) -> None:
        for key, by in changes.items():
            keys.put(key, str(await number(keys, key) + by))

    return function


@pytest.mark.parametrize("isolation", SAFE)
@given(
    workers=st.lists(
        st.lists(
            st.dictionaries(st.sampled_from("abc"), st.integers(-5, 5), min_size=1), max_size=4
        ),
        min_size=2,
        max_size=4,
    ),
    prefetch=st.lists(st.sampled_from("abcd"), unique=True),
)
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_sums_are_right_whoever_adds_at_the_same_time(
    cli: Any,
    stm: Callable[..., Any],
    isolation: Isolation,
    workers: list[list[dict[str, int]]],
    prefetch: list[str],
) -> None:
    cli.delete("", prefix=True)

    def work(transactions: list[dict[str, int]]) -> None:
        for changes in transactions:
            stm(counters(changes), isolation=isolation, prefetch=prefetch)

    for worker in [Beside(work, transactions) for transactions in workers]:
        worker.outcome()
    sums: dict[str, int] = {}
    for changes in itertools.chain(*workers):
        for key, by in changes.items():
            sums[key] = sums.get(key, 0) + by
    assert values(cli) == sums


def test_tasks_may_add_at_the_same_time(fake_etcd: FakeEtcd) -> None:
    async def main() -> None:
        async with aio.Client(Config(endpoints=fake_etcd.endpoints)) as cli:
            one_more = counters({"n": 1, "m": 2})
            await asyncio.gather(*(aio_stm(cli, one_more) for _ in range(20)))
            assert (await cli.get("", prefix=True)).kvs[0].value == b"40"

    asyncio.run(main())


def test_who_lost_to_another_needs_no_further_read(
    cli: Any, fake_etcd: FakeEtcd, stm: Callable[..., Any]
) -> None:
    put(cli, n=1)
    fake_etcd.history.clear()
    stm(Disturbed(counters({"n": 1}), lambda: put(cli, n=10), nothing))
    assert [call.method for call in fake_etcd.history.calls()] == ["Txn", "Put", "Txn", "Txn"]
    assert values(cli) == {"n": 11}


@pytest.mark.parametrize("isolation", Isolation)
def test_what_it_asks_of_the_server(
    cli: Any, fake_etcd: FakeEtcd, stm: Callable[..., Any], isolation: Isolation
) -> None:
    """The comparisons are those that each level needs, as in Go."""
    put(cli, a=1)
    made = cli.put("b", "1").header.revision
    fake_etcd.history.clear()

    async def function(keys: Any) -> None:
        await now(keys.get("b", "none"))
        await now(keys.get("b", "a"))
        keys.put("c", "1")
        keys.delete("b")

    stm(function, isolation=isolation)
    is_snapshot = isolation in SNAPSHOTS

    def gets(*names: str, **fields: Any) -> list[m.RequestOp]:
        return [
            m.RequestOp(request_range=m.RangeRequest(key=name.encode(), **fields)) for name in names
        ]

    def compare(key: str, rev: int, result: int = m.Compare.EQUAL) -> m.Compare:
        return m.Compare(key=key.encode(), target=m.Compare.MOD, result=result, mod_revision=rev)

    reads = [compare("b", made), compare("none", 0), compare("a", made - 1)]
    writes = [compare(key, made + 1, m.Compare.LESS) for key in "cb"]
    second = {"revision": made, "serializable": True} if is_snapshot else {"serializable": True}
    first, other, commit = [call.request for call in fake_etcd.history.calls("Txn")]
    assert first == m.TxnRequest(success=gets("b", "none", **({} if is_snapshot else second)))
    assert other == m.TxnRequest(success=gets("a", **second))
    assert commit == m.TxnRequest(
        compare={
            SerializableSnapshot: [*reads, *writes],
            Serializable: reads,
            RepeatableReads: reads,
            ReadCommitted: [],
        }[isolation],
        success=[
            m.RequestOp(request_put=m.PutRequest(key=b"c", value=b"1")),
            m.RequestOp(request_delete_range=m.DeleteRangeRequest(key=b"b")),
        ],
        failure=gets("b", "none", "a") if is_snapshot else [],
    )
