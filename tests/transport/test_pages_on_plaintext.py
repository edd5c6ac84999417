"""HTTP/2 on plaintext: what is no gRPC gets the pages, and a method's path grpc-go's refusal."""

from __future__ import annotations

import pytest

from fake_etcd.services.http import HttpRequest, HttpResponse, no_body
from fake_etcd.transport.grpc.connection import GrpcConnection
from fake_etcd.transport.grpc.server import GrpcServer
from fake_etcd.transport.http2.pages import PATIENCE_SECONDS, Pages

from .applications import answering, grpc_answer, grpc_status
from .wire import (
    HELLO,
    RANGE,
    Answer,
    Client,
    TextFields,
    data,
    message,
    rst_stream,
    window_update,
    without_housekeeping,
)


class Site:
    """A gRPC server with a page for each path, and a client of it."""

    def __init__(self) -> None:
        self.asked: list[HttpRequest] = []
        pages = Pages(self._handle, no_body, lambda: "now")
        self.grpc = GrpcConnection(GrpcServer(answering(b"answer"), 1_000, pages))
        self.client = Client()
        self.send(HELLO)

    def _handle(self, request: HttpRequest) -> HttpResponse:
        self.asked.append(request)
        return HttpResponse(200, (), b"a page")

    def send(self, sent: bytes) -> list[Answer]:
        self.grpc.receive(sent, 0.0)
        return self._answers()

    def wait(self) -> list[Answer]:
        """What comes when the time has come for what comes next."""
        due = self.grpc.next_deadline
        assert due is not None
        self.grpc.run_deadlines(due)
        return self._answers()

    def _answers(self) -> list[Answer]:
        taken = b"".join(iter(self.grpc.take_output, b""))
        return without_housekeeping(self.client.read(taken))


def asking(path: str, *more: tuple[str, str], method: str = "GET") -> TextFields:
    return (
        (":method", method),
        (":scheme", "http"),
        (":path", path),
        (":authority", "a:1"),
        *more,
    )


def page(stream_id: int) -> list[Answer]:
    fields = [
        (":status", "200"),
        ("content-type", "text/plain; charset=utf-8"),
        ("content-length", "6"),
        ("date", "now"),
    ]
    return [("HEADERS", stream_id, fields), ("DATA", stream_id, b"a page", "END")]


def test_what_has_no_content_type_of_grpc_gets_a_page() -> None:
    site = Site()
    assert site.send(site.client.headers(1, asking("/health"), end=True)) == page(1)
    fields = asking("/x/y", ("content-type", "application/json"), method="POST")
    assert site.send(site.client.headers(3, fields, end=True)) == page(3)
    assert [(request.method, request.target) for request in site.asked] == [
        ("GET", "/health"),
        ("POST", "/x/y"),
    ]
    assert site.send(site.client.call(5)) == grpc_answer(5, message(b"answer"))


def test_the_path_of_a_method_with_another_content_type_is_refused_as_by_grpc_go() -> None:
    site = Site()
    fields = asking(RANGE, ("content-type", "application/json"), method="POST")
    text = 'invalid gRPC request content-type "application/json"'
    assert site.send(site.client.headers(1, fields, end=True)) == [
        grpc_status(1, 3, text, http=415)
    ]
    assert not site.asked


def test_a_page_waits_for_the_short_body_that_was_promised() -> None:
    site = Site()
    fields = asking("/x", ("content-length", "3"), method="POST")
    assert site.send(site.client.headers(1, fields)) == []
    assert site.send(data(1, b"ab")) == []
    assert site.send(data(1, b"c", end=True)) == page(1)
    assert site.send(site.client.headers(3, fields)) == []
    assert site.send(data(3, b"ab", end=True)) == [("RST_STREAM", 3, "PROTOCOL_ERROR")]


def test_a_page_does_not_wait_for_a_long_body() -> None:
    site = Site()
    fields = asking("/x", ("content-length", "65537"), method="POST")
    assert site.send(site.client.headers(1, fields))[:2] == page(1)


def test_the_reset_behind_an_answer_is_an_output_of_its_own() -> None:
    """curl 7.88 forgets an answer that comes in one record of TLS with a reset."""
    site = Site()
    fields = asking("/x", ("content-length", "65537"), method="POST")
    site.grpc.receive(site.client.headers(1, fields), 0.0)
    outputs = [site.client.read(each) for each in iter(site.grpc.take_output, b"")]
    assert site.grpc.has_news is False
    assert outputs == [page(1), [("RST_STREAM", 1, "NO_ERROR")]]


def test_the_host_is_told_of_a_reset_that_is_still_to_be_sent() -> None:
    site = Site()
    fields = asking("/x", ("content-length", "65537"), method="POST")
    site.grpc.receive(site.client.headers(1, fields), 0.0)
    assert site.client.read(site.grpc.take_output()) == page(1)
    assert site.grpc.has_news is True


def test_who_resets_a_stream_that_was_reset_has_nothing_more_under_way() -> None:
    site = Site()
    assert site.send(site.client.headers(1, asking("/x"))) == []
    assert site.wait() == [*page(1), ("RST_STREAM", 1, "NO_ERROR")]
    assert site.send(rst_stream(1)) == []
    assert site.send(site.client.headers(1, asking("/x"), end=True)) == [
        ("GOAWAY", 1, "STREAM_CLOSED", "HEADERS on a closed stream")
    ]


def test_a_request_that_does_not_end_is_answered_after_half_a_second() -> None:
    site = Site()
    assert site.send(site.client.headers(1, asking("/x"))) == []
    assert site.grpc.next_deadline == PATIENCE_SECONDS == 0.5
    assert site.asked == []
    assert site.wait() == [*page(1), ("RST_STREAM", 1, "NO_ERROR")]


def test_a_request_that_ends_in_time_is_answered_then_and_once() -> None:
    site = Site()
    assert site.send(site.client.headers(1, asking("/x"))) == []
    assert site.send(data(1, b"", end=True)) == page(1)
    site.grpc.run_deadlines(PATIENCE_SECONDS)
    assert site.send(b"") == []
    assert len(site.asked) == 1


@pytest.mark.parametrize(
    ("increment", "reset"), [(0, "PROTOCOL_ERROR"), (2**31 - 1, "FLOW_CONTROL_ERROR")]
)
def test_what_is_wrong_behind_the_head_of_a_request_is_told_of(increment: int, reset: str) -> None:
    site = Site()
    site.send(site.client.headers(1, asking("/x")))
    assert site.send(window_update(1, increment)) == [("RST_STREAM", 1, reset)]
    assert site.asked == []
