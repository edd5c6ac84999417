"""Pings, with time given in: too many of a client's, and those that ask a silent one.

The strikes are those that real etcd 3.7.3 counts (grpc-go, `handlePing`).
"""

from __future__ import annotations

from fake_etcd.services.http import HttpResponse, no_body
from fake_etcd.transport.grpc.connection import GrpcConnection
from fake_etcd.transport.grpc.keepalive import KeepaliveRules
from fake_etcd.transport.grpc.server import GrpcServer
from fake_etcd.transport.http2.pages import Pages

from .applications import StreamRecorder, answering, streaming
from .wire import HELLO, WATCH, Answer, Client, ping, request_fields

ACK = ("PING ACK", b"12345678")
CALM = ("GOAWAY", 0, "ENHANCE_YOUR_CALM", "too_many_pings")


class Line:
    """A client of a server with these rules, and the time on their line."""

    def __init__(
        self,
        rules: KeepaliveRules = KeepaliveRules(),  # noqa: B008  # frozen
        is_behind_http: bool = False,
    ) -> None:
        endpoints = {**answering(b"x"), **streaming(StreamRecorder())}
        pages = Pages(lambda request: HttpResponse(404), no_body, lambda: "now")
        server = GrpcServer(endpoints, 1_000, pages, keepalive=rules)
        self.now = 100.0
        self.grpc = GrpcConnection(server, time=lambda: self.now, is_behind_http=is_behind_http)
        self.client = Client()
        self.send(HELLO)

    def send(self, sent: bytes) -> list[Answer]:
        self.grpc.receive(sent, self.now)
        return self.take()

    def take(self) -> list[Answer]:
        return self.client.read(b"".join(iter(self.grpc.take_output, b"")))

    def run_to(self, now: float) -> list[Answer]:
        """What is sent until then without being asked for."""
        while (at := self.grpc.next_deadline) is not None and at <= now:
            self.now = at
            self.grpc.run_deadlines(at)
        self.now = now
        return self.take()


def test_without_streams_the_fourth_ping_is_one_too_many_however_late() -> None:
    line = Line()
    for _ in range(3):
        assert line.send(ping()) == [ACK]
        line.now += 3_600
    assert line.send(ping()) == [ACK, CALM]
    assert line.grpc.http2.is_done


def test_with_a_stream_only_pings_within_the_least_time_count() -> None:
    line = Line()
    line.send(line.client.headers(1, request_fields(WATCH)))
    for _ in range(10):
        assert line.send(ping()) == [ACK]
        line.now += 5
    assert [line.send(ping()) for _ in range(3)] == [[ACK]] * 3
    line.now += 5
    assert line.send(ping()) == [ACK]
    assert line.send(ping()) == [ACK, ("GOAWAY", 1, "ENHANCE_YOUR_CALM", "too_many_pings")]


def test_an_answer_wipes_the_strikes_out() -> None:
    line = Line()
    for stream_id in range(1, 21, 2):
        assert [line.send(ping()) for _ in range(3)] == [[ACK]] * 3
        line.send(line.client.call(stream_id))


def test_net_http_lets_all_pings_pass_and_sends_none() -> None:
    line = Line(is_behind_http=True)
    assert [line.send(ping()) for _ in range(50)] == [[ACK]] * 50
    assert line.grpc.next_deadline is None


def test_a_silent_client_is_pinged_and_cut_when_it_does_not_answer() -> None:
    line = Line(KeepaliveRules(interval_seconds=10, timeout_seconds=4))
    assert line.run_to(109.9) == []
    assert line.run_to(110) == [("PING", bytes(8))]
    assert line.run_to(113.9) == []
    assert not line.grpc.http2.is_done
    assert line.run_to(114) == []
    assert line.grpc.http2.is_done


def test_a_client_that_answers_is_asked_again_an_interval_later() -> None:
    line = Line(KeepaliveRules(interval_seconds=10, timeout_seconds=4))
    assert line.run_to(110) == [("PING", bytes(8))]
    line.now = 111
    assert line.send(ping(bytes(8), ack=True)) == []
    assert line.run_to(120.9) == []
    assert line.run_to(121) == [("PING", bytes(8))]
    assert not line.grpc.http2.is_done
