"""Elections: who leads, what it says, and how it ends."""

from __future__ import annotations

from fake_etcd.api import messages as m

from ...scenario import scenario
from ...session import Session
from ..lease.asking import leases, revoke, time_to_live
from .asking import (
    campaign,
    changed,
    contested_election,
    finish,
    grant_all,
    leader,
    proclaim,
    resign,
    show,
    stand,
)


@scenario
def who_stands_alone_is_elected_at_once(s: Session) -> None:
    grant_all(s, 7)
    leader(s)
    campaign(s)
    leader(s)
    show(s, b"e/")
    time_to_live(s, 7, keys=True)


@scenario
def a_leader_that_stands_again_leads_on(s: Session) -> None:
    grant_all(s, 7)
    campaign(s)
    s.put(key=b"x", value=b"1")
    campaign(s)
    campaign(s, value=b"other")
    campaign(s, value=b"")
    show(s, b"e/")


@scenario
def a_campaign_without_lease_gets_one_of_a_minute(s: Session) -> None:
    mine = campaign(s, lease=0)
    leases(s)
    time_to_live(s, mine.lease, keys=True)
    leader(s)
    resign(s, mine)


@scenario
def a_campaign_needs_a_lease_that_is_there(s: Session) -> None:
    campaign(s)
    leader(s)
    grant_all(s, 7)
    campaign(s)
    revoke(s, 7)
    leader(s)
    campaign(s)


@scenario
def an_election_may_have_any_name(s: Session) -> None:
    grant_all(s, 7)
    for name in (b"", b"/", b"a/b/", b"\0\xff", b"\xff\xfe%s"):
        campaign(s, name)
        leader(s, name)


@scenario
def a_proclamation_that_fails_gives_up_the_key(s: Session) -> None:
    s.put(key=b"e/7", value=b"by hand")
    campaign(s, value=b"by hand")
    show(s, b"e/")
    campaign(s, value=b"other")
    show(s, b"e/")


@scenario
def values_are_any_bytes(s: Session) -> None:
    grant_all(s, 7)
    for name, value in ((b"a", b""), (b"b", b"\0\xff"), (b"c", b"v" * 300)):
        campaign(s, name, value=value)
        leader(s, name)


@scenario
def a_leader_proclaims_what_it_likes(s: Session) -> None:
    grant_all(s, 7)
    mine = campaign(s)
    for value in (b"news", b"news", b"", b"\0\xff"):
        proclaim(s, mine, value)
        leader(s)
    time_to_live(s, 7, keys=True)


@scenario
def who_does_not_lead_proclaims_nothing(s: Session) -> None:
    grant_all(s, 7, 8)
    mine = campaign(s)
    proclaim(s, None)
    proclaim(s, m.LeaderKey())
    proclaim(s, changed(mine, rev=mine.rev + 1))
    proclaim(s, changed(mine, rev=0))
    proclaim(s, changed(mine, rev=0, key=b"e/9"))
    proclaim(s, changed(mine, key=b""))
    proclaim(s, changed(mine, key=b"e/8"))
    leader(s)
    resign(s, mine)
    proclaim(s, mine)
    leader(s)
    show(s, b"e/")


@scenario
def a_proclamation_is_made_with_the_lease_that_it_names(s: Session) -> None:
    grant_all(s, 7, 8)
    mine = campaign(s)
    proclaim(s, changed(mine, lease=8))
    leader(s)
    proclaim(s, changed(mine, lease=0))
    leader(s)
    leases(s)
    proclaim(s, changed(mine, lease=9))
    proclaim(s, changed(mine, lease=-1))
    leader(s)
    revoke(s, 7)
    revoke(s, 8)
    leader(s)


@scenario
def the_name_in_a_leaders_key_does_not_matter(s: Session) -> None:
    grant_all(s, 7)
    mine = campaign(s)
    proclaim(s, changed(mine, name=b"other"))
    leader(s)
    resign(s, changed(mine, name=b""))
    leader(s)


@scenario
def a_leader_that_resigns_leads_no_more(s: Session) -> None:
    grant_all(s, 7)
    mine = campaign(s)
    resign(s, mine)
    leader(s)
    resign(s, mine)
    show(s, b"e/")
    campaign(s)


@scenario
def who_does_not_lead_resigns_for_nothing(s: Session) -> None:
    grant_all(s, 7)
    mine = campaign(s)
    resign(s, None)
    resign(s, m.LeaderKey())
    resign(s, changed(mine, rev=mine.rev - 1))
    resign(s, changed(mine, key=b""))
    resign(s, changed(mine, key=b"e/9"))
    leader(s)
    resign(s, changed(mine, lease=9))
    leader(s)


@scenario
def a_resignation_without_lease_is_given_one(s: Session) -> None:
    grant_all(s, 7)
    mine = campaign(s)
    resign(s, changed(mine, lease=0))
    leases(s)
    leader(s)


@scenario
def a_campaign_waits_for_its_turn(s: Session) -> None:
    grant_all(s, 7, 8)
    mine, _, (second,) = contested_election(s, 8)
    leader(s)
    s.put(key=b"x", value=b"1")
    resign(s, mine)
    finish(second)
    leader(s)


@scenario
def elections_are_won_in_the_order_of_standing(s: Session) -> None:
    grant_all(s, 7, 8, 9)
    _, _, (second, third) = contested_election(s, 9, 8)
    revoke(s, 7)
    finish(second)
    leader(s)
    revoke(s, 9)
    finish(third)
    leader(s)


@scenario
def who_loses_its_lease_while_it_waits_is_elected_all_the_same(s: Session) -> None:
    grant_all(s, 7, 8)
    mine, watch, (second,) = contested_election(s, 8)
    revoke(s, 8)
    watch.receive()
    resign(s, mine)
    finish(second)
    leader(s)


@scenario
def a_campaign_that_is_given_up_takes_its_key_away(s: Session) -> None:
    grant_all(s, 7, 8)
    _, watch, (second,) = contested_election(s, 8)
    second.cancel()
    watch.receive()
    second.receive()
    show(s, b"e/")


@scenario
def a_campaign_that_is_too_late_takes_its_key_away(s: Session) -> None:
    grant_all(s, 7, 8)
    _, watch, _ = contested_election(s)
    stand(s, seconds=0.5)
    watch.receive()
    watch.receive()
    show(s, b"e/")


@scenario
def a_key_that_was_replaced_is_not_taken_away(s: Session) -> None:
    grant_all(s, 7, 8)
    mine, watch, (second,) = contested_election(s, 8)
    s.delete_range(key=b"e/8")
    watch.receive()
    s.put(key=b"e/8", value=b"by hand")
    watch.receive()
    second.cancel()
    second.receive()
    resign(s, mine)
    show(s, b"e/")


@scenario
def who_waits_may_stand_with_another_value(s: Session) -> None:
    grant_all(s, 7, 8)
    mine, watch, (first,) = contested_election(s, 8)
    second = stand(s, value=b"other words")
    watch.receive()
    proclaim(s, m.LeaderKey(name=b"e", key=b"e/8", rev=s.at(3), lease=8), b"not yet")
    watch.receive()
    resign(s, mine)
    finish(first)
    finish(second)
    leader(s)


@scenario
def what_is_no_request_of_an_election_is_refused(s: Session) -> None:
    for method in ("Campaign", "Proclaim", "Leader", "Resign", "Observe"):
        s.call(f"Election/{method}", b"\xff")
