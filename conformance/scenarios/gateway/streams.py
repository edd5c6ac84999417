"""Methods that answer with a stream: a line of JSON for each message."""

from __future__ import annotations

from ...scenario import scenario
from ...session import Session

A = '{"create_request":{"key":"YQ=="}}'


@scenario
def a_watch_tells_in_lines_what_happens(s: Session) -> None:
    s.put(key=b"a", value=b"1")
    s.put(key=b"a", value=b"2")
    s.delete_range(key=b"a")
    s.gateway(
        "/v3/watch",
        f'{{"create_request":{{"key":"YQ==","start_revision":"{s.at(2)}","prev_kv":true}}}}',
        lines=2,
    )


@scenario
def several_requests_stand_in_one_body(s: Session) -> None:
    s.put(key=b"b", value=b"1")
    more = f'{{"create_request":{{"key":"Yg==","startRevision":{s.at(1)},"watch_id":"7"}}}}'
    s.gateway("/v3/watch", f"{A}\n{more}", lines=3)
    s.gateway("/v3/watch", '{"cancel_request":{"watch_id":"0"}}' + A, lines=1)


@scenario
def a_watch_goes_on_behind_the_end_of_its_body(s: Session) -> None:
    s.gateway("/v3/watch", A, lines=None)
    s.gateway("/v3/watch", A + "{", lines=None)
    s.gateway("/v3/watch", A + "nope", lines=None)


@scenario
def a_watch_that_is_not_made_says_why_in_a_line(s: Session) -> None:
    for fields in (
        '"key":"Yg==","range_end":"YQ=="',
        '"key":"YQ==","start_revision":-1',
    ):
        s.gateway("/v3/watch", f'{{"create_request":{{{fields}}}}}', lines=1)


@scenario
def a_watch_of_what_was_compacted_is_cancelled(s: Session) -> None:
    for value in (b"1", b"2", b"3"):
        s.put(key=b"a", value=value)
    s.compact(revision=s.at(3))
    s.gateway(
        "/v3/watch", f'{{"create_request":{{"key":"YQ==","start_revision":{s.at(1)}}}}}', lines=2
    )


@scenario
def filters_and_what_they_are_not(s: Session) -> None:
    s.put(key=b"a", value=b"1")
    s.delete_range(key=b"a")
    for filters in ('["NOPUT"]', '["NODELETE"]', '[0,"NOPE"]', "[]", "null"):
        fields = f'"key":"YQ==","start_revision":{s.at(1)},"filters":{filters}'
        s.gateway("/v3/watch", f'{{"create_request":{{{fields}}}}}', lines=2)


@scenario
def nothing_comes_of_a_watch_without_a_request(s: Session) -> None:
    for body in ("", "{", "nope", "{}", "[]", '{"create_request":3}'):
        s.gateway("/v3/watch", body)


@scenario
def leases_are_kept_alive_line_by_line(s: Session) -> None:
    s.gateway("/v3/lease/grant", '{"TTL":"100","ID":"7587"}')
    s.gateway("/v3/lease/keepalive", '{"ID":"7587"}')
    s.gateway("/v3/lease/keepalive", '{"ID":"7587"}{"ID":1}\n{"ID":"7587"}')
    s.gateway("/v3/lease/keepalive", '{"ID":"7587"}{"ID":"x"}{"ID":"7587"}')
    s.gateway("/v3/lease/keepalive", '{"ID":"7587"}{"ID')
    s.gateway("/v3/lease/keepalive", '{"ID":"7587"}', ("TE", "trailers"))


@scenario
def a_stream_without_a_request_ends_without_a_word(s: Session) -> None:
    for body in ("", "{", "nope", '{"ID":"x"}'):
        s.gateway("/v3/lease/keepalive", body)


@scenario
def a_stream_that_takes_one_request_refuses_what_is_none(s: Session) -> None:
    for body in ("{", "nope", "[]", '{"x":'):
        s.gateway("/v3/maintenance/snapshot", body)
