"""Who a client's certificate is for: its common name, and the hosts that it is valid for.

Go: crypto/x509/verify.go (`VerifyHostname`), crypto/x509/pkix (`FillFromRDNSequence`).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import cast

Certificate = Mapping[str, object]
"""A certificate as `ssl.SSLObject.getpeercert` gives it."""

_LABEL = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")


def subject_common_name(certificate: Certificate) -> str:
    """The common name of the subject, the last one where there are several; "" without one."""
    subject = cast("tuple[tuple[tuple[str, str], ...], ...]", certificate.get("subject", ()))
    names = [value for each in subject for kind, value in each if kind == "commonName"]
    return names[-1] if names else ""


def matches_hostname(certificate: Certificate, host: str) -> bool:
    """Whether the certificate's alternative names have this host; its common name is no matter.

    >>> matches_hostname({"subjectAltName": (("DNS", "*.example.com"),)}, "a.example.com")
    True
    """
    names = cast("tuple[tuple[str, str], ...]", certificate.get("subjectAltName", ()))
    address = _address(host[1:-1] if host.startswith("[") and host.endswith("]") else host)
    if address is not None:
        return any(kind == "IP Address" and _address(name) == address for kind, name in names)
    return any(kind == "DNS" and _matches(name.lower(), host.lower()) for kind, name in names)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    # Go's net.IP does not tell an IPv4 address from the IPv6 one that it is mapped to.
    return getattr(address, "ipv4_mapped", None) or address


def _matches(pattern: str, host: str) -> bool:
    if not (_is_name(pattern, is_pattern=True) and _is_name(host, is_pattern=False)):
        return bool(host) and host not in (".",) and pattern == host
    wanted, labels = pattern.split("."), host.removesuffix(".").split(".")
    if len(wanted) != len(labels):
        return False
    if wanted[0] == "*":
        wanted, labels = wanted[1:], labels[1:]
    return wanted == labels


def _is_name(name: str, *, is_pattern: bool) -> bool:
    """Whether it is a name at all; a pattern may have a star for its first label."""
    if not is_pattern:
        name = name.removesuffix(".")
    if not name or name == "*":
        return False
    for index, label in enumerate(name.split(".")):
        if is_pattern and index == 0 and label == "*":
            continue
        if not label or label.startswith("-") or not _LABEL.issuperset(label):
            return False
    return True
