"""etcd's client of itself: through it Lock and Election do what they do with keys.

It asks the handlers of KV and Lease in the name of whoever called, and an error of theirs has its
text left and no code. What it does when a caller has gone, it does in nobody's name.
etcd: server/etcdserver/api/v3client/v3client.go, server/proxy/grpcproxy/adapter, client/v3.
"""

from __future__ import annotations

from google.protobuf.message import Message

from fake_etcd.api import errors
from fake_etcd.api import messages as m
from fake_etcd.api.status import Code, Status
from fake_etcd.core.mvcc.prefixes import prefix_end
from fake_etcd.core.mvcc.watch import Watcher
from fake_etcd.core.node import Node
from fake_etcd.services import kv, lease, watch
from fake_etcd.services.call import Call, UnaryHandler

_SESSION_SECONDS = 60
"""Of a lease that is granted to who brings none (etcd: concurrency/session.go)."""

_ASCEND, _DESCEND = m.RangeRequest.ASCEND, m.RangeRequest.DESCEND
_CREATE = m.RangeRequest.CREATE


def refusal(text: str) -> errors.StatusError:
    """How an error ends a call that the client of etcd's own was at work for.

    grpc-go knows the code of a status only, and the client's errors are none.
    """
    return errors.StatusError(Status(Code.UNKNOWN, text))


class OwnClient:
    """A node's.

    Each method raises `errors.StatusError` with what its handler refuses.

    Args:
        node: whose.
    """

    def __init__(self, node: Node) -> None:
        self.node = node
        handlers = kv.unary(node)
        self._range = handlers["range"]
        self._put = handlers["put"]
        self._txn = handlers["txn"]
        self._delete_range = handlers["delete_range"]
        self._grant = lease.unary(node)["grant"]
        self._first: Call | None = None
        self._watchers = 0

    def grant(self, call: Call) -> int:
        """The id of a new lease."""
        answer = _ask(self._grant, m.LeaseGrantRequest(TTL=_SESSION_SECONDS), call)
        return m.LeaseGrantResponse.FromString(answer).ID

    def get(self, call: Call, request: m.RangeRequest) -> m.RangeResponse:
        """A range."""
        return m.RangeResponse.FromString(_ask(self._range, request, call))

    def txn(self, call: Call, request: m.TxnRequest) -> m.TxnResponse:
        """A transaction."""
        return m.TxnResponse.FromString(_ask(self._txn, request, call))

    def put(self, call: Call, request: m.PutRequest) -> None:
        """Puts a key."""
        _ask(self._put, request, call)

    def delete(self, call: Call, key: bytes) -> None:
        """Deletes one key, or none."""
        _ask(self._delete_range, m.DeleteRangeRequest(key=key), call)

    def header(self) -> bytes:
        """That of an answer to what was just done, as field 1 of another answer."""
        return self.node.header(self.node.store.current_revision)

    def watch(self, call: Call, watcher: Watcher) -> None:
        """Begin to watch.

        All watchers share one stream while there are any, so that the first one's caller is asked
        for as long: who comes later sees what that one may see (etcd: client/v3/watch.go,
        streamKeyFromCtx, which looks at the metadata of calls that go out, and here none does).

        Raises:
            StatusError: the first one's caller may not.
        """
        first = self._first or call
        range_end = watcher.range_end or b""
        refused = watch.refused_to(self.node, first, watcher.key, range_end)
        if refused is not None:
            raise refusal(refused)
        self._first = first
        self._watchers += 1
        self.node.watches.add(watcher)

    def unwatch(self, watcher: Watcher) -> None:
        """Watch no more; what was watched by `watch`, once."""
        self.node.watches.remove(watcher)
        self._watchers -= 1
        if not self._watchers:
            self._first = None


def _ask(handler: UnaryHandler, request: Message, call: Call) -> bytes:
    try:
        return handler(request, call)
    except errors.EtcdError as error:
        raise refusal(error.message) from None


# Requests


def first_created(prefix: bytes) -> m.RangeRequest:
    """The oldest key of a prefix."""
    return m.RangeRequest(
        key=prefix, range_end=prefix_end(prefix), limit=1, sort_order=_ASCEND, sort_target=_CREATE
    )


def last_created(prefix: bytes, most: int) -> m.RangeRequest:
    """The newest key of a prefix that is as old as the revision `most`."""
    return m.RangeRequest(
        key=prefix,
        range_end=prefix_end(prefix),
        limit=1,
        sort_order=_DESCEND,
        sort_target=_CREATE,
        max_create_revision=most,
    )


def was_created_at(key: bytes, revision: int) -> m.Compare:
    """Whether the key that is there was created then; 0: there is none."""
    return m.Compare(key=key, target=m.Compare.CREATE, create_revision=revision)


def key_of(prefix: bytes, lease_id: int) -> bytes:
    """The key of who holds that lease.

    >>> key_of(b"l/", 0x1f), key_of(b"l/", -0x1f)
    (b'l/1f', b'l/-1f')
    """
    return prefix + b"%x" % lease_id
