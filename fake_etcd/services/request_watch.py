"""How long unary calls take, and who is told of those that take long: a layer over endpoints.

etcd: server/etcdserver/api/v3rpc/interceptor.go (`newLogUnaryInterceptor`), which measures the
whole call; server/etcdserver/apply/uber_applier.go (`dispatch`), which measures what is done to the
store. Here both are one step, but for calls that hash a password or wait for a compaction. What is
said of a call is the host's business.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from google.protobuf.message import Message

from fake_etcd.api.errors import EtcdError
from fake_etcd.api.methods import Kind, Method
from fake_etcd.api.status import OK, Status
from fake_etcd.core.node import Node, Work
from fake_etcd.services.call import (
    Call,
    Endpoint,
    Endpoints,
    Receiver,
    Sink,
    StreamHandler,
    UnaryHandler,
)
from fake_etcd.services.layer import Layer


@dataclass(frozen=True, slots=True)
class Served:
    """A unary call that is over.

    Attributes:
        node: which served it.
        request, call: what was asked for, and by whom.
        response: the encoded answer; None where the call failed.
        status: how it ended.
        index: the entry of etcd's log that it would be; None where it is none.
        seconds: from its request to its answer.
        apply_seconds: how much of that went into the store.
    """

    node: Node
    request: Message
    call: Call
    response: bytes | None
    status: Status
    index: int | None
    seconds: float
    apply_seconds: float

    @property
    def method(self) -> Method:
        return self.call.method


class RequestWatch:
    """Measures calls, and tells of those that took longer than a limit, and of writes that failed.

    Args:
        clock: seconds of a clock that goes on by itself.
        limit_seconds: what a call may take without being told of.
        tell: who is told, when the answer is there and not yet on its way.
    """

    def __init__(
        self, clock: Callable[[], float], limit_seconds: float, tell: Callable[[Served], None]
    ) -> None:
        self._clock = clock
        self._limit_seconds = limit_seconds
        self._tell = tell
        self._entered = 0.0
        self._index = 0

    def layer(self, node: Node, endpoints: Endpoints) -> Endpoints:
        """The same endpoints, measured; streams are let through, as etcd lets them."""
        return Layer(endpoints, lambda endpoint: self._measured(node, endpoint))

    def _measured(self, node: Node, endpoint: Endpoint) -> Endpoint:
        method = endpoint.method
        if endpoint.unary is not None:
            return Endpoint(method, unary=self._unary(node, endpoint.unary))
        if endpoint.stream is not None and method.kind is Kind.UNARY:
            return Endpoint(method, stream=self._stream(node, endpoint.stream))
        return endpoint

    def _unary(self, node: Node, handler: UnaryHandler) -> UnaryHandler:
        # The hot path: two looks at the clock and one at the node, 0.2 us. Of what a put through a
        # socket costs that is a hundredth.
        clock, limit, tell = self._clock, self._limit_seconds, self._tell

        def measured(request: Message, call: Call) -> bytes:
            index = node.raft_index
            start = clock()
            try:
                response = handler(request, call)
            except EtcdError as error:
                self._failed(node, request, call, error.status, index, clock() - start)
                raise
            seconds = clock() - start
            if seconds > limit:
                entry = _entry(node, index)
                tell(Served(node, request, call, response, OK, entry, seconds, seconds))
            return response

        return measured

    def _failed(
        self,
        node: Node,
        request: Message,
        call: Call,
        status: Status,
        index: int,
        seconds: float,
    ) -> None:
        entry = _entry(node, index)
        if seconds > self._limit_seconds or entry is not None:
            self._tell(Served(node, request, call, None, status, entry, seconds, seconds))

    # Calls that answer later

    def _stream(self, node: Node, handler: StreamHandler) -> StreamHandler:
        def measured(call: Call, sink: Sink) -> Receiver:
            watched = _Watched(self, node, call, sink)
            watched.inner = handler(call, watched)
            return watched

        return measured

    def attach(self, node: Node) -> None:
        """Know when what the node has done aside comes back: only what follows is applied."""
        aside = node.aside

        def watched(work: Work) -> None:
            def measured() -> Callable[[], None]:
                go_on = work()

                def enter_and_go_on() -> None:
                    self.enter(node)
                    go_on()

                return enter_and_go_on

            aside(measured)

        node.aside = watched

    def enter(self, node: Node) -> float:
        """Begin a step that ends before another begins; the time."""
        self._index = node.raft_index
        self._entered = self._clock()
        return self._entered

    def applied(self, node: Node) -> tuple[int | None, float]:
        """The entry that the step under way made, and how long it takes so far."""
        return _entry(node, self._index), self._clock() - self._entered

    def over(self, call: _Watched, status: Status) -> None:
        """A call that answers later has its answer."""
        if call.request is None:  # it was refused before it had one
            return
        seconds = self._clock() - call.started
        entry, apply_seconds = call.applied or self.applied(call.node)
        failed = status is not OK
        if seconds > self._limit_seconds or (failed and entry is not None):
            response = None if failed else call.response
            node, request = call.node, call.request
            self._tell(
                Served(node, request, call.call, response, status, entry, seconds, apply_seconds)
            )


class _Watched:
    """Stands between a handler that answers later and its transport."""

    def __init__(self, watch: RequestWatch, node: Node, call: Call, sink: Sink) -> None:
        self._watch = watch
        self._sink = sink
        self._is_over = False
        self.node = node
        self.call = call
        self.inner: Receiver
        self.request: Message | None = None
        self.response: bytes | None = None
        self.started = 0.0
        self.applied: tuple[int | None, float] | None = None
        """As `RequestWatch.applied`, once it is done and waits for something else."""

    # Receiver

    def message(self, request: Message) -> None:
        self.request = request
        self.started = self._watch.enter(self.node)
        try:
            self.inner.message(request)
        except EtcdError as error:
            self._end(error.status)
            raise
        if not self._is_over:
            applied = self._watch.applied(self.node)
            self.applied = applied if applied[0] is not None else None

    def half_close(self) -> None:
        self.inner.half_close()

    def cancelled(self) -> None:
        self._is_over = True
        self.inner.cancelled()

    def writable(self) -> None:
        self.inner.writable()

    # Sink

    def send(self, message: bytes) -> bool:
        self.response = message
        return self._sink.send(message)

    def send_all(self, messages: Sequence[bytes]) -> bool:
        raise AssertionError("a unary call has one answer")

    def close(self, status: Status = OK) -> None:
        self._end(status)
        self._sink.close(status)

    def _end(self, status: Status) -> None:
        if not self._is_over:
            self._is_over = True
            self._watch.over(self, status)


def _entry(node: Node, before: int) -> int | None:
    """The log's entry that came since, if one did."""
    now = node.raft_index
    return now if now != before else None
