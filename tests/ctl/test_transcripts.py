"""`python -m fake_etcd ctl` prints what etcdctl prints: the same transcripts, byte for byte.

They are those of tests/interop/golden, recorded from etcdctl and real etcd. `--etcd=real` asks real
etcd here, too. Those with commands that go on, each a process, are marked `interop`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from fake_etcd.testing import FakeEtcd
from tests.ctl import running
from tests.interop import etcdctl_page
from tests.interop.transcript import replay

ABSENT = {"make_mirror", "check"}
"""Transcripts of commands that this has not."""

GOING_ON = {"lock", "elect"}
"""Those in which commands that go on change what others see."""


def transcripts(*left_out: str) -> list[Path]:
    """All that are to be the same."""
    names = ABSENT.union(left_out)
    return [path for path in etcdctl_page.transcripts() if path.stem not in names]


def compare(recorded: str, etcd: FakeEtcd) -> None:
    """Run a transcript, which is to give what was recorded."""
    printed = replay(recorded, running.start, etcd.url)
    ours, etcdctls = running.compared(printed, recorded)
    assert ours == etcdctls


@pytest.mark.parametrize("file", transcripts(*GOING_ON), ids=lambda file: file.stem)
def test_prints_what_etcdctl_prints(file: Path, fake_etcd: FakeEtcd) -> None:
    compare(running.without_processes(file.read_text(encoding="utf-8")), fake_etcd)


@pytest.mark.interop
@pytest.mark.parametrize("name", ["watch", "lease", "lock", "elect", "command_line"])
def test_goes_on_as_etcdctl_does(name: str, fake_etcd: FakeEtcd) -> None:
    compare((etcdctl_page.GOLDEN / f"{name}.txt").read_text(encoding="utf-8"), fake_etcd)
