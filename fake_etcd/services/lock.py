"""The Lock service: Lock and Unlock.

The holder of a lock is the oldest key below its name; who wants it puts one of its own and waits
for those before it.
etcd: server/etcdserver/api/v3lock/lock.go, client/v3/concurrency/mutex.go.
"""

from __future__ import annotations

from collections.abc import Callable

from fake_etcd.api import messages as m
from fake_etcd.core.mvcc.encoding import varint
from fake_etcd.core.mvcc.prefixes import prefix_end
from fake_etcd.core.node import Node
from fake_etcd.services.call import Call
from fake_etcd.services.own_client import (
    OwnClient,
    first_created,
    key_of,
    refusal,
    was_created_at,
)
from fake_etcd.services.turn import Queuing

_EXPIRED = "mutex: session is expired"


def make_unlock(client: OwnClient) -> Callable[[m.UnlockRequest, Call], bytes]:
    """The handler of Unlock: any key may be deleted with it."""

    def unlock(request: m.UnlockRequest, call: Call) -> bytes:
        """Raises: what DeleteRange does, as `OwnClient` has it."""
        client.delete(call, request.key)
        return client.header()

    return unlock


class Locking(Queuing):
    """Receiver of one Lock.

    A caller that goes while it waits has its key deleted, in nobody's name: so where there are
    users the key stays, as long as its lease does.
    """

    __slots__ = ()

    def message(self, request: m.LockRequest) -> None:
        """Raises: what LeaseGrant, Txn and Range do, as `OwnClient` has it."""
        client = self._client
        prefix = request.name + b"/"
        lease = request.lease or client.grant(self._call)
        self._key = key_of(prefix, lease)
        if _is_plain(client.node, prefix) and not _is_there(client.node, self._key):
            self._acquire_plainly(prefix, lease)
        else:
            self._acquire(prefix, lease)

    def _acquire_plainly(self, prefix: bytes, lease: int) -> None:
        """What `_acquire` does where the key is new and nobody asks who calls, in a fifth of the
        time (`python -m bench --only locks`)."""
        client, store = self._client, self._client.node.store
        client.put(self._call, m.PutRequest(key=self._key, lease=lease))
        store.txns += 1  # as it would have been
        revision = store.current_revision
        if store.range(prefix, prefix_end(prefix), count_only=True).count == 1:
            self._answer(revision)
        else:
            self._wait(prefix, revision, self._has_come)

    def _acquire(self, prefix: bytes, lease: int) -> None:
        client, call = self._client, self._call
        answer = client.txn(call, _acquire(self._key, prefix, lease))
        mine = answer.header.revision
        if not answer.succeeded:
            mine = answer.responses[0].response_range.kvs[0].create_revision
        oldest = answer.responses[1].response_range.kvs
        if not oldest or oldest[0].create_revision == mine:
            self._answer(answer.header.revision)
        else:
            self._wait(prefix, mine, self._has_come)

    def _give_up(self, who: Call) -> None:
        self._client.delete(who, self._key)

    def _has_come(self) -> None:
        """The lock is the caller's, if its key is still there.

        Raises:
            StatusError: it is not, or the caller may no longer see it.
        """
        answer = self._client.get(self._call, m.RangeRequest(key=self._key))
        if not answer.kvs:
            raise refusal(_EXPIRED)
        self._answer(answer.header.revision)

    def _answer(self, revision: int) -> None:
        key = b"\x12" + varint(len(self._key)) + self._key
        self._answer_with(self._client.node.header(revision) + key)


def _is_plain(node: Node, prefix: bytes) -> bool:
    """Whether a transaction of two could not be refused for anything but its put."""
    config = node.config
    is_small = len(prefix) < config.max_request_bytes >> 10
    return is_small and config.max_txn_ops >= 2 and not node.auth.enabled


def _is_there(node: Node, key: bytes) -> bool:
    return bool(node.store.range(key, None).versions)


def _acquire(key: bytes, prefix: bytes, lease: int) -> m.TxnRequest:
    """Put the key unless it is there, and see who has the lock."""
    put = m.RequestOp(request_put=m.PutRequest(key=key, lease=lease))
    get = m.RequestOp(request_range=m.RangeRequest(key=key))
    owner = m.RequestOp(request_range=first_created(prefix))
    return m.TxnRequest(
        compare=[was_created_at(key, 0)], success=[put, owner], failure=[get, owner]
    )
