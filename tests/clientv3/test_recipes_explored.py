"""Locks, elections and transactions with each of their calls going wrong in turn.

What must never be: two owners of a lock or two leaders at a time, a lock or an election that nobody
has and nobody gets, an update that is lost. The tasks of asyncio take turns in the same order each
time, so these runs are those of `clientv3.aio`; its core is the one of the blocking client.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import aclosing
from typing import Any

import pytest

from fake_etcd.clientv3 import Config, Error, aio, op_put
from fake_etcd.clientv3.aio.concurrency import (
    STM,
    Election,
    Isolation,
    Mutex,
    ReadCommitted,
    Session,
    stm,
)
from fake_etcd.testing import FakeEtcd, faults

LOST = (faults.drop(), faults.lose_answer())
"""A connection breaks before a call took effect, and after."""

REFUSED = (
    faults.refuse("no leader"),
    faults.refuse("request timed out"),
    faults.refuse("too many requests"),
)
"""What a server says that cannot, now."""

DISTURBED = (faults.lose_watch(), faults.compact_under_watcher())

SILENT = logging.getLogger("silent")
SILENT.disabled = True


def config(etcd: FakeEtcd) -> Config:
    return Config(endpoints=["etcd"], dial=lambda endpoint: etcd.aio_channel(), logger=SILENT)


async def at_once(*tasks: Coroutine[Any, Any, object]) -> list[Error]:
    """Do all of them beside each other; the errors of the client that they ended with."""
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException) and not isinstance(outcome, Error):
            raise outcome
    return [outcome for outcome in outcomes if isinstance(outcome, Error)]


class Inside:
    """Where one may be at a time."""

    def __init__(self) -> None:
        self._who: list[str] = []

    async def stay(self, who: str, work: Callable[[], Awaitable[object]]) -> None:
        assert self._who == [], f"{who} is in beside {self._who}"
        self._who.append(who)
        try:
            await work()
            await asyncio.sleep(0)
        finally:
            self._who.remove(who)


async def assert_nobody_has(cli: aio.Client, prefix: str, errors: Sequence[Error]) -> None:
    """While the sessions live: what was lost is not held by one of them."""
    left = (await cli.get(prefix, prefix=True)).kvs
    assert not left, f"after {errors} the keys {[kv.key for kv in left]} are nobody's"
    for error in errors:
        raise error


@pytest.mark.parametrize("effects", [LOST, REFUSED, DISTURBED], ids=["lost", "refused", "watch"])
def test_a_lock_has_one_owner_or_none_and_is_never_nobodys(
    fake_etcd: FakeEtcd, effects: Sequence[faults.Effect]
) -> None:
    async def work(etcd: FakeEtcd) -> None:
        async with aio.Client(config(etcd)) as cli, Session(cli) as one, Session(cli) as two:
            inside = Inside()

            async def enter(session: Session, name: str) -> None:
                async with Mutex(session, "/lock"):
                    await inside.stay(name, lambda: cli.put("who", name))

            errors = await at_once(enter(one, "one"), enter(two, "two"))
            await assert_nobody_has(cli, "/lock/", errors)

    found = fake_etcd.explore(work, effects=effects, allowed=(Error,))
    found.assert_ok()
    assert len(found.calls) > 10


@pytest.mark.parametrize("effects", [LOST, REFUSED], ids=["lost", "refused"])
def test_who_tries_in_vain_does_not_stand_in_the_queue(
    fake_etcd: FakeEtcd, effects: Sequence[faults.Effect]
) -> None:
    async def work(etcd: FakeEtcd) -> None:
        async with aio.Client(config(etcd)) as cli, Session(cli) as one, Session(cli) as two:
            await Mutex(one, "/lock").lock()
            for _ in range(2):
                await at_once(Mutex(two, "/lock").try_lock())
            kvs = (await cli.get("/lock/", prefix=True)).kvs
            assert [kv.lease for kv in kvs] == [one.lease]

    fake_etcd.explore(work, effects=effects, allowed=(Error,)).assert_ok()


@pytest.mark.parametrize("effects", [LOST, REFUSED], ids=["lost", "refused"])
def test_who_is_canceled_leaves_the_queue_whatever_goes_wrong(
    fake_etcd: FakeEtcd, effects: Sequence[faults.Effect]
) -> None:
    async def work(etcd: FakeEtcd) -> None:
        async with aio.Client(config(etcd)) as cli, Session(cli) as one, Session(cli) as two:
            await Mutex(one, "/lock").lock()
            waits = asyncio.create_task(Mutex(two, "/lock").lock())
            while not waits.done() and not etcd.history.calls("Watch"):
                await asyncio.sleep(0)
            waits.cancel()
            await asyncio.wait([waits])
            kvs = (await cli.get("/lock/", prefix=True)).kvs
            assert [kv.lease for kv in kvs] == [one.lease]

    fake_etcd.explore(work, effects=effects, allowed=(Error,)).assert_ok()


def test_an_owner_whose_lease_has_ended_writes_nothing(fake_etcd: FakeEtcd) -> None:
    """He may believe that he has the lock; a transaction that asks for that knows better."""

    async def work(etcd: FakeEtcd) -> None:
        async with aio.Client(config(etcd)) as cli, Session(cli) as one, Session(cli) as two:
            written: list[str] = []

            async def enter(session: Session, name: str) -> None:
                async with Mutex(session, "/lock") as mutex:
                    await asyncio.sleep(0)
                    txn = cli.txn().if_(mutex.is_owner()).then(op_put("n", name))
                    if (await txn.commit()).succeeded:
                        written.append(name)

            await at_once(enter(one, "one"), enter(two, "two"))
            left = (await cli.get("n")).kvs
            assert [kv.value.decode() for kv in left] == written[-1:]

    found = fake_etcd.explore(work, effects=[faults.expire_leases()], allowed=(Error,))
    found.assert_ok()


@pytest.mark.parametrize("effects", [LOST, REFUSED, DISTURBED], ids=["lost", "refused", "watch"])
def test_an_election_has_one_leader_or_none_and_is_never_nobodys(
    fake_etcd: FakeEtcd, effects: Sequence[faults.Effect]
) -> None:
    async def work(etcd: FakeEtcd) -> None:
        async with aio.Client(config(etcd)) as cli, Session(cli) as one, Session(cli) as two:
            inside = Inside()
            told: list[tuple[int, bytes]] = []

            async def observe() -> None:
                async with aclosing(Election(one, "/boss").observe()) as observed:
                    async for answer in observed:
                        (kv,) = answer.kvs
                        told.append((kv.create_revision, kv.value))

            async def lead(session: Session, name: str) -> None:
                election = Election(session, "/boss")
                await election.campaign(name)
                try:
                    await inside.stay(name, lambda: election.proclaim(f"{name} says so"))
                finally:
                    await election.resign()

            observer = asyncio.create_task(observe())
            errors = await at_once(lead(one, "one"), lead(two, "two"))
            observer.cancel()
            await asyncio.wait([observer])
            assert told == sorted(told), told
            await assert_nobody_has(cli, "/boss/", errors)

    fake_etcd.explore(work, effects=effects, allowed=(Error,)).assert_ok()


@pytest.mark.parametrize("isolation", [each for each in Isolation if each is not ReadCommitted])
@pytest.mark.parametrize("effects", [LOST, REFUSED], ids=["lost", "refused"])
def test_no_update_is_lost_and_none_is_made_twice(
    fake_etcd: FakeEtcd, effects: Sequence[faults.Effect], isolation: Isolation
) -> None:
    async def work(etcd: FakeEtcd) -> None:
        async with aio.Client(config(etcd)) as cli:

            async def one_more(keys: STM) -> None:
                keys.put("n", str(int(await keys.get("n") or 0) + 1))

            tasks = [stm(cli, one_more, isolation=isolation) for _ in range(3)]
            errors = await at_once(*tasks)
            made = int((await cli.get("n")).kvs[0].value)
            done = len(tasks) - len(errors)
            assert done <= made <= len(tasks), f"{made} after {done} that were told so"

    found = fake_etcd.explore(work, effects=effects, allowed=(Error,))
    found.assert_ok()
    assert len(found.calls) > 6
