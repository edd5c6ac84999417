"""Passwords and their bcrypt hashes, as etcd makes and compares them.

Both take as long as the cost says, on purpose: 50 ms at etcd's default. So nobody calls them while
others wait; see `auth`. etcd: server/etcdserver/v3_server.go; golang.org/x/crypto/bcrypt.
"""

from __future__ import annotations

import base64
import hmac
import re

from fake_etcd.api import errors
from fake_etcd.api.status import Code, Status

SALT_BYTES = 16

_LONGEST = 72
"""Bytes; bcrypt looks at no more."""

_DIGITS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_BCRYPT_DIGITS = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_TO_BCRYPT = bytes.maketrans(_DIGITS, _BCRYPT_DIGITS)
_FROM_BCRYPT = bytes.maketrans(_BCRYPT_DIGITS, _DIGITS)
"""bcrypt's base64 has other digits."""

_SHORTEST_HASH = 59
"""Bytes; one less than a hash has whose version is two characters."""

_DIGEST_DIGITS = 31

_HASH = re.compile(
    rb"(?P<cost>[+0-9][0-9]).(?P<salt>[./A-Za-z0-9]{22})(?P<digest>.{31})", re.DOTALL
)
"""What follows the version; the dollar before the salt may be any byte, as Go does not look."""


def check_length(password: str) -> None:
    """Raises: UNKNOWN: it is longer than 72 bytes, in UTF-8."""
    if len(password.encode()) > _LONGEST:
        raise errors.StatusError(Status(Code.UNKNOWN, "bcrypt: password length exceeds 72 bytes"))


def hashed(password: str, cost: int, salt: bytes) -> bytes:
    """The bcrypt hash, "$2a$10$" and 53 more bytes.

    Args:
        password: at most 72 bytes.
        cost: the logarithm of the rounds; 4 to 31.
        salt: 16 random bytes.
    """
    return _bcrypt(password.encode(), cost, salt)


def _bcrypt(password: bytes, cost: int, salt: bytes) -> bytes:
    import bcrypt  # not needed before somebody has a password

    digits = base64.b64encode(salt).translate(_TO_BCRYPT)[:22]
    return bcrypt.hashpw(password, b"$2a$%02d$%b" % (cost, digits))


def matches(password: str, hash: bytes) -> bool:
    """Whether a hash is that of a password; False of bytes that are no hash. In constant time.

    As Go's, it looks at the first 72 bytes of a longer password, which no hash can be made of, and
    reads a hash leniently: any version up to 2, and only as many bytes as a hash has.
    """
    if len(hash) < _SHORTEST_HASH or hash[:1] != b"$" or hash[1:2] > b"2":
        return False
    it = _HASH.match(hash, 3 if hash[2:3] == b"$" else 4)
    if it is None or not 4 <= int(it["cost"]) <= 31:
        return False
    salt = base64.b64decode(it["salt"].translate(_FROM_BCRYPT) + b"==")
    made = _bcrypt(password.encode()[:_LONGEST], int(it["cost"]), salt)
    return hmac.compare_digest(made[-_DIGEST_DIGITS:], it["digest"])
