"""An API server on ours and on real etcd: every test here is run on both, and true of both.

They run only where they are asked for: `tox -e kubernetes`, or `pytest -m kubernetes`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance import oracle
from conformance.golang import NoGo
from tests.kubernetes import apiserver, build, etcds
from tests.kubernetes.apiserver import ApiServer
from tests.kubernetes.etcds import Etcd

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.kubernetes)


@pytest.fixture(scope="session")
def programs() -> None:
    """Build what is missing, or skip; where Go is required that is a failure."""
    try:
        build.kube_apiserver()
        oracle.build()
    except NoGo as error:
        if os.environ.get("FAKE_ETCD_REQUIRE_GO") == "1":
            pytest.fail(f"FAKE_ETCD_REQUIRE_GO=1, but {error}", pytrace=False)
        pytest.skip(str(error))


@pytest.fixture(scope="session", params=["real", "ours"])
def is_real(request: pytest.FixtureRequest) -> bool:
    """Whose etcd it is."""
    return bool(request.param == "real")


@pytest.fixture(scope="session")
def etcd(programs: None, is_real: bool) -> Iterator[Etcd]:
    with etcds.plain(is_real) as running:
        yield running


@pytest.fixture(scope="session")
def api(etcd: Etcd, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """An API server on it, for all tests that share it: each keeps to a namespace of its own."""
    with apiserver.running(tmp_path_factory.mktemp("apiserver"), etcd.url) as running:
        yield running
