"""What a `LeasingKV` knows of the keys that it may answer for: the table, without any calls.

For each key whose lease key is this client's there is a `_Held`: the answer to a get of it, as long
as that is known. These rules keep an answer from being too old:

- While a write of this client's own is under way, the key is not answered for. What the write has
  made of it is known when it is answered, if no other write was under way meanwhile.
- An acquisition that is under way is void if a write of that key begins, or the key is lost; its
  answer is not kept then. The lease key that it made stays, which does no harm: whoever asks for it
  gets it.
- A key that is given up is *releasing* until its lease key is known to be deleted, and is not
  acquired meanwhile; nor for two seconds after, so that who wanted it can use it.

etcd: client/v3/leasing/cache.go.
"""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from fake_etcd.clientv3.keys import FROM_KEY_END
from fake_etcd.clientv3.op import DeleteOp, PutOp
from fake_etcd.clientv3.responses import GetResponse, KeyValue, ResponseHeader

BACK_OFF = 2.0
"""Seconds for which a key that was given up is not acquired again."""


class _Held:
    """A key whose lease key is this client's.

    Args:
        key: which.
        rev: of the store when the lease key was seen; it was made then or before.
        answer: to a get of the key; None where it has to be asked for again.
    """

    __slots__ = ("answer", "key", "rev", "writers")

    def __init__(self, key: bytes, rev: int, answer: GetResponse) -> None:
        self.key = key
        self.rev = rev
        self.answer: GetResponse | None = answer
        self.writers = 0


class Acquisition:
    """An attempt to get hold of a key, until it is ended by the cache's `acquired` or others."""

    __slots__ = ("is_void", "key")

    def __init__(self, key: bytes) -> None:
        self.key = key
        self.is_void = False


class Writing:
    """A write that is under way, until it is ended by the cache's `wrote` or `failed`."""

    __slots__ = ("_held",)

    def __init__(self, held: list[_Held]) -> None:
        self._held = held

    def rev_of(self, key: bytes) -> int:
        """The revision up to which a lease key of that key is this client's; 0 where it is not."""
        return next((held.rev for held in self._held if held.key == key), 0)

    def __iter__(self) -> Iterator[_Held]:
        return iter(self._held)


class Cache:
    """The table. May be used in any thread.

    Args:
        prefix: of lease keys.
        now: seconds, for the back-off.
    """

    def __init__(self, prefix: bytes, now: Callable[[], float]) -> None:
        self._prefix = prefix
        self._now = now
        self._lock = threading.Lock()
        self._held: dict[bytes, _Held] = {}
        self._acquiring: dict[bytes, Acquisition] = {}
        self._releasing: Counter[bytes] = Counter()
        self._barred: dict[bytes, float] = {}
        """When keys were given up, in that order."""

    @property
    def held(self) -> frozenset[bytes]:
        """The keys that it has answers for, or had and will have."""
        with self._lock:
            return frozenset(self._held)

    def holds(self, key: bytes) -> bool:
        """Whether it has an answer for a key, or will have."""
        with self._lock:
            return key in self._held

    def answers(self, keys: Iterable[bytes]) -> dict[bytes, GetResponse]:
        """The answers for those of some keys that it has one for, all as of now."""
        with self._lock:
            found = ((key, self._held.get(key)) for key in keys)
            return {
                key: held.answer
                for key, held in found
                if held is not None and held.answer is not None and not held.writers
            }

    def acquire(self, key: bytes) -> Acquisition | None:
        """Begin to get hold of a key; None where that is not to be now."""
        with self._lock:
            held = self._held.get(key)
            is_known = held is not None and (held.answer is not None or held.writers)
            if is_known or key in self._acquiring or key in self._releasing:
                return None
            if not self._is_free(key):
                return None
            acquisition = self._acquiring[key] = Acquisition(key)
            return acquisition

    def not_acquired(self, acquisition: Acquisition) -> None:
        """Somebody else has it, or nobody can."""
        with self._lock:
            del self._acquiring[acquisition.key]

    def acquired(self, acquisition: Acquisition, answer: GetResponse) -> None:
        """It is this client's, and that is the answer; nothing, where it was lost meanwhile."""
        key = acquisition.key
        with self._lock:
            del self._acquiring[key]
            if not acquisition.is_void:
                self._held[key] = _Held(key, answer.header.revision, answer)

    def acquisition_failed(self, acquisition: Acquisition) -> None:
        """Nobody knows whose it is. It is not tried again for a while."""
        with self._lock:
            del self._acquiring[acquisition.key]
            self._bar(acquisition.key)

    def write(self, ops: Iterable[PutOp | DeleteOp]) -> Writing:
        """Begin a write of all that these operations may write."""
        with self._lock:
            touched: dict[bytes, _Held] = {}
            for op in ops:
                for key in self._touched(op, self._acquiring):
                    self._acquiring[key].is_void = True
                for key in self._touched(op, self._held):
                    touched[key] = self._held[key]
            for held in touched.values():
                if held.writers:
                    held.answer = None  # nobody knows in which order the server has them
                held.writers += 1
            return Writing(list(touched.values()))

    def wrote(
        self, writing: Writing, header: ResponseHeader, done: Sequence[PutOp | DeleteOp]
    ) -> list[bytes]:
        """A write was answered: these of its operations were done. Gives keys to be released."""
        given_up: list[bytes] = []
        with self._lock:
            for held in writing:
                held.writers -= 1
                if self._held.get(held.key) is not held:
                    continue
                for op in done:
                    if _covers(op, self._prefix + held.key) or _puts_lease(op, held.key):
                        given_up += self._give_up(held.key)
                        break
                    if held.answer is not None and _covers(op, held.key):
                        held.answer = _after(held.answer, op, header)
        return given_up

    def failed(self, writing: Writing) -> list[bytes]:
        """Nobody knows whether a write was done, or will be: all that it may write is given up.
        Gives keys to be released."""
        with self._lock:
            for held in writing:
                held.writers -= 1
            return [key for held in writing for key in self._give_up(held.key)]

    def asked_for(self, key: bytes, rev: int) -> list[bytes]:
        """Somebody wants the key, since a revision. Gives keys to be released: this one, unless the
        lease key that he saw is another one, of before."""
        with self._lock:
            held = self._held.get(key)
            return [] if held is not None and held.rev >= rev else self._give_up(key)

    def lost(self, key: bytes, rev: int) -> None:
        """A lease key, which may have been another client's, was deleted at a revision."""
        with self._lock:
            held = self._held.get(key)
            acquisition = self._acquiring.get(key)
            if held is not None and held.rev < rev:
                self._forget(key)
            elif acquisition is not None:
                acquisition.is_void = True

    def released(self, key: bytes) -> None:
        """The lease key of a key that was to be released is gone, or with its lease soon."""
        with self._lock:
            self._releasing[key] -= 1
            if not self._releasing[key]:
                del self._releasing[key]

    def clear(self) -> None:
        """All are lost."""
        with self._lock:
            self._held.clear()
            for acquisition in self._acquiring.values():
                acquisition.is_void = True

    def _give_up(self, key: bytes) -> list[bytes]:
        self._forget(key)
        self._releasing[key] += 1
        return [key]

    def _forget(self, key: bytes) -> None:
        acquisition = self._acquiring.get(key)
        if acquisition is not None:
            acquisition.is_void = True
        self._held.pop(key, None)
        self._bar(key)

    def _bar(self, key: bytes) -> None:
        """Have it not be acquired for a while."""
        now = self._now()
        self._barred.pop(key, None)
        self._barred[key] = now
        for old in list(itertools.takewhile(self._is_free, self._barred)):
            del self._barred[old]

    def _is_free(self, key: bytes) -> bool:
        """Whether a key may be acquired, as far as it was given up once."""
        barred = self._barred.get(key)
        return barred is None or self._now() - barred > BACK_OFF

    def _touched(self, op: PutOp | DeleteOp, among: Mapping[bytes, object]) -> list[bytes]:
        """The keys that an operation may write, or whose lease keys."""
        if isinstance(op, DeleteOp) and op.range_end:
            return [key for key in among if _covers(op, key) or _covers(op, self._prefix + key)]
        found = [op.key, op.key.removeprefix(self._prefix)]
        return [key for key in found if key in among]


def _covers(op: PutOp | DeleteOp, key: bytes) -> bool:
    """Whether an operation may write a key."""
    if isinstance(op, PutOp) or not op.range_end:
        return op.key == key
    return op.key <= key and (op.range_end == FROM_KEY_END or key < op.range_end)


def _puts_lease(op: PutOp | DeleteOp, key: bytes) -> bool:
    """Whether an operation has a key end with a lease, of which nobody would tell."""
    return isinstance(op, PutOp) and op.key == key and op.lease != 0


def _after(answer: GetResponse, op: PutOp | DeleteOp, header: ResponseHeader) -> GetResponse:
    """What a get of one key is answered after a write that was alone."""
    if isinstance(op, DeleteOp):
        return GetResponse(header)
    rev = header.revision
    if not answer.kvs:
        return GetResponse(header, (KeyValue(op.key, op.value, rev, rev, 1),), count=1)
    old = answer.kvs[0]
    value = old.value if op.ignore_value else op.value
    new = replace(old, value=value, mod_revision=rev, version=old.version + 1)
    return replace(answer, header=header, kvs=(new,))
