"""The permission matrix: whether it is whole, and what is on file of it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance import coverage, recordings
from conformance.matrix import callers, command, page, play, recording
from conformance.matrix.callers import CALLERS, Proof
from conformance.matrix.rows import ROWS
from conformance.matrix.servers import SETTING_OF, Setting
from conformance.targets import FakeEtcd
from fake_etcd.api import messages as m
from fake_etcd.api import version
from fake_etcd.api.methods import METHODS
from tests.cli.dev_server import CHECKOUT

RECORDED = command.kept(recordings.of(recordings.DEFAULT))


# Whether it is whole


def test_every_method_that_is_served_has_a_row() -> None:
    served = {method.path.rpartition(".")[2] for method in coverage.served()}
    assert sorted(served - {row.method for row in ROWS}) == []


def test_every_method_of_auth_has_a_row() -> None:
    assert len({row.method for row in ROWS if row.method.startswith("Auth/")}) == 17


def test_no_two_rows_and_no_two_callers_are_called_the_same() -> None:
    for names in (
        [row.id for row in ROWS],
        [caller.name for caller in CALLERS],
        [caller.short for caller in CALLERS],
    ):
        assert [name for name, count in Counter(names).items() if count > 1] == []


def test_there_is_a_caller_for_every_proof_and_every_permission() -> None:
    assert {caller.proof for caller in CALLERS} == set(Proof) == set(SETTING_OF)
    users = {caller.user for caller in CALLERS}
    assert {f"{shape}-{mode}" for shape in callers.SHAPES for mode in callers.MODES} <= users


# What is on file


def test_every_cell_is_on_file_and_nothing_else() -> None:
    assert RECORDED.version == version.SERVER
    assert RECORDED.callers == tuple(caller.name for caller in CALLERS)
    assert list(RECORDED.rows) == [row.id for row in ROWS]
    assert len(RECORDED.cells()) == len(ROWS) * len(CALLERS)


def test_root_may_do_all_and_nobody_else_what_only_root_may() -> None:
    cells = RECORDED.cells()
    for method in (method for method in METHODS.values() if method.admin_only):
        name = method.path.rpartition(".")[2]
        for row in (row for row in ROWS if row.method == name):
            for caller in CALLERS:
                outcome = cells[row.id, caller.name]
                if caller.user != callers.ROOT:
                    assert outcome != play.DONE, (row.id, caller.name)
    for row in ROWS:
        assert cells[row.id, "root"] != recording.DENIED
        assert cells[row.id, "certificate: root"] == cells[row.id, "root"]


def test_overlapping_permissions_only_cover_together() -> None:
    both = RECORDED.cells()["KV/Range of [b, b4)", "read, overlapping"]
    assert both == play.DONE
    for span in callers.SHAPES["overlapping"]:
        assert not span.key <= b"b" < b"b4" <= span.range_end


def test_the_page_is_up_to_date() -> None:
    path = CHECKOUT / "docs" / "auth-matrix.md"
    assert path.read_text(encoding="utf-8") == page.markdown(RECORDED)


_names = st.text("abc ✓·", min_size=1, max_size=3)


@given(
    st.lists(_names, unique=True, max_size=5),
    st.lists(_names, unique=True, max_size=5),
    st.data(),
)
def test_cells_are_read_as_they_were_kept(
    row_ids: list[str], caller_names: list[str], data: st.DataObject
) -> None:
    outcome = st.sampled_from(("OK", recording.DENIED, "UNKNOWN: one", "UNKNOWN: two", None))
    drawn = {(row, caller): data.draw(outcome) for row in row_ids for caller in caller_names}
    cells = {cell: word for cell, word in drawn.items() if word is not None}
    made = recording.of_cells(cells, row_ids, caller_names, "3.7.3", "2026-11-28")
    assert made.cells() == cells
    assert list(made.rows) == row_ids


def test_a_recording_is_read_as_it_was_saved(tmp_path: Path) -> None:
    path = recording.path_in(tmp_path / "3.7")
    assert recording.load(path) is None
    recording.save(RECORDED, path)
    assert recording.load(path) == RECORDED
    assert path.read_bytes() == recording.path_in(recordings.of("3.7").folder).read_bytes()


def test_what_differs_is_said_cell_by_cell() -> None:
    expected = {("a", "root"): "OK", ("a", "nobody"): "UNKNOWN: no", ("b", "root"): "OK"}
    actual = {("a", "root"): "OK", ("a", "nobody"): "OK", ("c", "root"): "OK"}
    assert play.differing(expected, expected) == []
    assert play.differing(expected, actual) == [
        "a, nobody: etcd says 'UNKNOWN: no', here it is 'OK'",
        "b, root: etcd says 'OK', here it is 'nothing'",
        "c, root: etcd says 'nothing', here it is 'OK'",
    ]
    lines = [str(number) for number in range(42)]
    assert command.shown(lines, "x").splitlines() == [
        *lines[:40],
        "and 2 more",
        f"x: {len(ROWS) * len(CALLERS)} cells, 42 differ",
    ]


def test_rows_are_asked_in_the_callers_name() -> None:
    by_id = {row.id: row for row in ROWS}
    root = next(caller for caller in CALLERS if caller.name == "root")
    own = by_id["Auth/UserGet of oneself"].request(root, 5)
    assert own == m.AuthUserGetRequest(name="root")
    assert by_id["KV/Compact of all keys"].request(root, 5) == m.CompactionRequest(revision=5)


# fake_etcd


@pytest.mark.parametrize("setting", Setting, ids=lambda setting: setting.name.lower())
def test_fake_etcd_answers_every_cell_as_etcd_did(setting: Setting) -> None:
    here = [caller for caller in CALLERS if SETTING_OF[caller.proof] is setting]
    names = {caller.name for caller in here}
    expected = {cell: it for cell, it in RECORDED.cells().items() if cell[1] in names}
    assert play.differing(expected, play.tried(FakeEtcd(), callers=here)) == []


def test_what_a_cell_changed_is_put_back_for_the_next() -> None:
    """Each row twice on the same server: the second time everything is as it was."""
    root = [caller for caller in CALLERS if caller.name == "root"]
    cells = RECORDED.cells()
    once = play.tried(FakeEtcd(), callers=root)
    twice = play.tried(FakeEtcd(), rows=[row for row in ROWS for _ in range(2)], callers=root)
    assert once == twice == {cell: cells[cell] for cell in once}
