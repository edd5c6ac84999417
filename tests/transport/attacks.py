"""What bad peers send, and how to see that nothing of it is left.

An attack is bytes of HTTP/2 behind the preface, made by hand: no client would send them. `Remains`
looks at live objects, not at the size of the process.
"""

from __future__ import annotations

import gc
import struct
from collections import Counter
from collections.abc import Callable, Iterator

from fake_etcd.transport.bounds import IDLE_WORK
from fake_etcd.transport.grpc.connection import GrpcConnection
from fake_etcd.transport.grpc.stream_call import StreamCall
from fake_etcd.transport.grpc.unary_call import UnaryCall, WaitingCall
from fake_etcd.transport.http1 import Http1Connection
from fake_etcd.transport.http2 import frames
from fake_etcd.transport.http2.connection import Http2Connection
from fake_etcd.transport.http2.frames import frame
from fake_etcd.transport.http2.streams import Stream
from fake_etcd.transport.shared_listener import SharedConnection
from fake_etcd.transport.socket_connection import Connection

from .wire import (
    WATCH,
    Client,
    data,
    message,
    ping,
    priority,
    request_fields,
    rst_stream,
    settings,
    window_update,
)

KINDS = (
    Connection,
    GrpcConnection,
    Http1Connection,
    Http2Connection,
    SharedConnection,
    Stream,
    StreamCall,
    UnaryCall,
    WaitingCall,
)
"""What lives as long as a connection or a call."""

ENOUGH = IDLE_WORK + 1
"""Frames for nothing that are too many."""

ASK = b"\x0a\x01a"
Attack = Callable[[Client], Iterator[bytes]]


class Remains:
    """The objects that there are now and were not when this was made."""

    def __init__(self) -> None:
        self._before = _count()

    def found(self) -> dict[str, int]:
        """How many more there are, by the names of their classes; empty where all is clean."""
        return dict(_count() - self._before)


def _count() -> Counter[str]:
    gc.collect()
    return Counter(type(each).__name__ for each in gc.get_objects() if type(each) in KINDS)


def ids() -> Iterator[int]:
    return iter(range(1, 2**31, 2))


def repeated(*sent: bytes, times: int = ENOUGH, in_one: int = 500) -> Iterator[bytes]:
    """The same again and again, many in one read."""
    piece = b"".join(sent) * in_one
    for _ in range(-(-times // in_one)):
        yield piece


def watch(client: Client, stream_id: int) -> bytes:
    return client.headers(stream_id, request_fields(WATCH))


# --- floods that end the connection ------------------------------------------------------


def pings(client: Client) -> Iterator[bytes]:
    return repeated(ping())


def ping_acks(client: Client) -> Iterator[bytes]:
    return repeated(ping(ack=True))


def empty_settings(client: Client) -> Iterator[bytes]:
    return repeated(settings())


def settings_acks(client: Client) -> Iterator[bytes]:
    return repeated(frames.SETTINGS_ACK)


def long_settings(client: Client) -> Iterator[bytes]:
    return repeated(settings(*[(0x9999, 1)] * 2_000), times=12, in_one=1)


def priorities(client: Client) -> Iterator[bytes]:
    return repeated(priority(1, 3))


def unknown_frames(client: Client) -> Iterator[bytes]:
    return repeated(frame(0xBE, 0, 1, b"x"))


def empty_data(client: Client) -> Iterator[bytes]:
    yield watch(client, 1)
    yield from repeated(data(1))


def padding_alone(client: Client) -> Iterator[bytes]:
    yield watch(client, 1)
    yield from repeated(data(1, padding=0))


def rapid_reset(client: Client) -> Iterator[bytes]:
    """CVE-2023-44487."""
    for n, _ in zip(ids(), range(ENOUGH), strict=False):
        yield watch(client, n) + rst_stream(n)


def made_you_reset(client: Client) -> Iterator[bytes]:
    """CVE-2025-8671: the server is brought to reset each stream itself."""
    for n, _ in zip(ids(), range(ENOUGH), strict=False):
        yield watch(client, n) + window_update(n, 0)


def overflowing_streams(client: Client) -> Iterator[bytes]:
    for n, _ in zip(ids(), range(ENOUGH), strict=False):
        yield watch(client, n) + window_update(n, 2**31 - 1)


def malformed_requests(client: Client) -> Iterator[bytes]:
    for n, _ in zip(ids(), range(ENOUGH), strict=False):
        yield client.headers(n, request_fields(WATCH, ("connection", "x")))


def resets_of_what_is_over(client: Client) -> Iterator[bytes]:
    yield watch(client, 1)
    yield from repeated(rst_stream(1))


def windows_moved_up_and_down(client: Client) -> Iterator[bytes]:
    """Each SETTINGS moves the windows of all open streams, which may turn negative."""
    for n, _ in zip(ids(), range(1_280), strict=False):
        yield watch(client, n)
    yield from repeated(settings((4, 0)), settings((4, 65_535)), times=1_000, in_one=50)


def connection_window_by_crumbs(client: Client) -> Iterator[bytes]:
    return repeated(window_update(0, 1))


CALM = ("ENHANCE_YOUR_CALM", "too many frames for nothing")

FLOODS: tuple[Attack, ...] = (
    ping_acks,
    empty_settings,
    settings_acks,
    long_settings,
    priorities,
    unknown_frames,
    empty_data,
    padding_alone,
    rapid_reset,
    made_you_reset,
    overflowing_streams,
    malformed_requests,
    resets_of_what_is_over,
    windows_moved_up_and_down,
    connection_window_by_crumbs,
)


# --- broken rules and bombs, each with its own end ---------------------------------------


def continuation_flood(client: Client) -> Iterator[bytes]:
    """CVE-2024-27316."""
    yield frame(frames.HEADERS, 0, 1, client.block(request_fields()))
    yield from repeated(frame(frames.CONTINUATION, 0, 1), times=257, in_one=257)


def long_continuations(client: Client) -> Iterator[bytes]:
    yield frame(frames.HEADERS, 0, 1, client.block(request_fields()))
    yield from repeated(frame(frames.CONTINUATION, 0, 1, b"\x82" * 16_384), times=129, in_one=1)


def too_large_a_table(client: Client) -> Iterator[bytes]:
    yield frame(frames.HEADERS, frames.FLAG_END_HEADERS, 1, b"\x3f\xff\xff\x03")


def too_large_an_integer(client: Client) -> Iterator[bytes]:
    yield frame(frames.HEADERS, frames.FLAG_END_HEADERS, 1, b"\xff" + b"\xff" * 9 + b"\x01")


def connection_window_overflows(client: Client) -> Iterator[bytes]:
    yield window_update(0, 2**31 - 1)


def initial_window_overflows(client: Client) -> Iterator[bytes]:
    yield watch(client, 1) + window_update(1, 2**30) + settings((4, 2**31 - 1))


def initial_window_too_large(client: Client) -> Iterator[bytes]:
    yield settings((4, 2**31))


def more_padding_than_frame(client: Client) -> Iterator[bytes]:
    yield watch(client, 1) + frame(frames.DATA, frames.FLAG_PADDED, 1, b"\x05x")


def http1_behind_the_preface(client: Client) -> Iterator[bytes]:
    yield b"POST /health HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nGET "


ENDINGS: dict[Attack, tuple[str, str]] = {
    pings: ("ENHANCE_YOUR_CALM", "too_many_pings"),
    continuation_flood: ("ENHANCE_YOUR_CALM", "header block too large"),
    long_continuations: ("ENHANCE_YOUR_CALM", "header block too large"),
    too_large_a_table: ("COMPRESSION_ERROR", "table size update over the limit"),
    too_large_an_integer: ("COMPRESSION_ERROR", "integer too large"),
    connection_window_overflows: ("FLOW_CONTROL_ERROR", "window too large"),
    initial_window_overflows: ("FLOW_CONTROL_ERROR", "window too large"),
    initial_window_too_large: ("FLOW_CONTROL_ERROR", "window too large"),
    more_padding_than_frame: ("PROTOCOL_ERROR", "padding longer than its frame"),
    http1_behind_the_preface: ("FRAME_SIZE_ERROR", "frame too large"),
}


def header_list_bomb(client: Client) -> bytes:
    """A field of nearly 4 KiB put into the table, then pointed at 600 times."""
    name_and_value = b"\x01x" + b"\x7f" + struct.pack("BB", 0xFF - 0x7F, 30) + b"v" * 3_967
    block = client.block(request_fields()) + b"\x40" + name_and_value + b"\xbe" * 600
    return frame(frames.HEADERS, frames.FLAG_END_HEADERS, 1, block)


def call(client: Client, stream_id: int) -> bytes:
    return client.headers(stream_id, request_fields()) + data(stream_id, message(ASK), end=True)
