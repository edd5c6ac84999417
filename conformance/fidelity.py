"""docs/fidelity.md: every scenario by area, equal or not, and each difference with its reason.

What a scenario cannot show, because it is not on the wire or because real etcd would not survive
it, is in the table below.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .recordings import Recordings
from .runner import Outcome, Result
from .scenario import Marked


@dataclass(frozen=True, slots=True)
class Unshown:
    """A difference that no scenario shows.

    Args:
        kind: whether it is to go or to stay.
        what: the case.
        etcd, ours: what each does.
        why: why it is so, or why no scenario shows it.
    """

    kind: Marked
    what: str
    etcd: str
    ours: str
    why: str


UNSHOWN: tuple[Unshown, ...] = ()

_SIGNS = {Outcome.EQUAL: "equal", Outcome.EXPECTED: "differs", Outcome.SKIPPED: "skipped"}


def markdown(results: Sequence[Result], recorded: Recordings) -> str:
    """The page, from a whole run of `verify`."""
    counts = Counter(result.outcome for result in results)
    expected = [result for result in results if result.outcome is Outcome.EXPECTED]
    lines = [
        "# Where fake_etcd answers as etcd does, and where not",
        "",
        "<!-- Written by `python -m conformance fidelity`; do not edit. -->",
        "",
        f"{len(results)} scenarios, recorded from etcd {recorded.version} on {recorded.day} and "
        f"run on fake_etcd by `python -m conformance verify`: {counts[Outcome.EQUAL]} are answered "
        f"alike in every field, status and text, {len(expected)} differ as said here. Any "
        "difference that is not on this page is a bug. What is not there yet at all is in the "
        "[README](../README.md#what-is-there).",
        "",
        "| area | scenarios | equal | known limits | on purpose |",
        "| --- | --- | --- | --- | --- |",
        *_areas(results),
        "",
        "## On purpose",
        "",
        "Where we help and etcd refuses, or the specification asks for something else than etcd "
        "does.",
        "",
        *_differences(expected, Marked.ON_PURPOSE),
        "## Known limits",
        "",
        "Not the same yet.",
        "",
        *_differences(expected, Marked.KNOWN_LIMIT),
        "## Every scenario",
        *_scenarios(results),
    ]
    return "\n".join(lines) + "\n"


def _areas(results: Sequence[Result]) -> Iterator[str]:
    for area in sorted({result.scenario.area for result in results}):
        here = [result for result in results if result.scenario.area == area]
        kinds = Counter(result.scenario.mark.kind for result in here if result.scenario.mark)
        equal = sum(result.outcome is Outcome.EQUAL for result in here)
        yield (
            f"| {area} | {len(here)} | {equal} | {kinds[Marked.KNOWN_LIMIT]} "
            f"| {kinds[Marked.ON_PURPOSE]} |"
        )


def _differences(expected: Sequence[Result], kind: Marked) -> Iterator[str]:
    """Each marked scenario with its reason and the difference itself, then what none shows."""
    for result in expected:
        mark = result.scenario.mark
        if mark is not None and mark.kind is kind:
            yield f"### {result.scenario.sentence}"
            yield f"\n{mark.reason} (`{result.scenario.id}`; `-` is etcd, `+` is fake_etcd):\n"
            yield from ("```diff", *result.lines, "```", "")
    unshown = [one for one in UNSHOWN if one.kind is kind]
    if unshown:
        yield "Without a scenario:\n"
        yield "| what | etcd | fake_etcd | why |"
        yield "| --- | --- | --- | --- |"
        yield from (f"| {one.what} | {one.etcd} | {one.ours} | {one.why} |" for one in unshown)
        yield ""


def _scenarios(results: Sequence[Result]) -> Iterator[str]:
    area = ""
    for result in results:
        if result.scenario.area != area:
            area = result.scenario.area
            yield f"\n### {area}\n"
        sign = _SIGNS.get(result.outcome, result.outcome.value)
        yield f"- {sign}: {result.scenario.sentence}"
