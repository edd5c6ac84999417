"""Where tests get real etcds from: processes of our own, or a server that is there."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from fake_etcd.api.errors import EtcdError
from fake_etcd.testing import auth_seed, real_tls
from fake_etcd.testing.auth_seed import AuthSeed
from fake_etcd.testing.options import Options
from fake_etcd.testing.pool import CannotUse, Etcd
from fake_etcd.testing.real import RealEtcd
from fake_etcd.testing.target import GivenServer, RealEtcdServers
from fake_etcd.testing.tls import Tls, TlsKit, wanted

Refuse = Callable[[str], NoReturn]
"""Says that a test cannot be run here, and why; raises."""


def _compaction(mode: str) -> Callable[[Any], list[str]]:
    unit = "s" if mode == "periodic" else ""
    return lambda value: [
        f"--auto-compaction-mode={mode}",
        f"--auto-compaction-retention={value:g}{unit}",
    ]


def _flag(name: str, unit: str = "") -> Callable[[Any], list[str]]:
    return lambda value: [f"--{name}={value}{unit}"]


_FLAGS: Mapping[str, Callable[[Any], list[str]]] = {
    "max_request_bytes": _flag("max-request-bytes"),
    "max_txn_ops": _flag("max-txn-ops"),
    "heartbeat_interval_ms": _flag("heartbeat-interval"),
    "election_timeout_ms": _flag("election-timeout"),
    "progress_notify_interval_seconds": _flag("watch-progress-notify-interval", "s"),
    "auto_compaction_period_seconds": _compaction("periodic"),
    "auto_compaction_revisions": _compaction("revision"),
    "auth_token": _flag("auth-token"),
    "auth_token_ttl_seconds": lambda value: [f"--auth-token-ttl={value:g}"],
    "bcrypt_cost": _flag("bcrypt-cost"),
    "quota_backend_bytes": _flag("quota-backend-bytes"),
    "max_learners": _flag("max-learners"),
    "strict_reconfig_check": lambda value: [f"--strict-reconfig-check={str(value).lower()}"],
}
"""What etcd is told for options of a FakeEtcd; what is not here, only the emulator has."""

_NO_FLAGS = frozenset(("endpoints", "auth", "tls"))
"""Options that are no flags of their own."""

_OF_3_5 = {"watch-progress-notify-interval": "experimental-watch-progress-notify-interval"}
"""What flags were called before 3.6."""


@dataclass(slots=True)
class _Process:
    """A server or cluster of our own.

    Args:
        addresses: its members'.
        stack: ends it.
        key: which tests it is good for: its flags, and its TLS.
        tls: its certificates, where it has any.
    """

    addresses: list[str]
    stack: ExitStack
    key: tuple[tuple[str, ...], Tls | None]
    tls: TlsKit | None


class ProcessPool:
    """Real etcds in processes of our own, kept by their flags.

    Args:
        servers: what to start.
        refuse: says that a test cannot be run on it.
    """

    def __init__(self, servers: RealEtcdServers, refuse: Refuse) -> None:
        self._servers = servers
        self._refuse = refuse
        self._free: dict[tuple[tuple[str, ...], Tls | None], list[_Process]] = {}
        self._used: dict[RealEtcd, _Process] = {}
        self._program: Path | None = None
        self._failure: CannotUse | None = None

    def take(self, options: Options) -> RealEtcd:
        """See `pool.Pool`.

        Raises:
            CannotUse: it cannot be built or does not start.
        """
        auth = _auth(options)
        key = self._flags(options), wanted(options.get("tls", False))
        free = self._free.setdefault(key, [])
        process = free.pop() if free else self._start(*key)
        count = options.get("endpoints", self._servers.members)
        etcd = RealEtcd(process.addresses, count, _refuse_name(self._refuse), auth, process.tls)
        self._used[etcd] = process
        try:
            etcd.prepare()
        except BaseException:
            self.give_back(etcd)
            raise
        return etcd

    def give_back(self, etcd: Etcd) -> None:
        assert isinstance(etcd, RealEtcd), "it came from here"
        process = self._used.pop(etcd)
        etcd.close()
        if process.tls is not None:
            process.tls.reset()
        with etcd.successor() as wiper:
            try:
                wiper.wipe()
            except EtcdError:  # root's password is not known, or the test has killed it
                process.stack.close()
                return
        self._free[process.key].append(process)

    def close(self) -> None:
        for free in self._free.values():
            while free:
                free.pop().stack.close()

    def _flags(self, options: Options) -> tuple[str, ...]:
        found: list[str] = []
        for name, value in options.items():
            if name in _NO_FLAGS:
                continue
            if name not in _FLAGS:
                self._refuse(f"option {name}: only the emulator has it")
            found += _FLAGS[name](value)
        if (self._servers.version or "").startswith("3.5."):
            for new, old in _OF_3_5.items():
                found = [flag.replace(f"--{new}=", f"--{old}=") for flag in found]
        return tuple(sorted(found))

    def _start(self, flags: tuple[str, ...], tls: Tls | None) -> _Process:
        if self._failure is not None:
            raise self._failure
        oracle = _oracle()
        program = self._built(oracle)
        stack = ExitStack()
        kit = None if tls is None else stack.enter_context(closing(real_tls.new_kit(tls)))
        try:
            of_tls = () if kit is None else real_tls.flags(kit)
            context = None if kit is None else real_tls.unverified(kit)
            started: AbstractContextManager[list[Any]]
            started = oracle.run(program, (*flags, *of_tls), self._servers.members, context)
            running = stack.enter_context(started)
        except oracle.NoOracle as error:
            stack.close()
            raise CannotUse(str(error)) from None
        addresses = [one.url.rpartition("://")[2] for one in running]
        return _Process(addresses, stack, (flags, tls), kit)

    def _built(self, oracle: Any) -> Path:
        if self._program is None:
            try:
                self._program = oracle.build(self._servers.version or oracle.VERSION)
            except oracle.golang.NoGo as error:
                found = shutil.which("etcd") if self._servers.version is None else None
                if found is None:
                    self._failure = CannotUse(f"there is no real etcd: {error}")
                    raise self._failure from None
                self._program = Path(found)
        assert self._program is not None, "it was built or found"
        return self._program


class GivenPool:
    """A server that is there, for one test at a time.

    Args:
        server: which.
        may_wipe: whether it may be wiped although it holds something that no test has put there.
        refuse: says that a test cannot be run on it.
    """

    def __init__(self, server: GivenServer, may_wipe: bool, refuse: Refuse) -> None:
        self._server = server
        self._may_wipe = may_wipe
        self._refuse = refuse
        self._taken: RealEtcd | None = None

    def take(self, options: Options) -> RealEtcd:
        """See `pool.Pool`.

        Raises:
            CannotUse: it does not answer, cannot be wiped, or holds what is somebody else's.
        """
        for name in options:
            if name not in _NO_FLAGS:
                self._refuse(f"option {name}: the server was started by somebody else")
        if self._taken is not None:
            self._refuse("this test wants two etcds, and there is one")
        addresses = self._server.addresses
        count = options.get("endpoints", len(addresses))
        etcd = RealEtcd(addresses, count, _refuse_name(self._refuse), _auth(options))
        try:
            if not self._may_wipe and (held := etcd.contents()):
                raise CannotUse(
                    f"{addresses[0]} holds {', '.join(held)}, and everything there is would be "
                    "deleted: give --etcd-wipe if that may be"
                )
            etcd.wipe()
        except EtcdError as error:
            etcd.close()
            raise CannotUse(f"{addresses[0]} cannot be wiped for tests: {error}") from None
        except BaseException:
            etcd.close()
            raise
        self._may_wipe = True  # what it holds from now on is the tests'
        self._taken = etcd
        try:
            etcd.prepare()
        except BaseException:
            self.give_back(etcd)
            raise
        return etcd

    def give_back(self, etcd: Etcd) -> None:
        """See `pool.Pool`.

        Raises:
            CannotUse: it cannot be wiped.
        """
        assert isinstance(etcd, RealEtcd), "it came from here"
        assert etcd is self._taken, "it was the one"
        self._taken = None
        etcd.close()
        with etcd.successor() as wiper:
            try:
                wiper.wipe()
            except EtcdError as error:
                address = self._server.addresses[0]
                raise CannotUse(f"{address} cannot be wiped again: {error}") from None

    def close(self) -> None:
        """Nothing is ours."""


def _auth(options: Options) -> AuthSeed | None:
    source = options.get("auth")
    return None if source is None else auth_seed.parsed(source, needs_root=True)


def _refuse_name(refuse: Refuse) -> Refuse:
    return lambda name: refuse(f"fake_etcd.{name}: only the emulator has it")


def _oracle() -> Any:
    # By name: the conformance suite stands beside the layers, and not below this one.
    return import_module("fake_etcd.conformance.oracle")
