"""Keys read from PEM: those that Go reads, and no others.

Go looks at what is in the first block that is whole, not at the block's name. Its words about DER
that is nothing it knows describe its parser; ours say what could have been there. Nothing here
knows what keys are for. Go: encoding/pem, crypto/x509; golang-jwt: rsa_utils.go and the like.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from fake_etcd.core.auth.token_options import InvalidTokenOptions

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import (
        CertificatePublicKeyTypes,
        PrivateKeyTypes,
        PublicKeyTypes,
    )

NOT_PEM = "invalid key: Key must be a PEM encoded PKCS1 or PKCS8 key"
UNKNOWN_CURVE = "x509: unsupported elliptic curve"

_CURVES = frozenset(("secp224r1", "secp256r1", "secp384r1", "secp521r1"))
"""Those that Go's crypto/x509 knows."""

_FOR_PSS_ONLY_OID = "1.2.840.113549.1.1.10"
_FOR_PSS_ONLY = bytes.fromhex("06092a864886f70d01010a")
"""The object identifier of RSA keys that are for PSS alone, which Go does not know; as DER."""

_ALGORITHM_IS_WITHIN = 40  # bytes of DER, from the beginning, of PKCS #8 and of PKIX

_BLOCK = re.compile(
    rb"^-----BEGIN ([^\r\n]*?)-----[ \t\r]*\n(.*?)^-----END \1-----[ \t\r]*$",
    re.MULTILINE | re.DOTALL,
)
_HEADERS = re.compile(rb"(?:[^\n:]*:[^\n]*\n)*")  # RFC 1421 §4.6, such as "Proc-Type: 4,ENCRYPTED"
_SPACE = re.compile(rb"[ \t\r\n]+")

Key = TypeVar("Key")


def private_key(pem: bytes) -> PrivateKeyTypes:
    """The private key in a file, in PKCS #8, PKCS #1 or SEC 1, without a password.

    Raises:
        InvalidTokenOptions: there is none.
    """
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    key = _loaded(lambda der: load_der_private_key(der, None), der_of(pem))
    if key is None:
        raise InvalidTokenOptions("priv-key has no key in PKCS8, PKCS1 or SEC1 that is known")
    return key


def public_key(pem: bytes, or_certificate: bool) -> PublicKeyTypes:
    """The public key in a file, in PKIX or PKCS #1.

    Args:
        pem: the file.
        or_certificate: whether it may be that of a certificate.

    Raises:
        InvalidTokenOptions: there is none.
    """
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    der = der_of(pem)
    key = _loaded(load_der_public_key, der)
    if key is None and or_certificate:
        key = _loaded(_key_of_certificate, der)
    if key is None:
        raise InvalidTokenOptions("pub-key has no key in PKIX or PKCS1 that is known")
    return key


def der_of(pem: bytes) -> bytes:
    """What is in the first block of a file.

    Raises:
        InvalidTokenOptions: it has none.

    >>> der_of(b"text\\n-----BEGIN X-----\\nYQ==\\n-----END X-----\\n")
    b'a'
    """
    for block in _BLOCK.finditer(pem):
        body = _HEADERS.sub(b"", block[2], count=1)
        try:
            return base64.b64decode(_SPACE.sub(b"", body), validate=True)
        except binascii.Error:
            continue  # Go goes on to the next one, too
    raise InvalidTokenOptions(NOT_PEM)


def _loaded(load: Callable[[bytes], Key], der: bytes) -> Key | None:
    """A key that both this library and Go know; None where there is none."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec

    if _FOR_PSS_ONLY in der[:_ALGORITHM_IS_WITHIN]:
        return None
    try:
        key = load(der)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: it needs a password
        return None
    curve = None
    if isinstance(key, (ec.EllipticCurvePrivateKey, ec.EllipticCurvePublicKey)):
        curve = key.curve
    if curve is not None and curve.name not in _CURVES:
        raise InvalidTokenOptions(UNKNOWN_CURVE)
    return key


def _key_of_certificate(der: bytes) -> CertificatePublicKeyTypes:
    from cryptography.x509 import load_der_x509_certificate

    certificate = load_der_x509_certificate(der)
    if certificate.public_key_algorithm_oid.dotted_string == _FOR_PSS_ONLY_OID:
        raise ValueError("a key for PSS only")
    return certificate.public_key()
