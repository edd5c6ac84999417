"""Keys that JSON web tokens are signed with, and checked by.

What is in a token is `jwt_tokens.py`, what is in a file of a key `pem.py`. RFC 7518 §3,
RFC 8037 §3.1; etcd: server/auth/options.go; golang-jwt: hmac.go, rsa.go, rsa_pss.go, ecdsa.go,
ed25519.go. `cryptography` takes 50 ms to import, so that is done only where a key needs it.
"""

from __future__ import annotations

import functools
import hmac
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeVar

from fake_etcd.core.auth import pem
from fake_etcd.core.auth.token_options import SIGN_METHODS, InvalidTokenOptions, JwtOptions

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
    from cryptography.hazmat.primitives.hashes import HashAlgorithm

MISSING_KEY = "auth: missing key data"
KEY_MISMATCH = "auth: public and private keys don't match"
VERIFY_ONLY = "auth: token signing attempted with verify-only key"
WRONG_CURVE = "key is invalid"

_CURVE_BITS = {"ES256": 256, "ES384": 384, "ES512": 521}

_FEWEST_RSA_BITS = 1024
"""Go's crypto/rsa neither signs nor verifies with less (since 1.24)."""

PublicKey = TypeVar("PublicKey")


class CannotSign(Exception):
    """This key makes no tokens; the text is etcd's."""


class SigningKey(Protocol):
    """A key, and the method that it is used by."""

    def sign(self, message: bytes) -> bytes:
        """A signature of a message.

        Raises:
            CannotSign: the key is for other things.
        """

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether that is a signature of this message."""


@functools.lru_cache(maxsize=8)  # a test kit makes many nodes with the same keys
def load(options: JwtOptions) -> SigningKey:
    """The key that options ask for.

    Raises:
        InvalidTokenOptions: there is none, or it is not for this method.
    """
    method = options.sign_method
    assert method in SIGN_METHODS, "whoever reads options refuses other methods"
    if method.startswith("HS"):
        return _HmacKey(method, options.private_key)
    if method.startswith("ES"):
        return _load_ec(options)
    return _load_ed(options) if method == "EdDSA" else _load_rsa(options)


class _HmacKey:
    """HS256, HS384, HS512. Any bytes are a secret, also few of them."""

    def __init__(self, method: str, secret: bytes) -> None:
        if not secret:
            raise InvalidTokenOptions(MISSING_KEY)
        self._secret = secret
        self._hash_name = f"sha{method[2:]}"

    def sign(self, message: bytes) -> bytes:
        return hmac.digest(self._secret, message, self._hash_name)

    def verify(self, message: bytes, signature: bytes) -> bool:
        return hmac.compare_digest(self.sign(message), signature)


class _RsaKey:
    """RS256 and so on (PKCS #1 v1.5), PS256 and so on (PSS)."""

    def __init__(
        self, method: str, private: rsa.RSAPrivateKey | None, public: rsa.RSAPublicKey
    ) -> None:
        self._private = private
        self._public = public
        self._hash = _hash(method)
        self._is_pss = method.startswith("PS")

    def sign(self, message: bytes) -> bytes:
        if self._private is None:
            raise CannotSign(VERIFY_ONLY)
        if self._public.key_size < _FEWEST_RSA_BITS:
            raise CannotSign(
                f"crypto/rsa: {self._public.key_size}-bit keys are insecure "
                "(see https://go.dev/pkg/crypto/rsa#hdr-Minimum_key_size)"
            )
        return self._private.sign(message, self._padding(signs=True), self._hash)

    def verify(self, message: bytes, signature: bytes) -> bool:
        if self._public.key_size < _FEWEST_RSA_BITS:
            return False
        padding = self._padding(signs=False)
        return _is_verified(lambda: self._public.verify(signature, message, padding, self._hash))

    def _padding(self, signs: bool) -> padding.AsymmetricPadding:
        from cryptography.hazmat.primitives.asymmetric import padding

        if not self._is_pss:
            return padding.PKCS1v15()
        # RFC 7518 §3.5 wants a salt as long as the hash; golang-jwt takes one of any length.
        salt = padding.PSS.DIGEST_LENGTH if signs else padding.PSS.AUTO
        return padding.PSS(padding.MGF1(self._hash), salt)


class _EcKey:
    """ES256, ES384, ES512: two numbers of the method's size, not DER."""

    def __init__(
        self,
        method: str,
        private: ec.EllipticCurvePrivateKey | None,
        public: ec.EllipticCurvePublicKey,
    ) -> None:
        self._private = private
        self._public = public
        self._hash = _hash(method)
        self._bits = _CURVE_BITS[method]
        self._number_bytes = -(-self._bits // 8)

    def sign(self, message: bytes) -> bytes:
        from cryptography.hazmat.primitives.asymmetric import ec, utils

        if self._private is None:
            raise CannotSign(VERIFY_ONLY)
        if self._private.curve.key_size != self._bits:
            raise CannotSign(WRONG_CURVE)
        der = self._private.sign(message, ec.ECDSA(self._hash))
        size = self._number_bytes
        return b"".join(one.to_bytes(size, "big") for one in utils.decode_dss_signature(der))

    def verify(self, message: bytes, signature: bytes) -> bool:
        from cryptography.hazmat.primitives.asymmetric import ec, utils

        size = self._number_bytes
        if len(signature) != 2 * size:
            return False
        # golang-jwt does not ask whether the curve is the method's.
        one, other = (int.from_bytes(part, "big") for part in (signature[:size], signature[size:]))
        der = utils.encode_dss_signature(one, other)
        return _is_verified(lambda: self._public.verify(der, message, ec.ECDSA(self._hash)))


class _EdKey:
    """EdDSA with Ed25519."""

    def __init__(
        self, private: ed25519.Ed25519PrivateKey | None, public: ed25519.Ed25519PublicKey
    ) -> None:
        self._private = private
        self._public = public

    def sign(self, message: bytes) -> bytes:
        if self._private is None:
            raise CannotSign(VERIFY_ONLY)
        return self._private.sign(message)

    def verify(self, message: bytes, signature: bytes) -> bool:
        return _is_verified(lambda: self._public.verify(signature, message))


def _is_verified(verify: Callable[[], None]) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        verify()
    except InvalidSignature:
        return False
    return True


def _hash(method: str) -> HashAlgorithm:
    from cryptography.hazmat.primitives import hashes

    return {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}[method[2:]]


# From files. An empty file is none, as for etcd.


def _load_rsa(options: JwtOptions) -> SigningKey:
    from cryptography.hazmat.primitives.asymmetric import rsa

    private = pem.private_key(options.private_key) if options.private_key else None
    if private is not None and not isinstance(private, rsa.RSAPrivateKey):
        raise InvalidTokenOptions("key is not a valid RSA private key")
    public = pem.public_key(options.public_key, True) if options.public_key else None
    if public is not None and not isinstance(public, rsa.RSAPublicKey):
        raise InvalidTokenOptions("key is not a valid RSA public key")
    own = private.public_key() if private is not None else None
    return _RsaKey(options.sign_method, private, _one_of(own, public))


def _load_ec(options: JwtOptions) -> SigningKey:
    from cryptography.hazmat.primitives.asymmetric import ec

    private = pem.private_key(options.private_key) if options.private_key else None
    if private is not None and not isinstance(private, ec.EllipticCurvePrivateKey):
        raise InvalidTokenOptions("key is not a valid ECDSA private key")
    public = pem.public_key(options.public_key, True) if options.public_key else None
    if public is not None and not isinstance(public, ec.EllipticCurvePublicKey):
        raise InvalidTokenOptions("key is not a valid ECDSA public key")
    own = private.public_key() if private is not None else None
    return _EcKey(options.sign_method, private, _one_of(own, public))


def _load_ed(options: JwtOptions) -> SigningKey:
    from cryptography.hazmat.primitives.asymmetric import ed25519

    private = pem.private_key(options.private_key) if options.private_key else None
    if private is not None and not isinstance(private, ed25519.Ed25519PrivateKey):
        raise InvalidTokenOptions("key is not a valid Ed25519 private key")
    public = pem.public_key(options.public_key, False) if options.public_key else None
    if public is not None and not isinstance(public, ed25519.Ed25519PublicKey):
        raise InvalidTokenOptions("key is not a valid Ed25519 public key")
    own = private.public_key() if private is not None else None
    return _EdKey(private, _one_of(own, public))


def _one_of(own: PublicKey | None, given: PublicKey | None) -> PublicKey:
    """The public key of a private one, and of one given beside it, or instead of it."""
    found = given if own is None else own
    if found is None:
        raise InvalidTokenOptions(MISSING_KEY)
    if given is not None and given != found:
        raise InvalidTokenOptions(KEY_MISMATCH)
    return found
