"""Direct reads and writes for a test that needs no client, on ours or on a real etcd.

They are calls like a client's, but go past faults and history.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from google.protobuf.message import Message

from fake_etcd.api import messages as m
from fake_etcd.testing import seed

Text = str | bytes
"""A key or value; text means its UTF-8."""

Ask = Callable[[str, Sequence[Message]], list[Any]]
"""The answers to calls of a method ("/etcdserverpb.KV/Put"), made in a row."""

_EVERYTHING = b"\0"


class Store:
    """The keys of an etcd.

    A refusal of the server's is raised as `api.errors.EtcdError`, with its text.

    Args:
        ask: makes calls.

    >>> from fake_etcd.testing import FakeEtcd
    >>> with FakeEtcd() as etcd:
    ...     etcd.store.put("a", "1")
    ...     etcd.store.get("a"), etcd.store.get("b")
    ...     etcd.store.delete("a")
    ...     etcd.store.load({"b/1": "x", "b/2": "y"})
    ...     etcd.store.dump()
    2
    (b'1', None)
    True
    {'b/1': 'x', 'b/2': 'y'}
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    @property
    def revision(self) -> int:
        """The store's current revision; 1 in one that nothing was ever written to."""
        request = m.RangeRequest(key=_EVERYTHING, count_only=True)
        (answer,) = self._ask("/etcdserverpb.KV/Range", [request])
        return int(answer.header.revision)

    def get(self, key: Text) -> bytes | None:
        """A key's value; None where there is no such key."""
        (answer,) = self._ask("/etcdserverpb.KV/Range", [m.RangeRequest(key=_bytes(key))])
        return answer.kvs[0].value if answer.kvs else None

    def items(self, prefix: Text = "") -> list[tuple[bytes, bytes]]:
        """All keys that begin so, with their values, in the order of keys."""
        start = _bytes(prefix)
        request = m.RangeRequest(key=start or _EVERYTHING, range_end=_prefix_end(start))
        (answer,) = self._ask("/etcdserverpb.KV/Range", [request])
        return [(kv.key, kv.value) for kv in answer.kvs]

    def first(self, most: int) -> tuple[list[tuple[bytes, bytes]], int]:
        """The first keys with their values, so many at most; and how many keys there are."""
        request = m.RangeRequest(key=_EVERYTHING, range_end=_EVERYTHING, limit=most)
        (answer,) = self._ask("/etcdserverpb.KV/Range", [request])
        return [(kv.key, kv.value) for kv in answer.kvs], int(answer.count)

    def put(self, key: Text, value: Text, *, lease: int = 0) -> int:
        """Put a key.

        Returns:
            The revision that this made.
        """
        request = m.PutRequest(key=_bytes(key), value=_bytes(value), lease=lease)
        (answer,) = self._ask("/etcdserverpb.KV/Put", [request])
        return int(answer.header.revision)

    def delete(self, key: Text) -> bool:
        """Delete a key.

        Returns:
            Whether it was there.
        """
        request = m.DeleteRangeRequest(key=_bytes(key))
        (answer,) = self._ask("/etcdserverpb.KV/DeleteRange", [request])
        return bool(answer.deleted)

    def load(self, mapping: Mapping[Any, Any]) -> None:
        """Put what a mapping asks for, in its order, each key with a revision of its own.

        Args:
            mapping: keys to values: text, bytes, or what else `testing.seed` says.

        Raises:
            ValueError: it is not understood; nothing was put then.
        """
        self._put_all(seed.entries(mapping, "load"))

    def plant(self, source: str | os.PathLike[str] | Mapping[Any, Any]) -> None:
        """The same for a mapping or the path of a file; see `FakeEtcd.seed`."""
        if isinstance(source, Mapping):
            self._put_all(seed.entries(source))
        else:
            self._put_all(seed.read(source))

    def _put_all(self, entries: Sequence[seed.Entry]) -> None:
        grants: list[Message] = [
            m.LeaseGrantRequest(TTL=entry.ttl_seconds)
            for entry in entries
            if entry.ttl_seconds is not None
        ]
        ids = iter(self._ask("/etcdserverpb.Lease/LeaseGrant", grants) if grants else ())
        puts: list[Message] = [
            m.PutRequest(
                key=entry.key,
                value=entry.value,
                lease=0 if entry.ttl_seconds is None else next(ids).ID,
            )
            for entry in entries
        ]
        self._ask("/etcdserverpb.KV/Put", puts)

    def dump(self) -> dict[Text, Text]:
        """All keys and values, in the order of keys: as text where they are UTF-8, else bytes.

        What it gives can be given to `load`.
        """
        return {_text(key): _text(value) for key, value in self.items()}

    def __repr__(self) -> str:
        return f"<Store of {self.first(1)[1]} keys, revision {self.revision}>"


def _bytes(text: Text) -> bytes:
    return text.encode() if isinstance(text, str) else text


def _text(raw: bytes) -> Text:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw


def _prefix_end(prefix: bytes) -> bytes:
    """The first key behind all that begin so; a zero byte where there is none."""
    cut = prefix.rstrip(b"\xff")
    return cut[:-1] + bytes((cut[-1] + 1,)) if cut else b"\0"
