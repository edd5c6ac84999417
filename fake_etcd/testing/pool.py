"""Etcds that tests use one after another, so that only the first one waits for it to be made."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Protocol

from fake_etcd.testing.fake import FakeEtcd
from fake_etcd.testing.options import Options
from fake_etcd.testing.store import Store


class CannotUse(Exception):
    """There is no etcd for a test; a sentence that says why."""


class Etcd(Protocol):
    """What a test gets, emulated or real."""

    store: Store

    def seed(self, source: str | os.PathLike[str] | Mapping[Any, Any]) -> None:
        """See `FakeEtcd.seed`."""

    def close(self) -> None:
        """End it."""


class Pool(Protocol):
    """Where tests get their etcds from."""

    def take(self, options: Options) -> Etcd:
        """One with nothing in it, for a test alone.

        Args:
            options: a FakeEtcd's, `SEED` not among them.

        Raises:
            CannotUse: there is none.
            ValueError: an option has no such value.
        """

    def give_back(self, etcd: Etcd) -> None:
        """Have one back, whatever the test did to it."""

    def close(self) -> None:
        """End those that were given back; nobody has one any more."""


class FakePool:
    """FakeEtcds, kept by their options."""

    def __init__(self) -> None:
        # In a forked child those that the parent made are of no use.
        self._free: dict[tuple[int, str], list[FakeEtcd]] = {}
        self._keys: dict[FakeEtcd, tuple[int, str]] = {}

    def take(self, options: Options) -> FakeEtcd:
        key = os.getpid(), repr(sorted(options.items()))
        free = self._free.setdefault(key, [])
        if free:
            etcd = free.pop()
            etcd.reset()  # whoever kept a client may have written meanwhile
        else:
            etcd = FakeEtcd(**options)
        self._keys[etcd] = key
        return etcd

    def give_back(self, etcd: Etcd) -> None:
        assert isinstance(etcd, FakeEtcd), "it came from here"
        key = self._keys.pop(etcd)
        if etcd.is_changed or key[0] != os.getpid():
            etcd.close()
        if not etcd.is_closed:
            etcd.reset()  # no stream is to outlive its test
            self._free[key].append(etcd)

    def close(self) -> None:
        for free in self._free.values():
            while free:
                free.pop().close()
