"""Who calls, and whether they may: what every service asks before it does anything.

The rules on users and keys are `core.auth`'s; here is what a call says of its caller, and what is
asked for whole requests.
etcd: server/auth/store.go (AuthInfoFromCtx, AuthInfoFromTLS), server/etcdserver/v3_server.go
(AuthInfoFromCtx, requireAuthInfo, doSerialize, checkLease...), server/etcdserver/apply/auth.go,
server/etcdserver/api/v3rpc/auth.go (AuthAdmin).
"""

from __future__ import annotations

from collections.abc import Iterable

from fake_etcd.api import errors
from fake_etcd.api import messages as m
from fake_etcd.core.auth.store import ROOT
from fake_etcd.core.auth.tokens import AuthInfo
from fake_etcd.core.node import Node
from fake_etcd.services.call import Call, Metadata
from fake_etcd.services.kv_checks import Branch, Transaction

TOKEN_NAMES = ("token", "authorization")
"""Metadata that tokens are in: the second where the first is not there.

etcd: api/v3rpc/rpctypes/metadatafields.go.
"""

_GATEWAY = "grpcgateway-accept"
"""Metadata of calls that the JSON gateway made, over a connection of its own."""


def auth_info(node: Node, call: Call) -> AuthInfo | None:
    """Who calls; None where nobody says so, or nobody asks.

    A token comes first, then the name in the client's certificate. The host is root, whom there is
    as long as auth is on.

    Raises:
        errors.INVALID_AUTH_TOKEN: there is a token, and it is not one.
    """
    auth = node.auth
    if auth.enabled:
        token = _token(call.metadata)
        if token is not None:
            info = node.tokens.info(token, auth.revision)
            if info is None:
                raise errors.INVALID_AUTH_TOKEN
            return info
        if call.is_hosts:
            return AuthInfo(ROOT, auth.revision)
    if node.config.client_cert_auth:
        return _of_certificate(node, call)
    return None


def _token(metadata: Metadata) -> str | None:
    for wanted in TOKEN_NAMES:
        for name, value in metadata:
            if name == wanted:
                assert isinstance(value, str), "only names that end in -bin have bytes"
                return value.removeprefix("Bearer ")
    return None


def _of_certificate(node: Node, call: Call) -> AuthInfo | None:
    common_name = call.connection.common_name
    if common_name is None or any(name == _GATEWAY for name, _ in call.metadata):
        return None
    return AuthInfo(common_name, node.auth.revision)


def require_auth_info(node: Node, call: Call) -> AuthInfo | None:
    """Who calls; None only while auth is off.

    Raises:
        errors.INVALID_AUTH_TOKEN; errors.USER_EMPTY: nobody says who calls.
    """
    info = auth_info(node, call)
    if info is None and node.auth.enabled:
        raise errors.USER_EMPTY
    return info


def require_admin(node: Node, call: Call) -> AuthInfo | None:
    """Who calls, and has the role root.

    Raises:
        errors.INVALID_AUTH_TOKEN, and what `AuthStore.check_admin_permitted` does.
    """
    info = auth_info(node, call)
    node.auth.check_admin_permitted(info)
    return info


def check_unchanged(node: Node, info: AuthInfo | None) -> None:
    """After a read: it was allowed by the users and roles that there are.

    Raises:
        errors.AUTH_OLD_REVISION: a token of another revision, which only a token of the caller's
            own making can have here.
    """
    if info is not None and info.revision and info.revision != node.auth.revision:
        raise errors.AUTH_OLD_REVISION


# Writes


def check_put(node: Node, info: AuthInfo | None, request: m.PutRequest) -> None:
    """Raises: what `AuthStore.check_put_permitted` does; the same for the other keys of a lease
    that is attached, which the caller could not revoke; likewise for reading the previous value.
    """
    auth = node.auth
    key = request.key
    auth.check_put_permitted(info, key)
    if request.lease:
        check_lease_puts(node, info, request.lease)
    if request.prev_kv:
        auth.check_range_permitted(info, key, b"")


def check_delete_range(node: Node, info: AuthInfo | None, request: m.DeleteRangeRequest) -> None:
    """Raises: what `AuthStore.check_delete_range_permitted` does; likewise for prev_kv."""
    node.auth.check_delete_range_permitted(info, request.key, request.range_end)
    if request.prev_kv:
        node.auth.check_range_permitted(info, request.key, request.range_end)


def check_txn(node: Node, info: AuthInfo | None, transaction: Transaction) -> None:
    """Both branches, whichever is taken (etcd: checkTxnPermission).

    Raises:
        what the checks of its compares and operations do; the first one decides.
    """
    for compare in transaction.compares:
        node.auth.check_range_permitted(info, compare.key, compare.range_end)
    _check_branch(node, info, transaction.success)
    _check_branch(node, info, transaction.failure)


def _check_branch(node: Node, info: AuthInfo | None, branch: Branch) -> None:
    auth = node.auth
    for operation in branch:
        if isinstance(operation, m.RangeRequest):
            auth.check_range_permitted(info, operation.key, operation.range_end)
        elif isinstance(operation, m.PutRequest):
            check_put(node, info, operation)
        elif isinstance(operation, m.DeleteRangeRequest):
            check_delete_range(node, info, operation)
        else:
            check_txn(node, info, operation)


# Leases: who may write all keys of one may revoke and renew it, who may read them may see them


def check_lease_puts(node: Node, info: AuthInfo | None, id: int) -> None:
    """Raises: what `AuthStore.check_put_permitted` does for any key that the lease has."""
    lease = node.lessor.lookup(id)
    if lease is None or node.auth.is_admin(info):
        return
    for key in lease.sorted_keys():
        node.auth.check_put_permitted(info, key)


def check_lease_renew(node: Node, call: Call, id: int) -> None:
    """Raises: errors.INVALID_AUTH_TOKEN, errors.USER_EMPTY, and what `check_lease_puts` does."""
    if node.auth.enabled:
        check_lease_puts(node, require_auth_info(node, call), id)


def check_lease_reads(node: Node, call: Call, ids: Iterable[int]) -> None:
    """Raises: errors.INVALID_AUTH_TOKEN, errors.USER_EMPTY, and what
    `AuthStore.check_range_permitted` does for any key that any of the leases has."""
    if not node.auth.enabled:
        return
    info = require_auth_info(node, call)
    if node.auth.is_admin(info):
        return
    for id in ids:
        lease = node.lessor.lookup(id)
        for key in lease.sorted_keys() if lease is not None else ():
            node.auth.check_range_permitted(info, key, b"")
