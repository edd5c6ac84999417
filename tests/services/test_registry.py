"""The registry joins the method table and the services."""

from __future__ import annotations

from fake_etcd.api.methods import METHODS
from fake_etcd.core.node import Node
from fake_etcd.services import registry


def test_every_row_with_a_handler_has_an_endpoint_and_no_other() -> None:
    found = registry.endpoints(Node())
    assert set(found) == {path for path, method in METHODS.items() if method.handler}
    for path, endpoint in found.items():
        assert endpoint.method is METHODS[path]
        assert (endpoint.unary is None) != (endpoint.stream is None)


def test_only_what_may_have_to_wait_is_a_stream() -> None:
    found = registry.endpoints(Node())
    assert {path for path, endpoint in found.items() if endpoint.stream} == {
        "/etcdserverpb.KV/RangeStream",
        "/etcdserverpb.KV/Compact",
        "/etcdserverpb.Lease/LeaseKeepAlive",
        "/etcdserverpb.Maintenance/Hash",
        "/etcdserverpb.Maintenance/HashKV",
        "/etcdserverpb.Maintenance/Snapshot",
        "/etcdserverpb.Watch/Watch",
        "/etcdserverpb.Auth/Authenticate",
        "/etcdserverpb.Auth/UserAdd",
        "/etcdserverpb.Auth/UserChangePassword",
        "/v3electionpb.Election/Campaign",
        "/v3electionpb.Election/Observe",
        "/v3lockpb.Lock/Lock",
        "/grpc.health.v1.Health/Watch",
    }


def test_nodes_do_not_share_handlers() -> None:
    path = "/etcdserverpb.KV/Put"
    one, other = (registry.endpoints(Node()) for _ in range(2))
    assert one[path].unary is not other[path].unary
