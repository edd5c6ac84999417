"""Every error etcd gives its clients: name, code and text, in one table.

etcd: api/v3rpc/rpctypes/error.go (3.7). The names are those there without `ErrGRPC`. Clients tell
errors apart by their text, so codes and texts are exact and appear nowhere else in the package.
Errors that are not etcd's own (gRPC's, HTTP/2's) are raised as `StatusError`.
"""

from __future__ import annotations

from collections.abc import Mapping

from fake_etcd.api.status import Code, Status


class EtcdError(Exception):
    """A call that ends with a status other than OK; each row of the table is a subclass.

    Raise the class (`raise errors.EMPTY_KEY`): that makes a new instance each time, so no
    traceback grows on a shared one. `code`, `message` and `status` are there on the class too.
    """

    code: Code
    message: str
    status: Status

    def __str__(self) -> str:
        return self.message


class StatusError(EtcdError):
    """Ends a call with any status.

    >>> str(StatusError(Status(Code.UNIMPLEMENTED, "not here")))
    'not here'
    """

    def __init__(self, status: Status) -> None:
        super().__init__(status)
        self.status = status
        self.code = status.code
        self.message = status.message


def _row(code: Code, message: str) -> type[EtcdError]:
    body = {"code": code, "message": message, "status": Status(code, message)}
    return type("row", (EtcdError,), body)


def _name_rows(names: Mapping[str, object]) -> dict[str, type[EtcdError]]:
    """The rows among a module's names; each class learns its name, as pickle wants."""
    rows = {
        name: value
        for name, value in names.items()
        if isinstance(value, type) and issubclass(value, EtcdError) and value.__name__ == "row"
    }
    for name, row in rows.items():
        row.__name__ = row.__qualname__ = name
    return rows


EMPTY_KEY = _row(Code.INVALID_ARGUMENT, "etcdserver: key is not provided")
KEY_NOT_FOUND = _row(Code.INVALID_ARGUMENT, "etcdserver: key not found")
VALUE_PROVIDED = _row(Code.INVALID_ARGUMENT, "etcdserver: value is provided")
LEASE_PROVIDED = _row(Code.INVALID_ARGUMENT, "etcdserver: lease is provided")
TOO_MANY_OPS = _row(Code.INVALID_ARGUMENT, "etcdserver: too many operations in txn request")
DUPLICATE_KEY = _row(Code.INVALID_ARGUMENT, "etcdserver: duplicate key given in txn request")
INVALID_CLIENT_API_VERSION = _row(Code.INVALID_ARGUMENT, "etcdserver: invalid client api version")
INVALID_SORT_OPTION = _row(Code.INVALID_ARGUMENT, "etcdserver: invalid sort option")
COMPACTED = _row(Code.OUT_OF_RANGE, "etcdserver: mvcc: required revision has been compacted")
FUTURE_REV = _row(Code.OUT_OF_RANGE, "etcdserver: mvcc: required revision is a future revision")
NO_SPACE = _row(Code.RESOURCE_EXHAUSTED, "etcdserver: mvcc: database space exceeded")

LEASE_NOT_FOUND = _row(Code.NOT_FOUND, "etcdserver: requested lease not found")
LEASE_EXIST = _row(Code.FAILED_PRECONDITION, "etcdserver: lease already exists")
LEASE_TTL_TOO_LARGE = _row(Code.OUT_OF_RANGE, "etcdserver: too large lease TTL")

WATCH_CANCELED = _row(Code.CANCELLED, "etcdserver: watch canceled")

MEMBER_EXIST = _row(Code.FAILED_PRECONDITION, "etcdserver: member ID already exist")
PEER_URL_EXIST = _row(Code.FAILED_PRECONDITION, "etcdserver: Peer URLs already exists")
MEMBER_NOT_ENOUGH_STARTED = _row(
    Code.FAILED_PRECONDITION,
    "etcdserver: re-configuration failed due to not enough started members",
)
MEMBER_BAD_URLS = _row(Code.INVALID_ARGUMENT, "etcdserver: given member URLs are invalid")
MEMBER_NOT_FOUND = _row(Code.NOT_FOUND, "etcdserver: member not found")
MEMBER_NOT_LEARNER = _row(Code.FAILED_PRECONDITION, "etcdserver: can only promote a learner member")
LEARNER_NOT_READY = _row(
    Code.FAILED_PRECONDITION,
    "etcdserver: can only promote a learner member which is in sync with leader",
)
TOO_MANY_LEARNERS = _row(
    Code.FAILED_PRECONDITION, "etcdserver: too many learner members in cluster"
)
CLUSTER_ID_MISMATCH = _row(Code.FAILED_PRECONDITION, "etcdserver: cluster ID mismatch")

REQUEST_TOO_LARGE = _row(Code.INVALID_ARGUMENT, "etcdserver: request is too large")
REQUEST_TOO_MANY_REQUESTS = _row(Code.RESOURCE_EXHAUSTED, "etcdserver: too many requests")

ROOT_USER_NOT_EXIST = _row(Code.FAILED_PRECONDITION, "etcdserver: root user does not exist")
ROOT_ROLE_NOT_EXIST = _row(
    Code.FAILED_PRECONDITION, "etcdserver: root user does not have root role"
)
USER_ALREADY_EXIST = _row(Code.FAILED_PRECONDITION, "etcdserver: user name already exists")
USER_EMPTY = _row(Code.INVALID_ARGUMENT, "etcdserver: user name is empty")
USER_NOT_FOUND = _row(Code.FAILED_PRECONDITION, "etcdserver: user name not found")
ROLE_ALREADY_EXIST = _row(Code.FAILED_PRECONDITION, "etcdserver: role name already exists")
ROLE_NOT_FOUND = _row(Code.FAILED_PRECONDITION, "etcdserver: role name not found")
ROLE_EMPTY = _row(Code.INVALID_ARGUMENT, "etcdserver: role name is empty")
AUTH_FAILED = _row(
    Code.INVALID_ARGUMENT, "etcdserver: authentication failed, invalid user ID or password"
)
PERMISSION_NOT_GIVEN = _row(Code.INVALID_ARGUMENT, "etcdserver: permission not given")
PERMISSION_DENIED = _row(Code.PERMISSION_DENIED, "etcdserver: permission denied")
ROLE_NOT_GRANTED = _row(Code.FAILED_PRECONDITION, "etcdserver: role is not granted to the user")
PERMISSION_NOT_GRANTED = _row(
    Code.FAILED_PRECONDITION, "etcdserver: permission is not granted to the role"
)
AUTH_NOT_ENABLED = _row(Code.FAILED_PRECONDITION, "etcdserver: authentication is not enabled")
INVALID_AUTH_TOKEN = _row(Code.UNAUTHENTICATED, "etcdserver: invalid auth token")
INVALID_AUTH_MGMT = _row(Code.INVALID_ARGUMENT, "etcdserver: invalid auth management")
AUTH_OLD_REVISION = _row(Code.INVALID_ARGUMENT, "etcdserver: revision of auth store is old")

NO_LEADER = _row(Code.UNAVAILABLE, "etcdserver: no leader")
NOT_LEADER = _row(Code.FAILED_PRECONDITION, "etcdserver: not leader")
LEADER_CHANGED = _row(Code.UNAVAILABLE, "etcdserver: leader changed")
NOT_CAPABLE = _row(Code.FAILED_PRECONDITION, "etcdserver: not capable")
STOPPED = _row(Code.UNAVAILABLE, "etcdserver: server stopped")
TIMEOUT = _row(Code.UNAVAILABLE, "etcdserver: request timed out")
TIMEOUT_DUE_TO_LEADER_FAIL = _row(
    Code.UNAVAILABLE, "etcdserver: request timed out, possibly due to previous leader failure"
)
TIMEOUT_DUE_TO_CONNECTION_LOST = _row(
    Code.UNAVAILABLE, "etcdserver: request timed out, possibly due to connection lost"
)
TIMEOUT_WAIT_APPLIED_INDEX = _row(
    Code.UNAVAILABLE, "etcdserver: request timed out, waiting for the applied index took too long"
)
UNHEALTHY = _row(Code.UNAVAILABLE, "etcdserver: unhealthy cluster")
CORRUPT = _row(Code.DATA_LOSS, "etcdserver: corrupt cluster")
NOT_SUPPORTED_FOR_LEARNER = _row(
    Code.FAILED_PRECONDITION, "etcdserver: rpc not supported for learner"
)
BAD_LEADER_TRANSFEREE = _row(Code.FAILED_PRECONDITION, "etcdserver: bad leader transferee")

WRONG_DOWNGRADE_VERSION_FORMAT = _row(
    Code.INVALID_ARGUMENT, "etcdserver: wrong downgrade target version format"
)
INVALID_DOWNGRADE_TARGET_VERSION = _row(
    Code.INVALID_ARGUMENT, "etcdserver: invalid downgrade target version"
)
CLUSTER_VERSION_UNAVAILABLE = _row(
    Code.FAILED_PRECONDITION, "etcdserver: cluster version not found during downgrade"
)
DOWNGRADE_IN_PROCESS = _row(
    Code.FAILED_PRECONDITION, "etcdserver: cluster has a downgrade job in progress"
)
NO_INFLIGHT_DOWNGRADE = _row(Code.FAILED_PRECONDITION, "etcdserver: no inflight downgrade job")

CANCELED = _row(Code.CANCELLED, "etcdserver: request canceled")
DEADLINE_EXCEEDED = _row(Code.DEADLINE_EXCEEDED, "etcdserver: context deadline exceeded")

ALL: Mapping[str, type[EtcdError]] = _name_rows(globals())
"""The rows by name ("EMPTY_KEY"), in etcd's order."""

BY_MESSAGE: Mapping[str, type[EtcdError]] = {row.message: row for row in ALL.values()}
"""The rows by text, which is how clients look them up."""
