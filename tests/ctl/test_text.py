"""Text as Go reads and writes it, where a transcript would be long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_etcd.ctl import gotext
from fake_etcd.ctl.any_certificate import names_of
from fake_etcd.ctl.txn import words_of


@given(st.binary())
def test_what_is_quoted_can_be_read_again(data: bytes) -> None:
    quoted = gotext.quote(data)
    assert quoted.isprintable()
    assert gotext.unquote(quoted).encode("utf-8", "surrogateescape") == data


@pytest.mark.parametrize(
    "text", [r'"\q"', r'"\x4"', r'"\400"', r'"\ud800"', r'"\U00110000"', r'"\""'[:-1]]
)
def test_escapes_that_go_has_not_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="invalid syntax"):
        gotext.unquote(text)


@given(st.integers(-(1 << 63), (1 << 63) - 1), st.sampled_from([2, 8, 10, 16]))
def test_numbers_are_read_in_their_base(number: int, base: int) -> None:
    written = format(number, {2: "b", 8: "o", 10: "d", 16: "x"}[base])
    assert gotext.parse_int(written, base) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("-0", 0),
        ("+7", 7),
        ("0x_1F", 31),
        ("0b11", 3),
        ("0o17", 15),
        ("017", 15),
        ("1_000", 1000),
    ],
)
def test_numbers_say_their_base_themselves(text: str, number: int) -> None:
    assert gotext.parse_int(text, 0) == number


@pytest.mark.parametrize("text", ["", "-", "_1", "1__0", "1_", "0x", "08", "1.0", "٣", " 1"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"strconv\.ParseInt: parsing .*: invalid syntax"):
        gotext.parse_int(text, 0)


@pytest.mark.parametrize("text", ["9223372036854775808", "-9223372036854775809"])
def test_numbers_have_64_bits(text: str) -> None:
    with pytest.raises(ValueError, match="value out of range"):
        gotext.parse_int(text)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("put a b", ["put", "a", "b"]),
        ("  put\ta  ", ["put", "a"]),
        ("""put 'it is' "a \\"b\\"" c""", ["put", "it is", 'a "b"', "c"]),
        ("put a'b", ["put", "a'b"]),
        ("", []),
    ],
)
def test_words_of_a_line(line: str, words: list[str]) -> None:
    assert words_of(line) == words


def test_a_certificate_without_names_has_none() -> None:
    assert list(names_of(b"\x30\x00")) == []
