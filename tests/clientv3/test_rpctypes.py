"""The classes of etcd's errors: all of its rows, under Go's names, and found by text."""

from __future__ import annotations

import doctest
import pickle
import re
from pathlib import Path

import pytest

from fake_etcd.api import errors as table
from fake_etcd.api.status import Code
from fake_etcd.clientv3 import rpctypes
from fake_etcd.clientv3.errors import Error
from tests.api.test_errors import etcds_source, golden_rows

GOLDEN = Path(__file__).with_name("golden") / "go_rpctypes.txt"

NOT_LOOKED_UP = {"ErrWatchCanceled", "ErrCanceled", "ErrDeadlineExceeded"}

GROUPS = {
    rpctypes.KVError: 10,
    rpctypes.LeaseError: 3,
    rpctypes.ClusterError: 10,
    rpctypes.RequestError: 3,
    rpctypes.AuthError: 17,
    rpctypes.ServerUnavailable: 8,
    rpctypes.ServerError: 12,
    rpctypes.DowngradeError: 5,
    rpctypes.ContextEnded: 3,
}

ROWS = list(rpctypes.ALL.values())


def names_in_go() -> list[tuple[str, str]]:
    """Each error of Go's client, and the server's that it is made of, without `ErrGRPC`."""
    lines = GOLDEN.read_text(encoding="utf-8").splitlines()
    pairs = (line.split("\t") for line in lines if not line.startswith("#"))
    return [(name, of) for name, of in pairs]


def test_there_is_a_class_for_each_row_of_the_table_in_its_order() -> None:
    found = [(cls.code, cls.message) for cls in ROWS]
    assert found == [(row.code, row.message) for row in table.ALL.values()]


@pytest.mark.parametrize(("name", "of"), names_in_go())
def test_an_error_of_gos_client_has_its_name_here(name: str, of: str) -> None:
    cls: type[rpctypes.EtcdError] = rpctypes.ALL[name]
    messages = {go_name: text for go_name, _, text in golden_rows()}
    assert cls.message == messages[of]


def test_the_rows_that_gos_client_has_no_name_for_have_the_servers() -> None:
    named = {of for _, of in names_in_go()}
    others = {f"Err{name}" for name, _, _ in golden_rows() if name not in named}
    assert set(rpctypes.ALL) == {name for name, _ in names_in_go()} | others
    assert len(others) == 6


def test_the_older_name_of_one_is_there() -> None:
    assert rpctypes.ErrClusterIdMismatch is rpctypes.ErrClusterIDMismatch


def test_the_golden_names_are_those_of_etcds_source() -> None:
    source = etcds_source()
    pattern = re.compile(r"^\t(Err\w+)\s*= Error\(ErrGRPC(\w+)\)", re.MULTILINE)
    assert names_in_go() == pattern.findall(source.read_text(encoding="utf-8"))


def test_each_class_is_a_name_of_the_module() -> None:
    assert {name: getattr(rpctypes, name) for name in rpctypes.ALL} == dict(rpctypes.ALL)


@pytest.mark.parametrize("cls", ROWS, ids=lambda cls: cls.__name__)
def test_an_answer_is_found_by_its_text_whatever_its_code(cls: type[rpctypes.EtcdError]) -> None:
    found = rpctypes.from_status(Code.UNKNOWN, cls.message)
    if cls.__name__ in NOT_LOOKED_UP:
        assert found is None
        return
    assert type(found) is cls
    assert (found.code, found.message, str(found)) == (cls.code, cls.message, cls.message)


@pytest.mark.parametrize("text", ["", "connection refused", "etcdserver: no leader "])
def test_another_text_is_none_of_etcds(text: str) -> None:
    assert rpctypes.from_status(Code.UNAVAILABLE, text) is None


@pytest.mark.parametrize("cls", ROWS, ids=lambda cls: cls.__name__)
def test_errors_of_one_class_are_equal_and_survive_pickling(cls: type[rpctypes.EtcdError]) -> None:
    error = cls()
    back = pickle.loads(pickle.dumps(error))
    assert (type(back), back, hash(back), str(back)) == (cls, error, hash(error), cls.message)
    others = [other() for other in ROWS if other is not cls]
    assert all(error != other for other in others)
    assert error != Exception(cls.message)


def test_a_compaction_keeps_its_revision_and_is_equal_to_any_other() -> None:
    error = rpctypes.ErrCompacted(7)
    assert pickle.loads(pickle.dumps(error)).compact_revision == 7
    assert error == rpctypes.ErrCompacted() == rpctypes.from_status(Code.UNKNOWN, error.message)
    assert rpctypes.ErrCompacted().compact_revision == 0


def test_every_error_is_in_a_group_and_the_groups_have_what_they_should() -> None:
    found = {group: sum(issubclass(cls, group) for cls in ROWS) for group in GROUPS}
    assert found == GROUPS
    parts = [group for group in GROUPS if group is not rpctypes.ServerUnavailable]
    assert [cls for cls in ROWS if sum(issubclass(cls, part) for part in parts) != 1] == []
    assert all(issubclass(group, rpctypes.EtcdError) for group in GROUPS)
    assert issubclass(rpctypes.EtcdError, Error)


def test_the_unavailable_are_those_of_that_code() -> None:
    of_code = [cls for cls in ROWS if cls.code is Code.UNAVAILABLE]
    assert of_code == [cls for cls in ROWS if issubclass(cls, rpctypes.ServerUnavailable)]


def test_a_group_is_caught_and_the_error_reads_well() -> None:
    with pytest.raises(rpctypes.AuthError) as caught:
        raise rpctypes.ErrPermissionDenied
    assert repr(caught.value) == "ErrPermissionDenied('etcdserver: permission denied')"
    assert rpctypes.ErrPermissionDenied.__doc__ == (
        '"etcdserver: permission denied" (PERMISSION_DENIED)'
    )


def test_its_examples_are_right() -> None:
    assert doctest.testmod(rpctypes) == (0, 4)
