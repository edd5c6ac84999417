"""The errors that an etcd server answers with: one class for each, in groups.

etcd: api/v3rpc/rpctypes/error.go. Codes and texts are those of `fake_etcd.api.errors`; the names
are Go's, `Err` before the row's name. What is no answer of etcd's is not here.

Go's client has no name for ErrInvalidClientAPIVersion, ErrPermissionNotGiven and
ErrNotSupportedForLearner, and its ErrTimeoutWaitAppliedIndex is never equal to an answer. They are
classes like the others here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from fake_etcd.api import errors as table
from fake_etcd.api.status import Code
from fake_etcd.clientv3.errors import Error

_by_name: dict[str, type[EtcdError]] = {}
_by_message: dict[str, type[EtcdError]] = {}

_ENDED = (Code.CANCELLED, Code.DEADLINE_EXCEEDED)
"""Codes that tell of the end of a call's context."""


class EtcdError(Error):
    """An error that etcd answered with; each row of its table is a subclass.

    Two errors are equal if they are of one class.

    >>> ErrEmptyKey()
    ErrEmptyKey('etcdserver: key is not provided')
    >>> ErrEmptyKey().code, ErrEmptyKey() == ErrEmptyKey(), isinstance(ErrEmptyKey(), KVError)
    (<Code.INVALID_ARGUMENT: 3>, True, True)
    """

    code: ClassVar[Code] = Code.UNKNOWN
    message: ClassVar[str] = ""

    def __init_subclass__(cls, *, row: type[table.EtcdError] | None = None) -> None:
        """With a row of the table the class is that answer, without it is a group."""
        super().__init_subclass__()
        if row is None:
            return
        cls.code = row.code
        cls.message = row.message
        if cls.__doc__ is None:
            cls.__doc__ = f'"{row.message}" ({row.code.name})'
        _by_name[cls.__name__] = cls
        if row.code not in _ENDED:
            _by_message[row.message] = cls

    def __str__(self) -> str:
        return self.message

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.message!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, EtcdError):
            return NotImplemented
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))


def from_status(code: Code, message: str) -> EtcdError | None:
    """The error that a call's status stands for, None if etcd has none of that text.

    Looked up by text alone, as in Go: a proxy may have changed the code, and the reason of a
    canceled watch has none. The error's own code is the table's. The rows that tell that the
    call's context ended (ErrWatchCanceled, ErrCanceled, ErrDeadlineExceeded) are not looked up,
    in Go neither: the caller's context says what became of it.

    >>> from_status(Code.UNKNOWN, "etcdserver: no leader")
    ErrNoLeader('etcdserver: no leader')
    >>> from_status(Code.UNAVAILABLE, "connection refused")
    """
    found = _by_message.get(message)
    return None if found is None else found()


class KVError(EtcdError):
    """A request for keys, values or a watch that etcd refused."""


class LeaseError(EtcdError):
    """A request about a lease that etcd refused."""


class ClusterError(EtcdError):
    """A change of the members, or of who leads them, that etcd refused."""


class RequestError(EtcdError):
    """A request that etcd refused before it looked at what it is for."""


class AuthError(EtcdError):
    """A request of somebody who may not, or about users, roles and permissions."""


class ServerError(EtcdError):
    """The server, not the request, is the reason."""


class ServerUnavailable(ServerError):
    """The server cannot serve now and may later; its code is UNAVAILABLE.

    A change that was asked for may have been made or not.
    """


class DowngradeError(EtcdError):
    """A downgrade that etcd refused."""


class ContextEnded(EtcdError):
    """The server saw the call's context end; see `from_status`."""


class ErrEmptyKey(KVError, row=table.EMPTY_KEY): ...


class ErrKeyNotFound(KVError, row=table.KEY_NOT_FOUND): ...


class ErrValueProvided(KVError, row=table.VALUE_PROVIDED): ...


class ErrLeaseProvided(KVError, row=table.LEASE_PROVIDED): ...


class ErrTooManyOps(KVError, row=table.TOO_MANY_OPS): ...


class ErrDuplicateKey(KVError, row=table.DUPLICATE_KEY): ...


class ErrInvalidClientAPIVersion(RequestError, row=table.INVALID_CLIENT_API_VERSION): ...


class ErrInvalidSortOption(KVError, row=table.INVALID_SORT_OPTION): ...


class ErrCompacted(KVError, row=table.COMPACTED):
    """The revision asked for is gone.

    `compact_revision` is the first that a watch can have now, where the server told (it tells
    watches); 0 elsewhere. It does not count for equality.
    """

    def __init__(self, compact_revision: int = 0) -> None:
        super().__init__()
        self.compact_revision = compact_revision


class ErrFutureRev(KVError, row=table.FUTURE_REV): ...


class ErrNoSpace(KVError, row=table.NO_SPACE): ...


class ErrLeaseNotFound(LeaseError, row=table.LEASE_NOT_FOUND): ...


class ErrLeaseExist(LeaseError, row=table.LEASE_EXIST): ...


class ErrLeaseTTLTooLarge(LeaseError, row=table.LEASE_TTL_TOO_LARGE): ...


class ErrWatchCanceled(ContextEnded, row=table.WATCH_CANCELED): ...


class ErrMemberExist(ClusterError, row=table.MEMBER_EXIST): ...


class ErrPeerURLExist(ClusterError, row=table.PEER_URL_EXIST): ...


class ErrMemberNotEnoughStarted(ClusterError, row=table.MEMBER_NOT_ENOUGH_STARTED): ...


class ErrMemberBadURLs(ClusterError, row=table.MEMBER_BAD_URLS): ...


class ErrMemberNotFound(ClusterError, row=table.MEMBER_NOT_FOUND): ...


class ErrMemberNotLearner(ClusterError, row=table.MEMBER_NOT_LEARNER): ...


class ErrMemberLearnerNotReady(ClusterError, row=table.LEARNER_NOT_READY): ...


class ErrTooManyLearners(ClusterError, row=table.TOO_MANY_LEARNERS): ...


class ErrClusterIDMismatch(ClusterError, row=table.CLUSTER_ID_MISMATCH): ...


ErrClusterIdMismatch = ErrClusterIDMismatch
"""The same by an older name, which Go has still."""


class ErrRequestTooLarge(RequestError, row=table.REQUEST_TOO_LARGE): ...


class ErrTooManyRequests(RequestError, row=table.REQUEST_TOO_MANY_REQUESTS): ...


class ErrRootUserNotExist(AuthError, row=table.ROOT_USER_NOT_EXIST): ...


class ErrRootRoleNotExist(AuthError, row=table.ROOT_ROLE_NOT_EXIST): ...


class ErrUserAlreadyExist(AuthError, row=table.USER_ALREADY_EXIST): ...


class ErrUserEmpty(AuthError, row=table.USER_EMPTY): ...


class ErrUserNotFound(AuthError, row=table.USER_NOT_FOUND): ...


class ErrRoleAlreadyExist(AuthError, row=table.ROLE_ALREADY_EXIST): ...


class ErrRoleNotFound(AuthError, row=table.ROLE_NOT_FOUND): ...


class ErrRoleEmpty(AuthError, row=table.ROLE_EMPTY): ...


class ErrAuthFailed(AuthError, row=table.AUTH_FAILED): ...


class ErrPermissionNotGiven(AuthError, row=table.PERMISSION_NOT_GIVEN): ...


class ErrPermissionDenied(AuthError, row=table.PERMISSION_DENIED): ...


class ErrRoleNotGranted(AuthError, row=table.ROLE_NOT_GRANTED): ...


class ErrPermissionNotGranted(AuthError, row=table.PERMISSION_NOT_GRANTED): ...


class ErrAuthNotEnabled(AuthError, row=table.AUTH_NOT_ENABLED): ...


class ErrInvalidAuthToken(AuthError, row=table.INVALID_AUTH_TOKEN): ...


class ErrInvalidAuthMgmt(AuthError, row=table.INVALID_AUTH_MGMT): ...


class ErrAuthOldRevision(AuthError, row=table.AUTH_OLD_REVISION): ...


class ErrNoLeader(ServerUnavailable, row=table.NO_LEADER): ...


class ErrNotLeader(ServerError, row=table.NOT_LEADER): ...


class ErrLeaderChanged(ServerUnavailable, row=table.LEADER_CHANGED): ...


class ErrNotCapable(ServerError, row=table.NOT_CAPABLE): ...


class ErrStopped(ServerUnavailable, row=table.STOPPED): ...


class ErrTimeout(ServerUnavailable, row=table.TIMEOUT): ...


class ErrTimeoutDueToLeaderFail(ServerUnavailable, row=table.TIMEOUT_DUE_TO_LEADER_FAIL): ...


class ErrTimeoutDueToConnectionLost(
    ServerUnavailable, row=table.TIMEOUT_DUE_TO_CONNECTION_LOST
): ...


class ErrTimeoutWaitAppliedIndex(ServerUnavailable, row=table.TIMEOUT_WAIT_APPLIED_INDEX): ...


class ErrUnhealthy(ServerUnavailable, row=table.UNHEALTHY): ...


class ErrCorrupt(ServerError, row=table.CORRUPT): ...


class ErrNotSupportedForLearner(ServerError, row=table.NOT_SUPPORTED_FOR_LEARNER): ...


class ErrBadLeaderTransferee(ClusterError, row=table.BAD_LEADER_TRANSFEREE): ...


class ErrWrongDowngradeVersionFormat(DowngradeError, row=table.WRONG_DOWNGRADE_VERSION_FORMAT): ...


class ErrInvalidDowngradeTargetVersion(
    DowngradeError, row=table.INVALID_DOWNGRADE_TARGET_VERSION
): ...


class ErrClusterVersionUnavailable(DowngradeError, row=table.CLUSTER_VERSION_UNAVAILABLE): ...


class ErrDowngradeInProcess(DowngradeError, row=table.DOWNGRADE_IN_PROCESS): ...


class ErrNoInflightDowngrade(DowngradeError, row=table.NO_INFLIGHT_DOWNGRADE): ...


class ErrCanceled(ContextEnded, row=table.CANCELED): ...


class ErrDeadlineExceeded(ContextEnded, row=table.DEADLINE_EXCEEDED): ...


ALL: Mapping[str, type[EtcdError]] = _by_name
"""The classes by name ("ErrEmptyKey"), in etcd's order."""
