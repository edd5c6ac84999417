"""Headers of a call: content type, timeout, encoding, metadata."""

from __future__ import annotations

from fake_etcd.api import messages as m

from ...by_hand import message
from ...scenario import scenario
from ...session import Session
from .asking import ASK, ask


@scenario
def any_content_type_of_grpc_is_taken_and_given_back(s: Session) -> None:
    for given in (
        "application/grpc+proto",
        "application/grpc+json",
        "application/grpc;charset=utf-8",
        "application/grpc+",
        "application/grpc;",
    ):
        ask(s, ("content-type", given))
    s.grpc_by_hand("/x/y", ASK, headers=[("content-type", "application/grpc+json")])


@scenario
def any_other_content_type_is_refused(s: Session) -> None:
    for given in (
        "",
        "application/json",
        "application/grpcx",
        "application/grpc-web",
        "Application/grpc",
        'text/html; charset="x"',
    ):
        ask(s, ("content-type", given))
    ask(s, without=("content-type",))


@scenario
def of_two_content_types_a_good_one_is_enough(s: Session) -> None:
    good, bad = ("content-type", "application/grpc+proto"), ("content-type", "text/plain")
    ask(s, good, bad)
    ask(s, bad, good)
    ask(s, bad, ("content-type", "text/html"))


@scenario
def a_call_needs_no_te(s: Session) -> None:
    ask(s, without=("te",))


@scenario(
    on_purpose="te other than trailers is what RFC 9113 says, a stream error, where etcd accepts it"
)
def a_te_other_than_trailers_is_taken(s: Session) -> None:
    ask(s, ("te", "gzip"))


@scenario(
    on_purpose="a wrong content-length is what RFC 9113 says, a stream error, where etcd accepts it"
)
def a_wrong_content_length_is_taken(s: Session) -> None:
    ask(s, ("content-length", "3"))
    ask(s, ("content-length", "100"))


@scenario
def a_right_content_length_is_taken(s: Session) -> None:
    ask(s, ("content-length", str(len(ASK))))


@scenario(
    on_purpose="missing pseudo-headers are what RFC 9113 says, a stream error, where etcd accepts "
    "them"
)
def pseudo_headers_may_be_missing_or_empty(s: Session) -> None:
    for name in (":path", ":method", ":scheme"):
        ask(s, without=(name,))
    ask(s, (":path", ""))


@scenario
def a_call_is_a_post(s: Session) -> None:
    for method in ("GET", "PUT", "OPTIONS", "post"):
        ask(s, (":method", method))
    s.grpc_by_hand("KV/Range", headers=[(":method", "GET")])


@scenario
def a_call_needs_an_authority_or_one_host(s: Session) -> None:
    ask(s, without=(":authority",))
    ask(s, ("host", "h"), without=(":authority",))
    ask(s, ("host", ""), without=(":authority",))
    ask(s, (":authority", "a"), ("host", "h"))
    ask(s, (":authority", ""))
    ask(s, ("host", "g"), ("host", "h"), without=(":authority",))
    ask(s, (":authority", "a"), ("host", "g"), ("host", "h"))


@scenario
def a_timeout_has_up_to_8_digits_and_a_unit(s: Session) -> None:
    for good in ("10S", "99999999H", "00000100S", "100000m", "20M", "99999999u"):
        ask(s, ("grpc-timeout", good))
    for bad in ("", "S", "1", "-1S", "+1S", "1.5S", "1_0S", "1 S", "aS", "1x", "1s", '1"'):
        ask(s, ("grpc-timeout", bad))
    ask(s, ("grpc-timeout", "100000000S"))


@scenario
def a_timeout_of_nothing_is_over_at_once(s: Session) -> None:
    for timeout in ("0S", "0n", "1n", "00000000H"):
        ask(s, ("grpc-timeout", timeout))
    s.grpc_by_hand("/x/y", ASK, headers=[("grpc-timeout", "0S")])
    s.grpc_by_hand("KV/RangeStream", ASK, headers=[("grpc-timeout", "0S")])


@scenario
def of_two_timeouts_the_last_one_counts_and_a_bad_one_is_bad(s: Session) -> None:
    nothing, long, bad = (("grpc-timeout", value) for value in ("0S", "60S", "xx"))
    for pair in ((nothing, long), (long, nothing), (long, bad), (bad, long)):
        ask(s, *pair)


@scenario
def binary_metadata_is_base64_with_or_without_padding(s: Session) -> None:
    for good in ("", "AAE=", "AAE", "AA", "AA==", "AAAA"):
        ask(s, ("x-bin", good))
    for bad in ("A", "=", "AA=", "A===", "!!!!", "AA=A", "AAAA=", "AAAAA", "-_-_", "A A="):
        ask(s, ("x-bin", bad))
    ask(s, ("x-bin", "!"), ("y-bin", "?"))


@scenario
def binary_metadata_of_any_bytes_is_read_over(s: Session) -> None:
    s.call("KV/Put", m.PutRequest(key=b"a"), metadata=[("x-bin", b"\0\xff\n")])
    s.call("KV/RangeStream", m.RangeRequest(key=b"a"), metadata=[("x-bin", b"\0\xff\n")])


@scenario
def of_two_bad_headers_it_is_the_one_that_is_looked_at_first(s: Session) -> None:
    bad_timeout, bad_bytes = ("grpc-timeout", "xx"), ("x-bin", "!")
    ask(s, ("host", "g"), ("host", "h"), without=("content-type",))
    ask(s, bad_timeout, without=("content-type",))
    ask(s, bad_timeout, bad_bytes)
    ask(s, bad_timeout, without=(":authority",))
    ask(s, (":method", "GET"), without=(":authority",))
    ask(s, (":method", "GET"), ("grpc-timeout", "0S"))
    ask(s, ("grpc-timeout", "0S"), ("grpc-encoding", "nope"))
    s.grpc_by_hand("/x/y", ASK, headers=[("grpc-encoding", "nope")])


@scenario(
    known_limit="a malformed -bin header before a malformed grpc-timeout is the one that is named, "
    "where etcd names the timeout"
)
def of_bad_metadata_before_a_bad_timeout_the_timeout_is_named(s: Session) -> None:
    ask(s, ("x-bin", "!"), ("grpc-timeout", "xx"))


@scenario
def metadata_with_grpcs_own_prefix_or_name_is_read_over(s: Session) -> None:
    ask(
        s,
        ("grpc-nope", "1"),
        ("grpc-status", "7"),
        ("grpc-message", "no"),
        ("grpc-message-type", "x"),
        ("grpc-accept-encoding", "nope,gzip"),
        ("grpc-trace-bin", "AAAA"),
        ("grpc-tags-bin", ""),
        ("user-agent", "me"),
    )


@scenario
def names_in_capitals_or_of_the_connection_reset_the_stream(s: Session) -> None:
    ask(s, ("X-Upper", "1"))
    ask(s, ("connection", "close"))
    ask(s, ("bl ank", "1"))
    ask(s, ("", "1"))
    ask(s, (":nope", "1"))


@scenario
def values_may_have_bytes_that_are_not_text(s: Session) -> None:
    for value in (b"\xff\xfe", "\u00e9", "a\tb", " a "):
        ask(s, ("x-any", value))


@scenario
def values_with_control_characters_reset_the_stream(s: Session) -> None:
    for value in ("a\nb", "a\0b", "a\rb", "a\x01b"):
        ask(s, ("x-any", value))


@scenario
def metadata_of_200_kibibytes_is_taken(s: Session) -> None:
    ask(s, ("x-long", "x" * 200 * 1024))
    ask(s, *[("x-many", "y" * 1000)] * 50)


@scenario
def a_mebibyte_of_metadata_is_taken(s: Session) -> None:
    ask(s, ("x-long", "x" * 2**20))


@scenario
def the_clients_api_version_is_utf8(s: Session) -> None:
    for version in ("3.7", "", "nope", "\u00e9", b"\xff", b"3\xc3"):
        ask(s, ("client-api-version", version))
    ask(s, ("client-api-version", "3.7"), ("client-api-version", b"\xff"))
    ask(s, ("client-api-version", b"\xff"), ("client-api-version", "3.7"))


@scenario
def the_clients_api_version_comes_behind_a_unary_request_and_before_a_streams(s: Session) -> None:
    headers = [("client-api-version", b"\xff")]
    for name in ("KV/Range", "KV/RangeStream", "KV/Put", "KV/DeleteRange", "KV/Txn", "KV/Compact"):
        s.grpc_by_hand(name, message(b"\xff"), headers=headers)
        s.grpc_by_hand(name, message(b""), headers=headers)
    s.grpc_by_hand("/etcdserverpb.KV/Nope", ASK, headers=headers)


@scenario
def a_member_with_a_leader_serves_those_that_ask_for_one(s: Session) -> None:
    s.call("KV/Put", m.PutRequest(key=b"a"), metadata=[("hasleader", "true")])
    for value in ("true", "TRUE", "false", ""):
        s.call("KV/RangeStream", m.RangeRequest(key=b"a"), metadata=[("hasleader", value)])
    both = [("hasleader", "true"), ("hasleader", "true"), ("client-api-version", "3.7")]
    s.call("KV/Range", m.RangeRequest(key=b"a"), metadata=both)


@scenario
def a_token_is_read_over_where_authentication_is_off(s: Session) -> None:
    for name in ("token", "authorization"):
        s.call("KV/Put", m.PutRequest(key=b"a"), metadata=[(name, "nope.1")])
