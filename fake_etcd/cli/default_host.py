"""This machine's own address, advertised where a wildcard is listened on and nothing else is said.

etcd: pkg/netutil/routes_linux.go (`GetDefaultHost`), server/embed/config.go
(`UpdateDefaultClusterFromName`): only 0.0.0.0 counts, and only the first URL of each list.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import MutableMapping

from fake_etcd.cli.urls import parse_urls

_WILDCARD = "0.0.0.0"
_ELSEWHERE = (
    (socket.AF_INET, "198.51.100.1"),
    (socket.AF_INET6, "2001:db8::1"),
)
"""Addresses that only a default route leads to (RFC 5737, RFC 3849); nothing is sent there."""


def find() -> str:
    """The address from which the default route starts, of IPv4 first; empty where there is none.

    On systems other than Linux there is none, as with etcd.
    """
    for family, address in _ELSEWHERE:
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 9))
            found: str = probe.getsockname()[0]
            return found
    return ""


def advertise(values: MutableMapping[str, str], pairs: dict[str, tuple[str, str]]) -> str:
    """Put it into the flags that have nothing but their defaults.

    Args:
        values: every flag's value.
        pairs: the flag of what is advertised, to that of what is listened on and to its default.

    Returns:
        The address, where it is used.
    """
    used = ""
    for advertised, (listened, default) in pairs.items():
        urls = parse_urls(values[listened])
        if values[advertised] != default or not urls or urls[0].hostname != _WILDCARD:
            continue
        used = used or find()
        if used:
            host = f"[{used}]" if ":" in used else used
            values[advertised] = f"http://{host}:{urls[0].port}"
    return used
