"""The end of a request's body: by a length, or by chunks, as strictly as Go reads them.

Where one request ends and the next one begins must be as in Go to the byte: a proxy in front may
hold the line for the same bytes (RFC 9112 §11.2). Sources: Go net/http internal/chunked.go
(`beginChunk`, `readChunkLine`), transfer.go (`body.readTrailer`), net/textproto reader.go.
"""

from __future__ import annotations

import enum
import re
from typing import Protocol

_BUFFER = 4_096
"""Bytes of Go's read buffer: no chunk's first line is longer, and no trailer section."""

_FREE_OVERHEAD = 16
_OVERHEAD_A_BYTE = 2
_MOST_EXCESS = 16_384
"""What of a chunk is not its data is free up to 16 bytes and twice its size; what is above that
may come to 16 KiB, all in all."""

_SIZE = re.compile(rb"[0-9A-Fa-f]{1,16}")
_END_OF_TRAILERS = re.compile(rb"\A\r?\n|\n\r?\n")
_FOLD = re.compile(rb"\r?\n[ \t]+")
_TRAILER = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z ]+:[\t\x20-\x7e\x80-\xff]*")


class BadChunk(Exception):
    """The body breaks its framing: nobody knows where it ends.

    Attributes:
        content: what is in front of that and was not taken yet.
    """

    content = b""


class Body(Protocol):
    """What finds the end of a body."""

    def read(self, buffer: bytearray) -> tuple[bytes, bool]:
        """Take what is the body's from the beginning of `buffer`.

        Returns:
            Its content as far as it is there, and whether the body is over.

        Raises:
            BadChunk: where that cannot be known.
        """


class SizedBody:
    """A body of so many bytes."""

    __slots__ = ("_left",)

    def __init__(self, size: int) -> None:
        self._left = size

    def read(self, buffer: bytearray) -> tuple[bytes, bool]:
        piece = bytes(buffer[: self._left])
        del buffer[: self._left]
        self._left -= len(piece)
        return piece, not self._left


class _At(enum.Enum):
    SIZE = enum.auto()
    DATA = enum.auto()
    DATA_END = enum.auto()
    TRAILERS = enum.auto()
    END = enum.auto()


class ChunkedBody:
    """A body in chunks. Trailers are checked and dropped, as Go does where nobody asks for them."""

    __slots__ = ("_at", "_excess", "_left")

    def __init__(self) -> None:
        self._at = _At.SIZE
        self._left = 0  # of the chunk's data
        self._excess = 0

    def read(self, buffer: bytearray) -> tuple[bytes, bool]:
        pieces: list[bytes] = []
        position = 0
        while self._at is not _At.END:
            try:
                end = self._step(buffer, position, pieces)
            except BadChunk as bad:
                bad.content = b"".join(pieces)
                raise
            if end is None:
                break
            position = end
        del buffer[:position]
        return b"".join(pieces), self._at is _At.END

    def _step(self, buffer: bytearray, start: int, pieces: list[bytes]) -> int | None:
        """Read one thing; returns where it ends, None where it is not there as a whole."""
        if self._at is _At.SIZE:
            return self._read_size(buffer, start)
        if self._at is _At.DATA:
            piece = bytes(buffer[start : start + self._left])
            if not piece:
                return None
            pieces.append(piece)
            self._left -= len(piece)
            if not self._left:
                self._at = _At.DATA_END
            return start + len(piece)
        if self._at is _At.DATA_END:
            return self._read_data_end(buffer, start)
        return self._read_trailers(buffer, start)

    def _read_size(self, buffer: bytearray, start: int) -> int | None:
        end = buffer.find(b"\n", start, start + _BUFFER) + 1
        if not end:
            if len(buffer) - start >= _BUFFER:
                raise BadChunk
            return None
        line = bytes(buffer[start:end])
        if line.find(b"\r") != len(line) - 2:
            raise BadChunk
        digits = line[:-2].rstrip(b" \t").partition(b";")[0]
        if not _SIZE.fullmatch(digits):
            raise BadChunk
        size = int(digits, 16)
        excess = self._excess + len(line) - (_FREE_OVERHEAD + _OVERHEAD_A_BYTE * size)
        self._excess = max(excess, 0)
        if self._excess > _MOST_EXCESS:
            raise BadChunk
        self._left = size
        self._at = _At.DATA if size else _At.TRAILERS
        return end

    def _read_data_end(self, buffer: bytearray, start: int) -> int | None:
        end = bytes(buffer[start : start + 2])
        if not b"\r\n".startswith(end):
            # Go waits for both; of one that is wrong already nothing good can come.
            raise BadChunk
        if len(end) < 2:
            return None
        self._at = _At.SIZE
        return start + 2

    def _read_trailers(self, buffer: bytearray, start: int) -> int | None:
        section = bytes(buffer[start : start + _BUFFER])
        if section.startswith(b"\r\n"):
            self._at = _At.END
            return start + 2
        if b"\r\n\r\n" not in section:
            if len(section) == _BUFFER:
                raise BadChunk
            return None
        end = _END_OF_TRAILERS.search(section)
        assert end is not None, "there are two line ends in a row"
        lines = section[: end.start()]
        if lines and not _are_trailers(lines):
            raise BadChunk
        self._at = _At.END
        return start + end.end()


def _are_trailers(lines: bytes) -> bool:
    """Whether Go takes them, lines that go on with a space included."""
    unfolded = _FOLD.sub(b" ", lines)
    trailers = [line.strip(b" \t\r") for line in unfolded.split(b"\n")]
    return lines[:1] not in (b" ", b"\t") and all(map(_TRAILER.fullmatch, trailers))
