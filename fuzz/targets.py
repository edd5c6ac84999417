"""What is fuzzed, and what must hold for every case whatever is in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import hpack

from fake_etcd.api import messages as m
from fake_etcd.core.clock import VirtualClock
from fake_etcd.core.node import Node, NodeConfig
from fake_etcd.services.http import HttpRequest, HttpResponse, no_body
from fake_etcd.services.registry import endpoints
from fake_etcd.transport.grpc.connection import GrpcConnection
from fake_etcd.transport.grpc.server import GrpcServer
from fake_etcd.transport.http1 import Http1Connection
from fake_etcd.transport.http2.connection import Http2Connection
from fake_etcd.transport.http2.frames import ConnectionFailure, ErrorCode, StreamFailure
from fake_etcd.transport.http2.hpack import Fields, HpackDecoder
from fake_etcd.transport.http2.pages import Pages
from fake_etcd.transport.http2.requests import MalformedRequest, parse_request
from fake_etcd.transport.http2.streams import Stream
from fake_etcd.transport.tls_hello import NotHello, read_hello
from fuzz import grammar
from fuzz.case import Case, Do, Step, received
from fuzz.mutate import Piece
from fuzz.output import Output
from fuzz.tls import tls_socket

_BODY = b"body" * 8
_MAX_STREAMS = 3
_MAX_BUFFERED = 9 + 16_384


@dataclass(frozen=True)
class Target:
    """One reader of bytes.

    Args:
        name: its folder in the corpus.
        run: makes a fresh one, puts a case through it, raises where an invariant is broken.
        pieces: what a mutation puts in.
        seeds: cases that any corpus begins with.
        others: what a mutation may do beside.
    """

    name: str
    run: Callable[[Case], None]
    pieces: tuple[Piece, ...]
    seeds: tuple[Case, ...]
    others: tuple[Do, ...] = (Do.PAUSE, Do.RESUME, Do.ADVANCE, Do.GO_AWAY)


# --- HTTP/2 ------------------------------------------------------------------------------


class _Application:
    """Answers each request when all of it is there; remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []
        self.http2 = Http2Connection(self, max_concurrent_streams=_MAX_STREAMS)

    def request(
        self, stream: Stream, fields: Fields, volatile: bytes | None, end_stream: bool
    ) -> _Request:
        try:
            request = parse_request(fields)
        except MalformedRequest as error:
            raise StreamFailure(stream.id, ErrorCode.PROTOCOL_ERROR, str(error)) from None
        stream.content_left = request.content_length
        self.told.append(("request", stream.id, fields))
        return _Request(self, stream)


class _Request:
    def __init__(self, application: _Application, stream: Stream) -> None:
        self._application = application
        self._stream = stream

    def data(self, payload: bytes, end_stream: bool) -> None:
        self._application.told.append(("data", self._stream.id, payload, end_stream))
        if end_stream:
            http2 = self._application.http2
            http2.send_headers(self._stream, ((b":status", b"200"),))
            http2.send_data(self._stream, _BODY)
            http2.send_trailers(self._stream, ((b"x-end", b"1"),))

    def closed(self, code: ErrorCode) -> None:
        self._application.told.append(("closed", self._stream.id, code))

    def drained(self) -> None:
        self._application.told.append(("drained", self._stream.id))


def _http2(case: Case, piece: int = _MAX_BUFFERED) -> tuple[bytes, list[tuple[object, ...]]]:
    """What came out, and what the application was told."""
    application = _Application()
    http2 = application.http2
    output = Output()
    for step in case:
        if step.do is Do.RECEIVE:
            for start in range(0, len(step.data), piece):
                http2.receive(step.data[start : start + piece])
        elif step.do is Do.PAUSE:
            http2.pause()
        elif step.do is Do.RESUME:
            http2.resume()
        elif step.do is Do.GO_AWAY:
            http2.go_away()
        output.take(http2.take_output)
        check_bounds(http2)
        assert http2.open_streams <= _MAX_STREAMS, "more streams than allowed"
    check_end(http2, output)
    _check_told(application.told)
    return bytes(output.data), application.told


def _check_told(told: list[tuple[object, ...]]) -> None:
    """Each request comes once, its data behind it, and nothing behind its end but a reset."""
    opened: set[object] = set()
    ended: set[object] = set()
    closed: set[object] = set()
    for what, stream, *rest in told:
        assert stream not in closed, f"{what} behind the close of {stream}"
        if what == "request":
            assert stream not in opened, "a request came twice"
            opened.add(stream)
            continue
        assert stream in opened, f"{what} before its request"
        if what == "data":
            assert stream not in ended, "data behind the end"
            if rest[1]:
                ended.add(stream)
        elif what == "closed":
            closed.add(stream)


def check_bounds(http2: Http2Connection) -> None:
    """What must hold between any two steps."""
    assert http2._receiving.buffered <= _MAX_BUFFERED, "more kept than one frame"
    assert http2.pending_size >= 0
    waiting = sum(stream.pending_size for stream in http2.streams)
    assert http2.pending_size == waiting, "bytes are counted that wait on no stream"
    held = [stream.held for stream in http2.streams if stream.held is not None]
    kept = sum(each.size + each.head_size for each in held)
    assert http2.kept_size == kept, "bytes are counted that no stream keeps"


def check_end(http2: Http2Connection, output: Output) -> None:
    """End the connection; nothing of it may be left."""
    assert http2.closed == (http2.failure is not None)
    if http2.failure is not None:
        assert output.ends_in_goaway(), "an error without GOAWAY at the end"
        assert http2.open_streams == 0
    http2.lost()
    assert http2.open_streams == 0
    assert http2.pending_size == 0
    assert not http2.sending.blocked
    assert http2._intake.is_empty


def http2(case: Case) -> None:
    whole = _http2(case)
    for piece in (1, 7):
        assert _http2(case, piece) == whole, f"another answer in pieces of {piece}"


# --- gRPC --------------------------------------------------------------------------------


def _grpc(case: Case, piece: int = _MAX_BUFFERED, *, is_behind_http: bool = False) -> bytes:
    clock = VirtualClock()
    node = Node(NodeConfig(bcrypt_cost=4), clock)
    pages = Pages(lambda request: HttpResponse(404), no_body, lambda: "now")
    server = GrpcServer(endpoints(node), node.config.max_receive_bytes, pages)
    connection = GrpcConnection(server, "peer", time=clock.now, is_behind_http=is_behind_http)
    output = Output()
    for step in case:
        _do(connection, node, clock, step, piece)
        output.take(connection.take_output)
        check_bounds(connection.http2)
    if connection.http2.closed and connection.http2.failure is None:
        connection.lost()  # cut on purpose, as auth does
    else:
        check_end(connection.http2, output)
        connection.lost()
    assert not connection._deadlines
    assert not connection._put_off
    _check_node(node, server)
    return bytes(output.data)


def _do(
    connection: GrpcConnection, node: Node, clock: VirtualClock, step: Step, piece: int
) -> None:
    if step.do is Do.RECEIVE:
        for start in range(0, len(step.data), piece):
            connection.receive(step.data[start : start + piece], clock.now())
    elif step.do is Do.PAUSE:
        connection.http2.pause()
    elif step.do is Do.RESUME:
        connection.resume()
    elif step.do is Do.GO_AWAY:
        connection.http2.go_away()
    elif step.do is Do.ADVANCE:
        clock.advance(float(len(step.data)))
        connection.run_deadlines(clock.now())
    while (due := node.next_due(clock.now())) is not None and due <= clock.now():
        node.run_due(clock.now())


def _check_node(node: Node, server: GrpcServer) -> None:
    """A fresh connection is answered, and a write counts the revision up by one."""
    if node.auth.enabled:
        return  # a fresh client has no password
    before = node.current_revision
    connection = GrpcConnection(server, "fresh")
    request = m.PutRequest(key=b"fresh", value=b"1").SerializeToString()
    found = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/etcdserverpb.KV/Put"),
        (":authority", "localhost"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ]
    connection.receive(
        grammar.HELLO + grammar.unary(1, hpack.Encoder().encode(found), request), 0.0
    )
    output = Output()
    output.take(connection.take_output)
    assert (b"grpc-status", b"0") in output.fields[1], f"a fresh client got {output.fields}"
    assert node.current_revision == before + 1
    connection.lost()


def grpc(case: Case) -> None:
    whole = _grpc(case)
    assert _grpc(case, 1) == whole, "another answer byte by byte"


def grpc_behind_http(case: Case) -> None:
    """The same as it is over TLS, where etcd has net/http in front."""
    whole = _grpc(case, is_behind_http=True)
    assert _grpc(case, 1, is_behind_http=True) == whole, "another answer byte by byte"


# --- HTTP/1 ------------------------------------------------------------------------------


def _http1(case: Case, piece: int) -> tuple[bytes, list[HttpRequest]]:
    asked: list[HttpRequest] = []

    def handle(request: HttpRequest) -> HttpResponse:
        asked.append(request)
        return HttpResponse(200, (("X-A", "1"),), request.body or b"")

    connection = Http1Connection(handle, lambda request: 8, date=lambda: "now")
    output = b""
    for step in case:
        if step.do is Do.RECEIVE:
            for start in range(0, len(step.data), piece):
                was_closed = connection.closed
                out = connection.receive(step.data[start : start + piece])
                assert not (was_closed and out), "an answer behind the end"
                output += out
    assert not connection.closed or not connection._buffer
    assert output[:7] in (b"", b"HTTP/1."), output
    assert output.count(b"X-A: 1\r\n") >= len(asked), "a request without its answer"
    return output, asked


def http1(case: Case) -> None:
    whole = _http1(case, 1 << 20)
    for piece in (1, 5):
        assert _http1(case, piece) == whole, f"another answer in pieces of {piece}"


# --- HPACK -------------------------------------------------------------------------------


def hpack_blocks(case: Case) -> None:
    """Ours and the `hpack` library's read the same fields, or both refuse."""
    ours = HpackDecoder()
    theirs = hpack.Decoder(max_header_list_size=1 << 24)
    for step in case:
        try:
            found: object = ours.decode(step.data)[0]
        except ConnectionFailure:
            found = None
        try:
            expected: object = tuple(
                (bytes(name), bytes(value)) for name, value in theirs.decode(step.data, raw=True)
            )
        except hpack.HPACKError:
            expected = None
        assert found == expected, f"ours {found!r}, theirs {expected!r}"
        if found is None:
            return
        assert ours._size <= 4_096


# --- TLS's hello -------------------------------------------------------------------------


def tls_hello(case: Case) -> None:
    """What it makes of a beginning does not change with what comes behind it."""
    data = b"".join(step.data for step in case)[:600]
    known: object = None
    for end in range(1, len(data) + 1):
        try:
            found: object = read_hello(data[:end])
        except NotHello as refused:
            found = (str(refused), refused.alert)
        assert known is None or found == known, f"{known} became {found} at {end}"
        known = found


def _hello(random: Random) -> bytes:
    extension = b"\x00\x10\x00\x05\x00\x03\x02h2" + b"\x00\x2b\x00\x05\x04\x03\x04\x03\x03"
    extension = extension[: random.choice((9, len(extension)))]
    body = b"\x03\x03" + bytes(32) + b"\x00" + b"\x00\x02\x13\x01" + b"\x01\x00"
    body += len(extension).to_bytes(2, "big") + extension
    message = b"\x01" + len(body).to_bytes(3, "big") + body
    cut = random.randrange(len(message)) if grammar.chance(random, 2) else len(message)
    return b"".join(
        b"\x16\x03\x01" + len(part).to_bytes(2, "big") + part
        for part in (message[:cut], message[cut:])
        if part
    )


def _block(random: Random) -> bytes:
    return grammar.block(random, grammar.fields(random))


def _table(random: Random) -> bytes:
    """Literals that go into the table, references to it, its size."""
    return random.choice(
        (
            b"\x40\x01a\x01" + random.choice((b"b", b"c")),
            bytes((0xBE + random.randrange(3),)),
            bytes((0x7E, 1, 0x7A)),
            random.choice((b"\x20", b"\x3f\x01", b"\x3f\xe1\x1f", b"\x3f\xe2\x1f")),
            b"\x00\x81\x1f\x01v",
        )
    )


def _any(random: Random) -> bytes:
    """Bytes that may look like a record, and are none."""
    kind = bytes((random.choice((20, 21, 22, 23)), 3, random.choice((1, 3, 4))))
    data = random.randbytes(random.choice((0, 2, 9, 40)))
    return random.choice((b"", kind, kind + len(data).to_bytes(2, "big"))) + data


_FRAMES: tuple[Piece, ...] = (grammar.any_frame, grammar.call)
_HELLO = received(grammar.HELLO)
_FIRST = Random(0)
_CALL = grammar.call(_FIRST)

TARGETS = {
    target.name: target
    for target in (
        Target("http2", http2, _FRAMES, (_HELLO, _HELLO + received(_CALL))),
        Target("grpc", grpc, _FRAMES, (_HELLO, _HELLO + received(_CALL))),
        Target("grpc_behind_http", grpc_behind_http, _FRAMES, (_HELLO, _HELLO + received(_CALL))),
        Target(
            "tls_socket",
            tls_socket,
            (_hello, _any),
            ((Step(Do.SEND, b"\0hello"),), (Step(Do.SEND, b"\1hello"), Step(Do.END, b"\0"))),
            (*Target.others, Do.SEND, Do.SEND, Do.END),
        ),
        Target("http1", http1, (grammar.http1,), (received(grammar.http1(_FIRST)),)),
        Target("hpack", hpack_blocks, (_block, _table), (received(_block(_FIRST)),)),
        Target("tls_hello", tls_hello, (_hello,), (received(_hello(_FIRST)),)),
    )
}
