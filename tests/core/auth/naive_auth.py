"""Users and roles without any structure: looked through from end to end, copied to be undone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from hypothesis import strategies as st

from fake_etcd.core.auth.permissions import READ, READWRITE, WRITE, Permission

key_names = st.sampled_from([b"a", b"a\0", b"b", b"b1", b"c", b"d", b"\0", b"\xff"])
range_ends = st.sampled_from([b"", b"\0", b"a", b"a\0", b"b", b"b1", b"c", b"d", b"\xff", b"\0\0"])
any_permission = st.builds(
    Permission, st.sampled_from([READ, WRITE, READWRITE, 7]), key_names | st.just(b""), range_ends
)


def holds(ranges: Iterable[tuple[bytes, bytes]], key: bytes) -> bool:
    """Whether any of the ranges has the key."""
    return any(
        key == begin if not end else begin <= key and (end == b"\0" or key < end)
        for begin, end in ranges
    )


def holds_all(ranges: list[tuple[bytes, bytes]], key: bytes, range_end: bytes) -> bool:
    """Whether the ranges together have all keys of one.

    They do where they have its first key, and each at which one of them begins or ends. A range
    that ends before it begins has no keys; what is said of one is not what etcd says.
    """
    if not range_end:
        return holds(ranges, key)
    borders = {key}
    for begin, end in ranges:
        borders |= {begin, end or begin + b"\0"}
    inside = [it for it in borders if it >= key and (range_end == b"\0" or it < range_end)]
    if range_end == b"\0" and not any(end == b"\0" for _, end in ranges):
        return False  # some key behind all borders
    # An empty range is judged by its key.
    return all(holds(ranges, it) for it in inside or [key])


class Refused(NamedTuple):
    """The name of a row in the table of errors."""

    name: str


@dataclass
class NaiveUser:
    password: bytes
    no_password: bool
    roles: list[str] = field(default_factory=list)


@dataclass
class NaiveAuth:
    """What there is. Each operation gives None, or why it is refused."""

    enabled: bool = False
    revision: int = 1
    users: dict[str, NaiveUser] = field(default_factory=dict)
    roles: dict[str, list[Permission]] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    def auth_enable(self) -> Refused | None:
        if self.enabled:
            return None
        if "root" not in self.users:
            return Refused("ROOT_USER_NOT_EXIST")
        if "root" not in self.users["root"].roles:
            return Refused("ROOT_ROLE_NOT_EXIST")
        self.enabled = True
        return None

    def auth_disable(self) -> None:
        if self.enabled:
            self.enabled = False
            self.revision += 1
            self.tokens.clear()

    def user_add(self, name: str, password: bytes, no_password: bool) -> Refused | None:
        if name == "":
            return Refused("USER_EMPTY")
        if name in self.users:
            return Refused("USER_ALREADY_EXIST")
        self.users[name] = NaiveUser(b"" if no_password else password, no_password)
        self.revision += 1
        return None

    def user_delete(self, name: str) -> Refused | None:
        if self.enabled and name == "root":
            return Refused("INVALID_AUTH_MGMT")
        if name not in self.users:
            return Refused("USER_NOT_FOUND")
        del self.users[name]
        self._forget_tokens(name)
        self.revision += 1
        return None

    def user_change_password(self, name: str, password: bytes) -> Refused | None:
        if name not in self.users:
            return Refused("USER_NOT_FOUND")
        if not self.users[name].no_password:
            self.users[name].password = password
        self._forget_tokens(name)
        self.revision += 1
        return None

    def user_grant_role(self, name: str, role: str) -> Refused | None:
        if name not in self.users:
            return Refused("USER_NOT_FOUND")
        if role != "root" and role not in self.roles:
            return Refused("ROLE_NOT_FOUND")
        if role not in self.users[name].roles:
            self.users[name].roles = sorted([*self.users[name].roles, role])
            self.revision += 1
        return None

    def user_revoke_role(self, name: str, role: str) -> Refused | None:
        if self.enabled and name == role == "root":
            return Refused("INVALID_AUTH_MGMT")
        if name not in self.users:
            return Refused("USER_NOT_FOUND")
        if role not in self.users[name].roles:
            return Refused("ROLE_NOT_GRANTED")
        self.users[name].roles.remove(role)
        self.revision += 1
        return None

    def role_add(self, name: str) -> Refused | None:
        if name == "":
            return Refused("ROLE_EMPTY")
        if name in self.roles:
            return Refused("ROLE_ALREADY_EXIST")
        self.roles[name] = []
        self.revision += 1
        return None

    def role_delete(self, name: str) -> Refused | None:
        if self.enabled and name == "root":
            return Refused("INVALID_AUTH_MGMT")
        if name not in self.roles:
            return Refused("ROLE_NOT_FOUND")
        del self.roles[name]
        for user in self.users.values():
            if name in user.roles:
                user.roles.remove(name)
        self.revision += 1
        return None

    def role_grant_permission(self, name: str, new: Permission) -> Refused | None:
        if not new.is_valid:
            return Refused("INVALID_AUTH_MGMT")
        if name not in self.roles:
            return Refused("ROLE_NOT_FOUND")
        granted = self.roles[name]
        same_key = [it for it in granted if it.key == new.key]
        if same_key and same_key[0].range_end == new.range_end:
            granted[granted.index(same_key[0])] = new
        else:
            granted.append(new)
            granted.sort(key=lambda it: it.key)  # as Go does it, up to 12 of them
        self.revision += 1
        return None

    def role_revoke_permission(self, name: str, key: bytes, range_end: bytes) -> Refused | None:
        if name not in self.roles:
            return Refused("ROLE_NOT_FOUND")
        left = [it for it in self.roles[name] if (it.key, it.range_end) != (key, range_end)]
        if len(left) == len(self.roles[name]):
            return Refused("PERMISSION_NOT_GRANTED")
        self.roles[name] = left
        self.revision += 1
        return None

    def may(
        self, caller: str | None, revision: int, types: tuple[int, ...], key: bytes, end: bytes
    ) -> Refused | None:
        if not self.enabled:
            return None
        if caller is None or revision == 0:
            return Refused("USER_EMPTY")
        if revision < self.revision:
            return Refused("AUTH_OLD_REVISION")
        if caller not in self.users:
            return Refused("PERMISSION_DENIED")
        roles = self.users[caller].roles
        granted = [it for role in roles for it in self.roles.get(role, [])]
        ranges = [(it.key, it.range_end) for it in granted if it.perm_type in types]
        if "root" in roles or holds_all(ranges, key, end):
            return None
        return Refused("PERMISSION_DENIED")

    def is_admin(self, caller: str | None) -> Refused | None:
        if not self.enabled:
            return None
        if not caller:
            return Refused("USER_EMPTY")
        if caller not in self.users:
            return Refused("USER_NOT_FOUND")
        return None if "root" in self.users[caller].roles else Refused("PERMISSION_DENIED")

    def _forget_tokens(self, name: str) -> None:
        self.tokens = {token: user for token, user in self.tokens.items() if user != name}
