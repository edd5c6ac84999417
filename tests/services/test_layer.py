"""Layers of endpoints that are made when they are asked for."""

from __future__ import annotations

import pytest

from fake_etcd.api.methods import METHODS, Method
from fake_etcd.services.call import Endpoint
from fake_etcd.services.layer import Layer

PATHS = ["/etcdserverpb.KV/Put", "/etcdserverpb.KV/Range", "/etcdserverpb.Watch/Watch"]


def test_what_nobody_asks_for_is_not_made_and_what_was_made_stays() -> None:
    made: list[str] = []

    def make(method: Method) -> Endpoint:
        made.append(method.name)
        return Endpoint(method, unary=lambda request, call: b"")

    below = {path: METHODS[path] for path in PATHS}
    lower = Layer(below, make)
    upper = Layer(lower, lambda endpoint: Endpoint(endpoint.method, unary=endpoint.unary))

    assert (list(upper), len(upper)) == (PATHS, 3)
    assert PATHS[0] in upper
    assert "/nobody/Knows" not in upper
    assert made == []

    first = upper[PATHS[1]]
    assert first.unary is lower[PATHS[1]].unary
    assert upper.get(PATHS[1]) is first
    assert made == ["Range"]

    assert dict(upper.items()) == {path: upper[path] for path in PATHS}
    assert sorted(made) == ["Put", "Range", "Watch"]


def test_what_is_not_below_is_not_there() -> None:
    layer = Layer[Method]({}, Endpoint)
    assert layer.get("/nobody/Knows") is None
    with pytest.raises(KeyError, match=r"^'/nobody/Knows'$"):
        layer["/nobody/Knows"]
