"""From when on a watcher is told: history, from now on, and revisions still to come."""

from __future__ import annotations

from ...scenario import scenario
from ...session import Session
from ..txn.building import delete, put
from .building import (
    EVERYTHING,
    NODELETE,
    NOPUT,
    cancel,
    create,
    nothing_more,
    put_and_take,
    put_each,
    take,
    watch,
)

MOST = 2**63 - 1


@scenario
def history_is_told_in_one_answer_with_the_newest_revision(s: Session) -> None:
    put_each(s, "aaba")
    take(watch(s, key=b"a", start_revision=s.at(2)))


@scenario
def history_is_told_from_the_start_revision_on(s: Session) -> None:
    put_each(s, "abcab")
    for revision in range(2, 7):
        take(watch(s, start_revision=s.at(revision), **EVERYTHING))


@scenario(needs_fresh_server=True)
def history_begins_with_the_first_write(s: Session) -> None:
    put_each(s, "ab")
    take(watch(s, start_revision=1, **EVERYTHING))


@scenario
def history_has_overwritten_versions_and_deletions(s: Session) -> None:
    s.put(key=b"a", value=b"1")
    s.put(key=b"a", value=b"2")
    s.delete_range(key=b"a")
    s.put(key=b"a", value=b"3")
    s.delete_range(key=b"a")
    take(watch(s, key=b"a", start_revision=s.at(2)))
    take(watch(s, key=b"a", start_revision=s.at(4)))


@scenario
def history_has_a_transactions_events_in_the_order_of_its_operations(s: Session) -> None:
    put_each(s, "ad")
    s.txn(success=[put(b"c"), delete(b"a"), put(b"b"), delete(b"d"), put(b"e")])
    take(watch(s, start_revision=s.at(3), **EVERYTHING))
    take(watch(s, key=b"a", range_end=b"c", start_revision=s.at(4)))


@scenario
def history_has_what_is_watched_alone(s: Session) -> None:
    put_each(s, "abcabcd")
    take(watch(s, key=b"b", start_revision=s.at(2)))
    take(watch(s, key=b"b", range_end=b"d", start_revision=s.at(4)))
    take(watch(s, key=b"c", range_end=b"\0", start_revision=s.at(2)))


@scenario
def history_is_filtered(s: Session) -> None:
    put_each(s, "ab")
    s.delete_range(key=b"a")
    put_each(s, "a")
    s.delete_range(**EVERYTHING)
    for filters in ([NOPUT], [NODELETE]):
        take(watch(s, start_revision=s.at(2), filters=filters, **EVERYTHING))


@scenario
def behind_history_comes_what_happens(s: Session) -> None:
    put_each(s, "aa")
    stream = watch(s, key=b"a", start_revision=s.at(2))
    take(stream)
    put_and_take(s, stream, b"a", b"a")
    s.delete_range(key=b"a")
    take(stream)


@scenario
def history_without_what_is_watched_is_not_told(s: Session) -> None:
    put_each(s, "aaa")
    stream = watch(s, key=b"b", start_revision=s.at(2))
    put_and_take(s, stream, b"b")


@scenario
def the_current_revision_is_history(s: Session) -> None:
    put_each(s, "aa")
    stream = watch(s, key=b"a", start_revision=s.at(3))
    take(stream)
    put_and_take(s, stream, b"a")


@scenario
def revision_0_and_the_next_one_are_from_now_on(s: Session) -> None:
    put_each(s, "aa")
    for start in (0, s.at(5)):
        watching = watch(s, key=b"a", start_revision=start)
        nothing_more(watching)
        put_and_take(s, watching, b"a")


@scenario
def before_a_start_in_the_future_nothing_is_told(s: Session) -> None:  # etcd#20221
    stream = watch(s, start_revision=s.at(5), **EVERYTHING)
    put_each(s, "abc")
    nothing_more(stream)
    put_and_take(s, stream, b"d", b"e")


@scenario
def a_start_in_the_future_counts_other_keys_revisions(s: Session) -> None:
    stream = watch(s, key=b"a", start_revision=s.at(4))
    put_each(s, "abb")
    nothing_more(stream)
    put_and_take(s, stream, b"a")


@scenario
def a_start_in_the_future_begins_with_the_whole_transaction(s: Session) -> None:
    stream = watch(s, start_revision=s.at(3), **EVERYTHING)
    s.txn(success=[put(b"a"), put(b"b")])
    nothing_more(stream)
    s.txn(success=[put(b"b"), put(b"a"), put(b"c")])
    take(stream)


@scenario
def the_farthest_future_does_not_come(s: Session) -> None:
    stream = watch(s, key=b"a", start_revision=MOST)
    create(stream, key=b"a", start_revision=MOST - 2)
    put_each(s, "aa")
    nothing_more(stream)


@scenario
def each_stream_begins_where_it_wants(s: Session) -> None:
    put_each(s, "aaa")
    streams = [watch(s, key=b"a", start_revision=s.at(start)) for start in (2, 3, 4)]
    for stream in streams:
        take(stream)
    streams += [watch(s, key=b"a"), watch(s, key=b"a", start_revision=s.at(6))]
    put_each(s, "a")
    for stream in streams[:4]:
        take(stream)
    put_each(s, "a")
    for stream in streams:
        take(stream)


@scenario
def watchers_of_one_stream_begin_where_they_want(s: Session) -> None:
    put_each(s, "abab")
    stream = watch(s, key=b"a", start_revision=s.at(4))
    take(stream)
    create(stream, key=b"b", start_revision=s.at(2))
    take(stream)
    create(stream, key=b"c")
    create(stream, start_revision=s.at(2), **EVERYTHING)
    take(stream)
    for watch_id in (1, 2, 3):
        cancel(stream, watch_id)
    put_and_take(s, stream, b"a")


@scenario
def what_was_deleted_before_the_start_is_not_told(s: Session) -> None:
    put_each(s, "ab")
    s.delete_range(key=b"a")
    put_each(s, "b")
    take(watch(s, start_revision=s.at(5), **EVERYTHING))


@scenario
def leaving_and_coming_back_loses_nothing(s: Session) -> None:
    stream = watch(s, key=b"a")
    put_and_take(s, stream, b"a")
    stream.cancel()
    put_each(s, "aa")
    s.delete_range(key=b"a")
    take(watch(s, key=b"a", start_revision=s.at(3)))
