"""Keys and certificates to test with, made when they are first asked for."""

from __future__ import annotations

import base64
import datetime
from collections.abc import Callable

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.types import (
    CertificateIssuerPrivateKeyTypes,
    PrivateKeyTypes,
)
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from fake_etcd.core.auth.token_options import JwtOptions

SECRET = b"\x00\xffany bytes"

RSA_512 = b"""-----BEGIN RSA PRIVATE KEY-----
MIIBOwIBAAJBAMVgGdJwTVD8IfZ+sypo4RpRc87krbSAWmgdpBYgb4wEOX07dHxu
eTOwTLqf5aKQq8Vhqy03yfdAZPZQk2tWy3UCAwEAAQJAHuu2P+R+CFDnlTE2Kk+x
7CiUhvYGTH/LKgJywVCliP6dxnwxySqXLzNmaUjuIhyRTnXnebZ1WSfY48HywI0K
gQIhAPOcWPs2bDhkLNuXhDB3oZf7ZCmSOTELFfmvWturXveVAiEAz2nMpkVTgVIa
wK9uAVc/4PjpSUN6GF8CDKL4pbXADGECIQDlGz5oC/fdVQEHCElO18PGzquVmSpm
YFmrd+pIO7RVvQIhAInXRBxUAlT1XbYkYDUf6OH4SgFYiLHdoh0HybtG+GTBAiB0
Bl6MoP6fcGLvbVstc0J6SxU73m7I7Lv3wEiOyCA2jQ==
-----END RSA PRIVATE KEY-----
"""
"""Shorter than any that can be made today."""

_KINDS: dict[str, Callable[[], PrivateKeyTypes]] = {
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
    "rsa-other": lambda: rsa.generate_private_key(65537, 2048),
    "ec-p224": lambda: ec.generate_private_key(ec.SECP224R1()),
    "ec-p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ec-other": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ec-p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ec-p521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "ec-k256": lambda: ec.generate_private_key(ec.SECP256K1()),
    "ed": ed25519.Ed25519PrivateKey.generate,
    "ed-other": ed25519.Ed25519PrivateKey.generate,
    "ed448": ed448.Ed448PrivateKey.generate,
    "x25519": x25519.X25519PrivateKey.generate,
}

_RSA_ENCRYPTION = bytes.fromhex("300d06092a864886f70d0101010500")
_RSASSA_PSS = bytes.fromhex("300b06092a864886f70d01010a")

_OF_METHOD = {"ES256": "ec-p256", "ES384": "ec-p384", "ES512": "ec-p521", "EdDSA": "ed"}


class Keys:
    """Files by name: a kind, then what of it.

    "rsa" is PKCS #8, "rsa:raw" PKCS #1 (or SEC 1 for curves), "rsa:pub" PKIX, "rsa:rawpub"
    PKCS #1, "rsa:cert" a certificate, "rsa:locked" PKCS #8 with a password.
    """

    def __init__(self) -> None:
        self._keys: dict[str, PrivateKeyTypes] = {}

    def __getitem__(self, name: str) -> bytes:
        kind, _, what = name.partition(":")
        if kind == "rsa-for-pss":
            return _for_pss_only(self[name.replace(kind, "rsa")])
        if kind == "rsa-512":
            return RSA_512
        if kind not in self._keys:
            self._keys[kind] = _KINDS[kind]()
        return _written(self._keys[kind], what)

    def options(self, method: str, with_private: bool = True) -> JwtOptions:
        """Those of a key that is right for a method."""
        if method.startswith("HS"):
            return JwtOptions(method, private_key=SECRET)
        name = _OF_METHOD.get(method, "rsa")
        if with_private:
            return JwtOptions(method, private_key=self[name])
        return JwtOptions(method, public_key=self[f"{name}:pub"])


def _written(key: PrivateKeyTypes, what: str) -> bytes:
    if what == "raw":
        form = PrivateFormat.TraditionalOpenSSL
        return key.private_bytes(Encoding.PEM, form, NoEncryption())
    if what == "locked":
        return key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"password")
        )
    if what == "pub":
        return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    if what == "rawpub":
        return key.public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1)
    if what == "cert":
        assert isinstance(
            key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey, ed25519.Ed25519PrivateKey)
        )
        return _certificate(key)
    assert not what, f"no such form: {what}"
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _for_pss_only(pem: bytes) -> bytes:
    """The same with the algorithm of keys that are for PSS alone, which has no parameters."""
    head, *lines, tail = pem.splitlines(keepends=True)
    der = bytearray(base64.b64decode(b"".join(lines)))
    place = der.index(_RSA_ENCRYPTION)
    for start in range(place):  # what it is within gets shorter
        size = int.from_bytes(der[start + 2 : start + 4], "big")
        if der[start : start + 2] == b"\x30\x82" and start + 4 + size > place:
            der[start + 2 : start + 4] = (size - 2).to_bytes(2, "big")
    der[place : place + len(_RSA_ENCRYPTION)] = _RSASSA_PSS
    return head + base64.encodebytes(der) + tail


def _certificate(key: CertificateIssuerPrivateKeyTypes) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a")])
    begin = datetime.datetime(2020, 1, 1)
    builder = x509.CertificateBuilder(
        issuer_name=name,
        subject_name=name,
        public_key=key.public_key(),
        serial_number=1,
        not_valid_before=begin,
        not_valid_after=begin + datetime.timedelta(days=10_000),
    )
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, algorithm).public_bytes(Encoding.PEM)
