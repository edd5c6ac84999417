"""From the buckets of etcd's database to a node, which was just made and has nothing yet.

Members are taken only for the member that goes on: whoever starts a new one from a snapshot says
what cluster it is, as with `etcdutl snapshot restore`. A downgrade goes on in either.
etcd: server/storage/mvcc/kvstore.go (restore), server/lease/lessor.go (initAndRecover, Promote),
server/auth/store.go (NewAuthStore).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from fake_etcd.api import errors
from fake_etcd.api import messages as m
from fake_etcd.core.alarm import Alarm
from fake_etcd.core.auth.permissions import Permission
from fake_etcd.core.auth.store import Role, User
from fake_etcd.core.cluster import Member
from fake_etcd.core.damaged import Damaged
from fake_etcd.core.downgrade import Release, parsed
from fake_etcd.core.lease import REVOKED_PER_TICK, TICK_SECONDS, Lessor
from fake_etcd.core.mvcc.encoding import encode_field
from fake_etcd.core.mvcc.version import Version
from fake_etcd.core.node import Node
from fake_etcd.core.snapshot import schema
from fake_etcd.core.snapshot.schema import Buckets, LeaseRecord, Pairs

_KNOWN_STORAGE = ("3.6", "3.7")
"""Versions of the schema that there are, beside the one before, which does not say so."""

_ENDING_PER_SECOND = 750
"""Leases that may (etcd: three quarters of those that it revokes in a second)."""

AnyMessage = TypeVar("AnyMessage", bound=Message)


def load(node: Node, buckets: Buckets, *, continues: bool = False) -> None:
    """Fill a node that has just been made. About 5 us for each version.

    Leases begin anew with all of their time, or what a checkpoint says is left of it, and the
    time of an election more, as with an etcd that becomes leader.

    Args:
        node: which; where this raises it is of no use any more.
        buckets: by name; those that are not needed are not looked at.
        continues: whether it is the same member that goes on after a stop, and so its log with
            it. Else it is a new one that begins with what another had.

    Raises:
        Damaged: no etcd leaves its buckets so.
        Corrupt: of a `bbolt.Bucket` among them.
    """
    for name in (schema.KEY, schema.META):
        if name not in buckets:
            raise Damaged(f"it has no bucket {name.decode()!r}: it is not etcd's")
    meta = dict(buckets[schema.META].items())
    _check_version(meta)
    finished = _compaction(meta, schema.FINISHED_COMPACT)
    scheduled = _compaction(meta, schema.SCHEDULED_COMPACT)
    least = max(finished, scheduled)
    node.store.load(_versions(buckets[schema.KEY]), finished, least)
    _load_leases(node, buckets.get(schema.LEASE, {}))
    if scheduled > finished:
        node.resume_compaction(scheduled)
    _load_auth(node, buckets)
    for key in dict(buckets.get(schema.ALARM, {}).items()):
        alarm = _message(m.AlarmMember, key, key)
        node.alarms.activate(Alarm(alarm.alarm, alarm.memberID))  # forbids to compact, for one
    if continues:
        _load_members(node, buckets)
        index = meta.get(schema.CONSISTENT_INDEX, schema.UINT64.pack(0))
        term = meta.get(schema.TERM, schema.UINT64.pack(0))
        node.go_on(
            schema.read_number(index, schema.CONSISTENT_INDEX),
            schema.read_number(term, schema.TERM),
        )
    _load_versions(node, buckets.get(schema.CLUSTER, {}), continues)


def _check_version(meta: Mapping[bytes, bytes]) -> None:
    stored = meta.get(schema.STORAGE_VERSION)
    if stored is None:
        return
    text = stored.decode(errors="replace")
    if not text.startswith(tuple(f"{each}." for each in _KNOWN_STORAGE)):
        raise Damaged(f"it is of storage version {text}, and 3.5 to 3.7 are what is read")


def _compaction(meta: Mapping[bytes, bytes], name: bytes) -> int:
    """A revision, or -1 where there is none."""
    value = meta.get(name)
    return -1 if value is None else schema.read_revision(value, name)


def _versions(bucket: Pairs) -> Iterator[tuple[bytes, Version]]:
    """Keys and their versions, in order of revisions."""
    unpack, size = schema.REVISION.unpack_from, schema.REVISION.size
    parse = m.KeyValue.FromString
    last = (0, -1)
    for revision, value in bucket.items():
        length = len(revision)
        if length < size:
            raise Damaged(f"key bucket: {revision!r} is no revision")
        main, underscore, sub = unpack(revision)
        if underscore != schema.UNDERSCORE or (main, sub) <= last or main < 1 or sub < 0:
            raise Damaged(f"key bucket: {revision!r} is no revision, or not one after the last")
        last = (main, sub)
        try:
            stored = parse(value)
        except DecodeError:
            raise Damaged(f"revision {main}.{sub}: what it left is no KeyValue") from None
        key = stored.key
        if length > size:
            if revision[size:] != schema.TOMBSTONE or not key:
                raise Damaged(f"revision {main}.{sub}: it is marked {revision[size:]!r}")
            yield key, Version.of_delete(key, main, sub)
            continue
        if not value:
            # What `etcdutl snapshot restore --bump-revision` leaves: nothing but the revision.
            continue
        created, number, lease = stored.create_revision, stored.version, stored.lease
        if not key or stored.mod_revision != main or not 0 < created <= main or number < 1:
            raise Damaged(f"revision {main}.{sub}: what it left is of another revision")
        field = encode_field(key, stored.value, created, main, number, lease)
        yield key, Version(created, main, sub, number, lease, field)


def _load_leases(node: Node, bucket: Pairs) -> None:
    lessor = node.lessor
    extended = node.clock.now() + node.config.election_timeout_ms / 1000
    records = [schema.read_lease(key, value) for key, value in bucket.items()]
    for lease, delay in _spread(records):
        _grant(lessor, lease, extended + delay)
    for key, version in node.store.live_versions():
        # Of a lease that is gone etcd only logs "failed to attach a lease": the key stays.
        if version.lease and lessor.lookup(version.lease) is not None:
            lessor.attach(version.lease, key)


def _spread(leases: list[LeaseRecord]) -> Iterator[tuple[LeaseRecord, float]]:
    """By how many seconds each is to end later, where many would end at once.

    Of those that end within a second 750 do; each that is one too many ends later by as many
    seconds as there are 750 in all up to it, of which it has waited some already.
    etcd: server/lease/lessor.go, Promote.
    """
    if len(leases) < REVOKED_PER_TICK / TICK_SECONDS:
        yield from ((lease, 0.0) for lease in leases)
        return
    in_order = sorted(leases, key=_left)
    base = _left(in_order[0])
    window, count = base + 1.0, 0
    for lease in in_order:
        left = _left(lease)
        delay = 0.0
        if left > window:
            base, window, count = left, left + 1.0, 1
        else:
            count += 1
            if count > _ENDING_PER_SECOND:
                delay = count / _ENDING_PER_SECOND - (left - base)
                window = base + delay
        yield lease, delay


def _left(lease: LeaseRecord) -> int:
    return lease.remaining_seconds or lease.ttl_seconds


def _grant(lessor: Lessor, lease: LeaseRecord, begins: float) -> None:
    spent = max(lease.ttl_seconds - _left(lease), 0)
    try:
        lessor.grant(lease.id, lease.ttl_seconds, begins - spent)
    except errors.EtcdError as error:
        raise Damaged(f"lease {lease.id:x}: {error}") from None


def _load_auth(node: Node, buckets: Buckets) -> None:
    auth = dict(buckets.get(schema.AUTH, {}).items())
    revision = auth.get(schema.AUTH_REVISION, schema.UINT64.pack(0))
    users = [
        _user(_message(m.User, name, value))
        for name, value in buckets.get(schema.AUTH_USERS, {}).items()
    ]
    roles = [
        _role(_message(m.Role, name, value))
        for name, value in buckets.get(schema.AUTH_ROLES, {}).items()
    ]
    node.auth.load(
        auth.get(schema.AUTH_ENABLED) == b"\x01",
        max(schema.read_number(revision, schema.AUTH_REVISION), 1),
        users,
        roles,
    )


def _load_members(node: Node, buckets: Buckets) -> None:
    """Where this member is not among them, it was started as another one, and they stay away."""
    members = [_member(*pair) for pair in buckets.get(schema.MEMBERS, {}).items()]
    removed = map(schema.read_member_key, dict(buckets.get(schema.MEMBERS_REMOVED, {}).items()))
    if any(member.id == node.member_id for member in members):
        node.membership.load(members, removed)


def _load_versions(node: Node, bucket: Pairs, continues: bool) -> None:
    cluster = dict(bucket.items())
    stored = (
        _release(cluster[schema.CLUSTER_VERSION]) if schema.CLUSTER_VERSION in cluster else None
    )
    target = None
    if schema.DOWNGRADE in cluster:
        try:
            downgrade = json.loads(cluster[schema.DOWNGRADE])
            if downgrade.get("enabled", False):
                target = _release(downgrade["target-version"].encode())
        except (ValueError, AttributeError, KeyError, RecursionError):
            raise Damaged("downgrade: what is there is none") from None
    node.versions.load(target, stored if continues else None)


def _release(value: bytes) -> Release:
    try:
        return parsed(value.decode())
    except (errors.EtcdError, UnicodeDecodeError):
        raise Damaged(f"cluster bucket: {value!r} is no version") from None


def _member(key: bytes, value: bytes) -> Member:
    id = schema.read_member_key(key)
    try:
        stored = json.loads(value)
        # Where clients find it each says when it starts; the others have never started.
        return Member(
            id,
            str(stored.get("name", "")),
            tuple(map(str, stored["peerURLs"])),
            is_learner=bool(stored.get("isLearner", False)),
        )
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError):
        raise Damaged(f"member {key.decode()}: what is there is none") from None


def _message(kind: type[AnyMessage], name: bytes, value: bytes) -> AnyMessage:
    try:
        return kind.FromString(value)
    except DecodeError:
        raise Damaged(f"user, role or alarm {name!r}: what is there is none") from None


def _text(name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError:
        raise Damaged(f"user or role {name!r}: it is no text") from None


def _user(user: m.User) -> User:
    name = _text(user.name)
    return User(name, user.password, user.options.no_password, tuple(sorted(user.roles)))


def _role(role: m.Role) -> Role:
    permissions = (Permission(it.permType, it.key, it.range_end) for it in role.keyPermission)
    return Role(_text(role.name), tuple(permissions))
