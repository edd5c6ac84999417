"""Which endpoint a call goes to: each in turn of those that are connected.

With one endpoint gRPC itself waits for the connection. With several, each has a channel of its own,
kept connected; a call waits only while none of them is.

etcd: client/v3/internal/resolver (round_robin over all endpoints), options.go (WaitForReady).
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Sequence

from fake_etcd.api.status import Code
from fake_etcd.clientv3 import endpoints
from fake_etcd.clientv3.config import Config
from fake_etcd.clientv3.context import Context, limited
from fake_etcd.clientv3.core.io import CallFailed, Channel, Io, Waiter, wait_under
from fake_etcd.clientv3.core.rpcs import STATUS
from fake_etcd.clientv3.endpoints import Endpoint
from fake_etcd.clientv3.errors import ClientClosed, NoAvailableEndpoints, StatusError

_MOST_TO_ASK = 0.02
"""Seconds to find out why there is no connection, which gRPC knows already or not."""


class Link:
    """An endpoint and the channel to it."""

    __slots__ = ("channel", "endpoint", "stop_watching", "waits_for_ready", "watch")

    def __init__(self, endpoint: Endpoint, channel: Channel, waits_for_ready: bool) -> None:
        self.endpoint = endpoint
        self.channel = channel
        self.waits_for_ready = waits_for_ready
        """Whether a call on it is to wait for the connection, there being no other endpoint."""
        self.stop_watching: Callable[[], None] | None = None
        self.watch: object = None
        """Which watch of the channel is believed: one that was stopped may say its last word
        late."""


class Balancer:
    """The links of a client.

    `_ready` is what calls are given in turn, and read without the lock: a tuple that is replaced.
    Of several links those are in it whose channel said last that it is connected; one alone always
    is.

    Args:
        io: what makes channels.
        config: how they are to be.
    """

    def __init__(self, io: Io, config: Config) -> None:
        self._io = io
        self._config = config
        self._changing = threading.Lock()
        """Held while links come and go; the other one for what is read and told meanwhile."""
        self._lock = threading.Lock()
        self._wanted: tuple[str, ...] = ()
        self._links: tuple[Link, ...] = ()
        self._ready: tuple[Link, ...] = ()
        self._turns = itertools.count()
        self._retired: list[Channel] = []
        self._waiters: set[Waiter] = set()
        self._is_closed = False
        self.set_endpoints(config.endpoints)

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Those it picks from, as they were given."""
        return self._wanted

    def set_endpoints(self, wanted: Sequence[str]) -> None:
        """Pick from others from now on.

        Two spellings of one endpoint are one. Channels to those that stay are kept; calls that are
        open on others come to their end, and then the channels to them are closed.

        Raises:
            NoAvailableEndpoints: there are none.
        """
        if not wanted:
            raise NoAvailableEndpoints
        places = {self._identity(place): place for place in map(endpoints.parse, reversed(wanted))}
        is_alone = len(places) == 1
        with self._changing:
            if self._is_closed:
                return
            old = {self._identity(link.endpoint): link for link in self._links}
            links = tuple(
                old.pop(identity)
                if identity in old
                else Link(place, self._io.open(place, self._config), is_alone)
                for identity, place in reversed(places.items())
            )
            with self._lock:
                self._wanted = tuple(wanted)
                self._links = links
                # How one does that was alone nobody knows yet.
                known = [link for link in self._ready if not link.waits_for_ready]
                self._ready = links if is_alone else tuple(lk for lk in links if lk in known)
                for link in links:
                    link.waits_for_ready = is_alone
                waiters = self._taken_waiters()
            for link in links:
                if is_alone:
                    self._stop_watching(link)
                elif link.stop_watching is None:
                    self._watch(link)
            self._retire(old.values())
        for waiter in waiters:
            waiter.wake()

    async def pick(self, ctx: Context) -> Link:
        """The next link of those that are connected; waits for one under the context.

        Raises:
            ContextError: the context ended first.
            ClientClosed: the client was closed.
        """
        while True:
            ready = self._ready
            if ready:
                return ready[next(self._turns) % len(ready)]
            waiter = self._io.waiter()
            with self._lock:
                if self._is_closed:
                    raise ClientClosed
                if self._ready:
                    continue
                self._waiters.add(waiter)
            try:
                await wait_under(ctx, waiter)
            finally:
                with self._lock:
                    self._waiters.discard(waiter)

    def failed(self, link: Link) -> None:
        """A call found no connection there: pick others until its channel says that it is ready.

        What the channel said last may be older or newer than that call, so it is asked again.
        """
        with self._changing:
            if link in self._links and not link.waits_for_ready:
                self._tell(link, link.watch, False)
                self._stop_watching(link)
                self._watch(link)

    async def why_none_is_ready(self) -> StatusError | None:
        """What gRPC says of the first endpoint, on which nothing can be sent."""
        for link in self._links[:1]:
            ctx = limited(None, _MOST_TO_ASK)
            try:
                await link.channel.unary(STATUS.method, STATUS.request(), ctx, (), False)
            except CallFailed as failed:
                if failed.code is Code.UNAVAILABLE:
                    return StatusError(failed.code, failed.message)
        return None

    async def close(self) -> None:
        """End all links; whoever waits for one gets ClientClosed."""
        with self._changing:
            with self._lock:
                self._is_closed = True
                links, self._links, self._ready = self._links, (), ()
                waiters = self._taken_waiters()
            for link in links:
                self._stop_watching(link)
        for waiter in waiters:
            waiter.wake()
        for channel in [*(link.channel for link in links), *self._retired]:
            await channel.close()

    def abandon(self) -> None:
        """Stop what goes on by itself, for a client that nobody closed."""
        for link in self._links:
            self._stop_watching(link)

    def _identity(self, place: Endpoint) -> tuple[str, bool]:
        """What two spellings of an endpoint have in common."""
        return place.target, place.has_tls(self._config.tls is not None)

    def _retire(self, links: Iterable[Link]) -> None:
        self._retired = [channel for channel in self._retired if not channel.is_closed]
        for link in links:
            self._stop_watching(link)
            self._retired.append(link.channel)
            link.channel.retire()

    def _watch(self, link: Link) -> None:
        watch = link.watch = object()
        link.stop_watching = link.channel.watch_ready(lambda ready: self._tell(link, watch, ready))

    def _stop_watching(self, link: Link) -> None:
        link.watch = None
        stop, link.stop_watching = link.stop_watching, None
        if stop is not None:
            stop()

    def _tell(self, link: Link, watch: object, is_ready: bool) -> None:
        with self._lock:
            if link.watch is not watch or link not in self._links or link.waits_for_ready:
                return
            ready = {*self._ready, link} if is_ready else {*self._ready} - {link}
            self._ready = tuple(each for each in self._links if each in ready)
            waiters = self._taken_waiters() if is_ready else ()
        for waiter in waiters:
            waiter.wake()

    def _taken_waiters(self) -> tuple[Waiter, ...]:
        waiters = tuple(self._waiters)
        self._waiters.clear()
        return waiters
