"""The load generator makes the calls that the bench counts; nothing is measured."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from bench import golang, measure, secured, servers
from conformance import oracle
from conformance.oracle import Running
from fake_etcd.testing import Tls, real_tls
from tests.interop.conftest import built

pytestmark = pytest.mark.interop

SHORT = ("-seconds=0.2", "-warmup=0.05", "-keys=100")


@pytest.fixture(autouse=True, scope="module")
def loadgen() -> None:
    built(golang.loadgen)


@pytest.fixture
def server() -> Iterator[Running]:
    with servers.ours() as running:
        yield running


def revision(server: Running) -> int:
    return measure.fill(server, 0, 0).before


def test_a_crowd_puts_what_it_counts(server: Running) -> None:
    before = revision(server)
    seen = measure.crowd(server, 20, 3, "-op=put", *SHORT)
    assert seen.per_second > 0
    # Each of the workers has one answer at least, and what is counted was answered.
    assert revision(server) - before >= max(60, seen.per_second * 0.2)


def test_a_crowd_gets_keys_that_are_there(server: Running) -> None:
    with pytest.raises(RuntimeError, match="get: the key is not there"):
        measure.crowd(server, 2, 1, "-op=get", *SHORT)
    measure.fill(server, 0, 100)
    assert measure.crowd(server, 2, 1, "-op=get", *SHORT).per_second > 0


def test_loads_go_over_tls_with_a_certificate_alone() -> None:
    with closing(real_tls.new_kit(Tls(client_cert_auth=True))) as kit:
        flags = real_tls.flags(kit)
        with servers.ours(flags=flags, context=real_tls.unverified(kit)) as server:
            client = secured.client_flags(kit)
            measure.fill(server, 0, 100, *client)
            assert measure.load(server, "-op=get", *SHORT, *client).per_second > 0
            with pytest.raises(RuntimeError, match=r"connection \d of 8: "):
                measure.load(server, "-op=get", *SHORT, "-connect-limit=1s", client[0])


def test_a_server_is_started_and_stopped() -> None:
    url = f"http://127.0.0.1:{oracle.free_ports(1)[0]}"
    life = measure.life(url, servers.ours_command(url), {})
    assert min(life.start_seconds, life.stop_seconds) > 0
    assert not oracle.is_well(url)
