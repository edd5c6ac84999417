"""Callbacks at a time of the clock, however that goes."""

from __future__ import annotations

import queue
import threading

import pytest

from fake_etcd.testing import FakeEtcd


def running() -> int:
    return sum(thread.name == "fake-etcd: clock" for thread in threading.enumerate())


def test_a_clock_that_stands_still_calls_when_it_arrives() -> None:
    with FakeEtcd() as etcd:
        clock = etcd.clock
        clock.freeze()
        clock.advance(1 - clock.now)
        began = clock.now
        called: list[tuple[float, float]] = []

        def call_in(seconds: float) -> None:
            clock.call_at(began + seconds, lambda: called.append((seconds, clock.now - began)))

        for seconds in (5, 2, 2, 9):
            call_in(seconds)
        forget = clock.call_at(began + 3, lambda: called.append((3, 0)))
        clock.advance(1.5)
        assert called == []
        assert clock.waiting == [began + each for each in (2, 2, 3, 5, 9)]
        forget()
        forget()
        clock.advance_to_next()
        assert called == [(2, 2), (2, 2)]
        clock.advance(10)
        assert called[2:] == [(5, 12), (9, 12)]
        call_in(0)
        assert called[4:] == [(0, 12)]
        assert (running(), clock.waiting) == (0, [])
        with pytest.raises(RuntimeError, match=r"^advance_to_next\(\): nothing is due"):
            clock.advance_to_next()


def test_it_goes_by_nanoseconds() -> None:
    with FakeEtcd() as etcd:
        clock = etcd.clock
        clock.freeze()
        for number in range(200):
            clock.advance(0.1 + number / 7)
            woken = threading.Event()
            clock.call_at(clock.now + 10.0, woken.set)
            clock.advance(9.999)
            assert not woken.is_set()
            clock.advance(0.001)
            assert woken.is_set()


def test_what_is_called_may_use_the_etcd_and_the_clock() -> None:
    with FakeEtcd() as etcd:
        clock = etcd.clock
        clock.freeze()
        ticks: list[float] = []

        def tick() -> None:
            etcd.store.put("ticks", str(len(ticks)))
            ticks.append(clock.now)
            clock.call_at(clock.now + 1, tick)

        began = clock.now
        clock.call_at(began + 1, tick)
        for _ in range(3):
            clock.advance_to_next()
        assert ticks == [pytest.approx(began + each) for each in (1, 2, 3)]
        assert etcd.store.get("ticks") == b"2"


def test_a_clock_that_runs_calls_by_itself() -> None:
    with FakeEtcd() as etcd:
        clock = etcd.clock
        called: queue.Queue[float] = queue.Queue()
        began = clock.now
        clock.call_at(began + 3600, lambda: called.put(3600))
        clock.call_at(began + 0.02, lambda: called.put(clock.now - began))
        assert called.get(timeout=10) >= 0.02
        assert running() == 1
        clock.freeze()
        clock.advance(3600)
        assert called.get(timeout=10) == 3600
        clock.call_at(clock.now + 0.02, lambda: called.put(1))
        clock.real()
        assert called.get(timeout=10) == 1


def test_an_automatic_clock_moves_on_for_who_is_to_be_called() -> None:
    with FakeEtcd() as etcd:
        clock = etcd.clock
        clock.auto_advance()
        began = clock.now
        called: queue.Queue[float] = queue.Queue()
        clock.call_at(began + 3600, lambda: called.put(clock.now - began))
        assert called.get(timeout=10) == pytest.approx(3600)


def test_where_the_clock_is_put_back_as_much_time_is_left_as_before() -> None:
    with FakeEtcd() as etcd:
        clock = etcd.clock
        clock.freeze()
        clock.advance(100)
        before = etcd.snapshot()
        clock.advance(50)
        called: list[float] = []
        clock.call_at(clock.now + 10, lambda: called.append(clock.now))
        clock.advance(4)
        etcd.restore(before)
        clock.advance_to_next()
        assert called == [before.time + 6]
        clock.call_at(clock.now + 10, lambda: called.append(clock.now))
        etcd.reset()
        clock.freeze()
        clock.advance_to_next()
        assert called[1:] == [pytest.approx(10)]


def test_a_closed_etcd_calls_nobody() -> None:
    called: list[str] = []
    with FakeEtcd() as etcd:
        etcd.clock.call_at(etcd.clock.now + 3600, lambda: called.append("late"))
        assert running() == 1
    assert running() == 0
    assert called == []
    with pytest.raises(RuntimeError, match=r"^this FakeEtcd is closed"):
        etcd.clock.call_at(0.0, lambda: called.append("later"))
