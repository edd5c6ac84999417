"""A small client for the examples: the calls that they make, on any `grpc.Channel`.

Your application has another one, and any will do: it is the tests that are shown here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message

from fake_etcd.api import messages as m

T = TypeVar("T")
M = TypeVar("M", bound=Message)


class Lost(Exception):
    """There was no answer, and nobody knows whether the call was carried out."""


def retried(call: Callable[[], T], attempts: int = 3) -> T:
    """Make a call again when its answer is lost: for calls that may be carried out twice.

    It does not pause: each attempt waits until there is a connection.

    Raises:
        Lost: no attempt had an answer.
    """
    for _ in range(attempts - 1):
        with suppress(Lost):
            return call()
    return call()


class Etcd:
    """An etcd.

    Args:
        channel: leads to it.
        timeout_seconds: the longest that a call may take, other than `watch`.
    """

    def __init__(self, channel: grpc.Channel, timeout_seconds: float = 5.0) -> None:
        self._channel = channel
        self._timeout_seconds = timeout_seconds

    def txn(
        self,
        *,
        compare: Iterable[m.Compare] = (),
        success: Iterable[m.RequestOp] = (),
        failure: Iterable[m.RequestOp] = (),
    ) -> m.TxnResponse:
        """Do `success` where all of `compare` is true, else `failure`.

        Raises:
            Lost: it is for the caller to say whether it may be carried out twice.
        """
        request = m.TxnRequest(compare=compare, success=success, failure=failure)
        return self._unary("KV/Txn", request, m.TxnResponse)

    def get(self, key: bytes) -> m.KeyValue:
        """A key; where it is not there its revisions and its lease are 0."""
        request = m.RangeRequest(key=key)
        found = retried(lambda: self._unary("KV/Range", request, m.RangeResponse))
        return found.kvs[0] if found.kvs else m.KeyValue(key=key)

    def items(self, prefix: bytes) -> m.RangeResponse:
        """All keys that begin so, and the revision at which they were."""
        request = m.RangeRequest(key=prefix, range_end=end_of(prefix))
        return retried(lambda: self._unary("KV/Range", request, m.RangeResponse))

    def put(self, key: bytes, value: bytes, lease: int = 0) -> None:
        """Put a key; it goes when its lease does."""
        request = m.PutRequest(key=key, value=value, lease=lease)
        retried(lambda: self._unary("KV/Put", request, m.PutResponse))

    def watch(self, prefix: bytes, start_revision: int) -> Watch:
        """What happens to keys that begin so, from a revision on."""
        create = m.WatchCreateRequest(
            key=prefix, range_end=end_of(prefix), start_revision=start_revision
        )
        request = m.WatchRequest(create_request=create)
        return Watch(self._stream("Watch/Watch", request, m.WatchResponse, None))

    def compact(self, revision: int) -> None:
        """Forget what was before a revision. Nothing where that was done already."""
        request = m.CompactionRequest(revision=revision)
        try:
            retried(lambda: self._unary("KV/Compact", request, m.CompactionResponse))
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.OUT_OF_RANGE:
                raise

    def grant(self, ttl_seconds: int) -> int:
        """A new lease. One whose answer is lost is nobody's, and ends by itself."""
        request = m.LeaseGrantRequest(TTL=ttl_seconds)
        return retried(lambda: self._unary("Lease/LeaseGrant", request, m.LeaseGrantResponse)).ID

    def keep_alive(self, lease: int) -> bool:
        """Have a lease begin anew. False where it has ended.

        Raises:
            Lost: the next beat makes up for it.
        """
        request = m.LeaseKeepAliveRequest(ID=lease)
        method, seconds = "Lease/LeaseKeepAlive", self._timeout_seconds
        answers = self._stream(method, request, m.LeaseKeepAliveResponse, seconds)
        try:
            with _told_apart():
                return bool(next(answers).TTL)
        finally:
            answers.cancel()

    def revoke(self, lease: int) -> None:
        """End a lease and its keys. Nothing where it has ended already."""
        request = m.LeaseRevokeRequest(ID=lease)
        try:
            retried(lambda: self._unary("Lease/LeaseRevoke", request, m.LeaseRevokeResponse))
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.NOT_FOUND:
                raise

    def _unary(self, method: str, request: Message, answer: type[M]) -> M:
        call = self._channel.unary_unary(
            f"/etcdserverpb.{method}", type(request).SerializeToString, answer.FromString
        )
        with _told_apart():
            return call(request, timeout=self._timeout_seconds, wait_for_ready=True)

    def _stream(
        self, method: str, request: Message, answer: type[Message], timeout: float | None
    ) -> Any:
        """The answers to one request; etcd leaves the stream open behind it."""
        call = self._channel.stream_stream(
            f"/etcdserverpb.{method}", type(request).SerializeToString, answer.FromString
        )
        return call(iter([request]), timeout=timeout, wait_for_ready=True)


class Watch:
    """An open watch: an iterator that waits for the next answer.

    Raises:
        Lost: from `next`; watch anew from the first revision that was not told of.
    """

    def __init__(self, answers: Any) -> None:
        self._answers = answers

    def __iter__(self) -> Iterator[m.WatchResponse]:
        return self

    def __next__(self) -> m.WatchResponse:
        with _told_apart():
            answer: m.WatchResponse = next(self._answers)
            return answer

    def close(self) -> None:
        """Watch no more."""
        self._answers.cancel()


@contextmanager
def _told_apart() -> Iterator[None]:
    """Tells lost calls from those that etcd refused."""
    try:
        yield
    except grpc.RpcError as error:
        if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
            raise Lost(error.details()) from error
        raise


# The parts of a transaction


def created_at(key: bytes, revision: int) -> m.Compare:
    """The key is the one that was created at this revision; 0: it is not there."""
    target = m.Compare.CREATE
    return m.Compare(result=m.Compare.EQUAL, target=target, key=key, create_revision=revision)


def unchanged_since(kv: m.KeyValue) -> m.Compare:
    """The key is as it was when it was read."""
    target, revision = m.Compare.MOD, kv.mod_revision
    return m.Compare(result=m.Compare.EQUAL, target=target, key=kv.key, mod_revision=revision)


def get(key: bytes) -> m.RequestOp:
    """Read a key."""
    return m.RequestOp(request_range=m.RangeRequest(key=key))


def put(key: bytes, value: bytes, lease: int = 0) -> m.RequestOp:
    """Put a key."""
    return m.RequestOp(request_put=m.PutRequest(key=key, value=value, lease=lease))


def end_of(prefix: bytes) -> bytes:
    """The first key behind all that begin so; the prefix ends in no 0xff."""
    return prefix[:-1] + bytes((prefix[-1] + 1,))
