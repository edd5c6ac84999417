"""The key index: which versions each key has, and which keys live.

Reads find their versions here; revision numbers are given out and checked in `Store`. etcd:
server/storage/mvcc/index.go and key_index.go. Where etcd has one tree of keys with generations,
we part the keys by their newest version, because nearly all reads ask for the newest state:

    live        key -> newest version, of keys that exist now
    live_keys   the same keys, sorted
    dead        key -> tombstone, of keys that are deleted but not compacted away
    dead_keys   the same keys, sorted
    histories   key -> all its versions, oldest first, of keys with more than one

So the newest state is read without a look at any history: a point read is one dictionary look-up,
a range is a slice of `live_keys` looked up in `live`, and a count is the difference of two
bisections. A key that was written once costs no list. A generation, in etcd's words, is the run
of versions up to a tombstone. etcd's own example, put(1) put(2) tombstone(3) put(4) tombstone(5)
of key "foo", ends as

    dead:      foo -> 5t
    histories: foo -> [1, 2, 3t, 4, 5t]

    cut at 2   [2, 3t, 4, 5t]
    cut at 4   [4, 5t]          3t is older than 4: nobody can ask for revision 3 any more
    cut at 5   dead: foo -> 5t  a single version needs no history; a tombstone exactly at the
                                compact revision stays until the next compaction
    cut at 6   nothing is left of foo

A long history is cut a piece at a time: first its old versions are overwritten with `GONE`, which
counts as a tombstone of revision 0 and so keeps the list sorted, then all of them go at once.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from itertools import islice, pairwise
from operator import attrgetter, itemgetter

from fake_etcd.core.damaged import Damaged
from fake_etcd.core.mvcc.sorted_keys import SortedKeys, new_sorted_keys
from fake_etcd.core.mvcc.version import Version

GONE = Version(0, 0, 0, 0, 0, b"\x12\x00")
"""Stands in a history for versions that compaction has dropped, until the list is cut."""

_mod_revision = attrgetter("mod_revision")


class KeyIndex:
    """Versions by key. n is the number of live keys, d of dead ones, h one key's history."""

    __slots__ = ("dead", "dead_keys", "histories", "live", "live_keys")

    def __init__(self) -> None:
        # Plain dictionaries beside sorted lists, not SortedDict: setting the value of a key that
        # is there takes 20 ns and not 210.
        self.live: dict[bytes, Version] = {}
        self.live_keys: SortedKeys = new_sorted_keys()
        self.dead: dict[bytes, Version] = {}
        self.dead_keys: SortedKeys = new_sorted_keys()
        self.histories: dict[bytes, list[Version]] = {}

    # Writing

    def replace(self, key: bytes, old: Version, new: Version) -> None:
        """A put of a live key whose newest version is `old`. O(1)."""
        self.live[key] = new
        self._extend(key, old, new)

    def create(self, key: bytes, new: Version) -> Version | None:
        """A put of a key that does not live. O(log (n + d)).

        Returns:
            the tombstone that it follows, if the key once lived and is not compacted away.
        """
        tombstone = None
        if self.dead and (tombstone := self.dead.pop(key, None)) is not None:
            self.dead_keys.remove(key)
            self._extend(key, tombstone, new)
        self.live[key] = new
        self.live_keys.add(key)
        return tombstone

    def load(self, versions: Iterable[tuple[bytes, Version]]) -> Iterator[Version]:
        """File versions that come in order of revisions, into an index that has nothing yet.

        Returns:
            the same ones as they are filed; once all were taken, the index is whole.

        Raises:
            Damaged: a version does not follow the one before it of its key.
        """
        heads: dict[bytes, Version] = {}
        for key, version in versions:
            old = heads.get(key)
            heads[key] = version
            if old is not None:
                if not _follows(version, old):
                    raise Damaged(f"key {key!r}: {version!r} cannot follow {old!r}")
                self._extend(key, old, version)
            yield version
        for key, version in heads.items():
            (self.live if version.version else self.dead)[key] = version
        self.live_keys.update(self.live)
        self.dead_keys.update(self.dead)

    def undo_put(self, key: bytes, previous: Version | None) -> None:
        """Take back `replace` or `create`; `previous` was the key's newest version before."""
        if previous is None:
            del self.live[key]
            self.live_keys.remove(key)
            return
        self._shorten(key)
        if previous.version:
            self.live[key] = previous
        else:
            del self.live[key]
            self.live_keys.remove(key)
            self.dead[key] = previous
            self.dead_keys.add(key)

    def bury_key(self, key: bytes, main: int, sub: int) -> Version:
        """Delete a live key; returns its tombstone. O(log (n + d))."""
        tombstone = self._bury(key, main, sub)
        self.live_keys.remove(key)
        self.dead_keys.add(key)
        return tombstone

    def bury(self, start: int, stop: int, main: int, sub: int) -> list[Version]:
        """Delete the live keys at `live_keys[start:stop]`, at sub revisions from `sub` on.

        Returns:
            their tombstones, in order of keys. O(keys * log (n + d)).
        """
        keys = self.live_keys[start:stop]
        tombstones = [self._bury(key, main, sub + place) for place, key in enumerate(keys)]
        del self.live_keys[start:stop]
        self.dead_keys.update(keys)
        return tombstones

    def _bury(self, key: bytes, main: int, sub: int) -> Version:
        tombstone = Version.of_delete(key, main, sub)
        self._extend(key, self.live.pop(key), tombstone)
        self.dead[key] = tombstone
        return tombstone

    def undo_bury(self, tombstones: Sequence[Version]) -> None:
        """Take `bury` back."""
        keys = [tombstone.key for tombstone in tombstones]
        for key in keys:
            del self.dead[key]
            self.dead_keys.remove(key)
            self.live[key] = self.histories[key][-2]
            self._shorten(key)
        self.live_keys.update(keys)

    def _extend(self, key: bytes, old: Version, new: Version) -> None:
        history = self.histories.get(key)
        if history is None:
            self.histories[key] = [old, new]
        else:
            history.append(new)

    def _shorten(self, key: bytes) -> None:
        """Take the newest version off a history."""
        history = self.histories[key]
        history.pop()
        if len(history) == 1:
            del self.histories[key]

    # Reading the newest state

    def span(self, key: bytes, range_end: bytes) -> tuple[int, int]:
        """Where in `live_keys` the live keys of [key, range_end) lie; b"" has no end. O(log n)."""
        return _span(self.live_keys, key, range_end)

    def newest(self, start: int, stop: int) -> list[Version]:
        """The newest versions of `live_keys[start:stop]`. O(log n + answer)."""
        # One call that looks all keys up in C: 1,000 keys in 20 us; a map over `live.__getitem__`
        # takes 35 us, irange with a step in Python for each key 65 us.
        keys = self.live_keys[start:stop]
        if len(keys) < 2:
            return [self.live[key] for key in keys]
        return list(itemgetter(*keys)(self.live))

    # Reading an older state

    def at(self, key: bytes, revision: int) -> Version | None:
        """A key's version at a main revision, None where it did not live. O(log h)."""
        history = self.histories.get(key)
        if history is None:
            only = self.live.get(key)
            return only if only is not None and only.mod_revision <= revision else None
        place = bisect_right(history, revision, key=_mod_revision)
        if place:
            version = history[place - 1]
            if version.version:
                return version
        return None

    def count_at(self, key: bytes, range_end: bytes, revision: int) -> int:
        """How many keys of [key, range_end) lived. O(live and dead keys in it * log h)."""
        return sum(1 for _ in self._walk_at(self._keys(key, range_end), revision))

    def range_at(
        self, key: bytes, range_end: bytes, revision: int, limit: int, total_count: bool
    ) -> tuple[list[Version], int]:
        """The versions of [key, range_end) at a main revision, in order of keys.

        Returns:
            at most `limit` of them (0: all), and the count: of all with `total_count`, else of
            those given. O(live and dead keys in it * log h); without `total_count` only as many
            keys are looked at as it takes to find `limit`.
        """
        if not limit or total_count:
            found = list(self._walk_at(self._keys(key, range_end), revision))
            return found[:limit] if limit else found, len(found)
        found = list(islice(self._walk_at(self._iterate_keys(key, range_end), revision), limit))
        return found, len(found)

    def find_at(self, key: bytes, revision: int, most: int) -> tuple[Version | None, bytes | None]:
        """The first version at a main revision of a key from `key` on, among `most` keys.

        Returns:
            it, if there was one, and the key to go on with; None where no key is left. O(most).
        """
        for looked, each in enumerate(self._iterate_keys(key, b""), 1):
            version = self.at(each, revision)
            if version is not None or looked == most:
                return version, each + b"\0"
        return None, None

    def _walk_at(self, keys: Iterator[bytes], revision: int) -> Iterator[Version]:
        at = self.at
        for key in keys:
            version = at(key, revision)
            if version is not None:
                yield version

    def _keys(self, key: bytes, range_end: bytes) -> Iterator[bytes]:
        """Live and dead keys of a range, in order, at once."""
        start, stop = _span(self.live_keys, key, range_end)
        keys = self.live_keys[start:stop]
        start, stop = _span(self.dead_keys, key, range_end)
        if start < stop:
            keys += self.dead_keys[start:stop]
            keys.sort()  # merges two sorted runs: linear
        return iter(keys)

    def _iterate_keys(self, key: bytes, range_end: bytes) -> Iterator[bytes]:
        """The same, one after another as they are asked for."""
        live = self.live_keys.islice(*_span(self.live_keys, key, range_end))
        start, stop = _span(self.dead_keys, key, range_end)
        return merge(live, self.dead_keys.islice(start, stop)) if start < stop else live

    # Compaction

    def superseded(self, key: bytes, revision: int, most: int) -> tuple[list[Version], bool]:
        """What a compaction at `revision` drops of one key, oldest first: at most `most`.

        All versions older than the newest one up to `revision`, and that one too if it is a
        tombstone older than `revision`. etcd: key_index.go, compact; where one revision holds a
        tombstone and then a put of the same key, which no request can bring about, etcd's keeps
        the tombstone and loses the put, and we keep the put.

        Returns:
            versions for `cut`, and whether more are left. O(log h + answer).
        """
        history = self.histories.get(key)
        if history is None:
            only = self.dead.get(key)
            return [only] if only is not None and only.mod_revision < revision else [], False
        kept = bisect_right(history, revision, key=_mod_revision) - 1
        if kept >= 0 and not history[kept].version and history[kept].mod_revision < revision:
            kept += 1
        gone = bisect_right(history, 0, key=_mod_revision)
        return history[gone : min(kept, gone + most)], kept > gone + most

    def cut(self, key: bytes, dropped: Sequence[Version], more: bool) -> int:
        """Forget the oldest versions of a key, as `superseded` gave them.

        O(dropped), and one move of the list's rest when no more is to come.

        Returns:
            how many had been overwritten before, for `undo_cut`.
        """
        history = self.histories.get(key)
        if history is None:
            del self.dead[key]
            self.dead_keys.remove(key)
            return 0
        gone = bisect_right(history, 0, key=_mod_revision)
        if more:
            history[gone : gone + len(dropped)] = [GONE] * len(dropped)
            return gone
        del history[: gone + len(dropped)]
        if len(history) < 2:
            del self.histories[key]
            if not history:
                del self.dead[key]
                self.dead_keys.remove(key)
        return gone

    def undo_cut(self, key: bytes, dropped: Sequence[Version], more: bool, gone: int) -> None:
        """Take `cut` back, which returned `gone`."""
        history = self.histories.get(key)
        if more:
            assert history is not None, "only a history is cut in pieces"
            history[gone : gone + len(dropped)] = dropped
            return
        front = [GONE] * gone + list(dropped)
        if history is not None:
            history[:0] = front
            return
        newest = self.live.get(key) or self.dead.get(key)
        if newest is not None:
            front.append(newest)
        else:
            self.dead[key] = front[-1]
            self.dead_keys.add(key)
        if len(front) > 1:
            self.histories[key] = front

    def check(self) -> None:
        """Assert the invariants that hold whatever the revisions are. O(all versions)."""
        for keys, heads in ((self.live_keys, self.live), (self.dead_keys, self.dead)):
            assert list(keys) == sorted(heads), "the sorted keys are the dictionary's keys"
            for key, head in heads.items():
                assert head.key == key, "a version carries the key that it is filed under"
        assert not self.live.keys() & self.dead.keys(), "no key is both live and dead"
        assert all(head.version for head in self.live.values()), "a live key ends in a put"
        assert not any(head.version for head in self.dead.values()), "a dead key in a tombstone"
        for key, history in self.histories.items():
            assert len(history) > 1, "a key with a single version has no history"
            newest = self.live.get(key) or self.dead.get(key)
            assert history[-1] is newest, "the last version of a history is the key's newest"
            gone = history.count(GONE)
            assert history[:gone] == [GONE] * gone, "versions are dropped from the oldest on"
            assert gone < len(history), "the newest version of a history is never overwritten"
            self._check_history(key, history[gone:])

    @staticmethod
    def _check_history(key: bytes, history: Sequence[Version]) -> None:
        for version in history:
            assert version.key == key, "a version carries the key that it is filed under"
            if version.version:
                assert version.create_revision <= version.mod_revision, "creation comes first"
        for old, new in pairwise(history):
            assert old.revision < new.revision, "a history is in order of revisions"
            if not old.version:
                assert new.version, "a tombstone follows a put, never another tombstone"
                assert new.version == 1, "the first put after a tombstone counts from 1"
                assert new.create_revision == new.mod_revision, "and creates the key"
            elif new.version:
                assert new.version == old.version + 1, "each put counts one more"
                assert new.create_revision == old.create_revision, "in the same generation"


def _follows(version: Version, old: Version) -> bool:
    """Whether a version of a key can be the next one after another."""
    if not version.version:
        return bool(old.version)
    if not old.version:
        return version.version == 1 and version.create_revision == version.mod_revision
    return version.version == old.version + 1 and version.create_revision == old.create_revision


def _span(keys: SortedKeys, key: bytes, range_end: bytes) -> tuple[int, int]:
    start = keys.bisect_left(key)
    return start, max(start, keys.bisect_left(range_end)) if range_end else len(keys)
