"""Watching what is compacted, or will be."""

from __future__ import annotations

from ...scenario import scenario
from ...session import Session
from ..txn.building import delete, put
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


@scenario
def a_start_that_is_compacted_is_created_and_then_canceled(s: Session) -> None:
    put_each(s, "aaaa")
    s.compact(revision=s.at(4))
    for start in (2, 3):
        take(watch(s, key=b"a", start_revision=s.at(start)))


@scenario(needs_fresh_server=True)
def revision_1_is_compacted_once_anything_is(s: Session) -> None:
    put_each(s, "aa")
    s.compact(revision=2)
    take(watch(s, key=b"a", start_revision=1))


@scenario
def a_compacted_start_matters_also_where_nothing_was_lost(s: Session) -> None:
    put_each(s, "aaaa")
    s.compact(revision=s.at(4))
    take(watch(s, key=b"b", start_revision=s.at(3)))


@scenario
def a_start_at_the_compacted_revision_is_told_from_there(s: Session) -> None:
    put_each(s, "abab")
    s.compact(revision=s.at(4))
    stream = watch(s, start_revision=s.at(4), **EVERYTHING)
    take(stream)
    put_and_take(s, stream, b"a")


@scenario
def the_current_revision_may_be_compacted_and_is_told(s: Session) -> None:
    put_each(s, "ab")
    s.compact(revision=s.at(3))
    take(watch(s, start_revision=s.at(3), **EVERYTHING))


@scenario
def a_deletion_at_the_compacted_revision_is_told(s: Session) -> None:  # etcd#19179
    put_each(s, "ab")
    s.delete_range(key=b"a")
    put_each(s, "b")
    s.compact(revision=s.at(4))
    take(watch(s, key=b"a", start_revision=s.at(4)))
    take(watch(s, start_revision=s.at(4), **EVERYTHING))


@scenario
def a_deletion_at_the_compacted_and_newest_revision_is_told(s: Session) -> None:  # etcd#18089
    put_each(s, "a")
    s.delete_range(key=b"a")
    s.compact(revision=s.at(3))
    take(watch(s, key=b"a", start_revision=s.at(3)))


@scenario
def a_key_deleted_and_made_again_is_told_from_the_compacted_revision_on(s: Session) -> None:
    put_each(s, "a")
    s.delete_range(key=b"a")
    put_each(s, "aa")
    s.compact(revision=s.at(3))
    take(watch(s, key=b"a", start_revision=s.at(3)))


@scenario
def a_transaction_at_the_compacted_revision_is_told_wholly(s: Session) -> None:
    put_each(s, "ab")
    s.txn(success=[put(b"c"), delete(b"a"), put(b"b")])
    put_each(s, "bc")
    s.compact(revision=s.at(4))
    take(watch(s, start_revision=s.at(4), **EVERYTHING))


@scenario
def a_start_behind_the_compacted_revision_is_told(s: Session) -> None:
    put_each(s, "ababa")
    s.compact(revision=s.at(3))
    take(watch(s, start_revision=s.at(5), **EVERYTHING))
    take(watch(s, key=b"a", start_revision=s.at(4)))


@scenario
def who_watches_already_does_not_mind_a_compaction(s: Session) -> None:
    stream = watch(s, key=b"a")
    put_and_take(s, stream, b"a", b"a")
    s.compact(revision=s.at(3))
    nothing_more(stream)
    put_and_take(s, stream, b"a")


@scenario
def who_has_caught_up_does_not_mind_a_compaction(s: Session) -> None:
    put_each(s, "aa")
    stream = watch(s, key=b"a", start_revision=s.at(2))
    take(stream)
    s.compact(revision=s.at(3))
    nothing_more(stream)
    put_and_take(s, stream, b"a")


@scenario
def who_has_not_begun_does_not_mind_a_compaction(s: Session) -> None:
    stream = watch(s, key=b"a", start_revision=s.at(4))
    put_each(s, "aa")
    s.compact(revision=s.at(3))
    put_and_take(s, stream, b"a")
    s.compact(revision=s.at(4))
    put_and_take(s, stream, b"a")


@scenario
def who_was_canceled_by_compaction_hears_nothing_more(s: Session) -> None:
    put_each(s, "aa")
    s.compact(revision=s.at(3))
    stream = watch(s, key=b"a", start_revision=s.at(2))
    take(stream)
    put_each(s, "a")
    s.compact(revision=s.at(4))
    nothing_more(stream)


@scenario
def a_cancellation_by_compaction_leaves_the_others(s: Session) -> None:
    put_each(s, "aa")
    s.compact(revision=s.at(3))
    stream = watch(s, key=b"b", watch_id=3)
    create(stream, key=b"a", watch_id=2, start_revision=s.at(2))
    take(stream)
    put_each(s, "a")
    put_and_take(s, stream, b"b")
    create(stream, key=b"a", start_revision=s.at(3))
    take(stream)


@scenario
def a_cancellation_names_the_newest_compacted_revision(s: Session) -> None:
    put_each(s, "aaaa")
    stream = s.open(WATCH)
    for revision in (3, 4, 5):
        s.compact(revision=s.at(revision))
        create(stream, key=b"a", start_revision=s.at(2))
        take(stream)


@scenario
def coming_back_at_the_compacted_revision_that_was_named_works(s: Session) -> None:
    put_each(s, "aaaa")
    s.compact(revision=s.at(4))
    stream = watch(s, key=b"a", start_revision=s.at(2))
    take(stream)
    create(stream, key=b"a", start_revision=s.at(4))
    take(stream)


@scenario
def options_do_not_matter_to_a_cancellation_by_compaction(s: Session) -> None:
    put_each(s, "aa")
    s.compact(revision=s.at(3))
    stream = watch(
        s,
        key=b"a",
        start_revision=s.at(2),
        watch_id=-7,
        filters=[0, 1],
        prev_kv=True,
        fragment=True,
        progress_notify=True,
    )
    take(stream)
    nothing_more(stream)
