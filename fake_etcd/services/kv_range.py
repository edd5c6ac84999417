"""What a range request selects, and the RangeResponse that says so, for every method that ranges.

Whether the request is valid is `kv_checks`'s; where the header comes from, the caller's.
etcd: server/etcdserver/txn/range.go.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Protocol

from fake_etcd.api import messages as m
from fake_etcd.core.go_sort import sort_like_go
from fake_etcd.core.mvcc import RangeResult, Version
from fake_etcd.core.mvcc.encoding import varint
from fake_etcd.services.kv_checks import has_default_order, has_revision_filters

_DESCEND = m.RangeRequest.DESCEND
_KEY, _VALUE = m.RangeRequest.KEY, m.RangeRequest.VALUE
_MAX_INT64 = (1 << 63) - 1
_COUNT_1 = b"\x20\x01"

_SORT_NUMBERS: dict[int, Callable[[Version], int]] = {
    m.RangeRequest.VERSION: attrgetter("version"),
    m.RangeRequest.CREATE: attrgetter("create_revision"),
    m.RangeRequest.MOD: attrgetter("mod_revision"),
}


class View(Protocol):
    """What can be read: the store, or a transaction that sees its own writes."""

    def range(
        self,
        key: bytes,
        range_end: bytes | None,
        *,
        revision: int = 0,
        limit: int = 0,
        count_only: bool = False,
        total_count: bool = True,
    ) -> RangeResult: ...


def end_of(range_end: bytes) -> bytes | None:
    """A request's range_end as the store takes it: b"" is one key, a zero byte all that follow."""
    if not range_end:
        return None
    return b"" if range_end == b"\0" else range_end


def answer(view: View, request: m.RangeRequest, header: Callable[[int], bytes]) -> bytes:
    """The RangeResponse to a valid request; `header` makes its field 1 of the revision read at.

    Raises:
        errors.FUTURE_REV, errors.COMPACTED
    """
    key = request.key
    if request.ByteSize() == len(key) + 2:
        # As long as a short key with its tag and length: no option is set, none is looked at.
        result = view.range(key, None)
        if result.versions:
            return header(result.revision) + result.versions[0].field + _COUNT_1
        return header(result.revision)
    limit = request.limit
    sort = request.sort_order or request.sort_target
    has_filters = has_revision_filters(request)
    limit_first = not has_filters and (not sort or has_default_order(request))
    result = view.range(
        key,
        end_of(request.range_end),
        revision=request.revision,
        limit=limit + 1 if limit_first and 0 < limit < _MAX_INT64 else 0,
        count_only=request.count_only,
    )
    versions = result.versions
    if has_filters:
        versions = _filtered(versions, request)
    if sort:
        versions = in_order(versions, request)
    more = 0 < limit < len(versions)
    if more:
        versions = versions[:limit]
    fields = b"".join(fields_of(versions, request))
    return encode(header(result.revision), fields, more=more, count=result.count)


def fields_of(versions: Sequence[Version], request: m.RangeRequest) -> list[bytes]:
    """The kvs as they stand in the answer.

    keys_only drops the lease together with the value, as etcd answers from its index then; but
    where it has to sort by value it reads whole versions and drops the value only.
    """
    if request.keys_only:
        with_lease = request.sort_target == _VALUE
        return [version.keys_only_field(with_lease) for version in versions]
    return [version.field for version in versions]


def encode(header: bytes, fields: bytes, *, more: bool, count: int) -> bytes:
    """A RangeResponse of its parts, encoded ones first."""
    tail = b"\x18\x01" if more else b""
    if count:
        tail += b"\x20" + varint(count)
    return b"".join((header, fields, tail))


def _filtered(versions: list[Version], request: m.RangeRequest) -> list[Version]:
    """Without those beyond the bounds; a bound of 0 is none."""
    if bound := request.max_mod_revision:
        versions = [version for version in versions if version.mod_revision <= bound]
    if bound := request.min_mod_revision:
        versions = [version for version in versions if version.mod_revision >= bound]
    if bound := request.max_create_revision:
        versions = [version for version in versions if version.create_revision <= bound]
    if bound := request.min_create_revision:
        versions = [version for version in versions if version.create_revision >= bound]
    return versions


def in_order(versions: list[Version], request: m.RangeRequest) -> list[Version]:
    """In the order asked for. They come in order of keys, which are all different."""
    target = request.sort_target
    descending = request.sort_order == _DESCEND
    if target == _KEY:
        return versions[::-1] if descending else versions
    if target == _VALUE:
        values = [version.value for version in versions]
        return sort_like_go(versions, values, descending=descending)
    number = _SORT_NUMBERS[target]
    return sort_like_go(versions, [number(v) for v in versions], descending=descending)
