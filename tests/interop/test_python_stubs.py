"""grpcio against a running server, blocking and asyncio alike: stubs made from paths alone.

One suite for both kinds of channel. Rules of KV are tested elsewhere; here it is about what
grpcio's own core makes of the server: statuses, deadlines, cancellation, compression, sizes.
"""

from __future__ import annotations

import asyncio
import queue
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, cast

import grpc
import grpc.aio
import pytest
from google.protobuf.message import Message

from conformance.oracle import Running
from fake_etcd.api import messages
from fake_etcd.api.methods import METHODS, Kind

Answer = TypeVar("Answer", bound=Message)

OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
MEBIBYTE = 2**20
PATIENCE_SECONDS = 20.0


class Refused(Exception):
    """A call ended with a status other than OK."""

    def __init__(self, error: grpc.RpcError) -> None:
        assert isinstance(error, (grpc.Call, grpc.aio.AioRpcError))
        self.code = error.code()
        self.details = error.details()
        super().__init__(f"{self.code}: {self.details}")


class Blocking:
    """Calls through `grpc.insecure_channel`."""

    def __init__(self, target: str) -> None:
        self._channel = grpc.insecure_channel(target, OPTIONS)

    def call(
        self,
        path: str,
        request: Message,
        answer: type[Answer],
        *,
        timeout: float = PATIENCE_SECONDS,
        compression: grpc.Compression | None = None,
    ) -> list[Answer]:
        """All answers; one, of a unary method."""
        serialize, parse = type(request).SerializeToString, answer.FromString
        try:
            if path in METHODS and METHODS[path].kind is Kind.SERVER_STREAM:
                streaming = self._channel.unary_stream(path, serialize, parse)
                return list(streaming(request, timeout=timeout, compression=compression))
            unary = self._channel.unary_unary(path, serialize, parse)
            return [unary(request, timeout=timeout, compression=compression)]
        except grpc.RpcError as error:
            raise Refused(error) from None

    def converse(
        self, path: str, requests: Sequence[Message], answer: type[Answer], count: int
    ) -> list[Answer]:
        """So many answers of a stream that was sent all requests and is left open meanwhile."""
        serialize, parse = type(requests[0]).SerializeToString, answer.FromString
        waiting: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        for request in requests:
            waiting.put(request)
        stream = self._channel.stream_stream(path, serialize, parse)
        sent = cast(Iterator[Message], iter(waiting.get, None))
        call = stream(sent, timeout=PATIENCE_SECONDS)
        found = [next(call) for _ in range(count)]
        call.cancel()
        waiting.put(None)
        return found

    def many(self, path: str, requests: Sequence[Message], answer: type[Answer]) -> list[Answer]:
        """Unary calls at the same time."""
        with ThreadPoolExecutor(50) as pool:
            found = pool.map(lambda request: self.call(path, request, answer), requests)
            return [one for (one,) in found]

    def close(self) -> None:
        self._channel.close()


class Asynchronous:
    """The same calls through `grpc.aio`, on an event loop of their own."""

    def __init__(self, target: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._channel = self._loop.run_until_complete(self._open(target))

    async def _open(self, target: str) -> grpc.aio.Channel:
        return grpc.aio.insecure_channel(target, OPTIONS)

    def call(
        self,
        path: str,
        request: Message,
        answer: type[Answer],
        *,
        timeout: float = PATIENCE_SECONDS,
        compression: grpc.Compression | None = None,
    ) -> list[Answer]:
        """All answers; one, of a unary method."""
        calling = self._call(path, request, answer, timeout, compression)
        return self._loop.run_until_complete(calling)

    async def _call(
        self,
        path: str,
        request: Message,
        answer: type[Answer],
        timeout: float,
        compression: grpc.Compression | None,
    ) -> list[Answer]:
        serialize, parse = type(request).SerializeToString, answer.FromString
        try:
            if path in METHODS and METHODS[path].kind is Kind.SERVER_STREAM:
                streaming = self._channel.unary_stream(path, serialize, parse)
                chunks = streaming(request, timeout=timeout, compression=compression)
                return [chunk async for chunk in chunks]
            unary = self._channel.unary_unary(path, serialize, parse)
            return [await unary(request, timeout=timeout, compression=compression)]
        except grpc.aio.AioRpcError as error:
            raise Refused(error) from None

    def converse(
        self, path: str, requests: Sequence[Message], answer: type[Answer], count: int
    ) -> list[Answer]:
        """So many answers of a stream that was sent all requests and is left open meanwhile."""
        return self._loop.run_until_complete(self._converse(path, requests, answer, count))

    async def _converse(
        self, path: str, requests: Sequence[Message], answer: type[Answer], count: int
    ) -> list[Answer]:
        serialize, parse = type(requests[0]).SerializeToString, answer.FromString
        call = self._channel.stream_stream(path, serialize, parse)(timeout=PATIENCE_SECONDS)
        for request in requests:
            await call.write(request)
        found = [cast(Answer, await call.read()) for _ in range(count)]
        call.cancel()
        return found

    def many(self, path: str, requests: Sequence[Message], answer: type[Answer]) -> list[Answer]:
        """Unary calls at the same time."""

        async def gather() -> list[list[Answer]]:
            calls = (self._call(path, each, answer, PATIENCE_SECONDS, None) for each in requests)
            return await asyncio.gather(*calls)

        return [one for (one,) in self._loop.run_until_complete(gather())]

    def close(self) -> None:
        self._loop.run_until_complete(self._channel.close())
        self._loop.close()


Stubs = Blocking | Asynchronous


@pytest.fixture(params=[Blocking, Asynchronous])
def stubs(request: pytest.FixtureRequest, server: Running) -> Iterator[Stubs]:
    kind: Callable[[str], Stubs] = request.param
    made = kind(server.url.removeprefix("http://"))
    everything = messages.DeleteRangeRequest(key=b"\0", range_end=b"\0")
    made.call("/etcdserverpb.KV/DeleteRange", everything, messages.DeleteRangeResponse)
    yield made
    made.close()


def put(
    stubs: Stubs,
    key: bytes,
    value: bytes,
    *,
    timeout: float = PATIENCE_SECONDS,
    compression: grpc.Compression | None = None,
) -> messages.PutResponse:
    (answer,) = stubs.call(
        "/etcdserverpb.KV/Put",
        messages.PutRequest(key=key, value=value),
        messages.PutResponse,
        timeout=timeout,
        compression=compression,
    )
    return answer


def get(stubs: Stubs, key: bytes, range_end: bytes = b"") -> messages.RangeResponse:
    request = messages.RangeRequest(key=key, range_end=range_end)
    (answer,) = stubs.call("/etcdserverpb.KV/Range", request, messages.RangeResponse)
    return answer


def test_put_and_range_give_whole_answers(stubs: Stubs) -> None:
    header = put(stubs, b"a", b"1").header
    pair = messages.KeyValue(
        key=b"a",
        value=b"1",
        create_revision=header.revision,
        mod_revision=header.revision,
        version=1,
    )
    assert header.cluster_id == 0xCDF818194E3A8C32
    assert header.member_id == 0x8E9E05C52164694D
    assert header.raft_term == 2
    assert get(stubs, b"a") == messages.RangeResponse(header=header, kvs=[pair], count=1)


def test_txn_and_delete_give_whole_answers(stubs: Stubs) -> None:
    revision = put(stubs, b"a", b"1").header.revision
    request = messages.TxnRequest(
        compare=[
            messages.Compare(
                key=b"a",
                target=messages.Compare.VALUE,
                result=messages.Compare.EQUAL,
                value=b"1",
            )
        ],
        success=[
            messages.RequestOp(
                request_delete_range=messages.DeleteRangeRequest(key=b"a", prev_kv=True)
            )
        ],
    )
    (answer,) = stubs.call("/etcdserverpb.KV/Txn", request, messages.TxnResponse)
    assert answer.succeeded
    assert answer.header.revision == revision + 1
    (response,) = answer.responses
    assert response.response_delete_range == messages.DeleteRangeResponse(
        header=messages.ResponseHeader(revision=revision + 1),
        deleted=1,
        prev_kvs=[
            messages.KeyValue(
                key=b"a", value=b"1", create_revision=revision, mod_revision=revision, version=1
            )
        ],
    )


def test_a_streamed_range_comes_in_chunks(stubs: Stubs) -> None:
    for i in range(25):
        put(stubs, b"%02d" % i, b"x")
    request = messages.RangeRequest(key=b"\0", range_end=b"\0")
    path = "/etcdserverpb.KV/RangeStream"
    chunks = stubs.call(path, request, messages.RangeStreamResponse)
    assert [len(chunk.range_response.kvs) for chunk in chunks] == [10, 15]
    assert [chunk.range_response.count for chunk in chunks] == [0, 25]


@pytest.mark.parametrize(
    ("request_", "code", "details"),
    [
        (
            messages.RangeRequest(),
            grpc.StatusCode.INVALID_ARGUMENT,
            "etcdserver: key is not provided",
        ),
        (
            messages.RangeRequest(key=b"a", revision=2**40),
            grpc.StatusCode.OUT_OF_RANGE,
            "etcdserver: mvcc: required revision is a future revision",
        ),
    ],
)
@pytest.mark.parametrize("method", ["Range", "RangeStream"])
def test_errors_carry_code_and_text(
    stubs: Stubs, method: str, request_: Message, code: grpc.StatusCode, details: str
) -> None:
    with pytest.raises(Refused) as refused:
        stubs.call(f"/etcdserverpb.KV/{method}", request_, messages.RangeResponse)
    assert (refused.value.code, refused.value.details) == (code, details)


@pytest.mark.parametrize(
    ("path", "details"),
    [
        ("/etcdserverpb.KV/Frobnicate", "unknown method Frobnicate for service etcdserverpb.KV"),
        ("/no.Such/Service", "unknown service no.Such"),
    ],
)
def test_unknown_methods_are_unimplemented(stubs: Stubs, path: str, details: str) -> None:
    with pytest.raises(Refused) as refused:
        stubs.call(path, messages.RangeRequest(key=b"a"), messages.RangeResponse)
    assert refused.value.code is grpc.StatusCode.UNIMPLEMENTED
    assert refused.value.details == details


def test_a_compressed_request_is_understood(stubs: Stubs) -> None:
    put(stubs, b"a", b"x" * 10_000, compression=grpc.Compression.Gzip)
    assert get(stubs, b"a").kvs[0].value == b"x" * 10_000


def test_deadlines_end_calls_and_leave_the_channel_usable(stubs: Stubs) -> None:
    outcomes: set[grpc.StatusCode] = set()
    end = time.monotonic() + PATIENCE_SECONDS
    wait = 0.0
    while len(outcomes) < 2 and time.monotonic() < end:
        wait = (wait + 0.0001) % 0.005
        try:
            put(stubs, b"a", b"1", timeout=wait)
            outcomes.add(grpc.StatusCode.OK)
        except Refused as refused:
            outcomes.add(refused.code)
    assert outcomes == {grpc.StatusCode.OK, grpc.StatusCode.DEADLINE_EXCEEDED}
    put(stubs, b"a", b"2")
    assert get(stubs, b"a").kvs[0].value == b"2"


def test_large_values_come_and_go_whole(stubs: Stubs) -> None:
    for i in range(6):
        put(stubs, b"%d" % i, bytes([i]) * MEBIBYTE)
    answer = get(stubs, b"\0", b"\0")
    assert [kv.value == bytes([i]) * MEBIBYTE for i, kv in enumerate(answer.kvs)] == [True] * 6


@pytest.mark.parametrize(
    ("size", "code", "details"),
    [
        (
            MEBIBYTE * 3 // 2,
            grpc.StatusCode.INVALID_ARGUMENT,
            "etcdserver: request is too large",
        ),
        (
            MEBIBYTE * 2,
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            f"grpc: received message larger than max ({MEBIBYTE * 2 + 8} vs. {MEBIBYTE * 2})",
        ),
    ],
)
def test_both_limits_on_size(stubs: Stubs, size: int, code: grpc.StatusCode, details: str) -> None:
    with pytest.raises(Refused) as refused:
        put(stubs, b"a", b"x" * size)
    assert (refused.value.code, refused.value.details) == (code, details)
    assert get(stubs, b"a").count == 0


def test_many_calls_at_a_time_get_a_revision_each(stubs: Stubs) -> None:
    before = get(stubs, b"a").header.revision
    requests = [messages.PutRequest(key=b"%d" % i, value=b"x") for i in range(300)]
    answers = stubs.many("/etcdserverpb.KV/Put", requests, messages.PutResponse)
    revisions = sorted(answer.header.revision - before for answer in answers)
    assert revisions == list(range(1, 301))


def test_a_watch_tells_history_and_progress(stubs: Stubs) -> None:
    before = put(stubs, b"w", b"1").header.revision
    put(stubs, b"w", b"2")
    create = messages.WatchCreateRequest(key=b"w", start_revision=before, prev_kv=True)
    created, told = stubs.converse(
        "/etcdserverpb.Watch/Watch",
        [messages.WatchRequest(create_request=create)],
        messages.WatchResponse,
        2,
    )
    assert (created.created, created.header.revision) == (True, before + 1)
    events = [(each.kv.value, each.prev_kv.value, each.kv.version) for each in told.events]
    assert events == [(b"1", b"", 1), (b"2", b"1", 2)]


def test_a_lease_is_kept_alive_on_a_stream(stubs: Stubs) -> None:
    (granted,) = stubs.call(
        "/etcdserverpb.Lease/LeaseGrant",
        messages.LeaseGrantRequest(TTL=60),
        messages.LeaseGrantResponse,
    )
    requests = [messages.LeaseKeepAliveRequest(ID=each) for each in (granted.ID, 4711, granted.ID)]
    answers = stubs.converse(
        "/etcdserverpb.Lease/LeaseKeepAlive", requests, messages.LeaseKeepAliveResponse, 3
    )
    assert [(each.ID, each.TTL) for each in answers] == [
        (granted.ID, 60),
        (4711, 0),
        (granted.ID, 60),
    ]


def test_a_cancelled_call_is_cancelled_and_nothing_else(server: Running) -> None:
    with grpc.insecure_channel(server.url.removeprefix("http://")) as channel:
        stub = channel.unary_unary(
            "/etcdserverpb.KV/Range",
            messages.RangeRequest.SerializeToString,
            messages.RangeResponse.FromString,
        )
        codes = set()
        for _ in range(50):
            call = stub.future(messages.RangeRequest(key=b"a"), timeout=PATIENCE_SECONDS)
            call.cancel()
            codes.add(call.code())
        assert codes <= {grpc.StatusCode.CANCELLED, grpc.StatusCode.OK}
        assert grpc.StatusCode.CANCELLED in codes
        assert stub(messages.RangeRequest(key=b"absent"), timeout=PATIENCE_SECONDS).count == 0
