"""Elections: who leads, what he says, and who comes after him.

Go: tests/integration/clientv3/concurrency/election_test.go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from fake_etcd.api import messages as m
from fake_etcd.clientv3 import Config, aio, context
from fake_etcd.clientv3.aio.concurrency import Election, Session
from fake_etcd.clientv3.responses import GetResponse, KeyValue
from fake_etcd.testing import FakeEtcd
from tests.clientv3.concurrently import Beside, ask, queued, revoke, until
from tests.clientv3.faces import Face


@pytest.fixture
def new_election(
    face: Face, concurrency: ModuleType, new_session: Callable[[], Any]
) -> Callable[..., Any]:
    """Makes one, of a session of its own where none is given."""

    def make(session: Any = None, prefix: str | bytes = "/boss") -> Any:
        return face.make(concurrency.Election, session or new_session(), prefix)

    return make


def candidates(cli: Any, prefix: str = "/boss/") -> list[bytes]:
    """What they say, the one who leads first."""
    found: GetResponse = cli.get(prefix, prefix=True)
    return [kv.value for kv in sorted(found.kvs, key=lambda kv: kv.create_revision)]


def test_the_first_leads_until_he_resigns(
    cli: Any, new_session: Callable[[], Any], new_election: Callable[..., Any]
) -> None:
    session = new_session()
    first, second = new_election(session), new_election()
    assert (first.key, first.rev, first.header) == (b"", 0, None)
    first.campaign("one")
    made = first.header.revision
    assert (first.key, first.rev) == (b"/boss/%x" % session.lease, made)
    leads = KeyValue(first.key, b"one", made, made, 1, session.lease)
    assert second.leader() == GetResponse(first.header, (leads,), count=1)
    with queued(cli, "/boss/", second.campaign, value=b"two") as waits:
        assert (candidates(cli), waits.is_alive()) == ([b"one", b"two"], True)
        first.resign()
        waits.outcome()
    assert (first.key, first.rev) == (b"", 0)
    assert first.header.revision == second.rev + 1
    assert first.leader().kvs == cli.get(second.key).kvs
    assert candidates(cli) == [b"two"]
    first.resign()  # for the second time
    assert candidates(cli) == [b"two"]


def test_nobody_leads(new_election: Callable[..., Any], concurrency: ModuleType) -> None:
    election = new_election()
    with pytest.raises(concurrency.ErrElectionNoLeader, match=r"^election: no leader$"):
        election.leader()
    with pytest.raises(concurrency.ErrElectionNotLeader, match=r"^election: not leader$"):
        election.proclaim("me")
    election.resign()
    assert (election.key, election.header) == (b"", None)


def test_the_leader_says_something_else(cli: Any, new_election: Callable[..., Any]) -> None:
    election = new_election()
    election.campaign("one")
    made = election.rev
    election.proclaim("two")
    assert election.header.revision == made + 1
    (leads,) = election.leader().kvs
    assert (leads.value, leads.create_revision, leads.version) == (b"two", made, 2)
    assert election.rev == made


def test_who_stands_already_says_it_anew(cli: Any, new_election: Callable[..., Any]) -> None:
    election = new_election()
    election.campaign("one")
    made = election.rev
    election.campaign("one")
    assert cli.get(election.key).kvs[0].version == 1
    election.campaign("two")
    assert (candidates(cli), election.rev) == ([b"two"], made)


def test_who_waits_in_the_queue_may_say_something_else(
    cli: Any, new_session: Callable[[], Any], new_election: Callable[..., Any]
) -> None:
    """A session that campaigns again stays where it is in the queue."""
    session = new_session()
    first, second, same = new_election(), new_election(session), new_election(session)
    first.campaign("one")
    with queued(cli, "/boss/", second.campaign, value="two") as waits:
        also_waits = Beside(same.campaign, "2")
        until(lambda: candidates(cli) == [b"one", b"2"])
        first.resign()
        waits.outcome()
        also_waits.outcome()
    assert (second.key, second.rev) == (same.key, same.rev)
    assert second.leader().kvs[0].value == b"2"


def test_a_candidate_who_gives_up_stands_no_longer(
    cli: Any, new_election: Callable[..., Any]
) -> None:
    first, second = new_election(), new_election()
    first.campaign("one")
    ctx, cancel = context.with_cancel(context.background())
    with queued(cli, "/boss/", second.campaign, value="two", ctx=ctx) as waits:
        cancel()
        with pytest.raises(context.Canceled):
            waits.outcome()
    assert (candidates(cli), second.key, second.rev) == ([b"one"], b"", 0)


def test_a_deadline_ends_the_campaign(cli: Any, new_election: Callable[..., Any]) -> None:
    first, second = new_election(), new_election()
    first.campaign("one")
    with pytest.raises(context.DeadlineExceeded):
        second.campaign("two", timeout=0.05)
    assert (candidates(cli), second.key, second.rev) == ([b"one"], b"", 0)


def test_a_lease_that_ends_elects_the_next(
    cli: Any,
    fake_etcd: FakeEtcd,
    new_session: Callable[[], Any],
    new_election: Callable[..., Any],
    concurrency: ModuleType,
) -> None:
    session = new_session()
    first, second = new_election(session), new_election()
    first.campaign("one")
    with queued(cli, "/boss/", second.campaign, value="two") as waits:
        revoke(fake_etcd, session.lease)
        waits.outcome()
    for _ in range(2):  # in Go the second answer is that no key was given
        with pytest.raises(concurrency.ErrElectionNotLeader):
            first.proclaim("still me")
    first.resign()
    assert candidates(cli) == [b"two"]


def test_a_leader_goes_on_after_a_restart(
    cli: Any,
    face: Face,
    new_session: Callable[[], Any],
    new_election: Callable[..., Any],
    concurrency: ModuleType,
) -> None:
    session = new_session()
    before = new_election(session)
    before.campaign("one")
    after = face.make(concurrency.Election.resume, session, "/boss", before.key, before.rev)
    assert (after.key, after.rev, after.header) == (before.key, before.rev, None)
    after.proclaim("two")
    assert after.leader().kvs == cli.get(before.key).kvs
    after.resign()
    assert candidates(cli) == []
    with pytest.raises(concurrency.ErrElectionNotLeader):
        before.proclaim("three")


def test_observing_begins_with_who_leads(cli: Any, new_election: Callable[..., Any]) -> None:
    first, second = new_election(), new_election()
    first.campaign("one")
    observed = iter(second.observe())
    told = next(observed)
    assert told == GetResponse(told.header, cli.get(first.key).kvs)
    assert told.header.revision == first.rev
    first.proclaim("two")
    told = next(observed)
    assert told == GetResponse(told.header, cli.get(first.key).kvs)
    with queued(cli, "/boss/", second.campaign, value="three") as waits:
        first.resign()
        waits.outcome()
        assert [kv.value for kv in next(observed).kvs] == [b"three"]
    second.resign()
    first.campaign("four")
    assert [kv.value for kv in next(observed).kvs] == [b"four"]


def test_observing_waits_for_somebody_to_lead(cli: Any, new_election: Callable[..., Any]) -> None:
    election = new_election()
    election.campaign("nobody any more")
    election.resign()
    observed = iter(election.observe())
    waits = Beside(next, observed)
    election.campaign("one")
    told = waits.outcome()
    assert told == GetResponse(told.header, cli.get(election.key).kvs)
    assert told.header.revision == election.rev


def test_observing_ends_with_its_context(new_election: Callable[..., Any]) -> None:
    election = new_election()
    ctx, cancel = context.with_timeout(context.background(), 0.05)
    assert list(election.observe(ctx=ctx)) == []
    cancel()
    assert list(election.observe(ctx=ctx)) == []
    election.campaign("one")
    ctx, cancel = context.with_cancel(context.background())
    observed = iter(election.observe(ctx=ctx))
    assert next(observed).kvs[0].value == b"one"
    cancel()
    assert list(observed) == []


def test_observing_ends_with_its_client(
    face: Face, concurrency: ModuleType, new_client: Callable[..., Any]
) -> None:
    cli = new_client()
    with face.make(concurrency.Session, cli, ttl=60) as session:
        election = face.make(concurrency.Election, session, "/boss")
        election.campaign("one")
        observed = iter(election.observe())
        assert next(observed).kvs[0].value == b"one"
    waits = Beside(list, observed)
    cli.close()
    assert waits.outcome() == []
    assert list(election.observe()) == []


def test_observing_ends_when_it_is_closed(face: Face, new_election: Callable[..., Any]) -> None:
    election = new_election()
    election.campaign("one")
    observed = election.observe()
    assert next(observed).kvs[0].value == b"one"
    (observed.aclose if face.is_asyncio else observed.close)()
    assert list(observed) == []


def test_the_servers_own_elections_are_the_same(
    cli: Any,
    fake_etcd: FakeEtcd,
    new_session: Callable[[], Any],
    new_election: Callable[..., Any],
    concurrency: ModuleType,
) -> None:
    ours, lease = new_election(), new_session().lease
    ours.campaign("ours")
    service = "v3electionpb.Election"
    stand = m.CampaignRequest(name=b"/boss", lease=lease, value=b"theirs")
    campaign = {"etcd": fake_etcd, "name": f"{service}/Campaign", "request": stand}
    with queued(cli, "/boss/", ask, **campaign) as waits:
        asked = ask(fake_etcd, f"{service}/Leader", m.LeaderRequest(name=b"/boss"))
        assert (asked.kv.key, asked.kv.value) == (ours.key, b"ours")
        ours.resign()
        leader = waits.outcome().leader
    (kv,) = ours.leader().kvs
    assert (kv.key, kv.value, kv.create_revision) == (leader.key, b"theirs", leader.rev)
    with queued(cli, "/boss/", ours.campaign, value="ours") as waits:
        ask(fake_etcd, f"{service}/Resign", m.ResignRequest(leader=leader))
        waits.outcome()
    assert candidates(cli) == [b"ours"]


def test_a_task_that_is_canceled_stands_no_longer(fake_etcd: FakeEtcd) -> None:
    async def main() -> None:
        config = Config(endpoints=fake_etcd.endpoints)
        async with aio.Client(config) as cli, Session(cli) as leading, Session(cli) as other:
            leader = Election(leading, "/boss")
            await leader.campaign("one")
            waits = asyncio.create_task(Election(other, "/boss").campaign("two"))
            while (await cli.get("/boss/", prefix=True)).count < 2:
                await asyncio.sleep(0)
            waits.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waits
            left = [kv.key for kv in (await cli.get("/boss/", prefix=True)).kvs]
            assert left == [leader.key]

    asyncio.run(main())


def test_what_it_asks_of_the_server(
    fake_etcd: FakeEtcd, new_session: Callable[[], Any], new_election: Callable[..., Any]
) -> None:
    session = new_session()
    election = new_election(session)
    fake_etcd.history.clear()
    election.campaign("one")
    rev = election.rev
    election.proclaim("two")
    election.resign()
    key = b"/boss/%x" % session.lease

    def put(value: bytes) -> m.RequestOp:
        return m.RequestOp(request_put=m.PutRequest(key=key, value=value, lease=session.lease))

    is_leader = m.Compare(key=key, target=m.Compare.CREATE, create_revision=rev)
    asked = [call.request for call in fake_etcd.history.calls() if "etcdserverpb.KV" in call.path]
    assert asked == [
        m.TxnRequest(
            compare=[m.Compare(key=key, target=m.Compare.CREATE, create_revision=0)],
            success=[put(b"one")],
            failure=[m.RequestOp(request_range=m.RangeRequest(key=key))],
        ),
        m.RangeRequest(
            key=b"/boss/",
            range_end=b"/boss0",
            limit=1,
            sort_order=m.RangeRequest.DESCEND,
            sort_target=m.RangeRequest.CREATE,
            max_create_revision=rev - 1,
        ),
        m.TxnRequest(compare=[is_leader], success=[put(b"two")]),
        m.TxnRequest(
            compare=[is_leader],
            success=[m.RequestOp(request_delete_range=m.DeleteRangeRequest(key=key))],
        ),
    ]
