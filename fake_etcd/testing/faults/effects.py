"""What can go wrong with a call: each function here makes an effect for `Faults.add`.

Durations are seconds on the node's clock, which a test may have frozen; see `TestClock`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, cast

from google.protobuf.message import Message

from fake_etcd.api import errors
from fake_etcd.api import messages as m
from fake_etcd.api.methods import Kind, Method
from fake_etcd.api.status import Status
from fake_etcd.core.node import Node
from fake_etcd.testing import tokens
from fake_etcd.testing.faults.errors import Failure, status_of
from fake_etcd.testing.faults.tap import Passage, Tap


class Timers(Protocol):
    """Where effects have things done later."""

    def later(self, seconds: float, real: bool, call: Callable[[], None]) -> Callable[[], None]:
        """Have a call made in so many seconds, with the node held. Gives what calls it off."""


@dataclass(frozen=True, slots=True)
class Strike:
    """A rule that acts on a request.

    Args:
        tap: the call.
        request: the request.
        timers: where to have things done later.
        on_end: have a call made when the rule is taken away.
    """

    tap: Tap
    request: Message
    timers: Timers
    on_end: Callable[[Callable[[], None]], None]

    def hand_on(self) -> None:
        """Give the handler the request."""
        self.tap.hand_on(self.request)


class Effect:
    """What a rule does to a call."""

    __slots__ = ()

    default_times: int | None = None
    """How often it acts where the rule does not say; None: always."""

    def objection(self, method: Method) -> str | None:
        """Why it is nothing for this method; None where it is fine."""
        return None

    def concerns(self, node: Node, request: Message) -> bool:
        """Whether it has something to do for this request."""
        return True

    def act(self, strike: Strike) -> None:
        """Do it to a request that has just come."""
        raise NotImplementedError

    def act_on_open(self, strike: Strike) -> bool:
        """Do it to a stream that was open before the rule; False where it waits for a request."""
        return False


class ActionEffect(Effect):
    """An effect that needs no call: `Faults.now` does it at once."""

    __slots__ = ()

    def do(self, node: Node) -> None:
        """Do it. The node is held."""
        raise NotImplementedError

    def act(self, strike: Strike) -> None:
        def handle() -> None:
            self.do(strike.tap.node)
            strike.hand_on()

        strike.tap.in_turn(handle)


# Instead of an answer


@dataclass(frozen=True, slots=True)
class _Refuse(Effect):
    status: Status

    def act(self, strike: Strike) -> None:
        def refuse() -> None:
            raise errors.StatusError(self.status)

        strike.tap.in_turn(refuse)

    def __str__(self) -> str:
        return f"refuse with {self.status.code.name}, {self.status.message!r}"


def refuse(error: Failure, message: str = "") -> Effect:
    """The call is not handled; it ends with this error.

    Args:
        error: one of etcd's by its text or name ("no leader", "auth token invalid",
            "REQUEST_TOO_LARGE"), a class of `fake_etcd.api.errors`, a `Status`, or a status code
            (`grpc.StatusCode.UNAVAILABLE`, "UNAVAILABLE").
        message: the text that goes with a status code.

    Raises:
        ValueError: etcd has no such error; the nearest ones are named.
    """
    return _Refuse(status_of(error, message))


@dataclass(frozen=True, slots=True)
class _Drop(Effect):
    def act(self, strike: Strike) -> None:
        strike.tap.in_turn(strike.tap.cut)

    def __str__(self) -> str:
        return "drop the request, cut the connection"


def drop() -> Effect:
    """The request is lost, and its connection: nothing is done, the caller gets UNAVAILABLE.

    All calls on the same connection are lost with it, as they are with every connection that a
    fault cuts; `cut_connections` of the FakeEtcd cuts those that nobody calls on.
    """
    return _Drop()


class _Losing:
    """A gate that the first answer does not get through."""

    is_shut = False

    def passage(self, answer: bytes | None) -> Passage:
        return Passage.LOSE


@dataclass(frozen=True, slots=True)
class _LoseAnswer(Effect):
    def act(self, strike: Strike) -> None:
        tap = strike.tap

        def handle() -> None:
            tap.add_gate(_Losing())
            strike.hand_on()
            if tap.call.method.kind is Kind.BIDI:
                tap.cut()  # a request there need not have an answer

        tap.in_turn(handle)

    def __str__(self) -> str:
        return "lose the answer, cut the connection"


def lose_answer() -> Effect:
    """The request is handled, and its answer lost with the connection: UNAVAILABLE.

    What it was to change is changed, which is the case that retries get wrong.
    """
    return _LoseAnswer()


class _Counting:
    """A gate that so much gets through, and nothing more."""

    is_shut = False

    def __init__(self, messages: int | None, bytes: int | None) -> None:
        self._messages = messages
        self._bytes = bytes

    def passage(self, answer: bytes | None) -> Passage:
        if answer is None:
            return Passage.PASS
        if self._messages is not None:
            self._messages -= 1
            return Passage.PASS if self._messages else Passage.LAST
        assert self._bytes is not None, "one of the two is given"
        self._bytes -= len(answer)
        if self._bytes > 0:
            return Passage.PASS
        return Passage.LOSE if self._bytes else Passage.LAST


@dataclass(frozen=True, slots=True)
class _CutAfter(Effect):
    messages: int | None
    bytes: int | None

    def act(self, strike: Strike) -> None:
        def handle() -> None:
            self.act_on_open(strike)
            strike.hand_on()

        strike.tap.in_turn(handle)

    def act_on_open(self, strike: Strike) -> bool:
        strike.tap.add_gate(_Counting(self.messages, self.bytes))
        return True

    def __str__(self) -> str:
        if self.messages is not None:
            return f"cut the connection after {self.messages} answers"
        return f"cut the connection after {self.bytes} bytes of answers"


@dataclass(frozen=True, slots=True)
class _CutNow(_Drop):
    def act_on_open(self, strike: Strike) -> bool:
        strike.tap.cut()
        return True

    def __str__(self) -> str:
        return "cut the connection"


def cut(*, messages: int | None = None, bytes: int | None = None) -> Effect:
    """The call's connection is cut: at once, or when so many of its answers were sent.

    To a request it is at once what `drop` is; other than that it acts on streams that are open
    when the rule is added, too.

    Args:
        messages: how many answers are sent, 1 or more. A client may forget the last ones when it
            sees the end of the connection at the same time; grpcio does.
        bytes: how many bytes of answers are. One that does not fit in is lost as a whole, as
            clients drop a piece of a message.

    Raises:
        ValueError: both are given, or one that is too small.
    """
    if messages is not None and bytes is not None:
        raise ValueError("cut(): either messages= or bytes=")
    if messages is None and bytes is None:
        return _CutNow()
    for name, number in (("messages", messages), ("bytes", bytes)):
        if number is not None and number < 1:
            raise ValueError(f"cut({name}={number}): no answer would get through; lose_answer()")
    return _CutAfter(messages, bytes)


# Later


@dataclass(frozen=True, slots=True)
class _Delay(Effect):
    seconds: float
    real: bool

    def act(self, strike: Strike) -> None:
        turn = strike.tap.in_turn(strike.hand_on, is_ready=False)
        turn.on_cancel = strike.timers.later(self.seconds, self.real, turn.come)

    def __str__(self) -> str:
        return f"delay by {self.seconds:g} s{' of real time' if self.real else ''}"


def delay(seconds: float, *, real: bool = False) -> Effect:
    """The request is handled later. A caller whose deadline comes first changes nothing.

    Requests behind it on the same stream wait for it.

    Args:
        seconds: how much later.
        real: of real time, even where the clock is frozen.

    Raises:
        ValueError: less than 0.
    """
    _check_seconds("delay", seconds)
    return _Delay(seconds, real)


class _Stalling:
    """A gate that is shut until somebody opens it."""

    def __init__(self, tap: Tap) -> None:
        self._tap = tap
        self.is_shut = True

    def open(self) -> None:
        self.is_shut = False
        self._tap.remove_gate(self)

    def passage(self, answer: bytes | None) -> Passage:
        return Passage.PASS


@dataclass(frozen=True, slots=True)
class _Stall(Effect):
    seconds: float | None

    def act(self, strike: Strike) -> None:
        def handle() -> None:
            self.act_on_open(strike)
            strike.hand_on()

        strike.tap.in_turn(handle)

    def act_on_open(self, strike: Strike) -> bool:
        gate = _Stalling(strike.tap)
        strike.tap.add_gate(gate)
        strike.on_end(gate.open)
        if self.seconds is not None:
            strike.timers.later(self.seconds, False, gate.open)
        return True

    def __str__(self) -> str:
        return "stall" if self.seconds is None else f"stall for {self.seconds:g} s"


def stall(seconds: float | None = None) -> Effect:
    """Requests are handled, and answers do not come until the rule is removed.

    Nothing is lost: they come then. It acts on streams that are open already, too.

    Args:
        seconds: how long at the most.

    Raises:
        ValueError: less than 0.
    """
    if seconds is not None:
        _check_seconds("stall", seconds)
    return _Stall(seconds)


def _check_seconds(name: str, seconds: float) -> None:
    if seconds < 0:
        raise ValueError(f"{name}({seconds}): time does not go back")


# What happens to the state


@dataclass(frozen=True, slots=True)
class _ExpireLeases(ActionEffect):
    ids: tuple[int, ...]

    def do(self, node: Node) -> None:
        for lease in node.lessor.leases():
            if not self.ids or lease.id in self.ids:
                node.lessor.revoke(lease.id)

    def __str__(self) -> str:
        ids = " ".join(f"{id:x}" for id in self.ids)
        return f"expire lease {ids}" if ids else "expire all leases"


def expire_leases(*ids: int) -> ActionEffect:
    """Leases expire just before the request is handled; what comes first expires first.

    Args:
        ids: which; without any, all there are.
    """
    return _ExpireLeases(ids)


@dataclass(frozen=True, slots=True)
class _ExpireTokens(ActionEffect):
    user: str | None

    def do(self, node: Node) -> None:
        tokens.expire(node, self.user)

    def __str__(self) -> str:
        return "expire all tokens" if self.user is None else f"expire the tokens of {self.user!r}"


def expire_tokens(user: str | None = None) -> ActionEffect:
    """Tokens expire just before the request is handled: its caller's too, who has to log in anew.

    Args:
        user: whose; None: everybody's. Of signed tokens only everybody's can be ended.
    """
    return _ExpireTokens(user)


@dataclass(frozen=True, slots=True)
class _Compact(ActionEffect):
    def objection(self, method: Method) -> str | None:
        return None if method.request is m.WatchRequest else "it is about watchers: on.Watch(...)"

    def concerns(self, node: Node, request: Message) -> bool:
        create = cast(m.WatchRequest, request).create_request
        return 0 < create.start_revision <= node.current_revision

    def do(self, node: Node) -> None:
        if node.store.compact_revision < node.current_revision:
            node.compact(node.current_revision)

    def __str__(self) -> str:
        return "compact under a watcher that is behind"


def compact_under_watcher() -> ActionEffect:
    """A watcher that wants to know what was before finds that compacted.

    It acts on requests to watch from a revision that is over, which are those of a client that
    resumes: all up to the current revision is compacted before.
    """
    return _Compact()


# Watch streams


class _LosingEvents:
    """A gate that notices get through, and so many answers with events."""

    is_shut = False

    def __init__(self, left: int) -> None:
        self._left = left

    def passage(self, answer: bytes | None) -> Passage:
        if answer is None or not m.WatchResponse.FromString(answer).events:
            return Passage.PASS
        self._left -= 1
        return Passage.PASS if self._left >= 0 else Passage.LOSE


@dataclass(frozen=True, slots=True)
class _LoseWatch(Effect):
    after: int

    default_times = 1

    def objection(self, method: Method) -> str | None:
        return None if method.request is m.WatchRequest else "it is about watchers: on.Watch(...)"

    def concerns(self, node: Node, request: Message) -> bool:
        return cast(m.WatchRequest, request).HasField("create_request")

    def act(self, strike: Strike) -> None:
        def handle() -> None:
            self.act_on_open(strike)
            strike.hand_on()

        strike.tap.in_turn(handle)

    def act_on_open(self, strike: Strike) -> bool:
        strike.tap.add_gate(_LosingEvents(self.after))
        return True

    def __str__(self) -> str:
        behind = f" behind {self.after} answers with some" if self.after else ""
        return f"lose events{behind}, cut the connection"


def lose_watch(after: int = 0) -> Effect:
    """The connection of a watcher is cut when it is to be told of events, which are lost.

    A client that resumes must be told of them all the same. So that it can, this happens once
    unless the rule says otherwise. It acts on watchers that are there already, too.

    Args:
        after: how many answers with events get through before.
    """
    return _LoseWatch(after)


# Connections


@dataclass(frozen=True, slots=True)
class DenyConnections:
    """The effect of `deny_connections`."""

    def __str__(self) -> str:
        return "deny it"


def deny_connections() -> DenyConnections:
    """A new connection is closed before it says anything: for `on.connection(...)`.

    Channels of `FakeEtcd.channel()` that are connected stay so until they are cut; calls on one
    that is not get UNAVAILABLE, or wait and try again each second.
    """
    return DenyConnections()
