"""Fixtures of the conformance suite's tests."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance import oracle, recordings, targets
from conformance.recordings import Recordings
from conformance.session import Session
from conformance.targets import FakeEtcd
from fake_etcd.cli import background

from .made_up import session


@pytest.fixture
def s() -> Iterator[Session]:
    """A session with a new fake_etcd."""
    with background.serve() as url, session(url) as it:
        yield it


@pytest.fixture
def surroundings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No colours, and the signal handler that there was."""
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recordings:
    """An empty place for recordings, of every version."""
    monkeypatch.setattr(recordings, "of", lambda version: Recordings(tmp_path / "recordings"))
    return Recordings(tmp_path / "recordings")


@pytest.fixture
def real_is_fake(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is taken for real etcd is fake_etcd, so that nothing has to be built."""
    monkeypatch.setattr(targets.RealEtcd, "server", FakeEtcd.server)
    monkeypatch.setattr(oracle, "build", lambda version: Path())
