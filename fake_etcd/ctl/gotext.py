"""Text as Go's packages write and read it: strconv, fmt, encoding/json, go-humanize.

Go: strconv/quote.go, strconv/atoi.go, fmt/scan.go, encoding/json/encode.go; go-humanize bytes.go.
Strings from the command line are Python's with surrogate escapes for what is no UTF-8.
"""

from __future__ import annotations

import json
import math
import os
import re

_ESCAPES = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
    '"': '\\"',
}


def quote(text: str | bytes) -> str:
    r"""A string as `%q` has it.

    >>> print(quote('say "hi"\n'), quote(b"\x00\xff"))
    "say \"hi\"\n" "\x00\xff"
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", "surrogateescape")
    return '"' + "".join(_ESCAPES.get(each) or _quoted(each) for each in text) + '"'


def _quoted(char: str) -> str:
    number = ord(char)
    if 0xDC80 <= number <= 0xDCFF:  # a byte that is no UTF-8
        return f"\\x{number - 0xDC00:02x}"
    if char.isprintable():
        return char
    if number < 0x80:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


_ESCAPED = re.compile(
    rb"""\\(?:([abfnrtv\\"])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3}))"""
)
_SHORT = {
    b"a": b"\a",
    b"b": b"\b",
    b"f": b"\f",
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
    b"v": b"\v",
    b"\\": b"\\",
    b'"': b'"',
}


def unquote(text: str) -> str:
    r"""What a double-quoted string, quotes included, stands for.

    Raises:
        ValueError: with Go's words, for an escape that Go has not.

    >>> unquote('"a\\tb\\x41"')
    'a\tbA'
    """
    inner = os.fsencode(text[1:-1])
    made = []
    at = 0
    while (slash := inner.find(b"\\", at)) >= 0:
        made.append(inner[at:slash])
        found = _ESCAPED.match(inner, slash)
        if found is None:
            raise ValueError("invalid syntax")
        made.append(_meant(*found.groups()))
        at = found.end()
    made.append(inner[at:])
    return os.fsdecode(b"".join(made))


def _meant(
    short: bytes | None, byte: bytes | None, u4: bytes | None, u8: bytes | None, octal: bytes | None
) -> bytes:
    if short is not None:
        return _SHORT[short]
    if byte is not None:
        return bytes.fromhex(byte.decode())
    if octal is not None:
        number = int(octal, 8)
        if number > 0xFF:
            raise ValueError("invalid syntax")
        return bytes((number,))
    number = int(u4 or u8 or b"0", 16)
    if number > 0x10FFFF or 0xD800 <= number < 0xE000:
        raise ValueError("invalid syntax")
    return chr(number).encode()


_PREFIXES = {"x": 16, "o": 8, "b": 2}
_DIGITS = {2: "[01]", 8: "[0-7]", 10: "[0-9]", 16: "[0-9a-fA-F]"}


def parse_int(text: str, base: int = 10) -> int:
    """An int64, as strconv.ParseInt reads it; base 0 takes the prefixes 0x, 0o, 0b and 0.

    Raises:
        ValueError: with Go's words.

    >>> parse_int("-ff", 16), parse_int("0x10", 0)
    (-255, 16)
    """
    sign, digits = (text[0], text[1:]) if text[:1] in ("+", "-") else ("", text)
    number = _magnitude(digits, base)
    if number is None:
        raise ValueError(f"strconv.ParseInt: parsing {quote(text)}: invalid syntax")
    if number > (1 << 63) - (sign != "-"):
        raise ValueError(f"strconv.ParseInt: parsing {quote(text)}: value out of range")
    return -number if sign == "-" else number


def parse_uint(text: str, base: int = 10) -> int:
    """A uint64, as strconv.ParseUint reads it; raises as `parse_int`."""
    number = _magnitude(text, base)
    if number is None:
        raise ValueError(f"strconv.ParseUint: parsing {quote(text)}: invalid syntax")
    if number >= 1 << 64:
        raise ValueError(f"strconv.ParseUint: parsing {quote(text)}: value out of range")
    return number


def _magnitude(digits: str, base: int) -> int | None:
    if base == 0:
        base = 10
        if digits[:1] == "0" and len(digits) > 1:
            base = _PREFIXES.get(digits[1].lower(), 0)
            digits = digits[2:] if base else digits[1:]
            base = base or 8
            digits = digits.removeprefix("_")
        if re.fullmatch(rf"{_DIGITS[base]}+(?:_{_DIGITS[base]}+)*", digits) is None:
            return None
        return int(digits.replace("_", ""), base)
    return int(digits, base) if re.fullmatch(f"{_DIGITS[base]}+", digits) else None


_BOOLS = {
    **dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True),
    **dict.fromkeys(("0", "f", "F", "FALSE", "false", "False"), False),
}


def parse_bool(text: str) -> bool:
    """As strconv.ParseBool reads it; raises ValueError with Go's words."""
    found = _BOOLS.get(text)
    if found is None:
        raise ValueError(f"strconv.ParseBool: parsing {quote(text)}: invalid syntax")
    return found


def truth(value: bool) -> str:
    """As `%v` has it: "true" or "false"."""
    return "true" if value else "false"


def json_string(text: str) -> str:
    r"""A string as encoding/json writes it.

    >>> json_string("<a\n\u2028>")
    '"\\u003ca\\n\\u2028\\u003e"'
    """
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    written = json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
    for each in "<>&\u2028\u2029":
        written = written.replace(each, f"\\u{ord(each):04x}")
    return written


_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")


def size(count: int) -> str:
    """A number of bytes for people, by thousands.

    >>> size(9), size(28672), size(2147483648)
    ('9 B', '29 kB', '2.1 GB')
    """
    if count < 10:
        return f"{count} B"
    unit = math.floor(math.log(count) / math.log(1000))
    value = math.floor(count / 1000**unit * 10 + 0.5) / 10
    return f"{value:.{1 if value < 10 else 0}f} {_UNITS[unit]}"


def in_words(error: OSError) -> str:
    """What the system says of a failure, as Go has it: "no such file or directory"."""
    words = os.strerror(error.errno) if error.errno else str(error)
    return words[:1].lower() + words[1:]
