"""What etcd answers, as frozen dataclasses: each has `of`, which makes it from its message.

Bytes stay bytes, repeated fields are tuples, enums are IntEnums. Names are etcd's in snake case.
Answers of older servers lack what those do not know: the fields have their defaults then.

Keys, watches and leases are there at once; the rest, which is for administration, is imported when
it is first asked for, which spares those who never do part of the time that importing this takes.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from fake_etcd.clientv3.responses.header import (
    HeaderResponse,
    ResponseHeader,
)
from fake_etcd.clientv3.responses.kv import (
    CompactResponse,
    DeleteResponse,
    GetResponse,
    KeyValue,
    OpResponse,
    PutResponse,
    TxnResponse,
    response_of,
)
from fake_etcd.clientv3.responses.lease import (
    LeaseGrantResponse,
    LeaseKeepAliveResponse,
    LeaseLeasesResponse,
    LeaseRevokeResponse,
    LeaseStatus,
    LeaseTimeToLiveResponse,
)
from fake_etcd.clientv3.responses.watch import (
    Event,
    EventType,
    WatchResponse,
)

if TYPE_CHECKING:
    from fake_etcd.clientv3.responses.auth import (
        AuthDisableResponse,
        AuthEnableResponse,
        AuthenticateResponse,
        AuthRoleAddResponse,
        AuthRoleDeleteResponse,
        AuthRoleGetResponse,
        AuthRoleGrantPermissionResponse,
        AuthRoleListResponse,
        AuthRoleRevokePermissionResponse,
        AuthStatusResponse,
        AuthUserAddResponse,
        AuthUserChangePasswordResponse,
        AuthUserDeleteResponse,
        AuthUserGetResponse,
        AuthUserGrantRoleResponse,
        AuthUserListResponse,
        AuthUserRevokeRoleResponse,
        Permission,
        PermissionType,
        Role,
        User,
    )
    from fake_etcd.clientv3.responses.cluster import (
        Member,
        MemberAddResponse,
        MemberListResponse,
        MemberPromoteResponse,
        MemberRemoveResponse,
        MembersResponse,
        MemberUpdateResponse,
    )
    from fake_etcd.clientv3.responses.maintenance import (
        AlarmMember,
        AlarmResponse,
        AlarmType,
        DefragmentResponse,
        DowngradeAction,
        DowngradeInfo,
        DowngradeResponse,
        HashKVResponse,
        HashResponse,
        MoveLeaderResponse,
        SnapshotChunk,
        StatusResponse,
    )

__all__ = [
    "AlarmMember",
    "AlarmResponse",
    "AlarmType",
    "AuthDisableResponse",
    "AuthEnableResponse",
    "AuthRoleAddResponse",
    "AuthRoleDeleteResponse",
    "AuthRoleGetResponse",
    "AuthRoleGrantPermissionResponse",
    "AuthRoleListResponse",
    "AuthRoleRevokePermissionResponse",
    "AuthStatusResponse",
    "AuthUserAddResponse",
    "AuthUserChangePasswordResponse",
    "AuthUserDeleteResponse",
    "AuthUserGetResponse",
    "AuthUserGrantRoleResponse",
    "AuthUserListResponse",
    "AuthUserRevokeRoleResponse",
    "AuthenticateResponse",
    "CompactResponse",
    "DefragmentResponse",
    "DeleteResponse",
    "DowngradeAction",
    "DowngradeInfo",
    "DowngradeResponse",
    "Event",
    "EventType",
    "GetResponse",
    "HashKVResponse",
    "HashResponse",
    "HeaderResponse",
    "KeyValue",
    "LeaseGrantResponse",
    "LeaseKeepAliveResponse",
    "LeaseLeasesResponse",
    "LeaseRevokeResponse",
    "LeaseStatus",
    "LeaseTimeToLiveResponse",
    "Member",
    "MemberAddResponse",
    "MemberListResponse",
    "MemberPromoteResponse",
    "MemberRemoveResponse",
    "MemberUpdateResponse",
    "MembersResponse",
    "MoveLeaderResponse",
    "OpResponse",
    "Permission",
    "PermissionType",
    "PutResponse",
    "ResponseHeader",
    "Role",
    "SnapshotChunk",
    "StatusResponse",
    "TxnResponse",
    "User",
    "WatchResponse",
    "response_of",
]

_LATER = {
    "auth": (
        "AuthDisableResponse",
        "AuthEnableResponse",
        "AuthRoleAddResponse",
        "AuthRoleDeleteResponse",
        "AuthRoleGetResponse",
        "AuthRoleGrantPermissionResponse",
        "AuthRoleListResponse",
        "AuthRoleRevokePermissionResponse",
        "AuthStatusResponse",
        "AuthUserAddResponse",
        "AuthUserChangePasswordResponse",
        "AuthUserDeleteResponse",
        "AuthUserGetResponse",
        "AuthUserGrantRoleResponse",
        "AuthUserListResponse",
        "AuthUserRevokeRoleResponse",
        "AuthenticateResponse",
        "Permission",
        "PermissionType",
        "Role",
        "User",
    ),
    "cluster": (
        "Member",
        "MemberAddResponse",
        "MemberListResponse",
        "MemberPromoteResponse",
        "MemberRemoveResponse",
        "MemberUpdateResponse",
        "MembersResponse",
    ),
    "maintenance": (
        "AlarmMember",
        "AlarmResponse",
        "AlarmType",
        "DefragmentResponse",
        "DowngradeAction",
        "DowngradeInfo",
        "DowngradeResponse",
        "HashKVResponse",
        "HashResponse",
        "MoveLeaderResponse",
        "SnapshotChunk",
        "StatusResponse",
    ),
}
_HOME = {name: module for module, names in _LATER.items() for name in names}

if not TYPE_CHECKING:  # Seen by a type checker, it would give every name a type.

    def __getattr__(name: str) -> object:
        home = _HOME.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(import_module(f"{__name__}.{home}"), name)
        return found

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
