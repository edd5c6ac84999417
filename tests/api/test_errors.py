"""The error table is etcd's: every row, its code and its text."""

from __future__ import annotations

import doctest
import pickle
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from fake_etcd.api import errors
from fake_etcd.api.status import Code, Status

GOLDEN = Path(__file__).with_name("rpctypes_errors.txt")
CODES = [
    *("OK", "Canceled", "Unknown", "InvalidArgument", "DeadlineExceeded", "NotFound"),
    *("AlreadyExists", "PermissionDenied", "ResourceExhausted", "FailedPrecondition", "Aborted"),
    *("OutOfRange", "Unimplemented", "Internal", "Unavailable", "DataLoss", "Unauthenticated"),
]
"""grpc-go's names of the codes, by number."""


def golden_rows() -> list[tuple[str, int, str]]:
    """Name as in Go, code, text."""
    lines = [line for line in GOLDEN.read_text().splitlines() if not line.startswith("#")]
    return [(name, int(code), text) for name, code, text in (x.split("\t") for x in lines)]


def ours(go_name: str) -> str:
    """PeerURLExist is PEER_URL_EXIST here, MemberBadURLs MEMBER_BAD_URLS."""
    words = re.findall(r"URLs|[A-Z]+(?![a-z])|[A-Z][a-z]+", go_name)
    return "_".join(words).upper()


def test_the_table_has_etcds_rows_in_etcds_order() -> None:
    assert list(errors.ALL) == [ours(name) for name, _, _ in golden_rows()]
    assert len(errors.ALL) == 63


@pytest.mark.parametrize(("go_name", "code", "text"), golden_rows())
def test_a_row_has_etcds_code_and_text(go_name: str, code: int, text: str) -> None:
    row: type[errors.EtcdError] = getattr(errors, ours(go_name))
    assert errors.ALL[ours(go_name)] is row
    assert (row.code, row.message) == (code, text)
    assert row.status == Status(Code(code), text)
    assert errors.BY_MESSAGE[text] is row


def test_no_two_rows_share_a_text_since_clients_tell_them_apart_by_it() -> None:
    assert len(errors.BY_MESSAGE) == len(errors.ALL)


def test_raising_a_row_makes_a_new_instance_each_time() -> None:
    caught = []
    for _ in range(2):
        with pytest.raises(errors.EtcdError) as raised:
            raise errors.EMPTY_KEY
        caught.append(raised.value)
    first, second = caught
    assert first is not second
    assert type(first) is type(second) is errors.EMPTY_KEY
    assert str(first) == "etcdserver: key is not provided"
    assert repr(first) == "EMPTY_KEY()"


def test_a_row_is_caught_by_its_own_name_only() -> None:
    assert not issubclass(errors.COMPACTED, errors.FUTURE_REV)
    with pytest.raises(errors.COMPACTED):
        raise errors.COMPACTED


def test_a_row_survives_pickling() -> None:
    copy = pickle.loads(pickle.dumps(errors.NO_SPACE()))
    assert (type(copy), copy.status) == (errors.NO_SPACE, errors.NO_SPACE.status)


def test_a_status_error_carries_any_status() -> None:
    status = Status(Code.UNIMPLEMENTED, "unknown method Nope")
    error = errors.StatusError(status)
    assert isinstance(error, errors.EtcdError)
    assert (error.status, error.code, error.message) == (status, status.code, status.message)
    assert str(error) == "unknown method Nope"
    assert pickle.loads(pickle.dumps(error)).status == status


def test_the_examples_in_the_docstrings_hold() -> None:
    result = doctest.testmod(errors)
    assert (result.attempted > 0, result.failed) == (True, 0)


def etcds_source() -> Path:
    """The file that the errors are from, where Go's module cache has it; else a skip."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("no Go here, so no module cache that could hold etcd's source")
    cache = subprocess.run([go, "env", "GOMODCACHE"], capture_output=True, text=True, check=True)
    source = Path(cache.stdout.strip(), "go.etcd.io/etcd/api/v3@v3.7.3/v3rpc/rpctypes/error.go")
    if not source.exists():
        pytest.skip("Go's module cache does not hold etcd's api module 3.7.3")
    return source


def test_the_golden_rows_are_those_of_etcds_source() -> None:
    source = etcds_source()
    pattern = re.compile(r'ErrGRPC(\w+)\s*= status\.Error\(codes\.(\w+), "(.*)"\)')
    rows = [
        (name, CODES.index(code), text) for name, code, text in pattern.findall(source.read_text())
    ]
    assert golden_rows() == rows
