"""How far watchers are: asked for, and told unasked at intervals."""

from __future__ import annotations

from ...scenario import scenario
from ...session import Session
from .building import (
    EVERYTHING,
    WATCH,
    ask,
    cancel,
    create,
    nothing_more,
    progress,
    put_and_take,
    put_each,
    take,
    watch,
)

MOST = 2**63 - 1

AT_ONCE = "--watch-progress-notify-interval=100ms"


@scenario
def progress_is_told_with_the_newest_revision(s: Session) -> None:
    stream = watch(s, key=b"a")
    ask(stream, progress())
    put_each(s, "bb")
    ask(stream, progress())
    ask(stream, progress())


@scenario
def progress_comes_behind_the_events_that_it_is_about(s: Session) -> None:  # etcd#15220
    stream = watch(s, key=b"a")
    put_each(s, "aa")
    stream.send(progress())
    take(stream, 3)
    s.delete_range(key=b"a")
    stream.send(progress())
    take(stream, 2)


@scenario
def progress_is_told_once_for_all_watchers_of_the_stream(s: Session) -> None:
    stream = watch(s, key=b"a")
    for watch_id in (0, 7, -7):
        create(stream, watch_id=watch_id, **EVERYTHING)
    ask(stream, progress())
    nothing_more(stream)
    other = watch(s, key=b"a")
    ask(stream, progress())
    nothing_more(other)


@scenario
def progress_without_watchers_is_not_told(s: Session) -> None:
    stream = s.open(WATCH)
    stream.send(progress())
    nothing_more(stream)
    stream.send(progress())
    create(stream, key=b"a")
    cancel(stream, 0)
    stream.send(progress())
    nothing_more(stream)


@scenario
def progress_is_not_told_before_a_watcher_begins(s: Session) -> None:  # etcd#20221
    stream = watch(s, key=b"a", start_revision=s.at(4))
    for key in "bbb":
        stream.send(progress())
        nothing_more(stream)
        put_each(s, key)
    ask(stream, progress())


@scenario
def progress_of_who_begins_with_the_next_revision_is_not_told(s: Session) -> None:
    stream = watch(s, key=b"a", start_revision=s.at(2))
    stream.send(progress())
    nothing_more(stream)
    put_and_take(s, stream, b"a")
    ask(stream, progress())


@scenario
def one_watcher_that_has_not_begun_silences_all_of_its_stream(s: Session) -> None:
    stream, other = watch(s, key=b"a"), watch(s, key=b"a")
    create(stream, key=b"a", start_revision=MOST)
    stream.send(progress())
    nothing_more(stream)
    ask(other, progress())
    cancel(stream, 1)
    ask(stream, progress())


@scenario
def progress_is_told_behind_history(s: Session) -> None:
    put_each(s, "aab")
    stream = watch(s, key=b"a", start_revision=s.at(2))
    take(stream)
    ask(stream, progress())
    put_each(s, "b")
    ask(stream, progress())


@scenario
def one_watcher_canceled_by_compaction_silences_all_of_its_stream(s: Session) -> None:
    put_each(s, "aa")
    s.compact(revision=s.at(3))
    stream = watch(s, key=b"b")
    create(stream, key=b"a", start_revision=s.at(2))
    take(stream)
    for _ in range(2):
        stream.send(progress())
        nothing_more(stream)
    put_and_take(s, stream, b"b")
    cancel(stream, 1)
    ask(stream, progress())


@scenario
def a_compaction_does_not_keep_progress_back(s: Session) -> None:
    put_each(s, "aa")
    stream = watch(s, key=b"a")
    s.compact(revision=s.at(3))
    ask(stream, progress())


@scenario
def progress_is_told_to_who_filters_everything(s: Session) -> None:
    stream = watch(s, key=b"a", filters=[0, 1], prev_kv=True, fragment=True)
    put_each(s, "aa")
    ask(stream, progress())


@scenario
def progress_is_told_as_of_a_watcher_with_id_minus_1(s: Session) -> None:
    stream = watch(s, key=b"a", watch_id=-1)
    put_and_take(s, stream, b"a")
    ask(stream, progress())


# At intervals


@scenario
def notices_do_not_come_soon_by_default(s: Session) -> None:
    stream = watch(s, key=b"a", progress_notify=True)
    put_and_take(s, stream, b"a")
    nothing_more(stream)
    ask(stream, progress())
    cancel(stream, 0)


@scenario(flags=(AT_ONCE,))
def notices_come_at_intervals_to_who_wants_them(s: Session) -> None:
    put_each(s, "ab")
    take(watch(s, key=b"a", progress_notify=True), 3)


@scenario(flags=(AT_ONCE,))
def a_notice_is_for_one_watcher_by_its_id(s: Session) -> None:
    stream = watch(s, key=b"a")
    create(stream, key=b"a", progress_notify=False)
    create(stream, key=b"a", progress_notify=True, watch_id=-7)
    take(stream, 3)


@scenario(flags=(AT_ONCE,))
def who_has_not_begun_gets_no_notices(s: Session) -> None:  # etcd#20221
    stream = watch(s, key=b"a", progress_notify=True, start_revision=s.at(2))
    create(stream, key=b"a", progress_notify=True, start_revision=MOST)
    create(stream, key=b"a", progress_notify=True)
    take(stream, 3)


@scenario(flags=(AT_ONCE,))
def who_was_canceled_by_compaction_gets_no_notices(s: Session) -> None:
    put_each(s, "aa")
    s.compact(revision=s.at(3))
    stream = watch(s, key=b"a", progress_notify=True, start_revision=s.at(2))
    take(stream)
    create(stream, key=b"a", progress_notify=True)
    take(stream, 3)


@scenario(flags=(AT_ONCE,))
def notices_come_behind_history(s: Session) -> None:
    put_each(s, "aab")
    stream = watch(s, key=b"a", progress_notify=True, start_revision=s.at(2))
    take(stream, 3)


@scenario(flags=(AT_ONCE,))
def notices_come_to_who_finds_nothing_in_history(s: Session) -> None:
    put_each(s, "aa")
    take(watch(s, key=b"b", progress_notify=True, start_revision=s.at(2)), 2)


@scenario(flags=(AT_ONCE,))
def notices_come_to_who_filters_everything(s: Session) -> None:
    put_each(s, "a")
    take(watch(s, key=b"a", progress_notify=True, filters=[0, 1]), 2)


@scenario(flags=(AT_ONCE,))
def notices_come_on_each_stream(s: Session) -> None:
    put_each(s, "a")
    streams = [watch(one, key=b"a", progress_notify=True) for one in (s, s, s.connect())]
    for stream in streams:
        take(stream, 2)


@scenario(flags=("--watch-progress-notify-interval=1ms",))
def notices_come_also_where_the_interval_is_below_the_least(s: Session) -> None:
    take(watch(s, key=b"a", progress_notify=True), 3)
