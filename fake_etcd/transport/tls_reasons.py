"""Why a handshake failed, in the words that Go's TLS has for it, from OpenSSL's own.

Go: crypto/tls (`Handshake`'s errors), crypto/x509/verify.go. What has no words here keeps
OpenSSL's: every line says why, if not always in the words that etcd would say it in.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Sequence

from fake_etcd.transport.grpc.errors import go_quote
from fake_etcd.transport.tls_hello import Hello

_NOT_VERIFIED = "tls: failed to verify certificate: x509: "
_UNKNOWN_AUTHORITY = "certificate signed by unknown authority"
_EXPIRED = "certificate has expired or is not yet valid"

_VERIFY_CODES = {
    2: _UNKNOWN_AUTHORITY,
    9: _EXPIRED,
    10: _EXPIRED,
    18: _UNKNOWN_AUTHORITY,
    19: _UNKNOWN_AUTHORITY,
    20: _UNKNOWN_AUTHORITY,
    21: _UNKNOWN_AUTHORITY,
    26: "certificate specifies an incompatible key usage",
}
"""OpenSSL: include/openssl/x509_vfy.h."""

_NO_SUITE = "tls: no cipher suite supported by both client and server"
_NO_VERSION = "tls: client offered only unsupported versions"

_REASONS = {
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "tls: client didn't provide a certificate",
    "WRONG_VERSION_NUMBER": "tls: first record does not look like a TLS handshake",
    "HTTP_REQUEST": "tls: first record does not look like a TLS handshake",
    "HTTPS_PROXY_REQUEST": "tls: first record does not look like a TLS handshake",
    "NO_SHARED_CIPHER": _NO_SUITE,
    "UNSUPPORTED_PROTOCOL": _NO_VERSION,
    "VERSION_TOO_LOW": _NO_VERSION,
    "BAD_SIGNATURE": "tls: invalid signature by the client certificate: verification failure",
}

_ALERT = re.compile(r"(?:TLSV1[0-9]*|SSLV3)_ALERT_([A-Z0-9_]+)")

_ALERTS = {
    "UNKNOWN_CA": "unknown certificate authority",
    "CERTIFICATE_EXPIRED": "expired certificate",
    "CERTIFICATE_REVOKED": "revoked certificate",
    "CERTIFICATE_UNKNOWN": "unknown certificate",
    "PROTOCOL_VERSION": "protocol version not supported",
    "DECRYPT_ERROR": "error decrypting message",
    "DECODE_ERROR": "error decoding message",
}
"""Go's words for alerts, where they are not the alert's own name."""


def why_failed(error: ssl.SSLError, hello: Hello) -> str:
    """What the log says of a handshake that began with this and failed with that."""
    if isinstance(error, ssl.SSLCertVerificationError):
        known = _VERIFY_CODES.get(error.verify_code)
        return _NOT_VERIFIED + (known or error.verify_message)
    if isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        return "EOF"
    reason = error.reason or str(error)
    alert = _ALERT.fullmatch(reason)
    if alert is not None:
        return f"remote error: tls: {_ALERTS.get(alert[1], alert[1].lower().replace('_', ' '))}"
    said = _REASONS.get(reason, f"tls: {reason.lower().replace('_', ' ')}")
    if said == _NO_SUITE:
        return f"{said}; client offered: {_hexadecimal(hello.suites)}"
    if said == _NO_VERSION:
        return f"{said}: {_hexadecimal(hello.versions)}"
    return said


def unknown_protocols(hello: Hello) -> str:
    """What it says of a client that wants to speak nothing that is known here."""
    names = " ".join(go_quote(name) for name in hello.protocols)
    return f"tls: client requested unsupported application protocols ([{names}])"


def _hexadecimal(numbers: Sequence[int]) -> str:
    return f"[{' '.join(f'{number:x}' for number in numbers)}]"
