"""What lock and elect have in common: a session, and waiting for whichever ends first."""

from __future__ import annotations

import threading

from fake_etcd.clientv3 import Client, Context
from fake_etcd.clientv3.concurrency import Session

DEFAULT_TTL = 60
"""Seconds. etcd: client/v3/concurrency/session.go, which takes it where it is given 0 or less."""


def session(client: Client, ttl: int) -> Session:
    """A session with a lease of so many seconds."""
    return Session(client, ttl=ttl if ttl > 0 else DEFAULT_TTL)


class Ending:
    """The end of the first of some contexts."""

    def __init__(self, *contexts: Context) -> None:
        self._contexts = contexts
        self._ended = threading.Event()
        for ctx in contexts:
            ctx.after(self._ended.set)

    def wait(self) -> Context:
        """Block until one has ended, and return it; signals are handled meanwhile."""
        while True:
            for ctx in self._contexts:
                if ctx.err() is not None:
                    return ctx
            self._ended.wait()
