"""What clients said to a FakeEtcd through any door, and what they were told.

`History` wraps the endpoints that the doors serve. It is the outermost of all such layers, so that
it has what the client got: where a fault took the place of an answer, the fault.
What never reaches a handler (a method that etcd has not, a request that cannot be decoded) is not
in it, nor what a test does itself through `FakeEtcd.store`.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple, ParamSpec, TypeVar

from google.protobuf.message import Message

from fake_etcd.api.errors import EtcdError
from fake_etcd.api.methods import Kind, Method
from fake_etcd.api.status import OK, Code, Status
from fake_etcd.services.call import Call, Endpoint, Endpoints, Receiver, Sink
from fake_etcd.services.layer import Layer
from fake_etcd.testing import readable
from fake_etcd.testing.matching import FieldMatch
from fake_etcd.transport.shared_node import SharedNode

P = ParamSpec("P")
T = TypeVar("T")

MOST_ENTRIES = 10_000
"""How many calls, and messages of streams, are kept. The oldest are forgotten first."""

MOST_BYTES = 2**24
"""How large all kept requests and answers may be together; the newest is always kept."""

WAIT_SECONDS = 5.0
"""How long `History.wait_for` waits where nothing is said."""

_MOST_SHOWN = 200
"""Characters of a request, or of an answer, in the one line of a call."""

_BROKEN_OFF = Status(Code.CANCELLED, "broken off")
"""How a stream ended that the client cancelled, was too late for, or lost its connection under."""

_BUG = Status(Code.INTERNAL, "fake_etcd: internal error, see the server's log")


Said = Sequence[tuple[float, Message | bytes | None]]
"""What was said and when: requests are messages, answers encoded, None is a stream's opening."""


class CallMessage(NamedTuple):
    """One message of a call.

    Args:
        time: on the etcd's clock.
        is_request: whether the client sent it.
        message: decoded.
    """

    time: float
    is_request: bool
    message: Any


class RecordedCall:
    """A call that a client made. Messages are decoded when they are looked at.

    Attributes:
        time: when it was made, in seconds on the etcd's clock.
        peer: who made it: "127.0.0.1:51812", or "in-process".
        status: how it ended; None as long as it goes on.
    """

    __slots__ = ("_method", "_said", "peer", "status", "time")

    def __init__(
        self, method: Method, peer: str, time: float, status: Status | None, said: Said
    ) -> None:
        self._method = method
        self.peer = peer
        self.time = time
        self.status = status
        self._said = said

    @property
    def method(self) -> str:
        """The method's name, "Put"."""
        return self._method.name

    @property
    def path(self) -> str:
        """The same in full, "/etcdserverpb.KV/Put"."""
        return self._method.path

    @property
    def request(self) -> Any:
        """The first request; None where there was none. Not to be changed."""
        return next(iter(self.requests), None)

    @property
    def requests(self) -> list[Any]:
        """All requests. Other methods than Watch and LeaseKeepAlive have no more than one."""
        return [one for _, one in list(self._said) if isinstance(one, Message)]

    @property
    def answer(self) -> Any:
        """The last answer; None where there was none."""
        encoded = self._encoded_answers()
        return self._method.response.FromString(encoded[-1]) if encoded else None

    @property
    def answers(self) -> list[Any]:
        """All answers."""
        return [self._method.response.FromString(one) for one in self._encoded_answers()]

    @property
    def messages(self) -> list[CallMessage]:
        """Requests and answers in the order in which they came."""
        decoded = self._method.response.FromString
        found = []
        for when, one in list(self._said):
            if isinstance(one, bytes):
                found.append(CallMessage(when, False, decoded(one)))
            elif one is not None:
                found.append(CallMessage(when, True, one))
        return found

    @property
    def revision(self) -> int | None:
        """The store's revision that the last answer tells; None where there is none in it."""
        header = getattr(self.answer, "header", None)
        return getattr(header, "revision", 0) or None

    def _encoded_answers(self) -> list[bytes]:
        return [one for _, one in list(self._said) if isinstance(one, bytes)]

    def __repr__(self) -> str:
        return f"<{self}>"

    def __str__(self) -> str:
        """One line: "Put(key='a', value='1') -> OK, revision 2"."""
        requests, answer, status = self.requests, self.answer, self.status
        asked = readable.clipped(readable.fields(requests[0]), _MOST_SHOWN) if requests else ""
        parts = [_told(status)]
        if self._method.kind is not Kind.UNARY:
            parts.append(f"{len(requests)} sent, {len(self._encoded_answers())} received")
        if answer is not None:
            told = readable.fields(answer, without=("header",))
            parts += [readable.clipped(told, _MOST_SHOWN)] if told else []
        if self.revision is not None:
            parts.append(f"revision {self.revision}")
        return f"{self.method}({asked}) -> {', '.join(parts)}"


class History:
    """The calls of one etcd, for a test to look at.

    The last 10,000 calls and messages of streams are kept, as long as they are no more than 16 MiB.
    A `method` is "Put", "KV/Put" or a whole path. Keywords are fields of the request: text means
    its UTF-8 where the field holds bytes, an enum may be given by name, "a__b" is field b of a, a
    repeated field matches where one of its members does.

    Args:
        shared: whose.

    Attributes:
        forgotten: how many of the oldest are no longer kept.

    >>> from fake_etcd.api import messages as m
    >>> from fake_etcd.testing import FakeEtcd
    >>> with FakeEtcd() as etcd:
    ...     put = etcd.channel().unary_unary(
    ...         "/etcdserverpb.KV/Put", m.PutRequest.SerializeToString, m.PutResponse.FromString
    ...     )
    ...     answer = put(m.PutRequest(key=b"a", value=b"1"))
    ...     etcd.history.assert_called("Put", key="a")
    ...     print(etcd.history.calls()[0])
    Put(key='a', value='1') -> OK, revision 2
    """

    def __init__(self, shared: SharedNode) -> None:
        self.forgotten = 0
        self._shared = shared
        # Of a stream there is an entry for the opening and one for each message.
        self._ring: deque[RecordedCall] = deque()
        self._sizes: deque[int] = deque()
        self._size = 0
        self._count = 0
        self._waiting: list[threading.Condition] = []

    # What a test asks

    def calls(self, method: str | None = None, **fields: Any) -> list[RecordedCall]:
        """All calls of a method, or of any, whose request has such fields; the oldest first.

        Raises:
            ValueError: there is no such method, or no such field in its request.
        """
        wanted = FieldMatch(method, fields)
        with self._shared:
            return [
                call
                for call in dict.fromkeys(self._ring)
                if wanted.matches(call._method, call.requests)
            ]

    def assert_called(
        self, method: str | None = None, *, times: int | None = None, **fields: Any
    ) -> None:
        """There was such a call: once at least, or exactly so many times.

        Raises:
            AssertionError: there was not; it says what there was.
            ValueError: as `calls`.
        """
        __tracebackhide__ = True  # pytest shows the line that called
        found = len(self.calls(method, **fields))
        wanted = FieldMatch(method, fields)
        if times is None and not found:
            raise AssertionError(f"there was no {wanted}{self._instead()}")
        if times is not None:
            self._require_whole(f"how many {wanted} there were")
            if found != times:
                raise AssertionError(f"{found} of {wanted}, not {times}{self._instead()}")

    def assert_not_called(self, method: str | None = None, **fields: Any) -> None:
        """There was no such call.

        Raises:
            AssertionError: there was, or nobody can say so any more.
            ValueError: as `calls`.
        """
        __tracebackhide__ = True  # pytest shows the line that called
        found = self.calls(method, **fields)
        wanted = FieldMatch(method, fields)
        if found:
            shown = "\n".join(f"  {call}" for call in found[:10])
            raise AssertionError(f"{len(found)} of {wanted}, not none:\n{shown}")
        self._require_whole(f"that there was no {wanted}")

    def wait_for(
        self,
        method: str | None = None,
        *,
        times: int = 1,
        timeout: float = WAIT_SECONDS,
        **fields: Any,
    ) -> RecordedCall:
        """The call that makes it so many such calls; those that are recorded already count.

        It blocks its thread. Where clients run on the same thread's event loop, call it through
        `asyncio.to_thread`.

        Args:
            method: as everywhere.
            times: how many such calls there have to be.
            timeout: real seconds.
            **fields: as everywhere.

        Raises:
            TimeoutError: there were fewer in that time; it says what there was.
            ValueError: as `calls`.
        """
        __tracebackhide__ = True  # pytest shows the line that called
        wanted = FieldMatch(method, fields)
        until = time.monotonic() + timeout
        found: dict[RecordedCall, None] = {}
        seen = 0
        with self._shared as shared:
            condition = shared.condition()
            self._waiting.append(condition)
            try:
                while True:
                    fresh = list(islice(reversed(self._ring), self._count - seen))
                    seen = self._count
                    for call in reversed(fresh):
                        if wanted.matches(call._method, call.requests):
                            found[call] = None
                            if len(found) >= times:
                                return call
                    left = until - time.monotonic()
                    if left <= 0:
                        break
                    shared.sleep(condition, left)
            finally:
                self._waiting.remove(condition)
        raise TimeoutError(
            f"{len(found)} of {wanted} in {timeout:g} seconds, not {times}{self._instead()}"
        )

    def clear(self) -> None:
        """Forget everything; calls that go on are recorded from here on."""
        with self._shared:
            for call in self._ring:
                if isinstance(call._said, deque) and call.status is None:
                    call._said.clear()
            self._ring.clear()
            self._sizes.clear()
            self._size = 0
            self.forgotten = 0

    def __len__(self) -> int:
        """How many calls it has."""
        with self._shared:
            return len(dict.fromkeys(self._ring))

    def __iter__(self) -> Iterator[RecordedCall]:
        return iter(self.calls())

    def __repr__(self) -> str:
        return f"<History of {len(self)} calls>"

    def _instead(self) -> str:
        calls = self.calls()
        if not calls:
            return "; no call was recorded"
        lines = [f"  {call}" for call in calls[-10:]]
        if len(calls) > len(lines):
            lines.insert(0, f"  ... {len(calls) - len(lines)} before these")
        return ". These calls were recorded:\n" + "\n".join(lines)

    def _require_whole(self, what: str) -> None:
        __tracebackhide__ = True
        if self.forgotten:
            raise AssertionError(
                f"nobody can say {what}: {self.forgotten} of the oldest calls and messages are "
                "forgotten; call history.clear() where the part begins that this is about"
            )

    # What records

    def layer(self, endpoints: Endpoints) -> Endpoints:
        """The same endpoints, each of whose calls is recorded."""
        return Layer(endpoints, self._recorded)

    def _recorded(self, endpoint: Endpoint) -> Endpoint:
        if endpoint.unary is None:
            return self._recorded_stream(endpoint)
        # 1 us a call beside the handler's own time (bench/micro.py).
        method, handler, keep = endpoint.method, endpoint.unary, self.keep
        now = self._shared.node.clock.now

        def unary(request: Message, call: Call) -> bytes:
            began = now()
            try:
                answer = handler(request, call)
            except Exception as error:
                status = _status_of(error)
                record = RecordedCall(method, call.peer, began, status, ((began, request),))
                keep(record, request.ByteSize())
                raise
            said = ((began, request), (began, answer))
            record = RecordedCall(method, call.peer, began, OK, said)
            keep(record, request.ByteSize() + len(answer))
            return answer

        return Endpoint(method, unary=unary)

    def _recorded_stream(self, endpoint: Endpoint) -> Endpoint:
        method, handler = endpoint.method, endpoint.stream
        assert handler is not None, "an endpoint is one or the other"
        now = self._shared.node.clock.now

        def stream(call: Call, sink: Sink) -> Receiver:
            recording = _Recording(RecordedCall(method, call.peer, now(), None, deque()), self, now)
            recording.add(None, 0)
            receiver = recording.guard(handler, call, _RecordedSink(sink, recording))
            return _RecordedReceiver(receiver, recording)

        return Endpoint(method, stream=stream)

    def keep(self, call: RecordedCall, size: int) -> None:
        """Keep a call of so many bytes, or a message of one that is kept. The node is held."""
        self._ring.append(call)
        self._sizes.append(size)
        self._size += size
        self._count += 1
        if self._size > MOST_BYTES or len(self._ring) > MOST_ENTRIES:
            self._forget()
        for condition in self._waiting:
            condition.notify_all()

    def _forget(self) -> None:
        while (self._size > MOST_BYTES and len(self._ring) > 1) or len(self._ring) > MOST_ENTRIES:
            oldest = self._ring.popleft()
            self._size -= self._sizes.popleft()
            self.forgotten += 1
            if isinstance(oldest._said, deque):
                oldest._said.popleft()


class _Recording:
    """A stream that is being recorded."""

    __slots__ = ("_history", "_now", "_said", "call")

    def __init__(self, call: RecordedCall, history: History, now: Callable[[], float]) -> None:
        self.call = call
        self._history = history
        self._now = now
        assert isinstance(call._said, deque), "there is more to come"
        self._said = call._said

    def add(self, message: Message | bytes | None, size: int) -> None:
        """Something was said."""
        self._said.append((self._now(), message))
        self._history.keep(self.call, size)

    def end(self, status: Status) -> None:
        """It is over, unless it was already."""
        if self.call.status is None:
            self.call.status = status

    def guard(self, step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What a step gives; where it fails the stream ends with that."""
        try:
            return step(*args, **kwargs)
        except Exception as error:
            self.end(_status_of(error))
            raise


class _RecordedSink:
    """A sink that records what a handler says."""

    __slots__ = ("_recording", "_sink")

    def __init__(self, sink: Sink, recording: _Recording) -> None:
        self._sink = sink
        self._recording = recording

    def send(self, message: bytes) -> bool:
        self._recording.add(message, len(message))
        return self._sink.send(message)

    def send_all(self, messages: Sequence[bytes]) -> bool:
        for message in messages:
            self._recording.add(message, len(message))
        return self._sink.send_all(messages)

    def close(self, status: Status = OK) -> None:
        self._recording.end(status)
        self._sink.close(status)


class _RecordedReceiver:
    """A receiver that records what a client says."""

    __slots__ = ("_receiver", "_recording")

    def __init__(self, receiver: Receiver, recording: _Recording) -> None:
        self._receiver = receiver
        self._recording = recording

    def message(self, request: Message) -> None:
        self._recording.add(request, request.ByteSize())
        self._recording.guard(self._receiver.message, request)

    def half_close(self) -> None:
        self._recording.guard(self._receiver.half_close)

    def cancelled(self) -> None:
        self._recording.end(_BROKEN_OFF)
        self._receiver.cancelled()

    def writable(self) -> None:
        self._recording.guard(self._receiver.writable)


def _told(status: Status | None) -> str:
    """How a call ended, for people; of one that was broken off its client has its own status."""
    if status is None:
        return "going on"
    if status is _BROKEN_OFF:
        return status.message
    return f"{status.code.name} {status.message!r}" if status.message else status.code.name


def _status_of(error: Exception) -> Status:
    return error.status if isinstance(error, EtcdError) else _BUG
