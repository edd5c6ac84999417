"""Header compression against the `hpack` library, both ways, and against bytes from anybody."""

from __future__ import annotations

import tracemalloc

import hpack
import pytest
from hpack.hpack import encode_integer
from hypothesis import given, settings
from hypothesis import strategies as st

from fake_etcd.transport.http2 import hpack as ours
from fake_etcd.transport.http2.frames import ConnectionFailure, ErrorCode
from fake_etcd.transport.http2.hpack import Fields, HpackDecoder, HpackEncoder

VOLATILE = b"grpc-timeout"

NAMES = st.sampled_from(
    [b":method", b":path", b"content-type", b"te", VOLATILE, b"x", b"token", b"x-long-name"]
)
VALUES = st.one_of(
    st.sampled_from([b"", b"POST", b"/etcdserverpb.KV/Range", b"trailers", b"5S", b"4999u"]),
    st.binary(max_size=40),
    st.integers(1, 3).map(lambda n: b"v" * (1_000 * n)),
    st.just(b"larger than the table" * 250),
)
FIELDS = st.lists(st.tuples(NAMES, VALUES), max_size=8).map(tuple)


def plain_literal(name: bytes, value: bytes, first_byte: int) -> bytes:
    """A literal without Huffman coding or a name's index."""
    parts = [bytes((first_byte,))]
    for text in (name, value):
        parts += [bytes(encode_integer(len(text), 7)), text]
    return b"".join(parts)


class Peer:
    """Writes blocks in every form that there is, keeping its own table."""

    def __init__(self) -> None:
        self._encoder = hpack.Encoder()

    def resize(self, size: int) -> None:
        # The library forgets a change that it is told twice before a block.
        if size != self._encoder.header_table_size:
            self._encoder.header_table_size = size

    def block(self, fields: Fields, forms: list[str], huffman: bool) -> bytes:
        out = b""
        # The library writes a size update before the first field that it encodes.
        if forms and forms[0] != "indexed":
            forms = ["indexed", *forms[1:]]
        for (name, value), form in zip(fields, forms, strict=False):
            if form == "indexed":
                out += self._encoder.encode([(name, value)], huffman=huffman)
            elif form == "never indexed, by the library":
                field = hpack.NeverIndexedHeaderTuple(name, value)
                out += self._encoder.encode([field], huffman=huffman)
            else:
                out += plain_literal(name, value, {"without": 0x00, "never": 0x10}[form])
        return out


FORMS = st.lists(
    st.sampled_from(["indexed", "never indexed, by the library", "without", "never"]),
    min_size=8,
    max_size=8,
)
STEPS = st.lists(
    st.tuples(FIELDS, FORMS, st.booleans(), st.sampled_from([None, None, 0, 64, 200, 4096])),
    min_size=1,
    max_size=12,
)


def recombined(fields: Fields, volatile: bytes | None, original: Fields) -> bool:
    """`fields` are `original`, except for one volatile field that was handed out beside them."""
    if volatile is None:
        return fields == original
    return any(
        original[:i] + original[i + 1 :] == fields
        for i, field in enumerate(original)
        if field == (VOLATILE, volatile)
    )


@given(STEPS)
def test_the_decoder_reads_what_another_encoder_writes(steps):
    decoder, peer = HpackDecoder(volatile=VOLATILE), Peer()
    for fields, forms, huffman, size in steps:
        if size is not None:
            peer.resize(size)
        block = peer.block(fields, forms, huffman)
        decoded, volatile = decoder.decode(block)
        assert recombined(decoded, volatile, fields)


@given(STEPS)
def test_without_a_volatile_field_every_field_stays_in_its_place(steps):
    decoder, peer = HpackDecoder(), Peer()
    for fields, forms, huffman, size in steps:
        if size is not None:
            peer.resize(size)
        assert decoder.decode(peer.block(fields, forms, huffman)) == (fields, None)


def test_the_volatile_field_comes_beside_the_others_which_are_the_same_tuple_each_time():
    decoder, encoder = HpackDecoder(volatile=VOLATILE), hpack.Encoder()
    usual = ((b":method", b"POST"), (b":path", b"/p"), (b"content-type", b"application/grpc"))
    decoder.decode(encoder.encode([*usual, (VOLATILE, b"1S")]))
    for value in (b"4998m", b"4999m", b"5S"):
        assert decoder.decode(encoder.encode([*usual, (VOLATILE, value)])) == (usual, value)


def test_a_volatile_field_that_comes_twice_stays_among_the_others_in_order():
    fields = ((b"a", b""), (VOLATILE, b"1S"), (b"b", b""), (VOLATILE, b"2S"), (VOLATILE, b"3S"))
    block = b"".join(plain_literal(name, value, 0) for name, value in fields)
    assert HpackDecoder(volatile=VOLATILE).decode(block) == (fields, None)


@given(st.lists(st.binary(max_size=60), max_size=5))
@settings(max_examples=300)
def test_any_bytes_give_fields_or_a_compression_error(blocks):
    decoder = HpackDecoder(volatile=VOLATILE)
    for block in blocks:
        failure: ConnectionFailure | None = None
        try:
            fields, volatile = decoder.decode(block)
        except ConnectionFailure as error:
            failure = error
        if failure is not None:
            assert failure.code is ErrorCode.COMPRESSION_ERROR
            return
        assert all(type(part) is bytes for field in fields for part in field)
        assert volatile is None or type(volatile) is bytes


@given(st.lists(st.binary(max_size=40), max_size=4))
@settings(max_examples=300)
def test_where_another_decoder_reads_any_bytes_too_both_read_the_same(blocks):
    decoder, other = HpackDecoder(), hpack.Decoder()
    for block in blocks:
        try:
            theirs = tuple((bytes(n), bytes(v)) for n, v in other.decode(block, raw=True))
            mine, _ = decoder.decode(block)
        except (hpack.HPACKError, ConnectionFailure):
            return
        assert mine == theirs


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        (b"\x80", "index 0"),
        (b"\xc6", "block cut short, or index out of range"),
        (b"\xff\x80\x80\x80\x80\x80\x01", "integer too large"),
        (b"\xff\xff\xff\xff\xff\x0f", "integer too large"),
        (b"\xff", "block cut short, or index out of range"),
        (b"\x40\x05ab", "string ends behind its block"),
        (b"\x40\x01a", "block cut short, or index out of range"),
        (b"\x40\x81\xff\x00", "bad Huffman coding"),
        (b"\x00\x7f\xff\xff\xff\x7f", "integer too large"),
        (b"\x3f\xe2\x1f", "table size update over the limit"),
        (b"\x82\x20", "table size update behind a field"),
        (plain_literal(VOLATILE, b"1S", 0) + b"\x20", "table size update behind a field"),
    ],
)
def test_what_breaks_the_rules_of_compression_is_told_by_name(block, reason):
    with pytest.raises(ConnectionFailure) as caught:
        HpackDecoder(volatile=VOLATILE).decode(block)
    assert (caught.value.code, caught.value.reason) == (ErrorCode.COMPRESSION_ERROR, reason)


def test_an_entry_larger_than_the_table_empties_it():
    decoder = HpackDecoder()
    decoder.decode(plain_literal(b"a", b"b", 0x40))
    decoder.decode(plain_literal(b"a", b"v" * 5_000, 0x40))
    with pytest.raises(ConnectionFailure):
        decoder.decode(b"\xbe")


def test_a_cached_block_is_read_anew_when_the_table_moved():
    decoder = HpackDecoder()
    decoder.decode(plain_literal(b"a", b"1", 0x40))
    assert decoder.decode(b"\xbe") == (((b"a", b"1"),), None)
    decoder.decode(plain_literal(b"a", b"2", 0x40))
    assert decoder.decode(b"\xbe") == (((b"a", b"2"),), None)
    decoder.decode(b"\x20")  # an update to 0
    with pytest.raises(ConnectionFailure):
        decoder.decode(b"\xbe")


def test_what_a_connection_remembers_of_blocks_is_bounded():
    decoder = HpackDecoder()
    decoder.decode(b"\x82" * 10_000)
    assert not decoder._blocks  # one byte may stand for a field of 4 KiB: only short ones are kept
    for n in range(3_000):
        decoder.decode(bytes((0x82 + n % 50, 0x82 + n // 50)))
    assert len(decoder._blocks) <= 256


def test_what_all_connections_remember_of_huffman_strings_is_bounded():
    ours._huffman_memory.clear()
    encoder = hpack.Encoder()
    for n in range(9_000):
        field = hpack.NeverIndexedHeaderTuple(VOLATILE, b"%du" % n)
        HpackDecoder(volatile=VOLATILE).decode(encoder.encode([field], huffman=True))
    assert 0 < len(ours._huffman_memory) <= 8_192


# --- our encoder -------------------------------------------------------------------------

KEPT: Fields = (
    (b"content-type", b"application/grpc"),
    (b"grpc-status", b"0"),
    (b"grpc-message", b""),
)
RESPONSES = st.lists(
    st.one_of(
        st.sampled_from([(b":status", b"200"), (b":status", b"415"), *KEPT]),
        st.tuples(st.sampled_from([b"grpc-message", b"grpc-status", b"x"]), VALUES),
    ),
    max_size=6,
).map(tuple)
SIZES = st.lists(st.sampled_from([0, 40, 64, 100, 130, 4096, 65_536]), max_size=3)


@given(st.lists(st.tuples(SIZES, RESPONSES), min_size=1, max_size=12))
@settings(max_examples=200)
def test_another_decoder_reads_what_the_encoder_writes_whatever_table_it_allows(steps):
    encoder, other = HpackEncoder(frozenset(KEPT)), hpack.Decoder()
    other.max_allowed_table_size = 4096
    for sizes, fields in steps:
        for size in sizes:
            encoder.resize(size)
            other.max_allowed_table_size = size
        block = encoder.encode(fields)
        assert tuple((bytes(n), bytes(v)) for n, v in other.decode(block, raw=True)) == fields


def test_a_usual_response_is_a_few_constant_bytes():
    encoder = HpackEncoder(frozenset(KEPT))
    head, trailers = ((b":status", b"200"), KEPT[0]), KEPT[1:]
    encoder.encode(head)
    encoder.encode(trailers)
    assert [encoder.encode(head), encoder.encode(trailers)] == [b"\x88\xc0", b"\xbf\xbe"]


def test_a_table_that_shrinks_is_told_once_with_the_next_block():
    encoder = HpackEncoder(frozenset(KEPT))
    encoder.encode((KEPT[0],))
    encoder.resize(0)
    assert encoder.encode(((b":status", b"200"),)) == b"\x20\x20\x88"
    assert encoder.encode(((b":status", b"200"),)) == b"\x88"


def test_any_number_of_changes_is_told_by_two_updates():
    encoder = HpackEncoder(frozenset(KEPT))
    encoder.encode((KEPT[0],))
    for _ in range(10_000):
        encoder.resize(64)
        encoder.resize(4096)
    assert encoder.encode(((b":status", b"200"),)) == b"\x20\x3f\xe1\x1f\x88"


@pytest.mark.parametrize(
    "block", [b"\x84" * 2**21, b"\x40\x01x\x7f\xa1\x1e" + b"v" * 4_000 + b"\xbe" * 2**21]
)
def test_a_bomb_ends_when_it_has_unfolded_to_twice_what_may_be(block: bytes) -> None:
    """Of a byte each, a static field and one that fills the dynamic table."""
    decoder = HpackDecoder()
    tracemalloc.start()
    try:
        with pytest.raises(ConnectionFailure) as caught:
            decoder.decode(block)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert caught.value.code is ErrorCode.ENHANCE_YOUR_CALM
    assert peak < 2**20


@given(st.integers(0, 4))
def test_a_list_that_is_a_little_too_large_is_seen_as_such_and_the_tables_stay(more: int) -> None:
    most = ours.MAX_HEADER_LIST_SIZE // 38 + 1  # of ":path: /"
    decoder = HpackDecoder()
    block = b"\x84" * (most + more) + b"\x40\x01x\x01y"
    assert decoder.decode(block) == (((b":path", b"/"),) * most, None)
    assert decoder.decode(b"\xbe") == (((b"x", b"y"),), None)
    assert decoder.decode(b"\x84" * (most - 1))[0] == ((b":path", b"/"),) * (most - 1)
