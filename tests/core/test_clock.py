"""A clock that its owner moves."""

from __future__ import annotations

import doctest

import pytest

from fake_etcd.core import clock as module
from fake_etcd.core.clock import VirtualClock


class Chores:
    """Has something to do at given times, and writes down when it did it."""

    def __init__(self, clock: VirtualClock, *times: float) -> None:
        self.clock = clock
        self.times = sorted(times)
        self.done: list[tuple[float, float]] = []
        clock.attach(self)

    def next_due(self, now: float) -> float | None:
        return self.times[0] if self.times else None

    def run_due(self, now: float) -> None:
        self.done.append((self.times.pop(0), now))
        assert self.clock.now() == now


def test_the_examples_run() -> None:
    assert doctest.testmod(module).failed == 0


def test_it_stands_still() -> None:
    assert [VirtualClock().now(), VirtualClock(7.5).now()] == [0.0, 7.5]


def test_the_worked_example() -> None:
    clock = VirtualClock()
    chores = Chores(clock, *(number / 2 for number in range(1, 12)))
    clock.advance(4.9)
    assert [time for time, _ in chores.done] == [0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5]
    assert clock.now() == 4.9
    clock.advance(0.1)
    assert (chores.done[-1], clock.now()) == ((5.0, 5.0), 5.0)
    assert clock.jump()
    assert (chores.done[-1], clock.now()) == ((5.5, 5.5), 5.5)


def test_what_is_due_is_run_at_its_own_time() -> None:
    clock = VirtualClock(10.0)
    chores = Chores(clock, 11.0, 12.5)
    clock.set(20.0)
    assert chores.done == [(11.0, 11.0), (12.5, 12.5)]
    assert clock.now() == 20.0


def test_what_is_overdue_is_run_now() -> None:
    clock = VirtualClock(10.0)
    chores = Chores(clock, 3.0, 4.0)
    assert clock.next_due == 10.0
    clock.advance(0)
    assert chores.done == [(3.0, 10.0), (4.0, 10.0)]


def test_what_comes_up_on_the_way_is_run_too() -> None:
    clock = VirtualClock()
    first, second = Chores(clock, 1.0), Chores(clock)
    first.run_due = lambda now: second.times.append(first.times.pop() + 1.0)  # type: ignore[method-assign]  # it sets the other to work
    clock.advance(5.0)
    assert second.done == [(2.0, 2.0)]


def test_at_one_time_the_first_attached_is_first() -> None:
    clock = VirtualClock()
    order: list[str] = []
    for name in ("a", "b"):
        chores = Chores(clock, 1.0)

        def run_due(now: float, chores: Chores = chores, name: str = name) -> None:
            chores.times.clear()
            order.append(name)

        chores.run_due = run_due  # type: ignore[method-assign]  # it tells its name
    clock.advance(1.0)
    assert order == ["a", "b"]


def test_what_is_detached_is_left_alone() -> None:
    clock = VirtualClock()
    chores = Chores(clock, 1.0)
    clock.detach(chores)
    assert clock.next_due is None
    clock.advance(2.0)
    assert chores.done == []


def test_a_jump_goes_to_what_is_due_next_or_nowhere() -> None:
    clock = VirtualClock()
    chores = Chores(clock, 3.0, 7.0)
    jumps = [(clock.jump(), clock.now()) for _ in range(3)]
    assert jumps == [(True, 3.0), (True, 7.0), (False, 7.0)]
    assert chores.done == [(3.0, 3.0), (7.0, 7.0)]


def test_an_automatic_clock_jumps_when_nothing_else_can_happen() -> None:
    clock = VirtualClock(automatic=True)
    chores = Chores(clock, 3.0, 7.0)
    idles = [(clock.idle(), clock.now()) for _ in range(3)]
    assert idles == [(True, 3.0), (True, 7.0), (False, 7.0)]
    assert chores.done == [(3.0, 3.0), (7.0, 7.0)]


def test_a_clock_is_automatic_only_as_long_as_its_owner_wants() -> None:
    clock = VirtualClock()
    chores = Chores(clock, 3.0, 7.0)
    assert (clock.automatic, clock.idle(), clock.now()) == (False, False, 0.0)
    clock.automatic = True
    assert clock.idle()
    clock.automatic = False
    assert not clock.idle()
    assert chores.done == [(3.0, 3.0)]


def test_who_waits_while_time_moves_moves_it_no_further() -> None:
    clock = VirtualClock(automatic=True)
    chores = Chores(clock, 1.0, 2.0)
    idles: list[bool] = []
    work = chores.run_due

    def run_due(now: float) -> None:
        work(now)
        idles.append(clock.idle())

    chores.run_due = run_due  # type: ignore[method-assign]  # somebody waits in the midst of it
    clock.advance(1.5)
    assert (idles, clock.now()) == ([False], 1.5)


def test_small_steps_add_up() -> None:
    """As binary fractions ten tenths are less than one."""
    clock = VirtualClock()
    chores = Chores(clock, 1.0)
    for _ in range(10):
        clock.advance(0.1)
    assert clock.now() == 1.0
    assert chores.done == [(1.0, 1.0)]


def test_a_step_of_less_than_a_nanosecond_is_none() -> None:
    clock = VirtualClock(1 / 3)
    clock.advance(1e-12)
    assert clock.now() == 1 / 3


def test_time_does_not_go_back() -> None:
    clock = VirtualClock(5.0)
    with pytest.raises(ValueError, match=r"^time does not go back: advance\(-0\.5\)$"):
        clock.advance(-0.5)
    with pytest.raises(ValueError, match=r"^time does not go back: it is 5\.0, and not 4\.0 again"):
        clock.set(4.0)
    clock.set(5.0)
    assert clock.now() == 5.0


def test_what_is_due_does_not_move_the_clock() -> None:
    clock = VirtualClock()
    chores = Chores(clock, 1.0)
    chores.run_due = lambda now: clock.advance(1.0)  # type: ignore[method-assign]  # which is wrong
    with pytest.raises(AssertionError, match="what is due does not move the clock"):
        clock.advance(2.0)
    chores.times.clear()
    clock.advance(1.0)
    assert clock.now() == 2.0, "and is not spoilt by one that tried"


def test_a_host_waits_for_what_is_due_at_once_and_for_nothing_else() -> None:
    clock = VirtualClock(5.0)
    assert [clock.seconds_until(time) for time in (4.0, 5.0, 5.1)] == [0.0, 0.0, None]


def test_a_host_is_told_of_each_move() -> None:
    clock = VirtualClock()
    chores = Chores(clock, 1.0)
    told: list[tuple[float, int]] = []
    clock.on_move = lambda: told.append((clock.now(), len(chores.done)))
    clock.advance(2.0)
    clock.set(3.0)
    clock.jump()
    assert told == [(2.0, 1), (3.0, 1)]
