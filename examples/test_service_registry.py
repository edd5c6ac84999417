"""The registry, when nothing goes wrong and when anything does."""

from __future__ import annotations

from functools import partial
from types import ModuleType

from examples import service_registry
from examples.etcd import Etcd
from examples.one_line_less import one_line_less
from examples.service_registry import Registration, addresses
from fake_etcd.testing import FakeEtcd, faults


def test_an_instance_is_found_until_it_closes(fake_etcd: FakeEtcd) -> None:
    etcd = Etcd(fake_etcd.channel())
    one, two = (Registration(etcd, "shop", name, f"10.0.0.{name}:80") for name in "12")
    one.beat()
    two.beat()
    assert addresses(etcd, "shop") == {"1": "10.0.0.1:80", "2": "10.0.0.2:80"}
    one.close()
    assert addresses(etcd, "shop") == {"2": "10.0.0.2:80"}
    assert addresses(etcd, "shoppers") == {}


def test_an_instance_that_crashed_is_found_no_longer_than_its_lease(fake_etcd: FakeEtcd) -> None:
    fake_etcd.clock.freeze()
    etcd = Etcd(fake_etcd.channel())
    crashed, other = (Registration(etcd, "shop", name, "10.0.0.1:80", 6) for name in "12")
    crashed.beat()
    for _ in range(4):
        other.beat()
        fake_etcd.clock.advance(2)
    assert list(addresses(etcd, "shop")) == ["2"]


def story(app: ModuleType, etcd: FakeEtcd) -> None:
    """Two instances beat, on a host so slow that one lost beat costs the lease."""
    etcd.clock.freeze()
    instances = [
        app.Registration(Etcd(etcd.channel()), "shop", name, "10.0.0.1:80", ttl_seconds=6)
        for name in "12"
    ]
    for _ in range(4):
        etcd.clock.advance(4)
        for instance in instances:
            instance.beat()
    found = app.addresses(Etcd(etcd.channel()), "shop")
    assert list(found) == ["1", "2"], f"only {list(found)} are found"


def test_no_fault_breaks_it(fake_etcd: FakeEtcd) -> None:
    fake_etcd.explore(partial(story, service_registry)).assert_ok()


def test_one_line_less_and_an_instance_is_lost(fake_etcd: FakeEtcd) -> None:
    app = one_line_less(service_registry, "self._lease = 0  # so that it registers anew")
    found = fake_etcd.explore(partial(story, app))
    # All are beats, other than the last ones, whose loss nobody has felt yet.
    assert [outcome.place.number for outcome in found.broken] == [5, 6, 7, 8]
    assert {outcome.place.effect for outcome in found.broken} == {faults.drop()}
