"""RangeStream: a range in chunks."""

from __future__ import annotations

from fake_etcd.api import messages as m

from ..scenario import scenario
from ..session import Session

_R = m.RangeRequest
_TARGETS = (_R.KEY, _R.VERSION, _R.CREATE, _R.MOD, _R.VALUE)
_LARGEST, _SMALLEST = 2**63 - 1, -(2**63)


def _fill(s: Session, count: int) -> None:
    """Puts k00 and those that follow, in one revision."""
    puts = [m.PutRequest(key=b"k%02d" % i, value=b"%d" % i) for i in range(count)]
    s.txn(success=[m.RequestOp(request_put=put) for put in puts])


def _stream_all(s: Session, **fields: object) -> None:
    s.range_stream(m.RangeRequest(key=b"k", range_end=b"l", **fields))  # type: ignore[arg-type]


@scenario
def a_stream_has_chunks_of_10_then_20_keys_and_only_the_last_has_header_and_count(
    s: Session,
) -> None:
    _fill(s, 31)
    _stream_all(s)


@scenario
def a_stream_of_up_to_10_keys_is_one_chunk_like_the_answer_of_range(s: Session) -> None:
    _fill(s, 10)
    s.range_stream(key=b"k03")
    _stream_all(s)
    s.range(key=b"k", range_end=b"l")
    s.range_stream(key=b"\0", range_end=b"\0")


@scenario
def a_limit_ends_a_stream_with_more_and_the_count_of_all(s: Session) -> None:
    _fill(s, 12)
    for limit in (1, 9, 10, 11, 12, 13):
        _stream_all(s, limit=limit)


@scenario
def a_limit_is_reached_in_the_middle_of_the_second_chunk_or_at_its_end(s: Session) -> None:
    _fill(s, 32)
    for limit in (29, 30, 31):
        _stream_all(s, limit=limit, keys_only=True)


@scenario
def a_negative_limit_of_a_stream_is_one_chunk_of_everything_and_the_largest_is_none(
    s: Session,
) -> None:
    _fill(s, 12)
    for limit in (-1, _SMALLEST, _LARGEST):
        _stream_all(s, limit=limit)


@scenario
def a_stream_with_count_only_is_one_chunk_with_header_and_count(s: Session) -> None:
    _fill(s, 12)
    _stream_all(s, count_only=True)
    _stream_all(s, count_only=True, limit=3)
    _stream_all(s, count_only=True, limit=-1, keys_only=True)
    _stream_all(s, count_only=True, revision=s.at(1))
    s.range_stream(key=b"k03", count_only=True)
    s.range_stream(key=b"x", count_only=True)


@scenario
def a_stream_with_count_only_is_refused_like_any_other(s: Session) -> None:
    _fill(s, 2)
    _stream_all(s, count_only=True, sort_order=_R.DESCEND)
    _stream_all(s, count_only=True, min_mod_revision=s.at(1))
    _stream_all(s, count_only=True, revision=s.at(3))
    s.compact(revision=s.at(2))
    _stream_all(s, count_only=True, revision=s.at(1))


@scenario
def a_stream_with_keys_only_leaves_the_values_out(s: Session) -> None:
    _fill(s, 11)
    # etcd 3.7.3: the key at which the next chunk begins was made in the index's own memory.
    _stream_all(s, keys_only=True)
    _stream_all(s, keys_only=True)
    _stream_all(s)


@scenario
def a_stream_of_nothing_is_one_chunk_with_a_header_alone(s: Session) -> None:
    _fill(s, 3)
    s.range_stream(key=b"x")
    s.range_stream(key=b"x", range_end=b"y", limit=1)
    s.range_stream(key=b"l", range_end=b"k")
    s.range_stream(key=b"k01", range_end=b"k01")


@scenario
def a_stream_needs_a_key(s: Session) -> None:
    s.range_stream()
    s.range_stream(range_end=b"\0")
    s.range_stream(count_only=True)
    s.range_stream(sort_order=9, min_mod_revision=1, revision=s.at(99))


@scenario
def a_stream_in_another_order_than_that_of_the_keys_is_not_implemented(s: Session) -> None:
    s.put(key=b"k", value=b"v")
    for order in (_R.NONE, _R.ASCEND, _R.DESCEND):
        for target in _TARGETS:
            s.range_stream(key=b"k", sort_order=order, sort_target=target)


@scenario
def a_stream_with_a_bound_on_revisions_is_not_implemented(s: Session) -> None:
    s.range_stream(key=b"k", min_mod_revision=1)
    s.range_stream(key=b"k", max_mod_revision=1)
    s.range_stream(key=b"k", min_create_revision=1)
    s.range_stream(key=b"k", max_create_revision=1)
    s.range_stream(key=b"k", min_mod_revision=-1)


@scenario
def a_stream_names_a_bad_sort_option_then_the_order_then_the_bounds_then_the_revision(
    s: Session,
) -> None:
    s.range_stream(key=b"k", sort_order=3, sort_target=_R.MOD, min_mod_revision=1)
    s.range_stream(key=b"k", sort_order=_R.DESCEND, sort_target=5, min_mod_revision=1)
    s.range_stream(key=b"k", sort_order=_R.DESCEND, min_mod_revision=1, revision=s.at(99))
    s.range_stream(key=b"k", min_mod_revision=1, revision=s.at(99))


@scenario
def a_stream_with_a_target_and_no_order_sorts_each_chunk_by_itself_and_loses_and_repeats_keys(
    s: Session,
) -> None:
    _fill(s, 12)
    s.put(key=b"k00", value=b"z")
    for target in (_R.VERSION, _R.VALUE):
        _stream_all(s, sort_target=target)


@scenario
def a_stream_of_a_future_or_compacted_revision_ends_before_any_chunk(s: Session) -> None:
    _fill(s, 12)
    _stream_all(s, revision=s.at(3))
    s.put(key=b"k00", value=b"z")
    s.compact(revision=s.at(3))
    _stream_all(s, revision=s.at(2))
    _stream_all(s, revision=s.at(3), limit=1)


@scenario
def a_stream_of_the_past_has_the_header_of_now(s: Session) -> None:
    _fill(s, 12)
    s.delete_range(key=b"k", range_end=b"k06")
    s.put(key=b"k99", value=b"new")
    _stream_all(s, revision=s.at(2))
    _stream_all(s, revision=s.at(3))
    _stream_all(s)


@scenario
def a_stream_of_a_negative_revision_is_of_now(s: Session) -> None:
    _fill(s, 11)
    for revision in (-1, _SMALLEST):
        _stream_all(s, revision=revision, keys_only=True)


@scenario
def a_serializable_stream_is_the_same(s: Session) -> None:
    _fill(s, 11)
    _stream_all(s, serializable=True)
    _stream_all(s, serializable=True, revision=s.at(3))


def _fill_slowly(s: Session, count: int, value: bytes) -> None:
    for i in range(count):
        s.put(key=b"k%02d" % i, value=value)


@scenario(flags=("--max-request-bytes=400",))
def a_chunk_of_less_than_half_the_request_limit_doubles_the_next(s: Session) -> None:
    # 10 keys and what else is in a chunk take 198 bytes with these values.
    _fill_slowly(s, 21, b"vvvv")
    s.put(key=b"k00", value=b"v" * 5)
    _stream_all(s)
    s.put(key=b"k00", value=b"v" * 6)
    _stream_all(s)


@scenario(flags=("--max-request-bytes=400",))
def a_chunk_of_more_than_twice_the_request_limit_halves_the_next(s: Session) -> None:
    # 10 keys and what else is in a chunk take 798 bytes with these values.
    _fill_slowly(s, 21, b"v" * 64)
    s.put(key=b"k00", value=b"v" * 66)
    _stream_all(s)
    s.put(key=b"k00", value=b"v" * 67)
    _stream_all(s)


@scenario(flags=("--max-request-bytes=400",))
def chunks_are_halved_again_and_again_and_a_limit_cuts_the_last(s: Session) -> None:
    _fill_slowly(s, 18, b"v" * 360)
    _stream_all(s)
    _stream_all(s, limit=16)


@scenario
def ten_large_values_make_a_chunk_above_any_request_and_the_next_is_halved(s: Session) -> None:
    _fill_slowly(s, 16, b"v" * 350_000)
    _stream_all(s)
