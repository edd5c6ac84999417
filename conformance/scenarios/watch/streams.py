"""Streams of watchers: their requests, whole and odd ones, and how they end."""

from __future__ import annotations

from fake_etcd.api import messages as m

from ...scenario import scenario
from ...session import Session
from .building import (
    EVERYTHING,
    WATCH,
    ask,
    cancel,
    cancellation,
    create,
    creation,
    nothing_more,
    progress,
    put_and_take,
    put_each,
    take,
    watch,
)


@scenario
def requests_are_answered_in_their_order(s: Session) -> None:
    stream = s.open(WATCH)
    requests = (
        creation(key=b"a"),
        creation(key=b"b", range_end=b"a"),
        creation(key=b"b", watch_id=7),
        cancellation(0),
        creation(key=b"c", start_revision=-1),
        creation(key=b"d", watch_id=7),
        cancellation(99),
        cancellation(7),
        creation(key=b"e"),
    )
    for request in requests:
        stream.send(request)
    take(stream, len(requests) - 1)


@scenario
def behind_a_half_close_the_watchers_go_on(s: Session) -> None:
    stream = watch(s, key=b"a")
    stream.half_close()
    put_and_take(s, stream, b"a", b"a")
    s.delete_range(key=b"a")
    take(stream)


@scenario
def history_is_told_behind_a_half_close(s: Session) -> None:
    put_each(s, "aa")
    stream = s.open(WATCH)
    stream.send(creation(key=b"a", start_revision=s.at(2)))
    stream.half_close()
    take(stream, 2)
    put_and_take(s, stream, b"a")


@scenario
def a_stream_that_is_canceled_leaves_the_others(s: Session) -> None:
    streams = [watch(s, key=b"a") for _ in range(3)]
    streams[1].cancel()
    take(streams[1])
    put_each(s, "a")
    take(streams[0])
    take(streams[2])


@scenario
def a_stream_may_ask_for_nothing(s: Session) -> None:
    stream = s.open(WATCH)
    put_each(s, "a")
    create(s.open(WATCH), key=b"a")
    stream.cancel()
    take(stream)


@scenario
def a_request_without_content_is_passed_over(s: Session) -> None:
    stream = watch(s, key=b"a")
    for request in (m.WatchRequest(), b"", b"\x4a\x01v"):
        stream.send(request)
    nothing_more(stream)
    put_and_take(s, stream, b"a")


@scenario
def a_creation_without_fields_watches_the_key_of_a_zero_byte(s: Session) -> None:
    stream = s.open(WATCH)
    ask(stream, creation())
    ask(stream, b"\x0a\x00")
    cancel(stream, 1)
    put_and_take(s, stream, b"\0")


@scenario
def a_cancellation_without_an_id_is_of_id_0(s: Session) -> None:
    stream = watch(s, key=b"a")
    create(stream, key=b"b")
    ask(stream, m.WatchRequest(cancel_request=m.WatchCancelRequest()))
    put_each(s, "a")
    put_and_take(s, stream, b"b")


@scenario
def of_several_contents_the_last_one_counts(s: Session) -> None:
    made, gone, far = (
        request.SerializeToString() for request in (creation(key=b"a"), cancellation(0), progress())
    )
    stream = s.open(WATCH)
    ask(stream, gone + far + made)
    ask(stream, made + gone + far)
    ask(stream, far + made + gone)
    nothing_more(stream)


@scenario
def a_content_that_comes_twice_is_merged(s: Session) -> None:
    stream = s.open(WATCH)
    first = creation(key=b"x", watch_id=7, filters=[1]).SerializeToString()
    second = creation(key=b"a", range_end=b"c", filters=[0, 9]).SerializeToString()
    ask(stream, first + second)
    put_each(s, "ax")
    s.delete_range(key=b"a")
    nothing_more(stream)
    first = creation(key=b"x", watch_id=8, prev_kv=True).SerializeToString()
    ask(stream, first + creation(range_end=b"y").SerializeToString())
    put_and_take(s, stream, b"xx", b"x")


@scenario
def unknown_fields_are_passed_over(s: Session) -> None:
    stream = s.open(WATCH)
    ask(stream, b"\x0a\x06\x0a\x01a\xca\x02\x00\x4a\x01v")
    put_and_take(s, stream, b"a")
    ask(stream, b"\x12\x04\x08\x00\x18\x05\x20\x01")


@scenario
def bytes_that_are_no_request_end_the_stream(s: Session) -> None:
    for given in (b"\xff", b"\x0a\x05\x0a", b"\x0a\x02\x0a\x05", b"\x08"):
        stream = watch(s, key=b"a")
        ask(stream, given)
    other = watch(s, key=b"a")
    put_and_take(s, other, b"a")


@scenario
def a_request_above_the_limit_ends_the_stream(s: Session) -> None:
    stream = watch(s, key=b"a")
    ask(stream, creation(key=b"k" * 2_097_153))
    create(s.open(WATCH), key=b"k" * 1_000_000)


@scenario
def a_stream_may_ask_for_a_leader(s: Session) -> None:
    for value in ("true", "false", ""):
        stream = s.open(WATCH, metadata=[("hasleader", value)])
        create(stream, key=value.encode())
    put_and_take(s, stream, b"\0")


@scenario
def streams_of_several_connections_are_told_alike(s: Session) -> None:
    connections = [s, s.connect(), s.connect()]
    streams = [watch(one, **EVERYTHING) for one in connections for _ in range(2)]
    for connection in connections:
        connection.put(key=b"a")
        for stream in streams:
            take(stream)


@scenario
def six_watchers_share_a_stream(s: Session) -> None:
    stream = s.open(WATCH)
    keys = [bytes((letter,)) for letter in b"abcdef"]
    for key in keys:
        create(stream, key=key)
    put_and_take(s, stream, *reversed(keys))
    ask(stream, progress())
