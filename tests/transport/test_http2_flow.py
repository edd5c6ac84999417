"""Flow control both ways: what waits, for whom, in which order, and how much of it at most."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_etcd.services.call import Call
from fake_etcd.transport.grpc import connection as grpc_connection
from fake_etcd.transport.grpc.connection import BACKLOG_LIMIT, WAITING_LIMIT
from fake_etcd.transport.grpc.stream_call import SINK_LIMIT
from fake_etcd.transport.http2.connection import RECEIVE_WINDOW
from fake_etcd.transport.http2.frames import Setting
from fake_etcd.transport.http2.sending import OUTPUT_LIMIT, Sending
from fake_etcd.transport.http2.streams import STREAM_RECEIVE_WINDOW, Stream

from .applications import (
    GrpcExchange,
    PlainExchange,
    StreamRecorder,
    answering,
    grpc_answer,
    plain_answer,
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
    request_fields,
    rst_stream,
    settings,
    window_update,
)

POST = ((":method", "POST"), (":scheme", "http"), (":path", "/p"))
FRAME = 16_384


def window(size: int) -> bytes:
    return settings((Setting.INITIAL_WINDOW_SIZE, size))


def asks(exchange: PlainExchange, *stream_ids: int) -> list[Answer]:
    return exchange.send(b"".join(exchange.client.headers(n, POST, end=True) for n in stream_ids))


def head(stream_id: int) -> Answer:
    return plain_answer(stream_id)[0]


def tail(stream_id: int) -> Answer:
    return plain_answer(stream_id)[-1]


def body_sizes(answers: list[Answer]) -> list[tuple[object, int]]:
    return [(answer[1], len(answer[2])) for answer in answers if answer[0] == "DATA"]


# --- what the client allows us to send ---------------------------------------------------


def test_a_body_is_cut_at_the_streams_window_and_goes_on_when_it_opens():
    exchange = PlainExchange(body=b"0123456789")
    exchange.send(window(4))
    assert asks(exchange, 1) == [head(1), ("DATA", 1, b"0123")]
    assert exchange.http2.pending_size == 6
    assert exchange.send(window_update(1, 3)) == [("DATA", 1, b"456")]
    assert exchange.send(window_update(1, 100)) == [("DATA", 1, b"789"), tail(1)]
    assert exchange.http2.pending_size == 0


def test_a_body_is_cut_at_the_connections_window_and_at_frames():
    exchange = PlainExchange(body=b"x" * 70_000)
    exchange.send(window(2**20))
    answers = asks(exchange, 1)
    assert body_sizes(answers) == [(1, FRAME), (1, FRAME), (1, FRAME), (1, 65_535 - 3 * FRAME)]
    answers = exchange.send(window_update(0, 10_000))
    assert body_sizes(answers) == [(1, 70_000 - 65_535)]
    assert answers[-1] == tail(1)


def test_frames_are_as_large_as_the_client_takes_them():
    exchange = PlainExchange(body=b"x" * 50_000)
    exchange.send(settings((Setting.MAX_FRAME_SIZE, 40_000)))
    assert body_sizes(asks(exchange, 1)) == [(1, 40_000), (1, 10_000)]


def test_a_smaller_initial_window_takes_back_what_a_stream_was_given():
    exchange = PlainExchange(body=b"x" * 100)
    exchange.send(window(60))
    assert body_sizes(asks(exchange, 1)) == [(1, 60)]
    exchange.send(window(10))  # the stream's window is -50 now
    assert exchange.send(window_update(1, 50)) == []
    assert exchange.send(window_update(1, 1)) == [("DATA", 1, b"x")]
    assert body_sizes(exchange.send(window(40))) == [(1, 30)]
    assert exchange.send(window_update(1, 9)) == [("DATA", 1, b"x" * 9), tail(1)]


def test_a_window_of_0_holds_the_body_but_not_the_head():
    exchange = PlainExchange(body=b"x")
    exchange.send(window(0))
    assert asks(exchange, 1) == [head(1)]
    assert exchange.send(window(1)) == [("DATA", 1, b"x"), tail(1)]


def test_a_window_update_of_one_stream_looks_at_no_other(monkeypatch):
    """Else a client with many slow streams makes each of its frames cost as much as all of them."""
    looked_at = []
    send_some = Sending._send_some

    def record(self: Sending, stream: Stream) -> bool:
        looked_at.append(stream.id)
        return send_some(self, stream)

    exchange = PlainExchange(body=b"x" * 100)
    exchange.send(window(10))
    asks(exchange, *range(1, 200, 2))
    monkeypatch.setattr(Sending, "_send_some", record)
    assert exchange.send(window_update(7, 5)) == [("DATA", 7, b"x" * 5)]
    assert set(looked_at) == {7}
    assert len(looked_at) <= 2


def test_blocked_streams_take_turns_a_frame_each():
    exchange = PlainExchange(body=b"x" * 40_000)
    exchange.send(window(2**20))
    exchange.http2.pause()
    asks(exchange, 1, 3, 5)
    exchange.http2.resume()
    turns = [(1, FRAME), (3, FRAME), (5, FRAME), (1, 65_535 - 3 * FRAME)]
    assert body_sizes(exchange.send(b"")) == turns
    answers = exchange.send(window_update(0, 2**20))
    last = 40_000 - 2 * FRAME
    assert body_sizes(answers) == [(1, last + 1), (3, FRAME), (5, FRAME), (3, last), (5, last)]


def test_a_stream_that_writes_on_whenever_it_may_does_not_starve_the_others():
    """`drained` comes in the midst of a round; what is written there is the next round's."""
    exchange = PlainExchange(body=b"x" * 40_000)
    exchange.send(window(2**20))
    http2 = exchange.http2
    exchange.send(exchange.client.headers(1, POST))
    greedy = exchange.application.streams[1]

    class Greedy:
        def drained(self) -> None:
            http2.send_data(greedy, b"g" * FRAME)

    greedy.user = Greedy()
    http2.pause()
    http2.send_data(greedy, b"g" * FRAME)
    asks(exchange, 3)
    http2.resume()
    assert [turn[0] for turn in body_sizes(exchange.send(b""))] == [1, 3, 3, 1]


def test_a_reset_gives_back_what_waited():
    exchange = PlainExchange(body=b"x" * 100)
    exchange.send(window(0))
    asks(exchange, 1, 3)
    exchange.send(rst_stream(1))
    assert (exchange.http2.pending_size, list(exchange.http2.sending.blocked)) == (100, [3])
    exchange.send(rst_stream(3))
    assert (exchange.http2.pending_size, list(exchange.http2.sending.blocked)) == (0, [])


@given(
    st.integers(1, 4),
    st.lists(
        st.one_of(
            st.tuples(st.just("stream"), st.integers(0, 3), st.integers(1, 40_000)),
            st.tuples(st.just("connection"), st.just(0), st.integers(1, 60_000)),
            st.tuples(st.just("initial"), st.just(0), st.integers(0, 50_000)),
            st.tuples(st.just("pause"), st.just(0), st.booleans()),
        ),
        max_size=20,
    ),
)
def test_whatever_the_windows_do_none_is_overrun_and_every_byte_arrives(count, steps):
    body = bytes(range(256)) * 200
    exchange = PlainExchange(body=body)
    streams = [2 * n + 1 for n in range(count)]
    exchange.send(window(0))
    answers = asks(exchange, *streams)
    allowed, given_to = {0: 65_535, **dict.fromkeys(streams, 0)}, 0
    got = dict.fromkeys(streams, b"")
    wide = [("initial", 0, len(body)), ("connection", 0, 2**20), ("pause", 0, False)]
    for kind, n, amount in [*steps, *wide]:
        target = streams[n % count] if kind == "stream" else 0
        if kind == "pause":
            exchange.http2.pause() if amount else exchange.http2.resume()
            answers = exchange.send(b"")
        elif kind == "initial":
            for stream_id in streams:
                allowed[stream_id] += amount - given_to
            given_to = amount
            answers = exchange.send(window(amount))
        else:
            allowed[target] += amount
            answers = exchange.send(window_update(target, amount))
        for stream_id, size in body_sizes(answers):
            allowed[stream_id] -= size
            allowed[0] -= size
            assert allowed[stream_id] >= 0
            assert allowed[0] >= 0
        for answer in answers:
            if answer[0] == "DATA":
                got[answer[1]] += answer[2]
    assert got == dict.fromkeys(streams, body)
    assert exchange.http2.pending_size == exchange.http2.open_streams == 0


# --- the socket --------------------------------------------------------------------------


def test_a_full_socket_holds_bodies_until_it_resumes():
    exchange = PlainExchange(body=b"body")
    exchange.http2.pause()
    assert asks(exchange, 1) == [head(1)]
    assert exchange.send(window_update(1, 5)) == []
    exchange.http2.resume()
    assert exchange.send(b"") == [("DATA", 1, b"body"), tail(1)]


def test_one_output_holds_little_more_than_its_limit_however_much_the_client_allows():
    exchange = PlainExchange(body=b"x" * 100_000)
    exchange.send(window(2**31 - 1) + window_update(0, 2**31 - 1 - 65_535))
    http2, c = exchange.http2, exchange.client
    http2.receive(b"".join(c.headers(2 * n + 1, POST, end=True) for n in range(100)))
    outputs = list(iter(http2.take_output, b""))
    assert max(map(len, outputs)) < OUTPUT_LIMIT + 2 * FRAME
    answers = c.read(b"".join(outputs))
    assert sum(size for _, size in body_sizes(answers)) == 100 * 100_000
    assert http2.open_streams == 0


def test_a_host_that_stops_fetching_output_stops_the_rest():
    exchange = PlainExchange(body=b"x" * 4 * OUTPUT_LIMIT)
    exchange.send(window(2**31 - 1) + window_update(0, 2**31 - 1 - 65_535))
    http2 = exchange.http2
    http2.receive(exchange.client.headers(1, POST, end=True))
    http2.take_output()
    http2.pause()
    assert http2.take_output() == b""
    assert http2.pending_size > 2 * OUTPUT_LIMIT


# --- what we allow the client ------------------------------------------------------------


def window_updates(answers: list[Answer]) -> list[tuple[object, object]]:
    return [(answer[1], answer[2]) for answer in answers if answer[0] == "WINDOW_UPDATE"]


def test_windows_are_filled_up_when_half_is_used_padding_included():
    exchange = PlainExchange()
    exchange.send(exchange.client.headers(1, POST))
    used = 0
    updates = []
    while not updates:
        updates = window_updates(exchange.send_raw(data(1, bytes(100), padding=155)))
        used += 256
    assert updates == [(1, used)]
    assert STREAM_RECEIVE_WINDOW // 2 < used <= STREAM_RECEIVE_WINDOW // 2 + 256


def test_the_connections_window_is_filled_up_whatever_becomes_of_the_streams():
    exchange = PlainExchange()
    exchange.send(exchange.client.headers(1, POST) + rst_stream(1))
    frames = RECEIVE_WINDOW // 2 // FRAME
    for _ in range(frames):
        assert window_updates(exchange.send_raw(data(1, bytes(FRAME)))) == []
    used = RECEIVE_WINDOW // 2 + FRAME
    assert window_updates(exchange.send_raw(data(1, bytes(FRAME)))) == [(0, used)]


def test_the_last_bytes_of_a_request_need_no_window():
    exchange = PlainExchange()
    exchange.send(exchange.client.headers(1, POST))
    for _ in range(32):
        exchange.send(data(1, bytes(FRAME)))
    assert window_updates(exchange.send_raw(data(1, bytes(FRAME), end=True))) == []


def watch(exchange: GrpcExchange, stream_id: int = 1) -> bytes:
    return exchange.client.headers(stream_id, request_fields(WATCH))


def test_who_does_not_read_the_answers_may_not_go_on_asking():
    """Held by the window: the server neither reads on for ever nor forgets what was sent."""
    recorder = StreamRecorder()
    exchange = GrpcExchange(streaming(recorder))
    exchange.send(window(0))
    exchange.send(watch(exchange))
    call = recorder.last
    call.on["message"] = lambda: call.sink.send(bytes(100_000))
    sent = 0
    while sent + FRAME <= STREAM_RECEIVE_WINDOW:
        chunk = message(b"\x1a\x00" * ((FRAME - 5) // 2))
        assert window_updates(exchange.send_raw(data(1, chunk))) == []
        sent += len(chunk)
    assert exchange.grpc.http2.pending_size < SINK_LIMIT + 100_005 + 1
    assert len(call.told) == 3
    assert exchange.send(data(1, bytes(FRAME))) == [("RST_STREAM", 1, "FLOW_CONTROL_ERROR")]
    assert call.told[-1] == "cancelled"


def test_the_end_of_a_request_waits_behind_what_waits():
    recorder = StreamRecorder()
    exchange = GrpcExchange(streaming(recorder))
    exchange.send(window(0) + watch(exchange))
    call = recorder.last
    sends(call, 1, SINK_LIMIT)
    exchange.send(data(1, message(b"\x1a\x00"), end=True))
    assert call.told == []
    exchange.send(window(2**20) + window_update(0, 2**20))
    assert call.told == ["writable", "message progress_request {\n}", "half close"]


def test_a_reader_that_comes_back_gets_all_its_answers_and_a_new_window():
    recorder = StreamRecorder()
    exchange = GrpcExchange(streaming(recorder))
    exchange.send(window(0) + window_update(0, 2**30))
    exchange.send(watch(exchange))
    call = recorder.last
    call.on["message"] = lambda: call.sink.send(bytes(20_000))
    for _ in range(50):
        exchange.send(data(1, message(b"\x1a\x00" * 500)))
    assert len(call.told) < 50
    call.on["half close"] = lambda: call.sink.close()
    used = STREAM_RECEIVE_WINDOW - exchange.grpc.http2._streams.by_id[1].receive_window
    assert used > STREAM_RECEIVE_WINDOW // 2
    answers = exchange.send_raw(window_update(1, 2**30))
    assert window_updates(answers) == [(1, used)]
    answers += exchange.send_raw(data(1, b"", end=True))
    assert sum(size for _, size in body_sizes(answers)) == 50 * 20_005
    assert answers[-1] == grpc_answer(1)[-1]
    assert [what.split()[0] for what in call.told].count("message") == 50
    assert call.told[-1] == "half close"


# --- bounds on what is held for a reader that never reads ---------------------------------


def held(exchange: GrpcExchange) -> int:
    """Bytes of answers and of requests that wait."""
    return exchange.grpc.http2.pending_size + exchange.grpc._waiting_bytes


def test_unary_calls_of_a_reader_that_never_reads_wait_and_are_refused_at_last(monkeypatch):
    limit = 2**20
    monkeypatch.setattr(grpc_connection, "WAITING_LIMIT", limit)
    answer = bytes(100_000)
    exchange = GrpcExchange(answering(answer))
    exchange.send(window(0))
    c = exchange.client
    request = b"\x0a\x84\x07" + bytes(900)
    answers: list[Answer] = []
    for n in range(1_500):
        answers += exchange.send(c.call(2 * n + 1, request))
        assert held(exchange) <= BACKLOG_LIMIT + len(answer) + 5 + limit
    served = BACKLOG_LIMIT // (len(answer) + 5) + 1
    assert exchange.grpc.http2.pending_size == served * (len(answer) + 5)
    waiting = limit // (1_024 + len(request))
    refused = [a for a in answers if a[0] == "RST_STREAM"]
    assert refused == [
        ("RST_STREAM", 2 * n + 1, "REFUSED_STREAM") for n in range(served + waiting, 1_500)
    ]
    # The reader comes back: whoever waited is served, in order.
    late = exchange.send(window(2**30) + window_update(0, 2**30))
    ends = [a[1] for a in late if a[0] == "HEADERS" and a[-1] == "END"]
    assert ends == [2 * n + 1 for n in range(served + waiting)]
    assert held(exchange) == 0


def test_large_requests_that_wait_are_bounded_by_their_bytes():
    exchange = GrpcExchange(answering(bytes(BACKLOG_LIMIT + 1)))
    exchange.send(window(0))
    c = exchange.client
    exchange.send(c.call(1))
    body = b"\x0a\x80\x80\x40" + bytes(2**20)
    reset = []
    for n in range(1, 20):
        request = message(body)
        parts = [request[i : i + FRAME] for i in range(0, len(request), FRAME)]
        out = c.headers(2 * n + 1, request_fields(RANGE))
        for part in parts:
            out += data(2 * n + 1, part, end=part is parts[-1])
        reset += [a[1:] for a in exchange.send(out) if a[0] == "RST_STREAM"]
    assert exchange.grpc._waiting_bytes <= WAITING_LIMIT == 16 * 2**20
    assert reset == [(2 * n + 1, "REFUSED_STREAM") for n in range(16, 20)]


def test_a_call_that_waits_takes_its_late_end_quietly_and_leaves_when_it_is_reset():
    exchange = GrpcExchange(answering(bytes(BACKLOG_LIMIT + 1)))
    exchange.send(window(0))
    c = exchange.client
    exchange.send(c.call(1))
    exchange.send(c.headers(3, request_fields()) + data(3, message()))
    exchange.send(c.headers(5, request_fields()) + data(5, message()))
    assert exchange.send(data(3, b"", end=True)) == []
    assert list(exchange.grpc._waiting) == [3, 5]
    exchange.send(rst_stream(5))
    assert (list(exchange.grpc._waiting), exchange.grpc._waiting_bytes) == ([3], 1_024)
    exchange.send(rst_stream(1))
    assert (exchange.grpc._waiting, exchange.grpc.http2.open_streams) == ({}, 1)
    exchange.send(rst_stream(3))  # its answer waits now
    assert exchange.grpc.http2.open_streams == 0


def test_many_answers_to_one_read_are_held_back_though_the_windows_are_wide_open():
    answer = bytes(200_000)
    served = []

    def handle(request: object, call: Call) -> bytes:
        served.append(call)
        return answer

    exchange = GrpcExchange(unary(handle))
    exchange.send(window(2**31 - 1) + window_update(0, 2**31 - 1 - 65_535))
    c = exchange.client
    exchange.grpc.receive(b"".join(c.call(2 * n + 1) for n in range(300)), 0.0)
    most = (OUTPUT_LIMIT + BACKLOG_LIMIT) // len(answer) + 3
    assert len(served) <= most
    outputs = list(iter(exchange.grpc.take_output, b""))
    assert len(served) == 300
    assert max(map(len, outputs)) < OUTPUT_LIMIT + len(answer) + FRAME
    ends = [a[1] for a in c.read(b"".join(outputs)) if a[0] == "HEADERS" and a[-1] == "END"]
    assert ends == [2 * n + 1 for n in range(300)]


def test_many_small_answers_to_one_read_are_held_back_too():
    answer = bytes(15_000)
    exchange = GrpcExchange(answering(answer))
    exchange.send(window(2**31 - 1) + window_update(0, 2**31 - 1 - 65_535))
    c = exchange.client
    exchange.grpc.receive(b"".join(c.call(2 * n + 1) for n in range(500)), 0.0)
    outputs = list(iter(exchange.grpc.take_output, b""))
    assert max(map(len, outputs)) < OUTPUT_LIMIT + 2 * FRAME + 100 * 500  # and heads of those held
    ends = [a[1] for a in c.read(b"".join(outputs)) if a[0] == "HEADERS" and a[-1] == "END"]
    assert ends == [2 * n + 1 for n in range(500)]


def sends(call: object, count: int, size: int) -> list[bool]:
    return [call.sink.send(bytes(size)) for _ in range(count)]


def test_a_sink_says_that_it_is_full_and_tells_once_when_all_is_gone():
    recorder = StreamRecorder()
    exchange = GrpcExchange(streaming(recorder))
    exchange.send(window(0) + watch(exchange))
    call = recorder.last
    size = SINK_LIMIT // 4
    assert sends(call, 4, size - 5) == [True, True, True, True]  # just at the limit
    assert sends(call, 2, 1) == [False, False]
    assert call.told == []
    exchange.send(window_update(1, SINK_LIMIT + 11) + window_update(0, SINK_LIMIT))
    assert call.told == []
    exchange.send(window_update(1, 1))
    assert call.told == ["writable"]
    exchange.send(window_update(1, 100))
    assert call.told == ["writable"]


def test_a_sink_that_was_full_tells_when_all_is_gone_whatever_was_sent_since():
    """The handler that waits for `writable` need not be the only one that sends."""
    recorder = StreamRecorder()
    exchange = GrpcExchange(streaming(recorder))
    exchange.send(window(0) + watch(exchange))
    call = recorder.last
    assert sends(call, 1, SINK_LIMIT) == [False]
    exchange.send(window_update(1, 100_000) + window_update(0, SINK_LIMIT))
    sends(call, 1, 1)
    exchange.send(window_update(1, SINK_LIMIT))
    assert call.told == ["writable"]


class Flood:
    """A stream whose answers come fast or slowly."""

    def __init__(self, start: bytes = window(2**20) + window_update(0, 2**20)) -> None:
        recorder = StreamRecorder()
        self.exchange = GrpcExchange(streaming(recorder))
        self.exchange.send(start + watch(self.exchange))
        self.call = recorder.last
        self.now = 50.0
        self.exchange.grpc.time = lambda: self.now

    def send(self, *counts: int, seconds: float = 0.0) -> list[bool]:
        """Answers in pieces of so many, so long from each other."""
        said = []
        for count in counts:
            said.append(self.call.sink.send_all([b"x"] * count))
            self.now += seconds
        return said

    def wait_until(self, now: float) -> None:
        self.now = now
        self.exchange.grpc.run_deadlines(now)


def test_a_sink_that_is_flooded_takes_a_breath():
    flood = Flood()
    assert flood.send(1, 127, 1, 1, seconds=0.001) == [True, True, False, False]
    assert flood.exchange.grpc.next_deadline == pytest.approx(50.022)
    flood.wait_until(50.021)
    assert flood.call.told == []
    flood.wait_until(50.0221)
    assert flood.call.told == ["writable"]
    assert flood.send(128, 1) == [True, False], "and the count begins anew"


def test_answers_that_come_slowly_are_no_flood():
    flood = Flood()
    assert flood.send(*[128] * 50, seconds=0.005) == [True] * 50
    assert flood.exchange.grpc.next_deadline is None


def test_answers_that_were_asked_for_are_no_flood():
    flood = Flood()
    assert sends(flood.call, 500, 1) == [True] * 500


def test_a_sink_out_of_breath_is_full_though_all_is_gone():
    flood = Flood(window(0))
    assert flood.send(129) == [False]
    flood.exchange.send(window_update(1, 10_000))
    assert (flood.exchange.grpc.http2.pending_size, flood.call.told) == (0, [])
    flood.wait_until(50.02)
    assert flood.call.told == ["writable"]


def test_a_sink_with_its_breath_back_is_full_until_all_is_gone():
    flood = Flood(window(0))
    assert flood.send(129) == [False]
    flood.wait_until(50.02)
    assert flood.call.told == []
    flood.exchange.send(window_update(1, 10_000))
    assert flood.call.told == ["writable"]


def test_a_stream_that_ends_in_a_flood_is_told_nothing_more():
    flood = Flood()
    assert flood.send(129) == [False]
    flood.call.sink.close()
    flood.wait_until(50.02)
    assert flood.call.told == []
    assert flood.exchange.grpc.next_deadline is None


def test_a_sink_that_was_never_full_is_told_nothing():
    recorder = StreamRecorder()
    exchange = GrpcExchange(streaming(recorder))
    exchange.send(window(0) + watch(exchange))
    assert recorder.last.sink.send(b"x")
    exchange.send(window_update(1, 100))
    assert recorder.last.told == []


def test_a_handler_that_writes_until_told_to_stop_never_holds_more_than_its_limit():
    recorder = StreamRecorder()
    exchange = GrpcExchange(streaming(recorder))
    exchange.send(window(2**20) + window_update(0, 2**30) + watch(exchange))
    call = recorder.last
    left = [400]
    most = [0]

    def write() -> None:
        while left[0]:
            left[0] -= 1
            go_on = call.sink.send(bytes(50_000))
            most[0] = max(most[0], exchange.grpc.http2.pending_size)
            if not go_on:
                return
        call.sink.close()

    call.on["writable"] = write
    write()
    got = 0
    while True:
        answers = exchange.answers()
        if not answers:
            break
        got += sum(size for _, size in body_sizes(answers))
        exchange.grpc.receive(window_update(1, 2**20), 0.0)
    assert got == 400 * 50_005
    assert most[0] <= SINK_LIMIT + 50_005
    assert exchange.grpc.http2.open_streams == 0


@pytest.mark.parametrize("what", ["close", "reset", "lost"])
def test_an_ended_stream_is_never_told_that_it_can_write(what):
    recorder = StreamRecorder()
    exchange = GrpcExchange(streaming(recorder))
    exchange.send(window(0) + watch(exchange))
    call = recorder.last
    sends(call, 2, SINK_LIMIT)
    ends: dict[str, Callable[[], object]] = {
        "close": call.sink.close,
        "reset": lambda: exchange.send(rst_stream(1)),
        "lost": exchange.grpc.lost,
    }
    ends[what]()
    exchange.grpc.receive(window_update(1, 2**20) + window_update(0, 2**20), 0.0)
    assert call.told == ([] if what == "close" else ["cancelled"])
    assert call.sink.send(b"more")
    assert exchange.grpc.http2.pending_size == 0


def test_the_few_that_need_no_turn_are_not_kept_from_the_wire_by_a_backlog():
    """A backlog of one stream's answers holds later unary calls, and nothing else."""
    recorder = StreamRecorder()
    exchange = GrpcExchange({**streaming(recorder), **answering(b"a")})
    exchange.send(window(0) + watch(exchange))
    recorder.last.sink.send(bytes(BACKLOG_LIMIT + 1))
    exchange.answers()
    c = exchange.client
    assert exchange.send(c.call(3)) == []
    exchange.send(watch(exchange, 5))
    recorder.last.sink.close()
    assert exchange.answers()[0][:2] == ("HEADERS", 5)
    assert exchange.send(rst_stream(1) + window(100)) == grpc_answer(3, message(b"a"))


def test_streams_with_one_request_wait_behind_a_backlog_too():
    """Else a caller who reads nothing has a first answer kept for each stream it opens."""
    body = b"x" * 2**20

    def answer(recording):
        recording.sink.send(body)
        recording.sink.close()

    class Answering(StreamRecorder):
        def __call__(self, call, sink):
            recording = super().__call__(call, sink)
            recording.message = lambda request: answer(recording)
            return recording

    recorder = Answering()
    exchange = GrpcExchange(streaming(recorder))
    exchange.send(window(0))
    calls = range(1, 600, 2)
    for n in calls:
        ask = exchange.client.headers(n, request_fields(RANGE_STREAM))
        exchange.send(ask + data(n, message(b""), True))
    assert BACKLOG_LIMIT < exchange.grpc.http2.pending_size <= BACKLOG_LIMIT + len(body) + 5
    assert len(exchange.grpc._put_off) == 256
    exchange.send(rst_stream(calls[10]))
    assert len(exchange.grpc._put_off) == 255
    exchange.send(window_update(0, 2**30) + window(2**21))
    assert exchange.grpc._put_off == {}
    assert exchange.grpc.http2.open_streams == exchange.grpc.http2.pending_size == 0
