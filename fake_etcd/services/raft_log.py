"""What a request is in etcd's log: how large it may be there, and its place.

The entry is the request as a field of an InternalRaftRequest, beside a header (field 100) with an
id of its own and the name of who called. etcd: server/etcdserver/v3_server.go,
processInternalRaftRequestOnce; api/etcdserverpb/raft_internal.proto.
"""

from __future__ import annotations

from functools import lru_cache

from fake_etcd.api import errors
from fake_etcd.core.auth.tokens import AuthInfo
from fake_etcd.core.cluster import request_id_size
from fake_etcd.core.mvcc.encoding import varint
from fake_etcd.core.node import Node

_HEADER_TAG_BYTES = 2
KV_TAG_BYTES = 1
"""Of the requests of KV and Lease."""
AUTH_TAG_BYTES = 2
"""Of those of Auth, whose fields have numbers of 1000 and more."""

SHORT_NAME = 32
"""Characters of a name that `LARGEST_CALLER` has, each of four bytes."""

LARGEST_CALLER = AuthInfo("\U0010ffff" * SHORT_NAME, (1 << 63) - 1)
"""What it may write, everybody may whose name is no longer in characters."""


def largest_write(node: Node, info: AuthInfo | None = None) -> int:
    """Bytes of the largest request of KV that is accepted from this caller; None has no name.

    -1 where none is.
    """
    header = _header_of(node, info)
    room = node.config.max_request_bytes - header - KV_TAG_BYTES
    size = room - 1
    while size >= 0 and len(varint(size)) + size > room:
        size -= 1
    return max(size, -1)


def check_size(node: Node, info: AuthInfo | None, size: int, tag_bytes: int = KV_TAG_BYTES) -> None:
    """Looks at the size of an encoded request, in bytes, of this caller.

    Raises:
        errors.REQUEST_TOO_LARGE
    """
    entry = tag_bytes + len(varint(size)) + size + _header_of(node, info)
    if entry > node.config.max_request_bytes:
        raise errors.REQUEST_TOO_LARGE


def propose(node: Node, info: AuthInfo | None, size: int, tag_bytes: int = KV_TAG_BYTES) -> None:
    """Puts a request of this caller into the log, of which nothing but its length is kept.

    What is wrong with a request where etcd looks only at its turn comes behind this.

    Args:
        node: whose.
        info: who asks.
        size: bytes of the encoded request.
        tag_bytes: of its field in the entry.

    Raises:
        errors.REQUEST_TOO_LARGE: it is not put there.
    """
    check_size(node, info, size, tag_bytes)
    node.raft_index += 1


def _header_of(node: Node, info: AuthInfo | None) -> int:
    id_size = request_id_size(node.member_id)
    if info is None:
        return _header_size(id_size, "", 0)
    return _header_size(id_size, info.username, info.revision)


@lru_cache(1_024)  # the same few callers ask over and over
def _header_size(id_size: int, username: str, revision: int) -> int:
    size = 1 + id_size
    if username:
        name = len(username.encode())
        size += 1 + len(varint(name)) + name
    if revision:
        size += 1 + len(varint(revision))
    return _HEADER_TAG_BYTES + len(varint(size)) + size
