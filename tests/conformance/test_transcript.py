"""Transcripts as text: what is written is read back, lines stay short, bytes stay distinct."""

from __future__ import annotations

import doctest
import hashlib
import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance import transcript as transcript_module
from conformance.transcript import (
    LINE_WIDTH,
    LONGEST_LITERAL,
    LONGEST_RUN,
    Field,
    ParseError,
    Part,
    Transcript,
    parse,
    quote,
    render,
    render_part,
    word,
)

any_bytes = st.one_of(
    st.binary(max_size=60),
    st.text(alphabet='"\\{}:*<>= \n\t\r#a\0é', max_size=12).map(str.encode),
    st.builds(lambda byte, count: byte * count, st.binary(min_size=1, max_size=1), st.just(30)),
    st.binary(min_size=LONGEST_LITERAL - 1, max_size=LONGEST_LITERAL + 2),
)
plain_words = st.sampled_from(
    ("2", "-9223372036854775808", "true", "DESCEND", "lease#1", "<bytes>", ":authority", "te")
)
words = st.one_of(plain_words, any_bytes.map(quote))
names = st.sampled_from(("key", "value", "mod_revision", "ID", "request_range", "x" * 70))
fields = st.recursive(
    st.builds(Field, names, words),
    lambda inner: st.builds(Field, names, st.lists(inner, max_size=4).map(tuple)),
    max_leaves=12,
)
head_words = st.sampled_from(
    ("KV/Put", "OK", "headers", "connection#2", "stream#1", "HTTP/1.1", "200", "/a.B/C", "h" * 90)
)
heads = st.builds(
    lambda first, rest: " ".join([first, *rest]),
    head_words,
    st.lists(st.one_of(head_words, any_bytes.map(quote)), max_size=3),
)
parts = st.builds(Part, st.sampled_from("><="), heads, st.lists(fields, max_size=4).map(tuple))
transcripts = st.builds(
    Transcript,
    st.text(st.characters(exclude_characters="\n"), max_size=20),
    st.lists(parts, max_size=5).map(tuple),
)


def test_examples_in_the_docstrings_are_true() -> None:
    assert doctest.testmod(transcript_module).failed == 0


@given(transcripts)
def test_what_is_written_is_read_back(given_one: Transcript) -> None:
    assert parse(render(given_one)) == given_one


@given(parts)
def test_a_line_longer_than_the_width_holds_one_thing_only(part: Part) -> None:
    start, *rest = render_part(part)
    assert len(start) <= LINE_WIDTH or start == f"{part.mark} {part.head}"
    for line in rest:
        if len(line) > LINE_WIDTH and not re.fullmatch(r" *[^ ]+ \{", line):
            ((field,),) = (part.fields for part in parse(f"s\n> x {line.strip()}").parts)
            assert isinstance(field.value, str), line


def test_a_transcript_reads_like_this() -> None:
    header = Field("header", (Field("cluster_id", "cluster#1"), Field("revision", "2")))
    kv = Field("kvs", (Field("key", quote(b"k" * 20)), Field("value", quote(b"v" * 20))))
    long_kv = Field("kvs", (Field("key", quote(b"ab" * 30)), Field("value", quote(b"cd" * 20))))
    given_one = Transcript(
        "A range.",
        (
            Part(">", "KV/Range", (Field("key", '"a"'), Field("limit", "2"))),
            Part("<", "RangeResponse", (header, kv, long_kv, Field("count", "2"))),
            Part("=", "OK"),
            Part(">", "half-close"),
            Part("=", 'NOT_FOUND "no \\" {"', (Field("metadata", ()),)),
        ),
    )
    assert render(given_one) == (
        "A range.\n"
        "\n"
        '> KV/Range key: "a" limit: 2\n'
        "< RangeResponse\n"
        "    header { cluster_id: cluster#1 revision: 2 }\n"
        '    kvs { key: "kkkkkkkkkkkkkkkkkkkk" value: "vvvvvvvvvvvvvvvvvvvv" }\n'
        "    kvs {\n"
        '        key: "abababababababababababababababababababababababababababababab"\n'
        '        value: "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"\n'
        "    }\n"
        "    count: 2\n"
        "= OK\n"
        "\n"
        "> half-close\n"
        '= NOT_FOUND "no \\" {" metadata { }\n'
    )


@pytest.mark.parametrize(("length", "lines"), [(LINE_WIDTH, 1), (LINE_WIDTH + 1, 2)])
def test_a_part_stays_on_one_line_up_to_the_width(length: int, lines: int) -> None:
    value = "x" * (length - len("> KV/Put key: "))
    assert len(render_part(Part(">", "KV/Put", (Field("key", value),)))) == lines


@pytest.mark.parametrize(("length", "lines"), [(LINE_WIDTH, 2), (LINE_WIDTH + 1, 4)])
def test_a_field_in_a_part_stays_on_one_line_up_to_the_width(length: int, lines: int) -> None:
    value = "x" * (length - len("    kv { key:  }"))
    part = Part("<", "RangeResponse", (Field("kv", (Field("key", value),)),))
    assert len(render_part(part)) == lines


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("s\nfoo\n", "a transcript goes on with a part, not with 'foo'"),
        ("s\n    key: 1\n> a\n", "a transcript goes on with a part, not with '    key: 1'"),
        ("s\n> KV/Put key: }", "no value for key: '> KV/Put key: }'"),
        ("s\n> KV/Put kv { key: 1", "a brace is not closed: '> KV/Put kv { key: 1'"),
        ("s\n> KV/Put key: 1 }", "cannot read ' }' of '> KV/Put key: 1 }'"),
        ('s\n> KV/Put key: "a', "no value for key: '> KV/Put key: \"a'"),
        ("s\n> KV/Put key: 1 2", "cannot read ' 2' of '> KV/Put key: 1 2'"),
        ("s\n> key: 1", "cannot read '' of '> key: 1'"),
        ("s\n> ", "cannot read ' ' of '> '"),
    ],
)
def test_text_that_is_no_transcript_is_refused(text: str, message: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", '""'),
        (b"a b", '"a b"'),
        (b'"\\', '"\\"\\\\"'),
        (b"\n\t\r\0\x7f\xff", '"\\n\\t\\x0d\\x00\\x7f\\xff"'),
        (b"v" * LONGEST_RUN, f'"{"v" * LONGEST_RUN}"'),
        (b"v" * (LONGEST_RUN + 1), f'"v"*{LONGEST_RUN + 1}'),
        (b"\n" * 1_000_000, '"\\n"*1000000'),
        (b"ab" * (LONGEST_LITERAL // 2), f'"{"ab" * (LONGEST_LITERAL // 2)}"'),
        (
            b"ab" * LONGEST_LITERAL,
            f"sha256:{hashlib.sha256(b'ab' * LONGEST_LITERAL).hexdigest()[:16]}*800",
        ),
    ],
)
def test_a_word_for_bytes(data: bytes, expected: str) -> None:
    assert quote(data) == expected


@given(st.one_of(st.text(max_size=12), st.sampled_from(("/a.B/C", "a:", "{", 'R"', "", "a  b"))))
def test_any_text_can_be_a_word_of_a_head(text: str) -> None:
    part = Part(">", f"by hand {word(text)}", (Field("data", '"x"'),))
    one = Transcript("s", (part,))
    assert parse(render(one)) == one


def test_a_word_is_quoted_only_where_it_has_to_be() -> None:
    assert [word(text) for text in ("/etcdserverpb.KV/Put", "KV/Put", "", "a b", "é")] == [
        "/etcdserverpb.KV/Put",
        "KV/Put",
        '""',
        '"a b"',
        r'"\xc3\xa9"',
    ]


def unquoted(given_word: str) -> bytes:
    """The bytes of a word that is no digest."""
    found = re.fullmatch(r'"((?:[^"\\]|\\.)*)"(?:\*(\d+))?', given_word)
    assert found is not None, given_word
    return b"".join(_bytes_of(found[1])) * int(found[2] or 1)


def _bytes_of(escaped: str) -> Iterator[bytes]:
    for part in re.findall(r"\\x[0-9a-f]{2}|\\.|[ -~]", escaped):
        if part.startswith("\\x"):
            yield bytes.fromhex(part[2:])
        else:
            yield {"\\n": b"\n", "\\t": b"\t"}.get(part, part[-1:].encode())


@given(st.one_of(st.binary(max_size=LONGEST_LITERAL), any_bytes))
def test_bytes_up_to_the_longest_literal_can_be_read_from_their_word(data: bytes) -> None:
    if len(data) <= LONGEST_LITERAL:
        assert unquoted(quote(data)) == data


@given(any_bytes, any_bytes)
def test_different_bytes_have_different_words(one: bytes, other: bytes) -> None:
    assert (quote(one) == quote(other)) == (one == other)


@given(any_bytes)
def test_a_word_is_printable_ascii(data: bytes) -> None:
    assert re.fullmatch("[ -~]+", quote(data))
