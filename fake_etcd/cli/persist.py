"""What a server holds, kept in its data folder: read at the start, written in between and at last.

There is one file, a snapshot as `etcdctl snapshot save` writes it, where etcd has its database. It
is written beside and then put in the old one's place, so that there is a whole one at any moment,
and who is killed has what was there at the last one. There is no log of what came since.
etcd: server/storage/datadir/datadir.go (where), client/pkg/fileutil (how).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Callable

from fake_etcd.core.node import Node
from fake_etcd.core.snapshot.schema import Buckets

Mark = tuple[object, ...]
"""By what a state is told from those before it."""

Moment = tuple[Mark, Buckets | None]
"""A mark, and the state, if it is not the one that was written."""

Hold = Callable[[Callable[[Node], Moment]], Moment]
"""Calls with the node while nobody else uses it."""

Say = Callable[[str], None]

MOST_OF_TIME = 20
"""It is written no more often than this: so many times as long as it took comes no other."""

_FOLDER = os.path.join("member", "snap")
_NAME, _PART = "db", "db.part"
_OWNER_ONLY = 0o700


class CannotPersist(Exception):
    """Why a data folder cannot be used so; one line."""


class Persistence:
    """The file of one server, which nobody else uses meanwhile.

    Args:
        data_dir: the data folder; made where it is not there.
        wal_dir: where real etcd would have its log, if not in there.
        syncs: whether to wait until the disk has it.

    Raises:
        CannotPersist: a real etcd's data is in it.
    """

    def __init__(self, data_dir: str, wal_dir: str = "", *, syncs: bool = True) -> None:
        _refuse_real(wal_dir or os.path.join(data_dir, "member", "wal"))
        self._folder = os.path.join(data_dir, _FOLDER)
        self.path = os.path.join(self._folder, _NAME)
        self._syncs = syncs
        self._written: Mark | None = None
        self._task: asyncio.Task[None] | None = None
        self._ending = asyncio.Event()
        self._locked: int | None = None
        self._seen: tuple[int, ...] | None = None

    def load(self, node: Node) -> bool:
        """Fill a node that was just made with what is kept.

        Returns:
            whether there is anything.

        Raises:
            CannotPersist: it cannot be read, or is damaged. It is left as it is.
        """
        self._seen = self._file()
        if self._seen is None:
            return False
        # Only here and where it is written: who begins with nothing is to start at once.
        from fake_etcd.cli import snapshot_file

        try:
            snapshot_file.load_file(node, self.path, continues=True)
        except OSError as error:
            raise CannotPersist(f"{self.path}: {_reason(error)}") from None
        except snapshot_file.BadSnapshot as error:
            raise CannotPersist(str(error)) from None
        return True

    def is_new(self, node: Node) -> None:
        """The node has nothing yet, so what it is now need not be written before the end."""
        self._written = _mark(node)

    def begin(self, hold: Hold, interval_seconds: float, say: Say) -> None:
        """Write from now on, whenever something has changed, on the running event loop.

        Args:
            hold: calls with the node while nobody else uses it.
            interval_seconds: how long it takes until the next time, at least.
            say: is told what went wrong, each time; the next time may go better.

        Raises:
            CannotPersist: another process uses the folder, or did since `load`, or it cannot be
                made.
        """
        try:
            os.makedirs(self._folder, _OWNER_ONLY, exist_ok=True)
            self._locked = _lock(self._folder)
        except OSError as error:
            raise CannotPersist(f"{self._folder}: {_reason(error)}") from None
        # The addresses are had in between, as who has them is told of first: the last server may
        # have written all it had in that time, and this one knows nothing of it.
        if self._file() != self._seen:
            self._unlock()
            raise CannotPersist(f"{self.path}: another process wrote it as this one started")
        self._task = asyncio.create_task(self._write_on_and_on(hold, interval_seconds, say))

    async def end(self) -> None:
        """Write once more, if anything has changed, and let others use the folder.

        Nothing where it was never begun.
        """
        if self._task is None:
            return
        self._ending.set()
        await self._task
        self._unlock()

    def _unlock(self) -> None:
        if self._locked is not None:
            os.close(self._locked)
            self._locked = None

    def _file(self) -> tuple[int, ...] | None:
        """By what the file is told from others that were there; None where there is none."""
        try:
            found = os.lstat(self.path)
        except OSError:  # if there is more to it, taking the folder says so
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    async def _write_on_and_on(self, hold: Hold, interval_seconds: float, say: Say) -> None:
        wait, is_last = interval_seconds, False
        while not is_last:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._ending.wait(), wait)
            # Whoever ends it while it is written has what came meanwhile written, too.
            is_last = self._ending.is_set()
            if is_last and self._file() is None:
                self._written = None  # that it was there at all counts at the next start
            started = time.monotonic()
            await self._write(hold, say)
            wait = max(interval_seconds, MOST_OF_TIME * (time.monotonic() - started))

    async def _write(self, hold: Hold, say: Say) -> None:
        try:
            mark, buckets = hold(lambda node: _moment(node, self._written))
            if buckets is not None:
                await asyncio.get_running_loop().run_in_executor(None, self._replace, buckets)
        except OSError as error:
            say(f"{self.path}: {_reason(error)}")
        except Exception as error:  # whatever it is, clients are served on, and somebody knows
            say(f"{self.path}: {type(error).__name__}: {error}")
        else:
            self._written = mark

    def _replace(self, buckets: Buckets) -> None:
        """Put a file of this in the place of the one before."""
        from fake_etcd.cli import snapshot_file

        part = os.path.join(self._folder, _PART)
        with open(part, "wb") as file:
            os.chmod(part, 0o600)
            snapshot_file.write_file(file, buckets)
            if self._syncs:
                file.flush()
                os.fsync(file.fileno())
        os.replace(part, self.path)
        if self._syncs and self._locked is not None:
            os.fsync(self._locked)


def _moment(node: Node, written: Mark | None) -> Moment:
    mark = _mark(node)
    if mark == written:
        return mark, None
    from fake_etcd.core.snapshot.dump import dump

    return mark, dump(node)


def _mark(node: Node) -> Mark:
    """All that changes it is a request in the log; a server that was reset has a smaller one."""
    store = node.store
    return (id(node), node.raft_index, store.current_revision, store.compact_revision)


def _reason(error: OSError) -> str:
    return os.strerror(error.errno or 0).lower()


def _refuse_real(wal: str) -> None:
    """Raises: CannotPersist: there is the log of a real etcd, which its database belongs to."""
    try:
        names = os.listdir(wal)
    except OSError:
        return
    if any(name.endswith(".wal") for name in names):
        raise CannotPersist(
            f"{wal} is the log of a real etcd, whose data is neither read nor overwritten: take "
            "another --data-dir, and a snapshot of that etcd by --fake-load"
        )


def _lock(folder: str) -> int | None:
    """Keep other servers out of a folder; gives what keeps them out, where the system has that."""
    if sys.platform == "win32":
        return None
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise CannotPersist(f"{folder}: another process has it in use") from None
    return descriptor
