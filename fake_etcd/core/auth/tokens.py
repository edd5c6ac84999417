"""Tokens by which a call says who makes it: what any kind of them can do, and the simple ones.

Signed ones are in `jwt_tokens.py`. etcd: server/auth/simple_token.go, nop.go.

Worked example of simple tokens that live for 5 seconds, where auth was enabled at 0.2. etcd looks
for tokens whose time is over once a second from then on, so the moments that count are 1.2, 2.2:

    0.9  assign("ann")    its time is over at 5.9; the first look after that is at 6.2
    1.0  info             renewed until 6.0; still gone at 6.2
    1.2  info             renewed until 6.2, which is not over at 6.2: gone at 7.2
    7.1  info             a call as late as this still finds it, and renews it until 12.1

So what matters of a time is how many looks there were before it, and that is all that is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from fake_etcd.api import errors
from fake_etcd.core.auth.token_options import DEFAULT_TTL_SECONDS
from fake_etcd.core.clock import Clock
from fake_etcd.core.journal import Journal

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
TOKEN_LETTERS = 16

_BYTES_AT_ONCE = 24
_FAIR_BYTES = 256 // len(LETTERS) * len(LETTERS)
"""Bytes below this stand for each letter equally often; others are thrown away."""

_FEWEST_SWEPT = 64
"""Fewer tokens than this are not worth to be looked through for those that are gone."""

_HALF_NANOSECOND = 5e-10
"""Times are floats; what is a hair below a whole second is that second."""

SecretBytes = Callable[[int], bytes]
"""Gives so many bytes that nobody can foresee, or that a test can repeat."""


@dataclass(frozen=True, slots=True)
class AuthInfo:
    """Who makes a call.

    Args:
        username: the user.
        revision: that of the auth store when the user was authenticated, as the token has it.
    """

    username: str
    revision: int


class TokenProvider(Protocol):
    """Makes tokens, and knows whose they are."""

    def enable(self) -> None:
        """Auth was switched on. Nothing the second time."""

    def disable(self) -> None:
        """Auth was switched off."""

    def assign(self, username: str, auth_revision: int) -> str:
        """A new token for a user whose password was right.

        Raises:
            EtcdError: there can be none.
        """

    def info(self, token: str, auth_revision: int) -> AuthInfo | None:
        """Whose it is; None for a token that is none, or no longer one."""

    def invalidate_user(self, username: str) -> None:
        """A user was deleted or changed: their tokens are gone, where they can be taken back."""

    def expire_all(self) -> None:
        """No token assigned so far is one any more. For test kits; etcd has nothing like it."""


class NoTokens:
    """What `--auth-token=` asks for: nobody gets a token, and none is valid."""

    def enable(self) -> None:
        """Nothing."""

    def disable(self) -> None:
        """Nothing."""

    def assign(self, username: str, auth_revision: int) -> str:
        """None at all.

        Raises:
            errors.AUTH_FAILED: always.
        """
        raise errors.AUTH_FAILED

    def info(self, token: str, auth_revision: int) -> AuthInfo | None:
        """Nobody's."""
        return None

    def invalidate_user(self, username: str) -> None:
        """Nothing."""

    def expire_all(self) -> None:
        """Nothing."""


class _Entry:
    """A token's owner, and the number of the last look that it outlives."""

    __slots__ = ("info", "last_tick")

    def __init__(self, info: AuthInfo, last_tick: int) -> None:
        self.info = info
        self.last_tick = last_tick


class SimpleTokens:
    """Tokens that are nothing but hard to guess: "aKdRnVtqUWbLzEoX.12".

    Where etcd has the raft index of the request that made it, ours have a count of their own.
    etcd lets a call wait whose token has an index that is still to come, until its deadline; here
    that is an invalid token like any other.

    Args:
        ttl_seconds: how long a token lives after its last use; 0 or less: 300.
        clock: the time.
        journal: for undo.
        secret_bytes: where the letters come from.

    >>> from fake_etcd.core.clock import VirtualClock
    >>> tokens = SimpleTokens(5, VirtualClock(), Journal(), bytes)
    >>> tokens.enable()
    >>> tokens.assign("ann", 3)
    'aaaaaaaaaaaaaaaa.1'
    >>> tokens.info("aaaaaaaaaaaaaaaa.1", 3), tokens.info("aaaaaaaaaaaaaaaa.2", 3)
    (AuthInfo(username='ann', revision=3), None)
    """

    def __init__(
        self, ttl_seconds: float, clock: Clock, journal: Journal, secret_bytes: SecretBytes
    ) -> None:
        self._ttl_seconds = ttl_seconds if ttl_seconds > 0 else DEFAULT_TTL_SECONDS
        self._clock = clock
        self._journal = journal
        self._secret_bytes = secret_bytes
        self._start: float | None = None  # when auth was enabled; None while it is not
        self._origin = _HALF_NANOSECOND  # what to add to a time for that since the start
        self._count = 0
        self._entries: dict[str, _Entry] = {}
        self._of_user: dict[str, set[str]] = {}
        self._sweep_at = _FEWEST_SWEPT

    # Auth is on or off

    def enable(self) -> None:
        """From now on, and until `disable`, there are tokens."""
        if self._start is None:
            self._set_start(self._clock.now())
            if self._journal.recording:
                self._journal.record(self._set_start, None)

    def disable(self) -> None:
        """All tokens are gone. O(1)."""
        self.expire_all()
        if self._journal.recording:
            self._journal.record(self._set_start, self._start)
        self._set_start(None)

    # Tokens

    def assign(self, username: str, auth_revision: int) -> str:
        """A new token. O(1), amortised over the tokens that are gone."""
        if self._journal.recording:
            self._journal.record(self._set_count, self._count)
        self._count += 1
        token = f"{self._letters()}.{self._count}"
        if self._start is not None:
            if len(self._entries) >= self._sweep_at:
                self._sweep()
            self._add(token, _Entry(AuthInfo(username, auth_revision), self._last_tick()))
            if self._journal.recording:
                self._journal.record(self._remove, token)
        return token

    def info(self, token: str, auth_revision: int) -> AuthInfo | None:
        """Whose token it is, which is thereby renewed. O(1): 0.4 us."""
        entry = self._entries.get(token)
        if entry is None:
            return None
        since_start = self._clock.now() + self._origin
        if since_start >= entry.last_tick + 1:
            return None
        last_tick = int(since_start + self._ttl_seconds)
        if last_tick != entry.last_tick:
            if self._journal.recording:
                self._journal.record(_set_last_tick, entry, entry.last_tick)
            entry.last_tick = last_tick
        info = entry.info
        if info.revision != auth_revision:
            # A simple token is as new as the auth store is: etcd, store.go, authInfoFromToken.
            info = entry.info = AuthInfo(info.username, auth_revision)
        return info

    def invalidate_user(self, username: str) -> None:
        """The tokens of a user are gone. O(1) for each."""
        for token in sorted(self._of_user.get(username, ())):
            self._drop(token)

    def expire_all(self) -> None:
        """All tokens are gone. O(1)."""
        if self._journal.recording:
            self._journal.record(self._set_all, self._entries, self._of_user, self._sweep_at)
        self._set_all({}, {}, _FEWEST_SWEPT)

    def __len__(self) -> int:
        """How many are kept, some of which may be gone."""
        return len(self._entries)

    def check(self) -> None:
        """Hold the structure to what it says of itself."""
        assert self._start is not None or not self._entries, "no tokens while auth is off"
        of_user: dict[str, set[str]] = {}
        for token, entry in self._entries.items():
            of_user.setdefault(entry.info.username, set()).add(token)
        assert of_user == self._of_user, "each token is its user's"

    def _letters(self) -> str:
        found = ""
        while len(found) < TOKEN_LETTERS:
            drawn = self._secret_bytes(_BYTES_AT_ONCE)
            found += "".join(LETTERS[byte % len(LETTERS)] for byte in drawn if byte < _FAIR_BYTES)
        return found[:TOKEN_LETTERS]

    def _last_tick(self) -> int:
        return int(self._clock.now() + self._origin + self._ttl_seconds)

    def _sweep(self) -> None:
        """Forget the tokens that are gone; looked for again when there are twice what is left."""
        since_start = self._clock.now() + self._origin
        for token, entry in list(self._entries.items()):
            if since_start >= entry.last_tick + 1:
                self._drop(token)
        if self._journal.recording:
            self._journal.record(self._set_sweep_at, self._sweep_at)
        self._sweep_at = max(2 * len(self._entries), _FEWEST_SWEPT)

    # Changes, which are each other's undo

    def _drop(self, token: str) -> None:
        entry = self._remove(token)
        if self._journal.recording:
            self._journal.record(self._add, token, entry)

    def _add(self, token: str, entry: _Entry) -> None:
        assert token not in self._entries, "no two tokens have the same count"
        self._entries[token] = entry
        self._of_user.setdefault(entry.info.username, set()).add(token)

    def _remove(self, token: str) -> _Entry:
        entry = self._entries.pop(token)
        tokens = self._of_user[entry.info.username]
        tokens.remove(token)
        if not tokens:
            del self._of_user[entry.info.username]
        return entry

    def _set_all(
        self, entries: dict[str, _Entry], of_user: dict[str, set[str]], sweep_at: int
    ) -> None:
        self._entries, self._of_user, self._sweep_at = entries, of_user, sweep_at

    def _set_start(self, start: float | None) -> None:
        self._start = start
        self._origin = _HALF_NANOSECOND - (start or 0.0)

    def _set_count(self, count: int) -> None:
        self._count = count

    def _set_sweep_at(self, size: int) -> None:
        self._sweep_at = size


def _set_last_tick(entry: _Entry, last_tick: int) -> None:
    entry.last_tick = last_tick
