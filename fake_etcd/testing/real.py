"""A real etcd behind the doors that a FakeEtcd has, for tests that are to be run on both.

What only the emulator can do is here too, and says so when it is touched.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn, cast

import grpc
from google.protobuf.message import Message

from fake_etcd.api import errors
from fake_etcd.api import messages as m
from fake_etcd.api.errors import EtcdError, StatusError
from fake_etcd.api.methods import METHODS
from fake_etcd.api.status import Code, Status
from fake_etcd.core.auth.store import ROOT
from fake_etcd.testing.alarms import Alarms
from fake_etcd.testing.auth_seed import AuthSeed, Step
from fake_etcd.testing.doors import Doors
from fake_etcd.testing.fake import FakeEtcd
from fake_etcd.testing.store import Store
from fake_etcd.testing.tls import CLIENT, NO_TLS, TlsKit, common_name
from fake_etcd.testing.with_token import aio_interceptors, with_token

Options = Iterable[tuple[str, Any]]
"""What grpcio's channels take."""

_DIRECT = ("grpc.enable_http_proxy", 0)
"""Tests and server are on one machine, whatever the environment says of proxies."""

_OF_STORE = (_DIRECT, ("grpc.max_receive_message_length", -1))
"""The store reads everything at once."""

_CALL_SECONDS = 30.0

_ALL = b"\0"

_NOT_LOGGED_IN = (
    errors.USER_EMPTY.status,
    errors.INVALID_AUTH_TOKEN.status,
    errors.AUTH_OLD_REVISION.status,
)
"""How calls end that have no token, or none any more."""


class RealEtcd(Doors):
    """A server, or a cluster, that one test has for itself.

    Args:
        addresses: its members', "127.0.0.1:2379".
        count: how many endpoints are wanted; where there are fewer members they come again.
        refuse: told the name of an attribute that only the emulator has; raises.
        auth: users and roles that it has from the beginning, and again after `reset`.
        tls: its certificates; None where it speaks without TLS.

    Attributes:
        store: its keys.
        alarms: what is wrong with it, so that it refuses to be written to.
    """

    def __init__(
        self,
        addresses: Sequence[str],
        count: int,
        refuse: Callable[[str], NoReturn],
        auth: AuthSeed | None = None,
        tls: TlsKit | None = None,
    ) -> None:
        self._addresses = addresses
        self._endpoints = [addresses[number % len(addresses)] for number in range(count)]
        self._refuse = refuse
        self._tls = tls
        self._channels: list[grpc.Channel] = []
        self._is_closed = False
        self._own = self._connect(addresses[0], self._of_store(), None)
        self._auth = auth
        self._passwords: dict[str, str] = {}
        self._metadata: tuple[tuple[str, str], ...] = ()
        self.store = Store(self._ask, self.plant_auth)
        self.alarms = Alarms(self._ask)

    def __getattr__(self, name: str) -> Any:
        # Called for names only that are not here.
        if not name.startswith("_") and name in _emulated():
            self._refuse(name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._is_closed

    def close(self) -> None:
        """Close all channels. The server's end is the pool's business."""
        self._is_closed = True
        for channel in (self._own, *self._channels):
            channel.close()

    @property
    def endpoints(self) -> list[str]:
        """All addresses, "127.0.0.1:41235"."""
        return list(self._endpoints)

    @property
    def url(self) -> str:
        """The first address, "http://127.0.0.1:41235", or "https://..."."""
        return f"{'http' if self._tls is None else 'https'}://{self.endpoint}"

    @property
    def tls(self) -> TlsKit:
        """See `Doors.tls`."""
        if self._tls is None:
            raise RuntimeError(NO_TLS)
        return self._tls

    def channel(
        self,
        endpoint: int = 0,
        options: Options | None = None,
        *,
        user: str | None = None,
        client: str | None = None,
    ) -> grpc.Channel:
        """A channel to an endpoint; see `FakeEtcd.channel`."""
        options = (_DIRECT, *(options or ()))
        channel = self._connect(self._endpoints[endpoint], options, client)
        self._channels.append(channel)
        return channel if user is None else with_token(channel, self.token(user))

    def aio_channel(
        self,
        endpoint: int = 0,
        options: Options | None = None,
        *,
        user: str | None = None,
        client: str | None = None,
    ) -> grpc.aio.Channel:
        """The same for the running event loop; whoever asks for it closes it."""
        options = [_DIRECT, *(options or ())]
        interceptors = () if user is None else aio_interceptors(self.token(user))
        credentials = self._credentials(client)
        address = self._endpoints[endpoint]
        if credentials is None:
            return grpc.aio.insecure_channel(address, options, interceptors=interceptors)
        return grpc.aio.secure_channel(address, credentials, options, interceptors=interceptors)

    def token(self, user: str) -> str:
        """A new token of a user's, whose password it was told by `auth=` or `seed`.

        Raises:
            ValueError: it was not.
            EtcdError: the server does not take it.
        """
        if user not in self._passwords:
            known = ", ".join(map(repr, sorted(self._passwords))) or "none"
            raise ValueError(
                f"the password of {user!r} is not known here, and a real etcd gives no token "
                f"without it; auth= and seed tell them, those of {known} until now"
            )
        request = m.AuthenticateRequest(name=user, password=self._passwords[user])
        (answer,) = self._call("/etcdserverpb.Auth/Authenticate", [request])
        return str(answer.token)

    def seed(self, source: str | os.PathLike[str] | Mapping[Any, Any]) -> None:
        """As `FakeEtcd.seed`."""
        __tracebackhide__ = True  # pytest would show what is given, with all passwords
        self.store.plant(source)

    def plant_auth(self, auth: AuthSeed) -> None:
        """Make users and roles, by calls.

        Raises:
            ValueError: the server refuses one; those before it are there.
        """
        if auth.enabled and auth.root is not None and auth.root.password is None:
            self._refuse("auth with a root whose password is not known")
        step: Step | None = None
        try:
            for step in auth.steps({}):
                self._ask(f"/etcdserverpb.Auth/{step.method}", [step.request])
        except EtcdError as error:
            assert step is not None, "nothing else is refused"
            raise auth.refused(step, error) from None
        self._passwords.update(auth.passwords)

    def prepare(self) -> None:
        """Make the users and roles that it is to have from the beginning.

        Raises:
            ValueError: as `plant_auth`.
        """
        if self._auth is not None:
            self.plant_auth(self._auth)

    def reset(self) -> None:
        """Be empty again. Revisions and ids go on, for a real etcd cannot take them back.

        Raises:
            EtcdError: the server does not let it be wiped; it may have authentication on.
        """
        self.wipe()
        self.prepare()

    def wipe(self) -> None:
        """Take away everything.

        Raises:
            EtcdError: as `reset`.
        """
        wipe(self._ask)
        self._passwords.clear()
        self._metadata = ()

    def successor(self) -> RealEtcd:
        """Another one for the same server, that knows how to get past auth as this one did."""
        found = RealEtcd(self._addresses, 1, self._refuse, tls=self._tls)
        found._passwords.update(self._passwords)
        return found

    def contents(self) -> list[str]:
        """What it holds, as people say it: "2 keys", "1 user". Nothing where it is empty."""
        found = (
            ("key", self.store.first(1)[1]),
            ("lease", len(_leases(self._ask))),
            ("user", len(_names(self._ask, "User", "users"))),
            ("role", len(_names(self._ask, "Role", "roles"))),
        )
        return [f"{count} {name}{'s' if count > 1 else ''}" for name, count in found if count]

    def _of_store(self) -> Options:
        if self._tls is None:
            return _OF_STORE
        # A test may have wanted a certificate for other hosts than the one that it runs on.
        return (*_OF_STORE, ("grpc.ssl_target_name_override", self._tls.options.hosts[0]))

    def _connect(self, address: str, options: Options, client: str | None) -> grpc.Channel:
        credentials = self._credentials(client)
        if credentials is None:
            return grpc.insecure_channel(address, tuple(options))
        return grpc.secure_channel(address, credentials, tuple(options))

    def _credentials(self, client: str | None) -> grpc.ChannelCredentials | None:
        name = common_name(self._tls, client)
        if self._tls is None:
            return None
        return self._tls.credentials(CLIENT if name is None else name)

    def _ask(self, path: str, requests: Sequence[Message]) -> list[Any]:
        """The answers to calls, in the name of root where somebody has to be named."""
        answers: list[Any] = []
        try:
            for request in requests:
                answers += self._call(path, [request])
        except EtcdError as error:
            if not self._log_in(error):
                raise
            answers += self._call(path, requests[len(answers) :])
        return answers

    def _log_in(self, error: EtcdError) -> bool:
        """Whether a call that ended so can be made again, in the name of root."""
        if error.status not in _NOT_LOGGED_IN or ROOT not in self._passwords:
            return False
        self._metadata = (("token", self.token(ROOT)),)
        return True

    def _call(self, path: str, requests: Sequence[Message]) -> list[Any]:
        method = METHODS[path]
        call = self._own.unary_unary(
            path, method.request.SerializeToString, method.response.FromString
        )
        try:
            return [
                call(request, timeout=_CALL_SECONDS, metadata=self._metadata)
                for request in requests
            ]
        except grpc.RpcError as error:
            ended = cast("grpc.Call", error)
            code = Code(ended.code().value[0])
            raise StatusError(Status(code, ended.details() or "")) from None


_names_of_emulator: frozenset[str] | None = None


def _emulated() -> frozenset[str]:
    """Everything that a FakeEtcd has and that is not private."""
    global _names_of_emulator
    if _names_of_emulator is None:
        with FakeEtcd() as etcd:
            _names_of_emulator = frozenset(name for name in dir(etcd) if name[0] != "_")
    return _names_of_emulator


# Wiping

Ask = Callable[[str, Sequence[Message]], list[Any]]


def wipe(ask: Ask) -> None:
    """Take away alarms, leases, keys, users and roles, and switch auth off.

    Raises:
        EtcdError: the server does not let it be done.
    """
    for alarm in _alarms(ask):
        request = m.AlarmRequest(
            action=m.AlarmRequest.DEACTIVATE, memberID=alarm.memberID, alarm=alarm.alarm
        )
        ask("/etcdserverpb.Maintenance/Alarm", [request])
    for lease in _leases(ask):
        _revoke(ask, lease)
    ask("/etcdserverpb.KV/DeleteRange", [m.DeleteRangeRequest(key=_ALL, range_end=_ALL)])
    _if_served(ask, "/etcdserverpb.Auth/AuthDisable", m.AuthDisableRequest())
    for name in _names(ask, "User", "users"):
        ask("/etcdserverpb.Auth/UserDelete", [m.AuthUserDeleteRequest(name=name)])
    for name in _names(ask, "Role", "roles"):
        ask("/etcdserverpb.Auth/RoleDelete", [m.AuthRoleDeleteRequest(role=name)])


def _revoke(ask: Ask, lease: int) -> None:
    try:
        ask("/etcdserverpb.Lease/LeaseRevoke", [m.LeaseRevokeRequest(ID=lease)])
    except EtcdError as error:
        if error.code is not Code.NOT_FOUND:  # it may just have expired
            raise


def _leases(ask: Ask) -> list[int]:
    answers = _if_served(ask, "/etcdserverpb.Lease/LeaseLeases", m.LeaseLeasesRequest())
    return [status.ID for answer in answers for status in answer.leases]


def _alarms(ask: Ask) -> list[Any]:
    answers = _if_served(ask, "/etcdserverpb.Maintenance/Alarm", m.AlarmRequest())
    return [alarm for answer in answers for alarm in answer.alarms]


def _names(ask: Ask, what: str, field: str) -> list[str]:
    path = f"/etcdserverpb.Auth/{what}List"
    answers = _if_served(ask, path, METHODS[path].request())
    return [name for answer in answers for name in getattr(answer, field)]


def _if_served(ask: Ask, path: str, request: Message) -> list[Any]:
    """The answer; none where the server has no such method, and so no such thing."""
    try:
        return ask(path, [request])
    except EtcdError as error:
        if error.code is Code.UNIMPLEMENTED:
            return []
        raise
