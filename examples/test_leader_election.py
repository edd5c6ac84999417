"""The election, when nothing goes wrong and when anything does."""

from __future__ import annotations

from types import ModuleType

from examples import leader_election
from examples.etcd import Etcd
from examples.leader_election import Candidate
from fake_etcd.testing import FakeEtcd


def candidates(app: ModuleType, etcd: FakeEtcd) -> dict[str, Candidate]:
    return {name: app.Candidate(Etcd(etcd.channel()), name, ttl_seconds=6) for name in ("a", "b")}


def test_the_first_one_leads_until_it_resigns(fake_etcd: FakeEtcd) -> None:
    a, b = candidates(leader_election, fake_etcd).values()
    a.beat()
    b.beat()
    assert (a.is_leader, b.is_leader) == (True, False)
    assert (a.write(b"report", b"by a"), b.write(b"report", b"by b")) == (True, False)
    a.resign()
    b.beat()
    assert (a.is_leader, b.is_leader) == (False, True)
    assert fake_etcd.store.get("report") == b"by a"


def test_a_leader_that_beats_stays(fake_etcd: FakeEtcd) -> None:
    fake_etcd.clock.freeze()
    a, b = candidates(leader_election, fake_etcd).values()
    for _ in range(10):
        a.beat()
        b.beat()
        fake_etcd.clock.advance(2)
    assert (a.is_leader, b.is_leader) == (True, False)


def test_another_one_leads_when_the_leader_crashes(fake_etcd: FakeEtcd) -> None:
    fake_etcd.clock.freeze()
    a, b = candidates(leader_election, fake_etcd).values()
    a.beat()
    fake_etcd.clock.advance(5)
    b.beat()
    assert not b.is_leader
    fake_etcd.clock.advance(2)
    b.beat()
    assert b.is_leader
    assert not a.write(b"report", b"by a")
    assert not a.is_leader
