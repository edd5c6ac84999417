"""docs/auth-matrix.md: the matrix as it is on file, for people."""

from __future__ import annotations

from collections.abc import Iterator

from .callers import CALLERS, SHAPES, Span
from .recording import NO_CELL, Recording
from .rows import ROWS


def markdown(recording: Recording) -> str:
    """The page."""
    counted = f"{len(recording.rows)} requests by {len(recording.callers)} callers"
    lines = [
        "# Who may do what: the permission matrix",
        "",
        "<!-- Written by `python -m conformance matrix page`; do not edit. -->",
        "",
        f"{counted}, with auth on: what etcd {recording.version} answered on {recording.day}. "
        "`python -m conformance matrix verify` tries every cell on fake_etcd, which answers the "
        "same.",
        "",
        "## Answers",
        "",
        "| sign | answer |",
        "| --- | --- |",
        *(f"| {sign} | {_word(outcome)} |" for sign, outcome in recording.outcomes.items()),
        "",
        "A watch that is refused is created and canceled at once; the text is its reason.",
        "",
        "## Callers",
        "",
        "| column | caller | how the server knows |",
        "| --- | --- | --- |",
        *(f"| {one.short} | {one.name} | {one.proof.value} |" for one in CALLERS),
        "",
        "Permissions are READ (r), WRITE (w) or READWRITE (rw) over:",
        "",
        *(
            f"- {name[0].upper()}, {name}: {' and '.join(map(_span, spans))}"
            for name, spans in SHAPES.items()
        ),
        "",
        "Certificates count on a server with `--client-cert-auth`. A token goes before them.",
        *_tables(recording),
    ]
    return "\n".join(lines) + "\n"


def _word(outcome: str) -> str:
    code, _, text = outcome.partition(": ")
    return f"{code}: `{text}`" if text else code


def _span(span: Span) -> str:
    if not span.range_end:
        return f"`{span.key.decode()}`"
    end = "∞" if span.range_end == b"\0" else f"`{span.range_end.decode()}`"
    return f"[`{span.key.decode()}`, {end})"


def _tables(recording: Recording) -> Iterator[str]:
    """One for each method."""
    heads = {caller.name: caller.short for caller in CALLERS}
    method = ""
    for row in ROWS:
        if row.method != method:
            method = row.method
            yield f"\n## {method}\n"
            yield f"| request | {' | '.join(heads[name] for name in recording.callers)} |"
            yield f"| --- |{' :-: |' * len(recording.callers)}"
        about = row.id.removeprefix(method).strip() or "it"
        cells = (" " if sign == NO_CELL else sign for sign in recording.rows[row.id])
        yield f"| {about} | {' | '.join(cells)} |"
