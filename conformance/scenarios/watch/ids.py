"""The numbers of watchers on their stream, and canceling them."""

from __future__ import annotations

from ...scenario import scenario
from ...session import Session
from .building import (
    EVERYTHING,
    WATCH,
    cancel,
    cancellation,
    create,
    nothing_more,
    put_and_take,
    put_each,
    take,
    watch,
)

MOST = 2**63 - 1


@scenario
def ids_are_given_from_0_on_for_each_stream(s: Session) -> None:
    for stream in (s.open(WATCH), s.open(WATCH), s.connect().open(WATCH)):
        for key in (b"a", b"a", b"b"):
            create(stream, key=key)


@scenario
def an_id_may_be_chosen(s: Session) -> None:
    stream = s.open(WATCH)
    for watch_id, key in ((7, b"a"), (1000, b"b"), (MOST, b"c")):
        create(stream, key=key, watch_id=watch_id)
        put_and_take(s, stream, key)
    cancel(stream, MOST)
    cancel(stream, 7)


@scenario
def an_id_may_be_negative(s: Session) -> None:
    stream = s.open(WATCH)
    for watch_id, key in ((-7, b"a"), (-1, b"b"), (-MOST - 1, b"c")):
        create(stream, key=key, watch_id=watch_id)
        put_and_take(s, stream, key)
        create(stream, key=key, watch_id=watch_id)
        cancel(stream, watch_id)
    put_each(s, "abc")
    nothing_more(stream)


@scenario
def id_0_asks_for_any(s: Session) -> None:
    stream = s.open(WATCH)
    for watch_id in (0, 0, 5, 0):
        create(stream, key=b"a", watch_id=watch_id)


@scenario
def an_id_in_use_is_refused_and_who_has_it_goes_on(s: Session) -> None:
    stream = watch(s, key=b"a")
    create(stream, key=b"b")
    create(stream, key=b"c", watch_id=7)
    for watch_id in (1, 7):
        create(stream, key=b"d", watch_id=watch_id)
    put_each(s, "d")
    put_and_take(s, stream, b"a", b"b", b"c")


@scenario
def given_ids_pass_over_chosen_ones(s: Session) -> None:
    stream = s.open(WATCH)
    for watch_id in (1, 2, 0, 0, 5, 0, 0, 100, 0):
        create(stream, key=b"a", watch_id=watch_id)


@scenario
def a_given_id_is_not_given_again(s: Session) -> None:
    stream = watch(s, key=b"a")
    create(stream, key=b"a")
    for watch_id in (1, 0):
        cancel(stream, watch_id)
    create(stream, key=b"a")


@scenario
def a_chosen_id_may_be_given_once_it_is_canceled(s: Session) -> None:
    stream = watch(s, key=b"a", watch_id=1)
    create(stream, key=b"a")
    cancel(stream, 1)
    create(stream, key=b"a")
    create(stream, key=b"a", watch_id=1)


@scenario
def a_canceled_id_may_be_chosen_again(s: Session) -> None:
    stream = watch(s, key=b"a", watch_id=7)
    create(stream, key=b"b")
    create(stream, key=b"c")
    for watch_id, key in ((7, b"d"), (1, b"e")):
        cancel(stream, watch_id)
        create(stream, key=key, watch_id=watch_id)
    put_each(s, "ac")
    put_and_take(s, stream, b"b", b"d", b"e")


@scenario
def who_takes_over_an_id_has_its_own_options(s: Session) -> None:
    put_each(s, "a")
    stream = watch(s, key=b"a", watch_id=7, prev_kv=True, filters=[1])
    put_and_take(s, stream, b"a")
    cancel(stream, 7)
    create(stream, key=b"a", watch_id=7)
    put_and_take(s, stream, b"a")
    s.delete_range(key=b"a")
    take(stream)


@scenario
def a_canceled_watcher_is_told_nothing_more(s: Session) -> None:
    stream = watch(s, key=b"a")
    put_and_take(s, stream, b"a")
    put_each(s, "b")
    cancel(stream, 0)
    put_each(s, "a")
    nothing_more(stream)


@scenario
def canceling_one_leaves_the_others(s: Session) -> None:
    stream = watch(s, key=b"a")
    create(stream, key=b"b")
    create(stream, **EVERYTHING)
    cancel(stream, 2)
    put_and_take(s, stream, b"a", b"b")
    cancel(stream, 0)
    put_each(s, "a")
    put_and_take(s, stream, b"b")


@scenario
def canceling_what_is_not_there_is_not_answered(s: Session) -> None:
    stream = s.open(WATCH)
    stream.send(cancellation(0))
    nothing_more(stream)
    create(stream, key=b"a")
    for watch_id in (1, -1, 7, MOST):
        stream.send(cancellation(watch_id))
    nothing_more(stream)
    put_and_take(s, stream, b"a")


@scenario
def canceling_twice_is_answered_once(s: Session) -> None:
    stream = watch(s, key=b"a", watch_id=7)
    cancel(stream, 7)
    stream.send(cancellation(7))
    nothing_more(stream)


@scenario
def a_refused_watcher_cannot_be_canceled(s: Session) -> None:
    stream = s.open(WATCH)
    create(stream, key=b"b", range_end=b"a", watch_id=7)
    for watch_id in (7, -1, 0):
        stream.send(cancellation(watch_id))
    nothing_more(stream)


@scenario
def an_id_is_of_its_stream_alone(s: Session) -> None:
    first, second = watch(s, key=b"a", watch_id=7), watch(s, key=b"a", watch_id=8)
    first.send(cancellation(8))
    nothing_more(first)
    create(second, key=b"b", watch_id=7)
    cancel(first, 7)
    put_and_take(s, second, b"a", b"b")


@scenario
def who_has_not_begun_yet_can_be_canceled(s: Session) -> None:
    stream = watch(s, key=b"a", start_revision=s.at(4))
    create(stream, key=b"b", start_revision=s.at(1000))
    cancel(stream, 0)
    cancel(stream, 1)
    put_each(s, "aaa")
    nothing_more(stream)


@scenario
def who_looks_into_history_can_be_canceled(s: Session) -> None:
    put_each(s, "aaa")
    stream = watch(s, key=b"b", start_revision=s.at(2))
    cancel(stream, 0)
    put_each(s, "b")
    nothing_more(stream)


@scenario
def who_was_canceled_by_compaction_keeps_the_id_until_canceled(s: Session) -> None:
    put_each(s, "aaa")
    s.compact(revision=s.at(4))
    stream = watch(s, key=b"a", start_revision=s.at(2), watch_id=7)
    take(stream)
    create(stream, key=b"a", watch_id=7)
    cancel(stream, 7)
    stream.send(cancellation(7))
    create(stream, key=b"a", watch_id=7)
    put_and_take(s, stream, b"a")
