"""Maintenance.Hash and HashKV: calls that go through all keys, in slices between other calls.

etcd: server/etcdserver/api/v3rpc/maintenance.go.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from fake_etcd.api import messages as m
from fake_etcd.api.errors import EtcdError
from fake_etcd.core.mvcc.hash import Hashing
from fake_etcd.core.mvcc.reading import Reading
from fake_etcd.core.node import Node
from fake_etcd.core.snapshot.hash import HashingAll
from fake_etcd.services import access
from fake_etcd.services.call import Call, Sink
from fake_etcd.services.one_answer import OneAnswer


class _Asked(OneAnswer, ABC):
    """Receiver of one call: answers once its hash is there."""

    def __init__(self, node: Node, call: Call, sink: Sink) -> None:
        super().__init__(call, sink)
        self._node = node
        self._reading: Reading | None = None

    def cancelled(self) -> None:
        """The rest is not read."""
        if self._reading is not None:
            self._node.forget_reading(self._reading)

    def _read(self, reading: Reading) -> None:
        self._reading = reading
        self._node.read(reading, self._end)

    def _end(self) -> None:
        try:
            answer = self._answer()
        except EtcdError as error:
            self._sink.close(error.status)
            return
        self._answer_with(answer)

    @abstractmethod
    def _answer(self) -> bytes:
        """Encoded, of what was read; may raise EtcdError."""


class HashAll(_Asked):
    """Receiver of one Hash."""

    def message(self, request: m.HashRequest) -> None:
        """Raises: what `access.require_admin` does."""
        access.require_admin(self._node, self._call)
        self._hashing = HashingAll(self._node)
        self._read(self._hashing)

    def _answer(self) -> bytes:
        answer = m.HashResponse(hash=self._hashing.result())
        header = self._node.header(self._node.store.current_revision)
        return header + answer.SerializeToString()


class HashKV(_Asked):
    """Receiver of one HashKV; of what there is when it comes, whatever changes meanwhile."""

    def message(self, request: m.HashKVRequest) -> None:
        """Raises: what `access.require_admin` and `Store.hashing` do."""
        access.require_admin(self._node, self._call)
        self._hashing: Hashing = self._node.store.hashing(request.revision)
        self._read(self._hashing)

    def _answer(self) -> bytes:
        found = self._hashing.result()
        answer = m.HashKVResponse(
            hash=found.hash, compact_revision=found.compact_revision, hash_revision=found.revision
        )
        return self._node.header(self._hashing.current_revision) + answer.SerializeToString()
