"""The end of a gRPC connection that a server brings about, in virtual time."""

from __future__ import annotations

from fake_etcd.api.methods import METHODS
from fake_etcd.services.call import Endpoint
from fake_etcd.services.http import HttpResponse, no_body
from fake_etcd.transport.grpc.connection import GrpcConnection
from fake_etcd.transport.grpc.server import GrpcServer
from fake_etcd.transport.http2.pages import Pages

from .applications import StreamRecorder, grpc_answer, grpc_status, streaming
from .wire import (
    HELLO,
    RANGE,
    WATCH,
    Answer,
    Client,
    data,
    message,
    ping,
    request_fields,
    rst_stream,
)

FAREWELL = bytes((1, 6, 1, 8, 0, 3, 3, 9))
FIRST_WORD = [("GOAWAY", 2**31 - 1, "NO_ERROR", "graceful_stop"), ("PING", FAREWELL)]


def last_word(stream_id: int) -> Answer:
    return ("GOAWAY", stream_id, "NO_ERROR", "graceful_stop")


class Line:
    """A client of a server whose watches and ranges answer when the test says so."""

    def __init__(self, is_behind_http: bool = False) -> None:
        self.watches, self.ranges = StreamRecorder(), StreamRecorder()
        endpoints = {
            **streaming(self.watches),
            RANGE: Endpoint(METHODS[RANGE], stream=self.ranges),
        }
        pages = Pages(lambda request: HttpResponse(404), no_body, lambda: "now")
        self.now = 100.0
        self.grpc = GrpcConnection(
            GrpcServer(endpoints, 1_000, pages),
            time=lambda: self.now,
            is_behind_http=is_behind_http,
        )
        self.client = Client()
        self.send(HELLO)

    def send(self, sent: bytes) -> list[Answer]:
        self.grpc.receive(sent, self.now)
        return self.take()

    def take(self) -> list[Answer]:
        return self.client.read(b"".join(iter(self.grpc.take_output, b"")))

    def run_to(self, now: float) -> list[Answer]:
        while (at := self.grpc.next_deadline) is not None and at <= now:
            self.now = at
            self.grpc.run_deadlines(at)
        self.now = now
        return self.take()

    def watch(self, stream_id: int) -> bytes:
        return self.client.headers(stream_id, request_fields(WATCH))


def test_calls_are_taken_until_the_client_knows_of_the_stop() -> None:
    line = Line()
    line.send(line.watch(1))
    line.grpc.prepare_to_stop()
    line.grpc.prepare_to_stop()
    assert line.take() == FIRST_WORD
    assert line.send(line.watch(3) + ping()) == [("PING ACK", b"12345678")]
    assert len(line.watches.opened) == 2
    assert line.send(ping(ack=True)) == []  # the answer to another one
    assert line.send(ping(FAREWELL, ack=True) + ping(FAREWELL, ack=True)) == [last_word(3)]
    line.send(line.watch(5))
    assert len(line.watches.opened) == 2
    for recording in line.watches.opened:
        assert not line.grpc.http2.is_done
        recording.sink.close()
    assert line.take() == [
        grpc_status(1, 0, ""),
        grpc_status(3, 0, ""),
        ("RST_STREAM", 1, "NO_ERROR"),
        ("RST_STREAM", 3, "NO_ERROR"),
    ]
    assert line.grpc.http2.is_done


def test_a_client_that_does_not_say_that_it_knows_has_five_seconds() -> None:
    line = Line()
    line.grpc.prepare_to_stop()
    assert line.take() == FIRST_WORD
    assert line.run_to(104.9) == []
    assert not line.grpc.http2.is_done
    assert line.run_to(105) == [last_word(0)]
    assert line.grpc.http2.is_done


def test_net_http_goes_away_in_one_step_and_says_no_reason() -> None:
    for stop in (GrpcConnection.prepare_to_stop, GrpcConnection.stop):
        line = Line(is_behind_http=True)
        line.send(line.watch(1))
        stop(line.grpc)
        assert line.take() == [("GOAWAY", 1, "NO_ERROR", "")]
        assert line.grpc.http2.is_done == (stop is GrpcConnection.stop)


def test_net_http_ends_what_was_begun_without_a_status() -> None:
    line = Line(is_behind_http=True)
    line.send(line.watch(1) + line.watch(3))
    begun, other = line.watches.opened
    begun.sink.send(b"told")
    line.take()
    line.grpc.stop()
    assert line.take() == [
        ("GOAWAY", 3, "NO_ERROR", ""),
        ("DATA", 1, b"", "END"),
        ("RST_STREAM", 1, "NO_ERROR"),
    ]
    assert begun.told == other.told == ["cancelled"]
    assert line.grpc.http2.is_done


def test_a_stop_ends_all_but_the_calls_that_are_worked_at() -> None:
    line = Line()
    c = line.client
    line.send(line.watch(1) + c.call(3) + c.headers(5, request_fields()))
    line.grpc.stop()
    assert line.take() == [last_word(5)]
    assert line.watches.last.told == ["cancelled"]
    worked_at, half_asked = line.ranges.opened
    assert half_asked.told == ["cancelled"]
    assert line.send(data(1, message()) + data(5, message(), end=True) + rst_stream(1)) == []
    assert not line.grpc.http2.is_done
    worked_at.sink.send(b"fine")
    worked_at.sink.close()
    assert line.take() == grpc_answer(3, message(b"fine"))
    assert line.grpc.http2.is_done


def test_a_stop_behind_its_announcement_says_the_last_word_at_once() -> None:
    line = Line()
    line.send(line.watch(1))
    line.grpc.prepare_to_stop()
    line.grpc.stop()
    assert line.take() == [*FIRST_WORD, last_word(1)]
    assert line.grpc.http2.is_done
