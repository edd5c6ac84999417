"""Sessions through both faces: a lease for as long as they last, and an end that is told."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from fake_etcd.clientv3 import LeaseLost, context, rpctypes
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
