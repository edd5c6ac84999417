"""Calls of the gateway over HTTP/1.1, websockets and HTTP/2, without sockets.

What they answer is the conformance suite's to say; here is when, and what becomes of calls that
wait, that nobody waits for any more, or that are answered faster than they are read.
"""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fake_etcd.api import messages as m
from fake_etcd.api.errors import StatusError
from fake_etcd.api.methods import METHODS
from fake_etcd.api.status import Code, Status
from fake_etcd.core.node import Node, NodeConfig
from fake_etcd.services import http, registry
from fake_etcd.services.call import Call, Endpoint, Endpoints, Receiver, Sink
from fake_etcd.services.page_access import OPEN
from fake_etcd.transport.gateway.gateway import Gateway
from fake_etcd.transport.gateway.http1 import SINK_LIMIT, Http1Call, Http1Door
from fake_etcd.transport.gateway.requests import BODY_FACTOR
from fake_etcd.transport.gateway.rules import GatewayMaker, GatewayRules
from fake_etcd.transport.grpc.connection import GrpcConnection
from fake_etcd.transport.grpc.server import GrpcServer
from fake_etcd.transport.http1 import Http1Connection
from fake_etcd.transport.http2.pages import Pages

from ..wire import HELLO, Answer, Client, data, rst_stream, without_housekeeping

LIMIT = 2_000
WATCH = METHODS["/etcdserverpb.Watch/Watch"]
LOCK = METHODS["/v3lockpb.Lock/Lock"]
SNAPSHOT = METHODS["/etcdserverpb.Maintenance/Snapshot"]
PUT = METHODS["/etcdserverpb.KV/Put"]
DATE = "Mon, 23 Nov 2026 21:23:53 GMT"


class Recorder:
    """A handler of streams that writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[object] = []
        self.call: Call
        self.sink: Sink

    def open(self, call: Call, sink: Sink) -> Receiver:
        self.call, self.sink = call, sink
        return self

    def message(self, request: object) -> None:
        self.told.append(request)

    def half_close(self) -> None:
        self.told.append("half-close")

    def cancelled(self) -> None:
        self.told.append("cancelled")

    def writable(self) -> None:
        self.told.append("writable")


class Site:
    """A connection of HTTP/1.1 to a gateway; time is what the test says."""

    def __init__(self, endpoints: Endpoints, refuses_names: bool = False) -> None:
        self.now = 100.0
        self.wakes = 0
        self.cuts = 0
        self.gateway = Gateway(endpoints, LIMIT, OPEN, lambda: refuses_names)
        self.http1 = self.connect()

    def connect(self, common_name: str | None = None) -> Http1Connection:
        door = Http1Door(
            self.gateway,
            "127.0.0.1:1",
            0,
            self._cut,
            self._wake,
            lambda: self.now,
            common_name,
            is_encrypted=common_name is not None,
            date=lambda: DATE,
        )
        return Http1Connection(
            lambda request: http.plain_text(404, "404 page not found"),
            is_sniffed=common_name is None,
            date=lambda: DATE,
            door=door,
        )

    def _wake(self) -> None:
        self.wakes += 1

    def _cut(self) -> None:
        self.cuts += 1

    def send(self, sent: bytes) -> bytes:
        return self.http1.receive(sent)

    def output(self) -> bytes:
        """What came since, of which the host is told by a wake."""
        assert self.wakes, "there is output of which nobody is told"
        self.wakes = 0
        return self.http1.receive(b"")


def recording(*methods: object) -> tuple[Recorder, dict[str, Endpoint]]:
    recorder = Recorder()
    endpoints = {
        method.path: Endpoint(method, stream=recorder.open) for method in (WATCH, LOCK, SNAPSHOT)
    }
    return recorder, endpoints


def post(path: str, body: str, *headers: str) -> bytes:
    more = "".join(f"{header}\r\n" for header in headers)
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\n{more}Content-Length: {len(body)}\r\n\r\n"
    return (head + body).encode()


def body_of(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[2]


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ")[1])


GRANTED = m.LockResponse(key=b"k").SerializeToString()
CREATED = m.WatchResponse(created=True).SerializeToString()
CREATED_LINE = b'{"result":{"created":true}}\n'


# HTTP/1.1


def test_a_call_that_waits_is_answered_when_its_handler_says() -> None:
    recorder, endpoints = recording()
    site = Site(endpoints)
    assert site.send(post("/v3/lock/lock", '{"name":"eA=="}')) == b""
    assert recorder.told == [m.LockRequest(name=b"x"), "half-close"]
    recorder.sink.send(GRANTED)
    recorder.sink.close()
    answer = site.output()
    assert (status_of(answer), body_of(answer)) == (200, b'{"key":"aw=="}')


def test_requests_behind_one_that_waits_are_answered_after_it() -> None:
    recorder, endpoints = recording()
    site = Site(endpoints)
    site.send(post("/v3/lock/lock", "{}") + post("/nope", "") + post("/nope", ""))
    assert site.http1.held_bytes == 2 * len(post("/nope", ""))
    recorder.sink.send(GRANTED)
    recorder.sink.close()
    answers = site.output()
    assert [status_of(b"x " + one) for one in answers.split(b"HTTP/1.1 ")[1:]] == [200, 404, 404]
    assert site.http1.held_bytes == 0


def test_a_call_that_waits_may_take_its_time() -> None:
    _, endpoints = recording()
    site = Site(endpoints)
    site.send(post("/v3/lock/lock", "{}")[:-1])
    assert site.http1.is_inside_request
    site.send(b"}")
    assert not site.http1.is_inside_request


def test_a_deadline_ends_a_call_and_its_handler_is_told() -> None:
    recorder, endpoints = recording()
    site = Site(endpoints)
    site.send(post("/v3/lock/lock", "{}", "Grpc-Timeout: 5S"))
    assert site.http1.next_deadline == recorder.call.deadline == 105.0
    site.http1.run_deadlines(104.9)
    assert not site.wakes
    site.http1.run_deadlines(105.0)
    answer = site.output()
    assert status_of(answer) == 504
    assert body_of(answer) == b'{"code":4,"message":"context deadline exceeded"}'
    assert recorder.told[-1] == "cancelled"
    assert site.http1.next_deadline is None


def test_a_deadline_ends_a_stream_with_a_line() -> None:
    recorder, endpoints = recording()
    site = Site(endpoints)
    site.send(post("/v3/watch", "{}", "Grpc-Timeout: 5S"))
    recorder.sink.send(CREATED)
    assert CREATED_LINE in site.output()
    site.http1.run_deadlines(105.0)
    assert site.output() == (
        b'3b\r\n{"error":{"code":4,"message":"context deadline exceeded"}}\n\r\n0\r\n\r\n'
    )
    assert recorder.told == [m.WatchRequest(), "half-close", "cancelled"]


def test_nothing_of_an_answer_is_sent_before_the_request_is_whole() -> None:
    recorder, endpoints = recording()
    site = Site(endpoints)
    head = b"POST /v3/watch HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert site.send(head + b"2\r\n{}\r\n") == b""
    assert recorder.told == [m.WatchRequest()]
    assert recorder.sink.send(CREATED)
    assert site.send(b"2\r\n{}\r\n") == b""
    answer = site.send(b"0\r\n\r\n")
    assert body_of(answer) == b"1c\r\n%b\r\n" % CREATED_LINE
    assert recorder.told == [m.WatchRequest(), m.WatchRequest(), "half-close"]


def test_a_handler_is_told_to_stop_where_its_answers_are_held_back() -> None:
    recorder, endpoints = recording()
    site = Site(endpoints)
    site.send(b"POST /v3/watch HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    sent = 0
    while recorder.sink.send(CREATED):
        sent += len(CREATED_LINE)
        assert sent < 2 * SINK_LIMIT


def test_a_full_socket_stops_a_handler_until_it_is_writable() -> None:
    recorder, endpoints = recording()
    site = Site(endpoints)
    site.send(post("/v3/watch", ""))
    assert recorder.sink.send(CREATED)
    site.http1.pause()
    assert not recorder.sink.send(CREATED)
    site.http1.resume()
    assert recorder.told == ["half-close", "writable"]
    assert recorder.sink.send(CREATED)


def test_a_handler_is_told_that_its_caller_is_gone() -> None:
    recorder, endpoints = recording()
    site = Site(endpoints)
    site.send(post("/v3/watch", "{}"))
    site.http1.lost()
    assert recorder.told[-1] == "cancelled"
    site.wakes = 0
    recorder.sink.send(CREATED)
    recorder.sink.close()
    assert not site.wakes


def test_streams_are_ended_for_a_reason_and_other_calls_go_on() -> None:
    gone = Status(Code.UNAVAILABLE, "gone")
    recorder, endpoints = recording()
    site = Site(endpoints)
    site.send(post("/v3/watch", "{}"))
    site.http1.end_stream(gone)
    assert b'{"error":{"code":14,"message":"gone"}}' in site.output()
    assert recorder.told[-1] == "cancelled"
    site.send(post("/v3/lock/lock", "{}"))
    site.http1.end_stream(gone)
    assert not site.wakes


def test_a_handler_may_cut_the_connection() -> None:
    recorder, endpoints = recording()
    site = Site(endpoints)
    site.send(post("/v3/watch", "{}"))
    recorder.call.connection.cut()
    assert site.cuts == 1


def test_a_stream_that_is_refused_when_it_opens_says_so_in_a_line() -> None:
    def refuse(call: Call, sink: Sink) -> Receiver:
        raise StatusError(Status(Code.PERMISSION_DENIED, "no"))

    site = Site({WATCH.path: Endpoint(WATCH, stream=refuse)})
    answer = site.send(post("/v3/watch", "{}"))
    assert status_of(answer) == 403
    assert b'{"error":{"code":7,"message":"no"}}\n' in answer


def test_a_method_without_a_handler_is_unimplemented() -> None:
    site = Site({})
    answer = site.send(post("/v3/kv/put", "{}"))
    assert status_of(answer) == 501
    assert json.loads(body_of(answer))["message"] == (
        "unknown method Put for service etcdserverpb.KV"
    )


def test_a_bug_of_a_handlers_is_an_internal_error(caplog: pytest.LogCaptureFixture) -> None:
    def broken(request: object, call: Call) -> bytes:
        raise RuntimeError("bug")

    site = Site({PUT.path: Endpoint(PUT, unary=broken)})
    assert status_of(site.send(post("/v3/kv/put", "{}"))) == 500
    assert "bug in the handler of /etcdserverpb.KV/Put" in caplog.text


@pytest.mark.parametrize("pieces", [1, 7])
def test_a_value_that_is_too_large_is_refused_when_its_end_is_here(pieces: int) -> None:
    recorder, endpoints = recording()
    for path in ("/v3/lock/lock", "/v3/maintenance/snapshot"):
        sent = post(path, '{"x":"' + "y" * BODY_FACTOR * LIMIT + '"}')
        size = len(sent) // pieces
        site = Site(endpoints)
        answer = b"".join(site.send(sent[at : at + size]) for at in range(0, len(sent), size))
        told = f"received message larger than max ({BODY_FACTOR * LIMIT + 1} vs. {LIMIT})"
        assert status_of(answer) == 429
        assert told.encode() in answer
        assert not site.http1.closed
    assert recorder.told == []


def test_one_value_of_a_stream_that_is_too_large_ends_it() -> None:
    recorder, endpoints = recording()
    answer = Site(endpoints).send(post("/v3/watch", '{"x":"' + "y" * BODY_FACTOR * LIMIT))
    assert status_of(answer) == 429
    assert recorder.told == ["cancelled"]


@pytest.mark.parametrize("path", ["/v3/lock/lock", "/v3/maintenance/snapshot", "/v3/watch"])
def test_nothing_is_kept_of_what_is_before_and_behind_a_value(path: str) -> None:
    recorder, endpoints = recording()
    site = Site(endpoints)
    much = 200 * LIMIT
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {20 * much + 2}\r\n\r\n"
    site.send(head.encode())
    call = site.http1.call
    assert isinstance(call, Http1Call)
    for content in (b" ", b"{}", b" "):
        for _ in range(1 if content == b"{}" else 10):
            assert site.send(content if content == b"{}" else content * much) == b""
            assert call.exchange.held_bytes < LIMIT
    assert recorder.told[-1] == "half-close"
    assert not site.http1.closed


UNREAD = 256 * 1_024
"""Bytes that Go's server reads of a body for which nobody asks, less one."""


@pytest.mark.parametrize("path", ["/v3/lock/lock", "/v3/maintenance/snapshot"])
@pytest.mark.parametrize(("behind", "is_kept"), [(UNREAD - 1, True), (UNREAD, False)])
def test_what_is_no_json_is_refused_before_all_of_it_is_here(
    path: str, behind: int, is_kept: bool
) -> None:
    """As real etcd does, which was asked for bodies about that long."""
    _, endpoints = recording()
    size = 2 + behind
    begun = b"nope" + b" " * (size - 5)
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode()
    site = Site(endpoints)
    answer = site.send(head + begun)
    if is_kept:
        assert answer == b""
        answer = site.send(b" ")
    assert status_of(answer) == 400
    assert body_of(answer).endswith(b"in literal null (expecting 'u')\"}")
    assert (b"Connection: close" in answer) != is_kept
    assert site.http1.closed != is_kept


def test_who_shows_a_name_is_refused_where_users_are_told_apart_by_them() -> None:
    for refuses, name, code in ((True, "u", 400), (True, "", 501), (False, "u", 501)):
        site = Site({}, refuses)
        site.http1 = site.connect(name)
        assert status_of(site.send(post("/v3/kv/put", "{}"))) == code


@pytest.mark.parametrize("name", ["Connection", "Proxy-Connection", "Upgrade", "Keep-Alive"])
def test_over_tls_net_http_refuses_what_is_no_header_of_http2(name: str) -> None:
    """Recorded from etcd 3.7.3 with --auto-tls."""
    recorder, endpoints = recording()
    site = Site(endpoints)
    site.http1 = site.connect("")
    answer = site.send(post("/v3/lock/lock", "{}", f"Grpc-Metadata-{name}: x"))
    assert status_of(answer) == 500
    assert body_of(answer).decode() == (
        r'{"code":13,"message":"unexpected HTTP status code received from server: 400 '
        r"(Bad Request); transport: received unexpected content-type \"text/plain; "
        r'charset=utf-8\"\ndata: \"request header \\\"NAME\\\" is not valid in HTTP/2\\n\""}'
    ).replace("NAME", name)
    assert recorder.told == []


def test_over_tls_the_headers_of_the_inner_call_go_on() -> None:
    """Recorded from etcd 3.7.3 with --auto-tls."""
    inner = (
        b"Grpc-Metadata-Access-Control-Allow-Headers: accept, content-type, authorization\r\n"
        b"Grpc-Metadata-Access-Control-Allow-Methods: POST, GET, OPTIONS, PUT, DELETE\r\n"
        b"Grpc-Metadata-Access-Control-Allow-Origin: *\r\n"
        b"Grpc-Metadata-Content-Type: application/grpc\r\n"
        b"Grpc-Metadata-Trailer: Grpc-Status\r\n"
        b"Grpc-Metadata-Trailer: Grpc-Message\r\n"
        b"Grpc-Metadata-Trailer: Grpc-Status-Details-Bin\r\n"
    )
    site = Site(registry.endpoints(Node(NodeConfig())))
    for sent, has_them in (
        (post("/v3/kv/put", '{"key":"YQ=="}'), True),
        (post("/v3/kv/put", '{"key":"YQ=="}', "TE: trailers"), True),
        (post("/v3/kv/range", "{}"), True),
        (post("/v3/lease/keepalive", '{"ID":7}'), True),
        (post("/v3/lease/keepalive", ""), True),
        (post("/v3/kv/range", "{"), False),
        (post("/v3/nope", "{}"), False),
    ):
        site.http1 = site.connect("")
        answer = site.send(sent)
        assert (inner in answer) == has_them
        assert answer.count(b"Grpc-Metadata-") == (7 if has_them else 0)
        assert b"\r\nTrailer: " not in answer


# The short way for heads that came before

_requests = st.lists(
    st.sampled_from(
        [
            post("/v3/kv/put", '{"key":"YQ=="}'),
            post("/v3/kv/put", '{"key":"Yg=="}', "Accept: x"),
            post("/v3/kv/put", '{"key": 5    }'),
            post("/v3/kv/put", '{"key":"YQ=="}', "TE: trailers"),
            post("/v3/kv/put", '{"key":"YQ=="}', "Connection: keep-alive"),
            post("/v3/kv/range", '{"key":"YQ=="}'),
            post("/v3/lease/keepalive", '{"ID":"7"}'),
            post("/v3/nope", "{}"),
            post("/v3/kv/range", ""),
            b"\r\n",
            b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n",
        ]
    ),
    max_size=8,
)


@settings(max_examples=50)
@given(_requests, st.lists(st.integers(1, 300), max_size=12))
def test_answers_are_the_same_however_requests_are_cut(
    requests: list[bytes], sizes: list[int]
) -> None:
    """And whether or not their heads were seen before."""

    def site() -> Site:
        return Site(registry.endpoints(Node(NodeConfig())))

    # A gateway that never saw any of the heads, in whole requests.
    expected = site()
    answers = b""
    for request in requests:
        expected.gateway.known_heads = {False: {}, True: {}}
        expected.http1._door._known = {}  # type: ignore[union-attr]  # a door there is
        answers += expected.send(request)
    actual = site()
    sent = b"".join(requests)
    got = b""
    for size in [*sizes, len(sent)]:
        got += actual.send(sent[:size])
        sent = sent[size:]
    while actual.http1.has_more or actual.wakes:
        actual.wakes = 0
        got += actual.http1.receive(b"")
    assert got == answers


def test_a_head_that_came_before_is_known() -> None:
    site = Site(registry.endpoints(Node(NodeConfig())))
    request = post("/v3/kv/put", '{"key":"YQ=="}')
    first = site.send(request)
    assert len(site.gateway.known_heads[False]) == 1
    second = site.send(request)
    assert second == first.replace(b'"revision":"2"', b'"revision":"3"')


def test_a_head_is_not_known_where_another_shows_a_name() -> None:
    site = Site(registry.endpoints(Node(NodeConfig())), refuses_names=True)
    request = post("/v3/kv/put", '{"key":"YQ=="}')
    for name, code in (("", 200), ("u", 400), ("", 200)):
        site.http1 = site.connect(name)
        assert status_of(site.send(request)) == code
    assert len(site.gateway.known_heads[True]) == 1


# HTTP/2


class Site2:
    """A connection of HTTP/2 on plaintext, and a client of it."""

    def __init__(self, endpoints: Endpoints, is_behind_http: bool = False) -> None:
        pages = Pages(
            lambda request: http.plain_text(404, "404 page not found"),
            http.no_body,
            lambda: "now",
            GatewayMaker(GatewayRules(), endpoints, LIMIT),
        )
        server = GrpcServer(endpoints, LIMIT, pages)
        self.grpc = GrpcConnection(server, time=lambda: 100.0, is_behind_http=is_behind_http)
        self.client = Client()
        self.send(HELLO)

    def send(self, sent: bytes) -> list[Answer]:
        self.grpc.receive(sent, 100.0)
        return self.answers()

    def answers(self) -> list[Answer]:
        taken = b"".join(iter(self.grpc.take_output, b""))
        return without_housekeeping(self.client.read(taken))

    def open(self, path: str, *more: tuple[str, str]) -> list[Answer]:
        fields = (
            (":method", "POST"),
            (":scheme", "https"),
            (":authority", "x"),
            (":path", path),
            *more,
        )
        return self.send(self.client.headers(1, fields))


def test_over_http2_a_stream_goes_both_ways() -> None:
    recorder, endpoints = recording()
    site = Site2(endpoints)
    assert site.open("/v3/watch") == []
    assert site.send(data(1, b'{"create_request":{}}')) == []
    assert recorder.told == [m.WatchRequest(create_request={})]
    recorder.sink.send(CREATED)
    head, line = site.answers()
    assert head[0] == "HEADERS"
    assert "transfer-encoding" not in str(head)
    assert CREATED_LINE in line
    site.send(data(1, b"{}{}"))
    assert len(recorder.told) == 3
    recorder.sink.close()
    # What the client would still send is of no use to anybody.
    assert [answer[0] for answer in site.answers()] == ["DATA", "RST_STREAM"]


def test_over_http2_a_reset_cancels_a_call() -> None:
    recorder, endpoints = recording()
    site = Site2(endpoints)
    site.open("/v3/watch")
    site.send(rst_stream(1))
    assert recorder.told == ["cancelled"]


def test_over_http2_a_deadline_ends_a_call() -> None:
    recorder, endpoints = recording()
    site = Site2(endpoints)
    site.open("/v3/watch", ("grpc-timeout", "5S"))
    assert site.grpc.next_deadline == recorder.call.deadline == 105.0
    site.grpc.run_deadlines(105.0)
    answers = site.answers()
    assert "504" in str(answers[0])
    assert "context deadline exceeded" in str(answers[1])
    assert recorder.told == ["cancelled"]


def test_over_http2_streams_are_ended_for_a_reason() -> None:
    recorder, endpoints = recording()
    site = Site2(endpoints)
    site.open("/v3/watch")
    site.grpc.end_streams(Status(Code.UNAVAILABLE, "gone"))
    assert "gone" in str(site.answers())
    assert recorder.told == ["cancelled"]


def test_behind_net_http_the_gateways_paths_are_its_own_whatever_the_content_type() -> None:
    site = Site2(registry.endpoints(Node(NodeConfig())), is_behind_http=True)
    site.open("/v3/kv/range", ("content-type", "application/grpc"))
    head, body = site.send(data(1, b"{}", True))
    assert "400" in str(head)
    assert body[2] == b'{"code":3,"message":"etcdserver: key is not provided"}'


def test_over_http2_failures_have_their_trailer() -> None:
    site = Site2(registry.endpoints(Node(NodeConfig())))
    answers = site.open("/v3/kv/range", ("te", "trailers")) + site.send(data(1, b"{}", True))
    assert [answer[0] for answer in answers] == ["HEADERS", "DATA", "HEADERS"]
    assert "grpc-trailer-content-type" in str(answers[-1])


def test_over_http2_large_bodies_come_whole_and_nothing_is_kept_of_them() -> None:
    stored: list[int] = []

    def put(request: m.PutRequest, call: Call) -> bytes:
        stored.append(len(request.value))
        return b""

    pages = Pages(
        lambda request: http.plain_text(404, ""),
        http.no_body,
        lambda: "now",
        GatewayMaker(GatewayRules(), {PUT.path: Endpoint(PUT, unary=put)}, 2**21),
    )
    client = Client()
    grpc = GrpcConnection(GrpcServer({}, 2**21, pages), time=lambda: 100.0)
    body = b'{"value":"' + b"A" * 2**20 + b'"}'
    fields = ((":method", "POST"), (":scheme", "http"), (":authority", "x"))
    grpc.receive(HELLO, 100.0)
    for number, more in ((1, ()), (3, (("content-length", str(len(body))),))):
        sent = client.headers(number, (*fields, (":path", "/v3/kv/put"), *more))
        grpc.receive(sent, 100.0)
        window, left = 65_536, body
        while left:
            size = min(window, 16_384, len(left))
            assert size, "the window is never opened"
            piece, left = left[:size], left[size:]
            grpc.receive(data(number, piece, not left), 100.0)
            window -= size
            for answer in client.read(b"".join(iter(grpc.take_output, b""))):
                if answer[:2] == ("WINDOW_UPDATE", number):
                    window += answer[2]
    assert stored == [2**20 * 3 // 4] * 2
    assert grpc.http2.kept_size == 0
