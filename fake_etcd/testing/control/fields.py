"""What a request to the control API is given: fields, read and checked against their table.

POST takes a JSON object as its body, GET and DELETE take a query. What is not in the table is
refused with a sentence that says what is.
"""

from __future__ import annotations

import base64
import enum
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from fake_etcd.services.http import HttpRequest


class Refused(Exception):
    """Why a request is not done.

    Args:
        status: of HTTP, 400 to 499.
        message: says what to do.
        headers: beside those of every answer.
    """

    def __init__(self, status: int, message: str, *headers: tuple[str, str]) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers


class Kind(enum.Enum):
    """What the value of a field is."""

    SECONDS = "a number of seconds, 0 to 2^53"
    COUNT = "a whole number, 0 to 2^53"
    WHOLE = "a whole number, -2^53 to 2^53"
    SHARE = "a number, 0 to 1"
    SWITCH = "true or false"
    TEXT = "text"
    BYTES = 'text, or {"base64": TEXT}'
    SPAN = '[FROM, TO], each text or {"base64": TEXT}, and TO may be null'
    PAIRS = 'an object from names to text, or to {"base64": TEXT}'
    IDS = "a list of ids, each as text"
    OBJECT = "an object"


@dataclass(frozen=True, slots=True)
class Field:
    """One row: what a field is called, takes and means, and whether it may be left out."""

    name: str
    kind: Kind
    does: str
    optional: bool = False

    @property
    def described(self) -> str:
        """It as a page of docs has it."""
        return f"`{self.name}`{' (may be left out)' if self.optional else ''}: {self.does}"


def of_query(request: HttpRequest, fields: Sequence[Field]) -> dict[str, Any]:
    """What a GET or DELETE is given.

    Raises:
        Refused: it is not understood.
    """
    if request.body != b"":
        raise Refused(400, f"{request.method} takes no body; give it a query: ?name=value")
    given: dict[str, object] = {}
    for name, text in parse_qsl(request.target.partition("?")[2], keep_blank_values=True):
        if name in given:
            raise Refused(400, f'"{name}" is in the query twice')
        given[name] = _value_in(text, next((f.kind for f in fields if f.name == name), None))
    return checked(given, fields)


def of_body(request: HttpRequest, fields: Sequence[Field]) -> dict[str, Any]:
    """What a POST is given.

    Raises:
        Refused: it is not understood.
    """
    return checked(mapping(request), fields)


def mapping(request: HttpRequest) -> dict[str, Any]:
    """The JSON object that is the body of a POST; no body at all is an empty one.

    Raises:
        Refused: it is none.
    """
    if "?" in request.target:
        raise Refused(400, "POST takes no query; give it a JSON object as its body")
    assert request.body is not None, "too large a body is refused before"
    if not request.body:
        return {}
    try:
        found = json.loads(
            request.body.decode(), object_pairs_hook=_without_twins, parse_constant=_no_number
        )
    except (ValueError, RecursionError) as error:
        what = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise Refused(400, f"the body is no JSON: {what}") from None
    if not isinstance(found, dict):
        raise Refused(400, 'the body is to be a JSON object: {"name": value}')
    return found


def checked(given: Mapping[str, object], fields: Sequence[Field], of: str = "") -> dict[str, Any]:
    """The values of fields, read as what they are to be.

    Args:
        given: what was sent.
        fields: what may be, and has to be.
        of: the field whose object this is; empty: none.

    Raises:
        Refused: something is missing, or not what it is to be.
    """
    known = {field.name: field for field in fields}
    where = f'in "{of}", ' if of else ""
    found = {}
    for name, value in given.items():
        if name not in known:
            raise Refused(400, f'{where}there is no field "{name}"; {_taken(fields)}')
        try:
            found[name] = _READERS[known[name].kind](value)
        except (ValueError, TypeError):
            raise Refused(
                400, f'{where}"{name}" is {known[name].kind.value}, not {_shown(name, value)}'
            ) from None
    for field in fields:
        if field.name not in given and not field.optional:
            raise Refused(400, f'{where}"{field.name}" is missing; {_taken(fields)}')
    return found


def _taken(fields: Sequence[Field]) -> str:
    if not fields:
        return "nothing is to be given here"
    return "what is taken: " + "; ".join(
        f'"{field.name}", {field.kind.value}: {field.does}' for field in fields
    )


def _shown(name: str, value: object) -> str:
    if name == "metadata":
        return "what was sent"  # there may be a token in it
    shown = json.dumps(value)
    return shown if len(shown) <= _MOST_SHOWN else f"{shown[:_MOST_SHOWN]}..."


_MOST_SHOWN = 100


def _is(*kinds: type) -> Callable[[Any], Any]:
    """A reader of what is one of these types in Python, too."""

    def read(value: Any) -> Any:
        if type(value) not in kinds:
            raise TypeError
        return value

    return read


def _up_to(most: int, *kinds: type) -> Callable[[Any], Any]:
    return _within(0, most, *kinds)


def _within(least: int, most: int, *kinds: type) -> Callable[[Any], Any]:
    is_number = _is(*kinds)

    def read(value: Any) -> Any:
        if not least <= is_number(value) <= most:
            raise ValueError
        return value

    return read


def _bytes(value: Any) -> str | bytes:
    if isinstance(value, str):
        value.encode()  # not all text of JSON's is text of Unicode's
        return value
    if set(value) != {"base64"}:
        raise ValueError
    return base64.b64decode(value["base64"], validate=True)


def _span(value: Any) -> tuple[str | bytes, str | bytes | None]:
    start, end = _is(list)(value)
    return _bytes(start), None if end is None else _bytes(end)


def _pairs(value: Any) -> dict[str, str | bytes]:
    return {
        name: one if isinstance(one, str) else _bytes(one) for name, one in _is(dict)(value).items()
    }


def _ids(value: Any) -> list[int]:
    return [int(_is(str)(one)) for one in _is(list)(value)]


_READERS: Mapping[Kind, Callable[[Any], Any]] = {
    Kind.SECONDS: _up_to(2**53, int, float),
    Kind.COUNT: _up_to(2**53, int),
    Kind.WHOLE: _within(-(2**53), 2**53, int),
    Kind.SHARE: _up_to(1, int, float),
    Kind.SWITCH: _is(bool),
    Kind.TEXT: _is(str),
    Kind.BYTES: _bytes,
    Kind.SPAN: _span,
    Kind.PAIRS: _pairs,
    Kind.IDS: _ids,
    Kind.OBJECT: _is(dict),
}
"""How a value of JSON is read; they raise ValueError or TypeError where it is no such thing."""


def _value_in(text: str, kind: Kind | None) -> object:
    """The value of a query's field: a number, true or false where it is to be one and is."""
    if kind is Kind.SWITCH:
        return {"true": True, "false": False}.get(text, text)
    if kind in (Kind.COUNT, Kind.SECONDS):
        try:
            return int(text) if kind is Kind.COUNT else float(text)
        except ValueError:
            return text
    return text


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f'"{name}" is there twice')
        found[name] = value
    return found


def _no_number(text: str) -> object:
    raise ValueError(f"{text} is no number of JSON's")
