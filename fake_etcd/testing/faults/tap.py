"""A call that faults can get at: it stands between the transport and the handler, both ways.

Requests wait here for their turn, answers pass gates. As long as there is no gate the handler's
answers go straight to the transport: `send` and `send_all` are those of its sink.
"""

from __future__ import annotations

import enum
import logging
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol, cast

from google.protobuf.message import Message

from fake_etcd.api import messages as m
from fake_etcd.api.errors import EtcdError
from fake_etcd.api.status import OK, Status
from fake_etcd.core.node import Node
from fake_etcd.services.call import Call, Receiver, Sink, StreamHandler, UnaryHandler
from fake_etcd.transport.grpc.errors import HANDLER_BUG

_log = logging.getLogger("fake_etcd.testing")

HELD_LIMIT = 2**18
"""Bytes of answers that are held back before the handler is told to stop, as by a full socket."""


_MOST_REQUESTS = 1_000
"""Of a stream that are kept, the latest."""


class Passage(enum.Enum):
    """What a gate does with an answer."""

    PASS = "lets it through"
    LAST = "lets it through, and cuts the connection behind it"
    LOSE = "cuts the connection before it"


class Gate(Protocol):
    """What a fault does to a call's answers."""

    @property
    def is_shut(self) -> bool:
        """Whether they wait. Who opens it calls `Tap.opened`."""

    def passage(self, answer: bytes | None) -> Passage:
        """What becomes of the next one; None is the call's end, which counts as one too."""


class Host(Protocol):
    """What a tap needs of the one who keeps it."""

    @property
    def node(self) -> Node:
        """The member that is called."""

    def strike(self, tap: Tap, request: Message) -> bool:
        """Have the first rule act that is about this request; False where none is."""

    def cut(self, call: Call) -> None:
        """Cut a call's connection as soon as nobody is in the middle of something."""

    def over(self, tap: Tap) -> None:
        """Nothing more comes of it."""


class Turn:
    """A step of a call that has to wait for those before it, and may have to wait longer."""

    __slots__ = ("_tap", "is_ready", "on_cancel", "step")

    def __init__(self, tap: Tap, step: Callable[[], None], is_ready: bool) -> None:
        self._tap = tap
        self.step = step
        self.is_ready = is_ready
        self.on_cancel: Callable[[], None] | None = None
        """Called where the call is over before its turn has come."""

    def come(self) -> None:
        """It need not wait for itself any longer. The node is held."""
        self.is_ready = True
        self._tap.take_turns()


class Tap:
    """The `Receiver` of a call for its transport, and the `Sink` for its handler.

    Args:
        host: who keeps it.
        call: which call.
        sink: the transport's.

    Attributes:
        node: the member that is called.
        call: the same.
        requests: those that a rule to come may be about: what a watch stream's watchers want.
    """

    def __init__(self, host: Host, call: Call, sink: Sink) -> None:
        self._host = host
        self._sink = sink
        self.node = host.node
        self.call = call
        self.requests: deque[Message] = deque(maxlen=_MOST_REQUESTS)
        self.send: Callable[[bytes], bool] = sink.send
        self.send_all: Callable[[Sequence[bytes]], bool] = sink.send_all
        self._keeps_requests = call.method.request is m.WatchRequest
        self._inner: Receiver | None = None
        self._turns: deque[Turn] = deque()
        self._gates: list[Gate] = []
        self._held: deque[bytes] = deque()
        self._held_size = 0
        self._end: Status | None = None
        self._owes_writable = False
        self._is_over = False

    def open(self, handler: StreamHandler) -> Receiver:
        """Let the handler take the call."""
        try:
            self._inner = handler(self.call, cast(Sink, self))
        except EtcdError:
            self._finish()
            raise
        return self

    # Receiver

    def message(self, request: Message) -> None:
        if self._keeps_requests and cast(m.WatchRequest, request).HasField("create_request"):
            self.requests.append(request)
        if not self._host.strike(self, request):
            self.in_turn(partial(self.hand_on, request))

    def half_close(self) -> None:
        self.in_turn(self._hand_on_half_close)

    def cancelled(self) -> None:
        self._finish()
        if self._inner is not None:
            self._inner.cancelled()

    def writable(self) -> None:
        self._owes_writable = True
        if not self._held:
            self._tell_writable()

    # Sink

    def close(self, status: Status = OK) -> None:
        if self._is_over or self._end is not None:
            return
        if not self._gates:
            self._finish()
            self._sink.close(status)
            return
        self._end = status
        self.opened()

    # What faults do

    def in_turn(self, step: Callable[[], None], is_ready: bool = True) -> Turn:
        """Have a step done once those before it are: at once where there are none.

        Args:
            step: may raise `EtcdError`, which ends the call.
            is_ready: whether it waits for nothing else; otherwise until `Turn.come`.
        """
        turn = Turn(self, step, is_ready)
        if self._is_over:
            return turn
        self._turns.append(turn)
        if len(self._turns) == 1:
            self.take_turns()
        return turn

    def take_turns(self) -> None:
        """Do the steps whose turn has come."""
        while self._turns and self._turns[0].is_ready and not self._is_over:
            turn = self._turns[0]
            turn.is_ready = False  # whoever is called from here does not begin it again
            self._do(turn.step)
            if self._turns:
                self._turns.popleft()

    def hand_on(self, request: Message) -> None:
        """Give the handler a request."""
        if self._inner is not None:  # else it failed, and its end is held back
            self._inner.message(request)

    def add_gate(self, gate: Gate) -> None:
        """Have all answers from now on pass this one as well."""
        self._gates.append(gate)
        self.send = self._send
        self.send_all = self._send_all

    def remove_gate(self, gate: Gate) -> None:
        """Have answers pass it no more, those that it holds back included."""
        if gate in self._gates:
            self._gates.remove(gate)
            self.opened()

    def opened(self) -> None:
        """A gate opened: let through what was held back."""
        sink = self._sink
        has_room = True
        while self._held and not self._is_over and not self._is_shut():
            passage = self._passage(self._held[0])
            if passage is Passage.LOSE:
                self.cut()
                return
            answer = self._held.popleft()
            self._held_size -= len(answer)
            has_room = sink.send(answer)
            if passage is Passage.LAST:
                self.cut()
                return
        if self._held or self._is_over or self._is_shut():
            return
        if self._end is not None:
            self._end_now(self._end)
            return
        if not self._gates:
            self.send, self.send_all = sink.send, sink.send_all
        if self._owes_writable and has_room:
            self._tell_writable()

    def cut(self) -> None:
        """Cut the connection; nothing more gets through on this call."""
        if not self._is_over:
            self._finish()
            self._host.cut(self.call)

    # Inside

    def _hand_on_half_close(self) -> None:
        if self._inner is not None:
            self._inner.half_close()

    def _tell_writable(self) -> None:
        self._owes_writable = False
        if self._inner is not None:
            self._do(self._inner.writable)

    def _do(self, step: Callable[[], None]) -> None:
        """Whatever goes wrong in `step` ends the call."""
        try:
            step()
        except EtcdError as error:
            self._fail(error.status)
        except Exception:
            _log.exception("bug in the handler of %s", self.call.method.path)
            self._fail(HANDLER_BUG)

    def _fail(self, status: Status) -> None:
        inner, self._inner = self._inner, None
        self.close(status)
        if inner is not None:
            inner.cancelled()

    def _finish(self) -> None:
        if self._is_over:
            return
        self._is_over = True
        self.send, self.send_all = _swallow, _swallow_all
        for turn in self._turns:
            if turn.on_cancel is not None:
                turn.on_cancel()
        self._turns.clear()
        self._held.clear()
        self._host.over(self)

    def _is_shut(self) -> bool:
        return any(gate.is_shut for gate in self._gates)

    def _passage(self, answer: bytes | None) -> Passage:
        passage = Passage.PASS
        for gate in self._gates:
            its = gate.passage(answer)
            if its is Passage.LOSE:
                return its
            if its is Passage.LAST:
                passage = its
        return passage

    def _end_now(self, status: Status) -> None:
        if self._passage(None) is Passage.PASS:
            self._finish()
            self._sink.close(status)
        else:
            self.cut()

    def _send(self, answer: bytes) -> bool:
        self._held.append(answer)
        self._held_size += len(answer)
        if self._is_shut():
            self._owes_writable |= self._held_size > HELD_LIMIT
        else:
            self.opened()
        return not self._owes_writable

    def _send_all(self, answers: Sequence[bytes]) -> bool:
        has_room = True
        for answer in answers:
            has_room = self._send(answer)
        return has_room


def _swallow(answer: bytes) -> bool:
    return True


def _swallow_all(answers: Sequence[bytes]) -> bool:
    return True


def as_stream(handler: UnaryHandler) -> StreamHandler:
    """A handler that answers at once, as one that may have to wait."""

    def open_unary(call: Call, sink: Sink) -> Receiver:
        return _Unary(handler, call, sink)

    return open_unary


class _Unary:
    """Receiver of a unary call."""

    def __init__(self, handler: UnaryHandler, call: Call, sink: Sink) -> None:
        self._handler = handler
        self._call = call
        self._sink = sink

    def message(self, request: Message) -> None:
        self._sink.send(self._handler(request, self._call))
        self._sink.close()

    def half_close(self) -> None:
        """Nothing to do: the one message is what counts."""

    def writable(self) -> None:
        """Nothing to do: there is one answer."""

    def cancelled(self) -> None:
        """Nothing to do: it never waits."""
