"""Cipher suites: Go's names, and OpenSSL's for the same.

Go: crypto/tls/cipher_suites.go (`CipherSuites`, `InsecureCipherSuites`, the order of preference);
etcd: client/pkg/tlsutil/cipher_suites.go. Those of TLS 1.3 can be named and make no difference: Go
offers all three, whatever is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence

SUITES: dict[str, str] = {
    # In the order in which Go prefers them, where the processor has AES.
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
    # What Go takes only where it is named.
    "TLS_RSA_WITH_AES_128_GCM_SHA256": "AES128-GCM-SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384": "AES256-GCM-SHA384",
    "TLS_RSA_WITH_AES_128_CBC_SHA": "AES128-SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA": "AES256-SHA",
    "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA": "ECDHE-RSA-DES-CBC3-SHA",
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA": "DES-CBC3-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256": "ECDHE-ECDSA-AES128-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256": "ECDHE-RSA-AES128-SHA256",
    "TLS_RSA_WITH_AES_128_CBC_SHA256": "AES128-SHA256",
    "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA": "ECDHE-ECDSA-RC4-SHA",
    "TLS_ECDHE_RSA_WITH_RC4_128_SHA": "ECDHE-RSA-RC4-SHA",
    "TLS_RSA_WITH_RC4_128_SHA": "RC4-SHA",
}
"""Of TLS 1.2 and before."""

OLD_NAMES = {
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305": "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305": "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
}
"""Names that etcd goes on taking."""

TLS13_SUITES = (
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
)

REQUIRED = frozenset(
    ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256")
)
"""Go's HTTP/2 asks for one of these, where any are named (RFC 9113 §9.2.2)."""

_USUAL = 10
"""So many of `SUITES` Go takes where none are named."""


def is_suite(name: str) -> bool:
    """Whether etcd knows a suite by this name."""
    return name in SUITES or name in OLD_NAMES or name in TLS13_SUITES


def is_fit_for_http2(openssl_name: str) -> bool:
    """Whether a suite of TLS 1.2 is none of those that RFC 9113 prohibits (Appendix A).

    >>> is_fit_for_http2("ECDHE-RSA-AES128-GCM-SHA256"), is_fit_for_http2("AES128-GCM-SHA256")
    (True, False)
    """
    return openssl_name.startswith("ECDHE-") and ("GCM" in openssl_name or "POLY" in openssl_name)


def openssl_suites(names: Sequence[str]) -> str:
    """OpenSSL's list of the suites with these names of Go's; of Go's usual ones for none.

    >>> openssl_suites(["TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "TLS_AES_128_GCM_SHA256"])
    'ECDHE-RSA-AES256-SHA'
    """
    wanted = {OLD_NAMES.get(name, name) for name in names} or set([*SUITES][:_USUAL])
    return ":".join(suite for name, suite in SUITES.items() if name in wanted)
