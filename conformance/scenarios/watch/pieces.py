"""Answers in pieces: of so many bytes for who can put them together, of 1,000 revisions for all."""

from __future__ import annotations

from fake_etcd.api import messages as m

from ...scenario import scenario
from ...session import Session
from ..txn.building import put
from .building import (
    EVERYTHING,
    NOPUT,
    ask,
    nothing_more,
    progress,
    put_and_take,
    put_each,
    take,
    watch,
)

SMALL = "--max-request-bytes=200000"
"""So the limit of an answer's bytes is 724,288."""

LARGE = b"v" * 180_000
"""Four times this is below that limit."""


@scenario(flags=(SMALL,))
def history_above_the_limit_is_sent_in_fragments(s: Session) -> None:
    put_each(s, "abcdefghi", LARGE)
    take(watch(s, fragment=True, start_revision=s.at(2), **EVERYTHING), 3)


@scenario(flags=(SMALL,))
def history_above_the_limit_is_sent_whole_to_who_did_not_ask_for_fragments(s: Session) -> None:
    put_each(s, "abcde", LARGE)
    take(watch(s, start_revision=s.at(2), **EVERYTHING))


@scenario(flags=(SMALL,))
def below_the_limit_there_are_no_fragments(s: Session) -> None:
    put_each(s, "abcd", LARGE)
    stream = watch(s, fragment=True, start_revision=s.at(2), **EVERYTHING)
    take(stream)
    put_and_take(s, stream, b"a")


@scenario(flags=(SMALL,))
def fragments_are_filled_in_order_whatever_fits(s: Session) -> None:
    for size in (190, 10, 190, 190, 190, 150, 1, 190, 190):
        s.put(key=b"a", value=b"v" * size * 1_000)
    take(watch(s, key=b"a", fragment=True, start_revision=s.at(2)), 2)


@scenario(flags=(SMALL,))
def events_of_one_revision_may_be_in_several_fragments(s: Session) -> None:
    put_each(s, "abcde", LARGE)
    stream = watch(s, fragment=True, prev_kv=True, **EVERYTHING)
    s.delete_range(**EVERYTHING)
    take(stream, 2)
    put_and_take(s, stream, b"a")


@scenario(flags=(SMALL,))
def prev_kv_counts_for_fragments(s: Session) -> None:
    put_each(s, "aaaa", LARGE)
    take(watch(s, key=b"a", fragment=True, prev_kv=True, start_revision=s.at(2)), 2)


@scenario(flags=(SMALL,))
def the_events_that_are_filtered_do_not_count_for_fragments(s: Session) -> None:
    put_each(s, "abcde", LARGE)
    s.delete_range(**EVERYTHING)
    stream = watch(s, fragment=True, filters=[NOPUT], start_revision=s.at(2), **EVERYTHING)
    take(stream)


@scenario(flags=(SMALL,))
def progress_comes_behind_the_last_fragment(s: Session) -> None:
    put_each(s, "abcde", LARGE)
    stream = watch(s, fragment=True, start_revision=s.at(2), **EVERYTHING)
    take(stream, 2)
    ask(stream, progress())


@scenario
def one_event_above_the_limit_is_not_cut(s: Session) -> None:
    values = (b"v" * 1_200_000, b"w" * 1_200_000)
    s.put(key=b"a", value=values[0])
    stream = watch(s, key=b"a", fragment=True, prev_kv=True)
    s.put(key=b"a", value=values[1])
    take(stream)
    nothing_more(stream)


@scenario
def each_event_above_the_limit_is_a_fragment(s: Session) -> None:
    for value in (b"v", b"w", b"x"):
        s.put(key=b"a", value=value * 1_200_000)
    take(watch(s, key=b"a", fragment=True, prev_kv=True, start_revision=s.at(2)), 3)


@scenario
def a_transaction_with_prev_kv_may_be_above_the_limit(s: Session) -> None:
    for value in (b"v", b"w"):
        s.txn(success=[put(key, value * 370_000) for key in (b"a", b"b", b"c", b"d")])
        if value == b"v":
            stream = watch(s, fragment=True, prev_kv=True, **EVERYTHING)
    take(stream, 2)


# Revisions


@scenario
def history_is_told_by_1000_revisions(s: Session) -> None:
    put_each(s, "bc")
    s.repeat(996, "KV/Put", m.PutRequest(key=b"a"))
    for key in (b"a", b"b", b"c"):
        s.delete_range(key=key)
    take(watch(s, filters=[NOPUT], start_revision=s.at(2), **EVERYTHING), 2)


@scenario
def of_1001_revisions_the_first_may_all_be_filtered(s: Session) -> None:
    s.repeat(1_000, "KV/Put", m.PutRequest(key=b"a"))
    s.delete_range(key=b"a")
    stream = watch(s, key=b"a", filters=[NOPUT], start_revision=s.at(2))
    take(stream)
    ask(stream, progress())


@scenario
def revisions_of_other_keys_do_not_count(s: Session) -> None:
    put_each(s, "b")
    s.repeat(1_001, "KV/Put", m.PutRequest(key=b"a"))
    put_each(s, "b")
    stream = watch(s, key=b"b", start_revision=s.at(2))
    take(stream)
    put_and_take(s, stream, b"b")


@scenario
def a_revision_of_many_events_counts_once(s: Session) -> None:
    put_each(s, "a")
    s.delete_range(key=b"a")
    s.repeat(9, "KV/Txn", m.TxnRequest(success=[put(b"%d" % number) for number in range(120)]))
    put_each(s, "a")
    s.delete_range(key=b"a")
    take(watch(s, filters=[NOPUT], start_revision=s.at(2), **EVERYTHING))


@scenario
def a_watcher_of_1001_revisions_goes_on_with_what_happens(s: Session) -> None:
    put_each(s, "b")
    s.repeat(998, "KV/Put", m.PutRequest(key=b"a"))
    s.delete_range(key=b"b")
    s.delete_range(key=b"a")
    stream = watch(s, filters=[NOPUT], start_revision=s.at(2), **EVERYTHING)
    take(stream, 2)
    put_each(s, "a")
    s.delete_range(key=b"a")
    take(stream)
