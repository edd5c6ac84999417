"""Calls over their whole life: streams, deadlines, cancellation, metadata, handlers' bugs."""

from __future__ import annotations

import gzip
import tracemalloc

import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from fake_etcd.api import errors, messages
from fake_etcd.api.methods import METHODS
from fake_etcd.api.status import Code, Status
from fake_etcd.core.node import Node
from fake_etcd.services import registry
from fake_etcd.services.call import Call, Endpoint
from fake_etcd.transport.grpc.coding import decode_timeout, encode_message
from fake_etcd.transport.grpc.connection import BACKLOG_LIMIT
from fake_etcd.transport.grpc.errors import go_quote
from fake_etcd.transport.grpc.messages import compress, decompress

from .applications import (
    GrpcExchange,
    Recording,
    StreamRecorder,
    answering,
    grpc_answer,
    grpc_status,
    streaming,
    unary,
)
from .wire import (
    RANGE,
    RANGE_STREAM,
    WATCH,
    Answer,
    data,
    message,
    ping,
    request_fields,
    rst_stream,
    settings,
    window_update,
)

ASK = b"\x0a\x01a"
PROGRESS = message(b"\x1a\x00")
STOP = ("RST_STREAM", 1, "NO_ERROR")
CANCEL = ("RST_STREAM", 1, "CANCEL")
INTERNAL = "fake_etcd: internal error, see the server's log"


def opened(*fields: tuple[str, str], path: str = WATCH) -> tuple[GrpcExchange, Recording]:
    """A stream that is open, and what its handler sees."""
    recorder = StreamRecorder()
    exchange = GrpcExchange(streaming(recorder))
    assert exchange.send(exchange.client.headers(1, request_fields(path, *fields))) == []
    return exchange, recorder.last


def head(*more: tuple[str, str]) -> Answer:
    return ("HEADERS", 1, [(":status", "200"), ("content-type", "application/grpc"), *more])


def trailers(code: int = 0, text: str = "") -> Answer:
    return ("HEADERS", 1, [("grpc-status", str(code)), ("grpc-message", text)], "END")


# --- streams -----------------------------------------------------------------------------


def test_a_stream_goes_both_ways_for_as_long_as_both_like():
    exchange, call = opened()
    assert exchange.send(data(1, PROGRESS)) == []
    call.sink.send(b"one")
    assert exchange.answers() == [head(), ("DATA", 1, message(b"one"))]
    call.sink.send(b"two")
    assert exchange.send(data(1, PROGRESS * 2)) == [("DATA", 1, message(b"two"))]
    assert exchange.send(data(1, b"", end=True)) == []
    call.sink.close()
    assert exchange.answers() == [trailers()]
    assert call.told == [*["message progress_request {\n}"] * 3, "half close"]


def test_a_handler_that_closes_first_stops_the_client():
    exchange, call = opened()
    call.sink.send(b"one")
    call.sink.close(Status(Code.ABORTED, "enough"))
    sent = [head(), ("DATA", 1, message(b"one")), trailers(10, "enough"), STOP]
    assert exchange.answers() == sent
    assert exchange.send(data(1, PROGRESS) + data(1, b"", end=True)) == []
    assert call.told == []


def test_a_stream_closed_without_an_answer_is_a_status_alone():
    exchange, call = opened()
    call.sink.close(Status(Code.UNAVAILABLE, "gone: 100%"))
    assert exchange.answers() == [grpc_status(1, 14, "gone: 100%25"), STOP]


def test_nothing_comes_behind_the_close():
    exchange, call = opened()
    call.sink.close()
    exchange.answers()
    assert call.sink.send(b"more")
    call.sink.close(Status(Code.ABORTED))
    assert exchange.answers() == []


def test_a_status_waits_behind_the_answers_that_wait():
    exchange, call = opened()
    exchange.send(settings((4, 0)))
    call.sink.send(b"one")
    call.sink.close()
    assert exchange.answers() == [head()]
    assert exchange.send(window_update(1, 100)) == [("DATA", 1, message(b"one")), trailers(), STOP]


def test_a_half_close_that_comes_by_itself_is_no_second_request():
    """While the answer to the first waits for its reader."""
    exchange = GrpcExchange(answering(b"answer"))
    exchange.send(settings((4, 0)) + exchange.client.headers(1, request_fields(RANGE)))
    assert exchange.send(data(1, message(ASK))) == [head()]
    assert exchange.send(data(1, b"", end=True)) == []
    assert exchange.send(settings((4, 100))) == [("DATA", 1, message(b"answer")), trailers()]


def test_output_outside_of_a_read_wakes_the_host_and_inside_does_not():
    exchange, call = opened()
    call.on["half close"] = call.sink.close
    assert exchange.woken == 0
    call.sink.send(b"one")
    assert exchange.woken == 1
    exchange.send(data(1, b"", end=True))
    assert exchange.woken == 1


def test_a_server_stream_hears_its_request_when_the_client_has_ended():
    exchange, call = opened(path=RANGE_STREAM)
    exchange.send(data(1, message(ASK)))
    assert call.told == []
    exchange.send(data(1, b"", end=True))
    assert call.told == ['message key: "a"', "half close"]


def test_a_unary_call_may_be_a_stream_that_answers_later():
    recorder = StreamRecorder()
    exchange = GrpcExchange({RANGE: Endpoint(METHODS[RANGE], stream=recorder)})
    assert exchange.send(exchange.client.call(1, ASK)) == []
    assert recorder.last.told == ['message key: "a"', "half close"]
    recorder.last.sink.send(b"late")
    recorder.last.sink.close()
    assert exchange.answers() == grpc_answer(1, message(b"late"))


def test_of_a_unary_call_that_is_a_stream_an_error_is_all_that_is_said():
    recorder = StreamRecorder()
    exchange = GrpcExchange({RANGE: Endpoint(METHODS[RANGE], stream=recorder)})
    exchange.send(exchange.client.call(1, ASK))
    assert recorder.last.sink.send(b"late")
    assert exchange.answers() == []
    recorder.last.sink.close(Status(Code.ABORTED, "no"))
    assert exchange.answers() == [grpc_status(1, 10, "no")]


def test_bytes_of_a_unary_request_are_counted_as_they_came():
    """etcd counts in its codec, before anything is decoded."""
    node = Node()
    exchange = GrpcExchange(registry.endpoints(node))
    with_a_default = ASK + b"\x18\x00"  # limit: 0, which nobody need say
    for stream, request in ((1, ASK), (3, with_a_default)):
        assert len(exchange.send(exchange.client.call(stream, request))) == 3
    count = node.counts.calls[RANGE]
    assert (count.received, count.received_bytes) == (2, len(ASK) + len(with_a_default))


@pytest.mark.parametrize("content_type", ["application/grpc", "application/grpc+proto"])
def test_answers_of_either_content_type_are_constant_bytes_but_for_their_stream(content_type):
    exchange = GrpcExchange(answering(b"answer"))
    fields = [
        (name, content_type if name == "content-type" else value)
        for name, value in request_fields(RANGE)
    ]
    sizes = []
    for stream in (1, 3, 5):
        exchange.grpc.receive(
            exchange.client.headers(stream, fields) + data(stream, message(ASK), end=True), 0.0
        )
        output = exchange.take()
        sizes.append(len(output))
        assert exchange.client.read(output)[-3:] == grpc_answer(
            stream, message(b"answer"), content_type=content_type
        )
    # Three frames' headers, an index for each of four fields, and the message.
    assert sizes[1:] == [3 * 9 + 4 + 5 + len(b"answer")] * 2


@pytest.mark.parametrize(
    ("payload", "code", "text"),
    [
        (b"", 2, "EOF"),
        (message(ASK)[:-1], 2, "unexpected EOF"),
        (
            message(b"\xff"),
            13,
            "grpc: error unmarshalling request: proto: cannot parse invalid wire-format data",
        ),
    ],
)
def test_a_unary_call_that_is_a_stream_has_a_unary_calls_errors(payload, code, text):
    recorder = StreamRecorder()
    exchange = GrpcExchange({RANGE: Endpoint(METHODS[RANGE], stream=recorder)})
    sent = exchange.client.headers(1, request_fields()) + data(1, payload, end=True)
    assert exchange.send(sent) == [grpc_status(1, code, text)]
    assert recorder.last.told == ["cancelled"]


def test_many_streams_keep_to_themselves():
    recorder = StreamRecorder()
    exchange = GrpcExchange({**streaming(recorder), **answering(b"unary")})
    c = exchange.client
    for n in range(50):
        exchange.send(c.headers(4 * n + 1, request_fields(WATCH)) + c.call(4 * n + 3, ASK))
    for n in reversed(range(50)):
        recorder.opened[n].sink.send(b"%d" % n)
    got = [answer[1:] for answer in exchange.answers() if answer[0] == "DATA"]
    assert got == [(4 * n + 1, message(b"%d" % n)) for n in reversed(range(50))]


# --- how calls end before their time ------------------------------------------------------


def test_a_client_that_resets_cancels():
    exchange, call = opened()
    assert exchange.send(rst_stream(1)) == []
    assert call.told == ["cancelled"]
    assert call.sink.send(b"to nobody")
    call.sink.close()
    assert exchange.answers() == []


def test_a_lost_connection_cancels_everything():
    recorder = StreamRecorder()
    exchange = GrpcExchange(streaming(recorder))
    c = exchange.client
    exchange.send(c.headers(1, request_fields(WATCH)) + c.headers(3, request_fields(WATCH)))
    exchange.grpc.lost()
    assert [call.told for call in recorder.opened] == [["cancelled"], ["cancelled"]]
    recorder.last.sink.send(b"to nobody")
    assert exchange.grpc.http2.pending_size == 0


def test_a_cancelled_call_may_end_others_of_its_connection():
    recorder = StreamRecorder()
    exchange = GrpcExchange(streaming(recorder))
    c = exchange.client
    exchange.send(c.headers(1, request_fields(WATCH)) + c.headers(3, request_fields(WATCH), True))
    first, second = recorder.opened
    first.on["cancelled"] = second.sink.close
    exchange.grpc.lost()
    assert (first.told, second.told) == (["cancelled"], ["half close"])


@pytest.mark.parametrize("when", ["open", "message", "half close"])
def test_an_error_that_a_stream_handler_raises_ends_the_call(when):
    def fail() -> None:
        raise errors.COMPACTED

    def on_open(recording: Recording) -> None:
        recording.on = {"message": fail} if when == "message" else {"half close": fail}
        if when == "open":
            fail()

    recorder = StreamRecorder(on_open)
    exchange = GrpcExchange(streaming(recorder))
    sent = exchange.client.headers(1, request_fields(WATCH)) + data(1, PROGRESS, end=True)
    text = "etcdserver: mvcc: required revision has been compacted"
    assert exchange.send(sent) == [grpc_status(1, 11, text)]
    told = {"open": [], "message": ["message progress_request {\n}", "cancelled"]}
    heard = ["message progress_request {\n}", "half close", "cancelled"]
    assert recorder.last.told == told.get(when, heard)


def test_an_error_raised_when_there_is_room_again_ends_the_call():
    exchange, call = opened()
    exchange.send(settings((4, 0)))

    def fail() -> None:
        raise errors.NO_SPACE

    call.on["writable"] = fail
    call.sink.send(bytes(2**18 + 1))
    exchange.answers()
    answers = exchange.send(window_update(1, 2**20) + window_update(0, 2**20))
    assert answers[-2:] == [trailers(8, "etcdserver: mvcc: database space exceeded"), STOP]
    assert call.told == ["writable", "cancelled"]


# --- bugs of handlers ---------------------------------------------------------------------


def broken(*args: object) -> bytes:
    raise ZeroDivisionError("a bug")


def test_a_bug_in_a_unary_handler_is_an_internal_error_and_a_line_in_the_log(caplog):
    exchange = GrpcExchange(unary(broken))
    assert exchange.send(exchange.client.call(1, ASK)) == [grpc_status(1, 13, INTERNAL)]
    assert "bug in the handler of /etcdserverpb.KV/Range" in caplog.text
    assert "ZeroDivisionError: a bug" in caplog.text


@pytest.mark.parametrize("when", ["open", "message", "half close", "cancelled"])
def test_a_bug_in_a_stream_handler_ends_its_call_and_no_other(when, caplog):
    def on_open(recording: Recording) -> None:
        recording.on[when] = broken
        if when == "open":
            broken()

    recorder = StreamRecorder(on_open)
    exchange = GrpcExchange({**streaming(recorder), **answering(b"fine")})
    c = exchange.client
    sent = c.headers(1, request_fields(WATCH)) + data(1, PROGRESS, end=when != "cancelled")
    answers = exchange.send(sent + (rst_stream(1) if when == "cancelled" else b""))
    assert answers == ([] if when == "cancelled" else [grpc_status(1, 13, INTERNAL)])
    logged = [record.exc_info for record in caplog.records if record.levelname == "ERROR"]
    assert [info and info[0] for info in logged] == [ZeroDivisionError]
    assert exchange.send(c.call(3, ASK)) == grpc_answer(3, message(b"fine"))


# --- deadlines ---------------------------------------------------------------------------


def test_a_stream_is_reset_when_its_deadline_comes():
    recorder = StreamRecorder()
    exchange = GrpcExchange(streaming(recorder))
    c = exchange.client
    exchange.send(c.headers(1, request_fields(WATCH, ("grpc-timeout", "1500m"))), now=10.0)
    assert recorder.last.call.deadline == 11.5
    assert exchange.grpc.next_deadline == 11.5
    exchange.grpc.run_deadlines(11.4)
    assert recorder.last.told == []
    exchange.grpc.run_deadlines(11.5)
    assert exchange.answers() == [CANCEL]
    assert recorder.last.told == ["cancelled"]
    assert exchange.grpc.next_deadline is None


def test_deadlines_come_in_the_order_of_their_times():
    recorder = StreamRecorder()
    exchange = GrpcExchange(streaming(recorder))
    c = exchange.client
    for n, timeout in enumerate(("3S", "1S", "2S")):
        exchange.send(c.headers(2 * n + 1, request_fields(WATCH, ("grpc-timeout", timeout))))
    exchange.grpc.run_deadlines(2.0)
    assert exchange.answers() == [("RST_STREAM", 3, "CANCEL"), ("RST_STREAM", 5, "CANCEL")]
    assert exchange.grpc.next_deadline == 3.0


def test_a_unary_request_that_never_ends_is_reset_when_its_deadline_comes():
    exchange = GrpcExchange(answering(b"fine"))
    c = exchange.client
    fields = request_fields(RANGE, ("grpc-timeout", "1S"))
    exchange.send(c.headers(1, fields) + data(1, message(ASK)[:-1]), now=5.0)
    assert exchange.grpc.next_deadline == 6.0
    exchange.grpc.run_deadlines(6.0)
    assert exchange.answers() == [CANCEL]
    assert exchange.send(data(1, message(ASK)[-1:], end=True), now=6.1) == []


def test_a_unary_call_that_is_answered_at_once_leaves_no_deadline():
    exchange = GrpcExchange(answering(b"fine"))
    for n in range(10):
        exchange.send(exchange.client.call(2 * n + 1, ASK, RANGE, ("grpc-timeout", "1S")))
    assert (exchange.grpc._deadlines, exchange.grpc._new_calls) == ([], [])
    assert not exchange.grpc.has_news


def test_a_call_that_waits_behind_a_backlog_is_reset_when_its_deadline_comes():
    exchange = GrpcExchange(answering(bytes(5 * 2**20)))
    exchange.send(settings((4, 0)))
    c = exchange.client
    exchange.send(c.call(1, ASK))
    exchange.send(c.call(3, ASK, RANGE, ("grpc-timeout", "1S")))
    exchange.grpc.run_deadlines(1.0)
    assert exchange.answers() == [("RST_STREAM", 3, "CANCEL")]
    assert exchange.grpc._waiting == {}


def test_a_call_that_has_its_status_is_not_reset_though_its_reader_is_slow():
    """As in grpc-go, whose timer stops when the handler is done."""
    recorder = StreamRecorder()
    exchange = GrpcExchange(streaming(recorder))
    fields = request_fields(WATCH, ("grpc-timeout", "1S"))
    exchange.send(settings((4, 0)) + exchange.client.headers(1, fields, end=True))
    recorder.last.sink.send(b"answer")
    recorder.last.sink.close()
    assert exchange.grpc.next_deadline is None
    exchange.grpc.run_deadlines(2.0)
    assert exchange.answers() == [head()]
    assert exchange.send(settings((4, 100))) == [("DATA", 1, message(b"answer")), trailers()]


def test_a_deadline_that_comes_between_the_status_and_its_sending_changes_nothing():
    exchange, call = opened(("grpc-timeout", "1S"))
    call.sink.close()
    exchange.grpc.run_deadlines(1.0)
    assert exchange.answers() == [grpc_status(1, 0, ""), STOP]
    assert call.told == []


def test_deadlines_of_calls_that_are_over_do_not_pile_up():
    recorder = StreamRecorder()
    exchange = GrpcExchange(streaming(recorder))
    c = exchange.client
    for n in range(1_000):
        fields = request_fields(WATCH, ("grpc-timeout", "9999S"))
        exchange.send(c.headers(2 * n + 1, fields) + rst_stream(2 * n + 1))
    assert len(exchange.grpc._deadlines) < 100
    assert exchange.grpc.next_deadline is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (b"2H", 7200),
        (b"3M", 180),
        (b"4S", 4),
        (b"5m", 0.005),
        (b"6u", 6e-6),
        (b"7n", 7e-9),
        (b"99999999H", 359_999_996_400),
        (b"0S", 0),
    ],
)
def test_a_timeout_is_read_in_its_unit(text, seconds):
    assert decode_timeout(text) == pytest.approx(seconds)


def test_handlers_are_told_a_unary_calls_deadline():
    seen = []

    def handle(request: Message, call: Call) -> bytes:
        seen.append((call.deadline, call.method.path, call.peer))
        return b""

    exchange = GrpcExchange(unary(handle))
    exchange.send(exchange.client.call(1, ASK, RANGE, ("grpc-timeout", "250m")), now=1.0)
    exchange.send(exchange.client.call(3, ASK), now=2.0)
    assert seen == [(1.25, RANGE, "127.0.0.1:9"), (None, RANGE, "127.0.0.1:9")]


# --- metadata ----------------------------------------------------------------------------


def metadata_of(*fields: tuple[str | bytes, str | bytes]) -> object:
    seen = []

    def handle(request: Message, call: Call) -> bytes:
        seen.append(call.metadata)
        return b""

    exchange = GrpcExchange(unary(handle))
    exchange.send(exchange.client.headers(1, fields) + data(1, message(ASK), end=True))
    return seen[0]


def test_metadata_comes_in_order_with_repeats_and_without_grpcs_own_fields():
    fields = (
        *request_fields(),
        ("user-agent", "grpc-go/1.83"),
        ("grpc-accept-encoding", "gzip"),
        ("token", "secret"),
        ("x-bin", "AAEC"),
        ("hasleader", "true"),
        ("token", "again"),
        ("grpc-timeout", "5S"),
        ("grpc-encoding", "identity"),
        ("grpc-message", "no"),
        ("grpc-status", "0"),
        ("grpc-message-type", "x"),
        ("x-bin", ""),
        ("host", "other"),
    )
    assert metadata_of(*fields) == (
        (":authority", "localhost:2379"),
        ("content-type", "application/grpc"),
        ("user-agent", "grpc-go/1.83"),
        ("grpc-accept-encoding", "gzip"),
        ("token", "secret"),
        ("x-bin", b"\0\1\2"),
        ("hasleader", "true"),
        ("token", "again"),
        ("x-bin", b""),
    )


def test_a_host_without_an_authority_becomes_it():
    fields = [field for field in request_fields() if field[0] != ":authority"]
    assert metadata_of(*fields, ("host", "h"))[0] == (":authority", "h")


def test_bytes_that_are_no_text_come_back_from_metadata_as_they_were():
    fields = [(name.encode(), value.encode()) for name, value in request_fields()]
    (_, value) = metadata_of(*fields, (b"x", b"\xffa\xc3\xa9"))[-1]
    assert value == "\udcffa\u00e9"
    assert value.encode("utf-8", "surrogateescape") == b"\xffa\xc3\xa9"


def test_what_is_remembered_of_requests_is_bounded_and_large_ones_are_not():
    exchange = GrpcExchange(answering(b""))
    c = exchange.client
    server = exchange.grpc._server
    for n in range(1_500):
        exchange.send(c.call(2 * n + 1, ASK, RANGE, ("traceparent", str(n))))
    assert len(server._heads) <= 1_024
    known = len(server._heads)
    exchange.send(c.call(3_001, ASK, RANGE, ("token", "t" * 10_000)))
    assert len(server._heads) == known


# --- compression, sizes ------------------------------------------------------------------


@given(st.one_of(st.binary(max_size=2_000), st.integers(0, 100_000).map(bytes)))
def test_what_is_packed_is_unpacked(body):
    assert decompress(compress(body), len(body)) == body
    assert gzip.decompress(compress(body)) == body


@given(st.binary(max_size=300), st.integers(0, 400), st.binary(max_size=4))
def test_no_damaged_message_does_more_than_end_its_call(body, at, noise):
    packed = compress(body)
    damaged = packed[:at] + noise + packed[at + len(noise) :]
    try:
        size, code = len(decompress(damaged, 500)), Code.OK
    except errors.StatusError as error:
        size, code = 0, error.status.code
    assert size <= 500
    assert code in (Code.OK, Code.INTERNAL, Code.RESOURCE_EXHAUSTED)


def test_a_message_of_a_hundred_thousand_tiny_members_takes_no_time_to_speak_of():
    """Each member's rest must not be copied whole: that would be minutes."""
    assert decompress(gzip.compress(b"") * 100_000, 10) == b""


def test_a_bomb_takes_no_more_memory_than_the_limit_allows():
    bomb = gzip.compress(bytes(100 * 2**20), 1)
    tracemalloc.start()
    with pytest.raises(errors.StatusError):
        decompress(bomb, 2**20)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 6 * 2**20


def test_a_gzip_stream_is_packed_message_by_message():
    exchange, call = opened(("grpc-encoding", "gzip"))
    call.sink.send(b"answer" * 100)
    call.sink.close()
    opening, (_, _, payload), ending, _ = exchange.answers()
    assert (opening, ending) == (head(("grpc-encoding", "gzip")), trailers())
    assert (payload[0], int.from_bytes(payload[1:5], "big")) == (1, len(payload) - 5)
    assert gzip.decompress(payload[5:]) == b"answer" * 100


@pytest.mark.parametrize("path", [RANGE, RANGE_STREAM])
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_a_message_of_1_mib_goes_both_ways(path, encoding):
    def answer(recording: Recording) -> None:
        recording.on["message"] = lambda: recording.sink.send(echoed.pop())
        recording.on["half close"] = recording.sink.close

    body = bytes(range(256)) * 4_096
    echoed = [body]

    def handle(request: Message, call: Call) -> bytes:
        assert isinstance(request, messages.RangeRequest)
        return request.key

    exchange = GrpcExchange({**unary(handle), **streaming(StreamRecorder(answer))})
    c = exchange.client
    exchange.send(settings((4, 2**24)) + window_update(0, 2**24))
    request = messages.RangeRequest(key=body).SerializeToString()
    packed = message(gzip.compress(request, 1), 1) if encoding == "gzip" else message(request)
    sent = c.headers(1, request_fields(path, ("grpc-encoding", encoding)))
    pieces = range(0, len(packed), 16_384)
    sent += b"".join(data(1, packed[n : n + 16_384], end=n == pieces[-1]) for n in pieces)
    answers = exchange.send(sent)
    got = b"".join(answer[2] for answer in answers if answer[0] == "DATA")
    whole = gzip.decompress(got[5:]) if encoding == "gzip" else got[5:]
    assert (whole, got[0]) == (body, int(encoding == "gzip"))
    assert [answer for answer in answers if answer[0] == "HEADERS"][-1] == trailers()


# --- texts -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "coded"),
    [
        ("", b""),
        ("plain ~ text!", b"plain ~ text!"),
        ("50% of é\n", b"50%25 of %C3%A9%0A"),
        ("\x7f\x1f", b"%7F%1F"),
        ("\U0001f600", b"%F0%9F%98%80"),
        ("not text: \udcff", b"not text: %EF%BF%BD"),
    ],
)
def test_a_status_text_is_percent_encoded(text, coded):
    assert encode_message(text) == coded


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        (b"", '""'),
        (b'a "b" \\', '"a \\"b\\" \\\\"'),
        (b"\a\b\f\n\r\t\v\x00\x7f", '"\\a\\b\\f\\n\\r\\t\\v\\x00\\x7f"'),
        ("é\u00a0\u2028\ufeff".encode(), '"é\\u00a0\\u2028\\ufeff"'),
        ("\U0001f600\U000e0001".encode(), '"\U0001f600\\U000e0001"'),
        (b"\xff\xc3", '"\\xff\\xc3"'),
    ],
)
def test_quoted_text_is_gos(text, quoted):
    assert go_quote(text) == quoted


def test_many_streams_together_hold_no_more_than_a_connection_may():
    """Each of them could have a quarter of a MiB waiting."""
    streams, message_size = 100, 10_000

    def say(recording: Recording) -> None:
        while recording.sink.send(bytes(message_size)):
            pass

    def opened(recording: Recording) -> None:
        recording.on["message"] = recording.on["writable"] = lambda: say(recording)

    recorder = StreamRecorder(opened)
    exchange = GrpcExchange(streaming(recorder))
    for stream_id in range(1, 2 * streams, 2):
        exchange.send(exchange.client.headers(stream_id, request_fields(WATCH)))
        exchange.send(data(stream_id, PROGRESS))
    most = BACKLOG_LIMIT + streams * (message_size + 5)
    assert BACKLOG_LIMIT < exchange.grpc.http2.pending_size < most
    recorder.opened[-1].on.clear()
    exchange.send(window_update(2 * streams - 1, 2**24) + window_update(0, 2**24))
    assert recorder.opened[-1].told[-1] == "writable"


# --- the end of the connection ------------------------------------------------------------


def test_a_server_that_goes_away_lets_open_calls_end():
    exchange, call = opened()
    exchange.grpc.http2.go_away()
    c = exchange.client
    assert exchange.send(c.headers(3, request_fields(WATCH))) == [("GOAWAY", 1, "NO_ERROR", "")]
    assert exchange.send(data(1, PROGRESS, end=True) + ping()) == [("PING ACK", b"12345678")]
    assert not exchange.grpc.http2.is_done
    call.sink.close()
    assert exchange.answers() == [grpc_status(1, 0, "")]
    assert exchange.grpc.http2.is_done


def test_more_calls_than_allowed_are_refused_and_counted_when_they_end():
    recorder = StreamRecorder()
    exchange = GrpcExchange(streaming(recorder), max_concurrent_streams=1)
    c = exchange.client
    exchange.send(c.headers(1, request_fields(WATCH)))
    refused = exchange.send(c.headers(3, request_fields(WATCH)))
    assert refused == [("RST_STREAM", 3, "REFUSED_STREAM")]
    recorder.last.sink.close()
    exchange.answers()
    assert exchange.send(c.headers(5, request_fields(WATCH))) == []
    assert len(recorder.opened) == 2
