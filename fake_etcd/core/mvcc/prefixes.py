"""Prefixes of keys, and which of them a key has.

Nearly all ranges that are watched are the keys with some prefix, and nearly all prefixes of a
cluster have one of a few lengths. So they are looked up by the beginning of a key, once for each
length, in a tenth of the time that a search among thousands of ranges takes
(`python -m bench --only watching`).

Worked example, with the range of each prefix:

    "jobs/"      [jobs/, jobs0)            length 5: {"jobs/"}
    "jobs/a/"    [jobs/a/, jobs/a0)        length 7: {"jobs/a/", "jobs/b/"}
    "jobs/b/"    [jobs/b/, jobs/b0)
    at("jobs/a/1")    5: "jobs/" is there    7: "jobs/a/" is there
"""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")

MOST_LENGTHS = 8
"""Of prefixes that are kept: with more of them, a search among ranges is as quick."""


def prefix_end(prefix: bytes) -> bytes:
    """The first key behind all those with a prefix; b"" where none is.

    etcd: client/v3/op.go, GetPrefixRangeEnd.

    >>> prefix_end(b"jobs/"), prefix_end(b"a\\xff"), prefix_end(b"\\xff")
    (b'jobs0', b'b', b'')
    """
    kept = prefix.rstrip(b"\xff")
    return kept[:-1] + bytes((kept[-1] + 1,)) if kept else b""


class Prefixes(Generic[T]):
    """Members by prefix; several may have the same one. Members are hashable.

    Attributes:
        by_length: each length that prefixes have, with those and their members.

    >>> prefixes = Prefixes[str]()
    >>> prefixes.add(b"a/", "one"), prefixes.add(b"a/b/", "two")
    (True, True)
    >>> prefixes.at(b"a/b/c"), prefixes.at(b"a/c"), prefixes.at(b"a")
    (['one', 'two'], ['one'], [])
    """

    __slots__ = ("_of_length", "by_length")

    def __init__(self) -> None:
        self._of_length: dict[int, dict[bytes, dict[T, None]]] = {}
        self.by_length: tuple[tuple[int, dict[bytes, dict[T, None]]], ...] = ()

    def add(self, prefix: bytes, member: T) -> bool:
        """Put a member in. O(1).

        Returns:
            False where it has no place: the prefix has yet another length.
        """
        length = len(prefix)
        prefixes = self._of_length.get(length)
        if prefixes is None:
            if len(self._of_length) == MOST_LENGTHS:
                return False
            prefixes = self._of_length[length] = {}
            self.by_length = tuple(self._of_length.items())
        prefixes.setdefault(prefix, {})[member] = None
        return True

    def remove(self, prefix: bytes, member: T) -> bool:
        """Take a member out. O(1).

        Returns:
            False where it is not there.
        """
        prefixes = self._of_length.get(len(prefix), {})
        members = prefixes.get(prefix, {})
        if member not in members:
            return False
        del members[member]
        if not members:
            del prefixes[prefix]
        if not prefixes:
            del self._of_length[len(prefix)]
            self.by_length = tuple(self._of_length.items())
        return True

    def at(self, key: bytes) -> list[T]:
        """The members of each prefix that a key has. O(lengths) and what is found."""
        found: list[T] = []
        for length, prefixes in self.by_length:
            members = prefixes.get(key[:length])
            if members:
                found.extend(members)
        return found
