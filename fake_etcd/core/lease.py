"""Leases: granted, renewed, revoked, expired, and which keys go with each.

Requests are not here, and keys are deleted through the store. etcd: server/lease/lessor.go,
lease.go, lease_queue.go; server/etcdserver/server.go, revokeExpiredLeases.

Worked example, with a member that was started at 0.0 and looks for expired leases each half
second:

    0.0  grant(7, 1)         two seconds are the least: expires at 2.0
    0.2  grant(8, 4)         expires at 4.2
    0.2  put a, lease 7      attach(7, a); a's version knows its lease, 7 knows its keys
    1.0  renew(7)            7 expires at 3.0; the queue still has it at 2.0
    2.0  next_due            sees that, queues 7 at 3.0, and says 3.0
    3.0  run_due             7 is revoked: one revision deletes a
    4.2                      8 has expired, but nobody has looked: its keys are still there, and
                             whoever wants to renew it waits
    4.5  run_due             8 is revoked

etcd writes down every five minutes how much time leases have left (checkpoints), so that a member
that becomes leader goes on from there. Nothing a client of one member can see depends on it, so
there is nothing of it here.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from math import ceil, floor

from fake_etcd.api import errors
from fake_etcd.core.mvcc.store import Store

MAX_TTL_SECONDS = 9_000_000_000
"""etcd: lessor.go, MaxLeaseTTL."""

TICK_SECONDS = 0.5
"""How often expired leases are looked for (etcd: lessor.go, runLoop)."""

REVOKED_PER_TICK = 500
"""At most (etcd: lessor.go, defaultLeaseRevokeRate is that of a second)."""

_SETTLED_AT_ONCE = 2_000
"""Renewed leases that are queued anew in one go: about two milliseconds."""

_Entry = tuple[float, int, "Lease"]


class Lease:
    """A lease.

    Attributes:
        id: an int64, not 0.
        ttl_seconds: as granted.
        expiry: when it expires, in seconds on the member's clock.
        order: larger than that of all leases that were granted or renewed before.
        keys: attached to it; None where there are none, for a set takes 200 bytes.
        queued: the `order` by which the queue of expiries has it; 0 where it does not.
    """

    __slots__ = ("expiry", "id", "keys", "order", "queued", "ttl_seconds")

    def __init__(self, id: int, ttl_seconds: int, expiry: float, order: int) -> None:
        self.id = id
        self.ttl_seconds = ttl_seconds
        self.expiry = expiry
        self.order = order
        self.queued = order
        self.keys: set[bytes] | None = None

    def has_expired(self, now: float) -> bool:
        """Whether its time is over; it exists until it is revoked."""
        return self.expiry <= now

    def remaining_seconds(self, now: float) -> int:
        """The whole seconds that it has left; towards 0, also where it has expired."""
        # etcd counts nanoseconds. A float that is a hair below 5 means 5.
        return int(round(self.expiry - now, 9))

    def sorted_keys(self) -> list[bytes]:
        """Its keys, in order."""
        return sorted(self.keys) if self.keys else []

    def __repr__(self) -> str:
        return f"<lease {self.id:x} until {self.expiry}>"


class Lessor:
    """All leases of a member.

    Times are seconds on the member's clock. n is the number of leases.

    Args:
        store: the keys; it tells the lessor which are attached and detached.
        min_ttl_seconds: what shorter leases are extended to.
        start: when the member was started; expiry is looked for from then on.

    Attributes:
        attached: how many keys have a lease.
        on_sooner: called when something is due sooner than all before.

    >>> store = Store()
    >>> lessor = Lessor(store)
    >>> lessor.grant(7, 5, now=0.2)
    <lease 7 until 5.2>
    >>> store.put(b"a", b"1", lease=7), lessor.next_due
    (2, 5.5)
    >>> lessor.run_due(5.5)
    >>> store.range(b"a", None).versions, lessor.lookup(7), lessor.next_due
    ([], None, None)
    """

    def __init__(self, store: Store, min_ttl_seconds: int = 2, start: float = 0.0) -> None:
        self.min_ttl_seconds = min_ttl_seconds
        self.attached = 0
        self.on_sooner: Callable[[], None] = _nobody
        self._store = store
        self._journal = store.journal
        self._start = start
        self._tick = 0  # number of the last one at which expired leases were looked for
        self._leases: dict[int, Lease] = {}
        # A heap. Each lease has one valid entry in it, which is its own or, where it was renewed
        # since, an older one: so renewing moves nothing. An entry with another order than the
        # lease's `queued` is not valid, nor is that of a lease that is gone.
        self._queue: list[_Entry] = []
        self._orders = 0
        self._waiting: dict[Lease, list[Callable[[], None]]] = {}
        self._left_over: list[Callable[[], None]] = []
        self.granted = self.renewed = self.revoked = self.expired = 0
        """How many were, for metrics; what expires is revoked, too."""
        store.leases = self

    # Leases

    def grant(self, id: int, ttl_seconds: int, now: float) -> Lease:
        """A new lease. O(log n).

        Raises:
            errors.LEASE_TTL_TOO_LARGE: it is longer than 9,000,000,000 seconds.
            errors.LEASE_EXIST: another has this id.
        """
        assert id, "0 is no lease"
        if ttl_seconds > MAX_TTL_SECONDS:
            raise errors.LEASE_TTL_TOO_LARGE
        if id in self._leases:
            raise errors.LEASE_EXIST
        ttl_seconds = max(ttl_seconds, self.min_ttl_seconds)
        self.granted += 1
        self._orders += 1
        lease = Lease(id, ttl_seconds, round(now + ttl_seconds, 9), self._orders)
        self._leases[id] = lease
        is_first = not self._queue or lease.expiry < self._queue[0][0]
        heapq.heappush(self._queue, (lease.expiry, lease.order, lease))
        if self._journal.recording:
            self._journal.record(self._undo_grant, lease)
        if is_first:
            self.on_sooner()
        return lease

    def lookup(self, id: int) -> Lease | None:
        """The lease of this id, expired ones included that are not yet revoked. O(1)."""
        return self._leases.get(id)

    @property
    def count(self) -> int:
        """How many there are. O(1)."""
        return len(self._leases)

    def leases(self) -> list[Lease]:
        """All, in order of expiry; those of the same time in order of renewal. O(n log n)."""
        return sorted(self._leases.values(), key=_expiry_and_order)

    def renew(self, id: int, now: float) -> int:
        """Let a lease begin anew; gives its TTL. O(1).

        Returns:
            0 where there is none, or it has expired: then nothing is done, and who waits for its
            end is told by `when_gone`.
        """
        lease = self._leases.get(id)
        if lease is None or lease.expiry <= now:
            return 0
        if self._journal.recording:
            self._journal.record(self._undo_renew, lease, lease.expiry, lease.order)
        self.renewed += 1
        self._orders += 1
        lease.order = self._orders
        lease.expiry = round(now + lease.ttl_seconds, 9)
        return lease.ttl_seconds

    def revoke(self, id: int) -> None:
        """Delete a lease, and its keys in one revision. O(log n) for the lease and each key.

        Raises:
            errors.LEASE_NOT_FOUND: there is none.
        """
        lease = self._leases.get(id)
        if lease is None:
            raise errors.LEASE_NOT_FOUND
        self._revoke(lease)
        self._trim()

    def _revoke(self, lease: Lease) -> None:
        with self._store.write() as txn:
            for key in lease.sorted_keys():
                txn.delete_range(key, None)
            del self._leases[lease.id]
            self.revoked += 1
            if self._journal.recording:
                self._journal.record(self._undo_revoke, lease)
        for callback in self._waiting.pop(lease, ()):
            callback()

    def _undo_grant(self, lease: Lease) -> None:
        del self._leases[lease.id]
        self._left_over += self._waiting.pop(lease, ())
        self._trim()

    def _undo_renew(self, lease: Lease, expiry: float, order: int) -> None:
        lease.expiry, lease.order = expiry, order
        self._requeue(lease)

    def _undo_revoke(self, lease: Lease) -> None:
        self._leases[lease.id] = lease
        if not lease.queued:
            self._requeue(lease)

    def _requeue(self, lease: Lease) -> None:
        """Queue a lease again, unless it is queued for now or sooner: by this order or an older."""
        if not 0 < lease.queued <= lease.order:
            lease.queued = lease.order
            heapq.heappush(self._queue, (lease.expiry, lease.order, lease))
            self._trim()

    # Keys; called by the store. etcd has a second map, from keys to leases; our versions know.

    def attach(self, id: int, key: bytes) -> None:
        """A key now has this lease. O(1)."""
        lease = self._leases[id]
        self._add(lease, key)
        if self._journal.recording:
            self._journal.record(self._discard, lease, key)

    def detach(self, id: int, key: bytes) -> None:
        """A key has this lease no more. O(1).

        Nothing where there is no such lease: a snapshot may hold keys of leases that it does not.
        """
        lease = self._leases.get(id)
        if lease is None:
            return
        self._discard(lease, key)
        if self._journal.recording:
            self._journal.record(self._add, lease, key)

    def _add(self, lease: Lease, key: bytes) -> None:
        if lease.keys is None:
            lease.keys = {key}
        else:
            lease.keys.add(key)
        self.attached += 1

    def _discard(self, lease: Lease, key: bytes) -> None:
        assert lease.keys is not None, "what is detached was attached"
        lease.keys.remove(key)
        if not lease.keys:
            lease.keys = None
        self.attached -= 1

    # Waiting for the end of a lease that has expired

    def when_gone(self, lease: Lease, callback: Callable[[], None]) -> None:
        """Calls back once the lease is there no more, which is at the next tick but for a jam."""
        self._waiting.setdefault(lease, []).append(callback)

    @property
    def waiting(self) -> int:
        """How many wait so."""
        return sum(map(len, self._waiting.values())) + len(self._left_over)

    def forget_waiter(self, lease: Lease, callback: Callable[[], None]) -> None:
        """Drops a callback of `when_gone`, if it still waits."""
        callbacks = self._waiting.get(lease, [])
        if callback in callbacks:
            callbacks.remove(callback)
            if not callbacks:
                del self._waiting[lease]
        if callback in self._left_over:
            self._left_over.remove(callback)

    # Expiry

    @property
    def next_due(self) -> float | None:
        """When `run_due` has something to do; None for never. O(1), or O(log n) for each lease
        that was renewed or revoked and is now seen to be."""
        if self._left_over:
            return self._start
        self._settle(_SETTLED_AT_ONCE)
        if not self._queue:
            return None
        ticks = ceil(self._ticks_until(self._queue[0][0]))
        return round(self._start + max(ticks, self._tick + 1) * TICK_SECONDS, 9)

    def run_due(self, now: float) -> None:
        """Revoke what has expired, first what expired first, if it is time to look for it."""
        self._call_left_over()
        due = self.next_due
        if due is None or due > now:
            return
        queue, moved = self._queue, 0
        for number in range(REVOKED_PER_TICK):
            moved += self._settle(_SETTLED_AT_ONCE - moved)
            if moved == _SETTLED_AT_ONCE:
                if not number:
                    return  # the next call goes on
                break  # the next tick does
            if not queue or queue[0][0] > now:
                break
            lease = heapq.heappop(queue)[2]
            lease.queued = 0
            self.expired += 1
            self._revoke(lease)
        if self._journal.recording:
            self._journal.record(self._set_tick, self._tick)
        self._tick = max(floor(self._ticks_until(now)), self._tick + 1)
        self._trim()

    def _set_tick(self, number: int) -> None:
        self._tick = number

    def _ticks_until(self, time: float) -> float:
        return round((time - self._start) / TICK_SECONDS, 8)

    def _call_left_over(self) -> None:
        callbacks, self._left_over = self._left_over, []
        for callback in callbacks:
            callback()

    def _settle(self, most: int) -> int:
        """Make the first entry of the queue that of the lease which expires first.

        Returns:
            how many entries were moved or dropped for it; with `most` of them it may not be done.
        """
        queue, leases = self._queue, self._leases
        for moved in range(most):
            if not queue:
                return moved
            _, order, lease = queue[0]
            if order != lease.queued:
                heapq.heappop(queue)
            elif leases.get(lease.id) is not lease:
                heapq.heappop(queue)
                lease.queued = 0
            elif order != lease.order:
                lease.queued = lease.order
                heapq.heapreplace(queue, (lease.expiry, lease.order, lease))
            else:
                return moved
        return most

    def _trim(self) -> None:
        """Where most of the queue is not valid, as after many revocations, take that out: else it
        would stay until those leases had expired. O(n) once in n calls."""
        if len(self._queue) <= 2 * len(self._leases) + 64:
            return
        kept = []
        for entry in self._queue:
            _, order, lease = entry
            if order != lease.queued:
                continue
            if self._leases.get(lease.id) is lease:
                kept.append(entry)
            else:
                lease.queued = 0
        heapq.heapify(kept)
        self._queue[:] = kept

    # Invariants

    def check(self) -> None:
        """Assert all that must hold between calls. O(all keys and leases); for tests."""
        live = {v.key: v.lease for v in self._store.range(b"", b"").versions if v.lease}
        attached = {key: one.id for one in self._leases.values() for key in one.keys or ()}
        assert attached == live, "the keys of a lease are the live ones that have it"
        assert self.attached == sum(len(one.keys or ()) for one in self._leases.values())
        queue = self._queue
        assert all(queue[(child - 1) // 2] <= queue[child] for child in range(1, len(queue)))
        assert len(queue) <= 2 * len(self._leases) + 64, "half of the queue is valid"
        valid = {entry[2]: entry for entry in queue if entry[1] == entry[2].queued}
        assert sum(entry[1] == entry[2].queued for entry in queue) == len(valid), "once for each"
        for id, lease in self._leases.items():
            assert lease.id == id, "a lease is filed under its id"
            assert lease.ttl_seconds >= self.min_ttl_seconds, "none is shorter than the minimum"
            assert lease.keys is None or lease.keys, "there are no empty sets"
            assert valid[lease][:2] <= (lease.expiry, lease.order), "it is queued in time"
        assert all(callbacks for callbacks in self._waiting.values()), "somebody waits"
        assert all(self._leases.get(lease.id) is lease for lease in self._waiting), "for a lease"


def _expiry_and_order(lease: Lease) -> tuple[float, int]:
    return lease.expiry, lease.order


def _nobody() -> None:
    """Nobody waits for it."""
