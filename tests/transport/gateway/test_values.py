"""JSON values are cut from a stream of bytes wherever its pieces end."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_etcd.transport.gateway.values import NotJson, Values

objects = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=10,
)


def cut(pieces: list[bytes]) -> list[bytes | str]:
    """All values of a text, and what is wrong with it at last."""
    values = Values()
    found: list[bytes | str] = []
    try:
        for piece in pieces:
            values.add(piece)
            while (value := values.take()) is not None:
                found.append(value)
        last = values.end()
    except NotJson as error:
        found.append(str(error))
    else:
        if last is not None:
            found.append(last)
    return found


def pieces_of(text: bytes, size: int) -> list[bytes]:
    return [text[at : at + size] for at in range(0, len(text), size)]


@given(st.lists(objects, max_size=4), st.sampled_from([" ", "\n", "\t \r"]), st.integers(1, 9))
def test_values_are_found_in_pieces_of_any_size(
    given_values: list[object], between: str, size: int
) -> None:
    texts = [json.dumps(value).encode() for value in given_values]
    text = b"".join(one + between.encode() for one in texts)
    assert cut(pieces_of(text, size)) == texts


@given(
    st.lists(
        st.sampled_from(
            [
                b"{}",
                b"[]",
                b'{"a":[1]}',
                b"12",
                b'"',
                b"\\",
                b"tru",
                b" ",
                b",",
                b"-",
                b".5",
                b"e",
                b"\x80",
                b"[",
                b"]",
                b"{",
                b":",
            ]
        ),
        max_size=12,
    ),
    st.integers(1, 5),
)
def test_the_size_of_the_pieces_makes_no_difference(tokens: list[bytes], size: int) -> None:
    text = b"".join(tokens)
    assert cut(pieces_of(text, size)) == cut([text])


@given(st.binary(max_size=12) | st.text('{}[]",:0-1e.\\utrfalsn ', max_size=12).map(str.encode))
def test_what_pythons_parser_takes_is_taken(text: bytes) -> None:
    try:
        json.loads(text.decode(), parse_constant=int)
    except ValueError:
        return
    assert cut([text]) == [text.strip(b" \t\r\n")]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        (b'{"ID":1}{"ID":2}{"ID"', [b'{"ID":1}', b'{"ID":2}', "unexpected EOF"]),
        (b"{} nope", [b"{}", "invalid character 'o' in literal null (expecting 'u')"]),
        (b"1 2", [b"1", b"2"]),
        (b"12", [b"12"]),
        (b"-", ["unexpected EOF"]),
        (b"fals]", ["invalid character ']' in literal false (expecting 'e')"]),
        (b"\x7f", ["invalid character '\\x7f' looking for beginning of value"]),
        (b"\x85", ["invalid character '\\u0085' looking for beginning of value"]),
        (b"", []),
    ],
)
def test_several_values_follow_each_other(text: bytes, values: list[bytes | str]) -> None:
    assert cut([text]) == values


many = st.integers(1, 3).flatmap(
    lambda count: st.tuples(
        st.lists(st.integers(0, 8), min_size=count, max_size=count), objects, st.integers(1, 400)
    )
)
damages = st.none() | st.tuples(
    st.integers(0, 5_000), st.sampled_from([b"", b",", b"]", b"}", b"[", b'"', b"x", b"\n", b"\\"])
)


def _wrapped(value: object, levels: list[int], times: int) -> object:
    """A value many times in some more or less deep lists and objects."""
    for depth in levels:
        for level in range(depth):
            value = [value, 1] if level & 1 else {"a": value, "b": "\u00e9\n"}
        value = [value] * times
        times = 2
    return value


@given(many, damages, st.booleans(), st.sampled_from([(",", ":"), (" ,\n ", "\t: ")]))
def test_a_run_of_values_is_as_good_as_one_byte_after_another(
    parts: tuple[list[int], object, int],
    damage: tuple[int, bytes] | None,
    is_ascii: bool,
    separators: tuple[str, str],
) -> None:
    levels, value, times = parts
    wrapped = _wrapped(value, levels, times)
    text = json.dumps(wrapped, separators=separators, ensure_ascii=is_ascii).encode()[:40_000]
    if damage is not None:
        at = damage[0] % len(text)
        text = text[:at] + damage[1] + text[at + 1 :]
    assert cut([text]) == cut(pieces_of(text, 500))
    runs = Values()
    runs.add(text)
    bytewise = Values()
    found: list[bytes | str | None] = []
    for one in (runs, bytewise):
        for piece in [b""] if one is runs else pieces_of(text, 1):
            one.add(piece)
            try:
                result: bytes | str | None = one.take()
            except NotJson as error:
                result = str(error)
            if result is not None:
                break
        found += [result, one.read_bytes]
    assert found[:2] == found[2:]
