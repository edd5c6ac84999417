"""What a seed may hold beside mappings and lists: text, bytes, and bytes in base64."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

FORMS = 'text in quotes, or {"base64": TEXT}'


def is_bytes(value: object) -> bool:
    """Whether `encoded` can read it."""
    return isinstance(value, (str, bytes)) or (
        isinstance(value, Mapping) and set(value) == {"base64"}
    )


def encoded(value: Any, place: str) -> bytes:
    """The bytes that it means.

    Args:
        value: text, bytes or {"base64": TEXT}.
        place: what to call it in an error.

    Raises:
        ValueError: it is none of these.
    """
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode()
    if not is_bytes(value):
        raise ValueError(f"{place}: {kind(value)}; it is {FORMS}")
    try:
        return base64.b64decode(value["base64"], validate=True)
    except (binascii.Error, ValueError, TypeError) as error:
        raise ValueError(f"{place}: no base64: {error}") from None


def kind(value: object) -> str:
    """What something is, as a person would say it, without its value, which may be secret."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, (str, bytes)):
        return "a text"
    if isinstance(value, (list, tuple)):
        return "a list"
    if isinstance(value, Mapping):
        names = ", ".join(repr(name) for name in value)
        return f"a mapping of {names}" if names else "an empty mapping"
    return f"a {type(value).__name__}"
