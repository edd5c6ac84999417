"""A node that is dumped and loaded is the same node, whatever happened and whatever comes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings

from fake_etcd.api import errors
from fake_etcd.api import messages as m
from fake_etcd.core.alarm import CORRUPT, NOSPACE, Alarm
from fake_etcd.core.auth.permissions import READ, WRITE, Permission
from fake_etcd.core.clock import VirtualClock
from fake_etcd.core.cluster import added
from fake_etcd.core.damaged import Damaged
from fake_etcd.core.downgrade import INTERVAL_SECONDS, OWN, parsed
from fake_etcd.core.mvcc.version import Version
from fake_etcd.core.node import Node, NodeConfig
from fake_etcd.core.snapshot import schema
from fake_etcd.core.snapshot.dump import dump
from fake_etcd.core.snapshot.load import load
from fake_etcd.core.snapshot.schema import LeaseRecord
from tests.core.snapshot.histories import HISTORIES, Compact, Put, Step, play

Buckets = Mapping[bytes, Mapping[bytes, bytes]]


def buckets_of(node: Node) -> dict[bytes, dict[bytes, bytes]]:
    return {name: dict(pairs.items()) for name, pairs in dump(node).items()}


def loaded(buckets: Buckets, **how: bool) -> Node:
    node = Node()
    load(node, buckets, **how)
    return node


def finish(node: Node) -> None:
    while node.store.compact_step(1_000):
        pass


def seen(node: Node) -> list[Any]:
    """All that there is to be read, at each revision, and the hash of it."""
    store = node.store
    found: list[Any] = [store.current_revision, store.compact_revision]
    found += [
        [str(it) for it in store.range(b"", b"", revision=revision).versions]
        for revision in range(max(store.compact_revision, 1), store.current_revision + 1)
    ]
    found.append([(str(it), it.lease) for it in store.versions_since(0)])
    # By id: those that end at the same time are in any order in etcd.
    leases = sorted(node.lessor.leases(), key=lambda lease: lease.id)
    found.append([(it.id, it.ttl_seconds, it.sorted_keys()) for it in leases])
    return found


@settings(deadline=None)
@given(HISTORIES, HISTORIES)
def test_it_is_the_same_and_goes_on_as_the_same(before: list[Step], after: list[Step]) -> None:
    node = Node()
    play(node, before)
    other = loaded(buckets_of(node))
    for each in (node, other):
        finish(each)
        each.store.check()
        each.lessor.check()
    assert seen(other) == seen(node)
    # At a revision that none was compacted to: those have hashes that no file keeps.
    for each in (node, other):
        each.store.put(b"z", b"")
    revision = node.store.current_revision
    assert other.store.hash_at(revision) == node.store.hash_at(revision)
    play(node, after)
    play(other, after)
    for each in (node, other):
        finish(each)
        each.store.check()
        each.lessor.check()
    assert buckets_of(other)[schema.KEY] == buckets_of(node)[schema.KEY]
    assert seen(other)[:-1] == seen(node)[:-1]


@settings(deadline=None)
@given(HISTORIES, HISTORIES)
def test_what_happens_after_loading_can_be_taken_back(
    before: list[Step], after: list[Step]
) -> None:
    node = Node()
    play(node, before)
    other = loaded(buckets_of(node))
    finish(other)
    was = seen(other)
    moment = other.snapshot()
    play(other, after)
    finish(other)
    other.restore(moment)
    other.store.check()
    other.lessor.check()
    assert seen(other) == was


def test_what_a_moment_was_stays_so_while_the_node_goes_on() -> None:
    node = Node()
    play(node, [Put(b"a", b"1", 0), Put(b"a", b"2", 0), Put(b"b", b"3", 0)])
    moment = dump(node)
    was = {name: dict(pairs.items()) for name, pairs in moment.items()}
    play(node, [Put(b"a", b"4", 0), Compact(0, 100)])
    finish(node)
    assert {name: dict(pairs.items()) for name, pairs in moment.items()} == was


def test_a_new_node_has_these_buckets() -> None:
    node = Node(NodeConfig(advertise_client_urls=("http://a&b:2379",)))
    assert buckets_of(node) == {
        b"alarm": {},
        b"auth": {b"authEnabled": b"\0", b"authRevision": bytes(7) + b"\1"},
        b"authRoles": {},
        b"authUsers": {},
        b"cluster": {b"clusterVersion": b"3.7.0"},
        b"key": {},
        b"lease": {},
        b"members": {
            b"8e9e05c52164694d": b'{"id":10276657743932975437,"peerURLs":["http://localhost:2380"],'
            b'"name":"default","clientURLs":["http://a\\u0026b:2379"]}'
        },
        b"members_removed": {},
        b"meta": {
            b"confState": b'{"voters":[10276657743932975437],"auto_leave":false}',
            b"consistent_index": bytes(7) + b"\4",
            b"storageVersion": b"3.7.0",
            b"term": bytes(7) + b"\2",
        },
    }


def test_a_compaction_that_is_not_through_is_done_again() -> None:
    node = Node()
    play(node, [Put(b"a", b"1", 0)] * 9)
    node.compact(8)
    meta = buckets_of(node)[b"meta"]
    assert meta[b"scheduledCompactRev"] == bytes(7) + b"\x08_" + bytes(8)
    assert b"finishedCompactRev" not in meta
    other = loaded(buckets_of(node))
    assert (other.store.compact_revision, other.store.compaction_pending) == (8, True)
    finish(other)
    assert [it.mod_revision for it in other.store.versions_since(0)] == [8, 9, 10]
    meta = buckets_of(other)[b"meta"]
    assert meta[b"finishedCompactRev"] == meta[b"scheduledCompactRev"]


def test_users_roles_and_their_revision_come_along() -> None:
    node = Node()
    auth = node.auth
    auth.user_add("root", b"$2a$hash")
    auth.user_grant_role("root", "root")
    auth.role_add("r")
    auth.role_grant_permission("r", Permission(READ, b"a", b"b"))
    auth.role_grant_permission("r", Permission(WRITE, b"x", b"\0"))
    auth.user_add("u", b"", no_password=True)
    auth.user_grant_role("u", "r")
    auth.auth_enable()
    other = loaded(buckets_of(node)).auth
    assert (other.enabled, other.revision) == (True, auth.revision)
    assert [other.user(name) for name in other.user_list()] == [
        auth.user(name) for name in ("root", "u")
    ]
    assert [other.role(name) for name in other.role_list()] == [auth.role("r")]
    with pytest.raises(errors.INVALID_AUTH_MGMT):
        other.user_delete("root")


def test_alarms_come_along_and_forbid_as_before() -> None:
    node = Node()
    node.store.put(b"a", b"1")
    node.compact(2)
    node.alarms.activate(Alarm(CORRUPT, node.member_id))
    node.alarms.activate(Alarm(NOSPACE, 5))
    corrupt = m.AlarmMember(memberID=node.member_id, alarm=m.CORRUPT).SerializeToString()
    assert buckets_of(node)[b"alarm"] == {b"\x08\x05\x10\x01": b"", corrupt: b""}
    other = loaded(buckets_of(node))
    assert other.alarms.listed() == node.alarms.listed()
    assert (other.alarms.corrupt, other.store.compact_revision) == (True, 2)


def test_a_downgrade_is_told_of() -> None:
    node = Node()
    node.versions.enable(parsed("3.6"))
    buckets = buckets_of(node)
    assert buckets[b"cluster"] == {
        b"clusterVersion": b"3.7.0",
        b"downgrade": b'{"target-version":"3.6.0","enabled":true}',
    }


@pytest.mark.parametrize("is_lowered", [False, True])
@pytest.mark.parametrize("continues", [False, True])
def test_a_downgrade_goes_on(is_lowered: bool, continues: bool) -> None:
    node = Node()
    target = parsed("3.6")
    node.versions.enable(target)
    if is_lowered:
        node.clock.advance(INTERVAL_SECONDS)  # type: ignore[attr-defined]  # it has its own
        node.run_due(node.clock.now())
    assert node.versions.cluster == (target if is_lowered else OWN)
    other = loaded(buckets_of(node), continues=continues)
    assert (other.versions.target, other.versions.cluster) == (target, target)
    # Real etcd lowers the version as soon as it leads, in an entry of its own.
    assert other.raft_index == (node.raft_index + (2 if is_lowered else 3) if continues else 4)
    with pytest.raises(errors.EtcdError, match="invalid downgrade target version"):
        other.versions.check_downgrade(target)
    with pytest.raises(errors.EtcdError, match="cluster has a downgrade job in progress"):
        other.versions.check_downgrade(parsed("3.5"))
    assert other.versions.cancel()
    assert other.versions.cluster == target
    raised = loaded(buckets_of(other), continues=continues)
    assert (raised.versions.target, raised.versions.cluster) == (None, OWN)
    assert raised.raft_index == (other.raft_index + 3 if continues else 4)
    other.clock.advance(INTERVAL_SECONDS)  # type: ignore[attr-defined]
    other.run_due(other.clock.now())
    assert other.versions.cluster == OWN


def test_a_downgrade_that_was_given_up_is_none() -> None:
    buckets = buckets_of(Node())
    buckets[b"cluster"][b"downgrade"] = b'{"target-version":"","enabled":false}'
    assert loaded(buckets).versions.target is None


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        (b"downgrade", b"{", "downgrade: what is there is none"),
        (b"downgrade", b"[]", "downgrade: what is there is none"),
        (b"downgrade", b'{"enabled":true}', "downgrade: what is there is none"),
        (b"downgrade", b'{"enabled":true,"target-version":5}', "downgrade: what is there is none"),
        (
            b"downgrade",
            b'{"enabled":true,"target-version":"5"}',
            "downgrade: what is there is none",
        ),
        (b"clusterVersion", b"3", "b'3' is no version"),
        (b"clusterVersion", b"\xff", "is no version"),
    ],
)
def test_versions_that_are_none_are_refused(name: bytes, value: bytes, why: str) -> None:
    buckets = buckets_of(Node())
    buckets[b"cluster"][name] = value
    with pytest.raises(Damaged, match=re.escape(why)):
        loaded(buckets)


def test_leases_begin_anew_behind_an_election() -> None:
    node = Node()
    node.lessor.grant(7, 100, 0.0)
    node.lessor.grant(-3, 50, 0.0)
    buckets = buckets_of(node)
    buckets[b"lease"][schema.INT64.pack(9)] = schema.lease_bytes(LeaseRecord(9, 100, 30))
    buckets[b"lease"] = dict(sorted(buckets[b"lease"].items()))
    clock = VirtualClock()
    clock.advance(1_000.0)
    other = Node(clock=clock)
    load(other, buckets)
    assert [(it.id, it.ttl_seconds, it.expiry) for it in other.lessor.leases()] == [
        (9, 100, 1_031.0),
        (-3, 50, 1_051.0),
        (7, 100, 1_101.0),
    ]


def test_leases_that_would_end_at_once_are_spread() -> None:
    node = Node()
    for id in range(1, 2_001):
        node.lessor.grant(id, 10 if id <= 1_600 else 12, 0.0)
    leases = {it.id: it.expiry for it in loaded(buckets_of(node)).lessor.leases()}
    assert {leases[id] for id in range(1, 751)} == {11.0}
    for id in range(751, 1_601):
        assert leases[id] == pytest.approx(11.0 + id / 750)
    # By then the second that is looked at has become two. Whoever is in it makes it short again.
    assert leases[1_601] == pytest.approx(13.0 + 1_601 / 750 - 2.0)
    assert {leases[id] for id in range(1_602, 2_001)} == {13.0}
    few = Node()
    for id in range(1, 1_000):
        few.lessor.grant(id, 10, 0.0)
    assert {it.expiry for it in loaded(buckets_of(few)).lessor.leases()} == {11.0}


def test_the_member_goes_on_where_it_stopped_or_begins_a_log_of_its_own() -> None:
    node = Node()
    node.raft_index, node.raft_term = 100, 5
    begun = loaded(buckets_of(node))
    assert (begun.raft_index, begun.raft_term, begun.header(1)) == (4, 2, Node().header(1))
    other = loaded(buckets_of(node), continues=True)
    assert (other.raft_index, other.raft_term) == (102, 6)
    assert other.header(1)[-2:] == other.header_without_revision[-2:] == b"\x20\x06"


def test_the_member_that_goes_on_has_the_members_that_it_had() -> None:
    node = Node()
    members = node.membership
    for port, is_learner in ((1, False), (2, True), (3, False)):
        members.add(added([f"http://a:{port}"], port, is_learner))
    gone = members.all[-1].id if members.all[-1].id != node.member_id else members.all[0].id
    members.remove(gone)
    buckets = buckets_of(node)
    other = loaded(buckets, continues=True)
    assert (other.members, other.membership.removed) == (members.all, frozenset({gone}))
    assert buckets_of(other)[b"members"] == buckets[b"members"]
    assert buckets_of(other)[b"members_removed"] == {b"%x" % gone: b"removed"}
    assert loaded(buckets).members == Node().members
    another = Node(NodeConfig(initial_cluster_token="another"))
    load(another, buckets, continues=True)
    assert another.members == Node(NodeConfig(initial_cluster_token="another")).members


def test_revisions_may_leap_as_restore_has_them_do() -> None:
    """etcdutl snapshot restore --bump-revision 1000000000 --mark-compacted."""
    node = Node()
    play(node, [Put(b"a", b"1", 0), Put(b"a", b"2", 0)])
    buckets = buckets_of(node)
    leapt = 3 + 1_000_000_000
    buckets[b"key"][schema.revision_bytes(leapt)] = b""
    buckets[b"meta"][schema.SCHEDULED_COMPACT] = schema.revision_bytes(leapt)
    other = loaded(buckets)
    finish(other)
    other.store.check()
    assert (other.store.current_revision, other.store.compact_revision) == (leapt, leapt)
    assert other.store.put(b"b", b"3") == leapt + 1
    assert [it.mod_revision for it in other.store.versions_since(0)] == [3, leapt + 1]
    assert [it.key for it in other.store.range(b"", b"").versions] == [b"a", b"b"]
    again = loaded(buckets_of(other))
    assert seen(again) == seen(other)


def test_what_lies_behind_a_leap_is_compacted_too() -> None:
    far = 1_000_000_000
    versions = [
        Version.of_put(b"a", b"", 2, 2, 0, 1),
        Version.of_put(b"b", b"", far, far, 0, 1),
        Version.of_put(b"b", b"", far, far + 5_000, 0, 2),
    ]
    node = loaded({**buckets_of(Node()), **key_bucket(*versions)})
    node.compact(far + 5_000)
    finish(node)
    node.store.check()
    assert [it.mod_revision for it in node.store.versions_since(0)] == [2, far + 5_000]
    assert node.store.hash_at(far + 5_000).compact_revision == -1


PUT = Version.of_put(b"k", b"v", 2, 2, 0, 1)
NEXT = Version.of_put(b"k", b"v", 2, 3, 0, 2)
GONE = Version.of_delete(b"k", 4, 0)


def key_bucket(*versions: Version) -> dict[bytes, dict[bytes, bytes]]:
    return {b"key": {it.database_key: it.database_value for it in versions}}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({b"meta": {b"storageVersion": b"3.8.0"}}, "it is of storage version 3.8.0, and 3.5 to"),
        ({b"meta": {b"finishedCompactRev": b"x"}}, "finishedCompactRev: b'x' is no revision"),
        ({b"meta": {b"consistent_index": b"x"}}, "consistent_index: b'x' is no number of 64 bits"),
        (
            {b"meta": {b"scheduledCompactRev": b"\xff" * 17}},
            "scheduledCompactRev: it is negative: -1",
        ),
        ({b"key": {b"x": b""}}, "key bucket: b'x' is no revision"),
        ({b"key": {bytes(17): b""}}, "is no revision, or not one after the last"),
        ({b"key": {PUT.database_key + b"x": b"\x0a\x01k"}}, "revision 2.0: it is marked b'x'"),
        ({b"key": {PUT.database_key: b"\x0a"}}, "revision 2.0: what it left is no KeyValue"),
        ({b"key": {GONE.database_key: PUT.database_value}}, None),
        (
            {b"key": {PUT.database_key: NEXT.database_value}},
            "revision 2.0: what it left is of another revision",
        ),
        (key_bucket(NEXT, GONE, Version.of_delete(b"k", 5, 0)), "cannot follow"),
        (key_bucket(PUT, Version.of_put(b"k", b"v", 3, 3, 0, 1)), "cannot follow"),
        (
            {**key_bucket(PUT, NEXT), b"meta": {b"finishedCompactRev": NEXT.database_key}},
            "it is compacted to [0-9]+, and has versions that this drops",
        ),
        ({b"lease": {bytes(8): b"\x20\x01"}}, "lease 0+: it has a field that leases have not"),
        ({b"lease": {bytes(8): b"\x08\x01\x10\x01"}}, "lease 0+: it has another id inside"),
        ({b"lease": {bytes(8): b"\x08\xff"}}, "a number in a lease has no end"),
        (
            {b"lease": {bytes(7) + b"\1": b"\x08\x01\x10\xff\xff\xff\xff\xff\x7f"}},
            "lease 1: .*too large lease TTL",
        ),
        ({b"members": {b"x": b"{}"}}, "member b'x': it is no id"),
        ({b"members": {b"1" * 17: b"{}"}}, "it is no id"),
        ({b"members": {b"1": b"{"}}, "member 1: what is there is none"),
        ({b"members": {b"1": b"[]"}}, "member 1: what is there is none"),
        ({b"members": {b"1": b"{}"}}, "member 1: what is there is none"),
        ({b"members": {b"1": b'{"peerURLs":5}'}}, "member 1: what is there is none"),
        ({b"authUsers": {b"u": b"\x0a"}}, "user, role or alarm b'u': what is there is none"),
        ({b"authRoles": {b"u": b"\x0a\x01\xff"}}, r"user or role b'\\xff': it is no text"),
    ],
)
def test_what_no_etcd_leaves_is_refused(changes: Buckets, why: str | None) -> None:
    buckets = {**buckets_of(Node()), **changes}
    if why is None:
        load(Node(), buckets, continues=True)
        return
    with pytest.raises(Damaged, match=why):
        load(Node(), buckets, continues=True)


def test_a_key_of_a_lease_that_is_gone_stays_and_may_be_changed() -> None:
    node = Node()
    there = Version.of_put(b"k", b"v", 2, 2, 0, 1, lease=5)
    load(node, {**buckets_of(Node()), **key_bucket(there)}, continues=True)
    (kept,) = (version for _, version in node.store.live_versions())
    assert (kept.key, kept.value, kept.lease) == (b"k", b"v", 5)
    assert node.lessor.lookup(5) is None
    node.store.put(b"k", b"w")
    assert node.store.delete_range(b"k", None) == (1, 4)
    assert dict(node.store.live_versions()) == {}


@pytest.mark.parametrize("missing", [b"key", b"meta"])
def test_what_is_not_etcds_is_refused(missing: bytes) -> None:
    buckets = buckets_of(Node())
    del buckets[missing]
    with pytest.raises(Damaged, match="it is not etcd's"):
        load(Node(), buckets)


def test_the_buckets_that_an_older_etcd_has_not_are_not_needed() -> None:
    buckets = buckets_of(Node())
    node = loaded({name: buckets[name] for name in (b"key", b"meta")})
    assert (node.auth.revision, node.lessor.count) == (1, 0)
