"""A caller's metadata as it may be sent, and what grpcio says of other.

grpc: src/core/lib/surface/validate_metadata.cc, grpc/_cython/_cygrpc/metadata.pyx.pxi.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from fake_etcd.api.status import Code, Status
from fake_etcd.services.call import Metadata

INVALID = Status(Code.INTERNAL, "Invalid metadata")
"""How a call with such metadata ends. (In grpcio 1.49 it was a ValueError.)"""

_KEY = re.compile(r"[0-9a-z_.-]+")
_VALUE = re.compile(r"[\x20-\x7e]*")


def checked(metadata: Iterable[Any] | None) -> Metadata | None:
    """The same as pairs; None where it may not be sent.

    Raises:
        ValueError: these are no pairs.
        TypeError: a value is neither text nor, where the key ends with "-bin", bytes.
    """
    if not metadata:
        return ()
    pairs = [(key, _as_text(key, value)) for key, value in metadata]
    return pairs if all(_is_good(key, value) for key, value in pairs) else None


def _as_text(key: str, value: Any) -> Any:
    """What arrives of it: grpcio takes bytes for any value, and sends those of text as text."""
    is_text = isinstance(value, bytes) and not key.endswith("-bin")
    return value.decode("latin-1") if is_text else value


def _is_good(key: str, value: object) -> bool:
    if key.endswith("-bin"):
        if not isinstance(value, bytes):
            raise TypeError(f'Binary metadata key="{key}" expected bytes, got {type(value)}')
        return _KEY.fullmatch(key) is not None
    if not isinstance(value, str):
        raise TypeError(f"Expected str, not {type(value)}")
    return _KEY.fullmatch(key) is not None and _VALUE.fullmatch(value) is not None
