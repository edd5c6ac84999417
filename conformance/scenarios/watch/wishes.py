"""What a watcher may leave out or ask for beside: filters, and what was there before."""

from __future__ import annotations

from ...connection import Stream
from ...scenario import scenario
from ...session import Session
from ..txn.building import delete, nested, put
from .building import (
    EVERYTHING,
    NODELETE,
    NOPUT,
    create,
    nothing_more,
    put_and_take,
    put_each,
    take,
    watch,
)


def delete_and_take(s: Session, stream: Stream, key: bytes) -> None:
    s.delete_range(key=key)
    take(stream)


# Filters


@scenario
def noput_leaves_deletions(s: Session) -> None:
    stream = watch(s, key=b"a", filters=[NOPUT])
    for _ in range(2):
        put_each(s, "aa")
        delete_and_take(s, stream, b"a")


@scenario
def nodelete_leaves_puts(s: Session) -> None:
    stream = watch(s, key=b"a", filters=[NODELETE])
    for _ in range(2):
        put_and_take(s, stream, b"a", b"a")
        s.delete_range(key=b"a")


@scenario
def both_filters_leave_nothing(s: Session) -> None:
    stream = watch(s, key=b"a", filters=[NODELETE, NOPUT])
    put_each(s, "aa")
    s.delete_range(key=b"a")
    nothing_more(stream)


@scenario
def a_filter_may_be_said_twice(s: Session) -> None:
    stream = watch(s, key=b"a", filters=[NOPUT, NOPUT])
    put_each(s, "a")
    delete_and_take(s, stream, b"a")


@scenario
def unknown_filters_are_passed_over(s: Session) -> None:
    stream = watch(s, key=b"a", filters=[2, -1, 99])
    put_and_take(s, stream, b"a")
    delete_and_take(s, stream, b"a")
    stream = watch(s, key=b"a", filters=[2, NOPUT, 1000])
    put_each(s, "a")
    delete_and_take(s, stream, b"a")


@scenario
def of_a_transaction_what_is_filtered_is_left_out(s: Session) -> None:
    put_each(s, "ad")
    streams = [watch(s, filters=[each], **EVERYTHING) for each in (NOPUT, NODELETE)]
    s.txn(success=[delete(b"a"), put(b"b"), delete(b"d"), put(b"c")])
    for stream in streams:
        take(stream)
    s.txn(success=[put(b"a"), put(b"b")])
    nothing_more(streams[0])
    take(streams[1])
    s.delete_range(**EVERYTHING)
    take(streams[0])
    nothing_more(streams[1])


@scenario
def what_was_filtered_in_history_is_passed_over_quietly(s: Session) -> None:
    put_each(s, "aaa")
    stream = watch(s, key=b"a", filters=[NOPUT], start_revision=s.at(2))
    delete_and_take(s, stream, b"a")
    put_each(s, "a")
    nothing_more(stream)


# What was before


@scenario
def prev_kv_is_what_a_put_replaced(s: Session) -> None:
    stream = watch(s, key=b"a", prev_kv=True)
    for value in (b"1", b"2", b"2", b""):
        s.put(key=b"a", value=value)
        take(stream)


@scenario
def prev_kv_is_what_a_deletion_took(s: Session) -> None:
    s.put(key=b"a", value=b"1")
    stream = watch(s, key=b"a", prev_kv=True)
    delete_and_take(s, stream, b"a")
    put_and_take(s, stream, b"a")
    delete_and_take(s, stream, b"a")


@scenario
def who_does_not_ask_for_prev_kv_gets_none(s: Session) -> None:
    s.put(key=b"a", value=b"1")
    streams = [watch(s, key=b"a"), watch(s, key=b"a", prev_kv=True), watch(s, key=b"a")]
    s.put(key=b"a", value=b"2", prev_kv=True)
    for stream in streams:
        take(stream)
    s.delete_range(key=b"a", prev_kv=True)
    for stream in streams:
        take(stream)


@scenario
def history_has_prev_kv(s: Session) -> None:
    for value in (b"1", b"2"):
        s.put(key=b"a", value=value)
    s.delete_range(key=b"a")
    for value in (b"3", b"4"):
        s.put(key=b"a", value=value)
    take(watch(s, key=b"a", prev_kv=True, start_revision=s.at(2)))
    take(watch(s, key=b"a", prev_kv=True, start_revision=s.at(4)))


@scenario
def prev_kv_is_absent_where_it_is_compacted(s: Session) -> None:
    for value in (b"1", b"2", b"3", b"4"):
        s.put(key=b"a", value=value)
    s.compact(revision=s.at(4))
    take(watch(s, key=b"a", prev_kv=True, start_revision=s.at(4)))


@scenario
def prev_kv_of_a_deletion_at_the_compacted_revision_is_absent(s: Session) -> None:
    s.put(key=b"a", value=b"1")
    s.put(key=b"b", value=b"1")
    s.delete_range(key=b"a")
    s.delete_range(key=b"b")
    s.compact(revision=s.at(4))
    take(watch(s, prev_kv=True, start_revision=s.at(4), **EVERYTHING))


@scenario
def prev_kv_is_there_where_its_revision_is_the_compacted_one(s: Session) -> None:
    for value in (b"1", b"2", b"3"):
        s.put(key=b"a", value=value)
    s.compact(revision=s.at(3))
    take(watch(s, key=b"a", prev_kv=True, start_revision=s.at(4)))


@scenario
def prev_kv_of_an_untouched_key_outlives_a_compaction(s: Session) -> None:
    s.put(key=b"a", value=b"1")
    put_each(s, "bb")
    s.compact(revision=s.at(4))
    stream = watch(s, key=b"a", prev_kv=True)
    s.put(key=b"a", value=b"2")
    take(stream)


@scenario
def prev_kv_in_a_transaction_is_from_before_it(s: Session) -> None:
    put_each(s, "ad", b"1")
    stream = watch(s, prev_kv=True, **EVERYTHING)
    s.txn(success=[put(b"a", b"2"), put(b"b", b"2"), nested([delete(b"d"), put(b"c", b"2")])])
    take(stream)
    s.delete_range(**EVERYTHING)
    take(stream)


@scenario
def prev_kv_goes_with_filters(s: Session) -> None:
    put_each(s, "a", b"1")
    stream = watch(s, key=b"a", prev_kv=True, filters=[NOPUT])
    put_each(s, "a", b"2")
    delete_and_take(s, stream, b"a")
    take(watch(s, key=b"a", prev_kv=True, filters=[NODELETE], start_revision=s.at(2)))


@scenario
def watchers_of_one_stream_have_their_own_wishes(s: Session) -> None:
    put_each(s, "abc", b"1")
    stream = watch(s, key=b"a", prev_kv=True)
    create(stream, key=b"b", filters=[NOPUT])
    create(stream, key=b"c", filters=[NODELETE], prev_kv=True)
    put_each(s, "b")
    put_and_take(s, stream, b"a", b"c")
    s.delete_range(key=b"c")
    delete_and_take(s, stream, b"b")
    delete_and_take(s, stream, b"a")
