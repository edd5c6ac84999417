"""Endpoints of a service that are kept in etcd."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fake_etcd.clientv3.errors import StatusError
from fake_etcd.clientv3.naming import Endpoint, Operation, Update
from tests.clientv3.faces import Face

ONE, TWO = Endpoint("10.0.0.1:80"), Endpoint("10.0.0.2:80", {"weight": 2})


@pytest.fixture
def shop(face: Face, cli: Any) -> Any:
    return face.make(face.module("naming").Manager, cli, "shop")


def test_endpoints_come_and_go_and_are_told(shop: Any, cli: Any) -> None:
    shop.add_endpoint("shop/1", ONE)
    cli.put("shop/no endpoint", "{")
    told = shop.watch()
    assert next(told) == (Update(Operation.ADD, "shop/1", ONE),)
    shop.update([Update(Operation.DELETE, "shop/1"), Update(Operation.ADD, "shop/2", TWO)])
    assert next(told) == (
        Update(Operation.DELETE, "shop/1"),
        Update(Operation.ADD, "shop/2", TWO),
    )
    assert shop.list() == {"shop/2": TWO}


def test_the_values_are_those_of_gos_client(shop: Any, cli: Any) -> None:
    shop.add_endpoint("shop/2", TWO)
    assert cli.get("shop/2").kvs[0].value == (
        b'{"Op":0,"Addr":"10.0.0.2:80","Metadata":{"weight":2}}'
    )
    assert json.loads(cli.get("shop/2").kvs[0].value)["Op"] == Operation.ADD


def test_an_endpoint_ends_with_its_lease(shop: Any) -> None:
    with pytest.raises(Exception, match="requested lease not found"):
        shop.add_endpoint("shop/1", ONE, lease=7)


def test_a_key_that_is_not_the_targets_is_refused(shop: Any) -> None:
    with pytest.raises(
        StatusError, match=r"endpoints: endpoint key should be prefixed with 'shop/' got: 'other'$"
    ):
        shop.add_endpoint("other", ONE)
    with pytest.raises(StatusError, match="is not JSON serializable"):
        shop.add_endpoint("shop/1", Endpoint("a", object()))


def test_a_manager_wants_a_target(face: Face, cli: Any) -> None:
    with pytest.raises(ValueError, match=r"^invalid target$"):
        face.make(face.module("naming").Manager, cli, "")
