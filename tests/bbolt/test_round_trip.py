"""What is written is read back, in pages of any size; what cannot be written is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fake_etcd.bbolt
from fake_etcd.bbolt import Database, layout, plan
from tests.bbolt.trees import Tree, read, trees, written


@settings(deadline=None)
@given(trees(), st.sampled_from([1_024, 4_096, 16_384, 65_536]))
def test_what_is_written_is_read(tree: Tree, page_bytes: int) -> None:
    file = written(tree, page_bytes)
    database = Database.of(file)
    assert read(database.root) == tree
    assert list(read(database.root)) == list(tree)  # in the same order
    database.check()
    assert database.free_pages() == []
    assert written(database.root, page_bytes) == file  # a bucket that is read can be written


def test_a_file_on_disk_is_read(tmp_path: Path) -> None:
    tree = {b"numbers": {b"%09d" % number: b"v" * 100 for number in range(20_000)}}
    path = tmp_path / "numbers.db"
    path.write_bytes(written(tree))
    with Database.open(path) as database:
        assert read(database.root) == tree
        bucket = database.bucket(b"numbers")
        assert bucket is not None
        assert bucket.path == (b"numbers",)
        assert database.bucket(b"others") is None


def test_there_are_branches_above_branches() -> None:
    tree = {b"b": {b"%0900d" % number: b"" for number in range(100)}}
    file = written(tree, 1_024)
    assert read(Database.of(file).root) == tree
    heads = [layout.PAGE_HEAD.unpack_from(file, at) for at in range(3 * 1_024, len(file), 1_024)]
    branches = [count for _, flag, count, _ in heads if flag == layout.BRANCH]
    # Their keys take most of a page, so that two are in each; three where one would be alone.
    assert len(branches) == 50 + 25 + 12 + 6 + 3 + 1
    assert set(branches) == {2, 3}


def test_pairs_are_gone_through_and_not_kept() -> None:
    class Counted:
        made = 0

        def items(self) -> Iterator[tuple[bytes, bytes]]:
            for number in range(10_000):
                self.made += 1
                yield b"%06d" % number, b"v" * 1_000

    counted = Counted()
    pages = plan({b"b": counted}).pages()
    assert counted.made == 10_000
    for _ in range(8):
        next(pages)
    assert counted.made < 10_050


class Changing:
    """Other pairs each time."""

    def __init__(self, *turns: dict[bytes, bytes]) -> None:
        self._turns = iter(turns)

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        yield from next(self._turns).items()


BEFORE = {b"a": b"1" * 3_000, b"b": b"2"}


@pytest.mark.parametrize("after", [{}, {b"a": b"1"}, {**BEFORE, b"c": b""}, {b"a": b"1" * 9_000}])
def test_what_changes_while_it_is_written_is_found(after: dict[bytes, bytes]) -> None:
    planned = plan({b"b": Changing(BEFORE, after)})
    with pytest.raises(ValueError, match="not those that there were when the file was planned"):
        list(planned.pages())


@pytest.mark.parametrize(
    ("tree", "why"),
    [
        ({b"b": b"", b"a": b""}, "not behind the one before it: b'a'"),
        ({b"": b""}, "a key is empty"),
        ({b"k" * 32_769: b""}, "is too large"),
    ],
)
def test_what_cannot_be_written_is_refused(tree: Tree, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        plan(tree)


@pytest.mark.parametrize("page_bytes", [0, 1_000, 512, 1 << 26])
def test_pages_are_of_a_power_of_two(page_bytes: int) -> None:
    with pytest.raises(ValueError, match="a power of two"):
        plan({}, page_bytes)


def test_the_worked_example() -> None:
    import doctest

    from fake_etcd.bbolt import layout, reader, writer

    for module in (fake_etcd.bbolt, layout, reader, writer):
        assert doctest.testmod(module).failed == 0
