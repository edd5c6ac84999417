"""The saved corpus, and a short run from it: each case on all invariants of its target."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuzz.case import Case, Do, Step, pack, received, unpack
from fuzz.coverage import Arc, Coverage
from fuzz.engine import CORPUS, Run, check, fewest, load, save
from fuzz.grammar import HELLO
from fuzz.targets import TARGETS, Target

NAMES = sorted(TARGETS)
NEW_CASES = 60
"""Of each target in each run of the tests: a second or two."""

CASES = st.lists(st.builds(Step, st.sampled_from(Do), st.binary(max_size=9))).map(tuple)


@pytest.mark.parametrize("name", NAMES)
def test_no_saved_case_breaks_anything(name: str) -> None:
    cases = load(name)
    assert cases, "the corpus is gone"
    broken = [(case, check(TARGETS[name], case, Coverage())) for case in cases]
    assert [entry for entry in broken if entry[1] is not None] == []


@pytest.mark.parametrize("name", NAMES)
def test_no_new_case_breaks_anything(name: str) -> None:
    target = TARGETS[name]
    run = Run(target, Random(9), [*target.seeds, *load(name)])
    while run.cases < NEW_CASES:
        run.once()
    assert run.findings == []


FOUND = {
    "a hello in pieces, where plaintext is welcome, too": (Step(Do.SEND, b"\x01hello"),),
    "a socket that is full before there is a connection": (
        Step(Do.PAUSE),
        Step(Do.SEND, b"\x00hello"),
        Step(Do.RESUME),
    ),
}
"""What sockets under TLS once did wrong."""


@pytest.mark.parametrize("what", FOUND)
def test_what_was_found_is_mended(what: str) -> None:
    assert check(TARGETS["tls_socket"], FOUND[what], Coverage()) is None


def test_the_corpus_is_small() -> None:
    assert sum(path.stat().st_size for path in CORPUS.rglob("*") if path.is_file()) < 2**20


@given(CASES)
def test_a_case_comes_back_from_its_file(case: Case) -> None:
    assert unpack(pack(case)) == case


@given(st.binary(max_size=60))
def test_any_file_is_a_case(data: bytes) -> None:
    assert unpack(pack(unpack(data))) == unpack(data)


def test_a_saved_case_is_loaded_again(tmp_path: Path) -> None:
    case = received(b"a", b"b")
    save("http2", case, tmp_path)
    assert load("http2", tmp_path) == [case]


def test_what_breaks_is_found_and_what_is_new_is_kept() -> None:
    def breaks_on_a_second_step(case: Case) -> None:
        TARGETS["http2"].run(case)
        assert len(case) < 2, "two steps"

    target = Target("x", breaks_on_a_second_step, TARGETS["http2"].pieces, ())
    run = Run(target, Random(0), [])
    run.try_case(received(HELLO))
    assert run.corpus == [received(HELLO)]
    run.try_case(received(HELLO))
    assert run.corpus == [received(HELLO)]
    run.try_case(received(HELLO, b"x"))
    assert [finding.case for finding in run.findings] == [received(HELLO, b"x")]


def test_a_tidied_corpus_reaches_as_much() -> None:
    target = TARGETS["tls_hello"]
    hello = target.seeds[0]
    cases = [hello, received(b"\x16"), received(b"\x17"), *(hello[:1] for _ in range(2))]

    def reached(cases: Sequence[Case]) -> set[Arc]:
        found = Coverage()
        for case in cases:
            assert check(target, case, found) is None
        return found.arcs

    kept = fewest(target, cases)
    assert reached(kept) == reached(cases)
    assert len(kept) == len(set(kept)) < len(cases)


def test_what_breaks_stays_in_a_tidied_corpus() -> None:
    def breaks(case: Case) -> None:
        raise AssertionError("always")

    cases = [received(b"a"), received(b"b")]
    assert fewest(Target("x", breaks, (), ()), cases) == cases


def test_work_beyond_its_bound_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fuzz.engine._LINES_AT_LEAST", 0)
    monkeypatch.setattr("fuzz.engine._LINES_PER_BYTE", 0)
    error = check(TARGETS["http2"], received(HELLO), Coverage())
    assert isinstance(error, AssertionError)
    assert str(error).endswith(f"lines for {len(HELLO)} bytes")
