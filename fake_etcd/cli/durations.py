"""Durations as Go writes them: "1h30m", "100ms", "-1.5s". Go: time/format.go, ParseDuration."""

from __future__ import annotations

import re
from decimal import Decimal

from fake_etcd.cli.urls import quote

_NANOSECONDS = {
    "ns": 1,
    "us": 1_000,
    "\N{MICRO SIGN}s": 1_000,
    "\N{GREEK SMALL LETTER MU}s": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_LARGEST = (1 << 63) - 1

_NUMBER = re.compile(r"(\d*)(?:\.(\d*))?", re.ASCII)
_UNIT = re.compile(r"[^.0-9]*")


def parse_duration(text: str) -> int:
    """Nanoseconds.

    Raises:
        ValueError: with Go's words for what is wrong.

    >>> parse_duration("1h30m")
    5400000000000
    """
    rest = text[1:] if text[:1] in ("-", "+") else text
    if rest == "0":
        return 0
    if not rest:
        raise _invalid(text)
    total = Decimal(0)
    while rest:
        number = _NUMBER.match(rest)
        assert number is not None, "it matches nothing at all, too"
        whole, fraction = number[1], number[2] or ""
        if not whole and not fraction:
            raise _invalid(text)
        rest = rest[number.end() :]
        unit = _UNIT.match(rest)
        name = unit[0] if unit else ""
        if not name:
            raise ValueError(f"time: missing unit in duration {quote(text)}")
        if name not in _NANOSECONDS:
            raise ValueError(f"time: unknown unit {quote(name)} in duration {quote(text)}")
        rest = rest[len(name) :]
        total += int(Decimal(f"{whole or 0}.{fraction or 0}") * _NANOSECONDS[name])
        if total > _LARGEST + text.startswith("-"):
            raise _invalid(text)
    return -int(total) if text.startswith("-") else int(total)


def _invalid(text: str) -> ValueError:
    return ValueError(f"time: invalid duration {quote(text)}")


def format_duration(nanoseconds: int) -> str:
    """A duration as Go prints it (time.Duration.String).

    >>> format_duration(5_400_000_000_000), format_duration(-1_500_000), format_duration(0)
    ('1h30m0s', '-1.5ms', '0s')
    """
    sign, rest = ("-", -nanoseconds) if nanoseconds < 0 else ("", nanoseconds)
    if not rest:
        return "0s"
    if rest < _NANOSECONDS["s"]:
        unit = next(name for name in ("ms", "\N{MICRO SIGN}s", "ns") if rest >= _NANOSECONDS[name])
        return f"{sign}{_decimal(rest, _NANOSECONDS[unit])}{unit}"
    minutes, rest = divmod(rest, _NANOSECONDS["m"])
    text = f"{_decimal(rest, _NANOSECONDS['s'])}s"
    if minutes:
        hours, minutes = divmod(minutes, 60)
        text = f"{hours}h{minutes}m{text}" if hours else f"{minutes}m{text}"
    return sign + text


def _decimal(number: int, unit: int) -> str:
    whole, rest = divmod(number, unit)
    fraction = f"{rest:0{len(str(unit)) - 1}d}".rstrip("0") if rest else ""
    return f"{whole}.{fraction}" if fraction else str(whole)
