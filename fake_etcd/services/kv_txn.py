"""Transactions, and what single puts and deletions share with those inside them.

A transaction is looked at four times, each time wholly: is it valid (`kv_checks`), which branches
are taken, can what is taken be done, do it. All but the last see the keys as they were before.
etcd: server/etcdserver/txn/{txn,put,delete}.go, server/etcdserver/v3_server.go, Txn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from operator import attrgetter

from fake_etcd.api import errors
from fake_etcd.api import messages as m
from fake_etcd.core.mvcc import Store, Version, WriteTxn
from fake_etcd.core.mvcc.encoding import varint
from fake_etcd.core.node import Node
from fake_etcd.core.quota import KEY_OVERHEAD
from fake_etcd.services import access, kv_checks, kv_range, raft_log, space
from fake_etcd.services.call import Call
from fake_etcd.services.kv_checks import Transaction
from fake_etcd.services.kv_range import end_of

Header = Callable[[int], bytes]
"""Makes field 1 of an answer from a revision."""

SUCCEEDED = b"\x10\x01"
"""Field 2 of a TxnResponse."""


def make_txn(node: Node) -> Callable[[m.TxnRequest, Call], bytes]:
    """The handler of KV.Txn, for any transaction."""
    auth, store, header = node.auth, node.store, node.header
    max_ops = node.config.max_txn_ops
    alarms, quota = node.alarms, node.quota

    def txn(request: m.TxnRequest, call: Call) -> bytes:
        # Hardly ever less than it costs: see `core.quota` for what it may be less.
        operations = len(request.success) + len(request.failure)
        quota.allowance -= request.ByteSize() + operations * KEY_OVERHEAD
        if quota.allowance < 0:
            space.check(node, call, space.cost_of_txn(request))
        transaction = kv_checks.check_txn(request, max_ops)
        kv_checks.check_overlaps(transaction.success)
        kv_checks.check_overlaps(transaction.failure)
        info = access.auth_info(node, call)
        if transaction.only_reads:
            if auth.enabled:
                access.check_txn(node, info, transaction)
                access.check_unchanged(node, info)
            with _counted_as_one(store):
                body = _run_reads(store, _decide(node, transaction))
            return header(store.current_revision) + body
        raft_log.propose(node, info, request.ByteSize())
        alarms.check_change()
        if alarms.forbid_growth and space.cost_of_txn(request):
            alarms.check_growth()
        if auth.enabled:
            access.check_txn(node, info, transaction)
        # etcd looks in a transaction of the store's, and acts in another.
        with _counted_as_one(store):
            taken = _decide(node, transaction)
        with _counted_as_one(store), store.write() as writer:
            body = _run(writer, taken)
        return header(store.current_revision) + body

    return txn


@contextmanager
def _counted_as_one(store: Store) -> Iterator[None]:
    """Count a transaction of the store's, if there is more than one operation in it, whatever
    becomes of it (etcd: storage/mvcc/metrics_txn.go)."""
    before = store.ranges + store.puts + store.deletes
    try:
        yield
    finally:
        store.txns += store.ranges + store.puts + store.deletes > before + 1


def _decide(node: Node, transaction: Transaction) -> _Taken:
    """What is to be done, and can be; raises what `_check` does."""
    taken = _Taken(node.store, transaction)
    _check(node, taken)
    return taken


class _Taken:
    """The branch that a transaction takes, and those of the transactions nested in it.

    All are decided at once, before anything changes: a nested compare does not see what the
    operations before it do (etcd: compareToPath).
    """

    __slots__ = ("nested", "operations", "succeeded")

    def __init__(self, store: Store, transaction: Transaction) -> None:
        self.succeeded = True
        for compare in transaction.compares:
            if not holds(store, compare):
                self.succeeded = False
                break
        self.operations = transaction.success if self.succeeded else transaction.failure
        self.nested = [
            _Taken(store, operation)
            for operation in self.operations
            if isinstance(operation, Transaction)
        ]


# Compares

_EQUAL, _GREATER = m.Compare.EQUAL, m.Compare.GREATER
_LESS, _NOT_EQUAL = m.Compare.LESS, m.Compare.NOT_EQUAL
_VALUE = m.Compare.VALUE

_NUMBERS: dict[int, tuple[Callable[[Version], int], Callable[[m.Compare], int]]] = {
    m.Compare.VERSION: (attrgetter("version"), attrgetter("version")),
    m.Compare.CREATE: (attrgetter("create_revision"), attrgetter("create_revision")),
    m.Compare.MOD: (attrgetter("mod_revision"), attrgetter("mod_revision")),
    m.Compare.LEASE: (attrgetter("lease"), attrgetter("lease")),
}
"""Targets that are numbers: how to read a version's, and the compare's own."""


def holds(store: Store, compare: m.Compare) -> bool:
    """Whether a compare is true of all keys it names.

    A number of a range without keys counts as 0; a value of it equals nothing and differs from
    nothing. A target that etcd does not know is always equal, a result that it does not know is
    always met.
    """
    if not compare.range_end:
        return holds_of(store.newest(compare.key), compare)
    versions = store.range(compare.key, end_of(compare.range_end)).versions
    if not versions:
        return holds_of(None, compare)
    return all(holds_of(version, compare) for version in versions)


def holds_of(version: Version | None, compare: m.Compare) -> bool:
    """Whether a compare is true of one key, whose version this is; None where there is none."""
    target, result = compare.target, compare.result
    if target == _VALUE:
        return version is not None and _meets(version.value, compare.value, result)
    if target not in _NUMBERS:
        return _meets(0, 0, result)
    of_version, of_compare = _NUMBERS[target]
    return _meets(0 if version is None else of_version(version), of_compare(compare), result)


def _meets(actual: int | bytes, given: int | bytes, result: int) -> bool:
    if result == _EQUAL:
        return actual == given
    if result == _GREATER:
        return actual > given  # type: ignore[operator]  # both are of one type
    if result == _LESS:
        return actual < given  # type: ignore[operator]  # both are of one type
    return result != _NOT_EQUAL or actual != given


# Checks against the keys as they are


def _check(node: Node, taken: _Taken) -> None:
    """Whether all that is taken can be done; the first operation that cannot decides.

    Raises:
        errors.FUTURE_REV, errors.COMPACTED, errors.LEASE_NOT_FOUND, errors.KEY_NOT_FOUND
    """
    nested = iter(taken.nested)
    for operation in taken.operations:
        if isinstance(operation, m.PutRequest):
            if operation.lease or looks_back(operation):
                check_put_applies(node, operation)
        elif isinstance(operation, m.RangeRequest):
            _check_revision(node.store, operation.revision)
        elif isinstance(operation, Transaction):
            _check(node, next(nested))


def _check_revision(store: Store, revision: int) -> None:
    """A range in a transaction. Unlike one outside it, it may not ask for a negative revision
    below the compact revision, which is -1 before any compaction (etcd: range.go, checkRange)."""
    if not revision:
        return
    if revision > store.current_revision:
        raise errors.FUTURE_REV
    if revision < store.compact_revision:
        raise errors.COMPACTED


def check_put_applies(node: Node, request: m.PutRequest) -> Version | None:
    """Looks at what a put needs to be there, and gives what it will replace, if it needs that.

    Raises:
        errors.LEASE_NOT_FOUND, errors.KEY_NOT_FOUND
    """
    if request.lease and not node.lease_exists(request.lease):
        raise errors.LEASE_NOT_FOUND
    previous = replaced_by(node.store, request)
    if previous is None and (request.ignore_value or request.ignore_lease):
        raise errors.KEY_NOT_FOUND
    return previous


# Doing it


def looks_back(request: m.PutRequest) -> bool:
    """Whether a put asks for any of what it replaces."""
    return request.prev_kv or request.ignore_value or request.ignore_lease


def replaced_by(view: kv_range.View, request: m.PutRequest) -> Version | None:
    """What a put replaces, where the request asks for any of it."""
    if looks_back(request):
        versions = view.range(request.key, None).versions
        return versions[0] if versions else None
    return None


def value_and_lease(request: m.PutRequest, previous: Version | None) -> tuple[bytes, int]:
    """What a put sets, with what it keeps of the previous version.

    Without a previous version nothing is kept. Only a transaction can come here so: one that
    deletes the key by a range to the end and puts it back. etcd lets that through its checks and
    then crashes.
    """
    value, lease = request.value, request.lease
    if request.ignore_value:
        value = previous.value if previous else b""
    if request.ignore_lease:
        lease = previous.lease if previous else 0
    return value, lease


def delete_range(txn: WriteTxn | Store, request: m.DeleteRangeRequest, header: Header) -> bytes:
    """Deletes, and encodes the DeleteRangeResponse."""
    key, end = request.key, end_of(request.range_end)
    parts = [b"", b""]
    if request.prev_kv:
        parts += [version.field_3 for version in txn.range(key, end).versions]
    deleted, revision = txn.delete_range(key, end)
    parts[0] = header(revision)
    if deleted:
        parts[1] = b"\x10" + varint(deleted)
    return b"".join(parts)


def _put(txn: WriteTxn, request: m.PutRequest) -> bytes:
    """Puts, and encodes the ResponseOp."""
    if not (request.prev_kv or request.ignore_value or request.ignore_lease):
        return put_done(txn.put(request.key, request.value, request.lease))
    previous = replaced_by(txn, request)
    value, lease = value_and_lease(request, previous)
    revision = txn.put(request.key, value, lease)
    if previous is None or not request.prev_kv:
        return put_done(revision)
    return response_op(b"\x12", inner_header(revision) + previous.field)


def _run(txn: WriteTxn, taken: _Taken) -> bytes:
    """Does what is taken; gives the TxnResponse after its header."""
    nested = iter(taken.nested)
    parts = [SUCCEEDED] if taken.succeeded else []
    for operation in taken.operations:
        if isinstance(operation, m.PutRequest):
            parts.append(_put(txn, operation))
        elif isinstance(operation, m.RangeRequest):
            parts.append(response_op(b"\x0a", kv_range.answer(txn, operation, inner_header)))
        elif isinstance(operation, m.DeleteRangeRequest):
            parts.append(response_op(b"\x1a", delete_range(txn, operation, inner_header)))
        else:
            # The header of a nested answer is there and empty.
            parts.append(response_op(b"\x22", b"\x0a\x00" + _run(txn, next(nested))))
    return b"".join(parts)


def _run_reads(store: Store, taken: _Taken) -> bytes:
    parts = [SUCCEEDED] if taken.succeeded else []
    for operation in taken.operations:
        assert isinstance(operation, m.RangeRequest), "there are only ranges"
        parts.append(response_op(b"\x0a", kv_range.answer(store, operation, inner_header)))
    return b"".join(parts)


def response_op(tag: bytes, response: bytes) -> bytes:
    """A response as field `tag` of a ResponseOp, that as a TxnResponse's field 3."""
    operation = tag + varint(len(response)) + response
    return b"\x1a" + varint(len(operation)) + operation


def _of_revision_length(wrap: Callable[[bytes], bytes]) -> list[bytes]:
    """What stands before a revision at the end of a message, by the length of its varint."""
    return [wrap(bytes(length))[:-length] if length else b"" for length in range(11)]


def _header_around(revision: bytes) -> bytes:
    return b"\x0a" + varint(len(revision) + 1) + b"\x18" + revision


_INNER_HEADER = _of_revision_length(_header_around)
_PUT_DONE = _of_revision_length(lambda revision: response_op(b"\x12", _header_around(revision)))


def inner_header(revision: int) -> bytes:
    """Field 1 of an answer inside a transaction's: a header of the revision alone."""
    encoded = varint(revision)
    return _INNER_HEADER[len(encoded)] + encoded


def put_done(revision: int) -> bytes:
    """The ResponseOp of a put that nothing else is to be said of."""
    encoded = varint(revision)
    return _PUT_DONE[len(encoded)] + encoded
