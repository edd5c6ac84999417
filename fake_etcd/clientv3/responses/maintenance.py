"""What Maintenance's methods answer. Sizes are bytes.

etcd: etcdserverpb/rpc.proto. What an older server does not know is 0, empty or None.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from fake_etcd.api import messages as m
from fake_etcd.clientv3.records import OpenEnum
from fake_etcd.clientv3.responses.header import HeaderResponse, ResponseHeader


class AlarmType(OpenEnum):
    """What is wrong."""

    NONE = m.NONE
    NOSPACE = m.NOSPACE
    CORRUPT = m.CORRUPT


class DowngradeAction(enum.IntEnum):
    """What to do about a downgrade."""

    VALIDATE = m.DowngradeRequest.VALIDATE
    ENABLE = m.DowngradeRequest.ENABLE
    CANCEL = m.DowngradeRequest.CANCEL


@dataclass(frozen=True, slots=True)
class AlarmMember:
    """What is wrong with which member."""

    member_id: int
    alarm: AlarmType

    @classmethod
    def of(cls, pb: m.AlarmMember) -> AlarmMember:
        return cls(pb.memberID, AlarmType(pb.alarm))


@dataclass(frozen=True, slots=True)
class AlarmResponse:
    """The alarms that there are, or those that were ended."""

    header: ResponseHeader
    alarms: tuple[AlarmMember, ...] = ()

    @classmethod
    def of(cls, pb: m.AlarmResponse) -> AlarmResponse:
        return cls(ResponseHeader.of(pb.header), tuple(AlarmMember.of(each) for each in pb.alarms))


@dataclass(frozen=True, slots=True)
class DowngradeInfo:
    """Whether the cluster is on its way to an older version, and to which."""

    enabled: bool = False
    target_version: str = ""

    @classmethod
    def of(cls, pb: m.DowngradeInfo) -> DowngradeInfo:
        return cls(pb.enabled, pb.targetVersion)


@dataclass(frozen=True, slots=True)
class StatusResponse:
    """How one member is. `leader` is a member's ID, 0 if there is none.

    From 3.6 on `storage_version`, `db_size_quota` and `downgrade_info` are known.
    """

    header: ResponseHeader
    version: str = ""
    db_size: int = 0
    leader: int = 0
    raft_index: int = 0
    raft_term: int = 0
    raft_applied_index: int = 0
    errors: tuple[str, ...] = ()
    db_size_in_use: int = 0
    is_learner: bool = False
    storage_version: str = ""
    db_size_quota: int = 0
    downgrade_info: DowngradeInfo | None = None

    @classmethod
    def of(cls, pb: m.StatusResponse) -> StatusResponse:
        return cls(
            ResponseHeader.of(pb.header),
            pb.version,
            pb.dbSize,
            pb.leader,
            pb.raftIndex,
            pb.raftTerm,
            pb.raftAppliedIndex,
            tuple(pb.errors),
            pb.dbSizeInUse,
            pb.isLearner,
            pb.storageVersion,
            pb.dbSizeQuota,
            DowngradeInfo.of(pb.downgradeInfo) if pb.HasField("downgradeInfo") else None,
        )


class DefragmentResponse(HeaderResponse):
    """The member's file is as small as it can be."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class HashResponse:
    """A sum of a member's whole file."""

    header: ResponseHeader
    hash: int = 0

    @classmethod
    def of(cls, pb: m.HashResponse) -> HashResponse:
        return cls(ResponseHeader.of(pb.header), pb.hash)


@dataclass(frozen=True, slots=True)
class HashKVResponse:
    """A sum of a member's keys from `compact_revision` up to `hash_revision` (3.6 tells that)."""

    header: ResponseHeader
    hash: int = 0
    compact_revision: int = 0
    hash_revision: int = 0

    @classmethod
    def of(cls, pb: m.HashKVResponse) -> HashKVResponse:
        header = ResponseHeader.of(pb.header)
        return cls(header, pb.hash, pb.compact_revision, pb.hash_revision)


@dataclass(frozen=True, slots=True)
class SnapshotChunk:
    """A piece of a member's file; `version` is the server's, from 3.6 on."""

    header: ResponseHeader
    remaining_bytes: int = 0
    blob: bytes = b""
    version: str = ""

    @classmethod
    def of(cls, pb: m.SnapshotResponse) -> SnapshotChunk:
        return cls(ResponseHeader.of(pb.header), pb.remaining_bytes, pb.blob, pb.version)


class MoveLeaderResponse(HeaderResponse):
    """Another member leads."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class DowngradeResponse:
    """`version` is the cluster's."""

    header: ResponseHeader
    version: str = ""

    @classmethod
    def of(cls, pb: m.DowngradeResponse) -> DowngradeResponse:
        return cls(ResponseHeader.of(pb.header), pb.version)
