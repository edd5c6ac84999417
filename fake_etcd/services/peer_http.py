"""What etcd answers to plain HTTP on its peer port: /members, /version, and how it meets peers.

No other member is ever let in: each is alone, so those who come as peers are refused as etcd
refuses peers of whom it does not know. What members ask each other by simple requests is answered.
Requests and answers are those of `services.http`; here nothing is said of origins (CORS).
etcd: server/etcdserver/api/etcdhttp/peer.go, server/etcdserver/api/rafthttp/http.go,
server/lease/leasehttp/http.go. Answers recorded from 3.7.3.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timezone
from typing import TypeVar
from urllib.parse import unquote_to_bytes

from google.protobuf.message import DecodeError, Message

from fake_etcd.api import errors, version
from fake_etcd.api import messages as m
from fake_etcd.core.mvcc.encoding import varint
from fake_etcd.core.node import Node
from fake_etcd.services import cluster, http, mux
from fake_etcd.services.http import HttpRequest, HttpResponse

LARGEST_BODY_BYTES = 64 * 1024
"""Of what is read at all (etcd: leasehttp, maxLeaseHTTPRequestSize)."""

_PLAIN = ("Content-Type", "text/plain; charset=utf-8")
_PROTOBUF = ("Content-Type", "application/protobuf")
_NOSNIFF = ("X-Content-Type-Options", "nosniff")
_MIN_CLUSTER_VERSION = (3, 0)

Asked = TypeVar("Asked", bound=Message)
_Route = Callable[[Node, HttpRequest], HttpResponse]


def body_limit(request: HttpRequest) -> int:
    """How large a body `handle` reads of a request; 0 where it reads none."""
    path = request.target.partition("?")[0]
    return LARGEST_BODY_BYTES if path in _READING or path.startswith("/raft") else 0


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
        | ({"isLearner": True} if each.is_learner else {})
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
    return HttpResponse(200, (("Content-Type", "application/json"),), mux.version_page(node))


def _promote(node: Node, request: HttpRequest) -> HttpResponse:
    """Nobody can be promoted: a learner never has the log, and all others have a vote."""
    if request.method != "POST":
        return _not_allowed("POST")
    text = unquote_to_bytes(request.target.partition("?")[0]).decode(errors="replace")
    id = text.removeprefix("/members/promote/")
    digits = id if id.isascii() and id.isdigit() else ""
    if not digits or int(digits) >> 64:
        return _error(404, f"member {id} not found in cluster", _cluster_id(node))
    try:
        node.membership.check_promote(int(digits))
    except errors.MEMBER_NOT_FOUND:
        return _error(404, "membership: ID not found", _cluster_id(node))
    except errors.LEARNER_NOT_READY as error:
        return _error(412, error.message, _cluster_id(node))
    node.raft_index += 1
    return _error(412, "membership: can only promote a learner member", _cluster_id(node))


def _downgrade_enabled(node: Node, request: HttpRequest) -> HttpResponse:
    if request.method != "GET":
        return _not_allowed("GET")
    enabled = b"true" if node.versions.target is not None else b"false"
    return HttpResponse(200, (("Content-Type", "text/plain"), _cluster_id(node)), enabled)


def _hash_kv(node: Node, request: HttpRequest) -> HttpResponse:
    """Tells a member the hash of a revision, by which it compares what both have."""
    if request.method != "GET":
        return _not_allowed("GET")
    named = {name.lower(): value for name, value in request.headers}.get("x-etcd-cluster-id")
    if named and named != f"{node.cluster_id:x}":
        return _error(412, "cluster ID mismatch")
    if request.body is None:
        return _error(400, "error reading body")
    try:
        found = node.store.hash_at(_asked_revision(request.body))
    except ValueError:
        return _error(400, "error unmarshalling request")
    except (errors.COMPACTED, errors.FUTURE_REV) as error:
        return _error(400, error.message.removeprefix("etcdserver: "))
    told = {
        "header": {"revision": node.store.current_revision},
        "hash": found.hash,
        "compact_revision": found.compact_revision,
        "hash_revision": found.revision,
    }
    kept = {name: value for name, value in told.items() if value}
    body = json.dumps(kept, separators=(",", ":")).encode()
    return HttpResponse(200, (("Content-Type", "application/json"), _cluster_id(node)), body)


def _asked_revision(body: bytes) -> int:
    """The revision of a HashKVRequest in JSON as Go reads it: names in any case, the last counts.

    Raises:
        ValueError: it is not one.
    """
    text = body.decode(errors="replace")
    # Pairs and not a dictionary, which would lose a number that a null of the same name follows.
    pairs = json.loads(text, object_pairs_hook=list, parse_float=str, parse_constant=_no_constant)
    if pairs is None:
        return 0
    if not text.lstrip().startswith("{"):
        raise ValueError("it is no object")
    revision = 0
    for name, value in pairs:
        if name.casefold() == "revision" and value is not None:
            if type(value) is not int or value >> 63 not in (0, -1):
                raise ValueError(f"{value!r} is no revision")
            revision = value
    return revision


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not of JSON, whatever Python says")


def _leases_internal(node: Node, request: HttpRequest) -> HttpResponse:
    """Tells a member of a lease what its callers ask for."""
    asked = _posted(request, _lease_asked_for)
    if isinstance(asked, HttpResponse):
        return asked
    lease = node.lessor.lookup(asked.ID)
    if lease is None:
        return _error(404, "lease not found")
    answer = m.LeaseTimeToLiveResponse(
        header=m.ResponseHeader(),
        ID=asked.ID,
        TTL=lease.remaining_seconds(node.clock.now()),
        grantedTTL=lease.ttl_seconds,
        keys=lease.sorted_keys() if asked.keys else [],
    ).SerializeToString()
    return HttpResponse(200, (_PROTOBUF,), b"\x0a" + varint(len(answer)) + answer)


def _lease_asked_for(body: bytes) -> m.LeaseTimeToLiveRequest:
    """What is in a leasepb.LeaseInternalRequest, whose field 1 is this request.

    Raises:
        DecodeError: it is none, or there is nothing in it, at which etcd drops the connection.
    """
    # A message whose field 1 is bytes gives those; of a field that comes twice, the last one.
    outer = m.RangeRequest.FromString(body)
    if not body.startswith(b"\x0a"):
        raise DecodeError("nothing is asked for")
    return m.LeaseTimeToLiveRequest.FromString(outer.key)


def _leases(node: Node, request: HttpRequest) -> HttpResponse:
    """Renews a lease, as a member asks the leader to."""
    asked = _posted(request, m.LeaseKeepAliveRequest.FromString)
    if isinstance(asked, HttpResponse):
        return asked
    ttl_seconds = node.lessor.renew(asked.ID, node.clock.now())
    if not ttl_seconds:
        return _error(404, "lease not found")
    answer = m.LeaseKeepAliveResponse(ID=asked.ID, TTL=ttl_seconds)
    return HttpResponse(200, (_PROTOBUF,), answer.SerializeToString())


def _posted(request: HttpRequest, parse: Callable[[bytes], Asked]) -> Asked | HttpResponse:
    """The message in a body, or what is answered where there is none."""
    if request.method != "POST":
        return _error(405, "Method Not Allowed")
    if request.body is None:
        return _error(413, "request body too large", ("Connection", "close"))
    try:
        return parse(request.body)
    except DecodeError:
        return _error(400, "error unmarshalling request")


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
    b"/leases/internal": _leases_internal,
    b"/members/hashkv": _hash_kv,
    b"/raft": _raft,
    b"/raft/snapshot": _raft,
    b"/raft/probing": _probing,
}
_READING = frozenset(("/leases", "/leases/internal", "/members/hashkv"))
"""Paths of which a body is read."""

_BELOW: dict[bytes, _Route] = {b"/members/promote/": _promote, b"/raft/stream/": _stream}
_FOLDERS = frozenset(("/members/promote", "/raft/stream"))
"""Paths that are sent on to the same with a slash behind it."""
