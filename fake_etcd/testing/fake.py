"""FakeEtcd: one etcd inside a test's process, with its doors, its time and its state in hand."""

from __future__ import annotations

import dataclasses
import functools
import os
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf.message import Message

from fake_etcd.api.methods import METHODS
from fake_etcd.api.status import Code, Status
from fake_etcd.core.node import Node
from fake_etcd.services import http, mux, page_access, registry
from fake_etcd.services.call import Endpoints, HostCall, Metadata
from fake_etcd.services.http import HttpRequest, HttpResponse
from fake_etcd.services.request_watch import RequestWatch
from fake_etcd.testing import auth_seed, server_options
from fake_etcd.testing.alarms import Alarms
from fake_etcd.testing.beginning import Beginning
from fake_etcd.testing.clock import TestClock
from fake_etcd.testing.control.door import Control
from fake_etcd.testing.doors import Doors
from fake_etcd.testing.explore import EFFECTS, Errors, Exploration, Exploring
from fake_etcd.testing.faults.effects import Effect
from fake_etcd.testing.faults.rules import Faults
from fake_etcd.testing.history import History
from fake_etcd.testing.listening import Listening
from fake_etcd.testing.ports import Ports
from fake_etcd.testing.server_options import ServerOptions
from fake_etcd.testing.snapshots import Snapshot, Snapshots
from fake_etcd.testing.store import Store
from fake_etcd.testing.switch_clock import SwitchClock
from fake_etcd.testing.timers import Timers
from fake_etcd.testing.tls import NO_TLS, Tls, TlsKit, common_name, wanted
from fake_etcd.testing.tokens import Tokens
from fake_etcd.transport.gateway.rules import GatewayRules, refuses_names
from fake_etcd.transport.in_process.aio import InProcessAioChannel
from fake_etcd.transport.in_process.channel import InProcessChannel
from fake_etcd.transport.in_process.limits import Options
from fake_etcd.transport.in_process.line import Address
from fake_etcd.transport.shared_aside import SharedAside
from fake_etcd.transport.shared_node import SharedNode
from fake_etcd.transport.tls import ServerTls

if TYPE_CHECKING:
    from typing_extensions import Unpack  # every type checker has it; no need to install it

GONE = Status(Code.UNAVAILABLE, "fake_etcd: the server's state was set back under this call")
"""How open streams end at `reset` and `restore`: as if the server had gone away."""


class FakeEtcd(Doors):
    """An etcd of one member, empty, in memory.

    It needs no socket: `channel()` gives a `grpc.Channel` whose calls run in the caller's thread.
    The first use of `url`, `endpoint`, `endpoints` or `port` opens ports on the loopback
    interface, for any client in any process; all doors lead to the same state.

    Threads and event loops may share it. A process that is forked may not: there each use raises
    a RuntimeError, and `close` does nothing; an `endpoint` that was opened before the fork can be
    connected to.

    Args:
        endpoints: how many addresses it has.
        random_seed: what its ids and jitter begin with; the same seed, the same bytes.
        control: whether its addresses serve `/_fake/...` too, JSON by which programs in other
            languages do what a test does here; docs/other-languages.md has what there is.
        control_token: what such a program has to say to be listened to; empty: nothing.
        auth: users and roles, in the form of `testing.auth_seed`: a mapping, or the path of a file
            of JSON or YAML. Auth is on from the beginning then, and again after `reset`.
        snapshot: the path of a snapshot of etcd's, as `etcdctl snapshot save` writes it: what it
            has is there from the beginning, and again after `reset`, users and roles among it.
        tls: whether its addresses speak TLS, with certificates made for it; or how: a `Tls`.
        **options: the server's, "max_txn_ops" for example; docs/pytest.md has all of them.

    Raises:
        TypeError: there is no such option, or its value is of another kind.
        ValueError: it is a number that makes no sense, or `auth` or `snapshot` is not understood.
        OSError: the file of `auth` or `snapshot` cannot be read.

    Attributes:
        clock: its time.
        tokens: by which clients say who they are.
        faults: the rules by which calls go wrong.
        history: what clients said to it, and what they were told.
        store: its keys, read and written without a client.
        alarms: what is wrong with it, so that it refuses to be written to.
        is_changed: whether it was given addresses, which `reset` does not take away.

    >>> from fake_etcd.api import messages as m
    >>> with FakeEtcd() as etcd:
    ...     put = etcd.channel().unary_unary(
    ...         "/etcdserverpb.KV/Put", m.PutRequest.SerializeToString, m.PutResponse.FromString
    ...     )
    ...     put(m.PutRequest(key=b"a", value=b"1")).header.revision
    2
    """

    def __init__(
        self,
        *,
        endpoints: int = 1,
        random_seed: int = 0,
        control: bool = False,
        control_token: str = "",
        auth: auth_seed.Source | None = None,
        snapshot: str | os.PathLike[str] | None = None,
        tls: bool | Tls = False,
        **options: Unpack[ServerOptions],
    ) -> None:
        __tracebackhide__ = True  # pytest would show what is given, with all passwords
        server_options.check("endpoints", int, endpoints)
        server_options.check("control", bool, control)
        server_options.check("control_token", str, control_token)
        server_options.check("tls", server_options.TLS, tls)
        of_tls = wanted(tls)
        config = dataclasses.replace(
            server_options.config(options, random_seed),
            client_cert_auth=of_tls is not None and of_tls.client_cert_auth,
        )
        self._clock = SwitchClock()
        self._beginning = Beginning(config, self._clock, auth, snapshot)
        self._shared = SharedNode(self._beginning.node(), {})
        self._clock.on_move = self._shared.moved
        self._timers = self._clock.timers = Timers(self._shared, self._clock)
        self.faults = Faults(self._shared, random_seed, self._serve)
        admit = self.faults.admit
        self._addresses = [Address(self._shared, number, admit) for number in range(endpoints)]
        self.faults.retry = self._retry
        self._channels: weakref.WeakSet[InProcessChannel] = weakref.WeakSet()
        self._aio_channels: weakref.WeakSet[InProcessAioChannel] = weakref.WeakSet()
        self._ports = Ports(
            self._shared,
            self._addresses,
            self._new_listening,
            self._require_open,
            self._advertise_addresses,
            of_tls,
        )
        self._is_closed = False
        self._process = os.getpid()
        self.clock = TestClock(self._clock, self, self._timers)
        self.history = History(self._shared)
        self.store = Store(self._ask, self._plant_auth)
        self.alarms = Alarms(self._ask)
        self.tokens = Tokens(self._shared)
        self.is_changed = False
        self._clock.attach(self._shared.node)
        self._snapshots = Snapshots(self._shared.node)
        self._access = page_access.OPEN
        self._has_gateway = True
        self._control = Control(self, control_token) if control else None
        self._serve()

    # The end

    def close(self, grace_seconds: float = 0.0) -> None:
        """End all calls, close all ports. No thread or socket is left. Nothing the second time.

        Args:
            grace_seconds: how long calls from outside may take to end by themselves.
        """
        if self._is_closed:
            return
        self._is_closed = True
        if os.getpid() != self._process:
            return  # a forked child has none of its threads
        for channel in list(self._channels):
            channel.close()
        for aio_channel in list(self._aio_channels):
            aio_channel.drop()
        for address in self._addresses:
            address.set_up(False)
        self._ports.close(grace_seconds)
        self.faults.close()
        self._timers.close()
        if self._beginning.aside is not None:
            self._beginning.aside.close()

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._is_closed

    # Doors

    def channel(
        self,
        endpoint: int = 0,
        options: Options | None = None,
        *,
        user: str | None = None,
        client: str | None = None,
    ) -> InProcessChannel:
        """A `grpc.Channel` without a socket; stubs of any protos work on it.

        Args:
            endpoint: the number of the address that it stands for.
            user: whose calls are made on it: they have a `token` of this user's, which is made now.
            options: as `grpc.insecure_channel` takes them. Limits on the size of messages are
                kept, grpcio's by default: an answer of more than 4 MiB is an error. Others are
                about connections, and change nothing.
            client: the common name of the certificate that it would have shown, had there been a
                handshake, where clients need one; "client" by default.

        Raises:
            ValueError: there is no such endpoint, or nobody looks at certificates; or as `token`.
            errors.AUTH_NOT_ENABLED: as `token`.
        """
        self._require_open()
        line = self._address(endpoint).line(common_name(self._ports.kit, client))
        channel = InProcessChannel(line, options, self._metadata_of(user))
        self._channels.add(channel)
        return channel

    def aio_channel(
        self,
        endpoint: int = 0,
        options: Options | None = None,
        *,
        user: str | None = None,
        client: str | None = None,
    ) -> InProcessAioChannel:
        """A `grpc.aio.Channel` without a socket, for whichever event loop runs when it is used.

        Args:
            endpoint: the number of the address that it stands for.
            options: as for `channel`.
            user: as for `channel`.
            client: the same.

        >>> import asyncio
        >>> from fake_etcd.api import messages as m
        >>> async def put(etcd: FakeEtcd) -> int:
        ...     async with etcd.aio_channel() as channel:
        ...         path = "/etcdserverpb.KV/Put"
        ...         put = channel.unary_unary(path, m.PutRequest.SerializeToString)
        ...         return len(await put(m.PutRequest(key=b"a")))
        >>> with FakeEtcd() as etcd:
        ...     asyncio.run(put(etcd))
        28
        """
        self._require_open()
        line = self._address(endpoint).line(common_name(self._ports.kit, client))
        channel = InProcessAioChannel(line, options, self._metadata_of(user))
        self._aio_channels.add(channel)
        return channel

    def token(self, user: str) -> str:
        """A new token, as this user gets one who says the right password.

        A client sends it as metadata: `metadata=[("token", etcd.token("alice"))]`.

        Raises:
            ValueError: there is no such user, or it has no password.
            errors.AUTH_NOT_ENABLED: auth is off.

        >>> with FakeEtcd(auth={"root": "pw", "users": {"alice": "pw"}}) as etcd:
        ...     len(etcd.token("alice"))
        18
        """
        self._require_open()
        return self.tokens.assign(user)

    def _metadata_of(self, user: str | None) -> Metadata:
        return () if user is None else (("token", self.token(user)),)

    @property
    def endpoints(self) -> list[str]:
        """All addresses, "127.0.0.1:41235"."""
        return [addresses[0].rpartition("://")[2] for addresses in self._ports.open_all()]

    @property
    def url(self) -> str:
        """The first address, "http://127.0.0.1:41235", or "https://...", where it has TLS."""
        return self._ports.open_all()[0][0]

    @property
    def tls(self) -> TlsKit:
        """See `Doors.tls`."""
        if self._ports.kit is None:
            raise RuntimeError(NO_TLS)
        return self._ports.kit

    def listen(self, url: str, tls: ServerTls | None = None) -> str:
        """Be reached by one more address, beside or in place of the one that `endpoint` opens.

        Args:
            url: "http://192.0.2.1:2379" (port 0: any free one), "unix:path", or "https:" and
                "unixs:" of the same.
            tls: how the last two are encrypted; None: as `endpoint` is, where that has TLS.

        Returns:
            The address really listened on, in the same form.

        Raises:
            OSError: it cannot be had.
            TlsError: nobody could connect with such certificates.
            ValueError: it is none that can be listened on.
            RuntimeError: the first endpoint is down.
        """
        self._require_open()
        if not self._addresses[0].is_up:
            raise RuntimeError(f"listen({url!r}): the first endpoint is down; bring_up() before")
        address = self._ports.listen(url, tls)
        self.is_changed = True
        if tls is not None and tls.client_cert_auth:
            self._configure(client_cert_auth=True)
        return address

    def advertise(self, urls: Sequence[str]) -> None:
        """Have the member tell clients that it is found at these URLs."""
        self._configure(advertise_client_urls=tuple(urls))

    def take_down(self, endpoint: int = 0) -> None:
        """Cut an address's connections and let nobody connect to it, until `bring_up`."""
        self._require_open()
        self._address(endpoint).set_up(False)
        self._ports.shut(endpoint)

    def bring_up(self, endpoint: int = 0) -> None:
        """Let clients connect to an address again; its port is the one it had."""
        self._require_open()
        self._shared.require_owned()
        address = self._address(endpoint)
        self._ports.open(endpoint)
        address.set_up(True)

    @contextmanager
    def down(self, endpoint: int = 0) -> Iterator[None]:
        """An address that is down for a while."""
        self.take_down(endpoint)
        try:
            yield
        finally:
            self.bring_up(endpoint)

    def cut_connections(self) -> int:
        """Cut all connections; clients may connect again at once.

        Returns:
            How many open calls in this process, and connections from outside, there were.
        """
        return sum(address.cut() for address in self._addresses) + self._ports.cut()

    # State

    def reset(self) -> None:
        """Be empty and new again, with the time running and everything up.

        Streams that are open end as if the server had gone away. Snapshots are no longer valid,
        and the rules of `faults` are gone. Its certificate is the first one again, and none of its
        clients' is revoked.
        """
        self._require_open()
        with self._shared as shared:
            self._clock.detach(shared.node)
            self._clock.automatic = False
            self._clock.put_back(0.0)
            self._clock.run()
            shared.replace(self._beginning.node())
            self._snapshots.release_all()
            self._snapshots = Snapshots(shared.node)
            self._clock.attach(shared.node)
            self._end_streams()
            self.faults.reset()
            self.history.clear()
            shared.moved()
        if self._ports.kit is not None:
            self._ports.kit.reset()
        for number, address in enumerate(self._addresses):
            if not address.is_up:
                self.bring_up(number)

    def snapshot(self) -> Snapshot:
        """Remember all there is: keys, history, leases, ids, time. O(1).

        >>> with FakeEtcd() as etcd:
        ...     etcd.clock.freeze()
        ...     before = etcd.snapshot()
        ...     etcd.clock.advance(10)
        ...     etcd.restore(before)
        ...     etcd.clock.now == before.time
        True
        """
        self._require_open()
        with self._shared as shared:
            shared.run_due()
            return self._snapshots.take()

    def restore(self, snapshot: Snapshot) -> None:
        """Go back to a snapshot, at the cost of what has changed since.

        It can be gone back to again; those that were taken after it cannot. Streams that are open
        end as if the server had gone away (UNAVAILABLE), connections stay.

        Raises:
            ValueError: the snapshot is another FakeEtcd's, or no longer valid.
        """
        self._require_open()
        with self._shared as shared:
            self._snapshots.restore(snapshot)
            self._clock.put_back(snapshot.time)
            self._end_streams()
            self._retry()  # when they would have tried again is in another time
            shared.moved()
        self._ports.flush()

    def release(self, snapshot: Snapshot) -> None:
        """Forget a snapshot, which then costs nothing more. Nothing where it is not valid."""
        with self._shared:
            self._snapshots.release(snapshot)

    @contextmanager
    def branch(self) -> Iterator[None]:
        """Try something and forget it: afterwards everything is as it was before.

        >>> with FakeEtcd() as etcd:
        ...     etcd.clock.freeze()
        ...     before = etcd.clock.now
        ...     with etcd.branch():
        ...         etcd.clock.advance(10)
        ...     etcd.clock.now == before
        True
        """
        before = self.snapshot()
        try:
            yield
        finally:
            self.restore(before)
            self.release(before)

    def seed(self, source: str | os.PathLike[str] | Mapping[Any, Any]) -> None:
        """Put the keys of a file of JSON or YAML, or of a mapping, in the form of `testing.seed`.

        Users and roles that it has are made after that; with the user root auth is on from then.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is not understood, and nothing was put; or etcd would refuse a user or
                a role, and all that stands before it is there.
            RuntimeError: it is YAML, and PyYAML is not installed.
        """
        __tracebackhide__ = True  # pytest would show what is given, with all passwords
        self.store.plant(source)

    def explore(
        self,
        function: Callable[[FakeEtcd], object],
        invariant: Callable[[FakeEtcd], object] | None = None,
        *,
        effects: Sequence[Effect] = EFFECTS,
        allowed: Errors = (grpc.RpcError,),
        broken: Errors = (),
        budget: int = 1_000,
        seed: int = 0,
        progress: bool | None = None,
    ) -> Exploration:
        """Find out which of a function's calls may not go wrong.

        It is run once to see its calls, then with each effect at each of them, always from the
        state that there is now, which is there again afterwards. A call is a unary one, or a
        request on a stream. `history` begins anew with each run.

        Args:
            function: gets this FakeEtcd; a coroutine function is run in a loop of its own.
            invariant: what has to be true after each run, when nothing goes wrong any more: it
                fails where it raises or gives False.
            effects: what goes wrong; by default the request is lost, or its answer.
            allowed: errors with which the function may end when something goes wrong. Any other
                breaks it, as an invariant that fails does.
            broken: those among them that are not allowed.
            budget: how many runs at the most; of more, so many are chosen.
            seed: what they are chosen by.
            progress: whether to draw a bar; None: where standard error is a terminal.

        Raises:
            ValueError: the budget is less than 1.
            RuntimeError: the function calls `reset`, or is not itself without faults; or it is a
                coroutine function, and a loop runs in this thread already.

        >>> from fake_etcd.api import messages as m
        >>> def count(etcd):  # wrong: it may count twice
        ...     put = etcd.channel().unary_unary(
        ...         "/etcdserverpb.KV/Put", m.PutRequest.SerializeToString, m.PutResponse.FromString
        ...     )
        ...     for attempt in range(2):
        ...         try:
        ...             return put(m.PutRequest(key=b"visits/%d" % etcd.store.revision))
        ...         except grpc.RpcError:
        ...             pass
        >>> with FakeEtcd() as etcd:
        ...     found = etcd.explore(count, lambda etcd: len(etcd.store.items()) == 1)
        ...     print(found)
        1 of 2 places breaks it, in 1 call:
        - call 1, Put(key='visits/1'): lose the answer, cut the connection
            the invariant is False
        """
        exploring = Exploring(self, function, invariant, effects, allowed, broken)
        return exploring.run(budget, seed, progress)

    # What the parts of a FakeEtcd use

    @property
    def node(self) -> Node:
        """The member itself. Whoever looks at it holds it, see `hold`; `reset` replaces it."""
        return self._shared.node

    def hold(self, step: Callable[[], None]) -> None:
        """Do a step while nobody else uses the node, and have all that it sends be sent."""
        self._require_open()
        with self._shared as shared:
            shared.run_due()
            step()
            shared.moved()
        self._ports.flush()

    def work_aside(self) -> None:
        """Have passwords be hashed by threads from now on, as long as the clock runs by itself.

        For a server, whose callers do not wait for each other then. Without it, and with a clock
        that stands still, a call that hashes is a step like any other, so that a test goes the same
        way each time.
        """
        with self._shared as shared:
            if self._beginning.aside is None:
                self._beginning.aside = SharedAside(shared)
                self._beginning.aside.attach(shared.node)

    def _watch_requests(self, watch: RequestWatch) -> None:
        """Have calls measured from now on, behind `work_aside`."""
        with self._shared as shared:
            self._beginning.watch = watch
            watch.attach(shared.node)
            self._serve()

    def _time_calls(self) -> None:
        """Have /metrics tell from now on how long calls take, by the clock that a test may move."""
        with self._shared:
            self._configure(extensive_metrics=True)
            self._serve()

    def set_quota(self, quota_backend_bytes: int) -> None:
        """Let the database become so large from now on, as a restart with another quota would.

        The next write that does not fit raises the alarm NOSPACE; an alarm that is raised stays
        until somebody takes it away. `reset` and `restore` give the former quota back.

        Args:
            quota_backend_bytes: as of `--quota-backend-bytes`; 0 for etcd's default, less for none.

        Raises:
            TypeError: it is no whole number.

        >>> with FakeEtcd() as etcd:
        ...     etcd.set_quota(1)
        ...     etcd.node.config.quota_backend_bytes
        1
        """
        server_options.check("quota_backend_bytes", int, quota_backend_bytes)
        self.hold(lambda: self.node.set_quota(quota_backend_bytes))

    def _configure(self, **fields: Any) -> None:
        """Have the member and all that come after it be configured so."""
        with self._shared as shared:
            self._beginning.configure(shared.node, **fields)
            self.is_changed = True

    def _plant_auth(self, auth: auth_seed.AuthSeed) -> None:
        # Before anybody has to wait: it takes its time.
        hashed = self._beginning.hashed(auth)
        self.hold(lambda: hashed.apply(self.node.auth))

    def _serve(self) -> None:
        node = self._shared.node
        self._handlers: Endpoints = registry.endpoints(node)
        watch = self._beginning.watch
        served = self._handlers if watch is None else watch.layer(node, self._handlers)
        self._shared.serve(self.history.layer(self.faults.layer(served)))

    def _ask(self, path: str, requests: Sequence[Message]) -> list[Any]:
        """Answers to calls that are made past all layers, in a row that nothing comes into."""
        method = METHODS[path]
        answers: list[bytes] = []

        def step() -> None:
            handler = self._handlers[path].unary
            assert handler is not None, "what answers at once is asked only"
            call = HostCall(method)
            answers.extend(handler(request, call) for request in requests)

        self.hold(step)
        return [method.response.FromString(answer) for answer in answers]

    def _retry(self) -> None:
        for address in self._addresses:
            address.retry()

    def _end_streams(self) -> None:
        for address in self._addresses:
            address.end_calls(GONE)
        self._ports.end_streams(GONE)

    def _new_listening(self) -> Listening:
        return Listening(
            self._shared,
            self._http,
            self._body_limit,
            len(self._addresses),
            self.faults.admit,
            self._control is not None,
            GatewayRules(self._access, self._refuses_names) if self._has_gateway else None,
        )

    def _refuses_names(self) -> bool:
        return refuses_names(self._shared.node)  # it may be another after each reset

    def _advertise_addresses(self, addresses: Sequence[Sequence[str]]) -> None:
        """Tell clients of its addresses, unless somebody said where it is found.

        A client that asks for members goes on with what it is told, which had better be there.
        """
        urls = tuple(of_one[0] for of_one in addresses)
        with self._shared as shared:
            if not self._beginning.config.advertise_client_urls:
                self._beginning.configure(shared.node, advertise_client_urls=urls)

    def _http(self, request: HttpRequest) -> HttpResponse:
        if self._control is not None and self._control.serves(request):
            return self._control.handle(request)
        return self._access.answer(functools.partial(mux.handle, self._shared.node), request)

    def _body_limit(self, request: HttpRequest) -> int:
        control = self._control
        return http.no_body(request) if control is None else control.body_limit(request)

    def _address(self, endpoint: int) -> Address:
        if endpoint not in range(len(self._addresses)):
            raise ValueError(
                f"there is no endpoint {endpoint!r}: this FakeEtcd has {len(self._addresses)}, "
                "counted from 0; give endpoints= for more"
            )
        return self._addresses[endpoint]

    def _require_open(self) -> None:
        if self._is_closed:
            raise RuntimeError("this FakeEtcd is closed")
