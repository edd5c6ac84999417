"""How many pages etcd's database has for what is no key: leases, users, roles and alarms.

For each there is a bucket, a B+ tree of its own. Records come in about the order of their keys, and
a full page is parted in the middle, so pages are half full, those of keys apart. A bucket of a few
records is in the page of its name, and takes none.
etcd: server/storage/schema; bbolt: node.go (split), bucket.go (inlineable, DefaultFillPercent).

Nothing is counted while leases are granted; whoever asks for the size pays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice

from fake_etcd.core.alarm import Alarms
from fake_etcd.core.auth.store import AuthStore
from fake_etcd.core.lease import Lessor

_PAGE_BYTES = 4_096
_FILLED_BYTES = _PAGE_BYTES // 2 - 16
_INLINE_BYTES = _PAGE_BYTES // 4

_HEAD_BYTES = 16
"""What a page has for each record, beside its key and value."""

_LEASE_BYTES = _HEAD_BYTES + 8 + 13
"""A lease with an id that the server chose, and a TTL of some hours at the most."""

_ALARM_BYTES = _HEAD_BYTES + 13
_FIELD_BYTES = 2
"""Tag and length of a field."""

_SAMPLED = 256


class SmallBuckets:
    """What there is beside keys.

    Args:
        lessor, auth, alarms: where it is.
    """

    __slots__ = ("_alarms", "_auth", "_lessor")

    def __init__(self, lessor: Lessor, auth: AuthStore, alarms: Alarms) -> None:
        self._lessor = lessor
        self._auth = auth
        self._alarms = alarms

    @property
    def mark(self) -> tuple[int, int]:
        """By which it is told that there is more or less. O(1)."""
        return self._lessor.count, self._auth.revision

    def pages(self) -> int:
        """How many are in use. O(users, roles and alarms): names alone, of most of them."""
        return (
            _pages(self._lessor.count * _LEASE_BYTES)
            + _pages(_all(self._auth.user_list(), self._user_bytes))
            + _pages(_all(self._auth.role_list(), self._role_bytes))
            + _pages(len(self._alarms.listed()) * _ALARM_BYTES)
        )

    def _user_bytes(self, name: str) -> int:
        user = self._auth.user(name)
        assert user is not None, "it is in the list"
        roles = sum(_FIELD_BYTES + len(role) for role in user.roles)
        return 2 * len(name) + 3 * _FIELD_BYTES + len(user.password) + roles

    def _role_bytes(self, name: str) -> int:
        role = self._auth.role(name)
        assert role is not None, "it is in the list"
        permissions = sum(
            4 * _FIELD_BYTES + len(each.key) + len(each.range_end) for each in role.permissions
        )
        return 2 * len(name) + _FIELD_BYTES + permissions


def _all(names: Sequence[str], bytes_of: Callable[[str], int]) -> int:
    """Bytes of all records, from those of some that lie evenly among them."""
    if not names:
        return 0
    looked = list(islice(names, 0, None, max(len(names) // _SAMPLED, 1)))
    mean = _HEAD_BYTES + sum(map(bytes_of, looked)) / len(looked)
    return int(mean * len(names))


def _pages(record_bytes: int) -> int:
    """Leaves, and branches of which each has some fifty pages below it."""
    if record_bytes <= _INLINE_BYTES:
        return 0
    leaves = -(-record_bytes // _FILLED_BYTES)
    return leaves + leaves // 50
