"""What etcd's log has of calls that took long, and of writes that failed.

etcd: server/etcdserver/api/v3rpc/interceptor.go (`logUnaryRequestStats`: "request stats"),
server/etcdserver/txn/util.go ("apply request took too long", "failed to apply request"). A call is
measured in `services.request_watch`. Whatever etcd puts into its log of itself, for itself, has no
lines here.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass

from google.protobuf.message import Message

from fake_etcd.api import errors
from fake_etcd.api import messages as m
from fake_etcd.api.deep import decoder_of
from fake_etcd.api.status import OK
from fake_etcd.cli import etcd_lines as lines
from fake_etcd.cli.durations import format_duration
from fake_etcd.cli.early_log import timestamp
from fake_etcd.core.node import Node
from fake_etcd.services import access
from fake_etcd.services import request_texts as texts
from fake_etcd.services.request_watch import Served

LOG = logging.getLogger("fake_etcd.requests")
LOG.addHandler(logging.NullHandler())  # not to stderr where a program has set up no logging

_SECOND = 1_000_000_000  # nanoseconds

_UNCOUNTED = (-1, -1, -1, -1, "")
"""Of calls that etcd neither counts nor shows."""

_OWN_WORDS = {
    errors.LEASE_NOT_FOUND: "lease not found",
    errors.LEASE_EXIST: "lease already exists",
    errors.LEASE_TTL_TOO_LARGE: "too large lease TTL",
    errors.USER_ALREADY_EXIST: "auth: user already exists",
    errors.USER_NOT_FOUND: "auth: user not found",
    errors.ROLE_ALREADY_EXIST: "auth: role already exists",
    errors.ROLE_NOT_FOUND: "auth: role not found",
    errors.AUTH_OLD_REVISION: "auth: revision in header is old",
}
"""Errors of which etcd's log says it in other words than its clients are told."""

_OF_AUTH = (
    errors.ROOT_USER_NOT_EXIST,
    errors.ROOT_ROLE_NOT_EXIST,
    errors.USER_EMPTY,
    errors.ROLE_EMPTY,
    errors.AUTH_FAILED,
    errors.PERMISSION_NOT_GIVEN,
    errors.PERMISSION_DENIED,
    errors.ROLE_NOT_GRANTED,
    errors.PERMISSION_NOT_GRANTED,
    errors.AUTH_NOT_ENABLED,
    errors.INVALID_AUTH_TOKEN,
    errors.INVALID_AUTH_MGMT,
)
"""Errors that say there where they come from."""

_WORDS = {
    **{row.message: words for row, words in _OWN_WORDS.items()},
    **{row.message: row.message.replace("etcdserver", "auth", 1) for row in _OF_AUTH},
    errors.COMPACTED.message: errors.COMPACTED.message.removeprefix("etcdserver: "),
    errors.FUTURE_REV.message: errors.FUTURE_REV.message.removeprefix("etcdserver: "),
}

_OF_READING = (errors.COMPACTED.status, errors.FUTURE_REV.status)
"""How a read ends badly that was under way."""

_ANSWERED_ANYHOW = (m.LeaseGrantRequest, m.LeaseRevokeRequest)
"""Requests that have an answer inside etcd even where they fail."""


_OF_KV = (
    m.RangeResponse,
    m.PutResponse,
    m.DeleteRangeResponse,
    m.TxnResponse,
    m.CompactionResponse,
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What is too long: for a call, and for its part that changes or reads the store; seconds."""

    unary_seconds: float
    apply_seconds: float


class RequestLog:
    """Writes those lines.

    Args:
        log: where to; at debug it has the statistics of every call.
        limits: what is too long.
    """

    def __init__(self, log: logging.Logger, limits: Limits) -> None:
        self._log = log
        self._limits = limits
        self._says_all = log.isEnabledFor(logging.DEBUG)

    def tell(self, served: Served) -> None:
        """Say what is to be said of a call."""
        response = _decoded(served)
        if served.apply_seconds > self._limits.apply_seconds and _is_applied(served):
            self._say_slow(served, response)
        if served.index is not None and served.status not in (OK, errors.COMPACTED.status):
            self._say_failed(served, response)
        if self._says_all or served.seconds > self._limits.unary_seconds:
            self._say_stats(served, response)

    def _say_slow(self, served: Served, response: Message | None) -> None:
        fields: dict[str, object] = {
            "took": _text(served.apply_seconds),
            "expected-duration": _text(self._limits.apply_seconds),
        }
        fields |= _read(served, response) if served.index is None else _entry(served, response)
        lines.say_with(self._log, lines.SLOW_APPLY, fields | _error(served))

    def _say_failed(self, served: Served, response: Message | None) -> None:
        fields: dict[str, object] = {"took": _text(served.apply_seconds)}
        fields |= _entry(served, response)
        del fields["prefix"]
        lines.say_with(self._log, lines.FAILED_APPLY, fields | _error(served))

    def _say_stats(self, served: Served, response: Message | None) -> None:
        request_count, request_size, count, size, content = _stats(served, response)
        now = time.time()
        line = lines.REQUEST_STATS_ALL if self._says_all else lines.REQUEST_STATS
        lines.say_with(
            self._log,
            line,
            {
                "start time": timestamp(now - served.seconds),
                "time spent": _text(served.seconds),
                "remote": served.call.peer,
                "response type": served.method.path,
                "request count": request_count,
                "request size": request_size,
                "response count": count,
                "response size": size,
                "request content": content,
            },
        )


def _decoded(served: Served) -> Message | None:
    if served.response is None:
        return None
    return decoder_of(served.method.response)(served.response)


def _text(seconds: float) -> str:
    return format_duration(round(seconds * _SECOND))


def _error(served: Served) -> dict[str, object]:
    if served.status is OK:
        return {}
    is_read_txn = isinstance(served.request, m.TxnRequest) and served.index is None
    if is_read_txn and served.status not in _OF_READING:
        return {}  # etcd loses what keeps such a transaction from being begun
    message = served.status.message
    return {"error": _WORDS.get(message, message)}


def _is_applied(served: Served) -> bool:
    """Whether it came as far as the store: a write into the log, a read past the first checks."""
    if served.index is not None:
        return True
    request = served.request
    is_read = isinstance(request, m.RangeRequest) or (
        isinstance(request, m.TxnRequest) and _only_reads(request)
    )
    return is_read and (served.status is OK or _WORDS.get(served.status.message) is not None)


def _only_reads(request: m.TxnRequest) -> bool:
    return all(
        op.WhichOneof("request") == "request_range"
        for branch in (request.success, request.failure)
        for op in branch
    )


def _full_header(node: Node) -> bytes:
    return node.header(node.store.current_revision)


def _header(served: Served) -> str:
    """The header of an entry: an id, which has the member in front as etcd's has, and the user."""
    assert served.index is not None, "it is asked for entries only"
    node = served.node
    header = f"ID:{(node.member_id & 0xFFFF) << 48 | served.index}"
    try:
        info = access.auth_info(node, served.call)
    except errors.EtcdError:
        info = None  # the call itself made its token worthless
    if info is None:
        return header
    return f"{header} username:{texts.quoted(info.username.encode())} auth_revision:{info.revision}"


def _entry(served: Served, response: Message | None) -> dict[str, object]:
    """What shows of a request that is in etcd's log of changes."""
    header = _header(served)
    size = _entry_size(served, response)
    if size is None and isinstance(served.request, _ANSWERED_ANYHOW):
        revoke = isinstance(served.request, m.LeaseRevokeRequest)
        size = len(_full_header(served.node)) if revoke else 0
    return {
        "prefix": "",
        "request": texts.entry_text(header, served.request, response),
        "response": "" if size is None else f"size:{size}",
    }


def _read(served: Served, response: Message | None) -> dict[str, object]:
    """What shows of a read."""
    request, of_response = served.request, ""
    if isinstance(request, m.TxnRequest):
        if isinstance(response, m.TxnResponse):
            counts = " ".join(_range_counts(response))
            of_response = f"responses:<{counts}> size:{_size_inside(response)}"
        return {
            "prefix": "read-only txn ",
            "request": texts.txn_text(request),
            "response": of_response,
        }
    if isinstance(response, m.RangeResponse):
        of_response = f"range_response_count:{len(response.kvs)} size:{_size_inside(response)}"
    return {
        "prefix": "read-only range ",
        "request": texts.text(request),
        "response": of_response,
    }


def _range_counts(response: m.TxnResponse) -> Iterator[str]:
    for each in response.responses:
        if each.WhichOneof("response") == "response_range":
            yield f"range_response_count:{len(each.response_range.kvs)}"


def _entry_size(served: Served, response: Message | None) -> int | None:
    """Bytes of what comes of an entry; None where that is nothing."""
    if response is None:
        return None
    if isinstance(response, m.AlarmResponse):
        without = m.AlarmResponse()
        without.CopyFrom(response)
        without.ClearField("header")  # which it gets later
        return without.ByteSize()
    if isinstance(response, _OF_KV):
        return _size_inside(response)
    return response.ByteSize()


def _size_inside(response: Message) -> int:
    """Bytes of an answer of KV before it gets all of its header: there is the revision alone."""
    inside = type(response)()
    inside.CopyFrom(response)
    assert isinstance(inside, _OF_KV), "no other answers are made so"
    revision = inside.header.revision
    inside.header.Clear()
    inside.header.revision = revision
    return inside.ByteSize()


_Stats = tuple[int, int, int, int, str]


def _stats(served: Served, response: Message | None) -> _Stats:
    """Count and size of the request, those of the answer, and the request as text."""
    request = served.request
    size = len(served.response) if served.response is not None else 0
    if isinstance(request, m.RangeRequest):
        count = response.count if isinstance(response, m.RangeResponse) else 0
        return 0, request.ByteSize(), count, size, texts.text(request)
    if isinstance(request, m.PutRequest):
        return 1, request.ByteSize(), 0, size, texts.put_text(request)
    if isinstance(request, m.DeleteRangeRequest):
        count = response.deleted if isinstance(response, m.DeleteRangeResponse) else 0
        return 0, request.ByteSize(), count, size, texts.text(request)
    if isinstance(request, m.TxnRequest):
        if not isinstance(response, m.TxnResponse):
            return 0, 0, 0, 0, ""
        branch = request.success if response.succeeded else request.failure
        return len(branch), sum(op.ByteSize() for op in branch), 0, size, texts.txn_text(request)
    return _UNCOUNTED
