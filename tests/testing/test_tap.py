"""A call between its transport and its handler, with gates on the way of its answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from google.protobuf.message import Message

from fake_etcd.api import errors
from fake_etcd.api.methods import METHODS
from fake_etcd.api.status import OK, Code, Status
from fake_etcd.core.node import Node
from fake_etcd.services.call import Call, Receiver, Sink
from fake_etcd.testing.faults.tap import HELD_LIMIT, Passage, Tap
from fake_etcd.transport.grpc.errors import HANDLER_BUG

WATCH = METHODS["/etcdserverpb.Watch/Watch"]


class Host:
    """Keeps a tap; notes what it is told."""

    def __init__(self) -> None:
        self.node = Node()
        self.told: list[str] = []

    def strike(self, tap: Tap, request: Message) -> bool:
        return False

    def cut(self, call: Call) -> None:
        self.told.append("cut")

    def over(self, tap: Tap) -> None:
        self.told.append("over")


class Transport:
    """A sink that has no room once it is told so."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.status: Status | None = None
        self.has_room = True

    def send(self, message: bytes) -> bool:
        self.sent.append(message)
        return self.has_room

    def send_all(self, messages: Sequence[bytes]) -> bool:
        for message in messages:
            self.send(message)
        return self.has_room

    def close(self, status: Status = OK) -> None:
        self.status = status


class Handler:
    """Notes what it is told; fails with `error` when it gets a request."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.error: Exception | None = None

    def message(self, request: Message) -> None:
        if self.error is not None:
            raise self.error
        self.told.append("message")

    def half_close(self) -> None:
        self.told.append("half_close")

    def cancelled(self) -> None:
        self.told.append("cancelled")

    def writable(self) -> None:
        self.told.append("writable")


class Gate:
    """Shut until it is opened; what it lets through is `passages`' to say."""

    def __init__(self, passages: Sequence[Passage] = ()) -> None:
        self.is_shut = not passages
        self._passages = list(passages)

    def passage(self, answer: bytes | None) -> Passage:
        return self._passages.pop(0) if self._passages else Passage.PASS


class Opened:
    """A tap with all that is around it."""

    def __init__(self) -> None:
        self.host = Host()
        self.transport = Transport()
        self.handler = Handler()
        self.tap = Tap(self.host, Call(WATCH), self.transport)
        self.sink: Any = None

        def open_handler(call: Call, sink: Sink) -> Receiver:
            self.sink = sink
            return self.handler

        self.tap.open(open_handler)


@pytest.fixture
def opened() -> Opened:
    return Opened()


def test_answers_go_straight_to_the_transport_while_there_is_no_gate(opened: Opened) -> None:
    tap, transport = opened.tap, opened.transport
    assert (tap.send, tap.send_all) == (transport.send, transport.send_all)
    gate = Gate()
    tap.add_gate(gate)
    assert tap.send != transport.send
    tap.remove_gate(gate)
    assert (tap.send, tap.send_all) == (transport.send, transport.send_all)


def test_what_is_held_back_comes_in_order_and_then_the_end(opened: Opened) -> None:
    gate = Gate()
    opened.tap.add_gate(gate)
    opened.sink.send_all([b"1", b"2"])
    opened.sink.send(b"3")
    opened.sink.close(Status(Code.ABORTED))
    assert (opened.transport.sent, opened.transport.status) == ([], None)
    opened.tap.remove_gate(gate)
    assert opened.transport.sent == [b"1", b"2", b"3"]
    assert opened.transport.status == Status(Code.ABORTED)
    assert opened.host.told == ["over"]


def test_a_handler_is_told_to_stop_where_too_much_is_held_back(opened: Opened) -> None:
    gate = Gate()
    opened.tap.add_gate(gate)
    assert opened.sink.send(bytes(HELD_LIMIT)) is True
    assert opened.sink.send(b"1") is False
    opened.tap.remove_gate(gate)
    assert opened.handler.told == ["writable"]
    assert opened.sink.send(b"2") is True


def test_a_full_transport_tells_the_handler_itself_when_a_gate_has_opened(opened: Opened) -> None:
    gate = Gate()
    opened.tap.add_gate(gate)
    opened.sink.send(bytes(HELD_LIMIT + 1))
    opened.transport.has_room = False
    opened.tap.remove_gate(gate)
    assert opened.handler.told == []
    opened.tap.writable()
    assert opened.handler.told == ["writable"]


def test_a_transport_that_has_room_again_behind_a_shut_gate_is_remembered(opened: Opened) -> None:
    opened.transport.has_room = False
    assert opened.sink.send(b"1") is False
    gate = Gate()
    opened.tap.add_gate(gate)
    opened.sink.send(b"2")
    opened.transport.has_room = True
    opened.tap.writable()
    assert opened.handler.told == []
    opened.tap.remove_gate(gate)
    assert (opened.transport.sent, opened.handler.told) == ([b"1", b"2"], ["writable"])


def test_of_two_gates_both_have_to_be_passed(opened: Opened) -> None:
    shut = Gate()
    opened.tap.add_gate(Gate([Passage.PASS, Passage.LAST]))
    opened.tap.add_gate(shut)
    for answer in (b"1", b"2", b"3"):
        opened.sink.send(answer)
    opened.tap.remove_gate(shut)
    assert opened.transport.sent == [b"1", b"2"]
    assert opened.host.told == ["over", "cut"]
    opened.sink.send(b"4")
    opened.sink.close()
    assert (opened.transport.sent, opened.transport.status) == ([b"1", b"2"], None)


def test_steps_are_done_in_turn(opened: Opened) -> None:
    done: list[int] = []
    first = opened.tap.in_turn(lambda: done.append(1), is_ready=False)
    opened.tap.in_turn(lambda: done.append(2))
    third = opened.tap.in_turn(lambda: done.append(3), is_ready=False)
    opened.tap.half_close()
    third.come()
    assert (done, opened.handler.told) == ([], [])
    first.come()
    assert (done, opened.handler.told) == ([1, 2, 3], ["half_close"])


def test_a_step_that_comes_from_a_step_waits_for_its_end(opened: Opened) -> None:
    done: list[int] = []

    def first() -> None:
        opened.tap.in_turn(lambda: done.append(2))
        done.append(1)

    opened.tap.in_turn(first)
    assert done == [1, 2]


def test_nothing_is_done_when_the_call_is_over(opened: Opened) -> None:
    done: list[int] = []
    late = opened.tap.in_turn(lambda: done.append(1), is_ready=False)
    late.on_cancel = lambda: done.append(0)
    opened.tap.cancelled()
    late.come()
    opened.tap.in_turn(lambda: done.append(2))
    opened.tap.cut()
    assert (done, opened.handler.told, opened.host.told) == ([0], ["cancelled"], ["over"])


@pytest.mark.parametrize("is_stalled", [False, True])
@pytest.mark.parametrize(
    ("error", "status"),
    [(errors.NO_LEADER(), errors.NO_LEADER.status), (RuntimeError("a bug"), HANDLER_BUG)],
)
def test_a_handler_that_fails_ends_the_call(
    opened: Opened, error: Exception, status: Status, is_stalled: bool
) -> None:
    gate = Gate()
    if is_stalled:
        opened.tap.add_gate(gate)
    opened.handler.error = error
    opened.tap.message(WATCH.request())
    opened.tap.message(WATCH.request())
    assert opened.transport.status == (None if is_stalled else status)
    opened.tap.remove_gate(gate)
    assert opened.transport.status == status
    assert opened.handler.told == ["cancelled"]
