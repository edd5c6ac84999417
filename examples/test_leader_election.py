"""The election, when nothing goes wrong and when anything does."""

from __future__ import annotations

from functools import partial
from types import ModuleType

from examples import leader_election
from examples.etcd import Etcd
from examples.leader_election import LEADER, Candidate
from examples.one_line_less import one_line_less
from fake_etcd.testing import FakeEtcd, faults


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


def story(app: ModuleType, etcd: FakeEtcd) -> None:
    """Two work and beat, on a host so slow that one lost beat costs the lease."""
    etcd.clock.freeze()
    both = candidates(app, etcd)
    for _ in range(4):
        for name, candidate in both.items():
            if candidate.write(b"report", f"by {name}".encode()):
                assert etcd.store.get(LEADER) == name.encode(), f"{name} wrote, and does not lead"
            candidate.beat()
        etcd.clock.advance(4)
    assert any(candidate.is_leader for candidate in both.values()), "nobody leads"


def test_no_fault_breaks_it(fake_etcd: FakeEtcd) -> None:
    fake_etcd.explore(partial(story, leader_election)).assert_ok()


def test_one_line_less_and_two_lead(fake_etcd: FakeEtcd) -> None:
    app = one_line_less(leader_election, "created_at(LEADER, self._term),")
    found = fake_etcd.explore(partial(story, app))
    # Both are beats of the leader.
    assert [outcome.place.number for outcome in found.broken] == [6, 11]
    assert {outcome.place.effect for outcome in found.broken} == {faults.drop()}
