"""Paths, methods and headers of requests to the gateway."""

from __future__ import annotations

from ...scenario import scenario
from ...session import Session

A = '{"key":"YQ=="}'
RANGE = "/v3/kv/range"
FORM = ("Content-Type", "application/x-www-form-urlencoded")


@scenario
def a_path_that_is_no_method_is_not_found(s: Session) -> None:
    for path in (
        "/v3/",
        "/v3/nope",
        "/v3/kv",
        "/v3/kv/range/",
        "/v3/kv/Range",
        "/v3/kv/rangestream",
        "/v3/kv/range;x",
        "/v3/kv/range:x",
        "/v3/kv/r%C3%A9",
        "/v3alpha/kv/range",
        "/v3%2Fkv/range",
        "/v2/keys",
        "/etcdserverpb.KV/Range",
    ):
        s.gateway(path, A)


@scenario
def a_path_may_be_escaped_and_have_a_query(s: Session) -> None:
    s.put(key=b"a", value=b"1")
    for path in ("/v3/kv%2Frange", "/v3/kv/r%61nge", f"{RANGE}?key=eA==", f"{RANGE}?x=%zz"):
        s.gateway(path, A)
    s.gateway("/v3/kv/range%zz", A)


@scenario
def the_root_of_a_path_may_be_escaped_but_for_its_slashes(s: Session) -> None:
    s.put(key=b"a", value=b"1")
    for path in ("/%76%33/kv/range", "/v%33/kv/r%61nge", "/%76%33", "/%763/", "/%76%33%2Fkv/range"):
        s.gateway(path, A)
        s.gateway(path, method="GET")


@scenario
def a_path_that_is_not_clean_is_sent_on(s: Session) -> None:
    for path in ("/v3", "/v3?a=b", "/v3//kv/range", "/v3/kv/../kv/range", "/v3/./kv/range?a"):
        s.gateway(path, A)
        s.gateway(path, method="GET")


@scenario
def the_beta_path_is_the_same(s: Session) -> None:
    s.put(key=b"a", value=b"1")
    for path in (
        "/v3beta/kv/range",
        "/v3beta/",
        "/v3beta",
        "/v3beta//kv/range",
        "/v3beta/../v3/kv/range",
        "/v3%62eta/kv/range",
        "/v3beta%2Fkv/range",
        "/v3beta/v3beta/kv/range",
        "/a/../v3beta/kv/range",
    ):
        s.gateway(path, A)


@scenario
def every_method_but_post_is_not_allowed(s: Session) -> None:
    for method in ("GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "FOO", "post"):
        s.gateway(RANGE, A, method=method)
        s.gateway("/v3/nope", A, method=method)


@scenario
def another_method_is_meant_only_by_a_form(s: Session) -> None:
    for more in ((FORM,), (), (("Content-Type", f"{FORM[1]}; charset=x"),)):
        for override in ("get", "POST", "delete"):
            s.gateway(RANGE, A, *more, ("X-HTTP-Method-Override", override))
    s.gateway("/v3/nope", A, FORM, ("X-HTTP-Method-Override", "get"))


@scenario
def the_content_type_of_a_request_is_nothing(s: Session) -> None:
    for value in ("application/json", "text/plain", "application/grpc", "application/xml;x=", ""):
        s.gateway(RANGE, "{}", ("Content-Type", value), ("Accept", value))


@scenario
def nothing_is_packed(s: Session) -> None:
    s.put(key=b"a", value=b"1" * 3000)
    s.gateway(RANGE, A, ("Accept-Encoding", "gzip, deflate"))
    s.gateway(RANGE, A, ("Content-Encoding", "gzip"))


@scenario
def who_takes_trailers_gets_a_chunk(s: Session) -> None:
    for value in ("trailers", "Trailers, deflate", "deflate"):
        s.gateway("/v3/kv/put", A, ("TE", value))
        s.gateway(RANGE, "{}", ("TE", value))
        s.gateway(RANGE, "{", ("TE", value))
        s.gateway("/v3/nope", "{}", ("TE", value))


@scenario
def a_timeout_is_a_number_and_a_unit(s: Session) -> None:
    s.put(key=b"a", value=b"1")
    for value in ("5S", "+5S", "0S", "1H", "5x", "S", "", "5 S", "1.5S", "9223372036854775808n"):
        s.gateway(RANGE, A, ("Grpc-Timeout", value))


@scenario
def a_timeout_that_is_over_leaves_no_time_for_the_call(s: Session) -> None:
    for value in ("1n", "-5S", "99999999999999999H"):
        s.gateway(RANGE, A, ("Grpc-Timeout", value))
        s.gateway(RANGE, "{", ("Grpc-Timeout", value))
        s.gateway("/v3/watch", "{}", ("Grpc-Timeout", value))


@scenario
def metadata_are_headers_with_a_prefix(s: Session) -> None:
    s.put(key=b"a", value=b"1")
    for name, value in (
        ("Grpc-Metadata-Foo", "bar"),
        ("Grpc-Metadata-Foo-Bin", "AAE="),
        ("Grpc-Metadata-Foo-Bin", "AAE"),
        ("Grpc-Metadata-Foo-Bin", "!!"),
        ("grpc-metadata-FOO-bin", "AAE=="),
        ("Grpc-Metadata-A!b", "x"),
        ("Grpc-Metadata-Foo", "\u00e9"),
        ("Grpc-Metadata-Content-Type", "x"),
        ("Grpc-Metadata-Te", "x"),
        ("Grpc-Metadata-Grpc-Timeout", "1n"),
        ("Grpc-Metadata-", "x"),
        ("Grpc-Metadata-Connection", "x"),
    ):
        s.gateway(RANGE, A, (name, value))


@scenario
def metadata_that_are_refused_are_so_behind_the_body(s: Session) -> None:
    for name in ("Grpc-Metadata-", "Grpc-Metadata-Connection"):
        s.gateway(RANGE, "{", (name, "x"))
        s.gateway("/v3/lease/keepalive", '{"ID":"1"}', (name, "x"))
    s.gateway("/v3/lease/keepalive", '{"ID":"1"}', ("Grpc-Metadata-A-Bin", "!"))


@scenario
def a_request_may_come_in_chunks(s: Session) -> None:
    s.put(key=b"a", value=b"1")
    s.gateway(RANGE, pieces=(b'{"ke', b'y":"YQ', b'=="}'))
    s.gateway(RANGE, pieces=(b'{"key":"YQ=="}', b"more"))
    s.gateway("/v3/lease/keepalive", pieces=(b'{"ID":"1"}{"ID', b'":2}'))


@scenario
def an_old_client_gets_its_answer_until_the_end(s: Session) -> None:
    s.put(key=b"a", value=b"1")
    for more in ((), (("Connection", "keep-alive"),), (("TE", "trailers"),)):
        s.gateway(RANGE, A, *more, version="1.0")
    s.gateway("/v3/lease/keepalive", '{"ID":"1"}', version="1.0")


@scenario
def a_connection_ends_where_the_client_says_so(s: Session) -> None:
    for path in ("/v3/kv/put", "/v3/lease/keepalive", "/v3/nope"):
        s.gateway(path, A, ("Connection", "close"))


@scenario
def a_client_may_wait_for_leave_to_send_its_body(s: Session) -> None:
    for path in ("/v3/kv/put", "/v3/lease/keepalive", "/v3/nope"):
        s.gateway(path, A, ("Expect", "100-continue"))
        s.gateway(path, A, ("Expect", "nope"))


@scenario(flags=("--enable-grpc-gateway=false",))
def without_the_gateway_its_paths_are_not_found(s: Session) -> None:
    for path in (RANGE, "/v3/", "/v3", "/v3beta/kv/range", "/v3//kv/range"):
        s.gateway(path, A)
    s.websocket("/v3/watch")


@scenario(flags=("--host-whitelist=good.example,127.0.0.1",))
def only_known_hosts_may_be_called(s: Session) -> None:
    for host in ("good.example", "good.example:2379", "evil.example", "127.0.0.1"):
        s.gateway("/v3/kv/put", A, ("Host", host))
        s.gateway("/v3/nope", A, ("Host", host))


@scenario(flags=("--cors=http://good.example:80",))
def only_scripts_of_known_pages_may_read(s: Session) -> None:
    for origin in ("http://good.example:80", "http://good.example", "http://evil.example:80"):
        s.gateway("/v3/kv/put", A, ("Origin", origin))
        s.gateway(RANGE, "{}", ("Origin", origin))
        s.gateway(RANGE, "", ("Origin", origin), method="OPTIONS")
        s.gateway("/v3/lease/keepalive", '{"ID":"1"}', ("Origin", origin))
