"""Users, roles and permissions, and what Auth's methods answer.

etcd: authpb/auth.proto, etcdserverpb/rpc.proto.
"""

from __future__ import annotations

from dataclasses import dataclass

from fake_etcd.api import messages as m
from fake_etcd.clientv3.records import OpenEnum
from fake_etcd.clientv3.responses.header import HeaderResponse, ResponseHeader


class PermissionType(OpenEnum):
    """What a permission allows."""

    READ = m.Permission.READ
    WRITE = m.Permission.WRITE
    READWRITE = m.Permission.READWRITE


@dataclass(frozen=True, slots=True)
class Permission:
    r"""What is allowed with the keys from `key` up to `range_end`.

    An empty `range_end`: with that key; b"\0": with all from it on.
    """

    perm_type: PermissionType
    key: bytes
    range_end: bytes = b""

    @classmethod
    def of(cls, pb: m.Permission) -> Permission:
        return cls(PermissionType(pb.permType), pb.key, pb.range_end)


@dataclass(frozen=True, slots=True)
class User:
    """A user and the names of its roles."""

    name: str
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Role:
    """A role and what it allows."""

    name: str
    permissions: tuple[Permission, ...] = ()


class AuthEnableResponse(HeaderResponse):
    """Authentication is on."""

    __slots__ = ()


class AuthDisableResponse(HeaderResponse):
    """Authentication is off."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class AuthStatusResponse:
    """Whether authentication is on, and the revision of users and roles."""

    header: ResponseHeader
    enabled: bool = False
    auth_revision: int = 0

    @classmethod
    def of(cls, pb: m.AuthStatusResponse) -> AuthStatusResponse:
        return cls(ResponseHeader.of(pb.header), pb.enabled, pb.authRevision)


@dataclass(frozen=True, slots=True)
class AuthenticateResponse:
    """The token that shows who calls."""

    header: ResponseHeader
    token: str = ""

    @classmethod
    def of(cls, pb: m.AuthenticateResponse) -> AuthenticateResponse:
        return cls(ResponseHeader.of(pb.header), pb.token)


class AuthUserAddResponse(HeaderResponse):
    """The user is made."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class AuthUserGetResponse:
    """The names of a user's roles."""

    header: ResponseHeader
    roles: tuple[str, ...] = ()

    @classmethod
    def of(cls, pb: m.AuthUserGetResponse) -> AuthUserGetResponse:
        return cls(ResponseHeader.of(pb.header), tuple(pb.roles))


@dataclass(frozen=True, slots=True)
class AuthUserListResponse:
    """The names of all users."""

    header: ResponseHeader
    users: tuple[str, ...] = ()

    @classmethod
    def of(cls, pb: m.AuthUserListResponse) -> AuthUserListResponse:
        return cls(ResponseHeader.of(pb.header), tuple(pb.users))


class AuthUserDeleteResponse(HeaderResponse):
    """The user is gone."""

    __slots__ = ()


class AuthUserChangePasswordResponse(HeaderResponse):
    """The user's password is another."""

    __slots__ = ()


class AuthUserGrantRoleResponse(HeaderResponse):
    """The user has the role."""

    __slots__ = ()


class AuthUserRevokeRoleResponse(HeaderResponse):
    """The user has the role no longer."""

    __slots__ = ()


class AuthRoleAddResponse(HeaderResponse):
    """The role is made."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class AuthRoleGetResponse:
    """What a role allows."""

    header: ResponseHeader
    perm: tuple[Permission, ...] = ()

    @classmethod
    def of(cls, pb: m.AuthRoleGetResponse) -> AuthRoleGetResponse:
        return cls(ResponseHeader.of(pb.header), tuple(Permission.of(each) for each in pb.perm))


@dataclass(frozen=True, slots=True)
class AuthRoleListResponse:
    """The names of all roles."""

    header: ResponseHeader
    roles: tuple[str, ...] = ()

    @classmethod
    def of(cls, pb: m.AuthRoleListResponse) -> AuthRoleListResponse:
        return cls(ResponseHeader.of(pb.header), tuple(pb.roles))


class AuthRoleDeleteResponse(HeaderResponse):
    """The role is gone."""

    __slots__ = ()


class AuthRoleGrantPermissionResponse(HeaderResponse):
    """The role allows it."""

    __slots__ = ()


class AuthRoleRevokePermissionResponse(HeaderResponse):
    """The role allows it no longer."""

    __slots__ = ()
