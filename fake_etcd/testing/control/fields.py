"""What a request to the control API is given: fields, read and checked against their table.

POST takes a JSON object as its body, GET and DELETE take a query. What is not in the table is
refused with a sentence that says what is.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping, Sequence
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
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Field:
    """One row: what a field is called, takes and means, and whether it may be left out."""

    name: str
    kind: Kind
    does: str
    optional: bool = False


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
        given[name] = _number_in(text, next((f.kind for f in fields if f.name == name), None))
    return _checked(given, fields)


def of_body(request: HttpRequest, fields: Sequence[Field]) -> dict[str, Any]:
    """What a POST is given.

    Raises:
        Refused: it is not understood.
    """
    return _checked(mapping(request), fields)


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


def _checked(given: Mapping[str, object], fields: Sequence[Field]) -> dict[str, Any]:
    known = {field.name: field for field in fields}
    for name, value in given.items():
        if name not in known:
            raise Refused(400, f'there is no field "{name}"; {_taken(fields)}')
        if not _is_a(known[name].kind, value):
            raise Refused(400, f'"{name}" is {known[name].kind.value}, not {json.dumps(value)}')
    for field in fields:
        if field.name not in given and not field.optional:
            raise Refused(400, f'"{field.name}" is missing; {_taken(fields)}')
    return dict(given)


def _taken(fields: Sequence[Field]) -> str:
    if not fields:
        return "nothing is to be given here"
    return "what is taken: " + "; ".join(
        f'"{field.name}", {field.kind.value}: {field.does}' for field in fields
    )


def _is_a(kind: Kind, value: object) -> bool:
    if kind is Kind.TEXT:
        return isinstance(value, str)
    if isinstance(value, bool) or not isinstance(
        value, int if kind is Kind.COUNT else (int, float)
    ):
        return False
    return 0 <= value <= 2**53


def _number_in(text: str, kind: Kind | None) -> object:
    """The value of a query's field: a number where it is to be one and is."""
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
