"""`python -m fuzz`: fuzz for a time, save what was found."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from random import Random

from fuzz.case import Case
from fuzz.coverage import Coverage
from fuzz.engine import CORPUS, Finding, Run, check, fewest, load, save, smallest, until
from fuzz.targets import TARGETS

_SLICE_SECONDS = 30.0
"""So long one target runs before the next has its turn."""


def main(arguments: list[str]) -> int:
    """Fuzz; 1 where something was found."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0, help="how long, all targets together")
    parser.add_argument("--target", choices=sorted(TARGETS), action="append", help="default: all")
    parser.add_argument("--seed", type=int, default=0, help="what the random numbers begin with")
    parser.add_argument("--corpus", type=Path, default=CORPUS, help="folder to read and add to")
    parser.add_argument("--findings", type=Path, default=Path("fuzz-findings"), help="folder")
    parser.add_argument(
        "--tidy",
        action="store_true",
        help="fuzz nothing: take cases out of the corpus that reach nothing the others do not",
    )
    options = parser.parse_args(arguments)
    names: list[str] = options.target or sorted(TARGETS)
    if options.tidy:
        for name in names:
            _tidy(name, options.corpus)
        return 0
    random = Random(options.seed)
    runs = [Run(TARGETS[name], random, load(name, options.corpus)) for name in names]
    has_time = until(options.minutes * 60)
    for run in runs:
        run.begin()
    known: set[str] = set()
    while has_time():
        for run in runs:
            has_slice = until(min(_SLICE_SECONDS, options.minutes * 60 / len(runs)))
            while has_slice() and has_time():
                run.once()
                for finding in run.findings:
                    _report(run, finding, known, options.findings)
                run.findings.clear()
            _save(run, options.corpus)
            print(
                f"{run.target.name}: {run.cases} cases, {len(run.seen)} arcs, "
                f"corpus {len(run.corpus)}, findings of all {len(known)}",
                flush=True,
            )
    return bool(known)


def _report(run: Run, finding: Finding, known: set[str], folder: Path) -> None:
    what = _sort(run.target.name, finding.error)
    if what in known:
        return
    known.add(what)

    def is_same(case: Case) -> bool:
        error = check(run.target, case, Coverage())
        return error is not None and _sort(run.target.name, error) == what

    path = save(run.target.name, smallest(run.target, finding.case, is_same), folder)
    print(f"FINDING {what} in {path}: {finding.error!r:.300}", flush=True)


def _sort(name: str, error: BaseException) -> str:
    """Where it happened: one finding a place is enough to begin with."""
    trace = error.__traceback__
    place = ""
    while trace is not None:
        place = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{name} {type(error).__name__} {place}"


def _tidy(name: str, corpus: Path) -> None:
    before = load(name, corpus)
    kept = fewest(TARGETS[name], before)
    for path in list((corpus / name).iterdir()):
        path.unlink()
    for case in kept:
        save(name, case, corpus)
    print(f"{name}: {len(kept)} of {len(before)} cases")


def _save(run: Run, corpus: Path) -> None:
    for case in run.corpus:
        save(run.target.name, case, corpus)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
