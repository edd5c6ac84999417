"""The folder that --print-bin-dir prints: in it, this server is a program called `etcd`.

A wheel cannot bring it: pip would have to write an `etcd` onto the path, or a file that may not be
executed. So it is made where it is asked for, one folder for each interpreter and place of the
package.
"""

from __future__ import annotations

import hashlib
import os
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import fake_etcd

_PACKAGE = Path(fake_etcd.__file__).resolve().parent
_LONGEST_SHEBANG = 120
"""Linux reads no more than 127 bytes of that line."""


def make() -> str:
    """The folder, with a script `etcd` in it that may be executed.

    Many may do so at once: a script is written aside and renamed, and is the same for all.

    Raises:
        OSError: nothing can be written anywhere.
    """
    text = _script()
    failure: OSError | None = None
    for folder in _folders():
        try:
            _place(folder, text)
        except OSError as error:
            failure = error
            continue
        return str(folder)
    raise failure or OSError("there is no folder to try")


def _folders() -> Iterator[Path]:
    """Where it may be: beside the installation, for all its users; then where only we write."""
    key = hashlib.sha256(f"{sys.executable}\0{_PACKAGE}".encode()).hexdigest()[:12]
    part = Path("fake_etcd") / "bin" / key
    yield Path(sysconfig.get_path("data")) / "share" / part
    cache = os.environ.get("XDG_CACHE_HOME") or ""
    home = os.environ.get("HOME") or ""
    if os.path.isabs(cache):
        yield Path(cache) / part
    elif os.path.isabs(home):
        yield Path(home) / ".cache" / part
    user = os.getuid() if hasattr(os, "getuid") else 0
    yield Path(tempfile.gettempdir()) / f"fake_etcd-{user}" / "bin" / key


def _place(folder: Path, text: str) -> None:
    target = folder / "etcd"
    if _is_right(target, text):
        return
    folder.mkdir(parents=True, exist_ok=True)
    _check_ours(folder)
    number, name = tempfile.mkstemp(dir=folder, prefix=".etcd-")
    try:
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(name, 0o755)
        os.replace(name, target)
    except OSError:
        os.unlink(name)
        raise


def _is_right(target: Path, text: str) -> bool:
    try:
        _check_ours(target.parent)
        return os.access(target, os.X_OK) and target.read_text(encoding="utf-8") == text
    except (OSError, UnicodeDecodeError):
        return False


def _check_ours(folder: Path) -> None:
    """Refuse a folder of which somebody else could have made what we would then run."""
    if not hasattr(os, "getuid"):
        return
    status = os.lstat(folder)
    if status.st_uid not in (os.getuid(), 0):
        raise PermissionError(f"{folder} belongs to somebody else")


def _script() -> str:
    body = (
        "import sys\n"
        f"sys.path.insert(0, {str(_PACKAGE.parent)!r})\n"
        "from fake_etcd.cli.main import etcd\n"
        "sys.exit(etcd())\n"
    )
    python = sys.executable
    if len(python) <= _LONGEST_SHEBANG and not any(each.isspace() for each in python):
        return f"#!{python}\n{body}"
    # A shell reads the second line as a command, Python the next two as a text.
    quoted = python.replace("'", "'\"'\"'")
    return f"#!/bin/sh\n'''exec' '{quoted}' \"$0\" \"$@\"\n' '''\n{body}"
