"""Alarms, the quota, members and downgrades in a test: raised, refused, and taken back."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.protobuf.message import Message

from fake_etcd.api import errors
from fake_etcd.api import messages as m
from fake_etcd.api.methods import METHODS
from fake_etcd.testing import FakeEtcd
from fake_etcd.testing.alarms import Alarm

TOO_FULL = errors.NO_SPACE.message


def ask(etcd: FakeEtcd, name: str, request: Message) -> Any:
    method = METHODS[f"/etcdserverpb.{name}"]
    call = etcd.channel().unary_unary(
        method.path, method.request.SerializeToString, method.response.FromString
    )
    return call(request)


def refusal(etcd: FakeEtcd, name: str, request: Message) -> str:
    with pytest.raises(grpc.RpcError) as refused:
        ask(etcd, name, request)
    details = refused.value.details()
    assert isinstance(details, str)
    return details


def put(value: bytes = b"") -> m.PutRequest:
    return m.PutRequest(key=b"a", value=value)


def told(etcd: FakeEtcd) -> list[Message]:
    """All that can be told of what a snapshot has to bring back."""
    status = ask(etcd, "Maintenance/Status", m.StatusRequest())
    members = ask(etcd, "Cluster/MemberList", m.MemberListRequest())
    hashed = ask(etcd, "Maintenance/HashKV", m.HashKVRequest())
    return [status, members, hashed]


def test_an_alarm_is_raised_and_taken_away() -> None:
    with FakeEtcd() as etcd:
        etcd.alarms.activate("NOSPACE")
        assert refusal(etcd, "KV/Put", put()) == TOO_FULL
        own = ask(etcd, "Maintenance/Status", m.StatusRequest()).leader
        assert etcd.alarms.listed() == [Alarm("NOSPACE", own)]
        etcd.alarms.activate("NOSPACE", 5)
        assert etcd.alarms.deactivate("NOSPACE") == 2
        assert etcd.alarms.deactivate("CORRUPT") == 0
        ask(etcd, "KV/Put", put())


def test_an_alarm_for_a_while_goes_whatever_happens() -> None:
    with FakeEtcd() as etcd:

        def fail() -> None:
            with etcd.alarms.raised("CORRUPT"):
                assert refusal(etcd, "KV/Put", put()) == errors.CORRUPT.message
                raise KeyError

        with pytest.raises(KeyError):
            fail()
        assert etcd.alarms.listed() == []


@pytest.mark.parametrize("kind", ["", "NONE", "nospace", "SPACE"])
def test_no_other_alarm_is_known(kind: Any) -> None:
    with FakeEtcd() as etcd:
        for use in (etcd.alarms.activate, etcd.alarms.deactivate):
            with pytest.raises(ValueError, match=r"there are NOSPACE and CORRUPT$"):
                use(kind)


def test_with_users_alarms_are_the_tests_own_business() -> None:
    with FakeEtcd(auth={"root": "pw"}) as etcd, etcd.alarms.raised("NOSPACE"):
        channel = etcd.channel(user="root")
        call = channel.unary_unary("/etcdserverpb.KV/Put", m.PutRequest.SerializeToString)
        with pytest.raises(grpc.RpcError, match=TOO_FULL):
            call(put())


def test_a_lease_waits_for_the_end_of_corruption_to_expire() -> None:
    with FakeEtcd() as etcd:
        etcd.clock.freeze()
        ask(etcd, "Lease/LeaseGrant", m.LeaseGrantRequest(ID=7, TTL=5))
        ask(etcd, "KV/Put", m.PutRequest(key=b"leased", lease=7))
        with etcd.alarms.raised("CORRUPT"):
            etcd.clock.advance(60)
            assert etcd.store.get("leased") == b""
        etcd.clock.advance(0)
        assert etcd.store.get("leased") is None


def test_a_branch_takes_back_alarms_members_and_downgrades() -> None:
    with FakeEtcd() as etcd:
        etcd.clock.freeze()
        ask(etcd, "KV/Put", put(b"1"))
        etcd.alarms.activate("NOSPACE", 5)
        ask(etcd, "Cluster/MemberAdd", m.MemberAddRequest(peerURLs=["http://a:1"], isLearner=True))
        before = told(etcd)
        with etcd.branch():
            etcd.alarms.deactivate("NOSPACE")
            etcd.alarms.activate("CORRUPT", 6)
            etcd.alarms.deactivate("CORRUPT")
            ask(etcd, "KV/Put", put(b"2" * 100_000))
            ask(etcd, "KV/Compact", m.CompactionRequest(revision=3, physical=True))
            members = ask(etcd, "Cluster/MemberList", m.MemberListRequest()).members
            for member in members:
                if member.isLearner:
                    ask(etcd, "Cluster/MemberRemove", m.MemberRemoveRequest(ID=member.ID))
                else:
                    update = m.MemberUpdateRequest(ID=member.ID, peerURLs=["http://b:1"])
                    ask(etcd, "Cluster/MemberUpdate", update)
            enable = m.DowngradeRequest(action=m.DowngradeRequest.ENABLE, version="3.6")
            ask(etcd, "Maintenance/Downgrade", enable)
            etcd.clock.advance(10)
            during = told(etcd)
            assert all(one != other for one, other in zip(before, during, strict=True))
            assert during[0].storageVersion == "3.6.0"  # type: ignore[attr-defined]  # a status
        assert told(etcd) == before
        etcd.clock.advance(10)
        assert told(etcd) == before, "no look that was taken back comes after all"


def test_a_downgrade_that_is_under_way_goes_on_after_going_back_to_it() -> None:
    with FakeEtcd() as etcd:
        etcd.clock.freeze()
        enable = m.DowngradeRequest(action=m.DowngradeRequest.ENABLE, version="3.6")
        ask(etcd, "Maintenance/Downgrade", enable)
        with etcd.branch():
            etcd.clock.advance(10)
            cancel = m.DowngradeRequest(action=m.DowngradeRequest.CANCEL)
            ask(etcd, "Maintenance/Downgrade", cancel)
        seen = []
        for _ in range(5):
            status = ask(etcd, "Maintenance/Status", m.StatusRequest())
            seen.append((status.storageVersion, status.downgradeInfo.targetVersion))
            etcd.clock.advance(1)
        assert seen == [("3.7.0", "3.6.0")] * 4 + [("3.6.0", "3.6.0")]


def test_a_reset_has_no_alarms_and_its_own_members_only() -> None:
    with FakeEtcd() as etcd:
        etcd.alarms.activate("CORRUPT")
        ask(etcd, "Cluster/MemberAdd", m.MemberAddRequest(peerURLs=["http://a:1"]))
        etcd.reset()
        assert etcd.alarms.listed() == []
        assert len(ask(etcd, "Cluster/MemberList", m.MemberListRequest()).members) == 1


def test_the_quota_is_kept_to_and_given_back_by_a_branch() -> None:
    with FakeEtcd(quota_backend_bytes=1_000_000) as etcd:
        with etcd.branch():
            ask(etcd, "KV/Put", put(b"v" * 900_000))
            assert refusal(etcd, "KV/Put", put(b"v" * 900_000)) == TOO_FULL
            assert refusal(etcd, "KV/Put", put()) == TOO_FULL
        ask(etcd, "KV/Put", put(b"v" * 900_000))
        assert etcd.alarms.listed() == []


def test_options_of_membership_are_kept_to() -> None:
    with FakeEtcd(max_learners=2, strict_reconfig_check=False) as etcd:
        for letter in "ab":
            learner = m.MemberAddRequest(peerURLs=[f"http://{letter}:1"], isLearner=True)
            ask(etcd, "Cluster/MemberAdd", learner)
        third = m.MemberAddRequest(peerURLs=["http://c:1"], isLearner=True)
        assert refusal(etcd, "Cluster/MemberAdd", third) == errors.TOO_MANY_LEARNERS.message
        for letter in "def":
            ask(etcd, "Cluster/MemberAdd", m.MemberAddRequest(peerURLs=[f"http://{letter}:1"]))
        assert len(ask(etcd, "Cluster/MemberList", m.MemberListRequest()).members) == 6
