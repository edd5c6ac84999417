"""What each node of a FakeEtcd begins with: at its start, and again after each `reset`."""

from __future__ import annotations

import dataclasses
import os
import time
from typing import Any

from fake_etcd.core.node import Node, NodeConfig
from fake_etcd.core.noise import Noise
from fake_etcd.core.snapshot.schema import Buckets
from fake_etcd.services.request_watch import RequestWatch
from fake_etcd.testing import auth_seed, server_options
from fake_etcd.testing.switch_clock import SwitchClock
from fake_etcd.transport.shared_aside import SharedAside


class Beginning:
    """Makes the nodes.

    Args:
        config: theirs.
        clock: the time they live in.
        auth: users and roles that they have, as of `FakeEtcd`.
        snapshot: the path of a file whose keys they have, as of `FakeEtcd`.

    Raises:
        OSError: a file cannot be read.
        ValueError: what is in it is not understood; or both are given.

    Attributes:
        config: the same; `configure` changes it.
        aside: what computes behind the callers' backs, or None.
        watch: what measures their calls, or None.
    """

    def __init__(
        self,
        config: NodeConfig,
        clock: SwitchClock,
        auth: auth_seed.Source | None,
        snapshot: str | os.PathLike[str] | None,
    ) -> None:
        __tracebackhide__ = True  # pytest would show what is given, with all passwords
        self.config = config
        self.aside: SharedAside | None = None
        self.watch: RequestWatch | None = None
        self._clock = clock
        self._noise = Noise(config.seed)
        self._auth: auth_seed.HashedAuth | None = None
        self._loaded: Buckets | None = None
        if auth is not None:
            server_options.check("auth", server_options.AuthSource, auth)
            self._auth = self.hashed(auth_seed.parsed(auth, needs_root=True))
        if snapshot is not None:
            server_options.check("snapshot", server_options.PathSource, snapshot)
            if auth is not None:
                raise ValueError("auth= and snapshot=: users and roles are those of the snapshot")
            self._loaded = self._read(snapshot)

    def node(self) -> Node:
        """A new one."""
        epoch = time.time() - self._clock.now()
        node = Node(dataclasses.replace(self.config, unix_epoch=epoch), self._clock)
        if self._loaded is not None:
            from fake_etcd.core.snapshot.load import load

            load(node, self._loaded)
        if self._auth is not None:
            self._auth.apply(node.auth)
        if self.aside is not None:
            self.aside.attach(node)
        if self.watch is not None:
            self.watch.attach(node)
        return node

    def configure(self, node: Node, **fields: Any) -> None:
        """Have this node, and all that come after it, be configured so."""
        self.config = dataclasses.replace(self.config, **fields)
        node.config = dataclasses.replace(node.config, **fields)

    def hashed(self, auth: auth_seed.AuthSeed) -> auth_seed.HashedAuth:
        """Users and roles as nodes take them. It takes its time, as bcrypt does."""
        return auth.hashed(self.config.bcrypt_cost, self._noise)

    def _read(self, path: str | os.PathLike[str]) -> Buckets:
        """What is in it, without a second copy: versions are shared by all nodes that have them."""
        from fake_etcd.cli import snapshot_file
        from fake_etcd.core.snapshot.dump import dump

        node = Node(self.config, self._clock)
        snapshot_file.load_file(node, path)
        return dump(node)
