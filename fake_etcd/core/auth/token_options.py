"""What `--auth-token` can ask for, once it is understood; `cli/auth_token.py` reads the text.

etcd: server/auth/options.go, store.go (NewTokenProvider).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TypeAlias

DEFAULT_TTL_SECONDS = 300.0
"""How long a token lives that nobody set a time for, of either kind."""

SIGN_METHODS = (
    *("HS256", "HS384", "HS512"),
    *("RS256", "RS384", "RS512"),
    *("PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512"),
    "EdDSA",
)
"""The `alg` values of RFC 7518 §3.1 and RFC 8037 that etcd signs with."""


class InvalidTokenOptions(Exception):
    """Tokens cannot be made or read so; etcd does not start with such options.

    Args:
        message: what etcd gives as the error that ends it.
        reason: what it logs before that, if anything.
    """

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(f"{message}: {reason}" if reason else message)
        self.message = message
        self.reason = reason


class PlainTokens(enum.Enum):
    """Kinds of tokens that have no options of their own."""

    SIMPLE = "simple"
    NONE = ""
    """No tokens at all: nobody can be authenticated by a password."""


@dataclass(frozen=True, slots=True)
class JwtOptions:
    """Signed tokens.

    Args:
        sign_method: one of `SIGN_METHODS`.
        public_key: a PEM file; empty where there is none.
        private_key: the same, or for HS256, HS384 and HS512 the secret itself.
        ttl_seconds: how long a token lives; etcd takes 0 and less, too.
    """

    sign_method: str
    public_key: bytes = b""
    private_key: bytes = field(default=b"", repr=False)
    ttl_seconds: float = DEFAULT_TTL_SECONDS


AuthTokenOptions: TypeAlias = PlainTokens | JwtOptions
