"""The pages that say how the server is: /health, /livez, /readyz, /debug/vars and /metrics.

Which path is which page, and what the rest of the mux says, is `mux`'s.
etcd: server/etcdserver/api/etcdhttp/{health,debug,metrics}.go. Answers recorded from 3.7.3.
"""

from __future__ import annotations

import functools
import gzip
import json
import sys
from collections.abc import Callable, Mapping
from urllib.parse import unquote_to_bytes

from fake_etcd.core.alarm import CORRUPT, NOSPACE
from fake_etcd.core.node import Node
from fake_etcd.services.http import (
    CORS,
    HttpRequest,
    HttpResponse,
    go_escaped,
    method_not_allowed,
    plain_text,
)

_PLAIN = (("Content-Type", "text/plain; charset=utf-8"), ("X-Content-Type-Options", "nosniff"))

Page = Callable[[Node, HttpRequest], HttpResponse]


def query_values(target: str, wanted: str) -> list[str]:
    """The values of a parameter, as Go's ParseQuery has them: what is wrong is left out.

    >>> query_values("/health?exclude=A&exclude=%zz&x;exclude=B&exclude", "exclude")
    ['A', '']
    """
    found = []
    for part in target.partition("?")[2].split("&"):
        name, _, value = part.partition("=")
        is_well = part and ";" not in part and _is_escaped(name) and _is_escaped(value)
        if is_well and _unescaped(name) == wanted:
            found.append(_unescaped(value))
    return found


def _is_escaped(text: str) -> bool:
    return all(len(after) >= 2 and _is_hex(after[:2]) for after in text.split("%")[1:])


def _is_hex(digits: str) -> bool:
    return all(digit in "0123456789abcdefABCDEF" for digit in digits)


def _unescaped(text: str) -> str:
    return unquote_to_bytes(text.replace("+", " ")).decode("utf-8", "surrogateescape")


# /health


def _health(node: Node, request: HttpRequest) -> HttpResponse:
    """A single member is well unless there is an alarm that is not excluded; `serializable`
    changes nothing, for it always leads."""
    if request.method != "GET":
        return method_not_allowed()
    excluded = query_values(request.target, "exclude")
    for alarm in node.alarms.listed():
        name = _ALARMS.get(alarm.kind, str(alarm.kind))
        if name not in excluded:
            reason = name if alarm.kind in _ALARMS else "UNKNOWN"
            node.counts.unhealthy += 1
            return plain_text(503, f'{{"health":"false","reason":"ALARM {reason}"}}')
    node.counts.healthy += 1
    node.store.ranges += 1  # etcd finds out by reading, and counts that
    return HttpResponse(200, CORS, b'{"health":"true","reason":""}')


_ALARMS: Mapping[int, str] = {NOSPACE: "NOSPACE", CORRUPT: "CORRUPT"}


# /livez and /readyz

Check = Callable[[Node], str]
"""What is wrong; empty where nothing is."""


def _can_read(node: Node) -> str:
    """A single member can. etcd tries, and counts that as a read."""
    node.store.ranges += 1
    return ""


def _is_well(node: Node) -> str:
    """Being no learner: a single member is none."""
    return ""


def _has_no_corruption(node: Node) -> str:
    return "alarm activated: CORRUPT" if node.alarms.corrupt else ""


_LIVEZ: Mapping[str, Check] = {"serializable_read": _can_read}
_READYZ: Mapping[str, Check] = {
    "data_corruption": _has_no_corruption,
    "linearizable_read": _can_read,
    "non_learner": _is_well,
    "serializable_read": _can_read,
}


def _all_checks(
    page: str, checks: Mapping[str, Check], node: Node, request: HttpRequest
) -> HttpResponse:
    """All but those that are excluded, in the order of their names, where etcd has any."""
    excluded = query_values(request.target, "exclude")
    left = {name: check for name, check in checks.items() if name not in excluded}
    return _checked(page, left, node, request)


def _checked(
    page: str, checks: Mapping[str, Check], node: Node, request: HttpRequest
) -> HttpResponse:
    if request.method != "GET":
        return method_not_allowed()
    wrong = {name: check(node) for name, check in checks.items()}
    for name, reason in wrong.items():
        node.counts.checks[page, name, not reason] += 1
    lines = "".join(
        f"[-]{name} failed: {reason}\n" if reason else f"[+]{name} ok\n"
        for name, reason in wrong.items()
    )
    if any(wrong.values()):
        return plain_text(503, lines)
    shown = lines if query_values(request.target, "verbose") else ""
    return HttpResponse(200, (*CORS, *_PLAIN), f"{shown}ok\n".encode())


def _check_pages() -> dict[bytes, Page]:
    found: dict[bytes, Page] = {}
    for page, checks in (("livez", _LIVEZ), ("readyz", _READYZ)):
        found[f"/{page}".encode()] = functools.partial(_all_checks, page, checks)
        for name, check in checks.items():
            found[f"/{page}/{name}".encode()] = functools.partial(_checked, page, {name: check})
    return found


def _long(request: HttpRequest, headers: tuple[tuple[str, str], ...], body: bytes) -> HttpResponse:
    """A page that is longer than what Go's server waits for before it sends: it comes in chunks,
    and nobody says how long it is."""
    if request.method == "HEAD":
        return HttpResponse(200, headers)
    return HttpResponse(200, (*headers, ("Transfer-Encoding", "chunked")), body)


# /debug/vars


def _debug_vars(node: Node, request: HttpRequest) -> HttpResponse:
    """What Go's expvar has of etcd, without the statistics of Go's memory."""
    if request.method != "GET":
        return method_not_allowed()
    variables: dict[str, object] = {"cmdline": sys.argv}
    limit = _file_descriptor_limit()
    if limit:
        variables["file_descriptor_limit"] = limit
    variables["raft.status"] = _raft_status(node)
    lines = [
        b'"%s": %s' % (name.encode(), go_escaped(json.dumps(value, separators=(",", ":"))))
        for name, value in variables.items()
    ]
    kind = ("Content-Type", "application/json; charset=utf-8")
    return _long(request, (*CORS, kind), b"{\n" + b",\n".join(lines) + b"\n}\n")


def _file_descriptor_limit() -> int:
    """0 where a system has none."""
    try:
        import resource
    except ImportError:
        return 0
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def _raft_status(node: Node) -> dict[str, object]:
    id, index = f"{node.member_id:x}", node.raft_index
    progress = {"match": index, "next": index + 1, "state": "StateReplicate"}
    return {
        "id": id,
        "term": node.raft_term,
        "vote": id,
        "commit": index,
        "lead": id,
        "raftState": "StateLeader",
        "applied": index,
        "progress": {id: progress},
        "leadtransferee": "0",
    }


# /metrics


def _metrics(node: Node, request: HttpRequest) -> HttpResponse:
    """In the text format, whatever format is asked for and however."""
    from fake_etcd.services.metrics import page  # heavy, and often nobody asks

    body = page.text(node)
    node.counts.pages += 1
    headers = [*CORS, ("Content-Type", _METRICS_TYPE)]
    if any(
        name.lower() == "accept-encoding" and "gzip" in value for name, value in request.headers
    ):
        headers.insert(-1, ("Content-Encoding", "gzip"))
        body = gzip.compress(body, 1)
    return _long(request, tuple(headers), body)


_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"

DEBUG_VARS, METRICS = b"/debug/vars", b"/metrics"

PAGES: Mapping[bytes, Page] = {
    b"/health": _health,
    **_check_pages(),
    DEBUG_VARS: _debug_vars,
    METRICS: _metrics,
}
"""By path."""
