"""The checks of watch guarantees see what they are to see: one broken report for each."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.services import watch_guarantees as guarantees
from tests.services.watch_guarantees import Answer, Happened, History, Report, Request, Told

HISTORY = History(
    [
        Happened(2, b"a", b"1"),
        Happened(3, b"a", b"2"),
        Happened(3, b"b", b"1"),
        Happened(4, b"z", b"1"),
        Happened(5, b"a", None),
    ]
)
A2 = Told(2, b"a", b"1", True, None)
A3 = Told(3, b"a", b"2", False, b"1")
B3 = Told(3, b"b", b"1", True, None)
A5 = Told(5, b"a", None, False, b"2")
WANTED = Request(b"a", b"c", 2, prev_kv=True)


def report(*answers: Answer, request: Request = WANTED, first: int = 2) -> Report:
    return Report(request, first, list(answers))


GOOD = report(Answer(2, (A2,)), Answer(5, (A3, B3)), Answer(4, ()), Answer(5, (A5,)), Answer(9, ()))


def test_a_good_report_passes() -> None:
    guarantees.check_all(GOOD, HISTORY)
    guarantees.check_complete([GOOD], HISTORY, 9)
    guarantees.check_previous_is_there(GOOD, HISTORY)


def test_a_report_that_ended_early_passes_but_is_not_complete() -> None:
    for end in range(len(GOOD.answers)):
        early = report(*GOOD.answers[:end])
        guarantees.check_all(early, HISTORY)
        rest = report(*GOOD.answers[end:], first=early.seen + 1)
        guarantees.check_complete([early, rest], HISTORY, 5)
    with pytest.raises(AssertionError, match="nothing is lost"):
        guarantees.check_complete([report(*GOOD.answers[:3])], HISTORY, 5)


BROKEN: dict[str, tuple[Callable[..., None], Report]] = {
    "not asked for": (
        guarantees.check_filter,
        report(Answer(5, (A5,)), request=Request(b"a", no_delete=True)),
    ),
    "ordered": (guarantees.check_ordered, report(Answer(3, (A3,)), Answer(3, (A2,)))),
    "twice": (guarantees.check_unique, report(Answer(2, (A2,)), Answer(3, (A2, A3)))),
    "split": (guarantees.check_atomic, report(Answer(3, (A2, A3)), Answer(3, (B3,)))),
    "all before is told": (guarantees.check_bookmarkable, report(Answer(3, ()), Answer(3, (A3,)))),
    "not older": (guarantees.check_bookmarkable, report(Answer(4, (A5,)))),
    "go back": (guarantees.check_bookmarkable, report(Answer(4, ()), Answer(3, ()))),
    "previous value is right": (
        lambda it: guarantees.check_previous(it, HISTORY),
        report(Answer(5, (A5._replace(previous=b"1"),))),
    ),
    "is not told": (
        lambda it: guarantees.check_previous(it, HISTORY),
        report(Answer(5, (A5,)), request=Request(b"a")),
    ),
    "before is told": (
        lambda it: guarantees.check_previous_is_there(it, HISTORY),
        report(Answer(5, (A5._replace(previous=None),))),
    ),
    "was not there": (
        lambda it: guarantees.check_is_create(it, HISTORY),
        report(Answer(3, (A3._replace(is_create=True),))),
    ),
    "resumes": (lambda it: guarantees.check_resumable(it, HISTORY), report(Answer(3, (A3,)))),
    "dropped": (
        lambda it: guarantees.check_reliable(it, HISTORY),
        report(Answer(2, (A2,)), Answer(3, (A3,))),
    ),
    "is dropped: 1 told, 3": (
        lambda it: guarantees.check_reliable(it, HISTORY),
        report(Answer(2, (A2,)), Answer(3, ())),
    ),
}


@pytest.mark.parametrize("words", BROKEN)
def test_a_broken_report_is_seen(words: str) -> None:
    check, broken = BROKEN[words]
    check(GOOD)
    with pytest.raises(AssertionError, match=words):
        check(broken)


def test_filters_and_ranges_are_understood() -> None:
    put, delete = Happened(2, b"b", b"1"), Happened(3, b"b", None)
    assert Request(b"b").wants(put)
    assert not Request(b"a").wants(put)
    assert Request(b"a", b"").wants(put)
    assert not Request(b"a", b"b").wants(put)
    assert Request(b"a", b"b\0").wants(put)
    assert not Request(b"b", no_put=True).wants(put)
    assert not Request(b"b", no_delete=True).wants(delete)
