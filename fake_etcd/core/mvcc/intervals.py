"""Ranges of keys, and which of them a key is in.

Ranges that end go into a treap by (start, end) in which each node knows the greatest end below
it, so that a key meets the ranges that hold it and few others; ranges without an end are a sorted
list of starts. etcd: pkg/adt/interval_tree.go, as watcher_group.go uses it.

Worked example, ends in brackets being the greatest in the subtree:

    add [b,d) [a,c) [e,f)                    [b,d)(f)
                                            /        \\
                                       [a,c)(c)    [e,f)(f)
    at(b"c")   [b,d) holds it; to the left all ends are at most c, to the right e is too far

Where nothing changes for as many look-ups as there are bounds of ranges, these are put in a row:
between two neighbours every key is in the same ranges, which are found once. Ranges are made and
removed far less often than keys are looked up, and a walk through a tree of thousands costs a put
an eighth more (`python -m bench --only watching`).

    row  a b c d e f      between c and d: [b,d)
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, TypeVar

from fake_etcd.core.mvcc.sorted_keys import new_sorted_keys

T = TypeVar("T")

_MOST_KEPT = 8
"""Ranges between two bounds that are kept: where many lie in each other, all would be too many."""


class _Node(Generic[T]):
    """A range, what belongs to it, and the subtree below."""

    __slots__ = ("end", "left", "members", "priority", "right", "start", "top_end")

    def __init__(self, start: bytes, end: bytes, priority: int) -> None:
        self.start = start
        self.end = end
        self.members: dict[T, None] = {}
        self.priority = priority
        self.left: _Node[T] | None = None
        self.right: _Node[T] | None = None
        self.top_end = end

    def fix(self) -> None:
        top = self.end
        if self.left is not None and self.left.top_end > top:
            top = self.left.top_end
        if self.right is not None and self.right.top_end > top:
            top = self.right.top_end
        self.top_end = top


class _Row(Generic[T]):
    """The bounds of all ranges, and what was found between them: `found[i]` is before `bounds[i]`.

    What was not looked for yet, or is too much, is None.
    """

    __slots__ = ("bounds", "found")

    def __init__(self, bounds: list[bytes]) -> None:
        self.bounds = bounds
        self.found: list[Sequence[dict[T, None]] | None] = [None] * (len(bounds) + 1)


class Intervals(Generic[T]):
    """Members by range; several may have the same one.

    An end of b"" means that there is none. Members are hashable; order is that of being added.

    >>> ranges = Intervals[str]()
    >>> ranges.add(b"a", b"c", "one")
    >>> ranges.add(b"b", b"", "two")
    >>> [list(found) for found in ranges.at(b"b")]
    [['one'], ['two']]
    """

    __slots__ = ("_asked", "_ends", "_open", "_open_starts", "_root", "_row", "_seed")

    def __init__(self) -> None:
        self._root: _Node[T] | None = None
        self._ends: dict[tuple[bytes, bytes], _Node[T]] = {}
        self._open: dict[bytes, dict[T, None]] = {}
        self._open_starts = new_sorted_keys()
        self._seed = 1
        self._row: _Row[T] | None = None
        self._asked = 0  # look-ups since a range came or went

    def add(self, start: bytes, end: bytes, member: T) -> None:
        """Put a member in. O(log n) for a range that is new, else O(1)."""
        if not end:
            if start not in self._open:
                self._changed()
                self._open[start] = {}
                self._open_starts.add(start)
            self._open[start][member] = None
            return
        node = self._ends.get((start, end))
        if node is None:
            self._changed()
            node = self._ends[start, end] = _Node(start, end, self._next_priority())
            self._root = _insert(self._root, node)
        node.members[member] = None

    def remove(self, start: bytes, end: bytes, member: T) -> None:
        """Take a member out. O(log n) for the last one of a range, else O(1).

        Raises:
            KeyError: it is not there.
        """
        if not end:
            del self._open[start][member]
            if not self._open[start]:
                self._changed()
                del self._open[start]
                self._open_starts.remove(start)
            return
        node = self._ends[start, end]
        del node.members[member]
        if not node.members:
            self._changed()
            del self._ends[start, end]
            self._root = _remove(self._root, node)

    def at(self, key: bytes) -> Iterable[dict[T, None]]:
        """The members of each range that a key is in. O(log n) and what is found."""
        row = self._row
        if row is None:
            self._asked += 1
            if self._asked <= 2 * len(self._ends) + len(self._open):
                return self._search(key)
            row = self._row = _Row(self._bounds())
        place = bisect_right(row.bounds, key)
        found = row.found[place]
        if found is None:
            found = tuple(self._search(key))
            if len(found) <= _MOST_KEPT:
                row.found[place] = found
        return found

    def _changed(self) -> None:
        """There is another range, or one less."""
        self._row = None
        self._asked = 0

    def _bounds(self) -> list[bytes]:
        return sorted({bound for pair in self._ends for bound in pair} | self._open.keys())

    def _search(self, key: bytes) -> Iterator[dict[T, None]]:
        waiting = [self._root]
        while waiting:
            node = waiting.pop()
            while node is not None and key < node.top_end:
                if node.start <= key:
                    if key < node.end:
                        yield node.members
                    waiting.append(node.right)
                node = node.left
        if self._open:
            stop = self._open_starts.bisect_left(key + b"\0")
            for start in self._open_starts.islice(0, stop):
                yield self._open[start]

    def __bool__(self) -> bool:
        return self._root is not None or bool(self._open)

    def check(self) -> None:
        """Assert the invariants. O(n)."""
        nodes = list(_walk(self._root))
        pairs = [(node.start, node.end) for node in nodes]
        assert pairs == sorted(set(pairs)), "the tree is in order and has each range once"
        assert {pair: id(node) for pair, node in self._ends.items()} == {
            (node.start, node.end): id(node) for node in nodes
        }, "every range is in the tree"
        for node in nodes:
            assert node.members, "a range has members"
            below = [child for child in (node.left, node.right) if child is not None]
            assert all(child.priority <= node.priority for child in below), "it is a heap, too"
            top = max([node.end, *(child.top_end for child in below)])
            assert node.top_end == top, "a node knows the greatest end below it"
        assert list(self._open_starts) == sorted(self._open), "starts without end are in order"
        assert all(self._open.values()), "and have members"
        if self._row is not None:
            assert self._row.bounds == self._bounds(), "the row is that of these ranges"

    def _next_priority(self) -> int:
        # Any mixing will do that keys cannot know; a fixed one keeps runs alike.
        self._seed = (self._seed * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        return self._seed >> 16


def _insert(root: _Node[T] | None, node: _Node[T]) -> _Node[T]:
    if root is None:
        return node
    if node.priority > root.priority:
        node.left, node.right = _split(root, (node.start, node.end))
        node.fix()
        return node
    if (node.start, node.end) < (root.start, root.end):
        root.left = _insert(root.left, node)
    else:
        root.right = _insert(root.right, node)
    root.fix()
    return root


def _split(
    root: _Node[T] | None, at: tuple[bytes, bytes]
) -> tuple[_Node[T] | None, _Node[T] | None]:
    """The ranges before and behind a pair."""
    if root is None:
        return None, None
    if (root.start, root.end) < at:
        before, behind = _split(root.right, at)
        root.right = before
        root.fix()
        return root, behind
    before, behind = _split(root.left, at)
    root.left = behind
    root.fix()
    return before, root


def _remove(root: _Node[T] | None, node: _Node[T]) -> _Node[T] | None:
    assert root is not None, "what is removed is in the tree"
    if root is node:
        return _join(root.left, root.right)
    if (node.start, node.end) < (root.start, root.end):
        root.left = _remove(root.left, node)
    else:
        root.right = _remove(root.right, node)
    root.fix()
    return root


def _join(left: _Node[T] | None, right: _Node[T] | None) -> _Node[T] | None:
    if left is None or right is None:
        return left or right
    if left.priority > right.priority:
        left.right = _join(left.right, right)
        left.fix()
        return left
    right.left = _join(left, right.left)
    right.fix()
    return right


def _walk(root: _Node[T] | None) -> Iterator[_Node[T]]:
    if root is not None:
        yield from _walk(root.left)
        yield root
        yield from _walk(root.right)
