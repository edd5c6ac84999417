"""Observe: what is said of an election as it goes on."""

from __future__ import annotations

from fake_etcd.api import messages as m

from ...scenario import scenario
from ...session import Session
from ..lease.asking import revoke
from .asking import campaign, grant_all, observe, proclaim, resign, stand, watch_all


@scenario
def an_observer_sees_the_leader_and_what_it_proclaims(s: Session) -> None:
    grant_all(s, 7)
    mine = campaign(s)
    s.put(key=b"x", value=b"1")
    seen = observe(s)
    seen.receive()
    for value in (b"1", b"1", b""):
        proclaim(s, mine, value)
        seen.receive()
    seen.cancel()
    seen.receive()


@scenario
def an_observer_waits_for_the_first_leader(s: Session) -> None:
    grant_all(s, 7)
    seen = observe(s)
    mine = campaign(s)
    seen.receive()
    proclaim(s, mine)
    seen.receive()


@scenario
def an_observer_sees_one_leader_after_the_other(s: Session) -> None:
    grant_all(s, 7, 8, 9)
    watch = watch_all(s, b"e/")
    mine = campaign(s)
    watch.receive()
    for lease in (9, 8):
        stand(s, lease=lease)
        watch.receive()
    seen = observe(s)
    seen.receive()
    resign(s, mine)
    seen.receive()
    revoke(s, 9)
    seen.receive()
    revoke(s, 8)
    campaign(s)
    seen.receive()


@scenario
def an_observer_sees_nothing_of_other_candidates(s: Session) -> None:
    grant_all(s, 7, 8)
    watch = watch_all(s, b"e/")
    mine = campaign(s)
    watch.receive()
    seen = observe(s)
    seen.receive()
    stand(s)
    watch.receive()
    proclaim(s, m.LeaderKey(name=b"e", key=b"e/8", rev=s.at(3), lease=8), b"unheard")
    proclaim(s, mine, b"heard")
    seen.receive()


@scenario
def an_observer_sees_keys_that_were_written_by_hand(s: Session) -> None:
    s.put(key=b"e/x", value=b"1")
    seen = observe(s)
    seen.receive()
    s.put(key=b"e/x", value=b"2")
    seen.receive()
    s.put(key=b"e/y", value=b"3")
    s.delete_range(key=b"e/x")
    seen.receive()


@scenario
def observers_see_the_same(s: Session) -> None:
    grant_all(s, 7)
    first, second = observe(s), observe(s.connect())
    mine = campaign(s)
    for seen in (first, second):
        seen.receive()
    proclaim(s, mine)
    for seen in (second, first):
        seen.receive()


@scenario
def an_observer_may_be_of_any_name(s: Session) -> None:
    grant_all(s, 7)
    for name in (b"", b"/", b"\xff"):
        campaign(s, name)
        observe(s, name).receive()


@scenario
def a_compaction_disturbs_no_observer(s: Session) -> None:
    grant_all(s, 7)
    mine = campaign(s)
    seen = observe(s)
    seen.receive()
    proclaim(s, mine)
    seen.receive()
    s.compact(revision=s.at(3))
    proclaim(s, mine)
    seen.receive()
