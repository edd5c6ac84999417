"""What the client calls, one row an RPC: its types, and whether it may be repeated.

etcd: client/v3/retry.go. A *repeatable* call is tried again whenever the server could not be
reached or was not able to take it; the others only where it is sure that nothing was sent. (Grant
and revoke of leases are repeatable there: a second lease expires by itself, a second revocation
finds nothing.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from google.protobuf.message import Message

from fake_etcd.api import messages as m
from fake_etcd.api.methods import METHODS, Method

Request = TypeVar("Request", bound=Message)
Response = TypeVar("Response", bound=Message)


@dataclass(frozen=True, slots=True)
class Rpc(Generic[Request, Response]):
    """A row.

    Args:
        method: the RPC.
        request: class of what is sent, that of the method.
        response: class of what comes.
        is_repeatable: whether Go's client repeats it after it may have been applied.
    """

    method: Method
    request: type[Request]
    response: type[Response]
    is_repeatable: bool


def _row(
    path: str, request: type[Request], response: type[Response], *, repeatable: bool = False
) -> Rpc[Request, Response]:
    return Rpc(METHODS[f"/etcdserverpb.{path}"], request, response, repeatable)


RANGE = _row("KV/Range", m.RangeRequest, m.RangeResponse, repeatable=True)
RANGE_STREAM = _row("KV/RangeStream", m.RangeRequest, m.RangeStreamResponse)
PUT = _row("KV/Put", m.PutRequest, m.PutResponse)
DELETE_RANGE = _row("KV/DeleteRange", m.DeleteRangeRequest, m.DeleteRangeResponse)
TXN = _row("KV/Txn", m.TxnRequest, m.TxnResponse)
COMPACT = _row("KV/Compact", m.CompactionRequest, m.CompactionResponse)

WATCH = _row("Watch/Watch", m.WatchRequest, m.WatchResponse)

LEASE_GRANT = _row("Lease/LeaseGrant", m.LeaseGrantRequest, m.LeaseGrantResponse, repeatable=True)
LEASE_REVOKE = _row(
    "Lease/LeaseRevoke", m.LeaseRevokeRequest, m.LeaseRevokeResponse, repeatable=True
)
LEASE_KEEP_ALIVE = _row(
    "Lease/LeaseKeepAlive", m.LeaseKeepAliveRequest, m.LeaseKeepAliveResponse, repeatable=True
)
LEASE_TIME_TO_LIVE = _row(
    "Lease/LeaseTimeToLive", m.LeaseTimeToLiveRequest, m.LeaseTimeToLiveResponse, repeatable=True
)
LEASE_LEASES = _row(
    "Lease/LeaseLeases", m.LeaseLeasesRequest, m.LeaseLeasesResponse, repeatable=True
)

MEMBER_ADD = _row("Cluster/MemberAdd", m.MemberAddRequest, m.MemberAddResponse)
MEMBER_REMOVE = _row("Cluster/MemberRemove", m.MemberRemoveRequest, m.MemberRemoveResponse)
MEMBER_UPDATE = _row("Cluster/MemberUpdate", m.MemberUpdateRequest, m.MemberUpdateResponse)
MEMBER_LIST = _row("Cluster/MemberList", m.MemberListRequest, m.MemberListResponse, repeatable=True)
MEMBER_PROMOTE = _row("Cluster/MemberPromote", m.MemberPromoteRequest, m.MemberPromoteResponse)

ALARM = _row("Maintenance/Alarm", m.AlarmRequest, m.AlarmResponse, repeatable=True)
STATUS = _row("Maintenance/Status", m.StatusRequest, m.StatusResponse, repeatable=True)
DEFRAGMENT = _row("Maintenance/Defragment", m.DefragmentRequest, m.DefragmentResponse)
HASH = _row("Maintenance/Hash", m.HashRequest, m.HashResponse, repeatable=True)
HASH_KV = _row("Maintenance/HashKV", m.HashKVRequest, m.HashKVResponse, repeatable=True)
SNAPSHOT = _row("Maintenance/Snapshot", m.SnapshotRequest, m.SnapshotResponse, repeatable=True)
MOVE_LEADER = _row(
    "Maintenance/MoveLeader", m.MoveLeaderRequest, m.MoveLeaderResponse, repeatable=True
)
DOWNGRADE = _row("Maintenance/Downgrade", m.DowngradeRequest, m.DowngradeResponse)

AUTH_ENABLE = _row("Auth/AuthEnable", m.AuthEnableRequest, m.AuthEnableResponse)
AUTH_DISABLE = _row("Auth/AuthDisable", m.AuthDisableRequest, m.AuthDisableResponse)
AUTH_STATUS = _row("Auth/AuthStatus", m.AuthStatusRequest, m.AuthStatusResponse)
AUTHENTICATE = _row("Auth/Authenticate", m.AuthenticateRequest, m.AuthenticateResponse)
USER_ADD = _row("Auth/UserAdd", m.AuthUserAddRequest, m.AuthUserAddResponse)
USER_DELETE = _row("Auth/UserDelete", m.AuthUserDeleteRequest, m.AuthUserDeleteResponse)
USER_CHANGE_PASSWORD = _row(
    "Auth/UserChangePassword",
    m.AuthUserChangePasswordRequest,
    m.AuthUserChangePasswordResponse,
)
USER_GRANT_ROLE = _row(
    "Auth/UserGrantRole", m.AuthUserGrantRoleRequest, m.AuthUserGrantRoleResponse
)
USER_REVOKE_ROLE = _row(
    "Auth/UserRevokeRole", m.AuthUserRevokeRoleRequest, m.AuthUserRevokeRoleResponse
)
USER_GET = _row("Auth/UserGet", m.AuthUserGetRequest, m.AuthUserGetResponse, repeatable=True)
USER_LIST = _row("Auth/UserList", m.AuthUserListRequest, m.AuthUserListResponse, repeatable=True)
ROLE_ADD = _row("Auth/RoleAdd", m.AuthRoleAddRequest, m.AuthRoleAddResponse)
ROLE_DELETE = _row("Auth/RoleDelete", m.AuthRoleDeleteRequest, m.AuthRoleDeleteResponse)
ROLE_GRANT_PERMISSION = _row(
    "Auth/RoleGrantPermission",
    m.AuthRoleGrantPermissionRequest,
    m.AuthRoleGrantPermissionResponse,
)
ROLE_REVOKE_PERMISSION = _row(
    "Auth/RoleRevokePermission",
    m.AuthRoleRevokePermissionRequest,
    m.AuthRoleRevokePermissionResponse,
)
ROLE_GET = _row("Auth/RoleGet", m.AuthRoleGetRequest, m.AuthRoleGetResponse, repeatable=True)
ROLE_LIST = _row("Auth/RoleList", m.AuthRoleListRequest, m.AuthRoleListResponse, repeatable=True)

ALL: tuple[Rpc[Message, Message], ...] = tuple(
    row for row in list(globals().values()) if isinstance(row, Rpc)
)
"""The rows, in their order."""
