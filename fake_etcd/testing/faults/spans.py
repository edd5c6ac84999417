"""Which keys a request is about, for rules that are about some keys only.

A watcher's request is about what it watches, a transaction's about what its operations touch, in
either branch and in transactions inside; what it compares does not count. Locks and elections are
about all keys below their name. All other requests are about no key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from google.protobuf.message import Message

from fake_etcd.api import messages as m

Text = str | bytes
"""A key as a test writes it; text means its UTF-8."""


def raw(text: Text) -> bytes:
    """The bytes that it means."""
    return text.encode() if isinstance(text, str) else text


class Span(NamedTuple):
    """Keys from `start` on, up to and without `end`; None: to the last.

    >>> Span.of_key("a").meets(Span.of_prefix("a")), Span.of_key("b").meets(Span.of_prefix("a"))
    (True, False)
    """

    start: bytes
    end: bytes | None

    @classmethod
    def of_key(cls, key: Text) -> Span:
        """One key."""
        return cls(raw(key), raw(key) + b"\0")

    @classmethod
    def of_prefix(cls, prefix: Text) -> Span:
        """All keys that begin so."""
        start = raw(prefix)
        kept = start.rstrip(b"\xff")
        return cls(start, kept[:-1] + bytes((kept[-1] + 1,)) if kept else None)

    @classmethod
    def of_range(cls, key: bytes, range_end: bytes) -> Span:
        """As etcd's requests say it: an empty end is the one key, "\\0" is to the last."""
        if not range_end:
            return cls.of_key(key)
        return cls(key, None if range_end == b"\0" else range_end)

    def meets(self, other: Span) -> bool:
        """Whether they have keys in common."""
        start = max(self.start, other.start)
        return all(end is None or start < end for end in (self.end, other.end))


def touched(request: Message) -> list[Span]:
    """The keys that a request is about."""
    find = _SPANS.get(type(request))
    return list(find(request)) if find is not None else []


def _of_range(request: Any) -> Iterable[Span]:
    return [Span.of_range(request.key, request.range_end)]


def _of_key(request: Any) -> Iterable[Span]:
    return [Span.of_key(request.key)]


def _of_name(request: Any) -> Iterable[Span]:
    return [Span.of_prefix(request.name + b"/")]


def _of_leader(request: Any) -> Iterable[Span]:
    return [Span.of_key(request.leader.key)]


def _of_txn(request: m.TxnRequest) -> Iterable[Span]:
    for operation in (*request.success, *request.failure):
        arm = operation.WhichOneof("request")
        if arm is not None:
            yield from touched(getattr(operation, arm))


def _of_watch(request: m.WatchRequest) -> Iterable[Span]:
    if request.HasField("create_request"):
        yield from _of_range(request.create_request)


_SPANS: dict[type[Message], Callable[[Any], Iterable[Span]]] = {
    m.RangeRequest: _of_range,
    m.PutRequest: _of_key,
    m.DeleteRangeRequest: _of_range,
    m.TxnRequest: _of_txn,
    m.WatchRequest: _of_watch,
    m.LockRequest: _of_name,
    m.UnlockRequest: _of_key,
    m.CampaignRequest: _of_name,
    m.ProclaimRequest: _of_leader,
    m.LeaderRequest: _of_name,
    m.ResignRequest: _of_leader,
}
"""By class: what a request of it is about."""
