"""The undo journal by itself, over a plain list as the state."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_etcd.core import journal as journal_module
from fake_etcd.core.journal import Journal, Snapshot


class Shelf:
    """A list whose changes are journaled."""

    def __init__(self) -> None:
        self.journal = Journal()
        self.books: list[int] = []

    def add(self, book: int) -> None:
        self.books.append(book)
        if self.journal.recording:
            self.journal.record(self.books.pop)


def test_examples_in_the_docstrings_are_true() -> None:
    assert doctest.testmod(journal_module).failed == 0


def test_nothing_is_recorded_while_no_snapshot_is_outstanding() -> None:
    journal = Journal()
    assert not journal.recording
    snapshot = journal.snapshot()
    assert journal.recording
    journal.release(snapshot)
    assert not journal.recording


def test_restore_takes_back_the_changes_since_newest_first() -> None:
    journal = Journal()
    undone: list[int] = []
    before = journal.snapshot()
    for change in (1, 2, 3):
        journal.record(undone.append, change)
    assert journal.restore(before) == 3
    assert undone == [3, 2, 1]


def test_a_snapshot_can_be_restored_again_and_again() -> None:
    shelf = Shelf()
    shelf.add(1)
    before = shelf.journal.snapshot()
    for book in (2, 3):
        shelf.add(book)
        assert shelf.journal.restore(before) == 1
        assert shelf.books == [1]


def test_restoring_an_older_snapshot_makes_newer_ones_invalid() -> None:
    shelf = Shelf()
    older, newer = shelf.journal.snapshot(), shelf.journal.snapshot()
    shelf.journal.restore(older)
    assert older.valid
    assert not newer.valid
    with pytest.raises(ValueError, match="an older one was restored"):
        shelf.journal.restore(newer)


def test_releasing_the_newer_snapshot_leaves_its_changes_to_the_older() -> None:
    shelf = Shelf()
    older = shelf.journal.snapshot()
    shelf.add(1)
    newer = shelf.journal.snapshot()
    shelf.add(2)
    shelf.journal.release(newer)
    shelf.add(3)
    assert shelf.journal.restore(older) == 3
    assert shelf.books == []


def test_releasing_the_older_snapshot_forgets_what_only_it_needed() -> None:
    shelf = Shelf()
    older = shelf.journal.snapshot()
    shelf.add(1)
    newer = shelf.journal.snapshot()
    shelf.add(2)
    shelf.journal.release(older)
    assert shelf.journal.restore(newer) == 1
    assert shelf.books == [1]


def test_a_released_snapshot_is_refused() -> None:
    journal = Journal()
    snapshot = journal.snapshot()
    journal.release(snapshot)
    with pytest.raises(ValueError, match="it was released"):
        journal.restore(snapshot)
    with pytest.raises(ValueError, match="it was released"):
        journal.release(snapshot)


def test_a_snapshot_of_another_journal_is_refused() -> None:
    with pytest.raises(ValueError, match="another journal"):
        Journal().restore(Journal().snapshot())


@given(
    st.lists(
        st.one_of(
            st.tuples(st.sampled_from(["add", "snapshot"]), st.just(0)),
            st.tuples(st.sampled_from(["restore", "release"]), st.integers(0, 5)),
        ),
        max_size=40,
    )
)
def test_any_order_of_snapshots_restores_and_releases(steps: list[tuple[str, int]]) -> None:
    shelf = Shelf()
    outstanding: list[tuple[Snapshot, list[int]]] = []
    for number, (what, place) in enumerate(steps):
        if what == "add":
            shelf.add(number)
        elif what == "snapshot":
            outstanding.append((shelf.journal.snapshot(), list(shelf.books)))
        elif place < len(outstanding):
            snapshot, books = outstanding[place]
            if what == "restore":
                changed = len(shelf.books) - len(books)
                assert shelf.journal.restore(snapshot) == changed
                assert shelf.books == books
                assert not any(newer.valid for newer, _ in outstanding[place + 1 :])
                del outstanding[place + 1 :]
            else:
                shelf.journal.release(snapshot)
                del outstanding[place]
        assert shelf.journal.recording == bool(outstanding)
