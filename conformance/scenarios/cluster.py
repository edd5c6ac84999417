"""Members. Where a server is found differs, so these need one with addresses of its own."""

from __future__ import annotations

from fake_etcd.api import messages as m

from ..scenario import scenario
from ..session import Session

_WHERE = ("--advertise-client-urls=http://a.example:1,http://b.example:2",)


@scenario(flags=_WHERE)
def a_member_list_with_and_without_agreement_is_the_same(s: Session) -> None:
    s.call("Cluster/MemberList", m.MemberListRequest())
    s.call("Cluster/MemberList", m.MemberListRequest(linearizable=True))


@scenario(flags=_WHERE)
def a_member_list_has_a_header_without_revision_whatever_was_written(s: Session) -> None:
    s.put(key=b"a", value=b"1")
    s.call("Cluster/MemberList", m.MemberListRequest())


@scenario(flags=_WHERE)
def a_member_list_takes_any_message_that_is_one(s: Session) -> None:
    s.call("Cluster/MemberList", b"\x08\x02\x12\x01x")
    s.call("Cluster/MemberList", b"\x08")


def add(s: Session, *urls: str, learner: bool = False) -> int:
    """Gives the new member's id, or 0."""
    request = m.MemberAddRequest(peerURLs=urls, isLearner=learner)
    answer = s.call("Cluster/MemberAdd", request)
    assert isinstance(answer, m.MemberAddResponse)
    return answer.member.ID


def remove(s: Session, id: int) -> None:
    s.call("Cluster/MemberRemove", m.MemberRemoveRequest(ID=id))


def update(s: Session, id: int, *urls: str) -> None:
    s.call("Cluster/MemberUpdate", m.MemberUpdateRequest(ID=id, peerURLs=urls))


def promote(s: Session, id: int) -> None:
    s.call("Cluster/MemberPromote", m.MemberPromoteRequest(ID=id))


def listed(s: Session) -> list[m.Member]:
    answer = s.call("Cluster/MemberList", m.MemberListRequest())
    assert isinstance(answer, m.MemberListResponse)
    return list(answer.members)


# Learners, who may come and go without anybody's vote


@scenario(flags=_WHERE)
def a_learner_is_added_and_shown_as_not_started(s: Session) -> None:
    s.put(key=b"a")
    add(s, "http://a.example:2380", learner=True)
    listed(s)
    s.put(key=b"a")


@scenario(flags=_WHERE)
def a_learner_that_is_removed_is_gone(s: Session) -> None:
    id = add(s, "http://a.example:2380", learner=True)
    remove(s, id)
    listed(s)
    remove(s, id)
    update(s, id, "http://b.example:2380")
    promote(s, id)


@scenario(flags=_WHERE)
def there_is_one_learner_at_a_time(s: Session) -> None:
    id = add(s, "http://a.example:2380", learner=True)
    add(s, "http://b.example:2380", learner=True)
    remove(s, id)
    add(s, "http://b.example:2380", learner=True)


@scenario(flags=(*_WHERE, "--max-learners=2"))
def a_flag_says_how_many_learners_there_may_be(s: Session) -> None:
    for letter in "abc":
        add(s, f"http://{letter}.example:2380", learner=True)


@scenario(flags=_WHERE)
def a_learner_that_has_not_started_is_not_promoted(s: Session) -> None:
    promote(s, add(s, "http://a.example:2380", learner=True))
    listed(s)


@scenario(flags=_WHERE)
def the_leader_is_not_moved_to_a_learner(s: Session) -> None:
    id = add(s, "http://a.example:2380", learner=True)
    s.call("Maintenance/MoveLeader", m.MoveLeaderRequest(targetID=id))


@scenario(flags=_WHERE)
def only_a_learner_can_be_promoted(s: Session) -> None:
    promote(s, listed(s)[0].ID)
    for id in (0, 5):
        promote(s, id)


# URLs


@scenario(flags=_WHERE)
def urls_of_a_new_member_must_be_such(s: Session) -> None:
    add(s, learner=True)
    for url in (
        "",
        "x",
        "a.example:2380",
        "http://a.example",
        "http://a.example:2380/",
        "http://a.example:2380/path",
        "ftp://a.example:2380",
        "http://a.example:port",
        "http://a b.example:2380",
        "http://[::1:2380",
        "http://a.example:2380\n",
        "http://%zz:1",
    ):
        add(s, url, learner=True)
    add(s, "http://a.example:2380", "x", learner=True)


@scenario(flags=(*_WHERE, "--max-learners=99"))
def urls_of_a_new_member_may_look_odd(s: Session) -> None:
    for url in (
        " http://blank.example:2380 ",
        "HTTP://large.example:2380",
        "https://a.example:2380",
        "unix://a",
        "unixs:///run/a.sock",
        "http://:2380",
        "http://portless.example:",
        "http://far.example:99999",
        "http://[::1]:2380",
        "http://query.example:2380?x=y",
    ):
        add(s, url, learner=True)


@scenario(flags=_WHERE)
def several_urls_of_a_new_member_are_sorted(s: Session) -> None:
    add(s, "http://c.example:2380", "http://a.example:2380", "http://b.example:2380", learner=True)


@scenario(flags=_WHERE)
def a_url_belongs_to_one_member(s: Session) -> None:
    add(s, "http://a.example:2380", learner=True)
    own = listed(s)
    for url in ("http://a.example:2380", "http://localhost:2380"):
        add(s, "http://b.example:2380", url, learner=True)
    # Ids have the time in them, so the order of members is any.
    for member in sorted(own, key=lambda each: each.name):
        update(s, member.ID, "http://a.example:2380")


# Updates


@scenario(flags=_WHERE)
def an_update_replaces_all_urls_by_any_texts_whatever(s: Session) -> None:
    id = listed(s)[0].ID
    update(s, id, "http://b.example:2380", "http://a.example:2380")
    update(s, id, "x y", "", "HTTP://c.example:1/")
    update(s, id)
    listed(s)
    update(s, id, "http://localhost:2380")


@scenario(flags=_WHERE)
def nobody_else_can_be_changed_or_removed(s: Session) -> None:
    for id in (0, 5, 2**64 - 1):
        update(s, id, "http://a.example:2380")
        update(s, id)
        remove(s, id)


@scenario(flags=_WHERE)
def an_update_of_a_learner_leaves_it_one(s: Session) -> None:
    update(s, add(s, "http://a.example:2380", learner=True), "http://b.example:2380")


# Voters, who change how many make a majority


@scenario(flags=_WHERE)
def the_only_member_is_not_removed(s: Session) -> None:
    remove(s, listed(s)[0].ID)
    s.put(key=b"a")


@scenario(flags=_WHERE)
def a_second_member_may_be_added_and_a_third_only_once_that_has_started(s: Session) -> None:
    add(s, "http://a.example:2380")
    listed(s)
    add(s, "http://b.example:2380")


@scenario(flags=_WHERE)
def no_learner_is_added_while_a_member_is_missing(s: Session) -> None:
    add(s, "http://a.example:2380")
    add(s, "http://b.example:2380", learner=True)


@scenario(
    flags=_WHERE,
    on_purpose="etcd waits for a second member that nobody starts and does nothing more; "
    "fake_etcd goes on",
)
def with_a_member_that_has_not_started_etcd_stands_still(s: Session) -> None:
    add(s, "http://a.example:2380")
    s.put(key=b"a")
