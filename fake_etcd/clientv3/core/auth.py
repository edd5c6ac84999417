"""Users, roles, what they may do, and whether anybody asks.

etcd: client/v3/auth.go.
"""

from __future__ import annotations

from fake_etcd.api import messages as m
from fake_etcd.clientv3 import responses, rpctypes
from fake_etcd.clientv3.context import Context, limited
from fake_etcd.clientv3.core import rpcs
from fake_etcd.clientv3.core.caller import Caller
from fake_etcd.clientv3.core.many import for_each
from fake_etcd.clientv3.keys import Text, to_bytes

AT_ONCE = 4
"""Calls that `user_list_all` and `role_list_all` make at the same time, where nobody says more."""


def str_to_permission_type(text: str) -> responses.PermissionType:
    """The kind of permission of a name, in any case.

    Raises ValueError for all but those three.

    >>> str_to_permission_type("ReadWrite")
    <PermissionType.READWRITE: 2>
    """
    try:
        return responses.PermissionType[text.upper()]
    except KeyError:
        raise ValueError(f"invalid permission type: {text}") from None


class Auth:
    """Users and roles.

    With auth on, almost all of this is for users that have the role root; everybody may look at
    himself and his roles.

    Every method takes `ctx`, what its call runs under, and `timeout`, the seconds it may take; and
    beside what it says of itself raises ErrUserEmpty and ErrPermissionDenied for somebody who may
    not.

    Args:
        caller: makes the calls.
    """

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def authenticate(
        self, name: str, password: str, *, ctx: Context | None = None, timeout: float | None = None
    ) -> responses.AuthenticateResponse:
        """Log in, for a token; the client itself goes on with its own.

        Raises:
            EtcdError: ErrAuthFailed, ErrAuthNotEnabled.
        """
        request = m.AuthenticateRequest(name=name, password=password)
        answer = await self._caller.unary(rpcs.AUTHENTICATE, request, limited(ctx, timeout))
        return responses.AuthenticateResponse.of(answer)

    async def auth_enable(
        self, *, ctx: Context | None = None, timeout: float | None = None
    ) -> responses.AuthEnableResponse:
        """Ask from now on who calls.

        Raises:
            EtcdError: ErrRootUserNotExist, ErrRootRoleNotExist: there is nobody who could undo it.
        """
        request = m.AuthEnableRequest()
        answer = await self._caller.unary(rpcs.AUTH_ENABLE, request, limited(ctx, timeout))
        return responses.AuthEnableResponse.of(answer)

    async def auth_disable(
        self, *, ctx: Context | None = None, timeout: float | None = None
    ) -> responses.AuthDisableResponse:
        """Ask nobody any longer; where nobody is asked, nothing changes."""
        request = m.AuthDisableRequest()
        answer = await self._caller.unary(rpcs.AUTH_DISABLE, request, limited(ctx, timeout))
        return responses.AuthDisableResponse.of(answer)

    async def auth_status(
        self, *, ctx: Context | None = None, timeout: float | None = None
    ) -> responses.AuthStatusResponse:
        """Whether it is asked who calls, from etcd 3.5 on; StatusError UNIMPLEMENTED before."""
        request = m.AuthStatusRequest()
        answer = await self._caller.unary(rpcs.AUTH_STATUS, request, limited(ctx, timeout))
        return responses.AuthStatusResponse.of(answer)

    async def user_add(
        self,
        name: str,
        password: str | None = None,
        *,
        no_password: bool = False,
        ctx: Context | None = None,
        timeout: float | None = None,
    ) -> responses.AuthUserAddResponse:
        """Make a user; with `no_password` it is Go's UserAddWithOptions.

        Args:
            name: of the user.
            password: to log in with.
            no_password: nobody logs in as this user: it is known by its certificate's common name.
            ctx: what the call runs under.
            timeout: seconds it may take.

        Raises:
            ValueError: neither a password nor `no_password`, or both.
            EtcdError: ErrUserAlreadyExist; ErrUserEmpty: no name.
        """
        if (password is None) != no_password:
            raise ValueError("a user is added with a password, or with no_password")
        options = m.UserAddOptions(no_password=no_password)
        request = m.AuthUserAddRequest(name=name, password=password or "", options=options)
        answer = await self._caller.unary(rpcs.USER_ADD, request, limited(ctx, timeout))
        return responses.AuthUserAddResponse.of(answer)

    async def user_delete(
        self, name: str, *, ctx: Context | None = None, timeout: float | None = None
    ) -> responses.AuthUserDeleteResponse:
        """Delete a user.

        Raises:
            EtcdError: ErrUserNotFound; ErrInvalidAuthMgmt: root, while auth is on.
        """
        request = m.AuthUserDeleteRequest(name=name)
        answer = await self._caller.unary(rpcs.USER_DELETE, request, limited(ctx, timeout))
        return responses.AuthUserDeleteResponse.of(answer)

    async def user_change_password(
        self, name: str, password: str, *, ctx: Context | None = None, timeout: float | None = None
    ) -> responses.AuthUserChangePasswordResponse:
        """Give a user another password.

        Raises:
            EtcdError: ErrUserNotFound.
        """
        request = m.AuthUserChangePasswordRequest(name=name, password=password)
        answer = await self._caller.unary(rpcs.USER_CHANGE_PASSWORD, request, limited(ctx, timeout))
        return responses.AuthUserChangePasswordResponse.of(answer)

    async def user_grant_role(
        self, user: str, role: str, *, ctx: Context | None = None, timeout: float | None = None
    ) -> responses.AuthUserGrantRoleResponse:
        """Give a user a role.

        Raises:
            EtcdError: ErrUserNotFound, ErrRoleNotFound.
        """
        request = m.AuthUserGrantRoleRequest(user=user, role=role)
        answer = await self._caller.unary(rpcs.USER_GRANT_ROLE, request, limited(ctx, timeout))
        return responses.AuthUserGrantRoleResponse.of(answer)

    async def user_revoke_role(
        self, name: str, role: str, *, ctx: Context | None = None, timeout: float | None = None
    ) -> responses.AuthUserRevokeRoleResponse:
        """Take a role from a user.

        Raises:
            EtcdError: ErrUserNotFound, ErrRoleNotGranted; ErrInvalidAuthMgmt: root's role root,
                while auth is on.
        """
        request = m.AuthUserRevokeRoleRequest(name=name, role=role)
        answer = await self._caller.unary(rpcs.USER_REVOKE_ROLE, request, limited(ctx, timeout))
        return responses.AuthUserRevokeRoleResponse.of(answer)

    async def user_get(
        self, name: str, *, ctx: Context | None = None, timeout: float | None = None
    ) -> responses.AuthUserGetResponse:
        """The roles of a user.

        Raises:
            EtcdError: ErrUserNotFound.
        """
        request = m.AuthUserGetRequest(name=name)
        answer = await self._caller.unary(rpcs.USER_GET, request, limited(ctx, timeout))
        return responses.AuthUserGetResponse.of(answer)

    async def user_list(
        self, *, ctx: Context | None = None, timeout: float | None = None
    ) -> responses.AuthUserListResponse:
        """The names of all users."""
        request = m.AuthUserListRequest()
        answer = await self._caller.unary(rpcs.USER_LIST, request, limited(ctx, timeout))
        return responses.AuthUserListResponse.of(answer)

    async def user_list_all(
        self,
        *,
        concurrency: int = AT_ONCE,
        ctx: Context | None = None,
        timeout: float | None = None,
    ) -> list[responses.User]:
        """All users with their roles, in the order of their names; Go's client has no such call.

        It is a call for the names and one for each user, so that what comes is of no single
        moment: a user that is deleted meanwhile is left out.

        Args:
            concurrency: calls at the same time, at the most.
            ctx: what the calls run under.
            timeout: seconds that all may take.

        Raises:
            ValueError: `concurrency` is less than 1.
        """
        ctx = limited(ctx, timeout)

        async def user(name: str, ctx: Context) -> responses.User | None:
            try:
                return responses.User(name, (await self.user_get(name, ctx=ctx)).roles)
            except rpctypes.ErrUserNotFound:
                return None

        names = (await self.user_list(ctx=ctx)).users
        found = await for_each(self._caller.io, ctx, names, user, concurrency)
        return [each for each in found if each is not None]

    async def role_add(
        self, name: str, *, ctx: Context | None = None, timeout: float | None = None
    ) -> responses.AuthRoleAddResponse:
        """Make a role.

        Raises:
            EtcdError: ErrRoleAlreadyExist; ErrRoleEmpty: no name.
        """
        request = m.AuthRoleAddRequest(name=name)
        answer = await self._caller.unary(rpcs.ROLE_ADD, request, limited(ctx, timeout))
        return responses.AuthRoleAddResponse.of(answer)

    async def role_grant_permission(
        self,
        name: str,
        key: Text,
        range_end: Text,
        perm_type: responses.PermissionType | str,
        *,
        ctx: Context | None = None,
        timeout: float | None = None,
    ) -> responses.AuthRoleGrantPermissionResponse:
        r"""Let a role do something with keys; what it may do with that range already is replaced.

        Args:
            name: of the role.
            key: the first key.
            range_end: the key behind the last one. Empty for `key` alone, "\0" for all from it on,
                `prefix_range_end(key)` for those that begin with it.
            perm_type: what is allowed, or its name: "read", "write", "readwrite".
            ctx: what the call runs under.
            timeout: seconds it may take.

        Raises:
            ValueError: no such kind of permission.
            EtcdError: ErrRoleNotFound.
        """
        if isinstance(perm_type, str):
            perm_type = str_to_permission_type(perm_type)
        permission = m.Permission(
            permType=perm_type,
            key=to_bytes(key, "key"),
            range_end=to_bytes(range_end, "range_end"),
        )
        request = m.AuthRoleGrantPermissionRequest(name=name, perm=permission)
        answer = await self._caller.unary(
            rpcs.ROLE_GRANT_PERMISSION, request, limited(ctx, timeout)
        )
        return responses.AuthRoleGrantPermissionResponse.of(answer)

    async def role_revoke_permission(
        self,
        role: str,
        key: Text,
        range_end: Text = b"",
        *,
        ctx: Context | None = None,
        timeout: float | None = None,
    ) -> responses.AuthRoleRevokePermissionResponse:
        """Let a role do no longer what it may with a range, which is given as it was granted.

        Raises:
            EtcdError: ErrRoleNotFound, ErrPermissionNotGranted.
        """
        request = m.AuthRoleRevokePermissionRequest(
            role=role, key=to_bytes(key, "key"), range_end=to_bytes(range_end, "range_end")
        )
        answer = await self._caller.unary(
            rpcs.ROLE_REVOKE_PERMISSION, request, limited(ctx, timeout)
        )
        return responses.AuthRoleRevokePermissionResponse.of(answer)

    async def role_get(
        self, role: str, *, ctx: Context | None = None, timeout: float | None = None
    ) -> responses.AuthRoleGetResponse:
        """What a role allows.

        Raises:
            EtcdError: ErrRoleNotFound.
        """
        request = m.AuthRoleGetRequest(role=role)
        answer = await self._caller.unary(rpcs.ROLE_GET, request, limited(ctx, timeout))
        return responses.AuthRoleGetResponse.of(answer)

    async def role_list(
        self, *, ctx: Context | None = None, timeout: float | None = None
    ) -> responses.AuthRoleListResponse:
        """The names of all roles."""
        request = m.AuthRoleListRequest()
        answer = await self._caller.unary(rpcs.ROLE_LIST, request, limited(ctx, timeout))
        return responses.AuthRoleListResponse.of(answer)

    async def role_list_all(
        self,
        *,
        concurrency: int = AT_ONCE,
        ctx: Context | None = None,
        timeout: float | None = None,
    ) -> list[responses.Role]:
        """All roles with what they allow, in the order of their names; as `user_list_all`."""
        ctx = limited(ctx, timeout)

        async def role(name: str, ctx: Context) -> responses.Role | None:
            try:
                return responses.Role(name, (await self.role_get(name, ctx=ctx)).perm)
            except rpctypes.ErrRoleNotFound:
                return None

        names = (await self.role_list(ctx=ctx)).roles
        found = await for_each(self._caller.io, ctx, names, role, concurrency)
        return [each for each in found if each is not None]

    async def role_delete(
        self, role: str, *, ctx: Context | None = None, timeout: float | None = None
    ) -> responses.AuthRoleDeleteResponse:
        """Delete a role, and take it from its users.

        Raises:
            EtcdError: ErrRoleNotFound; ErrInvalidAuthMgmt: root, while auth is on.
        """
        request = m.AuthRoleDeleteRequest(role=role)
        answer = await self._caller.unary(rpcs.ROLE_DELETE, request, limited(ctx, timeout))
        return responses.AuthRoleDeleteResponse.of(answer)
