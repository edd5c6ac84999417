"""Appointments: made in order of their times, once, and not where they were cancelled."""

from __future__ import annotations

import doctest
from functools import partial

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fake_etcd.core import schedule
from fake_etcd.core.schedule import Appointment, Schedule

from .counting import bytecodes

times = st.sampled_from([0.0, 0.5, 1.0, 1.5, 2.0, 7.25])


def test_examples_in_the_docstrings_are_true() -> None:
    assert doctest.testmod(schedule).failed == 0


class ScheduleMachine(RuleBasedStateMachine):
    """Against a list of what is to be made, searched whole each time."""

    def __init__(self) -> None:
        super().__init__()
        self.schedule = Schedule()
        self.schedule.on_sooner = self.note_sooner
        self.sooner = 0
        self.waiting: list[tuple[float, int, Appointment]] = []
        self.over: list[Appointment] = []
        self.made: list[int] = []
        self.count = 0

    def note_sooner(self) -> None:
        self.sooner += 1

    def due(self) -> float | None:
        return min((time for time, _, _ in self.waiting), default=None)

    @rule(time=times)
    def ask(self, time: float) -> None:
        due, before = self.due(), self.sooner
        number = self.count = self.count + 1
        appointment = self.schedule.at(time, lambda: self.made.append(number))
        self.waiting.append((time, number, appointment))
        assert self.sooner - before == (due is None or time < due)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        place = data.draw(st.integers(0, len(self.waiting) - 1))
        appointment = self.waiting.pop(place)[2]
        appointment.cancel()
        self.over.append(appointment)

    @precondition(lambda self: self.over)
    @rule(data=st.data())
    def cancel_what_is_over(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(self.over)).cancel()

    @rule(now=times)
    def run(self, now: float) -> None:
        due = sorted(entry for entry in self.waiting if entry[0] <= now)
        self.waiting = [entry for entry in self.waiting if entry[0] > now]
        self.over += [appointment for _, _, appointment in due]
        self.made.clear()
        self.schedule.run_due(now)
        assert self.made == [number for _, number, _ in due]

    @invariant()
    def it_knows_what_is_due_next(self) -> None:
        assert self.schedule.next_due == self.due()
        assert all(appointment.is_due for _, _, appointment in self.waiting)
        assert not any(appointment.is_due for appointment in self.over)


TestSchedule = ScheduleMachine.TestCase
TestSchedule.settings = settings(settings.default, max_examples=60, stateful_step_count=40)


def test_what_a_call_asks_for_is_made_in_the_same_run_if_its_time_has_come() -> None:
    made = []
    schedule = Schedule()

    def first() -> None:
        made.append("first")
        schedule.at(1.0, lambda: made.append("at once"))
        schedule.at(2.0, lambda: made.append("later"))

    schedule.at(1.0, first)
    schedule.at(1.5, lambda: made.append("second"))
    schedule.run_due(1.5)
    assert made == ["first", "at once", "second"]
    assert schedule.next_due == 2.0


def test_a_call_can_cancel_the_next_one() -> None:
    made = []
    schedule = Schedule()
    schedule.at(1.0, lambda: second.cancel())
    second = schedule.at(1.0, lambda: made.append("second"))
    schedule.run_due(1.0)
    assert made == []


def test_a_call_is_over_while_it_is_made() -> None:
    schedule = Schedule()
    seen = []
    one = schedule.at(1.0, lambda: seen.append((one.is_due, schedule.next_due)))
    schedule.run_due(1.0)
    assert seen == [(False, None)]


def test_the_newest_appointment_is_as_cheap_among_many() -> None:
    def ask_and_run(schedule: Schedule) -> None:
        schedule.at(0.5, lambda: None)
        schedule.run_due(0.5)

    counts = []
    for number in (100, 50_000):
        schedule = Schedule()
        for place in range(number):
            schedule.at(float(place + 1), lambda: None)
        counts.append(bytecodes(partial(ask_and_run, schedule)))
    assert 0 < counts[1] == counts[0]
