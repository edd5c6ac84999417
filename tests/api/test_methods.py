"""The method table says what the descriptors say, and what they do not say is etcd's."""

from __future__ import annotations

from google.protobuf.descriptor_pb2 import FileDescriptorSet, MethodDescriptorProto

from fake_etcd.api import descriptors, methods
from fake_etcd.api.methods import METHODS, SERVICES, Kind

KINDS = {(False, False): Kind.UNARY, (False, True): Kind.SERVER_STREAM, (True, True): Kind.BIDI}


def described() -> dict[str, MethodDescriptorProto]:
    """Every rpc of every service of the shipped set, by path."""
    compiled = FileDescriptorSet.FromString(descriptors.SET.read_bytes())
    found = [
        (f"/{file.package}.{service.name}/{rpc.name}", rpc)
        for file in compiled.file
        for service in file.service
        for rpc in service.method
    ]
    assert len(dict(found)) == len(found)
    return dict(found)


def names(condition: str) -> set[str]:
    """Paths, without the leading slash, of the rows for which an attribute is true."""
    return {path[1:] for path, method in METHODS.items() if getattr(method, condition)}


def test_the_table_has_each_rpc_of_each_service_once() -> None:
    assert set(METHODS) == set(described())
    assert len(METHODS) == len(methods._TABLE) == 52


def test_types_and_kinds_are_the_descriptors() -> None:
    for path, rpc in described().items():
        method = METHODS[path]
        assert f".{method.request.DESCRIPTOR.full_name}" == rpc.input_type, path
        assert f".{method.response.DESCRIPTOR.full_name}" == rpc.output_type, path
        assert method.kind is KINDS[rpc.client_streaming, rpc.server_streaming], path


def test_a_path_is_service_and_name() -> None:
    for path, method in METHODS.items():
        assert path == method.path == f"/{method.service}/{method.name}"


def test_the_services_are_those_etcd_registers() -> None:
    etcd = ("Auth", "Cluster", "KV", "Lease", "Maintenance", "Watch")
    others = {"grpc.health.v1.Health", "v3electionpb.Election", "v3lockpb.Lock"}
    assert {f"etcdserverpb.{name}" for name in etcd} | others == SERVICES


def test_only_range_stream_and_health_have_no_gateway_route() -> None:
    without = {path for path, method in METHODS.items() if method.gateway is None}
    health = {f"/grpc.health.v1.Health/{name}" for name in ("Check", "List", "Watch")}
    assert without == {"/etcdserverpb.KV/RangeStream", *health}


def test_no_two_methods_share_a_gateway_route() -> None:
    routes = [
        route
        for method in METHODS.values()
        for route in (method.gateway, *method.gateway_aliases)
        if route is not None
    ]
    assert len(routes) == len(set(routes)) == 51
    assert all(route.startswith("/v3/") for route in routes)


def test_three_lease_methods_keep_their_old_routes() -> None:
    assert {
        method.name: method.gateway_aliases for method in METHODS.values() if method.gateway_aliases
    } == {
        "LeaseRevoke": ("/v3/kv/lease/revoke",),
        "LeaseTimeToLive": ("/v3/kv/lease/timetolive",),
        "LeaseLeases": ("/v3/kv/lease/leases",),
    }


def test_these_have_handlers_so_far() -> None:
    assert {path: method.handler for path, method in METHODS.items() if method.handler} == {
        "/etcdserverpb.KV/Range": "kv.range",
        "/etcdserverpb.KV/RangeStream": "kv.range_stream",
        "/etcdserverpb.KV/Put": "kv.put",
        "/etcdserverpb.KV/DeleteRange": "kv.delete_range",
        "/etcdserverpb.KV/Txn": "kv.txn",
        "/etcdserverpb.KV/Compact": "kv.compact",
        "/etcdserverpb.Watch/Watch": "watch.watch",
        "/etcdserverpb.Lease/LeaseGrant": "lease.grant",
        "/etcdserverpb.Lease/LeaseRevoke": "lease.revoke",
        "/etcdserverpb.Lease/LeaseKeepAlive": "lease.keep_alive",
        "/etcdserverpb.Lease/LeaseTimeToLive": "lease.time_to_live",
        "/etcdserverpb.Lease/LeaseLeases": "lease.leases",
        "/etcdserverpb.Cluster/MemberAdd": "cluster.member_add",
        "/etcdserverpb.Cluster/MemberRemove": "cluster.member_remove",
        "/etcdserverpb.Cluster/MemberUpdate": "cluster.member_update",
        "/etcdserverpb.Cluster/MemberList": "cluster.member_list",
        "/etcdserverpb.Cluster/MemberPromote": "cluster.member_promote",
        "/etcdserverpb.Maintenance/Alarm": "maintenance.alarm",
        "/etcdserverpb.Maintenance/Defragment": "maintenance.defragment",
        "/etcdserverpb.Maintenance/Downgrade": "maintenance.downgrade",
        "/etcdserverpb.Maintenance/Hash": "maintenance.hash",
        "/etcdserverpb.Maintenance/HashKV": "maintenance.hash_kv",
        "/etcdserverpb.Maintenance/MoveLeader": "maintenance.move_leader",
        "/etcdserverpb.Maintenance/Snapshot": "snapshot.snapshot",
        "/etcdserverpb.Maintenance/Status": "maintenance.status",
        "/etcdserverpb.Auth/AuthEnable": "auth.enable",
        "/etcdserverpb.Auth/AuthDisable": "auth.disable",
        "/etcdserverpb.Auth/AuthStatus": "auth.status",
        "/etcdserverpb.Auth/Authenticate": "auth.authenticate",
        "/etcdserverpb.Auth/UserAdd": "auth.user_add",
        "/etcdserverpb.Auth/UserGet": "auth.user_get",
        "/etcdserverpb.Auth/UserList": "auth.user_list",
        "/etcdserverpb.Auth/UserDelete": "auth.user_delete",
        "/etcdserverpb.Auth/UserChangePassword": "auth.user_change_password",
        "/etcdserverpb.Auth/UserGrantRole": "auth.user_grant_role",
        "/etcdserverpb.Auth/UserRevokeRole": "auth.user_revoke_role",
        "/etcdserverpb.Auth/RoleAdd": "auth.role_add",
        "/etcdserverpb.Auth/RoleGet": "auth.role_get",
        "/etcdserverpb.Auth/RoleList": "auth.role_list",
        "/etcdserverpb.Auth/RoleDelete": "auth.role_delete",
        "/etcdserverpb.Auth/RoleGrantPermission": "auth.role_grant_permission",
        "/etcdserverpb.Auth/RoleRevokePermission": "auth.role_revoke_permission",
        "/v3electionpb.Election/Campaign": "concurrency.campaign",
        "/v3electionpb.Election/Proclaim": "concurrency.proclaim",
        "/v3electionpb.Election/Leader": "concurrency.leader",
        "/v3electionpb.Election/Observe": "concurrency.observe",
        "/v3electionpb.Election/Resign": "concurrency.resign",
        "/v3lockpb.Lock/Lock": "concurrency.lock",
        "/v3lockpb.Lock/Unlock": "concurrency.unlock",
        "/grpc.health.v1.Health/Check": "health.check",
        "/grpc.health.v1.Health/List": "health.list",
        "/grpc.health.v1.Health/Watch": "health.watch",
    }


def test_root_alone_may_call_what_etcd_guards_so() -> None:
    cluster = {
        f"etcdserverpb.Cluster/Member{name}" for name in ("Add", "Remove", "Update", "Promote")
    }
    maintenance = {
        f"etcdserverpb.Maintenance/{name}"
        for name in ("Defragment", "Hash", "HashKV", "Snapshot", "MoveLeader", "Downgrade")
    }
    open_to_users = {"AuthStatus", "Authenticate", "UserGet", "RoleGet"}
    auth = {
        path[1:]
        for path, method in METHODS.items()
        if method.service == "etcdserverpb.Auth" and method.name not in open_to_users
    }
    assert names("admin_only") == {"etcdserverpb.KV/Compact"} | cluster | maintenance | auth


def test_releases_are_those_with_the_rpc() -> None:
    later = {method.name: method.since for method in METHODS.values() if method.since != "3.0"}
    assert later == {
        "RangeStream": "3.7",
        "LeaseTimeToLive": "3.1",
        "LeaseLeases": "3.3",
        "MemberPromote": "3.4",
        "HashKV": "3.3",
        "MoveLeader": "3.3",
        "Downgrade": "3.5",
        "AuthStatus": "3.5",
        **dict.fromkeys(("Campaign", "Proclaim", "Leader", "Observe", "Resign"), "3.2"),
        **dict.fromkeys(("Lock", "Unlock"), "3.2"),
        "Check": "3.3",
        "List": "3.7",
        "Watch": "3.3",
    }
