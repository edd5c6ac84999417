"""The rules of one FakeEtcd, and what they act on.

Unary calls that no rule can be about go straight to their handlers; streams are looked at when
they open, so that a rule which comes later can act on them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from google.protobuf.message import Message

from fake_etcd.api import messages as m
from fake_etcd.api.errors import EtcdError
from fake_etcd.api.methods import METHODS
from fake_etcd.core.node import Node
from fake_etcd.core.noise import Noise
from fake_etcd.services import access
from fake_etcd.services.call import (
    Call,
    Endpoint,
    Endpoints,
    Receiver,
    Sink,
    StreamHandler,
)
from fake_etcd.services.layer import Layer
from fake_etcd.testing.faults.effects import ActionEffect, DenyConnections, Effect, Strike
from fake_etcd.testing.faults.on import On, OnCall, OnConnection
from fake_etcd.testing.faults.tap import Tap, as_stream
from fake_etcd.transport.shared_node import SharedNode


@dataclass(eq=False)
class Rule:
    """What goes wrong when.

    Attributes:
        on: which calls or connections.
        effect: what happens to them.
        times: how often it acts at the most; None: always.
        skip: how many of them are let pass before.
        probability: how likely it acts on one.
        begins, ends: seconds on the node's clock, when it acts; `ends` None: for ever.
        acted: how often it has.
    """

    on: OnCall | OnConnection
    effect: Effect | DenyConnections
    times: int | None
    skip: int
    probability: float
    begins: float
    ends: float | None
    acted: int = 0
    _passed: int = 0
    _on_end: list[Callable[[], None]] = field(default_factory=list)

    @property
    def is_spent(self) -> bool:
        """It has acted as often as it may."""
        return self.times is not None and self.acted >= self.times

    def takes(self, now: float, noise: Noise) -> bool:
        """Whether it acts, on something that it is about; counts it."""
        if self.is_spent or now < self.begins or (self.ends is not None and now >= self.ends):
            return False
        if self._passed < self.skip:
            self._passed += 1
            return False
        if self.probability < 1 and noise.fraction() >= self.probability:
            return False
        self.acted += 1
        return True

    def is_about(self, path: str) -> bool:
        """Whether a call of this method can be one that it acts on."""
        return isinstance(self.on, OnCall) and path in self.on.paths

    def __str__(self) -> str:
        limits = [] if self.times is None else [f"times={self.times}"]
        if self.skip:
            limits.append(f"skip={self.skip}")
        if self.probability < 1:
            limits.append(f"probability={self.probability:g}")
        if self.begins:
            limits.append(f"from {self.begins:g} s")
        if self.ends is not None:
            limits.append(f"until {self.ends:g} s")
        inside = f" ({', '.join(limits)})" if limits else ""
        times = "once" if self.acted == 1 else f"{self.acted} times"
        return f"on {self.on}: {self.effect}{inside}; acted {times}"


Probe = Callable[[Call, Message], Effect | None]
"""Told of each request; what it gives acts on that."""


class RulesState(NamedTuple):
    """Rules with their counts, and what decides where they have a probability."""

    rules: list[tuple[Rule, int, int]]
    noise: int


class Faults:
    """Rules by which calls go wrong. The first that is about a request acts on it, and no other.

    Each request is looked at, of unary calls as well as on streams.

    Args:
        shared: the node that is called.
        seed: what decides where a rule has a probability.
        serve: has the node's endpoints be served anew, through `layer`.

    Attributes:
        retry: has clients in this process that are not connected try again.

    >>> from fake_etcd.testing import FakeEtcd, faults, on
    >>> with FakeEtcd() as etcd:
    ...     rule = etcd.faults.add(on.Put(key="a"), faults.lose_answer(), times=1)
    ...     print(etcd.faults.describe())
    1. on Put(key='a'): lose the answer, cut the connection (times=1); acted 0 times
    """

    def __init__(self, shared: SharedNode, seed: int, serve: Callable[[], None]) -> None:
        self._shared = shared
        self._seed = seed
        self._serve = serve
        self._noise = Noise(seed)
        self._rules: list[Rule] = []
        self._taps: dict[Tap, None] = {}
        self._timers: dict[threading.Timer, None] = {}  # that are to be heard
        self._threads: list[threading.Timer] = []
        self.retry: Callable[[], None] = _nobody
        self._probe: Probe | None = None

    # Rules

    def add(
        self,
        on: OnCall | OnConnection | On,
        effect: Effect | DenyConnections,
        *,
        times: int | None = None,
        skip: int = 0,
        probability: float = 1.0,
        after: float = 0.0,
        until: float | None = None,
    ) -> Rule:
        """Have calls go wrong, behind all rules that there are.

        Args:
            on: which calls; see `on`.
            effect: what happens to them; see `effects`.
            times: how often at the most.
            skip: how many of them are let pass before.
            probability: how likely it happens to one, from 0 to 1.
            after: in how many seconds it begins, on the node's clock.
            until: in how many seconds it ends.

        Raises:
            TypeError: what is given is none of `on`, or none of the effects.
            ValueError: a limit that makes no sense, or an effect that is nothing for the calls.
        """
        if isinstance(on, On):
            on = on()
        _check_kinds(on, effect)
        if not isinstance(effect, DenyConnections) and times is None:
            times = effect.default_times
        _check(times, skip, probability, after, until)
        _check_effect(on, effect)
        with self._shared as shared:
            now = shared.node.clock.now()
            begins = round(now + after, 9) if after else 0.0
            ends = None if until is None else round(now + until, 9)
            rule = Rule(on, effect, times, skip, probability, begins, ends)
            self._rules.append(rule)
            self._serve()
            for tap in list(self._taps):
                self._strike_open(rule, tap)
        return rule

    def remove(self, rule: Rule) -> None:
        """Take a rule away; what it stalls goes on.

        Raises:
            ValueError: it is not there.
        """
        with self._shared:
            if rule not in self._rules:
                raise ValueError(f"there is no such rule: {rule}")
            self._rules.remove(rule)
            self._serve()
            self._let_go([rule])

    def clear(self) -> None:
        """Take all rules away."""
        with self._shared:
            rules, self._rules = self._rules, []
            self._serve()
            self._let_go(rules)

    def now(self, effect: ActionEffect) -> None:
        """Do at once what needs no call: `expire_leases()`, `expire_tokens()`,
        `compact_under_watcher()`.

        Raises:
            TypeError: it is none of these.
        """
        if not isinstance(effect, ActionEffect):
            raise TypeError(
                f"now({_name(effect)}): only expire_leases(), expire_tokens() and "
                "compact_under_watcher() need no call"
            )
        with self._shared as shared:
            shared.run_due()
            effect.do(shared.node)

    def describe(self) -> str:
        """The rules, a line each, in the order in which they are asked."""
        return "\n".join(f"{number}. {rule}" for number, rule in enumerate(self._rules, 1))

    def __iter__(self) -> Iterator[Rule]:
        return iter(list(self._rules))

    def __len__(self) -> int:
        return len(self._rules)

    # What the parts of a FakeEtcd use

    @contextmanager
    def probing(self, probe: Probe) -> Iterator[None]:
        """Ask somebody about each request before the rules; `clear` does not change that."""
        self._set_probe(probe)
        try:
            yield
        finally:
            self._set_probe(None)

    def _set_probe(self, probe: Probe | None) -> None:
        with self._shared:
            self._probe = probe
            self._serve()

    def state(self) -> RulesState:
        """The rules and how often each has acted, to be `put_back`."""
        with self._shared:
            rules = [(rule, rule.acted, rule._passed) for rule in self._rules]
            return RulesState(rules, self._noise.state)

    def put_back(self, state: RulesState) -> None:
        """Have the rules that there were, with their counts."""
        with self._shared:
            kept = [rule for rule, _, _ in state.rules]
            gone = [rule for rule in self._rules if rule not in kept]
            self._rules = kept
            for rule, acted, passed in state.rules:
                rule.acted, rule._passed = acted, passed
            self._noise.state = state.noise
            self._serve()
            self._let_go(gone)

    def layer(self, endpoints: Endpoints) -> Endpoints:
        """The same endpoints, with the faults on the way."""
        return Layer(endpoints, self._tapped)

    def reset(self) -> None:
        """Be as at the beginning. The node is held."""
        self._noise = Noise(self._seed)
        self.clear()

    def close(self) -> None:
        """End, with all calls; no thread is left."""
        self.clear()
        for timer in self._threads:
            timer.cancel()
            timer.join()

    def admit(self, endpoint: int, peer: str) -> bool:
        """Whether a connection may be made."""
        if not self._rules:
            return True
        with self._shared as shared:
            now = shared.node.clock.now()
            for rule in self._rules:
                on = rule.on
                if (
                    isinstance(on, OnConnection)
                    and on.client.matches(endpoint, peer)
                    and rule.takes(now, self._noise)
                ):
                    return False
            return True

    # tap.Host

    @property
    def node(self) -> Node:
        return self._shared.node

    def strike(self, tap: Tap, request: Message) -> bool:
        if self._probe is not None:
            found = self._probe(tap.call, request)
            if found is not None:
                found.act(Strike(tap, request, self, _forget))
                return True
        if not self._rules:
            return False
        now = self.node.clock.now()
        for rule in self._rules:
            on, effect = rule.on, rule.effect
            if (
                isinstance(effect, Effect)
                and isinstance(on, OnCall)
                and on.matches(tap.call, request)
                and self._is_by(on.user, tap.call, request)
                and effect.concerns(self.node, request)
                and rule.takes(now, self._noise)
            ):
                effect.act(self._strike(rule, tap, request))
                return True
        return False

    def cut(self, call: Call) -> None:
        self._shared.afterwards(partial(self._cut, call))

    def over(self, tap: Tap) -> None:
        self._taps.pop(tap, None)

    # effects.Timers

    def later(self, seconds: float, real: bool, call: Callable[[], None]) -> Callable[[], None]:
        if not real:
            node = self.node
            # To the nanosecond, as clocks are moved.
            return node.schedule.at(round(node.clock.now() + seconds, 9), call).cancel

        def ring() -> None:
            with self._shared:
                if self._timers.pop(timer, False) is None:
                    call()

        def call_off() -> None:
            self._timers.pop(timer, None)
            timer.cancel()

        timer = threading.Timer(seconds, ring)
        timer.daemon = True
        self._timers[timer] = None
        self._threads = [*filter(threading.Timer.is_alive, self._threads), timer]
        timer.start()
        return call_off

    # Inside

    def _tapped(self, endpoint: Endpoint) -> Endpoint:
        handler = endpoint.stream
        if handler is None:
            path = endpoint.method.path
            is_struck = self._probe is not None or any(rule.is_about(path) for rule in self._rules)
            if endpoint.unary is None or not is_struck:
                return endpoint
            handler = as_stream(endpoint.unary)
        return Endpoint(endpoint.method, stream=partial(self._open, handler))

    def _open(self, handler: StreamHandler, call: Call, sink: Sink) -> Receiver:
        tap = Tap(self, call, sink)
        self._taps[tap] = None
        return tap.open(handler)

    def _strike_open(self, rule: Rule, tap: Tap) -> None:
        """Act on a stream that is open already, where that makes sense."""
        on, effect = rule.on, rule.effect
        if not isinstance(on, OnCall) or not isinstance(effect, Effect):
            return
        if not on.matches_call(tap.call) or type(effect).act_on_open is Effect.act_on_open:
            return
        if not self._is_by(on.user, tap.call, None):
            return
        requests = [one for one in tap.requests if on.matches(tap.call, one)]
        if on.keys is not None and not requests:
            return
        if rule.takes(self.node.clock.now(), self._noise):
            request = requests[-1] if requests else tap.call.method.request()
            effect.act_on_open(self._strike(rule, tap, request))

    def _is_by(self, user: str | None, call: Call, request: Message | None) -> bool:
        """Whether a call is made by a user. None: whoever makes it."""
        if user is None:
            return True
        if isinstance(request, m.AuthenticateRequest):
            return request.name == user
        journal = self.node.journal
        before = journal.snapshot()
        try:
            info = access.auth_info(self.node, call)
        except EtcdError:
            return False  # it has a token that is none
        finally:
            journal.restore(before)  # to be looked at is no use of a token, and renews none
            journal.release(before)
        return info is not None and info.username == user

    def _strike(self, rule: Rule, tap: Tap, request: Message) -> Strike:
        return Strike(tap, request, self, rule._on_end.append)

    def _let_go(self, rules: list[Rule]) -> None:
        for rule in rules:
            ends, rule._on_end = rule._on_end, []
            for end in ends:
                end()
        if any(isinstance(rule.effect, DenyConnections) for rule in rules):
            self.retry()

    def _cut(self, call: Call) -> None:
        with self._shared:
            call.connection.cut()


def _check(
    times: int | None, skip: int, probability: float, after: float, until: float | None
) -> None:
    if times is not None and times < 1:
        raise ValueError(f"times={times}: it would never act")
    if skip < 0:
        raise ValueError(f"skip={skip}: there are not less than none")
    if not 0 < probability <= 1:
        raise ValueError(f"probability={probability}: more than 0, and up to 1")
    if after < 0 or (until is not None and until <= after):
        raise ValueError(f"after={after}, until={until}: it would never act")


def _check_kinds(on: object, effect: object) -> None:
    """What types say already, for those who do not look at them."""
    if not isinstance(on, (OnCall, OnConnection)):
        raise TypeError(f'add({_name(on)}, ...): say which calls by `on`, such as on.Put(key="a")')
    if not isinstance(effect, (Effect, DenyConnections)):
        raise TypeError(
            f"add(..., {_name(effect)}): say what happens by `faults`, such as faults.drop()"
        )


def _name(thing: object) -> str:
    return str(getattr(thing, "__name__", None) or repr(thing))


def _check_effect(on: OnCall | OnConnection, effect: Effect | DenyConnections) -> None:
    if isinstance(effect, DenyConnections):
        if not isinstance(on, OnConnection):
            raise ValueError(f"deny_connections() on {on}: use on.connection(...)")
        return
    if isinstance(on, OnConnection):
        raise ValueError(f"{effect} on {on}: only deny_connections() is for connections")
    for path in sorted(on.paths):
        objection = effect.objection(METHODS[path])
        if objection is not None:
            raise ValueError(f"{effect} on {on}: {objection}")


def _forget(call: Callable[[], None]) -> None:
    """Nobody takes a probe's effect away."""


def _nobody() -> None:
    """There is nobody to try again."""
