"""Tokens that say themselves whose they are: JSON web tokens, signed.

The keys are in `jwt_keys.py`. What is written and what is accepted is golang-jwt's, not what some
library for Python makes of RFC 7519: that asks for more (times in `iat`, longer secrets) or for
less. etcd: server/auth/jwt.go; golang-jwt v5: parser.go, map_claims.go, validator.go.

Worked example; the three parts of a token, decoded, and what is asked of them:

    {"alg":"HS256","typ":"JWT"}                         alg is the method etcd was started with
    {"exp":1700000300,"revision":6,"username":"ann"}    a text, a number; exp and nbf in force
    32 bytes                                            the signature of the first two, encoded
"""

from __future__ import annotations

import base64
import json
import math
import re
from typing import NamedTuple

from fake_etcd.api.errors import StatusError
from fake_etcd.api.status import Code, Status
from fake_etcd.core.auth.jwt_keys import CannotSign, load
from fake_etcd.core.auth.token_options import JwtOptions
from fake_etcd.core.auth.tokens import AuthInfo
from fake_etcd.core.clock import Clock
from fake_etcd.core.journal import Journal

_MOST_KNOWN = 1024
"""Tokens whose signature was found right, and is not checked again."""

_LONGEST_KNOWN = 4096
"""Characters of such a token."""

_NEVER, _ALWAYS = math.inf, -math.inf
_HALF_NANOSECOND = 5e-10
_GO_YEAR_ONE_SECONDS = 62_135_596_800  # before 1970; Go counts a time's seconds from there

_BASE64 = re.compile(r"[A-Za-z0-9_-]*")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_HTML = str.maketrans(
    {character: f"\\u{ord(character):04x}" for character in "<>&\N{LINE SEPARATOR}\u2029"}
)
"""What Go's encoding/json escapes beyond what JSON asks for."""


class _Claims(NamedTuple):
    """What a token says; times are seconds since 1970."""

    info: AuthInfo
    not_before: float
    expires_at: float


class JwtTokens:
    """Signed tokens.

    Args:
        options: the method, the keys and the time to live.
        unix_epoch: the time of day at the clock's zero, in seconds since 1970.
        clock: the time.
        journal: for undo.

    Raises:
        InvalidTokenOptions: the keys are none, or not for this method.

    >>> from fake_etcd.core.clock import VirtualClock
    >>> options = JwtOptions("HS256", private_key=b"secret")
    >>> tokens = JwtTokens(options, 1_700_000_000.0, VirtualClock(), Journal())
    >>> token = tokens.assign("ann", 6)
    >>> tokens.info(token, 7)
    AuthInfo(username='ann', revision=6)
    """

    def __init__(
        self, options: JwtOptions, unix_epoch: float, clock: Clock, journal: Journal
    ) -> None:
        self._key = load(options)
        self._ttl_seconds = options.ttl_seconds
        self._sign_method = options.sign_method
        self._header = _encoded(_json({"alg": options.sign_method, "typ": "JWT"}))
        self._epoch = unix_epoch + _HALF_NANOSECOND
        self._clock = clock
        self._journal = journal
        # That a signature is right stays so: what is in here is neither journaled nor ever wrong.
        self._known: dict[str, _Claims] = {}
        self._expired_until = _ALWAYS  # tokens that end then or sooner are none; see expire_all
        self._latest_end = _ALWAYS  # of those that were assigned

    def enable(self) -> None:
        """Nothing: a token is its own proof."""

    def disable(self) -> None:
        """Nothing: tokens are valid again when auth is."""

    def invalidate_user(self, username: str) -> None:
        """Nothing: a token cannot be taken back; the revision of the auth store outdates it."""

    def assign(self, username: str, auth_revision: int) -> str:
        """A new token.

        Raises:
            StatusError: the key is there to verify only, or is not for this method.
        """
        ends = math.floor(self._clock.now() + self._epoch + self._ttl_seconds)
        if self._ttl_seconds > 0 and ends <= self._expired_until:
            ends = math.floor(self._expired_until) + 1
        claims = _json({"exp": ends, "revision": auth_revision, "username": username})
        message = self._header + b"." + _encoded(claims)
        try:
            signature = self._key.sign(message)
        except CannotSign as error:
            raise StatusError(Status(Code.UNKNOWN, str(error))) from None
        if ends > self._latest_end:
            if self._journal.recording:
                self._journal.record(self._set_latest_end, self._latest_end)
            self._latest_end = ends
        return (message + b"." + _encoded(signature)).decode("ascii")

    def info(self, token: str, auth_revision: int) -> AuthInfo | None:
        """Whose token it is. O(1): 0.4 us for one that was seen before."""
        claims = self._known.get(token)
        if claims is None:
            claims = self._verified(token)
            if claims is None:
                return None
        now = self._clock.now() + self._epoch
        if claims.not_before <= now < claims.expires_at > self._expired_until:
            return claims.info
        return None

    def expire_all(self) -> None:
        """No token assigned so far is one any more.

        Nothing in a token says when it was made, so it is the end of the latest that counts: who
        is authenticated in the same second gets a token that lives for a second longer. Tokens
        that others have signed, for longer than that or for ever, stay valid.
        """
        if self._journal.recording:
            self._journal.record(self._set_expired_until, self._expired_until)
        self._expired_until = max(self._expired_until, self._latest_end)

    def _verified(self, token: str) -> _Claims | None:
        """What a token with a right signature says, whatever the time is."""
        parts = token.split(".")
        if len(parts) != 3:
            return None
        header, body, signature = (_decoded(part) for part in parts)
        if header is None or body is None or signature is None:
            return None
        if _object(header).get("alg") != self._sign_method:
            return None
        # golang-jwt reads the claims before; nobody sees which of the two was wrong.
        if not self._key.verify(token.rpartition(".")[0].encode("ascii"), signature):
            return None
        claims = _claims(_object(body))
        if claims is not None and len(token) <= _LONGEST_KNOWN:
            if len(self._known) >= _MOST_KNOWN:
                del self._known[next(iter(self._known))]
            self._known[token] = claims
        return claims

    def _set_latest_end(self, end: float) -> None:
        self._latest_end = end

    def _set_expired_until(self, end: float) -> None:
        self._expired_until = end


def _claims(claims: dict[str, object]) -> _Claims | None:
    """What they come to; None where golang-jwt or etcd would not have them."""
    username, revision = claims.get("username"), claims.get("revision")
    expires_at = _seconds(claims, "exp", _NEVER)
    not_before = _seconds(claims, "nbf", _ALWAYS)
    if not isinstance(username, str) or not isinstance(revision, float):
        return None
    if expires_at is None or not_before is None:
        return None
    return _Claims(AuthInfo(_text(username), _uint64(revision)), not_before, expires_at)


def _seconds(claims: dict[str, object], name: str, default: float) -> float | None:
    """A time among the claims: the default where there is none or 0, None where it is no number."""
    number = claims.get(name, 0.0)
    if not isinstance(number, float):
        return None
    if not number:
        return default
    # Go: whole seconds, and those that 64 bits do not hold from year 1 on are long ago.
    in_range = -(1 << 63) <= number < (1 << 63) - _GO_YEAR_ONE_SECONDS
    return float(math.floor(number)) if in_range else _ALWAYS


def _uint64(number: float) -> int:
    """What Go's `uint64(number)` is on amd64."""
    if -float(1 << 63) <= number < float(1 << 64):
        return int(number) & ((1 << 64) - 1)
    return 1 << 63


# JSON and base64 as Go's standard library has them


def _json(fields: dict[str, object]) -> bytes:
    """Fields in order of their names, as a Go map is written."""
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return text.translate(_HTML).encode("utf-8")


def _object(encoded: bytes) -> dict[str, object]:
    """The fields of an object; none where it is null, or nothing that Go could read."""
    try:
        # Every byte that is not UTF-8 is a character of its own; `_text` puts U+FFFD there.
        text = encoded.decode("utf-8", "surrogateescape")
        found = json.loads(text, parse_int=_float, parse_float=_float, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"{digits} is more than a float64 holds")
    return number


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _text(text: str) -> str:
    """A text with U+FFFD for what is no character."""
    return _LONE_SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)


def _encoded(message: bytes) -> bytes:
    return base64.urlsafe_b64encode(message).rstrip(b"=")


def _decoded(part: str) -> bytes | None:
    """RFC 4648 §5 without padding; Go passes over line ends, and over bits that are left over."""
    part = part.replace("\r", "").replace("\n", "")
    if not _BASE64.fullmatch(part) or len(part) % 4 == 1:
        return None
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
