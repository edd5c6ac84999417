"""The users and roles that an etcd is to have, as a mapping, or as a file of JSON or YAML.

    root: its password              with it, auth is on from then on
    enabled: false                  unless this says otherwise
    users:
      alice: her password
      bob: {password: his password, roles: [reader]}
      carol: {no_password: true, roles: [reader, writer]}
      dave: {hash: "$2a$10$...", roles: reader}
    roles:
      reader: {read: {prefix: config/}}
      writer: {write: [config/name, {range: [jobs/a, jobs/b]}], readwrite: {from: z}}

What keys are is in `permissions.py`. Nothing here is ever shown with a password in it.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from google.protobuf.message import Message

from fake_etcd.api import messages as m
from fake_etcd.api.errors import EtcdError
from fake_etcd.core.auth.permissions import Permission
from fake_etcd.core.auth.store import ROOT, AuthStore
from fake_etcd.core.noise import Noise
from fake_etcd.services import passwords
from fake_etcd.testing import permissions, seed_files
from fake_etcd.testing.plain_values import kind

Source = Mapping[Any, Any] | str | os.PathLike[str]

_PARTS = ("root", "enabled", "users", "roles")

_USER_FORMS = (
    'a user is a password, or a mapping of "password", "hash" or "no_password": true, and "roles"'
)

_HASH = re.compile(r"\$2[aby]\$[0-9]{2}\$[./A-Za-z0-9]{53}")


@dataclass(frozen=True, slots=True)
class UserSeed:
    """A user to be made.

    Args:
        name: what it is called.
        password: in clear; None where only its hash is known, or where it has none.
        hash: bcrypt's; None where the password is in clear, or where it has none.
        roles: names.
    """

    name: str
    password: str | None = field(default=None, repr=False)
    hash: str | None = field(default=None, repr=False)
    roles: tuple[str, ...] = ()

    @property
    def has_password(self) -> bool:
        """Whether it can be authenticated by one."""
        return self.password is not None or self.hash is not None


@dataclass(frozen=True, slots=True)
class RoleSeed:
    """A role to be made, with its permissions in order."""

    name: str
    permissions: tuple[Permission, ...] = ()


class Step(NamedTuple):
    """One change, both as a call and as what a call comes to.

    Args:
        what: for errors.
        method: of the service Auth.
        request: of the call.
        do: does it to a store.
    """

    what: str
    method: str
    request: Message
    do: Callable[[AuthStore], None]


@dataclass(frozen=True, slots=True)
class AuthSeed:
    """Users and roles to be made, and whether auth is switched on after that.

    Args:
        where: what to call it in an error.
        users: in order; root, where it is there, is the last one.
        roles: in order; with the user root comes the role root.
        enabled: whether auth is to be on.
    """

    where: str
    users: tuple[UserSeed, ...]
    roles: tuple[RoleSeed, ...]
    enabled: bool

    @property
    def passwords(self) -> dict[str, str]:
        """Those that are known, by user."""
        return {user.name: user.password for user in self.users if user.password is not None}

    @property
    def root(self) -> UserSeed | None:
        """The user root, where it is there."""
        return self.users[-1] if self.users and self.users[-1].name == ROOT else None

    def hashed(self, cost: int, noise: Noise) -> HashedAuth:
        """It with all passwords hashed, which is what takes time.

        Args:
            cost: bcrypt's.
            noise: where salts come from.
        """
        hashes = {}
        for name, password in self.passwords.items():
            hashes[name] = passwords.hashed(password, cost, noise.bytes(passwords.SALT_BYTES))
        return HashedAuth(self, hashes)

    def steps(self, hashes: Mapping[str, bytes]) -> Iterator[Step]:
        """What there is to be done, in order.

        Args:
            hashes: of the passwords in clear, by user; only `Step.do` needs them.
        """
        for role in self.roles:
            yield from _role_steps(role)
        for user in self.users:
            yield from _user_steps(user, hashes.get(user.name, b""))
        if self.enabled:
            yield Step("enable", "AuthEnable", m.AuthEnableRequest(), AuthStore.auth_enable)

    def refused(self, step: Step, error: EtcdError) -> ValueError:
        """What to raise where etcd does not do a step."""
        return ValueError(f"{self.where}: {step.what}: {error}")


@dataclass(frozen=True, slots=True)
class HashedAuth:
    """Users and roles that can be put into a store in no time.

    Args:
        seed: they.
        hashes: of the passwords in clear, by user.
    """

    seed: AuthSeed
    hashes: Mapping[str, bytes] = field(repr=False)

    def apply(self, auth: AuthStore) -> None:
        """Make them. Whoever calls holds the node.

        Raises:
            ValueError: etcd would refuse a step; those before it are done.
        """
        step: Step | None = None
        try:
            for step in self.seed.steps(self.hashes):
                step.do(auth)
        except EtcdError as error:
            assert step is not None, "nothing else is refused"
            raise self.seed.refused(step, error) from None


def _role_steps(role: RoleSeed) -> Iterator[Step]:
    name = role.name
    request: Message = m.AuthRoleAddRequest(name=name)
    yield Step(f"role {name!r}", "RoleAdd", request, partial(AuthStore.role_add, name=name))
    for permission in role.permissions:
        perm = m.Permission(
            permType=permission.perm_type, key=permission.key, range_end=permission.range_end
        )
        request = m.AuthRoleGrantPermissionRequest(name=name, perm=perm)
        grant = partial(AuthStore.role_grant_permission, name=name, permission=permission)
        yield Step(f"role {name!r} is granted {perm.key!r}", "RoleGrantPermission", request, grant)


def _user_steps(user: UserSeed, hash: bytes) -> Iterator[Step]:
    name, what, no_password = user.name, f"user {user.name!r}", not user.has_password
    request: Message = m.AuthUserAddRequest(
        name=name,
        password=user.password or "",
        options=m.UserAddOptions(no_password=no_password),
    )
    add = partial(AuthStore.user_add, name=name, password=hash, no_password=no_password)
    yield Step(what, "UserAdd", request, add)
    if user.hash is not None:
        # The one way to tell etcd a hash: a change of password without a password.
        encoded = base64.b64encode(user.hash.encode()).decode()
        request = m.AuthUserChangePasswordRequest(name=name, hashedPassword=encoded)
        change = partial(AuthStore.user_change_password, name=name, password=user.hash.encode())
        yield Step(what, "UserChangePassword", request, change)
    for role in user.roles:
        request = m.AuthUserGrantRoleRequest(user=name, role=role)
        grant = partial(AuthStore.user_grant_role, name=name, role=role)
        yield Step(f"{what} gets role {role!r}", "UserGrantRole", request, grant)


# Reading


def parsed(source: Source, where: str = "auth", *, needs_root: bool = False) -> AuthSeed:
    """What a mapping, or the file of a path, asks for.

    Args:
        source: in the form of this module.
        where: what to call a mapping in an error; a file is called by its path.
        needs_root: whether it is to be on, and so needs its root, unless it says otherwise.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not understood; names the place, and no secret.
        RuntimeError: it is YAML, and PyYAML is not installed.
    """
    __tracebackhide__ = True  # pytest would show what is given with all passwords
    if not isinstance(source, Mapping):
        where, source = str(source), _mapping_in(source)
    problem = ""
    try:
        return _parsed(source, where, needs_root)
    except ValueError as error:
        problem = str(error)
    # Out here, so that there is no frame in the traceback that has a password among its values.
    raise ValueError(problem)


def _mapping_in(path: str | os.PathLike[str]) -> Mapping[Any, Any]:
    content = seed_files.read(path)
    if not isinstance(content, Mapping):
        raise ValueError(f"{path}: {kind(content)}, where {_list(_PARTS)} are wanted")
    return content


def _parsed(given: Mapping[Any, Any], where: str, needs_root: bool) -> AuthSeed:
    _check_names(given, _PARTS, where)
    roles = [
        RoleSeed(name, permissions.read(granted, f"{where}: role {name!r}"))
        for name, granted in _named(given, "roles", where)
    ]
    users = [_user(name, said, where) for name, said in _named(given, "users", where)]
    if any(user.name == ROOT for user in users):
        raise ValueError(f'{where}: "root" stands beside "users", not among them')
    enabled = given.get("enabled", ROOT in given or needs_root)
    if not isinstance(enabled, bool):
        raise ValueError(f'{where}: "enabled" is {kind(enabled)}; it is true or false')
    if ROOT in given:
        if all(role.name != ROOT for role in roles):
            roles.append(RoleSeed(ROOT))
        root = _user(ROOT, given[ROOT], where)
        others = tuple(role for role in root.roles if role != ROOT)
        users.append(UserSeed(ROOT, root.password, root.hash, (*others, ROOT)))
    elif enabled and needs_root:
        raise ValueError(
            f'{where}: "root" is missing, and etcd enables auth only with one: give its password, '
            'or "enabled": False'
        )
    return AuthSeed(where, tuple(users), tuple(roles), enabled)


def _named(given: Mapping[Any, Any], part: str, where: str) -> Iterator[tuple[str, object]]:
    found = given.get(part, {})
    if not isinstance(found, Mapping):
        raise ValueError(f'{where}: "{part}" is {kind(found)}; it is a mapping from names')
    for name, value in found.items():
        if not isinstance(name, str) or not name:
            what = "empty" if name == "" else kind(name)
            raise ValueError(f'{where}: a name in "{part}" is {what}; write it in quotes')
        yield name, value


def _user(name: str, said: object, where: str) -> UserSeed:
    place = f"{where}: user {name!r}"
    if isinstance(said, str):
        return UserSeed(name, _password(said, place))
    if not isinstance(said, Mapping):
        raise ValueError(f"{place}: {kind(said)}; {_USER_FORMS}")
    _check_names(said, ("password", "hash", "no_password", "roles"), place)
    ways = [way for way in ("password", "hash", "no_password") if way in said]
    if len(ways) != 1:
        raise ValueError(f"{place}: {_list(ways) or 'no password'}; {_USER_FORMS}")
    roles = _roles(said.get("roles", ()), place)
    way = ways[0]
    if way == "password":
        return UserSeed(name, _password(said[way], place), None, roles)
    if way == "hash":
        if not isinstance(said[way], str) or not _HASH.fullmatch(said[way]):
            raise ValueError(f'{place}: "hash" is none of bcrypt\'s, "$2a$", a cost and 53 more')
        return UserSeed(name, None, said[way], roles)
    if said[way] is not True:
        raise ValueError(f'{place}: "no_password" is true or not there')
    return UserSeed(name, None, None, roles)


def _password(said: object, place: str) -> str:
    if not isinstance(said, str):
        raise ValueError(f"{place}: the password is {kind(said)}; write it in quotes")
    if not said:
        raise ValueError(f'{place}: the password is empty; "no_password": true means none')
    try:
        passwords.check_length(said)
    except EtcdError as error:
        raise ValueError(f"{place}: {error}") from None
    return said


def _roles(said: object, place: str) -> tuple[str, ...]:
    names: Sequence[object] = said if isinstance(said, (list, tuple)) else [said]
    found = []
    for name in names:
        if not isinstance(name, str) or not name:
            raise ValueError(f'{place}: "roles" is a name or a list of names, not {kind(name)}')
        found.append(name)
    return tuple(found)


def _check_names(given: Mapping[Any, Any], known: Sequence[str], where: str) -> None:
    for name in given:
        if name not in known:
            raise ValueError(f"{where}: there is no {name!r} here; there are {_list(known)}")


def _list(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
