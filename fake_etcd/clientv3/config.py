"""How a client is to be: where its servers are, who it is, how long it waits, how often it tries.

etcd: client/v3/config.go, options.go (the defaults).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, Protocol

from fake_etcd.clientv3.context import Context
from fake_etcd.clientv3.errors import MutuallyExclusiveConfig, NoAvailableEndpoints

MAX_CALL_SEND_SIZE = 2 * 1024 * 1024
"""Bytes of a request at the most, as Go's client has it."""

MAX_CALL_RECV_SIZE = 2**31 - 1


@dataclass(frozen=True, slots=True)
class TLS:
    """Certificates for the connections, in PEM: bytes, or the path of a file.

    Args:
        ca: whom to trust; None for gRPC's own roots.
        cert: the client's certificate, with `key`.
        key: its private key.
        server_name: the name that the server's certificate has to be for, where it is not the
            endpoint's host.
    """

    ca: bytes | str | PathLike[str] | None = None
    cert: bytes | str | PathLike[str] | None = None
    key: bytes | str | PathLike[str] | None = field(default=None, repr=False)
    server_name: str | None = None

    def __post_init__(self) -> None:
        if (self.cert is None) != (self.key is None):
            raise ValueError("TLS takes cert and key both, or neither")

    def read(self) -> tuple[bytes | None, bytes | None, bytes | None]:
        """The PEM of ca, key and cert, as gRPC wants them; raises OSError for a file that cannot
        be read."""
        return _pem(self.ca), _pem(self.key), _pem(self.cert)


def _pem(source: bytes | str | PathLike[str] | None) -> bytes | None:
    if source is None or isinstance(source, bytes):
        return source
    return Path(source).read_bytes()


class Clock(Protocol):
    """Time for what the client waits for by itself: back-off, keep-alives, looks at the members.

    `FakeEtcd.clock` is one.
    """

    @property
    def now(self) -> float:
        """Seconds since some moment."""

    def call_at(self, time: float, callback: Callable[[], object]) -> Callable[[], object]:
        """Call back once, at a time of `now`, in any thread; returns what takes that back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What a client is made from.

    Args:
        endpoints: "host:port", "http://…", "https://…", "unix:…"; one that answers is enough.
        dial_timeout: seconds that the client may take to get its token, and to see the cluster's
            version, when it is made; None for any time. Calls have times of their own.
        auto_sync_interval: seconds between looks at the cluster's members, whose addresses are the
            endpoints from then on; 0 for never.
        username: whose token to get, with `password`.
        password: that user's.
        token: a token from elsewhere (a JSON web token) in their place; it is never renewed.
        tls: certificates; needed where an endpoint is https and gRPC's roots do not know it.
        dial_keepalive_time: seconds after which a silent connection is pinged; 0 for never, and
            10 where it is less, as in Go.
        dial_keepalive_timeout: seconds that the answer may take.
        max_call_send_size: bytes of a request at the most.
        max_call_recv_size: bytes of an answer at the most.
        reject_old_cluster: raise `OldCluster` for a cluster older than the minor release before
            the client's own (3.7).
        permit_without_stream: ping also where no call is open.
        max_unary_retries: how often a call is tried at the most.
        backoff_wait_between: seconds between rounds of tries.
        backoff_jitter_fraction: by which part of it that time varies, up and down.
        namespace: prefix of all keys, which callers neither give nor see.
        logger: where retries, lost connections and failed looks at the members are told.
        context: parent of all that the client does.
        dial: makes the channel to an endpoint (a `grpc.Channel`; a `grpc.aio.Channel` for
            `clientv3.aio`): a FakeEtcd's, or one with options of your own. For threads it is asked
            for another one where there are several endpoints, to see how the connection does.
        clock: whose time the client's own waiting follows; None for real time.
    """

    endpoints: Sequence[str]
    dial_timeout: float | None = None
    auto_sync_interval: float = 0.0
    username: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    tls: TLS | None = None
    dial_keepalive_time: float = 0.0
    dial_keepalive_timeout: float = 0.0
    max_call_send_size: int = 0
    max_call_recv_size: int = 0
    reject_old_cluster: bool = False
    permit_without_stream: bool = False
    max_unary_retries: int = 100
    backoff_wait_between: float = 0.025
    backoff_jitter_fraction: float = 0.10
    namespace: str | bytes = ""
    logger: logging.Logger = field(default=logging.getLogger("fake_etcd.clientv3"), repr=False)
    context: Context | None = None
    dial: Callable[[str], Any] | None = None
    clock: Clock | None = None

    def __post_init__(self) -> None:
        if isinstance(self.endpoints, str | bytes):
            raise TypeError('endpoints is a list of them: ["localhost:2379"]')
        if not self.endpoints:
            raise NoAvailableEndpoints
        if self.token and (self.username or self.password):
            raise MutuallyExclusiveConfig
        if self.max_unary_retries < 1:
            raise ValueError("max_unary_retries counts the first try too: it is 1 at the least")
        limits = self.max_call_send_size, self.max_call_recv_size
        if 0 < limits[1] < limits[0]:
            raise ValueError(
                f"gRPC message recv limit ({limits[1]} bytes) must be greater than"
                f" send limit ({limits[0]} bytes)"
            )
