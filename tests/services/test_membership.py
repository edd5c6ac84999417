"""Cluster.MemberList and Maintenance.Status; counts of the log as etcd 3.7.3 reported them."""

from __future__ import annotations

import contextlib

import pytest
from google.protobuf.message import Message

from fake_etcd.api import messages as m
from fake_etcd.api.errors import EtcdError
from fake_etcd.api.methods import METHODS
from fake_etcd.core.node import Node, NodeConfig
from fake_etcd.services import registry
from fake_etcd.services.call import Call

ONE = NodeConfig(advertise_client_urls=("http://a:1", "http://b:2"))
THREE = NodeConfig(
    name="m1",
    initial_cluster=tuple((f"m{i}", (f"http://127.0.0.1:{5000 + i}",)) for i in range(3)),
    advertise_client_urls=("http://a:1",),
)


def ask(node: Node, name: str, request: Message) -> Message:
    path = f"/etcdserverpb.{name}"
    unary = registry.endpoints(node)[path].unary
    assert unary is not None
    method = METHODS[path]
    return method.response.FromString(unary(request, Call(method)))


@pytest.mark.parametrize("linearizable", [False, True])
def test_a_member_list_has_what_is_advertised_and_a_header_without_revision(
    linearizable: bool,
) -> None:
    node = Node(ONE)
    member = m.Member(
        ID=0x8E9E05C52164694D,
        name="default",
        peerURLs=["http://localhost:2380"],
        clientURLs=["http://a:1", "http://b:2"],
    )
    header = m.ResponseHeader(
        cluster_id=0xCDF818194E3A8C32, member_id=0x8E9E05C52164694D, raft_term=2
    )
    request = m.MemberListRequest(linearizable=linearizable)
    expected = m.MemberListResponse(header=header, members=[member])
    assert ask(node, "Cluster/MemberList", request) == expected


def test_members_that_were_never_heard_of_have_names_and_no_client_urls() -> None:
    answer = ask(Node(THREE), "Cluster/MemberList", m.MemberListRequest())
    assert isinstance(answer, m.MemberListResponse)
    shown = {each.name: (list(each.peerURLs), list(each.clientURLs)) for each in answer.members}
    assert shown == {
        "m0": (["http://127.0.0.1:5000"], []),
        "m1": (["http://127.0.0.1:5001"], ["http://a:1"]),
        "m2": (["http://127.0.0.1:5002"], []),
    }
    ids = [each.ID for each in answer.members]
    assert ids == sorted(ids)
    assert answer.header.member_id == next(it.ID for it in answer.members if it.name == "m1")


def test_a_cluster_without_this_member_is_refused() -> None:
    with pytest.raises(ValueError, match="no member called 'other'"):
        Node(NodeConfig(name="other", initial_cluster=THREE.initial_cluster))


def test_the_status_of_a_new_server() -> None:
    node = Node(ONE)
    header = m.ResponseHeader(
        cluster_id=0xCDF818194E3A8C32, member_id=0x8E9E05C52164694D, revision=1, raft_term=2
    )
    assert ask(node, "Maintenance/Status", m.StatusRequest()) == m.StatusResponse(
        header=header,
        version="3.7.3",
        dbSize=28_672,
        leader=0x8E9E05C52164694D,
        raftIndex=4,
        raftTerm=2,
        raftAppliedIndex=4,
        dbSizeInUse=20_480,
        storageVersion="3.7.0",
        dbSizeQuota=2 * 1024**3,
        downgradeInfo=m.DowngradeInfo(),
    )


@pytest.mark.parametrize(("given", "shown"), [(0, 2 * 1024**3), (5, 5), (-1, -1)])
def test_the_quota_is_shown_as_it_was_given(given: int, shown: int) -> None:
    answer = ask(
        Node(NodeConfig(quota_backend_bytes=given)), "Maintenance/Status", m.StatusRequest()
    )
    assert isinstance(answer, m.StatusResponse)
    assert answer.dbSizeQuota == shown


def test_the_log_of_three_begins_with_an_entry_for_each() -> None:
    assert Node(THREE).raft_index == 6


_PUT = m.PutRequest(key=b"a", value=b"1")
_WRITES = m.RequestOp(request_put=_PUT)
_READS = m.RequestOp(request_range=m.RangeRequest(key=b"a"))


@pytest.mark.parametrize(
    ("name", "request_", "entries"),
    [
        ("KV/Put", _PUT, 1),
        ("KV/Put", m.PutRequest(key=b"a", prev_kv=True), 1),
        ("KV/Put", m.PutRequest(key=b"a", lease=99), 1),
        ("KV/Put", m.PutRequest(key=b"a", ignore_value=True), 1),
        ("KV/Put", m.PutRequest(), 0),
        ("KV/Put", m.PutRequest(key=b"a", value=b"v" * 1_600_000), 0),
        ("KV/Range", m.RangeRequest(key=b"a"), 0),
        ("KV/DeleteRange", m.DeleteRangeRequest(key=b"a"), 1),
        ("KV/Txn", m.TxnRequest(), 0),
        ("KV/Txn", m.TxnRequest(success=[_READS]), 0),
        ("KV/Txn", m.TxnRequest(success=[_WRITES]), 1),
        ("KV/Txn", m.TxnRequest(failure=[_WRITES]), 1),
        ("Lease/LeaseGrant", m.LeaseGrantRequest(TTL=9), 1),
        ("Lease/LeaseGrant", m.LeaseGrantRequest(TTL=10**10), 1),
        ("Lease/LeaseRevoke", m.LeaseRevokeRequest(ID=9), 1),
        ("Lease/LeaseTimeToLive", m.LeaseTimeToLiveRequest(ID=9), 0),
        ("Lease/LeaseLeases", m.LeaseLeasesRequest(), 0),
        ("Cluster/MemberList", m.MemberListRequest(linearizable=True), 0),
        ("Maintenance/Alarm", m.AlarmRequest(), 1),
        ("Auth/AuthStatus", m.AuthStatusRequest(), 1),
        ("Auth/AuthEnable", m.AuthEnableRequest(), 1),
        ("Auth/UserList", m.AuthUserListRequest(), 1),
        ("Auth/RoleAdd", m.AuthRoleAddRequest(name="r"), 1),
        ("Auth/RoleGet", m.AuthRoleGetRequest(role="r"), 1),
    ],
)
def test_what_is_proposed_takes_an_entry_of_the_log_whatever_comes_of_it(
    name: str, request_: Message, entries: int
) -> None:
    node = Node()
    with contextlib.suppress(EtcdError):
        ask(node, name, request_)
    assert node.raft_index == 4 + entries


def test_a_lease_that_expires_is_revoked_by_an_entry_of_its_own() -> None:
    node = Node()
    for id in (7, 8):
        ask(node, "Lease/LeaseGrant", m.LeaseGrantRequest(ID=id, TTL=2))
    assert node.raft_index == 6
    node.run_due(10.0)
    assert node.raft_index == 8
