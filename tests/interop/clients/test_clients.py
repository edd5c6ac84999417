"""Each client in the table, on a server of its own; the page says what came of it."""

from __future__ import annotations

import os

import pytest

from tests.interop.clients import page, results
from tests.interop.clients.build import NoToolchain
from tests.interop.clients.table import CLIENTS, Client

FLOATING = "Python"
"""The language whose clients' versions are those of the environment, not of a lock file."""


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_client(client: Client, request: pytest.FixtureRequest) -> None:
    """All checks hold, with the remarks that are on file."""
    real = bool(request.config.getoption("--real-etcd", False))
    try:
        outcome = results.of(client, real)
    except NoToolchain as error:
        required = f"FAKE_ETCD_REQUIRE_{client.toolchain.upper()}"
        if os.environ.get(required) == "1":
            pytest.fail(f"{required}=1, but {error}", pytrace=False)
        pytest.skip(str(error))
    assert outcome.checks == results.load()[client.name].checks


def test_there_are_results_of_all_clients_in_their_pinned_versions() -> None:
    kept = results.load()
    assert list(kept) == [client.name for client in CLIENTS]
    for client in CLIENTS:
        assert list(kept[client.name].checks) == list(client.checks)
        if client.version and client.language != FLOATING:
            assert kept[client.name].version == client.version


def test_the_page_is_made_from_the_results() -> None:
    assert page.FILE.read_text(encoding="utf-8") == page.render(results.load()), (
        "python -m tests.interop.clients page"
    )
