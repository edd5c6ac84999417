"""Something that goes through the history in slices, beside a store's calls; see `background`."""

from __future__ import annotations

from abc import ABC, abstractmethod


class Reading(ABC):
    """What is read, and how far it is.

    Args:
        compact_revision: the store's when it was asked for. What later compactions drop stays
            until it is over.
    """

    __slots__ = ("compact_revision",)

    def __init__(self, compact_revision: int) -> None:
        self.compact_revision = compact_revision

    @property
    @abstractmethod
    def is_over(self) -> bool:
        """Whether there is nothing left to read."""

    @abstractmethod
    def step(self, max_records: int) -> None:
        """Go on by about so many versions; about 1 us each."""
