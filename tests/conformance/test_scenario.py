"""The register of scenarios."""

from __future__ import annotations

import pytest

from conformance import scenario as scenario_module
from conformance.scenario import Mark, Marked, Scenario, all_scenarios, scenario
from conformance.session import Session


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> dict[str, Scenario]:
    """An empty register in place of the real one."""
    empty: dict[str, Scenario] = {}
    monkeypatch.setattr(scenario_module, "_ALL", empty)
    return empty


def test_a_scenario_is_named_by_its_module_and_function(register: dict[str, Scenario]) -> None:
    @scenario
    def a_put_of_1_key(s: Session) -> None:
        raise AssertionError

    (one,) = register.values()
    assert one == Scenario("test_scenario", "a_put_of_1_key", a_put_of_1_key)
    assert one.id == "test_scenario/a_put_of_1_key"
    assert one.sentence == "A put of 1 key."
    assert (one.flags, one.needs_fresh_server, one.mark) == ((), False, None)


def test_a_scenario_may_say_what_it_needs_and_where_fake_etcd_differs(
    register: dict[str, Scenario],
) -> None:
    @scenario(flags=("--a=1",), needs_fresh_server=True, known_limit="not yet")
    def one(s: Session) -> None: ...

    @scenario(on_purpose="never")
    def other(s: Session) -> None: ...

    assert list(register.values()) == [
        Scenario(
            "test_scenario", "one", one, ("--a=1",), True, Mark(Marked.KNOWN_LIMIT, "not yet")
        ),
        Scenario("test_scenario", "other", other, mark=Mark(Marked.ON_PURPOSE, "never")),
    ]


def test_a_difference_stays_or_goes(register: dict[str, Scenario]) -> None:
    with pytest.raises(AssertionError, match="one: a difference stays or goes"):

        @scenario(known_limit="a", on_purpose="b")
        def one(s: Session) -> None: ...

    assert register == {}


def test_no_two_scenarios_have_one_id(register: dict[str, Scenario]) -> None:
    def one(s: Session) -> None: ...

    scenario(one)
    with pytest.raises(AssertionError, match="there are two scenarios test_scenario/one"):
        scenario(one)


def test_all_scenarios_are_by_area_and_in_the_order_of_the_files() -> None:
    found = all_scenarios()
    areas = [one.area for one in found]
    assert areas == sorted(areas)
    assert {"kv", "txn", "compact"} <= set(areas)
    places = [
        (one.run.__module__, one.run.__code__.co_firstlineno) for one in found if one.area == "kv"
    ]
    assert places == sorted(places)
    assert [one.id for one in all_scenarios()] == [one.id for one in found]


def test_every_sentence_is_one() -> None:
    assert [one.id for one in all_scenarios() if not one.sentence[:1].isupper()] == []
