"""What tests are run on: the emulator, real etcd, or a server that is there; `--etcd` says it.

Imports nothing of ours, for pytest reads it in every run.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_REAL = re.compile(r"real(?::(?P<members>[1-9]\d?))?(?:@(?P<version>.+))?")
_ADDRESS = re.compile(r"(?:http://)?(?P<address>(?:\[[\da-fA-F:.]+\]|[\w.-]+):[1-9]\d{0,4})/?")


@dataclass(frozen=True, slots=True)
class Emulator:
    """FakeEtcd."""


@dataclass(frozen=True, slots=True)
class RealEtcdServers:
    """Real etcd, in processes of our own.

    Args:
        members: how many make one cluster.
        version: "3.6.16"; None for the one that is emulated.
    """

    members: int = 1
    version: str | None = None


@dataclass(frozen=True, slots=True)
class GivenServer:
    """A server that somebody else runs.

    Args:
        addresses: of one member, or of several of the same cluster: "127.0.0.1:2379".
    """

    addresses: tuple[str, ...]


Target = Emulator | RealEtcdServers | GivenServer


def named(text: str) -> Target:
    """What somebody means by a text.

    Args:
        text: "fake", "real", "real:3", "real@3.6.16", "real:3@3.6.16" or "HOST:PORT[,...]".

    Raises:
        ValueError: it is none of these.

    >>> named("real:3@3.6.16")
    RealEtcdServers(members=3, version='3.6.16')
    >>> named("http://etcd:2379,127.0.0.1:2379").addresses
    ('etcd:2379', '127.0.0.1:2379')
    """
    if text == "fake":
        return Emulator()
    real = _REAL.fullmatch(text)
    if real is not None:
        return RealEtcdServers(int(real["members"] or 1), real["version"])
    given = [_ADDRESS.fullmatch(part.strip()) for part in text.split(",")]
    addresses = tuple(match["address"] for match in given if match is not None)
    if len(addresses) < len(given):
        raise ValueError(
            f"{text!r} is no etcd: fake, real, real:3 (members), real@3.6.16 (version), or "
            "HOST:PORT[,HOST:PORT ...] of a server without TLS"
        )
    return GivenServer(addresses)
