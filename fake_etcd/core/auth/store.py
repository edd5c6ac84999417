"""Users, roles and what they permit, and whether anybody asks for it.

Passwords come hashed; who a caller is, is said by `tokens`. All changes go through the journal.
etcd: server/auth/store.go. Each method is its namesake there, with its checks in their order.

Worked example, auth being off at first; `revision` is that of the auth store:

    user_add(root), user_grant_role(root, root)     revision 2, 3; the role root need not exist
    auth_enable()                                   3 still; from now on calls are looked at
    role_add(r), role_grant_permission(r, a READ)   4, 5
    user_add(u), user_grant_role(u, r)              6, 7
    check_range_permitted(u at 7, "a")              fine; at 6: AUTH_OLD_REVISION
    check_put_permitted(u at 7, "a")                PERMISSION_DENIED
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

from fake_etcd.api import errors
from fake_etcd.core.auth.permissions import READ, READWRITE, WRITE, Permission, RangePermissions
from fake_etcd.core.auth.tokens import AuthInfo, TokenProvider
from fake_etcd.core.go_sort import sort_like_go
from fake_etcd.core.journal import Journal

ROOT = "root"
"""The user that auth cannot be enabled without, and the role that may do everything."""

ROOT_PERMISSION = Permission(READWRITE, b"", b"\0")
"""What the role root is said to permit, whatever was granted to it."""

_NO_PERMISSIONS = RangePermissions(())

_FIRST_REVISION = 1

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class User:
    """A user.

    Args:
        name: what it is called.
        password: its bcrypt hash, or any other bytes, which no password matches.
        no_password: whether it is known by its certificate only.
        roles: names, sorted.
    """

    name: str
    password: bytes = b""
    no_password: bool = False
    roles: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<user {self.name!r} with {', '.join(self.roles) or 'no role'}>"


@dataclass(frozen=True, slots=True)
class Role:
    """A role.

    Args:
        name: what it is called.
        permissions: by key, in etcd's order.
    """

    name: str
    permissions: tuple[Permission, ...] = ()


class AuthStore:
    """All users and roles of a member. n is the number of users.

    Args:
        journal: for undo.
        tokens: told whose tokens are no longer valid.

    Attributes:
        enabled: whether auth is on.
        was_enabled: whether it ever was: a database has a record of it from then on.
        revision: grows with each change; 1 before the first.
    """

    def __init__(self, journal: Journal, tokens: TokenProvider) -> None:
        self.enabled = False
        self.was_enabled = False
        self.revision = _FIRST_REVISION
        self._journal = journal
        self._tokens = tokens
        self._users: dict[str, User] = {}
        self._roles: dict[str, Role] = {}
        self._permissions: dict[str, RangePermissions] = {}
        """By user, of those who were asked for since they or a role of theirs last changed."""

    def load(
        self, enabled: bool, revision: int, users: Iterable[User], roles: Iterable[Role]
    ) -> None:
        """Begin with these; nobody has been asked for, and nobody can take it back."""
        self.enabled = self.was_enabled = enabled
        self.revision = revision
        self._users = {user.name: user for user in users}
        self._roles = {role.name: role for role in roles}
        if enabled:
            self._tokens.enable()

    # On and off

    def auth_enable(self) -> None:
        """Look at calls from now on. Nothing where that is so.

        Raises:
            errors.ROOT_USER_NOT_EXIST, errors.ROOT_ROLE_NOT_EXIST: nobody could disable it.
        """
        if self.enabled:
            return
        root = self._users.get(ROOT)
        if root is None:
            raise errors.ROOT_USER_NOT_EXIST
        if ROOT not in root.roles:
            raise errors.ROOT_ROLE_NOT_EXIST
        self._set_enabled(True)
        self._tokens.enable()

    def auth_disable(self) -> None:
        """Let everybody do everything. Users and roles stay, tokens do not."""
        if not self.enabled:
            return
        self._set_enabled(False)
        self._changed()
        self._tokens.disable()

    # Users

    def user(self, name: str) -> User | None:
        """The user of this name."""
        return self._users.get(name)

    def user_list(self) -> list[str]:
        """All names, in order. O(n log n)."""
        return sorted(self._users)

    def user_add(self, name: str, password: bytes, *, no_password: bool = False) -> None:
        """A new user without roles.

        Args:
            name: what it is to be called.
            password: hashed; of a user without one it is not kept.
            no_password: whether it has none.

        Raises:
            errors.USER_EMPTY, errors.USER_ALREADY_EXIST
        """
        if not name:
            raise errors.USER_EMPTY
        if name in self._users:
            raise errors.USER_ALREADY_EXIST
        self._set_user(User(name, b"" if no_password else password, no_password))
        self._changed()

    def user_delete(self, name: str) -> None:
        """Raises: errors.INVALID_AUTH_MGMT: it is root, and auth is on. errors.USER_NOT_FOUND."""
        if self.enabled and name == ROOT:
            raise errors.INVALID_AUTH_MGMT
        self._require_user(name)
        self._set(self._users, name, None)
        self._changed()
        self._tokens.invalidate_user(name)

    def user_change_password(self, name: str, password: bytes) -> None:
        """Another password, hashed; none still, for a user without one.

        Raises:
            errors.USER_NOT_FOUND
        """
        user = self._require_user(name)
        self._set_user(replace(user, password=b"" if user.no_password else password))
        self._changed()
        self._tokens.invalidate_user(name)

    def user_grant_role(self, name: str, role: str) -> None:
        """Nothing where the user has it. The role root need not exist.

        Raises:
            errors.USER_NOT_FOUND, errors.ROLE_NOT_FOUND
        """
        user = self._require_user(name)
        if role != ROOT:
            self._require_role(role)
        if role in user.roles:
            return
        self._set_user(replace(user, roles=tuple(sorted((*user.roles, role)))))
        self._changed()

    def user_revoke_role(self, name: str, role: str) -> None:
        """Raises: errors.INVALID_AUTH_MGMT: it is root's role root, and auth is on.
        errors.USER_NOT_FOUND, errors.ROLE_NOT_GRANTED."""
        if self.enabled and name == ROOT and role == ROOT:
            raise errors.INVALID_AUTH_MGMT
        user = self._require_user(name)
        if role not in user.roles:
            raise errors.ROLE_NOT_GRANTED
        self._set_user(_without_role(user, role))
        self._changed()

    # Roles

    def role(self, name: str) -> Role | None:
        """The role of this name."""
        return self._roles.get(name)

    def role_list(self) -> list[str]:
        """All names, in order."""
        return sorted(self._roles)

    def role_add(self, name: str) -> None:
        """A new role that permits nothing.

        Raises:
            errors.ROLE_EMPTY, errors.ROLE_ALREADY_EXIST
        """
        if not name:
            raise errors.ROLE_EMPTY
        if name in self._roles:
            raise errors.ROLE_ALREADY_EXIST
        self._set_role(Role(name))
        self._changed()

    def role_delete(self, name: str) -> None:
        """Also from all users that have it. O(n).

        Raises:
            errors.INVALID_AUTH_MGMT: it is root, and auth is on.
            errors.ROLE_NOT_FOUND
        """
        if self.enabled and name == ROOT:
            raise errors.INVALID_AUTH_MGMT
        self._require_role(name)
        self._set(self._roles, name, None)
        for user in [user for user in self._users.values() if name in user.roles]:
            self._set_user(_without_role(user, name))
        self._changed()

    def role_grant_permission(self, name: str, permission: Permission) -> None:
        """One more permission, or another type of one that is there.

        Raises:
            errors.INVALID_AUTH_MGMT: it is not valid.
            errors.ROLE_NOT_FOUND
        """
        if not permission.is_valid:
            raise errors.INVALID_AUTH_MGMT
        role = self._require_role(name)
        self._set_role(replace(role, permissions=_with(role.permissions, permission)))
        self._changed()

    def role_revoke_permission(self, name: str, key: bytes, range_end: bytes) -> None:
        """Raises: errors.ROLE_NOT_FOUND, errors.PERMISSION_NOT_GRANTED."""
        role = self._require_role(name)
        others = tuple(it for it in role.permissions if it.key != key or it.range_end != range_end)
        if len(others) == len(role.permissions):
            raise errors.PERMISSION_NOT_GRANTED
        self._set_role(replace(role, permissions=others))
        self._changed()

    # What a caller may do

    def check_range_permitted(self, info: AuthInfo | None, key: bytes, range_end: bytes) -> None:
        """Raises: what `_check` does (etcd: IsRangePermitted)."""
        self._check(info, READ, key, range_end)

    def check_put_permitted(self, info: AuthInfo | None, key: bytes) -> None:
        """Raises: what `_check` does (etcd: IsPutPermitted)."""
        self._check(info, WRITE, key, b"")

    def check_delete_range_permitted(
        self, info: AuthInfo | None, key: bytes, range_end: bytes
    ) -> None:
        """Raises: what `_check` does (etcd: IsDeleteRangePermitted)."""
        self._check(info, WRITE, key, range_end)

    def _check(self, info: AuthInfo | None, perm_type: int, key: bytes, range_end: bytes) -> None:
        """Whether a caller may read or write keys. O(log n) in the caller's permissions.

        Raises:
            errors.USER_EMPTY: nobody called.
            errors.AUTH_OLD_REVISION: who called was somebody at an earlier revision.
            errors.PERMISSION_DENIED
        """
        if not self.enabled:
            return
        if info is None or not info.revision:
            raise errors.USER_EMPTY
        if info.revision < self.revision:
            raise errors.AUTH_OLD_REVISION
        permissions = self._permissions.get(info.username)
        if permissions is None:
            permissions = self._permissions_of(info.username)
        if not permissions.permits(perm_type, key, range_end):
            raise errors.PERMISSION_DENIED

    def check_admin_permitted(self, info: AuthInfo | None) -> None:
        """Whether a caller may do everything (etcd: IsAdminPermitted).

        Raises:
            errors.USER_EMPTY, errors.USER_NOT_FOUND, errors.PERMISSION_DENIED
        """
        if not self.enabled:
            return
        if info is None or not info.username:
            raise errors.USER_EMPTY
        user = self._users.get(info.username)
        if user is None:
            raise errors.USER_NOT_FOUND
        if ROOT not in user.roles:
            raise errors.PERMISSION_DENIED

    def is_admin(self, info: AuthInfo | None) -> bool:
        """Whether `check_admin_permitted` says nothing."""
        try:
            self.check_admin_permitted(info)
        except errors.EtcdError:
            return False
        return True

    def has_role(self, name: str, role: str) -> bool:
        """Whether there is this user and has this role."""
        user = self._users.get(name)
        return user is not None and role in user.roles

    def _permissions_of(self, name: str) -> RangePermissions:
        """What a user may do, and keeps it. O(m log m) in its permissions."""
        user = self._users.get(name)
        if user is None:
            return _NO_PERMISSIONS  # not kept: a caller can have any name
        if ROOT in user.roles:
            found = RangePermissions([ROOT_PERMISSION])
        else:
            roles = [self._roles[role] for role in user.roles if role in self._roles]
            found = RangePermissions(it for role in roles for it in role.permissions)
        self._permissions[name] = found
        return found

    # Changes

    def _require_user(self, name: str) -> User:
        user = self._users.get(name)
        if user is None:
            raise errors.USER_NOT_FOUND
        return user

    def _require_role(self, name: str) -> Role:
        role = self._roles.get(name)
        if role is None:
            raise errors.ROLE_NOT_FOUND
        return role

    def _set_user(self, user: User) -> None:
        self._set(self._users, user.name, user)

    def _set_role(self, role: Role) -> None:
        self._set(self._roles, role.name, role)

    def _set(self, values: dict[str, Value], name: str, value: Value | None) -> None:
        if self._journal.recording:
            self._journal.record(self._put, values, name, values.get(name))
        self._put(values, name, value)

    def _put(self, values: dict[str, Value], name: str, value: Value | None) -> None:
        """Only those whose permissions it changes are looked at anew: merging 100 takes 60 us."""
        if value is None:
            values.pop(name, None)
        else:
            values[name] = value
        if values is self._users:
            self._permissions.pop(name, None)
            return
        users = self._users
        for user in [user for user in self._permissions if name in users[user].roles]:
            del self._permissions[user]

    def _set_enabled(self, enabled: bool) -> None:
        if self._journal.recording:
            self._journal.record(setattr, self, "enabled", self.enabled)
            self._journal.record(setattr, self, "was_enabled", self.was_enabled)
        self.enabled = enabled
        self.was_enabled |= enabled

    def _changed(self) -> None:
        if self._journal.recording:
            self._journal.record(setattr, self, "revision", self.revision)
        self.revision += 1


def _without_role(user: User, role: str) -> User:
    return replace(user, roles=tuple(it for it in user.roles if it != role))


def _with(permissions: tuple[Permission, ...], new: Permission) -> tuple[Permission, ...]:
    """The permissions with one more, or with its type in place of an equal range's.

    etcd looks at the first permission of that key only. So where a key has several ranges, one
    behind the first is granted a second time, and which comes first then is up to Go's sort.
    """
    place = bisect_left(permissions, new.key, key=lambda it: it.key)
    if place < len(permissions):
        found = permissions[place]
        if (found.key, found.range_end) == (new.key, new.range_end):
            return (*permissions[:place], new, *permissions[place + 1 :])
    all_of_them = [*permissions, new]
    return tuple(sort_like_go(all_of_them, [it.key for it in all_of_them]))
