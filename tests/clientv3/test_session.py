"""Sessions through both faces: a lease for as long as they last, and an end that is told."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest

from fake_etcd.clientv3 import Config, KeepAliveHalted, LeaseLost, aio, context, rpctypes
from fake_etcd.clientv3.aio import concurrency
from fake_etcd.testing import FakeEtcd, faults, on
from tests.clientv3.faces import Face


def new_session(face: Face, cli: Any, **options: Any) -> Any:
    return face.make(face.module("concurrency").Session, cli, **options)


def test_a_session_has_a_lease_until_it_ends(face: Face, cli: Any) -> None:
    with new_session(face, cli, ttl=7) as session:
        assert cli.time_to_live(session.lease).granted_ttl == 7
        assert (session.done(), session.ctx.err(), session.error) == (False, None, None)
    assert cli.leases().leases == ()
    assert session.done()
    assert isinstance(session.ctx.err(), context.Canceled)
    assert session.error is None
    session.close()


def test_the_loss_of_the_lease_ends_a_session(face: Face, cli: Any) -> None:
    ended = threading.Event()
    with new_session(face, cli, ttl=1) as session:
        session.ctx.after(ended.set)
        assert not session.wait(0.01)
        cli.revoke(session.lease)
        assert session.wait(10)
        assert session.done()
        assert ended.is_set()
        assert isinstance(session.error, LeaseLost)
        assert isinstance(session.error.reason, rpctypes.ErrLeaseNotFound)
    with pytest.raises(rpctypes.ErrLeaseNotFound):
        session.close()


def test_an_orphan_is_not_revoked_and_can_be_taken_over(face: Face, cli: Any) -> None:
    with new_session(face, cli, ttl=7) as session:
        session.orphan()
    assert session.done()
    with new_session(face, cli, lease=session.lease) as heir:
        assert heir.lease == session.lease
        assert not heir.done()
    assert cli.leases().leases == ()


def test_an_orphan_can_be_closed_all_the_same(face: Face, cli: Any) -> None:
    session = new_session(face, cli)
    session.orphan()
    session.close()
    assert cli.leases().leases == ()


def test_a_lease_that_is_gone_is_no_error_where_a_session_ends(face: Face, cli: Any) -> None:
    with new_session(face, cli) as session:
        cli.revoke(session.lease)
    assert session.done()


def test_a_session_ends_with_its_client(face: Face, cli: Any) -> None:
    ended = threading.Event()
    session = new_session(face, cli)
    session.ctx.after(ended.set)
    cli.close()
    assert ended.wait(10)
    assert (session.done(), session.error) == (True, None)
    with pytest.raises(KeepAliveHalted):
        new_session(face, cli, lease=session.lease)


@pytest.mark.parametrize("ends", ["cancel", "deadline"])
def test_a_session_ends_with_its_context_and_leaves_the_lease(
    face: Face, cli: Any, ends: str
) -> None:
    ctx, cancel = context.with_timeout(context.background(), 0.3 if ends == "deadline" else 60)
    session = new_session(face, cli, ctx=ctx)
    assert not session.done()
    if ends == "cancel":
        cancel()
    assert session.wait(10)
    error = context.Canceled if ends == "cancel" else context.DeadlineExceeded
    assert isinstance(session.ctx.err(), error)
    with pytest.raises(error):
        session.close()
    assert [each.id for each in cli.leases().leases] == [session.lease]
    cancel()


def test_a_session_under_a_context_that_has_ended_is_not_made(face: Face, cli: Any) -> None:
    ctx, cancel = context.with_cancel(context.background())
    cancel()
    with pytest.raises(context.Canceled):
        new_session(face, cli, ctx=ctx)
    assert cli.leases().leases == ()


def test_what_fails_at_the_end_of_a_session_harms_no_other_lease(
    face: Face, cli: Any, caplog: pytest.LogCaptureFixture
) -> None:
    other = cli.keep_alive(cli.grant(1).id)
    next(other)
    session = new_session(face, cli, ttl=1)
    session.ctx.after(lambda: int("nothing"))
    cli.revoke(session.lease)
    assert session.wait(10)
    next(other)
    assert not other.is_over
    assert "invalid literal for int()" in caplog.text


def test_a_session_lives_for_a_second_at_the_least(face: Face, cli: Any) -> None:
    with pytest.raises(ValueError, match=r"^ttl=0: a session lives for a second at the least$"):
        new_session(face, cli, ttl=0)


def test_the_end_of_a_session_says_what_goes_wrong_but_hides_no_error(
    face: Face, cli: Any, fake_etcd: FakeEtcd, caplog: pytest.LogCaptureFixture
) -> None:
    fake_etcd.faults.add(on.LeaseRevoke(), faults.refuse("permission denied"))
    with pytest.raises(rpctypes.ErrPermissionDenied), new_session(face, cli):
        pass
    caplog.set_level(logging.WARNING)
    with pytest.raises(ZeroDivisionError), new_session(face, cli) as session:
        1 / 0  # noqa: B018
    assert caplog.messages == [
        f"<Session of lease {session.lease:x}, done> could not be closed:"
        " etcdserver: permission denied"
    ]
    fake_etcd.faults.clear()
    session.close()
    assert len(cli.leases().leases) == 1  # that of the first


def test_a_session_follows_the_time_of_its_client(
    face: Face, new_client: Callable[..., Any], fake_etcd: FakeEtcd
) -> None:
    fake_etcd.clock.freeze()
    session = new_session(face, new_client(clock=fake_etcd.clock), ttl=9)
    for _ in range(10):
        fake_etcd.history.wait_for("LeaseKeepAlive")
    ended = threading.Event()
    session.ctx.after(ended.set)
    fake_etcd.faults.now(faults.expire_leases())
    fake_etcd.clock.advance(3)
    assert ended.wait(10)
    assert isinstance(session.error, LeaseLost)
    assert str(session.error).startswith(f"etcdclient: lease {session.lease:x} is lost: ")


def test_the_asyncio_ways_to_a_session(fake_etcd: FakeEtcd) -> None:
    async def work() -> None:
        async with aio.Client(Config(endpoints=fake_etcd.endpoints)) as cli:
            session = await concurrency.Session(cli, ttl=9)
            async with session as same, concurrency.Session(cli, lease=session.lease) as heir:
                assert same is session
                assert heir.lease == session.lease != 0
                waiting = asyncio.create_task(session.wait())
                await asyncio.sleep(0)
                session.orphan()
                assert await waiting
            assert (await cli.leases()).leases == ()

    asyncio.run(work(), debug=True)
