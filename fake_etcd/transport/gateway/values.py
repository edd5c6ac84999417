"""Where one JSON value ends in a stream of bytes, and what is wrong with it, in Go's words.

Go's gateway reads a request's body with encoding/json first, and gives what that finds to be one
value to protojson. So what is no JSON at all is refused here; what it means is `reading`'s.

Go: encoding/json scanner.go (the states, their words), stream.go (`readValue`).
"""

from __future__ import annotations

import functools
import re

_MAX_DEPTH = 10_000
"""Arrays and objects in one another that Go takes."""

_SPACES = re.compile(rb"[ \t\r\n]*")
_ESCAPED = rb'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})'
_INSIDE = re.compile(rb'[^"\\\x00-\x1f]*(?:%b[^"\\\x00-\x1f]*){0,500}' % _ESCAPED)
_DIGITS = re.compile(rb"[0-9]*")
_HEX = frozenset(b"0123456789abcdefABCDEF")
_ESCAPES = frozenset(b'bfnrt\\/"')
_WHITE = frozenset(b" \t\r\n")
_OBJECT, _ARRAY = ord("{"), ord("[")

# What a text so far lets come next.
_VALUE, _VALUE_OR_END, _KEY, _KEY_OR_END, _COLON, _AFTER = range(6)
_STRING, _ESCAPE, _HEX_DIGIT, _LITERAL = range(6, 10)
_MINUS, _ZERO, _INTEGER, _POINT, _FRACTION, _EXPONENT, _SIGNED, _POWER = range(10, 18)

_WORTH_A_RUN = 1_024
"""Bytes: who sends less does not have the expressions made."""


_PLAIN_DEPTH = 4
"""Arrays and objects in one another that a run takes; each makes the expressions twice as long."""


@functools.cache
def _runs() -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    """Plain items of a list, and members of an object, each with a comma behind it.

    Plain is what has little in it. All is bounded that is in one another, since an expression goes
    back where it has to; what is beyond goes byte by byte.
    """
    plain = rb'[^"\\\x00-\x1f]{0,200}'
    string = rb'"%b(?:%b%b){0,50}"' % (plain, _ESCAPED, plain)
    number = rb"-?(?:0|[1-9][0-9]{0,50})(?:\.[0-9]{1,50})?(?:[eE][+-]?[0-9]{1,50})?"
    space = rb"[ \t\r\n]{0,50}"
    name = rb"%b%b:%b" % (string, space, space)
    value = rb"(?:%b|%b|true|false|null|\[%b\]|\{%b\})" % (string, number, space, space)
    for _ in range(_PLAIN_DEPTH):
        # Behind each is a comma that is not the last thing, or what ends it all.
        items = rb"(?:%b%b(?:,%b(?!\])|(?=\]))){0,50}" % (value, space, space)
        members = rb"(?:%b%b%b(?:,%b(?!\})|(?=\}))){0,50}" % (name, value, space, space)
        inside = rb"\[%b%b\]|\{%b%b\}" % (space, items, space, members)
        value = rb"(?:%b|%b|true|false|null|%b)" % (string, number, inside)
    many = rb"{1,500}"
    of_list = rb"(?:%b%b,%b)%b" % (value, space, space, many)
    of_object = rb"(?:%b%b%b,%b)%b" % (name, value, space, space, many)
    return re.compile(of_list), re.compile(of_object)


_OPENINGS = re.compile(rb'(?:(?:\[|\{[ \t\r\n]*"[^"\\\x00-\x1f\[{]*"[ \t\r\n]*:)[ \t\r\n]*){1,500}')
_CLOSINGS = re.compile(rb"(?:[\]}][ \t\r\n]*){1,500}")
_NO_OPENINGS = bytes(set(range(256)) - {_OBJECT, _ARRAY})
_CLOSING_OF = bytes.maketrans(b"{[", b"}]")

_ENDING_NUMBERS = frozenset({_ZERO, _INTEGER, _FRACTION, _POWER})
"""States of a number that may be over."""


class NotJson(Exception):
    """Go's words for what is wrong."""


class Values:
    """Cuts bytes that come piece by piece into JSON values.

    Each byte is looked at once, however small the pieces are. What is plain goes many values at
    once, by expressions: see `_run`.
    """

    __slots__ = (
        "_at",
        "_buffer",
        "_gone",
        "_hex_left",
        "_is_key",
        "_open",
        "_state",
        "_word",
        "_word_at",
    )

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._at = 0
        self._gone = 0
        self._begin()

    def _begin(self) -> None:
        self._open = bytearray()
        self._state = _VALUE
        self._is_key = False
        self._hex_left = 0
        self._word = b""
        self._word_at = 0

    @property
    def held_bytes(self) -> int:
        """Bytes of a value that is not over."""
        return len(self._buffer)

    @property
    def read_bytes(self) -> int:
        """Bytes that were looked at, all in all."""
        return self._gone + self._at

    def add(self, piece: bytes) -> None:
        """More of the text."""
        self._buffer += piece

    def take(self) -> bytes | None:
        """The next value, without the spaces before it; None while it is not over.

        A value that is no array, object or string is over with the byte behind it.

        Raises:
            NotJson: what comes is none.
        """
        if self._state == _VALUE and not self._open:
            spaces = _SPACES.match(self._buffer)
            assert spaces is not None, "it matches nothing at all, too"
            self._at = spaces.end()
            self._cut()
        if not self._scan():
            return None
        value = self._cut()
        self._begin()
        return value

    def clear(self) -> None:
        """Let go of all that is held: nothing more is asked for."""
        self._buffer.clear()

    def _cut(self) -> bytes:
        """Let go of what was looked at."""
        taken = bytes(self._buffer[: self._at])
        del self._buffer[: self._at]
        self._gone += self._at
        self._at = 0
        return taken

    def end(self) -> bytes | None:
        """The last value, when nothing more will come; None where there is none.

        Raises:
            NotJson: it is not over.
        """
        if self._state in _ENDING_NUMBERS and not self._open:
            return self._cut()
        if self._buffer:
            raise NotJson("unexpected EOF")
        return None

    def _scan(self) -> bool:
        buffer, at = self._buffer, self._at
        size = len(buffer)
        try:
            while at < size:
                state = self._state
                if state <= _AFTER:
                    match = _SPACES.match(buffer, at)
                    assert match is not None, "it matches nothing at all, too"
                    at = match.end()
                    if at == size:
                        break
                    if size - at > _WORTH_A_RUN and self._open:
                        run = self._run(at)
                        if run > at:
                            at = run
                            continue
                elif state == _STRING:
                    match = _INSIDE.match(buffer, at)
                    assert match is not None, "it matches nothing at all, too"
                    if match.end() > at:
                        at = match.end()
                        continue
                elif state in (_INTEGER, _FRACTION, _POWER):
                    match = _DIGITS.match(buffer, at)
                    assert match is not None, "it matches nothing at all, too"
                    at = match.end()
                    if at == size:
                        break
                byte = buffer[at]
                if state in _ENDING_NUMBERS and self._ends_number(byte):
                    if not self._open:
                        return True
                    self._state = _AFTER
                    continue  # the same byte once more
                at += 1
                if self._step(byte) and not self._open:
                    return True
            return False
        finally:
            self._at = at

    def _run(self, at: int) -> int:
        """The end of what can be taken at once, or `at`, where it is to be taken byte by byte.

        Whoever sends millions of short values would have us look at each of their bytes by itself
        otherwise, which takes forty times as long.
        """
        state = self._state
        if state == _AFTER:
            return self._closings(at)
        is_list = self._open[-1] == _ARRAY
        if state != _COLON and (is_list or state != _VALUE):  # not behind a name
            plain = _runs()[not is_list].match(self._buffer, at)
            if plain is not None:
                self._state = _VALUE if is_list else _KEY
                return plain.end()
        return self._openings(at) if state in (_VALUE, _VALUE_OR_END) else at

    def _openings(self, at: int) -> int:
        """Past arrays and objects that begin in one another."""
        match = _OPENINGS.match(self._buffer, at)
        if match is None:
            return at
        kinds = match[0].translate(None, _NO_OPENINGS)
        if len(self._open) + len(kinds) > _MAX_DEPTH:
            return at
        self._open += kinds
        self._state = _VALUE_OR_END if kinds[-1] == _ARRAY else _VALUE
        return match.end()

    def _closings(self, at: int) -> int:
        """Past their ends, but for that of the value itself."""
        match = _CLOSINGS.match(self._buffer, at)
        if match is None:
            return at
        closings = match[0].translate(None, b" \t\r\n")
        expected = self._open[: -len(closings) - 1 : -1].translate(_CLOSING_OF)
        if len(self._open) == len(closings) or closings != expected:
            return at
        del self._open[-len(closings) :]
        return match.end()

    def _ends_number(self, byte: int) -> bool:
        """Whether this is no more of a number that may be over."""
        state = self._state
        if byte in b"eE":
            return state == _POWER
        if byte == ord("."):
            return state not in (_ZERO, _INTEGER)
        return True

    def _step(self, byte: int) -> bool:
        """Go on by one byte that is no space between tokens; True where it ends a value."""
        state = self._state
        if state == _STRING:
            return self._in_string(byte)
        if state in (_VALUE, _VALUE_OR_END):
            return self._value(byte)
        if state in (_KEY, _KEY_OR_END):
            return self._key(byte)
        if state == _COLON:
            if byte != ord(":"):
                raise _wrong(byte, "after object key")
            self._state = _VALUE
            return False
        if state == _AFTER:
            return self._after(byte)
        if state == _LITERAL:
            return self._in_literal(byte)
        if state == _ESCAPE:
            return self._escape(byte)
        if state == _HEX_DIGIT:
            return self._hex_digit(byte)
        return self._number(byte)

    def _value(self, byte: int) -> bool:
        if byte == ord("]") and self._state == _VALUE_OR_END:
            return self._close()
        if byte == ord("{"):
            self._push(byte, _OBJECT, _KEY_OR_END)
        elif byte == ord("["):
            self._push(byte, _ARRAY, _VALUE_OR_END)
        elif byte == ord('"'):
            self._state, self._is_key = _STRING, False
        elif byte == ord("-"):
            self._state = _MINUS
        elif byte == ord("0"):
            self._state = _ZERO
        elif byte in b"123456789":
            self._state = _INTEGER
        elif byte in _LITERALS:
            self._state, self._word, self._word_at = _LITERAL, _LITERALS[byte], 1
        else:
            raise _wrong(byte, "looking for beginning of value")
        return False

    def _push(self, byte: int, kind: int, state: int) -> None:
        self._open.append(kind)
        if len(self._open) > _MAX_DEPTH:
            raise _wrong(byte, "exceeded max depth")
        self._state = state

    def _close(self) -> bool:
        self._open.pop()
        self._state = _AFTER
        return True

    def _key(self, byte: int) -> bool:
        if byte == ord("}") and self._state == _KEY_OR_END:
            return self._close()
        if byte != ord('"'):
            raise _wrong(byte, "looking for beginning of object key string")
        self._state, self._is_key = _STRING, True
        return False

    def _after(self, byte: int) -> bool:
        if self._open[-1] == _OBJECT:
            if byte == ord(","):
                self._state = _KEY
                return False
            if byte == ord("}"):
                return self._close()
            raise _wrong(byte, "after object key:value pair")
        if byte == ord(","):
            self._state = _VALUE
            return False
        if byte == ord("]"):
            return self._close()
        raise _wrong(byte, "after array element")

    def _in_string(self, byte: int) -> bool:
        if byte == ord('"'):
            self._state = _COLON if self._is_key else _AFTER
            return not self._is_key
        if byte == ord("\\"):
            self._state = _ESCAPE
            return False
        raise _wrong(byte, "in string literal")

    def _escape(self, byte: int) -> bool:
        if byte in _ESCAPES:
            self._state = _STRING
        elif byte == ord("u"):
            self._state, self._hex_left = _HEX_DIGIT, 4
        else:
            raise _wrong(byte, "in string escape code")
        return False

    def _hex_digit(self, byte: int) -> bool:
        if byte not in _HEX:
            raise _wrong(byte, "in \\u hexadecimal character escape")
        self._hex_left -= 1
        if not self._hex_left:
            self._state = _STRING
        return False

    def _in_literal(self, byte: int) -> bool:
        expected = self._word[self._word_at]
        if byte != expected:
            context = f"in literal {self._word.decode()} (expecting '{chr(expected)}')"
            raise _wrong(byte, context)
        self._word_at += 1
        if self._word_at < len(self._word):
            return False
        self._state = _AFTER
        return True

    def _number(self, byte: int) -> bool:
        state = self._state
        is_digit = byte in b"0123456789"
        if state == _MINUS:
            if not is_digit:
                raise _wrong(byte, "in numeric literal")
            self._state = _ZERO if byte == ord("0") else _INTEGER
        elif state == _POINT:
            if not is_digit:
                raise _wrong(byte, "after decimal point in numeric literal")
            self._state = _FRACTION
        elif state == _EXPONENT and byte in b"+-":
            self._state = _SIGNED
        elif state in (_EXPONENT, _SIGNED):
            if not is_digit:
                raise _wrong(byte, "in exponent of numeric literal")
            self._state = _POWER
        else:  # it goes on behind digits
            self._state = _POINT if byte == ord(".") else _EXPONENT
        return False


_LITERALS = {word[0]: word for word in (b"true", b"false", b"null")}


def _wrong(byte: int, context: str) -> NotJson:
    return NotJson(f"invalid character {_quoted(byte)} {context}")


def _quoted(byte: int) -> str:
    """A byte as Go quotes one: it takes it for a character of Latin-1."""
    if byte in _NAMED:
        return f"'{_NAMED[byte]}'"
    char = chr(byte)
    if char.isprintable():
        return f"'{char}'"
    return f"'\\x{byte:02x}'" if byte < 0x80 else f"'\\u{byte:04x}'"


_NAMED = {
    7: "\\a",
    8: "\\b",
    9: "\\t",
    10: "\\n",
    11: "\\v",
    12: "\\f",
    13: "\\r",
    ord("'"): "\\'",
    ord("\\"): "\\\\",
}
