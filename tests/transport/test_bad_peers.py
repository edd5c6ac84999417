"""Peers that mean no good: each meets its bound, nothing is left of it, and others are served."""

from __future__ import annotations

import gc
import tracemalloc

import pytest

from fake_etcd.services.http import HttpRequest, HttpResponse
from fake_etcd.transport import bounds
from fake_etcd.transport.bounds import (
    HEADER_BLOCK_SECONDS,
    HTTP1_OUTPUT,
    IDLE_WORK,
    IDLE_WORK_SECONDS,
    OPENING_SECONDS,
    Patience,
)
from fake_etcd.transport.http1 import Http1Connection
from fake_etcd.transport.http2.frames import ConnectionFailure

from .applications import GrpcExchange, StreamRecorder, answering, grpc_answer, streaming
from .attacks import (
    CALM,
    ENDINGS,
    FLOODS,
    Attack,
    Remains,
    call,
    header_list_bomb,
    watch,
)
from .wire import (
    HELLO,
    PREFACE,
    Answer,
    data,
    message,
    ping,
    rst_stream,
    settings,
    window_update,
)

ALL = [(attack, CALM) for attack in FLOODS] + list(ENDINGS.items())


def everything() -> dict[str, object]:
    return {**answering(b"answer"), **streaming(StreamRecorder())}


def suffer(attack: Attack) -> list[Answer]:
    """Its last answers; the connection is gone then."""
    exchange = GrpcExchange(everything())
    answers: list[Answer] = []
    for sent in attack(exchange.client):
        answers = exchange.send(sent)
        if exchange.grpc.http2.closed:
            break
    exchange.grpc.lost()
    exchange.grpc._wake = int  # the test's own
    return answers


def is_served() -> bool:
    exchange = GrpcExchange(everything())
    return exchange.send(call(exchange.client, 1)) == grpc_answer(1, message(b"answer"))


@pytest.mark.parametrize(("attack", "ending"), ALL, ids=lambda it: getattr(it, "__name__", ""))
def test_a_bad_peer_is_told_why_and_leaves_nothing(attack, ending):
    assert is_served()
    remains = Remains()
    last = suffer(attack)[-1]
    assert (last[0], *last[2:]) == ("GOAWAY", *ending)
    assert remains.found() == {}
    assert is_served()


@pytest.mark.parametrize(("attack", "ending"), ALL, ids=lambda it: getattr(it, "__name__", ""))
def test_memory_is_where_it_was_however_often_the_peer_comes_back(attack, ending, monkeypatch):
    monkeypatch.setattr(bounds, "IDLE_WORK", 1_500)  # each allocation is traced, which takes time
    suffer(attack)  # what is remembered for everybody is there now
    tracemalloc.start()
    try:
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        size = _traced_size(lambda: suffer(attack), before)
    finally:
        tracemalloc.stop()
    assert size < 64 * 1024


def _traced_size(do, before):
    do()
    gc.collect()
    return tracemalloc.get_traced_memory()[0] - before


def test_a_header_list_that_unfolds_ends_its_stream_alone():
    exchange = GrpcExchange(everything())
    assert exchange.send(header_list_bomb(exchange.client)) == [("RST_STREAM", 1, "PROTOCOL_ERROR")]


# --- time --------------------------------------------------------------------------------


@pytest.mark.parametrize("sent", [PREFACE, PREFACE + settings()[:5]])
def test_who_does_not_end_its_preface_is_cut(sent):
    exchange = GrpcExchange(everything(), hello=b"")
    exchange.send(sent)
    assert exchange.grpc.next_deadline == OPENING_SECONDS
    exchange.grpc.run_deadlines(OPENING_SECONDS)
    assert exchange.answers() == [("GOAWAY", 0, "PROTOCOL_ERROR", "the peer takes too long")]
    assert (exchange.grpc.http2.is_done, exchange.grpc.next_deadline) == (True, None)


def test_who_does_not_end_a_header_block_is_cut_and_who_does_is_not():
    exchange = GrpcExchange(everything())
    assert exchange.grpc.next_deadline is None
    begun = exchange.client.headers(1, [("x", "y" * 50)], pieces=2)
    exchange.send(begun[:-20], now=7.0)
    assert exchange.grpc.next_deadline == 7.0 + HEADER_BLOCK_SECONDS
    exchange.send(begun[-20:], now=8.0)
    assert exchange.grpc.next_deadline is None
    exchange.send(exchange.client.headers(3, [("x", "z" * 50)], pieces=2)[:-20], now=9.0)
    exchange.grpc.run_deadlines(9.0 + HEADER_BLOCK_SECONDS)
    last_id, code, why = 1, "PROTOCOL_ERROR", "the peer takes too long"
    assert exchange.answers() == [("GOAWAY", last_id, code, why)]


def test_patience_is_as_much_again_when_enough_time_went_by():
    now = [0.0]
    patience = Patience(lambda: now[0])
    for _ in range(3):
        patience.spend(IDLE_WORK)
        now[0] += IDLE_WORK_SECONDS
        patience.spend()  # the first too many, and there is as much again
    patience.spend(IDLE_WORK)
    with pytest.raises(ConnectionFailure):
        patience.spend()


# --- those who mean well -----------------------------------------------------------------


def test_a_client_that_cancels_a_thousand_calls_at_once_ten_times_a_second_is_served():
    exchange = GrpcExchange(everything())
    for turn in range(10):
        ids = range(2_000 * turn + 1, 2_000 * (turn + 1), 2)
        exchange.send(b"".join(watch(exchange.client, n) for n in ids))
        exchange.send(b"".join(rst_stream(n) for n in ids))
    last = 20_001
    assert exchange.send(call(exchange.client, last)) == grpc_answer(last, message(b"answer"))


def test_requests_with_a_ping_and_two_window_updates_each_are_no_flood():
    exchange = GrpcExchange(everything())
    for turn in range(10_000):
        n = 2 * turn + 1
        more = ping() + window_update(0, 8_192) if turn % 2 else ping()
        answers = exchange.send(call(exchange.client, n) + more)
        assert answers[: len(grpc_answer(n))] != []
    assert not exchange.grpc.http2.closed


# --- a stream cut anywhere ---------------------------------------------------------------


def test_a_connection_cut_at_any_byte_leaves_nothing():
    remains = Remains()
    client = GrpcExchange(everything(), hello=b"").client
    whole = HELLO + call(client, 1) + watch(client, 3) + data(3, message(b"\x0a\x00"))
    for end in range(len(whole) + 1):
        exchange = GrpcExchange(everything(), hello=b"")
        exchange.send(whole[:end])
        exchange.grpc.lost()
        exchange.grpc._wake = int
    del exchange
    assert remains.found() == {}
    assert is_served()


# --- HTTP/1.1 ----------------------------------------------------------------------------


def test_answers_to_pipelined_requests_wait_while_nobody_takes_the_first_ones():
    asked: list[str] = []

    def handle(request: HttpRequest) -> HttpResponse:
        asked.append(request.target)
        return HttpResponse(200, (), b"x" * 2**19)

    http1 = Http1Connection(handle)
    request = b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"
    out = http1.receive(request * 100)
    assert (len(asked), http1.has_more) == (2, True)
    assert len(out) > HTTP1_OUTPUT
    while http1.has_more:
        assert len(http1.receive(b"")) < 2 * HTTP1_OUTPUT
    assert (len(asked), http1.is_inside_request) == (100, False)


SMUGGLED = b"0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.mark.parametrize(
    "fields",
    [
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Content-Length: 4\r\nContent-Length: 5\r\n",
        b"Content-Length: +4\r\n",
        b"Content-Length: 0x4\r\n",
    ],
    ids=lambda fields: fields.decode().strip(),
)
def test_no_request_is_smuggled_in_the_body_of_another(fields):
    asked: list[str] = []

    def handle(request: HttpRequest) -> HttpResponse:
        asked.append(request.target)
        return HttpResponse(200, (), b"")

    http1 = Http1Connection(handle)
    http1.receive(b"POST /first HTTP/1.1\r\nHost: a\r\n" + fields + b"\r\n" + SMUGGLED)
    # A chunked body ends before the second request, which then is one of its own.
    assert http1.closed or asked == ["/first", "/smuggled"], asked
    assert http1.closed or b"Transfer-Encoding: chunked" in fields


def test_a_request_to_speak_http2_from_here_on_is_answered_as_any_other():
    http1 = Http1Connection(lambda request: HttpResponse(200, (), request.target.encode()))
    out = http1.receive(
        b"GET /a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\n"
        b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n"
    )
    assert out.startswith(b"HTTP/1.1 200 OK\r\n")
    assert http1.receive(HELLO).startswith(b"HTTP/1.1 ")
    assert http1.closed
