"""What is no JSON, or no request, and in which words etcd says so."""

from __future__ import annotations

from ...scenario import scenario
from ...session import Session


def ranges(s: Session, *bodies: str | bytes) -> None:
    for body in bodies:
        s.gateway("/v3/kv/range", body)


def puts(s: Session, *fields: str) -> None:
    for each in fields:
        s.gateway("/v3/kv/put", f'{{"key":"YQ==",{each}}}')


@scenario
def no_body_is_an_empty_request(s: Session) -> None:
    ranges(s, "", "  \r\n\t", "{}", "{ }", '{"key":null}', '{"key":""}')


@scenario
def only_the_first_value_of_a_body_counts(s: Session) -> None:
    s.put(key=b"a", value=b"1")
    ranges(s, '{"key":"YQ=="} garbage', '{"key":"YQ=="}{"key":"Yg=="}', '\n {"key":"YQ=="}}')


@scenario
def a_body_that_ends_too_early_is_an_unexpected_end(s: Session) -> None:
    ranges(s, "{", '{"key"', '{"key":', '{"key":"YQ==', '{"key":"YQ=="')
    ranges(s, "[", '"a', "tru", "-", "1e")


@scenario
def what_is_no_json_is_told_character_by_character(s: Session) -> None:
    ranges(
        s,
        "nope",
        "truf",
        "falze",
        "'a'",
        "{'key'}",
        '{"key" 1}',
        '{"key":1 2}',
        '{"key":1,}',
        "[1 2]",
        "[1,]",
        "[-]",
        "[01]",
        "[1.]",
        "[1.e]",
        "[1e]",
        "[1e+]",
        "[.5]",
        "[+1]",
        '{"key":"a\nb"}',
        '{"key":"a\\xb"}',
        '{"key":"\\u12G4"}',
        "{key:1}",
        "]",
        "}",
        ",",
        "\\",
        "NaN",
    )


@scenario
def bytes_that_are_no_json_are_taken_for_latin_1(s: Session) -> None:
    ranges(
        s,
        b"\xef\xbb\xbf{}",
        b"\xff",
        b"\x00",
        b"\x7f",
        b"\x85",
        b"\xa0",
        b"\xad",
        b'{"key":\x07}',
        b'{"a"\x1f:1}',
        "{\u20ac}",
    )


@scenario
def json_that_is_no_object_is_an_unexpected_token(s: Session) -> None:
    ranges(s, "null", "[]", "3", '"text"', "true", "-1.5e3", "[1,2]", "false x")


@scenario
def a_field_with_a_value_of_another_type_is_told_with_its_place(s: Session) -> None:
    ranges(
        s,
        '{"key":3}',
        '{"key":true}',
        '{"key":[]}',
        '{"key":{}}',
        '{"limit":1.5}',
        '{"limit":"x"}',
        '{"limit":[1]}',
        '{"keys_only":1}',
        '{"keysOnly":"true"}',
        '{"sort_order":true}',
        '{"sort_order":1.5}',
        '{"sort_order":2147483648}',
        '{\n"key"\n:\n  5}',
        '{"\u20ac\u20ac":1,"key":5}',
    )


@scenario
def numbers_are_whole_ones_in_any_spelling(s: Session) -> None:
    puts(
        s,
        '"lease":0',
        '"lease":-0',
        '"lease":"0"',
        '"lease":7.0',
        '"lease":"70e-1"',
        '"lease":0.7E+1',
        '"lease":1e19',
        '"lease":1e400',
        '"lease":9223372036854775807',
        '"lease":9223372036854775808',
        '"lease":-9223372036854775808',
        '"lease":-9223372036854775809',
        '"lease":"1 x"',
        '"lease":"1x"',
        '"lease":" 1"',
        '"lease":"1\\n"',
        '"lease":"01"',
        '"lease":"+1"',
        '"lease":""',
        '"lease":"1e"',
        '"lease":"1e,"',
        '"lease":"\\"1\\""',
        '"lease":"0x10"',
    )


@scenario
def bytes_are_base64_of_either_alphabet_padded_or_not(s: Session) -> None:
    for value in (
        "-_8=",
        "-_8",
        "+/8",
        "+_8=",
        "YWI",
        "YQ",
        "Y",
        "YQ=",
        "YQ===",
        "=YQ=",
        "YR==",
        "Y Q=",
        "YQ\\n==",
        "Y\\r\\nQ=",
        "\\u0059Q==",
        "\u00e9aaa",
        "====",
    ):
        puts(s, f'"value":"{value}"')
        s.gateway("/v3/kv/range", '{"key":"YQ=="}')


@scenario
def texts_that_are_no_unicode_are_refused(s: Session) -> None:
    ranges(
        s,
        b'{"key":"\xff"}',
        b'{"\xff":1}',
        b'{"x":"\xed\xa0\x80"}',
        b'{"x":"\xc3"}',
        '{"x":"\\ud800"}',
        '{"x":"\\ud800abcdef"}',
        '{"x":"\\udc00\\ud800"}',
        '{"x":"\\ud83d\\ude00","key":1}',
        '{"x":"\\ud83d\\u0041"}',
        '{"x":"\\ud83d\\uZZ"}',
    )


@scenario
def fields_that_there_are_not_are_nothing(s: Session) -> None:
    s.put(key=b"a", value=b"1")
    ranges(
        s,
        '{"nope":1,"key":"YQ==","more":{"a":[1,{"b":null}]}}',
        '{"nope":1,"nope":2,"key":"YQ=="}',
        '{"Key":1,"key":"YQ=="}',
        '{"[x]":1,"key":"YQ=="}',
        '{"":1,"key":"YQ=="}',
        '{"@type":"x","key":"YQ=="}',
    )


@scenario
def a_field_comes_once(s: Session) -> None:
    ranges(
        s,
        '{"key":"YQ==","key":"YQ=="}',
        '{"range_end":"eg==","rangeEnd":"eg=="}',
        '{"key":null,"key":"YQ=="}',
        '{"k\\u0065y":"YQ==","key":"YQ=="}',
    )
    s.gateway("/v3/kv/txn", '{"compare":[{"key":"YQ==","version":1,"mod_revision":2}]}')
    s.gateway("/v3/kv/txn", '{"success":[{"request_put":{},"request_range":{}}]}')


@scenario
def a_list_is_an_array_and_a_null_in_it_is_something(s: Session) -> None:
    for body in (
        '{"compare":null}',
        '{"compare":{}}',
        '{"compare":[null]}',
        '{"compare":[1]}',
        '{"compare":[{}]}',
        '{"success":[[]]}',
        '{"success":[{"request_put":null}]}',
        '{"success":[{"request_put":[]}]}',
    ):
        s.gateway("/v3/kv/txn", body)


@scenario
def depth_has_an_end(s: Session) -> None:
    for depth in (9_999, 10_000, 10_001):
        ranges(s, '{"key":"YQ==","x":' + "[" * depth + "]" * depth + "}")


def _nested(depth: int) -> str:
    """A transaction that gets a key, in so many others."""
    inside = '{"success":[{"request_range":{"key":"YQ=="}}]}'
    return '{"success":[{"request_txn":' * depth + inside + "}]}" * depth


@scenario
def transactions_in_one_another_are_taken_as_over_grpc(s: Session) -> None:
    for depth in (49, 60, 126, 127, 128, 1_000, 3_332, 3_333):
        s.gateway("/v3/kv/txn", _nested(depth))


_MUCH = 9 << 20


@scenario
def what_is_around_a_value_is_nothing_however_much_it_is(s: Session) -> None:
    ask = b'{"key":"YQ=="}'
    ranges(s, b" " * _MUCH + ask, ask + b" " * _MUCH, ask + b"x" * _MUCH)
    ranges(s, b'{"key":' + b"\n" * _MUCH + b'"YQ=="}', b'{"key"' + b" " * _MUCH + b":5}")


@scenario
def fields_that_there_are_not_may_be_large(s: Session) -> None:
    ranges(s, b'{"key":"YQ==","x":"' + b"x" * _MUCH + b'"}')
    ranges(s, b'{"key":"YQ==","x":[' + b"1," * (_MUCH // 2) + b"1]}")


@scenario
def a_message_that_is_too_large_is_told_with_its_size(s: Session) -> None:
    for size in (2_097_000, 2_100_000, _MUCH, 2 * _MUCH):
        puts(s, f'"value":"{"YWFh" * (size // 3)}"')


@scenario
def what_is_no_json_is_told_however_much_there_is_of_it(s: Session) -> None:
    ranges(s, b'{"key":"YQ==","x":[' + b"1," * (_MUCH // 2) + b"}")
    ranges(s, b'{"key":"YQ==","x":[' + b"[[[[[[[1]]]]]]]," * 10_000 + b"}")
    ranges(s, b'{"key":"YQ==","x":"' + b"\\n" * (_MUCH // 2) + b"\n")


@scenario
def of_what_is_no_json_no_more_than_256_kib_are_read(s: Session) -> None:
    for size in (250_000, 300_000):
        ranges(s, b"nope" + b" " * size)


@scenario
def a_bad_chunk_takes_nothing_from_the_values_before_it(s: Session) -> None:
    chunked = ("Transfer-Encoding", "chunked")
    s.gateway("/v3/kv/range", b'e\r\n{"key":"YQ=="}\r\nzz\r\n', chunked)
    s.gateway("/v3/kv/range", b'6\r\n{"key"\r\nzz\r\n', chunked)
    s.gateway("/v3/lease/keepalive", b'8\r\n{"ID":7}\r\nzz\r\n', chunked)
