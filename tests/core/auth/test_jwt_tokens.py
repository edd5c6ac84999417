"""Signed tokens: what is in them, which are accepted, until when."""

from __future__ import annotations

import base64
import doctest
import json

import pytest

from fake_etcd.api.errors import StatusError
from fake_etcd.api.status import Code, Status
from fake_etcd.core.auth import jwt_tokens as module
from fake_etcd.core.auth.jwt_tokens import JwtTokens
from fake_etcd.core.auth.token_options import SIGN_METHODS, JwtOptions
from fake_etcd.core.auth.tokens import AuthInfo
from fake_etcd.core.clock import VirtualClock
from fake_etcd.core.journal import Journal
from fake_etcd.core.node import Node, NodeConfig

from .keys import Keys
from .odd_tokens import SECRET, Odd, claims, odd_tokens, signed

NOW = 1_700_000_000


class Made:
    """Tokens with a clock that a test moves, from NOW on."""

    def __init__(self, options: JwtOptions | None = None, ttl_seconds: float = 300.0) -> None:
        options = options or JwtOptions("HS256", private_key=SECRET, ttl_seconds=ttl_seconds)
        self.clock = VirtualClock()
        self.journal = Journal()
        self.tokens = JwtTokens(options, float(NOW), self.clock, self.journal)

    def info(self, token: str) -> AuthInfo | None:
        """Asked twice: the second time the signature is known."""
        first = self.tokens.info(token, 9)
        assert self.tokens.info(token, 9) == first
        return first


def contents(token: str) -> list[str]:
    """Header and claims, as they are written."""
    return [base64.urlsafe_b64decode(part + "==").decode() for part in token.split(".")[:2]]


def test_the_examples_run() -> None:
    assert doctest.testmod(module).failed == 0


def test_a_token_says_who_when_and_until_when() -> None:
    made = Made()
    made.clock.advance(1.75)
    assert contents(made.tokens.assign("ann", 6)) == [
        '{"alg":"HS256","typ":"JWT"}',
        '{"exp":1700000301,"revision":6,"username":"ann"}',
    ]


def test_a_name_is_escaped_as_go_escapes_it() -> None:
    name = 'a"\\/<b>&\u2028\u2029\x00\x1f\x7f\b\f\n\r\té\U0001f600'
    token = Made().tokens.assign(name, 1)
    escaped = (
        r"a\"\\/\u003cb\u003e\u0026\u2028\u2029\u0000\u001f"
        + "\x7f"
        + r"\b\f\n\r\té"
        + "\U0001f600"
    )
    assert contents(token)[1] == f'{{"exp":1700000300,"revision":1,"username":"{escaped}"}}'
    assert json.loads(contents(token)[1])["username"] == name
    assert Made().info(token) == AuthInfo(name, 1)


@pytest.mark.parametrize("odd", odd_tokens(NOW), ids=lambda odd: odd.name)
def test_odd_tokens_are_accepted_where_etcd_accepts_them(odd: Odd) -> None:
    assert Made().info(odd.token) == odd.info


def test_line_ends_in_a_token_are_nothing() -> None:
    """No metadata can have them; the decoder is Go's in this, too, for what calls it inside."""
    token = signed(b'{"alg":"HS256"}', claims())
    header, rest = token.split(".", 1)
    assert Made().info(f"{header}.{rest[:10]}\r\n{rest[10:]}") is None  # another message
    assert Made().info(f"{token}\n") == AuthInfo("root", 4)


def test_a_token_is_valid_from_its_beginning_until_its_end() -> None:
    made = Made()
    token = signed(b'{"alg":"HS256"}', claims(nbf=NOW + 10.9, exp=NOW + 20.9))
    for time, valid in ((9.999, False), (10, True), (19.999, True), (20, False)):
        made.clock.set(time)
        assert (made.info(token) is not None) == valid, time


@pytest.mark.parametrize("ttl_seconds", [0.0, -5.0])
def test_no_time_to_live_is_none(ttl_seconds: float) -> None:
    made = Made(ttl_seconds=ttl_seconds)
    token = made.tokens.assign("ann", 1)
    assert contents(token)[1].startswith(f'{{"exp":{NOW + ttl_seconds:.0f},')
    assert made.info(token) is None
    made.tokens.expire_all()
    assert made.tokens.assign("ann", 1) == token


def test_turning_auth_off_or_changing_a_user_takes_no_token_back() -> None:
    made = Made()
    token = made.tokens.assign("ann", 1)
    made.tokens.disable()
    made.tokens.enable()
    made.tokens.invalidate_user("ann")
    assert made.info(token) == AuthInfo("ann", 1)


def test_all_that_were_assigned_can_be_made_to_expire() -> None:
    made = Made()
    first = made.tokens.assign("ann", 1)
    made.tokens.expire_all()
    second = made.tokens.assign("ann", 1)  # in the same second
    assert (made.info(first), made.info(second)) == (None, AuthInfo("ann", 1))
    made.tokens.expire_all()
    made.tokens.expire_all()
    third = made.tokens.assign("ann", 1)
    assert (made.info(second), made.info(third)) == (None, AuthInfo("ann", 1))
    made.clock.advance(301.999)
    assert made.info(third) == AuthInfo("ann", 1)
    made.clock.advance(0.001)
    assert made.info(third) is None
    assert contents(made.tokens.assign("ann", 1))[1].startswith(f'{{"exp":{NOW + 602},')


def test_an_undo_brings_expired_tokens_back() -> None:
    made = Made()
    first = made.tokens.assign("ann", 1)
    before = made.journal.snapshot()
    made.tokens.expire_all()
    second = made.tokens.assign("ann", 1)
    made.journal.restore(before)
    assert made.info(first) == AuthInfo("ann", 1)
    assert made.tokens.assign("ann", 1) == first
    made.tokens.expire_all()
    assert made.tokens.assign("ann", 1) == second


def test_what_is_known_of_tokens_is_bounded() -> None:
    made = Made()
    tokens = [made.tokens.assign(f"user-{number}", 1) for number in range(1500)]
    for number, token in enumerate([*tokens, *tokens]):
        assert made.info(token) == AuthInfo(f"user-{number % 1500}", 1)
    assert len(made.tokens._known) == 1024
    long = made.tokens.assign("x" * 5000, 1)
    assert made.info(long) == AuthInfo("x" * 5000, 1)
    assert long not in made.tokens._known


@pytest.mark.parametrize("method", SIGN_METHODS)
def test_every_method_signs_and_knows_its_own(method: str, keys: Keys) -> None:
    made = Made(keys.options(method))
    token = made.tokens.assign("ann", 6)
    assert contents(token)[0] == f'{{"alg":"{method}","typ":"JWT"}}'
    assert made.info(token) == AuthInfo("ann", 6)
    message, _, signature = token.rpartition(".")
    for wrong in (signature[:8], "A" * len(signature), signature[8:] + signature[:8]):
        assert made.info(f"{message}.{wrong}") is None
    other_message = ".".join(made.tokens.assign("ben", 6).split(".")[:2])
    assert made.info(f"{other_message}.{signature}") is None


@pytest.mark.parametrize("method", [one for one in SIGN_METHODS if not one.startswith("HS")])
def test_a_public_key_verifies_and_does_not_sign(method: str, keys: Keys) -> None:
    made = Made(keys.options(method, with_private=False))
    assert made.info(Made(keys.options(method)).tokens.assign("ann", 6)) == AuthInfo("ann", 6)
    with pytest.raises(StatusError) as refusal:
        made.tokens.assign("ann", 6)
    message = "auth: token signing attempted with verify-only key"
    assert refusal.value.status == Status(Code.UNKNOWN, message)


@pytest.mark.parametrize(
    ("method", "file", "message"),
    [
        ("ES256", "ec-p384", "key is invalid"),
        ("ES512", "ec-p256", "key is invalid"),
        (
            "PS256",
            "rsa-512",
            "crypto/rsa: 512-bit keys are insecure "
            "(see https://go.dev/pkg/crypto/rsa#hdr-Minimum_key_size)",
        ),
    ],
)
def test_a_key_that_is_not_for_the_method_signs_nothing(
    method: str, file: str, message: str, keys: Keys
) -> None:
    made = Made(JwtOptions(method, private_key=keys[file]))
    with pytest.raises(StatusError) as refusal:
        made.tokens.assign("ann", 6)
    assert refusal.value.status == Status(Code.UNKNOWN, message)
    assert made.info("eyJhbGciOiJSUzI1NiJ9.e30.AAAA") is None


def test_a_node_is_given_the_tokens_it_asks_for() -> None:
    options = JwtOptions("HS512", private_key=SECRET)
    config = NodeConfig(auth_token=options, unix_epoch=5.0)
    tokens = Node(config).tokens
    assert contents(tokens.assign("ann", 2))[1] == '{"exp":305,"revision":2,"username":"ann"}'
    assert "a secret" not in repr(config)
