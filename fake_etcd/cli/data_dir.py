"""The data folder: made as etcd makes it, and refused in its words. What is kept in it is
`persist.py`'s.

etcd: client/pkg/fileutil/fileutil.go (`TouchDirAll`), server/etcdserver/bootstrap.go,
server/etcdmain/etcd.go (`identifyDataDirOrDie`).
"""

from __future__ import annotations

import os
import stat

from fake_etcd.cli.urls import quote
from fake_etcd.cli.usage import Warned

_OWNER_ONLY = 0o700
_KNOWN = ("member", "proxy")


class DataDirError(Exception):
    """Why there is no such folder, in etcd's words."""


class NotListed(DataDirError):
    """What is there is no folder, or must not be read."""


def look_into(folder: str) -> list[Warned]:
    """Look at what is in the data folder before anything else is done.

    Returns:
        What is to be warned of.

    Raises:
        NotListed: that cannot be seen.
    """
    return [
        (
            "found invalid file under data directory",
            {"filename": name, "data-dir": folder},
        )
        for name in _list(folder)
        if name not in _KNOWN
    ]


def has_member(folder: str) -> bool:
    """Whether a member has been started with it before."""
    return os.path.lexists(os.path.join(folder, "member"))


def has_proxy(folder: str) -> bool:
    """Whether a proxy of etcd 2 has, which no etcd is any more."""
    return os.path.lexists(os.path.join(folder, "proxy"))


def prepare(data_dir: str, wal_dir: str) -> list[Warned]:
    """Make the folder, the one of the member in it, and the log's, where they are not there.

    Returns:
        What is to be warned of.

    Raises:
        DataDirError: one of them cannot be made or written to.
    """
    warnings: list[Warned] = []
    member = os.path.join(data_dir, "member")
    folders = [("data directory", data_dir), ("member directory", member)]
    if wal_dir:
        folders.append(("WAL directory", wal_dir))
    for what, folder in folders:
        _touch_or_refuse(what, folder, warnings)
    return warnings


def _list(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except FileNotFoundError:
        return []
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        verb = "readdirent" if os.path.exists(folder) and not os.path.isdir(folder) else "open"
        raise NotListed(f"{verb} {folder}: {reason}") from None


def _touch_or_refuse(what: str, folder: str, warnings: list[Warned]) -> None:
    try:
        _touch(folder, warnings)
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        raise DataDirError(
            f"cannot access {what}: {_verb(error)} {error.filename}: {reason}"
        ) from None


class _Refused(OSError):
    """An error of writing into a folder, and not of making it."""


def _verb(error: OSError) -> str:
    return "open" if isinstance(error, _Refused) else "mkdir"


def _touch(folder: str, warnings: list[Warned]) -> None:
    if os.path.exists(folder):
        mode = os.stat(folder).st_mode
        if stat.S_IMODE(mode) != _OWNER_ONLY:
            warnings.append(("check file permission", {"error": _wrong_mode(folder, mode)}))
    else:
        os.makedirs(folder, _OWNER_ONLY)
    path = os.path.join(os.path.abspath(folder), ".touch")
    try:
        with open(path, "w", encoding="ascii"):
            pass
    except OSError as error:
        raise _Refused(error.errno, error.strerror, path) from None
    os.remove(path)


def _wrong_mode(folder: str, mode: int) -> str:
    shown = stat.filemode(mode)
    return (
        f"directory {quote(folder)} exist, but the permission is {quote(shown)}. The recommended "
        'permission is "-rwx------" to prevent possible unprivileged access to the data'
    )
