"""`--auth-token` and the two flags beside it: from what is written to what a node is given.

The files of keys are read here, as etcd reads them when it starts. etcd: server/auth/store.go
(decomposeOpts, NewTokenProvider, NewAuthStore), server/auth/options.go.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from dataclasses import dataclass

from fake_etcd.cli.durations import parse_duration
from fake_etcd.core.auth.token_options import (
    DEFAULT_TTL_SECONDS,
    SIGN_METHODS,
    AuthTokenOptions,
    InvalidTokenOptions,
    JwtOptions,
    PlainTokens,
)

LEAST_BCRYPT_COST, MOST_BCRYPT_COST, DEFAULT_BCRYPT_COST = 4, 31, 10
"""Go: golang.org/x/crypto/bcrypt."""

_INVALID = "auth: invalid auth options"
_KNOWN = ("sign-method", "pub-key", "priv-key", "ttl")
_SECOND = 1_000_000_000
_SIGN_BIT = 1 << 63


@dataclass(frozen=True, slots=True)
class AuthToken:
    """What `--auth-token` says.

    Args:
        options: what it asks for.
        unknown: names of options of signed tokens that are none, sorted; etcd warns of them.
    """

    options: AuthTokenOptions
    unknown: tuple[str, ...] = ()


def read(text: str) -> AuthToken:
    """What "simple", "jwt,sign-method=HS256,priv-key=FILE" or nothing at all asks for.

    Raises:
        InvalidTokenOptions: for the first thing that is wrong, in etcd's order and words.
    """
    kind, *pairs = text.split(",")
    given = _split(text, pairs)
    if kind == "jwt":
        return _signed(given)
    try:
        return AuthToken(PlainTokens(kind))
    except ValueError:
        raise InvalidTokenOptions(_INVALID, f"unknown token type: {kind}") from None


def known_part(text: str) -> str:
    """The same text without the options that are unknown.

    >>> known_part("jwt,sign-method=HS256,x=1,priv-key=a")
    'jwt,sign-method=HS256,priv-key=a'
    """
    kind, *pairs = text.split(",")
    return ",".join([kind, *(pair for pair in pairs if pair.partition("=")[0] in _KNOWN)])


def token_ttl_seconds(number: int) -> float:
    """How long a simple token lives for `--auth-token-ttl`.

    etcd counts nanoseconds in 64 bits and takes 300 seconds where the number comes to 0 or less.

    >>> token_ttl_seconds(60), token_ttl_seconds(0), token_ttl_seconds(9_223_372_037)
    (60.0, 300.0, 300.0)
    """
    nanoseconds = _int64(number * _SECOND)
    return nanoseconds / _SECOND if nanoseconds > 0 else DEFAULT_TTL_SECONDS


def bcrypt_cost(number: int) -> int | None:
    """The cost of hashing for `--bcrypt-cost`; None where etcd warns and takes the default."""
    return number if LEAST_BCRYPT_COST <= number <= MOST_BCRYPT_COST else None


def bcrypt_cost_warning(number: int) -> tuple[str, Mapping[str, object]]:
    """What etcd logs of a cost that is none: the message, and its fields."""
    return "use default bcrypt cost instead of the invalid given cost", {
        "min-cost": LEAST_BCRYPT_COST,
        "max-cost": MOST_BCRYPT_COST,
        "default-cost": DEFAULT_BCRYPT_COST,
        "given-cost": _int64(number),
    }


def _split(text: str, pairs: list[str]) -> dict[str, str]:
    given: dict[str, str] = {}
    for pair in pairs:
        name, *values = pair.split("=")
        if len(values) != 1:
            raise InvalidTokenOptions(_INVALID, f"invalid token option: {text}")
        if name in given:
            reason = f"invalid token option: {text} (duplicate-parameter: {name})"
            raise InvalidTokenOptions(_INVALID, reason)
        (given[name],) = values
    return given


def _signed(given: Mapping[str, str]) -> AuthToken:
    try:
        ttl_seconds = _ttl_seconds(given.get("ttl", ""))
        public_key, private_key = (_file(given.get(name, "")) for name in ("pub-key", "priv-key"))
    except ValueError as error:
        raise _problem(str(error)) from None
    method = given.get("sign-method", "")
    if method == "none":
        raise InvalidTokenOptions("unsupported signing method: *jwt.signingMethodNone")
    if method not in SIGN_METHODS:
        raise _problem("auth: invalid auth signature method")
    options = JwtOptions(method, public_key, private_key, ttl_seconds)
    # Only here, for it may import a library that takes its time.
    from fake_etcd.core.auth import jwt_keys

    jwt_keys.load(options)
    return AuthToken(options, tuple(sorted(name for name in given if name not in _KNOWN)))


def _problem(reason: str) -> InvalidTokenOptions:
    return InvalidTokenOptions(_INVALID, f"problem loading JWT options: {reason}")


def _ttl_seconds(text: str) -> float:
    return parse_duration(text) / _SECOND if text else DEFAULT_TTL_SECONDS


def _file(path: str) -> bytes:
    """What is in it; nothing where there is no path.

    Raises:
        ValueError: why not, in Go's words.
    """
    if not path:
        return b""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        verb = "read" if error.errno == errno.EISDIR else "open"
        raise ValueError(f"{verb} {path}: {os.strerror(error.errno or 0).lower()}") from None


def _int64(number: int) -> int:
    """A number in 64 bits, as Go converts it."""
    return (number + _SIGN_BIT) % (2 * _SIGN_BIT) - _SIGN_BIT
