"""A copy of the settings below a prefix that follows every change.

It reads all of them at one revision and watches from the next. A watch that was lost is opened
anew behind the last change that was told of. Where etcd has forgotten what was between, because
it was compacted, everything is read again.
"""

from __future__ import annotations

from collections.abc import Iterable

from examples.etcd import Etcd, Lost
from fake_etcd.api import messages as m


class ConfigWatcher:
    """The settings, as of the last `wait`.

    Args:
        etcd: where they are.
        prefix: of their keys, "config/".

    Attributes:
        settings: names, without the prefix, and values.
    """

    def __init__(self, etcd: Etcd, prefix: str) -> None:
        self._etcd = etcd
        self._prefix = prefix.encode()
        self.settings: dict[str, str] = {}
        self._load()
        self._watch = etcd.watch(self._prefix, self._next_revision)

    def wait(self) -> None:
        """Wait until something has changed, and have it in `settings`.

        Raises:
            RuntimeError: etcd ended the watch; the text is its reason.
        """
        while True:
            try:
                answer = next(self._watch)
                if answer.compact_revision:
                    self._load()
            except Lost:
                self._watch_anew()
                continue
            if answer.compact_revision:
                self._watch_anew()
                return
            if answer.canceled:
                raise RuntimeError(answer.cancel_reason)
            if answer.events:
                self._apply(answer.events)
                return

    def close(self) -> None:
        """Follow no more."""
        self._watch.close()

    def _load(self) -> None:
        found = self._etcd.items(self._prefix)
        self.settings.clear()
        self.settings.update((self._name(kv), kv.value.decode()) for kv in found.kvs)
        self._next_revision = found.header.revision + 1

    def _watch_anew(self) -> None:
        self._watch.close()
        self._watch = self._etcd.watch(self._prefix, self._next_revision)

    def _apply(self, events: Iterable[m.Event]) -> None:
        for event in events:
            if event.type == m.Event.DELETE:
                self.settings.pop(self._name(event.kv), None)
            else:
                self.settings[self._name(event.kv)] = event.kv.value.decode()
            # Not the header's revision: more events of before that may be on their way.
            self._next_revision = event.kv.mod_revision + 1

    def _name(self, kv: m.KeyValue) -> str:
        return kv.key[len(self._prefix) :].decode()
