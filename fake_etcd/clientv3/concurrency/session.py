"""A lease that is kept alive for as long as a client is there; see `core.concurrency.session`."""

from __future__ import annotations

from types import TracebackType

from fake_etcd.clientv3.blocking import blocking, run
from fake_etcd.clientv3.client import Client
from fake_etcd.clientv3.context import Context
from fake_etcd.clientv3.core.concurrency import session
from fake_etcd.clientv3.core.concurrency.session import DEFAULT_TTL
from fake_etcd.clientv3.errors import Error


class Session:
    """A lease that is kept alive, and revoked at the end; see `core.concurrency.session.Session`.

    The lease is granted when this is made, which raises what `grant` does.

    Args:
        client: grants the lease and keeps it alive.
        ttl: seconds that the lease lives for without the client.
        lease: one that there is, to be taken over in place of a new one.
        ctx: what the session runs under; the client's own by default.

    >>> from fake_etcd.clientv3 import Client, Config, concurrency
    >>> from fake_etcd.testing import FakeEtcd
    >>> with FakeEtcd() as etcd, Client(Config(endpoints=etcd.endpoints)) as cli:
    ...     with concurrency.Session(cli, ttl=10) as session:
    ...         _ = cli.put("workers/1", "here", lease=session.lease)
    ...     cli.get("workers/1").count
    0
    """

    def __init__(
        self,
        client: Client,
        *,
        ttl: int = DEFAULT_TTL,
        lease: int = 0,
        ctx: Context | None = None,
    ) -> None:
        self._client = client
        self._core = session.Session(client._core, ttl=ttl, lease=lease, ctx=ctx)
        run(self._core.start())

    wait = blocking(session.Session.wait)
    close = blocking(session.Session.close)

    @property
    def client(self) -> Client:
        """Whose it is."""
        return self._client

    @property
    def lease(self) -> int:
        """The lease's id."""
        return self._core.lease

    @property
    def ctx(self) -> Context:
        """Ends with the session; `ctx.after(callback)` tells."""
        return self._core.ctx

    @property
    def error(self) -> Error | None:
        """Why the lease is kept alive no longer, where it was lost: a LeaseLost. None before, and
        where the session was ended from here."""
        return self._core.error

    def done(self) -> bool:
        """Whether the session has ended, so that nothing keeps the lease alive."""
        return self._core.done()

    def orphan(self) -> None:
        """Keep the lease alive no longer, and do not revoke it; from any thread."""
        self._core.orphan()

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        run(self._core.__aexit__(kind, error, traceback))

    def __repr__(self) -> str:
        return repr(self._core)
