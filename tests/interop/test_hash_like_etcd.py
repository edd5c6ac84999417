"""Hashes: the same history has the same HashKV at every revision, on real etcd and on ours.

Random programs are played on both, one after another, so that the history gets longer and
compactions find what others left. What either says of every revision since is compared.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings

from bench import servers
from conformance import oracle, programs
from conformance.fuzz import Side
from conformance.programs import Program
from conformance.targets import FakeEtcd, RealEtcd
from fake_etcd.api import messages as m
from fake_etcd.api.status import OK

from .conftest import built

Pair = tuple[Side, Side]
PREFIX = b"/"


@pytest.fixture(scope="module", autouse=True)
def program() -> Path:
    """Real etcd's executable; without Go there is nothing to test."""
    return built(oracle.build)


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    """Real etcd and ours, both new."""
    with oracle.start() as real, servers.ours() as ours, contextlib.ExitStack() as stack:
        sides = [stack.enter_context(contextlib.closing(Side(at.url))) for at in (real, ours)]
        yield sides[0], sides[1]


def play(side: Side, program: Program) -> None:
    for step in program:
        request = programs.shifted(step.request, PREFIX, side.base)
        if isinstance(request, m.CompactionRequest):
            # Whether one that goes on behind its answer is through is a matter of time.
            request.physical = True
        side.call(step.client, step.method, request.SerializeToString())


def hash_at(side: Side, revision: int) -> tuple[int, ...] | str:
    """Hash, compact revision, revision of the hash, and that of the header; or what is wrong."""
    request = m.HashKVRequest(revision=revision).SerializeToString()
    answers, status = side.call(0, "Maintenance/HashKV", request)
    if status != OK:
        return f"{status.code.name}: {status.message}"
    answer = m.HashKVResponse.FromString(answers[0])
    return answer.hash, answer.compact_revision, answer.hash_revision, answer.header.revision


def test_of_a_new_server(pair: Pair) -> None:
    real, ours = ([hash_at(side, revision) for revision in range(-2, 4)] for side in pair)
    assert real == ours
    assert real[2] == (real[0][0], -1, 1, 1)
    assert real[4] == "OUT_OF_RANGE: etcdserver: mvcc: required revision is a future revision"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(program=programs.plain_programs)
def test_after_any_history(pair: Pair, program: Program) -> None:
    for side in pair:
        side.begin()
        play(side, program)
    first, last = pair[0].base - 40, pair[0].base + 40
    for revision in (-1, 0, *range(max(first, 1), last)):
        expected = hash_at(pair[0], revision)
        assert hash_at(pair[1], revision) == expected, revision
        if expected == "OUT_OF_RANGE: etcdserver: mvcc: required revision is a future revision":
            break


def test_of_many_keys_and_a_value_of_a_megabyte(pair: Pair) -> None:
    for side in pair:
        for number in range(300):
            put = m.PutRequest(key=b"many/%d" % number, value=b"v" * (number * 7))
            side.call(0, "KV/Put", put.SerializeToString())
        large = m.PutRequest(key=b"large", value=bytes(range(256)) * 4_000)
        side.call(0, "KV/Put", large.SerializeToString())
    real, ours = (hash_at(side, 0) for side in pair)
    assert real == ours


def ask(sides: Pair, name: str, request: Message) -> None:
    for side in sides:
        side.call(0, name, request.SerializeToString())


def hashes_of_all(sides: Pair) -> list[int]:
    answers = [side.call(0, "Maintenance/Hash", b"")[0][0] for side in sides]
    return [m.HashResponse.FromString(answer).hash for answer in answers]


def test_of_the_whole_database_where_all_that_is_chance_is_the_same() -> None:
    advertised = ("--advertise-client-urls=http://a.example:1",)
    raised = m.AlarmRequest(action=m.AlarmRequest.ACTIVATE, alarm=m.NOSPACE, memberID=5)
    no_password = m.UserAddOptions(no_password=True)
    root = m.AuthUserGrantRoleRequest(user="root", role="root")
    steps: tuple[tuple[str, Message], ...] = (
        ("KV/Put", m.PutRequest(key=b"a", value=b"1")),
        ("KV/Put", m.PutRequest(key=b"a", value=b"2")),
        ("Lease/LeaseGrant", m.LeaseGrantRequest(ID=7, TTL=60)),
        ("KV/Put", m.PutRequest(key=b"b", lease=7)),
        ("KV/DeleteRange", m.DeleteRangeRequest(key=b"a")),
        ("KV/Compact", m.CompactionRequest(revision=4, physical=True)),
        ("Auth/RoleAdd", m.AuthRoleAddRequest(name="r")),
        ("Maintenance/Alarm", raised),
        ("Auth/UserAdd", m.AuthUserAddRequest(name="root", options=no_password)),
        ("Auth/UserGrantRole", root),
        ("Maintenance/Defragment", m.DefragmentRequest()),
    )
    with contextlib.ExitStack() as stack:
        urls = [stack.enter_context(of.server(advertised)).url for of in (RealEtcd(), FakeEtcd())]
        sides = [stack.enter_context(contextlib.closing(Side(url))) for url in urls]
        pair = sides[0], sides[1]
        seen = {hashes_of_all(pair)[0]}
        for name, request in steps:
            ask(pair, name, request)
            real, ours = hashes_of_all(pair)
            assert real == ours, name
            assert name == "Maintenance/Defragment" or real not in seen, name
            seen.add(real)
