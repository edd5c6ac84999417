"""Operations on keys as values: what to get, put, delete or watch, and transactions of such.

etcd: client/v3/op.go. Go's `With…` options are keywords here; a keyword that an operation does
not take is not in its signature, and two that cannot be together are refused by a ValueError that
names both. Making an operation sends nothing; `to_request` gives the message to send.

Go's WithSort, WithFirstKey and so on without a range mean the same here. What Go's With…Key and
With…Rev imply is the same too: they look at the keys that begin with the key given.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass

from fake_etcd.api import messages as m
from fake_etcd.clientv3.compare import Cmp
from fake_etcd.clientv3.keys import FROM_KEY_END, Text, prefix_range_end, to_bytes
from fake_etcd.clientv3.records import draft_of

_PutRequest = m.PutRequest
_RangeRequest = m.RangeRequest
_NO_PUT = m.WatchCreateRequest.NOPUT
_NO_DELETE = m.WatchCreateRequest.NODELETE


class SortTarget(enum.IntEnum):
    """What an answer's keys are sorted by."""

    KEY = m.RangeRequest.KEY
    VERSION = m.RangeRequest.VERSION
    CREATE = m.RangeRequest.CREATE
    MOD = m.RangeRequest.MOD
    VALUE = m.RangeRequest.VALUE


class SortOrder(enum.IntEnum):
    """In which direction; NONE leaves the order of keys, as the store has it."""

    NONE = m.RangeRequest.NONE
    ASCEND = m.RangeRequest.ASCEND
    DESCEND = m.RangeRequest.DESCEND


Sort = tuple[SortTarget, SortOrder]

Request = m.RangeRequest | m.PutRequest | m.DeleteRangeRequest | m.TxnRequest


class Op:
    """An operation that `do` and transactions take."""

    __slots__ = ()

    @property
    def is_get(self) -> bool:
        return isinstance(self, GetOp)

    @property
    def is_put(self) -> bool:
        return isinstance(self, PutOp)

    @property
    def is_delete(self) -> bool:
        return isinstance(self, DeleteOp)

    @property
    def is_txn(self) -> bool:
        return isinstance(self, TxnOp)

    @property
    def is_write(self) -> bool:
        """Whether it may change something: all but gets and transactions of nothing but gets."""
        return True

    def to_request(self) -> Request:
        """A new message that asks for this."""
        raise NotImplementedError

    def to_request_op(self) -> m.RequestOp:
        """The same as a part of a transaction."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class GetOp(Op):
    """Made by `op_get`. An empty `range_end` is none: the one key."""

    key: bytes
    range_end: bytes = b""
    limit: int = 0
    rev: int = 0
    sort: Sort | None = None
    serializable: bool = False
    keys_only: bool = False
    count_only: bool = False
    min_mod_rev: int = 0
    max_mod_rev: int = 0
    min_create_rev: int = 0
    max_create_rev: int = 0

    @property
    def is_write(self) -> bool:
        return False

    def to_request(self) -> m.RangeRequest:
        # Only what is not a default: to pass one more costs more than to ask.
        made = _RangeRequest(key=self.key)
        if self.range_end:
            made.range_end = self.range_end
        if self.limit:
            made.limit = self.limit
        if self.rev:
            made.revision = self.rev
        if self.serializable:
            made.serializable = True
        if self.keys_only:
            made.keys_only = True
        if self.count_only:
            made.count_only = True
        if self.sort is not None:
            made.sort_target, made.sort_order = self.sort
        if self.min_mod_rev:
            made.min_mod_revision = self.min_mod_rev
        if self.max_mod_rev:
            made.max_mod_revision = self.max_mod_rev
        if self.min_create_rev:
            made.min_create_revision = self.min_create_rev
        if self.max_create_rev:
            made.max_create_revision = self.max_create_rev
        return made

    def to_request_op(self) -> m.RequestOp:
        return m.RequestOp(request_range=self.to_request())


@dataclass(frozen=True, slots=True)
class PutOp(Op):
    """Made by `op_put`."""

    key: bytes
    value: bytes
    lease: int = 0
    prev_kv: bool = False
    ignore_value: bool = False
    ignore_lease: bool = False

    def to_request(self) -> m.PutRequest:
        made = _PutRequest(key=self.key, value=self.value)
        if self.lease:
            made.lease = self.lease
        if self.prev_kv:
            made.prev_kv = True
        if self.ignore_value:
            made.ignore_value = True
        if self.ignore_lease:
            made.ignore_lease = True
        return made

    def to_request_op(self) -> m.RequestOp:
        return m.RequestOp(request_put=self.to_request())


@dataclass(frozen=True, slots=True)
class DeleteOp(Op):
    """Made by `op_delete`. An empty `range_end` is none: the one key."""

    key: bytes
    range_end: bytes = b""
    prev_kv: bool = False

    def to_request(self) -> m.DeleteRangeRequest:
        return m.DeleteRangeRequest(key=self.key, range_end=self.range_end, prev_kv=self.prev_kv)

    def to_request_op(self) -> m.RequestOp:
        return m.RequestOp(request_delete_range=self.to_request())


@dataclass(frozen=True, slots=True)
class TxnOp(Op):
    """Made by `op_txn`."""

    compares: tuple[Cmp, ...] = ()
    then: tuple[Op, ...] = ()
    else_: tuple[Op, ...] = ()

    @property
    def is_write(self) -> bool:
        return any(op.is_write for op in self.then) or any(op.is_write for op in self.else_)

    def to_request(self) -> m.TxnRequest:
        return m.TxnRequest(
            compare=[cmp.to_compare() for cmp in self.compares],
            success=[op.to_request_op() for op in self.then],
            failure=[op.to_request_op() for op in self.else_],
        )

    def to_request_op(self) -> m.RequestOp:
        return m.RequestOp(request_txn=self.to_request())


@dataclass(frozen=True, slots=True)
class WatchOp:
    """Made by `op_watch`. No `Op`: a transaction cannot watch.

    `rev` is the first revision to tell of; 0: whatever comes from now on. `created_notify` is
    not for the server, which tells every watch's creation: it says whether the caller hears it.
    """

    key: bytes
    range_end: bytes = b""
    rev: int = 0
    prev_kv: bool = False
    progress_notify: bool = False
    created_notify: bool = False
    filter_put: bool = False
    filter_delete: bool = False
    fragment: bool = False

    def to_request(self) -> m.WatchRequest:
        made = m.WatchCreateRequest(
            key=self.key,
            range_end=self.range_end,
            start_revision=self.rev,
            progress_notify=self.progress_notify,
            prev_kv=self.prev_kv,
            fragment=self.fragment,
        )
        if self.filter_put:
            made.filters.append(_NO_PUT)
        if self.filter_delete:
            made.filters.append(_NO_DELETE)
        return m.WatchRequest(create_request=made)


@dataclass(frozen=True, slots=True)
class CompactOp:
    """Made by `op_compact`."""

    rev: int
    physical: bool = False

    def to_request(self) -> m.CompactionRequest:
        return m.CompactionRequest(revision=self.rev, physical=self.physical)


_GetOp = draft_of(GetOp)
_PutOp = draft_of(PutOp)


def op_get(
    key: Text,
    *,
    prefix: bool = False,
    range_end: Text | None = None,
    from_key: bool = False,
    limit: int = 0,
    rev: int = 0,
    sort: Sort | None = None,
    serializable: bool = False,
    keys_only: bool = False,
    count_only: bool = False,
    min_mod_rev: int = 0,
    max_mod_rev: int = 0,
    min_create_rev: int = 0,
    max_create_rev: int = 0,
    first_create: bool = False,
    last_create: bool = False,
    first_key: bool = False,
    last_key: bool = False,
    first_rev: bool = False,
    last_rev: bool = False,
) -> GetOp:
    """To get a key, or the keys of a range.

    The range is one of: `prefix`, the keys that begin with `key` (all, if that is empty);
    `range_end`, from `key` up to that, which is not in it; `from_key`, from `key` on.

    `limit` 0 is no limit; `rev` 0 is the newest revision. `sort` is a SortTarget and a SortOrder.
    `first_create`, `last_create`, `first_key`, `last_key`, `first_rev` and `last_rev` are for the
    one key that sorts first or last, by the revision that made it, by itself, or by the revision
    of its last put, among those that begin with `key`.

    Raises TypeError for keys that are neither bytes nor str, ValueError for two options that
    exclude each other and for a sort that etcd has none of.

    >>> op_get("a", prefix=True, sort=(SortTarget.MOD, SortOrder.DESCEND), limit=1) == op_get(
    ...     "a", last_rev=True
    ... )
    True
    """
    if first_create or last_create or first_key or last_key or first_rev or last_rev:
        name, top = _top(first_create, last_create, first_key, last_key, first_rev, last_rev)
        _refuse(name, range_end=range_end is not None, from_key=from_key)
        _refuse(name, sort=sort is not None, limit=bool(limit))
        prefix, sort, limit = True, top, 1
    start = key if type(key) is bytes else to_bytes(key, "key")
    end = b""
    if prefix or from_key or range_end is not None:
        start, end = _interval(start, prefix, range_end, from_key)
    if sort is not None:
        sort = _sort(sort)
    made = _GetOp(
        start,
        end,
        limit,
        rev,
        sort,
        serializable,
        keys_only,
        count_only,
        min_mod_rev,
        max_mod_rev,
        min_create_rev,
        max_create_rev,
    )
    made.__class__ = GetOp
    return made


def op_put(
    key: Text,
    value: Text,
    *,
    lease: int = 0,
    prev_kv: bool = False,
    ignore_value: bool = False,
    ignore_lease: bool = False,
) -> PutOp:
    """To put a value at a key, under a lease if one is given.

    `prev_kv` asks for what was there. `ignore_value` leaves the value that the key has, and
    `ignore_lease` its lease; the key must exist then.

    Raises TypeError for keys and values that are neither bytes nor str, ValueError for a lease
    with `ignore_lease` and a value that is not empty with `ignore_value`.
    """
    if type(key) is not bytes:
        key = to_bytes(key, "key")
    if type(value) is not bytes:
        value = to_bytes(value, "value")
    if ignore_value and value:
        raise ValueError("value and ignore_value exclude each other: give an empty value")
    if ignore_lease and lease:
        raise ValueError("lease and ignore_lease exclude each other")
    made = _PutOp(key, value, lease, prev_kv, ignore_value, ignore_lease)
    made.__class__ = PutOp
    return made


def op_delete(
    key: Text,
    *,
    prefix: bool = False,
    range_end: Text | None = None,
    from_key: bool = False,
    prev_kv: bool = False,
) -> DeleteOp:
    """To delete a key, or the keys of a range (see `op_get`).

    `prev_kv` asks for what was there. Raises as `op_get`.
    """
    start, end = _interval(to_bytes(key, "key"), prefix, range_end, from_key)
    return DeleteOp(start, end, prev_kv)


def op_txn(
    compares: Iterable[Cmp] = (), then: Iterable[Op] = (), else_: Iterable[Op] = ()
) -> TxnOp:
    """To do all of `then` if all of `compares` hold, and all of `else_` if not.

    Raises TypeError for what is no comparison or no operation.
    """
    made = TxnOp(tuple(compares), tuple(then), tuple(else_))
    for cmp in made.compares:
        if not isinstance(cmp, Cmp):
            raise TypeError(f"a transaction compares with Cmp, not {type(cmp).__name__}")
    for op in (*made.then, *made.else_):
        if not isinstance(op, Op):
            raise TypeError(f"a transaction is made of Op, not {type(op).__name__}")
    return made


def op_watch(
    key: Text,
    *,
    prefix: bool = False,
    range_end: Text | None = None,
    from_key: bool = False,
    rev: int = 0,
    prev_kv: bool = False,
    progress_notify: bool = False,
    created_notify: bool = False,
    filter_put: bool = False,
    filter_delete: bool = False,
    fragment: bool = False,
) -> WatchOp:
    """To watch a key, or the keys of a range (see `op_get`).

    `rev` is the first revision to hear of, 0 for what comes. `filter_put` and `filter_delete`
    leave those events out; `prev_kv` asks for what was there before each. `progress_notify` asks
    for the revision now and then while nothing happens, `created_notify` for an answer when the
    watch is made; `fragment` lets the server split what is too large for one message.

    Raises as `op_get`.
    """
    start, end = _interval(to_bytes(key, "key"), prefix, range_end, from_key)
    return WatchOp(
        start,
        end,
        rev,
        prev_kv,
        progress_notify,
        created_notify,
        filter_put,
        filter_delete,
        fragment,
    )


def op_compact(rev: int, *, physical: bool = False) -> CompactOp:
    """To forget what was before `rev`; `physical`: answered when the file has forgotten it too."""
    return CompactOp(rev, physical)


_TOPS: dict[str, Sort] = {
    "first_create": (SortTarget.CREATE, SortOrder.ASCEND),
    "last_create": (SortTarget.CREATE, SortOrder.DESCEND),
    "first_key": (SortTarget.KEY, SortOrder.ASCEND),
    "last_key": (SortTarget.KEY, SortOrder.DESCEND),
    "first_rev": (SortTarget.MOD, SortOrder.ASCEND),
    "last_rev": (SortTarget.MOD, SortOrder.DESCEND),
}


def _top(*given: bool) -> tuple[str, Sort]:
    """Name and sort of the one that is given, in the order of `_TOPS`."""
    names = [name for name, is_given in zip(_TOPS, given, strict=True) if is_given]
    if len(names) > 1:
        raise ValueError(f"{names[0]} and {names[1]} exclude each other")
    return names[0], _TOPS[names[0]]


def _refuse(name: str, **others: bool) -> None:
    for other, is_given in others.items():
        if is_given:
            raise ValueError(f"{name} and {other} exclude each other")


def _sort(given: Sort) -> Sort:
    target, order = SortTarget(given[0]), SortOrder(given[1])
    if target is SortTarget.KEY and order is SortOrder.ASCEND:
        # The store's own order. Asked for one, a server reads the whole range before it limits.
        order = SortOrder.NONE
    return target, order


def _interval(
    key: bytes, prefix: bool, range_end: Text | None, from_key: bool
) -> tuple[bytes, bytes]:
    """First key and end of the range that is asked for; an empty end is none."""
    if prefix:
        _refuse("prefix", range_end=range_end is not None, from_key=from_key)
        # Keys are not empty, and an empty key in a request means that there is none.
        return (key, prefix_range_end(key)) if key else (FROM_KEY_END, FROM_KEY_END)
    if from_key:
        _refuse("from_key", range_end=range_end is not None)
        return key or FROM_KEY_END, FROM_KEY_END
    return key, b"" if range_end is None else to_bytes(range_end, "range_end")
