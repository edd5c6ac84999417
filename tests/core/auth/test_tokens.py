"""Simple tokens: their form, and where their time ends. More of it in the stateful test."""

from __future__ import annotations

import doctest
from collections import Counter
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_etcd.api import errors
from fake_etcd.core.auth import tokens as module
from fake_etcd.core.auth.providers import make_tokens
from fake_etcd.core.auth.token_options import PlainTokens
from fake_etcd.core.auth.tokens import LETTERS, AuthInfo, NoTokens, SimpleTokens
from fake_etcd.core.clock import VirtualClock
from fake_etcd.core.journal import Journal
from fake_etcd.core.node import Node, NodeConfig
from fake_etcd.core.noise import Noise

ANN = AuthInfo("ann", 3)


def simple(ttl_seconds: float = 5.0, start: float = 0.2) -> tuple[SimpleTokens, VirtualClock]:
    clock = VirtualClock(start)
    tokens = SimpleTokens(ttl_seconds, clock, Journal(), Noise(0).bytes)
    tokens.enable()
    return tokens, clock


def test_the_examples_run() -> None:
    assert doctest.testmod(module).failed == 0


def test_a_token_is_sixteen_letters_and_a_count() -> None:
    tokens, _ = simple()
    letters, counts = zip(*(tokens.assign("ann", 3).split(".") for _ in range(200)), strict=True)
    assert counts == tuple(str(number) for number in range(1, 201))
    assert {len(each) for each in letters} == {16}
    assert set("".join(letters)) <= set(LETTERS)
    assert len(set(letters)) == 200


def test_every_letter_is_as_likely_as_any_other() -> None:
    """All 256 bytes in turn: 208 of them are 52 letters four times over, the rest is nothing."""
    numbers = count()
    drawn = lambda length: bytes(next(numbers) % 256 for _ in range(length))  # noqa: E731
    tokens = SimpleTokens(5, VirtualClock(), Journal(), drawn)
    seen: Counter[str] = Counter()
    while next(numbers) < 50_000:
        seen.update(tokens.assign("ann", 3)[:16])
    assert set(seen) == set(LETTERS)
    assert max(seen.values()) / min(seen.values()) < 1.5


@pytest.mark.parametrize(
    ("uses", "last", "gone"),
    [
        ([0.9], 6.1, 6.2),  # the worked example of the module
        ([0.9, 1.0], 6.1, 6.2),
        ([0.9, 1.2], 7.1, 7.2),
        ([0.9, 1.2, 7.1], 12.1, 12.2),
        ([0.2], 6.1, 6.2),  # over at 5.2, when a look comes: it has to be past that
        ([1.2], 7.1, 7.2),
    ],
)
def test_a_token_lives_until_the_first_look_after_its_time(
    uses: list[float], last: float, gone: float
) -> None:
    for moment, expected in ((last, ANN), (gone, None)):
        tokens, clock = simple()
        clock.set(uses[0])
        token = tokens.assign("ann", 3)
        for use in uses[1:]:
            clock.set(use)
            assert tokens.info(token, 3) == ANN
        clock.set(moment)
        assert tokens.info(token, 3) == expected


@pytest.mark.parametrize("ttl_seconds", [0, -1])
def test_without_a_time_it_is_five_minutes(ttl_seconds: float) -> None:
    tokens, clock = simple(ttl_seconds)
    token, other = tokens.assign("ann", 3), tokens.assign("ann", 3)
    clock.advance(300.9)
    assert tokens.info(token, 3) == ANN
    clock.advance(0.1)
    assert tokens.info(other, 3) is None


def test_a_token_is_as_new_as_the_auth_store() -> None:
    tokens, _ = simple()
    token = tokens.assign("ann", 3)
    assert [tokens.info(token, revision) for revision in (3, 9, 4)] == [
        AuthInfo("ann", revision) for revision in (3, 9, 4)
    ]


@pytest.mark.parametrize(
    "wrong",
    ["", ".", "a", "a.1", "{}.", "{}1", "{}x", " {}", "{}.1", "{:.16}.2", "{:.16}.01", "\0"],
)
def test_what_is_not_quite_a_token_is_none(wrong: str) -> None:
    tokens, _ = simple()
    token = tokens.assign("ann", 3)
    assert tokens.info(wrong.format(token), 3) is None
    assert tokens.info(token, 3) == ANN


def test_tokens_of_one_user_go_and_those_of_others_stay() -> None:
    tokens, _ = simple()
    anns, bens = [[tokens.assign(user, 3) for _ in range(3)] for user in ("ann", "ben")]
    tokens.invalidate_user("ann")
    tokens.invalidate_user("nobody")
    tokens.check()
    assert [tokens.info(token, 3) for token in anns] == [None] * 3
    assert [tokens.info(token, 3) for token in bens] == [AuthInfo("ben", 3)] * 3


def test_while_auth_is_off_nothing_is_a_token() -> None:
    tokens, clock = simple()
    before = tokens.assign("ann", 3)
    tokens.disable()
    between = tokens.assign("ann", 3)
    clock.set(0.7)
    tokens.enable()
    tokens.enable()
    after = tokens.assign("ann", 3)
    found = [tokens.info(token, 3) for token in (before, between, after)]
    assert found == [None, None, ANN]
    clock.set(6.6)  # looked for since 0.7
    assert tokens.info(tokens.assign("ben", 3), 3) == AuthInfo("ben", 3)
    tokens.expire_all()
    assert tokens.info(after, 3) is None
    assert tokens.info(tokens.assign("ann", 3), 3) == ANN


def test_tokens_that_are_gone_are_forgotten() -> None:
    tokens, clock = simple()
    for _ in range(100):
        for _ in range(10):
            tokens.assign("ann", 3)
        clock.advance(1)
        assert len(tokens) <= 2 * 70  # each lives for less than seven seconds
    tokens.check()


@given(st.integers(0, 2**64), st.integers(0, 100))
def test_noise_gives_bytes(seed: int, length: int) -> None:
    first, again = Noise(seed), Noise(seed)
    assert first.bytes(length) == again.bytes(length)
    assert len(first.bytes(length)) == length
    assert first.bytes(8) != first.bytes(8)


def test_without_tokens_nobody_is_let_in() -> None:
    tokens = make_tokens(NodeConfig(auth_token=PlainTokens.NONE), VirtualClock(), Journal(), bytes)
    assert isinstance(tokens, NoTokens)
    for change in (tokens.enable, tokens.expire_all, tokens.disable, tokens.enable):
        change()
        with pytest.raises(errors.AUTH_FAILED):
            tokens.assign("root", 1)
    tokens.invalidate_user("root")
    assert tokens.info("a.1", 1) is None


def test_tokens_of_a_node_come_from_its_seed_or_from_secrets() -> None:
    def first(config: NodeConfig) -> str:
        return Node(config).tokens.assign("root", 1)

    seeds = [first(NodeConfig(seed=seed)) for seed in (0, 0, 1)]
    assert seeds[0] == seeds[1] != seeds[2]
    assert first(NodeConfig(secret_bytes=bytes)) == "aaaaaaaaaaaaaaaa.1"
