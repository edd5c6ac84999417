"""What begins every answer, and the answers that are nothing more than that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar

from fake_etcd.api import messages as m
from fake_etcd.clientv3.records import draft_of


@dataclass(frozen=True, slots=True)
class ResponseHeader:
    """Who answered, and at which revision of the store."""

    cluster_id: int = 0
    member_id: int = 0
    revision: int = 0
    raft_term: int = 0

    @classmethod
    def of(cls, pb: m.ResponseHeader) -> ResponseHeader:
        made = _ResponseHeader(pb.cluster_id, pb.member_id, pb.revision, pb.raft_term)
        made.__class__ = ResponseHeader
        return made


_ResponseHeader = draft_of(ResponseHeader)


class _HasHeader(Protocol):
    @property
    def header(self) -> m.ResponseHeader: ...


_R = TypeVar("_R", bound="HeaderResponse")


@dataclass(frozen=True, slots=True)
class HeaderResponse:
    """An answer that has a header and nothing else; each such method has a subclass."""

    header: ResponseHeader

    @classmethod
    def of(cls: type[_R], pb: _HasHeader) -> _R:
        return cls(ResponseHeader.of(pb.header))
