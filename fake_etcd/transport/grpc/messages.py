"""Length-prefixed messages (grpc/doc/PROTOCOL-HTTP2.md) and their compression."""

from __future__ import annotations

import gzip
import struct
import zlib

from fake_etcd.api.errors import StatusError
from fake_etcd.transport.grpc import errors

PREFIX_SIZE = 5
"""One byte that says whether the message is compressed, four of its length."""

IDENTITY = b"identity"
GZIP = b"gzip"

_prefix = struct.Struct(">BL")
pack_prefix = _prefix.pack
unpack_prefix = _prefix.unpack_from


class MessageReader:
    """Cuts one request's bytes into messages.

    Args:
        limit: bytes a message may have, before and after decompression.
        encoding: the request's `grpc-encoding`, empty where there was none.
    """

    __slots__ = ("_buffer", "_encoding", "_limit")

    def __init__(self, limit: int, encoding: bytes) -> None:
        self._buffer = bytearray()
        self._limit = limit
        self._encoding = encoding

    def add(self, payload: bytes) -> None:
        """More of the request's bytes."""
        self._buffer += payload

    def take(self) -> bytes | None:
        """The next message, None while it is not whole.

        Raises:
            StatusError: as grpc-go answers a bad prefix, size or compression.
        """
        buffer = self._buffer
        if len(buffer) < PREFIX_SIZE:
            return None
        flag, size = unpack_prefix(buffer)
        if size > self._limit:
            raise StatusError(errors.message_too_large(size, self._limit))
        end = PREFIX_SIZE + size
        if len(buffer) < end:
            return None
        body = bytes(buffer[PREFIX_SIZE:end])
        del buffer[:end]
        return self._decode(flag, body)

    def whole(self, payload: bytes) -> bytes | None:
        """The message, where the bytes that come next are exactly one that is not compressed.

        Nothing is kept then. None: they are to be added and taken.
        """
        size = len(payload) - PREFIX_SIZE
        if self._buffer or not 0 <= size <= self._limit:
            return None
        return payload[PREFIX_SIZE:] if unpack_prefix(payload) == (0, size) else None

    @property
    def kept(self) -> int:
        """Bytes that were not taken yet."""
        return len(self._buffer)

    @property
    def missing(self) -> int:
        """Bytes to the end of the next message, as far as that is known; 0 where it is whole."""
        size = len(self._buffer)
        if size < PREFIX_SIZE:
            return PREFIX_SIZE - size
        return max(0, PREFIX_SIZE + int(unpack_prefix(self._buffer)[1]) - size)

    @property
    def is_inside_message(self) -> bool:
        """A prefix is here whose message is not; to grpc-go part of a prefix is nothing."""
        return len(self._buffer) >= PREFIX_SIZE

    def _decode(self, flag: int, body: bytes) -> bytes:
        if flag == 0:
            return body
        if flag != 1:
            raise StatusError(errors.bad_payload_format(flag))
        if self._encoding != GZIP:
            raise StatusError(errors.COMPRESSED_WITHOUT_ENCODING)
        return decompress(body, self._limit)


class _BadGzip(Exception):
    """Go's words for what is wrong (compress/gzip, compress/flate)."""


def decompress(body: bytes, limit: int) -> bytes:
    """Unpack a gzip message (RFC 1952), never into more than `limit` bytes and one.

    Go reads the first header when it opens a message and the rest when it reads from it, which
    are two errors; so the headers are taken apart here.

    Raises:
        StatusError: where it is not gzip, is cut short, is damaged, or is too large.
    """
    try:
        position = _behind_gzip_header(body, 0)
    except _BadGzip as error:
        raise StatusError(errors.cannot_decompress(str(error))) from None
    output = bytearray()
    try:
        while True:
            part, position = _inflate(body, position, limit + 1 - len(output))
            output += part
            if len(output) > limit:
                raise StatusError(errors.decompressed_too_large(limit))
            position = _behind_gzip_trailer(body, position, part)
            if position == len(body):
                return bytes(output)
            position = _behind_gzip_header(body, position)  # several members follow each other
    except _BadGzip as error:
        raise StatusError(errors.cannot_read_compressed(str(error))) from None


_HEADER_SIZE = 10
_FLAG_HEADER_CRC = 0x02
_FLAG_EXTRA = 0x04
_FLAG_NAME = 0x08
_FLAG_COMMENT = 0x10
_LONGEST_TEXT = 511
"""Bytes of a file name or comment that Go takes."""

_CUT_SHORT = "unexpected EOF"
_BAD_HEADER = "gzip: invalid header"
_PIECE = 16_384


def _behind_gzip_header(body: bytes, start: int) -> int:
    position = start + _HEADER_SIZE
    if len(body) < position:
        raise _BadGzip(_CUT_SHORT if len(body) > start else "EOF")
    if body[start : start + 3] != b"\x1f\x8b\x08":
        raise _BadGzip(_BAD_HEADER)
    flags = body[start + 3]
    if flags & _FLAG_EXTRA:
        if len(body) < position + 2:
            raise _BadGzip(_CUT_SHORT)
        position += 2 + int.from_bytes(body[position : position + 2], "little")
    for flag in (_FLAG_NAME, _FLAG_COMMENT):
        if flags & flag:
            end = body.find(b"\0", position, position + _LONGEST_TEXT + 1)
            if end < 0:
                is_long = len(body) > position + _LONGEST_TEXT
                raise _BadGzip(_BAD_HEADER if is_long else _CUT_SHORT)
            position = end + 1
    if flags & _FLAG_HEADER_CRC:
        crc = zlib.crc32(body[start:position]) & 0xFFFF
        position += 2
        if position <= len(body) and crc.to_bytes(2, "little") != body[position - 2 : position]:
            raise _BadGzip(_BAD_HEADER)
    if len(body) < position:
        raise _BadGzip(_CUT_SHORT)
    return position


def _inflate(body: bytes, start: int, limit: int) -> tuple[bytes, int]:
    """The bytes packed at `start`, up to `limit`, and the position behind them."""
    machine = zlib.decompressobj(-zlib.MAX_WBITS)
    parts = []
    position = start
    # In pieces: a message of many tiny members would be copied as often as it has some.
    while not machine.eof:
        piece = body[position : position + _PIECE]
        if not piece:
            raise _BadGzip(_CUT_SHORT)
        try:
            part = machine.decompress(piece, limit)
        except zlib.error:
            offset = _corrupt_at(body, start, position)
            raise _BadGzip(f"flate: corrupt input before offset {offset}") from None
        parts.append(part)
        position += len(piece)
        limit -= len(part)
        if limit <= 0:
            break
    return b"".join(parts), position - len(machine.unused_data)


def _corrupt_at(body: bytes, start: int, position: int) -> int:
    """Go names the byte it had read up to: go there once more, the last piece byte by byte."""
    machine = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        machine.decompress(body[start:position])
        while True:
            machine.decompress(body[position : position + 1])
            position += 1
    except zlib.error:
        return position + 1 - start


def _behind_gzip_trailer(body: bytes, position: int, output: bytes) -> int:
    end = position + 8
    if len(body) < end:
        raise _BadGzip(_CUT_SHORT)
    if body[position:end] != struct.pack("<LL", zlib.crc32(output), len(output)):
        raise _BadGzip("gzip: invalid checksum")
    return end


def compress(body: bytes) -> bytes:
    """A gzip message; level 1, since it does not go far and time matters more than size."""
    return gzip.compress(body, compresslevel=1, mtime=0)
