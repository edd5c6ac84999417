"""etcdctl prints of our server exactly what it prints of real etcd.

What real etcd gives is recorded in `golden/`. To record it again, or after writing a new script:

    pytest tests/interop/test_etcdctl.py --real-etcd --record
"""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import golang
from tests.interop.conftest import StartServer, built
from tests.interop.transcript import replay

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("file", sorted(GOLDEN.glob("*.txt")), ids=lambda file: file.stem)
def test_etcdctl(file: Path, start_server: StartServer, pytestconfig: pytest.Config) -> None:
    etcdctl = built(golang.etcdctl)
    expected = file.read_text()
    with start_server() as server:
        actual = replay(expected, etcdctl, server.url)
    if pytestconfig.getoption("--record", False):
        file.write_text(actual)
    else:
        assert actual == expected
