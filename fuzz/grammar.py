"""Makes traffic that is nearly right: frames, header blocks, gRPC messages, HTTP/1 requests.

Everything comes from one seeded `random.Random`, so a seed is a run.
"""

from __future__ import annotations

import struct
from random import Random
from typing import Any

import hpack
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from fake_etcd.api.methods import METHODS
from fake_etcd.transport.http2 import frames

HELLO = frames.PREFACE + frames.frame(frames.SETTINGS, 0, 0)

_NUMBERS = (0, 1, 2, 5, 127, 128, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1)
_KEYS = (b"", b"a", b"b", b"ab", b"\0", b"\xff")
_METADATA = (
    ("grpc-timeout", "1S"),
    ("grpc-timeout", "1n"),
    ("grpc-timeout", "x"),
    ("grpc-encoding", "gzip"),
    ("content-length", "3"),
    ("token", "t"),
    ("x-bin", "AAA="),
    ("te", "trailers"),
    ("connection", "close"),
    ("X-Upper", "1"),
    (":late", "1"),
    ("content-type", "text/plain"),
)


def chance(random: Random, one_in: int) -> bool:
    return random.randrange(one_in) == 0


def number(random: Random) -> int:
    return random.choice(_NUMBERS) if chance(random, 2) else random.randrange(8)


def protobuf(random: Random, kind: type[Message], depth: int = 2) -> bytes:
    """A request of the kind with some of its fields set."""
    message: Any = kind()
    fill(random, message, depth)
    out: bytes = message.SerializeToString()
    return out


def fill(random: Random, message: Any, depth: int) -> None:
    for field in message.DESCRIPTOR.fields:
        if chance(random, 2):
            continue
        repeats = isinstance(getattr(message, field.name), (bytes, str, int, float)) is False
        if field.message_type is None:
            value = _scalar(random, field)
            if repeats:
                getattr(message, field.name).append(value)
            else:
                setattr(message, field.name, value)
        elif depth:
            inner = getattr(message, field.name)
            if hasattr(inner, "add"):
                inner = inner.add()
            else:
                inner.SetInParent()
            fill(random, inner, depth - 1)


def _scalar(random: Random, field: FieldDescriptor) -> Any:
    if field.type == FieldDescriptor.TYPE_BOOL:
        return chance(random, 2)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return random.choice(_KEYS)
    if field.type == FieldDescriptor.TYPE_STRING:
        return random.choice(("", "a", "root"))
    if field.enum_type is not None:
        return random.choice(field.enum_type.values).number
    if field.type in (FieldDescriptor.TYPE_UINT32, FieldDescriptor.TYPE_INT32):
        return random.randrange(4)
    return number(random) if field.type != FieldDescriptor.TYPE_INT64 else number(random) - 1 >> 1


def stream_id(random: Random) -> int:
    return random.choice((0, 2, 2**31 - 1)) if chance(random, 8) else random.randrange(8) * 2 + 1


def fields(random: Random) -> list[tuple[str, str]]:
    """Header fields of a call, now and then with something wrong."""
    path = random.choice(tuple(METHODS)) if not chance(random, 8) else "/health"
    found = [
        (":method", random.choice(("POST", "POST", "POST", "GET"))),
        (":scheme", "http"),
        (":path", path),
        (":authority", "localhost"),
        ("content-type", "application/grpc"),
    ]
    while chance(random, 3):
        found.append(random.choice(_METADATA))
    if chance(random, 12):
        random.shuffle(found)
    if chance(random, 12):
        del found[random.randrange(len(found))]
    return found


def block(random: Random, found: list[tuple[str, str]]) -> bytes:
    """A header block that needs nothing of the table before it."""
    encoder = hpack.Encoder()
    if chance(random, 8):
        encoder.header_table_size = random.choice((0, 64, 4_096))
    out: bytes = encoder.encode(found, huffman=chance(random, 2))
    return out


def grpc_message(random: Random, path: str | None = None) -> bytes:
    method = METHODS.get(path or "") or random.choice(tuple(METHODS.values()))
    body = protobuf(random, method.request)
    size = len(body) if not chance(random, 12) else number(random) & 0xFFFFFFFF
    return struct.pack(">BL", int(chance(random, 12)), size) + body


def call(random: Random) -> bytes:
    """HEADERS and DATA of one call, in order."""
    stream, found = stream_id(random), fields(random)
    out = headers(random, stream, block(random, found), end=chance(random, 8))
    path = dict(found).get(":path")
    for left in range(random.randrange(1, 4), 0, -1):
        end = frames.FLAG_END_STREAM if left == 1 and not chance(random, 3) else 0
        out += frames.frame(frames.DATA, end, stream, grpc_message(random, path))
    return out


def headers(random: Random, stream: int, coded: bytes, end: bool) -> bytes:
    flags = frames.FLAG_END_STREAM if end else 0
    if not chance(random, 4):
        return frames.frame(frames.HEADERS, flags | frames.FLAG_END_HEADERS, stream, coded)
    cut = random.randrange(len(coded) + 1)
    return frames.frame(frames.HEADERS, flags, stream, coded[:cut]) + frames.frame(
        frames.CONTINUATION, frames.FLAG_END_HEADERS, stream, coded[cut:]
    )


def any_frame(random: Random) -> bytes:
    """One frame of any type, its payload mostly of the right size."""
    kind = random.randrange(11)
    stream = stream_id(random)
    if kind == frames.HEADERS:
        return headers(random, stream, block(random, fields(random)), chance(random, 2))
    if kind in (frames.SETTINGS, frames.PING, frames.GOAWAY) and not chance(random, 8):
        stream = 0
    flags = random.choice((0, 0, 1, 4, 8, 9, 0x20, 0xFF))
    return frames.frame(kind, flags, stream, payload(random, kind))


def payload(random: Random, kind: int) -> bytes:
    if chance(random, 8):
        return random.randbytes(random.randrange(12))
    if kind == frames.SETTINGS:
        size = random.choice((0, 1, 100, 65_535, 2**31 - 1, 16_384))
        return struct.pack(">HL", random.randrange(8), size) * random.randrange(3)
    if kind == frames.DATA:
        return grpc_message(random)
    if kind in (frames.RST_STREAM, frames.WINDOW_UPDATE):
        return struct.pack(">L", number(random) & 0xFFFFFFFF)
    return random.randbytes({frames.PRIORITY: 5, frames.PING: 8, frames.GOAWAY: 8}.get(kind, 4))


_LINES = (
    b"GET /health HTTP/1.1\r\n",
    b"POST /v3/kv/put HTTP/1.1\r\n",
    b"HEAD / HTTP/1.0\r\n",
    b"GET http://h/x HTTP/1.1\r\n",
    b"PRI * HTTP/2.0\r\n",
)
_HEADERS = (
    b"Host: h\r\n",
    b"Content-Length: 3\r\n",
    b"Content-Length: 18446744073709551616\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Connection: close\r\n",
    b"Expect: 100-continue\r\n",
    b"X : y\r\n",
    b" folded\r\n",
    b"A:\xff\0\r\n",
)
_BODIES = (b"", b"abc", b"3\r\nabc\r\n0\r\n\r\n", b"3;x=y\r\nabc\r\n0\r\nT: 1\r\n\r\n", b"zz\r\n")


def http1(random: Random) -> bytes:
    out = random.choice(_LINES) + (b"" if chance(random, 6) else _HEADERS[0])
    for _ in range(random.randrange(3)):
        out += random.choice(_HEADERS)
    return out + (b"\r\n" if not chance(random, 8) else b"\n") + random.choice(_BODIES)


def unary(stream: int, coded: bytes, request: bytes) -> bytes:
    """A whole unary call with this header block and request."""
    message = struct.pack(">BL", 0, len(request)) + request
    return frames.frame(frames.HEADERS, frames.FLAG_END_HEADERS, stream, coded) + frames.frame(
        frames.DATA, frames.FLAG_END_STREAM, stream, message
    )
