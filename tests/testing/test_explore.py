"""Functions whose calls go wrong one after the other, and what is found out about them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import grpc
import pytest

from fake_etcd.api import messages as m
from fake_etcd.testing import FakeEtcd, faults, on
from fake_etcd.testing.explore import Exploration
from tests.testing.stubs import stub


@pytest.fixture
def etcd() -> Iterator[FakeEtcd]:
    with FakeEtcd() as made:
        yield made


def retried(call: Callable[[], Any]) -> Any:
    """Once more where it is lost."""
    with suppress(grpc.RpcError):
        return call()
    return call()


def visit(etcd: FakeEtcd, is_right: bool = True) -> None:
    """Count a visit, under a key of its own; what is wrong takes a new one for each attempt."""
    put = stub(etcd.channel(), "KV/Put")
    keys = iter([b"visit/1"] * 2 if is_right else [b"visit/1", b"visit/2"])
    retried(lambda: put(m.PutRequest(key=next(keys))))


def visit_wrongly(etcd: FakeEtcd) -> None:
    visit(etcd, is_right=False)


def is_counted_once(etcd: FakeEtcd) -> bool:
    return [item[0] for item in etcd.store.items()] in ([b"visit/1"], [b"visit/2"])


def test_what_may_be_repeated_is_found_to_be_right(etcd: FakeEtcd) -> None:
    found = etcd.explore(visit, is_counted_once)
    found.assert_ok()
    assert str(found) == "none of 2 places breaks it, in 1 call"
    assert [(one.error, one.breach) for one in found.outcomes] == [(None, None)] * 2


def test_a_retry_that_counts_twice_is_found(etcd: FakeEtcd) -> None:
    found = etcd.explore(visit_wrongly, is_counted_once)
    assert [str(one.place) for one in found.broken] == [
        "call 1, Put(key='visit/1'): lose the answer, cut the connection"
    ]
    with pytest.raises(AssertionError, match=r"1 of 2 places breaks it, in 1 call:\n- call 1, Put"):
        found.assert_ok()


def test_it_finds_over_sockets_what_it_finds_without(etcd: FakeEtcd) -> None:
    def visit_outside(etcd: FakeEtcd) -> None:
        with grpc.insecure_channel(etcd.endpoint) as channel:
            put = stub(channel, "KV/Put")
            for key in (b"visit/1", b"visit/2", b"visit/3", b"visit/4"):
                call = put.future(m.PutRequest(key=key), wait_for_ready=True)
                if call.code() is grpc.StatusCode.OK:
                    return

    found = etcd.explore(visit_outside, lambda etcd: len(etcd.store.items()) == 1)
    assert [str(one.place) for one in found.broken] == [
        "call 1, Put(key='visit/1'): lose the answer, cut the connection"
    ]


def several(etcd: FakeEtcd) -> None:
    """Calls of all kinds; it gives up when one fails."""
    channel = etcd.channel()
    stub(channel, "KV/Put")(m.PutRequest(key=b"a", value=b"1"))
    create = m.WatchRequest(create_request=m.WatchCreateRequest(key=b"a", start_revision=1))
    answers = stub(channel, "Watch/Watch")(iter([create]))
    assert next(answers).created
    assert next(answers).events[0].kv.value == b"1"
    renew = m.LeaseKeepAliveRequest(ID=7)
    assert [one.ID for one in stub(channel, "Lease/LeaseKeepAlive")(iter([renew, renew]))] == [7, 7]
    assert len(list(stub(channel, "KV/RangeStream")(m.RangeRequest(key=b"a")))) == 1


CALLS = (
    "Put(key='a', value='1')",
    "Watch(create_request=(key='a', start_revision=1))",
    "LeaseKeepAlive(ID=7)",
    "LeaseKeepAlive(ID=7)",
    "RangeStream(key='a')",
)


def test_every_call_goes_wrong_before_it_took_effect_and_after(etcd: FakeEtcd) -> None:
    found = etcd.explore(several)
    assert found.calls == CALLS
    assert [(one.place.number, str(one.place.effect)) for one in found.outcomes] == [
        (number, str(effect))
        for number in range(1, 6)
        for effect in (faults.drop(), faults.lose_answer())
    ]
    assert all(isinstance(one.error, grpc.RpcError) for one in found.outcomes)
    assert not any(one.has_strayed for one in found.outcomes)
    found.assert_ok()


def test_other_effects_can_be_tried(etcd: FakeEtcd) -> None:
    found = etcd.explore(visit_wrongly, is_counted_once, effects=[faults.refuse("no leader")])
    found.assert_ok()
    assert len(found.outcomes) == 1


def test_what_the_function_may_end_with_is_for_its_caller_to_say(etcd: FakeEtcd) -> None:
    def once(etcd: FakeEtcd) -> None:
        try:
            stub(etcd.channel(), "KV/Put")(m.PutRequest(key=b"a"))
        except grpc.RpcError as error:
            raise LookupError("gave up") from error

    def breaches(**arguments: Any) -> list[str]:
        return [type(one.breach).__name__ for one in etcd.explore(once, **arguments).broken]

    assert breaches() == ["LookupError"] * 2
    assert breaches(allowed=(LookupError,)) == []
    assert breaches(allowed=(Exception,), broken=(LookupError,)) == ["LookupError"] * 2


def test_an_invariant_may_assert(etcd: FakeEtcd) -> None:
    def nothing_is_there(etcd: FakeEtcd) -> None:
        assert etcd.store.items() in ([], [(b"visit/1", b"")])

    found = etcd.explore(visit_wrongly, nothing_is_there)
    assert len(found.broken) == 2
    assert isinstance(found.broken[0].breach, AssertionError)


def test_each_run_begins_with_the_state_that_there_was(etcd: FakeEtcd) -> None:
    etcd.clock.freeze()
    etcd.store.put("before", "1")
    seen = []

    def change(etcd: FakeEtcd) -> None:
        seen.append((etcd.store.items(), etcd.store.revision, etcd.clock.now))
        etcd.store.put("before", "2")
        etcd.clock.advance(5)
        etcd.clock.real()
        visit(etcd)

    etcd.explore(change)
    etcd.explore(change)
    assert len(seen) == 6
    assert [*seen, _state(etcd)] == [seen[0]] * 7
    assert etcd.clock.is_frozen


def _state(etcd: FakeEtcd) -> object:
    return etcd.store.items(), etcd.store.revision, etcd.clock.now


def test_an_automatic_clock_is_one_in_each_run(etcd: FakeEtcd) -> None:
    etcd.clock.auto_advance()
    seen = []

    def stop(etcd: FakeEtcd) -> None:
        seen.append((etcd.clock.is_frozen, etcd.clock.is_automatic))
        etcd.clock.real()
        visit(etcd)

    etcd.explore(stop)
    assert seen == [(True, True)] * 3
    assert etcd.clock.is_automatic


def test_rules_of_the_test_act_in_each_run_alike(etcd: FakeEtcd) -> None:
    rule = etcd.faults.add(on.Put(), faults.refuse("no leader"), times=1)

    def visit_with_rules(etcd: FakeEtcd) -> None:
        assert list(etcd.faults) == [rule]
        etcd.faults.add(on.Range(), faults.refuse("no leader"))
        visit(etcd)
        visit(etcd)

    found = etcd.explore(visit_with_rules)
    assert (len(found.calls), found.broken) == (3, [])
    assert (list(etcd.faults), rule.acted) == ([rule], 0)


def test_what_a_rule_of_the_function_did_ends_with_its_run() -> None:
    with FakeEtcd(endpoints=2) as etcd:
        channel = etcd.channel()

        def deny(etcd: FakeEtcd) -> None:
            etcd.faults.add(on.connection(endpoint=0), faults.deny_connections())
            etcd.cut_connections()
            assert _state_of(channel) is grpc.ChannelConnectivity.TRANSIENT_FAILURE
            stub(etcd.channel(1), "KV/Put")(m.PutRequest(key=b"a"))

        etcd.explore(deny)
        assert _state_of(channel) is grpc.ChannelConnectivity.READY


def _state_of(channel: grpc.Channel) -> grpc.ChannelConnectivity:
    told: list[grpc.ChannelConnectivity] = []
    channel.subscribe(told.append)
    channel.unsubscribe(told.append)
    return told[0]


def test_rules_can_be_cleared_by_the_function(etcd: FakeEtcd) -> None:
    def clearing(etcd: FakeEtcd) -> None:
        etcd.faults.clear()
        visit_wrongly(etcd)

    assert len(etcd.explore(clearing, is_counted_once).broken) == 1


def many(etcd: FakeEtcd) -> None:
    put = stub(etcd.channel(), "KV/Put")
    for number in range(10):
        put(m.PutRequest(key=b"%d" % number))


@pytest.mark.parametrize("seed", [0, 1])
def test_a_budget_chooses_places_by_its_seed(etcd: FakeEtcd, seed: int) -> None:
    first, second = (etcd.explore(many, budget=5, seed=seed) for _ in range(2))
    other = etcd.explore(many, budget=5, seed=2)
    places = [one.place for one in first.outcomes]
    assert places == [one.place for one in second.outcomes] != [one.place for one in other.outcomes]
    assert places == sorted(places, key=lambda place: place.number)
    assert str(first) == (
        "none of 5 places breaks it, in 10 calls; 15 more were not tried: the budget was spent"
    )


def test_a_report_names_so_many_places_and_no_more(etcd: FakeEtcd) -> None:
    def twice(etcd: FakeEtcd) -> None:
        many(etcd)
        many(etcd)

    found = etcd.explore(twice, allowed=())
    lines = str(found).splitlines()
    assert lines[0] == "40 of 40 places break it, in 20 calls:"
    assert lines[-1] == "... and 20 more"


def test_calls_that_are_others_this_time_are_said_to_be(etcd: FakeEtcd) -> None:
    runs: list[None] = []

    def other_each_time(etcd: FakeEtcd) -> None:
        runs.append(None)
        put = stub(etcd.channel(), "KV/Put")
        put(m.PutRequest(key=b"%d" % len(runs)))

    assert [one.has_strayed for one in etcd.explore(other_each_time).outcomes] == [True, True]


def test_a_coroutine_function_is_explored_in_a_loop_of_its_own(etcd: FakeEtcd) -> None:
    async def visit_later(etcd: FakeEtcd) -> None:
        visit_wrongly(etcd)

    async def is_right(etcd: FakeEtcd) -> bool:
        return is_counted_once(etcd)

    assert len(etcd.explore(visit_later, is_right).broken) == 1


@pytest.mark.filterwarnings("error")
def test_a_coroutine_function_is_not_explored_where_a_loop_runs(etcd: FakeEtcd) -> None:
    async def visit_later(etcd: FakeEtcd) -> None:
        visit_wrongly(etcd)

    async def is_right(etcd: FakeEtcd) -> bool:
        return is_counted_once(etcd)

    async def explore() -> Exploration:
        for function, invariant in ((visit_later, is_counted_once), (visit_wrongly, is_right)):
            with pytest.raises(
                RuntimeError, match=r"^explore\(\): coroutines are run in a loop of"
            ):
                etcd.explore(function, invariant)
        return await asyncio.to_thread(etcd.explore, visit_later, is_right)

    assert len(asyncio.run(explore()).broken) == 1


def test_a_function_that_fails_by_itself_is_not_explored(etcd: FakeEtcd) -> None:
    def fail(etcd: FakeEtcd) -> None:
        raise LookupError("no")

    with pytest.raises(RuntimeError, match="without any fault, LookupError: no; see to that first"):
        etcd.explore(fail)
    with pytest.raises(RuntimeError, match="without any fault, the invariant is False"):
        etcd.explore(visit, lambda etcd: False)


def test_a_function_that_resets_is_not_explored(etcd: FakeEtcd) -> None:
    with pytest.raises(RuntimeError, match=r"called reset\(\)"):
        etcd.explore(lambda etcd: etcd.reset())


def test_a_budget_is_for_one_run_at_least(etcd: FakeEtcd) -> None:
    with pytest.raises(ValueError, match="budget=0"):
        etcd.explore(visit, budget=0)


@pytest.mark.parametrize(("progress", "is_drawn"), [(True, True), (False, False), (None, False)])
def test_a_bar_is_drawn_where_there_is_a_terminal(
    etcd: FakeEtcd, capsys: pytest.CaptureFixture[str], progress: bool | None, is_drawn: bool
) -> None:
    etcd.explore(visit_wrongly, is_counted_once, progress=progress)
    drawn = capsys.readouterr().err
    assert ("| 1/2, 0 broken" in drawn) is is_drawn
    assert drawn.endswith("\r\x1b[K") is is_drawn
