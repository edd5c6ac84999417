"""From a node to the buckets of etcd's database, as they are at one moment.

Small buckets are made at once. Of keys, leases, users and roles only references are taken: what is
kept of them never changes, so they are encoded while they are written, and the node may go on in
the meantime.
etcd: server/storage/schema; who writes what: mvcc/kvstore_txn.go, lease/lessor.go, auth/store.go,
etcdserver/cindex, api/membership.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

from fake_etcd.api import messages as m
from fake_etcd.core import cluster
from fake_etcd.core.alarm import Alarm
from fake_etcd.core.auth.store import AuthStore, Role, User
from fake_etcd.core.lease import Lease
from fake_etcd.core.mvcc.version import Version
from fake_etcd.core.node import Node
from fake_etcd.core.snapshot import schema
from fake_etcd.core.snapshot.schema import Buckets, Pairs

T = TypeVar("T")

_UINT64 = (1 << 64) - 1


def dump(node: Node) -> Buckets:
    """All buckets, in order of their names. O(versions): 20 ms for 600,000, and 8 bytes each."""
    keys: dict[bytes, Pairs] = {schema.KEY: Encoded(list(node.store.versions_since(0)), _key)}
    return dict(sorted((keys | dump_all_but_keys(node)).items()))


def dump_all_but_keys(node: Node) -> dict[bytes, Pairs]:
    """All buckets but that of the keys. O(n log n) for n leases, users and roles: 0.5 us each."""
    members = cluster.with_client_urls(
        node.members, node.member_id, node.config.advertise_client_urls
    )
    return {
        schema.META: _meta(node),
        schema.LEASE: _leases(node),
        schema.ALARM: dict(sorted((_alarm(alarm), b"") for alarm in node.alarms.listed())),
        schema.CLUSTER: _cluster(node),
        schema.MEMBERS: dict(sorted((schema.member_key(it.id), _member(it)) for it in members)),
        schema.MEMBERS_REMOVED: dict(
            sorted((schema.member_key(id), b"removed") for id in node.membership.removed)
        ),
        schema.AUTH: {
            schema.AUTH_ENABLED: bytes((node.auth.enabled,)),
            schema.AUTH_REVISION: schema.UINT64.pack(node.auth.revision),
        },
        schema.AUTH_USERS: Encoded(_users(node.auth), _user),
        schema.AUTH_ROLES: Encoded(_roles(node.auth), _role),
    }


class Encoded(Generic[T]):
    """A bucket whose records are made as they are asked for.

    Args:
        values: in order of their keys. They never change.
        encode: makes a record of one, key and value; takes some microseconds.
    """

    __slots__ = ("_encode", "_values")

    def __init__(self, values: Sequence[T], encode: Callable[[T], tuple[bytes, bytes]]) -> None:
        self._values = values
        self._encode = encode

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """All records."""
        return map(self._encode, self._values)


def _key(version: Version) -> tuple[bytes, bytes]:
    """A revision and what it left. About 0.7 us."""
    return version.database_key, version.database_value


def _meta(node: Node) -> dict[bytes, bytes]:
    store = node.store
    voters = [member.id for member in node.members if not member.is_learner]
    state: dict[str, object] = {"voters": voters}
    if learners := [member.id for member in node.members if member.is_learner]:
        state["learners"] = learners
    state["auto_leave"] = False
    meta = {
        schema.CONF_STATE: _json(state),
        schema.CONSISTENT_INDEX: schema.UINT64.pack(node.raft_index),
        schema.STORAGE_VERSION: str(node.versions.cluster).encode(),
        schema.TERM: schema.UINT64.pack(node.raft_term),
    }
    if store.compact_revision >= 0:
        revision = schema.revision_bytes(store.compact_revision)
        meta[schema.SCHEDULED_COMPACT] = revision
        # Where it is another, whoever loads this does the rest again, as etcd does after a crash.
        if store.finished_compaction >= 0:
            finished = schema.revision_bytes(store.finished_compaction)
            meta[schema.FINISHED_COMPACT] = finished
    return dict(sorted(meta.items()))


def _cluster(node: Node) -> dict[bytes, bytes]:
    found = {schema.CLUSTER_VERSION: str(node.versions.cluster).encode()}
    if node.versions.target is not None:
        shown = {"target-version": str(node.versions.target), "enabled": True}
        found[schema.DOWNGRADE] = _json(shown)
    return found


def _alarm(alarm: Alarm) -> bytes:
    return m.AlarmMember(memberID=alarm.member, alarm=alarm.kind).SerializeToString()


def _leases(node: Node) -> Encoded[Lease]:
    # By their bytes, of which negative ids have the larger ones.
    return Encoded(sorted(node.lessor.leases(), key=lambda it: it.id & _UINT64), _lease)


def _lease(lease: Lease) -> tuple[bytes, bytes]:
    # How much time each has left etcd writes only with the feature LeaseCheckpointPersist.
    record = schema.LeaseRecord(lease.id, lease.ttl_seconds)
    return schema.INT64.pack(lease.id), schema.lease_bytes(record)


def _member(member: cluster.Member) -> bytes:
    shown: dict[str, object] = {"id": member.id, "peerURLs": list(member.peer_urls)}
    if member.is_learner:
        shown["isLearner"] = True
    if member.name:
        shown["name"] = member.name
    if member.client_urls:
        shown["clientURLs"] = list(member.client_urls)
    return _json(shown)


def _json(value: object) -> bytes:
    """As Go's encoding/json has it, which spells out what HTML could take for its own."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    for character in "&<>":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text.encode()


def _users(auth: AuthStore) -> list[User]:
    """In order of names, which is that of their bytes."""
    found = map(auth.user, auth.user_list())
    return [user for user in found if user is not None]


def _user(user: User) -> tuple[bytes, bytes]:
    name = user.name.encode()
    options = m.UserAddOptions(no_password=user.no_password)
    message = m.User(name=name, password=user.password, roles=user.roles, options=options)
    return name, message.SerializeToString()


def _roles(auth: AuthStore) -> list[Role]:
    """Likewise."""
    found = map(auth.role, auth.role_list())
    return [role for role in found if role is not None]


def _role(role: Role) -> tuple[bytes, bytes]:
    name = role.name.encode()
    permissions = [
        m.Permission(permType=it.perm_type, key=it.key, range_end=it.range_end)
        for it in role.permissions
    ]
    return name, m.Role(name=name, keyPermission=permissions).SerializeToString()
