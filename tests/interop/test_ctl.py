"""`python -m fake_etcd ctl` prints what etcdctl prints, where it goes on, and of real etcd.

Here commands that go on are processes that get SIGINT. tests/ctl has all that come to their end, on
a FakeEtcd; with `--real-etcd` they are here, too.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ctl import running
from tests.interop.conftest import StartServer
from tests.interop.transcript import replay

GOING_ON = {"watch", "lease", "lock", "elect", "command_line"}


@pytest.mark.parametrize("file", running.transcripts(), ids=lambda file: file.stem)
def test_prints_what_etcdctl_prints(
    file: Path, start_server: StartServer, pytestconfig: pytest.Config
) -> None:
    if file.stem not in GOING_ON and not pytestconfig.getoption("--real-etcd", False):
        pytest.skip("in tests/ctl")
    recorded = file.read_text(encoding="utf-8")
    with start_server() as server:
        printed = replay(recorded, running.start, server.url)
    ours, etcdctls = running.compared(printed, recorded)
    assert ours == etcdctls
