"""systemd's journal as an output of the log: each line is an entry, as etcd writes it.

etcd: client/pkg/logutil/zap_journal.go. The protocol is journald's native one: fields in one
datagram, or, where that is too large, in a file whose descriptor is sent instead.
"""

from __future__ import annotations

import array
import errno
import logging
import os
import socket
import struct
import sys
import tempfile

SOCKET = "/run/systemd/journal/socket"

_PRIORITIES = (
    (logging.ERROR + 1, 2),  # panic and fatal
    (logging.ERROR, 3),
    (logging.WARNING, 4),
    (logging.INFO, 6),
)
_DEBUG = 7
_TOO_LARGE = (errno.EMSGSIZE, errno.ENOBUFS)


class NoJournal(Exception):
    """Why there is none, in etcd's words."""


class JournalHandler(logging.Handler):
    """Sends each record to the journal; where that fails it goes to stderr.

    Args:
        path: journald's socket.

    Raises:
        NoJournal: nobody listens there.
    """

    def __init__(self, path: str = SOCKET) -> None:
        super().__init__()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            self._socket.connect(path)
        except OSError as error:
            self._socket.close()
            reason = os.strerror(error.errno or 0).lower()
            raise NoJournal(
                f"can't find journal (dial unixgram {path}: connect: {reason})"
            ) from None

    def emit(self, record: logging.LogRecord) -> None:
        line = self.format(record) + "\n"
        package = os.path.dirname(getattr(record, "caller", "")) or "."
        entry = b"".join(
            (
                _field("PRIORITY", str(_priority(record.levelno))),
                _field("MESSAGE", line),
                _field("PACKAGE", package),
                _field("SYSLOG_IDENTIFIER", os.path.basename(sys.argv[0])),
            )
        )
        try:
            self._send(entry)
        except OSError:
            sys.stderr.write(line)

    def _send(self, entry: bytes) -> None:
        try:
            self._socket.send(entry)
        except OSError as error:
            if error.errno not in _TOO_LARGE:
                raise
            with tempfile.TemporaryFile(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as f:
                f.write(entry)
                f.flush()
                rights = array.array("i", [f.fileno()])
                self._socket.sendmsg([], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])

    def close(self) -> None:
        self._socket.close()
        super().close()


def _priority(level: int) -> int:
    """syslog's number of a level."""
    return next((number for least, number in _PRIORITIES if level >= least), _DEBUG)


def _field(name: str, value: str) -> bytes:
    encoded = value.encode("utf-8", "surrogateescape")
    if b"\n" not in encoded:
        return name.encode() + b"=" + encoded + b"\n"
    return name.encode() + b"\n" + struct.pack("<Q", len(encoded)) + encoded + b"\n"
