"""JSON becomes messages as Go's encoding/json and protojson make them; answers of etcd 3.7.3."""

from __future__ import annotations

import json

import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from fake_etcd.api import messages as m
from fake_etcd.api.errors import StatusError
from fake_etcd.api.methods import METHODS
from fake_etcd.transport.gateway.fields import JsonMessage, table_of
from fake_etcd.transport.gateway.reading import Unreadable, read, read_quickly
from fake_etcd.transport.gateway.requests import message_of
from fake_etcd.transport.gateway.values import NotJson, Values
from fake_etcd.transport.gateway.writing import write

from .strategies import jsons

PUT = table_of(m.PutRequest)
RANGE = table_of(m.RangeRequest)
TXN = table_of(m.TxnRequest)
GATEWAYS = [method for method in METHODS.values() if method.gateway is not None]
TABLES = [table_of(method.request) for method in GATEWAYS] + [
    table_of(method.response) for method in GATEWAYS
]


def refusal(table: JsonMessage, body: bytes) -> str:
    with pytest.raises(StatusError) as raised:
        message_of(table, body)
    return raised.value.message


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"key":"Zm9v"', "unexpected EOF"),
        (b"nope", "invalid character 'o' in literal null (expecting 'u')"),
        (b"null", "proto: syntax error (line 1:1): unexpected token null"),
        (b"[]", "proto: syntax error (line 1:1): unexpected token ["),
        (b"3", "proto: syntax error (line 1:1): unexpected token 3"),
        (b'{"key":3}', "proto: (line 1:8): invalid value for bytes field key: 3"),
        (b'{"key":"Zm9v","key":"Zm9v"}', 'proto: (line 1:15): duplicate field "key"'),
        (b'{"value":"e"}', 'proto: (line 1:10): invalid value for bytes field value: "e"'),
        (
            b'{"value":"e\\nA\\r=="}',
            'proto: (line 1:10): invalid value for bytes field value: "e\\nA\\r=="',
        ),
        (b'{"value":"\\ud800"}', "proto: unexpected EOF"),
        (
            b'{"x":"\\ud83dabcdefg"}',
            'proto: syntax error (line 1:6): invalid escape code "abcdef" in string',
        ),
        (b'{"value":"\xff"}', "proto: syntax error (line 1:10): invalid UTF-8 in string"),
        (b'{"\xff":1}', "proto: syntax error (line 1:2): invalid UTF-8 in string"),
        (b"{\xff:1}", "invalid character 'ÿ' looking for beginning of object key string"),
        (b'{"x":"\\ud83d\\u"}', "invalid character '\"' in \\u hexadecimal character escape"),
        (b'{"lease":" 1"}', 'proto: (line 1:10): invalid value for int64 field lease: " 1"'),
        (b'{"lease":"1x"}', 'proto: (line 1:10): invalid value for int64 field lease: "1x"'),
        (b'{"lease":"01"}', 'proto: (line 1:10): invalid value for int64 field lease: "01"'),
        (
            b'{"lease":9223372036854775808}',
            "proto: (line 1:10): invalid value for int64 field lease: 9223372036854775808",
        ),
        (b'{"prev_kv":1}', "proto: (line 1:12): invalid value for bool field prevKv: 1"),
        (b'{"key"\n:\n "e"}', 'proto: (line 3:2): invalid value for bytes field key: "e"'),
        (b'\n {"\xc3\xa9":1,"key":1}', "proto: (line 1:14): invalid value for bytes field key: 1"),
        (b"\xef\xbb\xbf{}", "invalid character 'ï' looking for beginning of value"),
        (b"{'key'}", "invalid character '\\'' looking for beginning of object key string"),
        (b'{"key":"",}', "invalid character '}' looking for beginning of object key string"),
        (b'{"key":"a\nb"}', "invalid character '\\n' in string literal"),
        (b'{"key":"a\\xb"}', "invalid character 'x' in string escape code"),
        (b'{"key":-}', "invalid character '}' in numeric literal"),
        (b'{"key":\0}', "invalid character '\\x00' looking for beginning of value"),
        (b'{"key" 1}', "invalid character '1' after object key"),
        (b'{"key":1 2}', "invalid character '2' after object key:value pair"),
        (b"[1 2]", "invalid character '2' after array element"),
        (b"[1.]", "invalid character ']' after decimal point in numeric literal"),
        (b"[1e]", "invalid character ']' in exponent of numeric literal"),
        (b"[" * 10_001, "invalid character '[' exceeded max depth"),
    ],
)
def test_what_is_no_put_is_refused_in_gos_words(body: bytes, message: str) -> None:
    assert refusal(PUT, body) == message


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"compare":[null]}', "proto: syntax error (line 1:13): unexpected token null"),
        (b'{"compare":{}}', "proto: syntax error (line 1:12): unexpected token {"),
        (
            b'{"compare":[{"version":1,"mod_revision":2}]}',
            'proto: (line 1:26): error parsing "mod_revision", oneof '
            "etcdserverpb.Compare.target_union is already set",
        ),
    ],
)
def test_what_is_no_txn_is_refused_in_gos_words(body: bytes, message: str) -> None:
    assert refusal(TXN, body) == message


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", m.PutRequest()),
        (b"  \n", m.PutRequest()),
        (b'{"key":"eA=="} and what is behind it', m.PutRequest(key=b"x")),
        (b'{"key":"-_8"}', m.PutRequest(key=b"\xfb\xff")),
        (b'{"key":"-_8="}', m.PutRequest(key=b"\xfb\xff")),
        (b'{"key":"eB=="}', m.PutRequest(key=b"x")),
        (b'{"key":"eA\\n"}', m.PutRequest(key=b"x")),
        (b'{"key":"\\u0065A=="}', m.PutRequest(key=b"x")),
        (b'{"lease":"1e1"}', m.PutRequest(lease=10)),
        (b'{"lease":1.50E1}', m.PutRequest(lease=15)),
        (b'{"lease":-0}', m.PutRequest()),
        (b'{"lease":"1 x"}', m.PutRequest(lease=1)),
        (b'{"prevKv":true,"ignore_value":false}', m.PutRequest(prev_kv=True)),
        (b'{"lease":null,"nope":{"a":[1,{"b":"}"}]},"[x]":0}', m.PutRequest()),
        (b'{"x":' + b"[" * 9_999 + b"]" * 9_999 + b"}", m.PutRequest()),
    ],
)
def test_a_put_is_read_as_protojson_reads_it(body: bytes, message: Message) -> None:
    assert message_of(PUT, body) == message


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"sort_order":"DESCEND"}', m.RangeRequest(sort_order=2)),
        (b'{"sortOrder":7}', m.RangeRequest(sort_order=7)),
        (b'{"sort_order":"NOPE"}', m.RangeRequest()),
        (b'{"sort_order":"1"}', m.RangeRequest()),
    ],
)
def test_an_enum_has_a_name_or_a_number(body: bytes, message: Message) -> None:
    assert message_of(RANGE, body) == message


def test_of_a_list_of_enums_the_names_that_are_none_are_left_out() -> None:
    body = b'{"filters":["NOPUT","NOPE",1,7]}'
    expected = m.WatchCreateRequest(filters=[0, 1, 7])
    assert message_of(table_of(m.WatchCreateRequest), body) == expected


def test_nothing_of_a_union_leaves_room_for_something() -> None:
    body = b'{"compare":[{"version":0,"mod_revision":null}]}'
    compare = message_of(TXN, body).compare[0]  # type: ignore[attr-defined]  # it is a TxnRequest
    assert compare.WhichOneof("target_union") == "version"


def test_messages_may_be_as_deep_in_one_another_as_arrays_and_objects() -> None:
    depth = 3_332
    body = b'{"success":[{"request_txn":' * depth + b"{}" + b"}]}" * depth
    message = message_of(TXN, body)
    for _ in range(depth):
        (operation,) = message.success  # type: ignore[attr-defined]  # it is a TxnRequest
        message = operation.request_txn
    assert message == m.TxnRequest()
    too_deep = b'{"success":[{"request_txn":' * 2 + body + b"}]}" * 2
    assert refusal(TXN, too_deep) == "invalid character '[' exceeded max depth"


# Both ways of reading, and writing, over every message of the gateway's

messages = st.sampled_from(TABLES).flatmap(lambda table: st.tuples(st.just(table), jsons(table)))


def slowly(table: JsonMessage, body: bytes) -> Message | str:
    """What protojson's way makes of a body."""
    values = Values()
    values.add(body)
    try:
        value = values.take() or values.end()
        return read(table, value) if value is not None else table.cls()
    except (NotJson, Unreadable) as error:
        return str(error)


@given(messages, st.booleans())
def test_both_ways_come_to_the_same(
    one: tuple[JsonMessage, dict[str, object]], is_ascii: bool
) -> None:
    table, content = one
    body = json.dumps(content, ensure_ascii=is_ascii).encode()
    message = slowly(table, body)
    assert isinstance(message, table.cls)
    assert read_quickly(table, body) == (None if b"\\u" in body else message)


@given(messages, st.binary(max_size=2), st.integers(0, 200))
def test_both_ways_come_to_the_same_of_what_was_damaged(
    one: tuple[JsonMessage, dict[str, object]], damage: bytes, at: int
) -> None:
    table, content = one
    body = json.dumps(content, ensure_ascii=False).encode()
    at %= len(body)
    body = body[:at] + damage + body[at + 1 :]
    quickly = read_quickly(table, body)
    if quickly is not None:
        assert slowly(table, body) == quickly


@given(messages)
def test_what_is_written_is_read_as_the_same(one: tuple[JsonMessage, dict[str, object]]) -> None:
    table, content = one
    message = slowly(table, json.dumps(content).encode())
    assert isinstance(message, table.cls)
    assert slowly(table, write(table, message).encode()) == message
