"""What every test shares: a mark by folder, and one hypothesis profile for slow, busy machines."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

INTEROP = Path(__file__).parent / "interop"

settings.register_profile(
    "fake_etcd",
    deadline=None,  # the machine is shared; a slow example is not a wrong one
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("fake_etcd")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if INTEROP in item.path.parents:
            item.add_marker(pytest.mark.interop)
