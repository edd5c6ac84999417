"""What an endpoint says: where to connect, with TLS or without, and the name to expect there.

etcd: client/v3/internal/endpoint/endpoint.go.
"""

from __future__ import annotations

import enum
import posixpath
from dataclasses import dataclass
from urllib.parse import urlsplit


class Credentials(enum.Enum):
    """Whether a connection there is one with TLS."""

    REQUIRED = "required"
    DROPPED = "dropped"
    OPTIONAL = "optional"


_OF_SCHEME = {
    "https": Credentials.REQUIRED,
    "unixs": Credentials.REQUIRED,
    "http": Credentials.DROPPED,
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint, understood.

    Args:
        text: as it was given.
        target: what gRPC connects to: "host:port", "unix:path".
        server_name: the name that the certificate there has to be for.
        credentials: whether with TLS.
    """

    text: str
    target: str
    server_name: str
    credentials: Credentials

    def has_tls(self, has_certificates: bool) -> bool:
        """Whether to connect with TLS, for a client that was given certificates or not."""
        if self.credentials is Credentials.OPTIONAL:
            return has_certificates
        return self.credentials is Credentials.REQUIRED


def parse(text: str) -> Endpoint:
    """Understand "host:port", "http(s)://host:port", "unix(s):path", "unix(s)://path".

    >>> parse("https://localhost:2379").target
    'localhost:2379'
    >>> parse("unix:///run/etcd.sock").target
    'unix:///run/etcd.sock'
    >>> parse("unix://etcd.sock:2379").target
    'unix:etcd.sock:2379'
    """
    if text.startswith(("unix:", "unixs:")):
        return _unix(text)
    scheme, separator, rest = text.partition("://")
    if not separator:
        return Endpoint(text, text, text, Credentials.OPTIONAL)
    credentials = _OF_SCHEME.get(scheme.lower(), Credentials.OPTIONAL)
    host = urlsplit(text).netloc.rpartition("@")[2] or rest
    target = host if scheme.lower() in ("http", "https") else text
    return Endpoint(text, target, host, credentials)


def _unix(text: str) -> Endpoint:
    scheme, _, path = text.partition(":")
    credentials = _OF_SCHEME.get(scheme, Credentials.OPTIONAL)
    if path.startswith("///"):
        path = path[2:]
        return Endpoint(text, f"unix://{path}", posixpath.basename(path), credentials)
    path = path.removeprefix("//")
    return Endpoint(text, f"unix:{path}", posixpath.basename(path), credentials)
