"""Keys for servers that sign tokens: files in a folder, which flags name as `{keys}`.

    @scenario(flags=("--auth-token=jwt,sign-method=HS256,priv-key={keys}/hmac",))

The secret of `hmac` is known to scenarios, so that they can make tokens of their own; the other
keys are made anew for each process.
"""

from __future__ import annotations

import atexit
import base64
import functools
import hashlib
import hmac
import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    _PrivateKey = EllipticCurvePrivateKey | Ed25519PrivateKey | RSAPrivateKey

HMAC_SECRET = b"a secret that everybody knows, and that is long enough for SHA-512 and more"


def filled(flags: tuple[str, ...]) -> tuple[str, ...]:
    """Flags with the folder in the place of `{keys}`."""
    if not any("{keys}" in flag for flag in flags):
        return flags
    return tuple(flag.replace("{keys}", str(folder())) for flag in flags)


@functools.cache
def folder() -> Path:
    """The folder; it is gone when the process ends. `rsa` and `rsa.pub` are a pair in PEM, likewise
    `ec-p256`, `ec-p384`, `ec-p521` and `ed25519`; `hmac` holds `HMAC_SECRET`."""
    # Only where keys are wanted: it takes a while to import.
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    made = Path(tempfile.mkdtemp(prefix="conformance-keys-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    (made / "hmac").write_bytes(HMAC_SECRET)
    _write(made, "rsa", rsa.generate_private_key(65537, 2048))
    _write(made, "ec-p256", ec.generate_private_key(ec.SECP256R1()))
    _write(made, "ec-p384", ec.generate_private_key(ec.SECP384R1()))
    _write(made, "ec-p521", ec.generate_private_key(ec.SECP521R1()))
    _write(made, "ed25519", ed25519.Ed25519PrivateKey.generate())
    return made


def _write(folder: Path, name: str, key: _PrivateKey) -> None:
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
    )

    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (folder / name).write_bytes(private)
    (folder / f"{name}.pub").write_bytes(public)


def signed(
    claims: Mapping[str, object] | bytes,
    *,
    header: Mapping[str, object] | bytes | None = None,
    secret: bytes = HMAC_SECRET,
    digest: str = "sha256",
) -> str:
    """A JSON Web Token, well made or not (RFC 7515, 7519).

    Args:
        claims: its middle part, as a mapping or as bytes that may be no JSON.
        header: its first part; None: that of HS256.
        secret: what it is signed with.
        digest: the hash in its HMAC, whatever the header says.
    """
    given = {"alg": "HS256", "typ": "JWT"} if header is None else header
    signing_input = b".".join(map(_part, (given, claims)))
    signature = hmac.new(secret, signing_input, getattr(hashlib, digest)).digest()
    return (signing_input + b"." + _base64url(signature)).decode()


def _part(given: Mapping[str, object] | bytes) -> bytes:
    encoded = given if isinstance(given, bytes) else json.dumps(given).encode()
    return _base64url(encoded)


def _base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
