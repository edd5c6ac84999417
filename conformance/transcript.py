"""What a transcript is, and its text: parts of a dialogue, each with fields, in order.

Nothing here knows gRPC or etcd. A transcript reads like this; a part begins at the margin, what
belongs to it is indented or on the same line:

    A put of a new key starts it at version 1.

    > KV/Put key: "a" value: "1"
    < PutResponse header { cluster_id: cluster#1 member_id: member#1 revision: 2 raft_term: term#1 }
    = OK

`>` is what the scenario did, `<` a message that came back, `=` how a call ended. Text and
structure carry the same: `parse(render(t)) == t` for every transcript.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

LINE_WIDTH = 100
"""Characters up to which a part, or a field in it, stays on one line."""

LONGEST_LITERAL = 400
"""Bytes up to which a string is written out."""

LONGEST_RUN = 24
"""How often a byte may be repeated before that is written as a repetition."""


@dataclass(frozen=True, slots=True)
class Field:
    """A name with a value: a word (`2`, `true`, `"text"`, `lease#1`) or more fields."""

    name: str
    value: str | tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """One step of a dialogue.

    Args:
        mark: ">", "<" or "=".
        head: what it is: a method ("KV/Put"), a message ("PutResponse"), a status ("OK").
        fields: what it carries.
    """

    mark: str
    head: str
    fields: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True)
class Transcript:
    """A whole dialogue.

    Args:
        sentence: what the scenario is about.
        parts: in the order they happened.
    """

    sentence: str
    parts: tuple[Part, ...]


class ParseError(ValueError):
    """The text is no transcript; says where."""


def quote(data: bytes) -> str:
    """A word for bytes: written out, as a repetition, or (long ones) as length and digest.

    >>> quote(b'a"\\0'), quote(b"v" * 1000)
    ('"a\\\\"\\\\x00"', '"v"*1000')
    """
    if len(data) > LONGEST_RUN and data.count(data[:1]) == len(data):
        return f"{_literal(data[:1])}*{len(data)}"
    if len(data) > LONGEST_LITERAL:
        return f"sha256:{hashlib.sha256(data).hexdigest()[:16]}*{len(data)}"
    return _literal(data)


def word(text: str) -> str:
    """A text as one word of a part's head: as it is, or quoted where that could be misread."""
    return text if re.fullmatch(r"[\w./+-]+", text, re.ASCII) else quote(text.encode())


_ESCAPES = {number: f"\\x{number:02x}" for number in range(256)}
_ESCAPES.update({number: chr(number) for number in range(32, 127)})
_ESCAPES.update({ord('"'): '\\"', ord("\\"): "\\\\", ord("\n"): "\\n", ord("\t"): "\\t"})


def _literal(data: bytes) -> str:
    return f'"{"".join([_ESCAPES[byte] for byte in data])}"'


def render(transcript: Transcript) -> str:
    """The text of a transcript; every dialogue step a block after an empty line."""
    lines = [transcript.sentence]
    for part in transcript.parts:
        if part.mark == ">":
            lines.append("")
        lines += render_part(part)
    return "\n".join(lines) + "\n"


def render_part(part: Part) -> list[str]:
    """The lines of one part."""
    start = f"{part.mark} {part.head}"
    line = " ".join([start, *map(_on_one_line, part.fields)])
    if len(line) <= LINE_WIDTH:
        return [line]
    return [start, *_lines(part.fields, "    ")]


def _lines(fields: Iterable[Field], indent: str) -> Iterator[str]:
    for field in fields:
        line = indent + _on_one_line(field)
        if isinstance(field.value, str) or len(line) <= LINE_WIDTH:
            yield line
        else:
            yield f"{indent}{field.name} {{"
            yield from _lines(field.value, indent + "    ")
            yield indent + "}"


def _on_one_line(field: Field) -> str:
    if isinstance(field.value, str):
        return f"{field.name}: {field.value}"
    return " ".join([field.name, "{", *map(_on_one_line, field.value), "}"])


_TOKEN = re.compile(
    r"""\s* (?: (?P<name>[^\s:{}"]+):\s+ | (?P<open>[^\s:{}"]+)\s+\{ | (?P<close>\}) )""",
    re.VERBOSE,
)
_WORD = re.compile(r'"(?:[^"\\]|\\.)*"(?:\*\d+)?|[^\s{}"]+')


def parse(text: str) -> Transcript:
    """The transcript of a text.

    Raises:
        ParseError: it is none.
    """
    sentence, _, rest = text.partition("\n")
    blocks: list[str] = []
    for line in rest.split("\n"):
        if line[:2] in ("> ", "< ", "= "):
            blocks.append(line)
        elif line.strip():
            if not blocks:
                raise ParseError(f"a transcript goes on with a part, not with {line!r}")
            blocks[-1] += "\n" + line
    return Transcript(sentence, tuple(map(_parse_part, blocks)))


def _parse_part(text: str) -> Part:
    words: list[str] = []
    position = 1
    while not _TOKEN.match(text, position) and (word := _WORD.match(text, position + 1)):
        words.append(word[0])
        position = word.end()
    fields, end = _parse_fields(text, position)
    if not words or words[-1].endswith(":") or end != len(text.rstrip()):
        raise ParseError(f"cannot read {text[end:]!r} of {text!r}")
    return Part(text[0], " ".join(words), fields)


def _parse_fields(text: str, position: int) -> tuple[tuple[Field, ...], int]:
    """Fields from a position on, up to the brace that closes them or as far as there are any."""
    fields: list[Field] = []
    while token := _TOKEN.match(text, position):
        if token["close"]:
            break
        position = token.end()
        if token["open"]:
            inner, position = _parse_fields(text, position)
            brace = _TOKEN.match(text, position)
            if brace is None or not brace["close"]:
                raise ParseError(f"a brace is not closed: {text!r}")
            position = brace.end()
            fields.append(Field(token["open"], inner))
        else:
            word = _WORD.match(text, position)
            if word is None:
                raise ParseError(f"no value for {token['name']}: {text!r}")
            position = word.end()
            fields.append(Field(token["name"], word[0]))
    return tuple(fields), position
