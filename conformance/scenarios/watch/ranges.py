"""What a watcher is of: a key, a range, everything; and ranges that are none."""

from __future__ import annotations

from ...scenario import scenario
from ...session import Session
from .building import (
    EVERYTHING,
    WATCH,
    create,
    nothing_more,
    put_and_take,
    put_each,
    take,
    watch,
)

LEAST = -(2**63)


@scenario
def a_watcher_of_a_key_is_told_of_that_key_alone(s: Session) -> None:
    stream = watch(s, key=b"b")
    put_each(s, ("a", "ba", "B", "c"))
    nothing_more(stream)
    put_and_take(s, stream, b"b", b"b")
    s.delete_range(key=b"b")
    take(stream)


@scenario
def the_answer_to_a_creation_has_the_newest_revision(s: Session) -> None:
    stream = watch(s, key=b"a")
    put_each(s, "bc")
    create(stream, key=b"a")
    create(stream, key=b"b", start_revision=s.at(99))


@scenario
def a_range_begins_with_its_key_and_ends_before_its_end(s: Session) -> None:
    stream = watch(s, key=b"b", range_end=b"d")
    put_each(s, ("a", "d", "az", "da"))
    nothing_more(stream)
    put_and_take(s, stream, b"b", b"c", b"cz", b"b\0")


@scenario
def a_prefix_is_a_range(s: Session) -> None:
    stream = watch(s, key=b"ab", range_end=b"ac")
    put_each(s, ("a", "aa", "ac"))
    nothing_more(stream)
    put_and_take(s, stream, b"ab", b"ab\xff", b"ab/c")


@scenario
def an_end_of_a_zero_byte_is_every_key_from_the_first_on(s: Session) -> None:
    stream = watch(s, key=b"b", range_end=b"\0")
    put_each(s, ("a", "az", "\0"))
    nothing_more(stream)
    put_and_take(s, stream, b"b", b"c", b"\xff\xff")


@scenario
def a_zero_byte_with_an_end_of_a_zero_byte_is_everything(s: Session) -> None:
    stream = watch(s, **EVERYTHING)
    put_and_take(s, stream, b"\0", b"a", b"\xff")
    s.delete_range(**EVERYTHING)
    take(stream)


@scenario
def an_empty_key_with_an_end_of_a_zero_byte_is_everything(s: Session) -> None:
    stream = watch(s, range_end=b"\0")
    put_and_take(s, stream, b"\0", b"a", b"\xff")


@scenario
def an_empty_key_alone_is_the_key_of_a_zero_byte(s: Session) -> None:
    stream = watch(s, key=b"")
    put_each(s, ("a", "\0\0"))
    nothing_more(stream)
    put_and_take(s, stream, b"\0")


@scenario
def an_empty_key_begins_a_range_with_a_zero_byte(s: Session) -> None:
    stream = watch(s, range_end=b"b")
    put_each(s, "bc")
    nothing_more(stream)
    put_and_take(s, stream, b"\0", b"a")


@scenario
def an_end_of_two_zero_bytes_is_an_end_like_another(s: Session) -> None:
    stream = watch(s, range_end=b"\0\0")
    put_each(s, ("\0\0", "a"))
    nothing_more(stream)
    put_and_take(s, stream, b"\0")


@scenario
def keys_may_be_any_bytes(s: Session) -> None:
    for key in (b"\xff\xfe", b"\0a", b" ", b"k" * 3000):
        put_and_take(s, watch(s, key=key), key)


@scenario
def a_key_that_was_never_written_may_be_watched(s: Session) -> None:
    stream = watch(s, key=b"a")
    s.delete_range(key=b"a")
    put_each(s, "b")
    nothing_more(stream)
    put_and_take(s, stream, b"a")


@scenario
def a_range_that_ends_where_it_begins_or_before_is_refused(s: Session) -> None:
    stream = s.open(WATCH)
    for key, end in ((b"b", b"b"), (b"b", b"a"), (b"bb", b"b"), (b"b\0", b"b"), (b"\xff", b"\1")):
        create(stream, key=key, range_end=end)
    create(stream, key=b"b", range_end=b"b\0")


@scenario
def a_refused_watcher_takes_no_id_and_leaves_the_stream(s: Session) -> None:
    stream = watch(s, key=b"a")
    create(stream, key=b"b", range_end=b"a", watch_id=1)
    create(stream, key=b"b", start_revision=-1)
    create(stream, key=b"b")
    put_and_take(s, stream, b"a", b"b")


@scenario
def a_start_below_0_is_refused_as_compacted(s: Session) -> None:  # etcd#20707
    put_each(s, "aa")
    stream = s.open(WATCH)
    for start in (-1, -2, LEAST):
        create(stream, key=b"a", start_revision=start)
    put_each(s, "a")
    nothing_more(stream)


@scenario
def of_two_reasons_to_refuse_it_is_the_one_that_is_looked_at_first(s: Session) -> None:
    stream = watch(s, key=b"a", watch_id=7)
    create(stream, key=b"b", range_end=b"a", start_revision=-1)
    create(stream, key=b"a", watch_id=7, start_revision=-1)
    create(stream, key=b"b", range_end=b"a", watch_id=7)


@scenario
def watchers_of_overlapping_ranges_are_each_told(s: Session) -> None:
    ranges = ((b"a", b""), (b"a", b"c"), (b"b", b"d"), (b"a", b"\0"), (b"b", b""))
    streams = [watch(s, key=key, range_end=end) for key, end in ranges]
    s.put(key=b"a")
    for place in (0, 1, 3):
        take(streams[place])
    s.put(key=b"b")
    for place in (1, 2, 3, 4):
        take(streams[place])
    s.delete_range(key=b"a", range_end=b"c")
    for stream in streams:
        take(stream)


@scenario
def watchers_of_the_same_range_are_each_told(s: Session) -> None:
    streams = [watch(s, key=b"a", range_end=b"c") for _ in range(3)]
    s.put(key=b"b")
    for stream in streams:
        take(stream)
    streams[1].cancel()
    s.put(key=b"a")
    take(streams[0])
    take(streams[2])


@scenario
def watchers_of_one_stream_are_told_under_their_ids(s: Session) -> None:
    stream = watch(s, key=b"a")
    create(stream, key=b"b", range_end=b"d")
    create(stream, key=b"e", range_end=b"\0")
    put_and_take(s, stream, b"c", b"a", b"f", b"b")
