"""One call without a wire: what has been said on both sides so far. Both kinds of channel use it.

Bytes go in and come out, so that any client's message classes do; statuses for what is too large,
unknown or not to be parsed are those of the native transport (`transport/grpc`).
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence

from google.protobuf.message import DecodeError, Message

from fake_etcd.api.deep import decoder_of
from fake_etcd.api.errors import EtcdError, StatusError
from fake_etcd.api.methods import Kind
from fake_etcd.api.status import OK, Code, Status
from fake_etcd.core.schedule import Appointment
from fake_etcd.services.call import Call, Endpoint, Metadata, Receiver
from fake_etcd.services.interceptor import admit
from fake_etcd.transport.grpc import errors
from fake_etcd.transport.grpc.handling import go_decode_reason
from fake_etcd.transport.grpc.head import status_of_unknown
from fake_etcd.transport.in_process.limits import MessageLimits
from fake_etcd.transport.in_process.line import DOWN, Line

_log = logging.getLogger("fake_etcd.transport")

SINK_LIMIT = 2**18
"""Bytes of answers that wait on one call before its handler is told to stop, as on a socket."""

LATE = Status(Code.DEADLINE_EXCEEDED, "Deadline Exceeded")
"""grpcio's words."""


def answered(
    line: Line, endpoint: Endpoint, raw: bytes, metadata: Metadata, deadline: float | None
) -> tuple[bytes, Status]:
    """What a handler that waits for nothing answers; the bytes count where the status is OK.

    The node is held.
    """
    assert endpoint.unary is not None, "it is another one's"
    try:
        request = _decoded(line, endpoint, raw)
        admit(metadata)
        return endpoint.unary(request, Call(endpoint.method, metadata, deadline, line)), OK
    except Exception as error:
        return b"", _status_of(error, endpoint)


def _decoded(line: Line, endpoint: Endpoint, raw: bytes) -> Message:
    limit = line.shared.node.config.max_receive_bytes
    if len(raw) > limit:
        raise StatusError(errors.message_too_large(len(raw), limit))
    return decoder_of(endpoint.method.request)(raw)


def _status_of(error: Exception, endpoint: Endpoint) -> Status:
    if isinstance(error, EtcdError):
        return error.status
    if isinstance(error, DecodeError):
        is_unary = endpoint.method.kind is Kind.UNARY
        status = errors.cannot_unmarshal if is_unary else errors.cannot_unmarshal_in_stream
        return status(go_decode_reason(error))
    _log.error("bug in the handler of %s", endpoint.method.path, exc_info=error)
    return errors.HANDLER_BUG


class Exchange:
    """A call; the `Sink` of its handler. Whoever calls a method holds the node.

    Args:
        line: what it goes over.
        path: "/etcdserverpb.KV/Put".
        metadata: the caller's.
        deadline: seconds on the node's clock, or None.
        limits: the caller's.
        has_one_answer: it is a part of the end, and nobody takes it before.
        news: called when there is an answer or the status. It must not block.

    Attributes:
        status: how it ended; None as long as it goes on. Answers may still be waiting.
        has_answered: whether there was an answer, with which its metadata comes.
        is_full: nobody takes the answers, so that nothing more should be asked.
    """

    def __init__(
        self,
        line: Line,
        path: str,
        metadata: Metadata,
        deadline: float | None,
        limits: MessageLimits,
        has_one_answer: bool,
        news: Callable[[], None],
    ) -> None:
        self.status: Status | None = None
        self.has_answered = False
        self.is_full = False
        self._line = line
        self._path = path
        self._metadata = metadata
        self._deadline = deadline
        self._limits = limits
        self._has_one_answer = has_one_answer
        self._news = news
        self._early: list[bytes] = []
        self._early_half_close = False
        self._answers: deque[bytes] = deque()
        self._size = 0
        self._receiver: Receiver | None = None
        self._endpoint: Endpoint | None = None
        self._request: Message | None = None
        self._alarm: Appointment | None = None

    # The caller's half

    def open(self, wait_for_ready: bool = False) -> None:
        """Begin: over a line that is down only once it is up, if the caller wants to wait."""
        if self.status is not None:  # cancelled at once
            return
        clock = self._line.shared.node.clock
        if self._deadline is not None and self._deadline <= clock.now():
            self.cut(LATE)
            return
        self._set_alarm()
        if self._line.connect():
            self._begin()
        elif wait_for_ready:
            self._line.watch(self._came_up)
        else:
            self.cut(DOWN)

    @property
    def has_begun(self) -> bool:
        """Whether there was a line to go over."""
        return self._endpoint is not None

    @property
    def over(self) -> Status | None:
        """`status` as the caller is told it: a stream that went well is over when its last answer
        has been taken, as with grpcio."""
        status = self.status
        if status is None or status.code is not Code.OK or self._has_one_answer:
            return status
        return None if self._answers else status

    @property
    def holds_requests_back(self) -> bool:
        """Whether the caller should ask no more for now."""
        return self.status is None and (self.is_full or self._endpoint is None)

    def message(self, raw: bytes) -> None:
        """One request; it is kept until the call has begun."""
        if self.status is not None:
            return
        too_large = self._limits.of_request(len(raw))
        if too_large is not None:
            self.cut(too_large)
        elif self._endpoint is None:
            self._early.append(raw)
        else:
            self._guard(lambda: self._message(raw))

    def half_close(self) -> None:
        """There are no more requests."""
        if self.status is not None:
            return
        if self._endpoint is None:
            self._early_half_close = True
        else:
            self._guard(self._half_close)

    def take(self) -> bytes | None:
        """The next answer; None where there is none now."""
        if not self._answers:
            return None
        answer = self._answers.popleft()
        self._size -= len(answer)
        if self.is_full and not self._answers:
            self.is_full = False
            if self._receiver is not None and self.status is None:
                self._guard(self._receiver.writable)
            self._news()  # who has more to ask may go on
        return answer

    def cut(self, status: Status) -> None:
        """End for the caller, whatever the handler thinks; answers that wait are gone.

        So does a stream end that went well, as long as not all of its answers have been taken.
        """
        if self.over is not None:
            return
        self._answers.clear()
        if self.status is None:
            self.lost(status)
        else:
            self.status = status
            self._news()

    def lost(self, status: Status) -> None:
        """End likewise, with its connection: answers that came before may still be taken."""
        receiver = self._receiver
        self.close(status)
        if receiver is not None:
            self._tell_cancelled(receiver)

    # Sink

    def send(self, message: bytes) -> bool:
        if self.status is None:
            too_large = self._limits.of_answer(len(message))
            if too_large is not None:
                self._give_up(too_large)
                return True
            self.has_answered = True
            self._answers.append(message)
            self._size += len(message)
            # Once full it owes a `writable`, whatever is sent meanwhile.
            self.is_full |= self._size > SINK_LIMIT
            self._news()
        return not self.is_full

    def send_all(self, messages: Sequence[bytes]) -> bool:
        has_room = True
        for message in messages:
            has_room = self.send(message)
        return has_room

    def close(self, status: Status = OK) -> None:
        if self.status is not None:
            return
        self.status = status
        self._receiver = None
        self._line.closed(self)
        self._line.unwatch(self._came_up)
        if self._alarm is not None:
            self._alarm.cancel()
        self._news()

    # Inside

    def _end(self, status: Status) -> None:
        if self.status is None:
            self._answers.clear()
            self.close(status)

    def _give_up(self, status: Status) -> None:
        """`cut` while the handler is at work: it is told when that is over."""
        shared, receiver = self._line.shared, self._receiver
        self._end(status)

        def tell() -> None:
            with shared:
                if receiver is not None:
                    self._tell_cancelled(receiver)

        shared.afterwards(tell)

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        if self._deadline is not None:
            schedule = self._line.shared.node.schedule
            self._alarm = schedule.at(self._deadline, self._too_late)

    def _too_late(self) -> None:
        self.cut(LATE)

    def _came_up(self, is_up: bool) -> None:
        if is_up:
            self._line.unwatch(self._came_up)
            self._set_alarm()  # the node may be another one by now
            self._begin()
            self._news()

    def _begin(self) -> None:
        self._line.opened(self)
        endpoint = self._line.shared.endpoints.get(self._path)
        if endpoint is None:
            self.close(status_of_unknown(self._path.encode()))
            return
        self._endpoint = endpoint
        if endpoint.stream is not None:
            self._guard(self._open_stream)
        early, self._early = self._early, []
        for raw in early:
            self.message(raw)
        if self._early_half_close:
            self.half_close()

    def _open_stream(self) -> None:
        assert self._endpoint is not None
        assert self._endpoint.stream is not None
        admit(self._metadata)
        call = Call(self._endpoint.method, self._metadata, self._deadline, self._line)
        receiver = self._endpoint.stream(call, self)
        if self.status is None:
            self._receiver = receiver

    def _message(self, raw: bytes) -> None:
        line, endpoint = self._line, self._endpoint
        assert endpoint is not None
        if endpoint.unary is not None:
            answer, status = answered(line, endpoint, raw, self._metadata, self._deadline)
            if status == OK:
                self.send(answer)
            self.close(status)
            return
        request = _decoded(line, endpoint, raw)
        if endpoint.method.kind is Kind.BIDI:
            assert self._receiver is not None
            self._receiver.message(request)
        elif self._request is None:
            self._request = request
        else:
            raise StatusError(errors.TOO_MANY_MESSAGES)

    def _half_close(self) -> None:
        assert self._endpoint is not None
        kind = self._endpoint.method.kind
        if self._receiver is None:
            raise StatusError(errors.NO_MESSAGE)
        if kind is not Kind.BIDI:
            if self._request is None:
                unary = kind is Kind.UNARY
                raise StatusError(errors.NO_MESSAGE if unary else errors.NO_STREAM_MESSAGE)
            self._receiver.message(self._request)
        if self._receiver is not None:
            self._receiver.half_close()

    def _guard(self, step: Callable[[], None]) -> None:
        """Whatever goes wrong in `step` ends the call."""
        try:
            step()
        except Exception as error:
            assert self._endpoint is not None
            receiver = self._receiver
            self.close(_status_of(error, self._endpoint))
            if receiver is not None:
                self._tell_cancelled(receiver)

    def _tell_cancelled(self, receiver: Receiver) -> None:
        try:
            receiver.cancelled()
        except Exception:
            _log.exception("bug in the handler of %s", self._path)
