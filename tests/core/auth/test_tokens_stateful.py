"""Any operations in any order and at any time: simple tokens against naive ones, and undo."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import NamedTuple

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fake_etcd.core.auth.tokens import AuthInfo, SimpleTokens
from fake_etcd.core.clock import VirtualClock
from fake_etcd.core.journal import Journal, Snapshot
from fake_etcd.core.noise import Noise

TICK = 10  # times are tenths of seconds here

users = st.sampled_from(["ann", "ben", "cat"])


@dataclass
class NaiveTokens:
    """As etcd does it: an end for each, and all looked through at each tick."""

    ttl: int
    now: int
    start: int | None = None
    last_tick: int = 0
    count: int = 0
    ends: dict[str, int] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)

    def drop(self, doomed: list[str]) -> None:
        for token in doomed:
            del self.ends[token], self.owners[token]

    def advance(self, target: int) -> None:
        while self.start is not None and self.last_tick + TICK <= target:
            self.last_tick += TICK
            self.drop([token for token, end in self.ends.items() if self.last_tick > end])
        self.now = target


class Kept(NamedTuple):
    snapshot: Snapshot
    naive: NaiveTokens
    noise: int


class TokenMachine(RuleBasedStateMachine):
    """Does everything to tokens and to the naive ones."""

    ttl = 30

    def __init__(self) -> None:
        super().__init__()
        self.clock = VirtualClock(10.0)
        self.journal = Journal()
        self.noise = Noise(0)
        self.tokens = SimpleTokens(self.ttl / 10, self.clock, self.journal, self.noise.bytes)
        self.naive = NaiveTokens(self.ttl, now=100)
        self.kept: list[Kept] = []
        self.seen: list[str] = []  # all tokens there ever were, those of a past undone as well

    @initialize(is_on=st.booleans(), user=users)
    def begin(self, is_on: bool, user: str) -> None:
        if is_on:
            self.enable()
            self.assign(user, 1)
            self.snapshot()

    @rule()
    def enable(self) -> None:
        self.tokens.enable()
        if self.naive.start is None:
            self.naive.start = self.naive.last_tick = self.naive.now

    @rule()
    def disable(self) -> None:
        self.tokens.disable()
        self.naive.drop(list(self.naive.ends))
        self.naive.start = None

    @rule(user=users, number=st.integers(1, 40))
    def assign(self, user: str, number: int) -> None:
        for _ in range(number):
            token = self.tokens.assign(user, 1)
            self.naive.count += 1
            assert token.partition(".")[2] == str(self.naive.count)
            if self.naive.start is not None:
                self.naive.ends[token] = self.naive.now + self.ttl
                self.naive.owners[token] = user
        self.seen.append(token)

    @precondition(lambda self: self.seen)
    @rule(data=st.data(), revision=st.integers(1, 3))
    def use(self, data: st.DataObject, revision: int) -> None:
        token = data.draw(st.sampled_from(self.seen))
        owner = self.naive.owners.get(token)
        expected = None if owner is None else AuthInfo(owner, revision)
        assert self.tokens.info(token, revision) == expected
        if owner is not None:
            self.naive.ends[token] = self.naive.now + self.ttl

    @rule(user=users)
    def invalidate_user(self, user: str) -> None:
        self.tokens.invalidate_user(user)
        self.naive.drop([token for token, owner in self.naive.owners.items() if owner == user])

    @rule()
    def expire_all(self) -> None:
        self.tokens.expire_all()
        self.naive.drop(list(self.naive.ends))

    @rule(tenths=st.integers(0, 25))
    def advance(self, tenths: int) -> None:
        self.naive.advance(self.naive.now + tenths)
        self.clock.advance(tenths / 10)

    @rule()
    def to_the_next_tick(self) -> None:
        if self.naive.start is not None:
            self.advance(self.naive.last_tick + TICK - self.naive.now)

    @rule()
    def snapshot(self) -> None:
        naive = copy.deepcopy(self.naive)
        self.kept.append(Kept(self.journal.snapshot(), naive, self.noise.state))

    @precondition(lambda self: self.kept)
    @rule(data=st.data(), goes_back=st.booleans())
    def restore(self, data: st.DataObject, goes_back: bool) -> None:
        place = data.draw(st.integers(0, len(self.kept) - 1))
        kept = self.kept[place]
        self.journal.restore(kept.snapshot)
        self.noise.state = kept.noise
        del self.kept[place + 1 :]
        now, self.naive = self.naive.now, copy.deepcopy(kept.naive)
        if goes_back:
            self.clock._now = self.naive.now / 10
        else:  # whoever restores may leave the time as it is
            self.naive.advance(now)

    @precondition(lambda self: self.kept)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        kept = self.kept.pop(data.draw(st.integers(0, len(self.kept) - 1)))
        self.journal.release(kept.snapshot)

    @invariant()
    def all_that_are_there_are_known(self) -> None:
        self.tokens.check()
        assert len(self.tokens) >= len(self.naive.ends)
        # Asking renews a token, so it is asked at the side, in a moment that is taken back.
        before = self.journal.snapshot()
        found = {token for token in self.seen if self.tokens.info(token, 1) is not None}
        assert found == {token for token in self.seen if token in self.naive.ends}
        self.journal.restore(before)
        self.journal.release(before)


class UnevenTokenMachine(TokenMachine):
    """The same with a time that is no number of whole seconds."""

    ttl = 23


TestTokens = TokenMachine.TestCase
TestUnevenTokens = UnevenTokenMachine.TestCase
TestTokens.settings = TestUnevenTokens.settings = settings(
    settings.default, max_examples=150, stateful_step_count=50, deadline=None
)
