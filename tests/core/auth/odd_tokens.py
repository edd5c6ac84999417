"""Signed tokens of all kinds, odd ones above all, and who etcd takes their bearers for.

They are signed by hand, so that nothing of them depends on the code that is tested. The tests of
`JwtTokens` and those on real etcd both go through the table.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import NamedTuple

from fake_etcd.core.auth.tokens import AuthInfo

SECRET = b"a secret"

HEADER = b'{"alg":"HS256","typ":"JWT"}'

ROOT = AuthInfo("root", 4)
"""What a plain token stands for; the auth store has that revision where root is all there is."""


class Odd(NamedTuple):
    """A token, and whose it is; nobody's where it is refused."""

    name: str
    token: str
    info: AuthInfo | None


def encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).decode().rstrip("=")


def signed(header: bytes, body: bytes) -> str:
    """A token by HS256, whatever its header says."""
    message = f"{encoded(header)}.{encoded(body)}"
    return f"{message}.{encoded(hmac.digest(SECRET, message.encode(), 'sha256'))}"


def claims(**changes: object) -> bytes:
    """Those of a plain token without an end, but for changes."""
    return json.dumps({"username": "root", "revision": 4, **changes}).encode()


def raw(text: str) -> bytes:
    """Claims of which `text` is what follows the user's name."""
    return b'{"username":"root",' + text.encode() + b"}"


def odd_tokens(now: int) -> list[Odd]:
    """The table, for a moment in seconds since 1970."""
    table = [*_claims(now), *_bodies(), *_headers()]
    odd = [Odd(name, signed(header, body), info) for name, header, body, info in table]
    return odd + _damaged(signed(HEADER, claims(exp=now + 100)))


_Row = tuple[str, bytes, bytes, AuthInfo | None]


def _claims(now: int) -> list[_Row]:
    accepted: dict[str, dict[str, object]] = {
        "no end": {},
        "an end to come": {"exp": now + 100},
        "an end of 0 is none": {"exp": 0},
        "a fraction of an end": {"exp": now + 100.9},
        "a beginning that is over": {"nbf": now - 100},
        "a beginning of 0 is none": {"nbf": 0},
        "a beginning beyond time is long ago": {"nbf": 1e300},
        "issued in the future": {"iat": now + 1000},
        "issued at no time": {"iat": "x", "iss": 1, "sub": 2, "aud": 3, "jti": 4},
        "a revision with a fraction": {"revision": 4.9},
        "claims of its own": {"more": [1, {"a": None}]},
    }
    refused: dict[str, dict[str, object]] = {
        "an end that is over": {"exp": now - 100},
        "an end before 1970": {"exp": -1},
        "an end that is text": {"exp": str(now + 100)},
        "an end that is null": {"exp": None},
        "an end that is true": {"exp": True},
        "an end beyond 64 bits is long ago": {"exp": 1e300},
        "an end that does not fit from year 1": {"exp": 9.2233720368e18},
        "a beginning to come": {"nbf": now + 100},
        "a beginning that is text": {"nbf": "0"},
        "a beginning that is null": {"nbf": None},
        "no user": {"username": None},
        "a user that is a number": {"username": 1},
        "a revision that is text": {"revision": "4"},
        "a revision that is null": {"revision": None},
        "a revision that is true": {"revision": True},
    }
    rows: list[_Row] = [(name, HEADER, claims(**them), ROOT) for name, them in accepted.items()]
    rows += [(name, HEADER, claims(**them), None) for name, them in refused.items()]
    revisions = {"3": 3, "0": 0, "0.9": 0, "-1": (1 << 64) - 1, "1e19": 10**19, "-1e30": 1 << 63}
    rows += [
        (f"revision {text}", HEADER, raw(f'"revision":{text}'), AuthInfo("root", number))
        for text, number in revisions.items()
    ]
    large_end = 9.223371974e18  # just fits
    rows.append(("an end in 292 million years", HEADER, claims(exp=large_end), ROOT))
    return rows


def _bodies() -> list[_Row]:
    deep = "[" * 500 + "]" * 500
    accepted = {
        "space around": b" \n\t\r" + claims() + b"\n ",
        "the last of two counts": raw('"revision":"x","revision":4'),
        "a number of many digits": raw(f'"revision":4,"x":{"1" * 300}'),
        "a revision of many digits": raw(f'"revision":4.{"0" * 5000}'),
        "many brackets": raw(f'"revision":4,"x":{deep}'),
        "a half of a pair": raw(r'"revision":4,"x":"\ud800"'),
        "bytes that are no text": b'{"username":"root","revision":4,"x":"\xff\xed\xa0\x80"}',
        "an escaped name": rb'{"us\u0065rname":"ro\u006ft","revision":4}',
    }
    refused = {
        "nothing": b"",
        "null": b"null",
        "an array": b"[]",
        "a number": b"4",
        "no JSON": b"{",
        "two values": claims() + claims(),
        "a comma too many": raw('"revision":4,'),
        "NaN": raw('"revision":4,"x":NaN'),
        "Infinity": raw('"revision":4,"x":-Infinity'),
        "a number that is too large": raw('"revision":4,"x":1e400'),
        "an integer that is too large": raw(f'"revision":4,"x":{"1" * 400}'),
        "an end that is too large": raw('"revision":4,"exp":1e400'),
        "a byte order mark": b"\xef\xbb\xbf" + claims(),
        "a control character": b'{"username":"root","revision":4,"x":"\n"}',
        "single quotes": b"{'username':'root','revision':4}",
        "a leading zero": raw('"revision":04'),
        "a bare point": raw('"revision":4.'),
        "a name in capitals": b'{"USERNAME":"root","revision":4}',
    }
    return [
        *((name, HEADER, body, ROOT) for name, body in accepted.items()),
        *((name, HEADER, body, None) for name, body in refused.items()),
        (
            "a user whose name is no text",
            HEADER,
            b'{"username":"\xff\xe2\x82","revision":4}',
            AuthInfo("\ufffd" * 3, 4),
        ),
        (
            "a user whose name is half a pair",
            HEADER,
            rb'{"username":"\ud800\ufffd\udc00","revision":4}',
            AuthInfo("\ufffd" * 3, 4),
        ),
    ]


def _headers() -> list[_Row]:
    accepted = {
        "no type": b'{"alg":"HS256"}',
        "another type": b'{"typ":1,"alg":"HS256"}',
        "critical": b'{"alg":"HS256","crit":["x"],"x":1,"kid":"../a","b64":false}',
        "the last alg of two": b'{"alg":"none","alg":"HS256"}',
    }
    refused = {
        "no alg": b'{"typ":"JWT"}',
        "none": b'{"alg":"none"}',
        "another alg of the same kind": b'{"alg":"HS512"}',
        "another alg": b'{"alg":"RS256"}',
        "an alg that is none": b'{"alg":"hs256"}',
        "an alg that is a number": b'{"alg":1}',
        "null for a header": b"null",
        "an array for a header": b'["alg"]',
        "no header": b"",
    }
    return [
        *((name, header, claims(), ROOT) for name, header in accepted.items()),
        *((name, header, claims(), None) for name, header in refused.items()),
    ]


def _damaged(token: str) -> list[Odd]:
    header, body, signature = token.split(".")
    unpadded = encoded(base64.urlsafe_b64decode(signature + "=")[:-1] + b"\0")
    left_over = signature[:-1] + chr(ord(signature[-1]) + 1)  # 32 bytes leave two bits unused
    message = f"{header}.{body}"
    sha512 = encoded(hmac.digest(SECRET, message.encode(), "sha512"))
    other_key = encoded(hmac.digest(SECRET + b".", message.encode(), hashlib.sha256))
    return [
        Odd("as it should be", token, ROOT),
        Odd("bits that are left over", f"{message}.{left_over}", ROOT),
        Odd("empty", "", None),
        Odd("two parts", message, None),
        Odd("four parts", f"{token}.", None),
        Odd("no signature", f"{message}.", None),
        Odd("a wrong signature", f"{message}.{unpadded}", None),
        Odd("a short signature", f"{message}.{signature[:-2]}", None),
        Odd("a signature by another hash", f"{message}.{sha512}", None),
        Odd("a signature by another key", f"{message}.{other_key}", None),
        Odd("padding", f"{token}=", None),
        Odd("a character too many", f"{token}AA", None),
        Odd("letters of another base64", f"{message}.{'+' + signature[1:]}", None),
        Odd("a space", f"{message}. {signature}", None),
        Odd("a simple token", "aKdRnVtqUWbLzEoX.12", None),
    ]
