"""Waiting until no older key with a prefix is left: how locks and elections queue.

etcd: client/v3/concurrency/key.go.
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable

from fake_etcd.api.errors import EtcdError
from fake_etcd.api.status import Status
from fake_etcd.core.mvcc.watch import Events, Watcher
from fake_etcd.services.call import Call, Sink
from fake_etcd.services.one_answer import OneAnswer
from fake_etcd.services.own_client import OwnClient, last_created


class Turn:
    """The turn of one call. It is the `WatchStream` of its watcher.

    The newest of the older keys is watched; when that is deleted it looks again. So each release
    of a lock wakes the next in the queue alone.

    Args:
        client: whose keys.
        call: in whose name.
        prefix: of the keys.
        most: the greatest create_revision of those that are waited for.
        come: called when nobody is waited for any more; may raise EtcdError.
        fail: called with what ends the wait before that.
    """

    __slots__ = ("_call", "_client", "_come", "_fail", "_most", "_prefix", "_restores", "_watcher")

    is_full = False

    def __init__(
        self,
        client: OwnClient,
        call: Call,
        prefix: bytes,
        most: int,
        come: Callable[[], None],
        fail: Callable[[Status], None],
    ) -> None:
        self._client = client
        self._call = call
        self._prefix = prefix
        self._most = most
        self._come = come
        self._fail = fail
        self._restores = client.node.restores
        self._watcher: Watcher | None = None

    def wait(self) -> None:
        """Wait for it; it may come at once.

        Raises:
            EtcdError: the caller may not see who is before it; what `come` raises.
        """
        older = self._client.get(self._call, last_created(self._prefix, self._most)).kvs
        if not older:
            self._come()
            return
        watcher = Watcher(self, 0, older[0].key, None, 0)
        self._client.watch(self._call, watcher)
        self._watcher = watcher

    def abandon(self, give_up: Callable[[Call], None]) -> None:
        """The caller waits no more: have its key taken away, if it did, in nobody's name.

        Not at once, for the call may have ended in the midst of somebody's write. Nothing is done
        where the node went back to a snapshot since the call came: what it did did not happen.
        What is refused is left.
        """
        if self._watcher is None:
            return
        self._stop()
        node = self._client.node

        def tidy() -> None:
            if node.restores == self._restores:
                with contextlib.suppress(EtcdError):
                    give_up(Call(self._call.method))

        node.schedule.at(node.clock.now(), tidy)

    def _stop(self) -> None:
        if self._watcher is not None:
            self._client.unwatch(self._watcher)
            self._watcher = None

    # WatchStream

    def tell(self, watcher: Watcher, events: Events, revision: int) -> None:
        # In the midst of somebody's write: from here on nothing is written, only read.
        if not any(event.version.is_tombstone for event in events):
            return
        self._stop()
        try:
            self.wait()
        except EtcdError as error:
            self._fail(error.status)

    def tell_compacted(self, watcher: Watcher, compact_revision: int) -> None:
        raise AssertionError("it watches what comes, which is not compacted")


class Queuing(OneAnswer, ABC):
    """What receivers of calls have in common that wait for a turn and have one answer.

    Args:
        client: whose keys.
        call, sink: as of any stream's handler.
    """

    __slots__ = ("_client", "_key", "_turn")

    def __init__(self, client: OwnClient, call: Call, sink: Sink) -> None:
        super().__init__(call, sink)
        self._client = client
        self._key = b""
        self._turn: Turn | None = None

    def cancelled(self) -> None:
        """The caller waits no more."""
        if self._turn is not None:
            self._turn.abandon(self._give_up)

    def _wait(self, prefix: bytes, mine: int, come: Callable[[], None]) -> None:
        """For all keys of the prefix that were there before the revision `mine`.

        Raises:
            EtcdError: as `Turn.wait`.
        """
        self._turn = Turn(self._client, self._call, prefix, mine - 1, come, self._sink.close)
        self._turn.wait()

    @abstractmethod
    def _give_up(self, who: Call) -> None:
        """Take the caller's key away, in this name."""
