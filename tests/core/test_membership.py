"""Members: which changes pass which door, in any order, against a count by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_etcd.api import errors
from fake_etcd.api.status import Code
from fake_etcd.core import cluster
from fake_etcd.core.cluster import Member
from fake_etcd.core.journal import Journal
from fake_etcd.core.membership import Membership

OWN = Member(10, "own", ("http://own:1",))


def membership(
    *members: Member, strict: bool = True, learners: int = 1, journal: Journal | None = None
) -> Membership:
    return Membership(
        members or (OWN,),
        OWN.id,
        journal or Journal(),
        max_learners=learners,
        is_strict=strict,
    )


def started(count: int) -> tuple[Member, ...]:
    return tuple(Member(10 + n, f"m{n}", (f"http://m{n}:1",)) for n in range(count))


def new(id: int, *, learner: bool = False) -> Member:
    return Member(id, "", (f"http://new{id}:1",), is_learner=learner)


def test_an_id_has_the_time_in_it_and_not_the_token() -> None:
    # The id that etcd 3.7.3 gave at that second.
    member = cluster.added(["http://a:1"], 1_795_860_580, is_learner=True)
    assert member == Member(3869701430963546999, "", ("http://a:1",), is_learner=True)
    assert cluster.added(["http://a:1"], 1_795_860_581, True).id != member.id
    assert cluster.added(["HTTP://a:1"], 1_795_860_580, False).id == member.id


@pytest.mark.parametrize("voters", range(1, 7))
def test_with_all_started_any_may_be_added_and_as_many_removed_as_leaves_a_majority(
    voters: int,
) -> None:
    members = membership(*started(voters))
    members.check_add(is_learner=False)
    members.check_add(is_learner=True)
    if voters == 1:
        with pytest.raises(errors.StatusError) as refused:
            members.check_remove(10)
        assert refused.value.status.code is Code.UNKNOWN
    else:
        members.check_remove(10)


def test_of_one_member_a_second_may_be_added_and_then_nobody() -> None:
    members = membership()
    members.check_add(is_learner=False)
    members.add(new(1))
    with pytest.raises(errors.StatusError, match="not enough started members"):
        members.check_add(is_learner=False)
    with pytest.raises(errors.UNHEALTHY):
        members.check_add(is_learner=True)
    members.check_remove(1)
    members.remove(1)
    assert members.all == (OWN,)


def test_the_first_door_can_be_left_open() -> None:
    members = membership(strict=False)
    for id in range(1, 6):
        members.check_add(is_learner=False)
        members.add(new(id))
    for id in range(1, 6):
        members.check_remove(id)
        members.remove(id)
    members.check_remove(OWN.id)


def test_a_learner_has_no_vote_and_goes_whenever_it_is_to() -> None:
    members = membership()
    members.add(new(1, learner=True))
    members.check_remove(1)
    members.check_add(is_learner=False)
    with pytest.raises(errors.LEARNER_NOT_READY):
        members.check_promote(1)


CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(1, 5), st.booleans()),
        st.tuples(st.just("remove"), st.integers(1, 6), st.none()),
        st.tuples(st.just("update"), st.integers(1, 6), st.integers(1, 7)),
    ),
    max_size=20,
)


def play(members: Membership, changes: list[tuple[str, int, int | None]]) -> list[str]:
    """What comes of each; the second door only."""
    return [outcome(members, *change) for change in changes]


def outcome(members: Membership, what: str, id: int, more: int | None) -> str:
    try:
        if what == "add":
            members.add(new(id, learner=bool(more)))
        elif what == "remove":
            members.remove(id)
        else:
            members.update(id, (f"http://new{more}:1",))
    except errors.EtcdError as error:
        return type(error).__name__
    return "done"


def expected(changes: list[tuple[str, int, int | None]], learners: int) -> list[str]:
    urls: dict[int, str] = {}
    votes: dict[int, bool] = {}
    removed: set[int] = set()
    found = []
    for what, id, more in changes:
        url = f"http://new{id if what == 'add' else more}:1"
        taken = any(other == url for each, other in urls.items() if each != id or what == "add")
        if id in removed or (what != "add" and id not in urls):
            found.append("MEMBER_NOT_FOUND")
        elif what == "add" and id in urls:
            found.append("MEMBER_EXIST")
        elif what != "remove" and taken:
            found.append("PEER_URL_EXIST")
        elif what == "add" and more and list(votes.values()).count(False) >= learners:
            found.append("TOO_MANY_LEARNERS")
        else:
            found.append("done")
            if what == "remove":
                del urls[id], votes[id]
                removed.add(id)
            else:
                urls[id] = url
                if what == "add":
                    votes[id] = not more
    return found


@given(CHANGES, st.integers(0, 3))
def test_the_second_door(changes: list[tuple[str, int, int | None]], learners: int) -> None:
    members = membership(learners=learners)
    assert play(members, changes) == expected(changes, learners)
    assert [each.id for each in members.all] == sorted(each.id for each in members.all)
    assert OWN in members.all


@given(CHANGES, CHANGES)
def test_what_is_taken_back_was_never_there(
    before: list[tuple[str, int, int | None]], after: list[tuple[str, int, int | None]]
) -> None:
    journal = Journal()
    members = membership(learners=3, journal=journal)
    play(members, before)
    kept = members.all, members.removed
    taken = journal.snapshot()
    play(members, after)
    journal.restore(taken)
    assert (members.all, members.removed) == kept
