"""The interface that Kubernetes uses: whole answers."""

from __future__ import annotations

from typing import Any

import pytest

from fake_etcd.clientv3.kubernetes import (
    KubernetesGetResponse,
    KubernetesListResponse,
    OptimisticResponse,
)
from fake_etcd.clientv3.responses import KeyValue
from tests.clientv3.faces import Face


@pytest.fixture
def kube(face: Face, cli: Any) -> Any:
    return face.make(face.module("kubernetes").Kubernetes, cli)


def test_a_put_succeeds_at_the_revision_it_expects(kube: Any) -> None:
    first = kube.optimistic_put("/a", "1", 0)
    made = first.revision
    assert first == OptimisticResponse(None, True, made)
    there = KeyValue(b"/a", b"1", made, made, 1)
    assert kube.optimistic_put("/a", "2", 0) == OptimisticResponse(None, False, made)
    told = kube.optimistic_put("/a", "2", 0, get_on_failure=True)
    assert told == OptimisticResponse(there, False, made)
    assert kube.optimistic_put("/a", "2", made) == OptimisticResponse(None, True, made + 1)
    assert kube.get("/a", revision=made) == KubernetesGetResponse(there, made + 1)


def test_a_delete_succeeds_at_the_revision_it_expects(kube: Any) -> None:
    made = kube.optimistic_put("/a", "1", 0).revision
    there = KeyValue(b"/a", b"1", made, made, 1)
    assert kube.optimistic_delete("/a", 1, get_on_failure=True) == OptimisticResponse(
        there, False, made
    )
    assert kube.optimistic_delete("/a", made) == OptimisticResponse(None, True, made + 1)
    assert kube.optimistic_delete("/a", made, get_on_failure=True) == OptimisticResponse(
        None, False, made + 1
    )
    assert kube.get("/a") == KubernetesGetResponse(None, made + 1)


def test_a_list_goes_on_where_its_limit_ended_it(kube: Any) -> None:
    made = [kube.optimistic_put(f"/p/{name}", name, 0).revision for name in "abc"]
    pairs = [
        KeyValue(f"/p/{name}".encode(), name.encode(), revision, revision, 1)
        for name, revision in zip("abc", made, strict=True)
    ]
    first = kube.list("/p/", limit=2)
    assert first == KubernetesListResponse(tuple(pairs[:2]), 3, made[-1])
    kube.optimistic_put("/p/d", "d", 0)
    rest = kube.list("/p/", limit=2, continue_=b"/p/b\0", revision=made[-1])
    assert rest == KubernetesListResponse((pairs[2],), 1, made[-1] + 1)
    assert kube.count("/p/") == 4
