"""Requests as text, as recorded from the log of etcd 3.7.3; and no secrets in any."""

from __future__ import annotations

import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from conformance import requests
from fake_etcd.api import messages as m
from fake_etcd.services import request_texts as texts

KEY = b"\x00\x01\n\"\\\xff\xc3\xa4\x7f\xc2\x85'\t"


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        (m.RangeRequest(), ""),
        (
            m.RangeRequest(
                key=KEY,
                range_end=b"b",
                limit=3,
                sort_order=1,
                sort_target=2,
                serializable=True,
                keys_only=True,
            ),
            r'key:"\x00\x01\n\"\\\xffä\x7f\u0085'
            r"'\t"
            r'" range_end:"b" limit:3 sort_order:ASCEND sort_target:CREATE serializable:true '
            "keys_only:true",
        ),
        (m.DeleteRangeRequest(key=b"a", prev_kv=True), 'key:"a" prev_kv:true'),
        (m.RangeRequest(revision=-1, sort_target=9), "revision:-1 sort_target:9"),
        (
            m.AuthRoleGrantPermissionRequest(
                name="root", perm=m.Permission(permType=2, key=b"a", range_end=b"\0")
            ),
            r'name:"root" perm:{permType:READWRITE key:"a" range_end:"\x00"}',
        ),
    ],
)
def test_a_message_is_written_as_go_writes_it(request_: Message, text: str) -> None:
    assert texts.text(request_) == text


def test_a_put_shows_the_size_of_its_value_alone() -> None:
    put = m.PutRequest(key=KEY, value=b"hello", lease=77, prev_kv=True, ignore_lease=True)
    assert texts.put_text(put) == (
        r'key:"\000\001\n\"\\\377\303\244\177\302\205'
        r"'\t"
        r'" value_size:5 lease:77 prev_kv:true ignore_lease:true '
    )


@pytest.mark.parametrize(
    ("compare", "text"),
    [
        (m.Compare(result=4, target=3, value=b"v"), 'result:4 target:VALUE key:"a" value_size:1 '),
        (
            m.Compare(result=-1, target=3, value=b"v"),
            'result:-1 target:VALUE key:"a" value_size:1 ',
        ),
        (
            m.Compare(result=1, target=9, value=b"v"),
            'result:GREATER target:9 key:"a" value_size:1 ',
        ),
        (m.Compare(result=7, target=9, version=1), 'result:7 target:9 key:"a" version:1'),
        (m.Compare(result=3, value=b""), 'result:NOT_EQUAL key:"a" '),
    ],
)
def test_a_compare_says_the_numbers_that_have_no_names(compare: m.Compare, text: str) -> None:
    compare.key = b"a"
    txn = m.TxnRequest(compare=[compare])
    assert texts.txn_text(txn) == f"compare:<{text}> success:<> failure:<>"


def test_a_transaction_shows_the_sizes_of_its_values_alone() -> None:
    op = m.RequestOp
    txn = m.TxnRequest(
        compare=[
            m.Compare(target=m.Compare.VALUE, key=b"a", value=b"hello"),
            m.Compare(
                result=m.Compare.GREATER, target=m.Compare.CREATE, key=b"b", create_revision=0
            ),
        ],
        success=[
            op(request_put=m.PutRequest(key=b"z", value=b"xyz")),
            op(request_range=m.RangeRequest(key=b"a", range_end=b"b")),
        ],
        failure=[
            op(request_delete_range=m.DeleteRangeRequest(key=b"z")),
            op(
                request_txn=m.TxnRequest(
                    success=[op(request_put=m.PutRequest(key=b"q", value=b"v"))]
                )
            ),
        ],
    )
    assert texts.txn_text(txn) == (
        'compare:<target:VALUE key:"a" value_size:5  '
        'result:GREATER target:CREATE key:"b" create_revision:0> '
        'success:<request_put:<key:"z" value_size:3 > request_range:{key:"a" range_end:"b"}> '
        'failure:<request_delete_range:{key:"z"} '
        'request_txn:<compare:<> success:<request_put:<key:"q" value_size:1 >> failure:<>>>'
    )


@pytest.mark.parametrize(
    ("request_", "response", "text"),
    [
        (m.PutRequest(key=b"a"), None, 'header:<ID:1> put:<key:"a" >'),
        (
            m.DeleteRangeRequest(key=b"a"),
            None,
            'header:{ID:1} delete_range:{key:"a"}',
        ),
        (m.CompactionRequest(revision=2), None, "header:{ID:1} compaction:{revision:2}"),
        (
            m.LeaseGrantRequest(TTL=100),
            m.LeaseGrantResponse(ID=255, TTL=100),
            "header:<ID:1> lease_grant:<ttl:100-second id:00000000000000ff>",
        ),
        (
            m.LeaseRevokeRequest(ID=-1),
            None,
            "header:<ID:1> lease_revoke:<id:ffffffffffffffff>",
        ),
        (
            m.AuthUserAddRequest(name="u", password="p"),
            None,
            "header:<ID:1> auth_user_add:<name:u>",
        ),
        (
            m.AuthUserChangePasswordRequest(name="u", password="p"),
            None,
            "header:<ID:1> auth_user_change_password:<name:u>",
        ),
        (
            m.AuthenticateRequest(name="u", password="p"),
            m.AuthenticateResponse(token="RAzwWOdBiEEhIMoQ.17"),
            "header:<ID:1> authenticate:<name:u simple_token:RAzwWOdBiEEhIMoQ>",
        ),
        (
            m.AuthenticateRequest(name="u", password="p"),
            m.AuthenticateResponse(token="head.body.signature"),
            "header:<ID:1> authenticate:<name:u simple_token:>",
        ),
        (m.AuthStatusRequest(), None, "header:{ID:1} auth_status:{}"),
        (
            m.AuthUserGrantRoleRequest(user="u", role="r"),
            None,
            'header:{ID:1} auth_user_grant_role:{user:"u" role:"r"}',
        ),
    ],
)
def test_an_entry_is_written_as_etcd_writes_it(
    request_: Message, response: Message | None, text: str
) -> None:
    assert texts.entry_text("ID:1", request_, response) == text


@given(st.binary())
def test_quoted_bytes_are_read_back_by_protobuf_itself(value: bytes) -> None:
    from google.protobuf import text_format

    for quoted in (texts.quoted(value), texts.quoted_old(value)):
        assert "\n" not in quoted
        # What Go escapes by \u has to be bytes for Python's reader.
        readable = quoted
        for control in range(0x80, 0xA0):
            readable = readable.replace(f"\\u{control:04x}", f"\\xc2\\x{control:02x}")
        if "\\\\xc2" in readable or "\\\\u00" in quoted:
            continue
        assert text_format.Parse(f"key: {readable}", m.PutRequest()).key == value


@given(st.one_of(requests.ranges, requests.puts, requests.deletes, requests.txns))
def test_whatever_is_asked_for_has_a_text_of_one_line(request_: Message) -> None:
    text = texts.entry_text("ID:7", request_, None)
    assert text.startswith("header:")
    assert text.isprintable()
