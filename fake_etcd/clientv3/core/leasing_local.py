"""What a `LeasingKV` asks of servers, answers by itself, and reads in transactions; no calls here.

etcd: client/v3/leasing/txn.go, util.go. What Go's gets wrong is done as a server does it: a
comparison of a key that is not there, of a lease, and options of a get.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from fake_etcd.clientv3.compare import (
    Cmp,
    CompareResult,
    CompareTarget,
    compare,
    create_revision,
    lease_value,
)
from fake_etcd.clientv3.core.namespace import Namespace
from fake_etcd.clientv3.op import DeleteOp, GetOp, Op, PutOp, TxnOp
from fake_etcd.clientv3.responses import (
    GetResponse,
    KeyValue,
    OpResponse,
    ResponseHeader,
    TxnResponse,
)

Write = PutOp | DeleteOp

_ABSENT = KeyValue(b"")


REVOKE = b"REVOKE"
"""What is written into a lease key whose owner is to give it up."""


class LeaseKeys(Namespace):
    """The lease keys, and the transactions about them."""

    def of(self, lease_key: bytes) -> bytes:
        """The key that a lease key is for."""
        return lease_key[len(self.prefix) :]

    def acquire(self, key: bytes, lease: int) -> TxnOp:
        """Get a key, and make its lease key if there is none and the key has no lease itself; else
        get the lease key, too."""
        lease_key, get = self.key(key), GetOp(key)
        return TxnOp(
            (compare(create_revision(lease_key), "=", 0), compare(lease_value(key), "=", 0)),
            (get, PutOp(lease_key, b"", lease)),
            (get, GetOp(lease_key)),
        )

    def guard(self, key: bytes, rev: int) -> Cmp:
        """That there is no lease key, or none that was made after a revision."""
        return compare(create_revision(self.key(key)), "<", rev + 1)

    def ask(self, key: bytes, rev: int) -> TxnOp:
        """Ask the owner of a lease key that was made after a revision, if there is one, for it."""
        is_there = compare(create_revision(self.key(key)), ">", rev)
        return TxnOp((is_there,), (PutOp(self.key(key), REVOKE, ignore_lease=True),))

    def give_up(self, key: bytes, lease: int) -> TxnOp:
        """Delete a lease key that has this lease."""
        is_ours = compare(lease_value(self.key(key)), "=", lease)
        return TxnOp((is_ours,), (DeleteOp(self.key(key)),))


def narrowed(answer: GetResponse, op: GetOp) -> GetResponse:
    """What a get with options is answered, of what one without is."""
    if not answer.kvs:
        return answer
    kv = answer.kvs[0]
    if op.count_only or not _is_within(kv, op):
        return replace(answer, kvs=())
    return replace(answer, kvs=(replace(kv, value=b""),)) if op.keys_only else answer


def _is_within(kv: KeyValue, op: GetOp) -> bool:
    return (
        kv.mod_revision >= op.min_mod_rev
        and (not op.max_mod_rev or kv.mod_revision <= op.max_mod_rev)
        and kv.create_revision >= op.min_create_rev
        and (not op.max_create_rev or kv.create_revision <= op.max_create_rev)
    )


def keys_read(txn: TxnOp) -> frozenset[bytes]:
    """The keys that have to be known for a transaction to be answered without a server."""
    gets = {op.key for op in (*txn.then, *txn.else_) if isinstance(op, GetOp)}
    return frozenset(gets | {cmp.key for cmp in txn.compares})


def evaluated(txn: TxnOp, known: Mapping[bytes, GetResponse]) -> TxnResponse | None:
    """What a transaction is answered where all that it looks at is known; None where not."""
    succeeded = True
    for cmp in txn.compares:
        if cmp.range_end or cmp.key not in known:
            return None
        if not _holds(cmp, known[cmp.key]):
            succeeded = False
            break
    answers: list[GetResponse] = []
    for op in txn.then if succeeded else txn.else_:
        if not isinstance(op, GetOp) or op.rev or op.range_end or op.key not in known:
            return None
        answers.append(narrowed(known[op.key], op))
    if not known:
        return None
    newest = max((answer.header for answer in known.values()), key=lambda each: each.revision)
    inner = ResponseHeader(revision=newest.revision)
    return TxnResponse(newest, succeeded, tuple(replace(each, header=inner) for each in answers))


def _holds(cmp: Cmp, answer: GetResponse) -> bool:
    if not answer.kvs and cmp.target is CompareTarget.VALUE:
        return False
    kv = answer.kvs[0] if answer.kvs else _ABSENT
    targets: dict[CompareTarget, int | bytes] = {
        CompareTarget.VALUE: kv.value,
        CompareTarget.VERSION: kv.version,
        CompareTarget.CREATE: kv.create_revision,
        CompareTarget.MOD: kv.mod_revision,
        CompareTarget.LEASE: kv.lease,
    }
    found = targets[cmp.target]
    if cmp.result is CompareResult.EQUAL:
        return found == cmp.operand
    if cmp.result is CompareResult.NOT_EQUAL:
        return found != cmp.operand
    less, more = (found, cmp.operand) if cmp.result is CompareResult.LESS else (cmp.operand, found)
    if isinstance(less, bytes):
        return isinstance(more, bytes) and less < more
    return isinstance(more, int) and less < more


def writes_of(op: Op) -> list[Write]:
    """All puts and deletes that an operation may do, in both branches of transactions."""
    if isinstance(op, TxnOp):
        return [write for each in (*op.then, *op.else_) for write in writes_of(each)]
    return [op] if isinstance(op, PutOp | DeleteOp) else []


def writes_done(op: Op, answer: OpResponse) -> Iterator[Write]:
    """Those that it did, as its answer tells."""
    if isinstance(op, TxnOp) and isinstance(answer, TxnResponse):
        branch: Sequence[Op] = op.then if answer.succeeded else op.else_
        for each, told in zip(branch, answer.responses, strict=True):
            yield from writes_done(each, told)
    elif isinstance(op, PutOp | DeleteOp):
        yield op
