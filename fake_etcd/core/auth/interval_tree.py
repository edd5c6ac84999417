"""The red-black tree that etcd has a user's permissions in, for what its shape decides.

That is one thing: a range that ends before it begins, which an etcd client can ask for and which
holds no key. etcd permits it where its search comes to a permission that holds the first key, and
the search leaves out all below a permission that lies wholly between the range's end and its begin.
All other questions are answered without a tree, by `permissions.Intervals`.

etcd: pkg/adt/interval_tree.go; Cormen, Leiserson, Rivest, Stein, "Introduction to Algorithms",
chapter 13. Worked example: permissions of "b" to "d", "x", and "y" to the end, granted in this
order, have "x" at the root. The range from "z" to "a" begins in the last of them; but "x" is
between "a" and "z", so that is not found. That from "z" to "xx" is permitted.
"""

from __future__ import annotations

from collections.abc import Iterable


class _Node:
    """An interval in its place; an end of None is behind all keys."""

    __slots__ = ("begin", "end", "is_red", "left", "parent", "right")

    def __init__(self, begin: bytes, end: bytes | None, parent: _Node | None) -> None:
        self.begin = begin
        self.end = end
        self.is_red = True
        self.left: _Node | None = None
        self.right: _Node | None = None
        self.parent = parent

    def is_after(self, begin: bytes, end: bytes | None) -> bool:
        """Whether an interval goes to the left of this one; equal ones go to the right."""
        if begin != self.begin:
            return begin < self.begin
        return end is not None and (self.end is None or end < self.end)


class IntervalTree:
    """Intervals, in the shape that comes of adding them one after the other.

    Args:
        intervals: begin and end, each begin before its end; None is the end of all keys.

    >>> tree = IntervalTree([(b"b", b"d"), (b"x", b"x\\0"), (b"y", None)])
    >>> tree.permits(b"z", b"a"), tree.permits(b"z", b"xx"), tree.permits(b"c", b"b")
    (False, True, True)
    """

    __slots__ = ("_root",)

    def __init__(self, intervals: Iterable[tuple[bytes, bytes | None]]) -> None:
        self._root: _Node | None = None
        for begin, end in intervals:
            self._insert(begin, end)

    def permits(self, key: bytes, range_end: bytes) -> bool:
        """Whether etcd permits a range that ends before its key.

        O(n) at the worst: where many intervals begin in the range, or none holds the key.
        """
        waiting = [self._root]
        while waiting:
            node = waiting.pop()
            if node is None:
                continue
            if key < node.begin:
                waiting.append(node.left)
            elif node.end is None or key < node.end:
                return True
            elif node.begin < range_end:
                waiting += (node.left, node.right)
        return False

    def check(self) -> None:
        """Raises AssertionError: it is no red-black tree."""
        assert not _is_red(self._root), "the root is black"
        _count_black(self._root)

    def _insert(self, begin: bytes, end: bytes | None) -> None:
        parent, place = None, self._root
        while place is not None:
            parent = place
            place = place.left if place.is_after(begin, end) else place.right
        new = _Node(begin, end, parent)
        if parent is None:
            self._root = new
        elif parent.is_after(begin, end):
            parent.left = new
        else:
            parent.right = new
        self._balance(new)

    def _balance(self, node: _Node) -> None:
        """No red node has a red parent (RB-INSERT-FIXUP)."""
        while (parent := node.parent) is not None and parent.is_red:
            above = parent.parent
            assert above is not None, "a red node is not the root"
            uncle = above.right if parent is above.left else above.left
            if uncle is not None and uncle.is_red:
                parent.is_red = uncle.is_red = False
                above.is_red = True
                node = above
                continue
            if (node is parent.right) is (parent is above.left):  # on the inner side
                self._raise(node)
                node, parent = parent, node
            parent.is_red = False
            above.is_red = True
            self._raise(parent)
        assert self._root is not None
        self._root.is_red = False

    def _raise(self, node: _Node) -> None:
        """Put a node in its parent's place, and the parent below it (LEFT-ROTATE, RIGHT-ROTATE)."""
        parent = node.parent
        assert parent is not None, "the root is as high as can be"
        above = parent.parent
        if node is parent.left:
            parent.left, moved, node.right = node.right, node.right, parent
        else:
            parent.right, moved, node.left = node.left, node.left, parent
        if moved is not None:
            moved.parent = parent
        parent.parent, node.parent = node, above
        if above is None:
            self._root = node
        elif parent is above.left:
            above.left = node
        else:
            above.right = node


def _is_red(node: _Node | None) -> bool:
    return node is not None and node.is_red


def _count_black(node: _Node | None) -> int:
    """How many black nodes there are on every way down."""
    if node is None:
        return 1
    for child in (node.left, node.right):
        assert child is None or child.parent is node, "children know their parents"
        assert not (node.is_red and _is_red(child)), "no red node has a red child"
    assert node.left is None or node.left.begin <= node.begin, "in order"
    assert node.right is None or node.begin <= node.right.begin, "in order"
    left, right = _count_black(node.left), _count_black(node.right)
    assert left == right, "all ways down are as long in black nodes"
    return left + (not node.is_red)
