"""What `soak.check` finds wrong: each way in which a server could lie, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from soak import check
from soak.check import Event, History
from soak.memory import Sample, slope
from soak.told import Told, parse

EVENTS = (
    Event(2, "c/alive", "alive"),
    Event(3, "c/keys/0/1", "0-1"),
    Event(4, "c/leased/0-2", "0-2"),
    Event(5, "c/keys/0/1", None),
    Event(6, "c/leased/0-2", None),
    Event(7, "c/end", "end"),
)
WATCHED = [
    Told("event", event.key, event.value or "", event.revision, event.value is None)
    for event in EVENTS
]
ANSWERS = [
    Told("put", "c/alive", "alive", 2),
    Told("put", "c/keys/0/1", "0-1", 3),
    Told("get", "c/keys/0/1", "0-1", 4),
    Told("put", "c/leased/0-2", "0-2", 4),
    Told("delete", "c/keys/0/1", revision=5),
    Told("get", "c/keys/0/1", revision=5, absent=True),
    Told("delete", "c/keys/0/1", revision=6, absent=True),
    Told("revoke", "c/leased/0-2", revision=6),
    Told("put", "c/end", "end", 7),
]
DONE = Told("done")
FINAL = {"c/alive": "alive", "c/end": "end"}


def problems(
    lines: Sequence[Told], events: Sequence[Event] = EVENTS, final_revision: int = 7
) -> list[str]:
    history = History()
    for event in events:
        history.add(event)
    return check.problems(history, {"c": lines}, history.last(), final_revision)


def test_nothing_is_wrong_with_what_happened() -> None:
    assert problems([*ANSWERS, *WATCHED, DONE]) == []


def replaced(lines: list[Told], number: int, *instead: Told) -> list[Told]:
    return [*lines[:number], *instead, *lines[number + 1 :]]


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        pytest.param(
            [*replaced(ANSWERS, 1, Told("put", "c/keys/0/1", "0-1", 4)), *WATCHED, DONE],
            "was told of a put that is not in the history",
            id="a put at another revision",
        ),
        pytest.param(
            [*replaced(ANSWERS, 1), *WATCHED, DONE],
            "nobody put Event(revision=3, key='c/keys/0/1', value='0-1')",
            id="a put that nobody made",
        ),
        pytest.param(
            [*replaced(ANSWERS, 2, Told("get", "c/keys/0/1", "0-1", 5)), *WATCHED, DONE],
            "and the history has None",
            id="a value that was gone",
        ),
        pytest.param(
            [*replaced(ANSWERS, 5, Told("get", "c/keys/0/1", revision=4, absent=True)), DONE],
            "and the history has '0-1'",
            id="nothing where there was something",
        ),
        pytest.param(
            [*replaced(ANSWERS, 4), *WATCHED, DONE],
            "nobody made Event(revision=5, key='c/keys/0/1', value=None)",
            id="a deletion that nobody made",
        ),
        pytest.param(
            [*replaced(ANSWERS, 4, Told("delete", "c/keys/0/1", revision=6)), *WATCHED, DONE],
            "was told of a deletion that is not in the history",
            id="a deletion at another revision",
        ),
        pytest.param(
            [
                *replaced(ANSWERS, 6, Told("delete", "c/keys/0/1", revision=4, absent=True)),
                *WATCHED,
                DONE,
            ],
            "was told that nothing is there, and something was",
            id="a deletion of nothing",
        ),
        pytest.param(
            [*replaced(ANSWERS, 7, Told("revoke", "c/leased/0-2", revision=5)), *WATCHED, DONE],
            "a key is there when its lease is not",
            id="a lease that is gone without its key",
        ),
        pytest.param(
            [*ANSWERS, *replaced(WATCHED, 3), DONE],
            "event 3 of its watch is Event(revision=6",
            id="an event that is lost",
        ),
        pytest.param(
            [*ANSWERS, *replaced(WATCHED, 3, WATCHED[3], WATCHED[3]), DONE],
            "event 4 of its watch is Event(revision=5",
            id="an event that is doubled",
        ),
        pytest.param(
            [*ANSWERS, *WATCHED[:-1], DONE], "its watch did not see the end", id="no last event"
        ),
        pytest.param([*ANSWERS, *WATCHED], "did not come to its end", id="no end"),
        pytest.param(
            [*ANSWERS, Told("failed", error="why"), *WATCHED, DONE], "failed: why", id="a failure"
        ),
        pytest.param(
            [*ANSWERS, Told("get", "c/keys/0/1", error="INTERNAL: x"), *WATCHED, DONE],
            "get failed, and no cut explains it: INTERNAL: x",
            id="an error that no cut explains",
        ),
    ],
)
def test_a_lie_is_found(lines: list[Told], found: str) -> None:
    assert [problem for problem in problems(lines) if found in problem]


def test_a_put_of_which_nothing_was_heard_may_have_happened_once() -> None:
    unknown = Told("put", "c/keys/0/1", "0-1", error="UNAVAILABLE: reset")
    assert problems([*replaced(ANSWERS, 1, unknown), *WATCHED, DONE]) == []
    never = [event for event in EVENTS if event.key != "c/keys/0/1"]
    assert not [
        problem
        for problem in problems([unknown, *replaced(ANSWERS, 1), DONE], never)
        if "nobody put" in problem
    ]
    twice = [*EVENTS[:2], Event(4, "c/keys/0/1", "0-1"), *EVENTS[3:]]
    assert "c: c/keys/0/1 was given 0-1 2 times" in problems(
        [*replaced(ANSWERS, 1, unknown), DONE], twice
    )


def test_a_key_whose_lease_is_renewed_has_to_stay() -> None:
    events = [*EVENTS[:5], Event(7, "c/alive", None), Event(8, "c/end", "end")]
    assert "c: the key whose lease is renewed was deleted" in problems([DONE], events, 8)


def test_a_key_goes_with_a_lease_that_nobody_renews() -> None:
    expires = Told("expires", "c/leased/0-2")
    lines = [*replaced(ANSWERS, 7, expires), *WATCHED, DONE]
    assert problems(lines) == []
    stays = [event for event in EVENTS if event.revision != 6]
    assert f"c: a key has outlived its lease: {expires}" in problems(lines, stays)


def test_a_revision_that_nobody_saw_is_found() -> None:
    assert "the history lacks revisions, 8 the first of 2" in problems([DONE], EVENTS, 9)
    assert "the history is out of order" in problems([DONE], EVENTS[::-1])


def test_another_final_state_is_found() -> None:
    history = History()
    for event in EVENTS:
        history.add(event)
    found = check.problems(history, {}, {**FINAL, "c/x": "1"}, 7)
    assert found == ["the final state is not what the history comes to"]


def test_a_line_is_read_as_it_is_meant() -> None:
    assert parse('{"told": "get", "key": "a", "revision": 3, "absent": true}') == Told(
        "get", "a", "", 3, True
    )
    with pytest.raises(ValueError, match="not a line of a client"):
        parse('{"told": "tales"}')


def test_the_slope_is_that_of_most_samples() -> None:
    samples = [Sample(second, 1000 + 10 * second, 0) for second in range(20)]
    samples[7] = Sample(7, 10**9, 0)
    assert slope(samples) == 10.0
    assert slope(samples[:1]) == 0.0
