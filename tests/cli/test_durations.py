"""Durations in Go's notation; texts and values are those of Go's time.ParseDuration."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_etcd.cli.durations import parse_duration

MS, S, M, H = 10**6, 10**9, 60 * 10**9, 3600 * 10**9


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("0", 0),
        ("+0", 0),
        ("-0", 0),
        ("0s", 0),
        ("5s", 5 * S),
        ("+5s", 5 * S),
        ("-5s", -5 * S),
        ("1.5s", 1_500 * MS),
        (".5s", 500 * MS),
        ("5.s", 5 * S),
        ("1h30m", H + 30 * M),
        ("3h30m10.5s", 3 * H + 30 * M + 10_500 * MS),
        ("1m1m", 2 * M),
        ("10ns", 10),
        ("11us", 11_000),
        ("12\N{MICRO SIGN}s", 12_000),
        ("12\N{GREEK SMALL LETTER MU}s", 12_000),
        ("100ms", 100 * MS),
        ("0.9ns", 0),
        ("1.999999999999s", 1_999_999_999),
        ("9223372036854775807ns", (1 << 63) - 1),
        ("-9223372036854775808ns", -(1 << 63)),
    ],
)
def test_a_duration_is_nanoseconds(text: str, nanoseconds: int) -> None:
    assert parse_duration(text) == nanoseconds


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 'time: invalid duration ""'),
        ("+", 'time: invalid duration "+"'),
        (".", 'time: invalid duration "."'),
        ("-.s", 'time: invalid duration "-.s"'),
        ("abc", 'time: invalid duration "abc"'),
        ("3", 'time: missing unit in duration "3"'),
        ("-1", 'time: missing unit in duration "-1"'),
        ("1.5", 'time: missing unit in duration "1.5"'),
        ("1h2", 'time: missing unit in duration "1h2"'),
        ("1d", 'time: unknown unit "d" in duration "1d"'),
        ("1 s", 'time: unknown unit " s" in duration "1 s"'),
        ("9223372036854775808ns", 'time: invalid duration "9223372036854775808ns"'),
        ("3000000h", 'time: invalid duration "3000000h"'),
    ],
)
def test_what_is_none_is_refused_in_gos_words(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=r"^time: ") as refusal:
        parse_duration(text)
    assert str(refusal.value) == words


@given(st.integers(0, 999), st.integers(0, 59), st.integers(0, 59), st.integers(0, 10**9 - 1))
def test_parts_add_up(hours: int, minutes: int, seconds: int, nanoseconds: int) -> None:
    text = f"{hours}h{minutes}m{seconds}.{nanoseconds:09d}s"
    assert parse_duration(text) == hours * H + minutes * M + seconds * S + nanoseconds


@given(st.text("0123456789.hmsnu-+ d"))
def test_any_text_is_a_number_or_a_refusal(text: str) -> None:
    try:
        nanoseconds = parse_duration(text)
    except ValueError as refusal:
        words = str(refusal)
    else:
        words = f"time: {nanoseconds}"
        assert -(1 << 63) <= nanoseconds < 1 << 63
    assert words.startswith("time: ")
