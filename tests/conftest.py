"""What every test shares: a mark by folder, and one hypothesis profile for slow, busy machines."""

from __future__ import annotations

import signal
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


def pytest_configure() -> None:
    """Where a shell runs the tests in its background, programs that they start could not be
    interrupted: it has these signals ignored, and so would those have them."""
    for number, usual in (
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGQUIT, signal.SIG_DFL),
    ):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, usual)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if INTEROP in item.path.parents:
            item.add_marker(pytest.mark.interop)
