"""Reads what a connection sends, as strictly as a peer would; nothing of ours helps it."""

from __future__ import annotations

from collections.abc import Callable

import hpack

_DATA, _HEADERS, _RST_STREAM, _GOAWAY, _CONTINUATION = 0, 1, 3, 7, 9


class Output:
    """All that was sent.

    Attributes:
        data: the bytes.
        fields: those of each stream, in order.
        bodies: the same for DATA.
    """

    def __init__(self) -> None:
        self.data = bytearray()
        self.fields: dict[int, list[tuple[bytes, bytes]]] = {}
        self.bodies: dict[int, bytes] = {}
        self._decoder = hpack.Decoder(max_header_list_size=1 << 24)
        self._ended: set[int] = set()
        self._reset: set[int] = set()
        self._block = bytearray()
        self._last = -1

    def take(self, take: Callable[[], bytes]) -> None:
        """Read all that `take` gives."""
        while data := take():
            self.data += data
            self._read(data)

    def ends_in_goaway(self) -> bool:
        return self._last == _GOAWAY

    def _read(self, data: bytes) -> None:
        position = 0
        while position < len(data):
            size = int.from_bytes(data[position : position + 3], "big")
            kind, flags = data[position + 3], data[position + 4]
            stream = int.from_bytes(data[position + 5 : position + 9], "big")
            position += 9
            assert position + size <= len(data), "half a frame was sent"
            self._frame(kind, flags, stream, data[position : position + size])
            position += size

    def _frame(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        assert not self._block or kind == _CONTINUATION, "a header block was interrupted"
        self._last = kind
        if kind in (_DATA, _HEADERS):
            assert stream & 1, "an answer on a stream of nobody"
            assert stream not in self._ended, "an answer behind the stream's end"
            assert stream not in self._reset, "an answer behind the stream's reset"
            if flags & 1:
                self._ended.add(stream)
        if kind == _DATA:
            assert stream in self.fields, "DATA before HEADERS"
            self.bodies[stream] = self.bodies.get(stream, b"") + payload
        elif kind in (_HEADERS, _CONTINUATION):
            self._block += payload
            if flags & 4:
                found = self._decoder.decode(bytes(self._block), raw=True)
                self._block.clear()
                self.fields.setdefault(stream, []).extend((bytes(n), bytes(v)) for n, v in found)
        elif kind == _RST_STREAM:
            self._reset.add(stream)
