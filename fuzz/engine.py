"""The loop: mutate a case of the corpus, run it, keep it where it reached something new."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from fuzz.case import Case, pack, unpack
from fuzz.coverage import Arc, Coverage
from fuzz.mutate import mutate
from fuzz.targets import Target

CORPUS = Path(__file__).parent / "corpus"

_LINES_PER_BYTE = 600
_LINES_AT_LEAST = 60_000
"""A case may run so many lines, so that work that grows with the square of its input is seen."""


@dataclass
class Finding:
    """A case that broke an invariant, and how."""

    case: Case
    error: BaseException


@dataclass
class Run:
    """A fuzzer of one target.

    Args:
        target: what is fuzzed.
        random: where everything comes from.
        corpus: cases to begin with; grows.
    """

    target: Target
    random: Random
    corpus: list[Case]
    seen: set[Arc] = field(default_factory=set)
    cases: int = 0
    findings: list[Finding] = field(default_factory=list)

    def begin(self) -> None:
        """Run what the corpus has; only what adds to the others stays."""
        before, self.corpus = self.corpus, list(self.target.seeds)
        for case in sorted(before, key=lambda case: len(pack(case))):
            self.try_case(case)

    def once(self) -> None:
        """One new case."""
        first, other = self.random.choice(self.corpus), self.random.choice(self.corpus)
        self.try_case(mutate(self.random, first, other, self.target.pieces, self.target.others))

    def try_case(self, case: Case) -> None:
        self.cases += 1
        coverage = Coverage()
        error = check(self.target, case, coverage)
        if error is not None:
            self.findings.append(Finding(case, error))
        elif not coverage.arcs <= self.seen:
            self.corpus.append(case)
        self.seen |= coverage.arcs


def check(target: Target, case: Case, coverage: Coverage) -> BaseException | None:
    """Run one case; what it broke, if anything."""
    try:
        coverage.run(lambda: target.run(case))
        size = sum(len(step.data) for step in case)
        most = _LINES_AT_LEAST + _LINES_PER_BYTE * size
        assert coverage.lines <= most, f"{coverage.lines} lines for {size} bytes"
    except Exception as error:  # whatever it is, it is the finding
        return error
    return None


def fewest(target: Target, cases: Sequence[Case]) -> list[Case]:
    """Few of the cases that together reach what all of them do; what breaks something stays."""
    arcs: dict[Case, set[Arc]] = {}
    kept = []
    for case in cases:
        coverage = Coverage()
        if check(target, case, coverage) is not None:
            kept.append(case)
        else:
            arcs[case] = coverage.arcs
    missing = set().union(*arcs.values())
    while missing:
        best = max(arcs, key=lambda case: (len(arcs[case] & missing), -len(pack(case))))
        kept.append(best)
        missing -= arcs.pop(best)
    return kept


def smallest(target: Target, case: Case, is_same: Callable[[Case], bool]) -> Case:
    """The case without the steps that it does not need."""
    at = 0
    while at < len(case):
        shorter = case[:at] + case[at + 1 :]
        if shorter and is_same(shorter):
            case = shorter
        else:
            at += 1
    return case


def load(name: str, folder: Path = CORPUS) -> list[Case]:
    """A target's saved cases, in the order of their files."""
    return [unpack(path.read_bytes()) for path in sorted((folder / name).glob("*"))]


def save(name: str, case: Case, folder: Path) -> Path:
    """Write a case into a file that is named for what is in it."""
    data = pack(case)
    path = folder / name / hashlib.sha256(data).hexdigest()[:16]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def until(seconds: float) -> Callable[[], bool]:
    """Whether there is time left."""
    end = time.monotonic() + seconds
    return lambda: time.monotonic() < end
