"""Calls that are written frame by frame over HTTP/2, and what is written down of the answers."""

from __future__ import annotations

import gzip
import socket
import struct
from collections.abc import Callable

import h2.connection
import pytest

from conformance import by_hand
from conformance.by_hand import message
from conformance.session import Session
from fake_etcd.api import messages as m

from .made_up import HEADER, said, session
from .strange import http2_server, tcp_server

OF_GRPC = [(":status", "200"), ("content-type", "application/grpc")]


def test_a_call_by_hand_has_headers_messages_and_trailers(s: Session) -> None:
    s.grpc_by_hand("KV/Range", message(b"\n\x01a"))
    assert said(s) == (
        '> by hand KV/Range data: "\\x00\\x00\\x00\\x00\\x03\\n\\x01a"\n'
        "< headers\n"
        '    header { key: ":status" value: "200" }\n'
        '    header { key: "content-type" value: "application/grpc" }\n'
        f"< RangeResponse {HEADER % 1}\n"
        '< trailers header { key: "grpc-message" value: "" } '
        'header { key: "grpc-status" value: "0" }\n'
        "< end of stream\n"
    )


def test_headers_may_be_replaced_added_and_left_out(s: Session) -> None:
    s.grpc_by_hand("/a.B/C", b"", headers=[(":method", "GET"), ("x", "1")], without=("te", "no"))
    s.grpc_by_hand("KV/Range", b"", headers=[("x", "\0")])
    assert said(s) == (
        '> by hand /a.B/C\n    header { key: ":method" value: "GET" }\n'
        '    header { key: "x" value: "1" }\n    without: te\n    without: no\n    data: ""\n'
        "< headers\n"
        '    header { key: ":status" value: "405" }\n'
        '    header { key: "content-type" value: "application/grpc" }\n'
        "    header {\n"
        '        key: "grpc-message"\n'
        '        value: "Received a HEADERS frame with :method \\"GET\\" which should be POST"\n'
        "    }\n"
        '    header { key: "grpc-status" value: "13" }\n'
        "< end of stream\n\n"
        '> by hand KV/Range header { key: "x" value: "\\x00" } data: ""\n'
        "< headers\n"
        "< reset PROTOCOL_ERROR\n"
    )


def test_a_large_request_is_cut_into_frames_and_waits_for_the_window(s: Session) -> None:
    s.grpc_by_hand(
        "KV/Put", message(m.PutRequest(key=b"a", value=b"v" * 300_000).SerializeToString())
    )
    assert f"< PutResponse {HEADER % 2}" in said(s)
    s.grpc_by_hand("KV/Range", message(b"\n\x01a"))
    assert 'value: "v"*300000' in said(s)


def by_hand_with(answer: Callable[[h2.connection.H2Connection], None]) -> str:
    """What is written below the request where a server answers so."""
    with http2_server(answer) as url, session(url) as s:
        s.grpc_by_hand("KV/Range", b"")
        return said(s).removeprefix('> by hand KV/Range data: ""\n')


HEADERS = (
    '< headers\n    header { key: ":status" value: "200" }\n'
    '    header { key: "content-type" value: "application/grpc" }\n'
)


def test_data_that_is_no_message_is_shown_as_bytes() -> None:
    def answer(http2: h2.connection.H2Connection) -> None:
        http2.send_headers(1, OF_GRPC)
        http2.send_data(1, message(b"\x20\x01") + message(b"\xff") + message(b"", length=9)[:-1])
        http2.send_data(1, b"x", end_stream=True)

    assert by_hand_with(answer) == (
        HEADERS + "< RangeResponse count: 1\n"
        '< RangeResponse undecodable: "\\xff"\n'
        '< data bytes: "\\x00\\x00\\x00\\x00x"\n'
        "< end of stream\n"
    )


@pytest.mark.parametrize("flag", [1, 2])
def test_a_message_with_a_flag_that_no_header_explains_is_bytes(flag: int) -> None:
    def answer(http2: h2.connection.H2Connection) -> None:
        http2.send_headers(1, OF_GRPC)
        http2.send_data(1, message(b"", compressed=flag), end_stream=True)

    assert by_hand_with(answer) == (
        HEADERS + f'< data bytes: "\\x0{flag}\\x00\\x00\\x00\\x00"\n< end of stream\n'
    )


def test_a_message_in_gzip_is_shown_unpacked() -> None:
    def answer(http2: h2.connection.H2Connection) -> None:
        http2.send_headers(1, [*OF_GRPC, ("grpc-encoding", "gzip")])
        http2.send_data(1, message(gzip.compress(b"\x20\x01"), compressed=1))
        http2.send_data(1, message(b"\x20\x02"), end_stream=True)

    assert by_hand_with(answer) == (
        HEADERS + '    header { key: "grpc-encoding" value: "gzip" }\n'
        "< gzip RangeResponse count: 1\n< RangeResponse count: 2\n< end of stream\n"
    )


def test_a_message_that_is_no_gzip_is_bytes() -> None:
    def answer(http2: h2.connection.H2Connection) -> None:
        http2.send_headers(1, [*OF_GRPC, ("grpc-encoding", "gzip")])
        http2.send_data(1, message(b"x", compressed=1), end_stream=True)

    assert '< data bytes: "\\x01\\x00\\x00\\x00\\x01x"\n< end of stream\n' in by_hand_with(answer)


def test_a_message_in_a_header_is_made_comparable() -> None:
    def answer(http2: h2.connection.H2Connection) -> None:
        http2.send_headers(1, [*OF_GRPC, ("grpc-message", "proto:%C2%A0x")], end_stream=True)

    assert '    header { key: "grpc-message" value: "proto: x" }\n' in by_hand_with(answer)


def test_headers_are_in_the_order_of_their_names_and_dates_are_a_class() -> None:
    def answer(http2: h2.connection.H2Connection) -> None:
        headers = [(":status", "200"), ("z", "1"), ("date", "today"), ("a", "2"), ("a", "1")]
        http2.send_headers(1, headers)
        http2.send_headers(1, [("y", "1"), ("x", "")], end_stream=True)

    assert by_hand_with(answer) == (
        '< headers\n    header { key: ":status" value: "200" }\n'
        '    header { key: "a" value: "1" }\n    header { key: "a" value: "2" }\n'
        '    header { key: "date" value: "<date>" }\n    header { key: "z" value: "1" }\n'
        '< trailers header { key: "x" value: "" } header { key: "y" value: "1" }\n'
        "< end of stream\n"
    )


@pytest.mark.parametrize(
    ("answer", "end"),
    [
        (lambda http2: http2.reset_stream(1, 8), "reset CANCEL"),
        (lambda http2: http2.reset_stream(1, 99), "reset 99"),
        (lambda http2: http2.close_connection(11), "goaway ENHANCE_YOUR_CALM"),
    ],
)
def test_a_stream_may_end_in_other_ways(
    answer: Callable[[h2.connection.H2Connection], None], end: str
) -> None:
    assert by_hand_with(answer) == f"< headers\n< {end}\n"


def _closes(client: socket.socket) -> None:
    client.recv(1)
    client.shutdown(socket.SHUT_WR)
    while client.recv(2**16):
        pass


def _breaks_off(client: socket.socket) -> None:
    client.recv(1)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _sends_data_on_stream_0(client: socket.socket) -> None:
    client.sendall(bytes(9))
    while client.recv(2**16):
        pass


def _says_nothing(client: socket.socket) -> None:
    while client.recv(2**16):
        pass


@pytest.mark.parametrize(
    ("serve", "end"),
    [
        (_closes, "connection closed"),
        (_breaks_off, "connection lost"),
        (_sends_data_on_stream_0, "ProtocolError in HTTP/2"),
        (_says_nothing, "nothing more"),
    ],
)
def test_a_connection_may_end_in_other_ways(
    serve: Callable[[socket.socket], None], end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if serve is _says_nothing:
        monkeypatch.setattr(by_hand, "_SILENCE_SECONDS", 0.05)
    with tcp_server(serve) as url, session(url) as s:
        s.grpc_by_hand("KV/Range")
        assert said(s) == f"> by hand KV/Range\n< headers\n< {end}\n"
