"""One request, one answer: what messages look like in JSON."""

from __future__ import annotations

from ...scenario import scenario
from ...session import Session

A = '{"key":"YQ=="}'


def put(s: Session, key: str = "YQ==", value: str = "MQ==") -> None:
    s.gateway("/v3/kv/put", f'{{"key":"{key}","value":"{value}"}}')


@scenario
def a_put_and_a_range_are_posts_of_json(s: Session) -> None:
    put(s)
    s.gateway("/v3/kv/range", A)
    put(s)
    s.gateway("/v3/kv/put", '{"key":"YQ==","prev_kv":true}')
    s.gateway("/v3/kv/range", A)


@scenario
def what_is_empty_is_left_out_of_an_answer(s: Session) -> None:
    s.gateway("/v3/kv/put", A)
    s.gateway("/v3/kv/range", A)
    s.gateway("/v3/kv/range", '{"key":"Yg=="}')
    s.gateway("/v3/kv/deleterange", '{"key":"Yg==","prev_kv":true}')
    s.gateway("/v3/kv/deleterange", '{"key":"YQ==","prev_kv":true}')


@scenario
def a_range_takes_every_field_by_either_name(s: Session) -> None:
    for key in ("YQ==", "Yg==", "Yw=="):
        put(s, key, "dg==")
    whole = '"key":"YQ==","range_end":"eg=="'
    for more in (
        '"limit":2',
        '"limit":"1"',
        '"sort_order":"DESCEND","sort_target":"KEY"',
        '"sortOrder":2,"sortTarget":3',
        '"keys_only":true',
        '"keysOnly":true,"countOnly":false',
        '"count_only":true',
        '"serializable":true',
        '"rangeEnd":null',
        f'"revision":"{s.at(3)}"',
        f'"min_mod_revision":{s.at(3)},"maxModRevision":"{s.at(3)}"',
    ):
        s.gateway("/v3/kv/range", f"{{{whole},{more}}}")


@scenario
def a_transaction_has_all_its_parts_in_json(s: Session) -> None:
    put(s)
    compare = '{"key":"YQ==","target":"VALUE","result":"EQUAL","value":"MQ=="}'
    success = '{"request_put":{"key":"Yg==","value":"Mg=="}},{"requestRange":{"key":"YQ=="}}'
    failure = '{"request_delete_range":{"key":"YQ==","prev_kv":true}}'
    whole = f'{{"compare":[{compare}],"success":[{success}],"failure":[{failure}]}}'
    s.gateway("/v3/kv/txn", whole)
    put(s, value="Mw==")
    s.gateway("/v3/kv/txn", whole)
    s.gateway("/v3/kv/txn", "{}")
    nested = '{"success":[{"request_txn":{"success":[{"request_range":{"key":"Yg=="}}]}}]}'
    s.gateway("/v3/kv/txn", nested)


@scenario
def compares_are_of_every_kind(s: Session) -> None:
    put(s)
    for compare in (
        '"target":"VERSION","version":"1"',
        '"target":0,"version":1,"result":"GREATER"',
        f'"target":"CREATE","create_revision":"{s.at(2)}"',
        f'"target":"MOD","modRevision":{s.at(2)}',
        '"target":"LEASE","lease":0,"result":"NOT_EQUAL"',
        '"target":"VALUE","result":"LESS","value":"Mg==","range_end":"eg=="',
        '"target":"NOPE","version":1',
        '"version":1,"mod_revision":null',
    ):
        s.gateway("/v3/kv/txn", f'{{"compare":[{{"key":"YQ==",{compare}}}]}}')


@scenario
def a_lease_is_granted_shown_and_revoked(s: Session) -> None:
    s.gateway("/v3/lease/grant", '{"TTL":"100","ID":"7587"}')
    s.gateway("/v3/lease/grant", '{"TTL":100,"ID":7587}')
    s.gateway("/v3/kv/put", '{"key":"YQ==","value":"MQ==","lease":"7587"}')
    s.gateway("/v3/kv/range", A)
    s.gateway("/v3/lease/timetolive", '{"ID":7587,"keys":true}')
    s.gateway("/v3/kv/lease/timetolive", '{"ID":"1"}')
    s.gateway("/v3/lease/leases", "{}")
    s.gateway("/v3/kv/lease/leases")
    s.gateway("/v3/kv/lease/revoke", '{"ID":"7587"}')
    s.gateway("/v3/lease/revoke", '{"ID":"7587"}')
    s.gateway("/v3/kv/range", A)


@scenario
def a_compaction_is_done_once(s: Session) -> None:
    put(s)
    put(s)
    s.gateway("/v3/kv/compaction", f'{{"revision":"{s.at(2)}","physical":true}}')
    s.gateway("/v3/kv/compaction", f'{{"revision":{s.at(2)}}}')
    s.gateway("/v3/kv/compaction", f'{{"revision":{s.at(99)}}}')
    s.gateway("/v3/kv/range", f'{{"key":"YQ==","revision":"{s.at(1)}"}}')
    s.gateway("/v3/kv/range", f'{{"key":"YQ==","revision":"{s.at(99)}"}}')


@scenario
def every_error_of_etcds_has_its_code_in_http(s: Session) -> None:
    s.gateway("/v3/kv/range", "{}")
    s.gateway("/v3/kv/put", '{"key":"YQ==","lease":77}')
    s.gateway("/v3/kv/put", '{"key":"YQ==","ignore_value":true,"value":"MQ=="}')
    s.gateway("/v3/kv/put", '{"key":"YQ==","ignore_value":true}')
    s.gateway("/v3/lease/revoke", '{"ID":77}')
    s.gateway("/v3/lease/grant", '{"TTL":9000000001}')
    s.gateway("/v3/kv/range", '{"key":"YQ==","sort_order":9}')
    s.gateway("/v3/auth/enable", "{}")
    s.gateway("/v3/auth/user/get", '{"name":"nobody"}')
    s.gateway("/v3/auth/authenticate", '{"name":"a","password":"b"}')


@scenario
def a_value_of_any_bytes_goes_and_comes_in_base64(s: Session) -> None:
    for value in ("AA==", "/+8=", "4oKs", "PD4m", "AQIDBAUGBwg="):
        put(s, value=value)
        s.gateway("/v3/kv/range", A)


@scenario
def a_long_answer_comes_in_one_chunk(s: Session) -> None:
    """Go's server knows the length of a body of up to 2,048 bytes when it sends the head."""
    for size in (1_000, 2_048, 30_000):
        put(s, value="dg==" if size < 0 else "d" * (size // 4 * 4))
        s.gateway("/v3/kv/range", '{"key":"YQ==","keys_only":true}')
        s.gateway("/v3/kv/range", A)


@scenario
def a_request_that_is_too_large_is_refused_as_over_grpc(s: Session) -> None:
    for size in (1_572_000, 1_573_200, 2_097_000, 2_097_600, 3_000_000):
        put(s, value="dddd" * (size // 3))


@scenario
def texts_are_written_as_they_are_but_for_what_json_forbids(s: Session) -> None:
    for name in (r"a\"b", r"\u00e9<>&", r"\u2028", r"tab\t", r"\u0001", "\u20ac", r"\ud83d\ude00"):
        s.gateway("/v3/auth/role/add", f'{{"name":"{name}"}}')
    s.gateway("/v3/auth/role/list", "{}")
    s.gateway("/v3/auth/role/get", r'{"role":"<nope>\n"}')


@scenario
def permissions_have_enums_by_name(s: Session) -> None:
    s.gateway("/v3/auth/role/add", '{"name":"r"}')
    for perm in (
        '"permType":"READWRITE","key":"YQ=="',
        '"permType":1,"key":"Yg==","range_end":"AA=="',
        '"key":"Yw=="',
        '"permType":"NOPE","key":"ZA=="',
        '"permType":7,"key":"ZQ=="',
    ):
        s.gateway("/v3/auth/role/grant", f'{{"name":"r","perm":{{{perm}}}}}')
    s.gateway("/v3/auth/role/get", '{"role":"r"}')


@scenario
def the_status_and_the_alarms_are_there(s: Session) -> None:
    s.gateway("/v3/auth/status", "{}")
    s.gateway("/v3/maintenance/alarm", "{}")
    s.gateway("/v3/maintenance/alarm", '{"action":"GET","memberID":"0","alarm":"NOSPACE"}')
