"""etcd's Auth as anybody would write it, over the naive users and roles of the core's tests.

It knows what `conformance.auth_requests` asks: passwords as they are, tokens that never expire, no
range that ends before it begins, of which nobody knows who may ask for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from google.protobuf.message import Message

from fake_etcd.api import errors
from fake_etcd.api import messages as m
from fake_etcd.api.status import Code, Status
from fake_etcd.core.auth.permissions import READ, READWRITE, WRITE, Permission
from tests.core.auth.naive_auth import NaiveAuth, Refused

KeysOf = Callable[[int], Iterable[bytes]]
"""The keys of a lease."""

_NO_PASSWORD_USER = errors.StatusError(
    Status(Code.UNKNOWN, "auth: authentication failed, password was given for no password user")
)

_WRONG_HASH = b"\0"
"""The hash of no password at all."""

Found = TypeVar("Found")


class NaiveAuthService:
    """Who calls, what they may, and the 17 calls."""

    def __init__(self) -> None:
        self.store = NaiveAuth()
        self._given = 0

    # Who calls, and what they may

    def caller(self, token: str | None) -> str | None:
        """Whose token it is; None where nobody asks, or there is none."""
        if not self.store.enabled or token is None:
            return None
        if token not in self.store.tokens:
            raise errors.INVALID_AUTH_TOKEN
        return self.store.tokens[token]

    def require_caller(self, name: str | None) -> None:
        if self.store.enabled and name is None:
            raise errors.USER_EMPTY

    def check_admin(self, name: str | None) -> None:
        _check(self.store.is_admin(name))

    def check_reads(self, name: str | None, key: bytes, range_end: bytes) -> None:
        self._check(name, READ, key, range_end)

    def check_put(self, name: str | None, request: m.PutRequest, keys_of: KeysOf) -> None:
        """The key, those that have the lease already, and the key once more to be read."""
        self._check(name, WRITE, request.key)
        if request.lease:
            self.check_writes_all(name, keys_of(request.lease))
        if request.prev_kv:
            self._check(name, READ, request.key)

    def check_writes_all(self, name: str | None, keys: Iterable[bytes]) -> None:
        if self.store.is_admin(name) is not None:
            for key in keys:
                self._check(name, WRITE, key)

    def check_reads_all(self, name: str | None, keys: Iterable[bytes]) -> None:
        if self.store.is_admin(name) is not None:
            for key in keys:
                self._check(name, READ, key)

    def check_delete(self, name: str | None, request: m.DeleteRangeRequest) -> None:
        self._check(name, WRITE, request.key, request.range_end)
        if request.prev_kv:
            self._check(name, READ, request.key, request.range_end)

    def check_txn(self, name: str | None, request: m.TxnRequest, keys_of: KeysOf) -> None:
        """All there is in it, done or not."""
        for compare in request.compare:
            self.check_reads(name, compare.key, compare.range_end)
        for operation in [*request.success, *request.failure]:
            if operation.HasField("request_range"):
                asked = operation.request_range
                self.check_reads(name, asked.key, asked.range_end)
            elif operation.HasField("request_put"):
                self.check_put(name, operation.request_put, keys_of)
            elif operation.HasField("request_delete_range"):
                self.check_delete(name, operation.request_delete_range)
            elif operation.HasField("request_txn"):
                self.check_txn(name, operation.request_txn, keys_of)

    def _check(self, name: str | None, kind: int, key: bytes, range_end: bytes = b"") -> None:
        revision = 0 if name is None else self.store.revision  # a token is always of now
        _check(self.store.may(name, revision, (kind, READWRITE), key, range_end))

    # The 17 calls

    def answer(self, request: Message, token: str | None) -> Message:
        """The answer without its header."""
        if isinstance(request, m.AuthenticateRequest):
            return self._authenticate(request)
        caller = self.caller(token)
        store = self.store
        if isinstance(request, m.AuthStatusRequest):
            return m.AuthStatusResponse(enabled=store.enabled, authRevision=store.revision)
        if isinstance(request, m.AuthUserGetRequest):
            if request.name != (caller or ""):
                self.check_admin(caller)
            return m.AuthUserGetResponse(
                roles=_there(store.users, request.name, errors.USER_NOT_FOUND).roles
            )
        if isinstance(request, m.AuthRoleGetRequest):
            if caller not in store.users or request.role not in store.users[caller].roles:
                self.check_admin(caller)
            return self._role_get(request.role)
        self.check_admin(caller)
        return self._managed(request)

    def _role_get(self, name: str) -> m.AuthRoleGetResponse:
        permissions = _there(self.store.roles, name, errors.ROLE_NOT_FOUND)
        if name == "root":
            permissions = [Permission(READWRITE, b"", b"\0")]
        shown = [
            m.Permission(permType=it.perm_type, key=it.key, range_end=it.range_end)
            for it in permissions
        ]
        return m.AuthRoleGetResponse(perm=shown)

    def _authenticate(self, request: m.AuthenticateRequest) -> m.AuthenticateResponse:
        store = self.store
        if not store.enabled:
            raise errors.AUTH_NOT_ENABLED
        user = _there(store.users, request.name, errors.AUTH_FAILED)
        if user.no_password:
            raise _NO_PASSWORD_USER
        if user.password != request.password.encode():
            raise errors.AUTH_FAILED
        self._given += 1
        token = f"naive.{self._given}"
        store.tokens[token] = request.name
        return m.AuthenticateResponse(token=token)

    def _managed(self, request: Message) -> Message:
        """What takes root."""
        store = self.store
        if isinstance(request, m.AuthUserListRequest):
            return m.AuthUserListResponse(users=sorted(store.users))
        if isinstance(request, m.AuthRoleListRequest):
            return m.AuthRoleListResponse(roles=sorted(store.roles))
        if isinstance(request, m.AuthEnableRequest):
            _check(store.auth_enable())
            return m.AuthEnableResponse()
        if isinstance(request, m.AuthDisableRequest):
            store.auth_disable()
            return m.AuthDisableResponse()
        return self._user_managed(request) or self._role_managed(request)

    def _user_managed(self, request: Message) -> Message | None:
        store = self.store
        if isinstance(request, m.AuthUserAddRequest):
            password = request.password.encode()
            _check(store.user_add(request.name, password, request.options.no_password))
            return m.AuthUserAddResponse()
        if isinstance(request, m.AuthUserDeleteRequest):
            _check(store.user_delete(request.name))
            return m.AuthUserDeleteResponse()
        if isinstance(request, m.AuthUserChangePasswordRequest):
            user = store.users.get(request.name)
            is_asked = user is not None and not user.no_password and not request.password
            if is_asked and request.hashedPassword == "no base64":
                raise _NO_PASSWORD_USER
            password = request.password.encode() or _WRONG_HASH
            _check(store.user_change_password(request.name, password))
            return m.AuthUserChangePasswordResponse()
        if isinstance(request, m.AuthUserGrantRoleRequest):
            _check(store.user_grant_role(request.user, request.role))
            return m.AuthUserGrantRoleResponse()
        if isinstance(request, m.AuthUserRevokeRoleRequest):
            _check(store.user_revoke_role(request.name, request.role))
            return m.AuthUserRevokeRoleResponse()
        return None

    def _role_managed(self, request: Message) -> Message:
        store = self.store
        if isinstance(request, m.AuthRoleAddRequest):
            _check(store.role_add(request.name))
            return m.AuthRoleAddResponse()
        if isinstance(request, m.AuthRoleDeleteRequest):
            _check(store.role_delete(request.role))
            return m.AuthRoleDeleteResponse()
        if isinstance(request, m.AuthRoleGrantPermissionRequest):
            if not request.HasField("perm"):
                raise errors.PERMISSION_NOT_GIVEN
            perm = request.perm
            granted = Permission(perm.permType, perm.key, perm.range_end)
            _check(store.role_grant_permission(request.name, granted))
            return m.AuthRoleGrantPermissionResponse()
        assert isinstance(request, m.AuthRoleRevokePermissionRequest)
        _check(store.role_revoke_permission(request.role, request.key, request.range_end))
        return m.AuthRoleRevokePermissionResponse()


def _check(refused: Refused | None) -> None:
    if refused is not None:
        raise errors.ALL[refused.name]


def _there(all: dict[str, Found], name: str, error: type[errors.EtcdError]) -> Found:
    if name not in all:
        raise error
    return all[name]
