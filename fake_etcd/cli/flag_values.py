"""A flag's value, read and refused as Go's flag package and etcd's own kinds of flag do it.

Go: flag.go (`Set` of each kind), strconv/atoi.go. etcd: pkg/flags/*.go,
pkg/featuregate/feature_gate.go. What a value means to the server is not decided here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from fake_etcd.cli.durations import parse_duration
from fake_etcd.cli.flag_table import Kind
from fake_etcd.cli.urls import parse_urls, quote

TRUE = frozenset(("1", "t", "T", "true", "TRUE", "True"))
FALSE = frozenset(("0", "f", "F", "false", "FALSE", "False"))

GATES: Mapping[str, tuple[str, bool]] = {
    "CompactHashCheck": ("alpha", False),
    "FastLeaseKeepAlive": ("beta", True),
    "InitialCorruptCheck": ("alpha", False),
    "LeaseCheckpoint": ("alpha", False),
    "LeaseCheckpointPersist": ("alpha", False),
    "PriorityRequest": ("alpha", False),
    "SetMemberLocalAddr": ("alpha", False),
    "StopGRPCServiceOnDefrag": ("alpha", False),
    "TxnModeWriteWithSharedBuffer": ("beta", True),
}
"""Each feature gate's stage, and whether it is on by itself. etcd: server/features."""

_ALL_OF = {"AllAlpha": "alpha", "AllBeta": "beta"}
_PHASES = ("write-only", "write-only-skip-check", "write-only-drop-data", "gone")
_GO_INTEGER = re.compile(
    r"0[xX](_?[0-9a-fA-F])+|0[bB](_?[01])+|0[oO]?(_?[0-7])+|0|[1-9](_?[0-9])*", re.ASCII
)
_MAX_UINT64 = (1 << 64) - 1
_SYNTAX, _RANGE = "parse error", "value out of range"


def count(text: str, most: int = _MAX_UINT64) -> int:
    """Go's strconv.ParseUint with base 0: decimal, 0x, 0o, 0b, leading 0, underscores.

    Raises:
        ValueError: with what the flag package says of it.

    >>> count("0x1_0")
    16
    """
    if not _GO_INTEGER.fullmatch(text):
        raise ValueError(_SYNTAX)
    digits = text.replace("_", "").lower()
    is_old_octal = len(digits) > 1 and digits[0] == "0" and digits[1] in "01234567"
    # The length keeps Python from refusing, or spending long on, a number of many digits.
    number = int(digits, 8 if is_old_octal else 0) if len(digits) < 100 else most + 1
    if number > most:
        raise ValueError(_RANGE)
    return number


def integer(text: str) -> int:
    """Go's strconv.ParseInt with base 0, for 64 bits.

    Raises:
        ValueError: with what the flag package says of it.
    """
    negative = text.startswith("-")
    number = count(text[1:] if text[:1] in ("-", "+") else text)
    if number > (1 << 63) - (not negative):
        raise ValueError(_RANGE)
    return -number if negative else number


def count32(text: str) -> int:
    """A number of 32 bits, of which etcd says what strconv says.

    Raises:
        ValueError: with those words.
    """
    try:
        return count(text, (1 << 32) - 1)
    except ValueError as error:
        reason = "invalid syntax" if str(error) == _SYNTAX else str(error)
        raise ValueError(f"strconv.ParseUint: parsing {quote(text)}: {reason}") from None


def duration(text: str) -> int:
    """Nanoseconds, of which Go's flag package says no more than that it cannot parse them.

    Raises:
        ValueError: with those words.
    """
    try:
        return parse_duration(text)
    except ValueError:
        raise ValueError(_SYNTAX) from None


def switch(text: str) -> bool:
    """Go's strconv.ParseBool.

    Raises:
        ValueError: with what the flag package says of it.
    """
    if text not in TRUE | FALSE:
        raise ValueError(_SYNTAX)
    return text in TRUE


def text_set(text: str) -> tuple[str, ...]:
    """Texts, each once, in order; the empty text is one of them where it was given."""
    return tuple(sorted(set(text.split(","))))


def gates(text: str) -> dict[str, bool]:
    """Every feature gate's state where this is the value of --feature-gates.

    Raises:
        ValueError: with etcd's words.

    >>> gates("AllAlpha=true,PriorityRequest=false")["LeaseCheckpoint"]
    True
    """
    given: dict[str, bool] = {}
    for part in text.split(","):
        if not part:
            continue
        name, equals, value = part.partition("=")
        name, value = name.strip(), value.strip()
        if not equals:
            raise ValueError(f"missing bool value for {name}")
        if value not in TRUE | FALSE:
            raise ValueError(
                f"invalid value of {name}={value}, err: strconv.ParseBool: parsing "
                f"{quote(value)}: invalid syntax"
            )
        given[name] = value in TRUE
    for name in given:
        if name not in GATES and name not in _ALL_OF:
            raise ValueError(f"unrecognized feature gate: {name}")
    states = {}
    for name, (stage, default) in GATES.items():
        of_stage = {stage: given[each] for each, stage in _ALL_OF.items() if each in given}
        states[name] = given.get(name, of_stage.get(stage, default))
    return states


def origins(text: str) -> tuple[str, ...]:
    """The URLs of --cors, or "*" alone.

    Raises:
        UrlError: with etcd's words.
    """
    return ("*",) if text == "*" else tuple(url.text for url in parse_urls(text or ","))


def _state(text: str) -> None:
    if text not in ("new", "existing"):
        raise ValueError("invalid value")


def _fallback(text: str) -> None:
    if text not in ("exit", "proxy"):
        raise ValueError("invalid value")


def _phases(text: str) -> None:
    for phase in text.split(","):
        if phase not in _PHASES:
            raise ValueError(f"invalid value {quote(phase)}")


_READERS: Mapping[Kind, Callable[[str], object]] = {
    Kind.COUNT: count,
    Kind.COUNT32: count32,
    Kind.INTEGER: integer,
    Kind.DURATION: duration,
    Kind.SWITCH: switch,
    Kind.URLS: parse_urls,
    Kind.ORIGINS: origins,
    Kind.STATE: _state,
    Kind.FALLBACK: _fallback,
    Kind.DEPRECATION: _phases,
    Kind.GATES: gates,
}


def check_value(kind: Kind, value: str) -> None:
    """Refuse what cannot be the value of such a flag.

    Raises:
        ValueError: with the reason that etcd gives after "invalid value ...: ".
    """
    reader = _READERS.get(kind)
    if reader is not None:
        reader(value)
