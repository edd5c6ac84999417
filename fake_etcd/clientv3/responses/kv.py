"""Key-value pairs, and what KV's methods answer.

etcd: mvccpb/kv.proto, etcdserverpb/rpc.proto.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fake_etcd.api import messages as m
from fake_etcd.clientv3.errors import Error
from fake_etcd.clientv3.records import draft_of, new
from fake_etcd.clientv3.responses.header import HeaderResponse, ResponseHeader


@dataclass(frozen=True, slots=True)
class KeyValue:
    """A key as one revision left it; `lease` 0 is none."""

    key: bytes
    value: bytes = b""
    create_revision: int = 0
    mod_revision: int = 0
    version: int = 0
    lease: int = 0

    @classmethod
    def of(cls, pb: m.KeyValue) -> KeyValue:
        made = new(_KeyValue)
        made.key = pb.key
        made.value = pb.value
        made.create_revision = pb.create_revision
        made.mod_revision = pb.mod_revision
        made.version = pb.version
        made.lease = pb.lease
        made.__class__ = KeyValue
        done: KeyValue = made
        return done


_KeyValue = draft_of(KeyValue)
_kv_of = KeyValue.of
_header_of = ResponseHeader.of


@dataclass(frozen=True, slots=True)
class PutResponse:
    """`prev_kv` is what was there, where that was asked for."""

    header: ResponseHeader
    prev_kv: KeyValue | None = None

    @classmethod
    def of(cls, pb: m.PutResponse) -> PutResponse:
        prev_kv = _kv_of(pb.prev_kv) if pb.HasField("prev_kv") else None
        made = _PutResponse(_header_of(pb.header), prev_kv)
        made.__class__ = PutResponse
        return made


_PutResponse = draft_of(PutResponse)


@dataclass(frozen=True, slots=True)
class GetResponse:
    """`count` is how many keys the range has; `more` tells that a limit left some out."""

    header: ResponseHeader
    kvs: tuple[KeyValue, ...] = ()
    more: bool = False
    count: int = 0

    @classmethod
    def of(cls, pb: m.RangeResponse) -> GetResponse:
        kvs = tuple([_kv_of(kv) for kv in pb.kvs])
        made = _GetResponse(_header_of(pb.header), kvs, pb.more, pb.count)
        made.__class__ = GetResponse
        return made

    @classmethod
    def joined(cls, parts: Iterable[GetResponse]) -> GetResponse:
        """One answer of the parts of a stream; its last part has header, `more` and `count`."""
        kvs: list[KeyValue] = []
        last = cls(ResponseHeader())
        for part in parts:
            kvs += part.kvs
            last = part
        return cls(last.header, tuple(kvs), last.more, last.count)


_GetResponse = draft_of(GetResponse)


@dataclass(frozen=True, slots=True)
class DeleteResponse:
    """`prev_kvs` are the pairs that were there, where that was asked for."""

    header: ResponseHeader
    deleted: int = 0
    prev_kvs: tuple[KeyValue, ...] = ()

    @classmethod
    def of(cls, pb: m.DeleteRangeResponse) -> DeleteResponse:
        return cls(_header_of(pb.header), pb.deleted, tuple([_kv_of(kv) for kv in pb.prev_kvs]))


class CompactResponse(HeaderResponse):
    """What came before the revision is gone."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class TxnResponse:
    """`succeeded`: all comparisons held, and `responses` are those of `then`; else of `else_`."""

    header: ResponseHeader
    succeeded: bool = False
    responses: tuple[OpResponse, ...] = ()

    @classmethod
    def of(cls, pb: m.TxnResponse) -> TxnResponse:
        responses = tuple([response_of(each) for each in pb.responses])
        return cls(_header_of(pb.header), pb.succeeded, responses)


OpResponse = GetResponse | PutResponse | DeleteResponse | TxnResponse
"""What an operation is answered with. Inside a transaction the headers have only the revision."""


def response_of(pb: m.ResponseOp) -> OpResponse:
    """The answer to one operation of a transaction.

    Raises Error for one that is of no kind that this version knows.
    """
    kind = pb.WhichOneof("response")
    if kind == "response_put":
        return PutResponse.of(pb.response_put)
    if kind == "response_range":
        return GetResponse.of(pb.response_range)
    if kind == "response_delete_range":
        return DeleteResponse.of(pb.response_delete_range)
    if kind == "response_txn":
        return TxnResponse.of(pb.response_txn)
    raise Error("an operation of the transaction was answered with nothing known")
