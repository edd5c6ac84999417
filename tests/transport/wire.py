"""A client's side of HTTP/2, frame by frame: what the tests send, and how they read the answers.

Every frame can be written, the wrong ones too. Header blocks are the `hpack` library's, so that
nothing of ours checks itself. Answers come out as plain tuples, one a frame, to be compared whole.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

import hpack

from fake_etcd.transport.http2 import frames
from fake_etcd.transport.http2.frames import ErrorCode, Setting, frame

PREFACE = frames.PREFACE
END_STREAM = frames.FLAG_END_STREAM
END_HEADERS = frames.FLAG_END_HEADERS

TextFields = Sequence[tuple[str, str]]
Answer = tuple[object, ...]

RANGE = "/etcdserverpb.KV/Range"
RANGE_STREAM = "/etcdserverpb.KV/RangeStream"
WATCH = "/etcdserverpb.Watch/Watch"


def settings(*pairs: tuple[int, int]) -> bytes:
    return frame(frames.SETTINGS, 0, 0, b"".join(struct.pack(">HL", k, v) for k, v in pairs))


HELLO = PREFACE + settings()
"""What a client opens with."""


def data(
    stream_id: int, payload: bytes = b"", end: bool = False, padding: int | None = None
) -> bytes:
    flags = END_STREAM if end else 0
    if padding is not None:
        flags |= frames.FLAG_PADDED
        payload = bytes((padding,)) + payload + bytes(padding)
    return frame(frames.DATA, flags, stream_id, payload)


def rst_stream(stream_id: int, code: int = ErrorCode.CANCEL) -> bytes:
    return frame(frames.RST_STREAM, 0, stream_id, struct.pack(">L", code))


def window_update(stream_id: int, increment: int) -> bytes:
    return frame(frames.WINDOW_UPDATE, 0, stream_id, struct.pack(">L", increment))


def ping(opaque: bytes = b"12345678", ack: bool = False) -> bytes:
    return frame(frames.PING, frames.FLAG_ACK if ack else 0, 0, opaque)


def goaway(last_id: int = 0, code: int = 0) -> bytes:
    return frame(frames.GOAWAY, 0, 0, struct.pack(">LL", last_id, code))


def priority(stream_id: int, depends_on: int, weight: int = 15) -> bytes:
    return frame(frames.PRIORITY, 0, stream_id, struct.pack(">LB", depends_on, weight))


def message(body: bytes = b"", compressed: int = 0) -> bytes:
    """A gRPC message behind its prefix."""
    return struct.pack(">BL", compressed, len(body)) + body


def request_fields(path: str = RANGE, *more: tuple[str, str], method: str = "POST") -> TextFields:
    """What a gRPC client sends first."""
    return (
        (":method", method),
        (":scheme", "http"),
        (":path", path),
        (":authority", "localhost:2379"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        *more,
    )


class Client:
    """Both header tables of one connection."""

    def __init__(self) -> None:
        self._encoder = hpack.Encoder()
        self._decoder = hpack.Decoder()
        self._rest = b""
        self._block = b""

    def block(self, fields: Iterable[tuple[str | bytes, str | bytes]]) -> bytes:
        return self._encoder.encode(list(fields), huffman=True)

    def headers(
        self,
        stream_id: int,
        fields: Iterable[tuple[str | bytes, str | bytes]],
        end: bool = False,
        *,
        padding: int | None = None,
        depends_on: int | None = None,
        pieces: int = 1,
    ) -> bytes:
        """HEADERS, and `pieces` - 1 CONTINUATIONs."""
        block = self.block(fields)
        size = -(-len(block) // pieces)
        first, rest = block[:size], block[size:]
        flags = END_STREAM if end else 0
        if depends_on is not None:
            flags |= frames.FLAG_PRIORITY
            first = struct.pack(">LB", depends_on, 15) + first
        if padding is not None:
            flags |= frames.FLAG_PADDED
            first = bytes((padding,)) + first + bytes(padding)
        out = frame(frames.HEADERS, flags | (0 if rest else END_HEADERS), stream_id, first)
        while rest:
            piece, rest = rest[:size], rest[size:]
            out += frame(frames.CONTINUATION, 0 if rest else END_HEADERS, stream_id, piece)
        return out

    def call(
        self, stream_id: int, body: bytes = b"", path: str = RANGE, *more: tuple[str, str]
    ) -> bytes:
        """A whole unary call."""
        fields = request_fields(path, *more)
        return self.headers(stream_id, fields) + data(stream_id, message(body), end=True)

    def table_size(self, size: int) -> None:
        """The server's SETTINGS_HEADER_TABLE_SIZE, or less; the next block says so."""
        self._encoder.header_table_size = size

    def read(self, output: bytes) -> list[Answer]:
        """The server's frames, as tuples that start with the frame's name."""
        answers: list[Answer] = []
        buffer = self._rest + output
        position = 0
        while len(buffer) >= position + frames.HEADER_SIZE:
            high, low, kind, flags, stream_id = frames.unpack_header(buffer, position)
            start = position + frames.HEADER_SIZE
            end = start + (high << 8 | low)
            if end > len(buffer):
                break
            answer = self._answer(kind, flags, stream_id, buffer[start:end])
            if answer is not None:
                answers.append(answer)
            position = end
        self._rest = buffer[position:]
        return answers

    def _answer(self, kind: int, flags: int, stream_id: int, payload: bytes) -> Answer | None:
        if kind in (frames.HEADERS, frames.CONTINUATION):
            if kind == frames.HEADERS:
                self._ends = bool(flags & END_STREAM)
            self._block += payload
            if not flags & END_HEADERS:
                return None
            block, self._block = self._block, b""
            fields = [(str(n), str(v)) for n, v in self._decoder.decode(block)]
            return ("HEADERS", stream_id, fields, *_ending(self._ends))
        if kind == frames.DATA:
            return ("DATA", stream_id, payload, *_ending(bool(flags & END_STREAM)))
        if kind == frames.RST_STREAM:
            return ("RST_STREAM", stream_id, ErrorCode(int.from_bytes(payload, "big")).name)
        if kind == frames.GOAWAY:
            last_id, code = struct.unpack_from(">LL", payload)
            return ("GOAWAY", last_id, ErrorCode(code).name, payload[8:].decode())
        if kind == frames.SETTINGS:
            if flags & frames.FLAG_ACK:
                return ("SETTINGS ACK",)
            pairs = struct.iter_unpack(">HL", payload)
            return ("SETTINGS", {Setting(key).name: value for key, value in pairs})
        if kind == frames.PING:
            return ("PING ACK" if flags & frames.FLAG_ACK else "PING", payload)
        if kind == frames.WINDOW_UPDATE:
            return ("WINDOW_UPDATE", stream_id, int.from_bytes(payload, "big"))
        raise AssertionError(f"the server sent a frame of type {kind}")


def _ending(ends: bool) -> tuple[str, ...]:
    return ("END",) if ends else ()


def without_housekeeping(answers: Iterable[Answer]) -> list[Answer]:
    """Without what a server says of itself: its settings, windows, and pings of its own."""
    own = ("SETTINGS", "SETTINGS ACK", "WINDOW_UPDATE", "PING")
    return [answer for answer in answers if answer[0] not in own]
