"""Direct reads and writes for a test that needs no client, on ours or on a real etcd.

They are calls like a client's, but go past faults and history, and past users and passwords.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from google.protobuf.message import Message

from fake_etcd.api import messages as m
from fake_etcd.core.auth.permissions import Permission
from fake_etcd.testing import permissions, seed
from fake_etcd.testing.auth_seed import AuthSeed
from fake_etcd.testing.keys import Text, prefix_end, raw, text

Ask = Callable[[str, Sequence[Message]], list[Any]]
"""The answers to calls of a method ("/etcdserverpb.KV/Put"), made in a row."""

_EVERYTHING = b"\0"


PlantAuth = Callable[[AuthSeed], None]
"""Makes users and roles."""


class Store:
    """The keys of an etcd, and who its users are.

    A refusal of the server's is raised as `api.errors.EtcdError`, with its text.

    Args:
        ask: makes calls.
        plant_auth: makes the users and roles of a seed.

    >>> from fake_etcd.testing import FakeEtcd
    >>> with FakeEtcd() as etcd:
    ...     etcd.store.put("a", "1")
    ...     etcd.store.get("a"), etcd.store.get("b")
    ...     etcd.store.delete("a")
    ...     etcd.store.load({"b/1": "x", "b/2": "y"})
    ...     etcd.store.dump()
    2
    (b'1', None)
    True
    {'b/1': 'x', 'b/2': 'y'}
    """

    def __init__(self, ask: Ask, plant_auth: PlantAuth) -> None:
        self._ask = ask
        self._plant_auth = plant_auth

    @property
    def revision(self) -> int:
        """The store's current revision; 1 in one that nothing was ever written to."""
        request = m.RangeRequest(key=_EVERYTHING, count_only=True)
        (answer,) = self._ask("/etcdserverpb.KV/Range", [request])
        return int(answer.header.revision)

    def get(self, key: Text) -> bytes | None:
        """A key's value; None where there is no such key."""
        (answer,) = self._ask("/etcdserverpb.KV/Range", [m.RangeRequest(key=raw(key))])
        return answer.kvs[0].value if answer.kvs else None

    def items(self, prefix: Text = "") -> list[tuple[bytes, bytes]]:
        """All keys that begin so, with their values, in the order of keys."""
        start = raw(prefix)
        request = m.RangeRequest(key=start or _EVERYTHING, range_end=prefix_end(start))
        (answer,) = self._ask("/etcdserverpb.KV/Range", [request])
        return [(kv.key, kv.value) for kv in answer.kvs]

    def first(self, most: int) -> tuple[list[tuple[bytes, bytes]], int]:
        """The first keys with their values, so many at most; and how many keys there are."""
        request = m.RangeRequest(key=_EVERYTHING, range_end=_EVERYTHING, limit=most)
        (answer,) = self._ask("/etcdserverpb.KV/Range", [request])
        return [(kv.key, kv.value) for kv in answer.kvs], int(answer.count)

    def put(self, key: Text, value: Text, *, lease: int = 0) -> int:
        """Put a key.

        Returns:
            The revision that this made.
        """
        request = m.PutRequest(key=raw(key), value=raw(value), lease=lease)
        (answer,) = self._ask("/etcdserverpb.KV/Put", [request])
        return int(answer.header.revision)

    def delete(self, key: Text) -> bool:
        """Delete a key.

        Returns:
            Whether it was there.
        """
        request = m.DeleteRangeRequest(key=raw(key))
        (answer,) = self._ask("/etcdserverpb.KV/DeleteRange", [request])
        return bool(answer.deleted)

    def load(self, mapping: Mapping[Any, Any]) -> None:
        """Put what a mapping asks for, in its order, each key with a revision of its own.

        Args:
            mapping: keys to values: text, bytes, or what else `testing.seed` says.

        Raises:
            ValueError: it is not understood; nothing was put then.
        """
        self._put_all(seed.entries(mapping, "load"))

    def plant(self, source: str | os.PathLike[str] | Mapping[Any, Any]) -> None:
        """The same for a mapping or the path of a file, with users; see `FakeEtcd.seed`."""
        __tracebackhide__ = True  # pytest would show what is given, and there may be passwords
        found = seed.parsed(source)
        self._put_all(found.entries)
        if found.auth is not None:
            self._plant_auth(found.auth)

    def _put_all(self, entries: Sequence[seed.Entry]) -> None:
        grants: list[Message] = [
            m.LeaseGrantRequest(TTL=entry.ttl_seconds)
            for entry in entries
            if entry.ttl_seconds is not None
        ]
        ids = iter(self._ask("/etcdserverpb.Lease/LeaseGrant", grants) if grants else ())
        puts: list[Message] = [
            m.PutRequest(
                key=entry.key,
                value=entry.value,
                lease=0 if entry.ttl_seconds is None else next(ids).ID,
            )
            for entry in entries
        ]
        self._ask("/etcdserverpb.KV/Put", puts)

    def dump(self) -> dict[Text, Text]:
        """All keys and values, in the order of keys: as text where they are UTF-8, else bytes.

        What it gives can be given to `load`.
        """
        return {text(key): text(value) for key, value in self.items()}

    # Users and roles; who has a password, and which, etcd does not tell

    def users(self) -> dict[str, list[str]]:
        """All users, by name, and the roles that each has."""
        (listed,) = self._ask("/etcdserverpb.Auth/UserList", [m.AuthUserListRequest()])
        names = list(listed.users)
        asked = [m.AuthUserGetRequest(name=name) for name in names]
        answers = self._ask("/etcdserverpb.Auth/UserGet", asked)
        return {name: list(each.roles) for name, each in zip(names, answers, strict=True)}

    def roles(self) -> dict[str, dict[str, list[Any]]]:
        """All roles, by name, and what each permits, as `testing.permissions` has it.

        >>> from fake_etcd.testing import FakeEtcd
        >>> with FakeEtcd(auth={"root": "pw", "roles": {"r": {"read": {"prefix": "a/"}}}}) as etcd:
        ...     etcd.store.roles()["r"]
        {'read': [{'prefix': 'a/'}]}
        """
        (listed,) = self._ask("/etcdserverpb.Auth/RoleList", [m.AuthRoleListRequest()])
        names = list(listed.roles)
        asked = [m.AuthRoleGetRequest(role=name) for name in names]
        answers = self._ask("/etcdserverpb.Auth/RoleGet", asked)
        return {
            name: permissions.written(
                Permission(it.permType, it.key, it.range_end) for it in each.perm
            )
            for name, each in zip(names, answers, strict=True)
        }

    def __repr__(self) -> str:
        return f"<Store of {self.first(1)[1]} keys, revision {self.revision}>"
