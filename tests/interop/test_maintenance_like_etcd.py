"""Random upkeep on real etcd and ours in step: alarms, members, downgrades, and what they forbid.

Every answer is compared in the conformance suite's normal form. No voter is ever added: a real
etcd would wait for it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conformance import normal_form, oracle
from conformance.connection import method_named
from conformance.fuzz import Side
from conformance.normal_form import Names
from conformance.targets import FakeEtcd, RealEtcd
from fake_etcd.api import messages as m

from .conftest import built

FLAGS = ("--advertise-client-urls=http://a.example:1", "--max-learners=2")
OWN_URL = "http://localhost:2380"

GET, ACTIVATE, DEACTIVATE = (
    m.AlarmRequest.AlarmAction.Value(name) for name in ("GET", "ACTIVATE", "DEACTIVATE")
)

Step = tuple[str, tuple[object, ...]]
"""What is done, and with what; see `Upkeep`."""


def step(name: str, *arguments: st.SearchStrategy[object]) -> st.SearchStrategy[Step]:
    return st.tuples(st.just(name), st.tuples(*arguments))


WHO = st.integers(0, 3)
URLS = st.lists(st.integers(0, 4), max_size=2)

STEPS = st.one_of(
    step(
        "alarm",
        st.sampled_from((GET, ACTIVATE, ACTIVATE, DEACTIVATE)),
        st.sampled_from((m.NONE, m.NOSPACE, m.CORRUPT, 7)),
        st.sampled_from((0, 5)),
    ),
    step("put", st.sampled_from((b"", b"a", b"b")), st.sampled_from((0, 7, 8))),
    step("txn", st.booleans(), st.booleans()),
    step("delete", st.sampled_from((b"a", b"x"))),
    step("compact", st.integers(-1, 3)),
    step("lease", st.booleans()),
    step("add", URLS),
    step("remove", WHO),
    step("update", WHO, URLS),
    step("promote", WHO),
    step("move", WHO),
    step(
        "downgrade",
        st.sampled_from((0, 1, 2, 3)),
        st.sampled_from(("3.6", "3.5", "3.6.0-rc", "x")),
    ),
    step("status"),
    step("hash", st.integers(-1, 5)),
    step("defragment"),
)


@dataclass
class Upkeep:
    """One of the two servers, while a program is played.

    Args:
        side: the server.
        number: of the program: its URLs are no other's, and so are the ids made of them.
    """

    side: Side
    number: int
    names: Names = field(init=False)
    removed: int = 0

    def __post_init__(self) -> None:
        self.begin()
        self.names = Names(self.side.base)

    def begin(self) -> None:
        """Be well again, and alone, whatever the last program did."""
        for alarm in m.AlarmResponse.FromString(self._raw("Alarm", m.AlarmRequest())).alarms:
            self._raw(
                "Alarm",
                m.AlarmRequest(action=DEACTIVATE, alarm=alarm.alarm, memberID=alarm.memberID),
            )
        self._raw("Downgrade", m.DowngradeRequest(action=m.DowngradeRequest.CANCEL))
        for member in self.members():
            if member.name:
                update = m.MemberUpdateRequest(ID=member.ID, peerURLs=[OWN_URL])
                self.ask("Cluster/MemberUpdate", update, Names())
            else:
                self.ask("Cluster/MemberRemove", m.MemberRemoveRequest(ID=member.ID), Names())
        self.side.begin()

    def _raw(self, name: str, request: Message) -> bytes:
        return self.side.call(0, f"Maintenance/{name}", request.SerializeToString())[0][0]

    def ask(self, name: str, request: Message, names: Names | None = None) -> str:
        """What comes of a call, in the normal form."""
        answers, status = self.side.call(0, name, request.SerializeToString())
        kind = method_named(name).response
        names = names or self.names
        fields = [normal_form.answer_fields(kind, answer, names) for answer in answers]
        return f"{name} {fields} {status.code.name} {status.message}"

    def members(self) -> list[m.Member]:
        """The member itself first."""
        answers, _ = self.side.call(0, "Cluster/MemberList", b"")
        found = m.MemberListResponse.FromString(answers[0]).members
        return sorted(found, key=lambda each: (not each.name, list(each.peerURLs)))

    def _id(self, who: int) -> int:
        """Of the member of this number; of nobody where there are not so many."""
        members = self.members()
        return members[who].ID if who < len(members) else 5

    def _urls(self, chosen: list[int]) -> list[str]:
        # Who was removed is not asked for again: whether that is the same id depends on the second.
        own = f"{self.number}-{self.removed}.example"
        return [OWN_URL if each == 4 else f"http://{'abcd'[each]}.{own}:1" for each in chosen]

    # Steps

    def alarm(self, action: int, kind: int, member: int) -> str:
        request = m.AlarmRequest(action=action, alarm=kind, memberID=member)
        return self.ask("Maintenance/Alarm", request)

    def put(self, key: bytes, lease: int) -> str:
        return self.ask("KV/Put", m.PutRequest(key=key, lease=lease))

    def txn(self, puts: bool, compares: bool) -> str:
        put = m.RequestOp(request_put=m.PutRequest(key=b"a"))
        delete = m.RequestOp(request_delete_range=m.DeleteRangeRequest(key=b"b"))
        fails = m.Compare(key=b"a", target=m.Compare.VERSION, version=-1)
        operations = [put if puts else delete]
        compare = [fails] if compares else []
        return self.ask("KV/Txn", m.TxnRequest(compare=compare, success=operations))

    def delete(self, key: bytes) -> str:
        return self.ask("KV/DeleteRange", m.DeleteRangeRequest(key=key))

    def compact(self, back: int) -> str:
        revision = self.side.base + 1 - back
        return self.ask("KV/Compact", m.CompactionRequest(revision=revision, physical=True))

    def lease(self, grants: bool) -> str:
        if grants:
            return self.ask("Lease/LeaseGrant", m.LeaseGrantRequest(ID=7, TTL=60))
        return self.ask("Lease/LeaseRevoke", m.LeaseRevokeRequest(ID=7))

    def add(self, urls: list[int]) -> str:
        request = m.MemberAddRequest(peerURLs=self._urls(urls), isLearner=True)
        return self.ask("Cluster/MemberAdd", request)

    def remove(self, who: int) -> str:
        self.removed += 1
        return self.ask("Cluster/MemberRemove", m.MemberRemoveRequest(ID=self._id(who)))

    def update(self, who: int, urls: list[int]) -> str:
        # At another member without URLs a real etcd crashes, and then at each start.
        chosen = urls if who == 0 else [*urls, 3]
        request = m.MemberUpdateRequest(ID=self._id(who), peerURLs=self._urls(chosen))
        return self.ask("Cluster/MemberUpdate", request)

    def promote(self, who: int) -> str:
        return self.ask("Cluster/MemberPromote", m.MemberPromoteRequest(ID=self._id(who)))

    def move(self, who: int) -> str:
        return self.ask("Maintenance/MoveLeader", m.MoveLeaderRequest(targetID=self._id(who)))

    def downgrade(self, action: int, version: str) -> str:
        if action == m.DowngradeRequest.ENABLE and version == "3.6":
            version = "3.7"  # What comes of it comes at any time of the next four seconds.
        request = m.DowngradeRequest(action=action, version=version)
        return self.ask("Maintenance/Downgrade", request)

    def status(self) -> str:
        # Asked for twice: etcd may answer a call a moment before it counts its entry.
        self.side.call(0, "Maintenance/Status", b"")
        answers, _ = self.side.call(0, "Maintenance/Status", b"")
        found = m.StatusResponse.FromString(answers[0])
        told = normal_form.answer_fields(m.StatusResponse, answers[0], self.names)
        return f"{told} {found.raftIndex}"

    def hash(self, back: int) -> str:
        revision = self.side.base + 1 - back
        return self.ask("Maintenance/HashKV", m.HashKVRequest(revision=revision))

    def defragment(self) -> str:
        return self.ask("Maintenance/Defragment", m.DefragmentRequest())


@pytest.fixture(scope="module", autouse=True)
def program() -> Path:
    """Real etcd's executable; without Go there is nothing to test."""
    return built(oracle.build)


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Side, Side]]:
    """Real etcd and ours, both new."""
    with contextlib.ExitStack() as stack:
        urls = [stack.enter_context(of.server(FLAGS)).url for of in (RealEtcd(), FakeEtcd())]
        sides = [stack.enter_context(contextlib.closing(Side(url))) for url in urls]
        yield sides[0], sides[1]


numbers = iter(range(1_000_000))

LEASES = 5_000


def pages_of_leases(url: str) -> int:
    """How much more of a database is in use, once there are so many leases."""
    with grpc.insecure_channel(url.removeprefix("http://")) as channel:

        def call(name: str) -> grpc.UnaryUnaryMultiCallable[Any, Any]:
            method = method_named(name)
            return channel.unary_unary(
                method.path, method.request.SerializeToString, method.response.FromString
            )

        status = call("Maintenance/Status")
        before = status(m.StatusRequest())
        grant, request = call("Lease/LeaseGrant"), m.LeaseGrantRequest(TTL=10_000)
        for _ in range(10):
            for granted in [grant.future(request) for _ in range(LEASES // 10)]:
                granted.result()
        call("Maintenance/Hash")(m.HashRequest())  # real etcd commits before, and counts that
        after = status(m.StatusRequest())
        assert after.dbSize >= after.dbSizeInUse
        return int(after.dbSizeInUse - before.dbSizeInUse) // 4_096


def test_leases_take_about_as_many_pages() -> None:
    with RealEtcd().server(FLAGS) as real, FakeEtcd().server(FLAGS) as ours:
        expected = pages_of_leases(real.url)
        assert expected > LEASES // 100
        assert pages_of_leases(ours.url) == pytest.approx(expected, rel=0.15)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=st.lists(STEPS, min_size=4, max_size=25))
def test_all_upkeep_is_answered_alike(pair: tuple[Side, Side], steps: list[Step]) -> None:
    number = next(numbers)
    real, ours = (Upkeep(side, number) for side in pair)
    for name, arguments in steps:
        expected = getattr(real, name)(*arguments)
        assert getattr(ours, name)(*arguments) == expected
