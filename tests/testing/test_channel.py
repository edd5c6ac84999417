"""The in-process channel beside grpcio's own: every test here passes on both.

`details` are compared without the "Stream removed (...)" that grpcio's core puts around its own
words since 1.7x. What is a race in grpcio (a deadline of 0, say, may still be met) and is none in
process is in `test_in_process.py`.
"""

from __future__ import annotations

import contextlib
import queue
import re
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import grpc
import pytest

from fake_etcd.api import messages as m
from fake_etcd.testing import FakeEtcd
from fake_etcd.transport.in_process.channel import InProcessChannel
from tests.testing.stubs import stub

PATIENCE_SECONDS = 20.0
MEBIBYTE = 2**20
MAKERS: dict[str, Callable[..., grpc.Channel]] = {
    "grpcio": lambda etcd, options=None: grpc.insecure_channel(etcd.endpoint, options),
    "in process": lambda etcd, options=None: etcd.channel(options=options),
}
EVERYTHING = m.RangeRequest(key=b"\0", range_end=b"\0")
PUT, RANGE, STREAM, WATCH = (
    f"/etcdserverpb.{name}" for name in ("KV/Put", "KV/Range", "KV/RangeStream", "Watch/Watch")
)
OK, CANCELLED = grpc.StatusCode.OK, grpc.StatusCode.CANCELLED


@pytest.fixture
def etcd() -> Iterator[FakeEtcd]:
    with FakeEtcd() as made:
        yield made


@pytest.fixture(params=MAKERS)
def make(request: pytest.FixtureRequest, etcd: FakeEtcd) -> Iterator[Callable[..., Any]]:
    """Makes a channel; takes its options."""
    made: list[grpc.Channel] = []

    def one(options: Any = None) -> grpc.Channel:
        made.append(MAKERS[request.param](etcd, options))
        return made[-1]

    yield one
    for channel in made:
        channel.close()


@pytest.fixture
def channel(make: Callable[..., Any]) -> Any:
    return make()


def details(call: Any) -> str:
    text = call.details()
    wrapped = re.fullmatch(r"Stream removed \((.*)\)", text)
    return wrapped[1] if wrapped else text


def ended(call: Any) -> tuple[grpc.StatusCode, str]:
    return call.code(), details(call)


def watch_of(key: bytes, **options: Any) -> m.WatchRequest:
    return m.WatchRequest(create_request=m.WatchCreateRequest(key=key, **options))


def boom(_: object) -> Any:
    raise ZeroDivisionError("boom")


def nothing(_: object) -> Any:
    return None


class Queue:
    """An iterator over requests that waits, as python-etcd3's."""

    def __init__(self) -> None:
        self._queue: queue.Queue[Any] = queue.Queue()

    def put(self, request: Any) -> None:
        self._queue.put(request)

    def end(self) -> None:
        self._queue.put(None)

    def __iter__(self) -> Queue:
        return self

    def __next__(self) -> Any:
        request = self._queue.get()
        if request is None:
            raise StopIteration
        return request


# Unary calls


def test_a_unary_call_is_answered(channel: Any) -> None:
    answer = stub(channel, "KV/Put")(m.PutRequest(key=b"a", value=b"1"))
    assert isinstance(answer, m.PutResponse)
    assert answer.header.revision == 2


def test_without_serializers_bytes_come_and_go(channel: Any) -> None:
    raw = m.PutRequest(key=b"a").SerializeToString()
    answer = channel.unary_unary(PUT)(raw)
    assert type(answer) is bytes
    assert m.PutResponse.FromString(answer).header.revision == 2


def test_with_call_tells_how_it_went(channel: Any) -> None:
    answer, call = stub(channel, "KV/Put").with_call(m.PutRequest(key=b"a"), timeout=9)
    for kind in (grpc.Call, grpc.Future, grpc.RpcError, grpc.RpcContext):
        assert isinstance(call, kind)
    assert ended(call) == (OK, "")
    assert tuple(call.initial_metadata()) == tuple(call.trailing_metadata()) == ()
    assert (call.done(), call.running(), call.is_active()) == (True, False, False)
    assert (call.cancel(), call.cancelled(), call.time_remaining()) == (False, False, None)
    assert (call.result(), call.exception(), call.traceback()) == (answer, None, None)
    assert call.add_callback(lambda: None) is False
    told: list[Any] = []
    call.add_done_callback(told.append)
    assert told == [call]
    assert str(call).split("\n")[1:] == ["\tstatus = StatusCode.OK", '\tdetails = ""', ">"]


def refused(call: Callable[[], object]) -> Any:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    for kind in (grpc.Call, grpc.Future):
        assert isinstance(caught.value, kind)
    return caught.value


def test_an_error_is_a_call_that_is_over(channel: Any) -> None:
    error = refused(lambda: stub(channel, "KV/Range")(m.RangeRequest()))
    assert ended(error) == (grpc.StatusCode.INVALID_ARGUMENT, "etcdserver: key is not provided")
    assert tuple(error.initial_metadata()) == tuple(error.trailing_metadata()) == ()
    assert (error.done(), error.running(), error.cancelled()) == (True, False, False)
    assert error.cancel() is False
    assert error.exception() is error
    assert error.traceback() is not None
    assert refused(error.result) is error
    lines = str(error).split("\n")
    assert lines[0].endswith(" of RPC that terminated with:")
    assert lines[1] == "\tstatus = StatusCode.INVALID_ARGUMENT"
    assert lines[2] == '\tdetails = "etcdserver: key is not provided"'
    assert lines[3].startswith('\tdebug_error_string = "')
    assert "etcdserver: key is not provided" in error.debug_error_string()
    told: list[Any] = []
    error.add_done_callback(told.append)
    assert told == [error]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/no.Such/Service", "unknown service no.Such"),
        ("/etcdserverpb.KV/No", "unknown method No for service etcdserverpb.KV"),
        ("nothing", 'malformed method name: "nothing"'),
    ],
)
def test_what_there_is_not_is_unimplemented_for_all_kinds(
    channel: Any, path: str, text: str
) -> None:
    expected = (grpc.StatusCode.UNIMPLEMENTED, text)
    for call in (
        lambda: channel.unary_unary(path)(b""),
        lambda: channel.unary_unary(path).with_call(b""),
        lambda: channel.unary_unary(path).future(b"").result(),
        lambda: next(channel.unary_stream(path)(b"")),
        lambda: channel.stream_unary(path)(iter([b""])),
        lambda: next(channel.stream_stream(path)(iter([b""]))),
    ):
        assert ended(refused(call)) == expected


def test_what_is_no_message_is_an_error(channel: Any) -> None:
    reason = "proto: cannot parse invalid wire-format data"
    unary = refused(lambda: channel.unary_unary(PUT)(b"\xff\xff"))
    text = f"grpc: error unmarshalling request: {reason}"
    assert ended(unary) == (grpc.StatusCode.INTERNAL, text)
    stream = refused(lambda: next(channel.unary_stream(STREAM)(b"\xff\xff")))
    text = f"grpc: failed to unmarshal the received message: {reason}"
    assert ended(stream) == (grpc.StatusCode.INTERNAL, text)


def test_any_kind_of_call_reaches_a_unary_handler(channel: Any) -> None:
    raw = m.PutRequest(key=b"a").SerializeToString()
    answers = [
        channel.unary_unary(PUT)(raw),
        channel.unary_unary(PUT).future(raw).result(),
        *channel.unary_stream(PUT)(raw),
        channel.stream_unary(PUT)(iter([raw])),
        channel.stream_unary(PUT)(iter([raw, raw])),
        channel.stream_unary(PUT).with_call(iter([raw]))[0],
        channel.stream_unary(PUT).future(iter([raw])).result(),
        *channel.stream_stream(PUT)(iter([raw])),
    ]
    assert [m.PutResponse.FromString(each).header.revision for each in answers] == [*range(2, 10)]


def test_a_unary_call_without_a_request_has_none(channel: Any) -> None:
    error = refused(lambda: channel.stream_unary(PUT)(iter([])))
    assert ended(error) == (grpc.StatusCode.UNKNOWN, "EOF")


# Futures


def test_a_future_has_its_answer(channel: Any) -> None:
    future = stub(channel, "KV/Put").future(m.PutRequest(key=b"a"))
    for kind in (grpc.Call, grpc.Future, grpc.RpcError):
        assert isinstance(future, kind)
    assert future.result(PATIENCE_SECONDS).header.revision == 2
    assert future.result() is future.result()
    assert (future.exception(), future.traceback()) == (None, None)
    assert (future.done(), future.running(), future.cancelled()) == (True, False, False)
    assert future.cancel() is False
    assert ended(future) == (OK, "")
    assert list(future) == []


def test_a_future_is_raised_itself(channel: Any) -> None:
    future = stub(channel, "KV/Range").future(m.RangeRequest())
    assert future.exception(PATIENCE_SECONDS) is future
    assert refused(future.result) is future
    assert refused(lambda: next(future)) is future
    assert future.traceback() is not None
    assert ended(future) == (grpc.StatusCode.INVALID_ARGUMENT, "etcdserver: key is not provided")
    assert (future.done(), future.running(), future.cancelled()) == (True, False, False)


def test_callbacks_are_called_in_order_and_one_that_raises_harms_nobody(
    channel: Any,
) -> None:
    with open_watch(channel) as (call, _):
        told: list[object] = []
        over = threading.Event()
        call.add_done_callback(lambda it: told.append(("first", it is call)))
        assert call.add_callback(lambda: told.append("second")) is True
        call.add_done_callback(boom)
        call.add_done_callback(lambda it: told.append((it.done(), it.code())))
        call.add_done_callback(lambda _: over.set())
        assert call.cancel() is True
        assert over.wait(PATIENCE_SECONDS)
        assert told == [("first", True), "second", (True, CANCELLED)]
        with pytest.raises(ZeroDivisionError):
            call.add_done_callback(boom)  # it is over: the caller's own


# What the caller's side does wrong


@pytest.mark.parametrize("serialize", [boom, nothing])
def test_a_serializer_that_fails_is_an_internal_error(
    channel: Any, serialize: Callable[[Any], bytes]
) -> None:
    expected = (grpc.StatusCode.INTERNAL, "Exception serializing request!")
    for call in (
        lambda: channel.unary_unary(PUT, serialize)(b""),
        lambda: channel.unary_unary(PUT, serialize).with_call(b""),
        lambda: channel.unary_unary(PUT, serialize).future(b""),
        lambda: channel.unary_stream(STREAM, serialize)(b""),
        lambda: channel.stream_unary(PUT, serialize)(iter([b""])),
        lambda: channel.stream_unary(PUT, serialize).future(iter([b""])).result(),
        lambda: next(channel.stream_stream(WATCH, serialize)(iter([b""]))),
    ):
        assert ended(refused(call)) == expected


@pytest.mark.parametrize("deserialize", [boom, nothing])
def test_a_deserializer_that_fails_is_an_internal_error(
    channel: Any, deserialize: Callable[[bytes], Any]
) -> None:
    put = m.PutRequest(key=b"a").SerializeToString()
    get = EVERYTHING.SerializeToString()
    watch = watch_of(b"a").SerializeToString()
    expected = (grpc.StatusCode.INTERNAL, "Exception deserializing response!")
    for call in (
        lambda: channel.unary_unary(PUT, None, deserialize)(put),
        lambda: channel.unary_unary(PUT, None, deserialize).future(put).result(),
        lambda: channel.stream_unary(PUT, None, deserialize)(iter([put])),
        lambda: next(channel.unary_stream(STREAM, None, deserialize)(get)),
        lambda: next(channel.stream_stream(WATCH, None, deserialize)(iter([watch]))),
    ):
        assert ended(refused(call)) == expected
    future = channel.unary_unary(PUT, None, deserialize).future(put)
    assert future.exception(PATIENCE_SECONDS) is future
    assert ended(future) == expected


def failing() -> Iterator[Any]:
    yield watch_of(b"a")
    raise ZeroDivisionError("boom")


def test_an_iterator_that_fails_ends_the_call(channel: Any) -> None:
    expected = (grpc.StatusCode.UNKNOWN, "Exception iterating requests!")
    call = stub(channel, "Watch/Watch")(failing())
    assert ended(refused(lambda: list(call))) == expected
    assert call.cancelled() is False
    error = refused(lambda: channel.stream_unary(PUT)(boom(0) for _ in "a"))
    assert ended(error) == expected


@pytest.mark.parametrize("requests", [[watch_of(b"a")], (watch_of(b"a"),), None, 5])
def test_what_is_no_iterator_is_refused(channel: Any, requests: Any) -> None:
    """A list is one, to a reader; grpcio wants `iter(list)`."""
    call = stub(channel, "Watch/Watch")(requests)
    expected = (grpc.StatusCode.UNKNOWN, "Exception iterating requests!")
    assert ended(refused(lambda: next(call))) == expected


@pytest.mark.parametrize(
    "metadata",
    [
        [("with space", "x")],
        [("UPPER", "x")],
        [("", "x")],
        [("a", "line\n")],
        [("a", "\0")],
        [("a", "ü")],
        [("good", "x"), ("ba d", "y")],
    ],
)
def test_metadata_that_cannot_be_sent_ends_the_call(channel: Any, metadata: Any) -> None:
    expected = (grpc.StatusCode.INTERNAL, "Invalid metadata")
    request = m.PutRequest(key=b"a")
    put = stub(channel, "KV/Put")
    with pytest.raises((grpc.RpcError, ValueError)) as caught:
        put(request, metadata=metadata)
    error: Any = caught.value
    if isinstance(error, ValueError):  # so it was in grpcio 1.49
        assert not isinstance(channel, InProcessChannel)
        assert str(error).startswith("metadata was invalid")
    else:
        assert ended(error) == expected
    assert stub(channel, "KV/Range")(EVERYTHING).count == 0


@pytest.mark.parametrize(
    ("metadata", "error"),
    [
        ([("a", 5)], TypeError),
        ([("a-bin", "text")], TypeError),
        ([("a",)], ValueError),
        ({"a": "x"}, ValueError),
    ],
)
def test_what_is_no_metadata_raises(channel: Any, metadata: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        stub(channel, "KV/Put")(m.PutRequest(key=b"a"), metadata=metadata)


@pytest.mark.parametrize(
    "metadata", [None, (), [], [("a", "x")], [("a", b"x")], [("a-bin", b"\xff\0")], (("a", ""),)]
)
def test_metadata_is_taken(channel: Any, metadata: Any) -> None:
    put = stub(channel, "KV/Put")
    assert put(m.PutRequest(key=b"a"), metadata=metadata).header.revision == 2


def test_call_credentials_need_tls(channel: Any) -> None:
    put = stub(channel, "KV/Put")
    token = grpc.access_token_call_credentials("t")
    error = refused(lambda: put(m.PutRequest(key=b"a"), credentials=token))
    text = "Established channel does not have a sufficient security level to transfer"
    expected = (grpc.StatusCode.UNAUTHENTICATED, f"{text} call credential.")
    assert ended(error) == expected


def test_compression_is_the_wires_business(channel: Any) -> None:
    put = stub(channel, "KV/Put")
    request = m.PutRequest(key=b"a", value=b"x" * 10_000)
    assert put(request, compression=grpc.Compression.Gzip).header.revision == 2
    assert stub(channel, "KV/Range")(EVERYTHING).kvs[0].value == b"x" * 10_000


# Sizes


def test_a_request_can_be_too_large_for_the_server(channel: Any) -> None:
    put = channel.unary_unary(PUT)
    raw = m.PutRequest(key=b"a", value=b"x" * 3 * MEBIBYTE).SerializeToString()
    text = f"grpc: received message larger than max ({len(raw)} vs. {2 * MEBIBYTE})"
    error = refused(lambda: put(raw))
    assert ended(error) == (grpc.StatusCode.RESOURCE_EXHAUSTED, text)


def fill(channel: Any, mebibytes: int) -> None:
    for number in range(mebibytes):
        request = m.PutRequest(key=b"%d" % number, value=b"x" * MEBIBYTE)
        stub(channel, "KV/Put")(request)


def all_kinds_of_get(channel: Any) -> list[Callable[[], Any]]:
    get = EVERYTHING.SerializeToString()
    return [
        lambda: channel.unary_unary(RANGE)(get),
        lambda: channel.unary_unary(RANGE).future(get).result(),
        lambda: channel.stream_unary(RANGE)(iter([get])),
        lambda: next(channel.unary_stream(RANGE)(get)),
        lambda: next(channel.stream_stream(RANGE)(iter([get]))),
    ]


def test_an_answer_of_more_than_four_mebibytes_is_refused_by_the_client(
    channel: Any,
) -> None:
    fill(channel, 4)
    for call in all_kinds_of_get(channel):
        error = refused(call)
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        # Before 1.60 it did not say whose limit that is.
        wanted = rf"(CLIENT: )?Received message larger than max \(\d+ vs. {4 * MEBIBYTE}\)"
        assert re.fullmatch(wanted, details(error))


@pytest.mark.parametrize("limit", [-1, 5 * MEBIBYTE])
def test_options_move_the_limit(make: Callable[..., Any], limit: int) -> None:
    channel = make([("grpc.max_receive_message_length", limit)])
    fill(channel, 4)
    sizes = [len(call()) for call in all_kinds_of_get(channel)]
    assert len(set(sizes)) == 1
    assert sizes[0] > 4 * MEBIBYTE


def test_options_limit_requests(make: Callable[..., Any]) -> None:
    channel = make([("grpc.max_send_message_length", 100), ("grpc.keepalive_time_ms", 10_000)])
    small = m.PutRequest(key=b"a", value=b"x" * 50).SerializeToString()
    large = m.PutRequest(key=b"a", value=b"x" * 200).SerializeToString()
    wanted = rf"(CLIENT: )?Sent message larger than max \({len(large)} vs. 100\)"
    for send in (
        lambda raw: channel.unary_unary(PUT)(raw),
        lambda raw: channel.unary_unary(PUT).future(raw).result(),
        lambda raw: next(channel.unary_stream(PUT)(raw)),
        lambda raw: channel.stream_unary(PUT)(iter([raw])),
    ):
        ask: Any = send
        ask(small)
        error = refused(partial(ask, large))
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert re.fullmatch(wanted, details(error))
    assert stub(channel, "KV/Range")(EVERYTHING).kvs[0].version == 4


# Streams


class open_watch:
    """A watch whose requests come from a queue, and which has been created."""

    def __init__(self, channel: Any, **options: Any) -> None:
        self.requests = Queue()
        self.requests.put(watch_of(b"a", **options))
        self.call = stub(channel, "Watch/Watch")(self.requests)

    def __enter__(self) -> tuple[Any, Queue]:
        assert next(self.call).created
        return self.call, self.requests

    def __exit__(self, *_: object) -> None:
        self.call.cancel()
        self.requests.end()


def test_a_stream_of_answers_ends(channel: Any) -> None:
    for number in range(25):
        stub(channel, "KV/Put")(m.PutRequest(key=b"%02d" % number))
    call = stub(channel, "KV/RangeStream")(EVERYTHING)
    assert iter(call) is call
    assert [len(each.range_response.kvs) for each in call] == [10, 15]
    assert (call.result(), call.exception(), call.traceback()) == (None, None, None)
    assert ended(call) == (OK, "")
    assert list(call) == []
    assert (call.done(), call.cancelled(), call.cancel()) == (True, False, False)


def test_a_stream_is_not_done_before_its_answers_are_taken(channel: Any) -> None:
    call = stub(channel, "KV/RangeStream")(EVERYTHING)
    with pytest.raises(grpc.FutureTimeoutError):
        call.result(timeout=0.05)
    assert (call.done(), call.is_active()) == (False, True)
    over = threading.Event()
    call.add_done_callback(lambda _: over.set())
    assert len(list(call)) == 1
    assert over.wait(PATIENCE_SECONDS)
    assert call.done()


def test_a_watch_is_a_conversation(channel: Any) -> None:
    with open_watch(channel) as (call, requests):
        put = stub(channel, "KV/Put")
        put(m.PutRequest(key=b"a", value=b"1"))
        assert [event.kv.value for event in next(call).events] == [b"1"]
        requests.put(watch_of(b"b"))
        assert call.next().watch_id == 1
        put(m.PutRequest(key=b"b", value=b"2"))
        answer = next(call)
        assert (answer.watch_id, answer.events[0].kv.value) == (1, b"2")
        requests.put(m.WatchRequest(cancel_request=m.WatchCancelRequest(watch_id=0)))
        assert next(call).canceled
        assert (call.done(), call.running(), call.is_active()) == (False, True, True)
        assert (call.cancelled(), tuple(call.initial_metadata())) == (False, ())


@pytest.mark.parametrize(
    "requests", [lambda: iter([watch_of(b"a")]), lambda: (each for each in [watch_of(b"a")])]
)
def test_a_watch_that_asks_no_more_goes_on(
    channel: Any, requests: Callable[[], Iterator[Any]]
) -> None:
    call = stub(channel, "Watch/Watch")(requests())
    assert next(call).created
    for value in (b"1", b"2"):
        stub(channel, "KV/Put")(m.PutRequest(key=b"a", value=value))
        assert next(call).events[0].kv.value == value
    call.cancel()


def test_cancel_ends_a_call_once(channel: Any) -> None:
    with open_watch(channel) as (call, _):
        with pytest.raises(grpc.FutureTimeoutError):
            call.result(timeout=0.01)
        with pytest.raises(grpc.FutureTimeoutError):
            call.exception(timeout=0)
        assert (call.cancel(), call.cancel()) == (True, False)
        assert ended(call) == (CANCELLED, "Locally cancelled by application!")
        assert (call.done(), call.running(), call.cancelled()) == (True, False, True)
        assert (call.is_active(), tuple(call.trailing_metadata())) == (False, ())
        for ask in (call.result, call.exception, call.traceback):
            with pytest.raises(grpc.FutureCancelledError):
                ask()
        assert refused(lambda: next(call)) is call


def test_cancel_from_another_thread_wakes_who_waits(channel: Any) -> None:
    with open_watch(channel) as (call, _):
        threading.Timer(0.02, call.cancel).start()
        assert ended(refused(lambda: next(call))) == (
            CANCELLED,
            "Locally cancelled by application!",
        )


def test_cancel_ends_a_stream_whose_answers_nobody_takes(channel: Any) -> None:
    call = stub(channel, "KV/RangeStream")(EVERYTHING)
    assert call.cancel()
    assert ended(call) == (CANCELLED, "Locally cancelled by application!")
    assert refused(lambda: next(call)) is call
    assert (call.done(), call.cancelled(), call.cancel()) == (True, True, False)


def test_a_stream_of_one_answer_can_be_cancelled(channel: Any) -> None:
    requests = Queue()
    future = channel.stream_unary(WATCH).future(requests)
    assert (future.done(), future.cancelled()) == (False, False)
    assert future.cancel() is True
    with pytest.raises(grpc.FutureCancelledError):
        future.result(PATIENCE_SECONDS)
    requests.end()


@pytest.mark.parametrize("asks_on", [True, False])
def test_a_call_that_nobody_holds_is_ended(channel: Any, etcd: FakeEtcd, asks_on: bool) -> None:
    members = etcd._shared.node.watches._synced.members
    requests = Queue()
    requests.put(watch_of(b"a"))
    call = stub(channel, "Watch/Watch")(requests if asks_on else iter([watch_of(b"a")]))
    assert next(call).created
    assert len(members) == 1
    del call
    with Waiting(etcd) as until:
        until(lambda: not members)
    requests.end()


class Waiting:
    """Waits for something that another thread brings about."""

    def __init__(self, etcd: FakeEtcd) -> None:
        self._shared = etcd._shared

    def __enter__(self) -> Callable[[Callable[[], bool]], None]:
        return self._until

    def __exit__(self, *_: object) -> None:
        return

    def _until(self, is_so: Callable[[], bool]) -> None:
        over = threading.Event()
        for _ in range(int(PATIENCE_SECONDS / 0.005)):
            with self._shared:
                if is_so():
                    return
            over.wait(0.005)
        raise AssertionError("it did not come to pass")


# Deadlines


def test_a_deadline_that_is_over_is_missed(channel: Any) -> None:
    expected = (grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")
    request = m.PutRequest(key=b"a")
    assert ended(refused(lambda: stub(channel, "KV/Put")(request, timeout=-1))) == expected
    future = stub(channel, "KV/Put").future(request, timeout=-1)
    assert ended(refused(future.result)) == expected
    call = stub(channel, "Watch/Watch")(iter([watch_of(b"a")]), timeout=-1)
    assert ended(refused(lambda: next(call))) == expected
    assert stub(channel, "KV/Range")(EVERYTHING).count == 0


def test_a_deadline_ends_a_stream(channel: Any) -> None:
    call = stub(channel, "Watch/Watch")(iter([watch_of(b"a")]), timeout=1.0)
    assert 0 < call.time_remaining() <= 1.0
    assert next(call).created
    assert refused(lambda: next(call)) is call
    # On a wire the server's reset may be there before the client's own timer.
    if "RST_STREAM" not in details(call):
        assert ended(call) == (grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")
    assert (call.cancelled(), call.time_remaining()) == (False, 0)
    assert refused(call.result) is call


def test_without_a_deadline_no_time_remains(channel: Any) -> None:
    with open_watch(channel) as (call, _):
        assert call.time_remaining() is None


# The channel


def test_close_ends_calls_and_refuses_new_ones(channel: Any) -> None:
    put = stub(channel, "KV/Put")
    with open_watch(channel) as (call, _):
        channel.close()
        assert ended(call) == (CANCELLED, "Channel closed!")
        assert call.cancelled() is False
        assert refused(lambda: next(call)) is call
        assert refused(call.result) is call
    request = m.PutRequest(key=b"a")
    for refuse in (
        lambda: put(request),
        lambda: put.with_call(request),
        lambda: put.future(request),
        lambda: stub(channel, "KV/RangeStream")(EVERYTHING),
        lambda: channel.stream_unary(PUT)(iter([])),
        lambda: stub(channel, "Watch/Watch")(iter([])),
    ):
        anything: Any = refuse
        with pytest.raises(ValueError, match=r"^Cannot invoke RPC.*(closed c|C)hannel"):
            anything()
    channel.close()


def test_close_ends_a_stream_whose_answers_nobody_takes(channel: Any) -> None:
    call = stub(channel, "KV/RangeStream")(EVERYTHING)
    channel.close()
    assert ended(call) == (CANCELLED, "Channel closed!")
    assert (call.done(), call.cancelled()) == (True, False)


def test_a_channel_is_a_context(make: Callable[..., Any]) -> None:
    with make() as channel:
        assert stub(channel, "KV/Put")(m.PutRequest(key=b"a")).header.revision == 2
    with pytest.raises(ValueError, match="closed"):
        stub(channel, "KV/Put")(m.PutRequest(key=b"a"))


def test_a_channel_becomes_ready(channel: Any) -> None:
    ready = grpc.channel_ready_future(channel)
    assert ready.result(timeout=PATIENCE_SECONDS) is None
    assert ready.done()


def test_subscribers_hear_that_the_channel_is_ready(channel: Any) -> None:
    heard: queue.Queue[grpc.ChannelConnectivity] = queue.Queue()
    channel.subscribe(heard.put, try_to_connect=True)
    while heard.get(timeout=PATIENCE_SECONDS) is not grpc.ChannelConnectivity.READY:
        pass
    channel.unsubscribe(heard.put)
    channel.unsubscribe(heard.put)


def test_a_subscriber_that_raises_harms_nobody(channel: Any, etcd: FakeEtcd) -> None:
    heard: queue.Queue[grpc.ChannelConnectivity] = queue.Queue()
    channel.subscribe(boom, try_to_connect=True)
    channel.subscribe(heard.put, try_to_connect=True)
    while heard.get(timeout=PATIENCE_SECONDS) is not grpc.ChannelConnectivity.READY:
        pass
    etcd.take_down()
    while heard.get(timeout=PATIENCE_SECONDS) is grpc.ChannelConnectivity.READY:
        pass


def test_calls_fail_while_the_endpoint_is_down(channel: Any, etcd: FakeEtcd) -> None:
    put, request = stub(channel, "KV/Put"), m.PutRequest(key=b"a")
    with etcd.down():
        for call in (
            lambda: put(request),
            lambda: put.future(request).result(),
            lambda: next(stub(channel, "Watch/Watch")(iter([watch_of(b"a")]))),
        ):
            assert refused(call).code() is grpc.StatusCode.UNAVAILABLE
    assert put(request, wait_for_ready=True).header.revision == 2


def test_calls_that_wait_for_ready_do(channel: Any, etcd: FakeEtcd) -> None:
    with etcd.down():
        put = stub(channel, "KV/Put").future(m.PutRequest(key=b"a"), wait_for_ready=True)
        watch = stub(channel, "Watch/Watch")(iter([watch_of(b"b")]), wait_for_ready=True)
        late = stub(channel, "KV/Put").future(
            m.PutRequest(key=b"c"), wait_for_ready=True, timeout=0.05
        )
        expected = (grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")
        assert late.exception(PATIENCE_SECONDS).code() is expected[0]
        assert (put.done(), watch.done()) == (False, False)
    assert put.result(PATIENCE_SECONDS).header.revision == 2
    assert next(watch).created
    watch.cancel()
    assert [kv.key for kv in stub(channel, "KV/Range")(EVERYTHING).kvs] == [b"a"]


def test_a_cut_line_ends_open_calls(channel: Any, etcd: FakeEtcd) -> None:
    with open_watch(channel) as (call, _):
        assert etcd.cut_connections() >= 1
        assert refused(lambda: next(call)) is call
        assert call.code() is grpc.StatusCode.UNAVAILABLE
        assert call.cancelled() is False
    assert put_again(channel).header.revision == 2


def put_again(channel: Any) -> Any:
    """On a wire a call may be sent over what is just being closed, wait_for_ready or not."""
    for _ in range(10):
        with contextlib.suppress(grpc.RpcError):
            return stub(channel, "KV/Put")(m.PutRequest(key=b"a"), wait_for_ready=True)
    raise AssertionError("no call came through")


# Interceptors


class Interceptor(
    grpc.UnaryUnaryClientInterceptor,
    grpc.UnaryStreamClientInterceptor,
    grpc.StreamUnaryClientInterceptor,
    grpc.StreamStreamClientInterceptor,
):
    """Notes what passes, and what becomes of it."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    def _pass(self, name: str, ask: Any, details: Any, request: Any) -> Any:
        self.seen.append((name, details.method))
        return ask(details, request)

    def intercept_unary_unary(self, ask: Any, details: Any, request: Any) -> Any:
        return self._pass("unary_unary", ask, details, request)

    def intercept_unary_stream(self, ask: Any, details: Any, request: Any) -> Any:
        return self._pass("unary_stream", ask, details, request)

    def intercept_stream_unary(self, ask: Any, details: Any, requests: Any) -> Any:
        return self._pass("stream_unary", ask, details, requests)

    def intercept_stream_stream(self, ask: Any, details: Any, requests: Any) -> Any:
        return self._pass("stream_stream", ask, details, requests)


def test_interceptors_see_every_kind_of_call(channel: Any) -> None:
    interceptor = Interceptor()
    inner: Any = grpc.intercept_channel(channel, interceptor)
    raw = m.PutRequest(key=b"a").SerializeToString()
    inner.unary_unary(PUT)(raw)
    inner.unary_unary(PUT).with_call(raw)
    assert inner.unary_unary(PUT).future(raw).result() is not None
    assert len(list(inner.unary_stream(STREAM)(EVERYTHING.SerializeToString()))) == 1
    inner.stream_unary(PUT)(iter([raw]))
    inner.stream_unary(PUT).with_call(iter([raw]))
    watch = inner.stream_stream(WATCH)(iter([watch_of(b"a").SerializeToString()]))
    assert next(watch) is not None
    watch.cancel()
    error = refused(lambda: inner.unary_unary(RANGE)(b""))
    assert ended(error) == (grpc.StatusCode.INVALID_ARGUMENT, "etcdserver: key is not provided")
    kinds = ["unary_unary"] * 3 + ["unary_stream"] + ["stream_unary"] * 2 + ["stream_stream"]
    paths = [PUT] * 3 + [STREAM] + [PUT] * 2 + [WATCH]
    assert interceptor.seen == [*zip(kinds, paths, strict=True), ("unary_unary", RANGE)]
