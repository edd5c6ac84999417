"""From one JSON value to a message, as Go's protojson reads it, errors and all.

There are two ways. `read_quickly` takes what clients really send, with the standard library's
parser, and gives up on whatever might be odd; `read` goes through the bytes as protojson does and
knows its words for what is wrong. Both come to the same where both come to something.

Go: google.golang.org/protobuf encoding/protojson decode.go, internal/encoding/json.
"""

from __future__ import annotations

import json
import re
from binascii import a2b_base64
from collections.abc import Callable
from typing import Union

from google.protobuf.message import Message

from fake_etcd.transport.gateway.fields import JsonField, JsonMessage, Kind
from fake_etcd.transport.grpc.errors import go_quote

Scalar = bool | int | str | bytes
Filled = Union[Scalar, "dict[str, Filled]", "list[Filled]"]
"""What a field is made of, as the constructors of messages take it."""

_RANGES = {
    Kind.INT32: (-(1 << 31), 1 << 31),
    Kind.UINT32: (0, 1 << 32),
    Kind.INT64: (-(1 << 63), 1 << 63),
    Kind.UINT64: (0, 1 << 64),
    Kind.ENUM: (-(1 << 31), 1 << 31),
}


class Unreadable(Exception):
    """protojson's words for what is wrong."""


# The quick way


class _Odd(Exception):
    """Something that has to be looked at closely."""


def _odd(text: str) -> int:
    raise _Odd


_decode = json.JSONDecoder(
    object_pairs_hook=tuple, parse_float=_odd, parse_constant=_odd
).raw_decode
"""Objects become tuples of pairs, arrays lists: nothing is lost, and no code of ours runs."""

_SPACES = re.compile(r"[ \t\r\n]*")
_is_base64 = re.compile(r"[A-Za-z0-9+/]*={0,2}", re.ASCII).fullmatch
_is_integer = re.compile(r"-?(?:0|[1-9][0-9]{0,19})", re.ASCII).fullmatch


def read_quickly(table: JsonMessage, body: bytes) -> Message | None:
    """The message of the first value in `body`; None where it is to be read the other way."""
    if b"\\u" in body:
        return None
    try:
        text = body.decode()
        start = _SPACES.match(text)
        assert start is not None, "it matches nothing at all, too"
        pairs, _ = _decode(text, start.end())
        return table.cls(**_fill_quickly(table, pairs))
    except (_Odd, ValueError, RecursionError):
        return None


def _fill_quickly(table: JsonMessage, pairs: object) -> dict[str, Filled]:
    if type(pairs) is not tuple:
        raise _Odd
    filled: dict[str, Filled] = {}
    by_name = table.by_name
    nulls = None
    for name, value in pairs:
        field = by_name.get(name)
        if field is None:
            if name[:1] == "[":
                raise _Odd
            continue
        if field.name in filled or (nulls and field.name in nulls):
            raise _Odd
        if value is None:
            nulls = [*(nulls or ()), field.name]
        elif field.is_repeated:
            if type(value) is not list:
                raise _Odd
            filled[field.name] = [_value_quickly(field, one) for one in value]
        else:
            if field.oneof and any(by_name[other].oneof == field.oneof for other in filled):
                raise _Odd
            filled[field.name] = _value_quickly(field, value)
    return filled


def _value_quickly(field: JsonField, value: object) -> Filled:
    kind = field.kind
    if kind is Kind.BYTES:
        if type(value) is str and not len(value) & 3 and _is_base64(value):
            return a2b_base64(value)
    elif kind is Kind.MESSAGE:
        assert field.message is not None, "a field of this kind has a table"
        return _fill_quickly(field.message, value)
    elif kind is Kind.STRING:
        if type(value) is str:
            return value
    elif kind is Kind.BOOL:
        if type(value) is bool:
            return value
    elif kind is Kind.ENUM and type(value) is str:
        number = field.enum_numbers.get(value)
        if number is not None:
            return number
    elif type(value) is int:
        low, high = _RANGES[kind]
        if low <= value < high:
            return value
    elif type(value) is str and kind is not Kind.ENUM and _is_integer(value):
        integer = int(value)
        low, high = _RANGES[kind]
        if low <= integer < high:
            return integer
    raise _Odd


# protojson's way


def read(table: JsonMessage, value: bytes) -> Message:
    """The message that one JSON value, of good syntax, makes.

    Raises:
        Unreadable: it makes none.
    """
    return _Reader(value).message(table)


_NAMES = {
    ord("n"): b"null",
    ord("t"): b"true",
    ord("f"): b"false",
}
_BETWEEN = re.compile(rb"[ \t\r\n,:]*")
_PLAIN = re.compile(rb'[^"\\]*')
_OPENINGS, _CLOSINGS = re.compile(rb"[\[{]+"), re.compile(rb"[\]}]+")


def _passing_over() -> re.Pattern[bytes]:
    """Tokens of which none can be wrong, with what is opened and closed again among them.

    Many at once, at the speed of C; how many is bounded since the expression goes back if it has
    to, and so is how much they are in one another.
    """
    plain, string = rb'[^"\[\]{}]*', rb'"[ !#-\[\]-~]*"'
    inner = rb"[\[{]%b(?:%b%b){0,50}[\]}]" % (plain, string, plain)
    outer = rb"[\[{]%b(?:(?:%b|%b)%b){0,50}[\]}]" % (plain, string, inner, plain)
    return re.compile(rb"%b(?:(?:%b|%b)%b){0,500}" % (plain, string, outer, plain))


_NOTHING_ODD = _passing_over()


def _matched(pattern: re.Pattern[bytes], text: bytes, at: int) -> int:
    """The end of what a pattern finds at a place where it finds something, if it is nothing."""
    match = pattern.match(text, at)
    assert match is not None, "it matches nothing at all, too"
    return match.end()


_NUMBER = re.compile(rb"[-+.0-9eE]+")
_SHORT_ESCAPES = {
    ord("b"): "\b",
    ord("f"): "\f",
    ord("n"): "\n",
    ord("r"): "\r",
    ord("t"): "\t",
    ord('"'): '"',
    ord("\\"): "\\",
    ord("/"): "/",
}
_IS_HEX = re.compile(rb"[0-9A-Fa-f]{4}").fullmatch


class _Token:
    """One token: its first byte says what it is; `text` is a string's content."""

    __slots__ = ("at", "kind", "raw", "text")

    def __init__(self, kind: int, at: int, raw: bytes, text: str) -> None:
        self.kind = kind
        self.at = at
        self.raw = raw
        self.text = text


_OPEN, _CLOSE, _OPEN_LIST, _CLOSE_LIST = b"{}[]"
_QUOTE = ord('"')
_NULL = ord("n")


class _Open:
    """An object that is being read, and the message that it fills.

    Attributes:
        seen: numbers of the fields that came.
        unions: full names of the unions that are set.
        items: the field whose list it is in, where that is one of messages.
    """

    __slots__ = ("items", "message", "seen", "table", "unions")

    def __init__(self, message: Message, table: JsonMessage) -> None:
        self.message = message
        self.table = table
        self.seen: set[int] = set()
        self.unions: set[str] = set()
        self.items: JsonField | None = None


class _Reader:
    """Goes through one value, of which it is known that its syntax is good.

    Messages in one another, of which there may be thousands, are kept in a list: no recursion.
    """

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._at = 0
        self._open: list[_Open] = []

    def message(self, table: JsonMessage) -> Message:
        """What the value says of a message."""
        top = table.cls()
        self._begin(top, table)
        while self._open:
            here = self._open[-1]
            if here.items is not None:
                self._item(here, here.items)
            else:
                self._member(here)
        return top

    def _begin(self, message: Message, table: JsonMessage) -> None:
        self._expect(_OPEN)
        self._open.append(_Open(message, table))

    def _expect(self, kind: int) -> None:
        token = self._token()
        if token.kind != kind:
            raise self._unexpected(token)

    def _member(self, here: _Open) -> None:
        """A name and what it says, or the end of the object."""
        name = self._token()
        if name.kind == _CLOSE:
            self._open.pop()
            return
        field = here.table.by_name.get(name.text)
        if field is None:
            self._skip()
            return
        if field.number in here.seen:
            raise self._error(name.at, f"duplicate field {_text(name.raw)}")
        here.seen.add(field.number)
        if self._next_is(_NULL):
            self._token()
        elif field.is_repeated:
            self._expect(_OPEN_LIST)
            if field.message is not None:
                here.items = field
            else:
                self._scalars(here.message, field)
        else:
            self._single(here, name, field)

    def _single(self, here: _Open, name: _Token, field: JsonField) -> None:
        if field.oneof:
            if field.oneof in here.unions:
                wrong = f"error parsing {_text(name.raw)}, oneof {field.oneof} is already set"
                raise self._error(name.at, wrong)
            here.unions.add(field.oneof)
        if field.message is not None:
            inner: Message = getattr(here.message, field.name)
            inner.SetInParent()
            self._begin(inner, field.message)
            return
        value = self._scalar(field)
        if value is not None:
            setattr(here.message, field.name, value)

    def _item(self, here: _Open, field: JsonField) -> None:
        """A message of a list, or its end."""
        if self._next_is(_CLOSE_LIST):
            self._token()
            here.items = None
            return
        assert field.message is not None, "of messages"
        self._begin(getattr(here.message, field.name).add(), field.message)

    def _scalars(self, message: Message, field: JsonField) -> None:
        values = getattr(message, field.name)
        while not self._next_is(_CLOSE_LIST):
            value = self._scalar(field)
            if value is not None:
                values.append(value)
        self._token()

    def _scalar(self, field: JsonField) -> Scalar | None:
        """None for the name of an enum's value that is not there, which goes for no value."""
        token = self._token()
        value = _SCALARS[field.kind](field, token)
        if value is None:
            if field.kind is Kind.ENUM and token.kind == _QUOTE:
                return None
            what = f"{field.kind.value} field {field.json_name}: {_text(token.raw)}"
            raise self._error(token.at, f"invalid value for {what}")
        return value

    def _skip(self) -> None:
        """Pass over a value; of strings it matters whether they are text."""
        text, depth = self._text, 0
        while True:
            at = self._find()
            kind = text[at]
            if kind in (_OPEN, _OPEN_LIST):
                self._at = _matched(_OPENINGS, text, at)
                depth += self._at - at
            elif kind in (_CLOSE, _CLOSE_LIST):
                self._at = min(_matched(_CLOSINGS, text, at), at + depth)
                depth -= self._at - at
            else:
                self._token()
            if not depth:
                return
            self._at = _matched(_NOTHING_ODD, text, self._at)

    # Tokens

    def _find(self) -> int:
        """Go to the next token, past what is known to be in its place."""
        match = _BETWEEN.match(self._text, self._at)
        assert match is not None, "it matches nothing at all, too"
        self._at = match.end()
        return self._at

    def _next_is(self, kind: int) -> bool:
        return self._text[self._find()] == kind

    def _token(self) -> _Token:
        at = self._find()
        kind = self._text[at]
        text = ""
        if kind == _QUOTE:
            text = self._string(at)
        elif kind in _NAMES:
            self._at = at + len(_NAMES[kind])
        elif kind in b"{}[]":
            self._at = at + 1
        else:
            match = _NUMBER.match(self._text, at)
            assert match is not None, "its syntax is good"
            self._at = match.end()
        return _Token(kind, at, self._text[at : self._at], text)

    def _string(self, start: int) -> str:
        data = self._text
        at = start + 1
        parts: list[str] = []
        while True:
            match = _PLAIN.match(data, at)
            assert match is not None, "it matches nothing at all, too"
            try:
                parts.append(data[at : match.end()].decode())
            except UnicodeDecodeError:
                raise self._syntax_error(start, "invalid UTF-8 in string") from None
            at = match.end()
            if data[at] == _QUOTE:
                self._at = at + 1
                return "".join(parts)
            short = _SHORT_ESCAPES.get(data[at + 1])
            if short is not None:
                parts.append(short)
                at += 2
            else:
                char, at = self._escaped(start, at)
                parts.append(char)

    def _escaped(self, start: int, at: int) -> tuple[str, int]:
        """What "\\uXXXX" at `at` stands for, with the second one of a pair, and what is behind."""
        data = self._text
        first = int(data[at + 2 : at + 6], 16)
        at += 6
        if not 0xD800 <= first < 0xE000:
            return chr(first), at
        rest = data[at : at + 6]
        if len(rest) < 6:
            raise Unreadable("unexpected EOF")
        second = int(rest[2:], 16) if rest[:2] == b"\\u" and _IS_HEX(rest[2:]) else 0
        if first >= 0xDC00 or not 0xDC00 <= second < 0xE000:
            raise self._syntax_error(start, f"invalid escape code {go_quote(rest)} in string")
        return chr(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)), at + 6

    # Errors

    def _place(self, at: int) -> str:
        before = self._text[:at]
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "surrogateescape")) + 1
        return f"(line {line}:{column})"

    def _error(self, at: int, text: str) -> Unreadable:
        return Unreadable(f"{self._place(at)}: {text}")

    def _syntax_error(self, at: int, text: str) -> Unreadable:
        return Unreadable(f"syntax error {self._place(at)}: {text}")

    def _unexpected(self, token: _Token) -> Unreadable:
        return self._syntax_error(token.at, f"unexpected token {_text(token.raw)}")


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


# Scalars; None where a token makes none


def _bool(field: JsonField, token: _Token) -> Scalar | None:
    return {b"true": True, b"false": False}.get(token.raw)


def _string(field: JsonField, token: _Token) -> Scalar | None:
    return token.text if token.kind == _QUOTE else None


_BASE64 = {
    (is_url, is_padded): re.compile(pattern.replace("X", letters))
    for is_url, letters in ((False, "[A-Za-z0-9+/]"), (True, "[A-Za-z0-9_-]"))
    for is_padded, pattern in ((False, "X*"), (True, "(?:X{4})*(?:X{2}==|X{3}=)?"))
}
"""By which alphabet it is, and whether it is padded."""


def _bytes(field: JsonField, token: _Token) -> Scalar | None:
    """Either alphabet, padded where its length is a multiple of four; line ends are nothing."""
    if token.kind != _QUOTE:
        return None
    text = token.text
    is_url = "-" in text or "_" in text
    is_padded = not len(text) & 3
    text = text.replace("\r", "").replace("\n", "")
    pattern = _BASE64[is_url, is_padded]
    if pattern.fullmatch(text) is None or (not is_padded and len(text) & 3 == 1):
        return None
    if is_url:
        text = text.replace("-", "+").replace("_", "/")
    return a2b_base64(text + "=" * (-len(text) & 3))


def _enum(field: JsonField, token: _Token) -> Scalar | None:
    if token.kind == _QUOTE:
        return field.enum_numbers.get(token.text)
    return _in_range(field.kind, _integer(token.raw.decode("ascii", "replace")))


def _number(field: JsonField, token: _Token) -> Scalar | None:
    if token.kind != _QUOTE:
        return _in_range(field.kind, _integer(token.raw.decode("ascii", "replace")))
    text = token.text
    if text != text.strip(_GO_SPACES):
        return None
    return _in_range(field.kind, _integer(text))


def _in_range(kind: Kind, value: int | None) -> int | None:
    low, high = _RANGES[kind]
    return value if value is not None and low <= value < high else None


_GO_SPACES = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
"""What Go's strings.TrimSpace takes away."""

_LEADING_NUMBER = re.compile(
    r"(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]*))?(?![-+._a-zA-Z0-9])", re.ASCII
)
_MAX_DIGITS = 20


def _integer(text: str) -> int | None:
    """The whole number that a text begins with: "10", "1e1" and "1.0e1" are one.

    What is behind it, in a string, is nobody's business ("1 x"), as it is with protojson.
    """
    match = _LEADING_NUMBER.match(text)
    if match is None or (match.end() == len(text) and text[-1:] in ("e", "E", "+", "-")):
        return None
    sign, whole, fraction, exponent = match.groups()
    whole = "" if whole == "0" else whole
    fraction = (fraction or "").rstrip("0")
    if not whole and not fraction:
        return 0
    if exponent in ("+", "-"):
        return None
    if exponent and len(exponent.lstrip("+-0")) > _MAX_DIGITS:
        return None
    power = int(exponent or 0)
    if not -(1 << 31) <= power < 1 << 31:
        return None
    if power >= 0:
        if len(fraction) > power or len(whole) + power > _MAX_DIGITS:
            return None
        digits = whole + fraction + "0" * (power - len(fraction))
    else:
        if fraction or len(whole) + power < 0 or whole[power:].strip("0"):
            return None
        digits = whole[:power]
    return -int(digits) if sign else int(digits)


_SCALARS: dict[Kind, Callable[[JsonField, _Token], Scalar | None]] = {
    Kind.BOOL: _bool,
    Kind.STRING: _string,
    Kind.BYTES: _bytes,
    Kind.ENUM: _enum,
    Kind.INT32: _number,
    Kind.UINT32: _number,
    Kind.INT64: _number,
    Kind.UINT64: _number,
}
