"""Paths, the messages of a call, and several connections."""

from __future__ import annotations

from fake_etcd.api import messages as m

from ...by_hand import message
from ...scenario import scenario
from ...session import Session
from .asking import ASK, GZIP, KEY_A, ask

# Paths


@scenario
def a_call_written_by_hand_is_a_call(s: Session) -> None:
    s.put(key=b"a", value=b"1")
    ask(s)
    s.grpc_by_hand("KV/RangeStream", ASK)
    s.grpc_by_hand("KV/Range", ASK[:3], ASK[3:6], b"", ASK[6:])


@scenario
def a_service_that_there_is_not_is_unknown(s: Session) -> None:
    for path in (
        "/nope.Nope/Range",
        "/etcdserverpb.KVS/Range",
        "/etcdserverpb.kv/Range",
        "/KV/Range",
        "/etcdserverpb.KV/Range/",
        "//etcdserverpb.KV/Range",
        "//",
        "/a/b/c",
        "/v3/kv/range",
        "/\u00e9.X/Y",
        "/a%b/c d",
    ):
        s.grpc_by_hand(path, ASK)


@scenario
def a_method_that_its_service_does_not_have_is_unknown(s: Session) -> None:
    for name in ("Nope", "range", "", "Watch", "RangeStreams", "Range?a=b", 'R"'):
        s.grpc_by_hand(f"/etcdserverpb.KV/{name}", ASK)


@scenario
def a_path_that_is_no_method_name_is_malformed(s: Session) -> None:
    for path in (
        "/",
        "/a",
        "nope",
        "*",
        "/etcdserverpb.KV",
        "etcdserverpb.KV/Range",
        "http://host/etcdserverpb.KV/Range",
        '/x"y\\z',
        "/\u00e9",
    ):
        s.grpc_by_hand("/", ASK, headers=[(":path", path)])


@scenario
def a_path_that_is_not_utf8_is_answered_in_utf8(s: Session) -> None:
    for path in (b"/a\xff/b", b"/a\xffb\xfe"):
        s.grpc_by_hand("/", ASK, headers=[(":path", path)])


@scenario
def an_unknown_method_is_refused_whatever_is_sent_to_it(s: Session) -> None:
    for payload in (b"", b"\0", message(b"\xff"), b"\1\2\3\4\5\6"):
        s.grpc_by_hand("/etcdserverpb.KV/Nope", payload)
    s.grpc_by_hand("/etcdserverpb.KV/Nope", headers=GZIP)
    s.path_call("/etcdserverpb.KV/Nope", KEY_A)


# Messages of a call


@scenario
def of_two_messages_a_unary_method_takes_the_first(s: Session) -> None:
    s.put(key=b"a", value=b"1")
    other = message(m.RangeRequest(key=b"b").SerializeToString())
    for behind in (other, b"\0", other[:-1], message(b"\xff"), message(b"", length=2**32 - 1)):
        s.grpc_by_hand("KV/Range", ASK + behind)
    s.grpc_by_hand("KV/Range", ASK, other)


@scenario
def a_stream_refuses_a_second_message(s: Session) -> None:
    s.put(key=b"a", value=b"1")
    for behind in (ASK, b"\0\0", ASK[:-1], message(b"\xff"), message(b"", length=2**32 - 1)):
        s.grpc_by_hand("KV/RangeStream", ASK + behind)


@scenario
def a_call_without_a_message_is_an_error(s: Session) -> None:
    for name in ("KV/Range", "KV/RangeStream", "KV/Put", "KV/Compact"):
        s.grpc_by_hand(name, b"")


@scenario(
    on_purpose="a unary call whose HEADERS frame ends the stream is UNKNOWN with the text EOF, "
    "where etcd hangs until its deadline"
)
def a_call_of_headers_alone_hangs(s: Session) -> None:
    s.grpc_by_hand("KV/Range")


@scenario
def half_a_message_is_an_unexpected_end_and_half_a_prefix_is_no_message(s: Session) -> None:
    for name in ("KV/Range", "KV/RangeStream", "KV/Compact"):
        for size in (1, 4, 5, len(ASK) - 1):
            s.grpc_by_hand(name, ASK[:size])


@scenario
def a_length_beyond_the_data_is_an_unexpected_end_and_one_beyond_the_limit_too_large(
    s: Session,
) -> None:
    for length in (100, 2_097_152, 2_097_153, 2**32 - 1):
        s.grpc_by_hand("KV/Range", message(KEY_A, length=length))
        s.grpc_by_hand("KV/RangeStream", message(KEY_A, length=length))
    s.grpc_by_hand("KV/Range", message(KEY_A, length=2))


# Several connections


@scenario
def each_connection_sees_what_another_has_written_at_once(s: Session) -> None:
    other, third = s.connect(), s.connect()
    s.put(key=b"a", value=b"1")
    other.range(key=b"a")
    third.put(key=b"a", value=b"2")
    s.range(key=b"a")
    other.range_stream(key=b"a")
    other.delete_range(key=b"a")
    third.range(key=b"a")
    ask(s)


@scenario
def a_connection_goes_on_behind_refusals_on_it_and_on_others(s: Session) -> None:
    s.put()
    s.call("KV/Put", b"\xff")
    s.path_call("/nope.Nope/Nope", b"")
    ask(s, ("connection", "close"))
    s.http("GET", "/nope")
    s.put(key=b"a")
