"""Raw requests and all that is answered, frame by frame.

The first table is what etcd 3.7.3 (grpc-go 1.83) answers to the same bytes: recorded, but for rows
that only vary a recorded one and follow from grpc-go's source. The second is where we answer
otherwise, each with its reason.
"""

from __future__ import annotations

import gzip
import struct

import pytest
from google.protobuf.message import Message

from fake_etcd.api import errors, messages
from fake_etcd.api.methods import METHODS
from fake_etcd.services.call import Call, Endpoint, Sink

from .applications import LIMIT, GrpcExchange, grpc_answer, grpc_status
from .wire import (
    RANGE,
    RANGE_STREAM,
    WATCH,
    Answer,
    Client,
    TextFields,
    data,
    goaway,
    message,
    request_fields,
    rst_stream,
)

MEMBER_ADD = "/etcdserverpb.Cluster/MemberAdd"
HEALTH_WATCH = "/grpc.health.v1.Health/Watch"
ANSWER = b"an answer"
ASK = b"\x0a\x01a"
"""A RangeRequest of the key "a"."""

OK = grpc_answer(1, message(ANSWER))
STOP = ("RST_STREAM", 1, "NO_ERROR")
"""To a client that has not ended its request yet."""


def handle(request: Message, call: Call) -> bytes:
    if isinstance(request, messages.RangeRequest) and not request.key:
        raise errors.EMPTY_KEY
    return ANSWER


class Answering:
    """A stream that answers each message, and ends when the client does."""

    def __init__(self, call: Call, sink: Sink) -> None:
        self._sink = sink

    def message(self, request: Message) -> None:
        self._sink.send(ANSWER)

    def half_close(self) -> None:
        self._sink.close()

    def cancelled(self) -> None: ...

    def writable(self) -> None: ...


ENDPOINTS = {
    **{path: Endpoint(METHODS[path], unary=handle) for path in (RANGE, MEMBER_ADD)},
    **{
        path: Endpoint(METHODS[path], stream=Answering)
        for path in (RANGE_STREAM, WATCH, HEALTH_WATCH)
    },
}


def exchange() -> GrpcExchange:
    return GrpcExchange(ENDPOINTS)


def without(*names: str, path: str = RANGE, method: str = "POST") -> TextFields:
    return [field for field in request_fields(path, method=method) if field[0] not in names]


def ask(
    c: Client, fields: TextFields, body: bytes | None = None, end: bool = True, stream_id: int = 1
) -> bytes:
    """A request of these fields; with a message unless told otherwise."""
    payload = message(ASK) if body is None else body
    return c.headers(stream_id, fields) + data(stream_id, payload, end=end)


def refused(code: int, text: str, http: int) -> list[Answer]:
    """What grpc-go's transport refuses, before anything else of the request."""
    return [grpc_status(1, code, text, http=http), STOP]


def status(code: int, text: str) -> list[Answer]:
    return [grpc_status(1, code, text)]


def row(what: str, fields: TextFields, answers: list[Answer], **more: object) -> object:
    return pytest.param(fields, more, answers, id=what)


def body(what: str, payload: bytes, answers: list[Answer], **more: object) -> object:
    path = more.pop("path", RANGE)
    fields = request_fields(path, *more.pop("fields", ()))
    return row(what, fields, answers, body=payload, **more)


EXPIRED = refused(4, "context deadline exceeded", 200)
GZIP = (("grpc-encoding", "gzip"),)
PACKED = gzip.compress(ASK)


def field(name: str, value: str) -> TextFields:
    return request_fields(RANGE, (name, value))


def bad_timeout(reason: str) -> list[Answer]:
    return refused(13, f"malformed grpc-timeout: {reason}", 400)


def bad_metadata(value: str, at: int, name: str = "x-bin") -> list[Answer]:
    reason = f"illegal base64 data at input byte {at}"
    return refused(13, f'malformed binary metadata "{value}" in header "{name}": {reason}', 400)


def content_type(value: str) -> TextFields:
    return [*without("content-type"), ("content-type", value)]


def bad_content_type(quoted: str) -> list[Answer]:
    return refused(3, f'invalid gRPC request content-type "{quoted}"', 415)


def two_hosts(authorities: int) -> list[Answer]:
    return refused(
        13,
        f"num values of :authority: {authorities}, num values of host: 2, "
        "both must only have 1 value as per HTTP/2 spec",
        400,
    )


def not_post(method: str) -> list[Answer]:
    return refused(
        13, f'Received a HEADERS frame with :method "{method}" which should be POST', 405
    )


NO_HOST = refused(13, "no host or :authority header present", 400)

PATHS = [
    ("/nope.Nope/X", "unknown service nope.Nope"),
    ("/etcdserverpb.KV/Nope", "unknown method Nope for service etcdserverpb.KV"),
    ("/etcdserverpb.KV/", "unknown method  for service etcdserverpb.KV"),
    ("/etcdserverpb.KV/Range/", "unknown service etcdserverpb.KV/Range"),
    ("//", "unknown service "),
    ("/a/b/c", "unknown service a/b"),
    ("/\u00e9.X/Y", "unknown service %C3%A9.X"),
    ("/a%b/c d", "unknown service a%25b"),
    ('/etcdserverpb.KV/R"', 'unknown method R" for service etcdserverpb.KV'),
    ("/", 'malformed method name: "/"'),
    ("/a", 'malformed method name: "/a"'),
    ("nope", 'malformed method name: "nope"'),
    ("*", 'malformed method name: "*"'),
    ("/etcdserverpb.KV", 'malformed method name: "/etcdserverpb.KV"'),
    ("etcdserverpb.KV/Range", 'malformed method name: "etcdserverpb.KV/Range"'),
    ('/x"y\\z', 'malformed method name: "/x\\"y\\\\z"'),
]

HEADS = [
    row("a usual request", request_fields(), OK),
    *(row(f"path {path!r}", request_fields(path), status(12, text)) for path, text in PATHS),
    row(
        "an unknown service, the request still open",
        request_fields("/nope.Nope/X"),
        [*status(12, "unknown service nope.Nope"), STOP],
        end=False,
    ),
    # content-type
    *(
        row(
            f"content-type {given!r}",
            content_type(given),
            grpc_answer(1, message(ANSWER), content_type=answered),
        )
        for given, answered in (
            ("application/grpc+proto", "application/grpc+proto"),
            ("application/grpc+json", "application/grpc+json"),
            ("application/grpc;charset=utf-8", "application/grpc+charset=utf-8"),
            ("application/grpc+", "application/grpc"),
            ("application/grpc;", "application/grpc"),
        )
    ),
    *(
        row(f"content-type {given!r}", content_type(given), bad_content_type(quoted))
        for given, quoted in (
            ("", ""),
            ("application/json", "application/json"),
            ("application/grpcx", "application/grpcx"),
            ("application/grpc-web", "application/grpc-web"),
            ("Application/grpc", "Application/grpc"),
            ('text/html; charset="x"', 'text/html; charset=\\"x\\"'),
        )
    ),
    row("no content-type", without("content-type"), bad_content_type("")),
    row(
        "a good and a bad content-type",
        [*request_fields(), ("content-type", "text/plain")],
        OK,
    ),
    row(
        "a bad and a good content-type",
        [*content_type("text/plain"), ("content-type", "application/grpc+proto")],
        grpc_answer(1, message(ANSWER), content_type="application/grpc+proto"),
    ),
    row(
        "two bad content-types",
        [*content_type("text/plain"), ("content-type", "text/html")],
        bad_content_type("text/html"),
    ),
    row(
        "an unknown method in another content-type",
        [*without("content-type", path="/x/y"), ("content-type", "application/grpc+proto")],
        [grpc_status(1, 12, "unknown service x", content_type="application/grpc+proto")],
    ),
    # te, method, authority, host
    row("no te", without("te"), OK),
    *(
        row(f"method {method}", request_fields(method=method), not_post(method))
        for method in ("GET", "PUT", "post", "OPTIONS", "CONNECT")
    ),
    row("no authority", without(":authority"), NO_HOST),
    row("host instead of authority", [*without(":authority"), ("host", "h")], OK),
    row("an empty host instead of authority", [*without(":authority"), ("host", "")], OK),
    row("host beside authority", field("host", "h"), OK),
    row(
        "two hosts",
        [*without(":authority"), ("host", "g"), ("host", "h")],
        two_hosts(0),
    ),
    row("two hosts beside authority", [*field("host", "g"), ("host", "h")], two_hosts(1)),
    # grpc-timeout
    *(
        row(f"timeout {given!r}", field("grpc-timeout", given), OK)
        for given in ("10S", "99999999H", "00000001S", "100m")
    ),
    *(
        row(f"timeout {given!r}", field("grpc-timeout", given), EXPIRED)
        for given in ("0S", "0n", "1n", "00000000H")
    ),
    *(
        row(
            f"timeout {given!r}",
            field("grpc-timeout", given),
            bad_timeout(f'transport: timeout string is too short: "{given}"'),
        )
        for given in ("", "S", "1")
    ),
    *(
        row(
            f"timeout {given!r}",
            field("grpc-timeout", given),
            bad_timeout(f'strconv.ParseUint: parsing "{given[:-1]}": invalid syntax'),
        )
        for given in ("-1S", "+1S", "1.5S", "1_0S", "1 S", "aS")
    ),
    row(
        "a timeout too long",
        field("grpc-timeout", "100000000S"),
        bad_timeout('transport: timeout string is too long: "100000000S"'),
    ),
    *(
        row(
            f"timeout {given!r}",
            field("grpc-timeout", given),
            bad_timeout(f'transport: timeout unit is not recognized: "{quoted}"'),
        )
        for given, quoted in (("1x", "1x"), ("1s", "1s"), ('1"', '1\\"'))
    ),
    row("of two timeouts the last", [*field("grpc-timeout", "0S"), ("grpc-timeout", "5S")], OK),
    row(
        "of two timeouts the last, again",
        [*field("grpc-timeout", "5S"), ("grpc-timeout", "0S")],
        EXPIRED,
    ),
    row(
        "a good and a bad timeout",
        [*field("grpc-timeout", "5S"), ("grpc-timeout", "xx")],
        bad_timeout('transport: timeout unit is not recognized: "xx"'),
    ),
    row(
        "a bad and a good timeout",
        [*field("grpc-timeout", "xx"), ("grpc-timeout", "5S")],
        bad_timeout('transport: timeout unit is not recognized: "xx"'),
    ),
    # -bin
    *(
        row(f"-bin {given!r}", field("x-bin", given), OK)
        for given in ("", "AAE=", "AAE", "AA", "AA==", "AAAA")
    ),
    *(
        row(f"-bin {given!r}", field("x-bin", given), bad_metadata(given, at))
        for given, at in (
            ("A", 0),
            ("=", 0),
            ("AA=", 2),
            ("AAA=AAA=", 4),
            ("A===", 1),
            ("!!!!", 0),
            ("AA=A", 2),
            ("AAAA=", 4),
            ("AAAAA", 4),
            ("-_-_", 0),
            ("A A=", 1),
        )
    ),
    row("two bad -bins", [*field("x-bin", "!"), ("y-bin", "?")], bad_metadata("?", 0, "y-bin")),
    # The order of the checks
    row(
        "two hosts and no content-type",
        [*without("content-type"), ("host", "g"), ("host", "h")],
        two_hosts(1),
    ),
    row(
        "no content-type and a bad timeout",
        [*without("content-type"), ("grpc-timeout", "xx")],
        bad_content_type(""),
    ),
    row(
        "a bad timeout and bad metadata",
        [*field("grpc-timeout", "xx"), ("x-bin", "!")],
        bad_metadata("!", 0),
    ),
    row(
        "a bad timeout and no authority",
        [*without(":authority"), ("grpc-timeout", "1")],
        bad_timeout('transport: timeout string is too short: "1"'),
    ),
    row("no authority and GET", without(":authority", method="GET"), NO_HOST),
    row(
        "GET and a timeout of 0",
        request_fields(RANGE, ("grpc-timeout", "0S"), method="GET"),
        not_post("GET"),
    ),
    row(
        "a timeout of 0 and an unknown service",
        request_fields("/x/y", ("grpc-timeout", "0S")),
        EXPIRED,
    ),
    row(
        "an unknown service and encoding",
        request_fields("/x/y", ("grpc-encoding", "snappy")),
        status(12, "unknown service x"),
    ),
]

TOO_LARGE = struct.pack(">BL", 0, LIMIT + 1)
TOO_LARGE_STATUS = status(8, f"grpc: received message larger than max ({LIMIT + 1} vs. {LIMIT})")
EOF = status(2, "EOF")
CUT_SHORT = status(2, "unexpected EOF")
CUT_SHORT_STREAM = status(13, "unexpected EOF")
EMPTY_KEY = status(3, "etcdserver: key is not provided")
NO_ENCODING = status(13, "grpc: compressed flag set with identity or empty encoding")
NO_REQUEST = status(
    13, "cardinality violation: received no request message from non-client-streaming RPC"
)
TWO_REQUESTS = status(
    13,
    "cardinality violation: received multiple request messages for non-client-streaming RPC",
)
WIRE = "proto: cannot parse invalid wire-format data"
GARBAGE = status(13, f"grpc: error unmarshalling request: {WIRE}")
GARBAGE_STREAM = status(13, f"grpc: failed to unmarshal the received message: {WIRE}")
UTF8 = "string field contains invalid UTF-8"


def packed_answer(stream_id: int = 1) -> list[Answer]:
    head, *rest = grpc_answer(stream_id, message(gzip.compress(ANSWER, 1, mtime=0), 1))
    return [("HEADERS", stream_id, [*head[2], ("grpc-encoding", "gzip")]), *rest]


def unreadable(reason: str) -> list[Answer]:
    return status(13, f"grpc: failed to read decompressed data: {reason}")


def unpackable(reason: str) -> list[Answer]:
    return status(13, f"grpc: failed to decompress the message: {reason}")


def zipped(what: str, packed: bytes, answers: list[Answer]) -> object:
    return body(f"gzip: {what}", message(packed, 1), answers, fields=GZIP)


def header(flags: int, *more: bytes) -> bytes:
    return PACKED[:3] + bytes((flags,)) + PACKED[4:10] + b"".join(more)


BODIES = [
    # Prefixes and sizes
    *(
        body(f"payload format {n}", message(ASK, n), status(13, text))
        for n, text in (
            (2, "grpc: received unexpected payload format 2"),
            (255, "grpc: received unexpected payload format 255"),
        )
    ),
    body("format 2 before its data", struct.pack(">BL", 2, 100), [], end=False),
    body("format 2 and too large", b"\x02" + TOO_LARGE[1:], [*TOO_LARGE_STATUS, STOP], end=False),
    body("too large, before its data", TOO_LARGE, [*TOO_LARGE_STATUS, STOP], end=False),
    body("too large, and the end", TOO_LARGE, TOO_LARGE_STATUS),
    body(
        "too large by far",
        b"\0\xff\xff\xff\xff",
        status(8, f"grpc: received message larger than max (4294967295 vs. {LIMIT})"),
    ),
    body("no message", b"", EOF),
    body("no message yet", b"", [], end=False),
    body("a byte of a prefix", b"\0", EOF),
    body("four bytes of a prefix", bytes(4), EOF),
    body("a prefix alone", struct.pack(">BL", 0, 3), CUT_SHORT),
    body("half a message", message(ASK)[:-1], CUT_SHORT),
    body("half a message in format 2", message(ASK, 2)[:-1], CUT_SHORT),
    body("two messages", message(ASK) * 2, OK),
    body("a message and half another", message(ASK) + b"\0", OK),
    body("a message and one too large", message(ASK) + TOO_LARGE, OK),
    body("a message, the request still open", message(ASK), [*OK, STOP], end=False),
    # Contents
    body("an empty message", message(), EMPTY_KEY),
    *(
        body(f"protobuf: {what}", message(given), GARBAGE)
        for what, given in (
            ("garbage", b"\xff\xff\xff"),
            ("a cut tag", b"\x80"),
            ("a cut field", b"\x0a\x05ab"),
            ("wire type 7", b"\x0f"),
            ("field 0", b"\x00\x01"),
            ("the end of no group", b"\x0c"),
            ("a group without an end", b"\x0b"),
            ("a varint of 11 bytes", b"\x18" + b"\xff" * 10 + b"\x01"),
            ("a length beyond 2^31", b"\x0a\xff\xff\xff\xff\x0f"),
        )
    ),
    *(
        body(f"protobuf: {what}", message(given), EMPTY_KEY)
        for what, given in (
            ("an empty group", b"\x0b\x0c"),
            ("an unknown field", b"\xa0\x06\x01"),
            ("a field of another type", b"\x08\x01"),
        )
    ),
    body(
        "protobuf: a string that is not UTF-8",
        message(b"\x0a\x02\xff\xfe"),
        status(13, f"grpc: error unmarshalling request: {UTF8}"),
        path=MEMBER_ADD,
    ),
    # Encodings
    body("identity", message(ASK), OK, fields=[("grpc-encoding", "identity")]),
    body("an empty encoding", message(ASK), OK, fields=[("grpc-encoding", "")]),
    body("compressed without an encoding", message(PACKED, 1), NO_ENCODING),
    body(
        "compressed as identity",
        message(PACKED, 1),
        NO_ENCODING,
        fields=[("grpc-encoding", "identity")],
    ),
    body("compressed before its data", struct.pack(">BL", 1, 9), [], end=False),
    body(
        "of two encodings the last",
        message(PACKED, 1),
        packed_answer(),
        fields=[("grpc-encoding", "snappy"), *GZIP],
    ),
    body("gzip, not compressed", message(ASK), packed_answer(), fields=GZIP),
    body("gzip, a status", message(), EMPTY_KEY, fields=GZIP),
    body("gzip, garbage in it", message(gzip.compress(b"\xff\xff"), 1), GARBAGE, fields=GZIP),
    zipped("a message", PACKED, packed_answer()),
    zipped("two members", gzip.compress(ASK[:1]) + gzip.compress(ASK[1:]), packed_answer()),
    zipped("with a name", header(8, b"name\0", PACKED[10:]), packed_answer()),
    zipped("with an extra field", header(4, b"\3\0abc", PACKED[10:]), packed_answer()),
    zipped("nothing", b"", unpackable("EOF")),
    zipped("a byte", PACKED[:1], unpackable("unexpected EOF")),
    zipped("something else", b"x" * 20, unpackable("gzip: invalid header")),
    zipped("another method", b"\x1f\x8b\x07" + PACKED[3:], unpackable("gzip: invalid header")),
    zipped("a cut name", header(8, b"name"), unpackable("unexpected EOF")),
    zipped("a name too long", header(8, b"n" * 512), unpackable("gzip: invalid header")),
    zipped("a wrong header sum", header(2, b"\0\0"), unpackable("gzip: invalid header")),
    zipped("a header alone", PACKED[:10], unreadable("unexpected EOF")),
    zipped("cut in its data", PACKED[:-9], unreadable("unexpected EOF")),
    zipped("cut in its sums", PACKED[:-3], unreadable("unexpected EOF")),
    zipped(
        "a wrong sum",
        PACKED[:-8] + b"\0\0\0\0" + PACKED[-4:],
        unreadable("gzip: invalid checksum"),
    ),
    zipped("a wrong length", PACKED[:-4] + b"\1\1\1\1", unreadable("gzip: invalid checksum")),
    zipped(
        "a damaged block",
        PACKED[:10] + b"\xff" * 9,
        unreadable("flate: corrupt input before offset 1"),
    ),
    zipped(
        "a damaged stored block",
        PACKED[:10] + b"\x01\x05\0\0\0hello" + PACKED[-8:],
        unreadable("flate: corrupt input before offset 5"),
    ),
    zipped("a little behind it", PACKED + b"xyz", unreadable("unexpected EOF")),
    zipped("more behind it", PACKED + b"x" * 20, unreadable("gzip: invalid header")),
    zipped(
        "a bomb",
        gzip.compress(bytes(LIMIT + 1)),
        status(8, f"grpc: received message after decompression larger than max {LIMIT}"),
    ),
    # Server streams
    body("stream: a message", message(ASK), OK, path=RANGE_STREAM),
    body("stream: a message, not ended", message(ASK), [], path=RANGE_STREAM, end=False),
    body("stream: no message", b"", NO_REQUEST, path=RANGE_STREAM),
    body("stream: two messages", message(ASK) * 2, TWO_REQUESTS, path=RANGE_STREAM),
    body(
        "stream: two messages, not ended",
        message(ASK) * 2,
        [*TWO_REQUESTS, STOP],
        path=RANGE_STREAM,
        end=False,
    ),
    body("stream: part of a second prefix", message(ASK) + b"\0\0", OK, path=RANGE_STREAM),
    body(
        "stream: half a second message",
        message(ASK) + message(ASK)[:-1],
        CUT_SHORT_STREAM,
        path=RANGE_STREAM,
    ),
    body(
        "stream: a second message of garbage",
        message(ASK) + message(b"\xff\xff\xff"),
        GARBAGE_STREAM,
        path=RANGE_STREAM,
    ),
    body("stream: half a message", message(ASK)[:-1], CUT_SHORT_STREAM, path=RANGE_STREAM),
    body("stream: garbage", message(b"\xff\xff\xff"), GARBAGE_STREAM, path=RANGE_STREAM),
    body(
        "stream: a string that is not UTF-8",
        message(b"\x0a\x02\xff\xfe"),
        status(13, f"grpc: failed to unmarshal the received message: {UTF8}"),
        path=HEALTH_WATCH,
    ),
    body("stream: too large", TOO_LARGE, [*TOO_LARGE_STATUS, STOP], path=RANGE_STREAM, end=False),
    body(
        "stream: gzip",
        message(PACKED, 1),
        packed_answer(),
        path=RANGE_STREAM,
        fields=GZIP,
    ),
    body("both ways: half a message", b"\0\0\0\0\5ab", CUT_SHORT_STREAM, path=WATCH),
    body(
        "both ways: garbage",
        message(b"\xff\xff\xff"),
        [*GARBAGE_STREAM, STOP],
        path=WATCH,
        end=False,
    ),
    body("both ways: too large", TOO_LARGE, [*TOO_LARGE_STATUS, STOP], path=WATCH, end=False),
]


@pytest.mark.parametrize(("fields", "more", "answers"), [*HEADS, *BODIES])
def test_is_answered_as_etcd_answers(fields, more, answers):
    it = exchange()
    assert it.send(ask(it.client, fields, **more)) == answers
    later = [(kind, 3, *rest) for kind, _, *rest in OK]
    assert it.send(ask(it.client, request_fields(), stream_id=3)) == later


BYTES = [(name.encode(), value.encode()) for name, value in request_fields()]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (b"/a\xff/b", "unknown service a%EF%BF%BD"),
        (b"/a\xffb\xfe", 'malformed method name: "/a\\xffb\\xfe"'),
    ],
)
def test_a_path_that_is_not_utf8_is_quoted_as_go_quotes_it(path, text):
    it = exchange()
    fields = [(name, path if name == b":path" else value) for name, value in BYTES]
    assert it.send(ask(it.client, fields)) == status(12, text)


@pytest.mark.parametrize(
    ("path", "payload", "end", "answers"),
    [
        (RANGE, message(ASK), True, status(3, "etcdserver: invalid client api version")),
        (RANGE, message(b"\xff"), True, GARBAGE),
        (RANGE, b"", False, []),
        (RANGE_STREAM, b"", False, [*status(3, "etcdserver: invalid client api version"), STOP]),
    ],
)
def test_interceptors_come_behind_the_decoding_of_unary_requests_alone(path, payload, end, answers):
    it = exchange()
    fields = [(name, path.encode() if name == b":path" else value) for name, value in BYTES]
    fields.append((b"client-api-version", b"\xff"))
    assert it.send(ask(it.client, fields, payload, end=end)) == answers


def test_a_request_may_come_in_any_number_of_pieces():
    it, c = exchange(), Client()
    sent = c.headers(1, request_fields())
    for byte in message(ASK):
        sent += data(1, bytes((byte,)))
    assert it.send(sent + data(1, b"", end=True)) == OK


def test_a_request_reset_in_the_middle_leaves_no_trace():
    it = exchange()
    sent = it.client.headers(1, request_fields()) + data(1, b"\0\0") + rst_stream(1)
    assert it.send(sent) == []
    assert it.grpc.http2.open_streams == 0


def test_calls_go_on_behind_a_goaway_of_the_client():
    it = exchange()
    assert it.send(goaway() + ask(it.client, request_fields())) == OK


def test_a_message_of_the_limit_is_taken_and_one_byte_more_is_not():
    for size, answers in ((LIMIT, OK), (LIMIT + 1, TOO_LARGE_STATUS)):
        it = exchange()
        key = b"\x0a" + b"\x80\x80\x80\x01"  # a field of 2 MiB takes 5 bytes of tag and length
        length = size - 5
        key = b"\x0a" + bytes((length & 0x7F | 0x80, length >> 7 & 0x7F | 0x80))
        key += bytes((length >> 14 & 0x7F | 0x80, length >> 21))
        whole = message(key + bytes(length))
        assert len(whole) == size + 5
        sent = [it.client.headers(1, request_fields())]
        pieces = range(0, len(whole), 16_384)
        sent += [data(1, whole[n : n + 16_384], end=n == pieces[-1]) for n in pieces]
        got = it.send(b"".join(sent))
        assert [answer for answer in got if answer != STOP] == answers


# --- where we answer otherwise ------------------------------------------------------------

RESET = [("RST_STREAM", 1, "PROTOCOL_ERROR")]


def unknown_encoding(encoding: str) -> list[Answer]:
    text = f'grpc: Decompressor is not installed for grpc-encoding "{encoding}"'
    return [grpc_status(1, 12, text, ("grpc-accept-encoding", "identity,gzip"))]


OTHERWISE = [
    # grpc-go leaves grpc-accept-encoding out; grpc/doc/compression.md asks for it.
    *(
        row(f"encoding {given!r}", field("grpc-encoding", given), unknown_encoding(quoted))
        for given, quoted in (("snappy", "snappy"), ("GZIP", "GZIP"), ('x"y', 'x\\"y'))
    ),
    # Malformed requests (RFC 9113 §8.2.2, §8.3.1); grpc-go takes these or has a status for them.
    row("te that is not trailers", [*without("te"), ("te", "gzip")], RESET),
    row("keep-alive", field("keep-alive", "5"), RESET),
    row("no :path", without(":path"), RESET),
    row("no :method", without(":method"), RESET),
    row("no :scheme", without(":scheme"), RESET),
    row("a wrong content-length", field("content-length", "3"), RESET),
]


@pytest.mark.parametrize(("fields", "more", "answers"), OTHERWISE)
def test_is_answered_otherwise_than_etcd_answers(fields, more, answers):
    it = exchange()
    assert it.send(ask(it.client, fields, **more)) == answers


@pytest.mark.parametrize(
    ("path", "answers"),
    [(RANGE, EOF), (RANGE_STREAM, NO_REQUEST), (WATCH, [grpc_status(1, 0, "")])],
)
def test_a_request_that_is_headers_alone_is_answered(path, answers):
    """grpc-go never tells its handler that such a request has ended, and waits."""
    it = exchange()
    assert it.send(it.client.headers(1, request_fields(path), end=True)) == answers


def test_trailers_end_a_request():
    """grpc-go takes them for a second request on the stream and ends the connection."""
    it, trailers = exchange(), [("x-trailer", "y")]
    sent = ask(it.client, request_fields(RANGE_STREAM), end=False)
    assert it.send(sent + it.client.headers(1, trailers, end=True)) == OK


def test_a_damaged_message_deep_inside_names_the_byte_that_go_names():
    """The offset needs a second walk through what was read so far, in pieces."""
    size = 40_000
    good = b"\0" + struct.pack("<HH", size, size ^ 0xFFFF) + bytes(size)
    damaged = good + b"\1\5\0\0\0hello"
    it = exchange()
    packed = message(PACKED[:10] + damaged + bytes(8), 1)
    sent = it.client.headers(1, request_fields(RANGE, *GZIP))
    pieces = range(0, len(packed), 16_384)
    for n in pieces:
        sent += data(1, packed[n : n + 16_384], end=n == pieces[-1])
    reason = f"flate: corrupt input before offset {len(good) + 5}"
    assert [a for a in it.send(sent) if a != STOP] == unreadable(reason)
