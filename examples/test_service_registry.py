"""The registry, when nothing goes wrong and when anything does."""

from __future__ import annotations

from examples.etcd import Etcd
from examples.service_registry import Registration, addresses
from fake_etcd.testing import FakeEtcd


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
