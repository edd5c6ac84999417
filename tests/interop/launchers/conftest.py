"""Surroundings for launchers: every test here is true of real etcd too, see `--real-etcd`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.launchers import surroundings as those
from tests.interop.launchers.surroundings import Surroundings


@pytest.fixture
def surroundings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Surroundings]:
    with those.around(tmp_path, bool(request.config.getoption("--real-etcd", False))) as around:
        yield around
