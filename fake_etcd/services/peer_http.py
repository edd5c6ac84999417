"""What etcd answers to plain HTTP on its peer port: /members, /version, and how it meets peers.

No other member is ever let in: each is alone, so those who come as peers are refused as etcd
refuses peers of whom it does not know. Two paths that only members ask for are unknown here:
/members/hashkv and /leases/internal.
Requests and answers are those of `services.http`; here nothing is said of origins (CORS).
etcd: server/etcdserver/api/etcdhttp/peer.go, server/etcdserver/api/rafthttp/http.go,
server/lease/leasehttp/http.go. Answers recorded from 3.7.3.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timezone
from urllib.parse import unquote_to_bytes

from google.protobuf.message import DecodeError

from fake_etcd.api import messages as m
from fake_etcd.api import version
from fake_etcd.core.node import Node
from fake_etcd.services import cluster, http
from fake_etcd.services.http import HttpRequest, HttpResponse

LARGEST_BODY_BYTES = 64 * 1024
"""Of what is read at all (etcd: leasehttp, maxLeaseHTTPRequestSize)."""

_PLAIN = ("Content-Type", "text/plain; charset=utf-8")
_NOSNIFF = ("X-Content-Type-Options", "nosniff")
_MIN_CLUSTER_VERSION = (3, 0)

_Route = Callable[[Node, HttpRequest], HttpResponse]


def body_limit(request: HttpRequest) -> int:
    """How large a body `handle` reads of a request; 0 where it reads none."""
    path = request.target.partition("?")[0]
    return LARGEST_BODY_BYTES if path == "/leases" or path.startswith("/raft") else 0


def handle(node: Node, request: HttpRequest) -> HttpResponse:
    """The answer to any request."""
    if request.target == "*":
        if request.method == "OPTIONS":
            return HttpResponse(200)
        return HttpResponse(400, (("Connection", "close"),))
    path, question_mark, query = request.target.partition("?")
    moved = http.moved_to(request.method, path, _FOLDERS)
    if moved is not None:
        return http.redirect(request.method, moved + question_mark + query)
    route = _route(unquote_to_bytes(path))
    return route(node, request) if route else _error(404, "404 page not found")


def _route(path: bytes) -> _Route | None:
    exact = _ROUTES.get(path)
    if exact is not None:
        return exact
    return next((route for start, route in _BELOW.items() if path.startswith(start)), None)


def _members(node: Node, request: HttpRequest) -> HttpResponse:
    if request.method != "GET":
        return _not_allowed("GET")
    found = [
        {"id": each.id, "peerURLs": each.peer_urls}
        | ({"name": each.name} if each.name else {})
        | ({"clientURLs": each.client_urls} if each.client_urls else {})
        for each in cluster.members(node)
    ]
    text = json.dumps(found, separators=(",", ":"), ensure_ascii=False) + "\n"
    return HttpResponse(
        200, (("Content-Type", "application/json"), _cluster_id(node)), http.go_escaped(text)
    )


def _version(node: Node, request: HttpRequest) -> HttpResponse:
    if request.method != "GET":
        return _not_allowed("GET")
    return HttpResponse(200, (("Content-Type", "application/json"),), http.VERSION)


def _promote(node: Node, request: HttpRequest) -> HttpResponse:
    """Nobody can be promoted: all have a vote."""
    if request.method != "POST":
        return _not_allowed("POST")
    text = unquote_to_bytes(request.target.partition("?")[0]).decode(errors="replace")
    id = text.removeprefix("/members/promote/")
    digits = id if id.isascii() and id.isdigit() else ""
    if not digits or int(digits) >> 64:
        return _error(404, f"member {id} not found in cluster", _cluster_id(node))
    if all(each.id != int(digits) for each in node.members):
        return _error(404, "membership: ID not found", _cluster_id(node))
    return _error(412, "membership: can only promote a learner member", _cluster_id(node))


def _downgrade_enabled(node: Node, request: HttpRequest) -> HttpResponse:
    if request.method != "GET":
        return _not_allowed("GET")
    return HttpResponse(200, (("Content-Type", "text/plain"), _cluster_id(node)), b"false")


def _leases(node: Node, request: HttpRequest) -> HttpResponse:
    """Renews a lease, as a member asks the leader to."""
    if request.method != "POST":
        return _error(405, "Method Not Allowed")
    if request.body is None:
        return _error(413, "request body too large", ("Connection", "close"))
    try:
        asked = m.LeaseKeepAliveRequest.FromString(request.body)
    except DecodeError:
        return _error(400, "error unmarshalling request")
    now = node.clock.now()
    lease = node.lessor.lookup(asked.ID)
    if lease is None or lease.has_expired(now):
        return _error(404, "lease not found")
    answer = m.LeaseKeepAliveResponse(ID=asked.ID, TTL=node.lessor.renew(asked.ID, now))
    kind = ("Content-Type", "application/protobuf")
    return HttpResponse(200, (kind,), answer.SerializeToString())


def _probing(node: Node, request: HttpRequest) -> HttpResponse:
    now = datetime.fromtimestamp(node.config.unix_epoch + node.clock.now(), timezone.utc)
    text = now.strftime("%Y-%m-%dT%H:%M:%S.%f").rstrip("0").rstrip(".")
    return HttpResponse(200, (), b'{"OK":true,"Now":"%sZ"}\n' % text.encode())


def _raft(node: Node, request: HttpRequest) -> HttpResponse:
    """A peer's message, which nobody takes here."""
    if request.method != "POST":
        return _not_allowed("POST")
    refused = _incompatible(node, request)
    if refused:
        return _error(412, refused, _cluster_id(node))
    return _error(500, "error processing raft message", _cluster_id(node))


def _stream(node: Node, request: HttpRequest) -> HttpResponse:
    """A peer that wants to be told of all messages, and that is not known here."""
    if request.method != "GET":
        return _not_allowed("GET")
    server = ("X-Server-Version", version.SERVER)
    refused = _incompatible(node, request)
    if refused:
        return _error(412, refused, _cluster_id(node), server)
    folder, _, sender = request.target.partition("?")[0].rpartition("/")
    if folder not in ("/raft/stream/message", "/raft/stream/msgapp"):
        return _error(404, "invalid path", _cluster_id(node), server)
    if not sender or set(sender) - set("0123456789abcdefABCDEF") or int(sender, 16) >> 64:
        return _error(404, "invalid from", _cluster_id(node), server)
    return _error(404, "error sender not found", _cluster_id(node), server)


def _incompatible(node: Node, request: HttpRequest) -> str:
    """Why a peer is refused by what its headers say; empty where it is not."""
    headers = {name.lower(): value for name, value in request.headers}
    theirs = _release(headers.get("x-server-version", "2.0.0"))
    least = _release(headers.get("x-min-cluster-version", "2.0.0"))
    ours = _release(version.SERVER)
    if theirs is None or least is None or ours is None:
        return "incompatible version"
    if theirs < _MIN_CLUSTER_VERSION or ours < least:
        return "incompatible version"
    if headers.get("x-etcd-cluster-id") != f"{node.cluster_id:x}":
        return "cluster ID mismatch"
    return ""


def _release(text: str) -> tuple[int, ...] | None:
    """Its first two numbers; None of what is no version, at which etcd itself ends."""
    numbers = text.partition("-")[0].split(".")
    if len(numbers) != 3 or not all(each.isascii() and each.isdigit() for each in numbers):
        return None
    return int(numbers[0]), int(numbers[1])


def _cluster_id(node: Node) -> tuple[str, str]:
    return "X-Etcd-Cluster-Id", f"{node.cluster_id:x}"


def _not_allowed(method: str) -> HttpResponse:
    return _error(405, "Method Not Allowed", ("Allow", method))


def _error(status: int, line: str, *headers: tuple[str, str]) -> HttpResponse:
    """net/http's Error."""
    return HttpResponse(status, tuple(sorted((*headers, _PLAIN, _NOSNIFF))), line.encode() + b"\n")


_ROUTES: dict[bytes, _Route] = {
    b"/members": _members,
    b"/version": _version,
    b"/downgrade/enabled": _downgrade_enabled,
    b"/leases": _leases,
    b"/raft": _raft,
    b"/raft/snapshot": _raft,
    b"/raft/probing": _probing,
}
_BELOW: dict[bytes, _Route] = {b"/members/promote/": _promote, b"/raft/stream/": _stream}
_FOLDERS = frozenset(("/members/promote", "/raft/stream"))
"""Paths that are sent on to the same with a slash behind it."""
