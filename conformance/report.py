"""What a run prints and writes: progress, differences, a summary, JUnit and JSON."""

from __future__ import annotations

import contextlib
import json
import re
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from .fuzz import Done
from .runner import GOOD, Outcome, Result

_STYLES = {"-": "red", "+": "green", "e": "bold"}
"""How a line of a difference looks, by its first character."""


@contextlib.contextmanager
def progress(total: int) -> Iterator[Callable[[Result], None]]:
    """A bar on stderr if that is a terminal, and what to tell each result to."""
    with _bar("scenarios", total) as (bars, task):

        def seen(result: Result) -> None:
            bars.update(task, advance=1, description=result.scenario.area)

        yield seen


@contextlib.contextmanager
def fuzzing(total: int) -> Iterator[Callable[[Done], None]]:
    """Likewise for random programs, in batches."""
    with _bar("programs", total) as (bars, task):

        def seen(done: Done) -> None:
            bars.update(task, advance=done.programs)

        yield seen


@contextlib.contextmanager
def bar(name: str, total: int) -> Iterator[Callable[[], None]]:
    """Likewise for anything that is counted, step by step."""
    with _bar(name, total) as (bars, task):
        yield lambda: bars.advance(task)


@contextlib.contextmanager
def _bar(name: str, total: int) -> Iterator[tuple[Progress, TaskID]]:
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bars:
        yield bars, bars.add_task(name, total=total)


def show(results: Sequence[Result], title: str) -> None:
    """Print what is not as it should be, and how many came out how."""
    console = Console(highlight=False, soft_wrap=True)
    for result in results:
        if result.outcome in GOOD:
            continue
        console.print(Text(f"\n{result.scenario.id}: {result.outcome.value}", style="bold"))
        console.print(Text(f"  {result.scenario.sentence}"))
        for line in result.lines:
            console.print(Text(f"    {line}", style=_STYLES.get(line[:1], "")))
    counts = Counter(result.outcome for result in results)
    summary = ", ".join(f"{counts[one]} {one.value}" for one in Outcome if counts[one])
    console.print(Text(f"{title}: {summary or 'no scenario'}"))
    for reason, number in Counter(
        result.lines[0] for result in results if result.outcome is Outcome.SKIPPED
    ).items():
        console.print(Text(f"  {number} skipped: {reason}"))


def exit_status(results: Sequence[Result]) -> int:
    """0 where all is equal (or differs as marked), 1 where something differs, 2 where a scenario
    could not run, or none was there to be run."""
    outcomes = {result.outcome for result in results}
    if Outcome.BROKEN in outcomes or outcomes <= {Outcome.SKIPPED}:
        return 2
    return 0 if outcomes <= GOOD else 1


def write_json(results: Sequence[Result], title: str, path: Path) -> None:
    """All results, for programs: id, sentence, outcome, seconds, lines."""
    counts = Counter(result.outcome.value for result in results)
    scenarios = [
        {
            "id": result.scenario.id,
            "sentence": result.scenario.sentence,
            "outcome": result.outcome.value,
            "mark": result.scenario.mark and result.scenario.mark.reason,
            "seconds": round(result.seconds, 3),
            "lines": list(result.lines),
        }
        for result in results
    ]
    document = {"run": title, "outcomes": counts, "scenarios": scenarios}
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


_NO_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to write."""


def _escaped(character: re.Match[str]) -> str:
    return f"\\u{ord(character[0]):04x}"


def write_junit(results: Sequence[Result], title: str, path: Path) -> None:
    """All results as JUnit's XML: an area is a class, a scenario a case."""
    outcomes = Counter(result.outcome for result in results)
    suite = ElementTree.Element(
        "testsuite",
        name=title,
        tests=str(len(results)),
        failures=str(sum(n for one, n in outcomes.items() if one not in GOOD | {Outcome.BROKEN})),
        errors=str(outcomes[Outcome.BROKEN]),
        skipped=str(outcomes[Outcome.SKIPPED]),
        time=f"{sum(result.seconds for result in results):.3f}",
    )
    for result in results:
        case = ElementTree.SubElement(
            suite,
            "testcase",
            classname=f"conformance.{result.scenario.area}",
            name=result.scenario.name,
            time=f"{result.seconds:.3f}",
        )
        text = _NO_XML.sub(_escaped, "\n".join(result.lines))
        if result.outcome is Outcome.SKIPPED:
            ElementTree.SubElement(case, "skipped", message=text)
        elif result.outcome is Outcome.BROKEN:
            ElementTree.SubElement(case, "error", message=result.outcome.value).text = text
        elif result.outcome not in GOOD:
            ElementTree.SubElement(case, "failure", message=result.outcome.value).text = text
    tree = ElementTree.ElementTree(suite)
    ElementTree.indent(tree)
    tree.write(path, encoding="utf-8", xml_declaration=True)
