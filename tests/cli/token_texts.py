"""Texts for `--auth-token`, for which etcd and we start, or do not start.

`<rsa:pub>` in one stands for a file with that key, see `tests.core.auth.keys`; `<TEXT>` for one
that has a text of `OTHERS` in it.
"""

from __future__ import annotations

import re
from pathlib import Path

from tests.core.auth.keys import Keys

HS = "jwt,sign-method=HS256,priv-key=<secret>"

OTHERS = {
    "secret": b"a",
    "empty": b"",
    "words": b"no key at all\n",
    "garbage": b"-----BEGIN PRIVATE KEY-----\naGVsbG8=\n-----END PRIVATE KEY-----\n",
    "no-der": b"-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n",
    "cut": b"-----BEGIN PRIVATE KEY-----\naGVsbG8=\n",
}

TAKEN = (
    "",
    "simple",
    "simple,a=b",
    "simple,=",
    ",a=b",
    HS,
    f"{HS},pub-key=<words>",
    f"{HS},ttl=",
    f"{HS},ttl=90s",
    f"{HS},ttl=-5m",
    f"{HS},foo=bar,=1",
    *(
        f"jwt,sign-method={method},{keys}"
        for method, keys in (
            ("RS256", "priv-key=<rsa>"),
            ("RS384", "priv-key=<rsa:raw>"),
            ("RS512", "pub-key=<rsa:pub>"),
            ("PS256", "pub-key=<rsa:rawpub>"),
            ("PS384", "pub-key=<rsa:cert>"),
            ("PS512", "priv-key=<rsa>,pub-key=<rsa:cert>"),
            ("RS256", "priv-key=<rsa-512>"),
            ("RS256", "priv-key=<renamed>"),
            ("RS256", "priv-key=<second>"),
            ("RS256", "priv-key=<with-text>"),
            ("ES256", "priv-key=<ec-p256>"),
            ("ES256", "priv-key=<ec-p224:raw>"),
            ("ES384", "priv-key=<ec-p384:raw>,pub-key=<ec-p384:pub>"),
            ("ES512", "pub-key=<ec-p521:cert>"),
            ("EdDSA", "priv-key=<ed>"),
            ("EdDSA", "priv-key=<empty>,pub-key=<ed:pub>"),
        )
    ),
)

REFUSED = (
    "foo",
    "Simple",
    " simple",
    "simple,",
    "simple,a",
    "simple,a=b=c",
    "simple,a=b,a=c",
    ",a",
    "jwt",
    "jwt,",
    "jwt,sign-method=hs256,priv-key=<secret>",
    "jwt,sign-method=none,priv-key=<secret>",
    "jwt,sign-method=HS256",
    "jwt,sign-method=HS256,priv-key=",
    "jwt,sign-method=HS256,pub-key=<secret>",
    "jwt,sign-method=HS256,priv-key=<empty>",
    "jwt,sign-method=HS256,priv-key=nope/nope",
    "jwt,sign-method=HS256,priv-key=/",
    "jwt,sign-method=HS256,priv-key=/dev/null/x",
    f"{HS},pub-key=nope",
    f"{HS},ttl=5",
    f"{HS},ttl=x",
    "jwt,ttl=x,pub-key=nope,priv-key=nope,sign-method=a",
    "jwt,pub-key=nope/1,priv-key=nope/2,sign-method=a",
    *(
        f"jwt,sign-method={method},{keys}"
        for method, keys in (
            ("RS256", "ttl=5m"),
            ("ES256", "priv-key=<empty>"),
            ("EdDSA", "pub-key=<empty>"),
            ("RS256", "priv-key=<words>"),
            ("ES256", "pub-key=<words>"),
            ("EdDSA", "priv-key=<cut>"),
            ("RS256", "priv-key=<ec-p256>"),
            ("RS256", "pub-key=<ec-p256:cert>"),
            ("ES256", "priv-key=<ed>"),
            ("ES256", "pub-key=<rsa:pub>"),
            ("EdDSA", "priv-key=<rsa>"),
            ("EdDSA", "priv-key=<x25519>"),
            ("EdDSA", "pub-key=<ec-p256:pub>"),
            ("EdDSA", "pub-key=<ec-k256:pub>"),
            ("RS256", "priv-key=<ec-p256>,pub-key=<words>"),
            ("RS256", "priv-key=<rsa>,pub-key=<rsa-other:pub>"),
            ("ES256", "priv-key=<ec-p256>,pub-key=<ec-other:pub>"),
            ("EdDSA", "priv-key=<ed>,pub-key=<ed-other:pub>"),
        )
    ),
)
"""In the same words."""

REFUSED_IN_OTHER_WORDS = tuple(
    f"jwt,sign-method={method},{keys}"
    for method, keys in (
        ("RS256", "priv-key=<garbage>"),
        ("ES256", "priv-key=<no-der>"),
        ("EdDSA", "pub-key=<garbage>"),
        ("RS256", "priv-key=<rsa:pub>"),
        ("RS256", "pub-key=<rsa>"),
        ("RS256", "priv-key=<rsa:locked>"),
        ("RS256", "priv-key=<rsa-for-pss>"),
        ("RS256", "pub-key=<rsa-for-pss:pub>"),
        ("RS256", "pub-key=<rsa-for-pss:cert>"),
        ("RS256", "priv-key=<ec-p256:raw>"),
        ("ES256", "priv-key=<rsa:raw>"),
        ("ES256", "priv-key=<ec-k256>"),
        ("ES256", "priv-key=<ec-k256:raw>"),
        ("ES256", "pub-key=<ec-k256:pub>"),
        ("ES256", "priv-key=<second-of-wrong>"),
        ("ES256", "pub-key=<rsa:rawpub>"),
        ("EdDSA", "pub-key=<ed:cert>"),
        ("EdDSA", "priv-key=<ed448>"),
        ("EdDSA", "pub-key=<ed448:pub>"),
    )
)
"""Where Go describes what its parser met."""


def written(text: str, folder: Path, keys: Keys) -> str:
    """The same with files in the folder for what stands in brackets."""

    def write(match: re.Match[str]) -> str:
        file = folder / match[1].replace(":", "-")
        file.write_bytes(_content(match[1], keys))
        return str(file)

    return re.sub("<(.*?)>", write, text)


def _content(name: str, keys: Keys) -> bytes:
    if name == "renamed":
        return keys["rsa:raw"].replace(b"RSA PRIVATE KEY", b"X")
    if name == "second":  # only where the first is no block at all
        return b"-----BEGIN X-----\n!!\n-----END X-----\n" + keys["rsa"]
    if name == "second-of-wrong":
        return OTHERS["garbage"] + keys["ec-p256"]
    if name == "with-text":
        return b"text\n-----BEGIN-----\n" + keys["rsa"].replace(b"\n", b"\r\n") + b"more"
    return OTHERS[name] if name in OTHERS else keys[name]
