"""The Auth service: enable and disable, Authenticate, users and roles.

What users and roles are is `core.auth`'s; here are requests and answers, and passwords become
hashes. etcd: server/etcdserver/api/v3rpc/auth.go, server/etcdserver/v3_server.go (AuthEnable and
what follows), server/etcdserver/apply/auth.go (who may).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeVar, cast

from google.protobuf.message import Message

from fake_etcd.api import errors
from fake_etcd.api import messages as m
from fake_etcd.api.status import Code, Status
from fake_etcd.core.auth.permissions import Permission
from fake_etcd.core.auth.store import ROOT, ROOT_PERMISSION
from fake_etcd.core.auth.tokens import AuthInfo
from fake_etcd.core.node import Node
from fake_etcd.services import access, passwords, raft_log
from fake_etcd.services.call import Call, Receiver, Sink, StreamHandler, UnaryHandler
from fake_etcd.services.one_answer import OneAnswer

NO_PASSWORD_USER = Status(
    Code.UNKNOWN, "auth: authentication failed, password was given for no password user"
)

_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")

T = TypeVar("T")

_Act = Callable[[Node, AuthInfo | None, Any], Message | None]
"""Does what a request asks for; gives the answer without its header, None for an empty one."""


def unary(node: Node) -> dict[str, UnaryHandler]:
    """Handlers that answer at once, by their names in the method table."""
    return {
        "enable": _make(node, _enable, admin_only=True),
        "disable": _make(node, _disable, admin_only=True),
        "status": _make(node, _status),
        "user_get": _make(node, _user_get),
        "user_list": _make(node, _user_list, admin_only=True),
        "user_delete": _make(node, _user_delete, admin_only=True),
        "user_grant_role": _make(node, _user_grant_role, admin_only=True),
        "user_revoke_role": _make(node, _user_revoke_role, admin_only=True),
        "role_add": _make(node, _role_add, admin_only=True),
        "role_get": _make(node, _role_get),
        "role_list": _make(node, _role_list, admin_only=True),
        "role_delete": _make(node, _role_delete, admin_only=True),
        "role_grant_permission": _make(node, _role_grant_permission, admin_only=True),
        "role_revoke_permission": _make(node, _role_revoke_permission, admin_only=True),
    }


def streams(node: Node) -> dict[str, StreamHandler]:
    """Handlers that hash passwords, and answer when that is done, by their names likewise."""

    # Each takes its own request class; the transport decodes that very class from the table.
    def opener(receiver: type[_Hashing]) -> StreamHandler:
        return lambda call, sink: cast(Receiver, receiver(node, call, sink))

    return {
        "authenticate": opener(_Authenticate),
        "user_add": opener(_UserAdd),
        "user_change_password": opener(_UserChangePassword),
    }


def _make(node: Node, act: _Act, *, admin_only: bool = False) -> UnaryHandler:
    def handler(request: Message, call: Call) -> bytes:
        return _apply(node, call, request, act, admin_only=admin_only)

    return handler


def _apply(node: Node, call: Call, request: Message, act: _Act, *, admin_only: bool) -> bytes:
    """Who calls, how large it is, whether the caller may, and what comes of it: in this order."""
    info = access.auth_info(node, call)
    raft_log.propose(node, info, request.ByteSize(), raft_log.AUTH_TAG_BYTES)
    if admin_only:
        node.auth.check_admin_permitted(info)
    answer = act(node, info, request)
    header = node.header(node.store.current_revision)
    return header if answer is None else header + answer.SerializeToString()


# What requests ask for


def _enable(node: Node, info: AuthInfo | None, request: m.AuthEnableRequest) -> None:
    node.auth.auth_enable()


def _disable(node: Node, info: AuthInfo | None, request: m.AuthDisableRequest) -> None:
    node.auth.auth_disable()


def _status(node: Node, info: AuthInfo | None, request: m.AuthStatusRequest) -> Message:
    return m.AuthStatusResponse(enabled=node.auth.enabled, authRevision=node.auth.revision)


def _user_get(node: Node, info: AuthInfo | None, request: m.AuthUserGetRequest) -> Message:
    """Everybody may ask for themselves; who has no name is nobody, and there is no such user."""
    if request.name != (info.username if info is not None else ""):
        node.auth.check_admin_permitted(info)
    user = node.auth.user(request.name)
    if user is None:
        raise errors.USER_NOT_FOUND
    return m.AuthUserGetResponse(roles=user.roles)


def _user_list(node: Node, info: AuthInfo | None, request: m.AuthUserListRequest) -> Message:
    return m.AuthUserListResponse(users=node.auth.user_list())


def _user_delete(node: Node, info: AuthInfo | None, request: m.AuthUserDeleteRequest) -> None:
    node.auth.user_delete(request.name)


def _user_grant_role(
    node: Node, info: AuthInfo | None, request: m.AuthUserGrantRoleRequest
) -> None:
    node.auth.user_grant_role(request.user, request.role)


def _user_revoke_role(
    node: Node, info: AuthInfo | None, request: m.AuthUserRevokeRoleRequest
) -> None:
    node.auth.user_revoke_role(request.name, request.role)


def _role_add(node: Node, info: AuthInfo | None, request: m.AuthRoleAddRequest) -> None:
    node.auth.role_add(request.name)


def _role_get(node: Node, info: AuthInfo | None, request: m.AuthRoleGetRequest) -> Message:
    """Everybody may ask for the roles that they have."""
    if not node.auth.has_role(info.username if info is not None else "", request.role):
        node.auth.check_admin_permitted(info)
    role = node.auth.role(request.role)
    if role is None:
        raise errors.ROLE_NOT_FOUND
    permissions = (ROOT_PERMISSION,) if role.name == ROOT else role.permissions
    return m.AuthRoleGetResponse(perm=_encoded(permissions))


def _role_list(node: Node, info: AuthInfo | None, request: m.AuthRoleListRequest) -> Message:
    return m.AuthRoleListResponse(roles=node.auth.role_list())


def _role_delete(node: Node, info: AuthInfo | None, request: m.AuthRoleDeleteRequest) -> None:
    node.auth.role_delete(request.role)


def _role_grant_permission(
    node: Node, info: AuthInfo | None, request: m.AuthRoleGrantPermissionRequest
) -> None:
    if not request.HasField("perm"):
        raise errors.PERMISSION_NOT_GIVEN
    perm = request.perm
    permission = Permission(perm.permType, perm.key, perm.range_end)
    node.auth.role_grant_permission(request.name, permission)


def _role_revoke_permission(
    node: Node, info: AuthInfo | None, request: m.AuthRoleRevokePermissionRequest
) -> None:
    node.auth.role_revoke_permission(request.role, request.key, request.range_end)


def _encoded(permissions: Iterable[Permission]) -> list[m.Permission]:
    return [
        m.Permission(permType=it.perm_type, key=it.key, range_end=it.range_end)
        for it in permissions
    ]


# What takes time for a hash


class _Hashing(OneAnswer):
    """Receiver of one call that hashes a password and then goes on, unless nobody waits any more.

    Args:
        node: whose users it is about.
        call: the call.
        sink: where its one answer goes.
    """

    def __init__(self, node: Node, call: Call, sink: Sink) -> None:
        super().__init__(call, sink)
        self._node = node
        self._is_over = False

    def cancelled(self) -> None:
        self._is_over = True

    def _aside(self, work: Callable[[], T], then: Callable[[T], None]) -> None:
        """Works while others call, and goes on with what came of it."""

        def go_on(result: T) -> None:
            if self._is_over:
                return
            try:
                then(result)
            except errors.EtcdError as error:
                self._sink.close(error.status)

        self._node.aside(lambda: partial(go_on, work()))

    def _hash(self, password: str, then: Callable[[str], None]) -> None:
        """Goes on with the hash in base64, as etcd writes it into its log."""
        passwords.check_length(password)
        cost = self._node.config.bcrypt_cost
        salt = self._node.secret_bytes(passwords.SALT_BYTES)
        self._aside(lambda: base64.b64encode(passwords.hashed(password, cost, salt)).decode(), then)

    def _apply(self, request: Message, act: _Act) -> None:
        self._answer_with(_apply(self._node, self._call, request, act, admin_only=True))


class _UserAdd(_Hashing):
    """Whatever hash the client sends, that of the password takes its place."""

    def message(self, request: m.AuthUserAddRequest) -> None:
        if request.options.no_password:
            self._apply(request, _user_add)
            return

        def add(hash: str) -> None:
            entry = m.AuthUserAddRequest(name=request.name, hashedPassword=hash)
            if request.HasField("options"):
                entry.options.CopyFrom(request.options)
            self._apply(entry, _user_add)

        self._hash(request.password, add)


def _user_add(node: Node, info: AuthInfo | None, request: m.AuthUserAddRequest) -> None:
    no_password = request.options.no_password
    password = b"" if no_password else base64.b64decode(request.hashedPassword)
    node.auth.user_add(request.name, password, no_password=no_password)


class _UserChangePassword(_Hashing):
    """Where the client sends no password, it may send a hash of one."""

    def message(self, request: m.AuthUserChangePasswordRequest) -> None:
        if not request.password:
            self._apply(request, _change_password)
            return

        def change(hash: str) -> None:
            entry = m.AuthUserChangePasswordRequest(name=request.name, hashedPassword=hash)
            self._apply(entry, _change_password)

        self._hash(request.password, change)


def _change_password(
    node: Node, info: AuthInfo | None, request: m.AuthUserChangePasswordRequest
) -> None:
    user = node.auth.user(request.name)
    password = b""
    if user is not None and not user.no_password:
        password = _decoded(request.hashedPassword)
    node.auth.user_change_password(request.name, password)


def _decoded(hash: str) -> bytes:
    """The bytes of Go's base64.StdEncoding, which passes over ends of lines.

    Raises:
        UNKNOWN: it is none, in etcd's words that are about something else.
    """
    digits = hash.replace("\r", "").replace("\n", "")
    if not _BASE64.fullmatch(digits):
        raise errors.StatusError(NO_PASSWORD_USER)
    return base64.b64decode(digits)


class _Authenticate(_Hashing):
    """A password for a token."""

    def message(self, request: m.AuthenticateRequest) -> None:
        """Raises: errors.AUTH_NOT_ENABLED, errors.AUTH_FAILED; UNKNOWN for a user who has none.

        It does not look at the call's token.
        """
        auth = self._node.auth
        if not auth.enabled:
            raise errors.AUTH_NOT_ENABLED
        user = auth.user(request.name)
        if user is None:
            raise errors.AUTH_FAILED
        if user.no_password:
            raise errors.StatusError(NO_PASSWORD_USER)
        revision = auth.revision

        def answer(matches: bool) -> None:
            if not matches:
                raise errors.AUTH_FAILED
            if auth.revision != revision:
                self.message(request)  # something may have become of the user meanwhile
                return
            self._node.raft_index += 1  # the token is told to all members
            token = self._node.tokens.assign(request.name, revision)
            header = self._node.header(self._node.store.current_revision)
            body = m.AuthenticateResponse(token=token).SerializeToString()
            self._answer_with(header + body)

        self._aside(lambda: passwords.matches(request.password, user.password), answer)
