"""What a connection keeps of requests: no more than its bounds, and nobody waits for ever."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fake_etcd.transport.gateway.rules import GatewayRules
from fake_etcd.transport.http2 import intake
from fake_etcd.transport.http2.intake import LARGE_HEAD, LARGE_MESSAGES, MOST_KEPT
from fake_etcd.transport.http2.receiving import RECEIVE_WINDOW
from fake_etcd.transport.http2.streams import STREAM_RECEIVE_WINDOW

from .applications import GrpcExchange, StreamRecorder, answering, grpc_answer, streaming
from .wire import RANGE, WATCH, Answer, data, message, request_fields, rst_stream, window_update

FRAME = 16_384
FREE = b"\x7a"
"""The start of a field that no request has, and that may have any length."""


def a_message(size: int) -> bytes:
    """One of so many bytes with its prefix."""
    body = size - 5
    if not body:
        return message()
    assert body > 5, "a field with a length of four bytes, or none"
    length = body - 5
    groups = [length >> shift & 0x7F for shift in (0, 7, 14, 21)]
    varint = bytes(group | 0x80 for group in groups[:3]) + bytes(groups[3:])
    return message(FREE + varint + bytes(length))


class Sender:
    """A client that sends a frame of each request in turn, as its windows allow."""

    def __init__(self, exchange: GrpcExchange) -> None:
        self.exchange = exchange
        self.connection_window = RECEIVE_WINDOW
        self.windows: dict[int, int] = {}
        self.left: dict[int, memoryview] = {}
        self.answers: list[Answer] = []
        self.most_kept = 0
        self.updates = 0

    def open(self, stream_id: int, request: bytes, path: str = RANGE) -> None:
        self.windows[stream_id] = STREAM_RECEIVE_WINDOW
        self.left[stream_id] = memoryview(request)
        self.take(self.exchange.client.headers(stream_id, request_fields(path)))

    def take(self, sent: bytes) -> None:
        for answer in self.exchange.send_raw(sent):
            if answer[0] != "WINDOW_UPDATE":
                self.answers.append(answer)
                continue
            self.updates += 1
            _, stream_id, increment = answer
            assert isinstance(stream_id, int)
            assert isinstance(increment, int)
            if stream_id:
                self.windows[stream_id] += increment
            else:
                self.connection_window += increment
        self.most_kept = max(self.most_kept, self.exchange.grpc.http2.kept_size)

    def step(self) -> bool:
        """A frame of each; False where nobody may send."""
        moved = False
        for stream_id, left in list(self.left.items()):
            size = min(FRAME, len(left), self.windows[stream_id], self.connection_window)
            if size:
                self.windows[stream_id] -= size
                self.connection_window -= size
                rest = self.left[stream_id] = left[size:]
                if not rest:
                    del self.left[stream_id]
                self.take(data(stream_id, bytes(left[:size]), end=not rest))
                moved = True
        return moved

    def run(self) -> None:
        while self.step():
            pass


def ids(count: int) -> range:
    return range(1, 2 * count, 2)


def is_clean(exchange: GrpcExchange) -> bool:
    http2 = exchange.grpc.http2
    return http2._intake.is_empty and http2.kept_size == 0


def test_a_thousand_large_requests_at_once_all_end_and_few_of_their_bytes_are_kept():
    size = 200_000
    exchange = GrpcExchange(answering(b"answer"))
    sender = Sender(exchange)
    for n in ids(1_000):
        sender.open(n, a_message(size))
    sender.run()
    assert sender.left == {}
    told = [answer for answer in sender.answers if answer[0] == "DATA"]
    assert sorted(told) == [("DATA", n, message(b"answer")) for n in ids(1_000)]
    first_windows = 1_000 * STREAM_RECEIVE_WINDOW
    assert LARGE_MESSAGES < sender.most_kept <= LARGE_MESSAGES + first_windows
    assert is_clean(exchange)


def test_a_large_request_is_let_in_as_a_whole_by_one_window():
    exchange = GrpcExchange(answering(b"answer"))
    sender = Sender(exchange)
    sender.open(1, a_message(1_500_000))
    sender.run()
    assert (sender.left, sender.updates) == ({}, 1)
    assert sender.answers == grpc_answer(1, message(b"answer"))
    assert is_clean(exchange)


def test_one_that_is_larger_than_all_that_may_be_let_in_has_its_turn():
    limit = 2 * LARGE_MESSAGES
    exchange = GrpcExchange(answering(b"answer"), limit)
    sender = Sender(exchange)
    for n in ids(3):
        sender.open(n, a_message(LARGE_MESSAGES + 100_000))
    sender.run()
    assert sender.left == {}
    assert len([answer for answer in sender.answers if answer[0] == "DATA"]) == 3
    assert sender.most_kept <= LARGE_MESSAGES + 100_000 + 2 * STREAM_RECEIVE_WINDOW
    assert is_clean(exchange)


def test_halves_of_messages_are_kept_up_to_the_bound_and_cost_no_more_than_it():
    exchange = GrpcExchange(answering(b"answer"))
    half = a_message(1_500_000)[:STREAM_RECEIVE_WINDOW]
    frames = [half[start : start + FRAME] for start in range(0, len(half), FRAME)]
    fits = MOST_KEPT // len(half)
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for n in ids(fits):
            exchange.send(exchange.client.headers(n, request_fields()))
            for frame in frames:
                assert exchange.send(data(n, frame)) == []
        used = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert exchange.grpc.http2.kept_size == MOST_KEPT
    assert MOST_KEPT < used < 1.25 * MOST_KEPT
    late = 2 * fits + 1
    exchange.send(exchange.client.headers(late, request_fields()))
    assert exchange.send(data(late, frames[0])) == [("RST_STREAM", late, "ENHANCE_YOUR_CALM")]
    assert exchange.grpc.http2.kept_size == MOST_KEPT
    # What needs no keeping is served all the same.
    assert exchange.send(exchange.client.call(late + 2)) == grpc_answer(
        late + 2, message(b"answer")
    )
    exchange.grpc.lost()
    assert is_clean(exchange)


def test_large_header_fields_of_open_calls_are_kept_up_to_the_bound(monkeypatch):
    monkeypatch.setattr(intake, "MOST_KEPT", 10 * LARGE_HEAD)
    exchange = GrpcExchange(streaming(StreamRecorder()))
    # No name twice: what is in the header table is kept once.
    many = [
        exchange.client.headers(
            n, request_fields(WATCH, (f"x-{n}", "v" * 2 * LARGE_HEAD)), pieces=2
        )
        for n in ids(10)
    ]
    answers = [exchange.send(each) for each in many]
    refused = [n for n, answer in zip(ids(10), answers, strict=True) if answer]
    assert refused == [11, 13, 15, 17, 19]
    assert answers[-1] == [("RST_STREAM", 19, "ENHANCE_YOUR_CALM")]
    assert 8 * LARGE_HEAD < exchange.grpc.http2.kept_size <= 10 * LARGE_HEAD
    exchange.grpc.lost()
    assert is_clean(exchange)


def test_what_waits_behind_answers_that_nobody_reads_is_one_window_a_stream():
    recorder = StreamRecorder()
    exchange = GrpcExchange(streaming(recorder))
    sender = Sender(exchange)
    many = ids(5)
    for n in many:
        sender.open(n, a_message(1_000) * 80, WATCH)
        call = recorder.last
        call.on["message"] = lambda call=call: call.sink.send(bytes(100_000))
    sender.run()
    assert len(sender.left) == len(many)
    assert sender.most_kept <= len(many) * STREAM_RECEIVE_WINDOW
    told = [len(call.told) for call in recorder.opened]
    # All goes on, in order and to its end, for a client that reads.
    for call in recorder.opened:
        call.on["half close"] = call.sink.close
    for _ in range(5):
        open_ones = list(exchange.grpc.http2._streams.by_id)
        sender.take(window_update(0, 2**24))
        sender.take(b"".join(window_update(n, 2**24) for n in open_ones))
        sender.run()
    assert max(told) < 10
    assert [len(call.told) for call in recorder.opened] > told
    assert [call.told[-1] for call in recorder.opened] == ["half close"] * len(many)
    assert is_clean(exchange)


Size = st.one_of(
    st.just(5), st.integers(15, 3_000), st.sampled_from([65_536, 65_541, 100_000, 400_000])
)


@given(
    st.lists(st.lists(Size, min_size=1, max_size=4), min_size=1, max_size=12),
    st.sampled_from([65_536, 300_000, LARGE_MESSAGES]),
    st.data(),
)
@settings(max_examples=25, deadline=None)
def test_whatever_comes_in_whatever_order_arrives_and_nothing_is_left(requests, let_in, chosen):
    """Streams of messages of all sizes, frames in any order, some streams reset on the way."""
    recorder = StreamRecorder()
    exchange = GrpcExchange({**streaming(recorder), **answering(b"")})
    sender = Sender(exchange)
    before = intake.LARGE_MESSAGES
    intake.LARGE_MESSAGES = let_in
    try:
        for n, sizes in zip(ids(len(requests)), requests, strict=True):
            sender.open(n, b"".join(map(a_message, sizes)), WATCH)
        gone = chosen.draw(st.sets(st.sampled_from(list(ids(len(requests)))), max_size=3))
        for _ in range(chosen.draw(st.integers(0, 6))):
            sender.step()
        for n in gone & set(sender.left):
            del sender.left[n]
            sender.take(rst_stream(n))
        sender.run()
    finally:
        intake.LARGE_MESSAGES = before
    assert sender.left == {}
    for n, sizes in enumerate(requests):
        told = recorder.opened[n].told
        if told[-1] != "cancelled":
            assert told[-1] == "half close"
            assert len(told) == len(sizes) + 1
    largest = max(map(max, requests))
    first_windows = len(requests) * STREAM_RECEIVE_WINDOW
    assert sender.most_kept <= max(let_in, largest) + first_windows
    http2 = exchange.grpc.http2
    assert http2.kept_size == 0
    assert is_clean(exchange)


@pytest.mark.parametrize("cut", [lambda e: e.grpc.lost(), lambda e: e.grpc.cut()])
def test_a_connection_that_ends_keeps_nothing(cut: Callable[[GrpcExchange], None]):
    exchange = GrpcExchange(answering(b""))
    sender = Sender(exchange)
    for n in ids(200):
        sender.open(n, a_message(1_500_000))
    for _ in range(8):
        sender.step()
    assert exchange.grpc.http2.kept_size > LARGE_MESSAGES // 2
    cut(exchange)
    assert is_clean(exchange)


def test_bodies_of_the_gateway_are_kept_too_and_let_go_when_they_are_whole():
    exchange = GrpcExchange(answering(b""), gateway=GatewayRules())
    fields = (
        *((":method", "POST"), (":scheme", "http"), (":path", "/v3/kv/range")),
        *((":authority", "a"), ("content-type", "application/json")),
    )
    half = b'{"key": "' + b"A" * 10_000
    for n in ids(50):
        exchange.send(exchange.client.headers(n, fields) + data(n, half))
    assert exchange.grpc.http2.kept_size == 50 * len(half)
    for n in ids(50):
        answers = exchange.send(data(n, b'"}', end=True))
        assert [(answer[0], answer[1]) for answer in answers] == [("HEADERS", n), ("DATA", n)]
    assert is_clean(exchange)
