"""A function run again and again, each time with another of its calls going wrong.

`FakeEtcd.explore` is the door; here are the runs, and what they tell.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from google.protobuf.message import Message

from fake_etcd.services.call import Call
from fake_etcd.testing import readable
from fake_etcd.testing.faults.effects import Effect, drop, lose_answer

if TYPE_CHECKING:
    from fake_etcd.testing.fake import FakeEtcd

EFFECTS: Sequence[Effect] = (drop(), lose_answer())
"""A call goes wrong before it took effect, and after."""

Errors = tuple[type[BaseException], ...]

_MOST_TOLD = 20
"""Places that a report names."""

_MOST_SHOWN = 100
"""Characters of a request in it."""

_BAR = 30


@dataclass(frozen=True, slots=True)
class Place:
    """A call, and what goes wrong with it.

    Args:
        number: the call's, from 1.
        call: "Put(key='a')".
        effect: what goes wrong.
    """

    number: int
    call: str
    effect: Effect

    def __str__(self) -> str:
        return f"call {self.number}, {self.call}: {self.effect}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a run.

    Args:
        place: what went wrong.
        error: that the function ended with; None where it returned.
        breach: what is wrong with that; None where all is well.
        has_strayed: the calls before the place were others than in the run without faults, so
            that something else went wrong than it says.
    """

    place: Place
    error: BaseException | None
    breach: BaseException | None
    has_strayed: bool

    def __str__(self) -> str:
        told = f"- {self.place}"
        if self.has_strayed:
            told += " (before it, the calls were not what they were without faults)"
        if self.breach is not None:
            told += f"\n    {_described(self.breach)}"
        return told


@dataclass(frozen=True, slots=True)
class Exploration:
    """What came of all runs.

    Args:
        calls: those of the run without faults, in order.
        outcomes: one for each place that was tried.
        left_out: how many places there was no budget for.
    """

    calls: tuple[str, ...]
    outcomes: tuple[Outcome, ...]
    left_out: int

    @property
    def broken(self) -> list[Outcome]:
        """Those where something is wrong."""
        return [outcome for outcome in self.outcomes if outcome.breach is not None]

    def assert_ok(self) -> None:
        """Nothing is wrong anywhere.

        Raises:
            AssertionError: with all that is.
        """
        __tracebackhide__ = True  # pytest shows the line that called
        if self.broken:
            raise AssertionError(str(self)) from self.broken[0].breach

    def __str__(self) -> str:
        broken = self.broken
        calls = _count(len(self.calls), "call")
        tried = _count(len(self.outcomes), "place")
        told = f"{len(broken)} of {tried} break{'s' if len(broken) == 1 else ''} it, in {calls}"
        if not broken:
            told = f"none of {tried} breaks it, in {calls}"
        if self.left_out:
            told += f"; {self.left_out} more were not tried: the budget was spent"
        if not broken:
            return told
        lines = [f"{told}:", *map(str, broken[:_MOST_TOLD])]
        if len(broken) > _MOST_TOLD:
            lines.append(f"... and {len(broken) - _MOST_TOLD} more")
        return "\n".join(lines)


class Exploring:
    """The runs of one function; arguments as `FakeEtcd.explore` has them."""

    def __init__(
        self,
        etcd: FakeEtcd,
        function: Callable[[FakeEtcd], object],
        invariant: Callable[[FakeEtcd], object] | None,
        effects: Sequence[Effect],
        allowed: Errors,
        broken: Errors,
    ) -> None:
        self._etcd = etcd
        self._function = function
        self._invariant = invariant
        self._effects = effects
        self._allowed = allowed
        self._broken = broken

    def run(self, budget: int, seed: int, progress: bool | None) -> Exploration:
        """All of them."""
        if budget < 1:
            raise ValueError(f"budget={budget}: a run is the least")
        bar = _Bar(sys.stderr.isatty() if progress is None else progress)
        start = _Start(self._etcd)
        try:
            calls = self._run_once(start)
            places = [
                Place(number, call, effect)
                for number, call in enumerate(calls, 1)
                for effect in self._effects
            ]
            chosen = places
            if len(places) > budget:
                picked = sorted(random.Random(seed).sample(range(len(places)), budget))
                chosen = [places[number] for number in picked]
            outcomes: list[Outcome] = []
            for done, place in enumerate(chosen):
                bar.show(done, len(chosen), sum(one.breach is not None for one in outcomes))
                outcomes.append(self._run_with(start, place, calls))
            bar.clear()
            return Exploration(tuple(calls), tuple(outcomes), len(places) - len(chosen))
        finally:
            start.go_back()
            start.release()

    def _run_once(self, start: _Start) -> list[str]:
        """Run without faults; gives the calls."""
        calls, error = self._run(start, None)
        breach = error if error is not None else self._check()
        if breach is not None:
            raise RuntimeError(
                f"explore(): without any fault, {_described(breach)}; see to that first"
            ) from breach
        return calls

    def _run_with(self, start: _Start, place: Place, expected: Sequence[str]) -> Outcome:
        calls, error = self._run(start, place)
        has_strayed = calls[: place.number] != list(expected[: place.number])
        if error is not None and (
            isinstance(error, self._broken) or not isinstance(error, self._allowed)
        ):
            return Outcome(place, error, error, has_strayed)
        return Outcome(place, error, self._check(), has_strayed)

    def _run(self, start: _Start, place: Place | None) -> tuple[list[str], Exception | None]:
        calls: list[str] = []

        def probe(call: Call, request: Message) -> Effect | None:
            shown = readable.clipped(readable.fields(request), _MOST_SHOWN)
            calls.append(f"{call.method.name}({shown})")
            return place.effect if place is not None and place.number == len(calls) else None

        start.go_back()
        error: Exception | None = None
        with self._etcd.faults.probing(probe):
            try:
                _finished(self._function(self._etcd))
            except _InLoop:
                raise
            except Exception as raised:
                error = raised
        return calls, error

    def _check(self) -> Exception | None:
        """What is wrong now."""
        if self._invariant is None:
            return None
        try:
            if _finished(self._invariant(self._etcd)) is False:
                return AssertionError("the invariant is False")
        except _InLoop:
            raise
        except Exception as error:
            return error
        return None


class _Start:
    """What every run begins with: the state, the clock's way of going, and the rules."""

    def __init__(self, etcd: FakeEtcd) -> None:
        self._etcd = etcd
        self._snapshot = etcd.snapshot()
        self._is_frozen = etcd.clock.is_frozen
        self._is_automatic = etcd.clock.is_automatic
        self._rules = etcd.faults.state()

    def go_back(self) -> None:
        etcd = self._etcd
        etcd.clock.auto_advance(self._is_automatic)
        if self._is_frozen:
            etcd.clock.freeze()
        else:
            etcd.clock.real()
        try:
            etcd.restore(self._snapshot)
        except ValueError as error:
            raise RuntimeError(
                "explore(): the function, or its invariant, called reset(), or restored what was "
                "before it; it begins anew each time without that"
            ) from error
        etcd.faults.put_back(self._rules)
        etcd.history.clear()

    def release(self) -> None:
        self._etcd.release(self._snapshot)


class _Bar:
    """How far it is, on a terminal."""

    def __init__(self, is_on: bool) -> None:
        self._is_on = is_on

    def show(self, done: int, of: int, broken: int) -> None:
        if self._is_on:
            full = _BAR * done // of
            line = f"exploring |{'#' * full}{' ' * (_BAR - full)}| {done}/{of}, {broken} broken"
            print(f"\r{line}", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        if self._is_on:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _finished(result: Any) -> Any:
    """What a function gave; a coroutine is run."""
    if not isawaitable(result):
        return result
    if _is_in_loop():
        if isinstance(result, Coroutine):
            result.close()  # or Python warns that nobody awaited it
        raise _InLoop(
            "explore(): coroutines are run in a loop of their own, and one runs here already: call "
            "it where none does, or by await asyncio.to_thread(fake_etcd.explore, ...)"
        )
    return asyncio.run(_awaited(result))


def _is_in_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class _InLoop(RuntimeError):
    """A mistake of who called, and nothing that the function did."""


async def _awaited(result: Awaitable[Any]) -> Any:
    return await result


def _described(error: BaseException) -> str:
    if isinstance(error, AssertionError):
        return str(error).partition("\n")[0] or "an assertion fails"
    first = str(error).partition("\n")[0]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
