"""Telling systemd, or whoever else listens at $NOTIFY_SOCKET, that the server is ready.

etcd: go-systemd's daemon.SdNotify, which it calls once, without unsetting the variable.
"""

from __future__ import annotations

import os
import socket

VARIABLE = "NOTIFY_SOCKET"


def ready() -> str | None:
    """Send READY=1 where somebody listens.

    Returns:
        What went wrong, in the words of Go's net package. None: it was sent, or nobody asked.
    """
    path = os.environ.get(VARIABLE, "")
    if not path or not hasattr(socket, "AF_UNIX"):
        return None
    address = f"\0{path[1:]}" if path.startswith("@") else path  # Linux' abstract names
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as talking:
        try:
            talking.connect(address)
        except OSError as error:
            return f"dial unixgram {path}: connect: {os.strerror(error.errno or 0).lower()}"
        try:
            talking.send(b"READY=1")
        except OSError as error:
            return f"write unixgram ->{path}: write: {os.strerror(error.errno or 0).lower()}"
    return None
