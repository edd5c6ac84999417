"""Random messages out of bytes: each decision takes one byte.

Hypothesis draws the bytes, which costs the same however deep a message is; a strategy for each
field costs more than both servers take to answer. And it shrinks them: shorter bytes are fewer
decisions, a zero is the first of the alternatives, so every table begins with the simplest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from hypothesis import strategies as st

T = TypeVar("T")
Options = Sequence[tuple[str, object]]


class Choices:
    """Decisions, in the order in which they are asked for.

    Args:
        decided: one byte each; past their end every decision is for the first alternative.
    """

    __slots__ = ("_decided",)

    def __init__(self, decided: bytes) -> None:
        self._decided = iter(decided)

    def below(self, bound: int) -> int:
        """A number from 0 on; `bound` is at most 256."""
        return next(self._decided, 0) % bound

    def of(self, alternatives: Sequence[T]) -> T:
        """One of these."""
        return alternatives[self.below(len(alternatives))]

    def some(self, options: Options, most: int) -> dict[str, Any]:
        """A few of these fields with values; where a field is chosen twice, its last value."""
        return dict(self.of(options) for _ in range(self.below(most + 1)))

    def many(self, build: Callable[[Choices], T], most: int) -> list[T]:
        """Up to `most` of what is built."""
        return [build(self) for _ in range(self.below(most + 1))]


def weighted(*weights: tuple[int, T]) -> tuple[T, ...]:
    """A table in which each alternative stands as often as its weight says."""
    return tuple(alternative for weight, alternative in weights for _ in range(weight))


def drawn(build: Callable[[Choices], T], fewest: int, most: int) -> st.SearchStrategy[T]:
    """What is built from so many decisions; hypothesis makes about twice the fewest."""
    return st.binary(min_size=fewest, max_size=most).map(lambda decided: build(Choices(decided)))
