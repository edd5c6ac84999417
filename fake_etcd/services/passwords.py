"""Passwords and their bcrypt hashes, as etcd makes and compares them.

Both take as long as the cost says, on purpose: 50 ms at etcd's default. So nobody calls them while
others wait; see `auth`. etcd: server/etcdserver/v3_server.go; golang.org/x/crypto/bcrypt.
"""

from __future__ import annotations

import base64

from fake_etcd.api import errors
from fake_etcd.api.status import Code, Status

SALT_BYTES = 16

_LONGEST = 72
"""Bytes; bcrypt looks at no more."""

_TO_BCRYPT = bytes.maketrans(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
)
"""bcrypt's base64 has other digits."""


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
    import bcrypt  # not needed before somebody has a password

    digits = base64.b64encode(salt).translate(_TO_BCRYPT)[:22]
    return bcrypt.hashpw(password.encode(), b"$2a$%02d$%b" % (cost, digits))


def matches(password: str, hash: bytes) -> bool:
    """Whether a hash is that of a password; False of bytes that are no hash. In constant time.

    As Go's, it looks at the first 72 bytes of a longer password, which no hash can be made of.
    """
    import bcrypt

    try:
        return bcrypt.checkpw(password.encode()[:_LONGEST], hash)
    except ValueError:
        return False
