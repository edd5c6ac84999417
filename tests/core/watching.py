"""A stream that a test fills and empties, and what its watchers were told, decoded."""

from __future__ import annotations

from collections.abc import Sequence

from fake_etcd.api import messages as m
from fake_etcd.core.mvcc.store import Store
from fake_etcd.core.mvcc.watch import Event, Watcher, WatchHub
from tests.services.watch_guarantees import Answer, Report, Request, told


class Stream:
    """Keeps what its watchers are told; full where there is no room left.

    Args:
        hub: is told when the stream is not full any more.
        room: answers that it takes; None for any number.
    """

    def __init__(self, hub: WatchHub, room: int | None = None) -> None:
        self._hub = hub
        self.room = room
        self.reports: dict[Watcher, Report] = {}
        self.compacted: dict[Watcher, int] = {}
        self.order: list[Watcher] = []
        """Who was told, answer by answer."""

    @property
    def is_full(self) -> bool:
        return self.room is not None and self.room <= 0

    def make_room(self, room: int | None = None) -> None:
        """Take so many answers more, and say so if there was no room."""
        was_full, self.room = self.is_full, room
        if was_full and not self.is_full:
            self._hub.resume()

    def watcher(self, request: Request) -> Watcher:
        """A watcher that is not with the hub yet."""
        watcher = Watcher(
            self,
            len(self.reports),
            request.key,
            request.range_end,
            request.start_revision,
            no_put=request.no_put,
            no_delete=request.no_delete,
        )
        self.reports[watcher] = Report(request, request.start_revision)
        return watcher

    def watch(
        self,
        key: bytes,
        range_end: bytes | None = None,
        start_revision: int = 0,
        *,
        prev_kv: bool = False,
    ) -> Watcher:
        """Begin to watch."""
        watcher = self.watcher(Request(key, range_end, start_revision, prev_kv=prev_kv))
        self._hub.add(watcher)
        return watcher

    def revisions(self, watcher: Watcher) -> list[list[int]]:
        """The revisions of a watcher's events, answer by answer."""
        return [[e.revision for e in answer.events] for answer in self.reports[watcher].answers]

    # WatchStream

    def tell(self, watcher: Watcher, events: Sequence[Event], revision: int) -> None:
        self._takes(watcher)
        assert events, "an answer has events"
        report = self.reports[watcher]
        encoded = b"".join(event.encoded(report.request.prev_kv) for event in events)
        decoded = m.WatchResponse.FromString(encoded).events
        report.answers.append(Answer(revision, tuple(map(told, decoded))))

    def tell_compacted(self, watcher: Watcher, compact_revision: int) -> None:
        self._takes(watcher)
        self.compacted[watcher] = compact_revision

    def _takes(self, watcher: Watcher) -> None:
        assert not self.is_full, "a full stream is not told anything"
        assert watcher not in self.compacted, "who is told of a compaction hears nothing more"
        self.order.append(watcher)
        if self.room is not None:
            self.room -= 1


def catch_up_wholly(hub: WatchHub, max_versions: int = 1_000) -> int:
    """Let the hub do all that it has to do; returns how many slices that took."""
    slices = 0
    while hub.has_work:
        hub.catch_up(max_versions)
        slices += 1
        assert slices < 100_000, "the work ends"
    return slices


def new_hub(puts: int = 0, key: bytes = b"a") -> tuple[Store, WatchHub]:
    """A store with so many puts of a key, from revision 2 on, and its hub."""
    store = Store()
    for number in range(puts):
        store.put(key, b"%d" % number)
    return store, WatchHub(store)
