"""Flags as pflag has them: their kinds, how they are written, and what is said of bad ones.

Go: spf13/pflag flag.go and its value types. Which flags there are is in `commands`.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import cast

from fake_etcd.cli.durations import format_duration, parse_duration
from fake_etcd.ctl.gotext import parse_bool, parse_int, quote, truth

Value = bool | int | str | tuple[str, ...]


class FlagError(Exception):
    """A command line that has a flag that is none, or a value that is none of the flag's."""


class HelpWanted(Exception):
    """The command line asks for help."""


class Kind(Enum):
    """What values a flag takes, by the word that help has for it."""

    BOOL = ""
    STRING = "string"
    INT = "int"
    DURATION = "duration"
    STRINGS = "strings"


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag of a command.

    Args:
        name: behind "--".
        kind: of its values; durations are nanoseconds.
        default: its value where it is not given.
        usage: what help says of it.
        short: behind "-", where there is one.
    """

    name: str
    kind: Kind
    default: Value
    usage: str
    short: str = ""

    @property
    def takes_word(self) -> bool:
        """Whether the next word is its value, where there is no "=": of all but switches."""
        return self.kind is not Kind.BOOL

    def parse(self, text: str) -> Value:
        """The value that a text stands for; raises ValueError with Go's words."""
        return _PARSERS[self.kind](text)

    def written(self, value: Value) -> str:
        """A value as Go prints it."""
        if self.kind is Kind.DURATION:
            return format_duration(cast(int, value))
        if isinstance(value, tuple):
            return f"[{','.join(value)}]"
        return truth(value) if isinstance(value, bool) else str(value)


def _strings(text: str) -> tuple[str, ...]:
    if not text:
        return ()
    bare = text.find('"')
    if bare > 0 and text[bare - 1] != "," and not text.startswith('"'):
        raise ValueError(f'parse error on line 1, column {bare + 1}: bare " in non-quoted-field')
    return tuple(next(csv.reader([text])))


def _int(text: str) -> int:
    return parse_int(text, 0)


_PARSERS: dict[Kind, Callable[[str], Value]] = {
    Kind.BOOL: parse_bool,
    Kind.STRING: str,
    Kind.INT: _int,
    Kind.DURATION: parse_duration,
    Kind.STRINGS: _strings,
}

HELP = Flag("help", Kind.BOOL, False, "help for the command", "h")


@dataclass(slots=True)
class Given:
    """Flags with what a command line gave them, and the words that are none of these."""

    flags: Mapping[str, Flag]
    values: dict[str, Value] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)
    before_dashes: int | None = None
    """How many of the words are before "--", if that is there."""

    def __getitem__(self, name: str) -> Value:
        return self.values[name] if name in self.values else self.flags[name].default

    def text(self, name: str) -> str:
        """The value of a flag of strings."""
        return cast(str, self[name])

    def is_on(self, name: str) -> bool:
        """The value of a switch."""
        return cast(bool, self[name])

    def number(self, name: str) -> int:
        """The value of a flag of numbers."""
        return cast(int, self[name])

    def seconds(self, name: str) -> float:
        """The value of a flag of durations."""
        return cast(int, self[name]) / 1e9

    def strings(self, name: str) -> tuple[str, ...]:
        """The value of a flag of lists."""
        return cast("tuple[str, ...]", self[name])

    def is_changed(self, name: str) -> bool:
        """Whether it was given, by a flag or by the environment."""
        return name in self.values

    def set(self, flag: Flag, text: str) -> None:
        """Give a flag a value; lists grow. Raises ValueError with Go's words."""
        value = flag.parse(text)
        if isinstance(value, tuple) and flag.name in self.values:
            value = self.strings(flag.name) + value
        self.values[flag.name] = value


def parse(flags: Iterable[Flag], arguments: Sequence[str]) -> Given:
    """Read a command line, whose flags and words may be mixed.

    Args:
        flags: those that there are.
        arguments: without the names of commands.

    Raises:
        FlagError: with pflag's words.
        HelpWanted: --help or -h is there.
    """
    given = Given({flag.name: flag for flag in (*flags, HELP)})
    shorts = {flag.short: flag for flag in given.flags.values() if flag.short}
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if word == "--":
            given.before_dashes = len(given.words)
            given.words += rest
            break
        if len(word) < 2 or not word.startswith("-"):
            given.words.append(word)
        elif word.startswith("--"):
            _long(given, word, rest)
        else:
            _shorts(given, shorts, word[1:], rest)
    if given.is_on("help"):
        raise HelpWanted
    return given


def _long(given: Given, word: str, rest: list[str]) -> None:
    name, equals, text = word[2:].partition("=")
    if not name or name.startswith("-"):
        raise FlagError(f"bad flag syntax: {word}")
    flag = given.flags.get(name)
    if flag is None:
        raise FlagError(f"unknown flag: --{name}")
    if not equals:
        if not flag.takes_word:
            text = "true"
        elif rest:
            text = rest.pop(0)
        else:
            raise FlagError(f"flag needs an argument: {word}")
    _set(given, flag, text)


def _shorts(given: Given, shorts: Mapping[str, Flag], letters: str, rest: list[str]) -> None:
    while letters:
        flag = shorts.get(letters[0])
        if flag is None:
            raise FlagError(f"unknown shorthand flag: '{letters[0]}' in -{letters}")
        if len(letters) > 2 and letters[1] == "=":
            text, left = letters[2:], ""
        elif not flag.takes_word:
            text, left = "true", letters[1:]
        elif len(letters) > 1:
            text, left = letters[1:], ""
        elif rest:
            text, left = rest.pop(0), ""
        else:
            raise FlagError(f"flag needs an argument: '{letters[0]}' in -{letters}")
        _set(given, flag, text)
        letters = left


def _set(given: Given, flag: Flag, text: str) -> None:
    try:
        given.set(flag, text)
    except ValueError as error:
        name = f"-{flag.short}, --{flag.name}" if flag.short else f"--{flag.name}"
        raise FlagError(f"invalid argument {quote(text)} for {quote(name)} flag: {error}") from None
