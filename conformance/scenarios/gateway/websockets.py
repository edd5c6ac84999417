"""Calls over websockets (RFC 6455)."""

from __future__ import annotations

from ...gateway import frame
from ...scenario import scenario
from ...session import Session

WATCH = b'{"create_request":{"key":"YQ=="}}'
CLOSE, PING, PONG = 8, 9, 10


@scenario
def a_websocket_keeps_a_watch_open_both_ways(s: Session) -> None:
    s.websocket("/v3/watch", frame(WATCH), frame(b'{"cancel_request":{}}'), frame(WATCH), answers=0)
    s.websocket("/v3beta/watch", frame(WATCH), answers=0)


@scenario
def leases_are_kept_alive_over_a_websocket(s: Session) -> None:
    s.gateway("/v3/lease/grant", '{"TTL":"100","ID":"7587"}')
    s.websocket("/v3/lease/keepalive", frame(b'{"ID":7587}'), frame(b'{"ID":1}'), frame(b"nope"))


@scenario
def a_message_may_be_in_fragments_and_pings_between_them(s: Session) -> None:
    first, second = frame(WATCH[:9], is_final=False), frame(WATCH[9:], 0)
    s.websocket("/v3/watch", first + frame(b"hi", PING), frame(b"x", PONG) + second, answers=0)
    s.websocket("/v3/watch", frame(WATCH, 2), answers=0)


@scenario
def a_websocket_is_closed_by_a_frame(s: Session) -> None:
    for payload in (b"", b"\x03\xe8bye", b"\x03\xe9", b"\x0b\xb8", b"\x03"):
        s.websocket("/v3/watch", frame(payload, CLOSE))


@scenario
def a_frame_that_breaks_the_rules_closes_it(s: Session) -> None:
    for broken in (
        frame(b"\x03\xed", CLOSE),
        frame(b"\x03\xe8\xff", CLOSE),
        frame(b"\x00\x00", CLOSE),
        frame(WATCH, is_masked=False),
        frame(WATCH, 0),
        frame(WATCH, 3),
        frame(WATCH, 0x41),
        frame(WATCH, 0x70),
        frame(b"hi", PING, is_final=False),
        frame(WATCH[:9], is_final=False) + frame(WATCH),
        bytes((0x89, 0xFE, 0, 126)),
    ):
        s.websocket("/v3/watch", broken)


@scenario
def a_length_of_more_than_63_bits_ends_it_without_a_frame(s: Session) -> None:
    s.websocket("/v3/watch", bytes((0x81, 0xFF, 0x80)) + bytes(11))


@scenario
def a_method_with_one_answer_never_gives_it(s: Session) -> None:
    s.websocket("/v3/kv/range", frame(b'{"key":"YQ=="}') + frame(b"", PING))


@scenario
def a_request_that_makes_no_sense_is_told_in_a_frame(s: Session) -> None:
    for path, body in (
        ("/v3/kv/range", b"nope"),
        ("/v3/kv/range", b'{"key":1}'),
        ("/v3/kv/range", b"[]"),
        ("/v3/kv/range", b"1"),
        ("/v3/kv/range", b"nul"),
        ("/v3/election/observe", b"{nope"),
    ):
        s.websocket(path, frame(b"") + frame(b" ") + frame(body))
    for path in ("/v3/kv/range", "/v3/maintenance/snapshot"):
        s.websocket(path, frame(b"{}nope") + frame(b"nope") + frame(b"", PING))


@scenario
def a_path_that_is_no_method_is_told_in_a_frame(s: Session) -> None:
    for path in ("/v3/nope", "/v3/", "/v3/kv/range?method=GET"):
        s.websocket(path)


@scenario
def what_is_no_handshake_is_refused(s: Session) -> None:
    for header in (
        ("Sec-WebSocket-Version", "12"),
        ("Sec-WebSocket-Version", "13, 8"),
        ("Sec-WebSocket-Key", "abc"),
        ("Sec-WebSocket-Key", ""),
        ("Connection", "close"),
        ("Upgrade", "h2c"),
        ("Connection", "keep-alive, upgrade"),
    ):
        s.websocket("/v3/watch", headers=(header,), answers=0)
    for method in ("POST", "OPTIONS"):
        s.gateway(
            "/v3/watch", "", ("Connection", "upgrade"), ("Upgrade", "websocket"), method=method
        )
    s.websocket("/v3")
    s.websocket("/v3//watch")
    s.websocket("/health")
