"""Answers on the peer port, as recorded from etcd 3.7.3 with raw sockets.

The transport adds Date, Content-Length and, where none is set, Content-Type.
"""

from __future__ import annotations

import pytest

from fake_etcd.api import messages as m
from fake_etcd.core.clock import VirtualClock
from fake_etcd.core.cluster import Member
from fake_etcd.core.downgrade import Release
from fake_etcd.core.node import Node, NodeConfig
from fake_etcd.services.http import HttpRequest, HttpResponse
from fake_etcd.services.peer_http import body_limit, handle

PLAIN = ("Content-Type", "text/plain; charset=utf-8")
NOSNIFF = ("X-Content-Type-Options", "nosniff")
JSON = ("Content-Type", "application/json")
CLUSTER = ("X-Etcd-Cluster-Id", "cdf818194e3a8c32")
SERVER = ("X-Server-Version", "3.7.3")
PEER = (("X-Server-Version", "3.7.3"), ("X-Min-Cluster-Version", "3.0.0"))
OF_CLUSTER = (*PEER, ("X-Etcd-Cluster-ID", CLUSTER[1]))
NOT_FOUND = HttpResponse(404, (PLAIN, NOSNIFF), b"404 page not found\n")


def answer(
    method: str,
    target: str,
    headers: tuple[tuple[str, str], ...] = (),
    body: bytes | None = b"",
) -> HttpResponse:
    node = Node(NodeConfig(advertise_client_urls=("http://a:1",)))
    node.lessor.grant(7, 10_000, 0.0)
    return handle(node, HttpRequest(method, target, headers, body))


def refused(status: int, line: str, *headers: tuple[str, str]) -> HttpResponse:
    return HttpResponse(status, tuple(sorted((*headers, PLAIN, NOSNIFF))), line.encode() + b"\n")


def test_version() -> None:
    body = b'{"etcdserver":"3.7.3","etcdcluster":"3.7.0","storage":"3.7.0"}'
    assert answer("GET", "/version") == HttpResponse(200, (JSON,), body)


@pytest.mark.parametrize("target", ["/members", "/members?x=1", "/%6dembers"])
def test_members(target: str) -> None:
    assert answer("GET", target) == HttpResponse(
        200,
        (JSON, CLUSTER),
        b'[{"id":10276657743932975437,"peerURLs":["http://localhost:2380"],"name":"default",'
        b'"clientURLs":["http://a:1"]}]\n',
    )


def test_members_that_were_never_heard_of_have_no_client_urls() -> None:
    initial = (("m<0", ("http://127.0.0.1:54115",)), ("m1", ("http://127.0.0.1:58275",)))
    node = Node(NodeConfig(name="m1", initial_cluster=initial))
    assert handle(node, HttpRequest("GET", "/members")).body == (
        b'[{"id":11478861764824205492,"peerURLs":["http://127.0.0.1:54115"],"name":"m\\u003c0"},'
        b'{"id":14703964557179353379,"peerURLs":["http://127.0.0.1:58275"],"name":"m1"}]\n'
    )


@pytest.mark.parametrize(
    ("target", "allowed"),
    [
        ("/version", "GET"),
        ("/members", "GET"),
        ("/downgrade/enabled", "GET"),
        ("/raft", "POST"),
        ("/raft/snapshot", "POST"),
        ("/raft/stream/message/1", "GET"),
        ("/members/promote/", "POST"),
        ("/members/promote/1", "POST"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "OPTIONS", "CONNECT", "TRACE"])
def test_one_method_is_allowed(method: str, target: str, allowed: str) -> None:
    if method != allowed:
        expected = refused(405, "Method Not Allowed", ("Allow", allowed))
        assert answer(method, target) == expected


@pytest.mark.parametrize(
    "target",
    [
        *("/", "/nope", "/members/", "/members/x", "/version/", "/version%2f", "/leases/"),
        *("/leases/x", "/downgrade/enabled/", "/raft/", "/raft/x", "/raft/probing/", "/health"),
        *("/metrics", "/debug/vars", "/livez", "/v3/kv/range"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_everything_else_is_not_found(method: str, target: str) -> None:
    assert answer(method, target) == NOT_FOUND


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("//members", "/members"),
        ("/members/../version", "/version"),
        ("/members/promote", "/members/promote/"),
        ("/raft/stream", "/raft/stream/"),
    ],
)
def test_a_path_written_badly_is_sent_to_the_good_one(target: str, location: str) -> None:
    page = f'<a href="{location}">Temporary Redirect</a>.\n\n'.encode()
    html = ("Content-Type", "text/html; charset=utf-8")
    assert answer("GET", target) == HttpResponse(307, (html, ("Location", location)), page)


def test_a_star_is_no_path() -> None:
    assert answer("OPTIONS", "*") == HttpResponse(200)
    assert answer("GET", "*") == HttpResponse(400, (("Connection", "close"),))


@pytest.mark.parametrize(
    ("id", "expected"),
    [
        ("", refused(404, "member  not found in cluster", CLUSTER)),
        ("x", refused(404, "member x not found in cluster", CLUSTER)),
        ("1", refused(404, "membership: ID not found", CLUSTER)),
        (str(1 << 64), refused(404, f"member {1 << 64} not found in cluster", CLUSTER)),
        (
            "10276657743932975437",
            refused(412, "membership: can only promote a learner member", CLUSTER),
        ),
    ],
)
def test_nobody_is_promoted(id: str, expected: HttpResponse) -> None:
    assert answer("POST", f"/members/promote/{id}") == expected


def test_no_downgrade_is_under_way() -> None:
    expected = HttpResponse(200, (("Content-Type", "text/plain"), CLUSTER), b"false")
    assert answer("GET", "/downgrade/enabled") == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", refused(404, "lease not found")),
        (b"\x08\x08", refused(404, "lease not found")),
        (b"\x08", refused(400, "error unmarshalling request")),
        (None, refused(413, "request body too large", ("Connection", "close"))),
        (
            b"\x08\x07",
            HttpResponse(200, (("Content-Type", "application/protobuf"),), b"\x10\x07\x18\x90N"),
        ),
    ],
)
def test_a_lease_is_renewed(body: bytes | None, expected: HttpResponse) -> None:
    assert answer("POST", "/leases", body=body) == expected


def test_a_lease_is_renewed_only_by_post() -> None:
    assert answer("GET", "/leases") == refused(405, "Method Not Allowed")


def test_a_renewed_lease_begins_anew() -> None:
    clock = VirtualClock()
    node = Node(clock=clock)
    node.lessor.grant(7, 100, clock.now())
    clock.advance(60.0)
    body = m.LeaseKeepAliveRequest(ID=7).SerializeToString()
    handle(node, HttpRequest("POST", "/leases", body=body))
    lease = node.lessor.lookup(7)
    assert lease is not None
    assert lease.remaining_seconds(clock.now()) == 100


def test_a_probe_is_told_the_time() -> None:
    node = Node(NodeConfig(unix_epoch=1_700_000_000.25))
    expected = HttpResponse(200, (), b'{"OK":true,"Now":"2023-11-14T22:13:20.25Z"}\n')
    assert handle(node, HttpRequest("GET", "/raft/probing")) == expected


OLD, OTHER = "incompatible version", "cluster ID mismatch"


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ((), OLD),
        ((("X-Etcd-Cluster-ID", CLUSTER[1]),), OLD),
        (PEER, OTHER),
        ((("X-Server-Version", "3.7.3"),), OTHER),
        ((("X-Server-Version", "3.6.0"),), OTHER),
        ((("X-Server-Version", "2.0.0"), ("X-Min-Cluster-Version", "3.0.0")), OLD),
        ((("X-Server-Version", "3.9.0"), ("X-Min-Cluster-Version", "3.8.0")), OLD),
    ],
)
def test_a_peer_of_another_cluster_is_refused(
    headers: tuple[tuple[str, str], ...], reason: str
) -> None:
    assert answer("POST", "/raft", headers) == refused(412, reason, CLUSTER)
    assert answer("POST", "/raft/snapshot", headers) == refused(412, reason, CLUSTER)
    stream = answer("GET", "/raft/stream/message/1", headers)
    assert stream == refused(412, reason, CLUSTER, SERVER)


@pytest.mark.parametrize(
    ("target", "line"),
    [
        ("/raft/stream/message/1", "error sender not found"),
        ("/raft/stream/msgapp/8e9e05c52164694d", "error sender not found"),
        ("/raft/stream/strange/1", "invalid path"),
        ("/raft/stream/msgapp/zz", "invalid from"),
    ],
)
def test_a_peer_of_this_cluster_is_not_known(target: str, line: str) -> None:
    assert answer("GET", target, OF_CLUSTER) == refused(404, line, CLUSTER, SERVER)
    message = answer("POST", "/raft", OF_CLUSTER)
    assert message == refused(500, "error processing raft message", CLUSTER)


def test_bodies_are_read_where_they_are_looked_at() -> None:
    targets = ("/leases", "/raft", "/members", "/version")
    limits = [body_limit(HttpRequest("POST", target)) for target in targets]
    assert limits == [65_536, 65_536, 0, 0]


# What members ask each other, of a server with some history


def asked_with_history(
    method: str, target: str, body: bytes | None, *headers: tuple[str, str]
) -> HttpResponse:
    node = Node()
    for number in range(4):
        node.store.put(b"a", b"%d" % number)
    node.compact(3)
    node.store.put(b"a", b"x")
    node.compact(5)
    node.lessor.grant(7, 1_000, 0.0)
    node.store.put(b"l", b"", 7)
    return handle(node, HttpRequest(method, target, headers, body))


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"{}", b'"hash":3812351034,"compact_revision":5,"hash_revision":7'),
        (b"null", b'"hash":3812351034,"compact_revision":5,"hash_revision":7'),
        (b'{"revision":-0,"x":1e999}', b'"hash":3812351034,"compact_revision":5,"hash_revision":7'),
        (b'{"revision":5}', b'"hash":1442430913,"compact_revision":3,"hash_revision":5'),
        (b'{"revision":3}', b'"hash":420308011,"compact_revision":-1,"hash_revision":3'),
        (b'{"revision":-1}', b'"hash":1084519789,"compact_revision":5,"hash_revision":-1'),
        (b' {"REVISION":6} ', b'"hash":530342146,"compact_revision":5,"hash_revision":6'),
        (
            '{"revi\u017fion":6,"revision":null}'.encode(),
            b'"hash":530342146,"compact_revision":5,"hash_revision":6',
        ),
        (b'{"revision":6,"\xff":1}', b'"hash":530342146,"compact_revision":5,"hash_revision":6'),
    ],
)
def test_a_hash_of_any_revision(body: bytes, told: bytes) -> None:
    answer = b'{"header":{"revision":7},' + told + b"}"
    expected = HttpResponse(200, (JSON, CLUSTER), answer)
    assert asked_with_history("GET", "/members/hashkv?x=1", body) == expected
    assert asked_with_history("GET", "/members/hashkv", body, CLUSTER) == expected


@pytest.mark.parametrize(
    ("body", "line"),
    [
        *(
            (body, "error unmarshalling request")
            for body in (
                b"",
                b"[]",
                b"5",
                b'"x"',
                b"true",
                b"\xff",
                b"\xef\xbb\xbf{}",
                b'{"revision":"5"}',
                b'{"revision":1.5}',
                b'{"revision":6.0}',
                b'{"revision":1e0}',
                b'{"revision":06}',
                b'{"revision":true}',
                b'{"revision":99999999999999999999}',
                b'{"revision":6} x',
                b'{"x":NaN}',
                b'{"x":"\t"}',
            )
        ),
        (b'{"revision":4}', "mvcc: required revision has been compacted"),
        (b'{"revision":6,"revision":99}', "mvcc: required revision is a future revision"),
        (None, "error reading body"),
    ],
)
def test_a_hash_that_cannot_be_told(body: bytes | None, line: str) -> None:
    assert asked_with_history("GET", "/members/hashkv", body) == refused(400, line)


def test_a_hash_is_told_to_members_of_the_same_cluster() -> None:
    for id in ("5", CLUSTER[1].upper()):
        of_another = ("X-Etcd-Cluster-ID", id)
        found = asked_with_history("GET", "/members/hashkv", b"{}", of_another)
        assert found == refused(412, "cluster ID mismatch")
    not_allowed = refused(405, "Method Not Allowed", ("Allow", "GET"))
    assert asked_with_history("POST", "/members/hashkv", b"{}") == not_allowed
    assert asked_with_history("GET", "/members/hashkv/", b"{}") == NOT_FOUND


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (b"\n\x02\x08\x07", b"\n\n\n\x00\x10\x07\x18\xe8\x07\x20\xe8\x07"),
        (b"\n\x04\x08\x07\x10\x01", b"\n\r\n\x00\x10\x07\x18\xe8\x07\x20\xe8\x07\x2a\x01l"),
    ],
)
def test_the_time_that_a_lease_has(body: bytes, answer: bytes) -> None:
    kind = ("Content-Type", "application/protobuf")
    found = asked_with_history("POST", "/leases/internal", body)
    assert found == HttpResponse(200, (kind,), answer)


@pytest.mark.parametrize(
    ("body", "status", "line"),
    [
        (b"\n\x02\x08\x09", 404, "lease not found"),
        (b"\n\x00", 404, "lease not found"),
        (b"\n", 400, "error unmarshalling request"),
        (b"\n\x02\x08", 400, "error unmarshalling request"),
        (b"", 400, "error unmarshalling request"),  # where etcd says nothing and hangs up
    ],
)
def test_the_time_of_no_lease(body: bytes, status: int, line: str) -> None:
    assert asked_with_history("POST", "/leases/internal", body) == refused(status, line)


def test_the_time_of_a_lease_is_asked_for_by_post_and_briefly() -> None:
    not_allowed = refused(405, "Method Not Allowed")
    assert asked_with_history("GET", "/leases/internal", b"") == not_allowed
    too_large = refused(413, "request body too large", ("Connection", "close"))
    assert asked_with_history("POST", "/leases/internal", None) == too_large


def test_a_downgrade_is_told_of() -> None:
    node = Node()
    node.versions.enable(Release(3, 6))
    found = handle(node, HttpRequest("GET", "/downgrade/enabled"))
    assert found.body == b"true"
    assert isinstance(node.clock, VirtualClock)
    node.clock.set(5.0)
    node.run_due(5.0)
    lowered = b'{"etcdserver":"3.7.3","etcdcluster":"3.6.0","storage":"3.6.0"}'
    assert handle(node, HttpRequest("GET", "/version")).body == lowered


def test_a_learner_is_shown_and_not_promoted() -> None:
    node = Node(NodeConfig(advertise_client_urls=("http://a:1",)))
    learner = Member(3869701430963546999, "", ("http://a:1",), is_learner=True)
    node.membership.add(learner)
    assert handle(node, HttpRequest("GET", "/members")).body == (
        b'[{"id":3869701430963546999,"peerURLs":["http://a:1"],"isLearner":true},'
        b'{"id":10276657743932975437,"peerURLs":["http://localhost:2380"],"name":"default",'
        b'"clientURLs":["http://a:1"]}]\n'
    )
    line = "etcdserver: can only promote a learner member which is in sync with leader"
    found = handle(node, HttpRequest("POST", f"/members/promote/{learner.id}"))
    assert found == refused(412, line, CLUSTER)
    node.membership.remove(learner.id)
    found = handle(node, HttpRequest("POST", f"/members/promote/{learner.id}"))
    assert found == refused(404, "membership: ID not found", CLUSTER)
