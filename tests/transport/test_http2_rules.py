"""RFC 9113's rules one by one: what a client sends, and all that the connection answers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fake_etcd.transport.http2 import frames
from fake_etcd.transport.http2.frames import Setting, frame
from fake_etcd.transport.http2.hpack import MAX_HEADER_LIST_SIZE
from fake_etcd.transport.http2.streams import STREAM_RECEIVE_WINDOW

from . import wire
from .applications import PlainExchange, plain_answer
from .wire import (
    END_HEADERS,
    END_STREAM,
    HELLO,
    PREFACE,
    Answer,
    Client,
    data,
    goaway,
    ping,
    priority,
    rst_stream,
    window_update,
)

POST = ((":method", "POST"), (":scheme", "http"), (":path", "/p"), (":authority", "a"))

Frames = Callable[[Client], bytes]


def post(c: Client, stream_id: int = 1, end: bool = True, *more: tuple[str, str]) -> bytes:
    return c.headers(stream_id, (*POST, *more), end=end)


def without(name: str) -> tuple[tuple[str, str], ...]:
    return tuple(field for field in POST if field[0] != name)


def row(what: str, send: Frames, *answers: Answer) -> object:
    return pytest.param(send, list(answers), id=what)


def goes_away(last_id: int, code: str, reason: str) -> Answer:
    return ("GOAWAY", last_id, code, reason)


def is_reset(code: str, stream_id: int = 1) -> Answer:
    return ("RST_STREAM", stream_id, code)


CONNECTION_ERRORS = [
    # §4.1, §4.2: frames
    row(
        "a frame larger than we allow",
        lambda c: post(c, end=False) + data(1, bytes(16_385)),
        goes_away(1, "FRAME_SIZE_ERROR", "frame too large"),
    ),
    row(
        "an unknown frame larger than we allow",
        lambda c: frame(0x50, 0, 0, bytes(16_385)),
        goes_away(0, "FRAME_SIZE_ERROR", "frame too large"),
    ),
    # §4.3: header blocks
    row(
        "a block that is no compression",
        lambda c: frame(frames.HEADERS, END_HEADERS, 1, b"\x80"),
        goes_away(0, "COMPRESSION_ERROR", "index 0"),
    ),
    row(
        "a block interrupted by another frame",
        lambda c: frame(frames.HEADERS, 0, 1, c.block(POST)) + ping(),
        goes_away(0, "PROTOCOL_ERROR", "header block interrupted"),
    ),
    row(
        "a block interrupted by an unknown frame",
        lambda c: frame(frames.HEADERS, 0, 1, c.block(POST)) + frame(0x50, 0, 1),
        goes_away(0, "PROTOCOL_ERROR", "header block interrupted"),
    ),
    row(
        "a block interrupted by another stream's",
        lambda c: (
            frame(frames.HEADERS, 0, 1, c.block(POST))
            + frame(frames.CONTINUATION, END_HEADERS, 3, b"")
        ),
        goes_away(0, "PROTOCOL_ERROR", "header block interrupted"),
    ),
    row(
        "a block that never ends",
        lambda c: frame(frames.HEADERS, 0, 1) + 257 * frame(frames.CONTINUATION, 0, 1),
        goes_away(0, "ENHANCE_YOUR_CALM", "header block too large"),
    ),
    row(
        "a block that has no end of bytes",
        lambda c: (
            frame(frames.HEADERS, 0, 1) + 130 * frame(frames.CONTINUATION, 0, 1, bytes(16_384))
        ),
        goes_away(0, "ENHANCE_YOUR_CALM", "header block too large"),
    ),
    # §5.1, §5.1.1: idle and closed streams, identifiers
    row(
        "DATA on an idle stream",
        lambda c: data(1, b"x"),
        goes_away(0, "PROTOCOL_ERROR", "DATA on an idle stream"),
    ),
    row(
        "RST_STREAM on an idle stream",
        lambda c: rst_stream(1),
        goes_away(0, "PROTOCOL_ERROR", "RST_STREAM on an idle stream"),
    ),
    row(
        "WINDOW_UPDATE on an idle stream",
        lambda c: window_update(1, 1),
        goes_away(0, "PROTOCOL_ERROR", "WINDOW_UPDATE on idle stream"),
    ),
    row(
        "a stream with an even number",
        lambda c: post(c, 2),
        goes_away(0, "PROTOCOL_ERROR", "bad stream id in HEADERS"),
    ),
    row(
        "a stream with a lower number than the last",
        lambda c: post(c, 5) + post(c, 3),
        *plain_answer(5),
        goes_away(5, "PROTOCOL_ERROR", "bad stream id in HEADERS"),
    ),
    row(
        "HEADERS on a stream that both sides ended",
        lambda c: post(c, 1) + post(c, 1),
        *plain_answer(1),
        goes_away(1, "STREAM_CLOSED", "HEADERS on a closed stream"),
    ),
    row(
        "HEADERS on a stream that the client reset",
        lambda c: post(c, 1, end=False) + rst_stream(1) + post(c, 1),
        goes_away(1, "STREAM_CLOSED", "HEADERS on a closed stream"),
    ),
    # §6.1: DATA
    row(
        "DATA on stream 0",
        lambda c: data(0, b"x"),
        goes_away(0, "PROTOCOL_ERROR", "DATA on an idle stream"),
    ),
    row(
        "DATA whose padding is longer than it",
        lambda c: post(c, end=False) + frame(frames.DATA, frames.FLAG_PADDED, 1, b"\x03ab"),
        goes_away(1, "PROTOCOL_ERROR", "padding longer than its frame"),
    ),
    row(
        "DATA with padding but no length of it",
        lambda c: post(c, end=False) + frame(frames.DATA, frames.FLAG_PADDED, 1),
        goes_away(1, "PROTOCOL_ERROR", "padding longer than its frame"),
    ),
    # §6.2: HEADERS
    row(
        "HEADERS on stream 0",
        lambda c: post(c, 0),
        goes_away(0, "PROTOCOL_ERROR", "bad stream id in HEADERS"),
    ),
    row(
        "unfinished HEADERS on stream 0",
        lambda c: frame(frames.HEADERS, 0, 0, c.block(POST)),
        goes_away(0, "PROTOCOL_ERROR", "HEADERS on stream 0"),
    ),
    row(
        "HEADERS whose padding is longer than them",
        lambda c: frame(frames.HEADERS, END_HEADERS | frames.FLAG_PADDED, 1, b"\x09\x82"),
        goes_away(0, "PROTOCOL_ERROR", "padding longer than its frame"),
    ),
    row(
        "HEADERS too short for their priority",
        lambda c: frame(frames.HEADERS, END_HEADERS | frames.FLAG_PRIORITY, 1, bytes(4)),
        goes_away(0, "FRAME_SIZE_ERROR", "HEADERS too short"),
    ),
    # §6.3 to §6.10
    row(
        "PRIORITY on stream 0",
        lambda c: priority(0, 1),
        goes_away(0, "PROTOCOL_ERROR", "PRIORITY on stream 0"),
    ),
    row(
        "PRIORITY of 4 bytes on a stream that may be opened yet",
        lambda c: frame(frames.PRIORITY, 0, 1, bytes(4)) + post(c),
        goes_away(0, "FRAME_SIZE_ERROR", "PRIORITY is not 5 bytes"),
    ),
    row(
        "PRIORITY that makes a stream depend on itself that may be opened yet",
        lambda c: priority(1, 1) + post(c),
        goes_away(0, "PROTOCOL_ERROR", "stream depends on itself"),
    ),
    row(
        "RST_STREAM on stream 0",
        lambda c: rst_stream(0),
        goes_away(0, "PROTOCOL_ERROR", "RST_STREAM on an idle stream"),
    ),
    row(
        "RST_STREAM of 5 bytes",
        lambda c: post(c, end=False) + frame(frames.RST_STREAM, 0, 1, bytes(5)),
        goes_away(1, "FRAME_SIZE_ERROR", "RST_STREAM is not 4 bytes"),
    ),
    row(
        "SETTINGS on a stream",
        lambda c: frame(frames.SETTINGS, 0, 1),
        goes_away(0, "PROTOCOL_ERROR", "SETTINGS on a stream"),
    ),
    row(
        "a SETTINGS ack that says something",
        lambda c: frame(frames.SETTINGS, frames.FLAG_ACK, 0, bytes(6)),
        goes_away(0, "FRAME_SIZE_ERROR", "SETTINGS ack with a payload"),
    ),
    row(
        "SETTINGS of 7 bytes",
        lambda c: frame(frames.SETTINGS, 0, 0, bytes(7)),
        goes_away(0, "FRAME_SIZE_ERROR", "SETTINGS not in sixes"),
    ),
    row(
        "ENABLE_PUSH of 2",
        lambda c: wire.settings((Setting.ENABLE_PUSH, 2)),
        goes_away(0, "PROTOCOL_ERROR", "ENABLE_PUSH is 0 or 1"),
    ),
    row(
        "INITIAL_WINDOW_SIZE over 2^31 - 1",
        lambda c: wire.settings((Setting.INITIAL_WINDOW_SIZE, 2**31)),
        goes_away(0, "FLOW_CONTROL_ERROR", "window too large"),
    ),
    row(
        "INITIAL_WINDOW_SIZE that takes an open stream's window over 2^31 - 1",
        lambda c: (
            post(c, end=False)
            + window_update(1, 1)
            + wire.settings((Setting.INITIAL_WINDOW_SIZE, 2**31 - 1))
        ),
        goes_away(1, "FLOW_CONTROL_ERROR", "window too large"),
    ),
    row(
        "MAX_FRAME_SIZE under 16384",
        lambda c: wire.settings((Setting.MAX_FRAME_SIZE, 16_383)),
        goes_away(0, "PROTOCOL_ERROR", "MAX_FRAME_SIZE out of range"),
    ),
    row(
        "MAX_FRAME_SIZE over 2^24 - 1",
        lambda c: wire.settings((Setting.MAX_FRAME_SIZE, 2**24)),
        goes_away(0, "PROTOCOL_ERROR", "MAX_FRAME_SIZE out of range"),
    ),
    row(
        "PUSH_PROMISE",
        lambda c: post(c, end=False) + frame(frames.PUSH_PROMISE, END_HEADERS, 1, bytes(4)),
        goes_away(1, "PROTOCOL_ERROR", "PUSH_PROMISE from a client"),
    ),
    row(
        "PING on a stream",
        lambda c: frame(frames.PING, 0, 1, bytes(8)),
        goes_away(0, "PROTOCOL_ERROR", "PING on a stream"),
    ),
    row(
        "PING of 7 bytes",
        lambda c: frame(frames.PING, 0, 0, bytes(7)),
        goes_away(0, "FRAME_SIZE_ERROR", "PING is not 8 bytes"),
    ),
    row(
        "GOAWAY on a stream",
        lambda c: frame(frames.GOAWAY, 0, 1, bytes(8)),
        goes_away(0, "PROTOCOL_ERROR", "GOAWAY on a stream"),
    ),
    row(
        "GOAWAY of 7 bytes",
        lambda c: frame(frames.GOAWAY, 0, 0, bytes(7)),
        goes_away(0, "FRAME_SIZE_ERROR", "GOAWAY too short"),
    ),
    row(
        "WINDOW_UPDATE of 3 bytes",
        lambda c: frame(frames.WINDOW_UPDATE, 0, 0, bytes(3)),
        goes_away(0, "FRAME_SIZE_ERROR", "WINDOW_UPDATE is not 4 bytes"),
    ),
    row(
        "WINDOW_UPDATE of the connection by 0",
        lambda c: window_update(0, 0),
        goes_away(0, "PROTOCOL_ERROR", "WINDOW_UPDATE by 0"),
    ),
    row(
        "WINDOW_UPDATE of a closed stream by 0",
        lambda c: post(c) + window_update(1, 0),
        *plain_answer(1),
        goes_away(1, "PROTOCOL_ERROR", "WINDOW_UPDATE by 0"),
    ),
    row(
        "WINDOW_UPDATE of the connection over 2^31 - 1",
        lambda c: window_update(0, 2**31 - 65_535),
        goes_away(0, "FLOW_CONTROL_ERROR", "window too large"),
    ),
    row(
        "CONTINUATION without HEADERS",
        lambda c: frame(frames.CONTINUATION, END_HEADERS, 1, c.block(POST)),
        goes_away(0, "PROTOCOL_ERROR", "CONTINUATION without HEADERS"),
    ),
    row(
        "CONTINUATION behind a finished block",
        lambda c: post(c, end=False) + frame(frames.CONTINUATION, END_HEADERS, 1),
        goes_away(1, "PROTOCOL_ERROR", "CONTINUATION without HEADERS"),
    ),
]


@pytest.mark.parametrize(("send", "answers"), CONNECTION_ERRORS)
def test_ends_the_connection(send, answers):
    exchange = PlainExchange()
    assert exchange.send(send(exchange.client) + ping()) == answers
    assert exchange.http2.closed
    assert exchange.http2.is_done
    assert (exchange.http2.failure.code.name, exchange.http2.failure.reason) == answers[-1][2:]
    assert exchange.send(ping()) == []


STREAM_ERRORS = [
    # §5.1, §6.1: half-closed and closed
    row(
        "DATA behind the end of a request whose answer is still going on",
        lambda c: post(c) + data(1, b"x"),
        ("HEADERS", 1, [(":status", "200"), ("content-type", "text/plain")]),
        is_reset("STREAM_CLOSED"),
    ),
    row(
        "HEADERS behind the end of a request whose answer is still going on",
        lambda c: post(c) + post(c),
        ("HEADERS", 1, [(":status", "200"), ("content-type", "text/plain")]),
        is_reset("STREAM_CLOSED"),
    ),
    row(
        "DATA on a stream that the client reset",
        lambda c: post(c, end=False) + rst_stream(1) + data(1, b"x"),
        is_reset("STREAM_CLOSED"),
    ),
    row(
        "DATA on a stream that was skipped",
        lambda c: post(c, 3, end=False) + data(1, b"x"),
        is_reset("STREAM_CLOSED"),
    ),
    # §5.1.2
    row(
        "more streams than we allow",
        lambda c: post(c, 1, False) + post(c, 3, False) + post(c, 5) + post(c, 7),
        is_reset("REFUSED_STREAM", 5),
        is_reset("REFUSED_STREAM", 7),
    ),
    # §6.3; dependencies are RFC 7540's, §5.3.1
    row(
        "PRIORITY of 4 bytes",
        lambda c: post(c, end=False) + frame(frames.PRIORITY, 0, 1, bytes(4)),
        is_reset("FRAME_SIZE_ERROR"),
    ),
    row(
        "PRIORITY that makes a stream depend on itself",
        lambda c: post(c, end=False) + priority(1, 1),
        is_reset("PROTOCOL_ERROR"),
    ),
    row(
        "HEADERS that make a stream depend on itself",
        lambda c: c.headers(1, POST, depends_on=1),
        is_reset("PROTOCOL_ERROR"),
    ),
    # §6.9
    row(
        "WINDOW_UPDATE of a stream by 0",
        lambda c: post(c, end=False) + window_update(1, 0),
        is_reset("PROTOCOL_ERROR"),
    ),
    row(
        "WINDOW_UPDATE of a stream over 2^31 - 1",
        lambda c: post(c, end=False) + window_update(1, 2**31 - 1) + window_update(1, 1),
        is_reset("FLOW_CONTROL_ERROR"),
    ),
    # §8.1: trailers
    row(
        "trailers that do not end the stream",
        lambda c: post(c, end=False) + c.headers(1, [("x", "y")]),
        is_reset("PROTOCOL_ERROR"),
    ),
    row(
        "a pseudo-header in trailers",
        lambda c: post(c, end=False) + c.headers(1, [(":path", "/p")], end=True),
        is_reset("PROTOCOL_ERROR"),
    ),
    row(
        "an upper-case name in trailers",
        lambda c: post(c, end=False) + c.headers(1, [("X", "y")], end=True),
        is_reset("PROTOCOL_ERROR"),
    ),
    # §8.1.1: content-length
    row(
        "less than content-length",
        lambda c: post(c, 1, False, ("content-length", "3")) + data(1, b"ab", end=True),
        is_reset("PROTOCOL_ERROR"),
    ),
    row(
        "more than content-length",
        lambda c: post(c, 1, False, ("content-length", "3")) + data(1, b"ab") + data(1, b"cd"),
        is_reset("PROTOCOL_ERROR"),
    ),
    row(
        "less than content-length, ended by trailers",
        lambda c: (
            post(c, 1, False, ("content-length", "3"))
            + data(1, b"ab")
            + c.headers(1, [("x", "y")], end=True)
        ),
        is_reset("PROTOCOL_ERROR"),
    ),
    row(
        "content-length without a body",
        lambda c: post(c, 1, True, ("content-length", "3")),
        is_reset("PROTOCOL_ERROR"),
    ),
    row(
        "two content-lengths",
        lambda c: post(c, 1, False, ("content-length", "3"), ("content-length", "4")),
        is_reset("PROTOCOL_ERROR"),
    ),
    row(
        "content-length that is no number",
        lambda c: post(c, 1, False, ("content-length", "+3")),
        is_reset("PROTOCOL_ERROR"),
    ),
    row(
        "content-length beyond any number",
        lambda c: post(c, 1, False, ("content-length", "1" * 19)),
        is_reset("PROTOCOL_ERROR"),
    ),
    # §8.2.1, §8.2.2: fields
    *(
        row(what, lambda c, more=more: post(c, 1, False, more), is_reset("PROTOCOL_ERROR"))
        for what, more in (
            ("an upper-case name", ("X-Up", "y")),
            ("a name with a space", ("x y", "z")),
            ("a name that is empty", ("", "y")),
            ("a name with a colon", ("x:y", "z")),
            ("a value with NUL", ("x", "a\0b")),
            ("a value with LF", ("x", "a\nb")),
            ("a value with CR", ("x", "a\rb")),
            ("a value with another control character", ("x", "a\x1fb")),
            ("a value with DEL", ("x", "a\x7fb")),
            ("connection", ("connection", "close")),
            ("proxy-connection", ("proxy-connection", "close")),
            ("keep-alive", ("keep-alive", "5")),
            ("transfer-encoding", ("transfer-encoding", "chunked")),
            ("upgrade", ("upgrade", "h2c")),
            ("te that is not trailers", ("te", "gzip")),
            # §8.3: pseudo-headers
            ("an unknown pseudo-header", (":what", "x")),
            ("a pseudo-header of responses", (":status", "200")),
            ("a second :method", (":method", "POST")),
            ("a second :path", (":path", "/p")),
            ("a second :scheme", (":scheme", "http")),
            ("a second :authority", (":authority", "a")),
        )
    ),
    row(
        "a pseudo-header behind a field",
        lambda c: c.headers(1, [*without(":path"), ("x", "y"), (":path", "/p")]),
        is_reset("PROTOCOL_ERROR"),
    ),
    row("no :method", lambda c: c.headers(1, without(":method")), is_reset("PROTOCOL_ERROR")),
    row("no :scheme", lambda c: c.headers(1, without(":scheme")), is_reset("PROTOCOL_ERROR")),
    row("no :path", lambda c: c.headers(1, without(":path")), is_reset("PROTOCOL_ERROR")),
    row(
        "an empty :path",
        lambda c: c.headers(1, [*without(":path"), (":path", "")]),
        is_reset("PROTOCOL_ERROR"),
    ),
    row(
        "a :path with a control character",
        lambda c: c.headers(1, [*without(":path"), (":path", "/\x01")]),
        is_reset("PROTOCOL_ERROR"),
    ),
    # §6.5.2, §10.5.1
    row(
        "a header list larger than we take",
        lambda c: (
            c.headers(1, [*POST, ("x", "v" * 3_000)], end=True)
            + c.headers(3, [*POST, *[("x", "v" * 3_000)] * 800], end=True)
        ),
        ("HEADERS", 1, [(":status", "200"), ("content-type", "text/plain")]),
        is_reset("PROTOCOL_ERROR", 3),
    ),
    row(
        "trailers larger than we take",
        lambda c: post(c, end=False) + c.headers(1, [("x", "v" * 3_000)] * 800, end=True),
        is_reset("PROTOCOL_ERROR"),
    ),
]


@pytest.mark.parametrize(("send", "answers"), STREAM_ERRORS)
def test_ends_the_stream_and_no_more(send, answers):
    exchange = PlainExchange(body=b"some body", max_concurrent_streams=2)
    hold = wire.settings((Setting.INITIAL_WINDOW_SIZE, 0))
    exchange.send(hold)
    assert exchange.send(send(exchange.client)) == answers
    assert not exchange.http2.closed
    # The header tables are still in step, and other streams are served.
    for left in list(exchange.http2._streams.by_id):
        exchange.send(rst_stream(left))
    exchange.send(wire.settings((Setting.INITIAL_WINDOW_SIZE, 100)))
    assert exchange.send(post(exchange.client, 9)) == plain_answer(9, b"some body")


LET_PASS = [
    row("a frame of an unknown type", lambda c: frame(0x50, 0xFF, 7, b"whatever")),
    row("a frame of type 10", lambda c: frame(10, 0, 0, b"whatever")),
    row("an unknown setting", lambda c: wire.settings((0x99, 2**32 - 1))),
    row("an ack of our settings", lambda c: frames.SETTINGS_ACK),
    row("an ack of a ping that we never sent", lambda c: ping(ack=True)),
    row("a ping", lambda c: ping(b"abcdefgh"), ("PING ACK", b"abcdefgh")),
    row("unknown flags of a ping", lambda c: frame(6, 0xFE, 0, bytes(8)), ("PING ACK", bytes(8))),
    row("PRIORITY on an idle stream", lambda c: priority(1, 0)),
    row("PRIORITY on a closed stream", lambda c: post(c) + priority(1, 0), *plain_answer(1)),
    row("PRIORITY depending on a stream unknown", lambda c: priority(7, 2**31 + 5)),
    row(
        "WINDOW_UPDATE on a closed stream",
        lambda c: post(c) + window_update(1, 1),
        *plain_answer(1),
    ),
    row("RST_STREAM on a closed stream", lambda c: post(c) + rst_stream(1), *plain_answer(1)),
    row(
        "RST_STREAM with an unknown code",
        lambda c: post(c, end=False) + rst_stream(1, 0x12345678),
    ),
    row("GOAWAY, and a request behind it", lambda c: goaway() + post(c), *plain_answer(1)),
    row(
        "late frames of a stream that we reset",
        lambda c: (
            post(c, 1, False, ("x", "\n"))
            + data(1, b"x")
            + window_update(1, 1)
            + c.headers(1, [("x", "y")], end=True)
            + data(1, b"x", end=True)
        ),
        is_reset("PROTOCOL_ERROR"),
    ),
    row(
        "the reserved bit of a stream id",
        lambda c: post(c, 2**31 + 1),
        *plain_answer(1),
    ),
    row("content-length twice, the same", lambda c: _with_two_lengths(c), *plain_answer(1)),
    row("a value with a tab, a space and bytes beyond ASCII", lambda c: _odd(c), *plain_answer(1)),
    row("streams that are skipped", lambda c: post(c, 101), *plain_answer(101)),
    row(
        "HEADERS with padding and priority, in five frames",
        lambda c: c.headers(1, POST, end=True, padding=7, depends_on=3, pieces=5),
        *plain_answer(1),
    ),
    row(
        "DATA that is all padding",
        lambda c: post(c, end=False) + data(1, b"", end=True, padding=255),
        *plain_answer(1),
    ),
    row(
        "trailers",
        lambda c: post(c, end=False) + c.headers(1, [("x", "y")], end=True),
        *plain_answer(1),
    ),
]


def _with_two_lengths(c: Client) -> bytes:
    lengths = (("content-length", "2"), ("content-length", "2"))
    return post(c, 1, False, *lengths) + data(1, b"ab", end=True)


def _odd(c: Client) -> bytes:
    fields = [(name.encode(), value.encode()) for name, value in POST]
    return c.headers(1, [*fields, (b"x", b" a\tb \xff")], end=True)


@pytest.mark.parametrize(("send", "answers"), LET_PASS)
def test_goes_on(send, answers):
    exchange = PlainExchange()
    assert exchange.send(send(exchange.client)) == answers
    assert not exchange.http2.closed
    assert exchange.send(ping()) == [("PING ACK", b"12345678")]


@pytest.mark.parametrize(
    ("first_bytes", "reason"),
    [
        (b"GET / HTTP/1.1\r\n", "bad connection preface"),
        (PREFACE[:-1] + b"x", "bad connection preface"),
        (PREFACE + ping(), "first frame is not SETTINGS"),
        (PREFACE + frames.SETTINGS_ACK, "first frame is not SETTINGS"),
        (PREFACE + b"\x00" * 9, "first frame is not SETTINGS"),
    ],
)
def test_a_connection_begins_with_the_preface_and_settings(first_bytes, reason):
    exchange = PlainExchange(hello=b"")
    assert exchange.send(first_bytes) == [goes_away(0, "PROTOCOL_ERROR", reason)]


def test_the_server_says_its_settings_first_and_acks_the_clients():
    exchange = PlainExchange(max_concurrent_streams=7, hello=b"")
    assert exchange.send_raw(HELLO) == [
        (
            "SETTINGS",
            {
                "INITIAL_WINDOW_SIZE": STREAM_RECEIVE_WINDOW,
                "MAX_HEADER_LIST_SIZE": MAX_HEADER_LIST_SIZE,
                "MAX_CONCURRENT_STREAMS": 7,
            },
        ),
        ("WINDOW_UPDATE", 0, 16 * 2**20 - 65_535),
        ("SETTINGS ACK",),
    ]


def test_a_broken_connection_tells_every_open_stream():
    exchange = PlainExchange()
    c = exchange.client
    exchange.send(post(c, 1, end=False) + post(c, 3, end=False))
    exchange.send(window_update(0, 0))
    assert exchange.application.told[2:] == [
        ("closed", 1, "PROTOCOL_ERROR"),
        ("closed", 3, "PROTOCOL_ERROR"),
    ]


def test_a_lost_connection_tells_every_open_stream_once():
    exchange = PlainExchange()
    exchange.send(post(exchange.client, 1, end=False))
    exchange.http2.lost()
    exchange.http2.lost()
    exchange.http2.receive(post(exchange.client, 3))
    assert exchange.application.told[1:] == [("closed", 1, "CANCEL")]


def test_a_client_that_resets_tells_its_reason():
    exchange = PlainExchange()
    for stream_id, code in ((1, 0x7), (3, 0x12345678)):
        exchange.send(post(exchange.client, stream_id, end=False) + rst_stream(stream_id, code))
    assert [told for told in exchange.application.told if told[0] == "closed"] == [
        ("closed", 1, "REFUSED_STREAM"),
        ("closed", 3, "INTERNAL_ERROR"),
    ]


def test_a_server_that_goes_away_lets_open_streams_end_and_leaves_new_ones_alone():
    exchange = PlainExchange()
    c = exchange.client
    exchange.send(post(c, 1, end=False))
    exchange.http2.go_away()
    exchange.http2.go_away()
    assert exchange.send(post(c, 3) + post(c, 5, end=False) + data(5, b"x")) == [
        goes_away(1, "NO_ERROR", "")
    ]
    assert not exchange.http2.is_done
    assert exchange.send(data(1, b"", end=True)) == plain_answer(1)
    assert exchange.http2.is_done
    assert [told[:2] for told in exchange.application.told] == [("request", 1), ("data", 1)]


def test_a_server_without_open_streams_is_done_as_soon_as_it_goes_away():
    exchange = PlainExchange()
    exchange.http2.go_away()
    assert exchange.http2.is_done
    assert exchange.send(b"") == [goes_away(0, "NO_ERROR", "")]


def test_what_is_remembered_of_resets_and_skipped_streams_is_bounded():
    exchange = PlainExchange()
    c = exchange.client
    for n in range(1, 10_000, 4):
        exchange.send(post(c, n, False, ("x", "\n")))
    streams = exchange.http2._streams
    assert (len(streams.resets), streams.gaps) == (1_024, 64)
    assert exchange.http2.open_streams == 0


def test_a_stream_that_another_ends_while_the_connection_breaks_is_told_nothing():
    exchange = PlainExchange()
    c, http2 = exchange.client, exchange.http2
    exchange.send(post(c, 1, end=False) + post(c, 3, end=False) + post(c, 5))
    first, second = (exchange.application.streams[n] for n in (1, 3))
    second.received_all = True

    class EndsTheOther:
        def closed(self, code: object) -> None:
            http2.send_headers(second, ((b":status", b"200"),), end_stream=True)

    first.user = EndsTheOther()
    exchange.http2.receive(window_update(0, 0))
    assert http2.open_streams == 0
    assert ("closed", 3, "PROTOCOL_ERROR") not in exchange.application.told


def test_header_blocks_longer_than_a_frame_leave_in_several():
    exchange = PlainExchange()
    c = exchange.client
    exchange.send(post(c, 1, end=False))
    fields = tuple((b"x-%d" % n, b"v" * 1_000) for n in range(40))
    exchange.http2.send_headers(exchange.application.streams[1], fields)
    output = exchange.take()
    kinds = []
    rest = output
    while rest:
        size = int.from_bytes(rest[:3], "big")
        kinds.append((rest[3], rest[4] & END_HEADERS, rest[4] & END_STREAM, size <= 16_384))
        rest = rest[9 + size :]
    assert kinds == [(1, 0, 0, True), (9, 0, 0, True), (9, END_HEADERS, 0, True)]
    text = [(name.decode(), value.decode()) for name, value in fields]
    assert c.read(output) == [("HEADERS", 1, text)]
