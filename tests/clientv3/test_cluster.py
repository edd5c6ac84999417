"""The members through both faces: whole answers."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fake_etcd.clientv3 import rpctypes
from fake_etcd.clientv3.core.cluster import checked_urls
from fake_etcd.clientv3.responses import (
    Member,
    MemberAddResponse,
    MemberListResponse,
    MemberRemoveResponse,
    MemberUpdateResponse,
    ResponseHeader,
)
from fake_etcd.core.go_url import new_urls
from fake_etcd.testing import FakeEtcd

NEW = "http://127.0.0.1:1"
"""Where nobody listens: a member that is let in and never starts."""

_ports = itertools.count(1)


def header(cli: Any) -> ResponseHeader:
    """The header of answers about members: they have no revision."""
    found: ResponseHeader = cli.get("nothing").header
    return replace(found, revision=0)


@pytest.mark.parametrize("serializable", [False, True])
def test_the_members_are_listed(cli: Any, serializable: bool) -> None:
    listed = cli.member_list(serializable=serializable)
    own = listed.header.member_id
    (member,) = (each for each in listed.members if each.id == own)
    assert listed == MemberListResponse(header(cli), listed.members)
    assert member == Member(own, member.name, member.peer_urls, member.client_urls)
    assert member.name
    assert member.peer_urls
    assert member.client_urls


@pytest.mark.parametrize("serializable", [False, True])
def test_the_cluster_is_asked_or_one_of_it(
    cli: Any, fake_etcd: FakeEtcd, serializable: bool
) -> None:
    cli.member_list(serializable=serializable)
    (call,) = fake_etcd.history.calls("MemberList")
    assert call.request.linearizable is not serializable


def test_a_learner_is_added_found_elsewhere_and_removed(cli: Any) -> None:
    before = cli.member_list().members
    url = f"http://127.0.0.1:{next(_ports)}"  # etcd takes none back that was removed just now
    added = cli.member_add_as_learner([url])
    learner = Member(added.member.id, peer_urls=(url,), is_learner=True)
    now = header(cli)
    assert added == MemberAddResponse(now, learner, added.members)
    assert set(added.members) == {*before, learner}
    with pytest.raises(rpctypes.ErrTooManyLearners):
        cli.member_add_as_learner(["http://127.0.0.1:1000"])
    with pytest.raises(rpctypes.ErrMemberLearnerNotReady):
        cli.member_promote(learner.id)
    urls = (f"{url}0", "unix://localhost:4")
    updated = cli.member_update(learner.id, urls)
    moved = replace(learner, peer_urls=urls)
    assert updated == MemberUpdateResponse(now, updated.members)
    assert set(updated.members) == {*before, moved}
    removed = cli.member_remove(learner.id)
    assert removed == MemberRemoveResponse(now, removed.members)
    assert set(removed.members) == set(before)
    assert set(cli.member_list().members) == set(before)


def test_a_member_that_is_not_there(cli: Any) -> None:
    calls: tuple[Callable[[], Any], ...] = (
        lambda: cli.member_remove(1),
        lambda: cli.member_promote(1),
        lambda: cli.member_update(1, [NEW]),
    )
    for call in calls:
        with pytest.raises(rpctypes.ErrMemberNotFound):
            call()
    own = cli.member_list()
    with pytest.raises(rpctypes.ErrMemberNotLearner):
        cli.member_promote(own.header.member_id)


def test_a_voting_member_is_added(cli: Any, fake_etcd: FakeEtcd) -> None:
    fake_etcd.history.clear()  # the emulator's: a real etcd of one would wait for the other
    before = cli.member_list().members
    added = cli.member_add([NEW])
    member = Member(added.member.id, peer_urls=(NEW,))
    assert added == MemberAddResponse(header(cli), member, added.members)
    assert set(added.members) == {*before, member}


@pytest.mark.parametrize(
    ("urls", "error", "text"),
    [
        ([], ValueError, "no valid URLs given"),
        (NEW, TypeError, 'peer_urls is a list of them: ["http://10.0.0.1:2380"]'),
        (
            ["localhost:2380"],
            ValueError,
            "URL scheme must be http, https, unix, or unixs: localhost:2380",
        ),
        (
            ["10.0.0.1:2380"],
            ValueError,
            'parse "10.0.0.1:2380": first path segment in URL cannot contain colon',
        ),
        (
            [NEW, "http://a"],
            ValueError,
            'URL address does not have the form "host:port": http://a',
        ),
        ([f"{NEW}/"], ValueError, f"URL must not contain a path: {NEW}/"),
        (
            ["http://a:b"],
            ValueError,
            'parse "http://a:b": invalid port ":b" after host',
        ),
    ],
)
def test_a_url_that_is_none_is_not_sent(
    cli: Any, urls: Any, error: type[Exception], text: str
) -> None:
    calls: tuple[Callable[[], Any], ...] = (
        lambda: cli.member_add(urls),
        lambda: cli.member_add_as_learner(urls),
        lambda: cli.member_update(1, urls),
    )
    for call in calls:
        with pytest.raises(error) as raised:
            call()
        assert str(raised.value) == text


def test_a_url_that_only_the_server_finds_bad(cli: Any) -> None:
    with pytest.raises(rpctypes.ErrMemberBadURLs):
        cli.member_add(["http://a%zz:1"])


LEFT_TO_THE_SERVER = (
    "missing protocol scheme",
    "invalid URL escape",
    "missing ']'",
    "invalid host",
    "invalid character",
)


def complaint(check: Callable[[list[str]], object], url: str) -> str:
    """What somebody says of a URL."""
    try:
        check([url])
    except ValueError as error:
        return str(error)
    return ""


@given(
    st.lists(
        st.sampled_from(
            ["http", "https", "unix", ":", "//", "/", "a", "12", "[::1]", "[", "]", "@", "?", "#"]
        ),
        max_size=8,
    ).map("".join)
)
@example("http://a:1")
@example("http://a:1:2")
@example("HTTPS://[::1]:2380")
def test_urls_are_refused_as_etcd_does(url: str) -> None:
    """The emulator's own URLs are held to Go's by tests of theirs."""
    ours, etcds = complaint(checked_urls, url), complaint(new_urls, url)
    if any(text in etcds for text in LEFT_TO_THE_SERVER):
        return
    assert ours == etcds
