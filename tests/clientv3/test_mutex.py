"""The lock: who has it, who gets it next, and what is left of those who give up.

Go: client/v3/concurrency/mutex_test.go, tests/integration/clientv3/concurrency.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from fake_etcd.api import messages as m
from fake_etcd.clientv3 import Config, aio, context, rpctypes
from fake_etcd.clientv3.aio.concurrency import Mutex, Session
from fake_etcd.clientv3.op import op_put
from fake_etcd.clientv3.responses import GetResponse, KeyValue
from fake_etcd.testing import FakeEtcd
from tests.clientv3.concurrently import Beside, ask, queued, revoke
from tests.clientv3.faces import Face


@pytest.fixture
def new_mutex(
    face: Face, concurrency: ModuleType, new_session: Callable[[], Any]
) -> Callable[..., Any]:
    """Makes one, of a session of its own where none is given."""

    def make(session: Any = None, prefix: str | bytes = "/lock") -> Any:
        return face.make(concurrency.Mutex, session or new_session(), prefix)

    return make


def keys(cli: Any, prefix: str = "/lock/") -> list[bytes]:
    found: GetResponse = cli.get(prefix, prefix=True)
    return [kv.key for kv in sorted(found.kvs, key=lambda kv: kv.create_revision)]


def is_owner(cli: Any, mutex: Any) -> bool:
    """As a transaction sees it."""
    succeeded: bool = cli.txn().if_(mutex.is_owner()).then(op_put("fenced", "")).commit().succeeded
    return succeeded


@pytest.mark.parametrize("prefix", ["/lock", b"/lock", "", b"\xff"])
def test_the_lock_is_a_key_of_the_sessions_lease(
    cli: Any, new_session: Callable[[], Any], new_mutex: Callable[..., Any], prefix: str | bytes
) -> None:
    session = new_session()
    mutex = new_mutex(session, prefix)
    assert (mutex.key, mutex.header) == (b"", None)
    mutex.lock()
    lease = session.lease
    start = prefix.encode() if isinstance(prefix, str) else prefix
    assert mutex.key == b"%b/%x" % (start, lease)
    found = cli.get(mutex.key)
    revision = mutex.header.revision
    assert found == GetResponse(
        mutex.header, (KeyValue(mutex.key, b"", revision, revision, 1, lease),), count=1
    )
    mutex.unlock()
    assert (mutex.key, cli.get("", prefix=True).kvs) == (b"", ())


def test_who_waits_gets_it_in_the_order_of_coming(cli: Any, new_mutex: Callable[..., Any]) -> None:
    first, second, third = new_mutex(), new_mutex(), new_mutex()
    first.lock()
    with queued(cli, "/lock/", second.lock) as waits, queued(cli, "/lock/", third.lock) as longer:
        order = keys(cli)
        assert (waits.is_alive(), longer.is_alive()) == (True, True)
        first.unlock()
        waits.outcome()
        assert keys(cli) == order[1:] == [second.key, third.key]
        assert longer.is_alive()
        assert [is_owner(cli, mutex) for mutex in (first, second)] == [False, True]
        second.unlock()
        longer.outcome()
    assert keys(cli) == order[2:]
    assert third.header.revision >= cli.get(third.key).kvs[0].create_revision


def test_who_waits_in_the_middle_may_leave(cli: Any, new_mutex: Callable[..., Any]) -> None:
    first, second, third = new_mutex(), new_mutex(), new_mutex()
    first.lock()
    ctx, cancel = context.with_cancel(context.background())
    in_the_middle = queued(cli, "/lock/", second.lock, ctx=ctx)
    with in_the_middle as waits, queued(cli, "/lock/", third.lock) as longer:
        order = keys(cli)
        cancel()
        with pytest.raises(context.Canceled):
            waits.outcome()
        assert (keys(cli), longer.is_alive()) == ([order[0], order[2]], True)
        first.unlock()
        longer.outcome()
    assert keys(cli) == [third.key]
    assert second.key == b""


def test_a_deadline_ends_the_waiting_and_takes_the_key_away(
    cli: Any, new_mutex: Callable[..., Any], concurrency: ModuleType
) -> None:
    first, second = new_mutex(), new_mutex()
    first.lock()
    with pytest.raises(context.DeadlineExceeded):
        second.lock(timeout=0.05)
    assert keys(cli) == [first.key]
    with pytest.raises(concurrency.ErrLockReleased):
        second.unlock()
    first.unlock()
    second.lock(timeout=5.0)
    assert keys(cli) == [second.key]


def test_try_lock_does_not_wait(
    cli: Any, new_mutex: Callable[..., Any], concurrency: ModuleType
) -> None:
    first, second = new_mutex(), new_mutex()
    first.try_lock()
    with pytest.raises(concurrency.ErrLocked, match=r"^mutex: Locked by another session$"):
        second.try_lock()
    assert (keys(cli), second.key) == ([first.key], b"")
    first.unlock()
    second.try_lock()
    assert keys(cli) == [second.key]


def test_a_session_that_has_it_gets_it_again(
    cli: Any, new_session: Callable[[], Any], new_mutex: Callable[..., Any]
) -> None:
    session = new_session()
    mutex, same = new_mutex(session), new_mutex(session)
    mutex.lock()
    created = cli.get(mutex.key).kvs[0].create_revision
    cli.put("something", "else")
    same.lock(timeout=10.0)
    same.try_lock()
    assert cli.get(same.key).kvs[0].create_revision == created
    assert same.is_owner() == mutex.is_owner()
    same.unlock()
    assert (keys(cli), is_owner(cli, mutex)) == ([], False)


def test_what_is_not_held_is_not_given_away(
    cli: Any, new_mutex: Callable[..., Any], concurrency: ModuleType
) -> None:
    mutex = new_mutex()
    for _ in range(2):
        with pytest.raises(concurrency.ErrLockReleased, match=r"lock has already been released$"):
            mutex.unlock()
        assert not is_owner(cli, mutex)
        mutex.lock()
        assert is_owner(cli, mutex)
        mutex.unlock()
    assert cli.get("fenced").kvs[0].version == 2


def test_a_block_has_the_lock_and_gives_it_away(cli: Any, new_mutex: Callable[..., Any]) -> None:
    mutex = new_mutex()
    with mutex:
        assert is_owner(cli, mutex)
    assert keys(cli) == []


def test_a_block_that_fails_gives_it_away(cli: Any, new_mutex: Callable[..., Any]) -> None:
    def fail() -> None:
        with new_mutex():
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert keys(cli) == []


def test_a_lease_that_ends_in_the_queue_is_told_when_it_is_its_turn(
    cli: Any,
    fake_etcd: FakeEtcd,
    new_session: Callable[[], Any],
    new_mutex: Callable[..., Any],
    concurrency: ModuleType,
) -> None:
    session = new_session()
    first, second = new_mutex(), new_mutex(session)
    first.lock()
    with queued(cli, "/lock/", second.lock) as waits:
        revoke(fake_etcd, session.lease)
        assert (keys(cli), waits.is_alive()) == ([first.key], True)
        first.unlock()
        with pytest.raises(concurrency.ErrSessionExpired, match=r"^mutex: session is expired$"):
            waits.outcome()
    assert not is_owner(cli, second)


def test_a_lease_that_ends_gives_the_lock_to_the_next(
    cli: Any, fake_etcd: FakeEtcd, new_session: Callable[[], Any], new_mutex: Callable[..., Any]
) -> None:
    session = new_session()
    first, second = new_mutex(session), new_mutex()
    first.lock()
    with queued(cli, "/lock/", second.lock) as waits:
        revoke(fake_etcd, session.lease)
        waits.outcome()
    assert [is_owner(cli, mutex) for mutex in (first, second)] == [False, True]
    first.unlock()
    assert keys(cli) == [second.key]


def test_a_session_whose_lease_is_gone_gets_no_lock(
    cli: Any, fake_etcd: FakeEtcd, new_session: Callable[[], Any], new_mutex: Callable[..., Any]
) -> None:
    session = new_session()
    mutex = new_mutex(session)
    revoke(fake_etcd, session.lease)
    with pytest.raises(rpctypes.ErrLeaseNotFound):
        mutex.lock()
    assert (mutex.key, keys(cli)) == (b"", [])


def test_locks_whose_names_begin_alike_are_two(cli: Any, new_mutex: Callable[..., Any]) -> None:
    new_mutex(prefix="/lock").lock()
    new_mutex(prefix="/lock2").lock(timeout=5.0)
    assert len(keys(cli, "/lock")) == 2


def test_the_servers_own_locks_are_the_same(
    cli: Any,
    fake_etcd: FakeEtcd,
    new_session: Callable[[], Any],
    new_mutex: Callable[..., Any],
    concurrency: ModuleType,
) -> None:
    mutex, lease = new_mutex(), new_session().lease
    mutex.lock()
    request = m.LockRequest(name=b"/lock", lease=lease)
    with queued(
        cli, "/lock/", ask, etcd=fake_etcd, name="v3lockpb.Lock/Lock", request=request
    ) as waits:
        mutex.unlock()
        had = waits.outcome()
    assert keys(cli) == [had.key] == [b"/lock/%x" % lease]
    with pytest.raises(concurrency.ErrLocked):
        mutex.try_lock()
    with queued(cli, "/lock/", mutex.lock) as waits:
        ask(fake_etcd, "v3lockpb.Lock/Unlock", m.UnlockRequest(key=had.key))
        waits.outcome()
    assert keys(cli) == [mutex.key]


def test_a_task_that_is_canceled_leaves_the_queue(fake_etcd: FakeEtcd) -> None:
    async def main() -> None:
        config = Config(endpoints=fake_etcd.endpoints)
        async with aio.Client(config) as cli, Session(cli) as having, Session(cli) as wanting:
            mutex = Mutex(having, "/lock")
            await mutex.lock()
            waits = asyncio.create_task(Mutex(wanting, "/lock").lock())
            while (await cli.get("/lock/", prefix=True)).count < 2:
                await asyncio.sleep(0)
            waits.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waits
            left = [kv.key for kv in (await cli.get("/lock/", prefix=True)).kvs]
            assert left == [mutex.key]

    asyncio.run(main())


def test_what_it_asks_of_the_server(
    fake_etcd: FakeEtcd, new_session: Callable[[], Any], new_mutex: Callable[..., Any]
) -> None:
    """One call where nobody is before; who waits asks for the one before whenever one has gone."""
    session = new_session()
    first, second = new_mutex(), new_mutex(session)
    first.lock()
    gone = first.key
    fake_etcd.history.clear()
    waits = Beside(second.lock)
    fake_etcd.history.wait_for("Range")
    first.unlock()
    waits.outcome()
    made = second.header.revision - 1
    second.unlock()
    oldest = m.RangeRequest(
        key=b"/lock/",
        range_end=b"/lock0",
        limit=1,
        sort_order=m.RangeRequest.ASCEND,
        sort_target=m.RangeRequest.CREATE,
    )
    before = m.RangeRequest(
        key=b"/lock/",
        range_end=b"/lock0",
        limit=1,
        sort_order=m.RangeRequest.DESCEND,
        sort_target=m.RangeRequest.CREATE,
        max_create_revision=made - 1,
    )
    key = b"/lock/%x" % session.lease
    own = m.PutRequest(key=key, lease=session.lease)
    stand = m.TxnRequest(
        compare=[m.Compare(key=key, target=m.Compare.CREATE, create_revision=0)],
        success=[m.RequestOp(request_put=own), m.RequestOp(request_range=oldest)],
        failure=[
            m.RequestOp(request_range=m.RangeRequest(key=key)),
            m.RequestOp(request_range=oldest),
        ],
    )
    asked = [call.request for call in fake_etcd.history.calls() if "etcdserverpb.KV" in call.path]
    assert asked == [
        stand,
        before,
        m.DeleteRangeRequest(key=gone),
        before,
        m.RangeRequest(key=key),
        m.DeleteRangeRequest(key=key),
    ]
