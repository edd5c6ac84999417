"""Decisions out of bytes: where each goes, and what is left when there are no more."""

from __future__ import annotations

from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from conformance import programs, requests
from conformance.choices import Choices, drawn, weighted
from conformance.programs import Program, Step
from fake_etcd.api import messages as m

LETTERS = "abc"


@given(st.binary(), st.integers(1, 256))
def test_a_decision_takes_a_byte_and_is_for_the_first_when_there_is_none(
    decided: bytes, bound: int
) -> None:
    choices = Choices(decided)
    made = [choices.below(bound) for _ in range(len(decided) + 2)]
    assert made == [byte % bound for byte in decided] + [0, 0]


@given(st.binary(min_size=4))
def test_what_is_made_is_of_what_was_decided_in_order(decided: bytes) -> None:
    first, count, *items = decided
    choices = Choices(decided)
    assert choices.of(LETTERS) == LETTERS[first % 3]
    made = choices.many(lambda inner: inner.below(256), 2)
    assert made == items[: count % 3]


def test_of_a_field_that_is_chosen_twice_the_last_value_counts() -> None:
    options = [("limit", 1), ("limit", 2), ("revision", 3)]
    assert Choices(bytes([3, 0, 2, 1])).some(options, 3) == {"limit": 2, "revision": 3}
    assert Choices(bytes([4, 0, 2, 1])).some(options, 3) == {}


def test_a_table_has_each_as_often_as_it_weighs() -> None:
    assert weighted((2, "a"), (0, "b"), (1, "c")) == ("a", "a", "c")


def test_the_simplest_request_is_what_nothing_decided_gives() -> None:
    nothing = Choices(b"")
    assert requests.txn(nothing) == m.TxnRequest()
    assert requests.any_range(nothing) == m.RangeRequest(key=b"a")
    assert requests.any_put(nothing) == m.PutRequest(key=b"a")


def _ends_with_a_range_and_has_no_auth(steps: list[Step]) -> bool:
    # Programs with auth have a dozen steps to begin with, which nothing can be made shorter of.
    return steps[-1].method == "KV/Range" and not any(
        step.method.startswith("Auth/") for step in steps
    )


def test_a_strategy_shrinks_to_the_simplest() -> None:
    txns = drawn(requests.txn, 24, 120)
    found = find(txns, lambda txn: any(one.HasField("request_put") for one in txn.success))
    simplest = m.RequestOp(request_put=m.PutRequest(key=b"a"))
    assert found == m.TxnRequest(success=[simplest])
    program = find(programs.programs, _ends_with_a_range_and_has_no_auth)
    put = Step(0, "KV/Put", m.PutRequest(key=b"a"))
    assert program == [put, put, Step(0, "KV/Range", m.RangeRequest(key=b"a"))]


def test_one_program_in_four_is_about_auth() -> None:
    found: list[bool] = []

    @settings(max_examples=1_000, derandomize=True, database=None, phases=[Phase.generate])
    @given(programs.programs)
    def draw(program: Program) -> None:
        found.append(programs.uses_auth(program))

    draw()
    # Hypothesis also draws from the constants in the code that is loaded, so it depends on that.
    assert 170 <= sum(found) <= 360
