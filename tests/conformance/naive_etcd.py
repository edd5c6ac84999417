"""etcd's KV, leases and users as anybody would write them from its documentation: lists, loops.

It shares no structure with fake_etcd, only the messages and the table of errors, so that the two
can only agree by being right. It knows whatever `conformance.requests` asks of a server that has
few keys: no time that passes, no request that is too large, nothing that takes a stream two chunks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from google.protobuf.message import Message

from fake_etcd.api import errors
from fake_etcd.api import messages as m
from fake_etcd.api.status import OK, Code, Status
from tests.core.naive_store import KeyValue, NaiveStore, Refused

from .naive_auth import NaiveAuthService

CLUSTER_ID = 0xCDF818194E3A8C32
MEMBER_ID = 0x8E9E05C52164694D
RAFT_TERM = 2
"""What every answer of a new etcd without flags says."""

MOST_SORTED = 12
"""Up to here Go's sort keeps what is equal in its order, as Python's does."""

MOST_STREAMED = 10
"""Up to here a stream is one chunk."""

Answer = tuple[list[Message], Status]


# What is wrong with a request in itself


def check_range(request: m.RangeRequest) -> None:
    if request.key == b"":
        raise errors.EMPTY_KEY
    if request.sort_order not in (0, 1, 2):
        raise errors.INVALID_SORT_OPTION
    if request.sort_target not in (0, 1, 2, 3, 4):
        raise errors.INVALID_SORT_OPTION


def check_range_stream(request: m.RangeRequest) -> None:
    check_range(request)
    if not limits_first(request):
        raise _unimplemented("RangeStream does not support custom sort orders")
    if any(bounds_of(request)):
        raise _unimplemented("RangeStream does not support revision filters")


def _unimplemented(text: str) -> errors.StatusError:
    return errors.StatusError(Status(Code.UNIMPLEMENTED, text))


def check_put(request: m.PutRequest) -> None:
    if request.key == b"":
        raise errors.EMPTY_KEY
    if request.ignore_value and request.value != b"":
        raise errors.VALUE_PROVIDED
    if request.ignore_lease and request.lease != 0:
        raise errors.LEASE_PROVIDED


def check_delete_range(request: m.DeleteRangeRequest) -> None:
    if request.key == b"":
        raise errors.EMPTY_KEY


def check_txn(request: m.TxnRequest, max_ops: int) -> None:
    """With the transactions inside: they get what the longest list leaves of `max_ops`."""
    longest = max(len(request.compare), len(request.success), len(request.failure))
    if longest > max_ops:
        raise errors.TOO_MANY_OPS
    for compare in request.compare:
        if compare.key == b"":
            raise errors.EMPTY_KEY
    for operation in [*request.success, *request.failure]:
        if operation.HasField("request_range"):
            check_range(operation.request_range)
        elif operation.HasField("request_put"):
            check_put(operation.request_put)
        elif operation.HasField("request_delete_range"):
            check_delete_range(operation.request_delete_range)
        elif operation.HasField("request_txn"):
            check_txn(operation.request_txn, max_ops - longest)
        else:
            raise errors.KEY_NOT_FOUND


def check_overlaps(
    operations: Iterable[m.RequestOp],
) -> tuple[set[bytes], list[tuple[bytes, bytes]]]:
    """Whether a branch changes a key twice, by trying every pair.

    Returns:
        The keys that it puts and the ranges that it deletes, [start, end).
    """
    operations = list(operations)
    # An end of "\0" is taken for what it is in order, before all keys but one: etcd's own quirk,
    # by which a deletion up to the last key overlaps with nothing.
    deleted = [
        (request.key, request.range_end or request.key + b"\0")
        for request in (
            operation.request_delete_range
            for operation in operations
            if operation.HasField("request_delete_range")
        )
    ]
    put: set[bytes] = set()

    def add(keys: set[bytes]) -> None:
        for key in keys:
            if key in put or any(start <= key < end for start, end in deleted):
                raise errors.DUPLICATE_KEY
        put.update(keys)

    for operation in operations:
        if operation.HasField("request_txn"):
            then = check_overlaps(operation.request_txn.success)
            otherwise = check_overlaps(operation.request_txn.failure)
            add(then[0] | otherwise[0])  # only one of the two is done
            deleted += then[1] + otherwise[1]
    for operation in operations:
        if operation.HasField("request_put"):
            add({operation.request_put.key})
    return put, deleted


# What a range selects


def limits_first(request: m.RangeRequest) -> bool:
    """Whether a limit counts in the order of keys, whatever the answer's order is."""
    if request.sort_order == m.RangeRequest.NONE:
        return True
    return request.sort_order == m.RangeRequest.ASCEND and request.sort_target == m.RangeRequest.KEY


def bounds_of(request: m.RangeRequest) -> tuple[int, int, int, int]:
    return (
        request.min_mod_revision,
        request.max_mod_revision,
        request.min_create_revision,
        request.max_create_revision,
    )


def is_in_range(key: bytes, first: bytes, range_end: bytes) -> bool:
    """Whether a request for `first` and `range_end` is about `key`."""
    if range_end == b"":
        return key == first
    if range_end == b"\0":
        return key >= first
    return first <= key < range_end


_ORDERS: dict[int, Callable[[m.KeyValue], int | bytes]] = {
    m.RangeRequest.KEY: lambda kv: kv.key,
    m.RangeRequest.VERSION: lambda kv: kv.version,
    m.RangeRequest.CREATE: lambda kv: kv.create_revision,
    m.RangeRequest.MOD: lambda kv: kv.mod_revision,
    m.RangeRequest.VALUE: lambda kv: kv.value,
}


def select(everything: Iterable[m.KeyValue], request: m.RangeRequest) -> m.RangeResponse:
    """The answer, without a header, to a valid range of all there is, which is in order of keys."""
    kvs = [kv for kv in everything if is_in_range(kv.key, request.key, request.range_end)]
    answer = m.RangeResponse(count=len(kvs))
    if request.count_only:
        return answer
    bounds = bounds_of(request)
    if limits_first(request) and not any(bounds) and request.limit > 0:
        kvs = kvs[: request.limit + 1]
    if bounds[0]:
        kvs = [kv for kv in kvs if kv.mod_revision >= bounds[0]]
    if bounds[1]:
        kvs = [kv for kv in kvs if kv.mod_revision <= bounds[1]]
    if bounds[2]:
        kvs = [kv for kv in kvs if kv.create_revision >= bounds[2]]
    if bounds[3]:
        kvs = [kv for kv in kvs if kv.create_revision <= bounds[3]]
    assert len(kvs) <= MOST_SORTED, "with more keys those that sort alike come in Go's order"
    descends = request.sort_order == m.RangeRequest.DESCEND
    kvs.sort(key=_ORDERS[request.sort_target], reverse=descends)
    if 0 < request.limit < len(kvs):
        kvs = kvs[: request.limit]
        answer.more = True
    for kv in kvs:
        shown = answer.kvs.add()
        shown.CopyFrom(kv)
        if request.keys_only:
            shown.value = b""
            if request.sort_target != m.RangeRequest.VALUE:
                shown.lease = 0  # etcd answers from its index, in which there are no leases
    return answer


# The server


@dataclass
class Decided:
    """A transaction whose compares have been looked at."""

    succeeded: bool
    operations: list[Message | Decided]


@dataclass
class Lease:
    """A lease that is granted; which keys have it is to be seen from the keys."""

    id: int
    ttl: int


class NaiveEtcd:
    """A server that is asked one thing after the other.

    Args:
        max_txn_ops: the flag of that name.
    """

    def __init__(self, max_txn_ops: int = 128) -> None:
        self.store = NaiveStore()
        self.auth = NaiveAuthService()
        self.leases: list[Lease] = []  # in the order in which they were granted
        self._max_txn_ops = max_txn_ops
        self._changes = 0  # of the request that is being answered

    def call(self, method: str, request: Message, token: str | None = None) -> Answer:
        """Answer a request; gives the messages, and how the call ended.

        Args:
            method: "KV/Put".
            request: its message.
            token: what goes along; None where nothing does.
        """
        try:
            answer = self._answer(method, request, token)
        except errors.EtcdError as error:
            assert self._changes == 0, "what is refused is refused before it has changed anything"
            return [], error.status
        except Refused as refused:
            assert self._changes == 0, "what is refused is refused before it has changed anything"
            return [], errors.ALL[refused.reason].status
        if self._changes:
            self.store.current_revision += 1
            self._changes = 0
        return [answer], OK

    def _answer(self, method: str, request: Message, token: str | None) -> Message:
        answer: m.RangeResponse | m.PutResponse | m.DeleteRangeResponse
        auth = self.auth
        if method.startswith("Lease/"):
            return self._answer_about_leases(request, auth.caller(token))
        if method.startswith("Auth/"):
            return self._answer_about_auth(request, token)
        if isinstance(request, m.TxnRequest):
            assert method == "KV/Txn"
            return self._txn(request, token)
        if isinstance(request, m.CompactionRequest):
            assert method == "KV/Compact"
            auth.check_admin(auth.caller(token))
            self.store.compact(request.revision)
            return m.CompactionResponse(header=self._whole_header())
        if isinstance(request, m.PutRequest):
            assert method == "KV/Put"
            check_put(request)
            auth.check_put(auth.caller(token), request, self._keys_of)
            self._check_put_applies(request)
            answer = self._put(request)
        elif isinstance(request, m.DeleteRangeRequest):
            assert method == "KV/DeleteRange"
            check_delete_range(request)
            auth.check_delete(auth.caller(token), request)
            answer = self._delete_range(request)
        elif method == "KV/RangeStream":
            assert isinstance(request, m.RangeRequest)
            check_range_stream(request)
            auth.check_reads(auth.caller(token), request.key, request.range_end)
            answer = self._range(request)
            if not request.count_only:
                answer.count = self._count_of_stream(request, answer)
            answer.header.CopyFrom(self._whole_header())
            return m.RangeStreamResponse(range_response=answer)
        else:
            assert method == "KV/Range"
            assert isinstance(request, m.RangeRequest)
            check_range(request)
            auth.check_reads(auth.caller(token), request.key, request.range_end)
            answer = self._range(request)
        answer.header.CopyFrom(self._whole_header())
        return answer

    def _answer_about_auth(self, request: Message, token: str | None) -> Message:
        answer = self.auth.answer(request, token)
        header = getattr(answer, "header", None)
        assert isinstance(header, m.ResponseHeader), "every one of them has a header"
        header.CopyFrom(self._whole_header())
        return answer

    def _revision(self) -> int:
        """The newest one, with what the request that is being answered has changed."""
        return self.store.current_revision + (1 if self._changes else 0)

    def _whole_header(self) -> m.ResponseHeader:
        return m.ResponseHeader(
            cluster_id=CLUSTER_ID,
            member_id=MEMBER_ID,
            revision=self._revision(),
            raft_term=RAFT_TERM,
        )

    def _header(self) -> m.ResponseHeader:
        """Inside a transaction there is the revision and nothing else."""
        return m.ResponseHeader(revision=self._revision())

    # Reading

    def _read(self, key: bytes, range_end: bytes, revision: int = 0) -> list[m.KeyValue]:
        """Raises: Refused."""
        end = {b"": None, b"\0": b""}.get(range_end, range_end)  # as the store wants it
        found, _, _ = self.store.read(key, end, revision, 0, False, True, self._revision())
        return [_message(one) for one in found]

    def _range(self, request: m.RangeRequest) -> m.RangeResponse:
        kvs = self._read(request.key, request.range_end, request.revision)
        answer = select(kvs, request)
        answer.header.CopyFrom(self._header())
        return answer

    def _count_of_stream(self, request: m.RangeRequest, answer: m.RangeResponse) -> int:
        """What was sent, and what is behind the last key of that."""
        assert len(answer.kvs) <= MOST_STREAMED, "a stream of more keys has several chunks"
        count = len(answer.kvs)
        if answer.more:
            behind = answer.kvs[-1].key + b"\0"
            count += len(self._read(behind, request.range_end, request.revision))
        return count

    # Writing

    def _check_put_applies(self, request: m.PutRequest) -> None:
        if request.lease and self._lease(request.lease) is None:
            raise errors.LEASE_NOT_FOUND
        if (request.ignore_value or request.ignore_lease) and not self._read(request.key, b""):
            raise errors.KEY_NOT_FOUND

    def _change(self, key: bytes, value: bytes | None, lease: int = 0) -> None:
        self.store.change(self.store.current_revision + 1, self._changes, key, value, lease)
        self._changes += 1

    def _put(self, request: m.PutRequest) -> m.PutResponse:
        previous = self._read(request.key, b"")
        value = previous[0].value if request.ignore_value else request.value
        lease = previous[0].lease if request.ignore_lease else request.lease
        self._change(request.key, value, lease)
        answer = m.PutResponse(header=self._header())
        if request.prev_kv and previous:
            answer.prev_kv.CopyFrom(previous[0])
        return answer

    def _delete_range(self, request: m.DeleteRangeRequest) -> m.DeleteRangeResponse:
        doomed = self._read(request.key, request.range_end)
        for kv in doomed:
            self._change(kv.key, None)
        return m.DeleteRangeResponse(
            header=self._header(),
            deleted=len(doomed),
            prev_kvs=doomed if request.prev_kv else [],
        )

    # Leases

    def _lease(self, id: int) -> Lease | None:
        found = [lease for lease in self.leases if lease.id == id]
        return found[0] if found else None

    def _keys_of(self, id: int) -> list[bytes]:
        """The keys of a lease, in order; of one that is not there, none."""
        if self._lease(id) is None:  # 0 is no lease: keys that have none are not its keys
            return []
        return [kv.key for kv in self._read(b"\0", b"\0") if kv.lease == id]

    def _answer_about_leases(self, request: Message, caller: str | None) -> Message:
        self.auth.require_caller(caller)
        if isinstance(request, m.LeaseGrantRequest):
            return self._grant(request)
        if isinstance(request, m.LeaseRevokeRequest):
            self.auth.check_writes_all(caller, self._keys_of(request.ID))
            return self._revoke(request)
        if isinstance(request, m.LeaseTimeToLiveRequest):
            if request.keys:
                self.auth.check_reads_all(caller, self._keys_of(request.ID))
            return self._time_to_live(request)
        assert isinstance(request, m.LeaseLeasesRequest)
        for lease in self.leases:
            self.auth.check_reads_all(caller, self._keys_of(lease.id))
        in_order = sorted(self.leases, key=lambda lease: lease.ttl)  # for no time passes
        ids = [m.LeaseStatus(ID=lease.id) for lease in in_order]
        return m.LeaseLeasesResponse(header=self._whole_header(), leases=ids)

    def _grant(self, request: m.LeaseGrantRequest) -> m.LeaseGrantResponse:
        if request.TTL > 9_000_000_000:
            raise errors.LEASE_TTL_TOO_LARGE
        if self._lease(request.ID) is not None:
            raise errors.LEASE_EXIST
        self.leases.append(Lease(request.ID, max(request.TTL, 2)))
        return m.LeaseGrantResponse(
            header=self._whole_header(), ID=request.ID, TTL=self.leases[-1].ttl
        )

    def _revoke(self, request: m.LeaseRevokeRequest) -> m.LeaseRevokeResponse:
        lease = self._lease(request.ID)
        if lease is None:
            raise errors.LEASE_NOT_FOUND
        for key in self._keys_of(lease.id):
            self._change(key, None)
        self.leases.remove(lease)
        return m.LeaseRevokeResponse(header=self._whole_header())

    def _time_to_live(self, request: m.LeaseTimeToLiveRequest) -> m.LeaseTimeToLiveResponse:
        answer = m.LeaseTimeToLiveResponse(header=self._whole_header(), ID=request.ID, TTL=-1)
        lease = self._lease(request.ID)
        if lease is not None:
            answer.TTL = answer.grantedTTL = lease.ttl
            if request.keys:
                answer.keys.extend(self._keys_of(lease.id))
        return answer

    # Transactions

    def _txn(self, request: m.TxnRequest, token: str | None) -> m.TxnResponse:
        check_txn(request, self._max_txn_ops)
        check_overlaps(request.success)
        check_overlaps(request.failure)
        self.auth.check_txn(self.auth.caller(token), request, self._keys_of)
        decided = self._decide(request)
        self._check_applies(decided)
        answer = self._run(decided)
        answer.header.CopyFrom(self._whole_header())
        return answer

    def _decide(self, request: m.TxnRequest) -> Decided:
        """Which branches are done, of nested transactions too, by the keys as they are now."""
        succeeded = all(self._holds(compare) for compare in request.compare)
        operations: list[Message | Decided] = []
        for operation in request.success if succeeded else request.failure:
            if operation.HasField("request_txn"):
                operations.append(self._decide(operation.request_txn))
            else:
                arm = operation.WhichOneof("request")
                assert arm is not None
                operations.append(getattr(operation, arm))
        return Decided(succeeded, operations)

    def _holds(self, compare: m.Compare) -> bool:
        kvs = self._read(compare.key, compare.range_end)
        if not kvs:
            if compare.target == m.Compare.VALUE:
                return False
            kvs = [m.KeyValue()]
        return all(_is_met(compare, kv) for kv in kvs)

    def _check_applies(self, decided: Decided) -> None:
        """What is refused by the keys as they are now."""
        for operation in decided.operations:
            if isinstance(operation, Decided):
                self._check_applies(operation)
            elif isinstance(operation, m.PutRequest):
                self._check_put_applies(operation)
            elif isinstance(operation, m.RangeRequest) and operation.revision != 0:
                # Negative ones too, which otherwise mean now: no compaction yet is one at -1.
                if operation.revision > self.store.current_revision:
                    raise errors.FUTURE_REV
                if operation.revision < self.store.compact_revision:
                    raise errors.COMPACTED

    def _run(self, decided: Decided) -> m.TxnResponse:
        responses = []
        for operation in decided.operations:
            if isinstance(operation, Decided):
                response = m.ResponseOp(response_txn=self._run(operation))
            elif isinstance(operation, m.PutRequest):
                response = m.ResponseOp(response_put=self._put(operation))
            elif isinstance(operation, m.DeleteRangeRequest):
                response = m.ResponseOp(response_delete_range=self._delete_range(operation))
            else:
                assert isinstance(operation, m.RangeRequest)
                response = m.ResponseOp(response_range=self._range(operation))
            responses.append(response)
        # A nested one has a header with nothing in it.
        return m.TxnResponse(
            header=m.ResponseHeader(), succeeded=decided.succeeded, responses=responses
        )


_NUMBERS: dict[int, Callable[[m.KeyValue, m.Compare], tuple[int, int]]] = {
    m.Compare.VERSION: lambda kv, compare: (kv.version, compare.version),
    m.Compare.CREATE: lambda kv, compare: (kv.create_revision, compare.create_revision),
    m.Compare.MOD: lambda kv, compare: (kv.mod_revision, compare.mod_revision),
    m.Compare.LEASE: lambda kv, compare: (kv.lease, compare.lease),
}


def _is_met(compare: m.Compare, kv: m.KeyValue) -> bool:
    """What etcd does not know it takes for equal (a target) or for met (a result)."""
    less, greater = False, False
    if compare.target == m.Compare.VALUE:
        less, greater = kv.value < compare.value, kv.value > compare.value
    elif compare.target in _NUMBERS:
        number, of_compare = _NUMBERS[compare.target](kv, compare)
        less, greater = number < of_compare, number > of_compare
    if compare.result == m.Compare.EQUAL:
        return not less and not greater
    if compare.result == m.Compare.NOT_EQUAL:
        return less or greater
    if compare.result == m.Compare.GREATER:
        return greater
    if compare.result == m.Compare.LESS:
        return less
    return True


def _message(kv: KeyValue) -> m.KeyValue:
    return m.KeyValue(
        key=kv.key,
        value=kv.value,
        create_revision=kv.create_revision,
        mod_revision=kv.mod_revision,
        version=kv.version,
        lease=kv.lease,
    )
