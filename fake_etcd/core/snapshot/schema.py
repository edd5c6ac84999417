"""Names and encodings of what etcd keeps in its database, bucket by bucket.

Which state of a node goes there is `dump`'s and `load`'s.
etcd: server/storage/schema, server/storage/mvcc/revision.go, server/lease/leasepb/lease.proto.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol

from fake_etcd.core.damaged import Damaged
from fake_etcd.core.mvcc.encoding import varint

KEY, META, LEASE, ALARM, CLUSTER = b"key", b"meta", b"lease", b"alarm", b"cluster"
MEMBERS, MEMBERS_REMOVED = b"members", b"members_removed"
AUTH, AUTH_USERS, AUTH_ROLES = b"auth", b"authUsers", b"authRoles"

CONSISTENT_INDEX, TERM, CONF_STATE = b"consistent_index", b"term", b"confState"
STORAGE_VERSION = b"storageVersion"
SCHEDULED_COMPACT, FINISHED_COMPACT = b"scheduledCompactRev", b"finishedCompactRev"
"""Of META."""

AUTH_ENABLED, AUTH_REVISION = b"authEnabled", b"authRevision"
"""Of AUTH."""

CLUSTER_VERSION, DOWNGRADE = b"clusterVersion", b"downgrade"
"""Of CLUSTER."""

REVISION = struct.Struct(">qcq")
"""Main revision, an underscore, sub revision."""

UNDERSCORE = b"_"
TOMBSTONE = b"t"
"""What follows the revision of a deletion."""

UINT64 = struct.Struct(">Q")
INT64 = struct.Struct(">q")
"""The id of a lease."""


class Pairs(Protocol):
    """A bucket: keys and values, in order of keys."""

    def items(self) -> Iterable[tuple[bytes, bytes]]:
        """All of them."""


Buckets = Mapping[bytes, Pairs]
"""A database: buckets by name."""


class LeaseRecord(NamedTuple):
    """A lease as it is kept.

    Args:
        id: an int64, not 0.
        ttl_seconds: as granted.
        remaining_seconds: what it had left when that was last written down; 0 where it was not.
    """

    id: int
    ttl_seconds: int
    remaining_seconds: int = 0


def revision_bytes(main: int) -> bytes:
    """A revision with sub revision 0, as META has those of compactions."""
    return REVISION.pack(main, UNDERSCORE, 0)


def read_revision(value: bytes, what: bytes) -> int:
    """The main revision that META has under a name.

    Raises:
        Damaged
    """
    if len(value) != REVISION.size:
        raise Damaged(f"{what.decode()}: {value!r} is no revision")
    main: int = REVISION.unpack(value)[0]
    if main < 0:
        raise Damaged(f"{what.decode()}: it is negative: {main}")
    return main


def read_number(value: bytes, what: bytes) -> int:
    """A number of 64 bits under a name.

    Raises:
        Damaged
    """
    if len(value) != UINT64.size:
        raise Damaged(f"{what.decode()}: {value!r} is no number of 64 bits")
    number: int = UINT64.unpack(value)[0]
    return number


def member_key(id: int) -> bytes:
    """Under which a member is kept."""
    return format(id, "x").encode()


def read_member_key(key: bytes) -> int:
    """The id of a member.

    Raises:
        Damaged
    """
    try:
        id = int(key, 16)
    except ValueError:
        id = -1
    if member_key(id) != key or id >> 64:
        raise Damaged(f"member {key!r}: it is no id")
    return id


def lease_bytes(lease: LeaseRecord) -> bytes:
    """A lease as the message leasepb.Lease.

    >>> lease_bytes(LeaseRecord(7, 100)).hex(" ")
    '08 07 10 64'
    """
    numbers = enumerate(lease, start=1)
    return b"".join(bytes((at << 3,)) + varint(number) for at, number in numbers if number)


def read_lease(key: bytes, value: bytes) -> LeaseRecord:
    """Raises: Damaged: it is none."""
    fields = [0, 0, 0, 0]
    place = 0
    while place < len(value):
        tag = value[place]
        if tag not in (0x08, 0x10, 0x18):
            raise Damaged(f"lease {key.hex()}: it has a field that leases have not")
        number, place = _varint_at(value, place + 1)
        fields[tag >> 3] = number
    found = LeaseRecord(*fields[1:])
    if not found.id or key != INT64.pack(found.id):
        raise Damaged(f"lease {key.hex()}: it has another id inside")
    return found


def _varint_at(data: bytes, place: int) -> tuple[int, int]:
    """An int64 as a varint, and where it ends."""
    number = 0
    for shift in range(0, 70, 7):
        if place >= len(data):
            break
        byte = data[place]
        place += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            number &= 0xFFFF_FFFF_FFFF_FFFF
            return (number - (1 << 64) if number >> 63 else number), place
    raise Damaged("a number in a lease has no end")
