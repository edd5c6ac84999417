"""A guide in Markdown as what can be run: sections, each with files and commands.

A block of Python is a test module; `# name.ini` in a block's first line makes it a file of that
name. A block of the language "console" has commands behind "$ ", each with what it prints, where
"..." stands for anything, and for any lines where it is one. Other blocks there are not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

_HEADING = re.compile(r"##+ (?P<title>.+)")
_FENCE = re.compile(r"```(?P<language>\S*)")
_FILE = re.compile(r"# (?P<name>[\w.]+\.\w+)")


@dataclass(frozen=True)
class Command:
    """What to type, and what it prints."""

    line: str
    output: list[str]


@dataclass
class Section:
    """What stands below a heading, up to the next one.

    Attributes:
        files: names and contents.
        commands: in their order.
    """

    title: str
    files: dict[str, str] = field(default_factory=dict)
    commands: list[Command] = field(default_factory=list)


def sections(guide: Path) -> list[Section]:
    """Those that have blocks.

    Raises:
        ValueError: a block that nobody would run; names its line.
    """
    found = [Section("")]
    block: list[str] | None = None
    language = ""
    for number, line in enumerate(guide.read_text(encoding="utf-8").splitlines(), 1):
        if block is not None:
            if line == "```":
                _add(found[-1], language, block, f"{guide.name}:{number}")
                block = None
            else:
                block.append(line)
        elif fence := _FENCE.match(line):
            block, language = [], fence["language"]
        elif heading := _HEADING.match(line):
            found.append(Section(heading["title"]))
    return [section for section in found if section.files or section.commands]


def _add(section: Section, language: str, block: list[str], where: str) -> None:
    if language == "console":
        section.commands += _commands(block)
        return
    named = _FILE.fullmatch(block[0])
    if named:
        name = named["name"]
    elif language == "python":
        name = f"test_block_{len(section.files) + 1}.py"
    else:
        raise ValueError(f"{where}: a block of {language!r} needs the name of its file")
    section.files[name] = "\n".join(block) + "\n"


def _commands(block: list[str]) -> list[Command]:
    found: list[Command] = []
    for line in block:
        if line.startswith("$ "):
            found.append(Command(line[2:], []))
        else:
            found[-1].output.append(line)
    return found


def agrees(shown: list[str], printed: list[str]) -> bool:
    """Whether a command printed what is shown.

    >>> agrees(["a", "...", "c"], ["a", "b", "b", "c"])
    True
    >>> agrees(["a", "..."], ["b"])
    False
    """
    pattern = "".join(
        r"(.*\n)*?" if line == "..." else re.escape(f"{line}\n").replace(r"\.\.\.", ".*")
        for line in shown
    )
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in printed)) is not None
