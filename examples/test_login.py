"""The login, when nothing goes wrong and when anything does."""

from __future__ import annotations

from functools import partial
from types import ModuleType

import grpc
import pytest

from examples import login
from examples.etcd import Etcd, Lost, retried
from examples.login import logged_in
from examples.one_line_less import one_line_less
from fake_etcd.testing import FakeEtcd, faults

AUTH = {
    "root": "the root password",
    "users": {"alice": {"password": "hers", "roles": ["clerk"]}},
    "roles": {"clerk": {"readwrite": {"prefix": "stock/"}}},
}

pytestmark = pytest.mark.fake_etcd(auth=AUTH)


def test_alice_may_what_her_role_permits(fake_etcd: FakeEtcd) -> None:
    alice = Etcd(logged_in(fake_etcd.channel(), "alice", "hers"))
    alice.put(b"stock/apples", b"40")
    assert alice.get(b"stock/apples").value == b"40"
    with pytest.raises(grpc.RpcError, match="etcdserver: permission denied"):
        alice.put(b"prices/apples", b"2")


def test_a_wrong_password_is_told_as_such(fake_etcd: FakeEtcd) -> None:
    alice = Etcd(logged_in(fake_etcd.channel(), "alice", "his"))
    with pytest.raises(grpc.RpcError, match="invalid user ID or password"):
        alice.get(b"stock/apples")


def test_a_token_that_is_used_is_not_renewed(fake_etcd: FakeEtcd) -> None:
    fake_etcd.clock.freeze()
    alice = Etcd(logged_in(fake_etcd.channel(), "alice", "hers"))
    for _ in range(5):
        alice.put(b"stock/apples", b"40")
        fake_etcd.clock.advance(200)
    fake_etcd.history.assert_called("Authenticate", times=1)


def test_a_token_that_has_ended_is(fake_etcd: FakeEtcd) -> None:
    fake_etcd.clock.freeze()
    alice = Etcd(logged_in(fake_etcd.channel(), "alice", "hers"))
    alice.put(b"stock/apples", b"40")
    fake_etcd.clock.advance(400)
    alice.put(b"stock/apples", b"41")
    fake_etcd.history.assert_called("Authenticate", times=2)
    assert fake_etcd.store.get("stock/apples") == b"41"


def story(app: ModuleType, etcd: FakeEtcd) -> None:
    """Alice counts apples."""
    alice = Etcd(app.logged_in(etcd.channel(), "alice", "hers"))
    for count in (b"40", b"41"):
        retried(partial(alice.put, b"stock/apples", count))


def is_counted(etcd: FakeEtcd) -> bool:
    return etcd.store.get("stock/apples") == b"41"


def test_no_call_is_the_one_at_which_a_token_may_not_end(fake_etcd: FakeEtcd) -> None:
    found = fake_etcd.explore(
        partial(story, login), is_counted, effects=[faults.expire_tokens()], allowed=()
    )
    found.assert_ok()
    assert len(found.calls) == 3


def test_no_lost_call_breaks_it(fake_etcd: FakeEtcd) -> None:
    # The login itself is made once; whoever calls is told that it was lost.
    found = fake_etcd.explore(partial(story, login), allowed=(Lost, grpc.RpcError))
    found.assert_ok()


def test_one_line_less_and_a_token_is_not_renewed(fake_etcd: FakeEtcd) -> None:
    app = one_line_less(login, "self._token = None")
    found = fake_etcd.explore(
        partial(story, app), is_counted, effects=[faults.expire_tokens()], allowed=()
    )
    assert [outcome.place.number for outcome in found.broken] == [2, 3]
