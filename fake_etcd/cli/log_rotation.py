"""--enable-log-rotation: a log file that begins anew as it grows.

Rules and names are those of lumberjack, which etcd has for it: a full file is moved aside with the
time in its name, and old ones go by age and number. etcd: server/embed/config_logging.go
(`setupLogRotation`); gopkg.in/natefinch/lumberjack.v2.
"""

from __future__ import annotations

import gzip
import json
import logging
import os
import re
import shutil
import time
from dataclasses import dataclass

_MEGABYTE = 1024 * 1024
_DEFAULT_MEGABYTES = 100
_DAY_SECONDS = 86_400.0
_STAMP = "%Y-%m-%dT%H-%M-%S"
_GZIP = ".gz"
_KINDS = {"maxsize": int, "maxage": int, "maxbackups": int, "localtime": bool, "compress": bool}


class RotationError(Exception):
    """What is wrong with the JSON, in etcd's words."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """What --log-rotation-config-json says.

    Attributes:
        maxsize: megabytes of a file; 0: 100.
        maxage: days that old files are kept; 0: for ever.
        maxbackups: how many old files are kept; 0: all.
        localtime: whether their names have this machine's time, not UTC.
        compress: whether they are packed with gzip.
    """

    maxsize: int = 0
    maxage: int = 0
    maxbackups: int = 0
    localtime: bool = False
    compress: bool = False

    @property
    def max_bytes(self) -> int:
        return (self.maxsize or _DEFAULT_MEGABYTES) * _MEGABYTE


def read(text: str) -> Rotation:
    """What the flag's value says; other keys mean nothing, and case does not matter.

    Raises:
        RotationError: it is no such JSON.
    """
    try:
        found = json.loads(text)
    except ValueError as error:
        why = _why(text, error)
        raise RotationError(f"improperly formatted log rotation config: {why}") from None
    if found is None:
        return Rotation()
    if not isinstance(found, dict):
        raise RotationError(_wrong_kind(found, "value of type embed.logRotationConfig"))
    values: dict[str, int] = {}
    for key, value in found.items():
        kind = _KINDS.get(key.lower())
        if kind is None or value is None:
            continue
        if not isinstance(value, int) or type(value) is not kind:
            field = f"struct field logRotationConfig.Logger.{key.lower()} of type {kind.__name__}"
            raise RotationError(_wrong_kind(value, field))
        values[key.lower()] = value
    return Rotation(
        values.get("maxsize", 0),
        values.get("maxage", 0),
        values.get("maxbackups", 0),
        bool(values.get("localtime", False)),
        bool(values.get("compress", False)),
    )


def _why(text: str, error: ValueError) -> str:
    """Go's reason, where it is simple to say; else Python's."""
    position = getattr(error, "pos", 0)
    rest = text[position:].lstrip(" \t\r\n")
    if not rest or rest == '"':
        return "unexpected end of JSON input"
    if not text[:position].strip():
        return f"invalid character '{rest[0]}' looking for beginning of value"
    return str(error)


def _wrong_kind(value: object, wanted: str) -> str:
    names = {str: "string", list: "array", dict: "object", bool: "bool"}
    found = names.get(type(value), f"number {value}" if type(value) is float else "number")
    return f"invalid log rotation config: json: cannot unmarshal {found} into Go {wanted}"


class RotatingFile(logging.FileHandler):
    """Appends to a file, and moves it aside before it would be larger than it may.

    Args:
        path: the file's.
        rotation: see there.

    Raises:
        OSError: the file cannot be opened.
    """

    def __init__(self, path: str, rotation: Rotation) -> None:
        os.makedirs(os.path.dirname(path) or ".", 0o755, exist_ok=True)
        self._rotation = rotation
        super().__init__(path, encoding="utf-8")
        self._size = os.path.getsize(path)
        self._tidy_up()

    def emit(self, record: logging.LogRecord) -> None:
        size = len(self.format(record).encode()) + 1
        if size > self._rotation.max_bytes:
            return  # lumberjack refuses what no file could have
        if self._size + size > self._rotation.max_bytes:
            self._rotate()
        self._size += size
        super().emit(record)

    def _rotate(self) -> None:
        self.close()
        os.replace(self.baseFilename, self._aside())
        self.stream = self._open()
        self._size = 0
        self._tidy_up()

    def _aside(self) -> str:
        now = time.time()
        moment = time.localtime(now) if self._rotation.localtime else time.gmtime(now)
        start, end = os.path.splitext(self.baseFilename)
        return f"{start}-{time.strftime(_STAMP, moment)}.{int(now % 1 * 1000):03}{end}"

    def _tidy_up(self) -> None:
        """Remove and pack old files. etcd's logger takes no notice of what cannot be."""
        rotation = self._rotation
        old = self._old_files()
        kept = old[: rotation.maxbackups] if rotation.maxbackups else old
        if rotation.maxage:
            oldest = time.time() - rotation.maxage * _DAY_SECONDS
            kept = [path for path in kept if os.path.getmtime(path) >= oldest]
        for path in old:
            if path not in kept:
                os.remove(path)
            elif rotation.compress and not path.endswith(_GZIP):
                with open(path, "rb") as plain, gzip.open(path + _GZIP, "wb") as packed:
                    shutil.copyfileobj(plain, packed)
                os.remove(path)

    def _old_files(self) -> list[str]:
        """Those moved aside, the newest first."""
        folder, name = os.path.split(self.baseFilename)
        start, end = map(re.escape, os.path.splitext(name))
        named = re.compile(rf"{start}-(\d{{4}}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{{3}}){end}(\.gz)?")
        found = [each for each in os.listdir(folder) if named.fullmatch(each)]
        return [os.path.join(folder, each) for each in sorted(found, reverse=True)]
