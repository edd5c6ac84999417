"""`python -m fake_etcd ctl` prints what etcdctl prints: the same transcripts, byte for byte.

They are those of tests/interop/golden, recorded from etcdctl and real etcd. Commands that go on,
and real etcd in the FakeEtcd's place, are in tests/interop/test_ctl.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from fake_etcd.testing import FakeEtcd
from tests.ctl import running
from tests.interop.transcript import replay

GOING_ON = {"lock", "elect"}
"""Transcripts in which commands that go on change what others see."""


@pytest.mark.parametrize(
    "file",
    [path for path in running.transcripts() if path.stem not in GOING_ON],
    ids=lambda file: file.stem,
)
def test_prints_what_etcdctl_prints(file: Path) -> None:
    recorded = running.without_processes(file.read_text(encoding="utf-8"))
    with FakeEtcd() as etcd:
        printed = replay(recorded, running.start, etcd.url)
    ours, etcdctls = running.compared(printed, recorded)
    assert ours == etcdctls
