"""Header compression (RFC 7541), shaped for gRPC: the same few header blocks over and over.

Decoding has a fast lane: a block that only points into the tables is one dictionary look-up for
as long as the dynamic table stands still, and where a client writes one changing header into
every request (`grpc-timeout`) the rest of the block still comes out as the same tuple each time,
so that whoever reads it can look up what it read before. Huffman decoding is the `hpack`
library's, behind a small memory of recent strings.

Encoding keeps a handful of constant fields in the dynamic table and never evicts, so that a
usual response's header blocks are two or three constant bytes.
"""

from __future__ import annotations

from collections import deque

from hpack.exceptions import HPACKDecodingError
from hpack.huffman_table import decode_huffman
from hpack.table import HeaderTable

from fake_etcd.transport.http2.frames import (
    DEFAULT_HEADER_TABLE_SIZE,
    ConnectionFailure,
    ErrorCode,
)

Field = tuple[bytes, bytes]
Fields = tuple[Field, ...]

ENTRY_OVERHEAD = 32
"""What an entry costs beside its bytes (RFC 7541 §4.1)."""

MAX_HEADER_LIST_SIZE = 2**21
"""Bytes of header fields a request may have, as we announce it; grpc-go's limit is 16 MiB, which
only an attack fills."""

STATIC: Fields = ((b"", b""), *((bytes(n), bytes(v)) for n, v in HeaderTable.STATIC_TABLE))
"""The static table (RFC 7541 Appendix A); index 0 is not used."""

_STATIC_COUNT = len(STATIC)
_STATIC_FIELD = {field: index for index, field in enumerate(STATIC) if index and field[1]}
_STATIC_NAME: dict[bytes, int] = {}
for _index in range(1, _STATIC_COUNT):
    _STATIC_NAME.setdefault(STATIC[_index][0], _index)

_MAX_INTEGER = 2**24
"""No length or index in a block we take can need more; a longer one is an attack or an error."""

_MAX_CACHED_BLOCKS = 256
_LONGEST_CACHED_BLOCK = 256
_MAX_REMEMBERED_STRINGS = 8_192
_LONGEST_REMEMBERED_STRING = 32

_SHORT_BLOCK = 500
"""Bytes of a block that cannot unfold to more than `MAX_HEADER_LIST_SIZE`, were each of them to
name a field that fills the dynamic table."""

_huffman_memory: dict[bytes, bytes] = {}


def _fail(reason: str) -> ConnectionFailure:
    return ConnectionFailure(ErrorCode.COMPRESSION_ERROR, reason)


def _decode_huffman(coded: bytes) -> bytes:
    # A client's deadline is some microseconds under its timeout: a few hundred different
    # strings come again and again (with 5 s, 1.9 us a decode against 0.1 us for a look-up).
    text = _huffman_memory.get(coded)
    if text is None:
        try:
            text = bytes(decode_huffman(coded))
        except HPACKDecodingError:
            raise _fail("bad Huffman coding") from None
        if len(coded) <= _LONGEST_REMEMBERED_STRING:
            if len(_huffman_memory) >= _MAX_REMEMBERED_STRINGS:
                _huffman_memory.clear()
            _huffman_memory[coded] = text
    return text


def _decode_integer(block: bytes, position: int, prefix_mask: int) -> tuple[int, int]:
    """The integer at `position` (RFC 7541 §5.1) and the position behind it."""
    value = block[position] & prefix_mask
    position += 1
    if value < prefix_mask:
        return value, position
    shift = 0
    while True:
        byte = block[position]
        position += 1
        value += (byte & 0x7F) << shift
        if value > _MAX_INTEGER or shift > 28:
            raise _fail("integer too large")
        if byte < 0x80:
            return value, position
        shift += 7


def _decode_string(block: bytes, position: int) -> tuple[bytes, int]:
    coded = block[position] & 0x80
    length, position = _decode_integer(block, position, 0x7F)
    end = position + length
    if end > len(block):
        raise _fail("string ends behind its block")
    text = block[position:end]
    return (_decode_huffman(text) if coded else text), end


class _BoundedFields(list[Field]):
    """Fields of a block that may be a bomb: a byte can stand for four thousand.

    Behind `MAX_HEADER_LIST_SIZE` none is kept, so whoever looks sees a list that is too large, and
    the tables stay in step; at twice as much the connection has to end.
    """

    def __init__(self) -> None:
        super().__init__()
        self._size = 0

    def append(self, field: Field) -> None:
        """Add a field, or count it only.

        Raises:
            ConnectionFailure: ENHANCE_YOUR_CALM.
        """
        if self._size <= MAX_HEADER_LIST_SIZE:
            super().append(field)
        elif self._size > 2 * MAX_HEADER_LIST_SIZE:
            raise ConnectionFailure(ErrorCode.ENHANCE_YOUR_CALM, "header list too large")
        self._size += len(field[0]) + len(field[1]) + ENTRY_OVERHEAD


class HpackDecoder:
    """Reads the header blocks of one connection, in order.

    Args:
        max_table_size: bytes the peer may keep in the dynamic table (our
            SETTINGS_HEADER_TABLE_SIZE).
        volatile: name of the one field that changes with every request; written as a new literal
            it is handed out beside the others instead of among them. None for no such field.
    """

    __slots__ = ("_blocks", "_max_size", "_size", "_table", "_table_limit", "_volatile")

    def __init__(
        self, max_table_size: int = DEFAULT_HEADER_TABLE_SIZE, volatile: bytes | None = None
    ) -> None:
        self._table: deque[Field] = deque()  # newest first, as HPACK counts
        self._size = 0
        self._max_size = max_table_size
        self._table_limit = max_table_size
        self._volatile = volatile
        self._blocks: dict[bytes, Fields] = {}

    def decode(self, block: bytes) -> tuple[Fields, bytes | None]:
        """The block's fields in order, and the volatile field's value where it came as a literal.

        Where it came as a literal more than once, all of them are among the fields.

        Raises:
            ConnectionFailure: COMPRESSION_ERROR, or ENHANCE_YOUR_CALM for a list that is by far
                too large; the tables are then out of step for good.
        """
        known = self._blocks.get(block)
        if known is not None:
            return known, None
        try:
            return self._decode(block)
        except IndexError:
            # Either the block ends within a field or an index points behind the table.
            raise _fail("block cut short, or index out of range") from None

    def _decode(self, block: bytes) -> tuple[Fields, bytes | None]:
        fields = [] if len(block) <= _SHORT_BLOCK else _BoundedFields()
        volatile: bytes | None = None
        volatile_at = 0
        repeated = False
        table = self._table
        position = 0
        end = len(block)
        only_indexed = True
        while position < end:
            byte = block[position]
            if byte >= 0x80:
                if byte < 0xFF:
                    index = byte & 0x7F
                    position += 1
                else:
                    index, position = _decode_integer(block, position, 0x7F)
                if index >= _STATIC_COUNT:
                    fields.append(table[index - _STATIC_COUNT])
                elif index:
                    fields.append(STATIC[index])
                else:
                    raise _fail("index 0")
                continue
            only_indexed = False
            if byte >= 0x40:
                field, position = self._literal(block, position, 0x3F)
                self._insert(field)
            elif byte >= 0x20:
                if fields or volatile is not None:
                    raise _fail("table size update behind a field")
                size, position = _decode_integer(block, position, 0x1F)
                self._resize(size)
                continue
            else:
                field, position = self._literal(block, position, 0x0F)
            if field[0] == self._volatile and not repeated:
                if volatile is None:
                    volatile = field[1]
                    volatile_at = len(fields)
                    continue
                fields.insert(volatile_at, (field[0], volatile))
                volatile = None
                repeated = True
            fields.append(field)
        result = tuple(fields)
        if only_indexed and end <= _LONGEST_CACHED_BLOCK:
            if len(self._blocks) >= _MAX_CACHED_BLOCKS:
                self._blocks.clear()
            self._blocks[block] = result
        return result, volatile

    def _literal(self, block: bytes, position: int, mask: int) -> tuple[Field, int]:
        index, position = _decode_integer(block, position, mask)
        if not index:
            name, position = _decode_string(block, position)
        elif index < _STATIC_COUNT:
            name = STATIC[index][0]
        else:
            name = self._table[index - _STATIC_COUNT][0]
        value, position = _decode_string(block, position)
        return (name, value), position

    def _insert(self, field: Field) -> None:
        if self._blocks:
            self._blocks.clear()  # every index into the dynamic table means another field now
        self._size += len(field[0]) + len(field[1]) + ENTRY_OVERHEAD
        self._table.appendleft(field)
        if self._size > self._max_size:
            self._evict()

    def _evict(self) -> None:
        table = self._table
        while self._size > self._max_size:
            name, value = table.pop()
            self._size -= len(name) + len(value) + ENTRY_OVERHEAD

    def _resize(self, size: int) -> None:
        if size > self._table_limit:
            raise _fail("table size update over the limit")
        self._blocks.clear()
        self._max_size = size
        self._evict()


def encode_integer(value: int, prefix_mask: int, pattern: int) -> bytes:
    """`value` in HPACK's prefix coding, the upper bits of the first byte set to `pattern`."""
    if value < prefix_mask:
        return bytes((pattern | value,))
    coded = bytearray((pattern | prefix_mask,))
    value -= prefix_mask
    while value >= 0x80:
        coded.append(value & 0x7F | 0x80)
        value >>= 7
    coded.append(value)
    return bytes(coded)


def _string(text: bytes) -> bytes:
    return encode_integer(len(text), 0x7F, 0) + text


class HpackEncoder:
    """Writes the header blocks of one connection, in order.

    Args:
        kept: fields worth a place in the dynamic table; all others are written out each time.
            They must fit into it together, so nothing is ever evicted.
    """

    __slots__ = ("_blocks", "_inserted", "_kept", "_size", "_table_size", "_updates")

    def __init__(self, kept: frozenset[Field]) -> None:
        self._kept = kept
        self._inserted: dict[Field, int] = {}
        self._size = 0
        self._table_size = DEFAULT_HEADER_TABLE_SIZE
        self._updates: list[int] = []
        self._blocks: dict[Fields, bytes] = {}

    def resize(self, peer_limit: int) -> None:
        """The peer's SETTINGS_HEADER_TABLE_SIZE, in bytes; the next block says so."""
        size = min(peer_limit, DEFAULT_HEADER_TABLE_SIZE)
        if size == self._table_size:
            return
        self._table_size = size
        self._blocks.clear()
        if size < self._size or self._updates:
            # Start anew: an update to 0 empties both sides' tables. These two do for any number
            # of changes, so a peer that keeps changing its mind costs nothing (RFC 7541 §4.2).
            self._updates[:] = (0, size)
            self._inserted.clear()
            self._size = 0
        else:
            self._updates.append(size)

    def encode(self, fields: Fields) -> bytes:
        """The block for these fields; the same constant bytes once all kept ones are known."""
        known = self._blocks.get(fields)
        if known is not None:
            return known
        parts = [encode_integer(size, 0x1F, 0x20) for size in self._updates]
        changed = bool(parts)
        self._updates.clear()
        for field in fields:
            index = _STATIC_FIELD.get(field) or self._dynamic_index(field)
            if index:
                parts.append(encode_integer(index, 0x7F, 0x80))
                continue
            keep = self._keep(field)
            changed = changed or keep
            mask, pattern = (0x3F, 0x40) if keep else (0x0F, 0x00)
            name_index = _STATIC_NAME.get(field[0], 0)
            parts.append(encode_integer(name_index, mask, pattern))
            if not name_index:
                parts.append(_string(field[0]))
            parts.append(_string(field[1]))
        block = b"".join(parts)
        if changed:
            self._blocks.clear()
        elif all(field in self._inserted or field in _STATIC_FIELD for field in fields):
            self._blocks[fields] = block
        return block

    def _dynamic_index(self, field: Field) -> int:
        order = self._inserted.get(field)
        return 0 if order is None else _STATIC_COUNT + len(self._inserted) - 1 - order

    def _keep(self, field: Field) -> bool:
        size = len(field[0]) + len(field[1]) + ENTRY_OVERHEAD
        if field not in self._kept or self._size + size > self._table_size:
            return False
        self._inserted[field] = len(self._inserted)
        self._size += size
        return True
