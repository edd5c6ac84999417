"""Endpoints that are made when they are first asked for.

There are some fifty methods and three or four layers over each; a test has all of them anew, and
calls a few.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Generic, TypeVar

from fake_etcd.services.call import Endpoint

T = TypeVar("T")


class Layer(Mapping[str, Endpoint], Generic[T]):
    """Endpoints by path, each made from what is below it: an endpoint, or a row of the table.

    Two threads that ask for one at the same time may make two of it, of which both work.

    Args:
        below: what there is below, by path; it stays as it is.
        over: makes an endpoint from that.
    """

    __slots__ = ("_below", "_made", "_over")

    def __init__(self, below: Mapping[str, T], over: Callable[[T], Endpoint]) -> None:
        self._below = below
        self._over = over
        self._made: dict[str, Endpoint] = {}

    def __getitem__(self, path: str) -> Endpoint:
        found = self._made.get(path)
        if found is None:
            found = self._made[path] = self._over(self._below[path])
        return found

    def __contains__(self, path: object) -> bool:
        return path in self._below

    def __iter__(self) -> Iterator[str]:
        return iter(self._below)

    def __len__(self) -> int:
        return len(self._below)
