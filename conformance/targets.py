"""The servers that scenarios can be run on, and how each comes by a server without keys."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, cast
from urllib.parse import urlsplit

import grpc

from fake_etcd.api import messages as m
from fake_etcd.cli import background
from fake_etcd.cli.flags import UsageError

from . import connection, golang, oracle
from .connection import CALL_SECONDS, method_named


class CouldNotRun(Exception):
    """There is no server to run on; one line that says why."""


class Target(Protocol):
    """A kind of server.

    Attributes:
        name: for people.
        is_shared: whether it is somebody else's: one server for all scenarios, one at a time.
    """

    @property
    def name(self) -> str: ...

    @property
    def is_shared(self) -> bool: ...

    def server(self, flags: tuple[str, ...]) -> AbstractContextManager[tuple[str, int]]:
        """A server without keys: its URL, and how many revisions it has had.

        Raises:
            CouldNotRun: there is none.
        """


@dataclass(frozen=True, slots=True)
class FakeEtcd:
    """fake_etcd in this process, a new one each time."""

    name: str = "fake_etcd"
    is_shared: bool = False

    @contextlib.contextmanager
    def server(self, flags: tuple[str, ...]) -> Iterator[tuple[str, int]]:
        with contextlib.ExitStack() as stack:
            try:
                url = stack.enter_context(background.serve(flags))
            except UsageError as error:
                raise CouldNotRun(f"fake_etcd: {error}") from None
            yield url, 0


@dataclass(frozen=True, slots=True)
class RealEtcd:
    """Real etcd, a new process each time.

    Args:
        version: "3.7.3".
    """

    version: str = oracle.VERSION
    is_shared: bool = False

    @property
    def name(self) -> str:
        return f"etcd@{self.version}"

    @contextlib.contextmanager
    def server(self, flags: tuple[str, ...]) -> Iterator[tuple[str, int]]:
        try:
            with oracle.start(self.version, flags) as running:
                yield running.url, 0
        except (golang.NoGo, oracle.NoOracle) as error:
            raise CouldNotRun(str(error)) from None


@dataclass(slots=True)
class SharedServer:
    """A server that is there already. All its leases and keys are deleted before and after
    each scenario.

    Args:
        url: "http://127.0.0.1:2379".
        may_wipe: whether keys that were there before may be deleted as well.
    """

    url: str
    may_wipe: bool = False
    is_shared: bool = True
    _is_ours: bool = False

    @property
    def name(self) -> str:
        return self.url

    @contextlib.contextmanager
    def server(self, flags: tuple[str, ...]) -> Iterator[tuple[str, int]]:
        if flags:
            raise CouldNotRun(f"needs a server that was started with {' '.join(flags)}")
        if not self._is_ours and not self.may_wipe:
            keys, leases = count_keys(self.url), len(lease_ids(self.url))
            if keys or leases:
                what = f"{keys} keys" if keys else f"{leases} leases"
                raise CouldNotRun(
                    f"{self.url} holds {what}, and scenarios delete everything there is: "
                    "give --wipe if they may"
                )
        self._is_ours = True
        try:
            yield self.url, wipe(self.url) - 1
        finally:
            wipe(self.url)


def named(text: str, *, may_wipe: bool = False) -> Target:
    """The target that somebody means by "fake_etcd", "etcd@3.6.16", "etcd", or a URL.

    Raises:
        CouldNotRun: it is none of these.
    """
    if text == "fake_etcd":
        return FakeEtcd()
    if text == "etcd" or text.startswith("etcd@"):
        return RealEtcd(text.removeprefix("etcd").removeprefix("@") or oracle.VERSION)
    url = text if "://" in text else f"http://{text}"
    try:
        scheme, netloc, *_ = urlsplit(url)
    except ValueError:
        scheme = netloc = ""
    if scheme != "http" or not re.fullmatch(r"[^@]+:\d+", netloc):
        raise CouldNotRun(f"{text!r} is no server: fake_etcd, etcd@VERSION or http://HOST:PORT")
    return SharedServer(f"http://{netloc}", may_wipe)


def count_keys(url: str) -> int:
    """How many keys a server holds.

    Raises:
        CouldNotRun: it does not say.
    """
    request = m.RangeRequest(key=b"\0", range_end=b"\0", count_only=True)
    return m.RangeResponse.FromString(_ask(url, "KV/Range", request.SerializeToString())).count


def lease_ids(url: str) -> list[int]:
    """All leases of a server; none of one that has no such thing, or does not answer."""
    try:
        answer = _ask(url, "Lease/LeaseLeases", b"")
    except CouldNotRun:
        return []
    return [status.ID for status in m.LeaseLeasesResponse.FromString(answer).leases]


def wipe(url: str) -> int:
    """Revoke all leases of a server and delete all its keys; gives its revision afterwards.

    Raises:
        CouldNotRun: it does not do that.
    """
    for id in lease_ids(url):
        with contextlib.suppress(CouldNotRun):  # it may just have expired
            _ask(url, "Lease/LeaseRevoke", m.LeaseRevokeRequest(ID=id).SerializeToString())
    request = m.DeleteRangeRequest(key=b"\0", range_end=b"\0").SerializeToString()
    answer = m.DeleteRangeResponse.FromString(_ask(url, "KV/DeleteRange", request))
    return answer.header.revision


def _ask(url: str, method: str, request: bytes) -> bytes:
    with grpc.insecure_channel(url.removeprefix("http://"), connection.OPTIONS) as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes]
        call = channel.unary_unary(method_named(method).path)
        try:
            return call(request, timeout=CALL_SECONDS)
        except grpc.RpcError as error:
            raise CouldNotRun(f"{url}: {connection.status_of(cast(grpc.Call, error))}") from None
