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

from . import connection, golang, keys, oracle
from .connection import CALL_SECONDS, method_named

ROOT_PASSWORD = "root's password"
"""What a scenario that switches authentication on leaves as root's: so it can be switched off."""

Metadata = tuple[tuple[str, str], ...]


class CouldNotRun(Exception):
    """There is no server to run on; one line that says why."""


@dataclass(frozen=True, slots=True)
class Started:
    """A server that is ready for a scenario.

    Args:
        url: "http://127.0.0.1:2379".
        base: how many revisions it has had; 0 if it is new.
        auth_base: likewise of the store of users and roles.
    """

    url: str
    base: int = 0
    auth_base: int = 0


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

    def server(self, flags: tuple[str, ...]) -> AbstractContextManager[Started]:
        """A server without keys, leases, users and roles, of which `{keys}` in a flag is the
        folder of `keys.folder`.

        Raises:
            CouldNotRun: there is none.
        """


@dataclass(frozen=True, slots=True)
class FakeEtcd:
    """fake_etcd in this process, a new one each time."""

    name: str = "fake_etcd"
    is_shared: bool = False

    @contextlib.contextmanager
    def server(self, flags: tuple[str, ...]) -> Iterator[Started]:
        with contextlib.ExitStack() as stack:
            try:
                url = stack.enter_context(background.serve(keys.filled(flags)))
            except UsageError as error:
                raise CouldNotRun(f"fake_etcd: {error}") from None
            yield Started(url)


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
    def server(self, flags: tuple[str, ...]) -> Iterator[Started]:
        try:
            with oracle.start(self.version, keys.filled(flags)) as running:
                yield Started(running.url)
        except (golang.NoGo, oracle.NoOracle) as error:
            raise CouldNotRun(str(error)) from None


@dataclass(slots=True)
class SharedServer:
    """A server that is there already. All its leases and keys, users and roles are deleted before
    and after each scenario, and authentication is switched off.

    Args:
        url: "http://127.0.0.1:2379".
        may_wipe: whether what was there before may be deleted as well.
    """

    url: str
    may_wipe: bool = False
    is_shared: bool = True
    _is_ours: bool = False

    @property
    def name(self) -> str:
        return self.url

    @contextlib.contextmanager
    def server(self, flags: tuple[str, ...]) -> Iterator[Started]:
        if flags:
            raise CouldNotRun(f"needs a server that was started with {' '.join(flags)}")
        if not self._is_ours and not self.may_wipe and (what := _what_is_there(self.url)):
            raise CouldNotRun(
                f"{self.url} holds {what}, and scenarios delete everything there is: "
                "give --wipe if they may"
            )
        self._is_ours = True
        try:
            yield wipe(self.url)
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


def users_and_roles(url: str) -> tuple[list[str], list[str]]:
    """The names of all; none of a server that has no such thing, or does not answer."""
    try:
        users = m.AuthUserListResponse.FromString(_ask(url, "Auth/UserList", b"")).users
        roles = m.AuthRoleListResponse.FromString(_ask(url, "Auth/RoleList", b"")).roles
    except CouldNotRun:
        return [], []
    return list(users), list(roles)


def _what_is_there(url: str) -> str:
    """What scenarios would delete, in words; empty where there is nothing.

    Raises:
        CouldNotRun: the server does not say, or asks who wants to know.
    """
    if _auth_status(url).enabled:
        raise CouldNotRun(f"{url} asks for authentication, which scenarios switch on themselves")
    users, roles = users_and_roles(url)
    counts = {
        "keys": count_keys(url),
        "leases": len(lease_ids(url)),
        "users": len(users),
        "roles": len(roles),
    }
    return next((f"{count} {what}" for what, count in counts.items() if count), "")


def wipe(url: str) -> Started:
    """Switch authentication off, revoke all leases of a server, delete all its keys, users, roles.

    Authentication is switched off as a scenario leaves it: with `ROOT_PASSWORD`.

    Raises:
        CouldNotRun: it does not do that.
    """
    _switch_auth_off(url)
    users, roles = users_and_roles(url)
    for name in users:
        _ask(url, "Auth/UserDelete", m.AuthUserDeleteRequest(name=name).SerializeToString())
    for name in roles:
        _ask(url, "Auth/RoleDelete", m.AuthRoleDeleteRequest(role=name).SerializeToString())
    for id in lease_ids(url):
        with contextlib.suppress(CouldNotRun):  # it may just have expired
            _ask(url, "Lease/LeaseRevoke", m.LeaseRevokeRequest(ID=id).SerializeToString())
    request = m.DeleteRangeRequest(key=b"\0", range_end=b"\0").SerializeToString()
    answer = m.DeleteRangeResponse.FromString(_ask(url, "KV/DeleteRange", request))
    # The first revision of both stores is 1; of a server that has no users it is 0.
    auth_base = max(_auth_status(url).authRevision, 1) - 1
    return Started(url, answer.header.revision - 1, auth_base)


def _auth_status(url: str) -> m.AuthStatusResponse:
    """Whether authentication is on; it is not on a server that has no such thing, or is silent."""
    try:
        return m.AuthStatusResponse.FromString(_ask(url, "Auth/AuthStatus", b""))
    except CouldNotRun:
        return m.AuthStatusResponse()


def _switch_auth_off(url: str) -> None:
    if not _auth_status(url).enabled:
        return
    who = m.AuthenticateRequest(name="root", password=ROOT_PASSWORD).SerializeToString()
    token = m.AuthenticateResponse.FromString(_ask(url, "Auth/Authenticate", who)).token
    _ask(url, "Auth/AuthDisable", b"", (("token", token),))


def _ask(url: str, method: str, request: bytes, metadata: Metadata = ()) -> bytes:
    with grpc.insecure_channel(url.removeprefix("http://"), connection.OPTIONS) as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes]
        call = channel.unary_unary(method_named(method).path)
        try:
            return call(request, timeout=CALL_SECONDS, metadata=metadata)
        except grpc.RpcError as error:
            raise CouldNotRun(f"{url}: {connection.status_of(cast(grpc.Call, error))}") from None
