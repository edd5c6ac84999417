"""KV.RangeStream: a range in chunks, read at one revision, as fast as the caller takes them.

etcd: server/etcdserver/v3_server.go, rangeStream and adjustChunkLimit.
"""

from __future__ import annotations

from fake_etcd.api import messages as m
from fake_etcd.core.auth.tokens import AuthInfo
from fake_etcd.core.mvcc.encoding import varint
from fake_etcd.core.node import Node
from fake_etcd.services import access, kv_checks
from fake_etcd.services.call import Call, Sink
from fake_etcd.services.kv_range import encode, end_of, fields_of, in_order

_FIRST_CHUNK_KEYS = 10
_NO_LIMIT = (1 << 63) - 1


class RangeStream:
    """Receiver of one call.

    The first chunk has 10 keys. Each later one has twice as many or half as many where the last
    was outside half to twice of `max_request_bytes`. Chunks carry kvs only, the last one header,
    more and count too, where count is that of the whole range.
    """

    def __init__(self, node: Node, call: Call, sink: Sink) -> None:
        self._node = node
        self._call = call
        self._sink = sink
        self._info: AuthInfo | None = None
        self._request: m.RangeRequest | None = None
        self._end: bytes | None = None
        self._key = b""
        self._revision = 0  # what chunks are read at; 0 or less for the newest
        self._header_revision = 0
        self._sent = 0
        self._chunk_keys = _FIRST_CHUNK_KEYS
        self._total = _NO_LIMIT

    def message(self, request: m.RangeRequest) -> None:
        """The one request.

        Raises:
            what `kv_checks.check_range_stream` and the store raise; errors.INVALID_AUTH_TOKEN and
            what `AuthStore.check_range_permitted` does.
        """
        kv_checks.check_range_stream(request)
        self._info = access.auth_info(self._node, self._call)
        self._node.auth.check_range_permitted(self._info, request.key, request.range_end)
        self._key = request.key
        self._end = end_of(request.range_end)
        self._revision = request.revision
        if request.count_only:
            self._send_count()
            return
        self._request = request
        if request.limit:
            # A negative one is below the first chunk's size, and to a chunk it means no limit.
            self._total = request.limit
            self._chunk_keys = min(_FIRST_CHUNK_KEYS, request.limit)
        self.writable()

    def half_close(self) -> None:
        """Nothing to do: the one message is what counts."""

    def cancelled(self) -> None:
        """Reads nothing more."""
        self._request = None

    def writable(self) -> None:
        """Sends chunks until the sink is full or the range is at its end."""
        while self._request is not None:
            if not self._send_chunk(self._request):
                return

    def _send_count(self) -> None:
        result = self._node.store.range(
            self._key, self._end, revision=self._revision, count_only=True
        )
        header = self._node.header(result.revision)
        self._finish(header + (b"\x20" + varint(result.count) if result.count else b""))

    def _send_chunk(self, request: m.RangeRequest) -> bool:
        """Sends the next chunk; False where the caller should wait with the one after it.

        Raises:
            errors.COMPACTED: also half-way, when a compaction overtakes a slow reader.
        """
        limit = self._chunk_keys
        store = self._node.store
        result = store.range(
            self._key,
            self._end,
            revision=self._revision,
            limit=limit + 1 if limit > 0 else 0,
            total_count=False,
        )
        if not self._header_revision:
            self._header_revision = result.revision
            # A negative revision is never pinned: every chunk is read at the newest one.
            self._revision = self._revision or result.revision
        # With order NONE and a target other than KEY each chunk is sorted by itself, and the next
        # one begins behind its last key: some keys come twice and others never. So does 3.7.3.
        versions = in_order(result.versions, request)
        more = 0 < limit < len(versions)
        if more:
            versions = versions[:limit]
        self._sent += len(versions)
        fields = b"".join(fields_of(versions, request))
        if more:
            self._key = versions[-1].key + b"\0"
        if more and self._sent != self._total:
            self._adjust_chunk(len(fields), result.revision, result.count)
            return self._sink.send(_wrap(fields))
        count = self._sent
        if more:
            rest = store.range(self._key, self._end, revision=self._revision, count_only=True)
            count += rest.count
        header = self._node.header(self._header_revision)
        self._finish(encode(header, fields, more=more, count=count))
        return False

    def _adjust_chunk(self, kvs_bytes: int, revision: int, count: int) -> None:
        """etcd measures the chunk as a RangeResponse with a header that has the revision only."""
        header = 2 + 1 + len(varint(revision))
        size = header + kvs_bytes + 2 + 1 + len(varint(count))
        target = self._node.config.max_request_bytes
        if size < target // 2:
            self._chunk_keys *= 2
        elif size > target * 2:
            self._chunk_keys = max(self._chunk_keys // 2, 1)
        self._chunk_keys = min(self._chunk_keys, self._total - self._sent)

    def _finish(self, response: bytes) -> None:
        self._request = None
        self._sink.send(_wrap(response))
        access.check_unchanged(self._node, self._info)  # it may have been refused by now
        self._sink.close()


def _wrap(response: bytes) -> bytes:
    """A RangeResponse as the one field of a RangeStreamResponse."""
    return b"\x0a" + varint(len(response)) + response
