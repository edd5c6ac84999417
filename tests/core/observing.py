"""What a test sees of a store: answers in the naive store's terms, and photographs of it."""

from __future__ import annotations

from fake_etcd.api import errors
from fake_etcd.core.mvcc import RangeResult, Store, Version

from .naive_store import Answer, Event, KeyValue


def key_value(version: Version) -> KeyValue:
    return KeyValue(
        version.key,
        version.value,
        version.create_revision,
        version.mod_revision,
        version.version,
        version.lease,
    )


def answer(result: RangeResult) -> tuple[Answer, int, int]:
    return tuple(map(key_value, result.versions)), result.count, result.revision


def event(version: Version) -> Event:
    value = None if version.is_tombstone else version.value
    return Event(version.mod_revision, version.sub, version.key, value, version.lease)


def history(store: Store, revision: int = 0) -> list[Event]:
    return list(map(event, store.versions_since(revision)))


def reason(error: errors.EtcdError) -> str:
    """The name of a refusal in the table of errors."""
    for name in ("COMPACTED", "FUTURE_REV"):
        if type(error) is getattr(errors, name):
            return name
    raise AssertionError(f"{error!r} is no refusal of the store's")


def photograph(store: Store) -> tuple[object, ...]:
    """All of a store's state, down to which version objects lie where.

    Looks behind the store's front on purpose: "as before" is to mean that nothing of what the
    store will ever do can differ.
    """
    index = store._index
    return (
        store.current_revision,
        store.compact_revision,
        store._background._asked,
        store._background.compaction.walk,
        dict(index.live),
        list(index.live_keys),
        dict(index.dead),
        list(index.dead_keys),
        {key: list(versions) for key, versions in index.histories.items()},
        list(store.versions_since(0)),
        store._log.last,
    )
