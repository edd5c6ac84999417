"""Two transcripts side by side: what was asked, and in which lines the answers differ."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from itertools import zip_longest

from .transcript import Part, Transcript, render_part


def differences(expected: Transcript, actual: Transcript) -> list[str]:
    """Lines for people: of each exchange that differs the request, then "- expected", "+ actual".

    Two spaces begin what is equal. Empty where the transcripts are equal.
    """
    if expected.parts == actual.parts:
        return []
    lines: list[str] = []
    nothing: list[Part] = []
    exchanges = zip_longest(_exchanges(expected), _exchanges(actual), fillvalue=nothing)
    for number, (wanted, got) in enumerate(exchanges, 1):
        if wanted != got:
            lines += [f"exchange {number}:", *_compare(wanted, got)]
    return lines


def _exchanges(transcript: Transcript) -> list[list[Part]]:
    """The parts from each thing that the scenario did up to the next."""
    found: list[list[Part]] = []
    for part in transcript.parts:
        if part.mark == ">" or not found:
            found.append([])
        found[-1].append(part)
    return found


def _compare(wanted: list[Part], got: list[Part]) -> Iterator[str]:
    before, after = _lines(wanted), _lines(got)
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for what, start, end, other_start, other_end in matcher.get_opcodes():
        if what == "equal":
            yield from (f"  {line}" for line in before[start:end])
        else:
            yield from (f"- {line}" for line in before[start:end])
            yield from (f"+ {line}" for line in after[other_start:other_end])


def _lines(parts: list[Part]) -> list[str]:
    return [line for part in parts for line in render_part(part)]
