"""Whatever two caches and their writers do, each get tells what a get of the server would.

Three ways: random programs against a store that nothing is cached of; threads that race; and each
call of a program going wrong in turn.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fake_etcd import clientv3
from fake_etcd.clientv3 import (
    Config,
    Error,
    aio,
    compare,
    create_revision,
    lease_value,
    op_delete,
    op_get,
    op_put,
    op_txn,
    value,
    version,
)
from fake_etcd.clientv3.aio.leasing import LeasingKV as AioLeasingKV
from fake_etcd.clientv3.context import Context, background
from fake_etcd.clientv3.core import leasing, leasing_cache
from fake_etcd.clientv3.core.kv import KV
from fake_etcd.clientv3.leasing import LeasingKV
from fake_etcd.clientv3.op import CompactOp, DeleteOp, GetOp, Op, TxnOp
from fake_etcd.clientv3.responses import (
    CompactResponse,
    GetResponse,
    KeyValue,
    OpResponse,
    ResponseHeader,
)
from fake_etcd.testing import FakeEtcd, faults

SILENT = logging.getLogger("silent")
SILENT.disabled = True

LEASE = 7

KEYS = st.sampled_from(["a", "ab", "b"])
RANGES: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [{}, {}, {"prefix": True}, {"from_key": True}, {"range_end": "ab"}, {"range_end": "b"}]
)
GETS = st.one_of(
    KEYS.map(op_get),
    st.builds(lambda key, ranged: op_get(key, **ranged), KEYS, RANGES),
    KEYS.map(lambda key: op_get(key, keys_only=True)),
    KEYS.map(lambda key: op_get(key, count_only=True)),
    KEYS.map(lambda key: op_get(key, serializable=True)),
)
PUTS = st.one_of(
    st.builds(lambda key, text: op_put(key, text, prev_kv=True), KEYS, st.sampled_from("12")),
    st.builds(lambda key: op_put(key, "3", lease=LEASE), KEYS),
    st.builds(lambda key: op_put(key, "4", ignore_lease=True), KEYS),
    st.builds(lambda key: op_put(key, "", ignore_value=True), KEYS),
)
DELETES = st.builds(lambda key, ranged: op_delete(key, prev_kv=True, **ranged), KEYS, RANGES)
COMPARES = st.one_of(
    st.builds(lambda key, text: compare(value(key), "=", text), KEYS, st.sampled_from("12")),
    st.builds(lambda key, times: compare(version(key), ">", times), KEYS, st.integers(0, 2)),
    st.builds(lambda key: compare(create_revision(key), "=", 0), KEYS),
    st.builds(lambda key: compare(lease_value(key), "!=", 0), KEYS),
    st.builds(lambda key: compare(version(key), "!=", 1).with_range("b"), KEYS),
)
SINGLE = st.one_of(GETS, PUTS, DELETES)


def txns(ops: st.SearchStrategy[Any]) -> st.SearchStrategy[TxnOp]:
    branch = st.lists(ops, max_size=3)
    return st.builds(op_txn, st.lists(COMPARES, max_size=2), branch, branch)


READS = txns(KEYS.map(op_get))
STEPS = st.one_of(KEYS.map(op_get), SINGLE, READS, txns(SINGLE), txns(st.one_of(SINGLE, READS)))
PROGRAMS = st.lists(st.tuples(st.integers(0, 1), st.one_of(STEPS, st.just(None))), max_size=14)


def timeless(answer: Any) -> Any:
    """An answer without what lease keys change: the revisions."""
    if isinstance(answer, KeyValue):
        return replace(answer, create_revision=0, mod_revision=0)
    if isinstance(answer, ResponseHeader):
        return None
    if isinstance(answer, tuple):
        return tuple(map(timeless, answer))
    if is_dataclass(answer):
        return type(answer), *(timeless(getattr(answer, each.name)) for each in fields(answer))
    return answer


def outcome(kv: Any, op: Op) -> tuple[Any, OpResponse | None]:
    """What an operation is answered, timeless, or which error there is; and the answer itself."""
    try:
        answer = kv.do(op)
    except Error as error:
        return type(error), None
    return timeless(answer), answer


@pytest.fixture(scope="module")
def plain() -> Iterator[FakeEtcd]:
    """A store of which nothing is cached."""
    with FakeEtcd() as etcd:
        yield etcd


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(PROGRAMS)
def test_a_program_gets_the_answers_of_a_store_without_caches(
    fake_etcd: FakeEtcd, plain: FakeEtcd, program: list[tuple[int, Any]]
) -> None:
    for etcd in (fake_etcd, plain):
        etcd.reset()
        etcd.clock.freeze()
    with (
        clientv3.Client(
            Config(endpoints=["a"], dial=lambda _: fake_etcd.channel(), clock=fake_etcd.clock)
        ) as cli,
        clientv3.Client(Config(endpoints=["b"], dial=lambda _: plain.channel())) as model,
    ):
        for each in (cli, model):
            each.grant(9_000, id=LEASE)
        with LeasingKV(cli, "~", ttl=9_000) as one, LeasingKV(cli, "~", ttl=9_000) as two:
            kvs = (one, two)
            for who, op in program:
                if op is None:
                    fake_etcd.clock.advance(leasing_cache.BACK_OFF + 1)
                    continue
                bounded = within_user_keys(op)
                expected, _ = outcome(model, bounded)
                found, answer = outcome(kvs[who], bounded)
                assert found == expected
                if isinstance(answer, GetResponse):
                    there = cli.do(bounded)
                    assert isinstance(there, GetResponse)
                    assert answer.kvs == there.kvs
            for key in ("a", "ab", "b"):
                assert one.get(key).kvs == two.get(key).kvs == cli.get(key).kvs


def within_user_keys(op: Any) -> Any:
    """The same operation, which ends before the lease keys do begin."""
    if isinstance(op, TxnOp):
        then, else_ = (tuple(map(within_user_keys, ops)) for ops in (op.then, op.else_))
        compares = op.compares
        return TxnOp(compares, then, else_)
    if isinstance(op, GetOp | DeleteOp) and op.range_end == b"\0":
        return replace(op, range_end=b"~")
    return op


class Slow(KV):
    """Keys whose calls take their time, each way, which others use. A call that is not waited for
    any more is on its way all the same.

    Args:
        kv: the keys.
        chance: says how long.
    """

    def __init__(self, kv: KV, chance: random.Random) -> None:
        self._kv = kv
        self._chance = chance
        self._calls: set[asyncio.Task[OpResponse]] = set()

    async def _do(self, op: Op, ctx: Context) -> OpResponse:
        call = asyncio.ensure_future(self._called(op))
        self._calls.add(call)
        return await asyncio.shield(call)

    async def _called(self, op: Op) -> OpResponse:
        await self._pause()
        answer = await self._kv._do(op, background())
        await self._pause()
        return answer

    async def ended(self) -> None:
        """Wait for the end of all calls."""
        await asyncio.gather(*self._calls, return_exceptions=True)

    async def _compact(self, op: CompactOp, ctx: Context) -> CompactResponse:
        return await self._kv._compact(op, ctx)

    def _get_stream(self, op: GetOp, ctx: Context) -> AsyncIterator[GetResponse]:
        return self._kv._get_stream(op, ctx)

    async def _pause(self) -> None:
        for _ in range(self._chance.choice((0, 1, 3, 5, 8, 8, 80))):
            await asyncio.sleep(0)


@pytest.mark.parametrize("seed", range(8))
def test_a_get_tells_what_there_was_while_it_took_place(
    fake_etcd: FakeEtcd, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(leasing_cache, "BACK_OFF", -1.0)
    chance = random.Random(seed)
    keys = ("a", "b")
    cached = 0

    async def use(kv: AioLeasingKV, cli: aio.Client) -> None:
        nonlocal cached
        for turn in range(25):
            key, dice = chance.choice(keys), chance.random()
            if dice < 0.15:
                await kv.put(key, str(turn))
            elif dice < 0.2:
                await kv.delete(key)
            elif dice < 0.35:
                await kv.delete("a", range_end="c")
            elif dice < 0.4:
                await kv.txn().then(op_put(key, "txn"), op_get("a")).commit()
            elif dice < 0.45:
                canceled = asyncio.create_task(put_or_get(kv, key, turn))
                for _ in range(chance.randrange(12)):
                    await asyncio.sleep(0)
                canceled.cancel()
            else:
                first = (await cli.get(key)).header.revision
                found = (await kv.get(key)).kvs
                last = (await cli.get(key)).header.revision
                histories = [await cli.get(key, rev=rev) for rev in range(first, last + 1)]
                assert found in [each.kvs for each in histories]
                cached += found is (await kv.get(key)).kvs

    async def put_or_get(kv: AioLeasingKV, key: str, turn: int) -> None:
        if chance.random() < 0.5:
            await kv.put(key, f"{turn} canceled")
        else:
            await kv.get(key)

    async def work() -> None:
        config = Config(endpoints=["a"], dial=lambda _: fake_etcd.aio_channel(), logger=SILENT)
        async with (
            aio.Client(config) as cli,
            aio.Client(config) as slow,
            AioLeasingKV(slow, "~") as one,
            AioLeasingKV(slow, "~") as two,
        ):
            slow._kv = calls = Slow(slow._kv, chance)
            await asyncio.gather(*(use(kv, cli) for kv in (one, one, one, two, two)))
            await calls.ended()
            for key in keys:
                there = (await cli.get(key)).kvs
                assert (await one.get(key)).kvs == (await two.get(key)).kvs == there
        async with aio.Client(config) as cli:
            assert (await cli.get("~", prefix=True)).kvs == ()

    asyncio.run(asyncio.wait_for(work(), 20))
    assert cached > 3


class Late(KV):
    """Keys of which the first call is answered when that is told, though it is done at once.

    Args:
        kv: the keys.
    """

    def __init__(self, kv: KV) -> None:
        self._kv = kv
        self.is_done, self.is_told = asyncio.Event(), asyncio.Event()

    async def _do(self, op: Op, ctx: Context) -> OpResponse:
        is_first = not self.is_done.is_set()
        answer = await self._kv._do(op, ctx)
        self.is_done.set()
        if is_first:
            await self.is_told.wait()
        return answer

    async def _compact(self, op: CompactOp, ctx: Context) -> CompactResponse:
        return await self._kv._compact(op, ctx)

    def _get_stream(self, op: GetOp, ctx: Context) -> AsyncIterator[GetResponse]:
        return self._kv._get_stream(op, ctx)


@pytest.mark.parametrize("who", ["itself", "another"])
@pytest.mark.parametrize("late", [op_get("a"), op_put("a", "late")], ids=["get", "put"])
@pytest.mark.parametrize(
    "write",
    [op_put("a", "2"), op_delete("a", range_end="c"), op_txn(then=[op_delete("a", prefix=True)])],
    ids=["put", "range", "txn"],
)
def test_an_answer_that_comes_behind_a_write_is_not_kept(
    fake_etcd: FakeEtcd, who: str, late: Op, write: Op
) -> None:
    async def work() -> None:
        config = Config(endpoints=["a"], dial=lambda _: fake_etcd.aio_channel(), logger=SILENT)
        async with (
            aio.Client(config) as cli,
            aio.Client(config) as slow,
            AioLeasingKV(slow, "~") as kv,
            AioLeasingKV(cli, "~") as other,
        ):
            await kv.put("a", "1")
            if late.is_put:
                await kv.get("a")
            slow._kv = calls = Late(slow._kv)
            answer = asyncio.create_task(kv.do(late))
            await calls.is_done.wait()
            await (kv if who == "itself" else other).do(write)
            calls.is_told.set()
            await answer
            assert (await kv.get("a")).kvs == (await cli.get("a")).kvs

    asyncio.run(asyncio.wait_for(work(), 20))


class Held(Late):
    """Keys of which what deletes a range is done when that is told."""

    async def _do(self, op: Op, ctx: Context) -> OpResponse:
        if isinstance(op, TxnOp) and isinstance(op.then[0], DeleteOp) and op.then[0].range_end:
            self.is_done.set()
            await self.is_told.wait()
        return await self._kv._do(op, ctx)


def test_a_lease_key_nobody_knows_of_is_gone_before_a_range_is_deleted(
    fake_etcd: FakeEtcd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leasing_cache, "BACK_OFF", -1.0)

    async def work() -> None:
        config = Config(endpoints=["a"], dial=lambda _: fake_etcd.aio_channel(), logger=SILENT)
        async with aio.Client(config) as cli, AioLeasingKV(cli, "~") as kv:
            await cli.put("a", "1")
            kvs, calls = cli._kv, Late(cli._kv)
            cli._kv = calls
            get = asyncio.create_task(kv.get("a"))
            await calls.is_done.wait()
            get.cancel()
            with pytest.raises(asyncio.CancelledError):
                await get
            assert (await cli.get("~a")).kvs[0].lease == kv.lease
            cli._kv = deletions = Held(kvs)
            delete = asyncio.create_task(kv.delete("a", range_end="c"))
            await deletions.is_done.wait()
            await kv.get("a")
            deletions.is_told.set()
            await delete
            assert (await kv.get("a")).kvs == ()

    asyncio.run(asyncio.wait_for(work(), 20))


def test_threads_that_race_come_to_an_end(
    fake_etcd: FakeEtcd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leasing_cache, "BACK_OFF", -1.0)
    broken: list[str] = []

    def use(kv: LeasingKV, number: int) -> None:
        try:
            for turn in range(60):
                key = "ab"[(turn + number) % 2]
                kv.put(key, str(turn)) if turn % 3 else kv.get(key)
        except BaseException as error:
            broken.append(repr(error))

    with (
        clientv3.Client(Config(endpoints=fake_etcd.endpoints)) as cli,
        LeasingKV(cli, "~") as one,
        LeasingKV(cli, "~") as two,
    ):
        users = [
            threading.Thread(target=use, args=(kv, number))
            for number, kv in enumerate((one, one, two, two))
        ]
        for user in users:
            user.start()
        for user in users:
            user.join(30)
        assert not any(user.is_alive() for user in users)
        assert broken == []
        for key in ("a", "b"):
            assert one.get(key).kvs == two.get(key).kvs == cli.get(key).kvs
            assert cli.get(key).kvs[0].version == 80


LOST = (faults.drop(), faults.lose_answer())
REFUSED = (faults.refuse("no leader"), faults.refuse("too many requests"))
DISTURBED = (faults.lose_watch(), faults.compact_under_watcher())


@pytest.mark.parametrize("effects", [LOST, REFUSED, DISTURBED], ids=["lost", "refused", "watch"])
def test_no_call_that_goes_wrong_makes_an_answer_old_or_a_writer_wait(
    fake_etcd: FakeEtcd, monkeypatch: pytest.MonkeyPatch, effects: Sequence[faults.Effect]
) -> None:
    monkeypatch.setattr(leasing_cache, "BACK_OFF", -1.0)
    monkeypatch.setattr(leasing, "_RETRY", 0.001)

    async def program(etcd: FakeEtcd) -> None:
        config = Config(
            endpoints=["a"],
            dial=lambda _: etcd.aio_channel(),
            logger=SILENT,
            backoff_wait_between=0.0001,
        )
        async with (
            aio.Client(config) as cli,
            AioLeasingKV(cli, "~") as one,
            AioLeasingKV(cli, "~") as two,
        ):
            for op, kv in (
                (op_put("a", "1"), one),
                (op_put("a", "2"), two),
                (op_txn([compare(value("a"), "=", "2")], [op_put("a", "3"), op_get("b")]), one),
                (op_delete("a", range_end="c"), two),
            ):
                with contextlib.suppress(Error):
                    await kv.do(op)
                await agree(cli, one, two)

    async def agree(cli: aio.Client, *kvs: AioLeasingKV) -> None:
        for key in ("a", "b"):
            there = (await cli.get(key)).kvs
            for kv in kvs:
                assert (await kv.get(key)).kvs == there

    async def work(etcd: FakeEtcd) -> None:
        await asyncio.wait_for(program(etcd), 20)

    found = fake_etcd.explore(work, effects=effects, allowed=(Error,))
    found.assert_ok()
    assert len(found.calls) > 20
