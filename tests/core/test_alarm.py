"""Alarms: what each forbids, whoever's it is, and undo."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_etcd.api import errors
from fake_etcd.core.alarm import CORRUPT, NONE, NOSPACE, Alarm, Alarms
from fake_etcd.core.journal import Journal

ALL = [Alarm(kind, member) for kind, member in product((NOSPACE, CORRUPT, 7), (0, 5))]

CHANGES = st.lists(st.tuples(st.booleans(), st.sampled_from(ALL)), max_size=12)


def change(alarms: Alarms, changes: list[tuple[bool, Alarm]]) -> None:
    for is_on, alarm in changes:
        if is_on:
            alarms.activate(alarm)
        else:
            alarms.deactivate(alarm)


def refusal(check: Callable[[], None]) -> str | None:
    try:
        check()
    except errors.EtcdError as error:
        return type(error).__name__
    return None


def refused(alarms: Alarms) -> tuple[str | None, str | None]:
    """Why nothing may be added, and why nothing changed."""
    return refusal(alarms.check_growth), refusal(alarms.check_change)


@given(CHANGES)
def test_any_alarm_of_a_kind_forbids_what_that_kind_does(changes: list[tuple[bool, Alarm]]) -> None:
    alarms = Alarms(Journal())
    raised: set[Alarm] = set()
    for is_on, alarm in changes:
        change(alarms, [(is_on, alarm)])
        (raised.add if is_on else raised.discard)(alarm)
        assert alarms.listed() == sorted(raised)
        for kind in (NOSPACE, CORRUPT, 7, 8):
            assert alarms.listed(kind) == sorted(each for each in raised if each.kind == kind)
        kinds = {each.kind for each in raised}
        grave = "CORRUPT" if CORRUPT in kinds else None
        assert refused(alarms) == (grave or ("NO_SPACE" if NOSPACE in kinds else None), grave)


@given(CHANGES, CHANGES)
def test_what_is_taken_back_forbids_nothing_any_more(
    before: list[tuple[bool, Alarm]], after: list[tuple[bool, Alarm]]
) -> None:
    journal = Journal()
    alarms = Alarms(journal)
    change(alarms, before)
    expected = alarms.listed(), refused(alarms)
    taken = journal.snapshot()
    change(alarms, after)
    journal.restore(taken)
    assert (alarms.listed(), refused(alarms)) == expected


def test_it_is_said_whether_anything_was_done() -> None:
    alarms = Alarms(Journal())
    assert not alarms.activate(Alarm(NONE, 5))
    assert not alarms.deactivate(ALL[0])
    assert alarms.activate(ALL[0])
    assert alarms.activate(ALL[0]), "who raises what is raised is told so, too"
    assert alarms.deactivate(ALL[0])
    assert not alarms.deactivate(ALL[0])


@pytest.mark.parametrize("times", [1, 2])
def test_nothing_is_recorded_for_what_changes_nothing(times: int) -> None:
    journal = Journal()
    alarms = Alarms(journal)
    taken = journal.snapshot()
    for _ in range(times):
        alarms.activate(ALL[0])
    assert journal.restore(taken) == 1
