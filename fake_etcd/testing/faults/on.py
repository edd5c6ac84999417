"""What rules are about: `on.Put(key="a")`, `on.Service("KV")`, `on.any()`, `on.connection()`.

There is one for each row of the method table. `on.Watch` is etcd's; the health service's is
`on.method("grpc.health.v1.Health/Watch")`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from google.protobuf.message import Message

from fake_etcd.api.methods import METHODS, SERVICES, Method
from fake_etcd.services.call import Call, Connection
from fake_etcd.testing import secret
from fake_etcd.testing.faults.spans import Span, Text, raw, touched


@dataclass(frozen=True, slots=True)
class Client:
    """Whose calls.

    Args:
        endpoint: the number of the address that they come to; None is any.
        peer: the caller's address, "127.0.0.1:51812", "127.0.0.1" for all its ports,
            "in-process"; None is any.
    """

    endpoint: int | None = None
    peer: str | None = None

    def matches(self, endpoint: int, peer: str) -> bool:
        """Whether a connection is one of its."""
        return self.endpoint in (None, endpoint) and (
            self.peer in (None, peer) or self.peer == peer.rpartition(":")[0]
        )

    def __str__(self) -> str:
        parts = [] if self.endpoint is None else [f"endpoint={self.endpoint}"]
        return ", ".join(parts if self.peer is None else [*parts, f"peer={self.peer!r}"])


@dataclass(frozen=True, slots=True)
class OnConnection:
    """New connections."""

    client: Client

    def __str__(self) -> str:
        return f"connection({self.client})"


@dataclass(frozen=True, slots=True, repr=False)
class OnCall:
    """Some calls, or requests on streams.

    Args:
        name, argument: as it was asked for: "Put" and nothing, "Service" and "'KV'".
        paths: of the methods.
        keys: what the request has to be about, and how that was said; see `spans`.
        client: whose.
        metadata: pairs that the caller has to send, among others.
        user: who has to call; whether that is so, `rules` finds out.
    """

    name: str
    argument: str
    paths: frozenset[str]
    keys: tuple[Span, str] | None
    client: Client
    metadata: tuple[tuple[str, str | bytes], ...]
    user: str | None = None

    def matches(self, call: Call, request: Message) -> bool:
        """Whether this request of this call is one of them."""
        return self.matches_call(call) and (
            self.keys is None or bool(list(filter(self.keys[0].meets, touched(request))))
        )

    def matches_call(self, call: Call) -> bool:
        """Whether a request of this call can be one of them."""
        connection: Connection = call.connection
        return (
            call.method.path in self.paths
            and self.client.matches(connection.endpoint, connection.peer)
            and all(pair in call.metadata for pair in self.metadata)
        )

    def __str__(self) -> str:
        keys = "" if self.keys is None else self.keys[1]
        metadata = f"metadata={secret.metadata(self.metadata)!r}" if self.metadata else ""
        user = "" if self.user is None else f"user={self.user!r}"
        parts = filter(None, [self.argument, keys, str(self.client), metadata, user])
        return f"{self.name}({', '.join(parts)})"

    def __repr__(self) -> str:
        return f"<{self}>"  # a dataclass's own would show the metadata


class On:
    """Makes an `OnCall` for certain methods.

    Args:
        name, argument: as `OnCall` has them.
        methods: which.
    """

    __slots__ = ("_argument", "_methods", "_name")

    def __init__(self, name: str, methods: Iterable[Method], argument: str = "") -> None:
        self._name = name
        self._argument = argument
        self._methods = methods

    def __call__(
        self,
        *,
        key: Text | None = None,
        prefix: Text | None = None,
        range: tuple[Text, Text | None] | None = None,
        endpoint: int | None = None,
        peer: str | None = None,
        metadata: Mapping[str, str | bytes] | None = None,
        user: str | None = None,
    ) -> OnCall:
        """Those calls, or requests on streams, that all of this is true of.

        Args:
            key: they are about this key, among others.
            prefix: they are about a key that begins so.
            range: they are about a key from the first up to, and without, the second; None: to
                the last key.
            endpoint: they come to the address of this number.
            peer: they come from there; see `Client`.
            metadata: they have these pairs in their metadata.
            user: this user makes them, as their token or certificate says while auth is on; of
                Authenticate, for this user a token is asked.

        Raises:
            ValueError: more than one of `key`, `prefix` and `range`.
        """
        keys = _keys(key, prefix, range)
        paths = frozenset(method.path for method in self._methods)
        # On the wire names are in small letters always.
        pairs = tuple((name.lower(), value) for name, value in (metadata or {}).items())
        return OnCall(self._name, self._argument, paths, keys, Client(endpoint, peer), pairs, user)


def _keys(
    key: Text | None, prefix: Text | None, range: tuple[Text, Text | None] | None
) -> tuple[Span, str] | None:
    if sum(one is not None for one in (key, prefix, range)) > 1:
        raise ValueError("one of key=, prefix= and range= is enough: add a rule for each")
    if key is not None:
        return Span.of_key(key), f"key={key!r}"
    if prefix is not None:
        return Span.of_prefix(prefix), f"prefix={prefix!r}"
    if range is not None:
        start, end = range
        return Span(raw(start), None if end is None else raw(end)), f"range={range!r}"
    return None


def connection(*, endpoint: int | None = None, peer: str | None = None) -> OnConnection:
    """Connections that are about to be made, of these clients; see `Client`.

    A channel of `FakeEtcd.channel()` makes one when it is made, and when it has lost it.
    """
    return OnConnection(Client(endpoint, peer))


def method(name: str, **which: Any) -> OnCall:
    """A method by its name, "KV/Put" or "etcdserverpb.KV/Put"; the rest as `On.__call__`.

    Raises:
        ValueError: there is none, or there are several.
    """
    found = [row for path, row in METHODS.items() if path.endswith((f"/{name}", f".{name}"))]
    if len(found) == 1:
        return On("method", found, repr(name))(**which)
    if found:
        raise ValueError(f"on.method({name!r}) is one of {', '.join(row.path for row in found)}")
    raise ValueError(f"on.method({name!r}): etcd has none; {_near(name, _METHOD_NAMES)}")


def Service(name: str, **which: Any) -> OnCall:
    """All methods of a service, "KV" or "etcdserverpb.KV"; the rest as `On.__call__`.

    Raises:
        ValueError: there is none.
    """
    services = [one for one in SERVICES if one == name or one.endswith(f".{name}")]
    if not services:
        raise ValueError(f"on.Service({name!r}): etcd has none; {_near(name, SERVICES)}")
    methods = [row for row in METHODS.values() if row.service in services]
    return On("Service", methods, repr(name))(**which)


any = On("any", METHODS.values())
"""All methods."""


def __getattr__(name: str) -> On:
    found = _BY_NAME.get(name)
    if found is None:
        raise AttributeError(f"on.{name}: etcd has no such method; {_near(name, _BY_NAME)}")
    return found


def __dir__() -> list[str]:
    return [*globals(), *_BY_NAME]


def _near(name: str, names: Iterable[str]) -> str:
    near = get_close_matches(name, names, cutoff=0.5) or sorted(names)
    return f"there are {', '.join(near)}" if len(near) > 1 else f"there is {near[0]}"


_METHOD_NAMES = [f"{row.service.rpartition('.')[2]}/{row.name}" for row in METHODS.values()]

_BY_NAME = {
    # The other way round, so that of two of the same name etcd's own, the first, is left.
    row.name: On(row.name, [row])
    for row in reversed(list(METHODS.values()))
}
