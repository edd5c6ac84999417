"""Reads a Dockerfile and a .dockerignore, as far as ours go: what is not known here is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

KNOWN = frozenset(
    ["ARG", "CMD", "COPY", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "RUN", "USER", "WORKDIR"]
)
"""Instructions that `engine` carries out, or uses of what was made."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """One line, with those that continue it.

    Args:
        name: such as "RUN".
        options: those before the rest, "--from=build" as {"from": "build"}.
        rest: what follows.
    """

    name: str
    options: dict[str, str]
    rest: str

    @property
    def command(self) -> list[str]:
        """The words of its exec form, a JSON array."""
        words = json.loads(self.rest)
        assert isinstance(words, list)
        assert all(isinstance(each, str) for each in words)
        return words


@dataclass(frozen=True, slots=True)
class Stage:
    """What one FROM begins: from which base, under which name, and its other instructions."""

    base: str
    name: str
    instructions: list[Instruction] = field(default_factory=list)

    def last(self, name: str) -> Instruction:
        """The one that counts of those that replace each other, such as CMD."""
        return [each for each in self.instructions if each.name == name][-1]

    def environment(self) -> dict[str, str]:
        """What its ENV instructions set."""
        return dict(each.rest.split("=", 1) for each in self.instructions if each.name == "ENV")


def stages(text: str) -> list[Stage]:
    """The stages of a Dockerfile; only the default values of ARGs before the first are put in.

    Raises:
        ValueError: there is something that this reader does not know.
    """
    arguments: dict[str, str] = {}
    found: list[Stage] = []
    for each in _instructions(text):
        if each.name not in KNOWN:
            raise ValueError(f"not known here: {each}")
        if each.name == "ARG" and not found:
            name, _, value = each.rest.partition("=")
            arguments[name] = value
        elif each.name == "FROM":
            base, _, name = each.rest.partition(" AS ")
            for argument, value in arguments.items():
                base = base.replace(f"${{{argument}}}", value)
            found.append(Stage(base, name))
        else:
            found[-1].instructions.append(each)
    return found


def _instructions(text: str) -> Iterator[Instruction]:
    lines = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    for line in "\n".join(lines).replace("\\\n", "").splitlines():
        name, _, rest = line.partition(" ")
        options = {}
        while option := re.match(r"\s*--([\w-]+)=(\S+)\s+", rest):
            options[option[1]] = option[2]
            rest = rest[option.end() :]
        yield Instruction(name, options, rest.strip())


def context(folder: Path) -> list[Path]:
    """The files of a folder that its .dockerignore lets through, relative to it."""
    rules = [
        (line.startswith("!"), _pattern(line.removeprefix("!")))
        for line in (folder / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    return sorted(_let_through(folder, folder, rules))


def _let_through(
    root: Path, folder: Path, rules: list[tuple[bool, re.Pattern[str]]]
) -> Iterator[Path]:
    for path in folder.iterdir():
        relative = path.relative_to(root)
        parts = [relative, *relative.parents]
        names = [each.as_posix() for each in parts if each != Path()]
        wanted = True
        for is_wanted, pattern in rules:  # the last that fits says it
            if any(pattern.fullmatch(name) for name in names):
                wanted = is_wanted
        if not wanted:
            continue  # ours brings nothing back that lies below what it leaves out
        if path.is_dir():
            yield from _let_through(root, path, rules)
        else:
            yield relative


def _pattern(text: str) -> re.Pattern[str]:
    pieces = re.split(r"(\*\*/|\*)", text)
    known = {"**/": r"(?:.*/)?", "*": r"[^/]*"}
    return re.compile("".join(known.get(piece, re.escape(piece)) for piece in pieces))
