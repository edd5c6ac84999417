"""Which tokens a member has, as it is configured. etcd: server/auth/store.go, NewTokenProvider."""

from __future__ import annotations

from typing import Protocol

from fake_etcd.core.auth.token_options import AuthTokenOptions, JwtOptions, PlainTokens
from fake_etcd.core.auth.tokens import NoTokens, SecretBytes, SimpleTokens, TokenProvider
from fake_etcd.core.clock import Clock
from fake_etcd.core.journal import Journal


class TokenConfig(Protocol):
    """What of a `NodeConfig` it takes; what the fields are is said there."""

    @property
    def auth_token(self) -> AuthTokenOptions: ...
    @property
    def auth_token_ttl_seconds(self) -> float: ...
    @property
    def unix_epoch(self) -> float: ...


def make_tokens(
    config: TokenConfig, clock: Clock, journal: Journal, secret_bytes: SecretBytes
) -> TokenProvider:
    """The tokens of a member.

    Raises:
        InvalidTokenOptions: of signed ones, whose keys are none or not for their method.
    """
    if isinstance(config.auth_token, JwtOptions):
        from fake_etcd.core.auth.jwt_tokens import JwtTokens  # which few have

        return JwtTokens(config.auth_token, config.unix_epoch, clock, journal)
    if config.auth_token is PlainTokens.NONE:
        return NoTokens()
    return SimpleTokens(config.auth_token_ttl_seconds, clock, journal, secret_bytes)
